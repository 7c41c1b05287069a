package io.agentmemory.dualwrite;

import io.agentmemory.Health;
import io.agentmemory.MemoryStore;
import io.agentmemory.OpenMode;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.internal.Disk;
import io.agentmemory.internal.LocalDisk;
import io.agentmemory.spi.ForwardingMemoryStore;
import io.agentmemory.spi.StoreProvider;
import io.agentmemory.spi.StoreUrl;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Opens {@code dual:FOLDER}: the two stores that the folder's {@code stores.json} names, in the
 * stage that its {@code stage.json} names. Public only because {@link java.util.ServiceLoader}
 * wants it.
 */
public final class DualStoreProvider implements StoreProvider {
  private static final Logger LOG = LoggerFactory.getLogger(DualWriteMemoryStore.class);

  /** For {@link java.util.ServiceLoader}. */
  public DualStoreProvider() {}

  @Override
  public Set<String> schemes() {
    return Set.of("dual");
  }

  @Override
  public MemoryStore open(StoreUrl url, OpenMode mode) {
    Path folder = folder(url);
    Disk disk = LocalDisk.INSTANCE;
    if (mode == OpenMode.READ) {
      return read(disk, folder, System.getenv());
    }
    StoresFile stores = StoresFile.read(disk, folder);
    boolean isOver =
        hasRegister(disk, folder)
            && StageRegister.peek(disk, folder).state().stage() == Stage.COMPLETE;
    return isOver
        ? complete(disk, folder, stores, System.getenv())
        : write(disk, folder, System.getenv());
  }

  private static boolean hasRegister(Disk disk, Path folder) {
    try {
      return disk.stat(folder.resolve(StageRegister.FILE)) != null;
    } catch (IOException e) {
      return true; // who reads it says what is wrong
    }
  }

  /**
   * Opens the target alone, as any number of processes may: nothing is written to the folder any
   * more, and what may be written is up to the target.
   */
  private static MemoryStore complete(
      Disk disk, Path folder, StoresFile stores, Map<String, String> environment) {
    MemoryStore target;
    try {
      target = stores.target().open(OpenMode.READ_WRITE, environment);
    } catch (StoreUnavailableException away) {
      throw away.isRefusal() ? away : onlyStoreIsAway(folder, away);
    }
    try {
      StageRegister.peek(disk, folder).guard(target);
      return target;
    } catch (RuntimeException | Error e) {
      closeAfter(e, target);
      throw e;
    }
  }

  private static StoreUnavailableException onlyStoreIsAway(
      Path folder, StoreUnavailableException away) {
    return StoreUnavailableException.notApplied(
        new Operation(DualWriteMemoryStore.STORE, "open", folder.toString()),
        "the target is the only store in stage COMPLETE, and it gives no answer",
        away);
  }

  /** The folder that a {@code dual:} address names. */
  static Path folder(StoreUrl url) {
    if (!url.parameters().isEmpty()) {
      throw new IllegalArgumentException("a dual: store takes no parameters");
    }
    String path = url.location();
    if (path.isBlank() || path.startsWith("//")) {
      throw new IllegalArgumentException(
          "a dual: store is written as dual:FOLDER, as in dual:./move");
    }
    try {
      return Path.of(path);
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException("the folder of the dual: store is none", e);
    }
  }

  /**
   * Opens the store that is the authority, beside whoever owns the folder. Where the target is that
   * and gives no answer, opens the source, as far as a stage lets it stand in; its health says so.
   */
  private static MemoryStore read(Disk disk, Path folder, Map<String, String> environment) {
    StoresFile stores = StoresFile.read(disk, folder);
    Stage stage = StageRegister.peek(disk, folder).state().stage();
    if (!stage.targetIsAuthority()) {
      return stores.source().open(OpenMode.READ, environment);
    }
    try {
      return stores.target().open(OpenMode.READ, environment);
    } catch (StoreUnavailableException away) {
      if (away.isRefusal() || !stage.writesBoth()) {
        throw away;
      }
      LOG.warn("the target of {} gives no answer, it is read from the source", folder);
      return new StandIn(stores.source().open(OpenMode.READ, environment));
    }
  }

  /** The source in the target's place, for who reads. */
  private static final class StandIn extends ForwardingMemoryStore {
    StandIn(MemoryStore source) {
      super(source);
    }

    @Override
    public Health health() {
      Health source = super.health();
      List<String> notes = new ArrayList<>(source.notes());
      notes.add(
          "the target gave no answer when this was opened: the source is read, which may lack what"
              + " it did last");
      return new Health(
          source.status() == Health.Status.UP ? Health.Status.DEGRADED : source.status(), notes);
    }
  }

  /**
   * Opens both, as far as the stage needs them. A target that is away keeps no stage from being
   * opened but the one that has no other store.
   */
  static DualWriteMemoryStore write(Disk disk, Path folder, Map<String, String> environment) {
    StoresFile stores = StoresFile.read(disk, folder);
    LateStore source = late(Side.SOURCE, stores.source(), environment);
    LateStore target = late(Side.TARGET, stores.target(), environment);
    try {
      return DualWriteMemoryStore.builder(source, target)
          .disk(disk)
          .folder(folder)
          .shadowRate(stores.shadowRate())
          .journalCap(stores.journalCap())
          .closesStores()
          .whileOpening(stage -> openAuthority(stage, folder, source, target))
          .build();
    } catch (RuntimeException | Error e) {
      closeAfter(e, source);
      closeAfter(e, target);
      throw e;
    }
  }

  private static void closeAfter(Throwable failure, MemoryStore store) {
    try {
      store.close();
    } catch (RuntimeException second) {
      failure.addSuppressed(second);
    }
  }

  private static LateStore late(Side side, StoreAddress at, Map<String, String> environment) {
    return new LateStore(side, () -> at.open(OpenMode.READ_WRITE, environment));
  }

  private static void openAuthority(Stage stage, Path folder, LateStore source, LateStore target) {
    if (stage != Stage.COMPLETE) {
      source.open();
      return;
    }
    try {
      target.open();
    } catch (StoreUnavailableException away) {
      if (away.isRefusal()) {
        throw away;
      }
      throw onlyStoreIsAway(folder, away);
    }
  }
}

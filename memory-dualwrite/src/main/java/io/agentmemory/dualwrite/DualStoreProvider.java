package io.agentmemory.dualwrite;

import io.agentmemory.MemoryStore;
import io.agentmemory.OpenMode;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.internal.Disk;
import io.agentmemory.internal.LocalDisk;
import io.agentmemory.spi.StoreProvider;
import io.agentmemory.spi.StoreUrl;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/**
 * Opens {@code dual:FOLDER}: the two stores that the folder's {@code stores.json} names, in the
 * stage that its {@code stage.json} names. Public only because {@link java.util.ServiceLoader}
 * wants it.
 */
public final class DualStoreProvider implements StoreProvider {
  /** For {@link java.util.ServiceLoader}. */
  public DualStoreProvider() {}

  @Override
  public Set<String> schemes() {
    return Set.of("dual");
  }

  @Override
  public MemoryStore open(StoreUrl url, OpenMode mode) {
    Path folder = folder(url);
    return mode == OpenMode.READ
        ? read(LocalDisk.INSTANCE, folder, System.getenv())
        : write(LocalDisk.INSTANCE, folder, System.getenv());
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

  /** Opens the store that is the authority, beside whoever owns the folder. */
  private static MemoryStore read(Disk disk, Path folder, Map<String, String> environment) {
    StoresFile stores = StoresFile.read(disk, folder);
    Stage stage = StageRegister.peek(disk, folder).state().stage();
    StoreAddress authority = stage.targetIsAuthority() ? stores.target() : stores.source();
    return authority.open(OpenMode.READ, environment);
  }

  /**
   * Opens both, as far as the stage needs them. A target that is away keeps no stage from being
   * opened but the one that has no other store.
   */
  static DualWriteMemoryStore write(Disk disk, Path folder, Map<String, String> environment) {
    StoresFile stores = StoresFile.read(disk, folder);
    LateStore source = late(Side.SOURCE, stores.source(), environment);
    LateStore target = late(Side.TARGET, stores.target(), environment);
    DualWriteMemoryStore store;
    try {
      store =
          DualWriteMemoryStore.builder(source, target)
              .disk(disk)
              .folder(folder)
              .closesStores()
              .build();
    } catch (RuntimeException | Error e) {
      closeAfter(e, source);
      closeAfter(e, target);
      throw e;
    }
    try {
      openAuthority(store.stage(), folder, source, target);
      return store;
    } catch (RuntimeException | Error e) {
      closeAfter(e, store);
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
      throw StoreUnavailableException.notApplied(
          new Operation(DualWriteMemoryStore.STORE, "open", folder.toString()),
          "the target is the only store in stage COMPLETE, and it gives no answer",
          away);
    }
  }
}

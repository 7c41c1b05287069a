package io.agentmemory.dualwrite;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.agentmemory.MemoryStore;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Value;
import io.agentmemory.internal.Disk;
import io.agentmemory.spi.Canonical;
import io.agentmemory.spi.EpochGuard;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The stage of a dual folder, in its file {@code stage.json} and, where the target can keep it, in
 * the target: there it keeps another owner from writing. Every change of stage raises the epoch.
 * The file is changed first and is what this folder goes by; a target that is found at a later
 * epoch belongs to somebody else by now.
 */
final class StageRegister {
  static final String FILE = "stage.json";

  private final Disk disk;
  private final Path folder;
  private final UUID id;
  private volatile State state;

  /** What the file says. */
  record State(long epoch, Stage stage) {}

  private StageRegister(Disk disk, Path folder, UUID id, State state) {
    this.disk = disk;
    this.folder = folder;
    this.id = id;
    this.state = state;
  }

  /**
   * Reads it, or begins one.
   *
   * @param first the stage of a new one
   * @throws StoreUnavailableException if the file cannot be read or is damaged
   */
  static StageRegister open(Disk disk, Path folder, Stage first) throws IOException {
    Path file = folder.resolve(FILE);
    if (disk.stat(file) == null) {
      StageRegister register =
          new StageRegister(disk, folder, UUID.randomUUID(), new State(1, first));
      register.write(register.state);
      return register;
    }
    return read(disk, folder);
  }

  /**
   * What the file says, whoever owns the folder.
   *
   * @throws StoreUnavailableException if it is not there, cannot be read, or is damaged
   */
  static State peek(Disk disk, Path folder) {
    try {
      return read(disk, folder).state;
    } catch (IOException e) {
      throw StoreUnavailableException.notApplied(
          new Operation(DualWriteMemoryStore.STORE, "open", folder.resolve(FILE).toString()),
          "the stage register cannot be read: " + e.getClass().getSimpleName(),
          e);
    }
  }

  private static StageRegister read(Disk disk, Path folder) throws IOException {
    Path file = folder.resolve(FILE);
    try {
      Value.Map map = (Value.Map) Canonical.parse(new String(disk.read(file), UTF_8));
      long epoch = ((Value.Int) Optional.ofNullable(map.get("epoch")).orElseThrow()).value();
      Stage stage = Stage.valueOf(text(map, "stage"));
      return new StageRegister(
          disk, folder, UUID.fromString(text(map, "folder")), new State(epoch, stage));
    } catch (RuntimeException damaged) {
      throw StoreUnavailableException.notApplied(
          new Operation(DualWriteMemoryStore.STORE, "open", file.toString()),
          "the stage register cannot be read",
          damaged);
    }
  }

  private static String text(Value.Map map, String name) {
    return Optional.ofNullable(Value.textOf(map.get(name))).orElseThrow();
  }

  /** Names the folder. */
  UUID id() {
    return id;
  }

  State state() {
    return state;
  }

  /**
   * Moves to another stage, durably.
   *
   * @throws StoreUnavailableException if that is not possible; then the old one holds
   */
  void move(Stage next, MemoryStore target) {
    State now = state;
    State then = new State(now.epoch() + 1, next);
    try {
      write(then);
    } catch (IOException e) {
      throw StoreUnavailableException.notApplied(
          new Operation(DualWriteMemoryStore.STORE, "changeStage", next.name()),
          "the stage register could not be written: " + e.getClass().getSimpleName(),
          e);
    }
    state = then;
    try {
      guard(target);
    } catch (StoreUnavailableException away) {
      if (away.isRefusal()) {
        throw away;
      }
      // It learns of it when it is back, before the first write.
    }
  }

  /**
   * Sees to it that the target takes writes of this epoch only.
   *
   * @throws StoreUnavailableException if the target is at a later epoch, or gives no answer
   */
  void guard(MemoryStore target) {
    @Nullable EpochGuard guard = target.as(EpochGuard.class).orElse(null);
    if (guard == null) {
      return;
    }
    State now = state;
    long there = guard.register().map(EpochGuard.Register::epoch).orElse(0L);
    if (there < now.epoch()
        && !guard.advance(there, new EpochGuard.Register(now.epoch(), document(now)))) {
      there = guard.register().map(EpochGuard.Register::epoch).orElse(0L);
    }
    if (there > now.epoch()) {
      throw StoreUnavailableException.refused(
          new Operation(DualWriteMemoryStore.STORE, "open", ""),
          "the target is at epoch "
              + there
              + ", this folder at "
              + now.epoch()
              + ": another folder has taken over",
          null);
    }
    guard.guard(now.epoch());
  }

  private String document(State some) {
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("epoch", Value.of(some.epoch()));
    map.put("folder", Value.of(id.toString()));
    map.put("stage", Value.of(some.stage().name()));
    return Canonical.json(new Value.Map(map));
  }

  private void write(State some) throws IOException {
    Files.replace(disk, folder.resolve(FILE), document(some));
  }
}

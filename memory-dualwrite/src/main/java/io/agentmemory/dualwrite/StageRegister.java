package io.agentmemory.dualwrite;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.agentmemory.MemoryStore;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.UncategorizedStoreException;
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
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The stage of a dual folder, in its file {@code stage.json} and, where the target can keep it, in
 * the target: there it keeps another owner from writing. Every change of stage raises the epoch.
 * The file is changed first and is what this folder goes by; a target that is found at a later
 * epoch belongs to somebody else by now. Thread-safe.
 */
final class StageRegister {
  static final String FILE = "stage.json";

  private final Disk disk;
  private final Path folder;
  private final UUID id;
  private final Gates.Settings settings;
  private volatile State state;
  private volatile Facts facts;

  /** Whether the file may say something else than what holds. */
  private volatile boolean unsure;

  /** What the file says of the stage. */
  record State(long epoch, Stage stage) {}

  private StageRegister(
      Disk disk, Path folder, UUID id, State state, Facts facts, Gates.Settings settings) {
    this.disk = disk;
    this.folder = folder;
    this.id = id;
    this.state = state;
    this.facts = facts;
    this.settings = settings;
  }

  /**
   * Reads it, or begins one.
   *
   * @param first the stage of a new one
   * @throws StoreUnavailableException if the file cannot be read or is damaged
   */
  static StageRegister open(Disk disk, Path folder, Stage first) throws IOException {
    return disk.stat(folder.resolve(FILE)) == null
        ? begin(disk, folder, first, Gates.Settings.DEFAULT)
        : read(disk, folder);
  }

  /** Begins one where there is none. */
  static StageRegister begin(Disk disk, Path folder, Stage first, Gates.Settings settings)
      throws IOException {
    StageRegister register =
        new StageRegister(
            disk, folder, UUID.randomUUID(), new State(1, first), Facts.NONE, settings);
    register.write(register.state, Facts.NONE);
    return register;
  }

  /**
   * What the file says, whoever owns the folder.
   *
   * @throws StoreUnavailableException if it is not there, cannot be read, or is damaged
   */
  static StageRegister peek(Disk disk, Path folder) {
    try {
      return read(disk, folder);
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
          disk,
          folder,
          UUID.fromString(text(map, "folder")),
          new State(epoch, stage),
          Facts.of(part(map, "facts")),
          Gates.Settings.of(part(map, "settings")));
    } catch (RuntimeException damaged) {
      throw StoreUnavailableException.notApplied(
          new Operation(DualWriteMemoryStore.STORE, "open", file.toString()),
          "the stage register cannot be read",
          damaged);
    }
  }

  private static Value.Map part(Value.Map map, String name) {
    Value part = map.get(name);
    return part == null ? new Value.Map(Map.of()) : (Value.Map) part;
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

  Facts facts() {
    return facts;
  }

  Gates.Settings settings() {
    return settings;
  }

  /**
   * Takes note of something, durably.
   *
   * @throws StoreUnavailableException if that is not possible; then it is not known
   */
  synchronized void record(UnaryOperator<Facts> change) {
    Facts next = change.apply(facts);
    if (!next.equals(facts) || unsure) {
      write("record", state, next);
      facts = next;
    }
  }

  /** Moves to another stage, as {@link #move(Stage, MemoryStore, UnaryOperator)}. */
  void move(Stage next, MemoryStore target) {
    move(next, target, UnaryOperator.identity());
  }

  /**
   * Moves to another stage, durably, and takes note of something with it.
   *
   * @throws StoreUnavailableException if that is not possible; then the old one holds
   * @throws UncategorizedStoreException if the file may say the new one although it does not hold:
   *     see {@link #confirm}
   */
  synchronized void move(Stage next, MemoryStore target, UnaryOperator<Facts> change) {
    State before = state;
    Facts knownBefore = facts;
    State then = new State(state.epoch() + 1, next);
    Facts known = change.apply(facts);
    refuseIfTaken(target);
    write("changeStage", then, known);
    state = then;
    facts = known;
    try {
      guard(target);
    } catch (StoreUnavailableException away) {
      if (away.isRefusal()) { // somebody was faster
        state = before;
        facts = knownBefore;
        unsure = !isWritten();
        throw away;
      }
      // It learns of it when it is back, before the first write.
    }
  }

  /**
   * Before a write: sees to it that the file says what holds, if that is not sure. Else the next
   * owner of the folder might go by another stage than the one this write was made under.
   *
   * @throws StoreUnavailableException if the file still cannot be written
   */
  void confirm(Operation operation) {
    if (unsure) {
      synchronized (this) {
        unsure = unsure && !isWritten();
      }
      if (unsure) {
        throw StoreUnavailableException.notApplied(
            operation, "the stage register cannot be written, the stage is not sure", null);
      }
    }
  }

  /** Writes what holds. */
  private boolean isWritten() {
    try {
      write(state, facts);
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  /** Before anything is changed here: whether the target is somebody else's, if it answers. */
  private void refuseIfTaken(MemoryStore target) {
    try {
      EpochGuard guard = target.as(EpochGuard.class).orElse(null);
      if (guard != null) {
        refuse(guard.register(), state.epoch());
      }
    } catch (StoreUnavailableException away) {
      if (away.isRefusal()) {
        throw away;
      }
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
    Optional<EpochGuard.Register> held = guard.register();
    long there = held.map(EpochGuard.Register::epoch).orElse(0L);
    if (there < now.epoch()
        && !guard.advance(there, new EpochGuard.Register(now.epoch(), document(now)))) {
      held = guard.register();
    }
    refuse(held, now.epoch());
    guard.guard(now.epoch());
  }

  /** One that moved to the same epoch elsewhere has taken over too; at the first nobody has. */
  private void refuse(Optional<EpochGuard.Register> held, long here) {
    if (held.isEmpty()) {
      return;
    }
    long there = held.get().epoch();
    if (there > here || (there == here && here > 1 && !isOurs(held.get()))) {
      throw StoreUnavailableException.refused(
          new Operation(DualWriteMemoryStore.STORE, "open", ""),
          "the target is at epoch "
              + there
              + ", this folder at "
              + here
              + ": another folder has taken over",
          null);
    }
  }

  private boolean isOurs(EpochGuard.Register held) {
    return !(Canonical.parse(held.document()) instanceof Value.Map map)
        || id.toString().equals(Value.textOf(map.get("folder")));
  }

  private String document(State some) {
    return Canonical.json(new Value.Map(members(some)));
  }

  private Map<String, Value> members(State some) {
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("epoch", Value.of(some.epoch()));
    map.put("folder", Value.of(id.toString()));
    map.put("stage", Value.of(some.stage().name()));
    return map;
  }

  /** Writes what is to hold; if that fails, what held before is written again where need be. */
  private void write(String verb, State some, Facts known) {
    Operation operation = new Operation(DualWriteMemoryStore.STORE, verb, some.stage().name());
    try {
      write(some, known);
      unsure = false;
    } catch (IOException e) {
      unsure = (unsure || e instanceof Files.UnsureException) && !isWritten();
      if (unsure) {
        throw new UncategorizedStoreException(
            operation,
            "the stage register could not be written, nor what it said before: which of both it"
                + " says is not known, and no write is taken until it can be written",
            e);
      }
      throw StoreUnavailableException.notApplied(
          operation, "the stage register could not be written: " + e.getClass().getSimpleName(), e);
    }
  }

  private void write(State some, Facts known) throws IOException {
    Map<String, Value> map = members(some);
    map.put("facts", known.value());
    map.put("settings", settings.value());
    Files.replace(disk, folder.resolve(FILE), Canonical.json(new Value.Map(map)));
  }
}

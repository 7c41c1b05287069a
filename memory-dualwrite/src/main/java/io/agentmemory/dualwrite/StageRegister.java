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
 * epoch belongs to somebody else by now.
 *
 * <p>What the target keeps names the folder. A target that belongs to another folder is refused,
 * whatever its epoch, unless that folder is not at work on it (any more): in {@link Stage#OFF} or
 * {@link Stage#COMPLETE}, or somebody says that it is to be taken over. Then the epoch goes above
 * that of the other folder, which is refused from then on. Thread-safe.
 */
final class StageRegister {
  static final String FILE = "stage.json";
  private static final String FOLDER_ID = "folder";

  private final Disk disk;
  private final Path folder;
  private final UUID id;
  private final Gates.Settings settings;
  private volatile State state;
  private volatile Facts facts;

  /** Whether a target that belongs to another folder is taken over, once. */
  private volatile boolean takesOver;

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
          UUID.fromString(text(map, FOLDER_ID)),
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

  /** From now on, and until that is done, a target that belongs to another folder is taken over. */
  void takeOver() {
    takesOver = true;
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
    long others = refuseIfTaken(target);
    State then = new State(Math.max(state.epoch(), others) + 1, next);
    Facts known = change.apply(facts);
    write("changeStage", then, known);
    state = then;
    facts = known;
    try {
      guard(target);
    } catch (StoreUnavailableException away) {
      // Somebody was faster; or nothing would say that the target is ours.
      if (away.isRefusal() || before.stage() == Stage.OFF) {
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

  /**
   * Before anything is changed here: whether the target is somebody else's, if it answers.
   *
   * @return the epoch of the folder whose place this one takes; 0 if there is none
   */
  private long refuseIfTaken(MemoryStore target) {
    try {
      Optional<EpochGuard.Register> held =
          target.as(EpochGuard.class).flatMap(EpochGuard::register);
      held.ifPresent(this::refuse);
      return held.filter(this::isOthers).map(EpochGuard.Register::epoch).orElse(0L);
    } catch (StoreUnavailableException away) {
      if (away.isRefusal()) {
        throw away;
      }
      return 0;
    }
  }

  /** Why the target is not to be had, if it answers: it belongs to another folder. */
  Optional<String> owner(MemoryStore target) {
    try {
      return target
          .as(EpochGuard.class)
          .flatMap(EpochGuard::register)
          .filter(held -> isOthers(held) && !isFree(held))
          .map(held -> "the target belongs to another folder, " + name(held));
    } catch (StoreUnavailableException away) {
      return Optional.empty();
    }
  }

  /**
   * Sees to it that the target takes writes of this epoch only.
   *
   * @throws StoreUnavailableException if the target is at a later epoch or belongs to another
   *     folder, or gives no answer
   */
  void guard(MemoryStore target) {
    @Nullable EpochGuard guard = target.as(EpochGuard.class).orElse(null);
    if (guard == null) {
      return;
    }
    State now;
    long there;
    do {
      Optional<EpochGuard.Register> held = guard.register();
      now = claim(held);
      there = held.map(EpochGuard.Register::epoch).orElse(0L);
    } while ((there != now.epoch()
            && !guard.advance(there, new EpochGuard.Register(now.epoch(), document(now))))
        || !guardIfStill(now, guard));
  }

  /** False if we have moved on meanwhile: the target must not be told an older epoch then. */
  private synchronized boolean guardIfStill(State now, EpochGuard guard) {
    if (state.epoch() != now.epoch()) {
      return false;
    }
    takesOver = false;
    guard.guard(now.epoch());
    return true;
  }

  /** The state to write under: of an epoch above that of the folder whose place this one takes. */
  private synchronized State claim(Optional<EpochGuard.Register> held) {
    held.ifPresent(this::refuse);
    long others = held.filter(this::isOthers).map(EpochGuard.Register::epoch).orElse(0L);
    if (others >= state.epoch()) {
      State above = new State(others + 1, state.stage());
      write("takeOver", above, facts);
      state = above;
    }
    return state;
  }

  private void refuse(EpochGuard.Register held) {
    long here = state.epoch();
    boolean others = isOthers(held);
    if (others ? takesOver || isFree(held) : held.epoch() <= here) {
      return;
    }
    String why =
        others && held.epoch() <= here
            ? "the target belongs to another folder"
            : "the target is at epoch "
                + held.epoch()
                + ", this folder at "
                + here
                + ": another folder has taken over";
    String what =
        others
            ? ", "
                + name(held)
                + ": use that one, or roll it back to OFF; if it is lost, take the target over: by"
                + " 'promote --force' from OFF here, or takeOver() of the builder"
            : "";
    throw StoreUnavailableException.refused(
        new Operation(DualWriteMemoryStore.STORE, "open", ""), why + what, null);
  }

  /** Whether another folder is known to have written it. */
  private boolean isOthers(EpochGuard.Register held) {
    String folderId = member(held, FOLDER_ID);
    return folderId != null && !folderId.equals(id.toString());
  }

  /** Whether the folder that wrote it does not write to the target, or no longer keeps it alone. */
  private static boolean isFree(EpochGuard.Register held) {
    String stage = member(held, "stage");
    return Stage.OFF.name().equals(stage) || Stage.COMPLETE.name().equals(stage);
  }

  private static String name(EpochGuard.Register held) {
    String path = member(held, "path");
    String stage = member(held, "stage");
    return (path == null ? String.valueOf(member(held, FOLDER_ID)) : path)
        + (stage == null ? "" : " in stage " + stage);
  }

  private static @Nullable String member(EpochGuard.Register held, String name) {
    return Canonical.parse(held.document()) instanceof Value.Map map
        ? Value.textOf(map.get(name))
        : null;
  }

  private String document(State some) {
    Map<String, Value> map = members(some);
    map.put("path", Value.of(folder.toAbsolutePath().normalize().toString()));
    return Canonical.json(new Value.Map(map));
  }

  private Map<String, Value> members(State some) {
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("epoch", Value.of(some.epoch()));
    map.put(FOLDER_ID, Value.of(id.toString()));
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

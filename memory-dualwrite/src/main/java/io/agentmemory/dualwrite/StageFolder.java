package io.agentmemory.dualwrite;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import io.agentmemory.MemoryStore;
import io.agentmemory.OpenMode;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.Value;
import io.agentmemory.internal.Disk;
import io.agentmemory.internal.FolderLock;
import io.agentmemory.internal.LocalDisk;
import io.agentmemory.spi.Canonical;
import io.agentmemory.spi.StoreUrl;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The folder of a store {@code dual:FOLDER}, for whoever runs the move. Where a living process has
 * the folder, that is asked to do what only the owner may; else it is done here.
 */
public final class StageFolder {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Duration LONG_PATIENCE = Duration.ofHours(2);

  private final Disk disk;
  private final Path folder;
  private final StoresFile stores;
  private final Map<String, String> environment;
  private final Clock clock = Clock.systemUTC();

  private StageFolder(Disk disk, Path folder, Map<String, String> environment) {
    this.disk = disk;
    this.folder = folder;
    this.environment = environment;
    stores = StoresFile.read(disk, folder);
  }

  /**
   * The folder of a store.
   *
   * @param url {@code dual:FOLDER}
   * @throws IllegalArgumentException if it is another address
   * @throws StoreUnavailableException if there is no such folder
   */
  public static StageFolder at(String url) {
    StoreUrl parsed = StoreUrl.parse(url);
    if (!parsed.scheme().equals("dual")) {
      throw new IllegalArgumentException("a folder of two stores is written as dual:FOLDER");
    }
    return new StageFolder(LocalDisk.INSTANCE, DualStoreProvider.folder(parsed), System.getenv());
  }

  /**
   * How two stores are used as one, where that is not the default.
   *
   * @param thresholds what the gates go by, by name
   * @param shadowRate the part of the reads that is compared where the stage says so, 0 to 1
   * @param journalCap how many bytes the journal may take, 64 MiB to 64 GiB: see {@link
   *     DualWriteMemoryStore.Builder#journalCap}
   */
  public record Settings(Map<String, Long> thresholds, double shadowRate, long journalCap) {
    /** One read in a hundred is compared, the journal may take 1 GiB. */
    public static final Settings DEFAULT =
        new Settings(Map.of(), StoresFile.SHADOW_RATE, JournalLimits.DEFAULT.cap());

    /** Copies the thresholds. */
    public Settings {
      thresholds = Map.copyOf(thresholds);
    }

    /** The same with other thresholds. */
    public Settings withThresholds(Map<String, Long> others) {
      return new Settings(others, shadowRate, journalCap);
    }
  }

  /**
   * Makes one with the default of everything else, as {@link #init(Path, StoreAddress,
   * StoreAddress, Settings)}.
   */
  public static void init(
      Path folder, StoreAddress source, StoreAddress target, Map<String, Long> thresholds) {
    init(folder, source, target, Settings.DEFAULT.withThresholds(thresholds));
  }

  /**
   * Makes one in stage {@link Stage#OFF}. The source has to be there, and is opened for reading;
   * the target is not asked.
   *
   * @throws IllegalArgumentException if a setting is none, or both addresses are the same
   * @throws UncategorizedStoreException if there is one already
   * @throws io.agentmemory.MemoryStoreException if the source cannot be read
   */
  public static void init(Path folder, StoreAddress source, StoreAddress target, Settings chosen) {
    StoresFile stores = new StoresFile(source, target, chosen.shadowRate(), chosen.journalCap());
    Gates.Settings settings = Gates.Settings.of(chosen.thresholds());
    if (source.equals(target)) {
      throw new IllegalArgumentException("source and target are the same store");
    }
    Disk disk = LocalDisk.INSTANCE;
    Operation operation = new Operation(DualWriteMemoryStore.STORE, "stageInit", folder.toString());
    try {
      if (!disk.list(folder).isEmpty()) {
        throw new UncategorizedStoreException(
            operation,
            disk.stat(folder.resolve(StageRegister.FILE)) == null
                ? "the folder is not empty"
                : "there is one already",
            null);
      }
      source.open(OpenMode.READ, System.getenv()).close();
      Files.makeFolder(disk, folder);
      stores.write(disk, folder);
      StageRegister.begin(disk, folder, Stage.OFF, settings);
    } catch (IOException e) {
      throw StoreUnavailableException.notApplied(
          operation, "the folder could not be made: " + e.getClass().getSimpleName(), e);
    }
  }

  // ---- the two stores ----

  /** Opens the source alone. */
  public MemoryStore openSource(OpenMode mode) {
    return stores.source().open(mode, environment);
  }

  /** Opens the target alone. */
  public MemoryStore openTarget(OpenMode mode) {
    return stores.target().open(mode, environment);
  }

  /** Where the target is. */
  public StoreAddress target() {
    return stores.target();
  }

  // ---- how it is ----

  /**
   * How things are, by what the files say, whoever has the folder: {@code stage}, {@code epoch},
   * {@code source}, {@code target}, {@code owner} ({@code pid}, {@code since}; null if nobody has
   * the folder), {@code at} (when the owner last wrote down what follows) with {@code closed},
   * {@code target_there}, {@code breaker}, {@code breaker_since}, {@code taken_over}, {@code
   * pending}, {@code doubts}, {@code resync}, {@code journal}, {@code counts}; {@code conflicts},
   * {@code next}, {@code blocking} (what stands against it), {@code facts}.
   */
  public Value.Map status() {
    StageRegister register = StageRegister.peek(disk, folder);
    Stage stage = register.state().stage();
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("stage", Value.of(stage.name()));
    map.put("epoch", Value.of(register.state().epoch()));
    map.put("source", Value.of(stores.source().url()));
    map.put("target", Value.of(stores.target().url()));
    map.put("owner", owner().<Value>map(o -> o).orElse(Value.NULL));
    Optional<Value.Map> said = file(Keeper.STATUS);
    said.ifPresent(
        all -> {
          for (String name :
              List.of(
                  "at",
                  "closed",
                  "target_there",
                  "breaker",
                  "breaker_since",
                  "taken_over",
                  "pending",
                  "doubts",
                  "resync",
                  "journal",
                  "counts")) {
            Value value = all.get(name);
            map.put(name, value == null ? Value.NULL : value);
          }
        });
    long conflicts = conflicts();
    map.put("conflicts", Value.of(conflicts));
    map.put("next", Gates.next(stage).<Value>map(next -> Value.of(next.name())).orElse(Value.NULL));
    Gates.Live live = StatusFile.live(said.orElse(new Value.Map(Map.of())), conflicts);
    List<String> blocking =
        new ArrayList<>(
            Gates.promotion(stage, register.facts(), live, register.settings(), clock.instant()));
    if (said.isEmpty() && stage != Stage.OFF) {
      blocking.add("how the stores are is not known: nobody has opened them yet");
    }
    map.put("blocking", Value.Seq.ofTexts(blocking));
    map.put("facts", register.facts().value());
    return new Value.Map(map);
  }

  private long conflicts() {
    try {
      return disk.list(folder.resolve("conflicts")).stream()
          .filter(name -> name.endsWith(".json") && !name.startsWith("."))
          .count();
    } catch (IOException e) {
      return 0;
    }
  }

  /** Who has the folder, as far as they say so and live. */
  private Optional<Value.Map> owner() {
    try {
      for (String name : disk.list(folder)) {
        if (name.matches("owner-[0-9]+\\.json")) {
          Optional<Value.Map> owner = file(name);
          if (owner.isPresent() && isAlive(owner.get())) {
            return owner;
          }
        }
      }
    } catch (IOException e) {
      return Optional.empty();
    }
    return Optional.empty();
  }

  private static boolean isAlive(Value.Map owner) {
    return owner.get("pid") instanceof Value.Int pid
        && ProcessHandle.of(pid.value()).filter(ProcessHandle::isAlive).isPresent();
  }

  private Optional<Value.Map> file(String name) {
    try {
      return disk.stat(folder.resolve(name)) != null
              && Canonical.parse(new String(disk.read(folder.resolve(name)), UTF_8))
                  instanceof Value.Map map
          ? Optional.of(map)
          : Optional.empty();
    } catch (IOException | IllegalArgumentException unreadable) {
      return Optional.empty();
    }
  }

  // ---- what only the owner may do ----

  /**
   * Goes to the next stage, if nothing stands against it.
   *
   * @param force why it should whatever stands against it; null if it should not
   * @param acceptSetAside how many records set aside by the backfill are accepted; null to leave
   *     that as it is
   */
  public StageMove promote(@Nullable String force, @Nullable Long acceptSetAside) {
    Map<String, Value> request = request("promote", force);
    if (acceptSetAside != null) {
      request.put("accept_set_aside", Value.of(acceptSetAside.longValue()));
    }
    return Keeper.move(ask(request));
  }

  /** Goes back by one stage, as {@link DualWriteMemoryStore#rollback(String)} if it is forced. */
  public StageMove rollback(@Nullable String force) {
    return Keeper.move(ask(request("rollback", force)));
  }

  /** Gives each store what it lacks; returns how many records are lacking still. */
  public long replay() {
    return Facts.number(ask(request("replay", null)), "left");
  }

  /**
   * What a comparison by the process that has the folder found.
   *
   * @param text for people, as {@link VerifyReport#toText}
   * @param json as {@link VerifyReport#toJsonLines}
   */
  public record Comparison(boolean equal, boolean complete, String text, String json) {}

  /**
   * Lets the process that has the folder compare the two stores, if one has it. Only that sees both
   * as they are while it writes: files that are opened for reading stay as they were at that
   * moment.
   *
   * @param level null to compare each store with itself
   * @return empty if nobody has the folder
   */
  public Optional<Comparison> verifyByOwner(Verifier.@Nullable Level level) {
    if (!isOwned()) {
      return Optional.empty();
    }
    Map<String, Value> request = request(Keeper.VERIFY, null);
    if (level != null) {
      request.put("level", Value.of(level.name()));
    }
    Value.Map answer = askOwner(new Value.Map(request), LONG_PATIENCE);
    return Optional.of(
        new Comparison(
            truth(answer, "equal"),
            truth(answer, "complete"),
            String.valueOf(Value.textOf(answer.get("text"))),
            String.valueOf(Value.textOf(answer.get("json")))));
  }

  private static boolean truth(Value.Map map, String name) {
    return map.get(name) instanceof Value.Bool truth && truth.value();
  }

  /** The states that were set aside, by id; whoever has the folder. */
  public List<Conflict> conflictList() {
    try {
      return Conflicts.open(disk, folder.resolve("conflicts"), clock).list();
    } catch (IOException e) {
      throw StoreUnavailableException.notApplied(
          new Operation(DualWriteMemoryStore.STORE, "conflicts", folder.toString()),
          "they cannot be read: " + e.getClass().getSimpleName(),
          e);
    }
  }

  /** Decides a conflict, as {@link DualWriteMemoryStore#resolve(String, Resolution)}. */
  public void resolve(String conflictId, Resolution resolution) {
    Map<String, Value> request = request("resolve", null);
    request.put("conflict", Value.of(conflictId));
    request.put("keep", Value.of(resolution.name()));
    ask(request);
  }

  /**
   * What would give one of the two stores the state of the other one, as {@link RepairPlan#of}.
   * Where a process has the folder, that compares: only it sees both while it writes.
   *
   * @param right the store whose state is to hold, {@code source} or {@code target}; which one that
   *     is, only a person can say
   * @return with the two sides of this folder as {@link RepairPlan#rightStore} and wrong one
   * @throws IllegalArgumentException if {@code right} is neither
   * @throws StoreUnavailableException if a store gives no answer, or the stage uses one of them
   *     only
   */
  public RepairPlan planRepair(String right) {
    Side side = Side.named(right);
    Map<String, Value> request = request(Keeper.PLAN_REPAIR, null);
    request.put("right", Value.of(right));
    String plan = String.valueOf(Value.textOf(ask(request).get("plan")));
    return RepairPlan.parse(plan).between(name(side), name(side.other()));
  }

  /**
   * Applies a plan that {@link #planRepair} made, each record in turn with the writes of it. What
   * is overwritten is kept as a conflict first; {@link #resolve} puts it back, or drops it.
   *
   * @param deletes as {@link RepairPlan#apply}
   * @throws IllegalArgumentException if the plan is for other stores
   * @throws StoreUnavailableException if a store gives no answer; apply the plan again
   */
  public RepairPlan.Result repair(RepairPlan plan, boolean deletes) {
    Map<String, Value> request = request(Keeper.REPAIR, null);
    request.put("right", Value.of(rightOf(plan).toString()));
    request.put("plan", Value.of(Keeper.text(plan)));
    request.put("deletes", Value.of(deletes));
    return Keeper.result(plan, ask(request));
  }

  private Side rightOf(RepairPlan plan) {
    for (Side side : Side.values()) {
      if (plan.rightStore().equals(Optional.of(name(side)))
          && plan.wrongStore().equals(Optional.of(name(side.other())))) {
        return side;
      }
    }
    throw new IllegalArgumentException("the plan is for other stores than those of this folder");
  }

  private String name(Side side) {
    return "dual:" + folder.toAbsolutePath().normalize() + "#" + side;
  }

  /** Goes through an outage, as {@link DualWriteMemoryStore#drill}. */
  public void drill() {
    ask(request("drill", null));
  }

  /** Takes note of a backfill of the two stores that ran from {@code began} until now. */
  public void record(Instant began, BackfillReport report) {
    StageMoves.copied(began, clock.instant(), report)
        .ifPresent(copied -> record(Facts.NONE.copied(copied)));
  }

  /** Takes note of a comparison of the two stores that ran from {@code began} until now. */
  public void record(Instant began, VerifyReport report) {
    record(
        Facts.NONE.compared(report.level(), StageMoves.compared(began, clock.instant(), report)));
  }

  /** Takes note of a comparison of each of them with itself. */
  public void recordItself(Instant began, List<VerifyReport> reports) {
    record(Facts.NONE.comparedWithItself(StageMoves.itself(began, clock.instant(), reports)));
  }

  private void record(Facts facts) {
    Map<String, Value> request = request("record", null);
    request.put("facts", facts.value());
    if (isOwned()) {
      ask(request);
      return;
    }
    try (FolderLock lock = lock(Duration.ofSeconds(5))) {
      requireNonNull(lock);
      StageRegister.open(disk, folder, Stage.OFF).record(known -> known.with(facts));
    } catch (IOException e) {
      throw StoreUnavailableException.notApplied(
          new Operation(DualWriteMemoryStore.STORE, "record", folder.toString()),
          "the result could not be noted: " + e.getClass().getSimpleName(),
          e);
    }
  }

  private static Map<String, Value> request(String verb, @Nullable String force) {
    Map<String, Value> request = new LinkedHashMap<>();
    request.put("verb", Value.of(verb));
    if (force != null) {
      request.put("force", Value.of(force));
    }
    return request;
  }

  private Value.Map ask(Map<String, Value> members) {
    Value.Map request = new Value.Map(members);
    if (isOwned()) {
      return askOwner(request, Keeper.isLong(request) ? LONG_PATIENCE : PATIENCE);
    }
    try (DualWriteMemoryStore store = DualStoreProvider.write(disk, folder, environment)) {
      return checked(request, store.answer(request));
    }
  }

  private Value.Map askOwner(Value.Map request, Duration atMost) {
    Requests requests = new Requests(disk, folder, clock);
    return checked(request, requests.ask(request, atMost, this::ownersName));
  }

  private static Value.Map checked(Value.Map request, Value.Map answer) {
    String error = Value.textOf(answer.get("error"));
    if (error != null) {
      throw StoreUnavailableException.refused(
          new Operation(DualWriteMemoryStore.STORE, Requests.verb(request), ""), error, null);
    }
    return answer;
  }

  private String ownersName() {
    return owner()
        .map(
            owner ->
                owner.get("pid") instanceof Value.Int pid
                    ? "process " + pid.value()
                    : "another process")
        .orElse("another process");
  }

  private FolderLock lock(Duration wait) throws IOException {
    return FolderLock.take(
        disk,
        folder,
        new Operation(DualWriteMemoryStore.STORE, "open", folder.toString()),
        wait,
        clock,
        ProcessHandle.current().pid());
  }

  private boolean isOwned() {
    try {
      lock(Duration.ZERO).close();
      return false;
    } catch (StoreUnavailableException taken) {
      return true;
    } catch (IOException e) {
      throw StoreUnavailableException.notApplied(
          new Operation(DualWriteMemoryStore.STORE, "open", folder.toString()),
          "the folder cannot be locked: " + e.getClass().getSimpleName(),
          e);
    }
  }
}

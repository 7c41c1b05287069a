package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.command.AgeMemories;
import io.agentmemory.command.Batch;
import io.agentmemory.command.BeliefRule;
import io.agentmemory.command.Command;
import io.agentmemory.command.CountCoOccurrences;
import io.agentmemory.command.DecayEdges;
import io.agentmemory.command.DecayRule;
import io.agentmemory.command.EndSession;
import io.agentmemory.command.LogCoOccurrences;
import io.agentmemory.command.LogRetrievals;
import io.agentmemory.command.NoteRecalls;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.PromoteMemories;
import io.agentmemory.command.SavePending;
import io.agentmemory.command.SessionRule;
import io.agentmemory.command.StartSession;
import io.agentmemory.identity.Fading;
import io.agentmemory.identity.SessionActivity;
import io.agentmemory.identity.SessionDimensions;
import io.agentmemory.internal.Texts;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.text.Normalizer;
import java.time.Clock;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The session that is going on, by the verbs an agent uses. A session begins by itself with the
 * first recall ({@link Memories#recall}, {@link #register}); what an earlier one left to be counted
 * is counted by {@link #start} only, so call that once when the agent starts. It ends with {@link
 * #end} or {@link #savePending}; one that neither ended is over four hours after its start, and
 * what it retrieved is then forgotten. Thread-safe. Made by {@link MemoryStore#sessions()}; costs
 * nothing to make.
 *
 * <p>Besides what is named, every method throws what {@link MemoryStore#execute} and {@link
 * MemoryStore#read} do.
 */
public final class Sessions {
  private static final int TRIES = 20;

  // Source: drift.md 1.5.
  private static final Key PLATFORMS = Key.of(".session_platforms.json");
  private static final Key ACTIVITY = Key.of(".session_activity.json");
  private static final Key CONTACTS = Key.of(".session_contacts.json");

  private final MemoryStore store;
  private final Clock clock;
  private final RandomGenerator random;
  private final Rules rules;

  Sessions(MemoryStore store) {
    this(store, Clock.systemUTC(), new SecureRandom(), Rules.DRIFT);
  }

  private Sessions(MemoryStore store, Clock clock, RandomGenerator random, Rules rules) {
    this.store = requireNonNull(store, "store");
    this.clock = requireNonNull(clock, "clock");
    this.random = requireNonNull(random, "random");
    this.rules = requireNonNull(rules, "rules");
  }

  /** The same with another clock and another source of ids, for tests that repeat. */
  public Sessions with(Clock clock, RandomGenerator random) {
    return new Sessions(store, clock, random, rules);
  }

  /** The same by other rules than Drift's. */
  public Sessions with(Rules rules) {
    return new Sessions(store, clock, random, rules);
  }

  /**
   * What a session is and what its end does.
   *
   * @param session how long it lasts and which recalls it lists
   * @param beliefs how observations add up
   * @param decay how fast edges decay
   * @param activity what a session was spent on
   * @param hotRecalls a memory that was recalled as often moves to the core tier; at least 1
   * @param perGenerative what a retrieval that led to a new memory counts in the success rate
   */
  public record Rules(
      SessionRule session,
      BeliefRule beliefs,
      DecayRule decay,
      SessionActivity activity,
      long hotRecalls,
      double perGenerative) {
    /** Drift's own. */
    public static final Rules DRIFT =
        new Rules(
            SessionRule.DRIFT,
            BeliefRule.DRIFT,
            DecayRule.DRIFT,
            SessionActivity.DRIFT,
            PromoteMemories.DRIFT_RECALLS,
            LogRetrievals.DRIFT_PER_GENERATIVE);

    /**
     * Checks that nothing is missing.
     *
     * @throws IllegalArgumentException if {@code hotRecalls} or {@code perGenerative} is below 1
     */
    public Rules {
      requireNonNull(session, "session");
      requireNonNull(beliefs, "beliefs");
      requireNonNull(decay, "decay");
      requireNonNull(activity, "activity");
      if (hotRecalls < 1 || !(perGenerative >= 1)) {
        throw new IllegalArgumentException("hotRecalls or perGenerative is below 1");
      }
    }
  }

  /** The session that is going on. Empty, and nothing changed, if none is or it is over. */
  public Optional<Session> current() {
    return live(store.read(Kind.SESSION, Session.KEY)).filter(this::goesOn);
  }

  private boolean goesOn(Session session) {
    return !rules.session().isOver(session, clock.instant().truncatedTo(ChronoUnit.MICROS));
  }

  private static <T extends MemoryRecord> Optional<T> live(Optional<Stored<T>> stored) {
    return stored.flatMap(Stored::live);
  }

  /**
   * The ids that it retrieved, in no order that means anything; empty if no session is going on.
   */
  public List<String> retrieved() {
    return current().map(Session::retrieved).orElse(List.of());
  }

  /** The ids that it recalled, by how they came to be recalled. */
  public Map<String, List<String>> recalls() {
    Map<String, List<String>> recalls = new TreeMap<>(Texts::compare);
    if (current().isPresent()) {
      try (Stream<Stored<SessionRecall>> scan = store.scan(Kind.SESSION_RECALL)) {
        scan.flatMap(stored -> stored.live().stream())
            .forEach(
                recall ->
                    recalls
                        .computeIfAbsent(recall.source(), source -> new ArrayList<>())
                        .add(recall.memoryId()));
      }
    }
    return recalls;
  }

  /**
   * Starts a session: what ended sessions left to be counted is counted, in the memories' own files
   * ({@link CoOccurrence}), and a session that is over is forgotten.
   *
   * @return the session that goes on; empty if the next recall begins a new one
   */
  public Optional<Session> start() {
    guarded(
        () -> {
          List<List<String>> pending =
              live(store.read(Kind.PENDING_CO_OCCURRENCE, PendingCoOccurrence.KEY)).stream()
                  .flatMap(record -> record.sessions().stream())
                  .map(session -> Value.textsOf(session.get("retrieved")))
                  .toList();
          return store.execute(new StartSession(pending, now(), rules.session()));
        });
    return current();
  }

  /** Notes that memories were retrieved because somebody asked for them, and nothing in them. */
  public void register(List<String> ids) {
    register(ids, SessionRule.MANUAL);
  }

  /**
   * Notes in the session that memories were retrieved, and nothing in the memories, which need not
   * exist.
   *
   * @param source how they came to be: {@code manual}, {@code start_priming}, {@code
   *     thought_priming} or {@code prompt_priming}; of another one the session lists no recalls
   */
  public void register(List<String> ids, String source) {
    if (!ids.isEmpty()) {
      store.execute(new NoteRecalls(ids, source, now(), rules.session()));
    }
  }

  /**
   * Ends the session quickly: what it retrieved is counted by the next {@link #start}.
   *
   * @param agent whose session it is
   * @return how many memories it retrieved; 0 if there is nothing to count
   */
  public int savePending(String agent) {
    List<Value.Map> sessions =
        store
            .execute(new SavePending(agent, now(), rules.session()))
            .live(Kind.PENDING_CO_OCCURRENCE, PendingCoOccurrence.KEY)
            .map(PendingCoOccurrence::sessions)
            .orElse(List.of());
    return sessions.isEmpty()
        ? 0
        : Value.textsOf(sessions.get(sessions.size() - 1).get("retrieved")).size();
  }

  // ---- ending ----

  /**
   * What the end of a session did.
   *
   * @param retrieved how many memories it had retrieved
   * @param counted how many pairs of them count each other once more
   * @param observed how many pairs of them got an observation
   * @param activity what it was mostly spent on, if that is known and there was a pair
   * @param retrievals what came of what it retrieved
   * @param edges what the other edges lost
   * @param promoted the memories that moved to the core tier, by file name
   */
  public record Ended(
      int retrieved,
      int counted,
      int observed,
      Optional<String> activity,
      Memories.Retrievals retrievals,
      Graph.Decayed edges,
      List<Memory> promoted) {
    /** Copies the list. */
    public Ended {
      promoted = List.copyOf(promoted);
    }
  }

  /**
   * Ends the session, in one step: the memories that it retrieved count each other once more and
   * each pair of them gets an observation, what came of each retrieval is noted, all other edges
   * decay (slowly where the session had nothing to do with them), memories that were recalled often
   * move to the core tier, and the session goes, with the platforms it was on. Without a session
   * the edges decay and memories are promoted all the same.
   *
   * @param agent whose session it is
   * @throws MemoryConflictException if recalls kept coming meanwhile, again and again
   */
  public Ended end(String agent) {
    Memories memories = store.memories().with(clock, random);
    return guarded(
        () -> {
          List<String> hot = memories.hot(rules.hotRecalls());
          Map<Key, Value> beside = beside();
          Stored<Session> stored =
              store
                  .read(Kind.SESSION, Session.KEY)
                  .filter(session -> !session.isTombstone())
                  .orElse(null);
          Retrieved retrieved =
              retrieved(
                  stored == null
                      ? List.of()
                      : stored
                          .live()
                          .filter(this::goesOn)
                          .map(Session::retrieved)
                          .orElse(List.of()));
          return end(agent, stored == null ? 0 : stored.revision(), retrieved, beside, hot);
        });
  }

  private Ended end(
      String agent, long revision, Retrieved retrieved, Map<Key, Value> beside, List<String> hot) {
    String at = now();
    List<String> ids = retrieved.ids();
    List<String> pairable = ids.stream().filter(id -> id.indexOf('|') < 0).toList();
    int pairs = LogCoOccurrences.pairs(pairable.size());
    Optional<String> activity = pairs == 0 ? Optional.empty() : activity(retrieved, beside);
    List<LogRetrievals.Retrieval> retrievals = store.memories().with(clock, random).retrievals(ids);

    List<Command> commands = new ArrayList<>();
    commands.add(new EndSession(revision));
    if (ids.size() > 1) {
      commands.add(new CountCoOccurrences(ids));
    }
    if (pairs > 0) {
      List<String> uuids = Stream.generate(this::uuid).limit(pairs).toList();
      commands.add(
          new LogCoOccurrences(
              pairable, uuids, at, at, agent, activity.orElse(null), rules.beliefs()));
    }
    if (!retrievals.isEmpty()) {
      commands.add(new LogRetrievals(retrievals, rules.perGenerative()));
    }
    commands.add(new DecayEdges(ids, dimensions(retrieved, beside), at, rules.decay()));
    if (!hot.isEmpty()) {
      commands.add(new PromoteMemories(hot, rules.hotRecalls(), at));
    }
    Outcome outcome = store.execute(Batch.of(commands));
    return new Ended(
        ids.size(),
        Graph.counted(outcome),
        pairs,
        activity,
        Memories.count(retrievals),
        Graph.decayedEdges(outcome, ids),
        promoted(outcome, hot));
  }

  private static List<Memory> promoted(Outcome outcome, List<String> hot) {
    return outcome.changes().stream()
        .map(change -> change.after().value())
        .filter(Memory.class::isInstance)
        .map(Memory.class::cast)
        .filter(memory -> memory.tier() == Tier.CORE && hot.contains(memory.id()))
        .sorted(Comparator.comparing(Memory::fileName, Texts::compare))
        .toList();
  }

  /** What a session retrieved, by id; null for a memory that is not there. */
  private record Retrieved(Map<String, @Nullable Memory> memories) {
    List<String> ids() {
      return List.copyOf(memories.keySet());
    }
  }

  private Retrieved retrieved(List<String> meant) {
    Set<Key> keys = new LinkedHashSet<>();
    for (String id : meant) {
      keys.add(Key.of(id));
      keys.add(Key.of(composed(id)));
    }
    Map<String, Memory> there = new LinkedHashMap<>();
    for (Stored<Memory> stored : store.readAll(Kind.MEMORY, List.copyOf(keys))) {
      stored.live().ifPresent(memory -> there.put(memory.id(), memory));
    }
    Map<String, @Nullable Memory> memories = new LinkedHashMap<>();
    for (String id : meant) {
      String known = there.containsKey(id) ? id : composed(id);
      if (there.containsKey(known) || isPossible(known)) {
        memories.put(known, there.get(known));
      }
    }
    return new Retrieved(memories);
  }

  private static String composed(String id) {
    return Normalizer.normalize(id, Normalizer.Form.NFC);
  }

  /** Whether a command takes this for an id; a file may hold anything, which is then left out. */
  private boolean isPossible(String id) {
    return !id.isBlank()
        && id.getBytes(StandardCharsets.UTF_8).length <= store.limits().idBytes()
        && Texts.unstorable(id) < 0
        && id.chars().noneMatch(Character::isISOControl)
        && id.indexOf('\ufffe') < 0
        && id.indexOf('\uffff') < 0;
  }

  // ---- what it was about ----

  /** What stands beside the session and says what it is about, by its path. */
  private Map<Key, Value> beside() {
    Map<Key, Value> beside = new LinkedHashMap<>();
    for (Stored<OtherFile> stored :
        store.readAll(Kind.VALUE, List.of(PLATFORMS, ACTIVITY, CONTACTS))) {
      stored.live().ifPresent(file -> beside.put(stored.key(), file.value()));
    }
    return beside;
  }

  private static Value.Map map(Map<Key, Value> beside, Key file) {
    return beside.get(file) instanceof Value.Map map ? map : Value.EMPTY_MAP;
  }

  private Optional<String> activity(Retrieved retrieved, Map<Key, Value> beside) {
    String tracked = Value.textOf(map(beside, ACTIVITY).get("dominant"));
    if (tracked != null && !tracked.isEmpty()) {
      return Optional.of(tracked);
    }
    List<String> tags = new ArrayList<>();
    for (Memory memory : retrieved.memories().values()) {
      if (memory != null && memory.tier() != Tier.ARCHIVE) {
        tags.addAll(memory.tags());
      }
    }
    List<String> platforms = Value.textsOf(map(beside, PLATFORMS).get("platforms"));
    return rules.activity().of(platforms, tags).dominant();
  }

  private static Map<String, List<String>> dimensions(Retrieved retrieved, Map<Key, Value> beside) {
    List<String> contacts =
        beside.containsKey(CONTACTS) ? Value.textsOf(map(beside, CONTACTS).get("contacts")) : null;
    Map<String, List<String>> dimensions = new LinkedHashMap<>();
    SessionDimensions.of(
            Value.textsOf(map(beside, PLATFORMS).get("platforms")),
            map(beside, ACTIVITY),
            contacts,
            retrieved.ids(),
            id -> retrieved.memories().get(id))
        .forEach((name, values) -> dimensions.put(name, List.copyOf(values)));
    return dimensions;
  }

  // ---- upkeep ----

  /**
   * What the upkeep between sessions found.
   *
   * @param aged how many memories count one more session since their last recall
   * @param fading those that are about to be forgotten, by file name
   * @param toPrune those that were imported and are of no use, by file name
   */
  public record Maintained(int aged, List<String> fading, List<String> toPrune) {
    /** Copies the lists. */
    public Maintained {
      fading = List.copyOf(fading);
      toPrune = List.copyOf(toPrune);
    }
  }

  /**
   * Counts one more session since its last recall for every active memory, and says which of them
   * fade. It moves none.
   */
  public Maintained maintain() {
    return maintain(Fading.DRIFT);
  }

  /** As {@link #maintain()}, with another idea of which memories fade. */
  public Maintained maintain(Fading rule) {
    Map<String, Memory> aged = new TreeMap<>(Texts::compare);
    for (Outcome.Change change : store.execute(new AgeMemories()).changes()) {
      if (change.after().value() instanceof Memory memory) {
        aged.put(memory.fileName() + "/" + memory.id(), memory);
      }
    }
    return new Maintained(
        aged.size(),
        aged.values().stream().filter(rule::isFading).map(Memory::id).toList(),
        aged.values().stream().filter(rule::isToPrune).map(Memory::id).toList());
  }

  /** Does again what found something else than it had read. */
  private static <T> T guarded(Supplier<T> attempt) {
    for (int tries = 1; ; tries++) {
      try {
        return attempt.get();
      } catch (MemoryConflictException moved) {
        if (tries == TRIES) {
          throw moved;
        }
      }
    }
  }

  private String now() {
    return Texts.time(clock.instant());
  }

  private String uuid() {
    return Graph.uuid(random);
  }
}

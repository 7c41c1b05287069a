package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.command.CompressMemory;
import io.agentmemory.command.ConsolidateMemories;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.LogRetrievals;
import io.agentmemory.command.MoveMemory;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.PromoteMemories;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.SessionRule;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.detect.Detection;
import io.agentmemory.internal.Texts;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.text.Normalizer;
import java.time.Clock;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The memories of a store, by the verbs an agent uses. Thread-safe. Made by {@link
 * MemoryStore#memories()}; costs nothing to make.
 *
 * <p>Besides what is named, every method throws what {@link MemoryStore#execute} and {@link
 * MemoryStore#read} do.
 */
public final class Memories {
  private static final String ID_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789";
  private static final int ID_LENGTH = 8;
  private static final int ID_TRIES = 5;

  /** Of what is found out for a memory, so that it never makes one too large to be stored. */
  private static final int FOUND_BYTES = 16 << 10;

  private static final int TAG_PAGE = 200;

  private final MemoryStore store;
  private final Clock clock;
  private final RandomGenerator random;
  private final Detection detection;
  private final SessionRule session;

  Memories(MemoryStore store) {
    this(store, Clock.systemUTC(), new SecureRandom(), Detection.DRIFT, SessionRule.DRIFT);
  }

  private Memories(
      MemoryStore store,
      Clock clock,
      RandomGenerator random,
      Detection detection,
      SessionRule session) {
    this.store = requireNonNull(store, "store");
    this.clock = requireNonNull(clock, "clock");
    this.random = requireNonNull(random, "random");
    this.detection = requireNonNull(detection, "detection");
    this.session = requireNonNull(session, "session");
  }

  /** The same with another clock and another source of ids, for tests that repeat. */
  public Memories with(Clock clock, RandomGenerator random) {
    return new Memories(store, clock, random, detection, session);
  }

  /** The same, finding out with these words what a new memory does not say. */
  public Memories with(Detection detection) {
    return new Memories(store, clock, random, detection, session);
  }

  /** The same with another rule than Drift's of what a session is and what a recall does. */
  public Memories with(SessionRule session) {
    return new Memories(store, clock, random, detection, session);
  }

  /** Stores a memory with nothing but content, in the active tier. */
  public Memory store(String content) {
    return store(NewMemory.of(content));
  }

  /**
   * Stores a memory in the active tier, and notes it with each of its causes that exists.
   *
   * <p>Unless it says so itself, or is {@link NewMemory#asGiven()}: the entities that its content
   * and tags name are noted with it, the day its content speaks of is when it happened, and what
   * the session that is going on has retrieved led to it. Of each of these no more than 16 KiB.
   *
   * @return the memory as stored
   * @throws MemoryConflictException if it brought an id that is taken
   */
  public Memory store(NewMemory given) {
    NewMemory memory = complete(given);
    for (int tries = 1; ; tries++) {
      String id = memory.id().orElseGet(this::newId);
      try {
        return store
            .execute(memory.command(id, clock.instant()))
            .live(Kind.MEMORY, Key.of(Normalizer.normalize(id, Normalizer.Form.NFC)))
            .orElseThrow();
      } catch (MemoryConflictException taken) {
        if (memory.id().isPresent() || tries == ID_TRIES) {
          throw taken;
        }
      }
    }
  }

  /**
   * A memory that was stored, and whether its vector was.
   *
   * @param failure why there is no vector; null if there is one
   */
  public record Embedded(Memory memory, @Nullable RuntimeException failure) {
    /** Checks that nothing is missing. */
    public Embedded {
      requireNonNull(memory, "memory");
    }
  }

  /**
   * Stores a memory as {@link #store(NewMemory)} does, and then its vector as {@link
   * Embeddings#put(Memory, EmbeddingFunction)} does. A function that fails, or a vector that does
   * not fit, loses no memory: the failure is in the answer, and the vector can be put later.
   *
   * @throws MemoryConflictException if it brought an id that is taken
   */
  public Embedded store(NewMemory memory, EmbeddingFunction function) {
    requireNonNull(function, "function");
    Memory stored = store(memory);
    try {
      store.embeddings().with(detection).put(stored, function);
      return new Embedded(stored, null);
    } catch (RuntimeException failure) {
      return new Embedded(stored, failure);
    }
  }

  private NewMemory complete(NewMemory memory) {
    NewMemory complete = memory;
    if (memory.lacksEntities()) {
      Map<String, List<String>> found = new LinkedHashMap<>();
      detection
          .entities(memory.content(), memory.tags())
          .forEach((kind, names) -> found.put(kind, few(names)));
      complete = complete.entities(found);
    }
    if (memory.lacksEventTime()) {
      LocalDate day = LocalDate.ofInstant(memory.madeAt(clock.instant()), ZoneOffset.UTC);
      complete =
          Detection.eventTime(memory.content(), day).map(complete::eventTime).orElse(complete);
    }
    return memory.lacksRetrieved() ? complete.retrieved(few(retrieved())) : complete;
  }

  private List<String> retrieved() {
    Sessions.Rules drift = Sessions.Rules.DRIFT;
    return store
        .sessions()
        .with(clock, random)
        .with(
            new Sessions.Rules(
                session,
                drift.beliefs(),
                drift.decay(),
                drift.activity(),
                drift.hotRecalls(),
                drift.perGenerative()))
        .retrieved();
  }

  /**
   * Notes with each memory what it has to do with, as the original's jobs do over the whole tree:
   * topics and contacts by content and tags, where it has none noted ({@code topic_context}, {@code
   * contact_context}), and platforms with their confidence, where it has others or none ({@code
   * platforms}). A memory that somebody else changes meanwhile, or that has no room for it, is left
   * for another time.
   *
   * @return how many memories were changed
   */
  public int tagContexts() {
    int changed = 0;
    Key after = null;
    List<Stored<Memory>> page;
    do {
      try (Stream<Stored<Memory>> scan = store.scan(Kind.MEMORY, new ScanRange(after, null))) {
        page = scan.limit(TAG_PAGE).toList();
      }
      for (Stored<Memory> stored : page) {
        after = stored.key();
        changed +=
            stored.live().filter(memory -> tag(memory, stored.revision())).isPresent() ? 1 : 0;
      }
    } while (page.size() == TAG_PAGE);
    return changed;
  }

  private boolean tag(Memory memory, long revision) {
    if (!(memory.frontMatter() instanceof Value.Map members)) {
      return false;
    }
    UpdateMemory update = UpdateMemory.of(memory.id()).ifRevision(OptionalLong.of(revision));
    String text = memory.content() + " " + String.join(" ", memory.tags());
    List<String> topics = detection.topics(text);
    if (!members.has("topic_context") && !topics.isEmpty()) {
      update = update.set("topic_context", Value.Seq.ofTexts(topics));
    }
    List<String> contacts = few(detection.contacts(text));
    if (!members.has("contact_context") && !contacts.isEmpty()) {
      update = update.set("contact_context", Value.Seq.ofTexts(contacts));
    }
    String source =
        members.get("source") instanceof Value.Map map ? Value.textOf(map.get("platform")) : null;
    Map<String, Value> platforms = new LinkedHashMap<>();
    detection
        .platforms(memory.content(), memory.tags(), source)
        .forEach((platform, confidence) -> platforms.put(platform, Value.of(confidence)));
    boolean noted =
        members.get("platforms") instanceof Value.Map there
            && there.entries().keySet().equals(platforms.keySet());
    if (!noted && !platforms.isEmpty()) {
      update = update.set("platforms", new Value.Map(platforms));
    }
    if (update.set().isEmpty()) {
      return false;
    }
    try {
      store.execute(update);
      return true;
    } catch (MemoryConflictException | InvalidMemoryException notNow) {
      return false;
    }
  }

  private static List<String> few(List<String> names) {
    int bytes = 0;
    for (int i = 0; i < names.size(); i++) {
      bytes += names.get(i).getBytes(StandardCharsets.UTF_8).length + 4;
      if (bytes > FOUND_BYTES) {
        return names.subList(0, i);
      }
    }
    return names;
  }

  // Source: Drift's ids, 8 characters of a-z and 0-9.
  private String newId() {
    StringBuilder id = new StringBuilder(ID_LENGTH);
    for (int i = 0; i < ID_LENGTH; i++) {
      id.append(ID_CHARACTERS.charAt(random.nextInt(ID_CHARACTERS.length())));
    }
    return id.toString();
  }

  /** The memory of this id. Changes nothing; see {@link #recall}. */
  public Optional<Memory> findById(String id) {
    return read(id).flatMap(Stored::live);
  }

  /** The memory of this id with its revision, for an update that must not overwrite another. */
  public Optional<Stored<Memory>> read(String id) {
    Optional<Stored<Memory>> exact =
        store.read(Kind.MEMORY, Key.of(id)).filter(s -> !s.isTombstone());
    String composed = Normalizer.normalize(id, Normalizer.Form.NFC);
    return exact.isPresent() || composed.equals(id)
        ? exact
        : store.read(Kind.MEMORY, Key.of(composed)).filter(s -> !s.isTombstone());
  }

  /**
   * The memory of this id, noting that somebody asked for it: one more recall, weight up by 0.05
   * ({@link SessionRule#recallGain()}) to at most 1, and a recall in the session ({@link
   * MemoryStore#sessions()}). Empty, and nothing changed, if there is none.
   */
  public Optional<Memory> recall(String id) {
    return recall(id, SessionRule.MANUAL);
  }

  /**
   * The memory of this id, noting as {@link #recall(String)} that it was recalled.
   *
   * @param source how it came to be: {@code manual}, {@code start_priming}, {@code thought_priming}
   *     or {@code prompt_priming}; of another one the session lists no recalls
   */
  public Optional<Memory> recall(String id, String source) {
    var outcome =
        store.execute(new RecallMemory(id, now(), requireNonNull(source, "source"), session));
    return outcome.changes().stream()
        .map(change -> change.after().value())
        .filter(Memory.class::isInstance)
        .map(Memory.class::cast)
        .findFirst();
  }

  /**
   * Changes what {@code update} lists and leaves the rest.
   *
   * @return the memory as it is now
   * @throws MemoryConflictException if there is no such memory, or it is not at the revision that
   *     the update expects
   */
  public Memory update(UpdateMemory update) {
    var outcome = store.execute(update);
    return outcome.changes().stream()
        .map(change -> change.after().value())
        .filter(Memory.class::isInstance)
        .map(Memory.class::cast)
        .findFirst()
        .or(() -> findById(update.id()))
        .orElseThrow(
            () ->
                new MemoryConflictException(
                    new Operation("memories", "update", update.id()), "the memory is gone", 0, 0));
  }

  /**
   * Moves a memory to another tier.
   *
   * @throws MemoryConflictException if there is no such memory
   */
  public void move(String id, Tier tier) {
    store.execute(new MoveMemory(id, tier));
  }

  /**
   * Deletes a memory with its embeddings, its own co-occurrence entries and its image links.
   *
   * @return false, and nothing changed, if there is no such memory
   */
  public boolean forget(String id) {
    try {
      store.execute(new ForgetMemory(id, 0));
      return true;
    } catch (MemoryConflictException missing) {
      if (missing.actualRevision() == 0) {
        return false;
      }
      throw missing;
    }
  }

  /**
   * Moves the active memories that were recalled ten times or more to the core tier.
   *
   * @return those memories, by file name
   */
  public List<Memory> promoteHot() {
    return promoteHot(PromoteMemories.DRIFT_RECALLS);
  }

  /**
   * Moves the active memories that were recalled so many times or more to the core tier.
   *
   * @param minRecalls at least 1
   * @return those memories, by file name
   */
  public List<Memory> promoteHot(long minRecalls) {
    List<String> ids = hot(minRecalls);
    if (ids.isEmpty()) {
      return List.of();
    }
    return changed(store.execute(new PromoteMemories(ids, minRecalls, now())));
  }

  /** The ids of the memories that are hot, by file name. */
  List<String> hot(long minRecalls) {
    return active(MemoryQuery.all(), memory -> memory.recallCount() >= minRecalls).stream()
        .sorted(Comparator.comparing(MemoryHead::fileName, Texts::compare))
        .map(MemoryHead::id)
        .toList();
  }

  /**
   * Moves an active memory to the archive with a shorter body in place of its own.
   *
   * @return the memory as it is now
   * @throws MemoryConflictException if there is no such memory, or it is not in the active tier
   */
  public Memory compress(String id, String content) {
    return changed(store.execute(new CompressMemory(id, content, now()))).get(0);
  }

  /**
   * Makes one memory of two, with both bodies, one after the other; the other goes to the archive.
   * Put a new vector for it if you keep vectors.
   *
   * @return the memory that was kept, as it is now
   * @throws MemoryConflictException if one of them is not there
   */
  public Memory consolidate(String keep, String absorb) {
    return changed(store.execute(new ConsolidateMemories(keep, absorb, null, now()))).get(0);
  }

  /** Makes one memory of two, with this body, as {@link #consolidate(String, String)}. */
  public Memory consolidate(String keep, String absorb, String content) {
    return changed(
            store.execute(
                new ConsolidateMemories(keep, absorb, requireNonNull(content, "content"), now())))
        .get(0);
  }

  /** How many retrievals led on, how many to a new memory, and how many nowhere. */
  public record Retrievals(int productive, int generative, int deadEnd) {}

  /**
   * Notes what came of what a session retrieved. All but the last led on; one that a memory made
   * today names as its cause led to that; the last led nowhere unless it ever led to a memory.
   *
   * @param retrieved ids in the order of retrieval
   * @return how many of each were noted; of memories that are not there, none
   */
  public Retrievals logRetrievals(List<String> retrieved) {
    return logRetrievals(retrieved, LogRetrievals.DRIFT_PER_GENERATIVE);
  }

  /**
   * Notes what came of what a session retrieved, as {@link #logRetrievals(List)}.
   *
   * @param perGenerative what a retrieval that led to a new memory counts in the success rate; at
   *     least 1
   */
  public Retrievals logRetrievals(List<String> retrieved, double perGenerative) {
    List<LogRetrievals.Retrieval> found = retrievals(List.copyOf(new LinkedHashSet<>(retrieved)));
    if (!found.isEmpty()) {
      store.execute(new LogRetrievals(found, perGenerative));
    }
    return count(found);
  }

  /** How many there are of each. */
  static Retrievals count(List<LogRetrievals.Retrieval> retrievals) {
    int[] counts = new int[LogRetrievals.Result.values().length];
    retrievals.forEach(retrieval -> counts[retrieval.result().ordinal()]++);
    return new Retrievals(counts[0], counts[1], counts[2]);
  }

  /** What came of what a session retrieved, each id once. */
  List<LogRetrievals.Retrieval> retrievals(List<String> ids) {
    List<LogRetrievals.Retrieval> found = new ArrayList<>();
    if (ids.isEmpty()) {
      return found;
    }
    LocalDate today = LocalDate.ofInstant(clock.instant(), ZoneOffset.UTC);
    List<MemoryHead> made =
        active(
            MemoryQuery.all().days(MemoryQuery.TimeField.CREATED, today, today.plusDays(1)),
            memory -> !memory.causedBy().isEmpty());
    for (int i = 0; i < ids.size(); i++) {
      Memory memory = findById(ids.get(i)).orElse(null);
      if (memory == null) {
        continue;
      }
      String id = memory.id();
      int effects = (int) made.stream().filter(effect -> effect.causedBy().contains(id)).count();
      if (i < ids.size() - 1) {
        found.add(new LogRetrievals.Retrieval(id, LogRetrievals.Result.PRODUCTIVE));
      } else if (effects == 0 && memory.tier() != Tier.ARCHIVE && !wasGenerative(memory)) {
        found.add(new LogRetrievals.Retrieval(id, LogRetrievals.Result.DEAD_END));
      }
      for (int n = 0; n < effects; n++) {
        found.add(new LogRetrievals.Retrieval(id, LogRetrievals.Result.GENERATIVE));
      }
    }
    return found;
  }

  private static boolean wasGenerative(Memory memory) {
    Double times =
        memory.members().get("retrieval_outcomes") instanceof Value.Map counts
            ? Value.numberOf(counts.get("generative"))
            : null;
    return times != null && times != 0;
  }

  /** The active memories that a query asks for and {@code keep} keeps. */
  private List<MemoryHead> active(MemoryQuery query, Predicate<MemoryHead> keep) {
    try (Stream<MemoryHead> heads = store.heads(query.tiers(List.of(Tier.ACTIVE)))) {
      return heads.filter(keep).toList();
    }
  }

  private static List<Memory> changed(Outcome outcome) {
    return outcome.changes().stream()
        .map(change -> change.after().value())
        .filter(Memory.class::isInstance)
        .map(Memory.class::cast)
        .toList();
  }

  private String now() {
    return Texts.time(clock.instant());
  }

  /** The memories a query asks for, in its order. */
  public List<Memory> find(MemoryQuery query) {
    return store.find(query);
  }

  /** How many memories meet a query's conditions, whatever its page. */
  public long count(MemoryQuery query) {
    return store.count(query);
  }
}

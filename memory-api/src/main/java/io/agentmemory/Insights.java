package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.MemoryQuery.Any;
import io.agentmemory.command.DecayRule;
import io.agentmemory.command.SessionRule;
import io.agentmemory.detect.Detection;
import io.agentmemory.identity.Activation;
import io.agentmemory.identity.TrustTier;
import io.agentmemory.internal.Arithmetic;
import io.agentmemory.internal.Texts;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;

/**
 * What the memories of a store tell when they are looked at together: which belong to which, what
 * led to what, which are on the agent's mind. Changes nothing. Thread-safe. Made by {@link
 * MemoryStore#insights()}; costs nothing to make.
 *
 * <p>What ties goes on by tier, file name and id, or by code point where it is no memory. Where it
 * says "over all heads" below, a question reads every memory of the tiers it is about once, without
 * bodies ({@link MemoryStore#heads}), and keeps little of each.
 *
 * <p>Besides what is named, every method throws what {@link MemoryStore#read} does. Source of all
 * formulas and defaults: Drift's memory queries, decay and priming.
 */
public final class Insights {
  private static final int AT_ONCE = 100;
  private static final int MOST_LEVELS = 100;

  private final MemoryStore store;
  private final Clock clock;
  private final RandomGenerator random;
  private final SessionRule session;
  private final DecayRule decay;

  Insights(MemoryStore store) {
    this(store, Clock.systemUTC(), new SecureRandom(), SessionRule.DRIFT, DecayRule.DRIFT);
  }

  private Insights(
      MemoryStore store,
      Clock clock,
      RandomGenerator random,
      SessionRule session,
      DecayRule decay) {
    this.store = requireNonNull(store, "store");
    this.clock = requireNonNull(clock, "clock");
    this.random = requireNonNull(random, "random");
    this.session = requireNonNull(session, "session");
    this.decay = requireNonNull(decay, "decay");
  }

  /** The same with another clock and another source of chance, for answers that repeat. */
  public Insights with(Clock clock, RandomGenerator random) {
    return new Insights(store, clock, random, session, decay);
  }

  /** The same with another rule than Drift's of when a session is over. */
  public Insights with(SessionRule session) {
    return new Insights(store, clock, random, session, decay);
  }

  /** The same with another rule than Drift's of how ties decay. */
  public Insights with(DecayRule decay) {
    return new Insights(store, clock, random, session, decay);
  }

  // ---- tags and entities ----

  /** A tag as it is written, and how many times memories have it. */
  public record TagCount(String tag, int count) {}

  /** Every tag, the most frequent first. Over all heads. */
  public List<TagCount> tags() {
    Map<String, Integer> counts = new TreeMap<>(Texts::compare);
    try (Stream<MemoryHead> heads = store.heads(MemoryQuery.all())) {
      heads.forEach(head -> head.tags().forEach(tag -> counts.merge(tag, 1, Integer::sum)));
    }
    return counts.entrySet().stream()
        .map(entry -> new TagCount(entry.getKey(), entry.getValue()))
        .sorted(Comparator.comparingInt(TagCount::count).reversed())
        .toList();
  }

  /**
   * The memories that have to do with somebody or something: those whose entities of that kind list
   * the name, those with the name as a tag, and those with it anywhere in their body, whatever its
   * case; the heaviest first. One query, which looks into every body where it lies.
   *
   * @param kind {@code agent}, {@code project} or {@code concept}
   */
  public List<Memory> findByEntity(String kind, String name, int limit) {
    Any any = Any.NONE.entity(kind + "s", name).tag(List.of(name)).text(List.of(name));
    return store.find(MemoryQuery.all().any(any).order(MemoryQuery.Order.HEAVIEST).limit(limit));
  }

  /**
   * How many core and active memories name each two of a kind together, in both directions; one
   * that is only ever alone has an empty map. Of memories without entities those in their text
   * count. Over all heads, and over the bodies of memories without entities, some at a time.
   *
   * @param kind {@code agents}, {@code projects} or {@code concepts}
   */
  public Map<String, Map<String, Integer>> entityCoOccurrences(String kind, Detection detection) {
    Map<String, Map<String, Integer>> graph = new TreeMap<>(Texts::compare);
    List<Key> without = new ArrayList<>();
    try (Stream<MemoryHead> heads = store.heads(alive())) {
      heads.forEach(
          head -> {
            if (head.members().get("entities") instanceof Value.Map map && !map.isEmpty()) {
              addPairs(graph, head.entities(kind));
            } else {
              without.add(Key.of(head.id()));
            }
          });
    }
    for (int from = 0; from < without.size(); from += AT_ONCE) {
      List<Key> some = without.subList(from, Math.min(without.size(), from + AT_ONCE));
      for (Stored<Memory> stored : store.readAll(Kind.MEMORY, some)) {
        stored
            .live()
            .map(memory -> detection.entities(memory.content(), memory.tags()))
            .ifPresent(found -> addPairs(graph, found.getOrDefault(kind, List.of())));
      }
    }
    return graph;
  }

  private static void addPairs(Map<String, Map<String, Integer>> graph, List<String> names) {
    for (int i = 0; i < names.size(); i++) {
      Map<String, Integer> row = row(graph, names.get(i));
      for (String other : names.subList(i + 1, names.size())) {
        row.merge(other, 1, Integer::sum);
        row(graph, other).merge(names.get(i), 1, Integer::sum);
      }
    }
  }

  private static Map<String, Integer> row(Map<String, Map<String, Integer>> graph, String name) {
    return graph.computeIfAbsent(name, n -> new TreeMap<>(Texts::compare));
  }

  private static MemoryQuery alive() {
    return MemoryQuery.all().tiers(List.of(Tier.CORE, Tier.ACTIVE));
  }

  // ---- what belongs together ----

  /**
   * What a memory's own file counts as retrieved with it, the most often first; ties in the order
   * of the file. One scan of its entries.
   *
   * @return at most {@code limit} records
   */
  public List<CoOccurrence> coOccurring(String id, int limit) {
    return mostOften(counts(id), limit);
  }

  static List<CoOccurrence> mostOften(List<CoOccurrence> counts, int limit) {
    return counts.stream()
        .sorted(
            Comparator.comparingDouble((CoOccurrence count) -> number(count.count())).reversed())
        .limit(limit)
        .toList();
  }

  /** The entries of one memory, in the order of its file. */
  List<CoOccurrence> counts(String id) {
    if (Texts.unstorable(id) >= 0) {
      return List.of();
    }
    // There is no text between an id and the same with the least character of all after it.
    ScanRange range = new ScanRange(Key.of(id, ""), Key.of(id + "\u0001", ""));
    try (Stream<Stored<CoOccurrence>> counts = store.scan(Kind.CO_OCCURRENCE, range)) {
      return counts
          .sorted(Stored.BY_PLACE)
          .flatMap(stored -> stored.live().stream())
          .filter(count -> count.from().equals(id))
          .toList();
    }
  }

  private static double number(Value value) {
    Double number = Value.numberOf(value);
    return number == null ? 0 : number;
  }

  /**
   * A memory that has to do with another.
   *
   * @param memory which
   * @param linked whether the other one links to it
   * @param sharedTags how many tags both have, whatever their case
   * @param count how often the other one's file counts it as retrieved with it
   * @param score shared tags, and of the count as much as was asked for
   */
  public record Related(
      MemoryHead memory, boolean linked, int sharedTags, double count, double score) {}

  /** How much of a count goes into {@link Related#score}, in Drift. */
  public static final double RELATED_PER_COUNT = 0.5;

  private static final Comparator<Related> MOST_RELATED =
      Comparator.comparing(Related::linked)
          .thenComparingDouble(Related::score)
          .thenComparingDouble(related -> related.memory().weight().orElse(0))
          .reversed()
          .thenComparing(Related::memory, MemoryHead.PLACE);

  /**
   * The memories that a memory links to, shares a tag with, or counts as retrieved with it: linked
   * ones first, then by {@link Related#score} and weight. None if there is no such memory. Three
   * round trips, and the heads of all that qualify.
   */
  public List<Related> related(String id, int limit) {
    return related(id, limit, RELATED_PER_COUNT);
  }

  /**
   * The memories that have to do with one, as {@link #related(String, int)}.
   *
   * @param perCount what each time counts that two were retrieved together; a shared tag counts 1
   * @throws IllegalArgumentException if it is not finite
   */
  public List<Related> related(String id, int limit, double perCount) {
    if (!Double.isFinite(perCount)) {
      throw new IllegalArgumentException("perCount is not finite");
    }
    Memory source = store.read(Kind.MEMORY, Key.of(id)).flatMap(Stored::live).orElse(null);
    if (source == null) {
      return List.of();
    }
    Set<String> tags = source.foldedTags();
    Set<String> links = new HashSet<>(Value.textsOf(source.members().get("links")));
    Map<String, Double> counts = new HashMap<>();
    for (CoOccurrence count : counts(source.id())) {
      if (number(count.count()) > 0) {
        counts.put(count.to(), number(count.count()));
      }
    }
    Any any = Any.NONE.tag(tags).id(links).id(counts.keySet());
    return best(
        MemoryQuery.all().any(any),
        limit,
        MOST_RELATED,
        head -> {
          if (head.id().equals(source.id())) {
            return Optional.empty();
          }
          int shared = (int) head.foldedTags().stream().filter(tags::contains).count();
          double count = counts.getOrDefault(head.id(), 0.0);
          return Optional.of(
              new Related(
                  head, links.contains(head.id()), shared, count, shared + count * perCount));
        });
  }

  /** The first {@code limit} by {@code order} of what heads turn into, keeping no more of them. */
  private <R> List<R> best(
      MemoryQuery query, int limit, Comparator<R> order, Function<MemoryHead, Optional<R>> make) {
    if (limit < 1) {
      throw new IllegalArgumentException("limit is not above 0");
    }
    PriorityQueue<R> best = new PriorityQueue<>(order.reversed());
    try (Stream<MemoryHead> heads = store.heads(query)) {
      heads
          .flatMap(head -> make.apply(head).stream())
          .forEach(
              item -> {
                best.add(item);
                if (best.size() > limit) {
                  best.poll();
                }
              });
    }
    return best.stream().sorted(order).toList();
  }

  // ---- causes and effects ----

  /** Which way to go along causes. */
  public enum Direction {
    /** To what led to a memory. */
    CAUSES,
    /** To what a memory led to. */
    EFFECTS;

    private List<String> next(MemoryHead head) {
      return this == CAUSES ? head.causedBy() : head.leadsTo();
    }
  }

  /**
   * A memory on a chain, be it there or not.
   *
   * @param depth how many steps away, from 1
   */
  public record Link(String id, int depth) {}

  /**
   * What led to a memory, or what it led to: each id once, with the fewest steps it takes; by depth
   * and code point. The memory itself is left out, also where a circle leads back to it. Ids that
   * are no memory's are listed. One round trip for each level, without bodies.
   *
   * @param maxDepth how many steps at most; 1 to 100. Drift's is 5
   */
  public List<Link> chain(String id, Direction direction, int maxDepth) {
    Map<String, Integer> depths = new LinkedHashMap<>();
    follow(id, direction, maxDepth, depths);
    depths.remove(id);
    return depths.entrySet().stream()
        .map(entry -> new Link(entry.getKey(), entry.getValue()))
        .sorted(Comparator.comparingInt(Link::depth).thenComparing(Link::id, Texts::compare))
        .toList();
  }

  /**
   * The list that the original makes of the same: depth first, each memory followed at the first
   * time only but listed every time, so that ids repeat, depths are not the least, and what is only
   * reached over a memory that was met too deep is missing. For comparing with it.
   */
  public List<Link> chainAsOriginal(String id, Direction direction, int maxDepth) {
    Map<String, List<String>> next = follow(id, direction, maxDepth, new LinkedHashMap<>());
    List<Link> links = new ArrayList<>();
    walk(id, 1, maxDepth, next, new HashSet<>(), links);
    return links;
  }

  private static void walk(
      String id,
      int depth,
      int maxDepth,
      Map<String, List<String>> next,
      Set<String> visited,
      List<Link> links) {
    if (depth <= maxDepth && visited.add(id)) {
      for (String other : next.getOrDefault(id, List.of())) {
        links.add(new Link(other, depth));
        walk(other, depth + 1, maxDepth, next, visited, links);
      }
    }
  }

  /** Breadth first; fills in the depth of each id, and returns where each memory leads. */
  private Map<String, List<String>> follow(
      String id, Direction direction, int maxDepth, Map<String, Integer> depths) {
    if (maxDepth < 1 || maxDepth > MOST_LEVELS) {
      throw new IllegalArgumentException("maxDepth is not in 1 to " + MOST_LEVELS);
    }
    Map<String, List<String>> next = new HashMap<>();
    depths.put(id, 0);
    Collection<String> level = List.of(id);
    for (int depth = 1; depth <= maxDepth && !level.isEmpty(); depth++) {
      List<String> further = new ArrayList<>();
      int here = depth;
      try (Stream<MemoryHead> heads = store.heads(MemoryQuery.all().any(Any.NONE.id(level)))) {
        heads.forEach(
            head -> {
              next.put(head.id(), direction.next(head));
              for (String other : direction.next(head)) {
                if (depths.putIfAbsent(other, here) == null) {
                  further.add(other);
                }
              }
            });
      }
      level = further;
    }
    return next;
  }

  // ---- statistics ----

  /**
   * Numbers about a whole store.
   *
   * @param core memories of that tier
   * @param active memories of that tier
   * @param archive memories of that tier
   * @param pairs how many pairs of memories count each other, in one direction or both
   * @param totalCount the sum of a count of each pair: that of the memory which comes first, if it
   *     has one. Added up as the original does: by memories in their order, and for each in that of
   *     its file
   * @param averageCount the same for each pair, 2 decimals; 0 without pairs
   * @param recalled how many memories the session that is going on has retrieved
   * @param lastDecayed how many ties the last run of decay lowered
   * @param lastPruned how many it removed
   * @param decayRate what a pair loses whose memories were never recalled
   * @param sessionTimeout after how long a session is over
   */
  public record Statistics(
      long core,
      long active,
      long archive,
      long pairs,
      double totalCount,
      double averageCount,
      int recalled,
      long lastDecayed,
      long lastPruned,
      double decayRate,
      Duration sessionTimeout) {
    /** Memories of all tiers. */
    public long total() {
      return core + active + archive;
    }
  }

  /**
   * Numbers about the whole store. Over all heads and all co-occurrence entries; keeps the place of
   * each memory and one direction of each pair.
   */
  public Statistics statistics() {
    Map<String, MemoryHead> places = new HashMap<>();
    long[] tiers = new long[Tier.values().length];
    try (Stream<MemoryHead> heads = store.heads(MemoryQuery.all())) {
      heads.forEach(
          head -> {
            tiers[head.tier().ordinal()]++;
            places.put(
                head.id(), new MemoryHead.Bare(head.id(), head.tier(), head.fileName(), null));
          });
    }
    Map<Pair, Counted> counted = new HashMap<>();
    try (Stream<Stored<CoOccurrence>> scan = store.scan(Kind.CO_OCCURRENCE)) {
      scan.filter(stored -> !stored.isTombstone() && !stored.key().part(1).isEmpty())
          .forEach(
              stored -> {
                CoOccurrence count = stored.live().orElseThrow();
                MemoryHead memory = places.get(count.from());
                if (memory != null) { // else it was written since, and is forgotten by now
                  counted.merge(
                      Pair.of(count.from(), count.to()),
                      new Counted(memory, stored.place(), number(count.count())),
                      (a, b) -> Counted.ORDER.compare(a, b) < 0 ? a : b);
                }
              });
    }
    List<Counted> inOrder = new ArrayList<>(counted.values());
    inOrder.sort(Counted.ORDER);
    double sum = 0;
    for (Counted count : inOrder) {
      sum += count.count(); // in this order, or the last digits are not the original's
    }
    int pairs = inOrder.size();
    DecayRun last = lastDecay().orElse(new DecayRun(0, Value.EMPTY_MAP));
    return new Statistics(
        tiers[Tier.CORE.ordinal()],
        tiers[Tier.ACTIVE.ordinal()],
        tiers[Tier.ARCHIVE.ordinal()],
        pairs,
        sum,
        pairs == 0 ? 0 : Arithmetic.round(sum / pairs, 2),
        recalled(),
        (long) number(last.members().entries().getOrDefault("decayed", Value.NULL)),
        (long) number(last.members().entries().getOrDefault("pruned", Value.NULL)),
        decay.rate(),
        session.limit());
  }

  private record Pair(String a, String b) {
    static Pair of(String x, String y) {
      return Texts.compare(x, y) <= 0 ? new Pair(x, y) : new Pair(y, x);
    }
  }

  private record Counted(MemoryHead memory, long place, double count) {
    static final Comparator<Counted> ORDER =
        Comparator.comparing(Counted::memory, MemoryHead.PLACE).thenComparingLong(Counted::place);
  }

  private Optional<DecayRun> lastDecay() {
    try (Stream<Stored<DecayRun>> runs = store.scan(Kind.DECAY_RUN)) {
      return runs.flatMap(stored -> stored.live().stream()).reduce((first, second) -> second);
    }
  }

  private int recalled() {
    Instant now = clock.instant();
    return store
        .read(Kind.SESSION, Session.KEY)
        .flatMap(Stored::live)
        .filter(current -> !session.isOver(current, now))
        .map(current -> current.retrieved().size())
        .orElse(0);
  }

  // ---- what is on the agent's mind ----

  /** How present a memory is. */
  public record Activated(MemoryHead memory, double activation) {}

  /** The core and active memories that are most present now. Over all heads. */
  public List<Activated> mostActivated(int limit) {
    return mostActivated(limit, Activation.DRIFT);
  }

  /** The core and active memories that are most present now, by another rule. Over all heads. */
  public List<Activated> mostActivated(int limit, Activation rule) {
    Instant now = clock.instant();
    return best(
        alive(),
        limit,
        Comparator.comparingDouble(Activated::activation)
            .reversed()
            .thenComparing(Activated::memory, MemoryHead.PLACE),
        head -> Optional.of(new Activated(head, rule.of(head, now))));
  }

  /**
   * A memory that came from another agent.
   *
   * @param agent the one its {@code source} names; {@code unknown} if it names none
   */
  public record Imported(MemoryHead memory, TrustTier trust, String agent) {}

  /**
   * The active and archived memories whose {@code source} names an agent or that have a tag {@code
   * imported:..}. Over all heads.
   */
  public List<Imported> imported() {
    MemoryQuery query = MemoryQuery.all().tiers(List.of(Tier.ACTIVE, Tier.ARCHIVE));
    try (Stream<MemoryHead> heads = store.heads(query)) {
      return heads
          .flatMap(head -> imported(head).stream())
          .sorted(Comparator.comparing(Imported::memory, MemoryHead.PLACE))
          .toList();
    }
  }

  private static Optional<Imported> imported(MemoryHead head) {
    String agent =
        head.members().get("source") instanceof Value.Map source
            ? Value.textOf(source.get("agent"))
            : null;
    boolean named = agent != null && !agent.isEmpty();
    return named || head.tags().stream().anyMatch(tag -> tag.startsWith("imported:"))
        ? Optional.of(new Imported(head, TrustTier.of(head), agent == null ? "unknown" : agent))
        : Optional.empty();
  }

  /** What to call to mind when a session starts, by Drift's rules. */
  public Priming priming() {
    return priming(Priming.Rules.DRIFT);
  }

  /**
   * What to call to mind when a session starts. Over all heads of core and active once; the entries
   * of twice as many memories as shall be activated, one query for unfinished work, one read of a
   * context graph if one is asked for, and the bodies of those in the answer.
   */
  public Priming priming(Priming.Rules rules) {
    return new Primer(this, store, rules, clock.instant(), random).prime();
  }
}

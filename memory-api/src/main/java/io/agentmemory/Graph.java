package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.command.AddObservation;
import io.agentmemory.command.Batch;
import io.agentmemory.command.BeliefRule;
import io.agentmemory.command.Command;
import io.agentmemory.command.CountCoOccurrences;
import io.agentmemory.command.DecayCoOccurrences;
import io.agentmemory.command.DecayEdges;
import io.agentmemory.command.DecayRule;
import io.agentmemory.command.LogCoOccurrences;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.ReplaceRecord;
import io.agentmemory.identity.ContextView;
import io.agentmemory.internal.Texts;
import io.agentmemory.internal.TreeFile;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.UnaryOperator;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What ties the memories of a store together, by the verbs an agent uses. Thread-safe. Made by
 * {@link MemoryStore#graph()}; costs nothing to make.
 *
 * <p>There are two graphs, which Drift keeps side by side: edges with observations and a belief
 * ({@link Edge}), and plain counts in the memories' own files ({@link CoOccurrence}).
 *
 * <p>Besides what is named, every method throws what {@link MemoryStore#execute} and {@link
 * MemoryStore#read} do.
 */
public final class Graph {
  /** About 10 MiB of what a store writes, and of what it holds while it does. */
  private static final int EDGES_AT_ONCE = 50_000;

  private final MemoryStore store;
  private final Clock clock;
  private final RandomGenerator random;
  private final BeliefRule beliefs;
  private final DecayRule decay;

  Graph(MemoryStore store) {
    this(store, Clock.systemUTC(), new SecureRandom(), BeliefRule.DRIFT, DecayRule.DRIFT);
  }

  private Graph(
      MemoryStore store, Clock clock, RandomGenerator random, BeliefRule beliefs, DecayRule decay) {
    this.store = requireNonNull(store, "store");
    this.clock = requireNonNull(clock, "clock");
    this.random = requireNonNull(random, "random");
    this.beliefs = requireNonNull(beliefs, "beliefs");
    this.decay = requireNonNull(decay, "decay");
  }

  /** The same with another clock and another source of ids, for tests that repeat. */
  public Graph with(Clock clock, RandomGenerator random) {
    return new Graph(store, clock, random, beliefs, decay);
  }

  /** The same with other rules than Drift's for how beliefs add up and how ties decay. */
  public Graph with(BeliefRule beliefs, DecayRule decay) {
    return new Graph(store, clock, random, beliefs, decay);
  }

  /** The edge between two memories, in whichever order. */
  public Optional<Edge> findEdge(String first, String second) {
    String pair = Texts.compare(first, second) < 0 ? first + "|" + second : second + "|" + first;
    return store.read(Kind.EDGE, Key.of(pair)).flatMap(Stored::live);
  }

  /**
   * Adds a reason for two memories to belong together, and works out anew how much to believe it.
   *
   * @return the edge as it is now
   */
  public Edge addObservation(String first, String second, NewObservation observation) {
    String at = now();
    Value.Map members = observation.members(uuid(), at);
    Outcome outcome = store.execute(new AddObservation(first, second, at, members, beliefs));
    return outcome.changes().stream()
        .map(change -> change.after().value())
        .filter(Edge.class::isInstance)
        .map(Edge.class::cast)
        .findFirst()
        .or(() -> findEdge(first, second)) // as it was: what was added weighs nothing
        .orElseThrow();
  }

  /**
   * Notes that memories were retrieved in one session: an observation for each pair of them.
   *
   * @param agent whose session it is
   * @param activity what the session was mostly about, if that is known
   * @return the number of pairs
   */
  public int logCoOccurrences(List<String> retrieved, String agent, @Nullable String activity) {
    List<String> ids = List.copyOf(new LinkedHashSet<>(retrieved));
    int pairs = LogCoOccurrences.pairs(ids.size());
    if (pairs > 0) {
      List<String> uuids = new ArrayList<>();
      while (uuids.size() < pairs) {
        uuids.add(uuid());
      }
      String at = now();
      store.execute(new LogCoOccurrences(ids, uuids, at, at, agent, activity, beliefs));
    }
    return pairs;
  }

  /**
   * Counts that memories were retrieved in one session, in the files of those that exist.
   *
   * @return the number of pairs that both count
   */
  public int countCoOccurrences(List<String> retrieved) {
    List<String> ids = List.copyOf(new LinkedHashSet<>(retrieved));
    return ids.size() < 2 ? 0 : counted(store.execute(new CountCoOccurrences(ids)));
  }

  /** How many ties lost some of their strength, and how many all of it and are gone. */
  public record Decayed(int decayed, int pruned) {}

  /**
   * Lowers the belief in every edge but those between memories that the session retrieved, and
   * deletes those that nothing is left of.
   *
   * @param dimensions what the session was about, by {@code where}, {@code why}, {@code who} and
   *     {@code what}; an edge that has dimensions but no value in common decays ten times slower.
   *     Empty to make no such difference
   */
  public Decayed decayEdges(List<String> retrieved, Map<String, List<String>> dimensions) {
    return decayed(Kind.EDGE, store.execute(new DecayEdges(retrieved, dimensions, now(), decay)));
  }

  /**
   * Lowers every count of co-occurrences but those between memories that the session retrieved, and
   * deletes those that nothing is left of.
   *
   * @return numbers of pairs that count each other
   */
  public Decayed decayCoOccurrences(List<String> retrieved) {
    Decayed entries =
        decayed(Kind.CO_OCCURRENCE, store.execute(new DecayCoOccurrences(retrieved, now(), decay)));
    return new Decayed(entries.decayed() / 2, entries.pruned() / 2);
  }

  /**
   * What a rebuilding of the context graphs made.
   *
   * @param graphs how many
   * @param edges how many edges they were made from
   * @param bridges how many edges at least two questions have
   * @param dimensions how many edges each of who, what, why and where has
   * @param at when, as it stands in the graphs
   */
  public record Rebuilt(
      int graphs, int edges, int bridges, Map<String, Integer> dimensions, String at) {
    /** Copies the map in its order. */
    public Rebuilt {
      dimensions = Collections.unmodifiableMap(new LinkedHashMap<>(dimensions));
    }
  }

  /**
   * Works the context graphs out anew, from edges, observations and memories, and puts them in the
   * place of those there are. One of a topic, activity, platform or pair of questions that no edge
   * has any more stays as it is, as does everything if there are no edges. All in one step, unless
   * the graphs have more than 50,000 edges together: then one graph after the other, as the
   * original writes its files, each whole at all times. Holds all edges and observations, and of
   * the memories what is not their content.
   */
  public Rebuilt rebuildContexts() {
    return rebuildContexts(ContextView.Rules.DRIFT);
  }

  /** As {@link #rebuildContexts()}, by other rules. */
  public Rebuilt rebuildContexts(ContextView.Rules rules) {
    return rebuildContexts(rules, EDGES_AT_ONCE);
  }

  Rebuilt rebuildContexts(ContextView.Rules rules, long edgesAtOnce) {
    Instant now = clock.instant();
    String at = Texts.time(now);
    List<Edge> edges;
    try (Stream<Stored<Edge>> all = store.scan(Kind.EDGE)) {
      edges = all.sorted(Stored.BY_PLACE).flatMap(stored -> stored.live().stream()).toList();
    }
    List<ContextView> views =
        ContextView.rebuild(
            edges,
            all(Kind.OBSERVATION, observation -> observation),
            all(Kind.MEMORY, memory -> memory.withContent("")),
            now,
            beliefs::belief,
            rules);
    Map<String, ContextGraph> graphs = new LinkedHashMap<>();
    Map<String, Integer> dimensions = new LinkedHashMap<>();
    List.of("who", "what", "why", "where").forEach(question -> dimensions.put(question, 0));
    int bridges = 0;
    for (ContextView view : views) {
      String name = nameOf(view);
      if (TreeFile.isKey(Kind.CONTEXT_GRAPH, Key.of(name))) {
        graphs.put(name, new ContextGraph(name, view.tree(at, rules.hubs())));
      }
      if (view.subView() == null) {
        dimensions.replace(view.dimension(), view.edges().size());
        bridges = view.dimension().equals("bridges") ? view.edges().size() : bridges;
      }
    }
    long all = views.stream().mapToLong(view -> view.edges().size()).sum();
    put(graphs.values(), all <= edgesAtOnce ? Batch.MAX_COMMANDS : 1);
    return new Rebuilt(graphs.size(), edges.size(), bridges, dimensions, at);
  }

  private void put(Collection<ContextGraph> graphs, int atOnce) {
    List<Command> commands = new ArrayList<>();
    for (ContextGraph graph : graphs) {
      commands.add(new ReplaceRecord(graph, ReplaceRecord.ANY));
      if (commands.size() == atOnce) {
        store.execute(Batch.of(commands));
        commands.clear();
      }
    }
    if (!commands.isEmpty()) {
      store.execute(Batch.of(commands));
    }
  }

  /** The name of its file; a platform may be called anything. */
  private static String nameOf(ContextView view) {
    return view.subView() == null
        ? view.dimension()
        : view.dimension() + "_" + view.subView().replaceAll("[/\\\\\\p{Cntrl}]", "-");
  }

  private <T extends MemoryRecord> List<T> all(Kind<T> kind, UnaryOperator<T> part) {
    try (Stream<Stored<T>> records = store.scan(kind)) {
      return records.flatMap(stored -> stored.live().stream()).map(part).toList();
    }
  }

  private static Decayed decayed(Kind<?> kind, Outcome outcome) {
    int pruned = 0;
    int decayed = 0;
    for (Outcome.Change change : outcome.changes()) {
      if (change.after().kind().equals(kind)) {
        if (change.after().isTombstone()) {
          pruned++;
        } else {
          decayed++;
        }
      }
    }
    return new Decayed(decayed, pruned);
  }

  /** The number of pairs that count each other once more. */
  static int counted(Outcome outcome) {
    return (int)
            outcome.changes().stream()
                .filter(change -> change.after().kind().equals(Kind.CO_OCCURRENCE))
                .count()
        / 2;
  }

  /** What edges lost in a batch that also reinforced those between {@code retrieved}. */
  static Decayed decayedEdges(Outcome outcome, List<String> retrieved) {
    Set<String> ids = Set.copyOf(retrieved);
    int pruned = 0;
    int decayed = 0;
    for (Outcome.Change change : outcome.changes()) {
      if (change.after().kind().equals(Kind.EDGE)) {
        if (change.after().isTombstone()) {
          pruned++;
        } else if (change.after().value() instanceof Edge edge
            && !(ids.contains(edge.first().orElse("")) && ids.contains(edge.second().orElse("")))) {
          decayed++;
        }
      }
    }
    return new Decayed(decayed, pruned);
  }

  private String now() {
    return Texts.time(clock.instant());
  }

  private String uuid() {
    return uuid(random);
  }

  /** A random UUID, as Drift names observations. Source: RFC 4122, version 4. */
  static String uuid(RandomGenerator random) {
    long high = (random.nextLong() & ~0xf000L) | 0x4000L;
    long low = (random.nextLong() & ~(3L << 62)) | (1L << 63);
    return new UUID(high, low).toString();
  }
}

package io.agentmemory.identity;

import io.agentmemory.Edge;
import io.agentmemory.Memory;
import io.agentmemory.Observation;
import io.agentmemory.Value;
import io.agentmemory.spi.Canonical;
import java.time.Instant;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToDoubleBiFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The edges as one of the questions who, what, why, where and when sees them, or the bridges
 * between these. It is derived: whatever it says can be worked out again from edges and memories.
 *
 * <p>Source: Drift's context graphs.
 *
 * @param dimension {@code who}, {@code what}, {@code why}, {@code where}, {@code when} or {@code
 *     bridges}
 * @param subView one topic, activity, platform, window of time or pair of dimensions; null for the
 *     whole
 * @param edges by pair, in the order of the edges they come from; members as the original names
 *     them
 */
public record ContextView(
    String dimension, @Nullable String subView, Map<String, Value.Map> edges) {
  private static final int HASHED_HUBS = 10;
  private static final int SHOWN_HUBS = 5;

  /**
   * What the graphs are made by.
   *
   * @param sessionHours how long a session is taken to be
   * @param windows the windows of time, in sessions
   * @param topics the topics that get a graph of their own
   * @param activities the activities that get a graph of their own
   * @param leastShare what an edge counts whose two memories share nothing of the question
   * @param partShare what an edge counts for a topic that not both of its memories have
   * @param hubs how many hubs a graph names
   * @param leastDimensions an edge that as many graphs have is a bridge; at least 1
   * @param pairScore the score of a bridge between two dimensions
   */
  public record Rules(
      double sessionHours,
      Map<String, Integer> windows,
      List<String> topics,
      List<String> activities,
      double leastShare,
      double partShare,
      int hubs,
      int leastDimensions,
      double pairScore) {
    /** Drift's own. */
    public static final Rules DRIFT =
        new Rules(
            4,
            driftWindows(),
            List.copyOf(Topics.DRIFT.words().keySet()),
            List.of(
                "social", "technical", "reflective", "collaborative", "exploratory", "economic"),
            0.3,
            0.5,
            10,
            2,
            0.5);

    /**
     * Copies the collections in their order.
     *
     * @throws IllegalArgumentException if {@code hubs} is below 0 or {@code leastDimensions} below
     *     1
     */
    public Rules {
      if (hubs < 0 || leastDimensions < 1) {
        throw new IllegalArgumentException("hubs is below 0 or leastDimensions below 1");
      }
      windows = Collections.unmodifiableMap(new LinkedHashMap<>(windows));
      topics = List.copyOf(topics);
      activities = List.copyOf(activities);
    }

    private static Map<String, Integer> driftWindows() {
      Map<String, Integer> windows = new LinkedHashMap<>();
      windows.put("hot", 3);
      windows.put("warm", 7);
      windows.put("cool", 21);
      return windows;
    }
  }

  /** Copies the edges in their order. */
  public ContextView {
    edges = Collections.unmodifiableMap(new LinkedHashMap<>(edges));
  }

  /**
   * Every graph that these records give: the questions and windows always, also where they are
   * empty, bridges always, a view of one topic, activity, platform or pair of questions only if it
   * has an edge. Nothing at all if there are no edges.
   *
   * @param edges in an order that decides which of two equal hubs comes first
   * @param memories of all three tiers
   * @param belief the belief that observations give at a time, for the windows
   */
  public static List<ContextView> rebuild(
      Collection<Edge> edges,
      Collection<Observation> observations,
      Collection<Memory> memories,
      Instant now,
      ToDoubleBiFunction<List<Value.Map>, Instant> belief,
      Rules rules) {
    return edges.isEmpty()
        ? List.of()
        : new Projection(edges, observations, memories, rules).all(now, belief);
  }

  /** The ids that occur in most of its edges, at most so many, the most frequent first. */
  public List<String> hubs(int most) {
    Map<String, Integer> degrees = new LinkedHashMap<>();
    edges.keySet().forEach(pair -> ids(pair).forEach(id -> degrees.merge(id, 1, Integer::sum)));
    return List.copyOf(Python.mostCommon(degrees, most).keySet());
  }

  /** The ids in its edges. */
  public Set<String> nodes() {
    Set<String> nodes = new LinkedHashSet<>();
    edges.keySet().forEach(pair -> nodes.addAll(ids(pair)));
    return Collections.unmodifiableSet(nodes);
  }

  static List<String> ids(String pair) {
    String[] ids = pair.split("\\|", -1);
    return ids.length == 2 ? List.of(ids) : List.of();
  }

  /** The mean belief, 3 decimals; the integer 0 if there are no edges. */
  private Value averageBelief() {
    if (edges.isEmpty()) {
      return Value.of(0);
    }
    double sum = 0;
    for (Value.Map edge : edges.values()) {
      sum += Python.number(edge.get("belief"));
    }
    return Value.of(Python.round(sum / edges.size(), 3));
  }

  /** Edges divided by how many there could be, 6 decimals. */
  private double density() {
    double n = nodes().size();
    return Python.round(edges.size() / (n > 1 ? n * (n - 1) / 2 : 1), 6);
  }

  /** The graph in the original's form, with as many hubs as Drift names. */
  public Value.Map tree(String lastRebuilt) {
    return tree(lastRebuilt, Rules.DRIFT.hubs());
  }

  /**
   * The graph in the original's form.
   *
   * @param lastRebuilt when it was worked out, as it is to stand in it
   * @param hubs how many hubs it names
   */
  public Value.Map tree(String lastRebuilt, int hubs) {
    Map<String, Value> meta = new LinkedHashMap<>();
    meta.put("dimension", Value.of(dimension));
    meta.put("sub_view", subView == null ? Value.NULL : Value.of(subView));
    meta.put("last_rebuilt", Value.of(lastRebuilt));
    meta.put("edge_count", Value.of(edges.size()));
    meta.put("node_count", Value.of(nodes().size()));
    Map<String, Value> stats = new LinkedHashMap<>();
    stats.put("avg_belief", averageBelief());
    stats.put("density", Value.of(density()));
    Map<String, Value> tree = new LinkedHashMap<>();
    tree.put("meta", new Value.Map(meta));
    tree.put("edges", new Value.Map(new LinkedHashMap<>(edges)));
    tree.put("hubs", Value.Seq.ofTexts(hubs(hubs)));
    tree.put("stats", new Value.Map(stats));
    return new Value.Map(tree);
  }

  /**
   * The fingerprint of this one graph in the original's form: its size, hubs and distribution, and
   * a {@code hash} of 16 hexadecimal digits over these; a null one if it has no edges.
   *
   * @param memories give the hubs their tags; those of the archive do not count
   */
  public Value.Map fingerprint(Collection<Memory> memories) {
    Map<String, Value> beliefs = new LinkedHashMap<>();
    edges.forEach(
        (pair, edge) -> beliefs.put(pair, edge.entries().getOrDefault("belief", Value.of(0))));
    Graph graph = Graph.ofBeliefs(memories, beliefs);
    Map<String, Value> tree = new LinkedHashMap<>();
    tree.put("dimension", Value.of(dimension));
    tree.put("sub_view", subView == null ? Value.NULL : Value.of(subView));
    tree.put("edge_count", Value.of(graph.edges.size()));
    tree.put("node_count", Value.of(graph.rows.size()));
    if (graph.edges.isEmpty()) {
      tree.put("hash", Value.NULL);
      return new Value.Map(tree);
    }
    List<Value.Map> hubs = CognitiveFingerprint.hubs(graph, HASHED_HUBS);
    Value.Map shape = Distribution.of(graph);
    tree.put("avg_degree", Value.of(graph.averageDegree()));
    tree.put(
        "hubs",
        new Value.Seq(
            hubs.stream()
                .limit(SHOWN_HUBS)
                .<Value>map(
                    hub ->
                        new Value.Map(
                            Map.of("id", member(hub, "id"), "degree", member(hub, "degree"))))
                .toList()));
    Map<String, Value> distribution = new LinkedHashMap<>();
    for (String name : List.of("gini", "skewness", "mean")) {
      distribution.put(name, member(shape, name));
    }
    tree.put("distribution", new Value.Map(distribution));
    String text =
        "%s:%s\n%s\nmean=%s,gini=%s,skew=%s"
            .formatted(
                dimension,
                subView == null ? "all" : subView,
                String.join("|", hubs.stream().map(h -> Python.str(member(h, "id"))).toList()),
                Python.str(member(shape, "mean")),
                Python.str(member(shape, "gini")),
                Python.str(member(shape, "skewness")));
    tree.put("hash", Value.of(FiveHashes.shortHash(text)));
    return new Value.Map(tree);
  }

  /**
   * SHA-256 of all that its edges say, in whatever order they are; 64 hexadecimal digits. The
   * original's hash tells hubs and distribution only, and these rounded.
   */
  public String digest() {
    return Python.sha256(Canonical.canonical(new Value.Map(new LinkedHashMap<>(edges))));
  }

  /** One hash over the hashes of several graphs, in whatever order; 16 hexadecimal digits. */
  public static String compositeHash(Collection<String> hashes) {
    return FiveHashes.shortHash(hashes.stream().sorted().collect(Collectors.joining("|")));
  }

  private static Value member(Value.Map map, String name) {
    return map.entries().getOrDefault(name, Value.of(0));
  }
}

package io.agentmemory.identity;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Memory;
import io.agentmemory.Value;
import io.agentmemory.internal.Texts;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The shape of what an agent recalls together: which memories its thinking turns around, in which
 * fields, how strongly. Two fingerprints with one hash are of one graph for all that counts.
 *
 * <p>Source: Drift's cognitive fingerprint, version 1.2, over in-file counts.
 *
 * @param members the analysis in the original's form: {@code graph_stats}, {@code hubs}, {@code
 *     strongest_pairs}, {@code clusters}, {@code cluster_count}, {@code cognitive_domains}, {@code
 *     strength_distribution}, {@code graph_metrics}, {@code fingerprint_hash}
 */
public record CognitiveFingerprint(Value.Map members) {
  /**
   * What a fingerprint looks at.
   *
   * @param hubs how many hubs to keep
   * @param pairs how many of the strongest pairs to keep
   * @param clusterPercent pairs at or above this percentile of weight form the clusters
   * @param domains the tags of each field of thought in lower case, the first of two equals first
   * @param hashedHubs how many of the hubs go into the hash
   * @param clusters how many of the largest clusters to keep; all of them count
   * @param domainHubs how many hubs of each field to keep
   * @param sampled from at most so many memories the ways are followed that make up the centrality;
   *     at least 1
   */
  public record Rules(
      int hubs,
      int pairs,
      int clusterPercent,
      Map<String, List<String>> domains,
      int hashedHubs,
      int clusters,
      int domainHubs,
      int sampled) {
    /** Drift's own. */
    public static final Rules DRIFT = new Rules(20, 20, 90, driftDomains(), 15, 10, 5, 50);

    /**
     * Copies the map in its order.
     *
     * @throws IllegalArgumentException if a number is out of range
     */
    public Rules {
      if (Math.min(hubs, Math.min(pairs, hashedHubs)) < 0
          || Math.min(clusters, domainHubs) < 0
          || sampled < 1
          || clusterPercent < 0
          || clusterPercent > 100) {
        throw new IllegalArgumentException("a number of the rules is out of range");
      }
      domains = Collections.unmodifiableMap(new LinkedHashMap<>(domains));
    }

    private static Map<String, List<String>> driftDomains() {
      Map<String, List<String>> domains = new LinkedHashMap<>();
      domains.put("reflection", List.of("thought", "thinking", "output", "source:self"));
      domains.put(
          "social",
          List.of(
              "social",
              "collaboration",
              "spindrift",
              "spindriftmend",
              "kaleaon",
              "moltx",
              "moltbook"));
      domains.put(
          "technical",
          List.of(
              "insight",
              "problem_solved",
              "error",
              "bug",
              "fix",
              "resolution",
              "memory-system",
              "architecture",
              "api"));
      domains.put("economic", List.of("economic", "bounty", "clawtasks", "wallet", "earned"));
      domains.put(
          "identity",
          List.of(
              "identity", "values", "milestone", "shipped", "dossier", "attestation", "critical"));
      return domains;
    }
  }

  /** The fingerprint by Drift's rules: {@link #of(Collection, Collection, Rules)}. */
  public static CognitiveFingerprint of(
      Collection<Memory> memories, Collection<CoOccurrence> counts) {
    return of(memories, counts, Rules.DRIFT);
  }

  /**
   * The fingerprint of these memories. Those of the archive, and those whose front matter states no
   * id, are left out.
   *
   * @param counts of each memory what its file counts. Their order within one memory decides which
   *     of equally strong pairs comes first; the hash does not depend on it
   */
  public static CognitiveFingerprint of(
      Collection<Memory> memories, Collection<CoOccurrence> counts, Rules rules) {
    Graph graph = Graph.ofCounts(memories, counts);
    List<Value.Map> clusters = clusters(graph, rules.clusterPercent());
    Map<String, Value> members = new LinkedHashMap<>();
    members.put("version", Value.of("1.2"));
    members.put("type", Value.of("cognitive_fingerprint"));
    Map<String, Value> stats = new LinkedHashMap<>();
    stats.put("node_count", Value.of(graph.rows.size()));
    stats.put("total_memory_files", Value.of(graph.nodes.size()));
    stats.put("edge_count", Value.of(graph.edges.size()));
    stats.put("avg_degree", Value.of(graph.averageDegree()));
    members.put("graph_stats", new Value.Map(stats));
    members.put("hubs", new Value.Seq(List.copyOf(hubs(graph, rules.hubs()))));
    members.put("strongest_pairs", pairs(graph, rules.pairs()));
    members.put(
        "clusters",
        new Value.Seq(clusters.stream().limit(rules.clusters()).map(Value.class::cast).toList()));
    members.put("cluster_count", Value.of(clusters.size()));
    members.put("cognitive_domains", Domains.of(graph, rules.domains(), rules.domainHubs()));
    members.put("strength_distribution", Distribution.of(graph));
    members.put("graph_metrics", Metrics.of(graph, rules.domains(), rules.sampled()));
    Value.Map unsigned = new Value.Map(members);
    return new CognitiveFingerprint(
        unsigned.with("fingerprint_hash", Value.of(hash(unsigned, rules.hashedHubs()))));
  }

  /** The hash it was given: 64 hexadecimal digits; if it has none, as {@link #hash(Value.Map)}. */
  public String hash() {
    String given = Value.textOf(members.get("fingerprint_hash"));
    return given == null ? hash(members) : given;
  }

  /**
   * The hash of an analysis in the original's form, such as one it exported: SHA-256 of four lines
   * that spell the ids of the first 15 hubs, the distribution, the weight of each domain, and the
   * numbers of clusters and edges. What is missing counts as 0.
   */
  public static String hash(Value.Map analysis) {
    return hash(analysis, Rules.DRIFT.hashedHubs());
  }

  private static String hash(Value.Map analysis, int hashedHubs) {
    List<String> hubs = hubIds(analysis);
    Value.Map distribution = map(analysis, "strength_distribution");
    Value.Map domains = map(map(analysis, "cognitive_domains"), "domains");
    String shape =
        "mean=%s,std=%s,skew=%s,gini=%s,p50=%s,p99=%s"
            .formatted(
                number(distribution, "mean"),
                number(distribution, "std_dev"),
                number(distribution, "skewness"),
                number(distribution, "gini"),
                number(distribution, "p50_median"),
                number(distribution, "p99"));
    String weights =
        domains.entries().keySet().stream()
            .sorted(Texts::compare)
            .map(domain -> domain + "=" + number(map(domains, domain), "weight_pct"))
            .collect(Collectors.joining(","));
    String structure =
        "clusters=%s,edges=%s"
            .formatted(number(analysis, "cluster_count"), number(distribution, "count"));
    return Python.sha256(
        String.join(
            "\n",
            String.join("|", hubs.subList(0, Math.min(hashedHubs, hubs.size()))),
            shape,
            weights,
            structure));
  }

  /** How far this fingerprint has moved from {@code previous}, by Drift's weights. */
  public Drift driftFrom(Value.Map previous) {
    return Drift.between(previous, members);
  }

  static List<String> hubIds(Value.Map analysis) {
    List<String> ids = new ArrayList<>();
    if (analysis.get("hubs") instanceof Value.Seq hubs) {
      for (Value hub : hubs.items()) {
        String id = hub instanceof Value.Map map ? Value.textOf(map.get("id")) : null;
        if (id != null) {
          ids.add(id);
        }
      }
    }
    return ids;
  }

  static Value.Map map(Value.Map parent, String name) {
    return parent.get(name) instanceof Value.Map map ? map : Value.EMPTY_MAP;
  }

  private static String number(Value.Map parent, String name) {
    return Python.str(parent.entries().getOrDefault(name, Value.of(0)));
  }

  static List<Value.Map> hubs(Graph graph, int limit) {
    List<Value.Map> hubs = new ArrayList<>();
    graph.rows.forEach(
        (id, row) -> {
          Memory memory = graph.nodes.get(id);
          Map<String, Value> hub = new LinkedHashMap<>();
          hub.put("id", Value.of(id));
          hub.put("degree", Value.of(row.size()));
          hub.put("weighted_degree", Python.round(graph.strength(id), 2));
          hub.put(
              "recall_count",
              memory == null
                  ? Value.of(0)
                  : memory.members().entries().getOrDefault("recall_count", Value.of(0)));
          hub.put("tags", firstTags(graph, id, 5));
          hubs.add(new Value.Map(hub));
        });
    return highest(hubs, "weighted_degree", limit);
  }

  private static Value.Seq firstTags(Graph graph, String id, int limit) {
    return Value.Seq.ofTexts(graph.tags(id).stream().limit(limit).toList());
  }

  private static Value.Seq pairs(Graph graph, int limit) {
    List<Value.Map> pairs = new ArrayList<>();
    graph.edges.forEach(
        (pair, weight) -> {
          Map<String, Value> entry = new LinkedHashMap<>();
          entry.put("id1", Value.of(pair.a()));
          entry.put("id2", Value.of(pair.b()));
          entry.put("weight", Python.round(weight, 2));
          entry.put("tags1", firstTags(graph, pair.a(), 3));
          entry.put("tags2", firstTags(graph, pair.b(), 3));
          pairs.add(new Value.Map(entry));
        });
    return new Value.Seq(List.copyOf(highest(pairs, "weight", limit)));
  }

  private static List<Value.Map> highest(List<Value.Map> entries, String name, int limit) {
    return entries.stream()
        .sorted((x, y) -> Double.compare(Python.number(y.get(name)), Python.number(x.get(name))))
        .limit(limit)
        .toList();
  }

  /** The components that the strongest pairs form, the largest first. */
  private static List<Value.Map> clusters(Graph graph, int percent) {
    if (graph.edges.isEmpty()) {
      return List.of();
    }
    double[] weights = Distribution.sorted(graph);
    int at = (int) ((double) (weights.length * percent) / 100);
    double threshold = weights[Math.min(at, weights.length - 1)];
    Map<String, Set<String>> strong = new LinkedHashMap<>();
    graph.edges.forEach(
        (pair, weight) -> {
          if (Python.number(weight) >= threshold) {
            strong.computeIfAbsent(pair.a(), id -> new LinkedHashSet<>()).add(pair.b());
            strong.computeIfAbsent(pair.b(), id -> new LinkedHashSet<>()).add(pair.a());
          }
        });
    Set<String> seen = new LinkedHashSet<>();
    List<Value.Map> clusters = new ArrayList<>();
    for (String id : strong.keySet()) {
      List<String> component = component(id, strong, seen);
      if (component.size() >= 2) {
        Map<String, Integer> tags = new LinkedHashMap<>();
        for (String member : HashOrder.of(component)) {
          graph.tags(member).forEach(tag -> tags.merge(tag, 1, Integer::sum));
        }
        Map<String, Value> cluster = new LinkedHashMap<>();
        cluster.put("size", Value.of(component.size()));
        cluster.put("top_tags", Value.Seq.ofTexts(Python.mostCommon(tags, 5).keySet()));
        clusters.add(new Value.Map(cluster));
      }
    }
    return highest(clusters, "size", clusters.size());
  }

  /** What can be reached from {@code start} and was not seen before, breadth first. */
  private static List<String> component(
      String start, Map<String, Set<String>> strong, Set<String> seen) {
    List<String> component = new ArrayList<>();
    if (seen.add(start)) {
      component.add(start);
    }
    for (int i = 0; i < component.size(); i++) {
      for (String next : HashOrder.of(strong.getOrDefault(component.get(i), Set.of()))) {
        if (seen.add(next)) {
          component.add(next);
        }
      }
    }
    return component;
  }
}

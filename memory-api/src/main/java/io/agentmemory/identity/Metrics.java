package io.agentmemory.identity;

import io.agentmemory.Value;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Graph metrics of a fingerprint; no hash depends on them. The original samples nodes, and looks at
 * neighbours, in the order of its sets: {@link HashOrder}.
 */
final class Metrics {
  private static final int TOP = 10;
  private static final int SEED = 42;

  private Metrics() {}

  static Value.Map of(Graph graph, Map<String, List<String>> domains, int sampled) {
    List<String> nodes = HashOrder.of(graph.rows.keySet());
    Map<String, Double> clustering = new LinkedHashMap<>();
    Map<String, Double> betweenness = new LinkedHashMap<>();
    double modularity = 0;
    if (nodes.size() >= 2) {
      nodes.forEach(id -> clustering.put(id, clustering(graph, id)));
      betweenness = betweenness(graph, nodes, sampled);
      modularity = modularity(graph, nodes, domains);
    }
    double sum = 0;
    for (double coefficient : clustering.values()) {
      sum += coefficient;
    }
    double mean = clustering.isEmpty() ? 0 : sum / clustering.size();
    Map<String, Value> perNode = new LinkedHashMap<>();
    top(clustering).forEach(e -> perNode.put(e.getKey(), Value.of(Python.round(e.getValue(), 4))));
    List<Value> bridges = new ArrayList<>();
    for (Map.Entry<String, Double> entry : top(betweenness)) {
      Map<String, Value> bridge = new LinkedHashMap<>();
      bridge.put("id", Value.of(entry.getKey()));
      bridge.put("score", Value.of(Python.round(entry.getValue(), 6)));
      bridges.add(new Value.Map(bridge));
    }
    Map<String, Value> metrics = new LinkedHashMap<>();
    metrics.put("clustering_coefficient", Value.of(Python.round(mean, 4)));
    metrics.put("per_node_clustering", new Value.Map(perNode));
    metrics.put("betweenness_centrality_top10", new Value.Seq(bridges));
    metrics.put("modularity", Value.of(Python.round(modularity, 4)));
    return new Value.Map(metrics);
  }

  private static List<Map.Entry<String, Double>> top(Map<String, Double> scores) {
    return scores.entrySet().stream()
        .sorted((x, y) -> Double.compare(y.getValue(), x.getValue()))
        .limit(TOP)
        .toList();
  }

  /**
   * What part of a node's pairs of neighbours are linked, as the row of the earlier of the two
   * tells.
   */
  private static double clustering(Graph graph, String id) {
    List<String> neighbours = HashOrder.of(row(graph, id).keySet());
    int k = neighbours.size();
    if (k < 2) {
      return 0;
    }
    long linked = 0;
    for (int i = 0; i < k; i++) {
      Set<String> reached = row(graph, neighbours.get(i)).keySet();
      for (int j = i + 1; j < k; j++) {
        if (reached.contains(neighbours.get(j))) {
          linked++;
        }
      }
    }
    return linked / (k * (k - 1.0) / 2);
  }

  private static Map<String, Value> row(Graph graph, String id) {
    return graph.rows.getOrDefault(id, Map.of());
  }

  /** Brandes' algorithm from at most so many of the nodes, scaled up to all. */
  private static Map<String, Double> betweenness(Graph graph, List<String> nodes, int sampled) {
    List<String> sources =
        nodes.size() <= sampled ? nodes : Sampling.sample(nodes, sampled, Sampling.seeded(SEED));
    Map<String, Double> scores = new LinkedHashMap<>();
    sources.forEach(source -> addPathsFrom(source, graph, scores));
    double n = nodes.size();
    double scale = sources.size() < nodes.size() ? n / sources.size() : 1;
    double pairs = Math.max((n - 1) * (n - 2), 1);
    scores.replaceAll((id, score) -> score * scale / pairs);
    return scores;
  }

  private static final class Reached {
    final String id;
    final int distance;
    final List<Reached> before = new ArrayList<>();
    double paths;
    double dependency;

    Reached(String id, int distance) {
      this.id = id;
      this.distance = distance;
    }
  }

  private static void addPathsFrom(String source, Graph graph, Map<String, Double> scores) {
    Map<String, Reached> reached = new HashMap<>();
    List<Reached> order = new ArrayList<>();
    Deque<Reached> queue = new ArrayDeque<>();
    Reached first = new Reached(source, 0);
    first.paths = 1;
    reached.put(source, first);
    queue.add(first);
    while (!queue.isEmpty()) {
      Reached from = queue.remove();
      order.add(from);
      for (String id : row(graph, from.id).keySet()) {
        Reached to = reached.get(id);
        if (to == null) {
          to = new Reached(id, from.distance + 1);
          reached.put(id, to);
          queue.add(to);
        }
        if (to.distance == from.distance + 1) {
          to.paths += from.paths;
          to.before.add(from);
        }
      }
    }
    for (int i = order.size() - 1; i >= 0; i--) {
      Reached to = order.get(i);
      for (Reached from : to.before) {
        from.dependency += from.paths / to.paths * (1 + to.dependency);
      }
      if (to != first) {
        scores.merge(to.id, to.dependency, Double::sum);
      }
    }
  }

  /** Newman's modularity of the partition by domain. */
  private static double modularity(
      Graph graph, List<String> nodes, Map<String, List<String>> domains) {
    double twice = Python.number(graph.totalWeight()) * 2;
    if (twice == 0) {
      return 0;
    }
    Map<String, String> community = new HashMap<>();
    Map<String, Double> strengths = new HashMap<>();
    for (String id : nodes) {
      community.put(id, domain(graph.foldedTags(id), domains));
      strengths.put(id, Python.number(graph.strength(id)));
    }
    double q = 0;
    for (Map.Entry<Graph.Pair, Value> edge : graph.edges.entrySet()) {
      String a = edge.getKey().a();
      String b = edge.getKey().b();
      if (same(community.get(a), community.get(b))) {
        double expected = strengths.getOrDefault(a, 0.0) * strengths.getOrDefault(b, 0.0) / twice;
        q += 2 * (Python.number(edge.getValue()) - expected);
      }
    }
    return q / twice;
  }

  private static boolean same(@Nullable String a, @Nullable String b) {
    return a == null ? b == null : a.equals(b);
  }

  /** The domain with which it shares the most tags, the first of equals; empty for none. */
  private static String domain(Set<String> tags, Map<String, List<String>> domains) {
    String best = "";
    long most = 0;
    for (Map.Entry<String, List<String>> domain : domains.entrySet()) {
      long shared = domain.getValue().stream().distinct().filter(tags::contains).count();
      if (shared > most) {
        most = shared;
        best = domain.getKey();
      }
    }
    return best;
  }
}

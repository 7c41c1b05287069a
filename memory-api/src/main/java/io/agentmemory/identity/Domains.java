package io.agentmemory.identity;

import io.agentmemory.Value;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What part of a graph's weight lies in each field of thought, and how much between two. */
final class Domains {
  private Domains() {}

  static Value.Map of(Graph graph, Map<String, List<String>> domains, int topHubs) {
    Map<String, Set<String>> members = members(graph, domains);
    double total = Python.number(graph.totalWeight());
    Map<String, Value> stats = new LinkedHashMap<>();
    members.forEach((domain, ids) -> stats.put(domain, stats(graph, ids, total, topHubs)));
    Map<String, Value> result = new LinkedHashMap<>();
    result.put("domains", new Value.Map(stats));
    result.put("inter_domain", between(graph, members));
    result.put("total_weight", Python.round(graph.totalWeight(), 2));
    return new Value.Map(result);
  }

  private static Map<String, Set<String>> members(Graph graph, Map<String, List<String>> domains) {
    Map<String, Set<String>> members = new LinkedHashMap<>();
    for (String id : graph.nodes.keySet()) {
      if (graph.rows.containsKey(id)) {
        Set<String> tags = graph.foldedTags(id);
        domains.forEach(
            (domain, its) -> {
              if (!Collections.disjoint(tags, its)) {
                members.computeIfAbsent(domain, key -> new LinkedHashSet<>()).add(id);
              }
            });
      }
    }
    return members;
  }

  private static Value.Map stats(Graph graph, Set<String> ids, double total, int topHubs) {
    double inner = 0;
    for (Map.Entry<Graph.Pair, Value> edge : graph.edges.entrySet()) {
      if (ids.contains(edge.getKey().a()) && ids.contains(edge.getKey().b())) {
        inner += Python.number(edge.getValue());
      }
    }
    Map<String, Value> stats = new LinkedHashMap<>();
    stats.put("memory_count", Value.of(ids.size()));
    stats.put("total_weight", Value.of(Python.round(inner, 2)));
    stats.put(
        "weight_pct", total > 0 ? Value.of(Python.round(inner / total * 100, 1)) : Value.of(0));
    stats.put("top_hubs", Value.Seq.ofTexts(topHubs(graph, ids, topHubs)));
    return new Value.Map(stats);
  }

  private static List<String> topHubs(Graph graph, Set<String> ids, int most) {
    List<String> order = HashOrder.of(ids);
    Map<String, Double> weights = new LinkedHashMap<>();
    for (String id : order) {
      Map<String, Value> row = graph.rows.getOrDefault(id, Map.of());
      double weight = 0;
      for (String other : order) {
        if (!other.equals(id)) {
          weight += Python.number(row.get(other));
        }
      }
      if (weight > 0) {
        weights.put(id, weight);
      }
    }
    return weights.entrySet().stream()
        .sorted((x, y) -> Double.compare(y.getValue(), x.getValue()))
        .limit(most)
        .map(Map.Entry::getKey)
        .toList();
  }

  private static Value.Map between(Graph graph, Map<String, Set<String>> members) {
    List<String> names = members.keySet().stream().sorted().toList();
    List<Map.Entry<String, Double>> weights = new ArrayList<>();
    for (int i = 0; i < names.size(); i++) {
      for (String second : names.subList(i + 1, names.size())) {
        double weight =
            between(
                graph,
                members.getOrDefault(names.get(i), Set.of()),
                members.getOrDefault(second, Set.of()));
        if (weight > 0) {
          weights.add(Map.entry(names.get(i) + "<->" + second, Python.round(weight, 1)));
        }
      }
    }
    weights.sort((x, y) -> Double.compare(y.getValue(), x.getValue()));
    Map<String, Value> result = new LinkedHashMap<>();
    weights.forEach(entry -> result.put(entry.getKey(), Value.of(entry.getValue())));
    return new Value.Map(result);
  }

  /** The weight of the edges that touch both. */
  private static double between(Graph graph, Set<String> first, Set<String> second) {
    double weight = 0;
    for (Map.Entry<Graph.Pair, Value> edge : graph.edges.entrySet()) {
      Graph.Pair pair = edge.getKey();
      if ((first.contains(pair.a()) || first.contains(pair.b()))
          && (second.contains(pair.a()) || second.contains(pair.b()))) {
        weight += Python.number(edge.getValue());
      }
    }
    return weight;
  }
}

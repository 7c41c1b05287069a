package io.agentmemory.identity;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Memory;
import io.agentmemory.MemoryHead;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.internal.Texts;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The weighted graph that a fingerprint is taken of. Rows are directed and hold what a memory's own
 * file counts; an edge weighs the more of its two directions. All three keep the order in which
 * they were met, which decides ties.
 */
final class Graph {
  /** Every memory of core and active that has an id of its own, by tier and file name. */
  final Map<String, Memory> nodes = new LinkedHashMap<>();

  final Map<String, Map<String, Value>> rows = new LinkedHashMap<>();
  final Map<Pair, Value> edges = new LinkedHashMap<>();

  /** Two ids, the first not after the second by code point. */
  record Pair(String a, String b) {
    static Pair of(String x, String y) {
      return Texts.compare(x, y) <= 0 ? new Pair(x, y) : new Pair(y, x);
    }
  }

  private Graph(Collection<Memory> memories) {
    for (Memory memory : inOrder(memories)) {
      String id = idOf(memory);
      if (memory.tier() != Tier.ARCHIVE && !id.isEmpty()) {
        nodes.put(id, memory);
      }
    }
  }

  /** The graph of in-file counts; those of one file stay in the order they come in. */
  static Graph ofCounts(Collection<Memory> memories, Collection<CoOccurrence> counts) {
    Graph graph = new Graph(memories);
    Map<String, List<CoOccurrence>> byMemory = new HashMap<>();
    for (CoOccurrence count : counts) {
      byMemory.computeIfAbsent(count.from(), from -> new ArrayList<>()).add(count);
    }
    for (String id : graph.nodes.keySet()) {
      for (CoOccurrence count : byMemory.getOrDefault(id, List.of())) {
        if (Python.number(count.count()) > 0) {
          graph.row(id).put(count.to(), count.count());
          graph.edges.merge(Pair.of(id, count.to()), count.count(), Graph::larger);
        }
      }
    }
    return graph;
  }

  /** The graph of one context: both directions of each pair whose belief is above 0. */
  static Graph ofBeliefs(Collection<Memory> memories, Map<String, Value> beliefs) {
    Graph graph = new Graph(memories);
    beliefs.forEach(
        (key, belief) -> {
          String[] ids = key.split("\\|", -1);
          if (ids.length == 2 && Python.number(belief) > 0) {
            graph.edges.put(Pair.of(ids[0], ids[1]), belief);
            graph.row(ids[0]).put(ids[1], belief);
            graph.row(ids[1]).put(ids[0], belief);
          }
        });
    return graph;
  }

  private Map<String, Value> row(String id) {
    return rows.computeIfAbsent(id, key -> new LinkedHashMap<>());
  }

  private static Value larger(Value first, Value second) {
    return Python.number(second) > Python.number(first) ? second : first;
  }

  /** By tier, file name and id, as the original met them. */
  static List<Memory> inOrder(Collection<Memory> memories) {
    List<Memory> sorted = new ArrayList<>(memories);
    sorted.sort(MemoryHead.PLACE);
    return sorted;
  }

  /** The id its front matter states; empty if it states none. */
  static String idOf(Memory memory) {
    String id = Value.textOf(memory.members().get("id"));
    return id == null ? "" : id;
  }

  List<String> tags(String id) {
    Memory memory = nodes.get(id);
    return memory == null ? List.of() : memory.tags();
  }

  Set<String> foldedTags(String id) {
    Memory memory = nodes.get(id);
    return memory == null ? Set.of() : memory.foldedTags();
  }

  /** The sum of a row. */
  Value strength(String id) {
    return Python.sum(rows.getOrDefault(id, Map.of()).values());
  }

  Value totalWeight() {
    return Python.sum(edges.values());
  }

  /** The mean length of the rows, 2 decimals. */
  double averageDegree() {
    int sum = rows.values().stream().mapToInt(Map::size).sum();
    return Python.round((double) sum / Math.max(rows.size(), 1), 2);
  }
}

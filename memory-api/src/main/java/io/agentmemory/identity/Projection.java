package io.agentmemory.identity;

import io.agentmemory.Edge;
import io.agentmemory.Memory;
import io.agentmemory.Observation;
import io.agentmemory.Value;
import io.agentmemory.internal.Texts;
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
import java.util.Set;
import java.util.TreeSet;
import java.util.function.ToDoubleBiFunction;
import org.jspecify.annotations.Nullable;

/** Looks at edges through one question after the other. */
final class Projection {
  private static final int DIGITS = 3;
  private static final double MICROS = 1_000_000;
  private static final double HOUR = 3_600;
  private static final Value NOTHING = Value.of("");

  private final Collection<Edge> edges;
  private final Map<String, List<Value.Map>> observations = new HashMap<>();
  private final Map<String, Memory> memories = new HashMap<>();
  private final ContextView.Rules rules;

  Projection(
      Collection<Edge> edges,
      Collection<Observation> observations,
      Collection<Memory> memories,
      ContextView.Rules rules) {
    this.edges = edges;
    this.rules = rules;
    observations.stream()
        .sorted(Comparator.comparingInt(Observation::ordinal))
        .forEach(
            observation ->
                this.observations
                    .computeIfAbsent(observation.pair(), pair -> new ArrayList<>())
                    .add(observation.members()));
    Graph.inOrder(memories).forEach(memory -> this.memories.put(Graph.idOf(memory), memory));
    this.memories.remove("");
  }

  List<ContextView> all(Instant now, ToDoubleBiFunction<List<Value.Map>, Instant> belief) {
    List<ContextView> graphs = new ArrayList<>();
    Map<String, ContextView> whole = new LinkedHashMap<>();
    whole.put("who", add(graphs, "who", null, who()));
    whole.put("what", add(graphs, "what", null, what(null)));
    rules.topics().forEach(topic -> addIfAny(graphs, "what", topic, what(topic)));
    whole.put("why", add(graphs, "why", null, why(null)));
    rules.activities().forEach(activity -> addIfAny(graphs, "why", activity, why(activity)));
    whole.put("where", add(graphs, "where", null, where(null)));
    platforms().forEach(platform -> addIfAny(graphs, "where", platform, where(platform)));
    List<ContextView> questions = List.copyOf(whole.values());
    rules
        .windows()
        .forEach(
            (name, sessions) ->
                whole.put(
                    "when_" + name,
                    add(graphs, "when", name, when(sessions * rules.sessionHours(), now, belief))));
    add(graphs, "bridges", null, bridges(whole));
    for (int i = 0; i < questions.size(); i++) {
      for (ContextView second : questions.subList(i + 1, questions.size())) {
        ContextView first = questions.get(i);
        addIfAny(
            graphs,
            "bridges",
            first.dimension() + "_" + second.dimension(),
            bridges(first, second));
      }
    }
    return List.copyOf(graphs);
  }

  private static ContextView add(
      List<ContextView> graphs,
      String dimension,
      @Nullable String subView,
      Map<String, Value.Map> edges) {
    ContextView graph = new ContextView(dimension, subView, edges);
    graphs.add(graph);
    return graph;
  }

  private static void addIfAny(
      List<ContextView> graphs, String dimension, String subView, Map<String, Value.Map> edges) {
    if (!edges.isEmpty()) {
      add(graphs, dimension, subView, edges);
    }
  }

  private Map<String, Value.Map> who() {
    Map<String, Value.Map> graph = new LinkedHashMap<>();
    for (Edge edge : edges) {
      List<String> ids = ContextView.ids(edge.pair());
      if (!ids.isEmpty()) {
        Set<String> first = stated(ids.get(0), "contact_context");
        Set<String> second = stated(ids.get(1), "contact_context");
        Set<String> all = set(edge.members().get("contact_context"));
        all.addAll(first);
        all.addAll(second);
        if (!all.isEmpty()) {
          double overlap = (double) shared(first, second).size() / all.size();
          double spread = 1 - rules.leastShare();
          double weight = Python.round(rules.leastShare() + spread * overlap, DIGITS);
          graph.put(edge.pair(), seen(edge, weight, weight));
        }
      }
    }
    return graph;
  }

  private Map<String, Value.Map> what(@Nullable String topic) {
    Map<String, Value.Map> graph = new LinkedHashMap<>();
    for (Edge edge : edges) {
      List<String> ids = ContextView.ids(edge.pair());
      if (!ids.isEmpty()) {
        Value.Map own =
            edge.members().get("topic_context") instanceof Value.Map map ? map : Value.EMPTY_MAP;
        Set<String> all = set(own.get("union"));
        Set<String> first = stated(ids.get(0), "topic_context");
        Set<String> second = stated(ids.get(1), "topic_context");
        all.addAll(first);
        all.addAll(second);
        Set<String> both = shared(first, second);
        both.addAll(set(own.get("shared")));
        double weight = topic == null ? topicShare(both, all) : topicShare(topic, both, all);
        if (weight > 0) {
          graph.put(edge.pair(), seen(edge, weight, Python.round(weight, DIGITS)));
        }
      }
    }
    return graph;
  }

  private double topicShare(Set<String> shared, Set<String> all) {
    if (!shared.isEmpty()) {
      return (double) shared.size() / Math.max(all.size(), 1);
    }
    return all.isEmpty() ? 0 : rules.leastShare();
  }

  private double topicShare(String topic, Set<String> shared, Set<String> all) {
    if (!all.contains(topic)) {
      return 0;
    }
    return shared.contains(topic) ? 1 : rules.partShare();
  }

  private Map<String, Value.Map> why(@Nullable String activity) {
    return byCount("activity_context", "dominant_activity", activity);
  }

  private Map<String, Value.Map> where(@Nullable String platform) {
    return byCount("platform_context", "dominant_platform", platform);
  }

  private Map<String, Value.Map> byCount(String member, String dominant, @Nullable String name) {
    Map<String, Value.Map> graph = new LinkedHashMap<>();
    for (Edge edge : edges) {
      Map<String, Value> counts = counts(edge, member);
      double weight = counts.isEmpty() ? 0 : 1;
      if (name != null && weight > 0) {
        double count = Python.number(counts.get(name));
        double total = Python.number(Python.sum(counts.values()));
        weight = count > 0 && total > 0 ? Python.round(count / total, DIGITS) : 0;
      }
      if (weight > 0) {
        Value.Map seen = seen(edge, weight, weight);
        graph.put(edge.pair(), seen.with(dominant, Value.of(most(counts))));
      }
    }
    return graph;
  }

  /** What an edge counts of each context; names that start with {@code _} are no contexts. */
  private static Map<String, Value> counts(Edge edge, String member) {
    Map<String, Value> counts = new LinkedHashMap<>();
    if (edge.members().get(member) instanceof Value.Map map) {
      map.entries()
          .forEach(
              (name, count) -> {
                if (!name.startsWith("_") && Value.numberOf(count) != null) {
                  counts.put(name, count);
                }
              });
    }
    return counts;
  }

  /** The name with the highest count, the first of equals. */
  private static String most(Map<String, Value> counts) {
    String most = "";
    double highest = Double.NEGATIVE_INFINITY;
    for (Map.Entry<String, Value> entry : counts.entrySet()) {
      double count = Python.number(entry.getValue());
      if (count > highest) {
        most = entry.getKey();
        highest = count;
      }
    }
    return most;
  }

  private Set<String> platforms() {
    Set<String> platforms = new TreeSet<>(Texts::compare);
    edges.forEach(edge -> platforms.addAll(counts(edge, "platform_context").keySet()));
    return platforms;
  }

  private Map<String, Value.Map> when(
      double hours, Instant now, ToDoubleBiFunction<List<Value.Map>, Instant> belief) {
    Map<String, Value.Map> graph = new LinkedHashMap<>();
    for (Edge edge : edges) {
      List<Value.Map> recent =
          observations.getOrDefault(edge.pair(), List.of()).stream()
              .filter(observation -> isWithin(hours, observation, now))
              .toList();
      if (!recent.isEmpty()) {
        double strength = Python.round(belief.applyAsDouble(recent, now), DIGITS);
        graph.put(edge.pair(), seen(edge, strength, 1.0, recent.size()));
      }
    }
    return graph;
  }

  private static boolean isWithin(double hours, Value.Map observation, Instant now) {
    Instant at = Texts.instant(Value.textOf(observation.get("observed_at")));
    if (at == null) {
      return false;
    }
    Duration age = Duration.between(at, now);
    double seconds = (age.getSeconds() * MICROS + age.getNano() / 1000) / MICROS;
    return seconds / HOUR <= hours;
  }

  /** Edges that enough graphs have. */
  private Map<String, Value.Map> bridges(Map<String, ContextView> graphs) {
    Map<String, Set<String>> dimensions = new LinkedHashMap<>();
    graphs.forEach(
        (name, graph) ->
            graph
                .edges()
                .keySet()
                .forEach(pair -> dimensions.computeIfAbsent(pair, p -> new TreeSet<>()).add(name)));
    Map<String, Value.Map> bridges = new LinkedHashMap<>();
    dimensions.forEach(
        (pair, names) -> {
          if (names.size() >= rules.leastDimensions()) {
            double score = Python.round((double) names.size() / graphs.size(), DIGITS);
            Map<String, ContextView> of = new LinkedHashMap<>();
            graphs.forEach(
                (name, graph) -> {
                  if (names.contains(name)) {
                    of.put(name, graph);
                  }
                });
            bridges.put(pair, bridge(pair, List.copyOf(names), score, of));
          }
        });
    return bridges;
  }

  /** Edges that both graphs have, in the order in which two sets of the original intersect. */
  private Map<String, Value.Map> bridges(ContextView first, ContextView second) {
    Map<String, ContextView> of = new LinkedHashMap<>();
    of.put(first.dimension(), first);
    of.put(second.dimension(), second);
    Set<String> fewer = second.edges().keySet();
    Set<String> more = first.edges().keySet();
    if (fewer.size() > more.size()) {
      Set<String> swapped = fewer;
      fewer = more;
      more = swapped;
    }
    List<String> both = HashOrder.of(fewer).stream().filter(more::contains).toList();
    Map<String, Value.Map> bridges = new LinkedHashMap<>();
    for (String pair : HashOrder.of(both)) {
      bridges.put(pair, bridge(pair, List.copyOf(of.keySet()), rules.pairScore(), of));
    }
    return bridges;
  }

  private static Value.Map bridge(
      String pair, List<String> dimensions, double score, Map<String, ContextView> graphs) {
    Map<String, Value> beliefs = new LinkedHashMap<>();
    graphs.forEach(
        (name, graph) ->
            beliefs.put(
                name,
                graph
                    .edges()
                    .getOrDefault(pair, Value.EMPTY_MAP)
                    .entries()
                    .getOrDefault("belief", Value.of(0))));
    Map<String, Value> bridge = new LinkedHashMap<>();
    bridge.put("dimensions", Value.Seq.ofTexts(dimensions));
    bridge.put("dimension_count", Value.of(dimensions.size()));
    bridge.put("bridge_score", Value.of(score));
    bridge.put("beliefs", new Value.Map(beliefs));
    return new Value.Map(bridge);
  }

  private Value.Map seen(Edge edge, double factor, double weight) {
    double belief = Python.number(edge.members().get("belief"));
    int count = observations.getOrDefault(edge.pair(), List.of()).size();
    return seen(edge, Python.round(belief * factor, DIGITS), weight, count);
  }

  private static Value.Map seen(Edge edge, double belief, double weight, int observations) {
    Map<String, Value> seen = new LinkedHashMap<>();
    seen.put("belief", Value.of(belief));
    seen.put("dimension_weight", Value.of(weight));
    seen.put("observation_count", Value.of(observations));
    seen.put("last_observed", edge.members().entries().getOrDefault("last_updated", NOTHING));
    return new Value.Map(seen);
  }

  private Set<String> stated(String id, String member) {
    Memory memory = memories.get(id);
    return set(memory == null ? null : memory.members().get(member));
  }

  private static Set<String> set(@Nullable Value texts) {
    return new HashSet<>(Value.textsOf(texts));
  }

  private static Set<String> shared(Set<String> first, Set<String> second) {
    Set<String> shared = new HashSet<>(first);
    shared.retainAll(second);
    return shared;
  }
}

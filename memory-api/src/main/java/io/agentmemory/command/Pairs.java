package io.agentmemory.command;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Edge;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.Observation;
import io.agentmemory.Operation;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.internal.Texts;
import io.agentmemory.spi.RecordReader;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** What the commands mean that tie memories together, and let ties go. */
final class Pairs {
  private static final int MOST_OBSERVATIONS = 99_999_999;

  private final Plan plan;
  private final Rules rules;
  private final Operation operation;

  Pairs(Plan plan, Rules rules, Operation operation) {
    this.plan = plan;
    this.rules = rules;
    this.operation = operation;
  }

  // ---- observations and beliefs ----

  void add(AddObservation c) {
    rules.members(operation, c.observation());
    String pair = pair(id(c.first()), id(c.second()));
    Edge edge = plan.live(Kind.EDGE, Key.of(pair)).orElse(new Edge(pair, Value.EMPTY_MAP));
    observe(edge, c.observation(), c.at(), c.rule());
  }

  void log(LogCoOccurrences c) {
    List<String> ids = c.retrieved().stream().map(this::id).toList();
    int next = 0;
    for (int i = 0; i < ids.size(); i++) {
      for (int j = i + 1; j < ids.size(); j++) {
        Set<String> others = new LinkedHashSet<>(ids);
        others.remove(ids.get(i));
        others.remove(ids.get(j));
        logPair(c, pair(ids.get(i), ids.get(j)), others, c.observationIds().get(next++));
      }
    }
  }

  private void logPair(LogCoOccurrences c, String pair, Set<String> others, String observationId) {
    Edge edge = plan.live(Kind.EDGE, Key.of(pair)).orElse(null);
    Value.Map members;
    if (edge == null) {
      members =
          Value.EMPTY_MAP
              .with(Edge.OBSERVATIONS, Value.EMPTY_SEQ)
              .with("belief", Value.of(0.0))
              .with("first_formed", Value.of(c.at()))
              .with("last_updated", Value.of(c.at()))
              .with("platform_context", Value.EMPTY_MAP)
              .with("activity_context", Value.EMPTY_MAP)
              .with("thinking_about", Value.EMPTY_SEQ);
    } else {
      members = edge.members();
    }
    if (c.activity() != null) {
      members = members.with("activity_context", counted(members, c.activity()));
    }
    if (!others.isEmpty()) {
      members = members.with("thinking_about", united(members.get("thinking_about"), others));
    }
    observe(new Edge(pair, members), observation(c, observationId), c.at(), c.rule());
  }

  private static Value.Map observation(LogCoOccurrences c, String id) {
    Value.Map source =
        Value.EMPTY_MAP
            .with("type", Value.of("session_recall"))
            .with("session_id", Value.of(c.sessionId()))
            .with("agent", Value.of(c.agent()))
            .with("platform", Value.NULL)
            .with("artifact_id", Value.NULL)
            .with("activity", c.activity() == null ? Value.NULL : Value.of(c.activity()));
    return Value.EMPTY_MAP
        .with("id", Value.of(id))
        .with("observed_at", Value.of(c.at()))
        .with("source", source)
        .with("weight", Value.of(1.0))
        .with("trust_tier", Value.of("self"));
  }

  /** One more for this activity; what is no map of counts is left as it is. */
  private static Value counted(Value.Map members, String activity) {
    Value there = members.get("activity_context");
    if (there == null || there.equals(Value.NULL)) {
      return Value.EMPTY_MAP.with(activity, Value.of(1L));
    }
    return there instanceof Value.Map counts
        ? counts.with(activity, sum(counts.get(activity), Value.of(1L)))
        : there;
  }

  private static Value united(@Nullable Value there, Set<String> more) {
    if (there == null || there.equals(Value.NULL) || there instanceof Value.Seq) {
      Set<Value> all = new LinkedHashSet<>();
      if (there instanceof Value.Seq seq) {
        all.addAll(seq.items());
      }
      more.forEach(id -> all.add(Value.of(id)));
      return new Value.Seq(List.copyOf(all));
    }
    return there;
  }

  /** Puts the edge with one more observation, and the belief that all of them give. */
  private void observe(Edge edge, Value.Map observation, String at, BeliefRule rule) {
    Value place = edge.members().get(Edge.OBSERVATIONS);
    if (place != null && !place.equals(Value.NULL) && !(place instanceof Value.Seq)) {
      throw new InvalidMemoryException(
          operation, Edge.OBSERVATIONS, "of an edge is no list, so it takes none");
    }
    List<Stored<Observation>> stored = plan.observations(edge.pair());
    int ordinal =
        stored.isEmpty()
            ? 0
            : stored.get(stored.size() - 1).live().map(Observation::ordinal).orElseThrow() + 1;
    if (ordinal > MOST_OBSERVATIONS) {
      throw new InvalidMemoryException(operation, Edge.OBSERVATIONS, "of an edge are too many");
    }
    Observation added = new Observation(edge.pair(), ordinal, observation);
    rules.state(operation, added);
    List<Value.Map> all = new ArrayList<>();
    stored.forEach(s -> s.live().ifPresent(o -> all.add(o.members())));
    all.add(observation);
    Instant now = Texts.instant(at);
    Value.Map members =
        edge.members()
            .with(Edge.OBSERVATIONS, Value.EMPTY_SEQ)
            .with("belief", Value.of(rule.belief(all, now == null ? Instant.EPOCH : now)))
            .with("last_updated", Value.of(at));
    Edge changed = new Edge(edge.pair(), members);
    rules.state(operation, changed);
    plan.put(changed);
    plan.put(added);
  }

  /** The id of the memory that is meant; as a command's ids are, if there is none. */
  private String id(String meant) {
    return plan.find(meant).map(Memory::id).orElseGet(() -> rules.newId(operation, "id", meant));
  }

  private String pair(String a, String b) {
    if (a.indexOf('|') >= 0 || b.indexOf('|') >= 0) {
      throw new InvalidMemoryException(operation, "id", "of an edge's memory has a bar");
    }
    if (a.equals(b)) {
      throw new InvalidMemoryException(operation, "id", "is that of both memories of an edge");
    }
    return Ids.pair(a, b);
  }

  // ---- counts ----

  void count(CountCoOccurrences c) {
    count(c.retrieved().stream().map(this::id).distinct().toList());
  }

  /** Counts memories by their ids, each once. */
  void count(List<String> ids) {
    for (String from : ids) {
      Memory memory = plan.live(Kind.MEMORY, Key.of(from)).orElse(null);
      if (memory != null) {
        for (String to : ids) {
          if (!to.equals(from)) {
            raise(memory, to);
          }
        }
      }
    }
  }

  private void raise(Memory memory, String to) {
    if (!makePlace(plan, memory)) {
      return;
    }
    Key key = Key.of(memory.id(), to);
    Value count = plan.live(Kind.CO_OCCURRENCE, key).map(CoOccurrence::count).orElse(null);
    plan.put(new CoOccurrence(memory.id(), to, sum(count, Value.of(1L))));
  }

  /**
   * Sees to it that a memory's front matter has a place for counts; false if it can have none, and
   * then it is not ours to repair.
   */
  static boolean makePlace(Plan plan, Memory memory) {
    Value place = memory.members().get(Memory.CO_OCCURRENCES);
    if (place == null || place.equals(Value.NULL)) {
      if (!Rules.hasMap(memory)) {
        return false;
      }
      plan.put(memory.withMembers(memory.members().with(Memory.CO_OCCURRENCES, Value.EMPTY_MAP)));
      return true;
    }
    return place instanceof Value.Map;
  }

  /** Two numbers added, of whole ones a whole one; what is no number is left as it is. */
  static Value sum(@Nullable Value a, Value b) {
    if (a == null) {
      return b;
    }
    if (a instanceof Value.Int x && b instanceof Value.Int y) {
      long sum = x.value() + y.value();
      boolean overflow = ((x.value() ^ sum) & (y.value() ^ sum)) < 0;
      return overflow ? a : Value.of(sum);
    }
    Double x = Value.numberOf(a);
    Double y = Value.numberOf(b);
    return x == null || y == null || !Double.isFinite(x + y) ? a : Value.of(x + y);
  }

  // ---- decay ----

  void decay(DecayEdges c) {
    Pace pace = new Pace(c.rule());
    Set<String> together = together(c.retrieved());
    RecordReader.Decayed there = plan.decay(c, together);
    Map<String, List<Outcome.Change>> done = new HashMap<>();
    for (Outcome.Change change : there.changes()) {
      String pair = change.after().key().part(0);
      done.computeIfAbsent(pair, p -> new ArrayList<>()).add(change);
    }
    Map<String, Edge> left = new HashMap<>();
    for (Stored<Edge> stored : plan.seen(Kind.EDGE, there.left())) {
      stored.live().ifPresent(edge -> left.put(edge.pair(), edge));
    }
    Set<String> pairs = new TreeSet<>(Texts::compare);
    pairs.addAll(done.keySet());
    pairs.addAll(left.keySet());
    List<String> gone = new ArrayList<>();
    int decayed = 0;
    for (String pair : pairs) {
      Edge edge = left.get(pair);
      if (edge == null) {
        List<Outcome.Change> changes = done.getOrDefault(pair, List.of());
        if (changes.get(changes.size() - 1).after().isTombstone()) {
          gone.add(pair);
        } else {
          decayed++;
          changes.forEach(plan::take);
        }
        continue;
      }
      Double belief = together.contains(pair) ? null : left(edge, c, pace);
      if (belief == null) {
        continue;
      }
      if (belief <= 0) {
        gone.add(pair);
      } else if (Double.isFinite(belief)) {
        decayed++;
        plan.put(
            new Edge(
                pair,
                edge.members()
                    .with("belief", Value.of((double) belief))
                    .with("last_updated", Value.of(c.at()))));
      }
    }
    plan.deleteEdges(gone, done);
    if (there.spared() > 0 || !pairs.isEmpty()) {
      new Lists(plan, rules, operation)
          .noteDecay(
              "edges",
              decayed,
              gone.size(),
              c.at(),
              c.rule().runsKept(),
              "auto-decay",
              "co-occurrence-prune",
              "v3");
    }
  }

  /** What is left of the belief in an edge; null if that is no number, not ours to lower then. */
  private @Nullable Double left(Edge edge, DecayEdges c, Pace pace) {
    Value there = edge.members().get("belief");
    Double belief = there == null ? Double.valueOf(1) : Value.numberOf(there);
    if (belief == null) {
      return null;
    }
    double loss = pace.loss(edge.first().orElse(""), edge.second().orElse(""));
    if (isElsewhere(edge, c.dimensions())) {
      loss *= c.rule().elsewhereFactor();
    }
    return belief - loss;
  }

  void decay(DecayCoOccurrences c) {
    Pace pace = new Pace(c.rule());
    Set<String> together = together(c.retrieved());
    int decayed = 0;
    int pruned = 0;
    for (Stored<CoOccurrence> stored : plan.all(Kind.CO_OCCURRENCE)) {
      CoOccurrence entry = stored.live().orElseThrow();
      Double count = Value.numberOf(entry.count());
      if (count == null || together.contains(Ids.pair(entry.from(), entry.to()))) {
        continue;
      }
      double left = count - pace.loss(entry.from(), entry.to());
      if (left <= 0) {
        pruned++;
        plan.delete(Kind.CO_OCCURRENCE, entry.key());
      } else if (Double.isFinite(left)) {
        decayed++;
        plan.put(new CoOccurrence(entry.from(), entry.to(), Value.of(left)));
      }
    }
    new Lists(plan, rules, operation)
        .noteDecay(
            "pairs",
            decayed / 2,
            pruned / 2,
            c.at(),
            c.rule().runsKept(),
            "auto-decay",
            "co-occurrence-prune");
  }

  private Set<String> together(List<String> retrieved) {
    Set<String> ids = new LinkedHashSet<>();
    retrieved.forEach(id -> Ids.forms(id).forEach(ids::add));
    Set<String> pairs = new HashSet<>();
    for (String a : ids) {
      ids.forEach(b -> pairs.add(Ids.pair(a, b)));
    }
    return pairs;
  }

  /** Whether the edge has dimensions, but none with a value in common with the session's. */
  private boolean isElsewhere(Edge edge, Map<String, List<String>> session) {
    if (session.isEmpty()) {
      return false;
    }
    Map<String, Set<String>> own =
        Dimensions.of(edge, memory(edge.first().orElse("")), memory(edge.second().orElse("")));
    return !own.isEmpty()
        && session.entrySet().stream()
            .noneMatch(
                dimension ->
                    own.getOrDefault(dimension.getKey(), Set.of()).stream()
                        .anyMatch(dimension.getValue()::contains));
  }

  private @Nullable Map<String, Memory> memories;

  private @Nullable Memory memory(String id) {
    if (memories == null) {
      Map<String, Memory> all = new HashMap<>();
      plan.all(Kind.MEMORY).forEach(s -> s.live().ifPresent(m -> all.put(m.id(), m)));
      memories = all;
    }
    return memories.get(id);
  }

  /** What pairs lose, by their memories; of the few sums of recalls, each is worked out once. */
  private final class Pace {
    private record Recalled(double recalls, double evolution) {}

    private final DecayRule rule;
    private final Map<String, Recalled> known = new HashMap<>();
    private final Map<List<Double>, Double> losses = new HashMap<>();

    Pace(DecayRule rule) {
      this.rule = rule;
    }

    double loss(String first, String second) {
      Recalled a = known.computeIfAbsent(first, this::recalled);
      Recalled b = known.computeIfAbsent(second, this::recalled);
      return losses.computeIfAbsent(
          List.of(a.recalls() + b.recalls(), a.evolution() + b.evolution()),
          k -> rule.effective(a.recalls(), b.recalls(), a.evolution(), b.evolution()));
    }

    private Recalled recalled(String id) {
      Memory memory = memory(id);
      if (memory == null) {
        return new Recalled(0, 1);
      }
      Double recalls = Value.numberOf(memory.members().get("recall_count"));
      return new Recalled(recalls == null ? 0 : recalls, rule.evolution(memory));
    }
  }

  /** What an edge is about. */
  static final class Dimensions {
    private Dimensions() {}

    static Map<String, Set<String>> of(Edge edge, @Nullable Memory a, @Nullable Memory b) {
      Map<String, Set<String>> all = new LinkedHashMap<>();
      Value.Map members = edge.members();
      put(all, "where", keys(members.get("platform_context")));
      put(all, "why", keys(members.get("activity_context")));
      Set<String> what = new TreeSet<>(Texts::compare);
      if (members.get("topic_context") instanceof Value.Map topics) {
        what.addAll(Value.textsOf(topics.get("union")));
        what.addAll(Value.textsOf(topics.get("shared")));
      }
      Set<String> who = new TreeSet<>(Texts::compare);
      who.addAll(Value.textsOf(members.get("contact_context")));
      for (Memory memory : new Memory[] {a, b}) {
        if (memory != null) {
          what.addAll(Value.textsOf(memory.members().get("topic_context")));
          who.addAll(Value.textsOf(memory.members().get("contact_context")));
        }
      }
      put(all, "what", what);
      put(all, "who", who);
      return all;
    }

    private static void put(Map<String, Set<String>> all, String name, Set<String> values) {
      if (!values.isEmpty()) {
        all.put(name, values);
      }
    }

    private static Set<String> keys(@Nullable Value context) {
      Set<String> keys = new TreeSet<>(Texts::compare);
      if (context instanceof Value.Map map) {
        map.entries().keySet().stream().filter(key -> !key.startsWith("_")).forEach(keys::add);
      }
      return keys;
    }
  }
}

package io.agentmemory.internal.testkit;

import io.agentmemory.internal.testkit.History.Effect;
import io.agentmemory.internal.testkit.History.End;
import io.agentmemory.internal.testkit.History.State;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Says where a store contradicts what its callers were told: something acknowledged is lost, an
 * operation is shown in half, took effect twice, or although it failed; a read showed something
 * older than what had been acknowledged before it began. An operation of which nobody knows may
 * have happened or not, but whole. Each complaint begins with one of the words {@code lost}, {@code
 * invented}, {@code half}, {@code doubled}, {@code stale}, {@code defect}.
 */
public final class HistoryCheck {
  private static final class Op {
    final List<Effect> effects = new ArrayList<>();
    @Nullable End end;

    boolean isAcknowledged() {
      return end == End.ACKNOWLEDGED;
    }
  }

  /** One value that a name was given, or null: it was taken away. */
  private record Write(@Nullable String value, Op op) {}

  private static final class Name {
    final List<Write> writes = new ArrayList<>();
    int acknowledged; // of the writes, the last one that was
    final Map<String, Op> parts = new LinkedHashMap<>();
    final List<String> acknowledgedParts = new ArrayList<>();

    Name() {
      Op before = new Op();
      before.end = End.ACKNOWLEDGED;
      writes.add(new Write(null, before));
    }

    /** Whether it was taken away, or may have been, with all its parts. */
    boolean mayBeGone() {
      return writes.size() > 1 && writes.stream().skip(1).anyMatch(w -> w.op().end != End.FAILED);
    }

    boolean isGone() {
      return writes.size() > 1 && writes.get(acknowledged).value() == null && acknowledged > 0;
    }
  }

  /** A read: what it had to show at least, and what it showed. */
  private record Read(String name, int writes, int parts) {}

  private record Shown(Read read, State state, String id) {}

  private final Map<String, Op> ops = new LinkedHashMap<>();
  private final Map<String, Name> names = new TreeMap<>();
  private final Map<String, Read> running = new HashMap<>();
  private final List<Shown> shown = new ArrayList<>();
  private final Set<String> complaints = new LinkedHashSet<>();

  /** Reads a history. */
  public HistoryCheck(List<String> lines) {
    for (String line : lines) {
      String[] fields = line.split("\t", -1);
      switch (fields[0]) {
        case "i" -> invoked(fields);
        case "a" -> ended(fields[1], End.ACKNOWLEDGED);
        case "f" -> ended(fields[1], End.FAILED);
        case "u" -> ended(fields[1], End.UNKNOWN);
        case "d" -> {
          ended(fields[1], End.UNKNOWN);
          complaints.add("defect: " + fields[2] + " in operation " + fields[1]);
        }
        case "r" -> {
          Name name = name(fields[2]);
          int parts = name.acknowledgedParts.size();
          running.put(fields[1], new Read(fields[2], name.acknowledged, parts));
        }
        case "s" -> {
          Read read = running.remove(fields[1]);
          if (read != null) {
            shown.add(new Shown(read, State.parse(fields, 2), fields[1]));
          }
        }
        case "k" -> {
          ops.values().stream().filter(op -> op.end == null).forEach(op -> op.end = End.UNKNOWN);
          running.clear();
        }
        case "b" -> begins(fields[1], State.parse(fields, 2));
        default -> throw new IllegalArgumentException("no line of a history: " + fields[0]);
      }
    }
  }

  private Name name(String name) {
    return names.computeIfAbsent(name, n -> new Name());
  }

  private void begins(String of, State state) {
    Name name = name(of);
    Op before = new Op();
    before.end = End.ACKNOWLEDGED;
    if (state.value() != null) {
      name.writes.set(0, new Write(state.value(), before));
    }
    for (String part : state.parts()) {
      name.parts.put(part, before);
      name.acknowledgedParts.add(part);
    }
  }

  private void invoked(String[] fields) {
    Op op = new Op();
    ops.put(fields[1], op);
    for (int i = 2; i + 2 < fields.length; i += 3) {
      Effect effect = new Effect(fields[i], fields[i + 1], fields[i + 2]);
      op.effects.add(effect);
      Name name = name(effect.name());
      switch (effect.sign()) {
        case "=" -> name.writes.add(new Write(effect.value(), op));
        case "-" -> name.writes.add(new Write(null, op));
        default -> name.parts.put(effect.value(), op);
      }
    }
  }

  private void ended(String id, End end) {
    Op op = ops.get(id);
    if (op == null) {
      throw new IllegalArgumentException("nobody began operation " + id);
    }
    if (op.isAcknowledged() || (end == End.UNKNOWN && op.end != null)) {
      return; // asked for once more
    }
    op.end = end;
    if (end == End.ACKNOWLEDGED) {
      for (Effect effect : op.effects) {
        Name name = name(effect.name());
        if (effect.sign().equals("+")) {
          name.acknowledgedParts.add(effect.value());
        } else {
          for (int i = name.acknowledged + 1; i < name.writes.size(); i++) {
            if (name.writes.get(i).op() == op) {
              name.acknowledged = i;
            }
          }
        }
      }
    }
  }

  /** The operations of which nobody knows how they ended, those that run still included. */
  public List<String> unknown() {
    return ops.entrySet().stream()
        .filter(op -> op.getValue().end == null || op.getValue().end == End.UNKNOWN)
        .map(Map.Entry::getKey)
        .toList();
  }

  /** How many operations were acknowledged. */
  public long acknowledged() {
    return ops.values().stream().filter(Op::isAcknowledged).count();
  }

  /**
   * Whether the reads that were noted can be right.
   *
   * @return what cannot be; empty if all can
   */
  public List<String> reads() {
    for (Shown one : shown) {
      Name name = name(one.read().name());
      String where = "a read of " + one.read().name();
      if (isSet(name)) {
        Set<String> seen = one.state().parts();
        if (!name.mayBeGone()) {
          name.acknowledgedParts.subList(0, one.read().parts()).stream()
              .filter(part -> !seen.contains(part))
              .forEach(part -> complaints.add("stale: " + where + " lacks " + part));
        }
        parts(one.read().name(), name, one.state(), where);
      } else {
        boolean found = false;
        for (int i = one.read().writes(); i < name.writes.size(); i++) {
          found |= is(name.writes.get(i), one.state()) && name.writes.get(i).op().end != End.FAILED;
        }
        if (!found) {
          complaints.add(word(name, one.state()) + ": " + where + " shows " + one.state().value());
        }
      }
    }
    shown.clear();
    return List.copyOf(complaints);
  }

  /** What is wrong with a value that cannot be there. */
  private static String word(Name name, State state) {
    if (state.value() == null) {
      return "stale";
    }
    for (Write write : name.writes) {
      if (is(write, state) && write.op().end != End.FAILED) {
        return "stale";
      }
    }
    return "invented";
  }

  private static boolean is(Write write, State state) {
    return write.value() == null ? state.value() == null : write.value().equals(state.value());
  }

  private static boolean isSet(Name name) {
    return !name.parts.isEmpty();
  }

  /**
   * Whether a store that has come to rest can hold this.
   *
   * @param store its name, for the complaints
   * @param states by name; what is missing is absent
   * @param isSetAside whether a value or part lies in a state that was set aside whole
   * @return what cannot be, of this store and of all before it; empty if all can
   */
  public List<String> store(String store, Map<String, State> states, Predicate<String> isSetAside) {
    names.forEach(
        (of, name) -> {
          State state = states.getOrDefault(of, State.ABSENT);
          String where = of + " in " + store;
          if (isSet(name)) {
            set(of, name, state, where, isSetAside);
          } else {
            value(name, state, where, isSetAside);
          }
        });
    for (String of : states.keySet()) {
      if (!names.containsKey(of)) {
        complaints.add("invented: nobody wrote " + of + " in " + store);
      }
    }
    ops.forEach((id, op) -> whole(id, op, states, store, isSetAside));
    return List.copyOf(complaints);
  }

  private void set(String of, Name name, State state, String where, Predicate<String> isSetAside) {
    if (name.isGone()) {
      if (!state.parts().isEmpty()) {
        complaints.add("invented: " + where + " is back although it was deleted");
      }
      return;
    }
    if (!(name.mayBeGone() && state.parts().isEmpty())) {
      for (String part : name.acknowledgedParts) {
        if (!state.parts().contains(part) && !isSetAside.test(part)) {
          complaints.add("lost: " + part + " of " + where);
        }
      }
    }
    parts(of, name, state, where);
  }

  /** What has to be right of parts at any time. */
  private void parts(String of, Name name, State state, String where) {
    for (String part : state.parts()) {
      Op op = name.parts.get(part);
      if (op == null || op.end == End.FAILED) {
        String why = op == null ? "nobody added it to " + of : "adding it failed";
        complaints.add("invented: " + part + " of " + where + ", " + why);
      }
    }
    if (state.count() != state.parts().size()) {
      complaints.add(
          (state.count() > state.parts().size() ? "doubled: " : "half: ")
              + where
              + " counts "
              + state.count()
              + " and has "
              + state.parts().size()
              + " parts");
    }
  }

  private void value(Name name, State state, String where, Predicate<String> isSetAside) {
    for (int i = name.acknowledged; i < name.writes.size(); i++) {
      if (is(name.writes.get(i), state) && name.writes.get(i).op().end != End.FAILED) {
        return;
      }
    }
    String acknowledged = name.writes.get(name.acknowledged).value();
    if (word(name, state).equals("invented")) {
      complaints.add("invented: " + where + " is " + state.value());
    } else if (acknowledged == null || !isSetAside.test(acknowledged)) {
      complaints.add("lost: " + acknowledged + " of " + where + ", which is " + state.value());
    }
  }

  /** An operation shows all it did or nothing, as far as nothing came after it. */
  private void whole(
      String id, Op op, Map<String, State> states, String store, Predicate<String> isSetAside) {
    String there = null;
    String missing = null;
    for (Effect effect : op.effects) {
      Name name = name(effect.name());
      State state = states.getOrDefault(effect.name(), State.ABSENT);
      boolean isPart = effect.sign().equals("+");
      if (isPart ? name.mayBeGone() : name.writes.get(name.writes.size() - 1).op() != op) {
        continue;
      }
      String value = effect.sign().equals("-") ? null : effect.value();
      boolean shows =
          isPart
              ? state.parts().contains(effect.value())
              : java.util.Objects.equals(value, state.value());
      if (shows) {
        there = effect.name();
      } else if (value == null || !isSetAside.test(value)) {
        missing = effect.name();
      }
    }
    if (there != null && missing != null) {
      complaints.add(
          "half: operation " + id + " shows in " + there + " of " + store + ", not in " + missing);
    }
  }
}

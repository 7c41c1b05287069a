package io.agentmemory.benchmarks;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Value;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One line of the report.
 *
 * @param work what was done
 * @param against the yardstick, in words
 * @param ours null if it could not be measured
 * @param goal the ratio to stay within
 * @param failure why it could not be measured, else null
 */
record Row(
    String work,
    String against,
    Unit unit,
    @Nullable Series ours,
    @Nullable Series yardstick,
    double goal,
    @Nullable String failure) {

  /** What the figures count. */
  enum Unit {
    NANOSECONDS,
    BYTES
  }

  static Row of(String work, String against, Series ours, Series yardstick, double goal) {
    return new Row(work, against, Unit.NANOSECONDS, ours, yardstick, goal, null);
  }

  static Row ofBytes(String work, String against, Series ours, Series yardstick, double goal) {
    return new Row(work, against, Unit.BYTES, ours, yardstick, goal, null);
  }

  static Row failed(String work, String failure) {
    return new Row(work, "", Unit.NANOSECONDS, null, null, 0, failure);
  }

  /** Ours divided by the yardstick, round by round. */
  Series ratios() {
    return requireNonNull(ours).over(requireNonNull(yardstick));
  }

  boolean met() {
    // As it is printed: 1.254 prints as 1.25, which a goal of 1.25 allows.
    return failure == null && Math.round(ratios().median() * 100) <= Math.round(goal * 100);
  }

  Value json() {
    Map<String, Value> members = new LinkedHashMap<>();
    members.put("work", Value.of(work));
    if (failure != null) {
      members.put("failure", Value.of(failure));
      return new Value.Map(members);
    }
    Series ratios = ratios();
    members.put("against", Value.of(against));
    members.put("unit", Value.of(unit.name().toLowerCase(Locale.ROOT)));
    members.put("ours", Value.of(requireNonNull(ours).median()));
    members.put("yardstick", Value.of(requireNonNull(yardstick).median()));
    members.put("ratio", Value.of(ratios.median()));
    members.put(
        "ratio_quartiles",
        new Value.Seq(List.of(Value.of(ratios.quantile(0.25)), Value.of(ratios.quantile(0.75)))));
    members.put("rounds", Value.of((long) ratios.rounds()));
    members.put("goal", Value.of(goal));
    members.put("met", Value.of(met()));
    return new Value.Map(members);
  }
}

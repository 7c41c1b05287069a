package io.agentmemory.command;

import io.agentmemory.Value;
import io.agentmemory.internal.Arithmetic;
import io.agentmemory.internal.Texts;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How the observations of an edge add up to the belief in it: each counts by its weight, by the
 * trust in its source, by its age, and less the more often the same source said so before it.
 *
 * @param trust what a {@code trust_tier} counts
 * @param otherTrust what any other one, or none, counts
 * @param fadingDays an observation loses {@code fading} of its worth in as many days
 * @param floor what is left of it however old it is
 * @param fullRepeats as many observations of one source count in full; the n-th after them counts
 *     one divided by the square root of n + 1
 * @param digits decimals that a belief is rounded to
 */
public record BeliefRule(
    Map<String, Double> trust,
    double otherTrust,
    double fadingDays,
    double fading,
    double floor,
    int fullRepeats,
    int digits) {
  /** Drift's own. */
  public static final BeliefRule DRIFT =
      new BeliefRule(
          Map.of("self", 1.0, "verified_agent", 0.8, "platform", 0.6), 0.3, 30, 0.1, 0.1, 3, 3);

  private static final double MICROS = 1_000_000;
  private static final double DAY = 86_400;

  /**
   * Copies the map.
   *
   * @throws IllegalArgumentException if a number is not one such a rule can have
   */
  public BeliefRule {
    trust = Map.copyOf(trust);
    trust.values().forEach(BeliefRule::requireFinite);
    requireFinite(otherTrust);
    requireFinite(fading);
    requireFinite(floor);
    requireFinite(fadingDays);
    if (fadingDays <= 0 || fullRepeats < 0 || digits < 0 || digits > 15) {
      throw new IllegalArgumentException("fadingDays, fullRepeats or digits is out of range");
    }
  }

  private static void requireFinite(double number) {
    if (!Double.isFinite(number)) {
      throw new IllegalArgumentException("a belief rule has finite numbers");
    }
  }

  /**
   * The belief that these observations give, in the order in which the edge lists them. One without
   * a possible time counts as made now, one without weight as of weight 1.
   *
   * <p>Source: Drift's aggregation of beliefs; its order of operations, so that every bit is the
   * same.
   */
  public double belief(List<Value.Map> observations, Instant now) {
    double sum = 0;
    Map<List<Value>, Integer> said = new HashMap<>();
    for (Value.Map observation : observations) {
      Double weight = Value.numberOf(observation.get("weight"));
      int times = said.merge(source(observation), 1, Integer::sum);
      double repeat = times <= fullRepeats ? 1.0 : 1.0 / Math.sqrt(times - fullRepeats + 1);
      sum +=
          (weight == null ? 1.0 : weight)
              * trust(observation.get("trust_tier"))
              * freshness(observation.get("observed_at"), now)
              * repeat;
    }
    return Double.isFinite(sum) ? Arithmetic.round(sum, digits) : sum > 0 ? Double.MAX_VALUE : 0;
  }

  private static List<Value> source(Value.Map observation) {
    Value.Map source = observation.get("source") instanceof Value.Map map ? map : Value.EMPTY_MAP;
    return Arrays.asList(orNull(source.get("type")), orNull(source.get("agent")));
  }

  private static Value orNull(@Nullable Value value) {
    return value == null ? Value.NULL : value;
  }

  private double trust(@Nullable Value tier) {
    String name = Value.textOf(tier);
    return name == null ? otherTrust : trust.getOrDefault(name, otherTrust);
  }

  private double freshness(@Nullable Value time, Instant now) {
    Instant at = Texts.instant(Value.textOf(time));
    if (at == null) {
      return Math.max(floor, 1.0);
    }
    Duration age = Duration.between(at, now);
    double seconds = (age.getSeconds() * MICROS + age.getNano() / 1000) / MICROS;
    return Math.max(floor, 1.0 - seconds / DAY / fadingDays * fading);
  }
}

package io.agentmemory.identity;

import io.agentmemory.MemoryHead;
import io.agentmemory.Value;
import io.agentmemory.internal.Arithmetic;
import io.agentmemory.internal.Texts;
import java.time.Duration;
import java.time.Instant;

/**
 * How present a memory is: the weight it was given and how often it was recalled, fading with the
 * time since it last was.
 *
 * @param halfLifeHours after as many hours half is left
 * @param graceSessions a memory recalled within as many sessions does not fade
 * @param graceLeast what such a memory has at least
 * @param heavy from this weight on a memory keeps {@code heavyFloor}, others {@code floor}
 * @param heavyFloor see {@code heavy}
 * @param floor see {@code heavy}
 * @param recallDivisor what ln(1 + recalls) is divided by before it is added to the weight
 */
public record Activation(
    double halfLifeHours,
    long graceSessions,
    double graceLeast,
    double heavy,
    double heavyFloor,
    double floor,
    double recallDivisor) {
  /** Drift's own. */
  public static final Activation DRIFT = new Activation(240, 7, 0.5, 0.6, 0.1, 0.01, 5);

  private static final double DEFAULT_WEIGHT = 0.5;
  private static final double MICROS = 1_000_000;
  private static final double HOUR = 3_600;

  /**
   * Checks the half-life and the divisor.
   *
   * @throws IllegalArgumentException if one of them is not above 0
   */
  public Activation {
    if (!(halfLifeHours > 0) || !(recallDivisor > 0)) {
      throw new IllegalArgumentException("halfLifeHours or recallDivisor is not above 0");
    }
  }

  /**
   * The activation of {@code memory} at {@code now}: 4 decimals, or unrounded within the grace. A
   * memory that does not say when it was last recalled counts as recalled one half-life ago.
   *
   * <p>Source: Drift's activation; its order of operations, so that every bit is the same.
   */
  public double of(MemoryHead memory, Instant now) {
    Value.Map members = memory.members();
    double weight = number(members, "emotional_weight", DEFAULT_WEIGHT);
    double recalls = Math.max(0, number(members, "recall_count", 1));
    double base = weight + Arithmetic.log(recalls + 1) / recallDivisor;
    if (number(members, "sessions_since_recall", 0) < graceSessions) {
      return Math.max(base, graceLeast);
    }
    double hours = halfLifeHours;
    Instant recalled = Texts.instant(Value.textOf(members.get("last_recalled")));
    if (recalled != null) {
      Duration age = Duration.between(recalled, now);
      hours = (age.getSeconds() * MICROS + age.getNano() / 1000) / MICROS / HOUR;
    }
    double rate = Arithmetic.log(2) / halfLifeHours;
    double left = Arithmetic.exp(-rate * hours);
    return Math.max(weight >= heavy ? heavyFloor : floor, Python.round(base * left, 4));
  }

  private static double number(Value.Map members, String name, double missing) {
    Double number = Value.numberOf(members.get(name));
    return number == null ? missing : number;
  }
}

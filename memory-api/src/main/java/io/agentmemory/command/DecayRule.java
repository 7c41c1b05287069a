package io.agentmemory.command;

import io.agentmemory.Memory;
import io.agentmemory.Value;
import io.agentmemory.internal.Arithmetic;

/**
 * How fast a pair of memories is forgotten: slower the more often the two were recalled, by how
 * useful that was, and much slower if the session had nothing to do with the pair.
 *
 * @param rate what a pair loses whose memories were never recalled
 * @param minOutcomes a memory with fewer retrieval outcomes than this decays as usual
 * @param goodRate from this success rate on a memory decays by {@code goodFactor}
 * @param badRate up to this success rate a memory decays by {@code badFactor}
 * @param elsewhereFactor for an edge that shares none of its dimensions with the session
 * @param runsKept how many runs the history of decay keeps; at least 1
 */
public record DecayRule(
    double rate,
    long minOutcomes,
    double goodRate,
    double goodFactor,
    double badRate,
    double badFactor,
    double elsewhereFactor,
    int runsKept) {
  /** Drift's own. */
  public static final DecayRule DRIFT = new DecayRule(0.3, 3, 0.6, 0.7, 0.3, 1.5, 0.1, 20);

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is not finite, or {@code runsKept} is below 1
   */
  public DecayRule {
    if (!Double.isFinite(
        Math.abs(rate)
            + Math.abs(goodRate)
            + Math.abs(goodFactor)
            + Math.abs(badRate)
            + Math.abs(badFactor)
            + Math.abs(elsewhereFactor))) {
      throw new IllegalArgumentException("a decay rule has finite numbers");
    }
    if (runsKept < 1) {
      throw new IllegalArgumentException("runsKept is below 1");
    }
  }

  /** How much faster or slower than usual a memory's pairs decay, by its retrieval outcomes. */
  public double evolution(Memory memory) {
    Value outcomes = memory.members().get("retrieval_outcomes");
    Double total =
        outcomes instanceof Value.Map counts ? Value.numberOf(counts.get("total")) : null;
    if (total == null || total < minOutcomes) {
      return 1.0;
    }
    Double success = Value.numberOf(memory.members().get("retrieval_success_rate"));
    double rate = success == null ? 0.5 : success;
    return rate >= goodRate ? goodFactor : rate <= badRate ? badFactor : 1.0;
  }

  /**
   * What a pair loses at a session's end, by the recalls and evolutions of its two memories; 0 and
   * 1 stand for a memory that is not there.
   *
   * <p>Source: Drift's effective decay; its order of operations, so that every bit is the same.
   */
  public double effective(double recalls1, double recalls2, double evolution1, double evolution2) {
    double average = Math.max(0, (recalls1 + recalls2) / 2);
    return rate / (1 + Arithmetic.log(1 + average)) * ((evolution1 + evolution2) / 2);
  }
}

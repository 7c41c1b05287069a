package io.agentmemory.identity;

import io.agentmemory.Memory;
import io.agentmemory.Value;
import java.util.Map;

/**
 * Which active memories fade: those that no session recalled for long enough, unless they weigh
 * much or were recalled often. Nothing is moved by it; somebody decides.
 *
 * @param sessions so many sessions without a recall, whoever's word it is
 * @param countedSessions so many too, where each counts {@code multipliers}: what came from
 *     somebody else fades faster, if this is more than {@code sessions}, as with Drift's own
 *     numbers it is not
 * @param importSessions so many sessions without a recall, where it came from somebody else and was
 *     never recalled at all
 * @param lastingWeight from this weight on it stays
 * @param lastingRecalls from so many recalls on it stays
 * @param multipliers what a session counts, by whose word the memory is; where it is not said,
 *     {@link TrustTier#decayMultiplier}
 */
public record Fading(
    double sessions,
    double countedSessions,
    double importSessions,
    double lastingWeight,
    double lastingRecalls,
    Map<TrustTier, Double> multipliers) {
  /** Drift's own. */
  public static final Fading DRIFT = new Fading(7, 7, 14, 0.6, 5, Map.of());

  /** Copies the map. */
  public Fading {
    multipliers = Map.copyOf(multipliers);
  }

  /**
   * Whether it was imported, never recalled, and its time is up.
   *
   * <p>Source: Drift's session maintenance.
   */
  public boolean isToPrune(Memory memory) {
    return isImported(memory)
        && number(memory, "recall_count", 0) == 0
        && number(memory, "sessions_since_recall", 0) >= importSessions;
  }

  /**
   * Whether it is about to be forgotten, other than by {@link #isToPrune}.
   *
   * <p>Source: Drift's session maintenance.
   */
  public boolean isFading(Memory memory) {
    boolean lasts =
        number(memory, "emotional_weight", 0.5) >= lastingWeight
            || number(memory, "recall_count", 0) >= lastingRecalls;
    double since = number(memory, "sessions_since_recall", 0);
    return !lasts
        && since >= sessions
        && since * multiplier(TrustTier.of(memory)) >= countedSessions
        && !isToPrune(memory);
  }

  private double multiplier(TrustTier tier) {
    return multipliers.getOrDefault(tier, tier.decayMultiplier());
  }

  private static double number(Memory memory, String member, double otherwise) {
    Double number = Value.numberOf(memory.members().get(member));
    return number == null ? otherwise : number;
  }

  private static boolean isImported(Memory memory) {
    if (memory.members().get("source") instanceof Value.Map source) {
      String agent = Value.textOf(source.get("agent"));
      if (agent != null && !agent.isEmpty()) {
        return true;
      }
    }
    return memory.tags().stream().anyMatch(tag -> tag.startsWith("imported:"));
  }
}

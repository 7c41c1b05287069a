package io.agentmemory.identity;

import io.agentmemory.MemoryHead;
import io.agentmemory.Value;
import java.util.Locale;

/** Whose word a memory is. Source: Drift's trust tiers. */
public enum TrustTier {
  /** The agent's own. */
  SELF(1),
  /** Another agent's, known to be that agent. */
  VERIFIED_AGENT(1.5),
  /** A platform's. */
  PLATFORM(2),
  /** Anybody's. */
  UNKNOWN(3);

  private final double decayMultiplier;

  TrustTier(double decayMultiplier) {
    this.decayMultiplier = decayMultiplier;
  }

  /** How many times as fast as the agent's own such a memory decays, in Drift. */
  public double decayMultiplier() {
    return decayMultiplier;
  }

  /** Its name in records: {@code verified_agent}. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The tier of {@code memory}: the {@code trust_tier} of its {@code source} if that is one of
   * these, else that of a verified agent if a tag says where it was imported from ({@code
   * imported:..}), else the agent's own.
   */
  public static TrustTier of(MemoryHead memory) {
    if (memory.members().get("source") instanceof Value.Map source) {
      String stated = Value.textOf(source.get("trust_tier"));
      for (TrustTier tier : values()) {
        if (tier.label().equals(stated)) {
          return tier;
        }
      }
    }
    boolean imported = memory.tags().stream().anyMatch(tag -> tag.startsWith("imported:"));
    return imported ? VERIFIED_AGENT : SELF;
  }
}

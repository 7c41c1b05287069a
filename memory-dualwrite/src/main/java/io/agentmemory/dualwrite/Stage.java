package io.agentmemory.dualwrite;

/**
 * How far the move from the source to the target has come. The authority executes a write first, is
 * the judge where the stores differ, and answers every read; the secondary follows.
 */
public enum Stage {
  /** Only the source is used. */
  OFF,
  /** The source is the authority, the target follows. The stage to run a {@link Backfill} in. */
  DUAL_WRITE,
  /** As {@link #DUAL_WRITE}, and sampled reads run on the target too, to be compared. */
  SHADOW,
  /**
   * The target is the authority, the source follows; sampled reads run on the source too, to be
   * compared.
   */
  LIVE,
  /** As {@link #LIVE}, without comparing reads. */
  RAMP_DOWN,
  /** Only the target is used. */
  COMPLETE;

  boolean targetIsAuthority() {
    return this == LIVE || this == RAMP_DOWN || this == COMPLETE;
  }

  boolean writesBoth() {
    return this != OFF && this != COMPLETE;
  }

  boolean shadowsReads() {
    return this == SHADOW || this == LIVE;
  }

  boolean isNextTo(Stage other) {
    return Math.abs(ordinal() - other.ordinal()) == 1;
  }
}

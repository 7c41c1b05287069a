package io.agentmemory.dualwrite;

/**
 * How much a {@link Journal} may take, all in bytes.
 *
 * @param cap of everything in it; beyond it nothing new begins, while what has begun still fits
 * @param floor what has to stay free on the disk for something new to begin
 * @param segment after how much a new segment is begun
 * @param line how long a line gets before the outcome of one operation is written as several; one
 *     record always is in one line
 */
record JournalLimits(long cap, long floor, int segment, int line) {
  /** The smallest cap that can be chosen: two of the longest lines, which one write may be. */
  static final long MIN_CAP = 64L << 20;

  /** The largest cap that can be chosen. */
  static final long MAX_CAP = 64L << 30;

  static final JournalLimits DEFAULT = new JournalLimits(1L << 30, 256L << 20, 16 << 20, 32 << 20);

  JournalLimits {
    if (cap < 1 || floor < 0 || segment < 1 || line < 1) {
      throw new IllegalArgumentException("a limit of the journal is not above zero");
    }
  }

  /**
   * The same with another cap.
   *
   * @throws IllegalArgumentException if that is below 64 MiB or above 64 GiB
   */
  JournalLimits withCap(long bytes) {
    if (bytes < MIN_CAP || bytes > MAX_CAP) {
      throw new IllegalArgumentException(
          "the journal's cap of "
              + bytes
              + " bytes is not in "
              + MIN_CAP
              + " (64 MiB) to "
              + MAX_CAP
              + " (64 GiB)");
    }
    return new JournalLimits(bytes, floor, segment, line);
  }
}

package io.agentmemory.dualwrite;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * How much a store lacks that the other one has.
 *
 * @param operations operations that are not done in it
 * @param records records it lacks, or may lack
 * @param bytes what the journal holds of them
 * @param parked those of them that it refuses, so that somebody has to look
 * @param oldest since when; null if it lacks nothing
 */
public record Pending(
    long operations, long records, long bytes, long parked, @Nullable Instant oldest) {
  /** Whether it lacks nothing. */
  public boolean isNone() {
    return records == 0;
  }
}

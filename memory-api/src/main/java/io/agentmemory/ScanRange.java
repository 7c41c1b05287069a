package io.agentmemory;

import org.jspecify.annotations.Nullable;

/**
 * A range of keys.
 *
 * @param after only keys above this one; null for no bound
 * @param through only keys up to and including this one; null for no bound
 */
public record ScanRange(@Nullable Key after, @Nullable Key through) {
  /** Every key. */
  public static final ScanRange ALL = new ScanRange(null, null);

  /** Every key above {@code key}. */
  public static ScanRange after(Key key) {
    return new ScanRange(key, null);
  }

  /** Whether {@code key} is in the range. */
  public boolean contains(Key key) {
    return (after == null || key.compareTo(after) > 0)
        && (through == null || key.compareTo(through) <= 0);
  }
}

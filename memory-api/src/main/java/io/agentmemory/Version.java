package io.agentmemory;

import org.jspecify.annotations.Nullable;

/**
 * Which state of a record this is.
 *
 * @param revision 1 for the first state; a deletion counts too
 * @param digest of the content; null for a tombstone
 */
public record Version(long revision, @Nullable Digest digest) {
  /**
   * Takes both.
   *
   * @throws IllegalArgumentException if the revision is below 1
   */
  public Version {
    if (revision < 1) {
      throw new IllegalArgumentException("revision " + revision + " is below 1");
    }
  }

  /** Whether this is the state of having been deleted. */
  public boolean isTombstone() {
    return digest == null;
  }
}

package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A record as a store holds it: its content, or the tombstone of a deleted one, and the control
 * fields beside it.
 *
 * @param version revision and digest
 * @param lastOp the operation that wrote it; null if the store does not know (a file that another
 *     program wrote)
 * @param value null for a tombstone
 */
public record Stored<T extends MemoryRecord>(
    Kind<T> kind, Key key, Version version, @Nullable OpId lastOp, @Nullable T value) {

  /** Checks that the value, if any, is of this kind and key. */
  public Stored {
    requireNonNull(kind, "kind");
    requireNonNull(key, "key");
    requireNonNull(version, "version");
    if (version.isTombstone() != (value == null)) {
      throw new IllegalArgumentException("a tombstone has neither digest nor value");
    }
  }

  /** A live record. */
  @SuppressWarnings("unchecked") // a record's kind is typed by its own class
  public static <T extends MemoryRecord> Stored<T> live(
      T value, long revision, Digest digest, @Nullable OpId lastOp) {
    Kind<T> kind = (Kind<T>) value.kind();
    return new Stored<>(kind, value.key(), new Version(revision, digest), lastOp, value);
  }

  /** A tombstone. */
  public static <T extends MemoryRecord> Stored<T> tombstone(
      Kind<T> kind, Key key, long revision, @Nullable OpId lastOp) {
    return new Stored<>(kind, key, new Version(revision, null), lastOp, null);
  }

  /** Its revision. */
  public long revision() {
    return version.revision();
  }

  /** Whether the record was deleted. */
  public boolean isTombstone() {
    return value == null;
  }

  /** The record, unless it was deleted. */
  public Optional<T> live() {
    return Optional.ofNullable(value);
  }
}

package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.Comparator;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A record as a store holds it: its content, or the tombstone of a deleted one, and the control
 * fields beside it. Equal where kind, key, version, operation and content are, wherever it stands.
 *
 * @param version revision and digest
 * @param lastOp the operation that wrote it; null if the store does not know (a file that another
 *     program wrote)
 * @param value null for a tombstone
 * @param place where it stands among the records of its kind, which is the order in which a file
 *     lists them: of {@link CoOccurrence} entries among those of the same memory, and of each
 *     {@link Edge}; else 0. Which of two is higher counts, and nothing else: it differs from store
 *     to store
 */
public record Stored<T extends MemoryRecord>(
    Kind<T> kind, Key key, Version version, @Nullable OpId lastOp, @Nullable T value, long place) {

  /** Places from here on are new ones: after all that a store has given out, in their order. */
  private static final long NEW_PLACES = 1L << 62;

  /** The order in which a file lists what is of one kind. */
  public static final Comparator<Stored<?>> BY_PLACE =
      Comparator.<Stored<?>>comparingLong(Stored::place).thenComparing(Stored::key);

  /** Checks that the value, if any, is of this kind and key. */
  public Stored {
    requireNonNull(kind, "kind");
    requireNonNull(key, "key");
    requireNonNull(version, "version");
    if (version.isTombstone() != (value == null)) {
      throw new IllegalArgumentException("a tombstone has neither digest nor value");
    }
  }

  /** A record of a kind that has no places. */
  public Stored(Kind<T> kind, Key key, Version version, @Nullable OpId lastOp, @Nullable T value) {
    this(kind, key, version, lastOp, value, 0);
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

  /** The same at another place. */
  public Stored<T> at(long place) {
    return new Stored<>(kind, key, version, lastOp, value, place);
  }

  /** The {@code n}th place, from 0, after all that there are: for a store to give it a number. */
  public static long newPlace(int n) {
    return NEW_PLACES + n;
  }

  /**
   * The same with a number for its place, if that is a new one.
   *
   * @param next above all places that the store has given out
   */
  public Stored<T> placedFrom(long next) {
    return hasNewPlace() ? at(next + (place - NEW_PLACES)) : this;
  }

  /** Whether a store has yet to give its place a number. */
  public boolean hasNewPlace() {
    return place >= NEW_PLACES;
  }

  /** How many new places there are up to this one; 0 if it is none. */
  public long newPlaces() {
    return hasNewPlace() ? place - NEW_PLACES + 1 : 0;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Stored<?> that
        && kind.equals(that.kind)
        && key.equals(that.key)
        && version.equals(that.version)
        && Objects.equals(lastOp, that.lastOp)
        && Objects.equals(value, that.value);
  }

  @Override
  public int hashCode() {
    return Objects.hash(kind, key, version, lastOp, value);
  }
}

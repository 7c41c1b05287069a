package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.OpId;
import io.agentmemory.Stored;
import io.agentmemory.Version;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What an operation did: every record it changed, in its new state, in the order in which it first
 * touched them.
 *
 * @param skipped records that a {@link PutRecords} or {@link DeleteRecords} left as they are
 * @param repeated whether the operation had been applied before, so that this call changed nothing;
 *     {@code changes} then lists the records it changed back then as they are now
 * @param via which of two stores that are used as one carried it out, {@code source} or {@code
 *     target}; empty where there is one store only. How an operation came about is no part of what
 *     it did: outcomes are equal whatever this and {@code pending} say
 * @param pending whether it was noted, when the caller was answered, that the other one of two
 *     stores lacks it, to be given it later; false for one that is just following
 */
public record Outcome(
    OpId opId,
    List<Change> changes,
    List<Skip> skipped,
    boolean repeated,
    String via,
    boolean pending) {

  /** Copies the lists. */
  public Outcome {
    requireNonNull(opId, "opId");
    requireNonNull(via, "via");
    changes = List.copyOf(changes);
    skipped = List.copyOf(skipped);
  }

  /** What one store did. */
  public Outcome(OpId opId, List<Change> changes, List<Skip> skipped, boolean repeated) {
    this(opId, changes, skipped, repeated, "", false);
  }

  /** The same as one of two stores did it. */
  public Outcome via(String store, boolean stillPending) {
    return new Outcome(opId, changes, skipped, repeated, store, stillPending);
  }

  /** Whether the other one is of the same operation, and says that the same was done. */
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Outcome that
        && opId.equals(that.opId)
        && changes.equals(that.changes)
        && skipped.equals(that.skipped)
        && repeated == that.repeated;
  }

  @Override
  public int hashCode() {
    return Objects.hash(opId, changes, skipped, repeated);
  }

  /**
   * One record that changed.
   *
   * @param before the state it was in; null if there was none, not even a tombstone
   * @param after the state it is in
   */
  public record Change(@Nullable Version before, Stored<?> after) {
    /** Checks that the new state is there. */
    public Change {
      requireNonNull(after, "after");
    }

    /** Whether the record is as it was, and only stands at another place in its file. */
    public boolean isMove() {
      return after.version().equals(before);
    }

    /** Whether no live record was there before. */
    public boolean isInsert() {
      return before == null || before.isTombstone();
    }
  }

  /** A record left as it is, and why. */
  public record Skip(Kind<?> kind, Key key, Reason reason) {
    /** Why a record was left as it is. */
    public enum Reason {
      /** It already has this content. */
      UNCHANGED,
      /** It is live at a higher revision. */
      NEWER,
      /** It, or the record it lives in, was deleted, at this revision or a higher one. */
      DELETED,
      /**
       * It is at this very revision, with other content that no backfill wrote: somebody decides.
       */
      DIFFERENT
    }
  }

  /** How many places it needs, above all that the store has given out. */
  public long newPlaces() {
    return changes.stream().mapToLong(change -> change.after().newPlaces()).max().orElse(0);
  }

  /**
   * The same with numbers for the new places in it.
   *
   * @param next above all places that the store has given out
   */
  public Outcome placedFrom(long next) {
    return newPlaces() == 0
        ? this
        : new Outcome(
            opId,
            changes.stream()
                .map(change -> new Change(change.before(), change.after().placedFrom(next)))
                .toList(),
            skipped,
            repeated,
            via,
            pending);
  }

  /** The new state of one record, if it changed and is live. */
  public <T extends MemoryRecord> Optional<T> live(Kind<T> kind, Key key) {
    for (Change change : changes) {
      Stored<?> after = change.after();
      if (after.kind().equals(kind) && after.key().equals(key)) {
        return Optional.ofNullable(after.value()).map(kind.type()::cast);
      }
    }
    return Optional.empty();
  }
}

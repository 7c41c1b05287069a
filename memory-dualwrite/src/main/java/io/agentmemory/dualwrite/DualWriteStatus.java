package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a {@link DualWriteMemoryStore} is.
 *
 * @param stage the stage it is in
 * @param epoch how often the stage changed; 0 without a folder
 * @param breaker whether the target is asked; open while it gave no answers of late
 * @param breakerSince since when; null without a folder
 * @param takenOver why the target is no longer this folder's, and takes no writes of it; else null
 * @param source what the source lacks
 * @param target what the target lacks
 * @param doubts operations of which nobody knows yet whether the target applied them
 * @param conflicts states set aside that somebody has to look at
 * @param quarantined parts of the journal that could not be read and are kept aside
 * @param journalBytes how much the journal takes
 * @param journalCap how much it may take
 * @param damage the parts of the journal that could not be read, by name
 * @param poisoned how often a force of the journal failed, and it went on in a new part
 * @param resync why the stores have to be compared as a whole; null if what each lacks is known
 * @param digestsCompared when all digests of both stores were last compared; null if never
 * @param fieldsCompared when every field was; null if never
 * @param stats what was counted
 */
public record DualWriteStatus(
    Stage stage,
    long epoch,
    Breaker breaker,
    @Nullable Instant breakerSince,
    @Nullable String takenOver,
    Pending source,
    Pending target,
    long doubts,
    long conflicts,
    long quarantined,
    long journalBytes,
    long journalCap,
    List<String> damage,
    long poisoned,
    @Nullable String resync,
    @Nullable Instant digestsCompared,
    @Nullable Instant fieldsCompared,
    DualWriteStats stats) {
  /** Whether the target is asked. */
  public enum Breaker {
    /** It is. */
    CLOSED,
    /** A probe finds out just now whether it is back. */
    HALF_OPEN,
    /** Only a probe asks it, now and then. */
    OPEN
  }

  /** Checks that nothing is missing. */
  public DualWriteStatus {
    requireNonNull(stage, "stage");
    requireNonNull(breaker, "breaker");
    requireNonNull(source, "source");
    requireNonNull(target, "target");
    requireNonNull(stats, "stats");
    damage = List.copyOf(damage);
  }

  /** Whether the target is asked; false while it gave no answers of late. */
  public boolean targetReachable() {
    return breaker == Breaker.CLOSED;
  }

  /** Whether neither store lacks anything, as far as anybody knows. */
  public boolean isSettled() {
    return source.isNone() && target.isNone() && doubts == 0 && resync == null && takenOver == null;
  }
}

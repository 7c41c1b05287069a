package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a {@link DualWriteMemoryStore} is.
 *
 * @param stage the stage it is in
 * @param epoch how often the stage changed; 0 without a folder
 * @param targetReachable whether the target is asked; false while it gave no answers of late
 * @param takenOver why the target is no longer this folder's, and takes no writes of it; else null
 * @param source what the source lacks
 * @param target what the target lacks
 * @param doubts operations of which nobody knows yet whether the target applied them
 * @param conflicts states set aside that somebody has to look at
 * @param journalBytes how much the journal takes
 * @param journalCap how much it may take
 * @param damage the parts of the journal that could not be read, by name
 * @param resync why the stores have to be compared as a whole; null if what each lacks is known
 * @param stats what was counted
 */
public record DualWriteStatus(
    Stage stage,
    long epoch,
    boolean targetReachable,
    @Nullable String takenOver,
    Pending source,
    Pending target,
    long doubts,
    long conflicts,
    long journalBytes,
    long journalCap,
    List<String> damage,
    @Nullable String resync,
    DualWriteStats stats) {
  /** Checks that nothing is missing. */
  public DualWriteStatus {
    requireNonNull(stage, "stage");
    requireNonNull(source, "source");
    requireNonNull(target, "target");
    requireNonNull(stats, "stats");
    damage = List.copyOf(damage);
  }

  /** Whether neither store lacks anything, as far as anybody knows. */
  public boolean isSettled() {
    return source.isNone() && target.isNone() && doubts == 0 && resync == null && takenOver == null;
  }
}

package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

/**
 * What a {@link DualWriteMemoryStore} counted since it was built.
 *
 * @param stage the stage it is in
 * @param writes batches the authority carried out
 * @param inFlight batches being carried out, the secondary's part included
 * @param followed batches the secondary carried out with the same result
 * @param mismatched batches it carried out with another result, or refused
 * @param secondaryFailures times the secondary failed
 * @param repaired records of the secondary that were set right from the authority
 * @param lagging records whose secondary copy is behind, or may be
 * @param shadowCompared reads that ran on both stores and had equal results
 * @param shadowMismatched reads that had two results, also when asked again
 * @param shadowUnsettled reads that had two results while what they differed in was being written
 * @param shadowFailed reads for comparison that failed
 * @param shadowDropped reads that were sampled but not compared, because too many were waiting
 * @param fallbackWrites batches the source carried out in the target's place
 * @param fallbackReads reads the source answered in the target's place
 * @param readsLeftOut those of them that left records out, because the source refuses them
 * @param gapsHealed records that a store had lost and got back
 * @param listenerFailures times the listener threw something
 */
public record DualWriteStats(
    Stage stage,
    long writes,
    long inFlight,
    long followed,
    long mismatched,
    long secondaryFailures,
    long repaired,
    long lagging,
    long shadowCompared,
    long shadowMismatched,
    long shadowUnsettled,
    long shadowFailed,
    long shadowDropped,
    long fallbackWrites,
    long fallbackReads,
    long readsLeftOut,
    long gapsHealed,
    long listenerFailures) {
  /** Checks that nothing is missing. */
  public DualWriteStats {
    requireNonNull(stage, "stage");
  }
}

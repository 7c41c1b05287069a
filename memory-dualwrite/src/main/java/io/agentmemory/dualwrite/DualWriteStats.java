package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import java.util.LinkedHashMap;
import java.util.Map;

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
 * @param conflicts records that were found written in both stores
 * @param parked records that a store was found to refuse
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
    long conflicts,
    long parked,
    long listenerFailures) {
  /** Checks that nothing is missing. */
  public DualWriteStats {
    requireNonNull(stage, "stage");
  }

  /** Everything that only ever grows, by name. */
  Map<String, Long> counts() {
    Map<String, Long> all = new LinkedHashMap<>();
    all.put("writes", writes);
    all.put("followed", followed);
    all.put("mismatched", mismatched);
    all.put("secondary_failures", secondaryFailures);
    all.put("repaired", repaired);
    all.put("shadow_compared", shadowCompared);
    all.put("shadow_mismatched", shadowMismatched);
    all.put("shadow_unsettled", shadowUnsettled);
    all.put("shadow_failed", shadowFailed);
    all.put("shadow_dropped", shadowDropped);
    all.put("fallback_writes", fallbackWrites);
    all.put("fallback_reads", fallbackReads);
    all.put("reads_left_out", readsLeftOut);
    all.put("gaps_healed", gapsHealed);
    all.put("conflicts", conflicts);
    all.put("parked", parked);
    all.put("listener_failures", listenerFailures);
    return all;
  }
}

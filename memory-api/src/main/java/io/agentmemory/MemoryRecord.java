package io.agentmemory;

import java.util.Set;

/**
 * One record of one kind: a key and content. Implementations are immutable and equal when kind, key
 * and content are.
 */
public sealed interface MemoryRecord
    permits Memory,
        VectorSpace,
        CoOccurrence,
        Edge,
        Observation,
        Embedding,
        ImageLink,
        Session,
        SessionRecall,
        Rejection,
        Lesson,
        ContextGraph,
        OtherFile,
        PendingCoOccurrence,
        Fingerprint,
        Vitals,
        DecayRun,
        Attestation {

  /** What sort of record this is. */
  Kind<?> kind();

  /** Its name within the kind. */
  Key key();

  /**
   * Its content as a tree, in which every store, log and comparison sees it the same way. Built
   * anew on each call.
   */
  Value.Map tree();

  /** The memories this record belongs to, as {@link Kind} says. */
  default Set<String> owners() {
    return Set.of();
  }
}

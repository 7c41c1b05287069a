package io.agentmemory.dualwrite;

import io.agentmemory.OpId;
import io.agentmemory.Operation;

/**
 * Hears what a {@link DualWriteMemoryStore} notices. What it throws is counted and goes no further.
 * It should be quick: it is called on the threads that the secondary's part of writes and compared
 * reads run on, now and then on a caller's. It must not change the stage.
 */
public interface DualWriteListener {
  /**
   * One command had two results: in the order of source and target. The secondary is set right from
   * the authority at once; {@link #onLagging} follows if that fails.
   */
  default void onMismatch(OpId operation, Difference difference) {}

  /** The secondary failed. The caller knows nothing of it. */
  default void onSecondaryFailure(OpId operation, Throwable failure) {}

  /** A record's secondary copy is behind, or may be. */
  default void onLagging(Lagging record) {}

  /** A read had two results, also when asked again. */
  default void onShadowMismatch(Operation read) {}

  /** A read for comparison failed. The caller knows nothing of it. */
  default void onShadowFailure(Operation read, Throwable failure) {}

  /** The stage changed. */
  default void onStageChanged(Stage from, Stage to) {}
}

package io.agentmemory.dualwrite;

import io.agentmemory.Key;
import io.agentmemory.Kind;
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

  /** The source executed a write in the target's place; the target lacks it until it is back. */
  default void onFallbackWrite(Operation write) {}

  /** The source answered a read in the target's place. */
  default void onFallbackRead(Operation read) {}

  /**
   * The source answered in the target's place without some records, because it refuses them: {@link
   * #onParked} told which.
   */
  default void onReadLeftOut(Operation read, int records) {}

  /** The target gives no answers any more, or gives them again. */
  default void onTargetReachable(boolean reachable) {}

  /**
   * Another folder has taken the target over. From here on no write is accepted where the target
   * leads; what the target lacks it does not get from this folder.
   */
  default void onTakenOver(String reason) {}

  /** A force of the journal failed. What is not done was written anew, and forced, elsewhere. */
  default void onJournalPoisoned() {}

  /** A record was written in both stores apart from each other; one state is set aside. */
  default void onConflict(Conflict conflict) {}

  /** The store that lacks a record refuses it, so that somebody has to look. */
  default void onParked(Lagging record) {}

  /** A store had lost a record's newer state, as a restored one does, and got it back. */
  default void onGapHealed(Kind<?> kind, Key key) {}

  /**
   * So much of what the journal may take is taken; beyond it a target that leads gets no writes.
   */
  default void onJournalFilling(int percent) {}

  /** A part of the journal is damaged, and kept as it is. Names it. */
  default void onJournalDamaged(String what) {}

  /** What one store lacks is not all written down; the stores have to be compared as a whole. */
  default void onResyncNeeded(String why) {}

  /** The stage changed. */
  default void onStageChanged(Stage from, Stage to) {}
}

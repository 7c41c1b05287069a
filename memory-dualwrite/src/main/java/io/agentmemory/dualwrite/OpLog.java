package io.agentmemory.dualwrite;

import io.agentmemory.OpId;
import java.util.List;
import java.util.Set;

/**
 * What is written down of operations, so that a process that ends at any moment leaves a trace of
 * those that only one store has. An operation begins, changes records in the store that leads it,
 * and is done once the other store has it too, or neither.
 */
interface OpLog {
  /** Nothing is written down. */
  OpLog NONE =
      new OpLog() {
        @Override
        public boolean isKept() {
          return false;
        }

        @Override
        public void began(OpId opId, Side leader, boolean forced) {}

        @Override
        public void changed(OpId opId, Side leader, List<Journal.Change> changes, boolean forced) {}

        @Override
        public void done(OpId opId) {}
      };

  /** What is written down in a journal. */
  static OpLog in(Journal journal) {
    return new OpLog() {
      @Override
      public boolean isKept() {
        return true;
      }

      @Override
      public void began(OpId opId, Side leader, boolean forced) {
        journal.began(new Journal.Began(opId, leader, List.of(), Set.of()), forced);
      }

      @Override
      public void changed(OpId opId, Side leader, List<Journal.Change> changes, boolean forced) {
        journal.changed(opId, leader.other(), changes, forced);
      }

      @Override
      public void done(OpId opId) {
        journal.done(opId);
      }
    };
  }

  /** Whether anything is kept at all. */
  boolean isKept();

  /**
   * A store is about to execute it.
   *
   * @param forced whether it has to be durable on return
   * @throws io.agentmemory.StoreUnavailableException if it could not be written; then it is not
   */
  void began(OpId opId, Side leader, boolean forced);

  /**
   * A store has executed it.
   *
   * @throws io.agentmemory.StoreUnavailableException if it could not be written, or nobody knows
   */
  void changed(OpId opId, Side leader, List<Journal.Change> changes, boolean forced);

  /** The other store has it too, or neither has. Never throws. */
  void done(OpId opId);
}

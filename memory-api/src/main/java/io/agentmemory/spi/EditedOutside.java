package io.agentmemory.spi;

import io.agentmemory.MemoryStore;

/**
 * A store whose records other programs can change without it, such as files that a person edits.
 * Get it by {@link MemoryStore#as}. Thread-safe.
 */
public interface EditedOutside {

  /**
   * Stands for the last time that such changes were taken over: another text after each time, empty
   * if there was none. It outlives the store object.
   */
  String lastEdit();

  /**
   * From now on calls {@code told} whenever such changes are taken over, before a crash could make
   * that forgotten, on a thread of the store's: it should be quick and must not use the store.
   */
  void onEdit(Runnable told);
}

package io.agentmemory.spi;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import java.util.Collection;
import java.util.List;

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

  /**
   * Takes over what other programs changed of these records so far, for whoever is about to replace
   * them: what nobody has looked at yet would be lost unseen. What cannot be read is left out; a
   * write to it is refused.
   *
   * @return those of them that were changed, as they are now
   * @throws StoreUnavailableException if the store cannot look
   */
  <T extends MemoryRecord> List<Stored<T>> look(Kind<T> kind, Collection<Key> keys);
}

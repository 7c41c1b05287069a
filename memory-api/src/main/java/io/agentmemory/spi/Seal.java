package io.agentmemory.spi;

import io.agentmemory.MemoryStore;
import io.agentmemory.StoreUnavailableException;
import java.util.Optional;

/**
 * A store that can be closed for writing, for every process and until somebody opens it again: what
 * a move leaves behind must not be taken for the place to write to. Get it by {@link
 * MemoryStore#as}. Thread-safe.
 */
public interface Seal {
  /** Why the store is sealed; empty if it is not. */
  Optional<String> sealed();

  /**
   * From now on every write is refused and told why. Durable on return; what was written before is
   * too.
   *
   * @throws StoreUnavailableException if that is not possible; then the store may be sealed or not
   */
  void seal(String why);

  /**
   * Lets writes in again, durably.
   *
   * @throws StoreUnavailableException if that is not possible; then it is sealed still
   */
  void unseal();
}

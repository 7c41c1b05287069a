package io.agentmemory.testkit;

import io.agentmemory.MemoryStore;
import java.util.Optional;

/**
 * What every store must do. A backend extends this, opens a store, and runs the whole suite: its
 * answers have to be those of {@link InMemoryMemoryStore}, which gets the same commands.
 */
public abstract class MemoryStoreContract extends RandomContract {

  /** For subclasses. */
  protected MemoryStoreContract() {}

  /**
   * Opens a fresh, empty store for reading and writing. The suite closes it.
   *
   * @param purpose a name for the test; several stores of one test may have the same
   */
  protected abstract MemoryStore openStore(String purpose) throws Exception;

  /**
   * Closes {@code store} and opens it again with the data it held. A store that keeps its data
   * beyond its life overrides this; every test then looks at the data once more after reopening.
   *
   * @return the store opened anew; empty if the store keeps nothing, and was not closed
   */
  protected Optional<MemoryStore> reopen(MemoryStore store) throws Exception {
    return Optional.empty();
  }

  @Override
  final MemoryStore open(String purpose) throws Exception {
    return openStore(purpose);
  }

  @Override
  final Optional<MemoryStore> openAgain(MemoryStore store) throws Exception {
    return reopen(store);
  }
}

package io.agentmemory.testkit;

import io.agentmemory.MemoryStore;

/** The reference store passes its own contract. */
final class InMemoryContractTest extends MemoryStoreContract {
  @Override
  protected MemoryStore openStore(String purpose) {
    return new InMemoryMemoryStore(purpose);
  }
}

package io.agentmemory.testkit;

import io.agentmemory.MemoryStore;
import java.util.List;

/** The reference store keeps the register of a move. */
final class InMemoryEpochGuardTest extends EpochGuardContract {
  @Override
  protected List<MemoryStore> openTwo() {
    InMemoryMemoryStore store = new InMemoryMemoryStore("guarded");
    return List.of(store, store.another());
  }
}

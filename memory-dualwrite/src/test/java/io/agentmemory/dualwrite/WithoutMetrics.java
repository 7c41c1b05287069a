package io.agentmemory.dualwrite;

import io.agentmemory.testkit.InMemoryMemoryStore;

/** Run where there is no Micrometer. */
public final class WithoutMetrics {
  private WithoutMetrics() {}

  /** Uses a store; returns its stage. */
  public static Object run() {
    try (DualWriteMemoryStore store =
        DualWriteMemoryStore.builder(
                new InMemoryMemoryStore("test"), new InMemoryMemoryStore("test"))
            .build()) {
      store.memories().store("text");
      return store.status().stage();
    }
  }
}

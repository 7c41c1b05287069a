package io.agentmemory.dualwrite;

import io.agentmemory.MemoryStore;

/** The two stores, and which of them leads in a stage. */
record TwoStores(MemoryStore source, MemoryStore target) {
  MemoryStore of(Side side) {
    return side == Side.SOURCE ? source : target;
  }

  static Side leader(Stage stage) {
    return stage.targetIsAuthority() ? Side.TARGET : Side.SOURCE;
  }

  MemoryStore authority(Stage stage) {
    return of(leader(stage));
  }

  MemoryStore secondary(Stage stage) {
    return of(leader(stage).other());
  }
}

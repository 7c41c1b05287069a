package io.agentmemory.dualwrite;

import io.agentmemory.Embedding;
import io.agentmemory.Memory;
import io.agentmemory.Stored;

/** Says roughly how many bytes a record takes, so that what is held at once stays bounded. */
final class Sizes {
  private static final int RECORD = 500;

  private Sizes() {}

  static long of(Stored<?> stored) {
    if (stored.value() instanceof Memory memory) {
      return RECORD + 2L * memory.content().length();
    }
    if (stored.value() instanceof Embedding embedding) {
      return RECORD + (long) Float.BYTES * embedding.dimensions();
    }
    return RECORD;
  }
}

package io.agentmemory.dualwrite;

import io.agentmemory.Embedding;
import io.agentmemory.Memory;
import io.agentmemory.OtherFile;
import io.agentmemory.Stored;
import io.agentmemory.Value;

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
    if (stored.value() instanceof OtherFile file && file.value() instanceof Value.Text text) {
      return RECORD + 2L * text.value().length();
    }
    return RECORD;
  }
}

package io.agentmemory.command;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Embedding;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Observation;
import java.util.Optional;

/** Which record another one lives in: without it there is no place to put it. */
final class Containers {
  private Containers() {}

  record Container(Kind<?> kind, Key key) {}

  static Optional<Container> of(MemoryRecord record) {
    if (record instanceof CoOccurrence entry) {
      return Optional.of(new Container(Kind.MEMORY, Key.of(entry.from())));
    }
    if (record instanceof Observation observation) {
      return Optional.of(new Container(Kind.EDGE, Key.of(observation.pair())));
    }
    if (record instanceof Embedding embedding) {
      return Optional.of(new Container(Kind.VECTOR_SPACE, Key.of(embedding.space())));
    }
    return Optional.empty();
  }
}

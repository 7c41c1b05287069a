package io.agentmemory.command;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Observation;
import io.agentmemory.Session;
import io.agentmemory.SessionRecall;
import io.agentmemory.Value;
import java.util.Optional;

/** Which record another one lives in: without it there is no place to put it. */
final class Containers {
  private Containers() {}

  record Container(Kind<?> kind, Key key) {}

  /** Whether a memory's front matter has the place where its co-occurrence entries stand. */
  static boolean holdsEntries(Memory memory) {
    return memory.members().get(Memory.CO_OCCURRENCES) instanceof Value.Map;
  }

  /** Whether an edge has the place where its observations stand. */
  static boolean holdsObservations(Edge edge) {
    return edge.members().get(Edge.OBSERVATIONS) instanceof Value.Seq;
  }

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
    if (record instanceof SessionRecall) {
      return Optional.of(new Container(Kind.SESSION, Session.KEY));
    }
    return Optional.empty();
  }
}

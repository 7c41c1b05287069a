package io.agentmemory;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.command.PutRecords;
import io.agentmemory.identity.ContextView;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class RebuildTest {
  private final InMemoryMemoryStore store = new InMemoryMemoryStore("n");

  /** How many operations put the graphs, nine of them with two edges together. */
  private long operations(long edgesAtOnce) {
    store.graph().rebuildContexts(ContextView.Rules.DRIFT, edgesAtOnce);
    try (Stream<Stored<ContextGraph>> graphs = store.scan(Kind.CONTEXT_GRAPH)) {
      return graphs.map(Stored::lastOp).distinct().count();
    }
  }

  @Test
  void givenGraphsOfMoreEdgesThanGoTogether_whenRebuilt_thenEachIsPutByItself() {
    Value.Map activity = Value.EMPTY_MAP.with("social", Value.of(1));
    Edge edge = new Edge("a|b", Value.EMPTY_MAP.with("activity_context", activity));
    store.execute(new PutRecords(List.of(new PutRecords.Put(edge, 1))));

    assertThat(operations(2)).isEqualTo(1); // why and why_social
    assertThat(operations(1)).isEqualTo(9);
  }
}

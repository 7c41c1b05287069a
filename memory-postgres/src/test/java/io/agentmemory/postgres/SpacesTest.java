package io.agentmemory.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Embedding;
import io.agentmemory.Kind;
import io.agentmemory.ScanRange;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.DefineSpace;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.PutEmbedding;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Spaces have a partition each, and making one changes the table of all. */
@Tag("postgres")
class SpacesTest {
  private static final int THREADS = 8;
  private static final int EACH = 25;

  private static TestDatabase database;

  @BeforeAll
  static void create() {
    database = TestDatabase.create("spaces");
  }

  @AfterAll
  static void drop() {
    database.close();
  }

  @Test
  void givenManyDefinedAtOnce_whenVectorsArePut_thenEachSpaceHasItsOwn() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    try (PostgresMemoryStore store = database.open(TestDatabase.namespace())) {
      List<Callable<List<Outcome>>> tasks = new ArrayList<>();
      for (int thread = 0; thread < THREADS; thread++) {
        String prefix = "s" + thread + "-";
        tasks.add(() -> defineAndPut(store, prefix));
      }

      for (Future<List<Outcome>> outcomes : threads.invokeAll(tasks)) {
        assertThat(outcomes.get())
            .allSatisfy(outcome -> assertThat(outcome.changes()).hasSize(1))
            .hasSize(2 * EACH);
      }

      assertThat(store.scan(Kind.VECTOR_SPACE, ScanRange.ALL)).hasSize(THREADS * EACH);
      assertThat(database.one("SELECT count(*) FROM agent_memory.embeddings_default"))
          .isEqualTo("0");
    } finally {
      threads.shutdownNow();
    }
  }

  private static List<Outcome> defineAndPut(PostgresMemoryStore store, String prefix) {
    List<Outcome> outcomes = new ArrayList<>();
    for (int i = 0; i < EACH; i++) {
      String space = prefix + i;
      outcomes.add(store.execute(new DefineSpace(VectorSpace.of(space, "model", 2))));
      outcomes.add(store.execute(new PutEmbedding(Embedding.of(space, "m", new float[] {1, 2}))));
    }
    return outcomes;
  }
}

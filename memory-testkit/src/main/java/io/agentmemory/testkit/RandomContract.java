package io.agentmemory.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.SimilarQuery;
import io.agentmemory.Stored;
import io.agentmemory.command.Batch;
import io.agentmemory.spi.Canonical;
import io.agentmemory.testkit.RandomRecords.Mutation;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What holds for any records and any commands: whatever comes, the answers are the reference's. */
abstract class RandomContract extends ConcurrencyContract {

  @Nested
  class AnyRecords {
    @Test
    void givenRandomTrees_whenPut_thenEveryValueComesBack() throws Exception {
      for (long seed = 1; seed <= 3; seed++) {
        List<MemoryRecord> tree = RandomRecords.tree(seed, 120);
        for (int from = 0; from < tree.size(); from += 400) {
          List<MemoryRecord> chunk = tree.subList(from, Math.min(from + 400, tree.size()));
          run("seed " + seed, Batch.of(put(chunk.toArray(MemoryRecord[]::new))));
        }
      }
      assertSame();
      reopenIfPossible();
      assertSame();
      assertThat(orders(store)).as("order of members").isEqualTo(orders(reference));
    }

    /** The front matters with their members in their order, nested ones too. */
    private List<String> orders(io.agentmemory.MemoryStore of) {
      List<String> orders = new ArrayList<>();
      try (var scan = of.scan(Kind.MEMORY)) {
        scan.forEach(
            stored ->
                stored
                    .live()
                    .map(Memory::frontMatter)
                    .ifPresent(value -> orders.add(stored.key() + Canonical.json(value))));
      }
      return orders;
    }

    @Test
    void givenRandomRecords_whenAnyFieldChanges_thenTheChangeComesBack() throws Exception {
      long seed = 77;
      List<MemoryRecord> tree = RandomRecords.tree(seed, 12);
      run("seed " + seed, Batch.of(put(tree.toArray(MemoryRecord[]::new))));
      for (MemoryRecord record : tree) {
        List<Mutation> mutations = RandomRecords.mutations(record);
        long revision = store.read(record.kind(), record.key()).orElseThrow().revision();
        for (Mutation mutation : mutations) {
          revision++;
          String note = "seed " + seed + ", " + mutation.field() + " of " + record.key();
          run(note, Batch.of(put(mutation.record(), revision)));
          Stored<?> stored = store.read(record.kind(), record.key()).orElseThrow();
          assertThat(Dump.line(stored))
              .as(note)
              .endsWith(Canonical.canonical(mutation.record().tree()));
        }
        run(put(record, revision + 1));
        assertThat(mutations.isEmpty())
            .as("seed %s, %s", seed, record.key())
            .isEqualTo(record.tree().isEmpty());
      }
      reopenIfPossible();
      assertSame();
    }
  }

  @Nested
  class AnyCommands {
    @Test
    void givenRandomCommands_whenRun_thenTheSameAnswersAsTheReference() throws Exception {
      for (long seed = 1; seed <= 4; seed++) {
        differ(seed, 120);
      }
    }

    private void differ(long seed, int rounds) throws Exception {
      RandomCommands commands = new RandomCommands(seed);
      for (int round = 0; round < rounds; round++) {
        String note = "seed " + seed + ", round " + round;
        Batch batch = commands.next();
        Throwable error = catchThrowable(() -> run(note, batch));
        if (error != null && !(error instanceof MemoryStoreException)) {
          throw new AssertionError(note + " failed", error);
        }
        if (round % 10 == 9) {
          MemoryQuery query = commands.query();
          find(note, query);
          heads(note, query);
          searchOrRefuse(note, commands.search());
        }
        if (round % 40 == 39) {
          askAll(note, List.of("a", "b"));
          assertSame();
        }
      }
      reopenIfPossible();
      assertSame();
    }

    private void searchOrRefuse(String note, SimilarQuery query) {
      Throwable expected = catchThrowable(() -> reference.search(query));
      if (expected == null) {
        search(note, query);
      } else {
        assertThat(catchThrowable(() -> store.search(query)))
            .as(note)
            .isInstanceOfSatisfying(
                InvalidMemoryException.class,
                e -> assertThat(e.field()).isEqualTo(((InvalidMemoryException) expected).field()));
      }
    }
  }
}

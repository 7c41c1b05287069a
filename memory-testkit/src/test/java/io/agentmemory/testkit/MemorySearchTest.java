package io.agentmemory.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.agentmemory.Embedding;
import io.agentmemory.EmbeddingFunction;
import io.agentmemory.Embeddings;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Memories;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemorySearch;
import io.agentmemory.MemoryStore;
import io.agentmemory.NewMemory;
import io.agentmemory.OtherFile;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.PutRecords;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Searching by vector and storing with one, over the reference store. */
final class MemorySearchTest {
  private final MemoryStore store = new InMemoryMemoryStore("test");
  private final ManualClock clock = new ManualClock(Instant.parse("2026-02-10T11:52:05Z"));
  private final Memories memories = store.memories().with(clock, new Random(1));
  private final Embeddings embeddings = store.embeddings().with(clock);

  private void put(MemoryRecord... records) {
    List<PutRecords.Put> puts = new ArrayList<>();
    for (MemoryRecord record : records) {
      puts.add(new PutRecords.Put(record, 1));
    }
    store.execute(new PutRecords(puts));
  }

  private void remember(String id, float[] vector, String... tags) {
    memories.store(NewMemory.of("text of " + id).id(id).title("t").tags(tags).asGiven());
    embeddings.put("text", id, vector);
  }

  private static Value.Map value(String key, Value value) {
    return Value.EMPTY_MAP.with(key, value);
  }

  @Nested
  class Search {
    private final float[] query = {1, 0, 0};

    @Test
    void givenBestOneFarBehindMany_whenSearched_thenItIsFoundAllTheSame() {
      embeddings.define("text", "model", 3);
      List<MemoryRecord> records = new ArrayList<>();
      for (int i = 0; i < 10_100; i++) {
        records.add(Embedding.of("text", "v" + i, new float[] {1, 0.5f + i * 1e-6f, 0}));
      }
      put(records.toArray(MemoryRecord[]::new));
      remember("zz", new float[] {1, 0.6f, 0}, "fix");

      assertThat(embeddings.search(MemorySearch.near(query).limit(2)))
          .extracting(MemorySearch.Hit::id)
          .containsExactly("zz", "v0");
    }

    @Test
    void givenWhatNoSearchCanBe_whenAsked_thenRefused() {
      assertThatIllegalArgumentException().isThrownBy(() -> MemorySearch.near(new float[0]));
      MemorySearch search = MemorySearch.near(query);
      assertThatIllegalArgumentException().isThrownBy(() -> search.limit(0));
      assertThatIllegalArgumentException().isThrownBy(() -> search.threshold(Double.NaN));
      assertThatIllegalArgumentException().isThrownBy(() -> search.in(VectorSpace.IMAGE));
      assertThatIllegalArgumentException().isThrownBy(() -> search.significantDigits(0));
      assertThatIllegalArgumentException().isThrownBy(() -> search.resolutionBoost(0.99));
      assertThatIllegalArgumentException().isThrownBy(() -> search.dimensionBoost(Double.NaN));
      assertThatIllegalArgumentException().isThrownBy(() -> embeddings.similarImages(query, 0));
      assertThatExceptionOfType(InvalidMemoryException.class)
          .isThrownBy(() -> embeddings.search(search));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> embeddings.similarPairs("text", 0.5, 0));
    }
  }

  @Nested
  class Pairs {
    @Test
    void givenVectors_whenPaired_thenAsIfEachWereComparedInTurn() {
      embeddings.define("text", "model", 40);
      Random random = new Random(7);
      List<float[]> vectors = new ArrayList<>();
      for (int i = 0; i < 60; i++) {
        float[] vector = new float[40];
        for (int j = 0; j < vector.length; j++) {
          vector[j] = i % 7 == 0 ? 1 + random.nextFloat() : random.nextFloat() - 0.3f;
        }
        vectors.add(vector);
        remember(String.format(Locale.ROOT, "m%02d", i), vector);
      }
      List<String> expected = new ArrayList<>();
      for (int i = 0; i < 60; i++) {
        for (int j = i + 1; j < 60; j++) {
          double similarity = Embedding.similarity(vectors.get(i), vectors.get(j));
          if (similarity >= 0.5) {
            expected.add(String.format(Locale.ROOT, "%.4f m%02d m%02d", -similarity, i, j));
          }
        }
      }

      List<String> found =
          embeddings.similarPairs("text", 0.5, 10_000).stream()
              .map(
                  pair ->
                      String.format(
                          Locale.ROOT,
                          "%.4f %s %s",
                          -pair.similarity(),
                          pair.first(),
                          pair.second()))
              .toList();

      assertThat(found).hasSizeGreaterThan(30).containsExactlyInAnyOrderElementsOf(expected);
      assertThat(found.stream().map(pair -> pair.substring(0, 7)))
          .isSortedAccordingTo(Comparator.reverseOrder());
      assertThat(embeddings.similarPairs("text", 0.5, 3)).hasSize(3);
      assertThat(embeddings.similarPairs("none", 0.5, 3)).isEmpty();
    }
  }

  @Nested
  class WithAFunction {
    private final List<String> asked = new ArrayList<>();

    private EmbeddingFunction function(int dimensions, float... vector) {
      return new EmbeddingFunction() {
        @Override
        public float[] embed(String text) {
          asked.add(text);
          return vector;
        }

        @Override
        public String model() {
          return "model";
        }

        @Override
        public int dimensions() {
          return dimensions;
        }

        @Override
        public int maxCharacters() {
          return 60;
        }
      };
    }

    @Test
    void givenFunction_whenStored_thenBridgedTextIsEmbedded() {
      put(
          new OtherFile(
              "vocabulary_map.json",
              Value.EMPTY_MAP.with("tide pool", Value.of("shallow")).with("odd", Value.of(1))));

      Memories.Embedded stored =
          memories.store(NewMemory.of("A tide pool holds an engram"), function(2, 1, 2));

      assertThat(stored.failure()).isNull();
      String bridged =
          "A tide pool holds an engram\n\n[vocabulary bridge]\n"
              + "engram: memory trace, stored memory pattern\ntide pool: shallow";
      assertThat(asked).containsExactly(bridged.substring(0, 60));
      Embedding embedding = embeddings.find("text", stored.memory().id()).orElseThrow();
      assertThat(embedding.vector()).containsExactly(1, 2);
      assertThat(embedding.members()).isEqualTo(value("preview", Value.of(bridged)));
      assertThat(embeddings.space("text").orElseThrow().model()).contains("model");
      assertThat(embeddings.vectorOf("something shallow", function(2, 3, 4))).containsExactly(3, 4);
      assertThat(asked.get(1)).startsWith("something shallow\n\n[vocabulary bridge]\ntide pool:");
    }

    @Test
    void givenFunctionThatFails_whenStored_thenTheMemoryIsThereAndTheFailureTold() {
      RuntimeException down = new IllegalStateException("down");
      EmbeddingFunction broken =
          new EmbeddingFunction() {
            @Override
            public float[] embed(String text) {
              throw down;
            }

            @Override
            public String model() {
              return "model";
            }

            @Override
            public int dimensions() {
              return 2;
            }
          };

      Memories.Embedded failed = memories.store(NewMemory.of("a"), broken);
      Memories.Embedded wrong = memories.store(NewMemory.of("b"), function(2, 1, 2, 3));
      embeddings.define("text", "another", 2);
      Memories.Embedded other = memories.store(NewMemory.of("c"), function(2, 1, 2));

      assertThat(failed.failure()).isSameAs(down);
      assertThat(wrong.failure()).isInstanceOf(InvalidMemoryException.class);
      assertThat(other.failure()).isInstanceOf(MemoryConflictException.class);
      for (Memories.Embedded stored : List.of(failed, wrong, other)) {
        assertThat(memories.findById(stored.memory().id())).contains(stored.memory());
        assertThat(embeddings.find("text", stored.memory().id())).isEmpty();
      }
    }
  }
}

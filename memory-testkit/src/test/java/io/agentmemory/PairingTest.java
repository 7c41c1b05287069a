package io.agentmemory;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.command.PutRecords;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** That pairs are the same in however many blocks they are looked for. */
final class PairingTest {
  @Test
  void givenVectorsOfManyBlocks_whenPaired_thenAsInOneBlock() {
    MemoryStore store = new InMemoryMemoryStore("test");
    store.embeddings().define("other", "model", 1);
    store.embeddings().define("tex", "model", 1);
    store.embeddings().put("tex", "before", new float[] {1});
    List<PutRecords.Put> puts = new ArrayList<>();
    puts.add(new PutRecords.Put(new VectorSpace("text", Value.EMPTY_MAP), 1));
    Random random = new Random(3);
    for (int i = 0; i < 50; i++) {
      float[] vector = new float[i % 5 == 0 ? 3 : 4];
      for (int j = 0; j < vector.length; j++) {
        vector[j] = i == 20 ? 0 : random.nextInt(3) - 1;
      }
      puts.add(new PutRecords.Put(Embedding.of("text", "v" + i, vector), 1));
    }
    puts.add(new PutRecords.Put(Embedding.of("textual", "after", 1, 1, 1), 1));
    puts.add(0, new PutRecords.Put(new VectorSpace("textual", Value.EMPTY_MAP), 1));
    store.execute(new PutRecords(puts));

    List<Embeddings.Pair> whole = new Pairing(store, "text", 0.3, 200, 80, 1 << 20).best();

    assertThat(whole).hasSizeGreaterThan(100);
    assertThat(whole.get(0).similarity()).isEqualTo(1);
    for (int floats : new int[] {1, 7, 50, 190}) {
      assertThat(new Pairing(store, "text", 0.3, 200, 80, floats).best())
          .as("blocks of %d floats", floats)
          .isEqualTo(whole);
    }
  }
}

package io.agentmemory.file;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Kind;
import io.agentmemory.Memory;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Kills a process that writes, again and again, on the real disk. */
final class KillTest {
  private static final int ROUNDS = 20;
  private static final int KILLS = 10;

  @TempDir Path folder;

  @Test
  @Timeout(600)
  void givenAWritingProcess_whenKilledAtRandom_thenEveryAcknowledgedWriteIsThere()
      throws Exception {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    for (int round = 0; round < ROUNDS; round++) {
      // a new tree now and then, so that most of the time goes into writing and not into opening
      Path tree = folder.resolve("round" + round);
      Set<String> stored = new HashSet<>();
      Set<String> updated = new HashSet<>();
      for (int kill = 0; kill < KILLS; kill++) {
        String note = "seed " + seed + ", round " + round + ", kill " + kill;
        try (ChildStore child = ChildStore.writing(tree, "k" + kill)) {
          assertThat(child.line()).as(note).isEqualTo("open");
          for (int lines = random.nextInt(30); lines > 0; lines--) {
            take(child.line(), stored, updated);
          }
          LockSupport.parkNanos(random.nextInt(3_000_000));
          child.kill();
          for (String line = child.line(); line != null; line = child.line()) {
            take(line, stored, updated);
          }
        }
      }
      check(tree, stored, updated, "seed " + seed + ", round " + round);
      assertThat(updated).isNotEmpty();
    }
  }

  private static void take(@Nullable String line, Set<String> stored, Set<String> updated) {
    if (line == null) {
      return;
    }
    if (line.startsWith("+")) {
      updated.add(line.substring(1));
    } else {
      stored.add(line);
    }
  }

  private static void check(Path tree, Set<String> stored, Set<String> updated, String note) {
    try (FileMemoryStore store = FileMemoryStore.builder(tree).build()) {
      Set<String> found;
      try (var memories = store.scan(Kind.MEMORY)) {
        found =
            memories
                .map(memory -> memory.live().orElseThrow())
                .peek(memory -> checkBody(memory, updated, note))
                .map(Memory::id)
                .collect(Collectors.toSet());
      }
      assertThat(found).as(note).containsAll(stored);
      Set<String> vectors;
      try (var embeddings = store.scan(Kind.EMBEDDING)) {
        vectors = embeddings.map(e -> e.key().part(1)).collect(Collectors.toSet());
      }
      assertThat(vectors).as("batches are whole, %s", note).isEqualTo(found);
      assertThat(store.info().setAside()).as(note).isEmpty();
      assertThat(store.health().notes()).as(note).isEmpty();
    }
  }

  private static void checkBody(Memory memory, Set<String> updated, String note) {
    String body = "body of " + memory.id();
    if (updated.contains(memory.id())) {
      assertThat(memory.content()).as(note).isEqualTo("new " + body);
    } else {
      assertThat(memory.content()).as(note).isIn(body, "new " + body);
    }
  }
}

package io.agentmemory.file;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Kind;
import io.agentmemory.Memory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Kills a process that writes, again and again, on the real disk. */
final class KillTest {
  /**
   * Each round has a tree of its own, so that the time goes into writing and not into opening.
   * {@code -Dkill.rounds=20} kills 200 times.
   */
  private static final int ROUNDS = Integer.getInteger("kill.rounds", 2);

  private static final int KILLS = 10;

  @TempDir Path folder;

  @Test
  @DisplayName("T01, T03: a process on the real disk killed at random while it stores batches")
  @Timeout(600)
  void givenAWritingProcess_whenKilledAtRandom_thenEveryAcknowledgedWriteIsThere()
      throws Exception {
    long seed = new Random().nextLong();
    ExecutorService threads =
        Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());
    try {
      List<Callable<Round>> rounds = new ArrayList<>();
      for (int i = 0; i < ROUNDS; i++) {
        Round round = new Round(folder.resolve("round" + i), seed + i);
        rounds.add(round::run);
      }
      int updates = 0;
      for (Future<Round> round : threads.invokeAll(rounds)) {
        updates += round.get().updated.size();
      }
      assertThat(updates).as("writes between the kills").isGreaterThan(ROUNDS * KILLS);
    } finally {
      threads.shutdownNow();
    }
  }

  private static final class Round {
    private final Path tree;
    private final long seed;
    private final Set<String> stored = new HashSet<>();
    private final Set<String> updated = new HashSet<>();

    Round(Path tree, long seed) {
      this.tree = tree;
      this.seed = seed;
    }

    Round run() throws IOException {
      Random random = new Random(seed);
      for (int kill = 0; kill < KILLS; kill++) {
        try (ChildStore child = ChildStore.writing(tree, "k" + kill)) {
          assertThat(child.line()).as("seed %s, kill %s", seed, kill).isEqualTo("open");
          for (int lines = random.nextInt(30); lines > 0; lines--) {
            take(child.line());
          }
          LockSupport.parkNanos(random.nextInt(3_000_000));
          child.kill();
          for (String line = child.line(); line != null; line = child.line()) {
            take(line);
          }
        }
      }
      check("seed " + seed);
      return this;
    }

    private void take(@Nullable String line) {
      if (line == null) {
        return;
      }
      if (line.startsWith("+")) {
        updated.add(line.substring(1));
      } else {
        stored.add(line);
      }
    }

    private void check(String note) {
      try (FileMemoryStore store = FileMemoryStore.builder(tree).build()) {
        Set<String> found;
        try (var memories = store.scan(Kind.MEMORY)) {
          found =
              memories
                  .map(memory -> memory.live().orElseThrow())
                  .peek(memory -> checkBody(memory, note))
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

    private void checkBody(Memory memory, String note) {
      String body = "body of " + memory.id();
      if (updated.contains(memory.id())) {
        assertThat(memory.content()).as(note).isEqualTo("new " + body);
      } else {
        assertThat(memory.content()).as(note).isIn(body, "new " + body);
      }
    }
  }
}

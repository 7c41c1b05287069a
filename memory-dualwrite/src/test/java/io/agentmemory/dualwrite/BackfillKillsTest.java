package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.command.Batch;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Copies that are killed wherever they are, two at a time, while the records they copy are written
 * and deleted. A few kills, or {@code -Dbackfill.kills=50}.
 */
class BackfillKillsTest {
  private static final int KILLS = Integer.getInteger("backfill.kills", 8);
  private static final int MEMORIES = 300;
  private static final String AT = "2026-02-10T11:52:05+00:00";

  private final long seed = Long.getLong("fault.seed", System.nanoTime());
  private final InMemoryMemoryStore source = Trees.store(Trees.records(MEMORIES));
  private final InMemoryMemoryStore target = new InMemoryMemoryStore("elsewhere");
  private final Set<String> forgotten = ConcurrentHashMap.newKeySet();
  private final AtomicInteger killed = new AtomicInteger();

  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  /** A copy whose process dies at this call of the target; null if it ended before that. */
  private @org.jspecify.annotations.Nullable BackfillReport copy(
      DualWriteMemoryStore store, int call, Random random) {
    Probe dying = new Probe("dying", target);
    AtomicInteger calls = new AtomicInteger();
    Runnable die =
        () -> {
          if (calls.getAndIncrement() >= call) {
            throw new Killed();
          }
        };
    dying.beforeRead = die;
    dying.before =
        batch -> {
          die.run();
          writeWhatIsCopied(store, batch, random);
        };
    dying.after = batch -> die.run();
    try {
      return Backfill.builder(source, dying)
          .chunkRecords(1 + random.nextInt(20))
          .onProgress(report -> write(store, memory(random.nextInt(MEMORIES)), random))
          .run();
    } catch (Killed kill) {
      killed.incrementAndGet();
      return null;
    }
  }

  private static String memory(int number) {
    return String.format("m%05d", number);
  }

  /** After the copy has read its chunk, and before it writes it: both stores go on meanwhile. */
  private void writeWhatIsCopied(DualWriteMemoryStore store, Batch batch, Random random) {
    Set<Key> copied = batch.needs().keys().getOrDefault(Kind.MEMORY, Set.of());
    copied.stream().limit(2).forEach(key -> write(store, key.part(0), random));
    assertThat(store.drain(Duration.ofSeconds(10))).isTrue();
  }

  private void write(DualWriteMemoryStore store, String id, Random random) {
    try {
      switch (random.nextInt(4)) {
        case 0 -> {
          store.execute(new ForgetMemory(id, 0));
          forgotten.add(id);
        }
        case 1 -> store.execute(new RecallMemory(id, AT));
        case 2 -> store.execute(StoreMemory.of("n" + random.nextInt(), AT, "new"));
        default -> store.execute(UpdateMemory.of(id).content("updated " + random.nextInt()));
      }
    } catch (MemoryConflictException gone) {
      return; // it was forgotten a moment ago
    }
  }

  @Test
  @DisplayName("T69: backfill killed at random, two runners, writes and deletes racing each chunk")
  void givenKillsAndWriters_whenTheLastCopyEnds_thenAsAfterOneCleanRun() throws Exception {
    Random random = new Random(seed);
    try (DualWriteMemoryStore store =
        DualWriteMemoryStore.builder(source, target).stage(Stage.DUAL_WRITE).build()) {
      List<BackfillReport> ended = new ArrayList<>();
      while (killed.get() < KILLS) {
        Random other = new Random(random.nextLong());
        int call = other.nextInt(60);
        CompletableFuture<BackfillReport> second =
            CompletableFuture.supplyAsync(() -> copy(store, call, other));
        BackfillReport first = copy(store, random.nextInt(60), random);
        BackfillReport theirs = second.get();
        for (BackfillReport report : new BackfillReport[] {first, theirs}) {
          if (report != null) {
            ended.add(report);
          }
        }
      }
      BackfillReport last = copy(store, Integer.MAX_VALUE, random);
      ended.add(last);
      assertThat(store.drain(Duration.ofSeconds(10))).isTrue();

      for (BackfillReport report : ended) {
        assertThat(report.state()).as("seed %d", seed).isEqualTo(BackfillReport.State.COMPLETE);
        assertThat(report.total().conserved()).as("seed %d: %s", seed, report).isTrue();
      }
      assertThat(store.lagging()).as("seed %d", seed).isEmpty();
      assertThat(Trees.dump(target)).as("seed %d", seed).isEqualTo(Trees.dump(source));
      assertThat(forgotten).isNotEmpty();
      for (String id : forgotten) {
        assertThat(target.read(Kind.MEMORY, Key.of(id)).orElseThrow().isTombstone())
            .as("%s stays deleted, seed %d", id, seed)
            .isTrue();
      }
    }
    InMemoryMemoryStore clean = new InMemoryMemoryStore("elsewhere");
    Backfill.builder(source, clean).run();
    assertThat(Trees.dump(target)).as("seed %d", seed).isEqualTo(Trees.dump(clean));
  }
}

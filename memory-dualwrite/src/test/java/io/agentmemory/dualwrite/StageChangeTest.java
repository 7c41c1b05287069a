package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.command.Batch;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StageChangeTest {
  private static final String AT = "2026-02-10T11:52:05+00:00";
  private static final int WRITERS = 8;
  private static final int MEMORIES = 12;

  private final Probe source = new Probe("source", new InMemoryMemoryStore("test"));
  private final Probe target = new Probe("target", new InMemoryMemoryStore("test"));
  private final Queue<String> violations = new ConcurrentLinkedQueue<>();
  private final DualWriteMemoryStore store =
      DualWriteMemoryStore.builder(source, target).shadowRate(0.5).build();

  @AfterEach
  void close() {
    store.close();
  }

  /** A caller's own write may only be in the store that is the authority, from begin to end. */
  private Consumer<Batch> leads(boolean isTarget) {
    return batch -> {
      if (!batch.opId().isCopy()
          && !Thread.currentThread().getName().startsWith("dualwrite-")
          && store.stage().targetIsAuthority() != isTarget) {
        violations.add(batch.verb() + " led by the wrong store in " + store.stage());
      }
    };
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void givenEightWriters_whenTheStageGoesThereAndBack_thenNoUpdateIsLost(long seed)
      throws Exception {
    source.before = source.after = leads(false);
    target.before = target.after = leads(true);
    for (int i = 0; i < MEMORIES; i++) {
      store.execute(StoreMemory.of("m" + i, AT, "content"));
    }
    Backfill.builder(source, target).run();
    AtomicLongArray recalls = new AtomicLongArray(MEMORIES);
    AtomicBoolean stop = new AtomicBoolean();
    ExecutorService pool = Executors.newFixedThreadPool(WRITERS);
    List<Future<?>> writers = new ArrayList<>();
    for (int w = 0; w < WRITERS; w++) {
      Random random = new Random(seed * 100 + w);
      int number = w;
      writers.add(
          pool.submit(
              () -> {
                for (int n = 0; !stop.get(); n++) {
                  int m = random.nextInt(MEMORIES);
                  store.execute(new RecallMemory("m" + m, AT));
                  recalls.incrementAndGet(m);
                  String own = "w" + number + "-" + n;
                  store.execute(StoreMemory.of(own, AT, "own").withCausedBy(List.of("m" + m)));
                  if (n % 2 == 0) {
                    store.execute(new ForgetMemory(own, 0));
                  }
                }
              }));
    }

    List<Stage> way = new ArrayList<>(List.of(Stage.values()));
    way.remove(0);
    for (int i = Stage.values().length - 2; i > 0; i--) {
      way.add(Stage.values()[i]);
    }
    for (Stage next : way) {
      if (store.stage() == Stage.COMPLETE) {
        // what was written to the target alone has to be in the source before it leads again
        store.changeStage(next);
        Backfill.builder(target, source).run();
      } else {
        store.changeStage(next);
      }
      if (next == Stage.DUAL_WRITE) {
        Backfill.builder(source, target).run();
      }
      long until = store.stats().writes() + 200;
      while (store.stats().writes() < until) {
        Thread.onSpinWait();
      }
    }
    stop.set(true);
    for (Future<?> writer : writers) {
      writer.get(20, TimeUnit.SECONDS);
    }
    pool.shutdown();
    assertThat(store.drain(Duration.ofSeconds(10))).isTrue();

    assertThat(violations).as("seed %s", seed).isEmpty();
    assertThat(store.lagging()).isEmpty();
    for (int m = 0; m < MEMORIES; m++) {
      assertThat(Trees.memory(store, "m" + m).live().orElseThrow().recallCount())
          .as("recalls of m%s, seed %s", m, seed)
          .isEqualTo(recalls.get(m));
    }
    assertThat(Trees.dump(target)).as("seed %s", seed).isEqualTo(Trees.dump(source));
    assertThat(store.stats().shadowMismatched()).as("seed %s", seed).isZero();
  }

  @Test
  void givenStage_whenChangedToOneThatIsNotNext_thenRefused() {
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> store.changeStage(Stage.SHADOW))
        .withMessage("stage SHADOW is not next to OFF");
    assertThat(store.stage()).isEqualTo(Stage.OFF);
  }

  @Test
  void givenWriteThatDoesNotEnd_whenStageIsChanged_thenTheOldStageGoesOn() throws Exception {
    try (DualWriteMemoryStore impatient =
        DualWriteMemoryStore.builder(source, target)
            .stage(Stage.DUAL_WRITE)
            .patience(Duration.ofMillis(20))
            .build()) {
      CountDownLatch open = new CountDownLatch(1);
      target.before = batch -> Probe.await(open);
      impatient.execute(StoreMemory.of("m1", AT, "content"));

      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> impatient.changeStage(Stage.SHADOW))
          .withMessageContaining("writes are still running after 20 ms; nothing was changed");
      assertThat(impatient.stage()).isEqualTo(Stage.DUAL_WRITE);
      open.countDown();
      assertThat(impatient.drain(Duration.ofSeconds(10))).isTrue();
      impatient.changeStage(Stage.SHADOW);
      assertThat(target.read(Kind.MEMORY, Key.of("m1"))).isPresent();
    }
  }

  @Test
  void givenLaggingRecords_whenTheAuthorityChanges_thenTheyAreBroughtUpToDateFirst() {
    store.changeStage(Stage.DUAL_WRITE);
    store.changeStage(Stage.SHADOW);
    target.down();
    store.execute(StoreMemory.of("m1", AT, "content"));
    assertThat(store.drain(Duration.ofSeconds(10))).isTrue();

    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(() -> store.changeStage(Stage.LIVE))
        .withMessageContaining("1 records of the store that would become the authority lag");
    assertThat(store.stage()).isEqualTo(Stage.SHADOW);
    target.up();
    store.changeStage(Stage.LIVE);

    assertThat(store.lagging()).isEmpty();
    assertThat(store.memories().findById("m1")).isPresent();
  }

  @Test
  void givenClosedStore_whenUsed_thenItSaysSo() {
    store.close();
    assertThatExceptionOfType(MemoryStoreException.class)
        .isThrownBy(() -> store.execute(StoreMemory.of("m1", AT, "content")))
        .withMessageContaining("the store is closed");
    assertThatExceptionOfType(MemoryStoreException.class)
        .isThrownBy(() -> store.changeStage(Stage.DUAL_WRITE))
        .withMessageContaining("the store is closed");
  }
}

package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryStore;
import io.agentmemory.Operation;
import io.agentmemory.SimilarQuery;
import io.agentmemory.Stored;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.spi.ForwardingMemoryStore;
import io.agentmemory.testkit.FaultyMemoryStore;
import io.agentmemory.testkit.FaultyMemoryStore.Gate;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ShadowReadsTest {
  private static final String AT = "2026-02-10T11:52:05+00:00";
  private static final Key M = Key.of("m00000");

  private final InMemoryMemoryStore source = Trees.store(Trees.records(3));
  private final InMemoryMemoryStore target = Trees.store(Trees.records(3));
  private final FaultyMemoryStore authority = new FaultyMemoryStore(source);
  private final FaultyMemoryStore shadow = new FaultyMemoryStore(target);
  private final List<Operation> mismatches = new CopyOnWriteArrayList<>();
  private final List<Throwable> failures = new CopyOnWriteArrayList<>();
  private DualWriteMemoryStore store = open(1);

  private DualWriteMemoryStore open(double rate) {
    return DualWriteMemoryStore.builder(authority, shadow)
        .stage(Stage.SHADOW)
        .shadowRate(rate)
        .random(new Random(1))
        .listener(
            new DualWriteListener() {
              @Override
              public void onShadowMismatch(Operation read) {
                mismatches.add(read);
              }

              @Override
              public void onShadowFailure(Operation read, Throwable failure) {
                failures.add(failure);
              }
            })
        .build();
  }

  @AfterEach
  void close() {
    store.close();
  }

  private Optional<Stored<Memory>> read() {
    return store.read(Kind.MEMORY, M);
  }

  private void awaitShadows(long number) {
    Trees.await(
        () -> {
          DualWriteStats s = store.stats();
          return s.shadowCompared()
                  + s.shadowMismatched()
                  + s.shadowUnsettled()
                  + s.shadowFailed()
                  + s.shadowDropped()
              == number;
        },
        "compared reads");
  }

  @Test
  void givenShadowThatHangs_whenRead_thenTheCallerDoesNotWait() {
    Gate gate = shadow.holdNextRead();

    assertThat(read()).isPresent();
    gate.awaitCall();
    assertThat(read()).isPresent();
    awaitShadows(1);

    gate.open();
    awaitShadows(2);
    assertThat(store.stats().shadowCompared()).isEqualTo(2);
  }

  @Test
  void givenShadowThatThrows_whenRead_thenTheCallerDoesNotKnow() {
    IllegalStateException failure = new IllegalStateException("a defect");
    shadow.failNextRead(failure);

    assertThat(read()).isPresent();
    awaitShadows(1);

    assertThat(failures).containsExactly(failure);
    assertThat(store.stats().shadowFailed()).isEqualTo(1);
    assertThat(mismatches).isEmpty();
  }

  @Test
  void givenShadowThatAnswersNull_whenRead_thenThatIsAFailure() {
    shadow.changeNextRead((List<Memory> found) -> null);

    assertThat(store.find(MemoryQuery.all())).hasSize(3);
    awaitShadows(1);

    Trees.await(() -> failures.size() == 1, "the listener");
  }

  @Test
  void givenCallerThatChangesItsResult_whenCompared_thenThatIsNotSeen() {
    authority.changeNextRead((List<Memory> found) -> new ArrayList<>(found));
    Gate gate = shadow.holdNextRead();

    List<Memory> found = store.find(MemoryQuery.all());
    gate.awaitCall();
    found.clear();
    gate.open();
    awaitShadows(1);

    assertThat(store.stats().shadowCompared()).isEqualTo(1);
  }

  @Test
  void givenMoreReadsThanMayWait_whenRead_thenTheRestIsDroppedAndCounted() {
    Gate first = shadow.holdNextRead();
    Gate second = shadow.holdNextRead();
    for (int i = 0; i < 2 + 256 + 100; i++) {
      assertThat(read()).isPresent();
      if (i == 1) {
        first.awaitCall();
        second.awaitCall();
      }
    }

    assertThat(store.stats().shadowDropped()).isEqualTo(100);
    first.open();
    second.open();
    awaitShadows(358);
    assertThat(store.stats().shadowCompared()).isEqualTo(258);
  }

  @Test
  void givenSample_whenReadOften_thenAboutThatManyAreCompared() {
    store = open(0.1);
    for (int i = 0; i < 1000; i++) {
      assertThat(read()).isPresent();
    }
    Trees.await(() -> shadow.reads() >= 60, "compared reads");

    assertThat(store.stats().shadowDropped() + shadow.reads()).isBetween(60L, 140L);
  }

  /** What the other store does with a compared read. */
  private enum Shadow {
    /** It takes 10 s, or any time up to the end of the test. */
    SLOW,
    THROWING,
    NULL,
    /** It answers well, and the caller changes what it got. */
    MUTATED
  }

  @Nested
  @DisplayName("T75: shadow read slow 10 s, throwing, returning null, result mutated by caller")
  class WhateverTheShadowDoes {
    private static final int READS = 51;
    private static final int ROUNDS = 20;
    private static final long READ_NANOS = 2_000_000;

    private final CountDownLatch end = new CountDownLatch(1);
    private long reads; // that are to be compared
    private final Probe slow = new Probe("authority", target);
    private volatile Shadow shadow = Shadow.SLOW;
    private final MemoryStore other =
        new ForwardingMemoryStore(target) {
          @Override
          @SuppressWarnings("NullAway") // that is the point
          public List<Memory> find(MemoryQuery query) {
            switch (shadow) {
              case SLOW -> Probe.await(end);
              case THROWING -> throw new IllegalStateException("a defect");
              case NULL -> {
                return null;
              }
              case MUTATED -> {}
            }
            return super.find(query);
          }
        };
    private final MemoryStore mutable =
        new ForwardingMemoryStore(slow) {
          @Override
          public List<Memory> find(MemoryQuery query) {
            return new ArrayList<>(super.find(query));
          }
        };
    private final DualWriteMemoryStore compared = open(1);
    private final DualWriteMemoryStore alone = open(0);

    private DualWriteMemoryStore open(double rate) {
      return DualWriteMemoryStore.builder(mutable, other)
          .stage(Stage.SHADOW)
          .shadowRate(rate)
          .build();
    }

    @AfterEach
    void close() {
      end.countDown();
      compared.close();
      alone.close();
    }

    private long nanos(DualWriteMemoryStore some, List<Memory> expected) {
      long start = System.nanoTime();
      List<Memory> found = some.find(MemoryQuery.all());
      long nanos = System.nanoTime() - start;
      assertThat(found).isEqualTo(expected);
      found.clear();
      return nanos;
    }

    /** How much longer the middle one of many compared reads takes than one that is not. */
    private double slowdown(List<Memory> expected) {
      reads += READS;
      long[] with = new long[READS];
      long[] without = new long[READS];
      for (int i = 0; i < READS; i++) {
        with[i] = nanos(compared, expected);
        without[i] = nanos(alone, expected);
      }
      Arrays.sort(with);
      Arrays.sort(without);
      return (double) with[READS / 2] / without[READS / 2] - 1;
    }

    @ParameterizedTest
    @EnumSource
    void givenShadow_whenRead_thenTheCallerHasItsResultAsFastAndItIsCounted(Shadow does) {
      shadow = does;
      slow.beforeRead = () -> LockSupport.parkNanos(READ_NANOS);
      List<Memory> expected = target.find(MemoryQuery.all());
      double slowdown = slowdown(expected);
      for (int i = 0; i < ROUNDS && Math.abs(slowdown) > 0.05; i++) {
        slowdown = slowdown(expected); // a busy machine has its moments
      }

      assertThat(slowdown).isBetween(-0.05, 0.05);
      assertThat(daemons()).isLessThanOrEqualTo(2);
      end.countDown();
      shadow = does == Shadow.SLOW ? Shadow.MUTATED : does;
      Trees.await(() -> handled(compared.stats()) == reads, "every read is counted");
      DualWriteStats stats = compared.stats();
      assertThat(stats.shadowMismatched()).isZero();
      switch (does) {
        case SLOW -> assertThat(stats.shadowCompared()).isPositive();
        case THROWING, NULL -> assertThat(stats.shadowFailed()).isPositive();
        case MUTATED -> assertThat(stats.shadowFailed() + stats.shadowDropped()).isZero();
      }
    }

    private static long handled(DualWriteStats stats) {
      return stats.shadowCompared() + stats.shadowFailed() + stats.shadowDropped();
    }

    private static long daemons() {
      return Thread.getAllStackTraces().keySet().stream()
          .filter(thread -> thread.getName().equals("dualwrite-shadow"))
          .filter(thread -> !hasEnded(thread))
          .peek(thread -> assertThat(thread.isDaemon()).isTrue())
          .count();
    }

    private static boolean hasEnded(Thread thread) {
      return thread.getState() == Thread.State.TERMINATED;
    }

    @Test
    void givenMoreReadsThanMayWait_whenTheShadowHangs_thenTheRestIsDroppedAndCounted() {
      for (int i = 0; i < 2 + 256 + 100; i++) {
        assertThat(compared.find(MemoryQuery.all())).hasSize(3);
      }

      assertThat(compared.stats().shadowDropped()).isBetween(100L, 102L);
      end.countDown();
      Trees.await(() -> handled(compared.stats()) == 358, "the others");
    }
  }

  @Nested
  class Mismatches {
    @Test
    void givenShadowThatDiffers_whenReadInEveryWay_thenEachIsReported() {
      Trees.put(target, List.of(Trees.memory("m00000", "different")), 2);
      Trees.put(target, List.of(Trees.memory("m00009", "one more")), 1);
      target.embeddings().put(VectorSpace.TEXT, "m00001", new float[] {5, 1});

      read();
      store.readAll(Kind.MEMORY, List.of(M));
      store.find(MemoryQuery.all());
      store.count(MemoryQuery.all());
      store.search(SimilarQuery.nearest(VectorSpace.TEXT, new float[] {1, 1}));
      awaitShadows(5);

      assertThat(mismatches)
          .extracting(Operation::toString)
          .containsExactlyInAnyOrder(
              "dualwrite.read(memory:m00000)",
              "dualwrite.readAll(memory)",
              "dualwrite.find",
              "dualwrite.count",
              "dualwrite.search(text)");
    }

    @Test
    void givenTombstoneAndNothing_whenRead_thenEqual() {
      target.memories().store("to forget");
      Memory gone = target.find(MemoryQuery.all()).get(0);
      target.memories().forget(gone.id());

      assertThat(store.read(Kind.MEMORY, gone.key())).isEmpty();
      awaitShadows(1);

      assertThat(store.stats().shadowCompared()).isEqualTo(1);
    }

    @Test
    void givenWriteOnItsWay_whenItMovesAPageItIsNotOn_thenTheDifferenceIsNotReported() {
      Gate gate = shadow.holdNextWrite();
      store.execute(new RecallMemory("m00002", AT)); // the heaviest from now on
      gate.awaitCall();

      MemoryQuery second = MemoryQuery.all().order(MemoryQuery.Order.HEAVIEST).page(1, 1);
      assertThat(store.find(second)).extracting(Memory::id).containsExactly("m00000");
      awaitShadows(1);

      assertThat(mismatches).isEmpty();
      assertThat(store.stats().shadowUnsettled()).isEqualTo(1);
      gate.open();
    }

    @Test
    void givenWriteOnItsWay_whenRead_thenTheDifferenceIsNotReported() {
      Gate gate = shadow.holdNextWrite();
      store.execute(new RecallMemory("m00000", AT));
      gate.awaitCall();

      read();
      store.count(MemoryQuery.all());
      store.find(MemoryQuery.all());
      awaitShadows(3);

      assertThat(mismatches).isEmpty();
      assertThat(store.stats().shadowUnsettled()).isEqualTo(2);
      gate.open();
    }

    @Test
    void givenLaggingRecord_whenRead_thenTheDifferenceIsNotReported() {
      shadow.failNextWrite(new IllegalStateException("a defect"));
      store.execute(new RecallMemory("m00000", AT));
      assertThat(store.drain(Duration.ofSeconds(10))).isTrue();

      read();
      awaitShadows(1);

      assertThat(mismatches).isEmpty();
      assertThat(store.stats().shadowUnsettled()).isEqualTo(1);
    }

    @Test
    void givenResultThatIsOldByTheTimeItIsCompared_whenRead_thenItIsReadAgain() {
      Gate gate = shadow.holdNextRead();
      read();
      gate.awaitCall();
      store.execute(new RecallMemory("m00000", AT));
      assertThat(store.drain(Duration.ofSeconds(10))).isTrue();

      gate.open();
      awaitShadows(1);

      assertThat(store.stats().shadowCompared()).isEqualTo(1);
    }

    @Test
    void givenWritersAndReaders_whenCompared_thenNoFalseMismatch() throws Exception {
      AtomicBoolean stop = new AtomicBoolean();
      List<Thread> writers = new ArrayList<>();
      for (int w = 0; w < 4; w++) {
        int id = w % 3;
        Thread writer =
            new Thread(
                () -> {
                  while (!stop.get()) {
                    store.execute(new RecallMemory("m0000" + id, AT));
                  }
                });
        writers.add(writer);
        writer.start();
      }
      for (int i = 0; i < 5000; i++) {
        store.read(Kind.MEMORY, Key.of("m0000" + i % 3));
        store.find(MemoryQuery.all().order(MemoryQuery.Order.HEAVIEST));
        store.count(MemoryQuery.all());
      }
      stop.set(true);
      for (Thread writer : writers) {
        writer.join(10_000);
      }
      awaitShadows(15_000);

      assertThat(mismatches).isEmpty();
      assertThat(store.stats().mismatched()).isZero();
    }
  }

  @Nested
  class Hits {
    private static SimilarQuery.Hit hit(String target, double similarity) {
      return new SimilarQuery.Hit(target, similarity);
    }

    private static boolean equal(List<SimilarQuery.Hit> a, List<SimilarQuery.Hit> b, int limit) {
      boolean equal = Comparisons.hits(a, b, limit) == null;
      assertThat(Comparisons.hits(b, a, limit) == null).isEqualTo(equal);
      return equal;
    }

    @Test
    void givenNoise_whenCompared_thenEqualWithinTheTolerance() {
      assertThat(equal(List.of(hit("a", 0.9)), List.of(hit("a", 0.90005)), 10)).isTrue();
      assertThat(equal(List.of(hit("a", 0.9)), List.of(hit("a", 0.9002)), 10)).isFalse();
    }

    @Test
    void givenTie_whenInAnotherOrder_thenEqual() {
      assertThat(
              equal(
                  List.of(hit("a", 0.9), hit("b", 0.8), hit("c", 0.8), hit("d", 0.1)),
                  List.of(hit("a", 0.9), hit("c", 0.8), hit("b", 0.80001), hit("d", 0.1)),
                  10))
          .isTrue();
    }

    @Test
    void givenNoTie_whenInAnotherOrder_thenDifferent() {
      assertThat(
              equal(
                  List.of(hit("a", 0.9), hit("b", 0.8)), List.of(hit("b", 0.9), hit("a", 0.8)), 10))
          .isFalse();
    }

    @Test
    void givenTieThatTheLimitCuts_whenAnotherPartIsThere_thenEqual() {
      List<SimilarQuery.Hit> a = List.of(hit("a", 0.9), hit("b", 0.8));
      List<SimilarQuery.Hit> b = List.of(hit("a", 0.9), hit("c", 0.8));

      assertThat(equal(a, b, 2)).isTrue();
      assertThat(equal(a, b, 10)).as("nothing was cut").isFalse();
    }

    @Test
    void givenFewerHits_whenCompared_thenDifferent() {
      assertThat(equal(List.of(hit("a", 0.9), hit("b", 0.8)), List.of(hit("a", 0.9)), 10))
          .isFalse();
      assertThat(equal(List.of(), List.of(), 10)).isTrue();
    }
  }
}

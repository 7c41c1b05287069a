package io.agentmemory.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Leaf;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryStore;
import io.agentmemory.OpId;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.command.Batch;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.spi.EpochGuard;
import io.agentmemory.spi.EpochGuard.Register;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every store that is an {@link EpochGuard} must do. */
public abstract class EpochGuardContract {
  private static final int THREADS = 4;
  private static final String SHA_256 = "ab".repeat(32);

  private MemoryStore owner;
  private MemoryStore other;

  /** For subclasses. */
  protected EpochGuardContract() {}

  /** Opens two store objects on one memory, which is empty. The suite closes them. */
  protected abstract List<MemoryStore> openTwo() throws Exception;

  @BeforeEach
  final void openBoth() throws Exception {
    List<MemoryStore> two = openTwo();
    owner = two.get(0);
    other = two.get(1);
  }

  @AfterEach
  final void closeBoth() {
    other.close();
    owner.close();
  }

  private static EpochGuard guard(MemoryStore store) {
    return store.as(EpochGuard.class).orElseThrow();
  }

  private static Register at(long epoch) {
    return new Register(epoch, "{\"epoch\": " + epoch + " , \"who\":\"\u00fc\"}");
  }

  private static StoreMemory store(String id) {
    return StoreMemory.of(id, "2026-02-10T11:52:05+00:00", "text");
  }

  private void refused(Batch batch, long held) {
    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(() -> owner.execute(batch))
        .withMessageContaining("epoch " + held)
        .withMessageContaining("another owner has moved on")
        .satisfies(e -> assertThat(e.isRefusal()).isTrue())
        .satisfies(e -> assertThat(e.mayHaveApplied()).isEmpty());
  }

  @Test
  void givenNoRegister_whenAdvanced_thenKeptToTheLetterAndSeenByOthers() {
    assertThat(guard(owner).register()).isEmpty();

    assertThat(guard(owner).advance(0, at(3))).isTrue();

    assertThat(guard(owner).register()).contains(at(3));
    assertThat(guard(other).register()).contains(at(3));
    assertThat(guard(other).advance(3, at(4))).isTrue();
    assertThat(guard(owner).register()).contains(at(4));
  }

  @Test
  void givenOldExpectation_whenAdvanced_thenFalseAndNothingIsChanged() {
    assertThat(guard(owner).advance(2, at(3))).isFalse();
    assertThat(guard(owner).register()).isEmpty();
    guard(owner).advance(0, at(3));

    assertThat(guard(other).advance(0, at(5))).isFalse();
    assertThat(guard(other).advance(2, at(5))).isFalse();

    assertThat(guard(owner).register()).contains(at(3));
  }

  @Test
  void givenNonsense_whenAdvancedOrGuarded_thenRefusedBeforeAnythingIsAsked() {
    assertThatIllegalArgumentException().isThrownBy(() -> guard(owner).advance(3, at(3)));
    assertThatIllegalArgumentException().isThrownBy(() -> guard(owner).advance(-1, at(3)));
    assertThatIllegalArgumentException().isThrownBy(() -> guard(owner).guard(-1));
    assertThatIllegalArgumentException().isThrownBy(() -> new Register(0, "{}"));
    assertThatIllegalArgumentException().isThrownBy(() -> new Register(1, "{"));
  }

  @Test
  void givenManyAtOnce_whenAdvanced_thenOneOfThemEachTime() throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(THREADS);
    try {
      for (long epoch = 0; epoch < 5; epoch++) {
        long expected = epoch;
        CountDownLatch ready = new CountDownLatch(THREADS);
        List<Future<Boolean>> tries = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
          EpochGuard guard = guard(i % 2 == 0 ? owner : other);
          tries.add(
              pool.submit(
                  () -> {
                    ready.countDown();
                    ready.await();
                    return guard.advance(expected, at(expected + 1));
                  }));
        }
        int won = 0;
        for (Future<Boolean> one : tries) {
          won += one.get(30, TimeUnit.SECONDS) ? 1 : 0;
        }
        assertThat(won).as("from epoch %s", epoch).isOne();
      }
    } finally {
      pool.shutdownNow();
    }
  }

  @Test
  void givenGuardAtAnotherEpoch_whenWritten_thenEveryWayOfWritingIsRefused() {
    guard(other).advance(0, at(1));
    guard(owner).guard(1);
    owner.execute(store("m"));
    Batch known = new Batch(OpId.random(), List.of(store("known")));
    owner.execute(known);
    guard(other).advance(1, at(2));

    refused(Batch.of(store("created")), 2); // perhaps in one statement
    refused(Batch.of(new RecallMemory("m", "2026-02-11T00:00:00+00:00")), 2);
    refused(Batch.of(new PutRecords(List.of())), 2);
    refused(known, 2);
    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(() -> owner.conclude(OpId.random()))
        .matches(StoreUnavailableException::isRefusal);
    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(() -> owner.reportLeaves(leaves()))
        .matches(StoreUnavailableException::isRefusal);

    assertThat(owner.count(MemoryQuery.all())).isEqualTo(2);
    assertThat(owner.memories().findById("m").orElseThrow().recallCount()).isZero();
    other.execute(store("of somebody who is not guarded"));
    guard(owner).guard(2);
    owner.execute(store("created"));
    guard(owner).guard(0);
    guard(other).advance(2, at(3));
    owner.execute(store("unguarded"));
  }

  /** The leaves of all memories, as somebody would report them. */
  private List<Leaf> leaves() {
    try (Stream<Leaf> all = owner.leaves()) {
      return all.map(leaf -> new Leaf(leaf.id(), leaf.file(), leaf.state(), SHA_256, false))
          .toList();
    }
  }

  @Test
  void givenGuardAndNoRegister_whenWritten_thenRefused() {
    guard(owner).guard(1);

    refused(Batch.of(store("m")), 0);

    assertThat(owner.read(Kind.MEMORY, Key.of("m"))).isEmpty();
  }

  @Test
  void givenWritersUnderway_whenAdvanced_thenWhatWasWrittenBeforeIsThereAndNothingComesAfter()
      throws Exception {
    guard(other).advance(0, at(1));
    guard(owner).guard(1);
    ExecutorService pool = Executors.newFixedThreadPool(THREADS);
    try {
      AtomicLong written = new AtomicLong();
      CountDownLatch underway = new CountDownLatch(20);
      List<Future<?>> writers = new ArrayList<>();
      for (int i = 0; i < THREADS; i++) {
        int writer = i;
        writers.add(
            pool.submit(
                () -> {
                  for (int n = 0; ; n++) {
                    String id = "m-" + writer + "-" + n;
                    try {
                      owner.execute(store(id));
                      if (n % 2 == 0) {
                        owner.execute(new RecallMemory(id, "2026-02-11T00:00:00+00:00"));
                      }
                    } catch (StoreUnavailableException moved) {
                      assertThat(moved).hasMessageContaining("epoch 2");
                      return null;
                    }
                    written.incrementAndGet();
                    underway.countDown();
                  }
                }));
      }
      assertThat(underway.await(60, TimeUnit.SECONDS)).isTrue();

      guard(other).advance(1, at(2));

      long atOnce = other.count(MemoryQuery.all());
      for (Future<?> writer : writers) {
        writer.get(30, TimeUnit.SECONDS);
      }
      assertThat(other.count(MemoryQuery.all())).as("written after the step").isEqualTo(atOnce);
      // a writer may have been stopped between the two commands of one memory
      assertThat(atOnce).isBetween(written.get(), written.get() + THREADS);
    } finally {
      pool.shutdownNow();
    }
  }
}

package io.agentmemory.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryQuery;
import io.agentmemory.OpId;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.internal.testkit.TcpProxy;
import io.agentmemory.internal.testkit.TcpProxy.Cut;
import io.agentmemory.internal.testkit.TcpProxy.Trap;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is left of an operation when the line to the database breaks at the worst moment. */
@Tag("postgres")
class CutLinesTest {
  private static final String AT = "2026-02-10T11:52:05+00:00";

  /** How a batch begins that goes in one statement. */
  private static final String ONE_STATEMENT = "WITH ok AS";

  private static TestDatabase database;

  @BeforeAll
  static void create() {
    database = TestDatabase.create("cut lines");
  }

  @AfterAll
  static void drop() {
    database.close();
  }

  private static Batch batch(Command command) {
    return new Batch(OpId.random(), List.of(command));
  }

  /** How somebody who lost the answer goes on. */
  private enum Decision {
    REPEAT,
    CONCLUDE,
    FENCE;

    /** Returns whether the operation has been applied; from now on it stays so. */
    boolean make(PostgresMemoryStore store, Batch batch) {
      switch (this) {
        case REPEAT:
          assertThat(store.execute(batch).changes()).hasSize(1);
          return true;
        case CONCLUDE:
          return store.conclude(batch.opId()).isPresent();
        default:
          Batch nothing = new Batch(batch.opId(), List.of(new PutRecords(List.of())));
          return store.execute(nothing).repeated();
      }
    }
  }

  @Nested
  @DisplayName("T27: connection cut after COMMIT left")
  class AtCommit {
    private final int rounds = Integer.getInteger("fault.rounds", 50);
    private final long seed = Long.getLong("fault.seed", System.nanoTime());
    private final Random random = new Random(seed);
    private final String namespace = TestDatabase.namespace();

    @Test
    void givenLineCutAtCommit_whenDecided_thenNothingIsLostAndNothingDoubled() throws Exception {
      long recalls = 0;
      long stored = 1;
      try (TcpProxy proxy = database.proxy();
          PostgresMemoryStore store = database.open(namespace, proxy)) {
        store.execute(StoreMemory.of("counter", AT, "text"));
        for (int round = 0; round < rounds; round++) {
          boolean oneStatement = random.nextBoolean();
          Cut cut = Cut.values()[random.nextInt(Cut.values().length - 1)]; // all but NOWHERE
          Decision decision = Decision.values()[random.nextInt(Decision.values().length)];
          boolean arrivesFirst = random.nextBoolean();
          String which =
              "seed %d, round %d: %s, cut %s, %s, late one first: %s"
                  .formatted(
                      seed, round, oneStatement ? "create" : "recall", cut, decision, arrivesFirst);
          Batch batch =
              batch(
                  oneStatement
                      ? StoreMemory.of("m-" + round, AT, "text")
                      : new RecallMemory("counter", AT));
          Trap trap = proxy.trap(oneStatement ? ONE_STATEMENT : "COMMIT", cut);

          StoreUnavailableException lost =
              catchThrowableOfType(StoreUnavailableException.class, () -> store.execute(batch));
          assertThat(lost).as(which).isNotNull();
          assertThat(lost.mayHaveApplied()).as(which).contains(batch.opId());
          assertThat(trap.isSprung()).as(which).isTrue();
          boolean applied;
          if (cut != Cut.LATE) {
            applied = decision.make(store, batch);
            trap.awaitEnd();
          } else if (arrivesFirst) {
            trap.release();
            applied = decision.make(store, batch);
          } else if (oneStatement) { // has not begun: whoever decides now is before it
            applied = decision.make(store, batch);
            trap.release();
          } else { // has done all but its COMMIT: whoever decides has to wait for it
            CompletableFuture<Boolean> deciding =
                CompletableFuture.supplyAsync(() -> decision.make(store, batch));
            database.awaitWaiting();
            trap.release();
            applied = deciding.get(20, TimeUnit.SECONDS);
          }

          if (decision != Decision.REPEAT) {
            switch (cut) {
              case BEFORE, MIDWAY -> assertThat(applied).as(which).isFalse();
              case BEFORE_ANSWER -> assertThat(applied).as(which).isTrue();
              case LATE -> assertThat(applied).as(which).isEqualTo(arrivesFirst || !oneStatement);
              default -> {} // both may be
            }
          }
          if (oneStatement) {
            stored += applied ? 1 : 0;
            assertThat(store.read(Kind.MEMORY, Key.of("m-" + round)).isPresent())
                .as(which)
                .isEqualTo(applied);
          } else {
            recalls += applied ? 1 : 0;
            assertThat(store.memories().findById("counter").orElseThrow().recallCount())
                .as(which)
                .isEqualTo(recalls);
          }
        }
      }
      try (PostgresMemoryStore later = database.open(namespace)) {
        assertThat(later.count(MemoryQuery.all())).as("seed %d", seed).isEqualTo(stored);
        assertThat(later.memories().findById("counter").orElseThrow().recallCount())
            .as("seed %d", seed)
            .isEqualTo(recalls);
      }
    }

    @Test
    void givenCommitStillOnItsWay_whenConcluded_thenTheDoubtRemainsUntilItArrives()
        throws Exception {
      try (TcpProxy proxy = database.proxy();
          PostgresMemoryStore store = database.open(namespace, proxy)) {
        store.execute(StoreMemory.of("m", AT, "text"));
        Batch batch = batch(new RecallMemory("m", AT));
        Trap trap = proxy.trap("COMMIT", Cut.LATE);
        assertThatExceptionOfType(StoreUnavailableException.class)
            .isThrownBy(() -> store.execute(batch))
            .satisfies(e -> assertThat(e.mayHaveApplied()).contains(batch.opId()));

        assertThatExceptionOfType(StoreUnavailableException.class)
            .isThrownBy(() -> store.conclude(batch.opId()))
            .matches(StoreUnavailableException::isRefusal);
        trap.release();

        assertThat(store.conclude(batch.opId())).hasValueSatisfying(this::recalledOnce);
        recalledOnce(store.execute(batch));
      }
    }

    private void recalledOnce(Outcome outcome) {
      assertThat(outcome.repeated()).isTrue();
      assertThat(outcome.live(Kind.MEMORY, Key.of("m")).orElseThrow().recallCount()).isOne();
    }

    @Test
    void givenLineCutBeforeTheLastStatement_whenExecuted_thenFailedAndNothingChanged()
        throws Exception {
      try (TcpProxy proxy = database.proxy();
          PostgresMemoryStore store = database.open(namespace, proxy)) {
        store.execute(StoreMemory.of("m", AT, "text"));
        for (Cut cut : List.of(Cut.BEFORE, Cut.MIDWAY, Cut.AFTER, Cut.BEFORE_ANSWER)) {
          for (String begin : List.of("BEGIN", "INSERT INTO")) {
            proxy.trap(begin, cut);
            assertThatExceptionOfType(StoreUnavailableException.class)
                .as("%s %s", begin, cut)
                .isThrownBy(() -> store.execute(new RecallMemory("m", AT)))
                .satisfies(e -> assertThat(e.mayHaveApplied()).isEmpty())
                .matches(e -> !e.isRefusal());
          }
        }
        assertThat(store.memories().findById("m").orElseThrow().recallCount()).isZero();
      }
    }
  }

  @Nested
  @DisplayName("T36, T37: half-open TCP, and an answer after 10 s")
  class GoingSilent {
    /** The socketTimeout, a tenth, and as much for a busy machine. */
    private static final Duration LIMIT = Duration.ofSeconds(6);

    /** How long it takes until the caller is told that there is no answer. */
    private CompletableFuture<Duration> unavailable(Runnable call, String which) {
      return CompletableFuture.supplyAsync(
          () -> {
            long start = System.nanoTime();
            assertThatExceptionOfType(StoreUnavailableException.class)
                .as(which)
                .isThrownBy(call::run)
                .matches(e -> !e.isRefusal(), which);
            return Duration.ofNanos(System.nanoTime() - start);
          });
    }

    @Test
    @Timeout(60)
    void givenLinesThatGoSilent_whenUsed_thenCallersReturnInTimeAndTheStoreComesBack()
        throws Exception {
      String one = TestDatabase.namespace();
      String two = TestDatabase.namespace();
      String three = TestDatabase.namespace();
      try (TcpProxy silent = database.proxy();
          TcpProxy slow = database.proxy();
          TcpProxy halfOpen = database.proxy();
          PostgresMemoryStore reading = database.open(one, silent);
          PostgresMemoryStore creating = database.open(two, slow);
          PostgresMemoryStore committing = database.open(three, halfOpen);
          PostgresMemoryStore direct = database.open(three)) {
        direct.execute(StoreMemory.of("m", AT, "text"));
        reading.count(MemoryQuery.all());
        creating.count(MemoryQuery.all());
        committing.count(MemoryQuery.all());
        Batch create = batch(StoreMemory.of("m", AT, "text"));
        Batch recall = batch(new RecallMemory("m", AT));

        silent.silence();
        slow.delayAnswers(Duration.ofSeconds(10));
        Trap trap = halfOpen.trap("COMMIT", Cut.NOWHERE);
        List<CompletableFuture<Duration>> calls =
            List.of(
                unavailable(() -> reading.read(Kind.MEMORY, Key.of("m")), "a read"),
                unavailable(() -> creating.execute(create), "one statement, answered late"),
                unavailable(() -> committing.execute(recall), "COMMIT that is swallowed"));

        for (CompletableFuture<Duration> call : calls) {
          assertThat(call.get(30, TimeUnit.SECONDS)).isLessThan(LIMIT);
        }
        silent.speak();
        slow.delayAnswers(Duration.ZERO);
        assertThat(reading.count(MemoryQuery.all())).isZero();
        creating.execute(create);
        assertThat(creating.count(MemoryQuery.all())).isOne();
        // The server has noticed nothing, but does not wait for the COMMIT of a dead line for ever.
        assertThat(trap.isSprung()).isTrue();
        assertThat(direct.conclude(recall.opId())).isEmpty();
        direct.execute(new RecallMemory("m", AT));
        assertThat(direct.memories().findById("m").orElseThrow().recallCount()).isOne();
        halfOpen.cut();
      }
    }
  }
}

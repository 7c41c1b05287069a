package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Edge;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.Observation;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.ScanRange;
import io.agentmemory.Session;
import io.agentmemory.SessionRecall;
import io.agentmemory.StoreInfo;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.Value;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.DeleteRecords;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.internal.testkit.MemoryDisk;
import io.agentmemory.spi.Canonical;
import io.agentmemory.spi.EpochGuard;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The target leads, and is away: what callers get meanwhile, and what both stores have after. */
class FallbackTest {
  private static final String AT = "2026-02-10T11:52:05+00:00";
  private static final Path FOLDER = Path.of("/dual");

  private final Probe source = new Probe("source", new InMemoryMemoryStore("test"));
  private Probe target = new Probe("target", new InMemoryMemoryStore("test"));
  private final List<String> heard = new CopyOnWriteArrayList<>();
  private MemoryDisk disk = new MemoryDisk();
  private Duration patience = Duration.ofSeconds(5);
  private DualWriteMemoryStore store = open(Stage.LIVE);

  private DualWriteMemoryStore open(Stage stage) {
    return builder(stage).build();
  }

  private DualWriteMemoryStore.Builder builder(Stage stage) {
    return DualWriteMemoryStore.builder(source, target)
        .patience(patience)
        .stage(stage)
        .folder(FOLDER)
        .disk(disk)
        .deadline(Duration.ofMillis(300))
        .probePause(Duration.ofMillis(20))
        .shadowRate(0)
        .listener(
            new DualWriteListener() {
              @Override
              public void onFallbackWrite(Operation write) {
                heard.add("write " + write.verb());
              }

              @Override
              public void onFallbackRead(Operation read) {
                heard.add("read " + read.verb());
              }

              @Override
              public void onConflict(Conflict conflict) {
                heard.add("conflict " + conflict.key() + " " + conflict.winner());
              }

              @Override
              public void onGapHealed(Kind<?> kind, Key key) {
                heard.add("gap " + key);
              }

              @Override
              public void onTakenOver(String reason) {
                heard.add("taken over");
              }

              @Override
              public void onParked(Lagging record) {
                heard.add("parked " + record.key());
              }

              @Override
              public void onReadLeftOut(Operation read, int records) {
                heard.add("left out " + records + " " + read.verb());
              }

              @Override
              public void onMismatch(OpId operation, Difference difference) {
                heard.add("mismatch");
              }
            });
  }

  @AfterEach
  void close() {
    store.close();
  }

  /** As if the process had been killed just now. */
  private void killAndReopen() {
    MemoryDisk left = disk.afterKill();
    DualWriteMemoryStore killed = store;
    disk = left;
    store = open(Stage.OFF);
    killed.close();
  }

  private static void await(BooleanSupplier condition) {
    long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("waited too long").isLessThan(until);
      Thread.onSpinWait();
    }
  }

  private void assertSettled() {
    assertThat(store.drain(Duration.ofSeconds(10))).isTrue();
    assertThat(store.replay(Duration.ofSeconds(10))).isZero();
    assertThat(store.status().isSettled()).isTrue();
    assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
  }

  private Memory memory(String id) {
    return store.read(Kind.MEMORY, Key.of(id)).orElseThrow().live().orElseThrow();
  }

  @Test
  void givenFolderThatCannotBeRead_whenOpened_thenNoThreadGoesOnWithIt() throws IOException {
    Files.replace(disk, FOLDER.resolve("stores.json"), "{}");
    store.execute(StoreMemory.of("m", AT, "x"));
    assertSettled();
    store.close();
    Set<Thread> before = drainers();
    int refused = 0;
    int call = 0;
    do {
      disk.failAt(++call, MemoryDisk.Fault.EIO);
      try {
        open(Stage.OFF).close();
      } catch (StoreUnavailableException unreadable) {
        refused++;
        assertThat(before).as("after an error at " + disk.call(call)).containsAll(drainers());
      }
    } while (disk.calls() >= call);
    assertThat(refused).isPositive();
    disk.failAt(-1, MemoryDisk.Fault.EIO);
    store = open(Stage.OFF);
    assertSettled();
  }

  private static Set<Thread> drainers() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("dualwrite-drainer"))
        .collect(Collectors.toSet());
  }

  /** One write goes on although an earlier one of the same record has not ended. */
  @Nested
  class Overtaking {
    private static final String M = "m";

    private void beginWith(Duration waits) {
      store.close();
      patience = waits;
      store = open(Stage.LIVE);
      assertThat(store.replay(Duration.ofSeconds(10))).isZero();
      store.execute(StoreMemory.of(M, AT, "before"));
      assertSettled();
    }

    private void assertRecalledTwice() {
      source.before = batch -> {};
      target.up();
      assertSettled();
      assertThat(memory(M).recallCount()).isEqualTo(2);
      assertThat(store.conflicts()).isEmpty();
    }

    @Test
    void givenReaderThatGivesTheSourceWhatItLacks_whenAWriteOvertakesIt_thenThatStaysOwed()
        throws Exception {
      beginWith(Duration.ofMillis(100));
      source.down();
      store.execute(UpdateMemory.of(M).content("second"));
      assertThat(store.drain(Duration.ofSeconds(5))).isTrue();
      target.down();
      source.up();
      CountDownLatch came = new CountDownLatch(1);
      CountDownLatch late = new CountDownLatch(1);
      CompletableFuture<String> reader = new CompletableFuture<>();
      Thread reading = new Thread(() -> reader.complete(memory(M).content()));
      source.before =
          batch -> {
            if (Thread.currentThread() == reading) {
              came.countDown();
              Probe.await(late);
            }
          };
      reading.start();
      Probe.await(came);
      assertThat(store.execute(UpdateMemory.of(M).content("third")).pending()).isTrue();
      late.countDown();

      assertThat(reader.get(10, TimeUnit.SECONDS)).isEqualTo("third");
      assertThat(store.lagging()).as("the target has to get it").hasSize(1);
      target.up();
      assertSettled();
      assertThat(memory(M).content()).isEqualTo("third");
    }

    @Test
    void givenFollowerThatLooksLate_whenALaterWriteIsThere_thenThatIsNoConflict() {
      beginWith(Duration.ofMillis(100));
      CountDownLatch late = new CountDownLatch(1);
      source.beforeRead =
          () -> {
            if (isSecondary()) {
              source.beforeRead = () -> {};
              Probe.await(late);
            }
          };
      store.execute(UpdateMemory.of(M).content("one"));
      store.execute(UpdateMemory.of(M).content("two"));
      await(() -> Trees.memory(source, M).live().orElseThrow().content().equals("two"));
      late.countDown();

      assertSettled();
      assertThat(memory(M).content()).isEqualTo("two");
      assertThat(store.conflicts()).isEmpty();
    }

    @Test
    void givenSourceThatFollowsLate_whenItHasStoodInMeanwhile_thenWhatItDidIsRight() {
      beginWith(Duration.ofMillis(50));
      CountDownLatch late = new CountDownLatch(1);
      Batch first = Batch.of(new RecallMemory(M, AT));
      source.before =
          batch -> {
            if (batch.opId().equals(first.opId()) && isSecondary()) {
              Probe.await(late);
            }
          };
      store.execute(first);
      target.down();
      store.execute(new RecallMemory(M, AT));
      late.countDown();
      assertThat(store.drain(Duration.ofSeconds(10))).isTrue();

      assertRecalledTwice();
    }

    @Test
    void givenReplayThatReadsLate_whenTheAnswerToAWriteGetsLost_thenTheSourceDoesItOnce() {
      beginWith(Duration.ofMillis(50));
      CountDownLatch late = new CountDownLatch(1);
      Batch second = Batch.of(new RecallMemory(M, AT));
      source.before =
          batch -> {
            if (isSecondary()) {
              throw Probe.unknown(batch.opId());
            }
          };
      target.beforeRead =
          () -> {
            if (Thread.currentThread().getName().equals("dualwrite-drainer")) {
              Probe.await(late);
            }
          };
      store.execute(new RecallMemory(M, AT)); // the source lacks it: what replay is to give it
      await(() -> !store.lagging().isEmpty());
      source.before = batch -> {};
      await(() -> target.calls().contains("target.readAll"));
      target.after =
          batch -> {
            if (batch.opId().equals(second.opId())) {
              long failures = store.status().stats().secondaryFailures();
              int given = executed();
              late.countDown();
              await(
                  () ->
                      store.status().stats().secondaryFailures() > failures || executed() > given);
              throw Probe.unknown(batch.opId());
            }
          };
      store.execute(second);

      assertRecalledTwice();
    }

    private int executed() {
      return (int) source.calls().stream().filter("source.execute"::equals).count();
    }

    private boolean isSecondary() {
      return Thread.currentThread().getName().equals("dualwrite-secondary");
    }
  }

  @Nested
  class WhileItIsAway {
    @Test
    void givenTargetThatIsAway_whenWrittenAndRead_thenTheSourceServesAndTheTargetGetsItLater() {
      store.execute(StoreMemory.of("m", AT, "before"));
      target.down();

      Outcome recalled = store.execute(new RecallMemory("m", AT));
      store.execute(StoreMemory.of("n", AT, "new"));

      assertThat(recalled.via()).isEqualTo("source");
      assertThat(recalled.pending()).isTrue();
      assertThat(memory("m").recallCount()).isEqualTo(1);
      assertThat(store.find(MemoryQuery.all())).hasSize(2);
      assertThat(heard).containsExactly("write recall", "write store", "read read", "read find");
      assertThat(store.lagging()).hasSize(2);
      target.up();
      assertSettled();
      assertThat(memory("m").recallCount()).isEqualTo(1);
      Outcome again = store.execute(new RecallMemory("m", AT));
      assertThat(again.via()).isEqualTo("target");
      assertThat(again.pending()).isFalse();
    }

    @Test
    void givenTargetThatIsAway_whenManyWritesFollow_thenItIsNoLongerAsked() {
      target.down();
      for (int i = 0; i < 50; i++) {
        store.execute(StoreMemory.of("m" + i, AT, "x"));
      }

      assertThat(target.calls().stream().filter("target.execute"::equals).count())
          .as("writes that were tried")
          .isLessThan(10);
      target.up();
      assertSettled();
      assertThat(store.find(MemoryQuery.all())).hasSize(50);
    }

    @Test
    @DisplayName("T13: no room for the journal")
    void givenNoRoomForTheJournal_whenWritten_thenItFailsUntilThereIsRoomAgain() {
      store.execute(StoreMemory.of("m", AT, "before"));
      disk.usable(1 << 20);

      assertNotApplied("n");

      assertThat(memory("m").content()).isEqualTo("before");
      disk.usable(Long.MAX_VALUE);
      store.execute(StoreMemory.of("n", AT, "after"));
      assertSettled();
      assertThat(store.find(MemoryQuery.all())).hasSize(2);
    }

    @Test
    @DisplayName("T14: disk full during fallback")
    void givenDiskThatIsFull_whenTheSourceStandsIn_thenWritesFailUntilThereIsRoomAgain() {
      assertSettled();
      target.down();
      int written = 0;
      while (store.status().targetReachable()) { // then it alone is asked, and its line is first
        store.execute(StoreMemory.of("m" + written++, AT, "in the outage"));
      }
      disk.failAt(1, MemoryDisk.Fault.ENOSPC);

      assertNotApplied("n");

      assertThat(memory("m0").content()).isEqualTo("in the outage");
      disk.repair();
      store.execute(StoreMemory.of("n", AT, "with room"));
      disk.failAt(1, MemoryDisk.Fault.ENOSPC);
      assertNotApplied("o");
      disk.repair();
      killAndReopen();
      assertThat(store.status().resync()).as("the journal says it all").isNull();
      target.up();
      assertSettled();
      assertThat(store.find(MemoryQuery.all())).hasSize(written + 1);
    }

    private void assertNotApplied(String id) {
      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> store.execute(StoreMemory.of(id, AT, "no room")))
          .satisfies(e -> assertThat(e.mayHaveApplied()).isEmpty());
      assertThat(source.read(Kind.MEMORY, Key.of(id))).isEmpty();
    }

    @Test
    void givenTargetThatIsAway_whenAskedHowThingsAre_thenEveryCounterTells() {
      DualWriteStatus before = store.status();
      assertThat(before.breaker()).isEqualTo(DualWriteStatus.Breaker.CLOSED);
      target.down();
      for (int i = 0; i < 3; i++) {
        store.execute(StoreMemory.of("m" + i, AT, "x"));
      }
      store.execute(new RecallMemory("m0", AT));

      DualWriteStatus status = store.status();

      assertThat(status.breaker()).isNotEqualTo(DualWriteStatus.Breaker.CLOSED);
      assertThat(status.breakerSince()).isAfterOrEqualTo(before.breakerSince());
      assertThat(status.target().records()).isEqualTo(3);
      assertThat(status.target().operations()).isEqualTo(4);
      assertThat(status.target().bytes()).isBetween(1L, status.journalBytes());
      assertThat(status.target().oldest()).isBetween(before.breakerSince(), Instant.now());
      assertThat(status.source().bytes()).isZero();
      assertThat(status.fieldsCompared()).isNull();
      Value.Map file = StatusFile.describe(status);
      Gates.Live live = StatusFile.live(file, 0);
      assertThat(live.target()).isEqualTo(status.target());
      assertThat(live.source()).isEqualTo(status.source());
      assertThat(live.targetThere()).isFalse();
      assertThat(Canonical.json(file))
          .contains("\"fallback_writes\":4", "\"shadow_dropped\":0", "\"poisoned\":0")
          .contains("\"breaker\":\"", "\"breaker_since\":\"20", "\"cap\":1073741824");
      target.up();
      assertSettled();
      assertThat(store.verify(Verifier.Level.FIELDS).equal()).isTrue();
      assertThat(store.status().fieldsCompared()).isNotNull();
      assertThat(store.status().target().bytes()).isZero();
    }

    @Test
    void givenDeletionMeanwhile_whenTheTargetIsBack_thenItIsDeletedThereToo() {
      store.execute(StoreMemory.of("m", AT, "x"));
      target.down();
      store.execute(new ForgetMemory("m", 0));
      assertThat(store.read(Kind.MEMORY, Key.of("m")).orElseThrow().isTombstone()).isTrue();

      target.up();

      assertSettled();
      assertThat(target.read(Kind.MEMORY, Key.of("m")).orElseThrow().isTombstone()).isTrue();
    }

    @Test
    void givenRefusedWrite_whenTheTargetIsAway_thenItIsRefusedAndNothingRemains() {
      target.down();

      assertThatExceptionOfType(MemoryConflictException.class)
          .isThrownBy(() -> store.execute(UpdateMemory.of("m").content("x")));

      assertThat(store.lagging()).isEmpty();
    }

    @Test
    void givenBothAway_whenWritten_thenItFailsAndNothingIsChanged() {
      target.down();
      source.down();

      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> store.execute(StoreMemory.of("m", AT, "x")))
          .satisfies(e -> assertThat(e.mayHaveApplied()).isEmpty());

      source.up();
      target.up();
      assertSettled();
      assertThat(store.read(Kind.MEMORY, Key.of("m"))).isEmpty();
    }
  }

  /** The target is asked, and takes its time. */
  @Nested
  class SlowReads {
    private static final Duration DEADLINE = Duration.ofMillis(300); // as in open

    private final CountDownLatch answers = new CountDownLatch(1);

    @AfterEach
    void answer() {
      answers.countDown();
    }

    static Stream<Arguments> reads() {
      return Stream.of(
          read("read", store -> store.read(Kind.MEMORY, Key.of("m")).stream()),
          read("readAll", store -> store.readAll(Kind.MEMORY, List.of(Key.of("m"))).stream()),
          read("find", store -> store.find(MemoryQuery.all()).stream()),
          read("count", store -> Stream.of(store.count(MemoryQuery.all()))),
          read("scan", store -> store.scan(Kind.MEMORY, ScanRange.ALL)),
          read("versions", store -> store.versions(Kind.MEMORY, ScanRange.ALL)));
    }

    private static Arguments read(String verb, Function<MemoryStore, Stream<?>> read) {
      return Arguments.of(verb, read);
    }

    @ParameterizedTest
    @MethodSource("reads")
    void givenTargetThatDoesNotAnswer_whenRead_thenTheSourceAnswersWithinTheDeadline(
        String verb, Function<MemoryStore, Stream<?>> read) {
      store.execute(StoreMemory.of("m", AT, "x"));
      assertSettled();
      List<?> expected = read.apply(source).toList();
      target.beforeRead = () -> Probe.await(answers);
      long start = System.nanoTime();

      List<?> found = read.apply(store).toList();

      assertThat(Duration.ofNanos(System.nanoTime() - start))
          .isBetween(DEADLINE, DEADLINE.multipliedBy(11).dividedBy(10).plusMillis(500));
      assertThat(found).isEqualTo(expected);
      assertThat(store.stats().fallbackReads()).isEqualTo(1);
      assertThat(heard).containsExactly("read " + verb);
    }

    @Test
    void givenOneBrokenLine_whenRead_thenTheTargetIsAskedOnceMore() {
      store.execute(StoreMemory.of("m", AT, "x"));
      assertSettled();
      int before = target.calls().size();
      target.beforeRead =
          () -> {
            target.beforeRead = () -> {};
            throw StoreUnavailableException.notApplied(new Operation("p", "ask", ""), "no", null);
          };

      assertThat(memory("m").content()).isEqualTo("x");

      assertThat(target.calls().subList(before, target.calls().size()))
          .containsExactly("target.read", "target.read");
      assertThat(heard).isEmpty();
    }

    @Test
    void givenManyReadersAtOnce_whenTheTargetIsWell_thenNobodyIsTurnedAway() throws Exception {
      store.execute(StoreMemory.of("m", AT, "x"));
      assertSettled();
      CountDownLatch all = new CountDownLatch(64);
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 64; i++) {
        Thread thread =
            new Thread(
                () -> {
                  all.countDown();
                  Probe.await(all);
                  memory("m");
                });
        threads.add(thread);
        thread.start();
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(store.stats().fallbackReads()).isZero();
    }

    @Test
    void givenStreamOfManyParts_whenRead_thenAllOfItComesFromTheTarget() {
      int records = 1200;
      target.store().execute(new PutRecords(puts(records)));
      source.execute(new PutRecords(puts(records)));
      try (Stream<KeyVersion> some = store.versions(Kind.MEMORY, ScanRange.ALL)) {
        assertThat(some.count()).isEqualTo(records);
      }
      assertThat(heard).isEmpty();
    }

    private static List<PutRecords.Put> puts(int number) {
      return IntStream.range(0, number)
          .mapToObj(i -> new PutRecords.Put(Trees.memory("m" + i, "x"), 1))
          .toList();
    }
  }

  @Nested
  class LostAnswers {
    @Test
    void givenAnswerThatGetsLost_whenTheSourceStandsIn_thenItHappensOnce() {
      store.execute(StoreMemory.of("m", AT, "x"));
      target.after =
          batch -> {
            target.after = b -> {};
            throw Probe.unknown(batch.opId());
          };

      Outcome outcome = store.execute(new RecallMemory("m", AT));

      assertThat(outcome.repeated()).isFalse();
      assertSettled();
      assertThat(memory("m").recallCount()).isEqualTo(1);
      assertThat(store.read(Kind.MEMORY, Key.of("m")).orElseThrow().revision()).isEqualTo(2);
    }

    @Test
    void givenTargetThatAnswersLate_whenTheDeadlineHasPassed_thenItHappensOnce() {
      store.execute(StoreMemory.of("m", AT, "x"));
      CountDownLatch late = new CountDownLatch(1);
      target.before =
          batch -> {
            target.before = b -> {};
            Probe.await(late);
          };

      store.execute(new RecallMemory("m", AT));
      assertThat(memory("m").recallCount()).isEqualTo(1);
      late.countDown();

      assertSettled();
      assertThat(memory("m").recallCount()).isEqualTo(1);
      assertThat(target.read(Kind.MEMORY, Key.of("m")).orElseThrow().revision()).isEqualTo(2);
    }

    @Test
    void givenLateCall_whenItComesAfterItWasReplayed_thenItHasNoEffect() {
      store.execute(StoreMemory.of("m", AT, "x"));
      CountDownLatch late = new CountDownLatch(1);
      CountDownLatch came = new CountDownLatch(1);
      target.before =
          batch -> {
            target.before = b -> {};
            Probe.await(late);
            came.countDown();
          };
      store.execute(new RecallMemory("m", AT));
      assertSettled();

      late.countDown();
      Probe.await(came);

      store.execute(new RecallMemory("m", AT));
      assertSettled();
      assertThat(memory("m").recallCount()).isEqualTo(2);
    }

    @Test
    void givenWriteThatFoundNothingToDoInAnOutage_whenRepeatedLater_thenTheTargetDoesNothing() {
      assertThat(store.replay(Duration.ofSeconds(10))).isZero();
      Batch recall = Batch.of(new RecallMemory("m", AT));
      target.down();
      store.execute(recall);
      target.beforeRead =
          () -> {
            if (Thread.currentThread().getName().equals("dualwrite-drainer")) {
              throw StoreUnavailableException.notApplied(new Operation("p", "ask", ""), "no", null);
            }
          };
      target.up();
      store.execute(StoreMemory.of("m", AT, "later"));

      assertThat(store.execute(recall).repeated()).isTrue();

      target.beforeRead = () -> {};
      assertSettled();
      assertThat(memory("m").recallCount()).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"away", "slow", "away, reopened"})
    void givenWriteThatFoundNothingToDo_whenTheTargetLeadsLater_thenItDoesNothingThere(String is) {
      store.close();
      patience = Duration.ofMillis(50);
      store = open(Stage.LIVE);
      store.changeStage(Stage.SHADOW);
      assertSettled();
      Batch recall = Batch.of(new RecallMemory("m", AT));
      CountDownLatch late = new CountDownLatch(1);
      if (is.equals("slow")) {
        target.before =
            batch -> {
              if (batch.opId().equals(recall.opId())) {
                Probe.await(late);
              }
            };
      } else {
        target.down();
      }
      assertThat(store.execute(recall).changes()).isEmpty();
      if (is.equals("away, reopened")) {
        store.close();
        store = open(Stage.OFF);
      }
      store.execute(StoreMemory.of("m", AT, "later"));
      target.up();
      await(() -> target.read(Kind.MEMORY, Key.of("m")).isPresent());
      late.countDown(); // and finds it there
      assertSettled();
      assertThat(memory("m").recallCount()).isZero();
      store.changeStage(Stage.LIVE);

      assertThat(store.execute(recall).repeated()).isTrue();

      assertSettled();
      assertThat(memory("m").recallCount()).isZero();
    }

    @Test
    void givenWriteThatFellBack_whenItIsRepeatedLater_thenItTakesNoEffectAgain() {
      store.execute(StoreMemory.of("m", AT, "x"));
      Batch recall = Batch.of(new RecallMemory("m", AT));
      target.down();
      store.execute(recall);
      assertThat(store.execute(recall).repeated()).isTrue();
      target.up();
      assertSettled();

      Outcome again = store.execute(recall);

      assertThat(again.repeated()).isTrue();
      assertSettled();
      assertThat(memory("m").recallCount()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"LIVE m", "LIVE n", "SHADOW m", "SHADOW n"})
    void givenWriteThatTheTargetGotAsAState_whenItIsRepeatedAfterTheMove_thenItTakesNoEffectAgain(
        String which) {
      store.execute(StoreMemory.of("m", AT, "x"));
      if (which.startsWith("SHADOW")) {
        store.changeStage(Stage.SHADOW);
      }
      assertSettled();
      String id = which.substring(which.length() - 1);
      Batch recall = Batch.of(new RecallMemory(id, AT));
      target.down();
      Outcome first = store.execute(recall);
      target.up();
      assertSettled();
      while (store.stage() != Stage.COMPLETE) {
        assertThat(store.conclude(recall.opId()).orElseThrow().changes())
            .as("%s", store.stage())
            .isEqualTo(first.changes());
        assertThat(store.execute(recall).repeated()).as("%s", store.stage()).isTrue();
        store.changeStage(Stage.values()[store.stage().ordinal() + 1]);
      }
      assertThat(store.conclude(recall.opId())).isPresent();
      assertThat(store.execute(recall).repeated()).isTrue();
      assertThat(memory("m").recallCount()).isEqualTo(id.equals("m") ? 1 : 0);
    }

    @Test
    void givenWriteThatTheSourceGotAsAState_whenItIsRepeatedInAnOutage_thenItTakesNoEffectAgain() {
      store.execute(StoreMemory.of("m", AT, "x"));
      assertSettled();
      Batch recall = Batch.of(new RecallMemory("m", AT));
      source.before =
          batch -> {
            source.before = b -> {};
            throw StoreUnavailableException.notApplied(new Operation("p", "ask", ""), "no", null);
          };
      store.execute(recall);
      assertSettled();
      target.down();

      Outcome again = store.execute(recall);

      assertThat(again.repeated()).isTrue();
      assertThat(memory("m").recallCount()).isEqualTo(1);
      target.up();
      assertSettled();
      assertThat(memory("m").recallCount()).isEqualTo(1);
    }

    /** The target does it, and nobody hears of that: it goes away, and the source is away. */
    private void loseByBoth(Batch batch) {
      assertSettled(); // past the first comparison, which would find it
      target.after =
          b -> {
            target.after = c -> {};
            target.down();
            throw Probe.unknown(b.opId());
          };
      source.down();
      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> store.execute(batch))
          .satisfies(e -> assertThat(e.mayHaveApplied()).contains(batch.opId()));
    }

    @Test
    void givenCallerThatFailsBeforeTheSourceLeads_whenWritten_thenWhatTheTargetDidIsRight() {
      store.execute(StoreMemory.of("m", AT, "first"));
      assertSettled();
      source.down();
      store.execute(UpdateMemory.of("m").content("second"));
      store.execute(StoreMemory.of("new", AT, "new"));
      assertThat(store.drain(Duration.ofSeconds(5))).isTrue();
      target.down();
      source.up();
      Thread caller = Thread.currentThread();
      source.before =
          batch -> {
            if (Thread.currentThread() == caller) {
              throw new StackOverflowError();
            }
          };
      for (String id : List.of("m", "new")) {
        assertThatExceptionOfType(StackOverflowError.class)
            .isThrownBy(() -> store.execute(new RecallMemory(id, AT)));
      }
      source.before = batch -> {};
      target.up();

      assertSettled();
      assertThat(memory("m").content()).isEqualTo("second");
      assertThat(memory("new").content()).isEqualTo("new");
    }

    @Test
    void givenSourceThatBrokeWhileItLed_whenItIsRepeatedLater_thenNobodyIsToldThatItIsDone() {
      store.execute(StoreMemory.of("m", AT, "x"));
      assertSettled();
      target.down();
      store.execute(new RecallMemory("m", AT));
      Batch update = Batch.of(UpdateMemory.of("m").content("wanted"));
      source.before =
          batch -> {
            source.before = b -> {};
            throw new OutOfMemoryError();
          };
      assertThatExceptionOfType(OutOfMemoryError.class).isThrownBy(() -> store.execute(update));
      target.before =
          batch -> { // after what it may have done was asked, and it was given up
            if (batch.opId().isCopy()) {
              target.before = b -> {};
              throw StoreUnavailableException.notApplied(new Operation("p", "ask", ""), "no", null);
            }
          };
      target.up();
      assertSettled();

      assertThatExceptionOfType(UncategorizedStoreException.class)
          .isThrownBy(() -> store.execute(update))
          .withMessageContaining("was given up");
      assertThat(memory("m").content()).isEqualTo("x");
    }

    @Test
    void givenAnswerLostByBoth_whenWritten_thenTheCallerIsToldThatNobodyKnows() {
      Batch batch = Batch.of(StoreMemory.of("m", AT, "x"));
      loseByBoth(batch);

      source.up();
      target.up();
      assertSettled();
      assertThat(memory("m").content()).isEqualTo("x");
      assertThat(store.execute(batch).repeated()).isTrue();
    }

    @Test
    void givenLostWriteThatFoundNothingToDo_whenItIsRepeatedInAnOutage_thenTheSourceDoesNothing() {
      Batch recall = Batch.of(new RecallMemory("m", AT));
      loseByBoth(recall);
      source.up();
      target.up();
      assertSettled();
      store.execute(StoreMemory.of("m", AT, "later"));
      assertSettled();
      target.down();

      assertThat(store.execute(recall).repeated()).isTrue();

      target.up();
      assertSettled();
      assertThat(memory("m").recallCount()).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"settled", "away", "killed", "taken over"})
    void givenAnsweredWriteThatFoundNothingToDo_whenTheSourceMissedIt_thenItDoesNothingThereLater(
        String then) {
      assertSettled();
      Batch recall = Batch.of(new RecallMemory("m", AT));
      source.down();
      assertThat(store.execute(recall).changes()).isEmpty();
      assertThat(store.drain(Duration.ofSeconds(5))).isTrue();
      assertThat(store.status().doubts()).as("it still has to hear of that").isOne();
      if (then.equals("settled")) {
        source.up();
        assertSettled();
        store.execute(StoreMemory.of("m", AT, "later"));
        assertSettled();
        target.down();
      } else {
        target.down();
        source.up();
        if (then.equals("killed")) {
          killAndReopen();
        } else if (then.equals("taken over")) {
          store.rollback("the target is away");
        }
        store.execute(StoreMemory.of("m", AT, "later"));
      }

      assertThat(store.execute(recall).repeated()).isTrue();

      target.up();
      assertSettled();
      assertThat(memory("m").recallCount()).isZero();
    }

    @Test
    void
        givenLostWriteThatAnotherOneWentOver_whenItIsRepeatedInAnOutage_thenItTakesNoEffectAgain() {
      store.execute(StoreMemory.of("m", AT, "x"));
      Batch lost = Batch.of(UpdateMemory.of("m").content("lost"));
      loseByBoth(lost);
      source.up();
      store.execute(UpdateMemory.of("m").content("acknowledged"));
      target.up();
      assertSettled();
      assertThat(heard).contains("conflict m source");
      target.down();

      assertThat(store.execute(lost).repeated()).isTrue();

      assertThat(memory("m").content()).isEqualTo("acknowledged");
      target.up();
      assertSettled();
      assertThat(memory("m").content()).isEqualTo("acknowledged");
    }

    @Test
    void givenLostWrite_whenTheSourceTookOver_thenItTakesEffectOnceItIsRepeated() {
      store.execute(StoreMemory.of("m", AT, "x"));
      Batch recall = Batch.of(new RecallMemory("m", AT));
      loseByBoth(recall);
      source.up();
      assertThat(store.rollback("the target is away").to()).isEqualTo(Stage.SHADOW);
      target.up();
      await(() -> store.status().isSettled());
      assertThat(memory("m").recallCount()).isZero();

      store.execute(recall);

      assertThat(memory("m").recallCount()).isOne();
      assertSettled();
      assertThat(memory("m").recallCount()).isOne();
    }

    @Test
    void givenAnswerLostByBoth_whenItIsRepeatedWithoutTheSource_thenTheTargetAnswers() {
      Batch batch = Batch.of(StoreMemory.of("m", AT, "x"));
      loseByBoth(batch);
      target.up();

      assertThat(store.execute(batch).repeated()).isTrue();

      source.up();
      assertSettled();
      assertThat(memory("m").content()).isEqualTo("x");
    }

    @Test
    void givenTargetThatBreaksAfterItDidIt_whenWritten_thenTheSourceGetsItToo() {
      assertSettled();
      target.after =
          b -> {
            target.after = c -> {};
            throw new IllegalStateException("a defect");
          };

      assertThatExceptionOfType(IllegalStateException.class)
          .isThrownBy(() -> store.execute(StoreMemory.of("m", AT, "x")));

      assertSettled();
      assertThat(memory("m").content()).isEqualTo("x");
    }
  }

  @Nested
  class Compared {
    @Test
    void givenFileThatIsSetAside_whenTheStoresAreCompared_thenThatComesToAnEnd() {
      store.close();
      source.setAside = List.of(new StoreInfo.SetAside("active/m.md", "is no UTF-8"));
      disk = new MemoryDisk(); // of which nobody knows what it lacks
      store = builder(Stage.LIVE).takeOver().build();
      assertThat(store.status().resync()).isNotNull();

      assertThat(store.replay(Duration.ofSeconds(10))).isZero();

      assertThat(store.status().resync()).isNull();
      assertThat(store.verify(Verifier.Level.DIGESTS).complete()).as("which says so").isFalse();
    }
  }

  @Nested
  class Killed {
    @Test
    void givenAnsweredWriteThatTheSourceLacks_whenThePowerFailsAndTheTargetIsAway_thenItIsRead() {
      store.execute(StoreMemory.of("m", AT, "x"));
      assertSettled();
      for (int seed = 0; seed < 20; seed++) {
        source.before =
            batch -> {
              throw StoreUnavailableException.notApplied(new Operation("p", "ask", ""), "no", null);
            };
        String text = "acknowledged, seed " + seed;
        store.execute(UpdateMemory.of("m").content(text));
        MemoryDisk left = disk.afterPowerCut(new Random(seed));
        store.drain(Duration.ofSeconds(5));
        target.down();
        DualWriteMemoryStore off = store;
        disk = left;
        source.before = batch -> {};
        store = open(Stage.OFF);
        off.close();

        assertThat(memory("m").content()).isEqualTo(text);
        target.up();
        assertSettled();
      }
    }

    @Test
    void givenRollback_whenThePowerFails_thenWhatTheTargetLedOnceIsNotGivenToTheSource() {
      store.execute(StoreMemory.of("m", AT, "x"));
      for (int seed = 0; seed < 20; seed++) {
        store.execute(UpdateMemory.of("m").content("the target's, seed " + seed));
        assertSettled();
        store.changeStage(Stage.SHADOW);
        target.down();
        String text = "acknowledged, seed " + seed;
        store.execute(UpdateMemory.of("m").content(text));
        assertThat(store.drain(Duration.ofSeconds(5))).isTrue();
        MemoryDisk left = disk.afterPowerCut(new Random(seed));
        DualWriteMemoryStore off = store;
        disk = left;
        store = open(Stage.OFF);
        off.close();
        target.up();

        assertSettled();
        assertThat(memory("m").content()).isEqualTo(text);
        store.changeStage(Stage.LIVE);
      }
    }

    @Test
    void givenFallbackWrites_whenKilled_thenTheTargetGetsThemAfterReopening() {
      store.execute(StoreMemory.of("m", AT, "x"));
      assertSettled();
      target.down();
      store.execute(new RecallMemory("m", AT));
      store.execute(new RecallMemory("m", AT));

      killAndReopen();

      assertThat(store.stage()).isEqualTo(Stage.LIVE);
      assertThat(memory("m").recallCount()).isEqualTo(2);
      target.up();
      assertSettled();
      assertThat(memory("m").recallCount()).isEqualTo(2);
    }

    @Test
    void givenAnsweredWriteThatTheSourceLacks_whenKilledAndTheTargetIsAway_thenItIsStillRead() {
      store.execute(StoreMemory.of("m", AT, "x"));
      assertSettled();
      source.before =
          batch -> {
            throw StoreUnavailableException.notApplied(new Operation("p", "ask", ""), "no", null);
          };
      store.execute(UpdateMemory.of("m").content("acknowledged"));
      store.drain(Duration.ofSeconds(5));
      target.down();

      killAndReopen();
      source.before = batch -> {};

      assertThat(memory("m").content()).isEqualTo("acknowledged");
      assertThat(store.find(MemoryQuery.all()))
          .extracting(Memory::content)
          .containsExactly("acknowledged");
      target.up();
      assertSettled();
    }

    @Test
    @DisplayName("T82: fallback while the source has yet to follow, and after its owner was killed")
    void givenSourceThatHasYetToFollow_whenTheTargetGoesAway_thenReadsShowWhatWasAcknowledged()
        throws Exception {
      store.execute(StoreMemory.of("m", AT, "older"));
      assertSettled();
      CountDownLatch following = new CountDownLatch(1);
      source.before = batch -> Probe.await(following);
      store.execute(UpdateMemory.of("m").content("acknowledged"));
      target.down();

      CompletableFuture<String> read = CompletableFuture.supplyAsync(() -> memory("m").content());
      assertThatExceptionOfType(TimeoutException.class)
          .as("it waits rather than show what is older")
          .isThrownBy(() -> read.get(200, TimeUnit.MILLISECONDS));
      following.countDown();
      assertThat(read.get(5, TimeUnit.SECONDS)).isEqualTo("acknowledged");

      source.before = batch -> {};
      target.up();
      assertSettled();
      CountDownLatch dead = new CountDownLatch(1);
      source.before =
          batch -> {
            Probe.await(dead);
            throw new IllegalStateException("killed while the source was to follow");
          };
      store.execute(UpdateMemory.of("m").content("acknowledged too"));
      target.down();
      DualWriteMemoryStore killed = store;
      disk = disk.afterKill();
      source.before = batch -> {};
      store = open(Stage.OFF);
      try {
        assertThat(memory("m").content()).isEqualTo("acknowledged too");
      } finally {
        dead.countDown();
        killed.close();
      }
      target.up();
      assertSettled();
      assertThat(memory("m").content()).isEqualTo("acknowledged too");
    }

    @Test
    void givenFallbackWrites_whenTheFolderIsLost_thenTheComparisonGivesThemToTheTarget() {
      store.execute(StoreMemory.of("m", AT, "x"));
      assertSettled();
      target.down();
      store.execute(StoreMemory.of("new", AT, "only in the source"));
      store.execute(UpdateMemory.of("m").content("newer in the source"));

      store.close();
      disk = new MemoryDisk();
      target.up();
      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> open(Stage.LIVE))
          .withMessageContaining("belongs to another folder, " + FOLDER + " in stage LIVE");
      store = builder(Stage.LIVE).takeOver().build();

      await(() -> store.status().isSettled());
      assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
      assertThat(memory("new").content()).isEqualTo("only in the source");
      assertThat(memory("m").content()).isEqualTo("newer in the source");
    }

    @Test
    void givenRecordThatTheSourceLacks_whenAnotherWriteNamesIt_thenItsStateIsStillKnown() {
      store.execute(StoreMemory.of("m", AT, "x"));
      store.execute(StoreMemory.of("n", AT, "x"));
      assertSettled();
      source.before =
          batch -> {
            throw StoreUnavailableException.notApplied(new Operation("p", "ask", ""), "no", null);
          };
      store.execute(UpdateMemory.of("m").content("acknowledged"));
      store.drain(Duration.ofSeconds(5));
      store.execute(
          new PutRecords(List.of(new PutRecords.Put(new CoOccurrence("m", "n", Value.of(1L)), 1))));
      store.drain(Duration.ofSeconds(5));
      target.down();

      source.before = batch -> {};

      assertThat(memory("m").content()).isEqualTo("acknowledged");
      target.up();
      assertSettled();
    }

    @Test
    void givenCountsThatTheSourceLacks_whenItGetsThemFromTheJournal_thenInTheirOrder() {
      store.execute(StoreMemory.of("m", AT, "x"));
      for (String other : List.of("b", "c", "a")) {
        store.execute(StoreMemory.of(other, AT, "x"));
      }
      assertSettled();
      source.before =
          batch -> {
            throw StoreUnavailableException.notApplied(new Operation("p", "ask", ""), "no", null);
          };
      for (String other : List.of("b", "c", "a")) {
        store.execute(
            new PutRecords(
                List.of(new PutRecords.Put(new CoOccurrence("m", other, Value.of(1L)), 1))));
      }
      store.drain(Duration.ofSeconds(5));
      target.down();

      killAndReopen();
      source.before = batch -> {};

      assertThat(store.find(MemoryQuery.all())).hasSize(4);
      assertThat(Trees.dump(source)).isEqualTo(Trees.dump(target.store()));
      target.up();
      assertSettled();
    }

    @Test
    void givenWriteWhoseAnswerWasLost_whenKilledBeforeAnybodyKnew_thenItIsThereWholeOrNot() {
      store.execute(StoreMemory.of("m", AT, "x"));
      assertSettled();
      target.after =
          b -> {
            target.after = c -> {};
            throw Probe.unknown(b.opId());
          };
      source.down();
      Batch lost = Batch.of(UpdateMemory.of("m").content("lost"));
      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> store.execute(lost));
      target.down();
      source.up();

      killAndReopen();
      assertThat(memory("m").content()).isEqualTo("x");
      target.up();

      assertSettled();
      assertThat(memory("m").content()).isEqualTo("lost");
    }
  }

  @Nested
  class WrittenApart {
    @Test
    void givenTargetThatSomebodyElseWrote_whenItIsBack_thenOneStateIsSetAsideWhole() {
      conflict();

      assertThat(memory("m").content()).isEqualTo("ours again");
      assertThat(heard).contains("conflict m source");
      assertThat(store.conflicts())
          .singleElement()
          .satisfies(conflict -> assertThat(conflict.lost().revision()).isEqualTo(2));
    }

    @Test
    void givenConflict_whenTheLoserIsToBeKept_thenItHoldsInBothStores() {
      conflict();
      String id = store.conflicts().get(0).id();

      killAndReopen();
      store.resolve(id, Resolution.KEEP_LOSER);

      assertSettled();
      assertThat(memory("m").content()).isEqualTo("theirs");
      assertThat(store.conflicts()).isEmpty();
      assertThat(store.status().conflicts()).isZero();
      assertThatExceptionOfType(IllegalArgumentException.class)
          .isThrownBy(() -> store.resolve(id, Resolution.KEEP_WINNER))
          .withMessage("there is no conflict " + id);
    }

    @Test
    void givenConflict_whenMerged_thenThatHoldsInBothStores() {
      conflict();
      Conflict conflict = store.conflicts().get(0);
      assertThatExceptionOfType(IllegalArgumentException.class)
          .isThrownBy(() -> store.resolve(conflict.id(), Trees.memory("other", "x")));

      store.resolve(conflict.id(), memory("m").withContent("of both"));

      assertSettled();
      assertThat(memory("m").content()).isEqualTo("of both");
      assertThat(store.conflicts()).isEmpty();
    }

    @Test
    void givenStoreThatFailsJustThen_whenItIsTriedAgain_thenTheConflictIsToldOnce() {
      List<String> told = new CopyOnWriteArrayList<>();
      conflict(
          () ->
              source.before =
                  batch -> {
                    source.before = b -> {};
                    told.addAll(heard);
                    throw StoreUnavailableException.notApplied(
                        new Operation("p", "ask", ""), "no", null);
                  });

      assertThat(told).as("before it was tried again").contains("conflict m source");
      assertThat(heard).containsOnlyOnce("conflict m source");
      assertThat(store.stats().conflicts()).isOne();
    }

    @Test
    void givenWriteBetweenLookAndPut_whenTheLoserIsToBeKept_thenItIsKept() {
      conflict();
      String id = store.conflicts().get(0).id();
      target.before =
          batch -> {
            if (batch.verb().equals("putRecords")) {
              target.before = b -> {};
              target.store().execute(UpdateMemory.of("m").content("an agent's"));
            }
          };

      store.resolve(id, Resolution.KEEP_LOSER);

      assertThat(memory("m").content()).isEqualTo("theirs");
      assertThat(store.conflicts()).isEmpty();
    }

    @Test
    void givenLoserWhoseMemoryIsForgotten_whenItIsToBeKept_thenThatIsRefusedAndTheConflictStays() {
      store.execute(StoreMemory.of("m", AT, "x"));
      store.execute(StoreMemory.of("n", AT, "y"));
      store.execute(counted(1, 1));
      assertSettled();
      target.down();
      store.execute(counted(5, 2));
      store.execute(counted(6, 3));
      target.store().execute(counted(99, 2));
      target.up();
      assertSettled();
      String id = store.conflicts().get(0).id();
      store.execute(new ForgetMemory("m", 0));

      assertThatExceptionOfType(InvalidMemoryException.class)
          .isThrownBy(() -> store.resolve(id, Resolution.KEEP_LOSER))
          .withMessageContaining("what it lived in is deleted");
      assertThat(store.conflicts()).hasSize(1);
    }

    @Test
    void
        givenMemoryForgottenHereAndCountedThere_whenTheTargetIsBack_thenWhatWasCountedIsSetAside() {
      store.execute(StoreMemory.of("m", AT, "x"));
      store.execute(StoreMemory.of("n", AT, "y"));
      store.execute(counted(1, 1));
      assertSettled();
      target.down();
      store.execute(new ForgetMemory("m", 0));
      target.store().execute(counted(99, 2));
      target.up();
      assertSettled();

      assertThat(store.conflicts())
          .singleElement()
          .satisfies(
              conflict -> {
                assertThat(conflict.winner()).isEqualTo("source");
                assertThat(conflict.lost().digest())
                    .isEqualTo(Canonical.digest(new CoOccurrence("m", "n", Value.of(99L))));
              });
    }

    @ParameterizedTest
    @ValueSource(strings = {"away", "following", "leading"})
    void givenEntryThatOneStoreAloneHas_whenItsMemoryIsForgotten_thenItIsSetAside(String target)
        throws Exception {
      boolean leads = !target.equals("following");
      if (!leads) {
        store.changeStage(Stage.SHADOW);
      }
      store.execute(StoreMemory.of("m", AT, "x"));
      store.execute(StoreMemory.of("n", AT, "y"));
      store.execute(StoreMemory.of("m-also", AT, "z"));
      assertSettled();
      Probe other = target.equals("leading") ? source : FallbackTest.this.target;
      if (target.equals("away")) {
        other.down();
      }
      other.store().execute(counted(99, 1));
      other
          .store()
          .execute(new PutRecords(List.of(put(new CoOccurrence("m-also", "n", Value.of(1L)), 1))));
      store.execute(new ForgetMemory("m", 0));
      FallbackTest.this.target.up();
      assertThat(store.drain(Duration.ofSeconds(10))).isTrue();
      assertThat(store.replay(Duration.ofSeconds(10))).isZero();

      assertThat(other.read(Kind.CO_OCCURRENCE, Key.of("m", "n")).orElseThrow().isTombstone())
          .isTrue();
      assertThat(store.conflicts())
          .singleElement()
          .satisfies(
              conflict -> {
                assertThat(conflict.key()).isEqualTo(Key.of("m", "n"));
                assertThat(conflict.winner()).isEqualTo(other == source ? "target" : "source");
                assertThat(conflict.lost().digest())
                    .isEqualTo(Canonical.digest(new CoOccurrence("m", "n", Value.of(99L))));
              });
    }

    @Test
    void givenEntryThatOnlyTheTargetStillHas_whenItsMemoryIsForgotten_thenThatIsNoConflict() {
      store.changeStage(Stage.SHADOW);
      store.execute(StoreMemory.of("m", AT, "x"));
      store.execute(counted(3, 1));
      assertSettled();
      // As by hand: the source has deleted it, which nobody has compared yet.
      source
          .store()
          .execute(
              new DeleteRecords(
                  List.of(new DeleteRecords.Delete(Kind.CO_OCCURRENCE, Key.of("m", "n"), 2))));
      store.execute(new ForgetMemory("m", 0));
      assertThat(store.drain(Duration.ofSeconds(10))).isTrue();

      assertThat(store.conflicts()).isEmpty();
    }

    @Test
    void givenManyForgottenAtOnce_whenTheTargetHasMoreInOneOfThem_thenThatIsSetAside() {
      store.changeStage(Stage.SHADOW);
      for (int i = 10; i < 40; i++) {
        store.execute(StoreMemory.of("m" + i, AT, "x"));
      }
      assertSettled();
      for (String memory : List.of("m17", "m20")) {
        CoOccurrence entry = new CoOccurrence(memory, "m18", Value.of(9L));
        target.store().execute(new PutRecords(List.of(put(entry, 1))));
      }
      store.execute(
          new Batch(
              OpId.random(),
              IntStream.range(10, 40)
                  .filter(i -> i != 20)
                  .<Command>mapToObj(i -> new ForgetMemory("m" + i, 0))
                  .toList()));
      assertThat(store.drain(Duration.ofSeconds(10))).isTrue();

      assertThat(store.conflicts())
          .extracting(conflict -> conflict.kind() + " " + conflict.key())
          .containsExactly("co_occurrence m17/m18");
    }

    @ParameterizedTest
    @ValueSource(strings = {"written", "listed", "taken over"})
    void givenForgottenMemoryThatTheSourceLacks_whenTheTargetGoes_thenTheSourceGetsItAlone(
        String then) throws Exception {
      store.execute(StoreMemory.of("m", AT, "x"));
      store.execute(StoreMemory.of("n", AT, "y"));
      store.execute(counted(3, 1));
      assertSettled();
      source.down();
      store.execute(new ForgetMemory("m", 0));
      await(() -> !store.status().source().isNone());
      target.down();
      source.up();

      switch (then) {
        case "written" -> store.execute(StoreMemory.of("m", AT, "anew"));
        case "listed" -> assertThat(store.find(MemoryQuery.all())).hasSize(1);
        default -> store.rollback("the target is away");
      }

      assertThat(source.read(Kind.CO_OCCURRENCE, Key.of("m", "n")).orElseThrow().isTombstone())
          .isTrue();
      assertThat(store.conflicts()).isEmpty();
      target.up();
      assertSettled();
      assertThat(store.conflicts()).isEmpty();
    }

    @Test
    void givenWhatLivesInAnEdgeAndASession_whenTheyAreDeleted_thenOnlyWhatIsOtherIsSetAside() {
      Edge edge = new Edge("a|b", Value.EMPTY_MAP);
      store.execute(
          new PutRecords(
              List.of(
                  put(edge, 1),
                  put(new Observation("a|b", 0, Value.EMPTY_MAP), 1),
                  put(new Session(Value.EMPTY_MAP), 1),
                  put(new SessionRecall("manual", "m"), 1))));
      assertSettled();
      target.down();
      store.execute(
          new DeleteRecords(
              List.of(
                  new DeleteRecords.Delete(Kind.EDGE, edge.key(), 9),
                  new DeleteRecords.Delete(Kind.SESSION, Session.KEY, 9))));
      target
          .store()
          .execute(
              new PutRecords(
                  List.of(
                      put(new Observation("a|b", 1, Value.EMPTY_MAP), 1),
                      put(new SessionRecall("manual", "n"), 1))));
      target.up();
      assertThat(store.replay(Duration.ofSeconds(10))).isZero();

      assertThat(store.conflicts())
          .extracting(conflict -> conflict.kind() + " " + conflict.key())
          .containsExactlyInAnyOrder("observation a|b/00000001", "session_recall manual/n");
    }

    private static PutRecords.Put put(MemoryRecord record, long revision) {
      return new PutRecords.Put(record, revision);
    }

    private static PutRecords counted(long value, long revision) {
      CoOccurrence entry = new CoOccurrence("m", "n", Value.of(value));
      return new PutRecords(List.of(new PutRecords.Put(entry, revision)));
    }

    private void conflict() {
      conflict(() -> {});
    }

    private void conflict(Runnable beforeItIsBack) {
      store.execute(StoreMemory.of("m", AT, "x"));
      assertSettled();
      Memory theirs = memory("m");
      target.down();
      store.execute(UpdateMemory.of("m").content("ours"));
      store.execute(UpdateMemory.of("m").content("ours again"));
      target
          .store()
          .execute(new PutRecords(List.of(new PutRecords.Put(theirs.withContent("theirs"), 2))));
      beforeItIsBack.run();
      target.up();
      assertSettled();
    }

    @Test
    void givenTargetThatLostHistory_whenItLeadsBeforeAnybodyKnows_thenWhatTheSourceHasIsSetAside() {
      store.execute(StoreMemory.of("m", AT, "x"));
      assertSettled();
      source.store().execute(UpdateMemory.of("m").content("acknowledged"));
      source.store().execute(UpdateMemory.of("m").content("acknowledged again"));

      store.execute(new RecallMemory("m", AT));

      assertSettled();
      assertThat(memory("m").content()).as("the target leads").isEqualTo("x");
      assertThat(heard).containsOnlyOnce("conflict m target");
      store.resolve(store.conflicts().get(0).id(), Resolution.KEEP_LOSER);
      assertThat(memory("m").content()).isEqualTo("acknowledged again");
      assertSettled();
    }

    @Test
    void givenTargetThatLostHistory_whenItIsBack_thenItGetsItBack() {
      store.execute(StoreMemory.of("m", AT, "x"));
      store.execute(UpdateMemory.of("m").content("y"));
      assertSettled();
      target.down();
      store.execute(UpdateMemory.of("m").content("z"));
      target = new Probe("target", new InMemoryMemoryStore("test"));
      killAndReopen();

      assertSettled();
      assertThat(memory("m").content()).isEqualTo("z");
      assertThat(heard).contains("gap m");
    }
  }

  /** The source refuses one record for good; what else it lacks it takes. */
  @Nested
  class Refused {
    private static final Set<String> OTHERS = Set.of("a", "c", "d");

    private void begin() {
      store.execute(StoreMemory.of("d", AT, "from before"));
      assertSettled();
      source.down();
      for (String id : List.of("a", "bad", "c")) {
        store.execute(StoreMemory.of(id, AT, "x"));
      }
      store.drain(Duration.ofSeconds(5));
      source.before =
          batch -> {
            if (batch.needs().keys().getOrDefault(Kind.MEMORY, Set.of()).contains(Key.of("bad"))) {
              throw new InvalidMemoryException(
                  new Operation("source", batch.verb(), ""), "content", "is not for files");
            }
          };
    }

    private Set<String> found() {
      return store.find(MemoryQuery.all()).stream().map(Memory::id).collect(Collectors.toSet());
    }

    @Test
    void givenRecordThatTheSourceRefuses_whenTheTargetIsAway_thenOthersAreServedAndItIsReported() {
      begin();
      target.down();
      source.up();

      assertThat(found()).isEqualTo(OTHERS);
      assertThat(store.count(MemoryQuery.all())).isEqualTo(3);
      assertThat(memory("a").content()).isEqualTo("x");
      assertThat(memory("bad").content()).as("from the journal").isEqualTo("x");
      assertThat(store.status().source().parked()).isEqualTo(1);
      assertThat(store.status().source().records()).isEqualTo(1);
      assertThat(store.stats().readsLeftOut()).isEqualTo(2);
      assertThat(heard)
          .contains("left out 1 find", "left out 1 count")
          .containsOnlyOnce("parked bad");
      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> store.execute(UpdateMemory.of("bad").content("y")))
          .withMessageContaining("the source lacks what the target did")
          .satisfies(e -> assertThat(e.mayHaveApplied()).isEmpty());
      store.execute(new RecallMemory("c", AT));
      target.up();
      source.before = batch -> {};
      await(() -> store.replay(Duration.ofSeconds(1)) == 1);
      store.execute(UpdateMemory.of("bad").content("z"));
      assertSettled();
      assertThat(found()).contains("bad");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void givenRecordThatTheSourceRefuses_whenRolledBackForAReason_thenItIsSetAsideAndListed(
        boolean away) {
      begin();
      if (away) {
        target.down();
      }
      source.up();
      if (!away) {
        await(() -> store.replay(Duration.ofSeconds(1)) == 1);
        assertThat(store.rollback().reasons()).containsExactly("the stores differ: 1 differences");
      }

      StageMove move = store.rollback("it has to be");

      assertThat(move.to()).isEqualTo(Stage.SHADOW);
      assertThat(move.undrained()).containsExactly("memory:bad");
      assertThat(found()).isEqualTo(OTHERS);
      assertThat(store.conflicts())
          .singleElement()
          .satisfies(conflict -> assertThat(conflict.key()).isEqualTo(Key.of("bad")));
      source.before = batch -> {};
      target.up();
      await(() -> store.replay(Duration.ofSeconds(1)) == 0);
      store.resolve(store.conflicts().get(0).id(), Resolution.KEEP_LOSER);
      assertSettled();
      assertThat(found()).contains("bad");
    }
  }

  @Nested
  class Drills {
    @Test
    void givenStoresThatAreWell_whenAnOutageIsRehearsed_thenTheyAreAsBefore() {
      store.execute(StoreMemory.of("m", AT, "x"));
      assertSettled();
      List<Memory> before = store.find(MemoryQuery.all());
      assertThat(store.canPromote()).noneMatch(reason -> reason.contains("drill"));

      store.drill(Duration.ofSeconds(10));

      assertSettled();
      assertThat(store.find(MemoryQuery.all())).isEqualTo(before);
      assertThat(store.status().isSettled()).isTrue();
      assertThat(store.status().targetReachable()).isTrue();
      assertThat(heard).contains("write putRecords", "read read", "write deleteRecords");
      store.drill(Duration.ofSeconds(10));
    }

    @Test
    void givenTargetThatIsAway_whenAnOutageIsRehearsed_thenThatIsRefused() {
      target.down();
      for (int i = 0; i < 3; i++) {
        store.execute(StoreMemory.of("m" + i, AT, "x"));
      }

      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> store.drill(Duration.ofSeconds(1)))
          .withMessageContaining("neither lacking anything");
    }
  }

  /** Another folder moves on with the target while this one cannot ask it. */
  @Nested
  class TakenOver {
    private static final String REASON = "another folder has taken over";

    private void takeOver(long epoch) {
      EpochGuard register = target.store().as(EpochGuard.class).orElseThrow();
      long now = register.register().orElseThrow().epoch();
      String document = "{\"folder\":\"" + new UUID(1, 1) + "\"}";
      assertThat(register.advance(now, new EpochGuard.Register(epoch, document))).isTrue();
    }

    private void assertRefused(Command command) {
      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> store.execute(command))
          .withMessageContaining("taken over")
          .satisfies(e -> assertThat(e.mayHaveApplied()).isEmpty());
    }

    @Test
    void givenTargetTakenOverWhileAway_whenItIsBack_thenWritesAreRefusedByNameAndNotStoodInFor() {
      store.execute(StoreMemory.of("m", AT, "x"));
      assertSettled();
      target.down();
      for (int i = 0; i < 3; i++) {
        store.execute(StoreMemory.of("n" + i, AT, "before anybody could know"));
      }
      assertThat(store.status().targetReachable()).isFalse();
      takeOver(7);
      target.up();
      await(() -> heard.contains("taken over"));

      for (int i = 0; i < 3; i++) {
        assertRefused(StoreMemory.of("o" + i, AT, "x"));
      }

      assertThat(store.stats().fallbackWrites()).isEqualTo(3);
      assertThat(store.status().takenOver()).contains(REASON, "epoch 7");
      assertThat(store.status().isSettled()).isFalse();
      assertThat(store.status().target().records()).isEqualTo(3);
      assertThat(store.canPromote()).anyMatch(reason -> reason.contains(REASON));
      assertThat(heard).containsOnlyOnce("taken over");
      assertThat(memory("n0").content()).isEqualTo("before anybody could know");
      assertThat(target.store().memories().findById("n0")).isEmpty();
      store.close();
      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> open(Stage.OFF))
          .withMessageContaining(REASON);
    }

    @Test
    void givenTargetTakenOverWhileThere_whenWritten_thenRefusedByTheTargetAndTold() {
      store.execute(StoreMemory.of("m", AT, "x"));
      assertSettled();
      takeOver(2);

      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> store.execute(new RecallMemory("m", AT)))
          .withMessageContaining("another owner has moved on");

      assertThat(store.status().takenOver()).contains(REASON);
      assertThat(source.memories().findById("m").orElseThrow().recallCount()).isZero();
    }

    @Test
    void givenTargetPutBackToAnEarlierEpoch_whenWrittenAgain_thenItIsOursStill() {
      store.promote("a test");
      store.execute(StoreMemory.of("m", AT, "x"));
      assertSettled();
      InMemoryMemoryStore restored = new InMemoryMemoryStore("test");
      EpochGuard register = restored.as(EpochGuard.class).orElseThrow();
      register.advance(0, new EpochGuard.Register(1, "{}"));
      store.close();
      target = new Probe("target", restored);
      target.down();
      store = open(Stage.OFF);
      store.execute(new RecallMemory("m", AT));
      target.up();

      assertSettled();
      assertThat(store.status().takenOver()).isNull();
      assertThat(register.register().orElseThrow().epoch()).isEqualTo(2);
    }
  }

  @Nested
  class OnItsOwn {
    private final Path folder = Path.of("/fallback");

    @BeforeEach
    void ofNoOtherFolder() {
      target = new Probe("target", new InMemoryMemoryStore("test"));
    }

    private FallbackMemoryStore open() {
      FallbackMemoryStore.Builder builder = FallbackMemoryStore.builder(target, source, folder);
      builder.both().disk(disk).probePause(Duration.ofMillis(20));
      return builder.build();
    }

    @Test
    void givenEmptyFallback_whenThePrimaryGoesAwayLater_thenAllThatItHadIsThere() {
      target.store().execute(StoreMemory.of("old", AT, "from before"));
      try (FallbackMemoryStore fallback = open()) {
        await(() -> fallback.status().isSettled());

        target.down();
        fallback.execute(new RecallMemory("old", AT));

        assertThat(fallback.find(MemoryQuery.all()))
            .extracting(Memory::recallCount)
            .containsExactly(1L);
        assertThat(fallback.status().target().records()).isEqualTo(1);
        assertThat(fallback.status().stats().fallbackWrites()).isEqualTo(1);
        target.up();
        await(() -> fallback.replay(Duration.ofSeconds(10)) == 0);
        assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
      }
    }

    @Test
    void givenFolderOfAMove_whenOpenedAsAFallback_thenRefused() {
      FallbackMemoryStore.Builder builder = FallbackMemoryStore.builder(target, source, folder);
      builder.both().disk(disk).stage(Stage.LIVE).build().close();

      assertThatExceptionOfType(IllegalArgumentException.class)
          .isThrownBy(this::open)
          .withMessageContaining("stage LIVE");
    }
  }
}

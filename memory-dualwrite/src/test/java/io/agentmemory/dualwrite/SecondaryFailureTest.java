package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.agentmemory.CorruptMemoryException;
import io.agentmemory.Embedding;
import io.agentmemory.Health;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.DefineSpace;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What a failing store costs whom. Runs with the source as authority and with the target. */
class SecondaryFailureTest {
  private static final String AT = "2026-02-10T11:52:05+00:00";
  private static final Duration LONG = Duration.ofSeconds(10);
  private static final Operation OPERATION = new Operation("probe", "ask", "");

  private final Probe source = new Probe("source", new InMemoryMemoryStore("test"));
  private final Probe target = new Probe("target", new InMemoryMemoryStore("test"));
  private final Heard heard = new Heard();
  private DualWriteMemoryStore store = open(Stage.DUAL_WRITE, LONG);

  private static final class Heard implements DualWriteListener {
    final List<Difference> mismatches = new CopyOnWriteArrayList<>();
    final List<Throwable> failures = new CopyOnWriteArrayList<>();
    final List<Lagging> lagging = new CopyOnWriteArrayList<>();

    @Override
    public void onMismatch(OpId operation, Difference difference) {
      mismatches.add(difference);
    }

    @Override
    public void onSecondaryFailure(OpId operation, Throwable failure) {
      failures.add(failure);
    }

    @Override
    public void onLagging(Lagging record) {
      lagging.add(record);
    }
  }

  private DualWriteMemoryStore open(Stage stage, Duration patience) {
    return DualWriteMemoryStore.builder(source, target)
        .stage(stage)
        .listener(heard)
        .patience(patience)
        .build();
  }

  @AfterEach
  void close() {
    store.close();
  }

  private void drain() {
    assertThat(store.drain(LONG)).isTrue();
  }

  private void assertEqualStores() {
    assertThat(store.lagging()).isEmpty();
    assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
  }

  static Stream<Throwable> failures() {
    return Stream.of(
        StoreUnavailableException.notApplied(OPERATION, "down", null),
        Probe.unknown(OpId.random()),
        new CorruptMemoryException(OPERATION, "file:1", "is broken", null),
        new UncategorizedStoreException(OPERATION, "a defect", null),
        new NullPointerException("a defect"),
        new StackOverflowError(),
        new OutOfMemoryError("pretended"),
        new AssertionError("a defect"));
  }

  @ParameterizedTest
  @MethodSource("failures")
  void givenSecondaryThatThrows_whenWritten_thenTheCallerSucceedsAndTheNextWriteMendsIt(
      Throwable failure) {
    target.before = batch -> throwIt(failure);

    store.execute(StoreMemory.of("m1", AT, "content"));
    drain();

    assertThat(store.memories().findById("m1")).isPresent();
    assertThat(heard.failures).containsExactly(failure);
    assertThat(heard.mismatches).isEmpty();
    assertThat(store.stats().secondaryFailures()).isEqualTo(1);
    assertThat(store.lagging())
        .isEqualTo(heard.lagging)
        .singleElement()
        .satisfies(
            lag -> {
              assertThat(lag.kind() + " " + lag.key()).isEqualTo("memory m1");
              assertThat(lag.why())
                  .isEqualTo("the secondary store failed: " + failure.getClass().getSimpleName());
            });
    assertThat(store.health().status()).isEqualTo(Health.Status.DEGRADED);
    assertThat(store.health().notes()).contains("1 records of the secondary lag");

    target.before = batch -> {};
    store.execute(new RecallMemory("m1", AT));
    drain();

    assertEqualStores();
    assertThat(heard.mismatches).as("what lags is set right, not reported again").isEmpty();
    assertThat(store.health().status()).isEqualTo(Health.Status.UP);
  }

  @Test
  void givenSpaceThatDidNotFollow_whenAVectorIsPut_thenBothFollowAndNothingIsReported() {
    target.before = batch -> throwIt(StoreUnavailableException.notApplied(OPERATION, "down", null));
    store.execute(new DefineSpace(VectorSpace.of("text", "model", 2)));
    drain();
    target.before = batch -> {};

    store.execute(new PutEmbedding(Embedding.of("text", "m1", 1, 2)));
    drain();

    assertEqualStores();
    assertThat(heard.mismatches).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("failures")
  void givenSecondaryThatAppliesAndThenThrows_whenCaughtUp_thenOnceIsOnce(Throwable failure) {
    store.execute(StoreMemory.of("m1", AT, "content"));
    drain();
    target.after = batch -> throwIt(failure);
    store.execute(new RecallMemory("m1", AT));
    drain();
    assertThat(store.lagging()).hasSize(1);

    target.after = batch -> {};

    assertThat(store.catchUp()).isZero();
    assertEqualStores();
    assertThat(Trees.memory(target, "m1").live().orElseThrow().recallCount()).isEqualTo(1);
  }

  @ParameterizedTest
  @EnumSource(names = {"DUAL_WRITE", "LIVE"})
  void givenSecondaryDownForAWhile_whenCaughtUp_thenNothingLags(Stage stage) {
    store = open(stage, LONG);
    Probe secondary = stage == Stage.LIVE ? source : target;
    store.execute(StoreMemory.of("m1", AT, "content"));
    drain();
    secondary.down();
    store.execute(StoreMemory.of("m2", AT, "content").withCausedBy(List.of("m1")));
    store.embeddings().define("text", "model", 2);
    store.embeddings().put("text", "m2", new float[] {1, 2});
    store.memories().forget("m2");
    drain();

    assertThat(store.lagging()).hasSize(4);
    assertThat(store.catchUp()).as("while it is down").isEqualTo(4);
    secondary.up();
    assertThat(store.catchUp()).isZero();

    assertEqualStores();
    assertThat(Trees.memory(target, "m2").isTombstone()).isTrue();
  }

  static Stream<RuntimeException> refusals() {
    return Stream.of(
        StoreUnavailableException.notApplied(OPERATION, "down", null),
        new InvalidMemoryException(OPERATION, "content", "is too large"),
        new MemoryConflictException(OPERATION, "the revision moved", 1, 2),
        new CorruptMemoryException(OPERATION, "file:1", "is broken", null),
        new UncategorizedStoreException(OPERATION, "a defect", null));
  }

  @ParameterizedTest
  @MethodSource("refusals")
  void givenAuthorityThatRefuses_whenWritten_thenTheCallerGetsThatAndTheOtherIsNotTouched(
      RuntimeException refusal) {
    source.before = batch -> throwIt(refusal);

    assertThatThrownBy(() -> store.execute(StoreMemory.of("m1", AT, "content"))).isSameAs(refusal);
    drain();

    assertThat(target.calls()).isEmpty();
    assertThat(store.lagging()).isEmpty();
    source.before = batch -> {};
    store.execute(StoreMemory.of("m1", AT, "content"));
    drain();
    assertEqualStores();
  }

  @Test
  void givenAuthorityThatBreaksInACallersThread_whenWrittenAgain_thenNothingIsLocked() {
    source.before = batch -> throwIt(new StackOverflowError());
    assertThatThrownBy(() -> store.execute(StoreMemory.of("m1", AT, "content")))
        .isInstanceOf(StackOverflowError.class);
    source.before = batch -> {};
    source.after = batch -> throwIt(new OutOfMemoryError("pretended"));
    assertThatThrownBy(() -> store.execute(StoreMemory.of("m1", AT, "content")))
        .isInstanceOf(OutOfMemoryError.class);
    source.after = batch -> {};

    store.execute(new RecallMemory("m1", AT));
    drain();

    assertEqualStores();
    assertThat(Trees.memory(target, "m1").revision()).isEqualTo(2);
    assertThat(store.stats().inFlight()).isZero();
  }

  @Test
  void givenAuthorityWhoseAnswerGotLost_whenRepeated_thenBothHaveItOnce() {
    source.after = batch -> throwIt(Probe.unknown(batch.opId()));
    Batch batch = Batch.of(StoreMemory.of("m1", AT, "content"));

    assertThatThrownBy(() -> store.execute(batch)).isInstanceOf(StoreUnavailableException.class);
    drain();

    assertThat(target.calls()).as("not touched on a failure").isEmpty();
    assertThat(store.lagging())
        .extracting(Lagging::why)
        .containsExactly("the authority's answer to a write got lost");
    source.after = b -> {};
    assertThat(store.execute(batch).repeated()).isTrue();
    drain();
    assertEqualStores();
    assertThat(Trees.memory(target, "m1").revision()).isEqualTo(1);
  }

  @Test
  void givenAuthorityGone_whenAsked_thenAnErrorAndNoFallback() {
    store = open(Stage.LIVE, LONG);
    store.execute(StoreMemory.of("m1", AT, "content"));
    drain();
    source.calls().clear();
    target.down();

    assertThatThrownBy(() -> store.memories().findById("m1"))
        .isInstanceOf(StoreUnavailableException.class);
    assertThatThrownBy(() -> store.execute(new RecallMemory("m1", AT)))
        .isInstanceOf(StoreUnavailableException.class);
    assertThat(source.calls()).isEmpty();
  }

  @Test
  void givenListenerThatThrows_whenWritten_thenNobodyIsHurt() {
    store =
        DualWriteMemoryStore.builder(source, target)
            .stage(Stage.DUAL_WRITE)
            .listener(
                new DualWriteListener() {
                  @Override
                  public void onSecondaryFailure(OpId operation, Throwable failure) {
                    throw new StackOverflowError();
                  }

                  @Override
                  public void onLagging(Lagging record) {
                    throw new IllegalStateException("a defect");
                  }
                })
            .build();
    target.down();

    store.execute(StoreMemory.of("m1", AT, "content"));
    drain();

    assertThat(store.stats().listenerFailures()).isEqualTo(2);
    target.up();
    assertThat(store.catchUp()).isZero();
    assertEqualStores();
  }

  @Test
  void givenSlowSecondary_whenWritten_thenTheCallerDoesNotWaitButTheNextWriteOfTheRecordDoes()
      throws Exception {
    CountDownLatch open = new CountDownLatch(1);
    target.before = batch -> Probe.await(open);
    ExecutorService other = Executors.newSingleThreadExecutor();

    store.execute(StoreMemory.of("m1", AT, "content"));
    store.execute(StoreMemory.of("m2", AT, "content"));
    assertThat(store.memories().findById("m1")).isPresent();
    Future<?> second = other.submit(() -> store.execute(new RecallMemory("m1", AT)));

    assertThat(Trees.memory(source, "m1").revision()).isEqualTo(1);
    assertThat(second.isDone()).isFalse();
    open.countDown();
    second.get(10, TimeUnit.SECONDS);
    drain();
    other.shutdown();
    assertEqualStores();
    assertThat(store.stats().followed()).isEqualTo(3);
  }

  @Test
  void givenSecondaryThatHangs_whenPatienceEnds_thenWritesGoOnAndItsLateWorkChangesNothing() {
    store = open(Stage.DUAL_WRITE, Duration.ofMillis(50));
    store.execute(StoreMemory.of("m1", AT, "content"));
    drain();
    CountDownLatch open = new CountDownLatch(1);
    AtomicInteger first = new AtomicInteger();
    target.before =
        batch -> {
          if (first.getAndIncrement() == 0) {
            Probe.await(open);
          }
        };

    store.execute(UpdateMemory.of("m1").content("hangs"));
    store.execute(UpdateMemory.of("m1").content("goes on"));
    Trees.await(() -> store.stats().inFlight() == 1, "the second write to follow");
    assertThat(store.memories().findById("m1").orElseThrow().content()).isEqualTo("goes on");

    open.countDown();
    drain();
    assertThat(store.lagging()).isEmpty();
    assertEqualStores();
    assertThat(Trees.memory(target, "m1").live().orElseThrow().content()).isEqualTo("goes on");
  }

  @Test
  void givenLargeBatchWhoseAnswerGotLost_whenCaughtUp_thenThatHasAnEnd() {
    store = open(Stage.DUAL_WRITE, LONG);
    List<Command> many = new ArrayList<>();
    for (int i = 0; i < 250; i++) { // more than are caught up at once
      many.add(StoreMemory.of("m" + i, AT, "content"));
    }
    Batch batch = Batch.of(many);
    target.after =
        done -> {
          if (done.opId().equals(batch.opId())) {
            throw Probe.unknown(done.opId());
          }
        };

    store.execute(batch);
    drain();
    target.after = done -> {};

    assertThat(store.lagging()).hasSize(250);
    assertThat(store.catchUp()).isZero();
    assertEqualStores();
  }

  @Test
  void givenSecondaryThatHangs_whenManyWrite_thenNobodyWaitsAndAllThatWasMissedIsListed() {
    store = open(Stage.DUAL_WRITE, Duration.ofMillis(50));
    CountDownLatch open = new CountDownLatch(1);
    target.before = batch -> Probe.await(open);

    for (int i = 0; i < 1500; i++) {
      store.execute(StoreMemory.of("m" + i, AT, "content"));
    }

    assertThat(store.stats().writes()).isEqualTo(1500);
    assertThat(store.lagging()).as("beyond what may wait").hasSize(1500 - 1024 - 4);
    open.countDown();
    drain();
    assertThat(store.catchUp()).isZero();
    assertEqualStores();
  }

  @Test
  void givenWaitForSecondary_whenWritten_thenItHasFollowedOnReturn() {
    store =
        DualWriteMemoryStore.builder(source, target)
            .stage(Stage.DUAL_WRITE)
            .waitForSecondary(LONG)
            .build();

    for (int i = 0; i < 100; i++) {
      store.execute(StoreMemory.of("m" + i, AT, "content"));
      assertThat(target.read(Kind.MEMORY, Key.of("m" + i))).isPresent();
    }
  }

  @Test
  void givenCallerInterruptedWhileItWaits_whenWritten_thenNothingWasWrittenAndOthersGoOn()
      throws Exception {
    CountDownLatch open = new CountDownLatch(1);
    target.before = batch -> Probe.await(open);
    store.execute(StoreMemory.of("m1", AT, "content"));
    ExecutorService other = Executors.newSingleThreadExecutor();
    AtomicInteger thrown = new AtomicInteger();
    Thread waiting =
        new Thread(
            () -> {
              try {
                store.execute(new RecallMemory("m1", AT));
              } catch (StoreUnavailableException e) {
                thrown.set(e.mayHaveApplied().isEmpty() && Thread.interrupted() ? 1 : 2);
              }
            });
    waiting.start();
    Trees.await(
        () ->
            waiting.getState() == Thread.State.WAITING
                || waiting.getState() == Thread.State.TIMED_WAITING,
        "the second writer to wait");

    waiting.interrupt();
    waiting.join(10_000);

    assertThat(thrown.get()).isEqualTo(1);
    Future<?> third = other.submit(() -> store.execute(new RecallMemory("m1", AT)));
    open.countDown();
    third.get(10, TimeUnit.SECONDS);
    drain();
    other.shutdown();
    assertEqualStores();
    assertThat(Trees.memory(source, "m1").live().orElseThrow().recallCount()).isEqualTo(1);
  }

  @Test
  void givenStoresItOwns_whenClosed_thenWhatRunsEndsFirstAndBothAreClosed() {
    CountDownLatch begun = new CountDownLatch(1);
    target.before = batch -> begun.countDown();
    store =
        DualWriteMemoryStore.builder(source, target).stage(Stage.DUAL_WRITE).closesStores().build();
    store.execute(StoreMemory.of("m1", AT, "content"));

    store.close();
    store.close();

    assertThat(begun.getCount()).as("the secondary had its part before it was closed").isZero();
    assertThatThrownBy(() -> source.read(Kind.MEMORY, Key.of("m1")))
        .hasMessageContaining("the store is closed");
    assertThatThrownBy(() -> target.read(Kind.MEMORY, Key.of("m1")))
        .hasMessageContaining("the store is closed");
  }

  private static void throwIt(Throwable thrown) {
    if (thrown instanceof Error error) {
      throw error;
    }
    throw (RuntimeException) thrown;
  }
}

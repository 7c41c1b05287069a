package io.agentmemory.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryQuery;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.spi.EpochGuard;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

final class FaultyMemoryStoreTest {
  private static final RuntimeException ERROR =
      StoreUnavailableException.notApplied(new Operation("test", "fail", ""), "scripted", null);

  private final FaultyMemoryStore store = new FaultyMemoryStore(new InMemoryMemoryStore("test"));
  private final StoreMemory command = StoreMemory.of("m", "now", "text");

  @Test
  void givenFailures_whenCalled_thenEachOnceBeforeOrAfterTheFact() {
    store.failNextWrite(ERROR);
    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(() -> store.execute(command));
    assertThat(store.read(Kind.MEMORY, Key.of("m"))).isEmpty();

    store.loseNextWrite(ERROR);
    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(() -> store.execute(command));
    assertThat(store.read(Kind.MEMORY, Key.of("m"))).isPresent();

    store.failNextRead(ERROR);
    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(() -> store.count(MemoryQuery.all()));
    assertThat(store.count(MemoryQuery.all())).isEqualTo(1);
    assertThat(store.writes()).isEqualTo(2);
    assertThat(store.reads()).isEqualTo(4);
  }

  @Test
  void givenDown_whenCalled_thenEverythingFailsUntilUp() {
    store.down(() -> ERROR);
    assertThatExceptionOfType(StoreUnavailableException.class).isThrownBy(store::health);
    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(() -> store.execute(command));
    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(() -> store.conclude(OpId.random()));
    store.up();
    assertThat(store.execute(command).changes()).hasSize(1);
  }

  @Test
  void givenDown_whenAskedForItsGuard_thenTheGuardIsDownToo() {
    EpochGuard guard = store.as(EpochGuard.class).orElseThrow();
    EpochGuard.Register first = new EpochGuard.Register(1, "{}");
    store.down(() -> ERROR);
    assertThatExceptionOfType(StoreUnavailableException.class).isThrownBy(guard::register);
    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(() -> guard.advance(0, first));
    store.up();
    assertThat(guard.register()).isEmpty();

    store.loseNextWrite(ERROR);
    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(() -> guard.advance(0, first));
    assertThat(guard.register()).contains(first);
    guard.guard(2);
    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(() -> store.execute(command))
        .matches(StoreUnavailableException::isRefusal);
    assertThat(store.as(InMemoryMemoryStore.class)).as("a way around the faults").isEmpty();
  }

  @Test
  void givenWrongAnswers_whenCalled_thenTheStoreItselfIsRight() {
    store.changeNextOutcome(o -> new Outcome(o.opId(), List.of(), o.skipped(), false));
    assertThat(store.execute(command).changes()).isEmpty();
    store.<Optional<Stored<Memory>>>changeNextRead(found -> Optional.empty());
    assertThat(store.read(Kind.MEMORY, Key.of("m"))).isEmpty();
    assertThat(store.read(Kind.MEMORY, Key.of("m"))).isPresent();
  }

  @Test
  void givenGate_whenHeld_thenTheCallWaitsThere() throws Exception {
    FaultyMemoryStore.Gate gate = store.holdNextWrite();
    CompletableFuture<Outcome> writing =
        CompletableFuture.supplyAsync(() -> store.execute(command));
    gate.awaitCall();
    assertThat(writing).isNotDone();
    assertThat(store.count(MemoryQuery.all())).isZero();
    gate.open();
    assertThat(writing.get(20, TimeUnit.SECONDS).changes()).hasSize(1);
  }

  @Test
  void givenInterrupt_whenHeld_thenTheCallEnds() {
    store.holdNextRead();
    Thread.currentThread().interrupt();
    assertThatIllegalStateException().isThrownBy(() -> store.count(MemoryQuery.all()));
    assertThat(Thread.interrupted()).isTrue();
  }

  @Test
  void givenManualClock_whenMoved_thenItTellsTheTimeInEveryZone() {
    ManualClock clock = new ManualClock(Instant.EPOCH);
    var elsewhere = clock.withZone(ZoneId.of("Asia/Kolkata"));
    clock.advance(Duration.ofHours(2));
    clock.advance(Duration.ofHours(-1));
    assertThat(clock.instant()).isEqualTo(Instant.parse("1970-01-01T01:00:00Z"));
    assertThat(elsewhere.instant()).isEqualTo(clock.instant());
    clock.set(Instant.MAX);
    assertThat(elsewhere.instant()).isEqualTo(Instant.MAX);
  }
}

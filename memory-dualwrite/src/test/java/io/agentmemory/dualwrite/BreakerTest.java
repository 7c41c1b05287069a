package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.dualwrite.Breaker.State;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BreakerTest {
  private final CountDownLatch end = new CountDownLatch(1);
  private final List<Watched> all = new CopyOnWriteArrayList<>();

  @AfterEach
  void close() {
    end.countDown();
    all.forEach(watched -> watched.breaker.close());
  }

  /** A breaker whose probe does something odd until it is told that the store is well. */
  private final class Watched {
    final String what;
    final Breaker breaker;
    volatile boolean well;
    private volatile long halfOpenAt;
    private volatile long longest; // nanoseconds that it was half open
    private final CountDownLatch left = new CountDownLatch(1);

    Watched(String what, Supplier<Boolean> odd) {
      this(what, odd, Duration.ofMillis(5));
    }

    Watched(String what, Supplier<Boolean> odd, Duration firstPause) {
      this.what = what;
      all.add(this);
      breaker = new Breaker(() -> well || odd.get(), firstPause, this::note, Clock.systemUTC());
      breaker.open();
    }

    private void note(State from, State to) {
      if (to == State.HALF_OPEN) {
        halfOpenAt = System.nanoTime();
      } else if (from == State.HALF_OPEN) {
        longest = Math.max(longest, System.nanoTime() - halfOpenAt);
        left.countDown();
      }
    }

    void assertLeft() throws InterruptedException {
      assertThat(left.await(20, TimeUnit.SECONDS)).as("%s: half open has an end", what).isTrue();
      assertThat(Duration.ofNanos(longest)).as(what).isLessThan(Duration.ofMillis(10_500));
    }

    void assertClosesOnceWell() {
      well = true;
      Trees.await(breaker::isClosed, what + ": closed once the store is well");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 300}) // also where it is back for longer than it was waited for
  void givenStoreThatIsBackForMomentsOnly_whenItGoesAgainAndAgain_thenItIsWaitedForLongerEachTime(
      int moment) {
    Watched flapping = new Watched("flaps", () -> true, Duration.ofMillis(50));
    long waited = 0;
    for (int i = 0; i < 4; i++) { // 50, 100, 200, 400 ms, each a fifth shorter at most
      flapping.breaker.open();
      long begin = System.nanoTime();
      Trees.await(flapping.breaker::isClosed, "closed, as the store is there");
      waited += System.nanoTime() - begin;
      long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(moment);
      Trees.await(() -> System.nanoTime() - until >= 0, "a moment later");
    }

    assertThat(Duration.ofNanos(waited)).isGreaterThan(Duration.ofMillis(590));
  }

  @Test
  void givenStoreThatGoesInTheMomentItIsBack_whenThatHappensOften_thenItIsAlwaysAskedAgain() {
    Watched gone = new Watched("goes at once", () -> true, Duration.ZERO);
    for (int i = 0; i < 20_000; i++) {
      Trees.await(gone.breaker::isClosed, "closed, as the store is there, after " + i);
      gone.breaker.open();
    }
  }

  @Test
  void givenProbeOnItsWay_whenSomebodyHoldsItOpen_thenItStaysSoUntilReleasedAndIsAskedAtOnce()
      throws InterruptedException {
    CountDownLatch asked = new CountDownLatch(1);
    CountDownLatch answer = new CountDownLatch(1);
    Watched held =
        new Watched(
            "held",
            () -> {
              asked.countDown();
              try {
                return answer.await(20, TimeUnit.SECONDS);
              } catch (InterruptedException closing) {
                return false;
              }
            },
            Duration.ofMillis(5));
    assertThat(asked.await(20, TimeUnit.SECONDS)).isTrue();
    held.breaker.hold();
    answer.countDown();
    for (int i = 0; i < 50; i++) {
      assertThat(held.breaker.isClosed())
          .as("held after the probe said that it is there")
          .isFalse();
      Thread.sleep(2);
    }

    held.breaker.release();
    Trees.await(held.breaker::isClosed, "asked at once");
  }

  @Test
  @DisplayName("T76: breaker: ignored error, cancel, probe hang in half-open")
  void givenProbeThatFailsInAnyWay_whenHalfOpen_thenNotForLongAndClosedOnceTheStoreIsWell()
      throws InterruptedException {
    Watched hanging =
        new Watched(
            "hangs",
            () -> {
              Probe.await(end);
              return false;
            });
    Watched deaf =
        new Watched(
            "hangs, whoever interrupts it",
            () -> {
              while (end.getCount() > 0) {
                LockSupport.parkNanos(1_000_000);
              }
              return false;
            });
    Watched cancelled =
        new Watched(
            "is cancelled",
            () -> {
              Thread.currentThread().interrupt();
              throw new CancellationException();
            });
    Watched refusing =
        new Watched(
            "throws what a store throws",
            () -> {
              throw StoreUnavailableException.notApplied(
                  new Operation("probe", "ask", ""), "it is down", null);
            });
    Watched defective =
        new Watched(
            "throws an error",
            () -> {
              throw new AssertionError("a defect");
            });
    for (Watched odd : List.of(cancelled, refusing, defective)) {
      odd.assertLeft();
      odd.assertClosesOnceWell();
    }
    hanging.assertLeft();
    deaf.assertLeft();
    end.countDown();
    hanging.assertClosesOnceWell();
    deaf.assertClosesOnceWell();
  }
}

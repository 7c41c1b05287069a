package io.agentmemory.dualwrite;

import io.agentmemory.StoreUnavailableException;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import java.util.function.Supplier;

/**
 * Keeps callers away from a store that gives no answer. Counts calls that found it unavailable, or
 * slow; after too many of them it opens, and then only a probe of its own, on its own thread, finds
 * out whether the store is back: no caller's call is risked or waits for that. Thread-safe.
 */
final class Breaker implements AutoCloseable {
  /** Whether calls go through. */
  enum State {
    CLOSED,
    HALF_OPEN,
    OPEN
  }

  private static final int IN_A_ROW = 3;
  private static final int STEADY = 60; // pauses
  private static final Duration SLOW = Duration.ofSeconds(1);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(60);
  private static final Duration LONGEST_PROBE = Duration.ofSeconds(10);

  private final CircuitBreaker circuit;
  private final Supplier<Boolean> probe;
  private final Duration firstPause;
  private final BiConsumer<State, State> listener;
  private final Clock clock;
  private final AtomicInteger failuresInARow = new AtomicInteger();
  private final ScheduledThreadPoolExecutor prober;
  private final ThreadPoolExecutor probes;
  private volatile State known = State.CLOSED;
  private Duration lastPause = Duration.ZERO; // guarded by this
  private Future<?> next = CompletableFuture.completedFuture(null); // guarded by this
  private int scheduled; // how many were; guarded by this
  private boolean isProbed; // one is scheduled or runs; guarded by this
  private boolean wasBack = true; // when it was last probed; guarded by this
  private long backAt = System.nanoTime(); // guarded by this
  private volatile Instant since;
  private volatile boolean held;

  /**
   * Begins closed.
   *
   * @param probe asks the store, and says whether it takes writes; what it throws counts as no
   * @param firstPause how long after opening the first probe comes; then twice as long, up to 60 s;
   *     as if it had not closed where it opens again within 60 times that pause
   * @param listener told of every change: from, to
   */
  Breaker(
      Supplier<Boolean> probe,
      Duration firstPause,
      BiConsumer<State, State> listener,
      Clock clock) {
    this.probe = probe;
    this.firstPause = firstPause;
    this.listener = listener;
    this.clock = clock;
    this.since = clock.instant();
    circuit =
        CircuitBreaker.of(
            "agent-memory-target",
            CircuitBreakerConfig.custom()
                .slidingWindowType(CircuitBreakerConfig.SlidingWindowType.COUNT_BASED)
                .slidingWindowSize(20)
                .minimumNumberOfCalls(5)
                .failureRateThreshold(50)
                .slowCallRateThreshold(50)
                .slowCallDurationThreshold(SLOW)
                .permittedNumberOfCallsInHalfOpenState(1)
                .waitDurationInOpenState(Duration.ofDays(1)) // our prober decides
                .build());
    prober = new ScheduledThreadPoolExecutor(1, task -> daemon(task, "dualwrite-prober"));
    prober.setRemoveOnCancelPolicy(true);
    // A probe that hangs is left behind, and must not keep the next one from running.
    probes =
        new ThreadPoolExecutor(
            0,
            4,
            10,
            TimeUnit.SECONDS,
            new SynchronousQueue<>(),
            t -> daemon(t, "dualwrite-probe"));
  }

  private static Thread daemon(Runnable task, String name) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    return thread;
  }

  /** Whether a call may be made now. Whoever makes it says how it went. */
  boolean isClosed() {
    return circuit.getState() == CircuitBreaker.State.CLOSED;
  }

  State state() {
    return switch (circuit.getState()) {
      case CLOSED -> State.CLOSED;
      case HALF_OPEN -> State.HALF_OPEN;
      default -> State.OPEN;
    };
  }

  /** Since when the state holds. */
  Instant since() {
    return since;
  }

  /** The store answered, be it that it refused. */
  void answered(long startNanos) {
    if (isClosed()) {
      failuresInARow.set(0);
      circuit.onSuccess(System.nanoTime() - startNanos, TimeUnit.NANOSECONDS);
      changed();
    }
  }

  /** The store gave no answer. */
  void unavailable(long startNanos, StoreUnavailableException failure) {
    if (isClosed()) {
      circuit.onError(System.nanoTime() - startNanos, TimeUnit.NANOSECONDS, failure);
      if (failuresInARow.incrementAndGet() >= IN_A_ROW && isClosed()) {
        circuit.transitionToOpenState();
      }
      changed();
    }
  }

  /** Opens at once, and stays so until {@link #release}: nothing is asked of the store. */
  void hold() {
    synchronized (this) {
      held = true;
      circuit.transitionToForcedOpenState();
    }
    changed();
  }

  /** Whether it is open only because somebody holds it so. */
  boolean isHeld() {
    return held;
  }

  /** Ends {@link #hold}; the next probe comes at once. */
  synchronized void release() {
    held = false;
    lastPause = Duration.ZERO;
    schedule();
  }

  /** Opens at once, as if the store were known to be away. */
  void open() {
    if (circuit.getState() != CircuitBreaker.State.OPEN) {
      circuit.transitionToOpenState();
      changed();
    }
  }

  /** Whoever opened it, and when: while it is open a probe is before it. */
  private void changed() {
    State before;
    State now;
    synchronized (this) {
      before = known;
      now = state();
      if (now == State.OPEN && !isProbed && !held) {
        lastPause = nextPause();
        schedule();
      }
      if (before == now) {
        return;
      }
      known = now;
      since = clock.instant();
    }
    listener.accept(before, now);
  }

  /** A store that goes soon after it was back flaps: not at once again. */
  private synchronized Duration nextPause() {
    boolean again =
        !wasBack || System.nanoTime() - backAt < firstPause.multipliedBy(STEADY).toNanos();
    Duration longer = lastPause.multipliedBy(2);
    if (!again || longer.compareTo(firstPause) < 0) {
      return firstPause;
    }
    return longer.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : longer;
  }

  private synchronized void schedule() {
    isProbed = false;
    next.cancel(false);
    double jitter = 0.8 + 0.4 * ThreadLocalRandom.current().nextDouble();
    long nanos = (long) (lastPause.toNanos() * jitter);
    try {
      int number = ++scheduled;
      next = prober.schedule(() -> probe(number), nanos, TimeUnit.NANOSECONDS);
      isProbed = true;
    } catch (RejectedExecutionException closing) {
      return; // nobody waits for the answer any more
    }
  }

  private void probe(int number) {
    synchronized (this) {
      if (held || isClosed()) {
        isProbed &= number != scheduled;
        return; // who holds it schedules the next one
      }
      circuit.transitionToHalfOpenState();
    }
    boolean back = false;
    try {
      changed();
      back = ask();
    } finally { // whatever came: half open is not for long
      ended(number, back);
      changed();
    }
  }

  private synchronized void ended(int number, boolean back) {
    isProbed &= number != scheduled; // there may be another one by now
    wasBack = back;
    backAt = System.nanoTime();
    if (held) {
      return;
    }
    if (back) {
      failuresInARow.set(0);
      circuit.transitionToClosedState();
    } else if (circuit.getState() != CircuitBreaker.State.OPEN) {
      circuit.transitionToOpenState();
    }
  }

  private boolean ask() {
    Future<Boolean> answer;
    try {
      answer = probes.submit(probe::get);
    } catch (RejectedExecutionException hanging) {
      return false; // those before still hang
    }
    try {
      return answer.get(LONGEST_PROBE.toNanos(), TimeUnit.NANOSECONDS);
    } catch (ExecutionException | TimeoutException no) {
      return false;
    } catch (InterruptedException closing) {
      return false;
    } finally {
      answer.cancel(true);
    }
  }

  @Override
  public void close() {
    prober.shutdownNow();
    probes.shutdownNow();
  }
}

package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Operation;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.DoubleSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Runs a sample of the reads on the other store too and compares, away from the caller: what
 * happens here neither delays nor changes what the caller gets.
 */
final class ShadowReads implements AutoCloseable {
  private static final int THREADS = 2;
  private static final int QUEUE = 256;

  private final double rate;
  private final DoubleSupplier random;
  private final Turns turns;
  private final Debts lag;
  private final Events events;
  private final ThreadPoolExecutor pool;

  /** Says in what two results differ. */
  interface Comparison<R> {
    /** Names (as in {@link Names}) of what differs; null if the results are equal. */
    @Nullable Set<String> differing(R authority, R shadow);
  }

  /** Stands for "cannot tell": everything may be what differs. */
  static final Set<String> ANYTHING = Set.of();

  ShadowReads(double rate, DoubleSupplier random, Turns turns, Debts lag, Events events) {
    this.rate = rate;
    this.random = random;
    this.turns = turns;
    this.lag = lag;
    this.events = events;
    pool =
        new ThreadPoolExecutor(
            THREADS,
            THREADS,
            10,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(QUEUE),
            task -> {
              Thread thread = new Thread(task, "dualwrite-shadow");
              thread.setDaemon(true);
              return thread;
            });
    pool.allowCoreThreadTimeOut(true);
  }

  /** Whether this read is one of the sample. */
  boolean sampled() {
    return rate > 0 && random.getAsDouble() < rate;
  }

  /**
   * Compares later.
   *
   * @param result what the caller got; must be immutable
   * @param still whether the roles are still those of this read
   */
  <R> void compare(
      Operation read,
      R result,
      Supplier<R> authority,
      Supplier<R> shadow,
      Comparison<R> comparison,
      BooleanSupplier still) {
    try {
      pool.execute(
          () -> {
            try {
              compareNow(read, result, authority, shadow, comparison, still);
            } catch (Throwable thrown) { // a reader of the other store, whatever it throws
              events.shadowFailed(read, thrown);
            }
          });
    } catch (RejectedExecutionException full) {
      events.shadowDropped.increment();
    }
  }

  private <R> void compareNow(
      Operation read,
      R result,
      Supplier<R> authority,
      Supplier<R> shadow,
      Comparison<R> comparison,
      BooleanSupplier still) {
    if (comparison.differing(result, get(shadow)) == null) {
      events.shadowCompared.increment();
      return;
    }
    // The result may be old by now, and a write may be on its way to the other store.
    Turns.Moment moment = turns.moment();
    R there = get(shadow);
    Set<String> differing = comparison.differing(get(authority), there);
    if (differing == null) {
      events.shadowCompared.increment();
    } else if (!still.getAsBoolean() || !settled(differing, moment)) {
      events.shadowUnsettled.increment();
    } else {
      events.shadowMismatch(read);
    }
  }

  private static <R> R get(Supplier<R> read) {
    return requireNonNull(read.get(), "a store answered null");
  }

  @SuppressWarnings("ReferenceEquality") // one object is the mark
  private boolean settled(Set<String> differing, Turns.Moment moment) {
    return differing == ANYTHING
        ? moment.quietSince() && lag.isEmpty()
        : moment.quietSince(differing) && !lag.touches(differing);
  }

  /** Stops. What waits is dropped, what runs is left to its end. */
  @Override
  public void close() {
    pool.shutdown();
    pool.getQueue().clear();
  }
}

package io.agentmemory.dualwrite;

import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Calls to the target on threads of ours, so that a caller waits for it no longer than the deadline
 * and its interrupt harms nobody. A call that comes back later has come back too late.
 */
final class TargetCalls implements AutoCloseable {
  private static final int THREADS = 16;
  private static final int QUEUE = 256;

  private final ThreadPoolExecutor pool;
  private final Duration deadline;

  TargetCalls(String name, Duration deadline) {
    this.deadline = deadline;
    pool =
        new ThreadPoolExecutor(
            THREADS,
            THREADS,
            10,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(QUEUE),
            task -> {
              Thread thread = new Thread(task, name);
              thread.setDaemon(true);
              return thread;
            });
    pool.allowCoreThreadTimeOut(true);
  }

  /** A call that nobody waits for any more does not begin. */
  private static final class Call<T extends @Nullable Object> implements Callable<T> {
    private final Callable<T> call;
    private final AtomicBoolean taken = new AtomicBoolean();

    Call(Callable<T> call) {
      this.call = call;
    }

    @Override
    public T call() throws Exception {
      if (!taken.compareAndSet(false, true)) {
        throw new CancellationException();
      }
      return call.call();
    }

    /** Whether it had not begun, and never will. */
    boolean drop() {
      return taken.compareAndSet(false, true);
    }
  }

  /**
   * Calls it.
   *
   * @throws StoreUnavailableException if no thread is free, which changes nothing, or if the
   *     deadline passed, which leaves open whether it took effect
   */
  <T extends @Nullable Object> T call(Operation operation, OpId opId, Callable<T> call) {
    return call(
        operation,
        call,
        tooSlow -> StoreUnavailableException.unknown(operation, opId, noAnswer(), tooSlow));
  }

  /**
   * Asks it for something.
   *
   * @throws StoreUnavailableException if no thread is free, or the deadline passed
   */
  <T> T read(Operation operation, Callable<T> call) {
    return call(
        operation,
        call,
        tooSlow -> StoreUnavailableException.notApplied(operation, noAnswer(), tooSlow));
  }

  private String noAnswer() {
    return "the target gave no answer in " + deadline.toMillis() + " ms";
  }

  private <T extends @Nullable Object> T call(
      Operation operation,
      Callable<T> call,
      Function<TimeoutException, StoreUnavailableException> late) {
    Call<T> once = new Call<>(call);
    FutureTask<T> task = new FutureTask<>(once);
    try {
      pool.execute(task);
    } catch (RejectedExecutionException | OutOfMemoryError full) {
      throw tooMany(operation);
    }
    long until = System.nanoTime() + deadline.toNanos();
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return task.get(Math.max(0, until - System.nanoTime()), TimeUnit.NANOSECONDS);
        } catch (InterruptedException later) {
          interrupted = true; // whether it took effect is worth the wait
        }
      }
    } catch (TimeoutException tooSlow) {
      throw once.drop() ? tooMany(operation) : late.apply(tooSlow);
    } catch (ExecutionException thrown) {
      if (thrown.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      if (thrown.getCause() instanceof Error failure) {
        throw failure;
      }
      throw new IllegalStateException(thrown.getCause());
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static StoreUnavailableException tooMany(Operation operation) {
    return StoreUnavailableException.notApplied(
        operation, "too many calls are waiting for the target", null);
  }

  /** Does something that may as well be left undone; waits no longer than the deadline. */
  void run(Operation operation, Runnable something) {
    try {
      call(
          operation,
          OpId.copy(),
          () -> {
            something.run();
            return null;
          });
    } catch (StoreUnavailableException tooSlow) {
      return;
    }
  }

  @Override
  public void close() {
    pool.shutdown();
  }
}

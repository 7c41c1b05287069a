package io.agentmemory.dualwrite;

import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Calls to the target on threads of ours, so that a caller waits for it no longer than the deadline
 * and its interrupt harms nobody. A call that comes back later has come back too late.
 */
final class TargetCalls implements AutoCloseable {
  private static final int THREADS = 16;

  private final ThreadPoolExecutor pool;
  private final Duration deadline;

  TargetCalls(Duration deadline) {
    this.deadline = deadline;
    pool =
        new ThreadPoolExecutor(
            0,
            THREADS,
            10,
            TimeUnit.SECONDS,
            new SynchronousQueue<>(),
            task -> {
              Thread thread = new Thread(task, "dualwrite-target");
              thread.setDaemon(true);
              return thread;
            });
  }

  /**
   * Calls it.
   *
   * @throws StoreUnavailableException if no thread is free, which changes nothing, or if the
   *     deadline passed, which leaves open whether it took effect
   */
  <T extends @Nullable Object> T call(Operation operation, OpId opId, Callable<T> call) {
    FutureTask<T> task = new FutureTask<>(call);
    try {
      pool.execute(task);
    } catch (RejectedExecutionException | OutOfMemoryError full) {
      throw StoreUnavailableException.notApplied(
          operation, "too many calls are waiting for the target", null);
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
      throw StoreUnavailableException.unknown(
          operation, opId, "the target gave no answer in " + deadline.toMillis() + " ms", tooSlow);
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

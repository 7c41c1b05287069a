package io.agentmemory.dualwrite;

import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/** Something that is done on a thread of its own, which no caller can interrupt. */
final class OffThread<T> {
  private final FutureTask<T> task;

  OffThread(Callable<T> work) {
    this.task = new FutureTask<>(work);
    Thread thread = new Thread(task, "dualwrite-off-thread");
    thread.setDaemon(true);
    thread.start();
  }

  /** Waits for the result; an interrupt is kept for later. */
  T get() throws IOException {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return task.get();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException failed) {
        throw failed;
      }
      if (e.getCause() instanceof RuntimeException failed) {
        throw failed;
      }
      if (e.getCause() instanceof Error failed) {
        throw failed;
      }
      throw new IllegalStateException(e.getCause());
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}

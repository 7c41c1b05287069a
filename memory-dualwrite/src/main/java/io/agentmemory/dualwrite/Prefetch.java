package io.agentmemory.dualwrite;

import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Makes things on a thread of its own, a few ahead of whoever takes them, so that reading one store
 * overlaps with reading or writing the other. One consumer.
 *
 * <p>The thread is never interrupted: a file channel that is read under an interrupt is closed for
 * everybody. It stops at the next thing it hands over.
 */
final class Prefetch<T> implements AutoCloseable {
  private static final long LOOK_AGAIN_MILLIS = 50;

  private final BlockingQueue<Optional<T>> queue;
  private final Thread thread;
  private volatile boolean closed;
  private volatile @Nullable Throwable failure;
  private boolean ended;

  /** Makes the things. */
  interface Producer<T> {
    void produce(Sink<T> sink);
  }

  /** Takes the things. */
  interface Sink<T> {
    /** Waits until there is room; false if nobody wants any more. */
    boolean put(T thing);
  }

  Prefetch(String name, int ahead, Producer<T> producer) {
    queue = new ArrayBlockingQueue<>(ahead);
    thread = new Thread(() -> run(producer), name);
    thread.setDaemon(true);
    thread.start();
  }

  private void run(Producer<T> producer) {
    try {
      producer.produce(thing -> put(Optional.of(thing)));
    } catch (Throwable thrown) { // handed to the consumer, whatever it is
      failure = thrown;
    }
    put(Optional.empty());
  }

  private boolean put(Optional<T> thing) {
    try {
      while (!closed) {
        if (queue.offer(thing, LOOK_AGAIN_MILLIS, TimeUnit.MILLISECONDS)) {
          return true;
        }
      }
    } catch (InterruptedException nobodyDoesThat) {
      closed = true;
    }
    return false;
  }

  /** The next thing, or null after the last; throws what the producer threw, once. */
  @Nullable T next() throws InterruptedException {
    if (ended) {
      return null;
    }
    Optional<T> thing = queue.take();
    if (thing.isPresent()) {
      return thing.get();
    }
    ended = true;
    Throwable thrown = failure;
    if (thrown instanceof RuntimeException exception) {
      throw exception;
    }
    if (thrown instanceof Error error) {
      throw error;
    }
    return null;
  }

  /** Tells the producer to stop, and waits until it has let go of the store. */
  @Override
  public void close() {
    closed = true;
    boolean interrupted = false;
    while (thread.isAlive()) {
      queue.clear();
      try {
        thread.join(LOOK_AGAIN_MILLIS);
      } catch (InterruptedException later) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}

package io.agentmemory.dualwrite;

import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.UncategorizedStoreException;
import java.time.Duration;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Lets writes in under the stage that holds, and changes the stage only while none is in: what was
 * let in under a stage has ended in both stores before another stage begins.
 */
final class StageGate {
  private volatile Stage stage;
  private final Duration patience;
  private final Consumer<Operation> before;
  private final TreeSet<Long> inside = new TreeSet<>();
  private long last;
  private boolean changing;
  private volatile boolean closed;

  /** A write that was let in. */
  record Pass(long number, Stage stage) {}

  /**
   * Lets writes in under a stage.
   *
   * @param before asked before a write is let in; what it throws, the writer gets
   */
  StageGate(Stage stage, Duration patience, Consumer<Operation> before) {
    this.stage = stage;
    this.patience = patience;
    this.before = before;
  }

  Stage stage() {
    return stage;
  }

  /** The stage, for something that need not be let in. */
  Stage stage(String verb, String subject) {
    if (closed) {
      checkOpen(new Operation("dualwrite", verb, subject));
    }
    return stage;
  }

  synchronized Pass enter(Operation operation) {
    checkOpen(operation);
    before.accept(operation);
    if (changing) {
      await(operation, patience, () -> !changing, "waits for a change of stage");
      checkOpen(operation);
    }
    inside.add(++last);
    return new Pass(last, stage);
  }

  private void checkOpen(Operation operation) {
    if (closed) {
      throw new UncategorizedStoreException(operation, "the store is closed", null);
    }
  }

  synchronized void leave(Pass pass) {
    inside.remove(pass.number);
    notifyAll();
  }

  synchronized int inside() {
    return inside.size();
  }

  /**
   * Changes the stage once nothing is inside; writes that come meanwhile wait.
   *
   * @param ready told the stage that holds; what it throws leaves it so
   * @return the stage before
   */
  Stage change(Stage next, Consumer<Stage> ready) {
    Operation operation = new Operation("dualwrite", "changeStage", next.name());
    Stage now;
    synchronized (this) {
      checkOpen(operation);
      await(operation, patience, () -> !changing, "waits for another change of stage");
      now = stage;
      if (!now.isNextTo(next)) {
        throw new IllegalArgumentException("stage " + next + " is not next to " + now);
      }
      changing = true;
    }
    try {
      synchronized (this) {
        await(operation, patience, inside::isEmpty, "writes are still running");
      }
      ready.accept(now);
      stage = next;
      return now;
    } finally {
      synchronized (this) {
        changing = false;
        notifyAll();
      }
    }
  }

  /** Waits until what is inside now has left; false if that takes too long. */
  synchronized boolean drain(Duration atMost) {
    long upTo = last;
    return awaitTrue(atMost, () -> inside.isEmpty() || inside.first() > upTo) == null;
  }

  /** Lets nothing in any more. False if it was closed already. */
  synchronized boolean close() {
    boolean first = !closed;
    closed = true;
    return first;
  }

  private void await(Operation operation, Duration atMost, Condition condition, String why) {
    String failed = awaitTrue(atMost, condition);
    if (failed != null) {
      throw StoreUnavailableException.notApplied(operation, why + failed, null);
    }
  }

  private interface Condition {
    boolean holds();
  }

  /** Null if the condition came to hold, else why it is no longer waited for. */
  private @Nullable String awaitTrue(Duration atMost, Condition condition) {
    long deadline = System.nanoTime() + atMost.toNanos();
    while (!condition.holds()) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        return " after " + atMost.toMillis() + " ms";
      }
      try {
        TimeUnit.NANOSECONDS.timedWait(this, left);
      } catch (InterruptedException interrupt) {
        Thread.currentThread().interrupt();
        return ", interrupted";
      }
    }
    return null;
  }
}

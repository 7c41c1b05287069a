package io.agentmemory.dualwrite;

import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/**
 * Pays debts on a thread of its own, as soon as both stores let it; and where not all debts are
 * known, finds them by comparing the stores.
 */
final class Drainer implements AutoCloseable {
  private static final long FIRST_PAUSE_MILLIS = 100;
  private static final long LONGEST_PAUSE_MILLIS = 30_000;
  private static final int COMPARED_AT_ONCE = 500;

  private final TwoStores stores;
  private final StageGate gate;
  private final Debts debts;
  private final Settling settling;
  private final Writes writes;
  private final Events events;
  private final Runnable whenCompared;
  private final Thread thread;
  private boolean woken; // guarded by this
  private boolean hurried; // guarded by this

  /** Whether the round that runs came because of {@link #hurry}; the drainer's thread alone. */
  private boolean hastened;

  private boolean closed; // guarded by this

  Drainer(
      TwoStores stores,
      StageGate gate,
      Debts debts,
      Settling settling,
      Writes writes,
      Events events,
      Runnable whenCompared) {
    this.whenCompared = whenCompared;
    this.stores = stores;
    this.gate = gate;
    this.debts = debts;
    this.settling = settling;
    this.writes = writes;
    this.events = events;
    thread = new Thread(this::run, "dualwrite-drainer");
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
    wake();
  }

  /** What stood in the way is gone: do not wait any longer. */
  synchronized void hurry() {
    hurried = true;
    wake();
  }

  /** There may be something to do. */
  synchronized void wake() {
    woken = true;
    notifyAll();
  }

  private void run() {
    long pause = 0;
    while (await(pause)) {
      boolean left = true;
      if (hastened) {
        pause = 0; // what went wrong before says nothing any more
      }
      try {
        events.tellWhatIsUntold();
        left = !drain();
      } catch (MemoryStoreException failure) {
        events.secondaryFailed(OpId.copy(), failure);
      } catch (RuntimeException | Error defect) {
        events.secondaryFailed(OpId.copy(), defect);
      }
      pause = left ? Math.min(LONGEST_PAUSE_MILLIS, Math.max(FIRST_PAUSE_MILLIS, 2 * pause)) : 0;
    }
  }

  /** Waits until there may be something to do; false if that is over. */
  private synchronized boolean await(long pause) {
    long jittered = (long) (pause * (0.8 + 0.4 * ThreadLocalRandom.current().nextDouble()));
    long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(jittered);
    try {
      while (!closed && !hurried && (pause > 0 ? until - System.nanoTime() > 0 : !woken)) {
        if (pause > 0) {
          TimeUnit.NANOSECONDS.timedWait(this, Math.max(1, until - System.nanoTime()));
        } else {
          wait();
        }
      }
    } catch (InterruptedException closing) {
      return false;
    }
    hastened = hurried;
    woken = false;
    hurried = false;
    return !closed;
  }

  /** Whether nothing is left that trying again could mend. */
  private boolean drain() {
    if (!gate.stage().writesBoth()) {
      return true;
    }
    // What is known to be lacking need not wait until all is compared.
    writes.catchUp();
    if (events.resync.get() != null && writes.isTargetThere()) {
      resync();
      writes.catchUp();
    }
    return !debts.isOwed(Side.SOURCE)
        && !debts.isOwed(Side.TARGET)
        && settling.doubts() == 0
        && events.resync.get() == null;
  }

  /**
   * Finds what one store lacks by comparing both. The newer state is right; nothing is deleted for
   * being absent, and what gives way to an older one, because that store leads, is set aside.
   */
  private void resync() {
    String why = events.resync.get();
    long need = events.resyncs.get();
    VerifyReport report =
        Verifier.builder(stores.source(), stores.target()).level(Verifier.Level.DIGESTS).run();
    Set<Ref> refs = new TreeSet<>();
    // What a store has set aside is no record of it: once that is mended, it is an edit.
    boolean all = !report.isCutShort();
    for (Difference difference : report.differences()) {
      if (difference.key() != null) {
        refs.add(new Ref(difference.kind(), difference.key()));
      } else {
        all = false;
      }
    }
    all &= report.total() == report.differences().size();
    List<Ref> list = List.copyOf(refs);
    int owed = 0;
    for (int from = 0; from < list.size(); from += COMPARED_AT_ONCE) {
      List<Ref> some = list.subList(from, Math.min(from + COMPARED_AT_ONCE, list.size()));
      StageGate.Pass pass = gate.enter(new Operation(DualWriteMemoryStore.STORE, "compare", ""));
      try {
        owed += settling.compared(some, TwoStores.leader(pass.stage()));
      } finally {
        gate.leave(pass);
      }
    }
    if (all && owed == 0 && events.resyncs.get() == need) {
      if (events.resync.compareAndSet(why, null)) {
        if (events.resyncs.get() == need) {
          whenCompared.run();
        } else {
          events.resyncNeeded(String.valueOf(why)); // it was said again just before that
        }
      }
    }
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    try {
      thread.join(TimeUnit.SECONDS.toMillis(5));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}

package io.agentmemory.dualwrite;

import io.agentmemory.dualwrite.Journal.Listener;
import io.agentmemory.dualwrite.JournalLines.Mark;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the journal's lines, makes those durable that shall be, and keeps the chain of segments
 * short. A line stays until its operation is done, or is written anew, durably, further on.
 *
 * <p>Lines are written by whoever calls, one plain write each. All else is done by one thread:
 * forces, which serve everybody who waits at that moment, and new segments. When most of the chain
 * is about what is done, what is not is written anew and the old segments go. That is done after a
 * force that failed, too; if it fails then, nothing is written any more.
 *
 * <p>The lock is the journal's. It guards the {@link JournalChain} and the {@link JournalOps} too,
 * so that a line and what it says change together: what the thread writes anew is never older than
 * the lines whose place it takes. The thread lets go of it to force, to make and remove files, and
 * to tell the listener.
 *
 * <p>Thread-safe. Callers hold the lock only where that is said.
 */
final class JournalWriter {
  private static final Logger LOG = LoggerFactory.getLogger(JournalWriter.class);
  private static final int PATIENCE = 500; // lines, until what failed is tried again

  private enum Task {
    FORCE,
    ROLL,
    EXTEND,
    STOP
  }

  private final JournalLimits limits;
  private final Listener listener;
  private final Thread thread;
  private final ReentrantLock lock;
  private final Condition work; // for the thread
  private final Condition progress; // for who waits for it

  // All of these are guarded by the lock.
  private final JournalChain chain;
  private final JournalOps ops;
  private long wanted; // so many lines shall be durable
  private long forced; // so many are
  private long trims; // asked for
  private long trimmed;
  private long compact; // when so many lines were written, everything was about what is open
  private boolean rollWanted;
  private boolean rolling;
  private long failedRolls;
  private long rollAgainAt; // when so many lines were written, after one that failed
  private boolean extendWanted;
  private boolean idle;
  private boolean closing;
  private boolean endsWell = true;
  private boolean closed;
  private @Nullable String broken;

  /**
   * One that writes nothing until {@link #begin} was called.
   *
   * @param lock guards {@code chain} and {@code ops}
   * @param listener must not fail
   */
  JournalWriter(
      JournalLimits limits,
      JournalChain chain,
      JournalOps ops,
      ReentrantLock lock,
      Listener listener) {
    this.limits = limits;
    this.listener = listener;
    this.lock = lock;
    this.work = lock.newCondition();
    this.progress = lock.newCondition();
    this.chain = chain;
    this.ops = ops;
    this.thread = new Thread(this::run, "dualwrite-journal");
    thread.setDaemon(true);
  }

  /**
   * Makes what is known durable before anybody relies on it, and drops what is not needed. After an
   * error all is closed.
   */
  void begin(JournalReading left) throws IOException {
    try {
      chain.begin(left);
      JournalSegment next = addSegment();
      boolean carry;
      lock.lock();
      try {
        // what is damaged is kept aside, or it would be found again and again
        carry = isMostlyDone() || !left.damage().isEmpty();
      } finally {
        lock.unlock();
      }
      if (carry && !carryOver(next, true) && broken() != null) {
        throw new IOException("the disk of the journal fails");
      }
    } catch (IOException | RuntimeException | Error e) {
      ended();
      throw e;
    }
  }

  /** Lets the thread run: before that nobody may wait for it. */
  void start() {
    thread.start();
  }

  // ---- lines ----

  /** Writes lines, all or none, and tells how many there are then. With the lock held. */
  long write(List<byte[]> lines) throws IOException {
    if (broken != null) {
      throw new IOException(broken);
    }
    if (closing) {
      throw new IOException("the journal is closed");
    }
    return writeNow(lines);
  }

  private long writeNow(List<byte[]> lines) throws IOException {
    if (!chain.hasPlace(JournalLines.size(lines))) {
      wantRoll();
      throw new IOException("the segment is full and there is no next one");
    }
    long written = chain.append(lines);
    if (chain.isFull()) {
      wantRoll();
    } else if (chain.isShort() && !extendWanted) {
      extendWanted = true;
      work.signal();
    }
    return written;
  }

  private void wantRoll() {
    if (!rollWanted) {
      rollWanted = true;
      work.signal();
    }
  }

  /** Has the old segments dropped if that is worth it by now. With the lock held. */
  void dropIfMostlyDone() {
    if (chain.hasOld() && !rolling && chain.lines() >= rollAgainAt && isMostlyDone()) {
      wantRoll();
    }
  }

  private boolean isMostlyDone() {
    return ops.bytes() <= Math.max(limits.segment() / 4, chain.bytes() / 2);
  }

  // ---- what is asked of the thread ----

  /** Returns when so many lines are durable; false if they never will be. */
  boolean awaitForced(long lines) {
    lock.lock();
    try {
      if (wanted < lines) {
        wanted = lines;
        work.signal();
      }
      while (forced < lines && broken == null) {
        progress.awaitUninterruptibly();
      }
      return forced >= lines;
    } finally {
      lock.unlock();
    }
  }

  /** Returns when the last segment is not overfull; false if no new one can be made. */
  boolean awaitSegment() {
    lock.lock();
    try {
      long failures = failedRolls;
      while (chain.isOverfull() && failedRolls == failures && broken == null && !closed) {
        wantRoll(); // lines come faster than segments can be made, or none can be
        progress.awaitUninterruptibly();
      }
      return failedRolls == failures || !chain.isOverfull();
    } finally {
      lock.unlock();
    }
  }

  /** Drops everything about what is done. Returns when it is gone, or cannot go now. */
  void trim() {
    lock.lock();
    try {
      long ticket = chain.lines() == compact && !chain.hasOld() ? trims : ++trims;
      work.signal();
      while (trimmed < ticket && broken == null && !closed) {
        progress.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns when all is durable and closed.
   *
   * @param well whether the end is noted; what ended without a note was killed
   */
  void end(boolean well) {
    lock.lock();
    try {
      endsWell &= well;
      closing = true;
      work.signal();
      while (!closed) {
        progress.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Why nothing can be written any more; null if something can. */
  @Nullable String broken() {
    lock.lock();
    try {
      return broken;
    } finally {
      lock.unlock();
    }
  }

  /** Waits until the journal's thread has nothing to do: for tests. */
  void awaitIdle() {
    lock.lock();
    try {
      while (!closed && !(idle && !hasWork())) {
        progress.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  private boolean hasWork() {
    return broken == null && (wanted > forced || rollWanted || trims > trimmed || extendWanted);
  }

  // ---- the thread ----

  private void run() {
    Task task = Task.ROLL;
    try {
      while (true) {
        task = next(task);
        boolean unused = Thread.interrupted(); // nobody should, and a channel would be closed
        switch (task) {
          case FORCE -> forceAll();
          case ROLL -> roll();
          case EXTEND -> extend();
          case STOP -> {
            noteTheEnd();
            return;
          }
        }
      }
    } catch (RuntimeException | Error e) {
      broke("its thread failed: " + e.getClass().getName());
    } finally {
      ended();
    }
  }

  /** What to do after {@code last}; forces first, but two of them not before a new segment. */
  private Task next(Task last) {
    lock.lock();
    try {
      while (true) {
        idle = false;
        if (broken == null) {
          if (wanted > forced && !(rollWanted && last == Task.FORCE && !closing)) {
            return Task.FORCE;
          }
          if (closing) {
            return Task.STOP;
          }
          if (rollWanted || trims > trimmed) {
            return Task.ROLL;
          }
          if (extendWanted) {
            return Task.EXTEND;
          }
        }
        if (closing) {
          return Task.STOP;
        }
        idle = true;
        progress.signalAll();
        work.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  private void noteTheEnd() {
    lock.lock();
    try {
      if (broken != null) {
        return;
      }
      if (endsWell) {
        writeNow(List.of(JournalLines.mark(Mark.CLOSED)));
      }
    } catch (IOException e) {
      LOG.debug("the end could not be noted");
    } finally {
      lock.unlock();
    }
    forceAll();
  }

  private void extend() {
    lock.lock();
    try {
      extendWanted = false;
      chain.extend();
    } catch (IOException e) {
      LOG.debug("no room could be made in advance"); // a line makes its own
    } finally {
      lock.unlock();
    }
  }

  private void ended() {
    lock.lock();
    try {
      closing = true;
      closed = true;
      idle = true;
      progress.signalAll();
      chain.close();
    } finally {
      lock.unlock();
    }
  }

  // ---- forces ----

  private void forceAll() {
    try {
      force();
    } catch (IOException e) {
      poisoned(e);
    }
  }

  /** Makes durable what has been written up to now. */
  private void force() throws IOException {
    long target;
    Map<JournalSegment, Long> sizes;
    lock.lock();
    try {
      target = chain.lines();
      sizes = chain.forcible();
    } finally {
      lock.unlock();
    }
    for (JournalSegment segment : sizes.keySet()) {
      segment.force();
    }
    lock.lock();
    try {
      sizes.forEach(JournalSegment::forced);
      forced = Math.max(forced, target);
      progress.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** After a failed force: what is not done is written anew, elsewhere, and forced there. */
  private void poisoned(IOException cause) {
    lock.lock();
    try {
      chain.poison();
    } finally {
      lock.unlock();
    }
    try {
      if (carryOver(addSegment(), false)) {
        LOG.warn("a force of the journal failed; what is not done was written anew");
        listener.poisoned();
        return;
      }
    } catch (IOException second) {
      cause.addSuppressed(second);
    }
    broke("a force failed, and so did writing anew");
  }

  private void broke(String reason) {
    lock.lock();
    try {
      if (broken != null) {
        return;
      }
      broken = reason;
      progress.signalAll();
    } finally {
      lock.unlock();
    }
    LOG.warn("the journal is broken: {}", reason);
    listener.broken(reason);
  }

  // ---- new segments ----

  /** Begins a new segment; without the old ones if most in them is done. */
  private void roll() {
    boolean failed = false;
    boolean carry;
    long trim;
    lock.lock();
    try {
      rollWanted = false;
      rolling = true;
      trim = trims;
      carry = isMostlyDone() || trim > trimmed;
    } finally {
      lock.unlock();
    }
    try {
      JournalSegment next = addSegment();
      failed = carry && !carryOver(next, true);
    } catch (IOException e) {
      LOG.debug("no new segment of the journal could be made");
      failed = true;
    }
    lock.lock();
    try {
      rolling = false;
      if (failed) {
        failedRolls++;
        rollAgainAt = chain.lines() + PATIENCE;
      }
      trimmed = trim;
      progress.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Makes a segment, which lines go to from now on. */
  private JournalSegment addSegment() throws IOException {
    JournalSegment next = chain.make();
    lock.lock();
    try {
      chain.add(next);
      extendWanted = false;
      progress.signalAll();
    } finally {
      lock.unlock();
    }
    return next;
  }

  /**
   * Writes what is open anew, into {@code first} and later segments, forces them and drops those
   * before. The others can write meanwhile.
   *
   * @param mayPoison whether a force that fails is followed by {@link #poisoned}
   * @return false if that failed; then nothing was dropped
   */
  private boolean carryOver(JournalSegment first, boolean mayPoison) {
    try {
      for (JournalOp op : openOps()) {
        if (!carryOver(op)) {
          addSegment();
        }
        if (mayPoison && isForceWanted()) {
          forceAll();
        }
      }
      // Only when all of it is durable may a line say that the rest does not count, and only when
      // that line is may the rest go.
      if (!force(first, mayPoison, lineCount()) || !force(first, mayPoison, writeOldest(first))) {
        return false;
      }
      chain.dropBefore(first);
      return true;
    } catch (IOException e) {
      LOG.debug("what is not done could not be written anew");
      return false;
    }
  }

  private List<JournalOp> openOps() {
    lock.lock();
    try {
      return ops.oldestFirst();
    } finally {
      lock.unlock();
    }
  }

  /** False if the segment is full now. */
  private boolean carryOver(JournalOp op) throws IOException {
    lock.lock();
    try {
      if (ops.isOpen(op)) {
        List<byte[]> lines = op.lines(limits.line());
        writeNow(lines);
        ops.carriedOver(op, JournalLines.size(lines));
      }
      return !chain.isFull();
    } finally {
      lock.unlock();
    }
  }

  private boolean isForceWanted() {
    lock.lock();
    try {
      return wanted > forced && broken == null;
    } finally {
      lock.unlock();
    }
  }

  private long lineCount() {
    lock.lock();
    try {
      return chain.lines();
    } finally {
      lock.unlock();
    }
  }

  private long writeOldest(JournalSegment first) throws IOException {
    lock.lock();
    try {
      compact = writeNow(List.of(JournalLines.oldest(first.number)));
      return compact;
    } finally {
      lock.unlock();
    }
  }

  /** False if so many lines are not durable, or all was written anew once more meanwhile. */
  private boolean force(JournalSegment first, boolean mayPoison, long lines) throws IOException {
    if (mayPoison) {
      forceAll();
    } else {
      force();
    }
    lock.lock();
    try {
      return forced >= lines && chain.contains(first);
    } finally {
      lock.unlock();
    }
  }
}

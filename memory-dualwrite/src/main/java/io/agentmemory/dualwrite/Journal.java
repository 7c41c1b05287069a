package io.agentmemory.dualwrite;

import io.agentmemory.Kind;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.Version;
import io.agentmemory.dualwrite.JournalLines.Mark;
import io.agentmemory.internal.Disk;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The journal: what the other store lacks, or may lack. An operation is in it from {@link #began}
 * to {@link #done}; names, versions, and where the target executed first, the new states. What was
 * asked to be forced is there after a power cut, what was not is there after the process was
 * killed.
 *
 * <p>This class says as lines what happens to operations, and to callers what cannot be written.
 * {@link JournalOps} knows what the lines say of operations without a known end. {@link
 * JournalWriter} writes them, with a thread that makes them durable and drops what is done; {@link
 * JournalChain} has the files. One lock guards all of it: a line is written, and what it says
 * noted, in one step.
 *
 * <p>Thread-safe. An interrupt neither ends a call nor harms the journal.
 */
final class Journal implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Journal.class);
  private static final int[] LEVELS = {80, 50};

  /**
   * An operation that is about to be executed.
   *
   * @param leader who is told to execute it first
   * @param refs the records that it may change
   * @param whole the kinds of which it may change any record
   */
  record Began(OpId opId, Side leader, List<Ref> refs, Set<Kind<?>> whole) {
    Began {
      refs = List.copyOf(refs);
      whole = Set.copyOf(whole);
    }
  }

  /**
   * A record that an operation changed.
   *
   * @param before null if it was not there
   * @param state the record as it is now, where it cannot be read from the side that lacks nothing
   */
  record Change(Ref ref, @Nullable Version before, Version after, @Nullable Stored<?> state) {}

  /**
   * An operation without a known end.
   *
   * @param seq greater for what began later
   * @param leaders who was told to execute it: both, after a fallback
   * @param lacking the side that lacks it or, while the outcome is not known, may lack it
   * @param changes what it did; empty while that is not known
   * @param outcomeKnown whether it was executed, and that is what it did
   */
  record Open(
      OpId opId,
      long seq,
      Set<Side> leaders,
      Side lacking,
      List<Ref> refs,
      Set<Kind<?>> whole,
      List<Change> changes,
      boolean outcomeKnown) {}

  /**
   * What was found at opening. Found again at the next one unless {@link #settled} was called.
   *
   * @param open oldest first
   * @param damage names of segments and what is wrong with them
   */
  record Found(List<Open> open, Ending ending, List<String> damage) {}

  /** How the last owner ended, or an earlier one whose end is not settled. Later is worse. */
  enum Ending {
    CLEAN,
    /** The process ended, the machine did not: every line is there. */
    KILLED,
    /** The machine went down, or may have: lines that were not forced may be lost. */
    POWER,
    /** No journal is there: nothing is known. */
    NEW;

    Ending or(Ending other) {
      return compareTo(other) < 0 ? other : this;
    }
  }

  /** Hears what the journal notices. Called on any thread; should be quick. */
  interface Listener {
    /** So much of the cap is used; told once each time that it rises above 50 and 80. */
    default void filling(int percent) {}

    /** A force failed; what is not done was written anew elsewhere. */
    default void poisoned() {}

    /** Nothing can be written any more. */
    default void broken(String reason) {}
  }

  private final Disk disk;
  private final Path folder;
  private final JournalLimits limits;
  private final Operation operation;
  private final ReentrantLock lock = new ReentrantLock();
  private final JournalOps ops; // guarded by the lock
  private final JournalChain chain; // guarded by the lock
  private final JournalWriter writer; // has the same lock
  private volatile Found found;
  private volatile Listener listener = new Listener() {};
  private int level; // of LEVELS; guarded by the lock

  private Journal(
      Disk disk,
      Path folder,
      JournalLimits limits,
      UUID folderId,
      Operation operation,
      JournalReading left) {
    this.disk = disk;
    this.folder = folder;
    this.limits = limits;
    this.operation = operation;
    this.ops = new JournalOps(left, limits.line());
    this.found = new Found(open(), left.ending, left.damage());
    Listener everybody =
        new Listener() {
          @Override
          public void poisoned() {
            tell(Listener::poisoned);
          }

          @Override
          public void broken(String reason) {
            tell(to -> to.broken(reason));
          }
        };
    this.chain = new JournalChain(disk, folder, limits, folderId, left, ops, lock);
    this.writer = new JournalWriter(limits, chain, ops, lock, everybody);
  }

  /**
   * Opens the journal in a folder, making it if need be. The caller holds the lock on it.
   *
   * @throws StoreUnavailableException if the disk fails
   */
  static Journal open(
      Disk disk, Path folder, JournalLimits limits, UUID folderId, Operation operation) {
    // Forces go through channels, which an interrupt would close: not on the caller's thread.
    OffThread<Journal> opening =
        new OffThread<>(() -> openNow(disk, folder, limits, folderId, operation));
    try {
      Journal journal = opening.get();
      journal.writer.start();
      return journal;
    } catch (IOException e) {
      throw StoreUnavailableException.notApplied(operation, "the journal cannot be opened", e);
    }
  }

  private static Journal openNow(
      Disk disk, Path folder, JournalLimits limits, UUID folderId, Operation operation)
      throws IOException {
    if (disk.stat(folder) == null) {
      disk.createFolder(folder);
      Path parent = folder.getParent();
      if (parent != null) {
        disk.forceFolder(parent);
      }
    }
    JournalReading left = JournalReading.of(disk, folder, folderId);
    for (Path temporary : left.temporaries) {
      disk.delete(temporary);
    }
    Journal journal = new Journal(disk, folder, limits, folderId, operation, left);
    journal.writer.begin(left);
    return journal;
  }

  /** What was found at opening; once that is settled, without the operations. */
  Found found() {
    return found;
  }

  /** Whom to tell; there is one. */
  void listen(Listener to) {
    this.listener = to;
  }

  // ---- what is written ----

  /**
   * An operation is about to be executed. Once more under the same id: somebody else is told to.
   *
   * @param forced whether this returns only when it is durable
   * @throws StoreUnavailableException if it could not be written, or there is no room; a line may
   *     be found at the next opening all the same
   */
  void began(Began began, boolean forced) {
    long number;
    boolean begunBefore;
    List<Side> leaders;
    lock.lock();
    try {
      begunBefore = ops.isOpen(began.opId());
      number = ops.number(began.opId());
      leaders = new ArrayList<>(ops.leaders(began.opId()));
    } finally {
      lock.unlock();
    }
    if (!begunBefore) {
      checkRoom(began.opId());
    }
    leaders.remove(began.leader());
    leaders.add(began.leader());
    byte[] line = JournalLines.began(number, leaders, began);
    long ticket;
    lock.lock();
    try {
      ticket = writer.write(List.of(line));
      ops.began(began, number, leaders, line.length);
    } catch (IOException e) {
      throw unwritten(began.opId(), e);
    } finally {
      lock.unlock();
    }
    tellLevel();
    if (forced && !writer.awaitForced(ticket)) {
      throw unwritten(began.opId(), null);
    }
  }

  /**
   * An operation was executed; {@code lacking} does not have it yet. Takes the place of what was
   * said of it before.
   *
   * @throws StoreUnavailableException if it could not be written: unknown, as it was executed
   */
  void changed(OpId opId, Side lacking, List<Change> changes, boolean forced) {
    long number;
    lock.lock();
    try {
      number = ops.number(opId); // a new one if its beginning could not be written
    } finally {
      lock.unlock();
    }
    List<byte[]> lines = JournalLines.changed(opId, number, lacking, changes, limits.line());
    long ticket;
    lock.lock();
    try {
      ticket = writer.write(lines);
      ops.changed(opId, number, lacking, changes, JournalLines.size(lines));
    } catch (IOException e) {
      throw unknown(opId, e);
    } finally {
      lock.unlock();
    }
    tellLevel();
    if (forced && !writer.awaitForced(ticket)) {
      throw unknown(opId, null);
    }
  }

  /** Both sides have it, or neither does. If that cannot be written, it is found open later. */
  void done(OpId opId) {
    byte[] line = JournalLines.done(opId);
    lock.lock();
    try {
      if (!ops.done(opId)) {
        return;
      }
      writer.write(List.of(line));
      writer.dropIfMostlyDone();
    } catch (IOException e) {
      LOG.debug("the end of operation {} could not be noted", opId);
    } finally {
      lock.unlock();
    }
    tellLevel();
  }

  /** What was found at opening has been dealt with: it is not found again. */
  void settled() {
    lock.lock();
    try {
      found = new Found(List.of(), found.ending(), found.damage());
      chain.settled();
      writer.write(List.of(JournalLines.mark(Mark.SETTLED)));
    } catch (IOException e) {
      LOG.debug("what was found at opening will be found again");
    } finally {
      lock.unlock();
    }
  }

  /** Drops everything about what is done. Returns when it is gone, or cannot go now. */
  void trim() {
    writer.trim();
  }

  // ---- how it is ----

  /** Operations without a known end, oldest first. */
  List<Open> open() {
    lock.lock();
    try {
      return ops.oldestFirst().stream().map(JournalOp::open).toList();
    } finally {
      lock.unlock();
    }
  }

  /** Bytes of lines in it. */
  long bytes() {
    lock.lock();
    try {
      return chain.bytes();
    } finally {
      lock.unlock();
    }
  }

  /** Bytes of lines about what a side lacks, or may lack. */
  long bytes(Side lacking) {
    lock.lock();
    try {
      return ops.bytes(lacking);
    } finally {
      lock.unlock();
    }
  }

  /** How many parts that could not be read are kept aside. */
  int quarantined() {
    lock.lock();
    try {
      return chain.quarantined();
    } finally {
      lock.unlock();
    }
  }

  /** Bytes that it may have. */
  long cap() {
    return limits.cap();
  }

  /** Why nothing can be written any more; null if something can. */
  @Nullable String broken() {
    return writer.broken();
  }

  boolean isBroken() {
    return broken() != null;
  }

  /** Notes a clean end, durably. What is open is found at the next opening. */
  @Override
  public void close() {
    writer.end(true);
  }

  /**
   * Ends as a process that is killed does: the next opening believes no more than it would then.
   */
  void leave() {
    writer.end(false);
  }

  /** Waits until the journal's thread has nothing to do: for tests. */
  void awaitIdle() {
    writer.awaitIdle();
  }

  // ---- how full it is, and what is said ----

  private void checkRoom(OpId opId) {
    long size = bytes();
    boolean stuck = !writer.awaitSegment();
    if (size >= limits.cap()) {
      throw notApplied(opId, "the journal is full: " + size + " of " + limits.cap() + " bytes");
    }
    if (stuck) {
      throw notApplied(opId, "no new segment of the journal can be made");
    }
    long usable;
    try {
      usable = disk.usable(folder);
    } catch (IOException unknown) {
      return; // the write will tell
    }
    if (usable < limits.floor()) {
      throw notApplied(
          opId, "the disk is nearly full: " + usable + " bytes free, fewer than " + limits.floor());
    }
  }

  private void tellLevel() {
    int now = 0;
    boolean rose;
    lock.lock();
    try {
      long percent = chain.bytes() * 100 / limits.cap();
      for (int at : LEVELS) {
        now = now == 0 && percent >= at ? at : now;
      }
      rose = now > level;
      level = now;
    } finally {
      lock.unlock();
    }
    if (rose) {
      int percent = now;
      tell(to -> to.filling(percent));
    }
  }

  private void tell(Consumer<Listener> event) {
    try {
      event.accept(listener);
    } catch (RuntimeException thrown) {
      LOG.debug("the listener failed: {}", Events.safe(thrown));
    }
  }

  private Operation about(OpId opId) {
    return new Operation(operation.store(), "journal", opId.toString());
  }

  private StoreUnavailableException notApplied(OpId opId, String reason) {
    return StoreUnavailableException.notApplied(about(opId), reason, null);
  }

  private StoreUnavailableException unwritten(OpId opId, @Nullable IOException cause) {
    return StoreUnavailableException.notApplied(
        about(opId), "the journal could not be written", cause);
  }

  private StoreUnavailableException unknown(OpId opId, @Nullable IOException cause) {
    return StoreUnavailableException.unknown(
        about(opId), opId, "the journal could not be written", cause);
  }
}

package io.agentmemory.dualwrite;

import io.agentmemory.Kind;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.Version;
import io.agentmemory.dualwrite.JournalLines.Header;
import io.agentmemory.dualwrite.JournalLines.Mark;
import io.agentmemory.internal.Disk;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The journal: what the other store lacks, or may lack. An operation is in it from {@link #began}
 * to {@link #done}; names, versions, and where the target executed first, the new states. What was
 * asked to be forced is there after a power cut, what was not is there after the process was
 * killed.
 *
 * <p>Lines are written by whoever calls, one plain write each. All else is done by one thread of
 * the journal: forces, which serve everybody who waits at that moment, and new segments. When most
 * of the journal is about what is done, what is not is written anew and the old segments go.
 *
 * <p>Thread-safe. An interrupt neither ends a call nor harms the journal.
 */
final class Journal implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Journal.class);
  private static final int ROOM = 1 << 20;
  private static final int PATIENCE = 500; // lines, until what failed is tried again
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

  private enum Task {
    FORCE,
    ROLL,
    EXTEND,
    STOP
  }

  private final Disk disk;
  private final Path folder;
  private final JournalLimits limits;
  private final UUID folderId;
  private final Operation operation;
  private final int room;
  private volatile Found found;
  private final Thread thread;
  private volatile Listener listener = new Listener() {};

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition work = lock.newCondition();
  private final Condition progress = lock.newCondition();

  // All of these are guarded by the lock.
  private final Map<OpId, JournalOp> open;
  private long openBytes; // of what is open
  private final long[] lackingBytes = new long[Side.values().length]; // of that, what a side lacks
  private int quarantined;
  private final Deque<JournalSegment> segments; // oldest first; lines go to the last one
  private long nextOp;
  private long nextSegment;
  private long oldest;
  private Ending unsettled;
  private List<String> damage;
  private long appended; // lines so far, of this owner
  private long wanted; // so many of them shall be durable
  private long forced; // so many of them are
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
  private int level;

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
    this.folderId = folderId;
    this.operation = operation;
    this.room = Math.min(ROOM, limits.segment());
    this.open = new LinkedHashMap<>(left.ops);
    this.segments = new ArrayDeque<>(left.segments);
    this.nextOp = left.nextOp;
    this.nextSegment = left.nextSegment;
    this.oldest = left.oldest;
    this.found = new Found(open(), left.ending, left.damage());
    this.unsettled = left.ending;
    this.damage = left.damage();
    this.quarantined = left.quarantined;
    this.thread = new Thread(this::run, "dualwrite-journal");
    thread.setDaemon(true);
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
      journal.thread.start();
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
    try {
      journal.begin(left);
    } catch (IOException | RuntimeException | Error e) {
      journal.end();
      throw e;
    }
    return journal;
  }

  /** Makes what is known durable before anybody relies on it, and drops what is not needed. */
  private void begin(JournalReading left) throws IOException {
    for (JournalSegment segment : left.segments) {
      disk.force(segment.path); // its owner may have died before it did
    }
    remove(left.obsolete);
    JournalSegment next = newSegment();
    boolean carry;
    lock.lock();
    try {
      switchTo(next);
      for (JournalOp op : open.values()) {
        count(op, size(op.lines(limits.line())));
      }
      // what is damaged is kept aside, or it would be found again and again
      carry = isMostlyDone() || !left.damage().isEmpty();
    } finally {
      lock.unlock();
    }
    if (carry && !carryOver(next, true) && isBroken()) {
      throw new IOException("the disk of the journal fails");
    }
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
    List<Side> leaders = new ArrayList<>();
    lock.lock();
    try {
      JournalOp op = open.get(began.opId());
      begunBefore = op != null;
      number = op == null ? nextOp++ : op.number;
      if (op != null) {
        leaders.addAll(op.leaders());
      }
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
      ticket = write(List.of(line));
      JournalOp op = open.computeIfAbsent(began.opId(), id -> new JournalOp(id, number));
      op.began(began, leaders);
      count(op, op.bytes + line.length);
    } catch (IOException e) {
      throw unwritten(began.opId(), e);
    } finally {
      lock.unlock();
    }
    tellLevel();
    if (forced && !awaitForced(ticket)) {
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
      JournalOp op = open.get(opId);
      number = op == null ? nextOp++ : op.number; // its beginning could not be written
    } finally {
      lock.unlock();
    }
    List<byte[]> lines = JournalLines.changed(opId, number, lacking, changes, limits.line());
    long ticket;
    lock.lock();
    try {
      ticket = write(lines);
      JournalOp op = open.computeIfAbsent(opId, id -> new JournalOp(id, number));
      op.changed(lacking, changes);
      count(op, op.bytes + size(lines));
    } catch (IOException e) {
      throw unknown(opId, e);
    } finally {
      lock.unlock();
    }
    tellLevel();
    if (forced && !awaitForced(ticket)) {
      throw unknown(opId, null);
    }
  }

  /** Both sides have it, or neither does. If that cannot be written, it is found open later. */
  void done(OpId opId) {
    byte[] line = JournalLines.done(opId);
    lock.lock();
    try {
      JournalOp op = open.remove(opId);
      if (op == null) {
        return;
      }
      count(op, 0);
      write(List.of(line));
      if (segments.size() > 1 && !rolling && appended >= rollAgainAt && isMostlyDone()) {
        wantRoll();
      }
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
      unsettled = Ending.CLEAN;
      damage = List.of();
      write(List.of(JournalLines.mark(Mark.SETTLED)));
    } catch (IOException e) {
      LOG.debug("what was found at opening will be found again");
    } finally {
      lock.unlock();
    }
  }

  /** Drops everything about what is done. Returns when it is gone, or cannot go now. */
  void trim() {
    lock.lock();
    try {
      long ticket = appended == compact && segments.size() == 1 ? trims : ++trims;
      work.signal();
      while (trimmed < ticket && broken == null && !closed) {
        progress.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  // ---- how it is ----

  /** Operations without a known end, oldest first. */
  List<Open> open() {
    lock.lock();
    try {
      return open.values().stream()
          .sorted(Comparator.comparingLong(op -> op.number))
          .map(JournalOp::open)
          .toList();
    } finally {
      lock.unlock();
    }
  }

  /** Bytes of lines in it. */
  long bytes() {
    lock.lock();
    try {
      return total();
    } finally {
      lock.unlock();
    }
  }

  /** Bytes of lines about what a side lacks, or may lack. */
  long bytes(Side lacking) {
    lock.lock();
    try {
      return lackingBytes[lacking.ordinal()];
    } finally {
      lock.unlock();
    }
  }

  /** How many parts that could not be read are kept aside. */
  int quarantined() {
    lock.lock();
    try {
      return quarantined;
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
    lock.lock();
    try {
      return broken;
    } finally {
      lock.unlock();
    }
  }

  boolean isBroken() {
    return broken() != null;
  }

  /** Notes a clean end, durably. What is open is found at the next opening. */
  @Override
  public void close() {
    endWith(true);
  }

  /**
   * Ends as a process that is killed does: the next opening believes no more than it would then.
   */
  void leave() {
    endWith(false);
  }

  private void endWith(boolean well) {
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

  // ---- writing, with the lock held ----

  /** Writes lines, and tells how many there are then. */
  private long write(List<byte[]> lines) throws IOException {
    if (broken != null) {
      throw new IOException(broken);
    }
    if (closing) {
      throw new IOException("the journal is closed");
    }
    return writeNow(lines);
  }

  private long writeNow(List<byte[]> lines) throws IOException {
    JournalSegment to = segments.getLast();
    long size = size(lines);
    if (to.size() + size > Integer.MAX_VALUE / 2) {
      wantRoll();
      throw new IOException("the segment is full and there is no next one");
    }
    to.append(lines.size() == 1 ? lines.get(0) : joined(lines, size), lines.size());
    appended += lines.size();
    if (to.size() > limits.segment()) {
      wantRoll();
    } else if (to.isShort(room) && !extendWanted) {
      extendWanted = true;
      work.signal();
    }
    return appended;
  }

  private static byte[] joined(List<byte[]> lines, long size) {
    ByteArrayOutputStream out = new ByteArrayOutputStream((int) size);
    lines.forEach(out::writeBytes);
    return out.toByteArray();
  }

  private static long size(List<byte[]> lines) {
    return lines.stream().mapToLong(line -> line.length).sum();
  }

  private void wantRoll() {
    if (!rollWanted) {
      rollWanted = true;
      work.signal();
    }
  }

  private long total() {
    return segments.stream().mapToLong(JournalSegment::size).sum();
  }

  private void count(JournalOp op, long bytes) {
    openBytes += bytes - op.bytes;
    op.countAt(lackingBytes, bytes);
  }

  private boolean isMostlyDone() {
    return openBytes <= Math.max(limits.segment() / 4, total() / 2);
  }

  private void checkRoom(OpId opId) {
    long size;
    boolean stuck;
    lock.lock();
    try {
      size = total();
      long failures = failedRolls;
      while (isStuck() && failedRolls == failures && broken == null && !closed) {
        wantRoll(); // lines come faster than segments can be made, or none can be
        progress.awaitUninterruptibly();
      }
      stuck = failedRolls > failures && isStuck();
    } finally {
      lock.unlock();
    }
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

  private boolean isStuck() {
    return segments.getLast().size() > 2L * limits.segment() + limits.line();
  }

  private void tellLevel() {
    int now = 0;
    boolean rose;
    lock.lock();
    try {
      long percent = total() * 100 / limits.cap();
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

  private void tell(java.util.function.Consumer<Listener> event) {
    try {
      event.accept(listener);
    } catch (RuntimeException thrown) {
      LOG.debug("the listener failed: {}", Events.safe(thrown));
    }
  }

  private boolean awaitForced(long ticket) {
    lock.lock();
    try {
      return awaitForcedLocked(ticket);
    } finally {
      lock.unlock();
    }
  }

  private boolean awaitForcedLocked(long ticket) {
    if (wanted < ticket) {
      wanted = ticket;
      work.signal();
    }
    while (forced < ticket && broken == null) {
      progress.awaitUninterruptibly();
    }
    return forced >= ticket;
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

  // ---- the journal's own thread ----

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
      end();
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

  private void end() {
    lock.lock();
    try {
      closing = true;
      closed = true;
      idle = true;
      progress.signalAll();
      for (JournalSegment segment : segments) {
        closeQuietly(segment);
      }
    } finally {
      lock.unlock();
    }
  }

  private static void closeQuietly(JournalSegment segment) {
    try {
      segment.close();
    } catch (IOException e) {
      LOG.debug("{} could not be closed", segment.name());
    }
  }

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
    Map<JournalSegment, Long> sizes = new LinkedHashMap<>();
    lock.lock();
    try {
      target = appended;
      for (JournalSegment segment : segments) {
        if (segment.isForcible()) {
          sizes.put(segment, segment.size());
        }
      }
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
      segments.forEach(JournalSegment::poison);
    } finally {
      lock.unlock();
    }
    try {
      JournalSegment next = newSegment();
      lock.lock();
      try {
        switchTo(next);
      } finally {
        lock.unlock();
      }
      if (carryOver(next, false)) {
        LOG.warn("a force of the journal failed; what is not done was written anew");
        tell(Listener::poisoned);
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
    tell(to -> to.broken(reason));
  }

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
      JournalSegment next = newSegment();
      lock.lock();
      try {
        switchTo(next);
        progress.signalAll();
      } finally {
        lock.unlock();
      }
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
        rollAgainAt = appended + PATIENCE;
      }
      trimmed = trim;
      progress.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private JournalSegment newSegment() throws IOException {
    byte[] header;
    long number;
    lock.lock();
    try {
      number = nextSegment;
    } finally {
      lock.unlock();
    }
    while (disk.stat(folder.resolve(JournalSegment.name(number))) != null) {
      number++; // one that we were not able to read
    }
    lock.lock();
    try {
      header =
          JournalLines.header(
              new Header(folderId, disk.bootId(), number, oldest, nextOp, unsettled, damage));
    } finally {
      lock.unlock();
    }
    JournalSegment made = JournalSegment.create(disk, folder, number, header, room);
    lock.lock();
    try {
      nextSegment = number + 1; // only now, so that none is missing
    } finally {
      lock.unlock();
    }
    return made;
  }

  /** Lines go to {@code next} from now on. With the lock held. */
  private void switchTo(JournalSegment next) {
    JournalSegment last = segments.peekLast();
    segments.addLast(next);
    extendWanted = false;
    try {
      if (last != null) {
        writeNow(List.of(JournalLines.follows(last.lines())));
      }
      if (unsettled == Ending.CLEAN && damage.isEmpty()) {
        writeNow(List.of(JournalLines.mark(Mark.SETTLED))); // its header may say otherwise
      }
    } catch (IOException e) {
      LOG.debug("the beginning of {} could not be written", next.name());
    }
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
          JournalSegment next = newSegment();
          lock.lock();
          try {
            switchTo(next);
          } finally {
            lock.unlock();
          }
        }
        if (mayPoison && isForceWanted()) {
          forceAll();
        }
      }
      // Only when all of it is durable may a line say that the rest does not count, and only when
      // that line is may the rest go.
      return force(first, mayPoison, lineCount())
          && force(first, mayPoison, writeOldest(first))
          && dropBefore(first);
    } catch (IOException e) {
      LOG.debug("what is not done could not be written anew");
      return false;
    }
  }

  private List<JournalOp> openOps() {
    lock.lock();
    try {
      List<JournalOp> ops = new ArrayList<>(open.values());
      ops.sort(Comparator.comparingLong(op -> op.number));
      return ops;
    } finally {
      lock.unlock();
    }
  }

  /** False if the segment is full now. */
  private boolean carryOver(JournalOp op) throws IOException {
    lock.lock();
    try {
      if (open.get(op.opId) == op) {
        List<byte[]> lines = op.lines(limits.line());
        writeNow(lines);
        count(op, size(lines));
      }
      return segments.getLast().size() <= limits.segment();
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
      return appended;
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
      return forced >= lines && segments.contains(first);
    } finally {
      lock.unlock();
    }
  }

  private boolean dropBefore(JournalSegment first) {
    List<JournalSegment> old = new ArrayList<>();
    lock.lock();
    try {
      while (segments.getFirst() != first) {
        old.add(segments.removeFirst());
      }
      oldest = first.number;
    } finally {
      lock.unlock();
    }
    remove(old);
    return true;
  }

  /** Takes segments away that no longer count; what could not be read is kept aside. */
  private void remove(List<JournalSegment> old) {
    for (JournalSegment segment : old) {
      closeQuietly(segment);
      try {
        if (segment.damaged) {
          Path quarantine = JournalReading.quarantine(disk, folder);
          disk.move(segment.path, quarantine.resolve(segment.name()));
          countQuarantined();
        } else {
          disk.delete(segment.path);
        }
      } catch (IOException e) {
        LOG.debug("{} no longer counts but could not be removed", segment.name());
      }
    }
  }

  private void countQuarantined() {
    lock.lock();
    try {
      quarantined++;
    } finally {
      lock.unlock();
    }
  }

  private void extend() {
    lock.lock();
    try {
      extendWanted = false;
      segments.getLast().extend(room);
    } catch (IOException e) {
      LOG.debug("no room could be made in advance"); // a line makes its own
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
}

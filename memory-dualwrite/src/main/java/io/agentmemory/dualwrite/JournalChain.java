package io.agentmemory.dualwrite;

import io.agentmemory.dualwrite.Journal.Ending;
import io.agentmemory.dualwrite.JournalLines.Header;
import io.agentmemory.dualwrite.JournalLines.Mark;
import io.agentmemory.internal.Disk;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files of the journal: segments, numbered one after another, of which the last one takes new
 * lines. Each begins with what an opening must know that the lines after it do not say. {@link
 * JournalWriter} decides when one is added, forced or dropped.
 *
 * <p>The lock of the journal guards it. Callers hold it, but not for what makes or removes files
 * ({@link #begin}, {@link #make}, {@link #dropBefore}): that takes it where it is needed.
 */
final class JournalChain {
  private static final Logger LOG = LoggerFactory.getLogger(JournalChain.class);
  private static final int ROOM = 1 << 20;

  private final Disk disk;
  private final Path folder;
  private final JournalLimits limits;
  private final UUID folderId;
  private final int room;
  private final ReentrantLock lock;

  // All of these are guarded by the lock.
  private final JournalOps ops;
  private final Deque<JournalSegment> segments; // oldest first; lines go to the last one
  private long lines; // so many, of this owner
  private long nextSegment;
  private long oldest;
  private Ending unsettled;
  private List<String> damage;
  private int quarantined;

  /** Goes on where an earlier owner ended. No line can be written before a segment is added. */
  JournalChain(
      Disk disk,
      Path folder,
      JournalLimits limits,
      UUID folderId,
      JournalReading left,
      JournalOps ops,
      ReentrantLock lock) {
    this.disk = disk;
    this.folder = folder;
    this.limits = limits;
    this.folderId = folderId;
    this.room = Math.min(ROOM, limits.segment());
    this.lock = lock;
    this.ops = ops;
    this.segments = new ArrayDeque<>(left.segments);
    this.nextSegment = left.nextSegment;
    this.oldest = left.oldest;
    this.unsettled = left.ending;
    this.damage = left.damage();
    this.quarantined = left.quarantined;
  }

  /** Makes durable what an earlier owner left, and removes what no longer counts of that. */
  void begin(JournalReading left) throws IOException {
    for (JournalSegment segment : left.segments) {
      disk.force(segment.path); // its owner may have died before it did
    }
    remove(left.obsolete);
  }

  // ---- lines ----

  /** Writes lines, all or none, and tells how many there are then. */
  long append(List<byte[]> more) throws IOException {
    JournalSegment to = segments.getLast();
    to.append(more.size() == 1 ? more.get(0) : joined(more), more.size());
    lines += more.size();
    return lines;
  }

  private static byte[] joined(List<byte[]> lines) {
    ByteArrayOutputStream out = new ByteArrayOutputStream((int) JournalLines.size(lines));
    lines.forEach(out::writeBytes);
    return out.toByteArray();
  }

  /** How many lines there are, of this owner. */
  long lines() {
    return lines;
  }

  /** Bytes of lines in it. */
  long bytes() {
    return segments.stream().mapToLong(JournalSegment::size).sum();
  }

  // ---- the last segment ----

  /** Whether it can have so many bytes more. */
  boolean hasPlace(long bytes) {
    return segments.getLast().size() + bytes <= Integer.MAX_VALUE / 2;
  }

  /** Whether it is time for a new one. */
  boolean isFull() {
    return segments.getLast().size() > limits.segment();
  }

  /** Whether a new one is so late that lines should wait for it. */
  boolean isOverfull() {
    return segments.getLast().size() > 2L * limits.segment() + limits.line();
  }

  /** Whether it is time to {@link #extend}. */
  boolean isShort() {
    return segments.getLast().isShort(room);
  }

  /** Makes room for lines, if the disk has it. */
  void extend() throws IOException {
    segments.getLast().extend(room);
  }

  // ---- segments ----

  /** Whether there are any before the last one. */
  boolean hasOld() {
    return segments.size() > 1;
  }

  boolean contains(JournalSegment segment) {
    return segments.contains(segment);
  }

  /** Those that have lines to be forced, and how many bytes of them that would make durable. */
  Map<JournalSegment, Long> forcible() {
    Map<JournalSegment, Long> sizes = new LinkedHashMap<>();
    for (JournalSegment segment : segments) {
      if (segment.isForcible()) {
        sizes.put(segment, segment.size());
      }
    }
    return sizes;
  }

  /** A force failed: none of them is forced again. */
  void poison() {
    segments.forEach(JournalSegment::poison);
  }

  /** Makes the next segment, durable with its name. Takes the lock. */
  JournalSegment make() throws IOException {
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
              new Header(
                  folderId, disk.bootId(), number, oldest, ops.nextNumber(), unsettled, damage));
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

  /** Lines go to {@code next} from now on. */
  void add(JournalSegment next) {
    JournalSegment last = segments.peekLast();
    segments.addLast(next);
    try {
      if (last != null) {
        append(List.of(JournalLines.follows(last.lines())));
      }
      if (unsettled == Ending.CLEAN && damage.isEmpty()) {
        append(List.of(JournalLines.mark(Mark.SETTLED))); // its header may say otherwise
      }
    } catch (IOException e) {
      LOG.debug("the beginning of {} could not be written", next.name());
    }
  }

  /** What was found at opening has been dealt with: new segments say so. */
  void settled() {
    unsettled = Ending.CLEAN;
    damage = List.of();
  }

  /** Takes those away that are older than {@code first}. Takes the lock. */
  void dropBefore(JournalSegment first) {
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

  /** How many parts that could not be read are kept aside. */
  int quarantined() {
    return quarantined;
  }

  /** Closes their files. */
  void close() {
    segments.forEach(JournalChain::closeQuietly);
  }

  private static void closeQuietly(JournalSegment segment) {
    try {
      segment.close();
    } catch (IOException e) {
      LOG.debug("{} could not be closed", segment.name());
    }
  }
}

package io.agentmemory.dualwrite;

import io.agentmemory.OpId;
import io.agentmemory.dualwrite.Journal.Began;
import io.agentmemory.dualwrite.Journal.Change;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The operations without a known end, and how many bytes the lines about them take. Not
 * thread-safe: the lock of the journal guards it.
 */
final class JournalOps {
  private final Map<OpId, JournalOp> open;
  private final long[] lackingBytes = new long[Side.values().length];
  private long bytes;
  private long nextNumber;

  /**
   * Begins with those that an earlier owner left open.
   *
   * @param limit bytes that a line may have
   */
  JournalOps(JournalReading left, int limit) {
    this.open = new LinkedHashMap<>(left.ops);
    this.nextNumber = left.nextOp;
    for (JournalOp op : open.values()) {
      count(op, JournalLines.size(op.lines(limit)));
    }
  }

  boolean isOpen(OpId opId) {
    return open.containsKey(opId);
  }

  /** Whether it is one of these still; another one may have got its id meanwhile. */
  boolean isOpen(JournalOp op) {
    return open.get(op.opId) == op;
  }

  /** The number of an operation; one more than all before it if it is not open. */
  long number(OpId opId) {
    JournalOp op = open.get(opId);
    return op == null ? nextNumber++ : op.number;
  }

  /** What {@link #number} gives to the next operation. */
  long nextNumber() {
    return nextNumber;
  }

  /** Who has been told to execute it, the last one last. */
  List<Side> leaders(OpId opId) {
    JournalOp op = open.get(opId);
    return op == null ? List.of() : List.copyOf(op.leaders());
  }

  /** A line of so many bytes says that it is about to be executed. */
  void began(Began began, long number, List<Side> leaders, long more) {
    JournalOp op = open.computeIfAbsent(began.opId(), id -> new JournalOp(id, number));
    op.began(began, leaders);
    count(op, op.bytes + more);
  }

  /** Lines of so many bytes say what it did. */
  void changed(OpId opId, long number, Side lacking, List<Change> changes, long more) {
    JournalOp op = open.computeIfAbsent(opId, id -> new JournalOp(id, number));
    op.changed(lacking, changes);
    count(op, op.bytes + more);
  }

  /** All that is known of it was written anew, in so many bytes. */
  void carriedOver(JournalOp op, long now) {
    count(op, now);
  }

  /** It came to its end. False if it is not open. */
  boolean done(OpId opId) {
    JournalOp op = open.remove(opId);
    if (op == null) {
      return false;
    }
    count(op, 0);
    return true;
  }

  /** All of them. */
  List<JournalOp> oldestFirst() {
    return open.values().stream().sorted(Comparator.comparingLong(op -> op.number)).toList();
  }

  /** Bytes of lines about them. */
  long bytes() {
    return bytes;
  }

  /** Bytes of lines about those that this side lacks, or may lack. */
  long bytes(Side lacking) {
    return lackingBytes[lacking.ordinal()];
  }

  private void count(JournalOp op, long now) {
    bytes += now - op.bytes;
    op.countAt(lackingBytes, now);
  }
}

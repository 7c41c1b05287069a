package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Kind;
import io.agentmemory.OpId;
import io.agentmemory.dualwrite.Journal.Began;
import io.agentmemory.dualwrite.Journal.Change;
import io.agentmemory.dualwrite.Journal.Open;
import io.agentmemory.dualwrite.JournalLines.ChangedLine;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What the journal knows of one operation that is not done. Not thread-safe. */
final class JournalOp {
  final OpId opId;

  /** In the order in which operations began. */
  final long number;

  private final Set<Side> leaders = new LinkedHashSet<>(); // the last one last
  private @Nullable Side lacking;
  private List<Ref> refs = List.of();
  private Set<Kind<?>> whole = Set.of();
  private List<Change> changes = List.of();
  private boolean outcomeKnown;

  // of an outcome in several lines, those read so far
  private List<Change> parts = new ArrayList<>();
  private int nextPart;
  private final Set<Ref> named = new LinkedHashSet<>(); // in any of them

  /** How many bytes of lines it takes. */
  long bytes;

  private @Nullable Side counted; // where the bytes are

  JournalOp(OpId opId, long number) {
    this.opId = opId;
    this.number = number;
  }

  /** It takes so many bytes from now on: notes them among those of the side that lacks it. */
  void countAt(long[] sums, long now) {
    if (counted != null) {
      sums[counted.ordinal()] -= bytes;
    }
    bytes = now;
    counted = lacking;
    if (counted != null) {
      sums[counted.ordinal()] += now;
    }
  }

  void began(Began began, List<Side> by) {
    for (Side side : by) {
      leaders.remove(side);
      leaders.add(side);
    }
    refs = began.refs();
    whole = began.whole();
    if (!outcomeKnown) {
      lacking = began.leader().other();
    }
  }

  void changed(Side lacks, List<Change> found) {
    lacking = lacks;
    changes = List.copyOf(found);
    outcomeKnown = true;
    named.clear();
  }

  void changed(ChangedLine line) {
    lacking = lacking == null ? line.lacking() : lacking; // if the lines before it are lost
    line.changes().forEach(change -> named.add(change.ref()));
    if (line.part() == 0) {
      parts = new ArrayList<>();
      nextPart = 0;
    }
    if (line.part() != nextPart) {
      nextPart = -1; // one before it is lost: the outcome is not known
      return;
    }
    nextPart++;
    parts.addAll(line.changes());
    if (nextPart == line.parts()) {
      changed(line.lacking(), parts);
      parts = new ArrayList<>();
    }
  }

  Set<Side> leaders() {
    return leaders;
  }

  Open open() {
    Side lacks = requireNonNull(lacking); // every line says it, or implies it
    return new Open(
        opId,
        number,
        leaders.isEmpty() ? Set.of(lacks.other()) : Set.copyOf(leaders),
        lacks,
        refs(),
        whole,
        changes,
        outcomeKnown);
  }

  private List<Ref> refs() {
    if (!refs.isEmpty()) {
      return refs;
    }
    return outcomeKnown ? changes.stream().map(Change::ref).toList() : List.copyOf(named);
  }

  /** All that is known of it, as lines. */
  List<byte[]> lines(int limit) {
    Open open = open();
    List<Side> by = leaders.isEmpty() ? List.of(open.lacking().other()) : List.copyOf(leaders);
    Began began = new Began(opId, by.get(by.size() - 1), open.refs(), whole);
    List<byte[]> lines = new ArrayList<>();
    lines.add(JournalLines.began(number, by, began));
    if (outcomeKnown) {
      lines.addAll(JournalLines.changed(opId, number, open.lacking(), changes, limit));
    }
    return lines;
  }
}

package io.agentmemory.file;

import io.agentmemory.OpId;
import io.agentmemory.file.Control.Touched;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which operations were applied and what they touched: the last {@value #RECENT}, and every one
 * that some record still names as its last. Not thread-safe.
 */
final class Ops {
  static final int RECENT = 10_000;

  private static final class Entry {
    List<Touched> touched = List.of();
    int named; // by how many records
    boolean recent;
  }

  private final Map<OpId, Entry> entries = new HashMap<>();
  private final Deque<OpId> order = new ArrayDeque<>();

  /** What an operation touched; null if it is not known to have been applied. */
  @Nullable List<Touched> touched(OpId op) {
    Entry entry = entries.get(op);
    return entry == null ? null : entry.touched;
  }

  void applied(OpId op, List<Touched> touched) {
    Entry entry = entries.computeIfAbsent(op, o -> new Entry());
    entry.touched = List.copyOf(touched);
    if (!entry.recent) {
      entry.recent = true;
      order.add(op);
    }
    if (order.size() > RECENT) {
      OpId oldest = order.remove();
      Entry old = entries.get(oldest);
      if (old != null) {
        old.recent = false;
        dropIfIdle(oldest, old);
      }
    }
  }

  /** A record's last operation is this one now, and no more that one. */
  void renamed(@Nullable OpId before, @Nullable OpId after) {
    if (after != null) {
      entries.computeIfAbsent(after, o -> new Entry()).named++;
    }
    if (before != null) {
      Entry entry = entries.get(before);
      if (entry != null) {
        entry.named--;
        dropIfIdle(before, entry);
      }
    }
  }

  private void dropIfIdle(OpId op, Entry entry) {
    if (!entry.recent && entry.named <= 0) {
      entries.remove(op);
    }
  }

  /** All that is known, the recent ones last and in their order. */
  Map<OpId, List<Touched>> all() {
    Map<OpId, List<Touched>> all = new java.util.LinkedHashMap<>();
    entries.forEach(
        (op, entry) -> {
          if (!entry.recent) {
            all.put(op, entry.touched);
          }
        });
    order.forEach(op -> all.put(op, entries.getOrDefault(op, new Entry()).touched));
    return all;
  }
}

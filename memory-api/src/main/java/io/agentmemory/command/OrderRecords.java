package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Edge;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.internal.Places;
import io.agentmemory.spi.Needs;
import java.util.HashSet;
import java.util.List;

/**
 * Lets a file list these records in this order, after any others that stand with them: counts of
 * one memory, or edges. Those that are not there are passed over; where the order among those that
 * are is right, nothing changes. The order is no part of a record's content: revisions stay what
 * they are.
 *
 * @param kind {@link Kind#CO_OCCURRENCE} or {@link Kind#EDGE}
 * @param keys each once; counts are all of one memory
 * @see CoOccurrence
 * @see Edge
 */
public record OrderRecords(Kind<?> kind, List<Key> keys) implements Command {

  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if records of the kind have no order, if a key is there twice,
   *     or if the counts are of several memories
   */
  public OrderRecords {
    requireNonNull(kind, "kind");
    keys = List.copyOf(keys);
    if (!Places.has(kind)) {
      throw new IllegalArgumentException("records of kind " + kind + " have no order");
    }
    if (new HashSet<>(keys).size() != keys.size()) {
      throw new IllegalArgumentException("a key is there twice");
    }
    if (keys.stream().map(key -> Places.list(kind, key)).distinct().count() > 1) {
      throw new IllegalArgumentException("counts of several memories have no order");
    }
  }

  /** Orders what a memory counts. */
  public static OrderRecords ofCounts(String from, List<String> to) {
    return new OrderRecords(Kind.CO_OCCURRENCE, to.stream().map(id -> Key.of(from, id)).toList());
  }

  /** Orders edges. */
  public static OrderRecords ofEdges(List<String> pairs) {
    return new OrderRecords(Kind.EDGE, pairs.stream().map(Key::of).toList());
  }

  @Override
  public String verb() {
    return "orderRecords";
  }

  @Override
  public String subject() {
    String list = keys.isEmpty() ? "" : Places.list(kind, keys.get(0));
    return list.isEmpty() ? kind.toString() : list;
  }

  @Override
  public void needs(Needs needs) {
    for (Key key : keys) {
      if (kind.equals(Kind.CO_OCCURRENCE)) {
        needs.record(Kind.MEMORY, Key.of(key.part(0)));
      }
      needs.record(kind, key);
    }
  }
}

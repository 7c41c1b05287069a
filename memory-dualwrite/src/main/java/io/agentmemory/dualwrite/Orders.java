package io.agentmemory.dualwrite;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryStore;
import io.agentmemory.ScanRange;
import io.agentmemory.Stored;
import io.agentmemory.command.OrderCoOccurrences;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * In which order the counts of memories have to stand in a target, and whether they will: told of
 * records in the order of their keys, a chunk at a time. Holds the counts of one memory.
 */
final class Orders {
  /** By memory, and as its file lists them. */
  static final Comparator<Stored<?>> IN_FILES =
      Comparator.<Stored<?>, Key>comparing(stored -> Key.of(stored.key().part(0)))
          .thenComparing(Stored.BY_PLACE);

  /** Of any kinds: what a record needs comes before it, and counts as their memory's file lists. */
  static final Comparator<Stored<?>> BY_NEED =
      Comparator.<Stored<?>>comparingInt(stored -> Kind.all().indexOf(stored.kind()))
          .thenComparing(
              (a, b) ->
                  a.kind().equals(Kind.CO_OCCURRENCE)
                      ? IN_FILES.compare(a, b)
                      : a.key().compareTo(b.key()));

  private @Nullable String memory;
  private final List<Stored<?>> here = new ArrayList<>();
  private final List<Stored<?>> there = new ArrayList<>();
  private int chunks;

  /**
   * Takes a chunk.
   *
   * @param source its records
   * @param target all that the target has, before it gets these, up to the last of them
   * @param isLast whether no chunk follows
   * @return how to order the counts of the memories that end here, where putting the source's in
   *     their order will not do
   */
  List<OrderCoOccurrences> add(
      List<? extends Stored<?>> source, List<? extends Stored<?>> target, boolean isLast) {
    List<OrderCoOccurrences> orders = new ArrayList<>();
    int at = 0;
    chunks++;
    for (Stored<?> record : source) {
      String from = record.key().part(0);
      if (!from.equals(memory)) {
        at = takeTarget(target, at);
        end(orders);
        memory = from;
        chunks = 1;
      }
      if (!record.isTombstone()) {
        here.add(record);
      }
    }
    takeTarget(target, at);
    if (isLast) {
      end(orders);
      memory = null;
    }
    return orders;
  }

  /** Takes what the target has of the memory, and passes over memories before it. */
  private int takeTarget(List<? extends Stored<?>> target, int from) {
    int at = from;
    while (memory != null && at < target.size()) {
      Stored<?> record = target.get(at);
      int order = Key.of(record.key().part(0)).compareTo(Key.of(memory));
      if (order > 0) {
        break;
      }
      if (order == 0 && !record.isTombstone()) {
        there.add(record);
      }
      at++;
    }
    return at;
  }

  private void end(List<OrderCoOccurrences> orders) {
    if (memory != null && !here.isEmpty()) {
      List<String> present = names(there);
      Set<String> all = new LinkedHashSet<>(names(here));
      all.addAll(present);
      List<String> wanted = List.copyOf(all);
      boolean isSo = present.equals(wanted.subList(0, present.size()));
      boolean comesAtOnce = present.size() == wanted.size() || chunks == 1;
      if (!isSo || !comesAtOnce) {
        orders.add(new OrderCoOccurrences(memory, wanted));
      }
    }
    here.clear();
    there.clear();
  }

  private static List<String> names(List<Stored<?>> counts) {
    counts.sort(Stored.BY_PLACE);
    List<String> names = new ArrayList<>(counts.size());
    counts.forEach(count -> names.add(count.key().part(1)));
    return names;
  }

  /** Above the keys of all counts of a memory, and of no other that there can be. */
  static Key endOf(String memory) {
    // There is no text between an id and the same with the least character of all after it.
    return Key.of(memory + "\u0001", "");
  }

  /** How a store orders the counts of a memory. */
  static OrderCoOccurrences of(MemoryStore store, String memory) {
    ScanRange range = new ScanRange(Key.of(memory, ""), endOf(memory));
    try (Stream<Stored<CoOccurrence>> counts = store.scan(Kind.CO_OCCURRENCE, range)) {
      return new OrderCoOccurrences(
          memory,
          counts
              .filter(stored -> !stored.isTombstone() && stored.key().part(0).equals(memory))
              .sorted(Stored.BY_PLACE)
              .map(stored -> stored.key().part(1))
              .toList());
    }
  }
}

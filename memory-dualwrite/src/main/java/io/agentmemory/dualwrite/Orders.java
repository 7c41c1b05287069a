package io.agentmemory.dualwrite;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryStore;
import io.agentmemory.ScanRange;
import io.agentmemory.Stored;
import io.agentmemory.command.OrderRecords;
import io.agentmemory.internal.Places;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * In which order the records of a kind that has places have to stand in a target, and whether they
 * will: told of them in the order of their keys, a chunk at a time. Holds the keys of one list,
 * such as the counts of one memory.
 */
final class Orders {
  /** How many records one command orders: more of them take several. */
  private static final int AT_ONCE = 1000;

  /** By list, and as its file has it. */
  static final Comparator<Stored<?>> IN_FILES =
      Comparator.<Stored<?>, Key>comparing(stored -> list(stored.kind(), stored.key()))
          .thenComparing(Stored.BY_PLACE);

  /**
   * Of any kinds: what a record needs comes before it, and what has places as its file lists it.
   */
  static final Comparator<Stored<?>> BY_NEED =
      Comparator.<Stored<?>>comparingInt(stored -> Kind.all().indexOf(stored.kind()))
          .thenComparing(
              (a, b) -> Places.has(a.kind()) ? IN_FILES.compare(a, b) : a.key().compareTo(b.key()));

  private record Placed(Key key, long place) {}

  private final Kind<?> kind;
  private @Nullable Key list;
  private final List<Placed> here = new ArrayList<>();
  private final List<Placed> there = new ArrayList<>();
  private int chunks;

  Orders(Kind<?> kind) {
    this.kind = kind;
  }

  private static Key list(Kind<?> kind, Key key) {
    return Key.of(Places.list(kind, key));
  }

  /**
   * Takes a chunk.
   *
   * @param source its records
   * @param target all that the target has, before it gets these, up to the last of them
   * @param isLast whether no chunk follows
   * @return how to order the lists that end here, where putting the source's records in their order
   *     will not do
   */
  List<OrderRecords> add(
      List<? extends Stored<?>> source, List<? extends Stored<?>> target, boolean isLast) {
    List<OrderRecords> orders = new ArrayList<>();
    int at = 0;
    chunks++;
    for (Stored<?> record : source) {
      Key of = list(kind, record.key());
      if (!of.equals(list)) {
        at = takeTarget(target, at);
        end(orders);
        list = of;
        chunks = 1;
      }
      if (!record.isTombstone()) {
        here.add(new Placed(record.key(), record.place()));
      }
    }
    takeTarget(target, at);
    if (isLast) {
      end(orders);
      list = null;
    }
    return orders;
  }

  /** Takes what the target has of the list, and passes over lists before it. */
  private int takeTarget(List<? extends Stored<?>> target, int from) {
    int at = from;
    while (list != null && at < target.size()) {
      Stored<?> record = target.get(at);
      int order = list(kind, record.key()).compareTo(list);
      if (order > 0) {
        break;
      }
      if (order == 0 && !record.isTombstone()) {
        there.add(new Placed(record.key(), record.place()));
      }
      at++;
    }
    return at;
  }

  private void end(List<OrderRecords> orders) {
    if (list != null && !here.isEmpty()) {
      List<Key> present = inOrder(there);
      Set<Key> all = new LinkedHashSet<>(inOrder(here));
      all.addAll(present);
      List<Key> wanted = List.copyOf(all);
      boolean isSo = present.equals(wanted.subList(0, present.size()));
      boolean comesAtOnce = present.size() == wanted.size() || chunks == 1;
      if (!isSo || !comesAtOnce) {
        orders.addAll(commands(kind, wanted));
      }
    }
    here.clear();
    there.clear();
  }

  private static List<Key> inOrder(List<Placed> records) {
    records.sort(Comparator.comparingLong(Placed::place).thenComparing(Placed::key));
    return records.stream().map(Placed::key).toList();
  }

  /**
   * Orders records of one list. Each command begins with the last record of the one before: so what
   * it moves to the end comes to stand after all that those before it have ordered.
   */
  private static List<OrderRecords> commands(Kind<?> kind, List<Key> keys) {
    List<OrderRecords> commands = new ArrayList<>();
    for (int from = 0; from == 0 || from < keys.size() - 1; from += AT_ONCE - 1) {
      commands.add(
          new OrderRecords(kind, keys.subList(from, Math.min(keys.size(), from + AT_ONCE))));
    }
    return commands;
  }

  /** All keys up to the end of the list that this one is in. */
  static ScanRange toEndOf(Kind<?> kind, @Nullable Key after, Key last) {
    return new ScanRange(after, kind.equals(Kind.CO_OCCURRENCE) ? endOf(last.part(0)) : null);
  }

  /** Above the keys of all counts of a memory, and of no other that there can be. */
  private static Key endOf(String memory) {
    // There is no text between an id and the same with the least character of all after it.
    return Key.of(memory + "\u0001", "");
  }

  /**
   * How a store orders the records of a list from one of them on.
   *
   * @param record of the list, as the store has it
   */
  static List<OrderRecords> from(MemoryStore store, Stored<?> record) {
    Kind<?> kind = record.kind();
    Key list = list(kind, record.key());
    Key after = kind.equals(Kind.CO_OCCURRENCE) ? Key.of(list.part(0), "") : null;
    List<Placed> records = new ArrayList<>();
    try (Stream<? extends Stored<?>> all = store.scan(kind, toEndOf(kind, after, record.key()))) {
      all.filter(
              stored ->
                  !stored.isTombstone()
                      && stored.place() >= record.place()
                      && list(kind, stored.key()).equals(list))
          .forEach(stored -> records.add(new Placed(stored.key(), stored.place())));
    }
    return commands(kind, inOrder(records));
  }
}

package io.agentmemory.file;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Key;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryHead;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryQuery.TimeField;
import io.agentmemory.MemoryRecord;
import io.agentmemory.ScanRange;
import io.agentmemory.SimilarQuery;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.VectorSpace;
import io.agentmemory.internal.Texts;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Every record of a tree, in memory, and the ways to find it. Thread-safe: many read, one thread
 * puts. A put takes as long as its record is large, whatever else is there. What walks over a kind
 * walks over keys that are never taken out (a deleted record leaves its tombstone), and reads each
 * record at the moment it comes to it.
 */
final class Index {
  private static final TreeSet<Row> NONE = newRows();

  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private final Lock reading = lock.readLock();
  private final Lock writing = lock.writeLock();

  private final Map<Kind<?>, ConcurrentSkipListMap<Key, Row>> kinds = new LinkedHashMap<>();
  private final Map<Kind<?>, long[]> counts = new LinkedHashMap<>(); // live, deleted

  private final TreeSet<Row> newest = new TreeSet<>(Row.NEWEST);
  private final TreeSet<Row> heaviest = new TreeSet<>(Row.HEAVIEST);
  private final Map<String, TreeSet<Row>> tags = new HashMap<>();
  private final Map<String, TreeSet<Row>> entities = new HashMap<>();
  private final Map<TimeField, TreeMap<String, TreeSet<Row>>> days = new EnumMap<>(TimeField.class);
  private final TreeSet<Row> latest = new TreeSet<>(Row.LATEST);
  private final Map<String, String> files = new HashMap<>(); // of memories, to their ids
  private final Map<String, TreeSet<Key>> links = new HashMap<>(); // memory id to images
  private final TreeMap<String, Map<Integer, VectorBlock>> spaces = new TreeMap<>(Texts::compare);

  Index() {
    for (Kind<?> kind : Kind.all()) {
      kinds.put(kind, new ConcurrentSkipListMap<>());
      counts.put(kind, new long[2]);
    }
    for (TimeField field : TimeField.values()) {
      days.put(field, new TreeMap<>());
    }
  }

  // ---- writing ----

  /** Puts rows in the place of those of the same keys, at once for every reader of a query. */
  void put(Collection<Row> rows) {
    writing.lock();
    try {
      for (Row row : rows) {
        Row old = rows(row.kind).put(row.key, row);
        if (old != null) {
          counts(old)[old.isLive() ? 0 : 1]--;
          remove(old);
        }
        counts(row)[row.isLive() ? 0 : 1]++;
        add(row);
      }
    } finally {
      writing.unlock();
    }
  }

  /** Takes rows out as if they had never been put; while loading only. */
  void discard(Collection<Row> rows) {
    writing.lock();
    try {
      for (Row row : rows) {
        if (rows(row.kind).remove(row.key, row)) {
          counts(row)[row.isLive() ? 0 : 1]--;
          remove(row);
        }
      }
    } finally {
      writing.unlock();
    }
  }

  private long[] counts(Row row) {
    return requireNonNull(counts.get(row.kind));
  }

  private void add(Row row) {
    if (!row.isLive()) {
      return;
    }
    if (row.kind.equals(Kind.MEMORY)) {
      Row.MemoryBody memory = row.memory();
      newest.add(row);
      latest.add(row);
      heaviest.add(row);
      memory.tags.forEach(tag -> tags.computeIfAbsent(tag, t -> newRows()).add(row));
      memory.entities.forEach(name -> entities.computeIfAbsent(name, n -> newRows()).add(row));
      for (TimeField field : TimeField.values()) {
        String day = memory.day(field);
        if (day != null) {
          of(days, field).computeIfAbsent(day, d -> newRows()).add(row);
        }
      }
      files.put(memory.file, row.key.part(0));
    } else if (row.kind.equals(Kind.EMBEDDING)) {
      Row.VectorBody vector = row.vector();
      VectorBlock block =
          spaces
              .computeIfAbsent(row.key.part(0), s -> new HashMap<>())
              .computeIfAbsent(vector.dimensions(), VectorBlock::new);
      vector.moveTo(block, row.key.part(1));
    } else if (row.kind.equals(Kind.IMAGE_LINK)) {
      for (String id : row.record().owners()) {
        links.computeIfAbsent(id, i -> new TreeSet<>()).add(row.key);
      }
    }
  }

  private static TreeSet<Row> newRows() {
    return new TreeSet<>(Row.NEWEST);
  }

  private void remove(Row row) {
    if (!row.isLive()) {
      return;
    }
    if (row.kind.equals(Kind.MEMORY)) {
      Row.MemoryBody memory = row.memory();
      newest.remove(row);
      latest.remove(row);
      heaviest.remove(row);
      memory.tags.forEach(tag -> drop(tags, tag, row));
      memory.entities.forEach(name -> drop(entities, name, row));
      for (TimeField field : TimeField.values()) {
        String day = memory.day(field);
        if (day != null) {
          drop(of(days, field), day, row);
        }
      }
      files.remove(memory.file, row.key.part(0));
    } else if (row.kind.equals(Kind.EMBEDDING)) {
      row.vector().leave();
    } else if (row.kind.equals(Kind.IMAGE_LINK)) {
      for (String id : row.record().owners()) {
        drop(links, id, row.key);
      }
    }
  }

  private static <K, V> void drop(Map<K, TreeSet<V>> map, K key, V value) {
    TreeSet<V> there = map.get(key);
    if (there != null && there.remove(value) && there.isEmpty()) {
      map.remove(key);
    }
  }

  private static <K, V> V of(Map<K, V> map, K key) {
    return requireNonNull(map.get(key));
  }

  // ---- reading by key ----

  private void beginReading() {
    StackRoom.ensure();
    reading.lock();
  }

  private ConcurrentNavigableMap<Key, Row> rows(Kind<?> kind) {
    return requireNonNull(kinds.get(kind), "kind");
  }

  /** The row of a key, for the thread that puts. */
  @Nullable Row row(Kind<?> kind, Key key) {
    return rows(kind).get(key);
  }

  /** The rows of a kind in key order, for the thread that puts. */
  Collection<Row> all(Kind<?> kind) {
    return rows(kind).values();
  }

  <T extends MemoryRecord> Optional<Stored<T>> read(Kind<T> kind, Key key) {
    beginReading();
    try {
      Row row = rows(kind).get(key);
      return row == null ? Optional.empty() : Optional.of(Index.<T>stored(row));
    } finally {
      reading.unlock();
    }
  }

  @SuppressWarnings("unchecked") // each map holds rows of its own kind
  private static <T extends MemoryRecord> Stored<T> stored(Row row) {
    return (Stored<T>) row.stored();
  }

  private Collection<Key> keys(Kind<?> kind, ScanRange range) {
    ConcurrentNavigableMap<Key, Row> rows = rows(kind);
    if (range.after() != null) {
      rows = rows.tailMap(range.after(), false);
    }
    if (range.through() != null) {
      if (range.after() != null && range.after().compareTo(range.through()) >= 0) {
        return List.of();
      }
      rows = rows.headMap(range.through(), true);
    }
    return rows.keySet();
  }

  <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
    return keys(kind, range).stream().map(key -> this.<T>read(kind, key).orElseThrow());
  }

  Stream<KeyVersion> versions(Kind<?> kind, ScanRange range) {
    return keys(kind, range).stream()
        .map(
            key -> {
              beginReading();
              try {
                return new KeyVersion(key, requireNonNull(rows(kind).get(key)).version());
              } finally {
                reading.unlock();
              }
            });
  }

  /** The live rows whose keys start with this part, in key order. */
  List<Row> startingWith(Kind<?> kind, String part) {
    List<Row> found = new ArrayList<>();
    for (Row row : rows(kind).tailMap(Key.of(part), true).values()) {
      if (!row.key.part(0).equals(part)) {
        break;
      }
      if (row.isLive()) {
        found.add(row);
      }
    }
    return found;
  }

  /** The rows from one key to another, tombstones too, the last one first. */
  Collection<Row> backwards(Kind<?> kind, Key first, Key last) {
    return rows(kind).subMap(first, true, last, true).descendingMap().values();
  }

  /** The live rows of a kind, in key order. */
  List<Row> live(Kind<?> kind) {
    return rows(kind).values().stream().filter(Row::isLive).toList();
  }

  /** The live rows that belong to a memory, in key order. */
  List<Row> ownedBy(Kind<?> kind, String id) {
    if (kind.equals(Kind.CO_OCCURRENCE)) {
      return startingWith(kind, id);
    }
    List<Key> keys = new ArrayList<>();
    if (kind.equals(Kind.EMBEDDING)) {
      for (String space : spaces.keySet()) {
        if (!space.equals(VectorSpace.IMAGE)) {
          keys.add(Key.of(space, id));
        }
      }
    } else if (kind.equals(Kind.IMAGE_LINK)) {
      keys.addAll(links.getOrDefault(id, new TreeSet<>()));
    }
    List<Row> found = new ArrayList<>();
    for (Key key : keys) {
      Row row = row(kind, key);
      if (row != null && row.isLive()) {
        found.add(row);
      }
    }
    return found;
  }

  /** The id of the memory that lies in this file. */
  @Nullable String idIn(String file) {
    return files.get(file);
  }

  Map<Kind<?>, Long> count(boolean live) {
    beginReading();
    try {
      Map<Kind<?>, Long> result = new LinkedHashMap<>();
      counts.forEach((kind, count) -> result.put(kind, count[live ? 0 : 1]));
      return result;
    } finally {
      reading.unlock();
    }
  }

  // ---- queries ----

  List<Memory> find(MemoryQuery query) {
    beginReading();
    try {
      return matching(query)
          .skip(query.offset())
          .limit(query.limit())
          .map(row -> row.memory().record(row.key.part(0)))
          .toList();
    } finally {
      reading.unlock();
    }
  }

  long count(MemoryQuery query) {
    beginReading();
    try {
      return matching(query).count();
    } finally {
      reading.unlock();
    }
  }

  /** The heads of the rows that meet the conditions now, in the order of their ids. */
  Stream<MemoryHead> heads(MemoryQuery query) {
    List<Row> rows;
    beginReading();
    try {
      rows = matching(query, Row.BY_KEY).toList();
    } finally {
      reading.unlock();
    }
    return rows.stream().map(row -> row.memory().head(row.key.part(0)));
  }

  /** The rows that meet the conditions, in the query's order. */
  private Stream<Row> matching(MemoryQuery query) {
    return matching(query, Row.order(query.order()));
  }

  private Stream<Row> matching(MemoryQuery query, Comparator<Row> order) {
    Set<Tier> tiers = query.tiers();
    Predicate<Row> matches = row -> row.memory().matches(query, tiers, row.key.part(0));
    Collection<? extends Collection<Row>> narrowed = narrowest(query);
    if (narrowed == null && (order == Row.NEWEST || order == Row.HEAVIEST)) {
      return (order == Row.NEWEST ? newest : heaviest).stream().filter(matches);
    }
    Stream<Row> rows =
        narrowed == null ? newest.stream() : narrowed.stream().flatMap(Collection::stream);
    return rows.filter(matches).sorted(order);
  }

  /** The fewest rows that hold all that match, by one of the conditions; null: every row. */
  private @Nullable Collection<? extends Collection<Row>> narrowest(MemoryQuery query) {
    TreeSet<Row> rarest = null;
    for (String tag : query.tags()) {
      TreeSet<Row> tagged = tags.get(tag);
      if (tagged == null) {
        return List.of();
      }
      rarest = rarest == null || tagged.size() < rarest.size() ? tagged : rarest;
    }
    if (rarest != null) {
      return List.of(rarest);
    }
    MemoryQuery.Any any = query.any().orElse(null);
    if (any != null && any.texts().isEmpty()) {
      return List.of(having(any));
    }
    if (query.days().isPresent()) {
      MemoryQuery.Days range = query.days().get();
      return range(
          of(days, range.field()),
          range.from() == null ? null : range.from().toString(),
          range.before() == null ? null : range.before().toString());
    }
    if (query.instants().isPresent()) {
      MemoryQuery.Instants range = query.instants().get();
      TreeSet<Row> times = range.field() == TimeField.CREATED ? newest : latest;
      NavigableSet<Row> part = times;
      if (range.before() != null) {
        part = part.tailSet(Row.bound(Row.micros(range.before())), true);
      }
      if (range.from() != null) {
        Row end = Row.bound(Row.micros(range.from()) - 1);
        boolean none = !part.isEmpty() && times.comparator().compare(part.first(), end) >= 0;
        part = none || part.isEmpty() ? Collections.emptyNavigableSet() : part.headSet(end, false);
      }
      return List.of(part);
    }
    return null;
  }

  /** The rows with one of the ids, tags and entities, each once. */
  private Collection<Row> having(MemoryQuery.Any any) {
    Set<Row> rows = new HashSet<>();
    for (String id : any.ids()) {
      Row row = row(Kind.MEMORY, Key.of(id));
      if (row != null && row.isLive()) {
        rows.add(row);
      }
    }
    any.tags().forEach(tag -> rows.addAll(tags.getOrDefault(tag, NONE)));
    any.entities().forEach(name -> rows.addAll(entities.getOrDefault(name, NONE)));
    return rows;
  }

  private static <K extends Comparable<K>> Collection<TreeSet<Row>> range(
      NavigableMap<K, TreeSet<Row>> map, @Nullable K from, @Nullable K before) {
    NavigableMap<K, TreeSet<Row>> part = from == null ? map : map.tailMap(from, true);
    if (before == null) {
      return part.values();
    }
    if (from != null && from.compareTo(before) >= 0) {
      return List.of();
    }
    return part.headMap(before, false).values();
  }

  /** The vectors nearest to the query's; its space is known to fit. */
  List<SimilarQuery.Hit> search(SimilarQuery query) {
    beginReading();
    try {
      float[] vector = query.vector();
      VectorBlock block = spaces.getOrDefault(query.space(), Map.of()).get(vector.length);
      return block == null
          ? List.of()
          : block.nearest(vector, query.limit(), query.minSimilarity(), admits(query));
    } finally {
      reading.unlock();
    }
  }

  private Predicate<String> admits(SimilarQuery query) {
    if (!query.needsMemory()) {
      return target -> true;
    }
    if (query.space().equals(VectorSpace.IMAGE)) {
      return target -> false; // its targets are no memories
    }
    Set<Tier> tiers = query.tiers();
    Set<String> wanted = query.tags();
    return target -> {
      Row row = row(Kind.MEMORY, Key.of(target));
      return row != null
          && row.isLive()
          && (tiers.isEmpty() || tiers.contains(row.memory().tier))
          && row.memory().tags.containsAll(wanted);
    };
  }
}

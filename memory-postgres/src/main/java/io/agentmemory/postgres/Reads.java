package io.agentmemory.postgres;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Key;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.MemoryHead;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Operation;
import io.agentmemory.ScanRange;
import io.agentmemory.Stored;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/** Reads records by key and in the order of their keys. */
final class Reads {
  private static final int KEYS_AT_ONCE = 1000;
  private static final int VERSIONS_PER_PAGE = 5000;
  private static final int BYTES_PER_PAGE = 4 << 20;
  private static final int HEAD_BYTES = 2000;

  private final Database database;
  private final Tables tables;

  Reads(Database database, Tables tables) {
    this.database = database;
    this.tables = tables;
  }

  <T extends MemoryRecord> Optional<Stored<T>> read(Kind<T> kind, Key key) {
    Operation operation = new Operation(Writes.STORE, "read", kind + ":" + key);
    if (!Tables.canHold(kind, key)) {
      return Optional.empty();
    }
    Table<T> table = tables.of(kind, key);
    Sql sql = table.select().add(table.hasKey(key));
    // Straight to the driver: JDBI would cost an eighth of the whole.
    return database.read(
        operation,
        false,
        connection -> {
          try (PreparedStatement statement = connection.prepareStatement(sql.text())) {
            sql.bind(statement, 1);
            try (ResultSet row = statement.executeQuery()) {
              return row.next() ? Optional.of(table.read(operation, row)) : Optional.empty();
            }
          }
        });
  }

  <T extends MemoryRecord> List<Stored<T>> readAll(Kind<T> kind, List<Key> keys) {
    Operation operation = new Operation(Writes.STORE, "readAll", kind.name());
    Map<Table<T>, List<Key>> byTable = new LinkedHashMap<>();
    for (Key key : new TreeSet<>(keys)) {
      if (Tables.canHold(kind, key)) {
        byTable.computeIfAbsent(tables.of(kind, key), t -> new ArrayList<>()).add(key);
      }
    }
    List<Stored<T>> found = new ArrayList<>();
    byTable.forEach(
        (table, wanted) -> {
          for (int from = 0; from < wanted.size(); from += KEYS_AT_ONCE) {
            List<Key> some = wanted.subList(from, Math.min(wanted.size(), from + KEYS_AT_ONCE));
            found.addAll(
                rows(
                    operation,
                    keys.size() > KEYS_AT_ONCE,
                    table.selectEach(some, ""),
                    row -> table.read(operation, row)));
          }
        });
    return found;
  }

  /** Reads a row. */
  interface RowMapper<R> {
    R map(ResultSet row) throws SQLException;
  }

  private <R> List<R> rows(Operation operation, boolean isBulk, Sql sql, RowMapper<R> mapper) {
    return database.query(
        operation,
        isBulk,
        handle ->
            sql.bind(handle.createQuery(sql.text())).map((row, context) -> mapper.map(row)).list());
  }

  <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
    Operation operation = new Operation(Writes.STORE, "scan", kind.name());
    return pages(
        operation,
        true,
        kind,
        range,
        Stored::key,
        Table::weight,
        (table, sql) -> table.select().add(sql),
        (table, row) -> table.read(operation, row));
  }

  <T extends MemoryRecord> Stream<KeyVersion> versions(Kind<T> kind, ScanRange range) {
    Operation operation = new Operation(Writes.STORE, "versions", kind.name());
    return pages(
        operation,
        true,
        kind,
        range,
        KeyVersion::key,
        version -> BYTES_PER_PAGE / VERSIONS_PER_PAGE,
        (table, sql) -> table.selectVersions().add(sql),
        Table::readVersion);
  }

  /** Makes the statement that reads a page. */
  interface Page {
    Sql after(@Nullable Key last, int limit);
  }

  /** Rows page by page, each from the key after the last. */
  <R> Stream<R> pages(
      Operation operation, Function<R, Key> keyOf, int weight, Page page, RowMapper<R> mapper) {
    return stream(
        new Pages<>(
            List.of(page).iterator(),
            keyOf,
            row -> weight,
            (part, after, limit) -> rows(operation, true, part.after(after, limit), mapper)));
  }

  /** The live memories that meet the conditions, without their bodies, in the order of ids. */
  Stream<MemoryHead> heads(Sql conditions) {
    Operation operation = new Operation(Writes.STORE, "heads", "");
    return pages(
        operation,
        false, // a caller waits
        Kind.MEMORY,
        ScanRange.ALL,
        (MemoryHead head) -> Key.of(head.id()),
        head -> HEAD_BYTES,
        (table, sql) -> table.selectWithout("content").add(sql).add(conditions),
        (table, row) -> table.read(operation, row).live().orElseThrow().head());
  }

  private interface Select<T extends MemoryRecord> {
    Sql select(Table<T> table, Sql conditions);
  }

  private interface TableMapper<T extends MemoryRecord, R> {
    R map(Table<T> table, ResultSet row) throws SQLException;
  }

  private <T extends MemoryRecord, R> Stream<R> pages(
      Operation operation,
      boolean isBulk,
      Kind<T> kind,
      ScanRange range,
      Function<R, Key> keyOf,
      ToIntFunction<R> weight,
      Select<T> select,
      TableMapper<T, R> mapper) {
    Iterator<Table<T>> parts = parts(operation, kind, range).iterator();
    Iterator<R> rows =
        new Pages<>(
            parts,
            keyOf,
            weight,
            (table, after, limit) -> {
              Sql conditions = new Sql();
              if (after != null) {
                conditions.add(table.compareKey(">", after));
              }
              addBounds(conditions, table, range);
              Sql sql = select.select(table, conditions);
              sql.add(table.orderByKey()).add(" LIMIT ?", Sql.number(limit));
              return rows(operation, isBulk, sql, row -> mapper.map(table, row));
            });
    return stream(rows);
  }

  private static <R> Stream<R> stream(Iterator<R> rows) {
    return StreamSupport.stream(
        Spliterators.spliteratorUnknownSize(
            rows, Spliterator.ORDERED | Spliterator.NONNULL | Spliterator.DISTINCT),
        false);
  }

  /** The table of a kind; of embeddings, that of each space in the order of their names. */
  @SuppressWarnings("unchecked") // T is Embedding there
  private <T extends MemoryRecord> List<Table<T>> parts(
      Operation operation, Kind<T> kind, ScanRange range) {
    if (!kind.equals(Kind.EMBEDDING)) {
      return List.of(tables.of(kind));
    }
    // A space that was never defined here can have tombstones; they lie in the default partition.
    Sql sql =
        Sql.of("SELECT t.name FROM " + tables.of(Kind.VECTOR_SPACE).name() + " AS t")
            .add(tables.of(Kind.VECTOR_SPACE).scope())
            .add(" UNION SELECT d.space FROM " + tables.schema() + ".embeddings_default AS d")
            .add(" WHERE d.namespace = ? ORDER BY 1", Sql.text(tables.namespace()));
    Key after = range.after();
    Key through = range.through();
    return rows(operation, true, sql, row -> row.getString(1)).stream()
        .filter(name -> after == null || Key.of(name).compareTo(Key.of(after.part(0))) >= 0)
        .filter(name -> through == null || Key.of(name).compareTo(Key.of(through.part(0))) <= 0)
        .map(name -> (Table<T>) tables.embeddings(name))
        .toList();
  }

  private static void addBounds(Sql sql, Table<?> table, ScanRange range) {
    Key after = range.after();
    if (after != null && table.holds(after)) {
      sql.add(table.compareKey(">", after));
    }
    Key through = range.through();
    if (through != null && table.holds(through)) {
      sql.add(table.compareKey("<=", through));
    }
  }

  /** Fetches rows page by page, each from the key after the last; about 4 MiB at a time. */
  private static final class Pages<P, R> implements Iterator<R> {
    private interface Fetch<P, R> {
      List<R> page(P part, @Nullable Key after, int limit);
    }

    private static final int FIRST = 100;
    private static final int LEAST = 8;
    private static final int MOST = 5000;

    private final Iterator<P> parts;
    private final Function<R, Key> keyOf;
    private final ToIntFunction<R> weight;
    private final Fetch<P, R> fetch;
    private final Deque<R> page = new ArrayDeque<>();
    private @Nullable P part;
    private @Nullable Key last;
    private int limit = FIRST;

    Pages(Iterator<P> parts, Function<R, Key> keyOf, ToIntFunction<R> weight, Fetch<P, R> fetch) {
      this.parts = parts;
      this.keyOf = keyOf;
      this.weight = weight;
      this.fetch = fetch;
    }

    @Override
    public boolean hasNext() {
      while (page.isEmpty() && (part != null || parts.hasNext())) {
        P from = part == null ? parts.next() : part;
        List<R> rows = fetch.page(from, last, limit);
        boolean ended = rows.size() < limit;
        part = ended ? null : from;
        last = ended ? null : keyOf.apply(rows.get(rows.size() - 1));
        if (!rows.isEmpty()) {
          limit = limit(rows);
          page.addAll(rows);
        }
      }
      return !page.isEmpty();
    }

    private int limit(List<R> rows) {
      long bytes = 1;
      for (R row : rows) {
        bytes += weight.applyAsInt(row);
      }
      return (int) Math.max(LEAST, Math.min(MOST, BYTES_PER_PAGE * (long) rows.size() / bytes));
    }

    @Override
    public R next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      return requireNonNull(page.poll());
    }
  }
}

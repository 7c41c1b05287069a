package io.agentmemory.postgres;

import static java.util.Objects.requireNonNull;

import io.agentmemory.CorruptMemoryException;
import io.agentmemory.Digest;
import io.agentmemory.Embedding;
import io.agentmemory.Key;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.OtherFile;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.Version;
import io.agentmemory.spi.Canonical;
import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jdbi.v3.core.argument.Argument;
import org.jspecify.annotations.Nullable;

/**
 * The table of one kind of record (of embeddings: one space's part of it): its columns, the
 * statements over them, and the way from a record to a row and back. Immutable.
 */
final class Table<T extends MemoryRecord> {
  /** A part of the key. */
  record KeyColumn(String name, ColumnType type, Function<Key, Object> value) {}

  /** A column for content that is no member. */
  record Content<T>(String name, ColumnType type, Function<T, @Nullable Object> value) {}

  /** A column worked out from the content, for queries; written, never read back. */
  record Derived<T>(String name, ColumnType type, Function<T, @Nullable Object> value) {}

  /** Makes a record of its key, its content columns by name, and its members. */
  interface Maker<T> {
    T make(Key key, Map<String, @Nullable Object> content, Value.Map members);
  }

  /** A column beside key and control columns. */
  record Column(String name, ColumnType type) {}

  /**
   * One space's part of the table of embeddings.
   *
   * @param space its name
   * @param id its number, which says in which partition the rows are
   */
  record Part(String space, long id) {}

  private static final String EXTRA = "extra";
  private static final String MEMBERS = "members";
  private static final String PLACE = "place";

  private final Kind<T> kind;
  private final String name;
  private final String namespace;
  private final Vectors vectors;
  private final @Nullable Part part;
  private final List<KeyColumn> keys;
  private final Function<ResultSet, Key> keyReader;
  private final List<Content<T>> contents;
  private final List<Member> members;
  private final Map<String, Integer> memberPlaces = new LinkedHashMap<>();
  private final boolean ordered;
  private final boolean placed;
  private final List<Derived<T>> derived;
  private final Function<T, Value.Map> membersOf;
  private final Maker<T> maker;

  private final String select;
  private final String keyList;
  private final List<Column> columns;

  private Table(Builder<T> builder) {
    kind = builder.kind;
    name = builder.schema + "." + builder.name;
    namespace = builder.namespace;
    vectors = builder.vectors;
    part = builder.part;
    keys = List.copyOf(builder.keys);
    keyReader = builder.keyReader;
    contents = List.copyOf(builder.contents);
    members = List.copyOf(builder.members);
    ordered = builder.ordered;
    placed = builder.placed;
    derived = List.copyOf(builder.derived);
    membersOf = builder.membersOf;
    maker = requireNonNull(builder.maker, "maker");
    members.forEach(member -> memberPlaces.put(member.name(), memberPlaces.size()));
    List<Column> all = new ArrayList<>();
    contents.forEach(content -> all.add(new Column(content.name(), content.type())));
    members.forEach(member -> all.add(new Column(member.column(), member.form().type)));
    all.add(new Column(EXTRA, ColumnType.JSON));
    if (ordered) {
      all.add(new Column(MEMBERS, ColumnType.TEXTS));
    }
    if (placed) {
      all.add(new Column(PLACE, ColumnType.LONG));
    }
    derived.forEach(column -> all.add(new Column(column.name(), column.type())));
    columns = List.copyOf(all);
    keyList = String.join(", ", keys.stream().map(key -> "t." + key.name()).toList());
    select = selectList("");
  }

  /** What is needed to make one. */
  static final class Builder<T extends MemoryRecord> {
    private final Kind<T> kind;
    private final String schema;
    private final String name;
    private final String namespace;
    private final Vectors vectors;
    private final Function<T, Value.Map> membersOf;
    private final List<KeyColumn> keys = new ArrayList<>();
    private final List<Content<T>> contents = new ArrayList<>();
    private final List<Member> members = new ArrayList<>();
    private final List<Derived<T>> derived = new ArrayList<>();
    private Function<ResultSet, Key> keyReader = row -> Key.of("");
    private @Nullable Maker<T> maker;
    private boolean ordered = true;
    private boolean placed;
    private @Nullable Part part;

    Builder(
        Kind<T> kind,
        String schema,
        String name,
        String namespace,
        Vectors vectors,
        Function<T, Value.Map> membersOf) {
      this.kind = kind;
      this.schema = schema;
      this.name = name;
      this.namespace = namespace;
      this.vectors = vectors;
      this.membersOf = membersOf;
    }

    /** The parts of the key, each a text. */
    Builder<T> key(String... columns) {
      for (int i = 0; i < columns.length; i++) {
        int part = i;
        keys.add(new KeyColumn(columns[i], ColumnType.TEXT, key -> key.part(part)));
      }
      keyReader = row -> Key.of(texts(row, columns.length));
      return this;
    }

    /** The parts of the key, and how to read them from the first columns of a row. */
    Builder<T> key(List<KeyColumn> columns, Function<ResultSet, Key> reader) {
      keys.addAll(columns);
      keyReader = reader;
      return this;
    }

    /** These texts and, last, the place in a list, in the column {@code ordinal}. */
    Builder<T> keyWithOrdinal(String... columns) {
      key(columns);
      int last = columns.length;
      keys.add(
          new KeyColumn("ordinal", ColumnType.INTEGER, key -> Integer.valueOf(key.part(last))));
      keyReader =
          row -> {
            List<String> parts = new ArrayList<>(List.of(texts(row, last)));
            parts.add(String.format(Locale.ROOT, "%08d", integer(row, last + 1)));
            return new Key(parts);
          };
      return this;
    }

    /** Only the rows of this space. */
    Builder<T> part(Part part) {
      this.part = part;
      return this;
    }

    Builder<T> content(String column, ColumnType type, Function<T, @Nullable Object> value) {
      contents.add(new Content<>(column, type, value));
      return this;
    }

    Builder<T> member(Member.Form form, String... names) {
      for (String member : names) {
        members.add(Member.of(member, form));
      }
      return this;
    }

    Builder<T> member(String member, String column, Member.Form form) {
      members.add(new Member(member, column, form));
      return this;
    }

    Builder<T> derived(String column, ColumnType type, Function<T, @Nullable Object> value) {
      derived.add(new Derived<>(column, type, value));
      return this;
    }

    /** There is only ever one member, so that there is no order to keep. */
    Builder<T> single() {
      ordered = false;
      return this;
    }

    /** Its records have places. */
    Builder<T> placed() {
      placed = true;
      return this;
    }

    Table<T> make(Maker<T> maker) {
      this.maker = maker;
      return new Table<>(this);
    }
  }

  private static String[] texts(ResultSet row, int count) {
    try {
      String[] parts = new String[count];
      for (int i = 0; i < count; i++) {
        parts[i] = row.getString(i + 1);
      }
      return parts;
    } catch (SQLException e) {
      throw new SqlFailure(e);
    }
  }

  private static int integer(ResultSet row, int index) {
    try {
      return row.getInt(index);
    } catch (SQLException e) {
      throw new SqlFailure(e);
    }
  }

  Kind<T> kind() {
    return kind;
  }

  /** Its name with its schema. */
  String name() {
    return name;
  }

  /** Whether rows of this key are in this table: of embeddings, whether they are of its space. */
  boolean holds(Key key) {
    return part == null || key.part(0).equals(part.space());
  }

  // ---- reading ----

  /** The same without a column of content, which then reads as an empty text. */
  Sql selectWithout(String content) {
    return Sql.of(selectList(content)).add(scope());
  }

  private String selectList(String without) {
    return "SELECT " + readList(without) + " FROM " + name + " AS t";
  }

  /** The columns that {@link #read} needs, of rows called {@code t}. */
  String readList() {
    return readList("");
  }

  private String readList(String without) {
    StringBuilder out = new StringBuilder(keyList);
    out.append(", t.revision, t.digest, t.op_id, t.deleted, ").append(placed ? "t.place" : "0");
    for (Content<T> content : contents) {
      String column = "t." + content.name();
      if (content.name().equals(without)) {
        column = "''";
      } else if (content.type() == ColumnType.VECTOR) {
        column = vectors.read(column);
      }
      out.append(", ").append(column);
    }
    members.forEach(member -> out.append(", t.").append(member.column()));
    out.append(", t.").append(EXTRA);
    if (ordered) {
      out.append(", t.").append(MEMBERS);
    }
    return out.toString();
  }

  /** Every column that {@link #read} needs, of rows called {@code t}; conditions may follow. */
  Sql select() {
    return Sql.of(select).add(scope());
  }

  /** Like {@link #select}, only for {@link #readVersion}. */
  Sql selectVersions() {
    return Sql.of("SELECT " + keyList + ", t.revision, t.digest FROM " + name + " AS t")
        .add(scope());
  }

  /** The condition that a row is this table's. The number is spelled out: it names a partition. */
  Sql scope() {
    return Sql.of(
        " WHERE t.namespace = ?" + (part == null ? "" : " AND t.space_id = " + part.id()),
        Sql.text(namespace));
  }

  /** The condition that a row has this key. */
  Sql hasKey(Key key) {
    Sql sql = new Sql();
    for (KeyColumn column : keys) {
      sql.add(" AND t." + column.name() + " = ?", Sql.object(column.value().apply(key)));
    }
    return sql;
  }

  /**
   * The rows of these keys, in the order of {@code wanted}, each looked up by itself: the planner
   * must not come to think of reading the whole table.
   *
   * @param more conditions and locks
   */
  Sql selectEach(Collection<Key> wanted, String more) {
    if (wanted.size() == 1) {
      return select().add(hasKey(wanted.iterator().next())).add(more);
    }
    Sql sql = Sql.of("SELECT t.* FROM ").add(wantedKeys(wanted));
    return sql.add(" CROSS JOIN LATERAL (")
        .add(select())
        .add(isWanted())
        .add(" OFFSET 0" + more + ") AS t ORDER BY k.n");
  }

  /**
   * The key of the last live row of a list.
   *
   * @param before what comes before the place in the keys of its records
   */
  Sql selectEnd(List<String> before) {
    KeyColumn place = keys.get(keys.size() - 1);
    Sql sql = Sql.of("SELECT " + keyList + " FROM " + name + " AS t").add(scope());
    for (int i = 0; i < before.size(); i++) {
      sql.add(" AND t." + keys.get(i).name() + " = ?", Sql.text(before.get(i)));
    }
    if (place.type() == ColumnType.TEXT) {
      sql.add(" AND t." + place.name() + " < ':'"); // after the digits: what is no place
    }
    return sql.add(" AND NOT t.deleted ORDER BY t." + place.name() + " DESC LIMIT 1");
  }

  /** The key in a row that begins with one. */
  Key readKey(ResultSet row) {
    return keyReader.apply(row);
  }

  /** The condition that there is no row of these keys. */
  Sql hasNone(Collection<Key> wanted) {
    if (wanted.size() == 1) {
      return Sql.of("NOT EXISTS (SELECT FROM " + name + " AS t")
          .add(scope())
          .add(hasKey(wanted.iterator().next()))
          .add(")");
    }
    Sql sql = Sql.of("NOT EXISTS (SELECT FROM ").add(wantedKeys(wanted));
    return sql.add(" CROSS JOIN LATERAL (SELECT FROM " + name + " AS t")
        .add(scope())
        .add(isWanted())
        .add(" OFFSET 0) AS t)");
  }

  /**
   * The live rows with one of these texts in {@code column}, in the order of the texts and keys.
   */
  Sql selectLive(String column, Collection<String> texts, String lock) {
    return selectAll(column, texts, " AND NOT t.deleted", lock);
  }

  /** Like {@link #selectLive}, with the tombstones. */
  Sql selectAll(String column, Collection<String> texts, String lock) {
    return selectAll(column, texts, "", lock);
  }

  private Sql selectAll(String column, Collection<String> texts, String more, String lock) {
    return Sql.of("SELECT t.* FROM unnest(?::text[]) AS k(wanted)", Sql.texts(texts))
        .add(" CROSS JOIN LATERAL (")
        .add(select())
        .add(" AND t." + column + " = k.wanted" + more + orderByKey())
        .add(" OFFSET 0" + lock + ") AS t");
  }

  private Sql wantedKeys(Collection<Key> wanted) {
    Sql sql = Sql.of("unnest(");
    StringBuilder names = new StringBuilder();
    for (KeyColumn column : keys) {
      sql.add(names.isEmpty() ? "?::" : ", ?::", keyValues(column, wanted));
      sql.add(column.type().element + "[]");
      names.append(column.name()).append(", ");
    }
    return sql.add(") WITH ORDINALITY AS k(" + names + "n)");
  }

  private String isWanted() {
    StringBuilder out = new StringBuilder();
    keys.forEach(
        key -> out.append(" AND t.").append(key.name()).append(" = k.").append(key.name()));
    return out.toString();
  }

  private static Argument keyValues(KeyColumn column, Collection<Key> wanted) {
    @Nullable Object[] values = column.type().array(wanted.size());
    int i = 0;
    for (Key key : wanted) {
      values[i++] = column.value().apply(key);
    }
    return Sql.array(column.type().element, values);
  }

  /** The condition that a row's key is above, or at most, {@code key}. */
  Sql compareKey(String operator, Key key) {
    Sql sql = Sql.of(" AND (" + keyList + ") " + operator + " (");
    for (int i = 0; i < keys.size(); i++) {
      boolean isOrdinal = keys.get(i).type() == ColumnType.INTEGER;
      Object bound = isOrdinal ? lastUpTo(key.part(i)) : keys.get(i).value().apply(key);
      sql.add(i == 0 ? "?" : ", ?", Sql.object(bound));
    }
    return sql.add(")");
  }

  /** The last place whose eight digits do not come after a text; -1 if there is none. */
  static int lastUpTo(String text) {
    int above = 0; // the first place that does
    for (int i = 0, unit = 10_000_000; i < 8; i++, unit /= 10) {
      char digit = i < text.length() ? text.charAt(i) : 0;
      if (digit < '0') {
        return above - 1;
      }
      above += Math.min(digit - '0', 10) * unit;
      if (digit > '9') {
        return above - 1;
      }
    }
    return above;
  }

  /** The order of keys, which is the order of the index. */
  String orderByKey() {
    return " ORDER BY " + keyList;
  }

  /** The key and version in a row of {@link #selectVersions}. */
  KeyVersion readVersion(ResultSet row) throws SQLException {
    int index = keys.size();
    long revision = row.getLong(index + 1);
    return new KeyVersion(keyReader.apply(row), new Version(revision, digest(row, index + 2)));
  }

  /** The record or tombstone in a row of {@link #select}. */
  Stored<T> read(Operation operation, ResultSet row) throws SQLException {
    Key key = keyReader.apply(row);
    try {
      int index = keys.size();
      long revision = row.getLong(index + 1);
      Digest digest = digest(row, index + 2);
      UUID op = row.getObject(index + 3, UUID.class);
      OpId lastOp = op == null ? null : new OpId(op);
      if (row.getBoolean(index + 4)) {
        return Stored.tombstone(kind, key, revision, lastOp);
      }
      return new Stored<>(
          kind,
          key,
          new Version(revision, digest),
          lastOp,
          record(key, row, index + 6),
          row.getLong(index + 5));
    } catch (IllegalArgumentException unreadable) {
      throw corrupt(operation, key);
    }
  }

  private CorruptMemoryException corrupt(Operation operation, Key key) {
    return new CorruptMemoryException(
        operation, name + ":" + key, "does not read as a " + kind, null);
  }

  /** The floats that a column of vectors gave as {@link Vectors#read} has it. */
  float[] vector(Operation operation, Key key, byte @Nullable [] sent) {
    try {
      return vectors.parse(sent);
    } catch (IllegalArgumentException unreadable) {
      throw corrupt(operation, key);
    }
  }

  private T record(Key key, ResultSet row, int from) throws SQLException {
    int index = from;
    Map<String, @Nullable Object> content = new LinkedHashMap<>();
    for (Content<T> column : contents) {
      Object value =
          column.type() == ColumnType.VECTOR
              ? vectors.parse(row.getBytes(index))
              : row.getString(index);
      content.put(column.name(), value);
      index++;
    }
    Map<String, Value> values = new LinkedHashMap<>();
    for (Member member : members) {
      Value value = member.form().read(row, index++, key);
      if (value != null) {
        values.put(member.name(), value);
      }
    }
    String extra = row.getString(index++);
    if (extra != null && Canonical.parse(extra) instanceof Value.Map rest) {
      rest.entries().forEach(values::putIfAbsent);
    }
    Array order = ordered ? row.getArray(index) : null;
    return maker.make(key, content, new Value.Map(order == null ? values : sort(values, order)));
  }

  private static Map<String, Value> sort(Map<String, Value> values, Array order)
      throws SQLException {
    Map<String, Value> sorted = new LinkedHashMap<>();
    for (Object member : (@Nullable Object[]) requireNonNull(order.getArray())) {
      Value value = member == null ? null : values.get(member);
      if (value != null) {
        sorted.put((String) requireNonNull(member), value);
      }
    }
    values.forEach(sorted::putIfAbsent); // what somebody's own SQL has set since
    return sorted;
  }

  static @Nullable Digest digest(ResultSet row, int index) throws SQLException {
    byte[] bytes = row.getBytes(index);
    return bytes == null ? null : new Digest(Canonical.hex(bytes));
  }

  // ---- writing ----

  /** The columns beside key and control columns. */
  List<Column> columns() {
    return columns;
  }

  /** The columns of the key. */
  List<KeyColumn> keys() {
    return keys;
  }

  /** The space whose part this is; null for a table that has no parts. */
  @Nullable Part part() {
    return part;
  }

  String namespace() {
    return namespace;
  }

  Vectors vectors() {
    return vectors;
  }

  /** What stands in each of {@link #columns}; for a tombstone nothing. */
  @Nullable Object[] encode(Stored<?> stored) {
    @Nullable Object[] row = new Object[columns.size()];
    if (stored.value() != null) {
      encode(kind.type().cast(stored.value()), stored.place(), row);
    }
    return row;
  }

  private void encode(T record, long place, @Nullable Object[] row) {
    int column = 0;
    for (Content<T> content : contents) {
      row[column++] = content.value().apply(record);
    }
    Value.Map values = membersOf.apply(record);
    Map<String, Value> rest = new LinkedHashMap<>();
    int last = -1;
    boolean standard = true; // first those with a column, in its order, then the others
    for (Map.Entry<String, Value> entry : values.entries().entrySet()) {
      Integer number = memberPlaces.get(entry.getKey());
      Member member = number == null ? null : members.get(number);
      Object encoded = member == null ? null : member.form().encode(entry.getValue(), record.key());
      if (number == null || encoded == null) {
        rest.put(entry.getKey(), entry.getValue());
      } else {
        standard = standard && rest.isEmpty() && number > last;
        last = number;
        row[column + number] = encoded;
      }
    }
    column += members.size();
    row[column++] = rest.isEmpty() ? null : Canonical.json(new Value.Map(rest));
    if (ordered) {
      row[column++] = standard ? null : List.copyOf(values.entries().keySet());
    }
    if (placed) {
      row[column++] = place;
    }
    for (Derived<T> item : derived) {
      row[column++] = item.value().apply(record);
    }
  }

  /** Whether what stands in one of these columns may be large. */
  boolean mayBeLarge(BitSet which) {
    return which.stream()
        .mapToObj(columns::get)
        .anyMatch(
            column ->
                column.type() == ColumnType.VECTOR
                    || column.type() == ColumnType.JSON
                    || column.name().startsWith("content"));
  }

  /** Roughly the bytes a record takes. */
  static int weight(Stored<?> stored) {
    MemoryRecord value = stored.value();
    if (value instanceof OtherFile file && file.value() instanceof Value.Text text) {
      return 1000 + text.value().length() * 2;
    }
    if (value instanceof Memory memory) {
      return 1000 + memory.content().length() * 2;
    }
    return value instanceof Embedding embedding
        ? 500 + embedding.dimensions() * Float.BYTES * 2
        : 1000;
  }

  /** Turns a failure inside a function into one that the caller's SQL code sees. */
  static final class SqlFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final SQLException failure;

    SqlFailure(SQLException failure) {
      super(failure);
      this.failure = failure;
    }

    SQLException failure() {
      return failure;
    }
  }

  /** A maker for kinds whose content is nothing but their members, under {@code name}. */
  static <T extends MemoryRecord> Maker<T> ofMembers(
      Kind<T> kind, Function<Value.Map, Value.Map> tree) {
    BiFunction<Key, Value.Map, T> record = kind::record;
    return (key, content, members) -> record.apply(key, tree.apply(members));
  }
}

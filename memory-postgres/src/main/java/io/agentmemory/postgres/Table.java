package io.agentmemory.postgres;

import static java.util.Objects.requireNonNull;

import io.agentmemory.CorruptMemoryException;
import io.agentmemory.Digest;
import io.agentmemory.Key;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.Version;
import io.agentmemory.spi.Canonical;
import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
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

  /** A column beside key and control columns, as statements write it. */
  private record Written(String name, String arrayType, String cast) {}

  private static final String EXTRA = "extra";
  private static final String MEMBERS = "members";

  private final Kind<T> kind;
  private final String name;
  private final String namespace;
  private final Vectors vectors;
  private final String fixedColumn;
  private final long fixedValue;
  private final String fixedPartColumn;
  private final @Nullable String fixedPart;
  private final List<KeyColumn> keys;
  private final Function<ResultSet, Key> keyReader;
  private final List<Content<T>> contents;
  private final List<Member> members;
  private final Map<String, Integer> memberPlaces = new LinkedHashMap<>();
  private final boolean ordered;
  private final List<Derived<T>> derived;
  private final Function<T, Value.Map> membersOf;
  private final Maker<T> maker;

  private final String select;
  private final String keyList;
  private final String insertInto;
  private final String insertFrom;
  private final String update;
  private final List<Written> written = new ArrayList<>();

  private Table(Builder<T> builder) {
    kind = builder.kind;
    name = builder.schema + "." + builder.name;
    namespace = builder.namespace;
    vectors = builder.vectors;
    fixedColumn = builder.fixedColumn;
    fixedValue = builder.fixedValue;
    fixedPartColumn = builder.fixedPartColumn;
    fixedPart = builder.fixedPart;
    keys = List.copyOf(builder.keys);
    keyReader = builder.keyReader;
    contents = List.copyOf(builder.contents);
    members = List.copyOf(builder.members);
    ordered = builder.ordered;
    derived = List.copyOf(builder.derived);
    membersOf = builder.membersOf;
    maker = requireNonNull(builder.maker, "maker");
    members.forEach(member -> memberPlaces.put(member.name(), memberPlaces.size()));
    contents.forEach(content -> written.add(written(content.name(), content.type())));
    members.forEach(member -> written.add(written(member.column(), member.form().type)));
    written.add(written(EXTRA, ColumnType.JSON));
    if (ordered) {
      written.add(written(MEMBERS, ColumnType.TEXTS));
    }
    derived.forEach(column -> written.add(written(column.name(), column.type())));
    keyList = String.join(", ", keys.stream().map(key -> "t." + key.name()).toList());
    select = selectList();
    insertInto = insertInto();
    insertFrom = insertFrom();
    update = update();
  }

  private Written written(String column, ColumnType type) {
    return type == ColumnType.VECTOR
        ? new Written(column, vectors.arrayType(), vectors.cast())
        : new Written(column, type.element + "[]", type.cast);
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
    private String fixedColumn = "";
    private long fixedValue;
    private String fixedPartColumn = "";
    private @Nullable String fixedPart;

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

    /** Only keys that begin with this part, whose rows have it and its number in these columns. */
    Builder<T> fixed(String partColumn, String part, String numberColumn, long number) {
      fixedPartColumn = partColumn;
      fixedPart = part;
      fixedColumn = numberColumn;
      fixedValue = number;
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

  Kind<T> kind() {
    return kind;
  }

  /** Its name with its schema. */
  String name() {
    return name;
  }

  /** Whether rows of this key are in this table: of embeddings, whether they are of its space. */
  boolean holds(Key key) {
    return fixedPart == null || key.part(0).equals(fixedPart);
  }

  // ---- reading ----

  private String selectList() {
    StringBuilder out = new StringBuilder("SELECT ").append(keyList);
    out.append(", t.revision, t.digest, t.op_id, t.deleted");
    for (Content<T> content : contents) {
      String column = "t." + content.name();
      out.append(", ").append(content.type() == ColumnType.VECTOR ? vectors.read(column) : column);
    }
    members.forEach(member -> out.append(", t.").append(member.column()));
    out.append(", t.").append(EXTRA);
    if (ordered) {
      out.append(", t.").append(MEMBERS);
    }
    return out.append(" FROM ").append(name).append(" AS t").toString();
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

  /** The condition that a row is this table's. */
  Sql scope() {
    return fixedColumn.isEmpty()
        ? Sql.of(" WHERE t.namespace = ?", Sql.text(namespace))
        : Sql.of(
            " WHERE t.namespace = ? AND t." + fixedColumn + " = " + fixedValue,
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

  /** The condition that a row has one of these keys. */
  Sql hasKeyIn(Collection<Key> wanted) {
    if (keys.size() == 1) {
      return Sql.of(
          " AND t." + keys.get(0).name() + " = ANY(?::" + keys.get(0).type().element + "[])",
          keyValues(keys.get(0), wanted));
    }
    Sql sql = Sql.of(" AND (" + keyList + ") IN (SELECT * FROM unnest(");
    for (int i = 0; i < keys.size(); i++) {
      KeyColumn column = keys.get(i);
      sql.add((i == 0 ? "?::" : ", ?::") + column.type().element + "[]", keyValues(column, wanted));
    }
    return sql.add("))");
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
      sql.add(i == 0 ? "?" : ", ?", Sql.object(keys.get(i).value().apply(key)));
    }
    return sql.add(")");
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
          kind, key, new Version(revision, digest), lastOp, record(key, row, index + 5));
    } catch (IllegalArgumentException unreadable) {
      throw new CorruptMemoryException(
          operation, name + ":" + key, "does not read as a " + kind, null);
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

  private static @Nullable Digest digest(ResultSet row, int index) throws SQLException {
    byte[] bytes = row.getBytes(index);
    return bytes == null ? null : new Digest(Canonical.hex(bytes));
  }

  // ---- writing ----

  private String insertInto() {
    StringBuilder out = new StringBuilder("INSERT INTO ").append(name).append(" (namespace");
    keys.forEach(key -> out.append(", ").append(key.name()));
    if (!fixedColumn.isEmpty()) {
      out.append(", ").append(fixedColumn).append(", ").append(fixedPartColumn);
    }
    out.append(", op_id, revision, digest, deleted");
    written.forEach(column -> out.append(", ").append(column.name()));
    out.append(")\nSELECT ?");
    keys.forEach(key -> out.append(", x.").append(key.name()));
    if (!fixedColumn.isEmpty()) {
      out.append(", ").append(fixedValue).append(", ?");
    }
    out.append(", ?, x.revision, x.digest, x.deleted");
    written.forEach(column -> out.append(", x.").append(column.name()).append(column.cast()));
    return out.append("\nFROM ").toString();
  }

  private String insertFrom() {
    StringBuilder out = new StringBuilder("unnest(");
    keys.forEach(key -> out.append("?::").append(key.type().element).append("[], "));
    out.append("?::int8[], ?::bytea[], ?::bool[]");
    written.forEach(column -> out.append(", ?::").append(column.arrayType()));
    out.append(") AS x(");
    keys.forEach(key -> out.append(key.name()).append(", "));
    out.append("revision, digest, deleted");
    written.forEach(column -> out.append(", ").append(column.name()));
    return out.append(')').toString();
  }

  private String update() {
    StringBuilder out = new StringBuilder("UPDATE ").append(name).append(" AS t SET op_id = ?");
    out.append(", revision = x.revision, digest = x.digest, deleted = x.deleted");
    written.forEach(
        column ->
            out.append(", ")
                .append(column.name())
                .append(" = x.")
                .append(column.name())
                .append(column.cast()));
    String from = insertFrom();
    out.append("\nFROM ").append(from, 0, from.indexOf(") AS x(")).append(", ?::int8[]");
    out.append(from, from.indexOf(") AS x("), from.length() - 1).append(", base)\nWHERE");
    out.append(" t.namespace = ?");
    if (!fixedColumn.isEmpty()) {
      out.append(" AND t.").append(fixedColumn).append(" = ").append(fixedValue);
    }
    keys.forEach(
        key -> out.append(" AND t.").append(key.name()).append(" = x.").append(key.name()));
    return out.append(" AND t.revision = x.base").toString();
  }

  /**
   * Inserts rows that are not there.
   *
   * @param before what the FROM clause has before the rows, such as {@code "ok, "}
   * @param after such as {@code " ON CONFLICT DO NOTHING"}
   */
  Sql insert(OpId opId, List<Stored<?>> rows, String before, String after) {
    Sql sql = Sql.of(insertInto, Sql.text(namespace));
    if (fixedPart != null) {
      sql.add("", Sql.text(fixedPart));
    }
    sql.add(before, Sql.object(opId.value()));
    return sql.add(insertFrom, arrays(rows).toArray(new Argument[0])).add(after);
  }

  /** Changes rows that are at the revisions {@code bases}, and leaves others as they are. */
  Sql update(OpId opId, List<Stored<?>> rows, List<Long> bases) {
    List<Argument> values = new ArrayList<>();
    values.add(Sql.object(opId.value()));
    values.addAll(arrays(rows));
    values.add(Sql.array("int8", bases.toArray(new Long[0])));
    values.add(Sql.text(namespace));
    return Sql.of(update, values.toArray(new Argument[0]));
  }

  private List<Argument> arrays(List<Stored<?>> rows) {
    int size = rows.size();
    List<@Nullable Object[]> columns = new ArrayList<>();
    keys.forEach(key -> columns.add(key.type().array(size)));
    columns.add(new Long[size]);
    columns.add(new byte[size][]);
    columns.add(new Boolean[size]);
    int control = columns.size();
    for (int i = 0; i < written.size(); i++) {
      columns.add(NONE);
    }
    Row target = new Row(columns, control, size);
    for (int i = 0; i < size; i++) {
      Stored<?> stored = rows.get(i);
      for (int k = 0; k < keys.size(); k++) {
        columns.get(k)[i] = keys.get(k).value().apply(stored.key());
      }
      Digest digest = stored.version().digest();
      columns.get(control - 3)[i] = stored.revision();
      columns.get(control - 2)[i] = digest == null ? null : HexFormat.of().parseHex(digest.hex());
      columns.get(control - 1)[i] = stored.isTombstone();
      if (stored.value() != null) {
        target.at = i;
        write(kind.type().cast(stored.value()), target);
      }
    }
    List<Argument> arguments = new ArrayList<>();
    for (int c = 0; c < columns.size(); c++) {
      arguments.add(argument(c, control, columns.get(c)));
    }
    return arguments;
  }

  // A column that is null in every row is sent as a null array: unnest fills it up.
  private Argument argument(int column, int control, @Nullable Object[] values) {
    if (values == NONE) {
      return (index, statement, context) -> statement.setNull(index, java.sql.Types.ARRAY);
    }
    if (column < keys.size()) {
      return Sql.array(keys.get(column).type().element, values);
    }
    if (column < control) {
      return Sql.array(List.of("int8", "bytea", "bool").get(column - keys.size()), values);
    }
    String type = written.get(column - control).arrayType();
    return values instanceof float[][]
        ? vectors.array(values)
        : Sql.array(type.substring(0, type.length() - 2), values);
  }

  private static final @Nullable Object[] NONE = new Object[0];

  /** The place of one row in the arrays of its columns, which are made when first needed. */
  private static final class Row {
    private final List<@Nullable Object[]> columns;
    private final int from;
    private final int size;
    private int at;

    Row(List<@Nullable Object[]> columns, int from, int size) {
      this.columns = columns;
      this.from = from;
      this.size = size;
    }

    void set(int column, ColumnType type, @Nullable Object value) {
      if (value == null) {
        return;
      }
      @Nullable Object[] values = columns.get(from + column);
      if (values == NONE) {
        values = type == ColumnType.TEXTS ? new String[size] : type.array(size);
        columns.set(from + column, values);
      }
      values[at] = type.travelling(value);
    }
  }

  private void write(T record, Row row) {
    int column = 0;
    for (Content<T> content : contents) {
      row.set(column++, content.type(), content.value().apply(record));
    }
    Value.Map values = membersOf.apply(record);
    Map<String, Value> rest = new LinkedHashMap<>();
    int last = -1;
    boolean standard = true; // first those with a column, in its order, then the others
    for (Map.Entry<String, Value> entry : values.entries().entrySet()) {
      Integer place = memberPlaces.get(entry.getKey());
      Member member = place == null ? null : members.get(place);
      Object encoded = member == null ? null : member.form().encode(entry.getValue(), record.key());
      if (member == null || encoded == null) {
        rest.put(entry.getKey(), entry.getValue());
      } else {
        int at = requireNonNull(place);
        standard = standard && rest.isEmpty() && at > last;
        last = at;
        row.set(column + last, member.form().type, encoded);
      }
    }
    column += members.size();
    if (!rest.isEmpty()) {
      row.set(column, ColumnType.JSON, Canonical.json(new Value.Map(rest)));
    }
    column++;
    if (ordered) {
      List<String> names = standard ? null : List.copyOf(values.entries().keySet());
      row.set(column++, ColumnType.TEXTS, names);
    }
    for (Derived<T> item : derived) {
      row.set(column++, item.type(), item.value().apply(record));
    }
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

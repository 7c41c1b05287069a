package io.agentmemory.postgres;

import io.agentmemory.Digest;
import io.agentmemory.OpId;
import io.agentmemory.Stored;
import io.agentmemory.spi.Canonical;
import java.sql.Types;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.List;
import org.jdbi.v3.core.argument.Argument;
import org.jspecify.annotations.Nullable;

/**
 * The statements that write rows of one table: a single row value by value and only as far as it
 * has any, or as it changes; many rows column by column, as arrays. The statements depend on
 * nothing but the table and which columns there are, so that the server plans each once.
 */
final class RowWriter {
  private final Table<?> table;
  private final OpId opId;

  /** Writes to {@code table} in the name of an operation. */
  RowWriter(Table<?> table, OpId opId) {
    this.table = table;
    this.opId = opId;
  }

  // ---- one row ----

  /**
   * Inserts a row.
   *
   * @param from what stands after the values, such as {@code " FROM ok"}
   */
  Sql insertOne(Stored<?> stored, String from) {
    StringBuilder names = new StringBuilder("namespace");
    Sql values = Sql.of("?", Sql.text(table.namespace()));
    for (Table.KeyColumn key : table.keys()) {
      names.append(", ").append(key.name());
      values.add(", ?", Sql.object(key.value().apply(stored.key())));
    }
    Table.Part part = table.part();
    if (part != null) {
      names.append(", space_id, space");
      values.add(", ?, ?", Sql.number(part.id()), Sql.text(part.space()));
    }
    names.append(", op_id, revision, digest, deleted");
    values.add(", ?, ?, ?, ?", control(stored));
    @Nullable Object[] row = table.encode(stored);
    for (int i = 0; i < row.length; i++) {
      Object value = row[i];
      if (value != null) {
        Table.Column column = table.columns().get(i);
        names.append(", ").append(column.name());
        values.add(", " + placeholder(column), argument(column, value));
      }
    }
    return Sql.of("INSERT INTO " + table.name() + " (" + names + ")\nSELECT ")
        .add(values)
        .add(from);
  }

  /**
   * Changes a row that is at the revision of {@code before}; sets only what is different, so that a
   * large body is not written again because its memory was recalled. A row that somebody's own SQL
   * has changed is written whole, so that its derived columns are right again.
   */
  Sql updateOne(Stored<?> before, Stored<?> after) {
    Sql sql =
        Sql.of(
            "UPDATE "
                + table.name()
                + " AS t SET op_id = ?, revision = ?, digest = ?::bytea, deleted = ?",
            control(after));
    @Nullable Object[] old = table.encode(before);
    @Nullable Object[] now = table.encode(after);
    boolean all = isTampered(before);
    for (int i = 0; i < now.length; i++) {
      Table.Column column = table.columns().get(i);
      Object value = now[i];
      if (value == null && (all || old[i] != null)) {
        sql.add(", " + column.name() + " = NULL");
      } else if (value != null && (all || !isSame(value, old[i]))) {
        sql.add(", " + column.name() + " = " + placeholder(column), argument(column, value));
      }
    }
    return sql.add("\n")
        .add(table.scope())
        .add(table.hasKey(after.key()))
        .add(" AND t.revision = ?", Sql.number(before.revision()));
  }

  private static boolean isTampered(Stored<?> stored) {
    return stored.value() != null
        && !Canonical.digest(stored.value()).equals(stored.version().digest());
  }

  private static boolean isSame(Object value, @Nullable Object other) {
    return value instanceof float[] vector
        ? other instanceof float[] floats && Arrays.equals(vector, floats)
        : value.equals(other);
  }

  private Argument[] control(Stored<?> stored) {
    byte[] digest = bytes(stored.version().digest());
    return new Argument[] {
      Sql.object(opId.value()),
      Sql.number(stored.revision()),
      (index, statement, context) -> statement.setBytes(index, digest),
      Sql.flag(stored.isTombstone())
    };
  }

  private static byte @Nullable [] bytes(@Nullable Digest digest) {
    return digest == null ? null : HexFormat.of().parseHex(digest.hex());
  }

  private String placeholder(Table.Column column) {
    return column.type() == ColumnType.VECTOR
        ? "?::" + table.vectors().type()
        : "?" + column.type().cast;
  }

  private Argument argument(Table.Column column, Object value) {
    switch (column.type()) {
      case VECTOR:
        return table.vectors().stored((float[]) value);
      case TEXTS:
        return Sql.array("text", ((List<?>) value).toArray(new String[0]));
      default:
        return Sql.object(value);
    }
  }

  // ---- many rows ----

  /**
   * Inserts rows.
   *
   * @param before what the FROM clause has before the rows, such as {@code "ok, "}
   */
  Sql insertMany(List<Stored<?>> rows, String before) {
    StringBuilder names = new StringBuilder("namespace");
    StringBuilder values = new StringBuilder("?");
    List<Argument> arguments = new ArrayList<>();
    arguments.add(Sql.text(table.namespace()));
    Table.Part part = table.part();
    if (part != null) {
      names.append(", space_id, space");
      values.append(", ?::int8, ?");
      arguments.add(Sql.number(part.id()));
      arguments.add(Sql.text(part.space()));
    }
    names.append(", op_id");
    values.append(", ?");
    arguments.add(Sql.object(opId.value()));
    for (Sent column : sent(all())) {
      names.append(", ").append(column.name);
      values.append(", x.").append(column.name).append(column.cast);
    }
    return Sql.of("INSERT INTO " + table.name() + " (" + names + ")\nSELECT " + values)
        .add("\nFROM " + before, arguments.toArray(new Argument[0]))
        .add(rows(rows, null, all()));
  }

  /**
   * The places of the columns that one of these changes changes, so that the others need not be
   * sent nor written. All of them, if one of the rows was changed by somebody's own SQL.
   */
  BitSet differing(List<Stored<?>> before, List<Stored<?>> after) {
    BitSet differing = new BitSet(table.columns().size());
    for (int i = 0; i < after.size(); i++) {
      if (isTampered(before.get(i))) {
        differing.set(0, table.columns().size());
        return differing;
      }
      @Nullable Object[] old = table.encode(before.get(i));
      @Nullable Object[] now = table.encode(after.get(i));
      for (int c = 0; c < now.length; c++) {
        Object value = now[c];
        if (value == null ? old[c] != null : !isSame(value, old[c])) {
          differing.set(c);
        }
      }
    }
    return differing;
  }

  /**
   * Changes rows that are at the revisions {@code bases}, and leaves others as they are.
   *
   * @param columns places of those to write
   */
  Sql updateMany(List<Stored<?>> rows, List<Long> bases, BitSet columns) {
    StringBuilder text = new StringBuilder("UPDATE " + table.name() + " AS t SET op_id = ?");
    StringBuilder keys = new StringBuilder();
    List<Sent> sent = sent(columns);
    for (int i = 0; i < sent.size(); i++) {
      Sent column = sent.get(i);
      if (i < table.keys().size()) {
        keys.append(" AND t.").append(column.name).append(" = x.").append(column.name);
      } else {
        text.append(", ").append(column.name).append(" = x.").append(column.name);
        text.append(column.cast);
      }
    }
    return Sql.of(text.toString(), Sql.object(opId.value()))
        .add("\nFROM ")
        .add(rows(rows, bases, columns))
        .add("\n")
        .add(table.scope())
        .add(keys + " AND t.revision = x.base");
  }

  /** Gives rows that are at their revisions other places, and leaves all else of them as it is. */
  Sql moveMany(List<Stored<?>> rows) {
    StringBuilder values = new StringBuilder();
    StringBuilder names = new StringBuilder();
    StringBuilder keys = new StringBuilder();
    List<Argument> arguments = new ArrayList<>();
    for (Table.KeyColumn key : table.keys()) {
      values.append("?::").append(key.type().element).append("[], ");
      names.append(key.name()).append(", ");
      keys.append(" AND t.").append(key.name()).append(" = x.").append(key.name());
      @Nullable Object[] parts = key.type().array(rows.size());
      for (int i = 0; i < parts.length; i++) {
        parts[i] = key.value().apply(rows.get(i).key());
      }
      arguments.add(Sql.array(key.type().element, parts));
    }
    arguments.add(Sql.array("int8", rows.stream().map(Stored::revision).toArray(Long[]::new)));
    arguments.add(Sql.array("int8", rows.stream().map(Stored::place).toArray(Long[]::new)));
    return Sql.of(
            "UPDATE "
                + table.name()
                + " AS t SET place = x.place\nFROM unnest("
                + values
                + "?::int8[], ?::int8[]) AS x("
                + names
                + "base, place)\n",
            arguments.toArray(new Argument[0]))
        .add(table.scope())
        .add(keys + " AND t.revision = x.base");
  }

  /** A column whose values travel as an array, and what the statement makes of an element. */
  private record Sent(String name, String arrayType, String cast) {}

  private BitSet all() {
    BitSet all = new BitSet();
    all.set(0, table.columns().size());
    return all;
  }

  private List<Sent> sent(BitSet columns) {
    List<Sent> sent = new ArrayList<>();
    for (Table.KeyColumn key : table.keys()) {
      sent.add(new Sent(key.name(), key.type().element + "[]", ""));
    }
    sent.add(new Sent("revision", "int8[]", ""));
    sent.add(new Sent("digest", "bytea[]", ""));
    sent.add(new Sent("deleted", "bool[]", ""));
    for (int c = columns.nextSetBit(0); c >= 0; c = columns.nextSetBit(c + 1)) {
      Table.Column column = table.columns().get(c);
      ColumnType type = column.type();
      sent.add(
          type == ColumnType.VECTOR
              ? new Sent(column.name(), table.vectors().arrayType(), table.vectors().cast())
              : new Sent(column.name(), type.element + "[]", type.cast));
    }
    return sent;
  }

  /** The rows as a table {@code x} with a column per array. */
  private Sql rows(List<Stored<?>> rows, @Nullable List<Long> bases, BitSet columns) {
    List<Argument> arguments = arrays(rows, columns);
    List<Sent> sent = sent(columns);
    StringBuilder text = new StringBuilder("unnest(");
    StringBuilder names = new StringBuilder();
    for (Sent column : sent) {
      text.append(names.isEmpty() ? "?::" : ", ?::").append(column.arrayType);
      names.append(names.isEmpty() ? "" : ", ").append(column.name);
    }
    if (bases != null) {
      text.append(", ?::int8[]");
      names.append(", base");
      arguments.add(Sql.array("int8", bases.toArray(new Long[0])));
    }
    return Sql.of(text + ") AS x(" + names + ")", arguments.toArray(new Argument[0]));
  }

  private List<Argument> arrays(List<Stored<?>> rows, BitSet columns) {
    int size = rows.size();
    List<Table.KeyColumn> keys = table.keys();
    List<@Nullable Object[]> keyArrays = new ArrayList<>();
    keys.forEach(key -> keyArrays.add(key.type().array(size)));
    Long[] revisions = new Long[size];
    byte[][] digests = new byte[size][];
    Boolean[] deleted = new Boolean[size];
    @Nullable Object[][] arrays = new Object[table.columns().size()][];
    for (int i = 0; i < size; i++) {
      Stored<?> stored = rows.get(i);
      for (int k = 0; k < keys.size(); k++) {
        keyArrays.get(k)[i] = keys.get(k).value().apply(stored.key());
      }
      revisions[i] = stored.revision();
      digests[i] = bytes(stored.version().digest());
      deleted[i] = stored.isTombstone();
      @Nullable Object[] row = table.encode(stored);
      for (int c = columns.nextSetBit(0); c >= 0; c = columns.nextSetBit(c + 1)) {
        Object value = row[c];
        if (value != null) {
          ColumnType type = table.columns().get(c).type();
          if (arrays[c] == null) {
            arrays[c] = type.array(size);
          }
          arrays[c][i] = type.travelling(value);
        }
      }
    }
    List<Argument> arguments = new ArrayList<>();
    for (int k = 0; k < keys.size(); k++) {
      arguments.add(Sql.array(keys.get(k).type().element, keyArrays.get(k)));
    }
    arguments.add(Sql.array("int8", revisions));
    arguments.add(Sql.array("bytea", digests));
    arguments.add(Sql.array("bool", deleted));
    for (int c = columns.nextSetBit(0); c >= 0; c = columns.nextSetBit(c + 1)) {
      arguments.add(argument(table.columns().get(c).type(), arrays[c]));
    }
    return arguments;
  }

  // A column that is null in every row is sent as a null array: unnest fills it up.
  private Argument argument(ColumnType type, @Nullable Object @Nullable [] values) {
    if (values == null) {
      return (index, statement, context) -> statement.setNull(index, Types.ARRAY);
    }
    return type == ColumnType.VECTOR
        ? table.vectors().array(values)
        : Sql.array(type.element, values);
  }
}

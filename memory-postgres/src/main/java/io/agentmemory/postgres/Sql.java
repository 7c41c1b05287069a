package io.agentmemory.postgres;

import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import org.jdbi.v3.core.argument.Argument;
import org.jdbi.v3.core.statement.SqlStatement;

/** A statement in the making: its text, with a question mark for each bound value. */
final class Sql {
  private static final Instant FIRST = Instant.parse("0001-01-01T00:00:00Z");
  private static final Instant END = Instant.parse("+10000-01-01T00:00:00Z");

  private final StringBuilder text = new StringBuilder();
  private final List<Argument> values = new ArrayList<>();

  /** A statement that begins with {@code text}. */
  static Sql of(String text, Argument... values) {
    return new Sql().add(text, values);
  }

  /** Adds text, and the values of the question marks in it. */
  Sql add(String more, Argument... bound) {
    text.append(more);
    values.addAll(List.of(bound));
    return this;
  }

  /** Adds another statement's text and values. */
  Sql add(Sql other) {
    text.append(other.text);
    values.addAll(other.values);
    return this;
  }

  /** The text. */
  String text() {
    return text.toString();
  }

  /** Binds the values, the first one at {@code from}; returns the place after the last. */
  int bind(PreparedStatement statement, int from) throws SQLException {
    int index = from;
    for (Argument value : values) {
      value.apply(index++, statement, null);
    }
    return index;
  }

  /** Binds the values to a statement of JDBI. */
  <S extends SqlStatement<S>> S bind(S statement) {
    for (int i = 0; i < values.size(); i++) {
      statement.bind(i, values.get(i));
    }
    return statement;
  }

  // ---- values ----

  static Argument text(String value) {
    return (index, statement, context) -> statement.setString(index, value);
  }

  static Argument number(long value) {
    return (index, statement, context) -> statement.setLong(index, value);
  }

  static Argument flag(boolean value) {
    return (index, statement, context) -> statement.setBoolean(index, value);
  }

  static Argument number(double value) {
    return (index, statement, context) -> statement.setDouble(index, value);
  }

  /**
   * A time. Columns hold whole microseconds, and the driver would round: a bound is cut upwards,
   * which compares with them as the bound itself does.
   */
  static Argument time(Instant bound) {
    Instant cut = bound.isBefore(FIRST) ? FIRST : bound.isAfter(END) ? END : bound;
    Instant micros = cut.truncatedTo(ChronoUnit.MICROS);
    Instant up = micros.equals(cut) ? cut : micros.plus(1, ChronoUnit.MICROS);
    return object(up.atOffset(ZoneOffset.UTC));
  }

  static Argument object(Object value) {
    return (index, statement, context) -> statement.setObject(index, value);
  }

  /** An array; the text casts it, as in {@code ?::text[]}. */
  static Argument array(String elementType, Object[] values) {
    return (index, statement, context) ->
        statement.setArray(index, statement.getConnection().createArrayOf(elementType, values));
  }

  static Argument texts(Iterable<String> values) {
    List<String> list = new ArrayList<>();
    values.forEach(list::add);
    return array("text", list.toArray(new String[0]));
  }
}

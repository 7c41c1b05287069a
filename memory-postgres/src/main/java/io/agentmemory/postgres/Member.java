package io.agentmemory.postgres;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Key;
import io.agentmemory.Value;
import io.agentmemory.internal.Texts;
import io.agentmemory.spi.Canonical;
import java.math.BigDecimal;
import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A member of a record that has a column of its own.
 *
 * @param name of the member
 * @param column its column
 * @param form what the column can hold; any other value goes to {@code extra}
 */
record Member(String name, String column, Form form) {

  /** A member whose column is called like it. */
  static Member of(String name, Form form) {
    return new Member(name, name, form);
  }

  /** What a column can hold of a member. */
  enum Form {
    /** A text, verbatim. */
    TEXT(ColumnType.TEXT) {
      @Override
      @Nullable Object encode(Value value, Key key) {
        return value instanceof Value.Text text ? text.value() : null;
      }

      @Override
      @Nullable Value read(ResultSet row, int index, Key key) throws SQLException {
        String text = row.getString(index);
        return text == null ? null : new Value.Text(text);
      }
    },

    /** An integer (scale 0) or a float (any other scale). */
    NUMBER(ColumnType.NUMBER) {
      @Override
      @Nullable Object encode(Value value, Key key) {
        return number(value);
      }

      @Override
      @Nullable Value read(ResultSet row, int index, Key key) throws SQLException {
        return number(row, index, "NaN", "Infinity");
      }
    },

    /** The same in a record whose file is YAML, which spells what is no number differently. */
    YAML_NUMBER(ColumnType.NUMBER) {
      @Override
      @Nullable Object encode(Value value, Key key) {
        return number(value);
      }

      @Override
      @Nullable Value read(ResultSet row, int index, Key key) throws SQLException {
        return number(row, index, ".nan", ".inf");
      }
    },

    /** A list of nothing but texts. */
    TEXTS(ColumnType.TEXTS) {
      @Override
      @Nullable Object encode(Value value, Key key) {
        return value.isTexts() ? Value.textsOf(value) : null;
      }

      @Override
      @Nullable Value read(ResultSet row, int index, Key key) throws SQLException {
        Array array = row.getArray(index);
        return array == null ? null : texts((@Nullable Object[]) requireNonNull(array.getArray()));
      }
    },

    /** Anything, as JSON in its own order. */
    JSON(ColumnType.JSON) {
      @Override
      Object encode(Value value, Key key) {
        return Canonical.json(value);
      }

      @Override
      @Nullable Value read(ResultSet row, int index, Key key) throws SQLException {
        String json = row.getString(index);
        return json == null ? null : Canonical.parse(json);
      }
    },

    /** That the record's own id stands there. */
    OWN_ID(ColumnType.FLAG) {
      @Override
      @Nullable Object encode(Value value, Key key) {
        return flag(value, new Value.Text(key.part(0)));
      }

      @Override
      @Nullable Value read(ResultSet row, int index, Key key) throws SQLException {
        return row.getBoolean(index) ? new Value.Text(key.part(0)) : null;
      }
    },

    /** That a map stands there whose entries are records of their own. */
    EMPTY_MAP(ColumnType.FLAG) {
      @Override
      @Nullable Object encode(Value value, Key key) {
        return flag(value, Value.EMPTY_MAP);
      }

      @Override
      @Nullable Value read(ResultSet row, int index, Key key) throws SQLException {
        return row.getBoolean(index) ? Value.EMPTY_MAP : null;
      }
    },

    /** That a list stands there whose entries are records of their own. */
    EMPTY_LIST(ColumnType.FLAG) {
      @Override
      @Nullable Object encode(Value value, Key key) {
        return flag(value, Value.EMPTY_SEQ);
      }

      @Override
      @Nullable Value read(ResultSet row, int index, Key key) throws SQLException {
        return row.getBoolean(index) ? Value.EMPTY_SEQ : null;
      }
    };

    final ColumnType type;

    Form(ColumnType type) {
      this.type = type;
    }

    /** What the column holds for {@code value}; null if it cannot. */
    abstract @Nullable Object encode(Value value, Key key);

    /** The value in a row's column; null if there is none. */
    abstract @Nullable Value read(ResultSet row, int index, Key key) throws SQLException;
  }

  private static @Nullable Object flag(Value value, Value expected) {
    return value.equals(expected) ? Boolean.TRUE : null;
  }

  private static @Nullable String number(Value value) {
    if (value instanceof Value.Int number) {
      return Long.toString(number.value());
    }
    return value instanceof Value.Real number ? digits(number.value()) : null;
  }

  private static @Nullable Value number(ResultSet row, int index, String nan, String infinity)
      throws SQLException {
    Object number = row.getObject(index); // getBigDecimal would refuse what is no number
    if (number instanceof Double none) { // only somebody's own SQL can have put it there
      return new Value.Opaque(none.isNaN() ? nan : none < 0 ? "-" + infinity : infinity);
    }
    return number == null ? null : value((BigDecimal) number);
  }

  /** A float in digits, with at least one after the point, so that it stays a float. */
  static String digits(double value) {
    BigDecimal number = new BigDecimal(Texts.number(value));
    return (number.scale() < 1 ? number.setScale(1) : number).toPlainString();
  }

  /** The number that a column holds; one that only somebody's own SQL can have put there too. */
  static Value value(BigDecimal number) {
    if (number.scale() > 0) {
      double value = number.doubleValue();
      return Double.isFinite(value) ? new Value.Real(value) : opaque(number);
    }
    return number.toBigInteger().bitLength() < Long.SIZE
        ? new Value.Int(number.longValueExact())
        : opaque(number);
  }

  private static Value opaque(BigDecimal number) {
    return new Value.Opaque(number.toPlainString());
  }

  private static Value texts(@Nullable Object[] texts) {
    List<Value> items = new ArrayList<>(texts.length);
    for (Object text : texts) {
      if (text instanceof Object[] inner) { // only somebody's own SQL can have put it there
        items.add(texts(inner));
      } else {
        items.add(text == null ? Value.NULL : new Value.Text((String) text));
      }
    }
    return new Value.Seq(items);
  }
}

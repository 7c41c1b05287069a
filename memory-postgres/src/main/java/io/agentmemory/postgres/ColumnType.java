package io.agentmemory.postgres;

import java.time.OffsetDateTime;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a column holds in Java, and how a value of it travels as one element of an array: as {@code
 * element}, which the statement casts with {@code cast}.
 */
enum ColumnType {
  /** String. */
  TEXT("text", "", String.class),
  /** List of String; travels as the text of an array: arrays of arrays would have to be even. */
  TEXTS("text", "::text[]", String.class),
  /** The digits as a String. */
  NUMBER("text", "::numeric", String.class),
  /** The JSON as a String. */
  JSON("text", "::json", String.class),
  /** Boolean. */
  FLAG("bool", "", Boolean.class),
  /** Integer. */
  INTEGER("int4", "", Integer.class),
  /** Long. */
  LONG("int8", "", Long.class),
  /** Double. */
  DOUBLE("float8", "", Double.class),
  /** OffsetDateTime. */
  TIME("timestamptz", "", OffsetDateTime.class),
  /** byte[]. */
  BYTES("bytea", "", byte[].class),
  /** float[]; travels as {@link Vectors} says. */
  VECTOR("", "", float[].class);

  final String element;
  final String cast;
  private final Class<?> boxed;

  ColumnType(String element, String cast, Class<?> boxed) {
    this.element = element;
    this.cast = cast;
    this.boxed = boxed;
  }

  /** An array for {@code size} values. */
  @Nullable Object[] array(int size) {
    return (Object[]) java.lang.reflect.Array.newInstance(boxed, size);
  }

  /** The value as it stands in such an array. */
  Object travelling(Object value) {
    return this == TEXTS ? literal((List<?>) value) : value;
  }

  private static String literal(List<?> texts) {
    StringBuilder out = new StringBuilder(texts.size() * 16 + 2).append('{');
    for (Object text : texts) {
      out.append(out.length() == 1 ? "\"" : ",\"");
      String element = (String) text;
      for (int i = 0; i < element.length(); i++) {
        char c = element.charAt(i);
        if (c == '"' || c == '\\') {
          out.append('\\');
        }
        out.append(c);
      }
      out.append('"');
    }
    return out.append('}').toString();
  }
}

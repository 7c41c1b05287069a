package io.agentmemory.file;

import io.agentmemory.Value;
import io.agentmemory.internal.Texts;
import io.agentmemory.spi.Numbers;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Writes values as Python's {@code json} does: what is not printable ASCII as an escape (but in
 * files that have it raw), numbers as Python spells them.
 *
 * <p>Source: drift.md 1.2.
 *
 * @param indent one step of indentation; null to write one line
 * @param lineEnd between the lines
 * @param comma between entries on one line
 * @param colon between name and value
 * @param raw whether characters beyond ASCII stand as they are
 */
record JsonText(@Nullable String indent, String lineEnd, String comma, String colon, boolean raw) {

  /** Two blanks per step. */
  static final JsonText INDENTED = new JsonText("  ", "\n", ",", ": ", false);

  /** All on one line. */
  static final JsonText ONE_LINE = new JsonText(null, "\n", ", ", ": ", false);

  private static final JsonText INDENTED_RAW = new JsonText("  ", "\n", ",", ": ", true);
  private static final JsonText ONE_LINE_RAW = new JsonText(null, "\n", ", ", ": ", true);

  /** How the original writes the file at a path. */
  static JsonText of(String path) {
    return switch (path) {
      case "lessons.json", "vocabulary_map.json" -> INDENTED_RAW;
      case ".telegram_state.json", ".thought_priming_state.json" -> ONE_LINE;
      case "dashboard/data.json" -> ONE_LINE_RAW;
      default -> INDENTED;
    };
  }

  /**
   * The same for a document that looks like this.
   *
   * @param gap what stands between its first brace and the first name
   * @param colon what stands between the first name and its value
   */
  JsonText like(String gap, String colon) {
    int lastLine = Math.max(gap.lastIndexOf('\n'), gap.lastIndexOf('\r')) + 1;
    if (lastLine == 0) {
      return new JsonText(null, "\n", colon.equals(":") ? "," : ", ", colon, raw);
    }
    String lineEnd = gap.contains("\r\n") ? "\r\n" : gap.substring(lastLine - 1, lastLine);
    return new JsonText(gap.substring(lastLine), lineEnd, ",", colon, raw);
  }

  /** What stands before the first entry of a map or list so deep, or before its end. */
  String open(int depth) {
    return indent == null ? "" : lineEnd + indent.repeat(depth);
  }

  /** What stands between two entries of a map or list whose entries are so deep. */
  String between(int depth) {
    return indent == null ? comma : "," + lineEnd + indent.repeat(depth);
  }

  /** Appends a name and the colon. */
  void name(String name, StringBuilder out) {
    quote(name, out);
    out.append(colon);
  }

  /** Appends a value whose own entries, if any, are so deep. */
  void value(Value value, int depth, StringBuilder out) {
    if (value instanceof Value.Text text) {
      quote(text.value(), out);
    } else if (value instanceof Value.Int number) {
      out.append(number.value());
    } else if (value instanceof Value.Real number) {
      out.append(Texts.number(number.value()));
    } else if (value instanceof Value.Bool truth) {
      out.append(truth.value());
    } else if (value instanceof Value.Opaque number && canSpell(number)) {
      out.append(number.value());
    } else if (value instanceof Value.Seq seq) {
      seq(seq, depth, out);
    } else if (value instanceof Value.Map map) {
      map(map, depth, out);
    } else if (value.equals(Value.NULL)) {
      out.append("null");
    } else {
      throw new IllegalArgumentException("JSON has no times, and no numbers but its own");
    }
  }

  /** Whether every value in this one is one that JSON has. */
  static boolean canSpell(Value value) {
    if (value instanceof Value.Time) {
      return false;
    } else if (value instanceof Value.Opaque number) {
      return JsonValues.isNoNumber(number.value()) || isNumber(number);
    } else if (value instanceof Value.Seq seq) {
      return seq.items().stream().allMatch(JsonText::canSpell);
    } else if (value instanceof Value.Map map) {
      return map.entries().values().stream().allMatch(JsonText::canSpell);
    }
    return true;
  }

  private static boolean isNumber(Value.Opaque number) {
    try {
      return number.equals(Numbers.json(number.value(), NumberFormatException::new));
    } catch (NumberFormatException none) {
      return false;
    }
  }

  private void seq(Value.Seq seq, int depth, StringBuilder out) {
    if (seq.items().isEmpty()) {
      out.append("[]");
      return;
    }
    out.append('[');
    String gap = open(depth);
    for (Value item : seq.items()) {
      out.append(gap);
      value(item, depth + 1, out);
      gap = between(depth);
    }
    out.append(open(depth - 1)).append(']');
  }

  private void map(Value.Map map, int depth, StringBuilder out) {
    if (map.isEmpty()) {
      out.append("{}");
      return;
    }
    out.append('{');
    String gap = open(depth);
    for (Map.Entry<String, Value> entry : map.entries().entrySet()) {
      out.append(gap);
      name(entry.getKey(), out);
      value(entry.getValue(), depth + 1, out);
      gap = between(depth);
    }
    out.append(open(depth - 1)).append('}');
  }

  /** Appends a list of floats whose items are so deep. */
  void floats(float[] floats, int depth, StringBuilder out) {
    out.append('[');
    for (int i = 0; i < floats.length; i++) {
      out.append(i == 0 ? open(depth) : between(depth));
      Floats.append(floats[i], out);
    }
    out.append(floats.length == 0 ? "" : open(depth - 1)).append(']');
  }

  private void quote(String text, StringBuilder out) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        default -> {
          if (c >= ' ' && (c <= '~' || (raw && c != '\u007f'))) {
            out.append(c);
          } else {
            out.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
          }
        }
      }
    }
    out.append('"');
  }
}

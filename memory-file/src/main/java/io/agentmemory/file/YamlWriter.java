package io.agentmemory.file;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Memory;
import io.agentmemory.Value;
import io.agentmemory.internal.Texts;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Writes front matter in the original's dialect: block style, two blanks, dashes at the column of
 * the key above, a scalar in quotes where YAML 1.1 or 1.2 would mistake it, what is not ASCII as an
 * escape. A text is never folded. Three dashes in a row never occur, since readers cut there.
 *
 * <p>Source: drift.md 1.4 "YAML dialect written".
 */
final class YamlWriter {
  private static final int LONGEST_SIMPLE_KEY = 128;
  private static final String NO_FIRST = "#,[]{}&*!|>'\"%@`";

  private final StringBuilder out = new StringBuilder();

  private YamlWriter() {}

  /** The YAML of a whole front matter, in lines. */
  static String frontMatter(Value value, List<CoOccurrence> counts) {
    YamlWriter writer = new YamlWriter();
    if (value instanceof Value.Map map && !map.isEmpty()) {
      map.entries().forEach((key, item) -> writer.member(key, item, counts));
    } else if (value instanceof Value.Seq seq && !seq.items().isEmpty()) {
      writer.items(seq, 0, false);
    } else if (!value.equals(Value.NULL)) {
      writer.out.append(inline(value)).append('\n');
    }
    return writer.out.toString();
  }

  /** The lines of one member of the front matter. */
  static String lines(String key, Value value, List<CoOccurrence> counts) {
    YamlWriter writer = new YamlWriter();
    writer.member(key, value, counts);
    return writer.out.toString();
  }

  /** The line of one entry of {@code co_occurrences}, so many blanks in. */
  static String count(CoOccurrence count, int indent) {
    YamlWriter writer = new YamlWriter();
    writer.entry(count.to(), count.count(), indent);
    return writer.out.toString();
  }

  private void member(String key, Value value, List<CoOccurrence> counts) {
    boolean holdsCounts = key.equals(Memory.CO_OCCURRENCES) && value instanceof Value.Map;
    if (holdsCounts && !counts.isEmpty()) {
      Map<String, Value> entries = new LinkedHashMap<>();
      counts.forEach(count -> entries.put(count.to(), count.count()));
      entry(key, new Value.Map(entries), 0);
    } else {
      entry(key, value, 0);
    }
  }

  private void entries(Value.Map map, int indent, boolean firstIsPlaced) {
    boolean placed = firstIsPlaced;
    for (Map.Entry<String, Value> entry : map.entries().entrySet()) {
      if (!placed) {
        pad(indent);
      }
      placed = false;
      placedEntry(entry.getKey(), entry.getValue(), indent);
    }
  }

  private void entry(String key, Value value, int indent) {
    pad(indent);
    placedEntry(key, value, indent);
  }

  private void placedEntry(String key, Value value, int indent) {
    String name = text(key);
    if (name.length() > LONGEST_SIMPLE_KEY) {
      out.append("? ").append(name).append('\n');
      pad(indent);
    } else {
      out.append(name);
    }
    out.append(':');
    String inline = inline(value);
    if (inline != null) {
      out.append(' ').append(inline).append('\n');
    } else if (value instanceof Value.Seq seq) {
      out.append('\n');
      items(seq, indent, false);
    } else {
      out.append('\n');
      entries((Value.Map) value, indent + 2, false);
    }
  }

  private void items(Value.Seq seq, int indent, boolean firstIsPlaced) {
    boolean placed = firstIsPlaced;
    for (Value item : seq.items()) {
      if (!placed) {
        pad(indent);
      }
      placed = false;
      item(item, indent);
    }
  }

  private void item(Value item, int indent) {
    out.append("- ");
    String inline = inline(item);
    if (inline != null) {
      out.append(inline).append('\n');
    } else if (item instanceof Value.Map map) {
      entries(map, indent + 2, true);
    } else {
      items((Value.Seq) item, indent + 2, true);
    }
  }

  private void pad(int indent) {
    out.append(" ".repeat(indent));
  }

  /** How a value is written that takes no lines of its own; null if it does. */
  private static @Nullable String inline(Value value) {
    if (value instanceof Value.Text text) {
      return text(text.value());
    } else if (value instanceof Value.Seq seq) {
      return seq.items().isEmpty() ? "[]" : null;
    } else if (value instanceof Value.Map map) {
      return map.isEmpty() ? "{}" : null;
    } else if (value instanceof Value.Bool truth) {
      return truth.value() ? "true" : "false";
    } else if (value instanceof Value.Int number) {
      return Long.toString(number.value());
    } else if (value instanceof Value.Real number) {
      String digits = Texts.number(number.value());
      return digits.indexOf('.') < 0 ? digits.replace("e", ".0e") : digits;
    } else if (value instanceof Value.Time time) {
      return time.value();
    } else if (value instanceof Value.Opaque number) {
      return number.value();
    }
    return "null";
  }

  // ---- texts ----

  private static String text(String text) {
    if (!isPlainAscii(text) || text.contains("---")) {
      return doubleQuoted(text);
    }
    return isPlain(text) ? text : "'" + text.replace("'", "''") + "'";
  }

  private static boolean isPlainAscii(String text) {
    return text.chars().allMatch(c -> c >= ' ' && c <= '~');
  }

  /** Whether a text of plain ASCII means itself without quotes. */
  private static boolean isPlain(String text) {
    if (text.isEmpty() || text.startsWith(" ") || text.endsWith(" ")) {
      return false;
    }
    char first = text.charAt(0);
    boolean sign = first == '-' || first == '?' || first == ':';
    return NO_FIRST.indexOf(first) < 0
        && !(sign && (text.length() == 1 || text.charAt(1) == ' '))
        && !text.startsWith("...")
        && !text.contains(": ")
        && !text.endsWith(":")
        && !text.contains(" #")
        && !PlainScalars.isMistakable(text);
  }

  private static String doubleQuoted(String text) {
    StringBuilder quoted = new StringBuilder(text.length() + 16).append('"');
    boolean afterDash = false;
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      if (c == '-' && afterDash) {
        quoted.append("\\x2D");
        afterDash = false;
      } else {
        afterDash = c == '-';
        quote(c, quoted);
      }
    }
    return quoted.append('"').toString();
  }

  private static void quote(int c, StringBuilder quoted) {
    switch (c) {
      case '"' -> quoted.append("\\\"");
      case '\\' -> quoted.append("\\\\");
      case 0x07 -> quoted.append("\\a");
      case '\b' -> quoted.append("\\b");
      case '\t' -> quoted.append("\\t");
      case '\n' -> quoted.append("\\n");
      case 0x0b -> quoted.append("\\v");
      case '\f' -> quoted.append("\\f");
      case '\r' -> quoted.append("\\r");
      case 0x1b -> quoted.append("\\e");
      case 0x85 -> quoted.append("\\N");
      case 0xa0 -> quoted.append("\\_");
      case 0x2028 -> quoted.append("\\L");
      case 0x2029 -> quoted.append("\\P");
      default -> {
        if (c >= ' ' && c <= '~') {
          quoted.append((char) c);
        } else if (c <= 0xff) {
          quoted.append(String.format(Locale.ROOT, "\\x%02X", c));
        } else if (c <= 0xffff) {
          quoted.append(String.format(Locale.ROOT, "\\u%04X", c));
        } else {
          quoted.append(String.format(Locale.ROOT, "\\U%08X", c));
        }
      }
    }
  }
}

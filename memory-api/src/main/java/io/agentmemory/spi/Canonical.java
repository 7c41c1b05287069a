package io.agentmemory.spi;

import io.agentmemory.Digest;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Value;
import io.agentmemory.internal.Texts;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Values as JSON, in two spellings that both read back to the same value: {@link #canonical} sorts
 * map keys by code point, so that equal values have equal text, and {@link #json} keeps their
 * order. No spaces; integers as digits, floats as {@link Texts#number}. What JSON cannot say stands
 * as a map of one entry: {@code {"$time":text}}, {@code {"$number":text}}; a map that would look
 * like that is itself wrapped, {@code {"$map":{..}}}.
 */
public final class Canonical {
  private static final int MAX_DEPTH = 600; // 256 levels of maps that each need a wrapping
  private static final String HEX = "0123456789abcdef";

  private Canonical() {}

  /** The canonical text. */
  public static String canonical(Value value) {
    StringBuilder out = new StringBuilder();
    write(value, true, out);
    return out.toString();
  }

  /** The text with map keys in their own order. */
  public static String json(Value value) {
    StringBuilder out = new StringBuilder();
    write(value, false, out);
    return out.toString();
  }

  /**
   * The digest of a record: over {@code {"content":..,"key":[..],"kind":..}} in UTF-8.
   *
   * @throws IllegalArgumentException if a text in it has a lone surrogate
   */
  public static Digest digest(MemoryRecord record) {
    StringBuilder out = new StringBuilder(256).append("{\"content\":");
    write(record.tree(), true, out);
    out.append(",\"key\":[");
    for (int i = 0; i < record.key().parts().size(); i++) {
      quote(record.key().part(i), i == 0 ? out : out.append(','));
    }
    out.append("],\"kind\":");
    quote(record.kind().name(), out);
    out.append('}');
    return sha256(out);
  }

  // getBytes and back is many times as fast as an encoder that reports; a lone surrogate comes back
  // as a question mark.
  private static Digest sha256(StringBuilder text) {
    String json = text.toString();
    byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
    if (!new String(bytes, StandardCharsets.UTF_8).equals(json)) {
      throw new IllegalArgumentException("a text with a lone surrogate has no canonical form");
    }
    try {
      return new Digest(hex(MessageDigest.getInstance("SHA-256").digest(bytes)));
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every JDK has SHA-256", impossible);
    }
  }

  /** Bytes as lower-case hexadecimal digits. */
  public static String hex(byte[] bytes) {
    StringBuilder out = new StringBuilder(bytes.length * 2);
    for (byte b : bytes) {
      out.append(HEX.charAt((b >> 4) & 15)).append(HEX.charAt(b & 15));
    }
    return out.toString();
  }

  private static void write(Value value, boolean sorted, StringBuilder out) {
    if (value instanceof Value.Text text) {
      quote(text.value(), out);
    } else if (value instanceof Value.Int number) {
      out.append(number.value());
    } else if (value instanceof Value.Real number) {
      out.append(Texts.number(number.value()));
    } else if (value instanceof Value.Bool truth) {
      out.append(truth.value());
    } else if (value instanceof Value.Time time) {
      quote(time.value(), out.append("{\"$time\":"));
      out.append('}');
    } else if (value instanceof Value.Opaque number) {
      quote(number.value(), out.append("{\"$number\":"));
      out.append('}');
    } else if (value instanceof Value.Seq seq) {
      out.append('[');
      for (int i = 0; i < seq.items().size(); i++) {
        write(seq.items().get(i), sorted, i == 0 ? out : out.append(','));
      }
      out.append(']');
    } else if (value instanceof Value.Map map) {
      boolean wrap = map.entries().size() == 1 && firstKey(map).startsWith("$");
      writeMap(map, sorted, wrap ? out.append("{\"$map\":") : out);
      if (wrap) {
        out.append('}');
      }
    } else {
      out.append("null");
    }
  }

  private static String firstKey(Value.Map map) {
    return map.entries().keySet().iterator().next();
  }

  private static void writeMap(Value.Map map, boolean sorted, StringBuilder out) {
    Collection<Map.Entry<String, Value>> entries = map.entries().entrySet();
    if (sorted && entries.size() > 1) {
      List<Map.Entry<String, Value>> copy = new ArrayList<>(entries);
      copy.sort((a, b) -> Texts.compare(a.getKey(), b.getKey()));
      entries = copy;
    }
    out.append('{');
    boolean first = true;
    for (Map.Entry<String, Value> entry : entries) {
      quote(entry.getKey(), first ? out : out.append(','));
      write(entry.getValue(), sorted, out.append(':'));
      first = false;
    }
    out.append('}');
  }

  private static void quote(String text, StringBuilder out) {
    out.append('"');
    int from = 0; // what needs no escape goes over in one piece
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c >= 0x20 && c != '"' && c != '\\') {
        continue;
      }
      out.append(text, from, i);
      from = i + 1;
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> out.append("\\u00").append(HEX.charAt(c >> 4)).append(HEX.charAt(c & 15));
      }
    }
    out.append(text, from, text.length()).append('"');
  }

  /**
   * The value that {@code json} spells; takes any JSON, so also text that {@link #json} wrote.
   *
   * @throws IllegalArgumentException if it is no JSON, or nested deeper than 600; says where, never
   *     what
   */
  public static Value parse(String json) {
    Parser parser = new Parser(json);
    Value value = parser.value(0);
    parser.end();
    return parser.wrapped ? unwrap(value) : value;
  }

  /** What the maps of one entry in it stand for, taken literally one level below {@code $map}. */
  private static Value unwrap(Value value) {
    if (value instanceof Value.Seq seq) {
      return new Value.Seq(seq.items().stream().map(Canonical::unwrap).toList());
    }
    if (!(value instanceof Value.Map map)) {
      return value;
    }
    if (map.entries().size() == 1) {
      Value only = map.get(firstKey(map));
      switch (firstKey(map)) {
        case "$time":
          if (only instanceof Value.Text text) {
            return new Value.Time(text.value());
          }
          break;
        case "$number":
          if (only instanceof Value.Text text) {
            return new Value.Opaque(text.value());
          }
          break;
        case "$map":
          if (only instanceof Value.Map literal) {
            return unwrapEntries(literal);
          }
          break;
        default:
      }
    }
    return unwrapEntries(map);
  }

  private static Value unwrapEntries(Value.Map map) {
    Map<String, Value> entries = new LinkedHashMap<>();
    map.entries().forEach((key, value) -> entries.put(key, unwrap(value)));
    return new Value.Map(entries);
  }

  private static final class Parser {
    private final String text;
    private int at;

    /** Whether a key was seen that may stand for what JSON cannot say. */
    private boolean wrapped;

    Parser(String text) {
      this.text = text;
    }

    Value value(int depth) {
      if (depth > MAX_DEPTH) {
        throw bad("nested too deep");
      }
      char c = peek();
      switch (c) {
        case '{':
          return map(depth);
        case '[':
          return seq(depth);
        case '"':
          return new Value.Text(string());
        case 't':
          return word("true", new Value.Bool(true));
        case 'f':
          return word("false", new Value.Bool(false));
        case 'n':
          return word("null", Value.NULL);
        default:
          return number();
      }
    }

    private Value.Map map(int depth) {
      Map<String, Value> entries = new LinkedHashMap<>();
      at++;
      if (peek() == '}') {
        at++;
        return Value.EMPTY_MAP;
      }
      while (true) {
        if (peek() != '"') {
          throw bad("a key expected");
        }
        String key = string();
        wrapped |= key.startsWith("$");
        expect(':');
        entries.put(key, value(depth + 1));
        if (peek() == ',') {
          at++;
        } else {
          expect('}');
          return new Value.Map(entries);
        }
      }
    }

    private Value seq(int depth) {
      List<Value> items = new ArrayList<>();
      at++;
      if (peek() == ']') {
        at++;
        return Value.EMPTY_SEQ;
      }
      while (true) {
        items.add(value(depth + 1));
        if (peek() == ',') {
          at++;
        } else {
          expect(']');
          return new Value.Seq(items);
        }
      }
    }

    private Value word(String word, Value value) {
      if (!text.startsWith(word, at)) {
        throw bad("no JSON");
      }
      at += word.length();
      return value;
    }

    private Value number() {
      int from = at;
      while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) {
        at++;
      }
      return Numbers.json(text.substring(from, at), () -> bad("no JSON"));
    }

    private String string() {
      StringBuilder out = new StringBuilder();
      at++;
      while (true) {
        if (at >= text.length()) {
          throw bad("a text without end");
        }
        char c = text.charAt(at++);
        if (c == '"') {
          return out.toString();
        }
        if (c < 0x20) {
          throw bad("a bare control character");
        }
        out.append(c == '\\' ? escape() : c);
      }
    }

    private char escape() {
      char c = at < text.length() ? text.charAt(at++) : 0;
      switch (c) {
        case 'n':
          return '\n';
        case 'r':
          return '\r';
        case 't':
          return '\t';
        case 'b':
          return '\b';
        case 'f':
          return '\f';
        case '"', '\\', '/':
          return c;
        case 'u':
          int code = 0;
          for (int end = at + 4; at < end; at++) {
            char c16 = at < text.length() ? text.charAt(at) : 0;
            int digit = c16 < 0x80 ? Character.digit(c16, 16) : -1; // only the digits of ASCII
            if (digit < 0) {
              throw bad("a broken escape");
            }
            code = code * 16 + digit;
          }
          return (char) code;
        default:
          throw bad("an unknown escape");
      }
    }

    private char peek() {
      while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
        at++;
      }
      return at < text.length() ? text.charAt(at) : 0;
    }

    private void expect(char c) {
      if (peek() != c) {
        throw bad("'" + c + "' expected");
      }
      at++;
    }

    void end() {
      if (peek() != 0 || at < text.length()) {
        throw bad("something after the end");
      }
    }

    private IllegalArgumentException bad(String why) {
      return new IllegalArgumentException(why + " at character " + at);
    }
  }
}

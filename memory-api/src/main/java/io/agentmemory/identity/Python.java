package io.agentmemory.identity;

import io.agentmemory.Value;
import io.agentmemory.internal.Arithmetic;
import io.agentmemory.internal.Texts;
import io.agentmemory.spi.Canonical;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The few things that the original leaves to its language and that its hashes depend on. */
final class Python {
  private Python() {}

  /** {@code round(x, n)}; see {@link #finite}. */
  static double round(double x, int digits) {
    return Arithmetic.round(finite(x), digits);
  }

  /**
   * A number that no value can hold, because too much was added up, as the nearest one that can; 0
   * for none. The original gives up there.
   */
  static double finite(double x) {
    return Double.isNaN(x) ? 0 : Math.max(-Double.MAX_VALUE, Math.min(Double.MAX_VALUE, x));
  }

  /** A number rounded; an integer stays one. */
  static Value round(Value number, int digits) {
    return number instanceof Value.Real real ? Value.of(round(real.value(), digits)) : number;
  }

  /** The sum in order: an integer if there are only integers, as of nothing. */
  static Value sum(Collection<Value> numbers) {
    boolean whole = numbers.stream().allMatch(Value.Int.class::isInstance);
    double sum = 0;
    for (Value number : numbers) {
      sum = finite(sum + number(number));
    }
    return whole ? Value.of((long) sum) : Value.of(sum);
  }

  /** A number as a float; 0 for what is none. */
  static double number(@Nullable Value value) {
    Double number = Value.numberOf(value);
    return number == null ? 0 : number;
  }

  /** {@code str(x)}, except that lists and maps stand as JSON. */
  static String str(Value value) {
    if (value instanceof Value.Null) {
      return "None";
    }
    if (value instanceof Value.Bool truth) {
      return truth.value() ? "True" : "False";
    }
    String text = Value.textOf(value);
    return text == null ? json(value) : text;
  }

  /** Without white space at either end, as {@code str.strip()} sees it. */
  static String strip(String text) {
    int from = 0;
    int to = text.length();
    while (from < to && isSpace(text.charAt(from))) {
      from++;
    }
    while (to > from && isSpace(text.charAt(to - 1))) {
      to--;
    }
    return text.substring(from, to);
  }

  /** The words between white space, as {@code str.split()} sees it. */
  static List<String> split(String text) {
    List<String> words = new ArrayList<>();
    int from = -1;
    for (int i = 0; i <= text.length(); i++) {
      boolean inside = i < text.length() && !isSpace(text.charAt(i));
      if (inside && from < 0) {
        from = i;
      } else if (!inside && from >= 0) {
        words.add(text.substring(from, i));
        from = -1;
      }
    }
    return words;
  }

  private static boolean isSpace(char c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == '\u0085';
  }

  /** SHA-256 of the UTF-8 text, 64 hexadecimal digits. */
  static String sha256(String text) {
    try {
      return Canonical.hex(
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every JDK has SHA-256", impossible);
    }
  }

  /** {@code Counter.most_common()}: the highest count first, ties as first counted. */
  static Map<String, Integer> mostCommon(Map<String, Integer> counts, int limit) {
    List<Map.Entry<String, Integer>> entries = new ArrayList<>(counts.entrySet());
    entries.sort((a, b) -> Integer.compare(b.getValue(), a.getValue()));
    Map<String, Integer> top = new LinkedHashMap<>();
    entries.stream().limit(limit).forEach(entry -> top.put(entry.getKey(), entry.getValue()));
    return top;
  }

  /** {@code json.dumps(value, sort_keys=True)}: spaces after commas and colons, ASCII only. */
  static String json(Value value) {
    StringBuilder out = new StringBuilder();
    json(value, out);
    return out.toString();
  }

  private static void json(Value value, StringBuilder out) {
    if (value instanceof Value.Text text) {
      quote(text.value(), out);
    } else if (value instanceof Value.Time time) {
      quote(time.value(), out);
    } else if (value instanceof Value.Int number) {
      out.append(number.value());
    } else if (value instanceof Value.Real number) {
      out.append(Texts.number(number.value()));
    } else if (value instanceof Value.Opaque number) {
      out.append(number.value());
    } else if (value instanceof Value.Bool truth) {
      out.append(truth.value());
    } else if (value instanceof Value.Seq seq) {
      String comma = "[";
      for (Value item : seq.items()) {
        json(item, out.append(comma));
        comma = ", ";
      }
      out.append(seq.items().isEmpty() ? "[]" : "]");
    } else if (value instanceof Value.Map map) {
      String comma = "{";
      for (String key : map.entries().keySet().stream().sorted(Texts::compare).toList()) {
        quote(key, out.append(comma));
        json(map.entries().getOrDefault(key, Value.NULL), out.append(": "));
        comma = ", ";
      }
      out.append(map.isEmpty() ? "{}" : "}");
    } else {
      out.append("null");
    }
  }

  private static void quote(String text, StringBuilder out) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"', '\\' -> out.append('\\').append(c);
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        default -> {
          if (c < ' ' || c > '~') {
            out.append("\\u").append(Canonical.hex(new byte[] {(byte) (c >> 8), (byte) c}));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }
}

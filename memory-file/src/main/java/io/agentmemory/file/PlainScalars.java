package io.agentmemory.file;

import io.agentmemory.Value;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a YAML scalar without quotes means. The original reads YAML 1.1 by PyYAML's rules; other
 * programs read YAML 1.2, so what we write must mean a text to both.
 *
 * <p>Source: drift.md 1.4 "Scalar typing"; PyYAML 6 over the YAML 1.1 types; YAML 1.2 core schema.
 */
final class PlainScalars {
  private static final Value TRUE = Value.of(true);
  private static final Value FALSE = Value.of(false);
  private static final Set<String> TRUE_WORDS =
      Set.of("yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON");
  private static final Set<String> FALSE_WORDS =
      Set.of("no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF");
  private static final Set<String> NULL_WORDS = Set.of("", "~", "null", "Null", "NULL");

  /** A 1.1 reader other than PyYAML takes these for booleans. */
  private static final Set<String> BOOLEAN_LETTERS = Set.of("y", "Y", "n", "N");

  private static final Value[] SMALL = new Value[128];

  static {
    for (int i = 0; i < SMALL.length; i++) {
      SMALL[i] = Value.of((long) i);
    }
  }

  private PlainScalars() {}

  /** Whether this scalar, as a value, makes the original fail: {@code =} or {@code <<}. */
  static boolean isForbidden(String text) {
    return text.equals("=") || text.equals("<<");
  }

  /** Whether this scalar without quotes means null. */
  static boolean isNull(String text) {
    return text.length() <= 4 && NULL_WORDS.contains(text);
  }

  /** The typed value of a scalar without quotes. */
  static Value resolve(String text) {
    if (text.isEmpty()) {
      return Value.NULL;
    }
    char first = text.charAt(0);
    if (isDigit(first) || first == '-' || first == '+' || first == '.') {
      Value number = number(text);
      return number == null ? Value.of(text) : number;
    }
    if (text.length() <= 5) {
      if (TRUE_WORDS.contains(text)) {
        return TRUE;
      }
      if (FALSE_WORDS.contains(text)) {
        return FALSE;
      }
      if (NULL_WORDS.contains(text)) {
        return Value.NULL;
      }
    }
    return Value.of(text);
  }

  static Value integer(long number) {
    return number >= 0 && number < SMALL.length ? SMALL[(int) number] : Value.of(number);
  }

  static Value truth(boolean value) {
    return value ? TRUE : FALSE;
  }

  private static @Nullable Value number(String text) {
    if (isDigit(text.charAt(0)) && isTimestamp(text)) {
      return new Value.Time(text);
    }
    Value integer = integer(text);
    return integer == null ? real(text) : integer;
  }

  // ---- integers ----

  private static @Nullable Value integer(String text) {
    int from = signs(text);
    int left = text.length() - from;
    if (left == 0) {
      return null;
    }
    char first = text.charAt(from);
    if (first == '0') {
      char second = left > 1 ? text.charAt(from + 1) : ' ';
      if (left == 1) {
        return integer(0);
      }
      if (second == 'b') {
        return all(text, from + 2, 2) && left > 2 ? parse(text, from + 2, 2) : null;
      }
      if (second == 'x') {
        return all(text, from + 2, 16) && left > 2 ? parse(text, from + 2, 16) : null;
      }
      return all(text, from + 1, 8) ? parse(text, from, 8) : null;
    }
    if (first < '1' || first > '9') {
      return null;
    }
    if (all(text, from, 10)) {
      return parse(text, from, 10);
    }
    int colon = text.indexOf(':', from);
    if (colon > 0 && all(text, from, colon, 10) && areSixties(text, colon, text.length())) {
      return sixties(text, from, colon);
    }
    return null;
  }

  private static Value parse(String text, int from, int radix) {
    String digits = text.substring(from).replace("_", "");
    try {
      return integer(Long.parseLong(text.charAt(0) == '-' ? "-" + digits : digits, radix));
    } catch (NumberFormatException noDigitsOrTooLarge) {
      return new Value.Opaque(text);
    }
  }

  private static Value sixties(String text, int from, int colon) {
    try {
      long sum = Long.parseLong(text.substring(from, colon).replace("_", ""));
      for (int at = colon; at < text.length(); ) {
        int end = text.indexOf(':', at + 1);
        end = end < 0 ? text.length() : end;
        sum =
            Math.addExact(
                Math.multiplyExact(sum, 60L), Long.parseLong(text.substring(at + 1, end)));
        at = end;
      }
      return integer(text.charAt(0) == '-' ? -sum : sum);
    } catch (NumberFormatException | ArithmeticException tooLarge) {
      return new Value.Opaque(text);
    }
  }

  /** Whether {@code (:[0-5]?[0-9])+} stands between the two places. */
  private static boolean areSixties(String text, int from, int end) {
    int at = from;
    while (at < end && text.charAt(at) == ':') {
      int digits = at + 1;
      while (digits < end && isDigit(text.charAt(digits))) {
        digits++;
      }
      int count = digits - at - 1;
      if (count < 1 || count > 2 || (count == 2 && text.charAt(at + 1) > '5')) {
        return false;
      }
      at = digits;
    }
    return at == end && at > from;
  }

  // ---- floats ----

  private static @Nullable Value real(String text) {
    int from = signs(text);
    int end = text.length();
    if (from == end) {
      return null;
    }
    char first = text.charAt(from);
    if (first == '.') {
      String word = text.substring(from + 1);
      if (word.equals("inf") || word.equals("Inf") || word.equals("INF")) {
        return new Value.Opaque(text);
      }
      if (from != 0) {
        return null; // a float that begins with its point has no sign
      }
      if (word.equals("nan") || word.equals("NaN") || word.equals("NAN")) {
        return new Value.Opaque(text);
      }
      boolean fraction =
          word.length() > 0 && isDigit(word.charAt(0)) && isExponent(text, run(text, 1, true), end);
      return fraction ? parseReal(text) : null;
    }
    if (!isDigit(first)) {
      return null;
    }
    int whole = run(text, from, true);
    if (whole < end && text.charAt(whole) == '.') {
      return isExponent(text, run(text, whole + 1, true), end) ? parseReal(text) : null;
    }
    int point = text.indexOf('.', whole);
    if (point > 0 && areSixties(text, whole, point) && run(text, point + 1, true) == end) {
      return parseSixtiesReal(text, from);
    }
    return null;
  }

  private static Value parseReal(String text) {
    double value = Double.parseDouble(text.indexOf('_') < 0 ? text : text.replace("_", ""));
    return Double.isFinite(value) ? Value.of(value) : new Value.Opaque(text);
  }

  private static Value parseSixtiesReal(String text, int from) {
    String[] parts = text.substring(from).replace("_", "").split(":");
    double sum = 0;
    double base = 1;
    for (int i = parts.length - 1; i >= 0; i--) { // in the original's order: sums of floats differ
      sum += Double.parseDouble(parts[i]) * base;
      base *= 60;
    }
    double value = text.charAt(0) == '-' ? -sum : sum;
    return Double.isFinite(value) ? Value.of(value) : new Value.Opaque(text);
  }

  /** Whether nothing, or {@code [eE][-+][0-9]+}, stands between the two places. */
  private static boolean isExponent(String text, int at, int end) {
    if (at == end) {
      return true;
    }
    return (text.charAt(at) == 'e' || text.charAt(at) == 'E')
        && at + 2 < end
        && (text.charAt(at + 1) == '-' || text.charAt(at + 1) == '+')
        && run(text, at + 2, false) == end;
  }

  // ---- times ----

  /** Whether YAML 1.1 takes the text for a date or a time; it need not be a possible one. */
  static boolean isTimestamp(String text) {
    int length = text.length();
    if (length < 8 || text.charAt(4) != '-' || run(text, 0, false) != 4) {
      return false;
    }
    int month = digits(text, 5, 2);
    if (month == 0 || at(text, 5 + month) != '-') {
      return false;
    }
    int day = digits(text, 6 + month, 2);
    int next = 6 + month + day;
    if (day == 0) {
      return false;
    }
    if (next == length) {
      return month == 2 && day == 2;
    }
    return isTimeOfDay(text, next);
  }

  private static boolean isTimeOfDay(String text, int from) {
    int at = from;
    if (at(text, at) == 'T' || at(text, at) == 't') {
      at++;
    } else {
      at = blanks(text, at);
      if (at == from) {
        return false;
      }
    }
    int hour = digits(text, at, 2);
    at += hour;
    if (hour == 0
        || at(text, at) != ':'
        || digits(text, at + 1, 2) != 2
        || at(text, at + 3) != ':'
        || digits(text, at + 4, 2) != 2) {
      return false;
    }
    at += 6;
    if (at(text, at) == '.') {
      at = run(text, at + 1, false);
    }
    if (at == text.length()) {
      return true;
    }
    at = blanks(text, at);
    if (at(text, at) == 'Z') {
      return at + 1 == text.length();
    }
    if (at(text, at) != '-' && at(text, at) != '+') {
      return false;
    }
    int zone = digits(text, at + 1, 2);
    at += 1 + zone;
    if (zone > 0 && at(text, at) == ':') {
      return digits(text, at + 1, 2) == 2 && at + 3 == text.length();
    }
    return zone > 0 && at == text.length();
  }

  // ---- what other readers would say ----

  /** Whether some reader, of YAML 1.1 or 1.2, takes this scalar for something else than a text. */
  static boolean isMistakable(String text) {
    return !(resolve(text) instanceof Value.Text)
        || isForbidden(text)
        || BOOLEAN_LETTERS.contains(text)
        || isNumberOfYaml12(text);
  }

  /** A number of the core schema, such as {@code 123e4567}, {@code 09} or {@code 0o17}. */
  private static boolean isNumberOfYaml12(String text) {
    if (text.startsWith("0o")) {
      return text.length() > 2 && all(text, 2, 8);
    }
    int from = signs(text);
    int whole = run(text, from, false);
    int at = whole;
    if (at(text, at) == '.') {
      at = run(text, at + 1, false);
      if (at == whole + 1 && whole == from) {
        return false; // a point without digits
      }
    } else if (whole == from) {
      return false;
    }
    if (at == text.length()) {
      return true;
    }
    if (text.charAt(at) != 'e' && text.charAt(at) != 'E') {
      return false;
    }
    at++;
    if (at(text, at) == '-' || at(text, at) == '+') {
      at++;
    }
    return at < text.length() && run(text, at, false) == text.length();
  }

  // ---- characters ----

  private static int signs(String text) {
    char first = text.isEmpty() ? ' ' : text.charAt(0);
    return first == '-' || first == '+' ? 1 : 0;
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  /** The char at {@code index}; a NUL beyond the end. */
  private static char at(String text, int index) {
    return index < text.length() ? text.charAt(index) : 0;
  }

  /** How many digits stand at {@code from}, at most {@code most}. */
  private static int digits(String text, int from, int most) {
    int count = 0;
    while (count < most && isDigit(at(text, from + count))) {
      count++;
    }
    return count;
  }

  /** Where the digits (or underscores) that begin at {@code from} end. */
  private static int run(String text, int from, boolean underscores) {
    int at = from;
    while (at < text.length()
        && (isDigit(text.charAt(at)) || (underscores && text.charAt(at) == '_'))) {
      at++;
    }
    return at;
  }

  private static int blanks(String text, int from) {
    int at = from;
    while (at(text, at) == ' ' || at(text, at) == '\t') {
      at++;
    }
    return at;
  }

  private static boolean all(String text, int from, int radix) {
    return all(text, from, text.length(), radix);
  }

  /** Whether nothing but ASCII digits of this radix and underscores stands there. */
  private static boolean all(String text, int from, int end, int radix) {
    for (int i = from; i < end; i++) {
      char c = text.charAt(i);
      if (c != '_' && (c > 'f' || Character.digit(c, radix) < 0)) {
        return false;
      }
    }
    return true;
  }
}

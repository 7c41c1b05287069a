package io.agentmemory.file;

import io.agentmemory.Memory;
import io.agentmemory.Value;
import io.agentmemory.file.FrontMatter.Member;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads the YAML that nearly every memory has: members at the left edge, each a scalar on one line,
 * a list of such scalars, or a map of such scalars and lists. Of anything else it says nothing, and
 * {@link YamlReader}, which reads all YAML, is asked; a test holds the two to the same answers.
 * Opening a tree is mostly this.
 */
final class BlockYaml {
  private static final int LONGEST_KEY = 200; // of a key without "?" YAML wants less than 1,024

  private final String text;
  private final int from;
  private final int end;
  private final @Nullable List<Member> members;
  private final Map<String, Value> values = new LinkedHashMap<>();
  private Map<String, Value> counts = Map.of();
  private int at;

  private BlockYaml(String text, int from, int end, boolean layout) {
    this.text = text;
    this.from = from;
    this.at = from + 1;
    this.end = end;
    this.members = layout ? new ArrayList<>() : null;
  }

  /** Says what stands there, its members' places counted from {@code from}; null if unsure. */
  static @Nullable FrontMatter read(String text, int from, int end, boolean layout) {
    if (from + 1 >= end || text.charAt(from) != '\n' || text.charAt(end - 1) != '\n') {
      return null;
    }
    BlockYaml reader = new BlockYaml(text, from, end, layout);
    while (reader.at < end) {
      if (!reader.member()) {
        return null;
      }
    }
    return new FrontMatter(new Value.Map(reader.values), reader.counts, reader.members);
  }

  // Every line ends in a line feed, so looking at single chars up to that never leaves the text.

  /** Reads a member with all its lines. */
  private boolean member() {
    int start = at;
    String key = key(false);
    if (key == null) {
      return false;
    }
    boolean isCounts = key.equals(Memory.CO_OCCURRENCES);
    List<Member> entries = isCounts && members != null ? new ArrayList<>() : null;
    Value value;
    if (text.charAt(at++) == ' ') {
      value = inline(key.equals(FrontMatter.ID) ? Typing.ID : Typing.RESOLVED);
    } else if (at < end && text.charAt(at) == '-') {
      value = list(0, FrontMatter.isTextList(key) ? Typing.TEXT : Typing.RESOLVED);
    } else if (at < end && text.charAt(at) == ' ') {
      value = map(entries);
    } else {
      value = Value.NULL;
    }
    if (value == null) {
      return false;
    }
    if (isCounts) {
      boolean hasCounts = value instanceof Value.Map;
      counts = value instanceof Value.Map map ? map.entries() : Map.of();
      value = hasCounts ? Value.EMPTY_MAP : value;
    }
    values.put(key, value);
    if (members != null) {
      boolean hasLines = entries != null && !entries.isEmpty();
      members.add(new Member(key, start - from, at - from, hasLines ? entries : null));
    }
    return true;
  }

  private enum Typing {
    RESOLVED,
    TEXT,
    ID
  }

  /** Reads the rest of a line after {@code key: }; null if unsure. */
  private @Nullable Value inline(Typing typing) {
    if (text.startsWith("[]\n", at)) {
      at += 3;
      return Value.EMPTY_SEQ;
    }
    if (text.startsWith("{}\n", at)) {
      at += 3;
      return Value.EMPTY_MAP;
    }
    return scalar(typing);
  }

  /** Reads lines of {@code - scalar} at this indentation; null if unsure. */
  private @Nullable Value list(int indent, Typing typing) {
    List<Value> items = new ArrayList<>();
    while (isItem(indent)) {
      at += indent + 2;
      Value item = scalar(typing);
      if (item == null) {
        return null;
      }
      items.add(item);
    }
    return items.isEmpty() ? null : new Value.Seq(items);
  }

  private boolean isItem(int indent) {
    return at < end
        && (indent == 0 || text.startsWith("  ", at))
        && text.startsWith("- ", at + indent);
  }

  /** Reads lines of {@code key: scalar}, or a key with a list, two blanks in; null if unsure. */
  private @Nullable Value map(@Nullable List<Member> lines) {
    Map<String, Value> entries = new LinkedHashMap<>();
    while (at < end && text.charAt(at) == ' ') {
      int start = at;
      if (!text.startsWith("  ", at)) {
        return null;
      }
      at += 2;
      String key = key(true);
      if (key == null) {
        return null;
      }
      Value value;
      if (text.charAt(at++) == ' ') {
        value = inline(Typing.RESOLVED);
      } else {
        value = isItem(2) ? list(2, Typing.RESOLVED) : Value.NULL;
      }
      if (value == null) {
        return null;
      }
      entries.put(key, value);
      if (lines != null) {
        lines.add(new Member(key, start - from, at - from, null));
      }
    }
    return new Value.Map(entries);
  }

  /** Reads a key and its colon, up to the blank or line feed after it; null if unsure. */
  private @Nullable String key(boolean inner) {
    int start = at;
    char first = text.charAt(at);
    if (inner && first == '\'') {
      String quoted = singleQuoted();
      if (quoted == null || at - start > LONGEST_KEY || text.charAt(at) != ':') {
        return null;
      }
      at++;
      return isBlankOrEnd(text.charAt(at)) ? quoted : null;
    }
    boolean dash = inner && first == '-' && !isBlankOrEnd(text.charAt(at + 1));
    if (!isLetterOrDigit(first) && first != '_' && !dash) {
      return null;
    }
    int i = at + 1;
    while (isLetterOrDigit(text.charAt(i)) || "_-./|@".indexOf(text.charAt(i)) >= 0) {
      i++;
    }
    if (text.charAt(i) != ':' || !isBlankOrEnd(text.charAt(i + 1)) || i - start > LONGEST_KEY) {
      return null;
    }
    at = i + 1;
    return FrontMatter.shared(text.substring(start, i));
  }

  /** Reads a scalar and the end of its line; null if unsure. */
  private @Nullable Value scalar(Typing typing) {
    char first = text.charAt(at);
    if (first == '\'' || first == '"') {
      String quoted = first == '"' ? doubleQuoted() : singleQuoted();
      if (quoted == null || text.charAt(at) != '\n') {
        return null;
      }
      at++;
      return Value.of(quoted);
    }
    int stop = plainEnd();
    if (stop < 0) {
      return null;
    }
    String plain = text.substring(at, stop);
    at = stop + 1;
    return switch (typing) {
      case TEXT -> Value.of(plain);
      case ID -> PlainScalars.isNull(plain) ? Value.NULL : Value.of(plain);
      case RESOLVED -> PlainScalars.resolve(plain);
    };
  }

  /** Where the scalar without quotes ends that takes the rest of the line; -1 if unsure. */
  private int plainEnd() {
    char first = text.charAt(at);
    boolean safe =
        isLetterOrDigit(first)
            || "_./(+~$^;".indexOf(first) >= 0
            || (first > 0xa0 && isOrdinary(first))
            || (first == '-' && !isBlankOrEnd(text.charAt(at + 1)));
    if (!safe) {
      return -1;
    }
    for (int i = at + 1; ; i++) {
      char c = text.charAt(i);
      if (c == '\n') {
        return text.charAt(i - 1) == ' ' ? -1 : i;
      }
      if (!isOrdinary(c)
          || (c == ':' && isBlankOrEnd(text.charAt(i + 1)))
          || (c == '#' && text.charAt(i - 1) == ' ')) {
        return -1;
      }
    }
  }

  /** Reads from quote to quote on one line; null if unsure. */
  private @Nullable String singleQuoted() {
    boolean doubled = false;
    for (int i = at + 1; isOrdinary(text.charAt(i)); i++) {
      if (text.charAt(i) == '\'') {
        if (text.charAt(i + 1) == '\'') {
          doubled = true;
          i++;
        } else {
          String quoted = text.substring(at + 1, i);
          at = i + 1;
          return doubled ? quoted.replace("''", "'") : quoted;
        }
      }
    }
    return null;
  }

  private @Nullable String doubleQuoted() {
    StringBuilder out = new StringBuilder();
    int i = at + 1;
    while (isOrdinary(text.charAt(i))) {
      char c = text.charAt(i++);
      if (c == '"') {
        at = i;
        return out.toString();
      }
      if (c != '\\') {
        out.append(c);
        continue;
      }
      char escape = text.charAt(i++);
      switch (escape) {
        case '"', '\\' -> out.append(escape);
        case 'n' -> out.append('\n');
        case 't' -> out.append('\t');
        case 'x', 'u', 'U' -> {
          int digits = escape == 'x' ? 2 : escape == 'u' ? 4 : 8;
          int code = hex(i, digits);
          if (code <= 0 || !Character.isValidCodePoint(code) || isSurrogate(code)) {
            return null;
          }
          out.appendCodePoint(code);
          i += digits;
        }
        default -> {
          return null;
        }
      }
    }
    return null;
  }

  /** The number of these hexadecimal digits; -1 if they are none. */
  private int hex(int index, int digits) {
    int code = 0;
    for (int i = index; i < index + digits; i++) {
      char c = i < end ? text.charAt(i) : ' ';
      int digit = c > 'f' ? -1 : Character.digit(c, 16);
      if (digit < 0) {
        return -1;
      }
      code = code << 4 | digit;
    }
    return code;
  }

  private static boolean isSurrogate(int code) {
    return code >= Character.MIN_SURROGATE && code <= Character.MAX_SURROGATE;
  }

  /** Whether YAML takes the char for nothing but itself inside a scalar; no line end, no tab. */
  private static boolean isOrdinary(char c) {
    return c >= ' '
        && (c <= '~' || (c >= 0xa0 && c < Character.MIN_SURROGATE && c != 0x2028 && c != 0x2029));
  }

  private static boolean isBlankOrEnd(char c) {
    return c == ' ' || c == '\n';
  }

  private static boolean isLetterOrDigit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
  }
}

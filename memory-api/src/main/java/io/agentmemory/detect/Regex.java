package io.agentmemory.detect;

import java.util.Locale;
import java.util.regex.Pattern;

/** Regular expressions as Python 3 reads them, and its lower case. */
final class Regex {
  /** Source: {@code \w} of a text pattern: letters and numbers of every script, underscore. */
  static final String WORD = "[\\p{L}\\p{N}_]";

  /** {@code \b}: between a word's character and none, also where the text ends. */
  static final String EDGE =
      "(?:(?<=" + WORD + ")(?!" + WORD + ")|(?<!" + WORD + ")(?=" + WORD + "))";

  private Regex() {}

  static Pattern of(String pattern) {
    return Pattern.compile(pattern, Pattern.UNICODE_CHARACTER_CLASS | Pattern.UNIX_LINES);
  }

  /** The words, also with an s at their end, whatever their case, and no part of longer ones. */
  static Pattern phrase(String words) {
    return Pattern.compile(
        EDGE + Pattern.quote(words) + "s?" + EDGE, Pattern.CASE_INSENSITIVE | Pattern.UNICODE_CASE);
  }

  static String lower(String text) {
    return text.toLowerCase(Locale.ROOT);
  }
}

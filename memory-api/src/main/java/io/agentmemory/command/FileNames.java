package io.agentmemory.command;

import io.agentmemory.spi.Canonical;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The name of a memory's file. Source: the layout of Drift, whose names are a slug and the id. */
final class FileNames {
  private static final int SLUG = 30;
  private static final int SAFE_SLUG = 60;

  // What Python takes for white space: also four separators that Unicode does not count.
  private static final Pattern WORD = Pattern.compile("(?U)[^\\s\\x1c-\\x1f]+");

  // Upper case is left out so that no two names differ in nothing but case.
  private static final Pattern PLAIN_ID = Pattern.compile("[a-z0-9][a-z0-9._-]{0,99}");
  private static final Set<String> DEVICES =
      Set.of(
          "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7",
          "com8", "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9");

  private FileNames() {}

  /** The name for a new memory: from its title, or from the first four words of its content. */
  static String of(String id, String text, boolean isTitle) {
    String slug = slug(isTitle ? text : firstWords(text));
    if (PLAIN_ID.matcher(id).matches() && !id.endsWith(".") && !DEVICES.contains(stemOf(id))) {
      return slug + "-" + id + ".md";
    }
    String ascii = slug.replaceAll("[^a-z0-9-]", "");
    String cut = ascii.substring(0, Math.min(SAFE_SLUG, ascii.length()));
    return cut + "--" + hash(id) + ".md";
  }

  private static String stemOf(String id) {
    int dot = id.indexOf('.');
    return dot < 0 ? id : id.substring(0, dot);
  }

  private static String firstWords(String content) {
    List<String> words = new ArrayList<>();
    Matcher word = WORD.matcher(content);
    while (words.size() < 4 && word.find()) {
      words.add(word.group());
    }
    return String.join("-", words);
  }

  private static String slug(String text) {
    String lower = lower(text).replace(' ', '-');
    int end = lower.offsetByCodePoints(0, Math.min(SLUG, lower.codePointCount(0, lower.length())));
    StringBuilder out = new StringBuilder();
    lower
        .substring(0, end)
        .codePoints()
        .filter(c -> c == '-' || isAlphanumeric(c))
        .forEach(out::appendCodePoint);
    return out.toString();
  }

  // Java goes by words where Unicode, and so the original, goes by letters: a sigma is a final one
  // after a letter and before none.
  private static String lower(String text) {
    if (text.indexOf('\u03a3') < 0) {
      return text.toLowerCase(Locale.ROOT);
    }
    int[] from = text.codePoints().toArray();
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < from.length; i++) {
      if (from[i] == '\u03a3') {
        out.append(isCased(from, i, -1) && !isCased(from, i, 1) ? '\u03c2' : '\u03c3');
      } else {
        out.append(Character.toString(from[i]).toLowerCase(Locale.ROOT));
      }
    }
    return out.toString();
  }

  /** Whether the nearest in that direction, marks and apostrophes left aside, has a case. */
  private static boolean isCased(int[] text, int at, int step) {
    int i = at + step;
    while (i >= 0 && i < text.length && isCaseIgnorable(text[i])) {
      i += step;
    }
    return i >= 0
        && i < text.length
        && (Character.isLowerCase(text[i])
            || Character.isUpperCase(text[i])
            || Character.isTitleCase(text[i]));
  }

  private static boolean isCaseIgnorable(int c) {
    return switch (Character.getType(c)) {
      case Character.NON_SPACING_MARK,
          Character.ENCLOSING_MARK,
          Character.FORMAT,
          Character.MODIFIER_LETTER,
          Character.MODIFIER_SYMBOL ->
          true;
      default -> "'.:\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027".indexOf(c) >= 0;
    };
  }

  private static boolean isAlphanumeric(int c) {
    int type = Character.getType(c);
    return Character.isLetter(c)
        || type == Character.DECIMAL_DIGIT_NUMBER
        || type == Character.LETTER_NUMBER
        || type == Character.OTHER_NUMBER;
  }

  private static String hash(String id) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(id.getBytes(StandardCharsets.UTF_8));
      return Canonical.hex(digest).substring(0, 12);
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every JDK has SHA-256", impossible);
    }
  }

  /** The name without its ending. */
  static String stem(String fileName) {
    return fileName.endsWith(".md") ? fileName.substring(0, fileName.length() - 3) : fileName;
  }

  /** Whether a name stays in its folder and can be one of a memory's file. */
  static boolean isSafe(String fileName) {
    return fileName.endsWith(".md")
        && !fileName.startsWith(".")
        && fileName.indexOf('/') < 0
        && fileName.indexOf('\\') < 0
        && fileName.indexOf('\0') < 0
        && fileName.getBytes(StandardCharsets.UTF_8).length <= 255;
  }
}

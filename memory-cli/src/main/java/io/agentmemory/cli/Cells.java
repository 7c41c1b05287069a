package io.agentmemory.cli;

/** Text measured and cut in columns of a terminal. */
final class Cells {
  private Cells() {}

  /** The columns that {@code text} takes. */
  static int width(String text) {
    return text.codePoints().map(Cells::width).sum();
  }

  // Near enough: marks take none, East Asian letters and pictures two. Nothing breaks where it is
  // wrong, a table is one column out.
  private static int width(int c) {
    if (c < 0x300) {
      return 1;
    }
    switch (Character.getType(c)) {
      case Character.NON_SPACING_MARK, Character.ENCLOSING_MARK, Character.FORMAT:
        return 0;
      default:
        boolean wide =
            (c >= 0x1100 && c <= 0x115f)
                || (c >= 0x2e80 && c <= 0xa4cf)
                || (c >= 0xac00 && c <= 0xd7a3)
                || (c >= 0xf900 && c <= 0xfaff)
                || (c >= 0xfe30 && c <= 0xfe6f)
                || (c >= 0xff00 && c <= 0xff60)
                || (c >= 0x1f300 && c <= 0x1faff)
                || (c >= 0x20000 && c <= 0x3fffd);
        return wide ? 2 : 1;
    }
  }

  /** {@code text} in at most this many columns; what was cut leaves an ellipsis. */
  static String cut(String text, int columns) {
    if (width(text) <= columns) {
      return text;
    }
    StringBuilder out = new StringBuilder();
    int used = 0;
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      used += width(c);
      if (used > columns - 1) {
        break;
      }
      out.appendCodePoint(c);
      i += Character.charCount(c);
    }
    return columns < 1 ? "" : out.append('…').toString();
  }

  /** {@code text} followed by blanks up to this many columns. */
  static String left(String text, int columns) {
    return text + " ".repeat(Math.max(0, columns - width(text)));
  }

  /** {@code text} after blanks, this many columns in all. */
  static String right(String text, int columns) {
    return " ".repeat(Math.max(0, columns - width(text))) + text;
  }

  /** One line: every run of blanks, line ends and control characters is a single blank. */
  static String oneLine(String text) {
    StringBuilder out = new StringBuilder(text.length());
    boolean gap = false;
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      if (Character.isWhitespace(c) || isControl(c)) {
        gap = true;
      } else {
        out.append(gap && !out.isEmpty() ? " " : "").appendCodePoint(c);
        gap = false;
      }
    }
    return out.toString();
  }

  /** Control characters other than tab and line feed as {@code ^X} or {@code \\uXXXX}. */
  static String printable(String text) {
    StringBuilder out = new StringBuilder(text.length());
    text.codePoints()
        .forEach(
            c -> {
              if (!isControl(c) || c == '\n' || c == '\t') {
                out.appendCodePoint(c);
              } else if (c < 0x20) {
                out.append('^').append((char) (c + '@'));
              } else {
                out.append(String.format("\\u%04x", c));
              }
            });
    return out.toString();
  }

  // The second half: letters that turn the direction of what follows.
  private static boolean isControl(int c) {
    return Character.isISOControl(c)
        || (c >= 0x202a && c <= 0x202e)
        || (c >= 0x2066 && c <= 0x2069);
  }
}

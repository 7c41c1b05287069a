package io.agentmemory;

import java.util.Locale;

/** Places in a list as parts of keys: eight digits, so that keys order as numbers. */
final class Ordinals {
  private Ordinals() {}

  /**
   * Checks a place.
   *
   * @throws IllegalArgumentException if it is below 0 or above 99,999,999
   */
  static void check(int ordinal) {
    if (ordinal < 0 || ordinal > 99_999_999) {
      throw new IllegalArgumentException("ordinal " + ordinal + " is not in 0 to 99,999,999");
    }
  }

  static String text(int ordinal) {
    return String.format(Locale.ROOT, "%08d", ordinal);
  }

  /** The place that a part of a key of {@code kind} means. */
  static int parse(Kind<?> kind, String part) {
    if (!part.matches("[0-9]{8}")) {
      throw new IllegalArgumentException("the ordinal of a " + kind + " has eight digits");
    }
    return Integer.parseInt(part);
  }
}

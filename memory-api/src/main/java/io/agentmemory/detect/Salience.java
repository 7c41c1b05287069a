package io.agentmemory.detect;

import java.util.List;

/**
 * How much a text is worth keeping.
 *
 * @param words in lower case
 * @param each what each of the words counts that is in the text, and each length
 * @param lengths characters; a text counts for each of these that it is longer than
 */
record Salience(List<String> words, double each, List<Integer> lengths) {
  /** What one counts in Drift. */
  static final double EACH = 0.1;

  /** The lengths of Drift. */
  static final List<Integer> LENGTHS = List.of(500, 1000);

  Salience {
    words = List.copyOf(words);
    lengths = List.copyOf(lengths);
  }

  double of(String text) {
    String lower = Regex.lower(text);
    double salience = 0;
    for (String word : words) {
      salience += lower.contains(word) ? each : 0;
    }
    int length = text.codePointCount(0, text.length());
    for (int longer : lengths) {
      salience += length > longer ? each : 0;
    }
    return Math.min(salience, 1);
  }
}

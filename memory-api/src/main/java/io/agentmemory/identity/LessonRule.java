package io.agentmemory.identity;

import io.agentmemory.Lesson;
import io.agentmemory.internal.Texts;
import java.util.Collection;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;

/**
 * How much a lesson has to do with a situation, and how many come of it.
 *
 * @param perWord what each word counts that both have
 * @param shortest a shorter word does not count there; characters
 * @param forCategory what it counts if the situation names the lesson's category
 * @param categories the categories that can be named so
 * @param defaultConfidence of a lesson that states none
 * @param perKeyword what each keyword counts that a lesson has
 * @param perConfidence what its confidence counts beside them
 * @param most how many lessons come at most; at least 1
 * @param noted of how many of these, the first ones, it is noted that they were recalled
 */
public record LessonRule(
    double perWord,
    int shortest,
    double forCategory,
    Set<String> categories,
    double defaultConfidence,
    double perKeyword,
    double perConfidence,
    int most,
    int noted) {
  /** The categories of Drift's lessons. */
  public static final Set<String> DRIFT_CATEGORIES =
      Set.of(
          "api",
          "platform",
          "windows",
          "architecture",
          "social",
          "security",
          "debugging",
          "identity",
          "economic",
          "memory");

  /** Drift's, for lessons that are to be applied. */
  public static final LessonRule DRIFT = drift(0.15, 5, 3);

  /** Drift's, for lessons to be reminded of. */
  public static final LessonRule DRIFT_CONTEXTUAL = drift(0.1, 3, 3);

  /** Drift's, for lessons to start with. */
  public static final LessonRule DRIFT_PRIMING = drift(0.15, 5, 5);

  /**
   * Copies the set.
   *
   * @throws IllegalArgumentException if {@code most} is below 1 or {@code noted} below 0
   */
  public LessonRule {
    categories = Set.copyOf(categories);
    if (most < 1 || noted < 0) {
      throw new IllegalArgumentException("most is below 1 or noted below 0");
    }
  }

  private static LessonRule drift(double perWord, int most, int noted) {
    return new LessonRule(perWord, 3, 0.3, DRIFT_CATEGORIES, 0.5, 0.1, 0.2, most, noted);
  }

  /** The relevance of a lesson to a situation; 0 if they have nothing to do with each other. */
  public double relevance(Lesson lesson, String situation) {
    String lower = situation.toLowerCase(Locale.ROOT);
    Set<String> words = words(lower, shortest);
    words.retainAll(words(lesson.text().toLowerCase(Locale.ROOT), shortest));
    double relevance = words.size() * perWord;
    String category = lesson.category().orElse("");
    if (categories.contains(category) && lower.contains(category)) {
      relevance += forCategory;
    }
    return relevance * lesson.confidence().orElse(defaultConfidence);
  }

  /** The relevance of a lesson to keywords; 0 if it has none of them. Source: Drift's priming. */
  public double relevance(Lesson lesson, Collection<String> keywords) {
    Set<String> words = new HashSet<>();
    keywords.forEach(keyword -> words.add(keyword.toLowerCase(Locale.ROOT)));
    words.retainAll(words(lesson.text().toLowerCase(Locale.ROOT), 1));
    return words.isEmpty()
        ? 0
        : words.size() * perKeyword + lesson.confidence().orElse(defaultConfidence) * perConfidence;
  }

  private static Set<String> words(String text, int shortest) {
    Set<String> words = new TreeSet<>(Texts::compare);
    for (String word : Python.split(text)) {
      if (word.codePointCount(0, word.length()) >= shortest) {
        words.add(word);
      }
    }
    return words;
  }
}

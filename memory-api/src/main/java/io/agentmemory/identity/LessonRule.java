package io.agentmemory.identity;

import io.agentmemory.Lesson;
import io.agentmemory.internal.Texts;
import java.util.Collection;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;

/**
 * How much a lesson has to do with a situation.
 *
 * @param perWord what each word of three letters or more counts that both have
 * @param forCategory what it counts if the situation names the lesson's category
 * @param categories the categories that can be named so
 * @param defaultConfidence of a lesson that states none
 */
public record LessonRule(
    double perWord, double forCategory, Set<String> categories, double defaultConfidence) {
  private static final int SHORTEST = 3;
  private static final double PER_KEYWORD = 0.1;
  private static final double PER_CONFIDENCE = 0.2;

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
  public static final LessonRule DRIFT = new LessonRule(0.15, 0.3, DRIFT_CATEGORIES, 0.5);

  /** Drift's, for lessons to be reminded of. */
  public static final LessonRule DRIFT_CONTEXTUAL = new LessonRule(0.1, 0.3, DRIFT_CATEGORIES, 0.5);

  /** Copies the set. */
  public LessonRule {
    categories = Set.copyOf(categories);
  }

  /** The relevance of a lesson to a situation; 0 if they have nothing to do with each other. */
  public double relevance(Lesson lesson, String situation) {
    String lower = situation.toLowerCase(Locale.ROOT);
    Set<String> words = words(lower, SHORTEST);
    words.retainAll(words(lesson.text().toLowerCase(Locale.ROOT), SHORTEST));
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
        : words.size() * PER_KEYWORD
            + lesson.confidence().orElse(defaultConfidence) * PER_CONFIDENCE;
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

package io.agentmemory;

import static java.util.Objects.requireNonNull;

/**
 * Something learned that is yet to be added.
 *
 * @param category what it is about, such as {@code api}; see {@link
 *     io.agentmemory.identity.LessonRule#DRIFT_CATEGORIES}
 * @param lesson what to do or to leave
 * @param evidence what shows it; may be empty
 * @param source where it comes from, such as {@code manual}
 * @param confidence how sure it is, 0 to 1
 */
public record NewLesson(
    String category, String lesson, String evidence, String source, double confidence) {

  /**
   * Checks that nothing is missing.
   *
   * @throws IllegalArgumentException if the confidence is not in 0 to 1
   */
  public NewLesson {
    requireNonNull(category, "category");
    requireNonNull(lesson, "lesson");
    requireNonNull(evidence, "evidence");
    requireNonNull(source, "source");
    if (!(confidence >= 0 && confidence <= 1)) {
      throw new IllegalArgumentException("confidence is not in 0 to 1");
    }
  }

  /** One that somebody states, without evidence. Source: Drift's source and confidence of such. */
  public static NewLesson of(String category, String lesson) {
    return new NewLesson(category, lesson, "", "manual", 0.7);
  }

  /** A copy with evidence. */
  public NewLesson evidence(String evidence) {
    return new NewLesson(category, lesson, evidence, source, confidence);
  }

  /** A copy from elsewhere. */
  public NewLesson source(String source) {
    return new NewLesson(category, lesson, evidence, source, confidence);
  }

  /** A copy that is more or less sure. */
  public NewLesson confidence(double confidence) {
    return new NewLesson(category, lesson, evidence, source, confidence);
  }

  /** Without its text. */
  @Override
  public String toString() {
    return "NewLesson[" + category + ", " + lesson.length() + " chars]";
  }
}

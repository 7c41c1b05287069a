package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Kind;
import io.agentmemory.spi.Needs;

/**
 * Notes that something speaks against a lesson, and lowers its confidence by a factor. What is
 * noted already changes nothing: each thing counts once.
 *
 * @param id of the lesson
 * @param by what speaks against it, such as the id of a memory
 * @param factor what is left of the confidence: 0 to 1
 * @param defaultConfidence of a lesson that states none
 */
public record ContradictLesson(String id, String by, double factor, double defaultConfidence)
    implements Command {
  /** What a contradiction leaves, unless somebody says otherwise. */
  public static final double FACTOR = 0.5;

  /** How sure Drift is of a lesson that does not say. */
  public static final double DRIFT_CONFIDENCE = 0.5;

  /**
   * Checks that nothing is missing.
   *
   * @throws IllegalArgumentException if {@code factor} or {@code defaultConfidence} is not in 0 to
   *     1
   */
  public ContradictLesson {
    requireNonNull(id, "id");
    requireNonNull(by, "by");
    if (!(factor >= 0 && factor <= 1)) {
      throw new IllegalArgumentException("factor is not in 0 to 1");
    }
    if (!(defaultConfidence >= 0 && defaultConfidence <= 1)) {
      throw new IllegalArgumentException("defaultConfidence is not in 0 to 1");
    }
  }

  /** By Drift's confidence in a lesson that states none. */
  public ContradictLesson(String id, String by, double factor) {
    this(id, by, factor, DRIFT_CONFIDENCE);
  }

  @Override
  public String verb() {
    return "contradict";
  }

  @Override
  public String subject() {
    return id;
  }

  @Override
  public void needs(Needs needs) {
    needs.all(Kind.LESSON);
  }
}

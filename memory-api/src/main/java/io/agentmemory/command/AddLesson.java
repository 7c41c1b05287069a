package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Kind;
import io.agentmemory.NewLesson;
import io.agentmemory.spi.Needs;
import java.util.List;

/**
 * Adds a lesson at the end of the list, under an id that follows from its text. Changes nothing if
 * there is one that begins alike: with the same characters, in lower case.
 *
 * @param at when, as text
 * @param alike how many characters at the beginning are compared; at least 1
 */
public record AddLesson(NewLesson lesson, String at, int alike) implements Command {
  /** How many characters Drift compares. */
  public static final int DRIFT_ALIKE = 50;

  /**
   * Checks that nothing is missing.
   *
   * @throws IllegalArgumentException if {@code at} is no time or {@code alike} below 1
   */
  public AddLesson {
    requireNonNull(lesson, "lesson");
    Ids.requireTime(at);
    if (alike < 1) {
      throw new IllegalArgumentException("alike is below 1");
    }
  }

  /** By Drift's rule. */
  public AddLesson(NewLesson lesson, String at) {
    this(lesson, at, DRIFT_ALIKE);
  }

  @Override
  public String verb() {
    return "addLesson";
  }

  @Override
  public String subject() {
    return "";
  }

  @Override
  public void needs(Needs needs) {
    needs.endOf(Kind.LESSON, List.of(), 1).all(Kind.LESSON);
  }
}

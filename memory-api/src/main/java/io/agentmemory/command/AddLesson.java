package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Kind;
import io.agentmemory.NewLesson;
import io.agentmemory.spi.Needs;
import java.util.List;

/**
 * Adds a lesson at the end of the list, under an id that follows from its text. Changes nothing if
 * there is one that begins alike: with the same 50 characters, in lower case.
 *
 * @param at when, as text
 */
public record AddLesson(NewLesson lesson, String at) implements Command {

  /**
   * Checks that nothing is missing.
   *
   * @throws IllegalArgumentException if {@code at} is no time
   */
  public AddLesson {
    requireNonNull(lesson, "lesson");
    Ids.requireTime(at);
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

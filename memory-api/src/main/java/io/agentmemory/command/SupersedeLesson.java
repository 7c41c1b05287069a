package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Kind;
import io.agentmemory.spi.Needs;

/**
 * Notes that another lesson takes the place of one. That one is kept, but never applied again.
 *
 * @param id of the lesson that is out of date
 * @param by the id of the one to apply in its place
 */
public record SupersedeLesson(String id, String by) implements Command {

  /** Checks that nothing is missing. */
  public SupersedeLesson {
    requireNonNull(id, "id");
    requireNonNull(by, "by");
  }

  @Override
  public String verb() {
    return "supersede";
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

package io.agentmemory.command;

import io.agentmemory.Kind;
import io.agentmemory.spi.Needs;
import java.util.List;

/**
 * Notes that lessons were recalled: one more recall each, and when. Leaves alone those that are not
 * there.
 *
 * @param ids each once
 * @param at when, as text
 */
public record RecallLessons(List<String> ids, String at) implements Command {

  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if an id is there twice, or {@code at} is no time
   */
  public RecallLessons {
    ids = Ids.requireDistinct(ids);
    Ids.requireTime(at);
  }

  @Override
  public String verb() {
    return "recallLessons";
  }

  @Override
  public String subject() {
    return ids.size() == 1 ? ids.get(0) : "";
  }

  @Override
  public void needs(Needs needs) {
    needs.all(Kind.LESSON);
  }
}

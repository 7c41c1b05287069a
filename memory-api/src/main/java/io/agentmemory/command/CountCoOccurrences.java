package io.agentmemory.command;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.spi.Needs;
import java.util.List;

/**
 * Counts that memories were retrieved in one session: each of them that exists counts one more for
 * each other one.
 *
 * @param retrieved ids, each once
 * @see CoOccurrence
 */
public record CountCoOccurrences(List<String> retrieved) implements Command {

  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if an id is there twice
   */
  public CountCoOccurrences {
    retrieved = Ids.requireDistinct(retrieved);
  }

  @Override
  public String verb() {
    return "countCoOccurrences";
  }

  @Override
  public String subject() {
    return "";
  }

  @Override
  public void needs(Needs needs) {
    for (String from : retrieved) {
      Ids.need(needs, from);
      for (String to : retrieved) {
        for (String fromForm : Ids.forms(from)) {
          for (String toForm : Ids.forms(to)) {
            needs.record(Kind.CO_OCCURRENCE, Key.of(fromForm, toForm));
          }
        }
      }
    }
  }
}

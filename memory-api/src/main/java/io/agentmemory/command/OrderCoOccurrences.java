package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.spi.Needs;
import java.util.List;

/**
 * Lets the file of a memory list these counts in this order, after any others that it has. Those
 * that it has not are passed over; where the order is right, nothing changes. The order is no part
 * of a count's content: revisions stay what they are.
 *
 * @param from id of the memory
 * @param to the ids that it counts, each once
 * @see CoOccurrence
 */
public record OrderCoOccurrences(String from, List<String> to) implements Command {

  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if an id is there twice
   */
  public OrderCoOccurrences {
    requireNonNull(from, "from");
    to = Ids.requireDistinct(to);
  }

  @Override
  public String verb() {
    return "orderCoOccurrences";
  }

  @Override
  public String subject() {
    return from;
  }

  @Override
  public void needs(Needs needs) {
    needs.record(Kind.MEMORY, Key.of(from));
    to.forEach(id -> needs.record(Kind.CO_OCCURRENCE, Key.of(from, id)));
  }
}

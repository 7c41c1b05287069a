package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.spi.Needs;

/**
 * Notes that a memory was recalled: one more recall, weight up by 0.05 to at most 1, no session
 * since. Changes nothing if there is no such memory.
 *
 * @param at when, as text
 */
public record RecallMemory(String id, String at) implements Command {

  /** Checks that nothing is missing. */
  public RecallMemory {
    requireNonNull(id, "id");
    requireNonNull(at, "at");
  }

  @Override
  public String verb() {
    return "recall";
  }

  @Override
  public String subject() {
    return id;
  }

  @Override
  public void needs(Needs needs) {
    Ids.need(needs, id);
  }
}

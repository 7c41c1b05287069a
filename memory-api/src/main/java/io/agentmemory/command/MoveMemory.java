package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Tier;
import io.agentmemory.spi.Needs;

/** Moves a memory to another tier; its file keeps its name, its front matter stays as it is. */
public record MoveMemory(String id, Tier tier) implements Command {

  /** Checks that nothing is missing. */
  public MoveMemory {
    requireNonNull(id, "id");
    requireNonNull(tier, "tier");
  }

  @Override
  public String verb() {
    return "move";
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

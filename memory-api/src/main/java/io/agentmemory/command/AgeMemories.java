package io.agentmemory.command;

import io.agentmemory.Kind;
import io.agentmemory.spi.Needs;

/** Counts one more session since its last recall for every active memory. */
public record AgeMemories() implements Command {

  @Override
  public String verb() {
    return "ageMemories";
  }

  @Override
  public String subject() {
    return "";
  }

  @Override
  public void needs(Needs needs) {
    needs.all(Kind.MEMORY);
  }
}

package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Kind;
import io.agentmemory.spi.Needs;
import java.util.List;

/**
 * Lowers every count of co-occurrences but those between two memories that were retrieved together,
 * and deletes each that nothing is left of.
 *
 * @param retrieved ids that the session retrieved
 */
public record DecayCoOccurrences(List<String> retrieved, DecayRule rule) implements Command {

  /** Copies the list. */
  public DecayCoOccurrences {
    retrieved = List.copyOf(retrieved);
    requireNonNull(rule, "rule");
  }

  @Override
  public String verb() {
    return "decayCoOccurrences";
  }

  @Override
  public String subject() {
    return "";
  }

  @Override
  public void needs(Needs needs) {
    needs.all(Kind.MEMORY).all(Kind.CO_OCCURRENCE);
  }
}

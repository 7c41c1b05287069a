package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Kind;
import io.agentmemory.spi.Needs;
import java.util.List;

/**
 * Lowers every count of co-occurrences but those between two memories that were retrieved together,
 * and deletes each that nothing is left of. Notes in the history of decay how many pairs that was,
 * and in the log of rejections if some were deleted.
 *
 * @param retrieved ids that the session retrieved
 * @param at now, as text
 */
public record DecayCoOccurrences(List<String> retrieved, String at, DecayRule rule)
    implements Command {

  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if {@code at} is no time
   */
  public DecayCoOccurrences {
    retrieved = List.copyOf(retrieved);
    requireNonNull(rule, "rule");
    Ids.requireTime(at);
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
    Lists.needDecay(needs);
  }
}

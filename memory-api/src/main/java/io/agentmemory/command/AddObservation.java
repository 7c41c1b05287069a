package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Value;
import io.agentmemory.spi.Needs;

/**
 * Adds a reason for two memories to belong together, and works out anew how much to believe it.
 * Makes the edge if there is none. The two need not exist.
 *
 * @param at now, as text
 * @param observation its members, as the edge will list them
 */
public record AddObservation(
    String first, String second, String at, Value.Map observation, BeliefRule rule)
    implements Command {

  /**
   * Checks that nothing is missing.
   *
   * @throws IllegalArgumentException if both ids are the same, or {@code at} is no time
   */
  public AddObservation {
    requireNonNull(observation, "observation");
    requireNonNull(rule, "rule");
    Ids.requireTime(at);
    if (first.equals(second)) {
      throw new IllegalArgumentException("an edge joins two memories");
    }
  }

  @Override
  public String verb() {
    return "addObservation";
  }

  @Override
  public String subject() {
    return "";
  }

  @Override
  public void needs(Needs needs) {
    Ids.needPair(needs, first, second);
  }
}

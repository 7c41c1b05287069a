package io.agentmemory.command;

import io.agentmemory.spi.Needs;
import java.util.List;

/**
 * Moves active memories that are recalled often to the core tier, and notes when and why. Leaves
 * alone those that are not there, not active, or not recalled often enough.
 *
 * @param minRecalls how often is often enough; at least 1
 * @param at when, as text
 */
public record PromoteMemories(List<String> ids, long minRecalls, String at) implements Command {
  /** How many recalls Drift asks for. */
  public static final long DRIFT_RECALLS = 10;

  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if {@code minRecalls} is below 1, or {@code at} is no time
   */
  public PromoteMemories {
    ids = List.copyOf(ids);
    if (minRecalls < 1) {
      throw new IllegalArgumentException("minRecalls is below 1");
    }
    Ids.requireTime(at);
  }

  @Override
  public String verb() {
    return "promote";
  }

  @Override
  public String subject() {
    return ids.size() == 1 ? ids.get(0) : "";
  }

  @Override
  public void needs(Needs needs) {
    ids.forEach(id -> Ids.need(needs, id));
  }
}

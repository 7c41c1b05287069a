package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import java.util.List;

/**
 * What came of asking for the next stage, or for the one before.
 *
 * @param from the stage that held
 * @param to the stage that holds; the same if something stood against the change
 * @param reasons everything that stands against it; if it was forced, what stood against it
 * @param undrained what the source could not be given when it took over from a target that is away:
 *     records, by kind and key
 */
public record StageMove(Stage from, Stage to, List<String> reasons, List<String> undrained) {
  /** Checks that nothing is missing. */
  public StageMove {
    requireNonNull(from, "from");
    requireNonNull(to, "to");
    reasons = List.copyOf(reasons);
    undrained = List.copyOf(undrained);
  }

  /** Whether the stage changed. */
  public boolean moved() {
    return from != to;
  }
}

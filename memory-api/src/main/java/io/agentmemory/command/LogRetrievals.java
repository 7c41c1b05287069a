package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.spi.Needs;
import java.util.List;

/**
 * Notes what came of retrieving memories, and works out anew how often that was of use. Leaves
 * alone memories that are not there.
 *
 * @param retrievals one memory may be in it several times
 * @param perGenerative what a retrieval counts that a new memory came of, where one that led on
 *     counts 1; at least 1
 */
public record LogRetrievals(List<Retrieval> retrievals, double perGenerative) implements Command {
  /** What such a retrieval counts in Drift. */
  public static final double DRIFT_PER_GENERATIVE = 2;

  /** What came of retrieving a memory. */
  public enum Result {
    /** More was retrieved after it. */
    PRODUCTIVE,
    /** A new memory came of it. */
    GENERATIVE,
    /** Nothing came of it. */
    DEAD_END;

    /** The member that counts it. */
    String member() {
      return switch (this) {
        case PRODUCTIVE -> "productive";
        case GENERATIVE -> "generative";
        case DEAD_END -> "dead_end";
      };
    }
  }

  /** A memory that was retrieved, and what came of it. */
  public record Retrieval(String id, Result result) {
    /** Checks that nothing is missing. */
    public Retrieval {
      requireNonNull(id, "id");
      requireNonNull(result, "result");
    }
  }

  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if {@code perGenerative} is below 1 or not finite
   */
  public LogRetrievals {
    retrievals = List.copyOf(retrievals);
    if (!(perGenerative >= 1) || Double.isInfinite(perGenerative)) {
      throw new IllegalArgumentException("perGenerative is below 1 or not finite");
    }
  }

  /** By Drift's rule. */
  public LogRetrievals(List<Retrieval> retrievals) {
    this(retrievals, DRIFT_PER_GENERATIVE);
  }

  @Override
  public String verb() {
    return "logRetrievals";
  }

  @Override
  public String subject() {
    return "";
  }

  @Override
  public void needs(Needs needs) {
    retrievals.forEach(retrieval -> Ids.need(needs, retrieval.id()));
  }
}

package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.spi.Needs;
import java.util.List;

/**
 * Notes what came of retrieving memories, and works out anew how often that was of use. Leaves
 * alone memories that are not there.
 *
 * @param retrievals one memory may be in it several times
 */
public record LogRetrievals(List<Retrieval> retrievals) implements Command {

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

  /** Copies the list. */
  public LogRetrievals {
    retrievals = List.copyOf(retrievals);
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

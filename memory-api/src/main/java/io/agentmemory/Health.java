package io.agentmemory;

import java.util.List;

/**
 * How a store is.
 *
 * @param status in one word
 * @param notes what somebody should know, such as exact search for want of an extension
 */
public record Health(Status status, List<String> notes) {
  /** How a store is, in one word. */
  public enum Status {
    /** It does all it should. */
    UP,
    /** It works, but something needs a look: see the notes. */
    DEGRADED,
    /** It gives no answer. */
    DOWN
  }

  /** Copies the notes. */
  public Health {
    notes = List.copyOf(notes);
  }
}

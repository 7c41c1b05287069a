package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.spi.Needs;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Notes that a memory was recalled: one more recall, weight up by {@link SessionRule#recallGain()}
 * to at most 1, no session since. With a source it also notes that in the session, as {@link
 * NoteRecalls} does. Changes nothing if there is no such memory.
 *
 * @param at when, as text
 * @param source how it came to be recalled; null to leave the session as it is
 */
public record RecallMemory(String id, String at, @Nullable String source, SessionRule rule)
    implements Command {

  /**
   * Checks that nothing is missing.
   *
   * @throws IllegalArgumentException if there is a source, and {@code at} is no time
   */
  public RecallMemory {
    requireNonNull(id, "id");
    requireNonNull(at, "at");
    requireNonNull(rule, "rule");
    if (source != null) {
      Ids.requireTime(at);
    }
  }

  /** A recall that no session notes. */
  public RecallMemory(String id, String at) {
    this(id, at, null, SessionRule.DRIFT);
  }

  @Override
  public String verb() {
    return "recall";
  }

  @Override
  public String subject() {
    return id;
  }

  @Override
  public void needs(Needs needs) {
    Ids.need(needs, id);
    if (source != null) {
      SessionNotes.need(needs, List.of(id), source, rule);
    }
  }
}

package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.spi.Needs;
import java.util.List;

/**
 * Notes in the session that memories were retrieved, and nothing in the memories, which need not
 * exist. Begins a session if there is none; one that is over goes, with what it had retrieved.
 *
 * @param source how they came to be retrieved; the session has a list for each of those that the
 *     rule names, and forgets any other
 * @param at now, as text
 */
public record NoteRecalls(List<String> ids, String source, String at, SessionRule rule)
    implements Command {

  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if there is no id, or {@code at} is no time
   */
  public NoteRecalls {
    ids = List.copyOf(ids);
    if (ids.isEmpty()) {
      throw new IllegalArgumentException("there is nothing to note");
    }
    requireNonNull(source, "source");
    requireNonNull(rule, "rule");
    Ids.requireTime(at);
  }

  @Override
  public String verb() {
    return "noteRecalls";
  }

  @Override
  public String subject() {
    return ids.size() == 1 ? ids.get(0) : "";
  }

  @Override
  public void needs(Needs needs) {
    ids.forEach(id -> Ids.need(needs, id));
    SessionNotes.need(needs, ids, source, rule);
  }
}

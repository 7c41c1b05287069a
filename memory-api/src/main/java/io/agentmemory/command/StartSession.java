package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Kind;
import io.agentmemory.PendingCoOccurrence;
import io.agentmemory.Session;
import io.agentmemory.spi.Needs;
import java.util.LinkedHashSet;
import java.util.List;

/**
 * Does what is to be done when a session starts: counts what is pending ({@link
 * CountCoOccurrences}, each session by itself; edges stay as they are), so that nothing is pending
 * any more, and lets a session go that is over, with what it had retrieved. One that is not over
 * goes on.
 *
 * @param pending what the sessions retrieved that are pending, as the caller found it; refused if
 *     that is no longer so
 * @param at now, as text
 */
public record StartSession(List<List<String>> pending, String at, SessionRule rule)
    implements Command {

  /**
   * Copies the lists.
   *
   * @throws IllegalArgumentException if {@code at} is no time
   */
  public StartSession {
    pending = pending.stream().map(List::copyOf).toList();
    requireNonNull(rule, "rule");
    Ids.requireTime(at);
  }

  @Override
  public String verb() {
    return "startSession";
  }

  @Override
  public String subject() {
    return "";
  }

  @Override
  public void needs(Needs needs) {
    for (List<String> retrieved : pending) {
      new CountCoOccurrences(List.copyOf(new LinkedHashSet<>(retrieved))).needs(needs);
    }
    needs.record(Kind.PENDING_CO_OCCURRENCE, PendingCoOccurrence.KEY);
    needs.record(Kind.SESSION, Session.KEY);
  }
}

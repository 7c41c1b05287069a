package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Kind;
import io.agentmemory.PendingCoOccurrence;
import io.agentmemory.Session;
import io.agentmemory.spi.Needs;

/**
 * Ends the session and leaves what it retrieved to be counted when the next one starts, beside what
 * is pending already. Changes nothing if there is no session or it retrieved nothing; one that is
 * over goes, with what it had retrieved.
 *
 * @param agent whose session it is
 * @param at now, as text
 */
public record SavePending(String agent, String at, SessionRule rule) implements Command {

  /**
   * Checks that nothing is missing.
   *
   * @throws IllegalArgumentException if {@code at} is no time
   */
  public SavePending {
    requireNonNull(agent, "agent");
    requireNonNull(rule, "rule");
    Ids.requireTime(at);
  }

  @Override
  public String verb() {
    return "savePending";
  }

  @Override
  public String subject() {
    return "";
  }

  @Override
  public void needs(Needs needs) {
    needs.record(Kind.SESSION, Session.KEY);
    needs.record(Kind.PENDING_CO_OCCURRENCE, PendingCoOccurrence.KEY);
  }
}

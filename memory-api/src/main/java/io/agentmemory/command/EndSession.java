package io.agentmemory.command;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Session;
import io.agentmemory.spi.Needs;

/**
 * Ends the session: it goes, and so do its recalls and the platforms it was on. What it retrieved
 * is for other commands of the same batch.
 *
 * @param expectedRevision refuse unless the session is at this revision, which every recall moves;
 *     0 if there is to be none
 */
public record EndSession(long expectedRevision) implements Command {
  /** Where the platforms of the session stand. Source: drift.md 1.5. */
  static final Key PLATFORMS = Key.of(".session_platforms.json");

  /**
   * Checks the revision.
   *
   * @throws IllegalArgumentException if it is below 0
   */
  public EndSession {
    if (expectedRevision < 0) {
      throw new IllegalArgumentException("expectedRevision is below 0");
    }
  }

  @Override
  public String verb() {
    return "endSession";
  }

  @Override
  public String subject() {
    return "";
  }

  @Override
  public void needs(Needs needs) {
    needs.record(Kind.SESSION, Session.KEY);
    needs.record(Kind.VALUE, PLATFORMS);
  }
}

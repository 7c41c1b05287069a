package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import java.time.Instant;

/**
 * A record whose secondary copy is, or may be, behind the authority's.
 *
 * @param since when that was noticed first
 * @param why never content
 */
public record Lagging(Kind<?> kind, Key key, Instant since, String why) {
  /** Checks that nothing is missing. */
  public Lagging {
    requireNonNull(kind, "kind");
    requireNonNull(key, "key");
    requireNonNull(since, "since");
    requireNonNull(why, "why");
  }
}

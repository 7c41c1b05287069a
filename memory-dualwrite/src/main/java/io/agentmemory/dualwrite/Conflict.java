package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Version;
import java.time.Instant;

/**
 * Two states of a record that were written apart from each other. One of them holds in both stores,
 * the other is kept whole, aside, until somebody decides.
 *
 * @param id names it
 * @param at when it was found
 * @param winner the store whose state holds: {@code source} or {@code target}
 * @param won the version that holds, as it was then
 * @param lost the version that is set aside
 */
public record Conflict(
    String id, Kind<?> kind, Key key, Instant at, String winner, Version won, Version lost) {
  /** Checks that nothing is missing. */
  public Conflict {
    requireNonNull(id, "id");
    requireNonNull(kind, "kind");
    requireNonNull(key, "key");
    requireNonNull(at, "at");
    requireNonNull(winner, "winner");
    requireNonNull(won, "won");
    requireNonNull(lost, "lost");
  }
}

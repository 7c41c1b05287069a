package io.agentmemory.dualwrite;

import io.agentmemory.OpId;
import io.agentmemory.Stored;
import io.agentmemory.Version;
import java.time.Instant;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * What one store lacks of one record, or may lack.
 *
 * @param since when that began
 * @param why never content
 * @param ops the operations that are not done before this is paid; grows, as the record of a busy
 *     agent may see many thousands while a store is away
 * @param run what is known of how the record went on in the store that has it, to tell what
 *     somebody else made of it in the other one; null where nothing is known
 * @param state the newest state, where the store that has it may be away; else null
 * @param parked whether the store refused it, so that trying again is of no use
 */
record Debt(
    Ref ref,
    Side lacking,
    Instant since,
    String why,
    Set<OpId> ops,
    @Nullable Run run,
    @Nullable Stored<?> state,
    boolean parked) {

  /**
   * How a record went on while a store was away.
   *
   * @param base what that store had when it went; null if the record was not there
   * @param states what each operation since found, and made of it; grows. What a later one found
   *     may be more than the earlier ones made: then both stores had it in between.
   */
  record Run(@Nullable Version base, Set<Version> states) {
    Run(@Nullable Version base) {
      this(base, ConcurrentHashMap.newKeySet());
    }

    void add(@Nullable Version found, Version made) {
      if (found != null) {
        states.add(found);
      }
      states.add(made);
    }
  }

  /** No operation yet. */
  static Set<OpId> noOps() {
    return ConcurrentHashMap.newKeySet();
  }

  Lagging lagging() {
    return new Lagging(ref.kind(), ref.key(), since, why);
  }

  Debt parked(String reason) {
    return new Debt(ref, lacking, since, reason, ops, run, state, true);
  }
}

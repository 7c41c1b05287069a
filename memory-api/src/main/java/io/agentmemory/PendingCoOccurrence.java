package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Map;

/**
 * Memories that were retrieved together in sessions that ended, and that are to be counted when the
 * next one starts. There is one such record at most, at {@link #KEY}; it is deleted when that is
 * done.
 *
 * @param members retrieved, session_id, agent, saved_at; or, as it was written later, such maps in
 *     a list under sessions; and whatever else is there
 */
public record PendingCoOccurrence(Value.Map members) implements MemoryRecord {

  /** The key of the one record. */
  public static final Key KEY = Key.of("current");

  /** Checks that nothing is missing. */
  public PendingCoOccurrence {
    requireNonNull(members, "members");
  }

  static PendingCoOccurrence of(Key key, Value.Map content) {
    if (!key.equals(KEY)) {
      throw new IllegalArgumentException("what is pending has another key");
    }
    return new PendingCoOccurrence(Members.of(Kind.PENDING_CO_OCCURRENCE, content));
  }

  @Override
  public Kind<PendingCoOccurrence> kind() {
    return Kind.PENDING_CO_OCCURRENCE;
  }

  @Override
  public Key key() {
    return KEY;
  }

  @Override
  public Value.Map tree() {
    return new Value.Map(Map.of("members", members));
  }

  /** The sessions that wait, in either form; what is no map is left out. */
  public List<Value.Map> sessions() {
    if (members.get("sessions") instanceof Value.Seq seq) {
      return seq.items().stream()
          .filter(Value.Map.class::isInstance)
          .map(Value.Map.class::cast)
          .toList();
    }
    return members.has("retrieved") ? List.of(members) : List.of();
  }
}

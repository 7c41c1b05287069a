package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.Map;

/**
 * Something the agent turned down, at its place in the log.
 *
 * @param ordinal its place in the list, from 0; at most 99,999,999
 * @param members timestamp, category, reason, target, context, tags, source, and whatever else is
 *     there
 */
public record Rejection(int ordinal, Value.Map members) implements MemoryRecord {

  /** Checks that nothing is missing and the ordinal is in its range. */
  public Rejection {
    requireNonNull(members, "members");
    Ordinals.check(ordinal);
  }

  /** The key of the one at {@code ordinal}: eight digits, so that keys order as numbers. */
  public static Key key(int ordinal) {
    return Key.of(Ordinals.text(ordinal));
  }

  static Rejection of(Key key, Value.Map content) {
    return new Rejection(
        Ordinals.parse(Kind.REJECTION, key.part(0)), Members.of(Kind.REJECTION, content));
  }

  @Override
  public Kind<Rejection> kind() {
    return Kind.REJECTION;
  }

  @Override
  public Key key() {
    return key(ordinal);
  }

  @Override
  public Value.Map tree() {
    return new Value.Map(Map.of("members", members));
  }
}

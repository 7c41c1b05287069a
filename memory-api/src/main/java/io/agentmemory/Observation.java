package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.Map;

/**
 * One reason for an edge.
 *
 * @param pair the edge's pair, as written there
 * @param ordinal its place in the edge's list, from 0; at most 99,999,999
 * @param members id, observed_at, source, weight, trust_tier, and whatever else is there
 */
public record Observation(String pair, int ordinal, Value.Map members) implements MemoryRecord {

  /** Checks that nothing is missing and the ordinal is in its range. */
  public Observation {
    requireNonNull(pair, "pair");
    requireNonNull(members, "members");
    Ordinals.check(ordinal);
  }

  /** The key of the observation at {@code ordinal}: eight digits, so that keys order as numbers. */
  public static Key key(String pair, int ordinal) {
    return Key.of(pair, Ordinals.text(ordinal));
  }

  static Observation of(Key key, Value.Map content) {
    return new Observation(
        key.part(0),
        Ordinals.parse(Kind.OBSERVATION, key.part(1)),
        Members.of(Kind.OBSERVATION, content));
  }

  @Override
  public Kind<Observation> kind() {
    return Kind.OBSERVATION;
  }

  @Override
  public Key key() {
    return key(pair, ordinal);
  }

  @Override
  public Value.Map tree() {
    return new Value.Map(Map.of("members", members));
  }
}

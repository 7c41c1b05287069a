package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.Locale;
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
    if (ordinal < 0 || ordinal > 99_999_999) {
      throw new IllegalArgumentException("ordinal " + ordinal + " is not in 0 to 99,999,999");
    }
  }

  /** The key of the observation at {@code ordinal}: eight digits, so that keys order as numbers. */
  public static Key key(String pair, int ordinal) {
    return Key.of(pair, String.format(Locale.ROOT, "%08d", ordinal));
  }

  static Observation of(Key key, Value.Map content) {
    String ordinal = key.part(1);
    if (!ordinal.matches("[0-9]{8}")) {
      throw new IllegalArgumentException("the ordinal of an observation has eight digits");
    }
    return new Observation(
        key.part(0), Integer.parseInt(ordinal), Members.of(Kind.OBSERVATION, content));
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

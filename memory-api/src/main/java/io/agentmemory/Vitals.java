package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.internal.Texts;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/**
 * What was measured of the memory at some time, at its place in the history.
 *
 * @param ordinal its place in the list, from 0; at most 99,999,999
 * @param members timestamp, metrics, and whatever else is there
 */
public record Vitals(int ordinal, Value.Map members) implements MemoryRecord {

  /** Checks that nothing is missing and the ordinal is in its range. */
  public Vitals {
    requireNonNull(members, "members");
    Ordinals.check(ordinal);
  }

  /** The key of the one at {@code ordinal}: eight digits, so that keys order as numbers. */
  public static Key key(int ordinal) {
    return Key.of(Ordinals.text(ordinal));
  }

  static Vitals of(Key key, Value.Map content) {
    return new Vitals(Ordinals.parse(Kind.VITALS, key.part(0)), Members.of(Kind.VITALS, content));
  }

  @Override
  public Kind<Vitals> kind() {
    return Kind.VITALS;
  }

  @Override
  public Key key() {
    return key(ordinal);
  }

  @Override
  public Value.Map tree() {
    return new Value.Map(Map.of("members", members));
  }

  /** When that was; empty if that is missing or no possible time. */
  public Optional<Instant> at() {
    return Optional.ofNullable(Texts.instant(Value.textOf(members.get("timestamp"))));
  }
}

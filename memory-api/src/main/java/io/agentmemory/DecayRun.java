package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.internal.Texts;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/**
 * What one run of decay did, at its place in the history.
 *
 * @param ordinal its place in the list, from 0; at most 99,999,999
 * @param members timestamp, decayed, pruned, and whatever else is there
 */
public record DecayRun(int ordinal, Value.Map members) implements MemoryRecord {

  /** Checks that nothing is missing and the ordinal is in its range. */
  public DecayRun {
    requireNonNull(members, "members");
    Ordinals.check(ordinal);
  }

  /** The key of the one at {@code ordinal}: eight digits, so that keys order as numbers. */
  public static Key key(int ordinal) {
    return Key.of(Ordinals.text(ordinal));
  }

  static DecayRun of(Key key, Value.Map content) {
    return new DecayRun(
        Ordinals.parse(Kind.DECAY_RUN, key.part(0)), Members.of(Kind.DECAY_RUN, content));
  }

  @Override
  public Kind<DecayRun> kind() {
    return Kind.DECAY_RUN;
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

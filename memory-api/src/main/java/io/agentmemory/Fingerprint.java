package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.internal.Texts;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/**
 * What the cognitive fingerprint was at some time, at its place in the history.
 *
 * @param ordinal its place in the list, from 0; at most 99,999,999
 * @param members timestamp, fingerprint_hash, node_count, edge_count, cluster_count, hub_ids_top5,
 *     drift_score, and whatever else is there
 */
public record Fingerprint(int ordinal, Value.Map members) implements MemoryRecord {

  /** Checks that nothing is missing and the ordinal is in its range. */
  public Fingerprint {
    requireNonNull(members, "members");
    Ordinals.check(ordinal);
  }

  /** The key of the one at {@code ordinal}: eight digits, so that keys order as numbers. */
  public static Key key(int ordinal) {
    return Key.of(Ordinals.text(ordinal));
  }

  static Fingerprint of(Key key, Value.Map content) {
    return new Fingerprint(
        Ordinals.parse(Kind.FINGERPRINT, key.part(0)), Members.of(Kind.FINGERPRINT, content));
  }

  @Override
  public Kind<Fingerprint> kind() {
    return Kind.FINGERPRINT;
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

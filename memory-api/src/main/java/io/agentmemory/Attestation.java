package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.internal.Texts;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/**
 * What somebody attested to at some time: the root over all memories, the taste, the cognitive
 * fingerprint, or what was published of it.
 *
 * @param type one of {@link #MERKLE}, {@link #TASTE}, {@link #COGNITIVE}, {@link #NOSTR}
 * @param name its place in the history of its type, eight digits ({@link #MERKLE} and {@link
 *     #NOSTR} have a history); {@link #LATEST} for the one that is kept apart ({@link #MERKLE},
 *     {@link #TASTE}, {@link #COGNITIVE})
 * @param members as the attestation has them
 */
public record Attestation(String type, String name, Value.Map members) implements MemoryRecord {

  /** Of the root over the files of all memories. */
  public static final String MERKLE = "merkle";

  /** Of what was rejected. */
  public static final String TASTE = "taste";

  /** Of the cognitive fingerprint. */
  public static final String COGNITIVE = "cognitive";

  /** Of an event published over Nostr. */
  public static final String NOSTR = "nostr";

  /** The name of an attestation that the next one of its type takes the place of. */
  public static final String LATEST = "latest";

  /** Checks that nothing is missing. */
  public Attestation {
    requireNonNull(type, "type");
    requireNonNull(name, "name");
    requireNonNull(members, "members");
  }

  /** The key of the one at this place in the history of its type. */
  public static Key key(String type, int ordinal) {
    Ordinals.check(ordinal);
    return Key.of(type, Ordinals.text(ordinal));
  }

  static Attestation of(Key key, Value.Map content) {
    return new Attestation(key.part(0), key.part(1), Members.of(Kind.ATTESTATION, content));
  }

  @Override
  public Kind<Attestation> kind() {
    return Kind.ATTESTATION;
  }

  @Override
  public Key key() {
    return Key.of(type, name);
  }

  @Override
  public Value.Map tree() {
    return new Value.Map(Map.of("members", members));
  }

  /** When that was; empty if that is missing or no possible time. */
  public Optional<Instant> at() {
    return Optional.ofNullable(Texts.instant(Value.textOf(members.get("timestamp"))));
  }

  /** What it attests to: a root, a hash, the id of an event; empty if it has none. */
  public Optional<String> hash() {
    String member =
        switch (type) {
          case MERKLE -> "merkle_root";
          case TASTE -> "taste_hash";
          case COGNITIVE -> "fingerprint_hash";
          default -> "event_id_hex";
        };
    return Optional.ofNullable(Value.textOf(members.get(member)));
  }
}

package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Something the agent learned, at its place in the list.
 *
 * @param ordinal its place in the list, from 0; at most 99,999,999
 * @param members id, category, lesson, evidence, source, confidence, created, recalled_count,
 *     last_recalled, and whatever else is there; of ours: superseded_by, contradicted_by
 */
public record Lesson(int ordinal, Value.Map members) implements MemoryRecord {
  /** The member that names the lesson which took this one's place. */
  public static final String SUPERSEDED_BY = "superseded_by";

  /** Checks that nothing is missing and the ordinal is in its range. */
  public Lesson {
    requireNonNull(members, "members");
    Ordinals.check(ordinal);
  }

  /** The key of the one at {@code ordinal}: eight digits, so that keys order as numbers. */
  public static Key key(int ordinal) {
    return Key.of(Ordinals.text(ordinal));
  }

  static Lesson of(Key key, Value.Map content) {
    return new Lesson(Ordinals.parse(Kind.LESSON, key.part(0)), Members.of(Kind.LESSON, content));
  }

  /** Its id; empty if it has none. Two may have the same. */
  public Optional<String> id() {
    return Optional.ofNullable(Value.textOf(members.get("id")));
  }

  /** What it says; empty if it says nothing. */
  public String text() {
    String text = Value.textOf(members.get("lesson"));
    return text == null ? "" : text;
  }

  /** What it is about; empty if that is not stated. */
  public Optional<String> category() {
    return Optional.ofNullable(Value.textOf(members.get("category")));
  }

  /** How sure it is; empty if that is not stated, or no number. */
  public OptionalDouble confidence() {
    Double confidence = Value.numberOf(members.get("confidence"));
    return confidence == null ? OptionalDouble.empty() : OptionalDouble.of(confidence);
  }

  /** The id of the lesson that took its place; empty if none did. */
  public Optional<String> supersededBy() {
    String by = Value.textOf(members.get(SUPERSEDED_BY));
    return by == null || by.isEmpty() ? Optional.empty() : Optional.of(by);
  }

  @Override
  public Kind<Lesson> kind() {
    return Kind.LESSON;
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

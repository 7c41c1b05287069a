package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.Map;

/**
 * Something the agent learned, at its place in the list.
 *
 * @param ordinal its place in the list, from 0; at most 99,999,999
 * @param members id, category, lesson, evidence, source, confidence, created, recalled_count,
 *     last_recalled, and whatever else is there
 */
public record Lesson(int ordinal, Value.Map members) implements MemoryRecord {

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

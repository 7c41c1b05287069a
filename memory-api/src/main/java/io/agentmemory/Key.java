package io.agentmemory;

import io.agentmemory.internal.Texts;
import java.util.List;

/**
 * The name of a record within its kind: one or more texts. Keys order part by part, by code point,
 * on every store.
 */
public record Key(List<String> parts) implements Comparable<Key> {

  /**
   * Takes the parts.
   *
   * @throws IllegalArgumentException if there is none
   */
  public Key {
    parts = List.copyOf(parts);
    if (parts.isEmpty()) {
      throw new IllegalArgumentException("a key needs at least one part");
    }
  }

  /** A key of these parts. */
  public static Key of(String... parts) {
    return new Key(List.of(parts));
  }

  /** The part at {@code index}. */
  public String part(int index) {
    return parts.get(index);
  }

  @Override
  public int compareTo(Key other) {
    int common = Math.min(parts.size(), other.parts.size());
    for (int i = 0; i < common; i++) {
      int order = Texts.compare(parts.get(i), other.parts.get(i));
      if (order != 0) {
        return order;
      }
    }
    return Integer.compare(parts.size(), other.parts.size());
  }

  /** The parts with {@code /} between them: for people, not for parsing. */
  @Override
  public String toString() {
    return String.join("/", parts);
  }
}

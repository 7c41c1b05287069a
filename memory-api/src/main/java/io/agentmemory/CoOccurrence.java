package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.Map;
import java.util.Set;

/**
 * How often {@code from} was retrieved together with {@code to}, as {@code from}'s own file says.
 * Directed: the other direction is another record and may differ.
 *
 * @param count a whole number or a float, or whatever else stands in the file
 */
public record CoOccurrence(String from, String to, Value count) implements MemoryRecord {

  /** Checks that nothing is missing. */
  public CoOccurrence {
    requireNonNull(from, "from");
    requireNonNull(to, "to");
    requireNonNull(count, "count");
  }

  static CoOccurrence of(Key key, Value.Map content) {
    Value count = content.get("count");
    if (count == null) {
      throw new IllegalArgumentException("a co_occurrence without count");
    }
    return new CoOccurrence(key.part(0), key.part(1), count);
  }

  @Override
  public Kind<CoOccurrence> kind() {
    return Kind.CO_OCCURRENCE;
  }

  @Override
  public Key key() {
    return Key.of(from, to);
  }

  @Override
  public Value.Map tree() {
    return new Value.Map(Map.of("count", count));
  }

  @Override
  public Set<String> owners() {
    return Set.of(from);
  }
}

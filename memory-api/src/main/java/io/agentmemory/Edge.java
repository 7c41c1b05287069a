package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.Map;
import java.util.Optional;

/**
 * A weighted pair of memories, with the contexts in which it formed.
 *
 * @param pair the two ids with {@code |} between them, as written
 * @param members belief, first_formed, last_updated, the contexts, and whatever else is there. The
 *     entries of {@code observations} are records of their own ({@link Observation}), so a list
 *     there is always empty here and only says that the member is present.
 */
public record Edge(String pair, Value.Map members) implements MemoryRecord {

  /** The member whose entries are {@link Observation} records. */
  public static final String OBSERVATIONS = "observations";

  /** Checks that nothing is missing. */
  public Edge {
    requireNonNull(pair, "pair");
    if (members.get(OBSERVATIONS) instanceof Value.Seq seq && !seq.items().isEmpty()) {
      members = members.with(OBSERVATIONS, Value.EMPTY_SEQ);
    }
  }

  static Edge of(Key key, Value.Map content) {
    return new Edge(key.part(0), Members.of(Kind.EDGE, content));
  }

  @Override
  public Kind<Edge> kind() {
    return Kind.EDGE;
  }

  @Override
  public Key key() {
    return Key.of(pair);
  }

  @Override
  public Value.Map tree() {
    return new Value.Map(Map.of("members", members));
  }

  /** The first of the two ids; empty unless the pair has exactly one {@code |}. */
  public Optional<String> first() {
    int bar = bar();
    return bar < 0 ? Optional.empty() : Optional.of(pair.substring(0, bar));
  }

  /** The second of the two ids; empty unless the pair has exactly one {@code |}. */
  public Optional<String> second() {
    int bar = bar();
    return bar < 0 ? Optional.empty() : Optional.of(pair.substring(bar + 1));
  }

  private int bar() {
    int bar = pair.indexOf('|');
    return bar == pair.lastIndexOf('|') ? bar : -1;
  }
}

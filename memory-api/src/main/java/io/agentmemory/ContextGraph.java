package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.Map;
import java.util.Optional;

/**
 * The edges seen along one dimension (who, what, why, where, when, bridges) or one part of it.
 * Worked out from edges and memories; one that is out of date stays until somebody deletes it.
 *
 * @param name of its file without the ending, such as {@code where_moltx}. It is no way to tell
 *     dimension and part: {@code meta} is.
 * @param members meta, edges, hubs, stats, and whatever else is there
 */
public record ContextGraph(String name, Value.Map members) implements MemoryRecord {

  /** Checks that nothing is missing. */
  public ContextGraph {
    requireNonNull(name, "name");
    requireNonNull(members, "members");
  }

  static ContextGraph of(Key key, Value.Map content) {
    return new ContextGraph(key.part(0), Members.of(Kind.CONTEXT_GRAPH, content));
  }

  @Override
  public Kind<ContextGraph> kind() {
    return Kind.CONTEXT_GRAPH;
  }

  @Override
  public Key key() {
    return Key.of(name);
  }

  @Override
  public Value.Map tree() {
    return new Value.Map(Map.of("members", members));
  }

  /** The dimension that {@code meta} tells. */
  public Optional<String> dimension() {
    return meta("dimension");
  }

  /** The part of the dimension that {@code meta} tells; empty for a whole one. */
  public Optional<String> subView() {
    return meta("sub_view");
  }

  private Optional<String> meta(String name) {
    Value meta = members.get("meta");
    return Optional.ofNullable(meta instanceof Value.Map map ? Value.textOf(map.get(name)) : null);
  }
}

package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Edge;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.spi.Needs;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Lowers the belief in every edge but those between two memories that were retrieved together, and
 * deletes, with its observations, each that nothing is left of. If there is any edge, notes in the
 * history of decay how many of each there were, and in the log of rejections if some were deleted.
 *
 * @param retrieved ids that the session retrieved
 * @param dimensions what the session was about: {@code where}, {@code why}, {@code who} and {@code
 *     what}; empty if that is not known, and then no edge is spared for having nothing to do with
 *     it
 * @param at now, as text
 */
public record DecayEdges(
    List<String> retrieved, Map<String, List<String>> dimensions, String at, DecayRule rule)
    implements Command {
  /**
   * Copies the collections.
   *
   * @throws IllegalArgumentException if {@code at} is no time
   */
  public DecayEdges {
    retrieved = List.copyOf(retrieved);
    Map<String, List<String>> copy = new LinkedHashMap<>();
    dimensions.forEach((name, values) -> copy.put(name, List.copyOf(values)));
    dimensions = java.util.Collections.unmodifiableMap(copy);
    requireNonNull(rule, "rule");
    Ids.requireTime(at);
  }

  /**
   * What an edge is about: those of the four dimensions that have a value, each in code point
   * order.
   *
   * <p>Source: Drift's edge dimensions: where and why from the edge's contexts, what and who from
   * its own and its memories' topics and contacts.
   *
   * @param first the edge's first memory; null if that is not there
   * @param second its second; null if that is not there
   */
  public static Map<String, Set<String>> dimensions(
      Edge edge, @Nullable Memory first, @Nullable Memory second) {
    return Pairs.Dimensions.of(edge, first, second);
  }

  @Override
  public String verb() {
    return "decayEdges";
  }

  @Override
  public String subject() {
    return "";
  }

  @Override
  public void needs(Needs needs) {
    needs.all(Kind.MEMORY).all(Kind.EDGE);
    Lists.needDecay(needs);
  }
}

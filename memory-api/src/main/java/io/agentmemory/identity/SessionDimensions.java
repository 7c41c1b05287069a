package io.agentmemory.identity;

import io.agentmemory.Memory;
import io.agentmemory.Value;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** What a session is about: an edge that has nothing to do with it decays more slowly. */
public final class SessionDimensions {
  private SessionDimensions() {}

  /**
   * The values of {@code where}, {@code why}, {@code who} and {@code what}; a dimension without any
   * is left out. But {@code who} is there, if need be empty, where contacts are kept at all, and
   * {@code what} as soon as something was retrieved: a session of empty dimensions has nothing to
   * do with any edge, as in the original.
   *
   * <p>Source: Drift's session dimensions.
   *
   * @param platforms where it went on
   * @param activity why: {@code dominant} and {@code secondary}; empty if that is not known
   * @param contacts with whom; null if that is not kept
   * @param retrieved the ids of the memories it recalled
   * @param memories the memory of an id, or null
   */
  public static Map<String, Set<String>> of(
      Collection<String> platforms,
      Value.Map activity,
      @Nullable Collection<String> contacts,
      Collection<String> retrieved,
      Function<String, @Nullable Memory> memories) {
    Set<String> why = new LinkedHashSet<>();
    String dominant = Value.textOf(activity.get("dominant"));
    if (dominant != null && !dominant.isEmpty()) {
      why.add(dominant);
    }
    why.addAll(Value.textsOf(activity.get("secondary")));
    Set<String> what = new LinkedHashSet<>();
    for (String id : retrieved) {
      Memory memory = memories.apply(id);
      if (memory != null) {
        what.addAll(Value.textsOf(memory.members().get("topic_context")));
      }
    }
    Map<String, Set<String>> dimensions = new LinkedHashMap<>();
    dimensions.put("where", new LinkedHashSet<>(platforms));
    dimensions.put("why", why);
    dimensions.values().removeIf(Set::isEmpty);
    if (contacts != null) {
      dimensions.put("who", new LinkedHashSet<>(contacts));
    }
    if (!retrieved.isEmpty()) {
      dimensions.put("what", what);
    }
    dimensions.replaceAll((name, values) -> Collections.unmodifiableSet(values));
    return Collections.unmodifiableMap(dimensions);
  }
}

package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.spi.Needs;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Notes that memories were retrieved in one session: each pair of them gets an observation, and its
 * belief is worked out anew from all it has. Makes the edges that are not there.
 *
 * @param retrieved ids, each once; fewer than two make no pair
 * @param observationIds an id for the observation of each pair: of the first with each later one,
 *     then of the second, and so on
 * @param at now, as text
 * @param sessionId what the observations name as their session
 * @param agent whose session it is
 * @param activity what the session was mostly about, if that is known
 */
public record LogCoOccurrences(
    List<String> retrieved,
    List<String> observationIds,
    String at,
    String sessionId,
    String agent,
    @Nullable String activity,
    BeliefRule rule)
    implements Command {

  /**
   * Copies the lists.
   *
   * @throws IllegalArgumentException if an id is there twice, the number of observation ids is not
   *     that of pairs, or {@code at} is no time
   */
  public LogCoOccurrences {
    retrieved = Ids.requireDistinct(retrieved);
    observationIds = List.copyOf(observationIds);
    if (observationIds.size() != pairs(retrieved.size())) {
      throw new IllegalArgumentException(
          retrieved.size() + " memories make " + pairs(retrieved.size()) + " pairs");
    }
    requireNonNull(sessionId, "sessionId");
    requireNonNull(agent, "agent");
    requireNonNull(rule, "rule");
    Ids.requireTime(at);
  }

  /** The number of pairs that so many memories make. */
  public static int pairs(int memories) {
    return Math.toIntExact((long) memories * (memories - 1) / 2);
  }

  @Override
  public String verb() {
    return "logCoOccurrences";
  }

  @Override
  public String subject() {
    return "";
  }

  @Override
  public void needs(Needs needs) {
    retrieved.forEach(id -> Ids.need(needs, id));
    for (int i = 0; i < retrieved.size(); i++) {
      for (int j = i + 1; j < retrieved.size(); j++) {
        Ids.needPair(needs, retrieved.get(i), retrieved.get(j));
      }
    }
  }
}

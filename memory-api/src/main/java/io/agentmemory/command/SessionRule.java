package io.agentmemory.command;

import io.agentmemory.Session;
import io.agentmemory.internal.Texts;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What one session is, and what a recall in it does.
 *
 * @param limit how long it lasts, from its start and however it is used
 * @param sources how a memory may come to be recalled: the session lists the recalls of each of
 *     these
 * @param recallGain what a recall adds to the weight of a memory, which it raises to at most 1
 */
public record SessionRule(Duration limit, Set<String> sources, double recallGain) {
  /** How a memory came to be recalled that somebody asked for. */
  public static final String MANUAL = "manual";

  /** Drift's own. */
  public static final SessionRule DRIFT =
      new SessionRule(
          Duration.ofHours(4),
          Set.of(MANUAL, "start_priming", "thought_priming", "prompt_priming"),
          0.05);

  private static final Pattern ZONED =
      Pattern.compile(".*:.*(?:[Zz]|[-+][0-9]{1,2}(?::?[0-9]{2})?)");

  /**
   * Copies the set.
   *
   * @throws IllegalArgumentException if {@code limit} is below zero, or {@code recallGain} is not
   *     finite
   */
  public SessionRule {
    sources = Set.copyOf(sources);
    if (limit.isNegative()) {
      throw new IllegalArgumentException("limit is below zero");
    }
    if (!Double.isFinite(recallGain)) {
      throw new IllegalArgumentException("recallGain is not finite");
    }
  }

  /**
   * Whether {@code session} is over: it started too long ago, or at no time that anybody can tell,
   * for want of a possible one or of its zone.
   */
  public boolean isOver(Session session, Instant now) {
    Instant started = startedAt(session);
    return started == null || Duration.between(started, now).compareTo(limit) > 0;
  }

  private static @Nullable Instant startedAt(Session session) {
    String text = session.started().orElse("");
    return ZONED.matcher(text).matches() ? Texts.instant(text) : null;
  }
}

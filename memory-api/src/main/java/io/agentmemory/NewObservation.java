package io.agentmemory;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

/**
 * A reason for two memories to belong together, that is yet to be added.
 *
 * @param type where it comes from, as {@code session_recall}
 * @param sessionId the session it comes from
 * @param agent who says so
 * @param platform where that happened
 * @param artifactId what shows it, as a post
 * @param weight how much it counts
 * @param trustTier how much its source is trusted: {@code self}, {@code verified_agent}, {@code
 *     platform}, {@code unknown}
 */
public record NewObservation(
    String type,
    @Nullable String sessionId,
    @Nullable String agent,
    @Nullable String platform,
    @Nullable String artifactId,
    double weight,
    String trustTier) {

  /**
   * Checks that nothing is missing.
   *
   * @throws IllegalArgumentException if the weight is not finite
   */
  public NewObservation {
    requireNonNull(type, "type");
    requireNonNull(trustTier, "trustTier");
    if (!Double.isFinite(weight)) {
      throw new IllegalArgumentException("weight is not a finite number");
    }
  }

  /** One of our own, of weight 1. */
  public static NewObservation of(String type) {
    return new NewObservation(type, null, null, null, null, 1.0, "self");
  }

  /** A copy of another weight. */
  public NewObservation weight(double weight) {
    return new NewObservation(type, sessionId, agent, platform, artifactId, weight, trustTier);
  }

  /** A copy of another trust. */
  public NewObservation trustTier(String trustTier) {
    return new NewObservation(type, sessionId, agent, platform, artifactId, weight, trustTier);
  }

  /** A copy that says who says so. */
  public NewObservation agent(String agent) {
    return new NewObservation(type, sessionId, agent, platform, artifactId, weight, trustTier);
  }

  /** A copy that says in which session. */
  public NewObservation sessionId(String sessionId) {
    return new NewObservation(type, sessionId, agent, platform, artifactId, weight, trustTier);
  }

  /** A copy that says where. */
  public NewObservation platform(String platform) {
    return new NewObservation(type, sessionId, agent, platform, artifactId, weight, trustTier);
  }

  /** A copy that says what shows it. */
  public NewObservation artifactId(String artifactId) {
    return new NewObservation(type, sessionId, agent, platform, artifactId, weight, trustTier);
  }

  /** Its members, as an edge lists them. */
  Value.Map members(String id, String observedAt) {
    Value.Map source =
        Value.EMPTY_MAP
            .with("type", Value.of(type))
            .with("session_id", orNull(sessionId))
            .with("agent", orNull(agent))
            .with("platform", orNull(platform))
            .with("artifact_id", orNull(artifactId));
    return Value.EMPTY_MAP
        .with("id", Value.of(id))
        .with("observed_at", Value.of(observedAt))
        .with("source", source)
        .with("weight", Value.of(weight))
        .with("trust_tier", Value.of(trustTier));
  }

  private static Value orNull(@Nullable String text) {
    return text == null ? Value.NULL : Value.of(text);
  }
}

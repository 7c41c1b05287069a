package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.command.StoreMemory;
import io.agentmemory.internal.Arithmetic;
import io.agentmemory.internal.Texts;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A memory to be stored. What it does not say, {@link Memories#store(NewMemory)} finds out as the
 * original does: whom and what it is about and when it happened from its content, what led to it
 * from the session. {@link #asGiven()} switches that off. Immutable: each method returns a copy.
 */
public final class NewMemory {
  private final String content;
  private final @Nullable String id;
  private final @Nullable String title;
  private final List<String> tags;
  private final double weight;
  private final @Nullable Instant at;
  private final @Nullable String eventTime;
  private final List<String> causedBy;
  private final @Nullable List<String> retrieved;
  private final @Nullable Map<String, List<String>> entities;
  private final boolean asGiven;

  private NewMemory(
      String content,
      @Nullable String id,
      @Nullable String title,
      List<String> tags,
      double weight,
      @Nullable Instant at,
      @Nullable String eventTime,
      List<String> causedBy,
      @Nullable List<String> retrieved,
      @Nullable Map<String, List<String>> entities,
      boolean asGiven) {
    this.content = content;
    this.id = id;
    this.title = title;
    this.tags = tags;
    this.weight = weight;
    this.at = at;
    this.eventTime = eventTime;
    this.causedBy = causedBy;
    this.retrieved = retrieved;
    this.entities = entities;
    this.asGiven = asGiven;
  }

  /** A memory with nothing but content: weight 0.5, a new id, made now. */
  public static NewMemory of(String content) {
    requireNonNull(content, "content");
    return new NewMemory(
        content, null, null, List.of(), 0.5, null, null, List.of(), null, null, false);
  }

  /** With this id, at most 256 bytes of UTF-8; it must not be taken. Default: a new random one. */
  public NewMemory id(String id) {
    requireNonNull(id, "id");
    return new NewMemory(
        content, id, title, tags, weight, at, eventTime, causedBy, retrieved, entities, asGiven);
  }

  /** With a title, which names the file. Default: the first words of the content. */
  public NewMemory title(String title) {
    requireNonNull(title, "title");
    return new NewMemory(
        content, id, title, tags, weight, at, eventTime, causedBy, retrieved, entities, asGiven);
  }

  /** With these tags, in this order. */
  public NewMemory tags(String... tags) {
    return tags(List.of(tags));
  }

  /** With these tags, in this order. */
  public NewMemory tags(List<String> tags) {
    List<String> copy = List.copyOf(tags);
    return new NewMemory(
        content, id, title, copy, weight, at, eventTime, causedBy, retrieved, entities, asGiven);
  }

  /** With this emotional weight; by custom 0 to 1, not clamped. Default 0.5. */
  public NewMemory weight(double weight) {
    return new NewMemory(
        content, id, title, tags, weight, at, eventTime, causedBy, retrieved, entities, asGiven);
  }

  /** Made at this time. Default: now. */
  public NewMemory at(Instant at) {
    requireNonNull(at, "at");
    return new NewMemory(
        content, id, title, tags, weight, at, eventTime, causedBy, retrieved, entities, asGiven);
  }

  /**
   * Telling of this time: ISO 8601, a date alone will do. Default: the day that the content speaks
   * of, else the time it is made.
   */
  public NewMemory eventTime(String eventTime) {
    requireNonNull(eventTime, "eventTime");
    return new NewMemory(
        content, id, title, tags, weight, at, eventTime, causedBy, retrieved, entities, asGiven);
  }

  /** Led to by these memories. */
  public NewMemory causedBy(List<String> ids) {
    List<String> copy = List.copyOf(ids);
    return new NewMemory(
        content, id, title, tags, weight, at, eventTime, copy, retrieved, entities, asGiven);
  }

  /**
   * Stored in a session that retrieved these memories: they count as causes too. Default: what the
   * session that is going on has retrieved.
   */
  public NewMemory retrieved(List<String> ids) {
    List<String> copy = List.copyOf(ids);
    return new NewMemory(
        content, id, title, tags, weight, at, eventTime, causedBy, copy, entities, asGiven);
  }

  /**
   * About these, by kind: {@code agents}, {@code projects}, {@code concepts}. Default: those that
   * the content and the tags name.
   */
  public NewMemory entities(Map<String, List<String>> entities) {
    Map<String, List<String>> copy = new LinkedHashMap<>(entities);
    return new NewMemory(
        content, id, title, tags, weight, at, eventTime, causedBy, retrieved, copy, asGiven);
  }

  /** With nothing but what is given here: nothing is found out beside it. */
  public NewMemory asGiven() {
    return new NewMemory(
        content, id, title, tags, weight, at, eventTime, causedBy, retrieved, entities, true);
  }

  /** What each thing that a memory meant counts in its emotional weight. */
  public record Weights(
      double surprise, double goalRelevance, double socialSignificance, double utility) {
    /** Drift's own. */
    public static final Weights DRIFT = new Weights(0.2, 0.35, 0.2, 0.25);
  }

  /**
   * The emotional weight of something by what it meant, each 0 to 1; three decimals.
   *
   * <p>Source: drift.md 2.1, create_memory.
   *
   * @throws IllegalArgumentException if one is not a finite number
   */
  public static double weightOf(
      double surprise, double goalRelevance, double socialSignificance, double utility) {
    return weightOf(surprise, goalRelevance, socialSignificance, utility, Weights.DRIFT);
  }

  /**
   * The emotional weight of something by what it meant, as {@link #weightOf(double, double, double,
   * double)}.
   *
   * @param weights what each counts
   */
  public static double weightOf(
      double surprise,
      double goalRelevance,
      double socialSignificance,
      double utility,
      Weights weights) {
    return Arithmetic.round(
        weights.surprise() * surprise
            + weights.goalRelevance() * goalRelevance
            + weights.socialSignificance() * socialSignificance
            + weights.utility() * utility,
        3);
  }

  Optional<String> id() {
    return Optional.ofNullable(id);
  }

  String content() {
    return content;
  }

  List<String> tags() {
    return tags;
  }

  Instant madeAt(Instant now) {
    return at == null ? now : at;
  }

  boolean lacksEntities() {
    return !asGiven && entities == null;
  }

  boolean lacksEventTime() {
    return !asGiven && eventTime == null;
  }

  boolean lacksRetrieved() {
    return !asGiven && retrieved == null;
  }

  StoreMemory command(String id, Instant now) {
    return new StoreMemory(
        id,
        Texts.time(madeAt(now)),
        content,
        title,
        tags,
        weight,
        eventTime,
        causedBy,
        retrieved == null ? List.of() : retrieved,
        entities == null ? Map.of() : entities);
  }
}

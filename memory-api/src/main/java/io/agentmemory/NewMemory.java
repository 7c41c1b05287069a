package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A memory to be stored. Immutable: each method returns a copy. */
public final class NewMemory {
  private final String content;
  private final @Nullable String id;
  private final @Nullable String title;
  private final List<String> tags;
  private final double weight;
  private final @Nullable Instant at;
  private final @Nullable String eventTime;
  private final List<String> causedBy;
  private final List<String> retrieved;
  private final Map<String, List<String>> entities;

  private NewMemory(
      String content,
      @Nullable String id,
      @Nullable String title,
      List<String> tags,
      double weight,
      @Nullable Instant at,
      @Nullable String eventTime,
      List<String> causedBy,
      List<String> retrieved,
      Map<String, List<String>> entities) {
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
  }

  /** A memory with nothing but content: weight 0.5, a new id, made now. */
  public static NewMemory of(String content) {
    requireNonNull(content, "content");
    return new NewMemory(
        content, null, null, List.of(), 0.5, null, null, List.of(), List.of(), Map.of());
  }

  /** With this id, at most 256 bytes of UTF-8; it must not be taken. Default: a new random one. */
  public NewMemory id(String id) {
    requireNonNull(id, "id");
    return new NewMemory(
        content, id, title, tags, weight, at, eventTime, causedBy, retrieved, entities);
  }

  /** With a title, which names the file. Default: the first words of the content. */
  public NewMemory title(String title) {
    requireNonNull(title, "title");
    return new NewMemory(
        content, id, title, tags, weight, at, eventTime, causedBy, retrieved, entities);
  }

  /** With these tags, in this order. */
  public NewMemory tags(String... tags) {
    return tags(List.of(tags));
  }

  /** With these tags, in this order. */
  public NewMemory tags(List<String> tags) {
    List<String> copy = List.copyOf(tags);
    return new NewMemory(
        content, id, title, copy, weight, at, eventTime, causedBy, retrieved, entities);
  }

  /** With this emotional weight; by custom 0 to 1, not clamped. Default 0.5. */
  public NewMemory weight(double weight) {
    return new NewMemory(
        content, id, title, tags, weight, at, eventTime, causedBy, retrieved, entities);
  }

  /** Made at this time. Default: now. */
  public NewMemory at(Instant at) {
    requireNonNull(at, "at");
    return new NewMemory(
        content, id, title, tags, weight, at, eventTime, causedBy, retrieved, entities);
  }

  /** Telling of this time: ISO 8601, a date alone will do. Default: the time it is made. */
  public NewMemory eventTime(String eventTime) {
    requireNonNull(eventTime, "eventTime");
    return new NewMemory(
        content, id, title, tags, weight, at, eventTime, causedBy, retrieved, entities);
  }

  /** Led to by these memories. */
  public NewMemory causedBy(List<String> ids) {
    List<String> copy = List.copyOf(ids);
    return new NewMemory(
        content, id, title, tags, weight, at, eventTime, copy, retrieved, entities);
  }

  /** Stored in a session that retrieved these memories: they count as causes too. */
  public NewMemory retrieved(List<String> ids) {
    List<String> copy = List.copyOf(ids);
    return new NewMemory(content, id, title, tags, weight, at, eventTime, causedBy, copy, entities);
  }

  /** About these, by kind: {@code agents}, {@code projects}, {@code concepts}. */
  public NewMemory entities(Map<String, List<String>> entities) {
    Map<String, List<String>> copy = new LinkedHashMap<>(entities);
    return new NewMemory(
        content, id, title, tags, weight, at, eventTime, causedBy, retrieved, copy);
  }

  Optional<String> id() {
    return Optional.ofNullable(id);
  }

  io.agentmemory.command.StoreMemory command(String id, Instant now) {
    return new io.agentmemory.command.StoreMemory(
        id,
        io.agentmemory.internal.Texts.time(at == null ? now : at),
        content,
        title,
        tags,
        weight,
        eventTime,
        causedBy,
        retrieved,
        entities);
  }
}

package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.spi.Needs;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/**
 * Stores a new memory in the active tier, and notes it with each of its causes that exists.
 *
 * @param id must not be taken; a deleted memory's id may be
 * @param at when it is made, as text
 * @param title names the file; null to take the first words of the content
 * @param weight emotional weight; not clamped
 * @param eventTime when what it tells happened, as text; null for {@code at}
 * @param causedBy ids of the memories that led to it
 * @param retrieved ids retrieved in the session: they count as causes too
 * @param entities what it is about, by kind ({@code agents}, {@code projects}, {@code concepts})
 */
public record StoreMemory(
    String id,
    String at,
    String content,
    @Nullable String title,
    List<String> tags,
    double weight,
    @Nullable String eventTime,
    List<String> causedBy,
    List<String> retrieved,
    Map<String, List<String>> entities)
    implements Command {

  /** Checks that nothing is missing, and copies the collections. */
  public StoreMemory {
    requireNonNull(id, "id");
    requireNonNull(at, "at");
    requireNonNull(content, "content");
    tags = List.copyOf(tags);
    causedBy = List.copyOf(causedBy);
    retrieved = List.copyOf(retrieved);
    Map<String, List<String>> copy = new LinkedHashMap<>();
    entities.forEach((kind, names) -> copy.put(kind, List.copyOf(names)));
    entities = java.util.Collections.unmodifiableMap(copy);
    if (!Double.isFinite(weight)) {
      throw new IllegalArgumentException("weight is not a finite number");
    }
  }

  /** Id and sizes; never the content. */
  @Override
  public String toString() {
    return "StoreMemory[" + id + ", " + content.length() + " chars, " + tags.size() + " tags]";
  }

  /** A memory with nothing but content. */
  public static StoreMemory of(String id, String at, String content) {
    return new StoreMemory(
        id, at, content, null, List.of(), 0.5, null, List.of(), List.of(), Map.of());
  }

  /** A copy with these tags. */
  public StoreMemory withTags(List<String> tags) {
    return new StoreMemory(
        id, at, content, title, tags, weight, eventTime, causedBy, retrieved, entities);
  }

  /** A copy with this weight, or unchanged if there is none. */
  public StoreMemory withWeight(OptionalDouble weight) {
    return new StoreMemory(
        id,
        at,
        content,
        title,
        tags,
        weight.orElse(this.weight),
        eventTime,
        causedBy,
        retrieved,
        entities);
  }

  /** A copy with these causes. */
  public StoreMemory withCausedBy(List<String> causedBy) {
    return new StoreMemory(
        id, at, content, title, tags, weight, eventTime, causedBy, retrieved, entities);
  }

  @Override
  public String verb() {
    return "store";
  }

  @Override
  public String subject() {
    return id;
  }

  @Override
  public void needs(Needs needs) {
    Ids.need(needs, id);
    causedBy.forEach(cause -> Ids.need(needs, cause));
    retrieved.forEach(cause -> Ids.need(needs, cause));
  }
}

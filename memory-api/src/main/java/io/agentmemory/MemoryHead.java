package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.internal.Texts;
import java.time.Instant;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A memory but for its body: where it lies, and what its front matter says. A {@link Memory} is
 * one, with the body; {@link MemoryStore#heads} gives them without, so that a question about all
 * memories need not carry every text.
 */
public sealed interface MemoryHead permits Memory, MemoryHead.Bare {

  /** By tier, file name and id, in code point order: how everything that ties goes on. */
  Comparator<MemoryHead> PLACE =
      Comparator.comparing(MemoryHead::tier)
          .thenComparing(MemoryHead::fileName, Texts::compare)
          .thenComparing(MemoryHead::id, Texts::compare);

  /** Longer names of entities are not looked up. */
  int MAX_ENTITY = 256;

  /** A head with nothing to it. The parameters are those of {@link Memory}. */
  record Bare(String id, Tier tier, String fileName, @Nullable Value frontMatter)
      implements MemoryHead {
    /** Checks that nothing is missing. */
    public Bare {
      requireNonNull(id, "id");
      requireNonNull(tier, "tier");
      requireNonNull(fileName, "fileName");
    }
  }

  /** Any text; the {@code id} in the front matter, else the file's name without ending. */
  String id();

  /** The folder the memory lies in. */
  Tier tier();

  /** The name of its file within that folder. */
  String fileName();

  /** What stands between the fences; null if the file has none. */
  @Nullable Value frontMatter();

  /** This without the body, equal to every other head of the same. */
  default MemoryHead head() {
    return new Bare(id(), tier(), fileName(), frontMatter());
  }

  /** The members of the front matter; empty if there is none or it is no map. */
  default Value.Map members() {
    return frontMatter() instanceof Value.Map map ? map : Value.EMPTY_MAP;
  }

  /** The tags in order; a legacy text of tags is split at its commas. */
  default List<String> tags() {
    Value tags = members().get("tags");
    if (tags instanceof Value.Text text) {
      return Arrays.stream(text.value().split(","))
          .map(String::strip)
          .filter(t -> !t.isEmpty())
          .toList();
    }
    return Value.textsOf(tags);
  }

  /** The tags folded for comparing, each once. */
  default Set<String> foldedTags() {
    Set<String> folded = new LinkedHashSet<>();
    tags().forEach(tag -> folded.add(Texts.fold(tag)));
    return folded;
  }

  /**
   * What {@code entities} lists under {@code kind} ({@code agents}, {@code projects}, {@code
   * concepts}), in its order.
   */
  default List<String> entities(String kind) {
    return members().get("entities") instanceof Value.Map entities
        ? Value.textsOf(entities.get(kind))
        : List.of();
  }

  /**
   * What {@code entities} lists, folded for comparing, each once: {@code agents:lex}. Kinds with a
   * colon and names of more than {@value #MAX_ENTITY} characters are left out: no index takes them.
   */
  default Set<String> foldedEntities() {
    Set<String> folded = new LinkedHashSet<>();
    if (members().get("entities") instanceof Value.Map entities) {
      for (String kind : entities.entries().keySet()) {
        if (kind.indexOf(':') < 0) {
          for (String name : entities(kind)) {
            String entity = kind + ":" + Texts.fold(name);
            if (entity.length() <= MAX_ENTITY) {
              folded.add(entity);
            }
          }
        }
      }
    }
    return folded;
  }

  /** The front matter's {@code type}, which need not agree with {@link #tier()}. */
  default Optional<String> type() {
    return Optional.ofNullable(Value.textOf(members().get("type")));
  }

  /** The text of {@code created}. */
  default Optional<String> created() {
    return Optional.ofNullable(Value.textOf(members().get("created")));
  }

  /** The text of {@code event_time}; {@code created} if there is none. */
  default Optional<String> eventTime() {
    String text = Value.textOf(members().get("event_time"));
    return text == null ? created() : Optional.of(text);
  }

  /** When it was created; empty if that is missing or no possible time. */
  default Optional<Instant> createdAt() {
    return Optional.ofNullable(Texts.instant(created().orElse(null)));
  }

  /** When what it tells happened; empty if that is missing or no possible time. */
  default Optional<Instant> eventAt() {
    return Optional.ofNullable(Texts.instant(eventTime().orElse(null)));
  }

  /** The emotional weight, where it is a number. */
  default OptionalDouble weight() {
    Double weight = Value.numberOf(members().get("emotional_weight"));
    return weight == null ? OptionalDouble.empty() : OptionalDouble.of(weight);
  }

  /** How often it was recalled; 0 if that is missing or no whole number. */
  default long recallCount() {
    return members().get("recall_count") instanceof Value.Int count ? count.value() : 0;
  }

  /** How many sessions went by since it was recalled; 0 if that is missing or no number. */
  default double sessionsSinceRecall() {
    Double sessions = Value.numberOf(members().get("sessions_since_recall"));
    return sessions == null ? 0 : sessions;
  }

  /** Ids of the memories that led to this one. */
  default List<String> causedBy() {
    return Value.textsOf(members().get("caused_by"));
  }

  /** Ids of the memories this one led to. */
  default List<String> leadsTo() {
    return Value.textsOf(members().get("leads_to"));
  }
}

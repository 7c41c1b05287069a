package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.internal.Texts;
import java.time.Instant;
import java.time.LocalDate;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which memories to list, in which order. All conditions hold at once; {@link #all()} has none.
 * Immutable: each method returns a copy. Lists that tie go on by tier, file name and id.
 */
public final class MemoryQuery {
  /** The order of a list. */
  public enum Order {
    /** By {@link Memory#createdAt()}, latest first; memories without a possible time come last. */
    NEWEST,
    /** By {@link Memory#weight()}, heaviest first; memories without a weight count as 0. */
    HEAVIEST,
    /** By the day they were made, as {@link Days} compares it, latest first; without one, last. */
    CREATED_DAY,
    /** By the day of what they tell, as {@link Days} compares it, latest first; without, last. */
    EVENT_DAY,
    /** By tier, file name and id. */
    PLACE
  }

  /** Which of a memory's two times a condition is about. */
  public enum TimeField {
    /** When the memory was made. */
    CREATED,
    /** When what it tells happened; the time it was made if it does not say. */
    EVENT
  }

  /**
   * A range of days, compared as the first ten characters of the text, as the original does, so
   * that impossible dates such as {@code 2026-02-31} find their place too.
   *
   * @param from first day that counts; null for no bound
   * @param before first day that counts no more; null for no bound
   */
  public record Days(TimeField field, @Nullable LocalDate from, @Nullable LocalDate before) {}

  /**
   * A range of instants.
   *
   * @param from first instant that counts; null for no bound
   * @param before first instant that counts no more; null for no bound
   */
  public record Instants(TimeField field, @Nullable Instant from, @Nullable Instant before) {}

  /**
   * What makes a memory one of those asked for: any one of these is enough, and without any there
   * is none. Immutable: each method returns a copy.
   *
   * @param ids ids
   * @param tags folded tags
   * @param entities folded entities, as {@link MemoryHead#foldedEntities()} spells them
   * @param texts folded texts that stand somewhere in the folded body. Looking for them means
   *     reading bodies, if not sending them; the other three are looked up
   */
  public record Any(Set<String> ids, Set<String> tags, Set<String> entities, Set<String> texts) {
    /** Nothing yet. */
    public static final Any NONE = new Any(Set.of(), Set.of(), Set.of(), Set.of());

    /** Copies the sets. */
    public Any {
      ids = copy(ids);
      tags = copy(tags);
      entities = copy(entities);
      texts = copy(texts);
    }

    private static Set<String> copy(Collection<String> texts) {
      return Collections.unmodifiableSet(new LinkedHashSet<>(texts));
    }

    private static Set<String> with(Set<String> folded, Collection<String> more) {
      Set<String> all = new LinkedHashSet<>(folded);
      more.forEach(text -> all.add(Texts.fold(text)));
      return all;
    }

    /** Or it has one of these ids. */
    public Any id(Collection<String> ids) {
      Set<String> all = new LinkedHashSet<>(this.ids);
      all.addAll(ids);
      return new Any(all, tags, entities, texts);
    }

    /** Or it has one of these tags, whatever their case. */
    public Any tag(Collection<String> tags) {
      return new Any(ids, with(this.tags, tags), entities, texts);
    }

    /**
     * Or its {@code entities} list this name, whatever its case, under {@code kind}.
     *
     * @param kind as it stands there: {@code agents}, {@code projects}, {@code concepts}
     * @throws IllegalArgumentException if {@code kind} has a colon
     */
    public Any entity(String kind, String name) {
      if (kind.indexOf(':') >= 0) {
        throw new IllegalArgumentException("kind has a colon");
      }
      Set<String> all = new LinkedHashSet<>(entities);
      all.add(kind + ":" + Texts.fold(name));
      return new Any(ids, tags, all, texts);
    }

    /** Or its body has one of these texts somewhere in it, whatever their case. */
    public Any text(Collection<String> texts) {
      return new Any(ids, tags, entities, with(this.texts, texts));
    }

    boolean matches(Memory memory) {
      return ids.contains(memory.id())
          || !Collections.disjoint(tags, memory.foldedTags())
          || !Collections.disjoint(entities, memory.foldedEntities())
          || (!texts.isEmpty() && matches(Texts.fold(memory.content())));
    }

    private boolean matches(String folded) {
      return texts.stream().anyMatch(folded::contains);
    }
  }

  /** No more than this many in one list. */
  public static final int MAX_LIMIT = 10_000;

  private static final MemoryQuery ALL =
      new MemoryQuery(
          Set.of(),
          EnumSet.allOf(Tier.class),
          Set.of(),
          null,
          null,
          null,
          null,
          Order.NEWEST,
          50,
          0);

  private final Set<String> tags;
  private final EnumSet<Tier> tiers;
  private final Set<String> types;
  private final @Nullable String text;
  private final @Nullable Days days;
  private final @Nullable Instants instants;
  private final @Nullable Any any;
  private final Order order;
  private final int limit;
  private final int offset;

  private MemoryQuery(
      Set<String> tags,
      EnumSet<Tier> tiers,
      Set<String> types,
      @Nullable String text,
      @Nullable Days days,
      @Nullable Instants instants,
      @Nullable Any any,
      Order order,
      int limit,
      int offset) {
    this.tags = tags;
    this.tiers = tiers;
    this.types = types;
    this.text = text;
    this.days = days;
    this.instants = instants;
    this.any = any;
    this.order = order;
    this.limit = limit;
    this.offset = offset;
  }

  /** Every memory, newest first, the first 50 of them. */
  public static MemoryQuery all() {
    return ALL;
  }

  /** Only memories that have this tag, whatever its case; called again: and that one too. */
  public MemoryQuery tag(String tag) {
    Set<String> more = new LinkedHashSet<>(tags);
    more.add(Texts.fold(requireNonNull(tag, "tag")));
    return new MemoryQuery(more, tiers, types, text, days, instants, any, order, limit, offset);
  }

  /** Only memories in one of these tiers. */
  public MemoryQuery tiers(Collection<Tier> tiers) {
    EnumSet<Tier> copy = EnumSet.noneOf(Tier.class);
    copy.addAll(tiers);
    return new MemoryQuery(tags, copy, types, text, days, instants, any, order, limit, offset);
  }

  /** Only memories whose front matter has one of these as {@code type}, to the letter. */
  public MemoryQuery types(Collection<String> types) {
    return new MemoryQuery(
        tags, tiers, Set.copyOf(types), text, days, instants, any, order, limit, offset);
  }

  /** Only memories whose body has this text somewhere in it, whatever its case. */
  public MemoryQuery text(String text) {
    String folded = Texts.fold(requireNonNull(text, "text"));
    return new MemoryQuery(tags, tiers, types, folded, days, instants, any, order, limit, offset);
  }

  /** Only memories of these days: from the first on, up to but without the second. */
  public MemoryQuery days(TimeField field, @Nullable LocalDate from, @Nullable LocalDate before) {
    Days range = new Days(requireNonNull(field, "field"), from, before);
    return new MemoryQuery(tags, tiers, types, text, range, instants, any, order, limit, offset);
  }

  /** Only memories of this time: from the first instant on, up to but without the second. */
  public MemoryQuery between(TimeField field, @Nullable Instant from, @Nullable Instant before) {
    Instants range = new Instants(requireNonNull(field, "field"), from, before);
    return new MemoryQuery(tags, tiers, types, text, days, range, any, order, limit, offset);
  }

  /** Only memories for which any of these holds. */
  public MemoryQuery any(Any any) {
    requireNonNull(any, "any");
    return new MemoryQuery(tags, tiers, types, text, days, instants, any, order, limit, offset);
  }

  /** In this order. */
  public MemoryQuery order(Order order) {
    return new MemoryQuery(
        tags,
        tiers,
        types,
        text,
        days,
        instants,
        any,
        requireNonNull(order, "order"),
        limit,
        offset);
  }

  /**
   * At most this many, after leaving out the first {@code offset}.
   *
   * @throws IllegalArgumentException if limit is not in 1 to {@link #MAX_LIMIT}, or offset below 0
   */
  public MemoryQuery page(int limit, int offset) {
    if (limit < 1 || limit > MAX_LIMIT || offset < 0) {
      throw new IllegalArgumentException("limit is 1 to " + MAX_LIMIT + ", offset 0 or more");
    }
    return new MemoryQuery(tags, tiers, types, text, days, instants, any, order, limit, offset);
  }

  /**
   * At most this many.
   *
   * @throws IllegalArgumentException if limit is not in 1 to {@link #MAX_LIMIT}
   */
  public MemoryQuery limit(int limit) {
    return page(limit, offset);
  }

  /** Folded tags that a memory must have, all of them. */
  public Set<String> tags() {
    return tags;
  }

  /** Tiers a memory may be in. */
  public Set<Tier> tiers() {
    return EnumSet.copyOf(tiers);
  }

  /** Types a memory may have; empty for any. */
  public Set<String> types() {
    return types;
  }

  /** Folded text that the folded body must contain. */
  public Optional<String> text() {
    return Optional.ofNullable(text);
  }

  /** The range of days, if any. */
  public Optional<Days> days() {
    return Optional.ofNullable(days);
  }

  /** The range of instants, if any. */
  public Optional<Instants> instants() {
    return Optional.ofNullable(instants);
  }

  /** The conditions of which one is enough, if there are such. */
  public Optional<Any> any() {
    return Optional.ofNullable(any);
  }

  /** The order. */
  public Order order() {
    return order;
  }

  /** At most this many. */
  public int limit() {
    return limit;
  }

  /** How many to leave out first. */
  public int offset() {
    return offset;
  }

  /** Whether {@code memory} meets every condition; order and page aside. */
  public boolean matches(Memory memory) {
    return tiers.contains(memory.tier())
        && (tags.isEmpty() || memory.foldedTags().containsAll(tags))
        && (types.isEmpty() || memory.type().filter(types::contains).isPresent())
        && matchesDays(memory)
        && matchesInstants(memory)
        && (text == null || Texts.fold(memory.content()).contains(text))
        && (any == null || any.matches(memory));
  }

  private boolean matchesDays(Memory memory) {
    if (days == null) {
      return true;
    }
    String day = day(memory, days.field()).orElse(null);
    return day != null
        && (days.from() == null || day.compareTo(days.from().toString()) >= 0)
        && (days.before() == null || day.compareTo(days.before().toString()) < 0);
  }

  private boolean matchesInstants(Memory memory) {
    if (instants == null) {
      return true;
    }
    Instant at =
        (instants.field() == TimeField.CREATED ? memory.createdAt() : memory.eventAt())
            .orElse(null);
    return at != null
        && (instants.from() == null || !at.isBefore(instants.from()))
        && (instants.before() == null || at.isBefore(instants.before()));
  }

  /** The day of a memory, for comparing as text: the first ten characters of its time. */
  public static Optional<String> day(Memory memory, TimeField field) {
    return (field == TimeField.CREATED ? memory.created() : memory.eventTime())
        .map(
            text ->
                text.substring(
                    0,
                    text.offsetByCodePoints(
                        0, Math.min(10, text.codePointCount(0, text.length())))));
  }

  /** The order of this query's list, ties included, so that it is the same on every store. */
  public Comparator<Memory> comparator() {
    Comparator<Memory> first =
        switch (order) {
          case NEWEST ->
              Comparator.comparing(
                  (Memory m) -> m.createdAt().orElse(Instant.MIN), Comparator.reverseOrder());
          case HEAVIEST ->
              Comparator.comparing((Memory m) -> m.weight().orElse(0), Comparator.reverseOrder());
          case CREATED_DAY -> byDay(TimeField.CREATED);
          case EVENT_DAY -> byDay(TimeField.EVENT);
          case PLACE -> Comparator.comparing(Memory::tier);
        };
    return first.thenComparing(MemoryHead.PLACE);
  }

  private static Comparator<Memory> byDay(TimeField field) {
    return Comparator.comparing(
        (Memory m) -> day(m, field).orElse(null),
        Comparator.nullsLast((a, b) -> Texts.compare(b, a)));
  }
}

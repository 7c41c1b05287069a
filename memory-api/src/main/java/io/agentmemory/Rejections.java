package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.command.LogRejections;
import io.agentmemory.identity.TasteProfile;
import io.agentmemory.internal.Texts;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What the agent turned down, by the verbs an agent uses. Thread-safe. Made by {@link
 * MemoryStore#rejections()}; costs nothing to make.
 *
 * <p>Besides what is named, every method throws what {@link MemoryStore#execute} and {@link
 * MemoryStore#scan} do.
 */
public final class Rejections {
  private final MemoryStore store;
  private final Clock clock;

  Rejections(MemoryStore store) {
    this(store, Clock.systemUTC());
  }

  private Rejections(MemoryStore store, Clock clock) {
    this.store = requireNonNull(store, "store");
    this.clock = requireNonNull(clock, "clock");
  }

  /** The same with another clock, for tests that repeat. */
  public Rejections with(Clock clock) {
    return new Rejections(store, clock);
  }

  /**
   * Logs a rejection.
   *
   * @param agent whose log it is, as it is to stand beside it
   * @return the rejection as logged
   * @throws InvalidMemoryException if its category is none of {@link NewRejection#CATEGORIES}
   */
  public Rejection log(NewRejection rejection, String agent) {
    return store
        .execute(new LogRejections(List.of(rejection), requireNonNull(agent, "agent"), now()))
        .changes()
        .stream()
        .map(change -> change.after().value())
        .filter(Rejection.class::isInstance)
        .map(Rejection.class::cast)
        .findFirst()
        .orElseThrow();
  }

  /**
   * Logs rejections, all with the same time. Leaves out those of a category that cannot be logged.
   *
   * @param agent whose log it is, as it is to stand beside it
   * @return how many there were, those left out too
   */
  public int logAll(List<NewRejection> rejections, String agent) {
    List<NewRejection> valid =
        rejections.stream()
            .filter(rejection -> NewRejection.CATEGORIES.contains(rejection.category()))
            .toList();
    if (!valid.isEmpty()) {
      store.execute(new LogRejections(valid, requireNonNull(agent, "agent"), now()));
    }
    return rejections.size();
  }

  // Source: Drift's rejections end in Z.
  private String now() {
    return Texts.time(clock.instant()).replace("+00:00", "Z");
  }

  /** The newest rejections, as {@link #find}. */
  public List<Rejection> findNewest(int limit) {
    return find(null, null, limit);
  }

  /**
   * Rejections, the newest first: by the text of their time, and those of one time in the order of
   * the log, as Drift has them. Reads the whole log, and holds no more than twice the limit of it.
   *
   * @param category only those of this category; null for all
   * @param since only those whose time, as text, comes after this one; null for all
   * @param limit how many at most; at least 1
   */
  public List<Rejection> find(@Nullable String category, @Nullable String since, int limit) {
    if (limit < 1) {
      throw new IllegalArgumentException("limit is below 1");
    }
    Predicate<Rejection> wanted =
        rejection ->
            (category == null || category.equals(text(rejection, "category")))
                && (since == null || Texts.compare(text(rejection, "timestamp"), since) > 0);
    Comparator<Rejection> newest =
        Comparator.comparing((Rejection r) -> text(r, "timestamp"), Texts::compare).reversed();
    List<Rejection> found = new ArrayList<>();
    try (Stream<Rejection> all = all()) {
      all.filter(wanted)
          .forEach(
              rejection -> {
                found.add(rejection);
                if (found.size() >= 2L * limit) {
                  found.sort(newest);
                  found.subList(limit, found.size()).clear();
                }
              });
    }
    found.sort(newest);
    return List.copyOf(found.subList(0, Math.min(limit, found.size())));
  }

  private static String text(Rejection rejection, String member) {
    String text = Value.textOf(rejection.members().get(member));
    return text == null ? "" : text;
  }

  /** What the whole log says of the agent's taste. */
  public TasteProfile tasteProfile() {
    try (Stream<Rejection> all = all()) {
      return TasteProfile.of(all.map(Rejection::members).toList());
    }
  }

  /**
   * What the whole log says of the agent's taste.
   *
   * @param reasons how many of the most common reasons to list; Drift's are 15
   * @param tags how many of the most common tags to list; Drift's are 10
   */
  public TasteProfile tasteProfile(int reasons, int tags) {
    try (Stream<Rejection> all = all()) {
      return TasteProfile.of(all.map(Rejection::members).toList(), reasons, tags);
    }
  }

  private Stream<Rejection> all() {
    return store.scan(Kind.REJECTION).flatMap(stored -> stored.live().stream());
  }
}

package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.command.AddLesson;
import io.agentmemory.command.Command;
import io.agentmemory.command.ContradictLesson;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.RecallLessons;
import io.agentmemory.command.SupersedeLesson;
import io.agentmemory.identity.LessonRule;
import io.agentmemory.internal.Texts;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;

/**
 * What the agent learned, by the verbs an agent uses. Thread-safe. Made by {@link
 * MemoryStore#lessons()}; costs nothing to make. Every verb reads all lessons.
 *
 * <p>Besides what is named, every method throws what {@link MemoryStore#execute} and {@link
 * MemoryStore#scan} do.
 */
public final class Lessons {
  private final MemoryStore store;
  private final Clock clock;

  Lessons(MemoryStore store) {
    this(store, Clock.systemUTC());
  }

  private Lessons(MemoryStore store, Clock clock) {
    this.store = requireNonNull(store, "store");
    this.clock = requireNonNull(clock, "clock");
  }

  /** The same with another clock, for tests that repeat. */
  public Lessons with(Clock clock) {
    return new Lessons(store, clock);
  }

  /** A lesson, and how much it has to do with what was asked. */
  public record Match(Lesson lesson, double relevance) {}

  /**
   * Adds a lesson.
   *
   * @return the lesson as added; empty, and nothing changed, if there is one that begins with the
   *     same 50 characters, in lower case
   */
  public Optional<Lesson> add(NewLesson lesson) {
    return add(lesson, AddLesson.DRIFT_ALIKE);
  }

  /**
   * Adds a lesson, as {@link #add(NewLesson)}.
   *
   * @param alike how many characters at the beginning make two lessons one; at least 1
   */
  public Optional<Lesson> add(NewLesson lesson, int alike) {
    return changed(new AddLesson(lesson, now(), alike));
  }

  /** Adds a lesson that somebody states, as {@link #add(NewLesson)}. */
  public Optional<Lesson> add(String category, String lesson) {
    return add(NewLesson.of(category, lesson));
  }

  /**
   * Notes that something speaks against a lesson: each thing halves its confidence, once.
   *
   * @param by what speaks against it, such as the id of a memory
   * @return the lesson as it is now
   * @throws MemoryConflictException if there is no such lesson
   */
  public Lesson contradict(String id, String by) {
    return contradict(id, by, ContradictLesson.FACTOR);
  }

  /**
   * Notes that something speaks against a lesson, as {@link #contradict(String, String)}.
   *
   * @param factor what is left of its confidence: 0 to 1
   */
  public Lesson contradict(String id, String by, double factor) {
    return contradict(id, by, factor, ContradictLesson.DRIFT_CONFIDENCE);
  }

  /**
   * Notes that something speaks against a lesson, as {@link #contradict(String, String, double)}.
   *
   * @param defaultConfidence of a lesson that states none: 0 to 1
   */
  public Lesson contradict(String id, String by, double factor, double defaultConfidence) {
    return changed(new ContradictLesson(id, by, factor, defaultConfidence))
        .or(() -> findById(id))
        .orElseThrow();
  }

  /**
   * Notes that another lesson takes the place of one, which is kept but never applied again.
   *
   * @param by the id of the other
   * @return the lesson that is out of date, as it is now
   * @throws MemoryConflictException if one of them is not there
   * @throws InvalidMemoryException if the one took the other's place before
   */
  public Lesson supersede(String id, String by) {
    return changed(new SupersedeLesson(id, by)).or(() -> findById(id)).orElseThrow();
  }

  private Optional<Lesson> changed(Command command) {
    return changed(store.execute(command)).stream().findFirst();
  }

  private static List<Lesson> changed(Outcome outcome) {
    return outcome.changes().stream()
        .map(change -> change.after().value())
        .filter(Lesson.class::isInstance)
        .map(Lesson.class::cast)
        .toList();
  }

  /** The lesson of this id: the first of several. Changes nothing. */
  public Optional<Lesson> findById(String id) {
    try (Stream<Lesson> all = all()) {
      return all.filter(lesson -> lesson.id().filter(id::equals).isPresent()).findFirst();
    }
  }

  /** All lessons, in the order of the list, those that were superseded too. Changes nothing. */
  public List<Lesson> list() {
    try (Stream<Lesson> all = all()) {
      return all.toList();
    }
  }

  /**
   * The lessons that a situation calls for, at most five, the most relevant first. Of the first
   * three it is noted that they were recalled.
   *
   * @return the lessons as they are now
   */
  public List<Match> apply(String situation) {
    return apply(situation, LessonRule.DRIFT);
  }

  /** The lessons that a situation calls for, the most relevant first, by another rule. */
  public List<Match> apply(String situation, LessonRule rule) {
    return recalled(best(lesson -> rule.relevance(lesson, situation), rule), rule);
  }

  /**
   * The lessons to be reminded of in a situation, at most three, the most relevant first. Of all it
   * is noted that they were recalled.
   *
   * @return the lessons as they are now
   */
  public List<Match> contextual(String situation) {
    return apply(situation, LessonRule.DRIFT_CONTEXTUAL);
  }

  /**
   * The lessons to start with, at most five: the surest first, and of those the least recalled. Of
   * all it is noted that they were recalled.
   *
   * @return the lessons as they are now
   */
  public List<Lesson> priming() {
    return priming(LessonRule.DRIFT_PRIMING);
  }

  /** The lessons to start with, the surest first, as many as another rule says. */
  public List<Lesson> priming(LessonRule rule) {
    List<Lesson> lessons = new ArrayList<>(current());
    lessons.sort(
        Comparator.comparingDouble((Lesson lesson) -> -lesson.confidence().orElse(0))
            .thenComparingDouble(lesson -> number(lesson.members().get("recalled_count"))));
    List<Match> first =
        lessons.stream().limit(rule.most()).map(lesson -> new Match(lesson, 0)).toList();
    return recalled(first, rule).stream().map(Match::lesson).toList();
  }

  private static double number(@org.jspecify.annotations.Nullable Value value) {
    Double number = Value.numberOf(value);
    return number == null ? 0 : number;
  }

  /**
   * The lessons with one of these keywords, at most five, the most relevant first. Of all it is
   * noted that they were recalled.
   *
   * @return the lessons as they are now
   */
  public List<Lesson> priming(Collection<String> keywords) {
    return priming(keywords, LessonRule.DRIFT_PRIMING);
  }

  /** The lessons with one of these keywords, the most relevant first, by another rule. */
  public List<Lesson> priming(Collection<String> keywords, LessonRule rule) {
    return recalled(best(lesson -> rule.relevance(lesson, keywords), rule), rule).stream()
        .map(Match::lesson)
        .toList();
  }

  private List<Match> best(ToDoubleFunction<Lesson> relevance, LessonRule rule) {
    return current().stream()
        .map(lesson -> new Match(lesson, relevance.applyAsDouble(lesson)))
        .filter(match -> match.relevance() > 0)
        .sorted(Comparator.comparingDouble(Match::relevance).reversed())
        .limit(rule.most())
        .toList();
  }

  /** Notes as many as recalled as the rule says; all of them as they are then. */
  private List<Match> recalled(List<Match> matches, LessonRule rule) {
    Set<String> ids = new LinkedHashSet<>();
    matches.stream().limit(rule.noted()).forEach(match -> match.lesson().id().ifPresent(ids::add));
    if (ids.isEmpty()) {
      return matches;
    }
    Outcome outcome = store.execute(new RecallLessons(List.copyOf(ids), now()));
    return matches.stream()
        .map(
            match ->
                new Match(
                    outcome.live(Kind.LESSON, match.lesson().key()).orElse(match.lesson()),
                    match.relevance()))
        .toList();
  }

  /** Those that no other one took the place of. */
  private List<Lesson> current() {
    try (Stream<Lesson> all = all()) {
      return all.filter(lesson -> lesson.supersededBy().isEmpty()).toList();
    }
  }

  private Stream<Lesson> all() {
    return store.scan(Kind.LESSON).flatMap(stored -> stored.live().stream());
  }

  private String now() {
    return Texts.time(clock.instant());
  }
}

package io.agentmemory.detect;

import static java.util.Objects.requireNonNull;

import io.agentmemory.identity.Topics;
import io.agentmemory.internal.Arithmetic;
import java.time.LocalDate;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Finds in a text what its author did not say beside it, by words. {@link #DRIFT} has the original
 * software's words; the methods {@code with...} return a copy that has others. Immutable.
 *
 * <p>Names are looked for anywhere, also within other words: with Drift's, {@code complex} is about
 * the agent {@code lex}. Choose yours so that they are in nothing else.
 *
 * <p>Source: drift.md 2.2, and the word lists of the public repository driftcornwall/drift-memory
 * of 2026-02-10.
 */
public final class Detection {
  /** The words of the original. */
  public static final Detection DRIFT = DriftWords.detection();

  private static final int LONG = 500;
  private static final int VERY_LONG = 1000;
  private static final int DIGITS = 3;
  private static final double LEAST_CONFIDENCE = 0.15;

  private final Entities entities;
  private final Contacts contacts;
  private final List<Platform> platforms;
  private final Topics topics;
  private final List<String> salientWords;
  private final Vocabulary vocabulary;

  Detection(
      Entities entities,
      Contacts contacts,
      List<Platform> platforms,
      Topics topics,
      List<String> salientWords,
      Vocabulary vocabulary) {
    this.entities = entities;
    this.contacts = contacts;
    this.platforms = List.copyOf(platforms);
    this.topics = topics;
    this.salientWords = List.copyOf(salientWords);
    this.vocabulary = vocabulary;
  }

  /**
   * How a text shows that it has to do with a platform. Everything in lower case.
   *
   * @param name as it is in tags and in a memory's source
   * @param urls regular expressions of addresses, 0.4 for each that is found
   * @param keywords texts, 0.1 for each that is there and 0.4 at most
   * @param agents texts, 0.15 for each that is there
   * @param patterns regular expressions, 0.2 for each that is found
   * @param projects texts, 0.15 for each that is there
   */
  public record Platform(
      String name,
      List<String> urls,
      List<String> keywords,
      List<String> agents,
      List<String> patterns,
      List<String> projects) {
    private static final double OF_URL = 0.4;
    private static final double OF_KEYWORD = 0.1;
    private static final double OF_KEYWORDS = 0.4;
    private static final double OF_NAME = 0.15;
    private static final double OF_PATTERN = 0.2;
    private static final double OF_TAG = 0.5;
    private static final double OF_SOURCE = 0.6;

    /** Copies the lists. */
    public Platform {
      requireNonNull(name, "name");
      urls = List.copyOf(urls);
      keywords = List.copyOf(keywords);
      agents = List.copyOf(agents);
      patterns = List.copyOf(patterns);
      projects = List.copyOf(projects);
    }

    // The order of the additions is the original's: the last bit depends on it.
    private double evidence(String lower, List<String> tags, @Nullable String source) {
      double evidence = 0;
      for (String url : urls) {
        evidence += Regex.of(url).matcher(lower).find() ? OF_URL : 0;
      }
      long hits = keywords.stream().filter(lower::contains).count();
      evidence += Math.min(OF_KEYWORDS, hits * OF_KEYWORD);
      for (String agent : agents) {
        evidence += lower.contains(agent) ? OF_NAME : 0;
      }
      for (String pattern : patterns) {
        evidence += Regex.of(pattern).matcher(lower).find() ? OF_PATTERN : 0;
      }
      for (String project : projects) {
        evidence += lower.contains(project) ? OF_NAME : 0;
      }
      for (String tag : tags) {
        evidence += Regex.lower(tag).contains(name) ? OF_TAG : 0;
      }
      return Math.min(1, name.equals(source) ? evidence + OF_SOURCE : evidence);
    }
  }

  /**
   * With these names, all in lower case.
   *
   * @param agents every name of an agent, with the name the agent is known by
   * @param concepts tags that count as concepts; hashtags always do
   */
  public Detection withEntities(
      Map<String, String> agents, Collection<String> projects, Collection<String> concepts) {
    Entities changed = new Entities(agents, Set.copyOf(projects), Set.copyOf(concepts));
    return new Detection(changed, contacts, platforms, topics, salientWords, vocabulary);
  }

  /**
   * With these contacts, all names in lower case.
   *
   * @param known every contact with the names it has; the first contact that has a name gets it
   * @param ignored names after an at sign that are no contacts: the agent's own, and such as {@code
   *     gmail}
   */
  public Detection withContacts(Map<String, List<String>> known, Collection<String> ignored) {
    Contacts changed = new Contacts(known, new HashSet<>(ignored));
    return new Detection(entities, changed, platforms, topics, salientWords, vocabulary);
  }

  /**
   * With these platforms, in the order in which an answer names them.
   *
   * @throws java.util.regex.PatternSyntaxException if an expression is none
   */
  public Detection withPlatforms(List<Platform> platforms) {
    for (Platform platform : platforms) {
      platform.urls().forEach(Pattern::compile);
      platform.patterns().forEach(Pattern::compile);
    }
    return new Detection(entities, contacts, platforms, topics, salientWords, vocabulary);
  }

  /** With these topics. */
  public Detection withTopics(Topics topics) {
    requireNonNull(topics, "topics");
    return new Detection(entities, contacts, platforms, topics, salientWords, vocabulary);
  }

  /** With these words, in lower case, that make a text worth keeping. */
  public Detection withSalientWords(List<String> words) {
    return new Detection(entities, contacts, platforms, topics, words, vocabulary);
  }

  /**
   * With these terms besides those there are, such as the entries of {@code vocabulary_map.json}.
   *
   * @param terms learned terms, each with plain words for it, separated by commas
   */
  public Detection withVocabulary(Map<String, String> terms) {
    return terms.isEmpty()
        ? this
        : new Detection(
            entities, contacts, platforms, topics, salientWords, vocabulary.with(terms));
  }

  /**
   * Whom and what a text is about, by kind ({@code agents}, {@code projects}, {@code concepts}),
   * names in order; a kind without any is left out. Everybody mentioned with an at sign is an
   * agent, every hashtag a concept.
   */
  public Map<String, List<String>> entities(String content, List<String> tags) {
    return entities.of(content, tags);
  }

  /**
   * The day a text speaks of, as {@code yyyy-MM-dd}: the first such date in it, else the first
   * month with a day, else a way to say how long ago. Not every one is a possible day: it is
   * written as the text has it.
   *
   * @param today the day that {@code yesterday} is the day before of; the year of a day without
   */
  public static Optional<String> eventTime(String content, LocalDate today) {
    return EventTime.of(content, requireNonNull(today, "today"));
  }

  /**
   * The platforms a text has to do with, each with a confidence of 0.15 to 1, three decimals.
   *
   * @param source the platform that the memory's source names; null for none
   */
  public Map<String, Double> platforms(String content, List<String> tags, @Nullable String source) {
    String lower = Regex.lower(content);
    Map<String, Double> found = new LinkedHashMap<>();
    for (Platform platform : platforms) {
      double evidence = platform.evidence(lower, tags, source);
      if (evidence >= LEAST_CONFIDENCE) {
        found.put(platform.name(), Arithmetic.round(evidence, DIGITS));
      }
    }
    return found;
  }

  /** Whom a text mentions, in order: known ones by any of their names, others by an at sign. */
  public List<String> contacts(String text) {
    return contacts.of(text);
  }

  /** The topics of a text. */
  public List<String> topics(String text) {
    return topics.of(text);
  }

  /** How much a text is worth keeping, 0 to 1: 0.1 for each word in it, and for a long text. */
  public double salience(String text) {
    String lower = Regex.lower(text);
    double salience = 0;
    for (String word : salientWords) {
      salience += lower.contains(word) ? 0.1 : 0;
    }
    int length = text.codePointCount(0, text.length());
    salience += length > LONG ? 0.1 : 0;
    salience += length > VERY_LONG ? 0.1 : 0;
    return Math.min(salience, 1);
  }

  /**
   * The text to work out a memory's vector from: the content, and after it each learned term it has
   * with the plain words for it.
   */
  public String bridge(String content) {
    return vocabulary.bridge(content);
  }

  /**
   * The text to work out a query's vector from: the query, and after it each learned term that it
   * has plain words of; if there is none, as {@link #bridge}.
   */
  public String bridgeQuery(String query) {
    return vocabulary.bridgeQuery(query);
  }
}

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

  private static final int DIGITS = 3;

  private final Entities entities;
  private final Contacts contacts;
  private final List<Platform> platforms;
  private final Evidence evidence;
  private final Topics topics;
  private final Salience salience;
  private final Vocabulary vocabulary;

  Detection(
      Entities entities,
      Contacts contacts,
      List<Platform> platforms,
      Evidence evidence,
      Topics topics,
      Salience salience,
      Vocabulary vocabulary) {
    this.entities = entities;
    this.contacts = contacts;
    this.platforms = List.copyOf(platforms);
    this.evidence = evidence;
    this.topics = topics;
    this.salience = salience;
    this.vocabulary = vocabulary;
  }

  /**
   * How a text shows that it has to do with a platform. Everything in lower case. What each sign
   * counts is {@link Evidence}.
   *
   * @param name as it is in tags and in a memory's source
   * @param urls regular expressions of addresses
   * @param keywords texts
   * @param agents texts
   * @param patterns regular expressions
   * @param projects texts
   */
  public record Platform(
      String name,
      List<String> urls,
      List<String> keywords,
      List<String> agents,
      List<String> patterns,
      List<String> projects) {
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
    private double confidence(
        Evidence each, String lower, List<String> tags, @Nullable String source) {
      double evidence = 0;
      for (String url : urls) {
        evidence += Regex.of(url).matcher(lower).find() ? each.url() : 0;
      }
      long hits = keywords.stream().filter(lower::contains).count();
      evidence += Math.min(each.keywords(), hits * each.keyword());
      for (String agent : agents) {
        evidence += lower.contains(agent) ? each.name() : 0;
      }
      for (String pattern : patterns) {
        evidence += Regex.of(pattern).matcher(lower).find() ? each.pattern() : 0;
      }
      for (String project : projects) {
        evidence += lower.contains(project) ? each.name() : 0;
      }
      for (String tag : tags) {
        evidence += Regex.lower(tag).contains(name) ? each.tag() : 0;
      }
      return Math.min(1, name.equals(source) ? evidence + each.source() : evidence);
    }
  }

  /**
   * What each sign of a platform adds to the confidence that a text has to do with it, which is 1
   * at most.
   *
   * @param url for each address that is found
   * @param keyword for each keyword that is there
   * @param keywords for all keywords together at most
   * @param name for each agent and each project that is there
   * @param pattern for each pattern that is found
   * @param tag for each tag that has the platform's name in it
   * @param source if it is the platform that the memory's source names
   * @param least a platform with less confidence is left out
   */
  public record Evidence(
      double url,
      double keyword,
      double keywords,
      double name,
      double pattern,
      double tag,
      double source,
      double least) {
    /** Drift's own. */
    public static final Evidence DRIFT = new Evidence(0.4, 0.1, 0.4, 0.15, 0.2, 0.5, 0.6, 0.15);
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
    return new Detection(changed, contacts, platforms, evidence, topics, salience, vocabulary);
  }

  /**
   * With these contacts, all names in lower case.
   *
   * @param known every contact with the names it has; the first contact that has a name gets it
   * @param ignored names after an at sign that are no contacts: the agent's own, and such as {@code
   *     gmail}
   */
  public Detection withContacts(Map<String, List<String>> known, Collection<String> ignored) {
    return withContacts(known, ignored, Contacts.SHORTEST);
  }

  /**
   * With these contacts, as {@link #withContacts(Map, Collection)}.
   *
   * @param shortest a name after an at sign of fewer characters is no contact; Drift's is 3
   */
  public Detection withContacts(
      Map<String, List<String>> known, Collection<String> ignored, int shortest) {
    Contacts changed = new Contacts(known, new HashSet<>(ignored), shortest);
    return new Detection(entities, changed, platforms, evidence, topics, salience, vocabulary);
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
    return new Detection(entities, contacts, platforms, evidence, topics, salience, vocabulary);
  }

  /** With signs of platforms that count this much. */
  public Detection withEvidence(Evidence evidence) {
    requireNonNull(evidence, "evidence");
    return new Detection(entities, contacts, platforms, evidence, topics, salience, vocabulary);
  }

  /** With these topics. */
  public Detection withTopics(Topics topics) {
    requireNonNull(topics, "topics");
    return new Detection(entities, contacts, platforms, evidence, topics, salience, vocabulary);
  }

  /** With these words, in lower case, that make a text worth keeping. */
  public Detection withSalientWords(List<String> words) {
    return withSalience(words, salience.each(), salience.lengths());
  }

  /**
   * With other rules of what makes a text worth keeping.
   *
   * @param words in lower case
   * @param each what each word that is in the text counts, and each length; Drift's is 0.1
   * @param lengths characters: a text counts for each of these that it is longer than; Drift's are
   *     500 and 1,000
   */
  public Detection withSalience(List<String> words, double each, List<Integer> lengths) {
    Salience changed = new Salience(words, each, lengths);
    return new Detection(entities, contacts, platforms, evidence, topics, changed, vocabulary);
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
            entities, contacts, platforms, evidence, topics, salience, vocabulary.with(terms));
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
   * The platforms a text has to do with, each with a confidence of up to 1, three decimals, by
   * Drift's {@link Evidence} from 0.15 on.
   *
   * @param source the platform that the memory's source names; null for none
   */
  public Map<String, Double> platforms(String content, List<String> tags, @Nullable String source) {
    String lower = Regex.lower(content);
    Map<String, Double> found = new LinkedHashMap<>();
    for (Platform platform : platforms) {
      double confidence = platform.confidence(evidence, lower, tags, source);
      if (confidence >= evidence.least()) {
        found.put(platform.name(), Arithmetic.round(confidence, DIGITS));
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

  /**
   * How much a text is worth keeping, up to 1: with Drift's numbers 0.1 for each word in it, and
   * for a long text.
   */
  public double salience(String text) {
    return salience.of(text);
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

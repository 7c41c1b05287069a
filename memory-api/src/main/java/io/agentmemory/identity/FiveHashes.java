package io.agentmemory.identity;

import io.agentmemory.Memory;
import io.agentmemory.Value;
import io.agentmemory.internal.Texts;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * One short hash for each of the five questions who, what, why, where and when, and one over the
 * five. Each has 16 hexadecimal digits and is over the counts sorted by key, so the order of the
 * memories does not matter to it.
 *
 * <p>Source: Drift's 5W hashes. Its own count of activities, the why, comes from a function that is
 * not there, and so is always of nothing; it is here too, else no hash of five would agree.
 *
 * @param contacts in how many memories each contact occurs
 * @param topics in how many memories each topic occurs
 * @param platforms in how many memories each platform occurs
 * @param hours how many of the last 50 fingerprints were taken in each hour of the day
 * @param memories number of memories with an id of their own
 * @param fingerprints number of fingerprints taken
 */
public record FiveHashes(
    Map<String, Integer> contacts,
    Map<String, Integer> topics,
    Map<String, Integer> platforms,
    Map<Integer, Integer> hours,
    int memories,
    int fingerprints) {
  private static final int LAST_FINGERPRINTS = 50;
  private static final int TOP = 3;
  private static final int DIGITS = 16;

  /** Copies the maps in their order. */
  public FiveHashes {
    contacts = Collections.unmodifiableMap(new LinkedHashMap<>(contacts));
    topics = Collections.unmodifiableMap(new LinkedHashMap<>(topics));
    platforms = Collections.unmodifiableMap(new LinkedHashMap<>(platforms));
    hours = Collections.unmodifiableMap(new LinkedHashMap<>(hours));
  }

  /**
   * Counts these memories, of all three tiers.
   *
   * @param history the fingerprints taken, in order; of each its {@code timestamp} counts
   * @param topicsOf finds topics in a text, for a memory that states none
   * @param contactsOf finds contacts in a text, for a memory that states none
   */
  public static FiveHashes of(
      Collection<Memory> memories,
      List<Value.Map> history,
      Function<String, List<String>> topicsOf,
      Function<String, List<String>> contactsOf) {
    Map<String, List<String>> topics = new HashMap<>();
    Map<String, List<String>> contacts = new HashMap<>();
    for (Memory memory : memories) {
      topics.put(memory.id(), topics(memory, topicsOf));
      contacts.put(memory.id(), contacts(memory, contactsOf));
    }
    return of(memories, history, topics, contacts);
  }

  /**
   * Counts these memories, whose bodies are not looked at.
   *
   * @param topicsOf of each memory by id: {@link #topics}
   * @param contactsOf of each memory by id: {@link #contacts}
   */
  static FiveHashes of(
      Collection<Memory> memories,
      List<Value.Map> history,
      Map<String, List<String>> topicsOf,
      Map<String, List<String>> contactsOf) {
    Map<String, Integer> contacts = new LinkedHashMap<>();
    Map<String, Integer> topics = new LinkedHashMap<>();
    Map<String, Integer> platforms = new LinkedHashMap<>();
    int count = 0;
    for (Memory memory : Graph.inOrder(memories)) {
      if (memory.members().get("platforms") instanceof Value.Map own) {
        own.entries().keySet().forEach(platform -> platforms.merge(platform, 1, Integer::sum));
      }
      if (!Graph.idOf(memory).isEmpty()) {
        count++;
        contactsOf
            .getOrDefault(memory.id(), List.of())
            .forEach(contact -> contacts.merge(contact, 1, Integer::sum));
        topicsOf
            .getOrDefault(memory.id(), List.of())
            .forEach(topic -> topics.merge(topic, 1, Integer::sum));
      }
    }
    return new FiveHashes(contacts, topics, platforms, hours(history), count, history.size());
  }

  /** The topics that a memory states, else those found in its text. */
  static List<String> topics(Memory memory, Function<String, List<String>> detect) {
    return stated(memory, "topic_context", detect);
  }

  /** The contacts that a memory states, else those found in its text. */
  static List<String> contacts(Memory memory, Function<String, List<String>> detect) {
    return stated(memory, "contact_context", detect);
  }

  private static List<String> stated(
      Memory memory, String member, Function<String, List<String>> detect) {
    List<String> stated = Value.textsOf(memory.members().get(member));
    return stated.isEmpty()
        ? detect.apply(Python.strip(memory.content()) + " " + String.join(" ", memory.tags()))
        : stated;
  }

  private static Map<Integer, Integer> hours(List<Value.Map> history) {
    Map<Integer, Integer> hours = new LinkedHashMap<>();
    int from = Math.max(0, history.size() - LAST_FINGERPRINTS);
    for (Value.Map entry : history.subList(from, history.size())) {
      String time = Value.textOf(entry.get("timestamp"));
      int t = time == null ? -1 : time.indexOf('T');
      if (time != null && t >= 0 && time.substring(t + 1).matches("(?s)[0-9]{2}.*")) {
        hours.merge(Integer.parseInt(time.substring(t + 1, t + 3)), 1, Integer::sum);
      }
    }
    return hours;
  }

  /** The hash of the contacts. */
  public String who() {
    return hash(contacts);
  }

  /** The hash of the topics. */
  public String what() {
    return hash(topics);
  }

  /** The hash of nothing: see above. */
  public String why() {
    return hash(Map.of());
  }

  /** The hash of the platforms. */
  public String where() {
    return hash(platforms);
  }

  /** The hash of the hours. */
  public String when() {
    List<Value> items = new ArrayList<>();
    new TreeMap<>(hours).forEach((hour, count) -> items.add(pair(Value.of(hour), count)));
    return shortHash(Python.json(new Value.Seq(items)));
  }

  /** The hash of the five hashes, sorted and joined with bars. */
  public String all() {
    return shortHash(
        List.of(who(), what(), why(), where(), when()).stream()
            .sorted()
            .collect(Collectors.joining("|")));
  }

  private static String hash(Map<String, Integer> counts) {
    List<Value> items = new ArrayList<>();
    counts.entrySet().stream()
        .sorted(Map.Entry.comparingByKey(Texts::compare))
        .forEach(entry -> items.add(pair(Value.of(entry.getKey()), entry.getValue())));
    return shortHash(Python.json(new Value.Seq(items)));
  }

  private static Value pair(Value key, int count) {
    return new Value.Seq(List.of(key, Value.of(count)));
  }

  static String shortHash(String text) {
    return Python.sha256(text).substring(0, DIGITS);
  }

  /** All of it in the original's form. */
  public Value.Map tree() {
    Map<String, Value> tree = new LinkedHashMap<>();
    tree.put(
        "who",
        entry(
            who(),
            "contacts",
            contacts.size(),
            "top3",
            Value.Seq.ofTexts(Python.mostCommon(contacts, TOP).keySet())));
    Map<String, Value> percents = new LinkedHashMap<>();
    topics.forEach(
        (topic, count) ->
            percents.put(topic, Value.of(Python.round((double) count / memories * 100, 1))));
    tree.put(
        "what", entry(what(), "topics", topics.size(), "distribution", new Value.Map(percents)));
    tree.put("why", entry(why(), "activities", 0, "pattern", Value.EMPTY_MAP));
    Map<String, Value> counts = new LinkedHashMap<>();
    platforms.forEach((platform, count) -> counts.put(platform, Value.of(count)));
    tree.put(
        "where",
        entry(where(), "platforms", platforms.size(), "distribution", new Value.Map(counts)));
    List<Value> peaks = new ArrayList<>();
    Map<String, Integer> byHour = new LinkedHashMap<>();
    hours.forEach((hour, count) -> byHour.put(Integer.toString(hour), count));
    Python.mostCommon(byHour, TOP).keySet().forEach(h -> peaks.add(Value.of(Long.parseLong(h))));
    tree.put(
        "when",
        entry(when(), "sessions_analyzed", fingerprints, "peak_hours", new Value.Seq(peaks)));
    tree.put(
        "correlation", new Value.Map(Map.of("hash", Value.of(all()), "dimensions", Value.of(5))));
    return new Value.Map(tree);
  }

  private static Value.Map entry(
      String hash, String countName, int count, String detailName, Value detail) {
    Map<String, Value> entry = new LinkedHashMap<>();
    entry.put("hash", Value.of(hash));
    entry.put(countName, Value.of(count));
    entry.put(detailName, detail);
    return new Value.Map(entry);
  }
}

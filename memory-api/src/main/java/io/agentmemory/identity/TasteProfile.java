package io.agentmemory.identity;

import io.agentmemory.Value;
import io.agentmemory.internal.Texts;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What an agent says no to, counted. Each map has its highest count first and ties as they first
 * occurred; {@code days} is in order of time.
 *
 * <p>Source: Drift's rejection log.
 *
 * @param total number of rejections
 * @param categories how many of each category
 * @param reasons the most common reasons in lower case, trimmed
 * @param tags the most common tags
 * @param sources how many from each source; {@code None} for null, {@code unknown} for none given
 * @param days how many on each day, {@code 2026-02-10}
 * @param hash of the rejections in order of time; 64 hexadecimal digits
 * @param first the time of the first in the log; null if there is none
 * @param latest the time of the last in the log; null if there is none
 */
public record TasteProfile(
    int total,
    Map<String, Integer> categories,
    Map<String, Integer> reasons,
    Map<String, Integer> tags,
    Map<String, Integer> sources,
    Map<String, Integer> days,
    String hash,
    @Nullable String first,
    @Nullable String latest) {
  static final int REASONS = 15;
  static final int TAGS = 10;
  static final int ATTESTED_REASONS = 5;
  private static final Value NONE_GIVEN = Value.of("");

  /** Copies the maps in their order. */
  public TasteProfile {
    categories = copy(categories);
    reasons = copy(reasons);
    tags = copy(tags);
    sources = copy(sources);
    days = copy(days);
  }

  private static Map<String, Integer> copy(Map<String, Integer> map) {
    return Collections.unmodifiableMap(new LinkedHashMap<>(map));
  }

  /** The profile of these rejections, with Drift's limits of 15 reasons and 10 tags. */
  public static TasteProfile of(List<Value.Map> rejections) {
    return of(rejections, REASONS, TAGS);
  }

  /**
   * The profile of these rejections.
   *
   * @param rejections the members of each (timestamp, category, reason, target, tags, source), in
   *     the order of the log
   * @param topReasons how many reasons to keep
   * @param topTags how many tags to keep
   */
  public static TasteProfile of(List<Value.Map> rejections, int topReasons, int topTags) {
    Map<String, Integer> categories = new LinkedHashMap<>();
    Map<String, Integer> reasons = new LinkedHashMap<>();
    Map<String, Integer> tags = new LinkedHashMap<>();
    Map<String, Integer> sources = new LinkedHashMap<>();
    Map<String, Integer> days = new TreeMap<>(Texts::compare);
    for (Value.Map rejection : rejections) {
      categories.merge(text(rejection, "category", ""), 1, Integer::sum);
      String reason = text(rejection, "reason", "unspecified").toLowerCase(Locale.ROOT);
      reasons.merge(Python.strip(reason), 1, Integer::sum);
      Value.textsOf(rejection.get("tags")).forEach(tag -> tags.merge(tag, 1, Integer::sum));
      sources.merge(text(rejection, "source", "unknown"), 1, Integer::sum);
      String time = text(rejection, "timestamp", "");
      days.merge(time.substring(0, Math.min(10, time.length())), 1, Integer::sum);
    }
    int last = rejections.size() - 1;
    return new TasteProfile(
        rejections.size(),
        Python.mostCommon(categories, Integer.MAX_VALUE),
        Python.mostCommon(reasons, topReasons),
        Python.mostCommon(tags, topTags),
        Python.mostCommon(sources, Integer.MAX_VALUE),
        days,
        hash(rejections),
        last < 0 ? null : text(rejections.get(0), "timestamp", ""),
        last < 0 ? null : text(rejections.get(last), "timestamp", ""));
  }

  /**
   * The taste hash: SHA-256 over a line {@code category|reason|target} for each rejection, sorted
   * by the text of their times, those of one time in the order of the log. A null target reads
   * {@code None}, a missing one nothing.
   */
  public static String hash(List<Value.Map> rejections) {
    List<Value.Map> sorted = new ArrayList<>(rejections);
    sorted.sort((a, b) -> Texts.compare(text(a, "timestamp", ""), text(b, "timestamp", "")));
    List<String> lines = new ArrayList<>();
    for (Value.Map rejection : sorted) {
      lines.add(
          text(rejection, "category", "")
              + "|"
              + text(rejection, "reason", "")
              + "|"
              + text(rejection, "target", ""));
    }
    return Python.sha256(String.join("\n", lines));
  }

  private static String text(Value.Map rejection, String name, String missing) {
    Value value = rejection.entries().getOrDefault(name, NONE_GIVEN);
    return rejection.has(name) ? Python.str(value) : missing;
  }

  /** The profile in the original's form; of an empty log, its total alone. */
  public Value.Map tree() {
    Map<String, Value> tree = new LinkedHashMap<>();
    tree.put("total_rejections", Value.of(total));
    if (total > 0) {
      tree.put("categories", counts(categories));
      tree.put("top_reasons", counts(reasons));
      tree.put("top_tags", counts(tags));
      tree.put("sources", counts(sources));
      List<Value> trend = new ArrayList<>();
      days.forEach(
          (day, count) ->
              trend.add(new Value.Map(Map.of("date", Value.of(day), "count", Value.of(count)))));
      tree.put("daily_trend", new Value.Seq(trend));
      tree.put("taste_hash", Value.of(hash));
      tree.put("first_rejection", first == null ? Value.NULL : Value.of(first));
      tree.put("latest_rejection", latest == null ? Value.NULL : Value.of(latest));
    }
    return new Value.Map(tree);
  }

  /**
   * The taste attestation, signed with the hash of itself.
   *
   * @param timestamp of the attestation, as it is to stand in it
   */
  public Value.Map attestation(String agent, String timestamp) {
    return attestation(agent, timestamp, ATTESTED_REASONS);
  }

  /**
   * The taste attestation, signed with the hash of itself.
   *
   * @param timestamp of the attestation, as it is to stand in it
   * @param topReasons how many of the most common reasons stand in it; Drift's are 5
   */
  public Value.Map attestation(String agent, String timestamp, int topReasons) {
    Map<String, Value> tree = new LinkedHashMap<>();
    tree.put("version", Value.of("1.0"));
    tree.put("type", Value.of("taste_attestation"));
    tree.put("agent", Value.of(agent));
    tree.put("timestamp", Value.of(timestamp));
    tree.put("rejection_count", Value.of(total));
    tree.put("taste_hash", Value.of(total == 0 ? "" : hash));
    tree.put("category_distribution", counts(categories));
    tree.put("top_reasons", counts(Python.mostCommon(reasons, topReasons)));
    tree.put("attestation_hash", Value.of(""));
    Value.Map unsigned = new Value.Map(tree);
    return unsigned.with("attestation_hash", Value.of(Attestations.hash(unsigned)));
  }

  private static Value.Map counts(Map<String, Integer> counts) {
    Map<String, Value> tree = new LinkedHashMap<>();
    counts.forEach((key, count) -> tree.put(key, Value.of(count)));
    return new Value.Map(tree);
  }
}

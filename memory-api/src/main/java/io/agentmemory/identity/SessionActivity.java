package io.agentmemory.identity;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What a session was spent on, judged by where it went on and by the tags of what it recalled.
 *
 * @param platforms what being on a platform says: the share of each activity
 * @param tags what a tag in lower case says: one activity
 * @param tagWeight what one such tag counts, where one platform counts its shares
 * @param least an activity with a smaller share than this is none
 * @param secondary from this share on an activity counts beside the first
 */
public record SessionActivity(
    Map<String, Map<String, Double>> platforms,
    Map<String, String> tags,
    double tagWeight,
    double least,
    double secondary) {
  private static final int DIGITS = 3;

  /** Drift's own. Source: Drift's tables of activities by platform and by tag. */
  public static final SessionActivity DRIFT =
      new SessionActivity(driftPlatforms(), driftTags(), 0.3, 0.05, 0.15);

  /** Copies the maps in their order. */
  public SessionActivity {
    Map<String, Map<String, Double>> copy = new LinkedHashMap<>();
    platforms.forEach(
        (name, shares) -> copy.put(name, Collections.unmodifiableMap(new LinkedHashMap<>(shares))));
    platforms = Collections.unmodifiableMap(copy);
    tags = Map.copyOf(tags);
  }

  /**
   * The share of each activity, three decimals, the first one first.
   *
   * @param dominant what it was mostly spent on; empty if nothing says so
   * @param secondary what else
   */
  public record Shares(
      Map<String, Double> shares, Optional<String> dominant, List<String> secondary) {
    /** Copies the collections. */
    public Shares {
      shares = Collections.unmodifiableMap(new LinkedHashMap<>(shares));
      secondary = List.copyOf(secondary);
    }
  }

  /**
   * The activities of a session.
   *
   * <p>Source: Drift's classification of sessions; its order of operations, so that ties and the
   * last bit are the same.
   *
   * @param where the platforms it was on
   * @param recalled the tags of each memory it recalled, one after the other
   */
  public Shares of(Collection<String> where, Collection<String> recalled) {
    Map<String, Double> scores = new LinkedHashMap<>();
    for (String platform : new LinkedHashSet<>(where)) {
      platforms
          .getOrDefault(platform, Map.of())
          .forEach((activity, share) -> scores.merge(activity, share, Double::sum));
    }
    for (String tag : recalled) {
      String activity = tags.get(tag.toLowerCase(Locale.ROOT));
      if (activity != null) {
        scores.merge(activity, tagWeight, Double::sum);
      }
    }
    double total = 0;
    for (double score : scores.values()) {
      total += score;
    }
    Map<String, Double> shares = new LinkedHashMap<>();
    for (Map.Entry<String, Double> score : scores.entrySet()) {
      double share = score.getValue() / total;
      if (share >= least) {
        shares.put(score.getKey(), Python.round(share, DIGITS));
      }
    }
    List<Map.Entry<String, Double>> sorted = new ArrayList<>(shares.entrySet());
    sorted.sort(Map.Entry.<String, Double>comparingByValue().reversed());
    Map<String, Double> inOrder = new LinkedHashMap<>();
    sorted.forEach(entry -> inOrder.put(entry.getKey(), entry.getValue()));
    return new Shares(
        inOrder,
        sorted.stream().map(Map.Entry::getKey).findFirst(),
        sorted.stream()
            .skip(1)
            .filter(entry -> entry.getValue() >= secondary)
            .map(Map.Entry::getKey)
            .toList());
  }

  private static Map<String, Map<String, Double>> driftPlatforms() {
    Map<String, Map<String, Double>> all = new LinkedHashMap<>();
    all.put("moltx", shares("social", 0.8, "exploratory", 0.2));
    all.put("moltbook", shares("social", 0.7, "exploratory", 0.3));
    all.put("github", shares("collaborative", 0.5, "technical", 0.5));
    all.put("clawtasks", shares("economic", 0.8, "exploratory", 0.2));
    all.put("dead-internet", shares("social", 0.5, "reflective", 0.3, "exploratory", 0.2));
    all.put("lobsterpedia", shares("exploratory", 0.7, "social", 0.3));
    all.put("nostr", shares("reflective", 0.6, "social", 0.4));
    return all;
  }

  private static Map<String, Double> shares(Object... pairs) {
    Map<String, Double> shares = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      shares.put((String) pairs[i], (Double) pairs[i + 1]);
    }
    return shares;
  }

  private static Map<String, String> driftTags() {
    Map<String, String> all = new LinkedHashMap<>();
    put(all, "social", "social", "moltx", "moltbook", "agents", "coordination");
    put(
        all,
        "technical",
        "memory-system",
        "api",
        "fix",
        "error",
        "problem_solved",
        "architecture",
        "procedural",
        "technical",
        "shipped",
        "improvement");
    put(
        all,
        "reflective",
        "thought",
        "thinking",
        "insight",
        "decision",
        "identity",
        "security",
        "origin");
    put(all, "collaborative", "collaboration", "github", "drift-memory", "interop");
    put(all, "exploratory", "research", "discovery", "new-platform", "lobsterpedia");
    put(all, "economic", "economic", "bounty", "clawtasks", "wallet");
    return all;
  }

  private static void put(Map<String, String> all, String activity, String... tags) {
    for (String tag : tags) {
      all.put(tag, activity);
    }
  }
}

package io.agentmemory.identity;

import io.agentmemory.Value;
import io.agentmemory.internal.Texts;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How far one fingerprint is from an earlier one: 0 is no change, 1 is another mind. Numbers have 4
 * decimals, the changes of domains 1.
 *
 * <p>Source: Drift's drift score.
 *
 * @param score the weighted sum of the four parts
 * @param hubOverlap hubs in both divided by hubs in either
 * @param hubTurnover the first ids of new hubs, five by Drift's rule
 * @param hubLost the first ids of hubs that are none any more
 * @param distributionDrift mean relative change of mean, deviation, skewness and gini, each at most
 *     1
 * @param domainDrift mean relative change of the domains' weights
 * @param domainChanges by how many percent points a domain changed, where that is enough to tell,
 *     by Drift's rule more than 0.5
 * @param clusterDrift relative change of the number of clusters
 * @param previousTimestamp of the earlier fingerprint; {@code unknown} if it has none
 * @param interpretation the score in words, as the original says it
 */
public record Drift(
    double score,
    double hubOverlap,
    List<String> hubTurnover,
    List<String> hubLost,
    double distributionDrift,
    double domainDrift,
    Map<String, Double> domainChanges,
    double clusterDrift,
    String previousTimestamp,
    String interpretation) {
  private static final List<String> WORDS =
      List.of(
          "Stable identity \u2014 minimal change",
          "Healthy evolution \u2014 same agent, growing",
          "Notable shift \u2014 new domains or priorities",
          "Significant change \u2014 verify continuity",
          "Major identity shift \u2014 investigate");
  private static final List<String> SHAPE = List.of("mean", "std_dev", "skewness", "gini");

  /**
   * What each part counts in the score, and what is told beside it.
   *
   * @param hubs what the turnover of hubs counts
   * @param distribution what {@link Drift#distributionDrift()} counts
   * @param domains what {@link Drift#domainDrift()} counts
   * @param clusters what {@link Drift#clusterDrift()} counts
   * @param toldHubs how many new and how many lost hubs are named
   * @param toldChange a domain's change of no more percent points is not told
   * @param steps the four scores, in order, from which on the next {@link Drift#interpretation()}
   *     holds
   */
  public record Weights(
      double hubs,
      double distribution,
      double domains,
      double clusters,
      int toldHubs,
      double toldChange,
      List<Double> steps) {
    /** Drift's own. */
    public static final Weights DRIFT =
        new Weights(0.4, 0.25, 0.25, 0.1, 5, 0.5, List.of(0.05, 0.15, 0.30, 0.50));

    /**
     * Copies the list.
     *
     * @throws IllegalArgumentException if {@code toldHubs} is below 0, or there are not four steps
     */
    public Weights {
      steps = List.copyOf(steps);
      if (toldHubs < 0 || steps.size() != WORDS.size() - 1) {
        throw new IllegalArgumentException("toldHubs is below 0, or there are not four steps");
      }
    }
  }

  /** Copies the collections in their order. */
  public Drift {
    hubTurnover = List.copyOf(hubTurnover);
    hubLost = List.copyOf(hubLost);
    domainChanges = Collections.unmodifiableMap(new LinkedHashMap<>(domainChanges));
  }

  /** The drift between two analyses in the original's form, by Drift's weights. */
  public static Drift between(Value.Map previous, Value.Map current) {
    return between(previous, current, Weights.DRIFT);
  }

  /**
   * The drift between two analyses in the original's form ({@link CognitiveFingerprint#members()},
   * or the content of {@code cognitive_fingerprint.json}). What is missing counts as 0.
   */
  public static Drift between(Value.Map previous, Value.Map current, Weights weights) {
    Set<String> before = new LinkedHashSet<>(CognitiveFingerprint.hubIds(previous));
    Set<String> after = new LinkedHashSet<>(CognitiveFingerprint.hubIds(current));
    Set<String> either = new LinkedHashSet<>(before);
    either.addAll(after);
    long both = before.stream().filter(after::contains).count();
    double overlap = either.isEmpty() ? 1 : (double) both / either.size();

    double shape = shape(previous, current);
    double cluster = relative(previous.get("cluster_count"), current.get("cluster_count"));
    Map<String, Double> changes = new LinkedHashMap<>();
    double domain = domains(previous, current, weights.toldChange(), changes);
    double score =
        weights.hubs() * (1.0 - overlap)
            + weights.distribution() * shape
            + weights.domains() * Math.min(domain, 1.0)
            + weights.clusters() * Math.min(cluster, 1.0);
    String timestamp = Value.textOf(previous.get("timestamp"));
    return new Drift(
        Python.round(score, 4),
        Python.round(overlap, 4),
        firstNotIn(before, after, weights.toldHubs()),
        firstNotIn(after, before, weights.toldHubs()),
        Python.round(shape, 4),
        Python.round(domain, 4),
        changes,
        Python.round(cluster, 4),
        timestamp == null ? "unknown" : timestamp,
        interpretation(score, weights.steps()));
  }

  private static List<String> firstNotIn(Set<String> known, Set<String> ids, int most) {
    return ids.stream()
        .filter(id -> !known.contains(id))
        .sorted(Texts::compare)
        .limit(most)
        .toList();
  }

  private static double shape(Value.Map previous, Value.Map current) {
    Value.Map before = CognitiveFingerprint.map(previous, "strength_distribution");
    Value.Map after = CognitiveFingerprint.map(current, "strength_distribution");
    double sum = 0;
    for (String name : SHAPE) {
      double old = Python.number(before.get(name));
      double now = Python.number(after.get(name));
      double change = old != 0 ? Math.abs(now - old) / Math.abs(old) : now != 0 ? 1 : 0;
      sum += Math.min(change, 1);
    }
    return sum / SHAPE.size();
  }

  private static double relative(@Nullable Value previous, @Nullable Value current) {
    double before = Python.number(previous);
    return before > 0 ? Math.abs(Python.number(current) - before) / before : 0;
  }

  private static double domains(
      Value.Map previous, Value.Map current, double toldChange, Map<String, Double> changes) {
    Value.Map before =
        CognitiveFingerprint.map(
            CognitiveFingerprint.map(previous, "cognitive_domains"), "domains");
    Value.Map after =
        CognitiveFingerprint.map(CognitiveFingerprint.map(current, "cognitive_domains"), "domains");
    List<String> names = new ArrayList<>(before.entries().keySet());
    names.addAll(after.entries().keySet());
    double sum = 0;
    int counted = 0;
    for (String name : HashOrder.of(names)) {
      double old = Python.number(CognitiveFingerprint.map(before, name).get("weight_pct"));
      double now = Python.number(CognitiveFingerprint.map(after, name).get("weight_pct"));
      double change = now - old;
      if (Math.abs(change) > toldChange) {
        changes.put(name, Python.round(change, 1));
      }
      if (old > 0 || now > 0) {
        sum += old > 0 ? Math.abs(change) / old : 1;
        counted++;
      }
    }
    return counted == 0 ? 0 : sum / counted;
  }

  private static String interpretation(double score, List<Double> steps) {
    int step = 0;
    while (step < steps.size() && score >= steps.get(step)) {
      step++;
    }
    return WORDS.get(step);
  }

  /** The drift in the original's form. */
  public Value.Map tree() {
    Map<String, Value> changes = new LinkedHashMap<>();
    domainChanges.forEach((domain, change) -> changes.put(domain, Value.of(change)));
    Map<String, Value> tree = new LinkedHashMap<>();
    tree.put("drift_score", Value.of(score));
    tree.put("hub_overlap", Value.of(hubOverlap));
    tree.put("hub_turnover", Value.Seq.ofTexts(hubTurnover));
    tree.put("hub_lost", Value.Seq.ofTexts(hubLost));
    tree.put("distribution_drift", Value.of(distributionDrift));
    tree.put("domain_drift", Value.of(domainDrift));
    tree.put("domain_changes", new Value.Map(changes));
    tree.put("cluster_drift", Value.of(clusterDrift));
    tree.put("previous_timestamp", Value.of(previousTimestamp));
    tree.put("interpretation", Value.of(interpretation));
    return new Value.Map(tree);
  }
}

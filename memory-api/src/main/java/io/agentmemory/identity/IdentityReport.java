package io.agentmemory.identity;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryStore;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.command.BeliefRule;
import io.agentmemory.internal.Texts;
import java.time.Clock;
import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Who an agent is by what a store holds: the same from every store that holds the same, and the
 * very values that Drift computes.
 *
 * @param agent whose it is
 * @param at when it was computed
 * @param taste what the agent turned down
 * @param fingerprint what it recalls together
 * @param drift how far the fingerprint has moved from the one that was exported last; null if none
 *     was
 * @param hashes of who, what, why, where and when
 * @param contexts of each context graph that its edges give now, by the name of its file, the
 *     fingerprint ({@link ContextView#fingerprint(java.util.Collection)}) and, as {@code digest},
 *     what {@link ContextView#digest()} says
 * @param merkle the files of its memories
 * @param vitals numbers to follow over time
 */
public record IdentityReport(
    String agent,
    Instant at,
    TasteProfile taste,
    CognitiveFingerprint fingerprint,
    @Nullable Drift drift,
    FiveHashes hashes,
    Map<String, Value.Map> contexts,
    MerkleState merkle,
    VitalSigns vitals) {
  /** The file that an exported fingerprint stands in, as a record of kind value. */
  public static final String EXPORTED = "cognitive_fingerprint.json";

  /** The member of a graph in {@link #contexts} that tells all its content. */
  static final String DIGEST = "digest";

  private static final int HISTORY_HUBS = 5;

  /**
   * What an identity is computed by.
   *
   * @param fingerprint what the fingerprint looks at
   * @param drift what each part of the drift counts
   * @param contexts what the context graphs are made by
   * @param beliefs how observations add up to the belief in an edge within a window of time
   * @param topics finds those of memories that state none
   * @param reasons how many of the most common reasons the taste lists
   * @param tags how many of the most common tags the taste lists
   * @param attestedReasons how many of those reasons stand in an attestation
   * @param link from this belief on the vital signs take an edge for a link
   */
  public record Rules(
      CognitiveFingerprint.Rules fingerprint,
      Drift.Weights drift,
      ContextView.Rules contexts,
      BeliefRule beliefs,
      Topics topics,
      int reasons,
      int tags,
      int attestedReasons,
      double link) {
    /** Drift's own. */
    public static final Rules DRIFT =
        new Rules(
            CognitiveFingerprint.Rules.DRIFT,
            Drift.Weights.DRIFT,
            ContextView.Rules.DRIFT,
            BeliefRule.DRIFT,
            Topics.DRIFT,
            TasteProfile.REASONS,
            TasteProfile.TAGS,
            TasteProfile.ATTESTED_REASONS,
            VitalSigns.LINK);

    /**
     * Checks that nothing is missing.
     *
     * @throws IllegalArgumentException if a number of reasons or tags is below 0
     */
    public Rules {
      requireNonNull(fingerprint, "fingerprint");
      requireNonNull(drift, "drift");
      requireNonNull(contexts, "contexts");
      requireNonNull(beliefs, "beliefs");
      requireNonNull(topics, "topics");
      if (Math.min(reasons, Math.min(tags, attestedReasons)) < 0) {
        throw new IllegalArgumentException("a number of reasons or tags is below 0");
      }
    }
  }

  /** Checks that nothing is missing, and copies the map in its order. */
  public IdentityReport {
    requireNonNull(agent, "agent");
    requireNonNull(at, "at");
    requireNonNull(taste, "taste");
    requireNonNull(fingerprint, "fingerprint");
    requireNonNull(hashes, "hashes");
    contexts = Collections.unmodifiableMap(new LinkedHashMap<>(contexts));
    requireNonNull(merkle, "merkle");
    requireNonNull(vitals, "vitals");
  }

  /**
   * Reads the whole store and computes. It holds all edges and observations, but of memories no
   * bodies; of a store of files it reads every file of a core or active memory. What is written
   * meanwhile may be in some values and not yet in others.
   *
   * @param clock says when
   */
  public static IdentityReport of(MemoryStore store, Clock clock) {
    return of(store, clock, Rules.DRIFT);
  }

  /** Reads the whole store and computes by other rules, as {@link #of(MemoryStore, Clock)}. */
  public static IdentityReport of(MemoryStore store, Clock clock, Rules rules) {
    return new IdentitySources(store, rules).report(clock.instant());
  }

  /** The time as attestations and fingerprints spell it. */
  static String zulu(Instant at) {
    return Texts.time(at).replace("+00:00", "Z");
  }

  /** The fingerprint in the original's form, with whose and when it is, and the drift. */
  public Value.Map fingerprintTree() {
    Map<String, Value> tree = new LinkedHashMap<>(fingerprint.members().entries());
    tree.put("agent", Value.of(agent));
    tree.put("timestamp", Value.of(zulu(at)));
    if (drift != null) {
      tree.put("drift", drift.tree());
    }
    return new Value.Map(tree);
  }

  /** The entry for the history of fingerprints, in the original's form. */
  public Value.Map historyEntry() {
    Value.Map stats = CognitiveFingerprint.map(fingerprint.members(), "graph_stats");
    List<String> hubs = CognitiveFingerprint.hubIds(fingerprint.members());
    Map<String, Value> tree = new LinkedHashMap<>();
    tree.put("timestamp", Value.of(zulu(at)));
    tree.put("fingerprint_hash", Value.of(fingerprint.hash()));
    tree.put("node_count", stats.entries().getOrDefault("node_count", Value.of(0)));
    tree.put("edge_count", stats.entries().getOrDefault("edge_count", Value.of(0)));
    tree.put(
        "cluster_count",
        fingerprint.members().entries().getOrDefault("cluster_count", Value.of(0)));
    tree.put(
        "hub_ids_top5", Value.Seq.ofTexts(hubs.subList(0, Math.min(HISTORY_HUBS, hubs.size()))));
    if (drift != null) {
      tree.put("drift_score", Value.of(drift.score()));
    }
    return new Value.Map(tree);
  }

  /** The values that say it in short, by name. What is not known is null. */
  public Value.Map summary() {
    Map<String, Value> tree = new LinkedHashMap<>();
    tree.put("taste_hash", Value.of(taste.hash()));
    tree.put("fingerprint_hash", Value.of(fingerprint.hash()));
    tree.put("drift_score", drift == null ? Value.NULL : Value.of(drift.score()));
    tree.put("merkle_root", merkle.root().map(Value::of).orElse(Value.NULL));
    tree.put("merkle_leaves", Value.of(merkle.leaves().size()));
    tree.put("merkle_unknown", Value.of(merkle.unknown()));
    return new Value.Map(tree);
  }

  /**
   * The values in which two stores agree that hold the same records, by name, if both reports are
   * of one time: hashes and numbers. What hangs on the files of memories, which only one of them
   * may have, is not among them.
   */
  public Map<String, Value> comparable() {
    Map<String, Value> values = new LinkedHashMap<>();
    values.put("taste_hash", Value.of(taste.hash()));
    values.put("fingerprint_hash", Value.of(fingerprint.hash()));
    values.put("drift_score", drift == null ? Value.NULL : Value.of(drift.score()));
    values.put("hashes_5w.who", Value.of(hashes.who()));
    values.put("hashes_5w.what", Value.of(hashes.what()));
    values.put("hashes_5w.why", Value.of(hashes.why()));
    values.put("hashes_5w.where", Value.of(hashes.where()));
    values.put("hashes_5w.when", Value.of(hashes.when()));
    contexts.forEach(
        (name, graph) ->
            values.put("context_graphs." + name, graph.entries().getOrDefault(DIGEST, Value.NULL)));
    vitals.metrics().entries().forEach((name, value) -> values.put("vitals." + name, value));
    VitalSigns.OF_FILES.forEach(name -> values.remove("vitals." + name));
    return values;
  }

  /** All of it: {@link #summary()}, then each part in the original's form. */
  public Value.Map tree() {
    Map<String, Value> tree = new LinkedHashMap<>();
    tree.put("agent", Value.of(agent));
    tree.put("timestamp", Value.of(Texts.time(at)));
    tree.putAll(summary().entries());
    tree.put("hashes_5w", hashes.tree());
    tree.put("taste_profile", taste.tree());
    tree.put("fingerprint", fingerprintTree());
    tree.put("merkle", merkle.tree());
    tree.put("vitals", vitals.tree(Texts.time(at)));
    return new Value.Map(tree);
  }

  /** The fingerprint as it was exported last. */
  static Optional<Value.Map> exported(MemoryStore store) {
    return value(store, EXPORTED);
  }

  static Optional<Value.Map> value(MemoryStore store, String path) {
    return store
        .read(Kind.VALUE, Key.of(path))
        .flatMap(Stored::live)
        .flatMap(
            file -> file.value() instanceof Value.Map map ? Optional.of(map) : Optional.empty());
  }
}

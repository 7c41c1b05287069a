package io.agentmemory.identity;

import io.agentmemory.Edge;
import io.agentmemory.Memory;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How large a memory has grown and how lively it is, in numbers that can be followed over time.
 *
 * <p>Source: Drift's system vitals.
 *
 * @param metrics each number under the original's name, in its order
 */
public record VitalSigns(Value.Map metrics) {
  /** The metrics that only the files of memories tell exactly. */
  static final List<String> OF_FILES = List.of("platform_tagged", "platform_tagged_pct");

  /** From this belief on Drift takes an edge for a link. */
  static final double LINK = 3.0;

  private static final List<String> QUESTIONS = List.of("who", "what", "why", "where");
  private static final List<String> RECALL_SOURCES =
      List.of("manual", "start_priming", "thought_priming", "prompt_priming");

  /** The original counts the four top members of the document, not the bridges in it. */
  private static final int BRIDGES_DOCUMENT_MEMBERS = 4;

  /**
   * What vital signs are taken of. What there is none of is empty or 0.
   *
   * @param memories of all three tiers
   * @param edges in an order in which their beliefs are added up
   * @param rejections the members of each
   * @param lessons how many there are
   * @param attestations of memory files, in order of time
   * @param fingerprints the history of fingerprints, in order of time
   * @param session {@code retrieved} and {@code recalls_by_source}
   * @param replies how many replies are tracked
   * @param contacts how many social contacts there are
   * @param platformTagged how many files in core and active have {@code platforms:} within their
   *     first 500 characters, which only their file side can tell
   * @param decayRuns in order of time
   * @param vocabularyTerms how many terms were added to the vocabulary
   * @param searchIndexed how many texts have a vector
   * @param contexts the context graphs there are
   */
  public record Sources(
      Collection<Memory> memories,
      Collection<Edge> edges,
      List<Value.Map> rejections,
      int lessons,
      List<Value.Map> attestations,
      List<Value.Map> fingerprints,
      Value.Map session,
      int replies,
      long contacts,
      int platformTagged,
      List<Value.Map> decayRuns,
      int vocabularyTerms,
      int searchIndexed,
      Collection<ContextView> contexts) {
    /** Copies the collections in their order. */
    public Sources {
      memories = List.copyOf(memories);
      edges = List.copyOf(edges);
      rejections = List.copyOf(rejections);
      attestations = List.copyOf(attestations);
      fingerprints = List.copyOf(fingerprints);
      decayRuns = List.copyOf(decayRuns);
      contexts = List.copyOf(contexts);
    }
  }

  /** Takes the vital signs. An edge is a link from a belief of 3 on. */
  public static VitalSigns of(Sources of) {
    return of(of, LINK);
  }

  /**
   * Takes the vital signs.
   *
   * @param link from this belief on an edge is a link
   */
  public static VitalSigns of(Sources of, double link) {
    Map<String, Value> m = new LinkedHashMap<>();
    int total = of.memories().size();
    m.put("memory_total", Value.of(total));
    for (Tier tier : Tier.values()) {
      long count = of.memories().stream().filter(memory -> memory.tier() == tier).count();
      m.put("memory_" + tier.folder(), Value.of(count));
    }
    edges(of.edges(), link, m);
    m.put("rejection_count", Value.of(of.rejections().size()));
    m.put("lesson_count", Value.of(of.lessons()));
    Value.Map attestation = last(of.attestations());
    int attested = of.attestations().size();
    m.put("merkle_chain_depth", member(attestation, "chain_depth", Value.of(attested)));
    m.put("merkle_memory_count", member(attestation, "memory_count", Value.of(0)));
    Value.Map fingerprint = last(of.fingerprints());
    m.put("fingerprint_nodes", member(fingerprint, "node_count", Value.of(0)));
    m.put("fingerprint_edges", member(fingerprint, "edge_count", Value.of(0)));
    m.put("identity_drift", member(fingerprint, "drift_score", Value.of(0.0)));
    m.put("session_recalls", Value.of(size(of.session().get("retrieved"))));
    Value.Map bySource = CognitiveFingerprint.map(of.session(), "recalls_by_source");
    for (String source : RECALL_SOURCES) {
      m.put("recalls_" + source, Value.of(size(bySource.get(source))));
    }
    m.put("social_replies_tracked", Value.of(of.replies()));
    m.put("social_contacts", Value.of(of.contacts()));
    m.put("platform_tagged", Value.of(of.platformTagged()));
    m.put(
        "platform_tagged_pct",
        total == 0 ? Value.of(0) : Value.of(Python.round(of.platformTagged() * 100.0 / total, 1)));
    Value.Map decay = last(of.decayRuns());
    m.put("last_decay_count", member(decay, "decayed", Value.of(0)));
    m.put("last_prune_count", member(decay, "pruned", Value.of(0)));
    m.put("decay_sessions_recorded", Value.of(of.decayRuns().size()));
    m.put("vocabulary_terms", Value.of(of.vocabularyTerms()));
    m.put("search_indexed", Value.of(of.searchIndexed()));
    contexts(of.contexts(), m);
    m.put(
        "twitter_rejections",
        Value.of(
            of.rejections().stream()
                .filter(r -> "twitter".equals(Value.textOf(r.get("source"))))
                .count()));
    return new VitalSigns(new Value.Map(m));
  }

  private static void edges(Collection<Edge> edges, double link, Map<String, Value> m) {
    List<Value> beliefs = new ArrayList<>();
    edges.forEach(edge -> beliefs.add(member(edge.members(), "belief", Value.of(0))));
    m.put(
        "cooccurrence_pairs",
        Value.of(beliefs.stream().filter(belief -> Python.number(belief) > 0).count()));
    m.put("cooccurrence_total_strength", Python.round(Python.sum(beliefs), 2));
    m.put(
        "cooccurrence_links",
        Value.of(beliefs.stream().filter(belief -> Python.number(belief) >= link).count()));
    m.put("cooccurrence_edges_total", Value.of(edges.size()));
  }

  private static void contexts(Collection<ContextView> contexts, Map<String, Value> m) {
    long total = 0;
    for (String question : QUESTIONS) {
      int size =
          contexts.stream()
              .filter(graph -> graph.dimension().equals(question) && graph.subView() == null)
              .mapToInt(graph -> graph.edges().size())
              .sum();
      m.put("wgraph_" + question + "_edges", Value.of(size));
      total += size;
    }
    m.put("wgraph_total_edges", Value.of(total));
    m.put(
        "wgraph_subviews",
        Value.of(
            contexts.stream()
                .filter(g -> g.subView() != null && !g.dimension().equals("bridges"))
                .count()));
    boolean bridged =
        contexts.stream().anyMatch(g -> g.dimension().equals("bridges") && g.subView() == null);
    m.put("wgraph_bridges", Value.of(bridged ? BRIDGES_DOCUMENT_MEMBERS : 0));
  }

  private static Value.Map last(List<Value.Map> entries) {
    return entries.isEmpty() ? Value.EMPTY_MAP : entries.get(entries.size() - 1);
  }

  private static Value member(Value.Map map, String name, Value missing) {
    return map.entries().getOrDefault(name, missing);
  }

  private static int size(@Nullable Value list) {
    return list instanceof Value.Seq seq ? seq.items().size() : 0;
  }

  /**
   * An entry of the log of vital signs, in the original's form.
   *
   * @param timestamp when they were taken, as it is to stand in it
   */
  public Value.Map tree(String timestamp) {
    Map<String, Value> tree = new LinkedHashMap<>();
    tree.put("timestamp", Value.of(timestamp));
    tree.put("metrics", metrics);
    return new Value.Map(tree);
  }
}

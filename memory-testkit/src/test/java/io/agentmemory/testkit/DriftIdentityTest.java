package io.agentmemory.testkit;

import static java.util.Objects.requireNonNull;
import static java.util.stream.Collectors.toCollection;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Edge;
import io.agentmemory.Memory;
import io.agentmemory.Observation;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.command.BeliefRule;
import io.agentmemory.identity.Activation;
import io.agentmemory.identity.Attestations;
import io.agentmemory.identity.CognitiveFingerprint;
import io.agentmemory.identity.ContextView;
import io.agentmemory.identity.Drift;
import io.agentmemory.identity.FiveHashes;
import io.agentmemory.identity.MerkleTree;
import io.agentmemory.identity.MerkleTree.Step;
import io.agentmemory.identity.SessionDimensions;
import io.agentmemory.identity.TasteProfile;
import io.agentmemory.identity.Topics;
import io.agentmemory.identity.TrustTier;
import io.agentmemory.internal.Texts;
import io.agentmemory.spi.Canonical;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What is computed over the original's own trees, given in the original's own order, is what the
 * original answered over them: every member, and of every number its type and its last digit.
 */
class DriftIdentityTest {
  @TempDir private static Path folder;
  private static final Map<String, DriftSamples> SAMPLES = new LinkedHashMap<>();

  @BeforeAll
  static void unpack() throws IOException {
    SAMPLES.put("small", DriftSamples.small(folder.resolve("small")));
    SAMPLES.put("thousand", DriftSamples.thousand(folder.resolve("thousand")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"small", "thousand"})
  void givenRejections_whenProfiled_thenTheProfileIsTheOriginals(String name) throws IOException {
    TasteProfile profile = TasteProfile.of(rejections(name));

    assertThat(text(profile.tree())).isEqualTo(text(identity(name).get("taste_profile")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"small", "thousand"})
  void givenRejectionsBeforeAnAttestation_whenAttested_thenItIsTheOneInTheTree(String name)
      throws IOException {
    Value.Map written = (Value.Map) json(sample(name).memory().resolve("taste_attestation.json"));
    int count = (int) ((Value.Int) member(written, "rejection_count")).value();

    Value.Map attestation =
        TasteProfile.of(rejections(name).subList(0, count))
            .attestation("DriftCornwall", string(written, "timestamp"));

    assertThat(text(attestation)).isEqualTo(text(written));
  }

  @ParameterizedTest
  @ValueSource(strings = {"small", "thousand"})
  void givenFiles_whenTheirTreeIsBuilt_thenRootAndProofAreTheOriginals(String name)
      throws Exception {
    Value.Map golden = map(identity(name), "merkle");
    MerkleTree tree = MerkleTree.of(leaves(name));
    String leaf = string(golden, "leaf");
    List<Step> proof = tree.proof(leaf).orElseThrow();

    assertThat(tree.root()).isEqualTo(string(golden, "root"));
    assertThat(Value.of(tree.depth())).isEqualTo(golden.get("depth"));
    assertThat(Value.of(tree.size())).isEqualTo(golden.get("count"));
    List<Value> steps = new ArrayList<>();
    for (Step step : proof) {
      steps.add(
          new Value.Map(
              Map.of(
                  "hash", Value.of(step.hash()),
                  "position", Value.of(step.side().name().toLowerCase(Locale.ROOT)))));
    }
    assertThat(text(new Value.Seq(steps))).isEqualTo(text(golden.get("proof")));
    assertThat(MerkleTree.verify(leaf, proof, tree.root())).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"small", "thousand"})
  void givenMemories_whenFingerprinted_thenEveryMemberIsTheOriginals(String name)
      throws IOException {
    Value.Map golden = map(identity(name), "fingerprint");
    Parsed parsed = parsed(name);
    CognitiveFingerprint fingerprint = CognitiveFingerprint.of(parsed.memories(), parsed.counts());

    for (String member : fingerprint.members().entries().keySet()) {
      assertThat(text(fingerprint.members().get(member)))
          .as("%s of %s", member, name)
          .isEqualTo(text(golden.get(member)));
    }
    assertThat(golden.entries().keySet())
        .containsExactlyInAnyOrderElementsOf(
            Stream.concat(
                    fingerprint.members().entries().keySet().stream(),
                    Stream.of("agent", "timestamp", "drift"))
                .toList());
    assertThat(fingerprint.hash()).isEqualTo(string(golden, "fingerprint_hash"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"small", "thousand"})
  void givenEarlierFingerprint_whenCompared_thenTheDriftIsTheOriginals(String name)
      throws IOException {
    Value.Map golden = map(identity(name), "fingerprint");
    Value.Map previous =
        (Value.Map) json(sample(name).memory().resolve("cognitive_fingerprint.json"));

    Drift drift = Drift.between(previous, golden);

    assertThat(text(drift.tree())).isEqualTo(text(golden.get("drift")));
    assertThat(CognitiveFingerprint.hash(previous)).isEqualTo(string(previous, "fingerprint_hash"));
  }

  /** What hangs on the order in which files list their counts, and what does not. */
  @ParameterizedTest
  @ValueSource(strings = {"small", "thousand"})
  void givenRecordsInAnotherOrder_whenFingerprinted_thenTheHashIsTheOriginals(String name)
      throws IOException {
    Value.Map golden = map(identity(name), "fingerprint");
    Parsed parsed = parsed(name);
    List<Memory> memories = new ArrayList<>(parsed.memories());
    List<CoOccurrence> counts = new ArrayList<>(parsed.counts());
    memories.sort((a, b) -> a.key().compareTo(b.key()));
    counts.sort((a, b) -> a.key().compareTo(b.key()));
    CognitiveFingerprint fingerprint = CognitiveFingerprint.of(memories, counts);

    assertThat(fingerprint.hash()).isEqualTo(string(golden, "fingerprint_hash"));
    for (String member : fingerprint.members().entries().keySet()) {
      if (!List.of("strongest_pairs", "graph_metrics").contains(member)) {
        assertThat(text(fingerprint.members().get(member)))
            .as("%s of %s", member, name)
            .isEqualTo(text(golden.get(member)));
      }
    }
    assertThat(((Value.Seq) member(fingerprint.members(), "strongest_pairs")).items())
        .containsExactlyInAnyOrderElementsOf(
            ((Value.Seq) member(golden, "strongest_pairs")).items());
    for (String metric : List.of("betweenness_centrality_top10", "modularity")) {
      assertThat(text(map(fingerprint.members(), "graph_metrics").get(metric)))
          .as("%s of %s", metric, name)
          .isEqualTo(text(map(golden, "graph_metrics").get(metric)));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"small", "thousand"})
  void givenMemories_whenTheFiveAreHashed_thenTheHashesAreTheOriginals(String name)
      throws IOException {
    Value history = json(sample(name).memory().resolve(".fingerprint_history.json"));

    FiveHashes hashes =
        FiveHashes.of(
            parsed(name).memories(),
            ((Value.Seq) history).items().stream().map(Value.Map.class::cast).toList(),
            Topics.DRIFT::of,
            text -> List.of());

    assertThat(text(hashes.tree())).isEqualTo(text(identity(name).get("hashes_5w")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"small", "thousand"})
  void givenEdges_whenTheirContextsAreRebuilt_thenTheGraphsAreTheOnesInTheTree(String name)
      throws IOException {
    Path context = sample(name).memory().resolve("context");
    Value.Map where = (Value.Map) json(context.resolve("where.json"));
    Instant start = Texts.instant(string(map(where, "meta"), "last_rebuilt"));
    Set<String> missing = names(context);

    for (ContextView graph : rebuild(name, requireNonNull(start))) {
      String file = fileName(graph);
      Value.Map golden = (Value.Map) json(context.resolve(file));
      Value.Map tree = graph.tree(string(map(golden, "meta"), "last_rebuilt"));
      missing.remove(file);
      if (graph.dimension().equals("when") || file.equals("bridges.json")) {
        assertThat(tree.get("meta")).as(file).isEqualTo(golden.get("meta"));
        assertThat(tree.get("hubs")).as(file).isEqualTo(golden.get("hubs"));
        assertThat(graph.edges().keySet())
            .as(file)
            .containsExactlyElementsOf(map(golden, "edges").entries().keySet());
        graph.edges().forEach((pair, edge) -> assertNear(edge, map(map(golden, "edges"), pair)));
      } else {
        assertThat(text(tree)).as(file).isEqualTo(text(golden));
      }
    }
    assertThat(missing).isEmpty();
  }

  /** The original's clock went on while it looked at the windows, by up to five minutes. */
  private static void assertNear(Value.Map edge, Value.Map golden) {
    assertThat(edge.without("belief").without("beliefs"))
        .isEqualTo(golden.without("belief").without("beliefs"));
    if (edge.has("belief")) {
      assertThat(number(edge, "belief")).isCloseTo(number(golden, "belief"), within(0.0011));
    } else {
      map(edge, "beliefs")
          .entries()
          .keySet()
          .forEach(
              graph ->
                  assertThat(number(map(edge, "beliefs"), graph))
                      .isCloseTo(number(map(golden, "beliefs"), graph), within(0.0011)));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"small", "thousand"})
  void givenGraphsOfTheTree_whenSpelledAgainAndFingerprinted_thenAllIsTheOriginals(String name)
      throws IOException {
    Path context = sample(name).memory().resolve("context");
    Value.Map dimensional =
        (Value.Map) json(sample(name).memory().resolve(".dimensional_fingerprints.json"));
    Map<String, String> hashes = new TreeMap<>();

    for (String file : names(context)) {
      Value.Map golden = (Value.Map) json(context.resolve(file));
      String subView = Value.textOf(map(golden, "meta").get("sub_view"));
      String dimension = string(map(golden, "meta"), "dimension");
      ContextView graph = new ContextView(dimension, subView, edges(golden));
      String key = subView == null ? dimension : dimension + "_" + subView;

      assertThat(text(graph.tree(string(map(golden, "meta"), "last_rebuilt"))))
          .as(file)
          .isEqualTo(text(golden));
      if (map(dimensional, "dimensions").has(key)) {
        Value.Map fingerprint = graph.fingerprint(parsed(name).memories());
        assertThat(text(fingerprint))
            .as(key)
            .isEqualTo(text(map(dimensional, "dimensions").get(key)));
        hashes.put(key, string(fingerprint, "hash"));
      }
    }
    assertThat(hashes).hasSize(7);
    assertThat(ContextView.compositeHash(hashes.values()))
        .isEqualTo(string(dimensional, "composite_hash"));
  }

  private static String fileName(ContextView graph) {
    return graph.dimension() + (graph.subView() == null ? "" : "_" + graph.subView()) + ".json";
  }

  private record Edges(List<Edge> edges, List<Observation> observations) {}

  private static Edges edgesAndObservations(String name) throws IOException {
    Edges all = new Edges(new ArrayList<>(), new ArrayList<>());
    Value.Map file = (Value.Map) json(sample(name).memory().resolve(".edges_v3.json"));
    file.entries()
        .forEach(
            (pair, edge) -> {
              Value.Map members = (Value.Map) edge;
              List<Value.Map> items = maps(member(members, "observations"));
              for (int i = 0; i < items.size(); i++) {
                all.observations().add(new Observation(pair, i, items.get(i)));
              }
              all.edges().add(new Edge(pair, members));
            });
    return all;
  }

  private static List<ContextView> rebuild(String name, Instant now) throws IOException {
    Edges all = edgesAndObservations(name);
    return ContextView.rebuild(
        all.edges(),
        all.observations(),
        parsed(name).memories(),
        now,
        BeliefRule.DRIFT::belief,
        ContextView.Rules.DRIFT);
  }

  private static double number(Value.Map map, String name) {
    return requireNonNull(Value.numberOf(member(map, name)));
  }

  private static Set<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(f -> f.getFileName().toString()).collect(toCollection(TreeSet::new));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"small", "thousand"})
  void givenTexts_whenTheirTopicsAreFound_thenTheyAreTheOriginals(String name) throws IOException {
    Value texts = json(sample(name).golden().resolve("detect.json"));

    for (Value item : ((Value.Seq) texts).items()) {
      Value.Map text = (Value.Map) item;
      assertThat(Topics.DRIFT.of(string(text, "text")))
          .containsExactlyElementsOf(map(text, "topics").entries().keySet());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"small", "thousand"})
  void givenMemories_whenActivatedAndTrusted_thenBothAreTheOriginals(String name)
      throws IOException {
    Value.Map golden = (Value.Map) json(sample(name).golden().resolve("graph.json"));
    Instant now = requireNonNull(Texts.instant(string(golden, "now")));
    Map<String, Value> activations = new LinkedHashMap<>();
    Map<String, Value> trust = new LinkedHashMap<>();
    for (Memory memory : parsed(name).memories()) {
      if (memory.members().has("id")) {
        activations.put(memory.id(), Value.of(Activation.DRIFT.of(memory, now)));
        if (TrustTier.of(memory) != TrustTier.SELF) {
          trust.put(memory.id(), Value.of(TrustTier.of(memory).label()));
        }
      }
    }

    assertThat(text(new Value.Map(activations))).isEqualTo(text(golden.get("activation")));
    assertThat(text(new Value.Map(trust))).isEqualTo(text(golden.get("trust_tier")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"small", "thousand"})
  void givenAttestationsOfTheTree_whenHashedWithoutTheirHash_thenItIsTheOneTheyHold(String name)
      throws IOException {
    Path memory = sample(name).memory();
    List<Value.Map> attestations =
        new ArrayList<>(maps(json(memory.resolve(".social_proofs.json"))));
    attestations.add((Value.Map) json(memory.resolve("cognitive_attestation.json")));

    for (Value.Map attestation : attestations) {
      assertThat(Attestations.hash(attestation.without("attestation_hash")))
          .as(string(attestation, "type"))
          .isEqualTo(string(attestation, "attestation_hash"));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"small", "thousand"})
  void givenSession_whenItsDimensionsAreRead_thenTheyAreTheOriginals(String name)
      throws IOException {
    Path root = sample(name).memory();
    Map<String, Memory> memories = new LinkedHashMap<>();
    parsed(name).memories().forEach(memory -> memories.put(memory.id(), memory));
    Map<String, Set<String>> golden = new LinkedHashMap<>();
    map((Value.Map) json(sample(name).golden().resolve("graph.json")), "session_dimensions")
        .entries()
        .forEach((dimension, values) -> golden.put(dimension, Set.copyOf(Value.textsOf(values))));

    Map<String, Set<String>> dimensions =
        SessionDimensions.of(
            texts(root.resolve(".session_platforms.json"), "platforms"),
            (Value.Map) json(root.resolve(".session_activity.json")),
            texts(root.resolve(".session_contacts.json"), "contacts"),
            texts(root.resolve(".session_state.json"), "retrieved"),
            memories::get);

    assertThat(dimensions).isEqualTo(golden);
  }

  private static List<String> texts(Path file, String name) throws IOException {
    return Value.textsOf(((Value.Map) json(file)).get(name));
  }

  private static List<Value.Map> maps(Value list) {
    return ((Value.Seq) list).items().stream().map(Value.Map.class::cast).toList();
  }

  private static Map<String, Value.Map> edges(Value.Map graph) {
    Map<String, Value.Map> edges = new LinkedHashMap<>();
    map(graph, "edges").entries().forEach((pair, edge) -> edges.put(pair, (Value.Map) edge));
    return edges;
  }

  /** Keeps the order of lists and nothing of the order of maps. */
  private static String text(@Nullable Value value) {
    return Canonical.canonical(requireNonNull(value));
  }

  private record Parsed(List<Memory> memories, List<CoOccurrence> counts) {}

  /** The memories as the original parsed them, their counts in the order of their files. */
  private static Parsed parsed(String name) throws IOException {
    Value.Map parsed = (Value.Map) json(sample(name).golden().resolve("parsed.json"));
    List<Memory> memories = new ArrayList<>();
    List<CoOccurrence> counts = new ArrayList<>();
    parsed
        .entries()
        .forEach(
            (path, entry) -> {
              int slash = path.indexOf('/');
              Value.Map file = (Value.Map) entry;
              Value metadata = file.get("metadata");
              String id =
                  metadata instanceof Value.Map map && map.has("id")
                      ? string(map, "id")
                      : path.substring(slash + 1);
              if (metadata instanceof Value.Map map
                  && map.get("co_occurrences") instanceof Value.Map own) {
                own.entries().forEach((to, n) -> counts.add(new CoOccurrence(id, to, n)));
              }
              memories.add(
                  new Memory(
                      id,
                      Tier.ofFolder(path.substring(0, slash)).orElseThrow(),
                      path.substring(slash + 1),
                      file.has("body") ? string(file, "body") : "",
                      metadata));
            });
    return new Parsed(memories, counts);
  }

  private static List<String> leaves(String name) throws Exception {
    List<String> leaves = new ArrayList<>();
    for (String tier : List.of("core", "active")) {
      try (Stream<Path> files = Files.list(sample(name).memory().resolve(tier))) {
        for (Path file : files.filter(f -> f.toString().endsWith(".md")).toList()) {
          leaves.add(
              Canonical.hex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file))));
        }
      }
    }
    return leaves;
  }

  private static List<Value.Map> rejections(String name) throws IOException {
    Value.Map log = (Value.Map) json(sample(name).memory().resolve(".rejection_log.json"));
    return ((Value.Seq) member(log, "rejections"))
        .items().stream().map(Value.Map.class::cast).toList();
  }

  private static Value.Map identity(String name) throws IOException {
    return (Value.Map) json(sample(name).golden().resolve("identity.json"));
  }

  private static Value json(Path file) throws IOException {
    return Canonical.parse(Files.readString(file));
  }

  private static Value member(Value.Map map, String name) {
    return requireNonNull(map.get(name), name);
  }

  private static Value.Map map(Value.Map map, String name) {
    return (Value.Map) member(map, name);
  }

  private static DriftSamples sample(String name) {
    return requireNonNull(SAMPLES.get(name), name);
  }

  private static String string(Value.Map map, String name) {
    return ((Value.Text) member(map, name)).value();
  }
}

package io.agentmemory.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.EmbeddingFunction;
import io.agentmemory.Graph;
import io.agentmemory.Graph.Decayed;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memories;
import io.agentmemory.Memory;
import io.agentmemory.MemorySearch;
import io.agentmemory.MemoryStore;
import io.agentmemory.NewMemory;
import io.agentmemory.NewRejection;
import io.agentmemory.Sessions;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.AddObservation;
import io.agentmemory.command.BeliefRule;
import io.agentmemory.command.LogCoOccurrences;
import io.agentmemory.dualwrite.Backfill;
import io.agentmemory.dualwrite.BackfillReport;
import io.agentmemory.internal.Texts;
import io.agentmemory.spi.Canonical;
import io.agentmemory.testkit.DriftSamples;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Each operation that the original was recorded at: the same call over the tree before gives the
 * same answer and leaves the same tree, in files and in PostgreSQL. Generated ids are those that
 * the original generated.
 */
@Tag("postgres")
class CasesTest {
  private static final JsonMapper JSON = new JsonMapper();

  /**
   * Lists that a call of the original makes of a set, so that their order means nothing: storing
   * joins the causes with what the session retrieved, and consolidating joins tags and causes.
   */
  private static final Map<String, Set<String>> SETS =
      Map.of("store", Set.of("caused_by"), "consolidate", Set.of("tags", "caused_by"));

  private static Stores stores;

  @TempDir static Path folder;
  private static Path cases;

  @BeforeAll
  static void unpack() throws IOException {
    stores = new Stores("cases");
    cases = DriftSamples.cases(folder);
  }

  @AfterAll
  static void drop() {
    stores.close();
  }

  /** What the original was asked, and what came of it. */
  private record Case(String name, JsonNode call, Path before, Path after) {
    static Case of(String name) throws IOException {
      Path here = cases.resolve(name);
      JsonNode call = JSON.readTree(here.resolve("case.json").toFile());
      return new Case(
          name,
          call,
          cases.resolve(call.get("before").asText()).resolve("memory"),
          here.resolve("after").resolve("memory"));
    }

    String now() {
      return call.get("now").asText();
    }

    Clock clock() {
      return Clock.fixed(Instant.parse(now()), ZoneOffset.UTC);
    }

    String text(int arg) {
      return call.get("args").get(arg).asText();
    }

    List<String> texts(int arg) {
      List<String> texts = new ArrayList<>();
      call.get("args").get(arg).forEach(text -> texts.add(text.asText()));
      return texts;
    }

    double number(int arg) {
      return call.get("args").get(arg).asDouble();
    }

    /** What the session had retrieved, in the order in which the original took it. */
    List<String> retrieved() {
      List<String> ids = new ArrayList<>();
      json(before.resolve(".session_state.json"))
          .get("retrieved")
          .forEach(i -> ids.add(i.asText()));
      return ids;
    }

    JsonNode edgeAfter(String pair) {
      return json(after.resolve(".edges_v3.json")).get(pair);
    }
  }

  /** Makes the call of a case; its answer, as the original gives it. */
  private interface Call {
    @Nullable Object on(MemoryStore store, Case c);
  }

  private static final Map<String, Call> CALLS = new TreeMap<>();

  static {
    CALLS.put("add-observation", CasesTest::addObservation);
    CALLS.put("store", CasesTest::store);
    CALLS.put("search", CasesTest::search);
    CALLS.put("promote", CasesTest::promote);
    CALLS.put("compress", CasesTest::compress);
    CALLS.put("consolidate", CasesTest::consolidate);
    CALLS.put("outcomes", CasesTest::outcomes);
    CALLS.put("log-v1", CasesTest::logV1);
    CALLS.put("log-v3", CasesTest::logV3);
    CALLS.put("decay-v1", CasesTest::decayV1);
    CALLS.put("decay-v3", CasesTest::decayV3);
    CALLS.put("recall", CasesTest::recall);
    CALLS.put("recall-missing", CasesTest::recall);
    CALLS.put("save-pending", CasesTest::savePending);
    CALLS.put("process-pending", CasesTest::processPending);
    CALLS.put("maintenance", CasesTest::maintenance);
    CALLS.put("session-end", CasesTest::sessionEnd);
    CALLS.put("reject", CasesTest::reject);
    CALLS.put("attest", CasesTest::attest);
    CALLS.put("lesson-add", CasesTest::addLesson);
    CALLS.put("rebuild-5w", CasesTest::rebuildContexts);
  }

  /** The folders of the cases: those that begin with an underscore are trees for others. */
  static Collection<String> names() throws IOException {
    try (Stream<Path> folders = Files.list(cases)) {
      return folders
          .map(folder -> folder.getFileName().toString())
          .filter(name -> !name.startsWith("_"))
          .sorted()
          .toList();
    }
  }

  @Test
  void givenFolders_whenHeldAgainstTheCalls_thenEachHasOneAndNoneIsMissing() throws IOException {
    assertThat(names()).hasSize(21).containsExactlyInAnyOrderElementsOf(CALLS.keySet());
  }

  @ParameterizedTest
  @MethodSource("names")
  void givenTreeBefore_whenCalled_thenAnswerAndTreeAfterAreTheOriginals(String name)
      throws Exception {
    Case c = Case.of(name);
    Call call = requireNonNull(CALLS.get(name), () -> "nobody makes the call of " + name);
    assertThat(c.call().get("error").isNull()).as("the original answered").isTrue();
    Path files = copy(c.before(), folder.resolve(name + "-files").resolve("memory"));
    Object expected = JSON.convertValue(c.call().get("result"), Object.class);

    try (MemoryStore store = Stores.file(files)) {
      assertThat(plain(call.on(store, c))).as("answer of files").isEqualTo(expected);
    }
    assertThat(differences(name, files, c.after())).as("files").isEmpty();

    Path exported = folder.resolve(name + "-exported").resolve("memory");
    try (MemoryStore before = Stores.fileToRead(c.before());
        MemoryStore store = stores.postgres(Stores.namespace())) {
      copy(before, store);
      assertThat(plain(call.on(store, c))).as("answer of PostgreSQL").isEqualTo(expected);
      try (MemoryStore export = Stores.file(exported)) {
        copy(store, export);
      }
    }
    assertThat(differences(name, exported, c.after())).as("PostgreSQL").isEmpty();
  }

  private static @Nullable Object plain(@Nullable Object answer) {
    return JSON.convertValue(JSON.valueToTree(answer), Object.class);
  }

  private static List<String> differences(String name, Path tree, Path after) throws IOException {
    Set<String> sets = SETS.getOrDefault(name, Set.of());
    return new PlainTree(tree, sets).differences(new PlainTree(after, sets));
  }

  private static void copy(MemoryStore from, MemoryStore to) {
    BackfillReport report = Backfill.builder(from, to).run();
    assertThat(report.state()).isEqualTo(BackfillReport.State.COMPLETE);
    assertThat(report.total().inserted()).isPositive();
  }

  private static Path copy(Path from, Path to) throws IOException {
    List<Path> all;
    try (Stream<Path> walk = Files.walk(from)) {
      all = walk.toList();
    }
    for (Path path : all) {
      Path target = to.resolve(from.relativize(path).toString());
      if (Files.isDirectory(path)) {
        Files.createDirectories(target);
      } else {
        Files.write(target, Files.readAllBytes(path));
      }
    }
    return to;
  }

  private static JsonNode json(Path file) {
    try {
      return JSON.readTree(file.toFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Value value(JsonNode node) {
    return Canonical.parse(node.toString());
  }

  // ---- the calls ----

  private static Object addObservation(MemoryStore store, Case c) {
    JsonNode observation = c.call().get("result").get("observations").get(0);
    assertThat(observation.get("source").get("type").asText()).isEqualTo(c.text(2));
    assertThat(observation.get("weight").asDouble()).isEqualTo(c.number(3));
    store.execute(
        new AddObservation(
            c.text(0), c.text(1), c.now(), (Value.Map) value(observation), BeliefRule.DRIFT));
    return edge(store, c.text(1) + "|" + c.text(0));
  }

  /** An edge with its observations, as the file has it. */
  private static Map<String, Object> edge(MemoryStore store, String pair) {
    Map<String, Object> edge = new LinkedHashMap<>();
    Edge stored = store.read(Kind.EDGE, Key.of(pair)).flatMap(Stored::live).orElseThrow();
    stored.members().entries().forEach((name, value) -> edge.put(name, json(value)));
    try (var scan = store.scan(Kind.OBSERVATION)) {
      edge.put(
          "observations",
          scan.flatMap(observation -> observation.live().stream())
              .filter(observation -> observation.pair().equals(pair))
              .map(observation -> json(observation.members()))
              .toList());
    }
    return edge;
  }

  private static Object json(Value value) {
    try {
      return JSON.readValue(Canonical.json(value), Object.class);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Object logV1(MemoryStore store, Case c) {
    return store.graph().with(c.clock(), new Random(1)).countCoOccurrences(c.retrieved());
  }

  private static Object logV3(MemoryStore store, Case c) {
    List<String> ids = c.retrieved();
    List<String> uuids = observationIds(c);
    String activity = c.call().get("result").get(1).asText();
    store.execute(
        new LogCoOccurrences(
            ids, uuids, c.now(), c.now(), "DriftCornwall", activity, BeliefRule.DRIFT));
    return List.of(uuids.size(), activity);
  }

  /** The ids of the observations that the case made, one for each pair of what was retrieved. */
  private static List<String> observationIds(Case c) {
    List<String> ids = c.retrieved();
    List<String> uuids = new ArrayList<>();
    for (int i = 0; i < ids.size(); i++) {
      for (int j = i + 1; j < ids.size(); j++) {
        boolean inOrder = Texts.compare(ids.get(i), ids.get(j)) < 0;
        JsonNode observations =
            c.edgeAfter(ids.get(inOrder ? i : j) + "|" + ids.get(inOrder ? j : i))
                .get("observations");
        uuids.add(observations.get(observations.size() - 1).get("id").asText());
      }
    }
    return uuids;
  }

  private static Memories memories(MemoryStore store, Case c) {
    return store.memories().with(c.clock(), new Random(1));
  }

  private static Object promote(MemoryStore store, Case c) {
    return memories(store, c).promoteHot().stream().map(Memory::id).toList();
  }

  private static Object compress(MemoryStore store, Case c) {
    return memories(store, c).compress(c.text(0), c.text(1)).fileName();
  }

  private static Object consolidate(MemoryStore store, Case c) {
    Memory kept = memories(store, c).consolidate(c.text(0), c.text(1));
    putVectorAfter(store, c, kept.id());
    return kept.id();
  }

  /** The original then asked its model for a vector, which we put. */
  private static void putVectorAfter(MemoryStore store, Case c, String id) {
    JsonNode entry = entryAfter(c, id);
    Value.Map members = Value.EMPTY_MAP.with("preview", Value.of(entry.get("preview").asText()));
    store.embeddings().put(Embedding.of(VectorSpace.TEXT, id, vector(entry), members));
  }

  private static JsonNode entryAfter(Case c, String id) {
    return json(c.after().resolve("embeddings.json")).get("memories").get(id);
  }

  private static float[] vector(JsonNode entry) {
    float[] vector = new float[entry.get("embedding").size()];
    for (int i = 0; i < vector.length; i++) {
      vector[i] = (float) entry.get("embedding").get(i).asDouble();
    }
    return vector;
  }

  /** The sample's model, for the one text that it is asked for. */
  private static final class Model implements EmbeddingFunction {
    private final String text;
    private final float[] vector;

    Model(String text, float[] vector) {
      this.text = text;
      this.vector = vector;
    }

    @Override
    public float[] embed(String asked) {
      assertThat(asked).isEqualTo(text);
      return vector.clone();
    }

    @Override
    public String model() {
      return "text-embedding-3-small";
    }

    @Override
    public int dimensions() {
      return vector.length;
    }
  }

  /**
   * The vector of the query, which the case does not tell: the sample's model is a sum of words.
   */
  private static final float[] HARBOUR_MEMORY = {
    -0.463639617f, -0.0336544923f, -0.128533304f, 0.126742914f, -0.204949647f, -0.0740735158f,
    -0.0408978388f, 0.106203772f, 0.0144342352f, 0.160434902f, -0.512445986f, 0.0692886263f,
    -0.318299145f, 0.222288415f, -0.303678185f, -0.393168598f
  };

  /** Nor does it tell the limit and the threshold: of three answers two are below the usual one. */
  private static Object search(MemoryStore store, Case c) {
    assertThat(c.text(0)).isEqualTo("harbour memory");
    MemorySearch search =
        MemorySearch.near(HARBOUR_MEMORY)
            .limit(c.call().get("result").size())
            .threshold(-1)
            .resolution(memory -> false) // no file of the tree has tags as the original sees them
            .significantDigits(9);
    return store.embeddings().with(c.clock()).search(search).stream()
        .map(
            hit ->
                Map.of(
                    "id", hit.id(),
                    "score", hit.score(),
                    "preview", hit.preview(),
                    "path", hit.path()))
        .toList();
  }

  private static Object store(MemoryStore store, Case c) {
    String id = c.call().get("result").get(0).asText();
    NewMemory memory =
        NewMemory.of(c.text(0))
            .id(id)
            .tags(c.texts(1))
            .weight(c.number(2))
            .title(c.text(3))
            .causedBy(c.texts(4));
    Memories.Embedded stored =
        memories(store, c).store(memory, new Model(c.text(0), vector(entryAfter(c, id))));
    assertThat(stored.failure()).isNull();
    return List.of(stored.memory().id(), stored.memory().fileName());
  }

  private static Object outcomes(MemoryStore store, Case c) {
    Memories.Retrievals counts = memories(store, c).logRetrievals(c.retrieved());
    return Map.of(
        "productive", counts.productive(),
        "generative", counts.generative(),
        "dead_end", counts.deadEnd());
  }

  private static Object decayV1(MemoryStore store, Case c) {
    return pair(store.graph().with(c.clock(), new Random(1)).decayCoOccurrences(c.retrieved()));
  }

  private static Object decayV3(MemoryStore store, Case c) {
    return pair(
        store
            .graph()
            .with(c.clock(), new Random(1))
            .decayEdges(c.retrieved(), Map.of("what", topics(store, c.retrieved()))));
  }

  private static Object addLesson(MemoryStore store, Case c) {
    return json(store.lessons().with(c.clock()).add(c.text(0), c.text(1)).orElseThrow().members());
  }

  private static Object rebuildContexts(MemoryStore store, Case c) {
    Graph.Rebuilt rebuilt = store.graph().with(c.clock(), new Random(1)).rebuildContexts();
    return Map.of(
        "graphs_created", rebuilt.graphs(),
        "total_l0_edges", rebuilt.edges(),
        "bridges", rebuilt.bridges(),
        "dimensions", rebuilt.dimensions(),
        "rebuilt_at", rebuilt.at());
  }

  private static Object reject(MemoryStore store, Case c) {
    return json(
        store
            .rejections()
            .with(c.clock())
            .log(NewRejection.of(c.text(0), c.text(1)), "DriftCornwall")
            .members());
  }

  private static List<Integer> pair(Decayed decayed) {
    return List.of(decayed.decayed(), decayed.pruned());
  }

  private static List<String> topics(MemoryStore store, List<String> ids) {
    Set<String> topics = new TreeSet<>();
    for (String id : ids) {
      Memory memory = store.read(Kind.MEMORY, Key.of(id)).flatMap(Stored::live).orElseThrow();
      topics.addAll(Value.textsOf(memory.members().get("topic_context")));
    }
    return List.copyOf(topics);
  }

  // ---- sessions ----

  private static Sessions sessions(MemoryStore store, Case c) {
    return store.sessions().with(c.clock(), new Random(1));
  }

  private static @Nullable Object recall(MemoryStore store, Case c) {
    return memories(store, c)
        .recall(c.text(0))
        .map(
            memory -> {
              Map<String, Object> metadata = new LinkedHashMap<>();
              memory.members().entries().forEach((name, value) -> metadata.put(name, json(value)));
              return List.of(metadata, memory.content().strip());
            })
        .orElse(null);
  }

  private static Object savePending(MemoryStore store, Case c) {
    return sessions(store, c).savePending("DriftCornwall");
  }

  private static @Nullable Object processPending(MemoryStore store, Case c) {
    return sessions(store, c).start().orElse(null);
  }

  private static Object maintenance(MemoryStore store, Case c) {
    Sessions.Maintained maintained = sessions(store, c).maintain();
    return List.of(maintained.fading(), maintained.toPrune());
  }

  /** What the original prints, from what we answer. */
  private static Object sessionEnd(MemoryStore store, Case c) {
    Iterator<Long> halves =
        observationIds(c).stream()
            .map(UUID::fromString)
            .flatMap(id -> Stream.of(id.getMostSignificantBits(), id.getLeastSignificantBits()))
            .iterator();
    return printed(store.sessions().with(c.clock(), halves::next).end("DriftCornwall"));
  }

  private static String printed(Sessions.Ended ended) {
    StringBuilder out = new StringBuilder();
    Decayed edges = ended.edges();
    String losses = edges.decayed() + " decayed, " + edges.pruned() + " pruned";
    out.append("Logged ").append(ended.counted()).append(" co-occurrence pairs from ");
    out.append(ended.retrieved()).append(" memories\nPair decay (v3): ").append(losses);
    for (Memory memory : ended.promoted()) {
      out.append("\nPromoted to core: ").append(memory.id());
      out.append(" (recall_count=").append(memory.recallCount()).append(')');
    }
    int promoted = ended.promoted().size();
    out.append("\nHeat promotion: ").append(promoted).append(" memories promoted to core\n");
    out.append("Session ended. ").append(ended.retrieved()).append(" memories, ");
    out.append(ended.counted()).append(" pairs reinforced");
    ended.activity().ifPresent(activity -> out.append(", activity=").append(activity));
    out.append(", ").append(losses).append(", ").append(promoted).append(" promoted.\n");
    Memories.Retrievals retrievals = ended.retrievals();
    out.append("Evolution: ").append(retrievals.productive()).append(" productive, ");
    out.append(retrievals.generative()).append(" generative, ");
    out.append(retrievals.deadEnd()).append(" dead-ends\nSession cleared.\n");
    return out.toString();
  }

  /** The original answers nothing. */
  private static @Nullable Object attest(MemoryStore store, Case c) {
    store.identity().with(c.clock()).attest("DriftCornwall");
    return null;
  }
}

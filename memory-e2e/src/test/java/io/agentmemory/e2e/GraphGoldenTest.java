package io.agentmemory.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Edge;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.OtherFile;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.command.BeliefRule;
import io.agentmemory.command.DecayEdges;
import io.agentmemory.command.DecayRule;
import io.agentmemory.dualwrite.Backfill;
import io.agentmemory.identity.Activation;
import io.agentmemory.identity.SessionDimensions;
import io.agentmemory.identity.TrustTier;
import io.agentmemory.internal.Texts;
import io.agentmemory.spi.Canonical;
import io.agentmemory.testkit.DriftSamples;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the original answers about the graphs of its sample trees, to the last bit. */
class GraphGoldenTest {
  @TempDir Path folder;

  /** Compares one answer of the original with ours. */
  private interface Check {
    void of(Value.Map golden, Loaded loaded);
  }

  private static final Map<String, Check> CHECKS = new LinkedHashMap<>();

  static {
    CHECKS.put("belief_now", GraphGoldenTest::beliefs);
    CHECKS.put("effective_decay", GraphGoldenTest::decays);
    CHECKS.put("edge_dimensions", GraphGoldenTest::edgeDimensions);
    CHECKS.put("session_dimensions", GraphGoldenTest::sessionDimensions);
    CHECKS.put("activation", GraphGoldenTest::activations);
    CHECKS.put("evolution_multiplier", GraphGoldenTest::evolutions);
    CHECKS.put("trust_tier", GraphGoldenTest::trust);
  }

  private static final String NOW = "now"; // the clock of all the others

  /** The members that are compared. */
  static Set<String> members() {
    Set<String> members = new java.util.TreeSet<>(CHECKS.keySet());
    members.add(NOW);
    return members;
  }

  /** What a store holds. */
  private record Loaded(
      MemoryStore store,
      Instant now,
      Map<String, Memory> memories,
      Map<String, Edge> edges,
      Map<String, List<Value.Map>> observations) {
    static Loaded of(MemoryStore store, Instant now) {
      Loaded loaded =
          new Loaded(
              store, now, new LinkedHashMap<>(), new LinkedHashMap<>(), new LinkedHashMap<>());
      all(store, Kind.MEMORY).forEach(memory -> loaded.memories.put(memory.id(), memory));
      all(store, Kind.EDGE).forEach(edge -> loaded.edges.put(edge.pair(), edge));
      all(store, Kind.OBSERVATION)
          .forEach(
              o ->
                  loaded
                      .observations
                      .computeIfAbsent(o.pair(), p -> new ArrayList<>())
                      .add(o.members()));
      return loaded;
    }

    @Nullable Memory first(Edge edge) {
      return memories.get(edge.first().orElse(""));
    }

    @Nullable Memory second(Edge edge) {
      return memories.get(edge.second().orElse(""));
    }

    /** What of the original's files is kept whole. */
    Value.Map file(String path) {
      return (Value.Map)
          store
              .read(Kind.VALUE, Key.of(path))
              .flatMap(Stored::live)
              .map(OtherFile::value)
              .orElseThrow();
    }
  }

  @ParameterizedTest
  @EnumSource
  void givenTree_whenRead_thenItsGraphIsTheOriginals(MoveTest.Sample sample) throws IOException {
    DriftSamples drift = sample.unpack(folder);
    try (MemoryStore store = Stores.fileToRead(drift.memory())) {
      assertGolden(store, drift);
    }
  }

  @ParameterizedTest
  @EnumSource
  @Tag("postgres")
  void givenTreeInPostgres_whenRead_thenItsGraphIsTheOriginals(MoveTest.Sample sample)
      throws IOException {
    DriftSamples drift = sample.unpack(folder);
    try (Stores stores = new Stores("graph");
        MemoryStore files = Stores.fileToRead(drift.memory());
        MemoryStore store = stores.postgres(Stores.namespace())) {
      Backfill.builder(files, store).run();
      assertGolden(store, drift);
    }
  }

  private static <T extends MemoryRecord> List<T> all(MemoryStore store, Kind<T> kind) {
    try (var scan = store.scan(kind)) {
      return scan.flatMap(stored -> stored.live().stream()).toList();
    }
  }

  private static void assertGolden(MemoryStore store, DriftSamples drift) throws IOException {
    Value.Map golden =
        (Value.Map) Canonical.parse(Files.readString(drift.golden().resolve("graph.json")));
    Instant now = requireNonNull(Texts.instant(Value.textOf(golden.get(NOW))));
    Loaded loaded = Loaded.of(store, now);
    assertThat(golden.entries().keySet()).containsExactlyInAnyOrderElementsOf(members());
    CHECKS.forEach((name, check) -> check.of((Value.Map) requireNonNull(golden.get(name)), loaded));
  }

  private static void beliefs(Value.Map golden, Loaded loaded) {
    Map<String, Double> beliefs = new HashMap<>();
    for (String pair : loaded.edges().keySet()) {
      List<Value.Map> observations = loaded.observations().getOrDefault(pair, List.of());
      beliefs.put(pair, BeliefRule.DRIFT.belief(observations, loaded.now()));
    }
    assertThat(beliefs).isEqualTo(numbers(golden));
  }

  private static void decays(Value.Map golden, Loaded loaded) {
    Map<String, Double> decays = new HashMap<>();
    for (String pair : golden.entries().keySet()) {
      Edge edge = requireNonNull(loaded.edges().get(pair), pair);
      Memory a = loaded.first(edge);
      Memory b = loaded.second(edge);
      decays.put(
          pair, DecayRule.DRIFT.effective(recalls(a), recalls(b), evolution(a), evolution(b)));
    }
    assertThat(decays).hasSize(300).isEqualTo(numbers(golden));
  }

  private static void evolutions(Value.Map golden, Loaded loaded) {
    Map<String, Double> evolutions = new HashMap<>();
    loaded
        .memories()
        .forEach(
            (id, memory) -> {
              if (evolution(memory) != 1) {
                evolutions.put(id, evolution(memory));
              }
            });
    assertThat(evolutions).isEqualTo(numbers(golden)); // those that are 1 are not told
  }

  /** The original sorted what it gave, so that each list has one order. */
  private static void edgeDimensions(Value.Map golden, Loaded loaded) {
    Map<String, Map<String, List<String>>> dimensions = new HashMap<>();
    for (String pair : golden.entries().keySet()) {
      Edge edge = requireNonNull(loaded.edges().get(pair), pair);
      Map<String, List<String>> sorted = new HashMap<>();
      DecayEdges.dimensions(edge, loaded.first(edge), loaded.second(edge))
          .forEach((name, values) -> sorted.put(name, sorted(values)));
      dimensions.put(pair, sorted);
    }
    Map<String, Map<String, List<String>>> expected = new HashMap<>();
    golden.entries().forEach((pair, edge) -> expected.put(pair, lists((Value.Map) edge)));
    assertThat(dimensions).hasSize(300).isEqualTo(expected);
  }

  /** Topics are the union of sets, so that their order means nothing. */
  private static void sessionDimensions(Value.Map golden, Loaded loaded) {
    List<String> retrieved =
        loaded
            .store()
            .sessions()
            .with(Clock.fixed(loaded.now(), ZoneOffset.UTC), new Random(1))
            .retrieved();
    assertThat(retrieved).isNotEmpty();
    Map<String, List<String>> dimensions = new HashMap<>();
    SessionDimensions.of(
            Value.textsOf(loaded.file(".session_platforms.json").get("platforms")),
            loaded.file(".session_activity.json"),
            Value.textsOf(loaded.file(".session_contacts.json").get("contacts")),
            retrieved,
            loaded.memories()::get)
        .forEach((name, values) -> dimensions.put(name, List.copyOf(values)));
    Map<String, List<String>> expected = new HashMap<>();
    golden.entries().forEach((name, values) -> expected.put(name, Value.textsOf(values)));
    assertThat(dimensions).containsOnlyKeys("where", "why", "who", "what");
    dimensions.computeIfPresent("what", (name, topics) -> sorted(topics));
    expected.computeIfPresent("what", (name, topics) -> sorted(topics));
    assertThat(dimensions).isEqualTo(expected);
  }

  private static void activations(Value.Map golden, Loaded loaded) {
    Map<String, Double> activations = new HashMap<>();
    loaded
        .memories()
        .forEach(
            (id, memory) -> {
              if (memory.members().has("id")) {
                activations.put(id, Activation.DRIFT.of(memory, loaded.now()));
              }
            });
    assertThat(activations).isEqualTo(numbers(golden));
  }

  private static void trust(Value.Map golden, Loaded loaded) {
    Map<String, Value> trust = new HashMap<>();
    loaded
        .memories()
        .forEach(
            (id, memory) -> {
              if (memory.members().has("id") && TrustTier.of(memory) != TrustTier.SELF) {
                trust.put(id, Value.of(TrustTier.of(memory).label()));
              }
            });
    assertThat(new Value.Map(trust)).isEqualTo(golden);
  }

  private static double recalls(@Nullable Memory memory) {
    return memory == null ? 0 : memory.recallCount();
  }

  private static double evolution(@Nullable Memory memory) {
    return memory == null ? 1 : DecayRule.DRIFT.evolution(memory);
  }

  private static Map<String, Double> numbers(Value.Map golden) {
    Map<String, Double> numbers = new HashMap<>();
    golden
        .entries()
        .forEach((name, number) -> numbers.put(name, requireNonNull(Value.numberOf(number))));
    assertThat(numbers).isNotEmpty();
    return numbers;
  }

  private static List<String> sorted(Iterable<String> texts) {
    List<String> sorted = new ArrayList<>();
    texts.forEach(sorted::add);
    sorted.sort(Texts::compare);
    return sorted;
  }

  /** Its lists; one that is empty is none. */
  private static Map<String, List<String>> lists(Value.Map golden) {
    Map<String, List<String>> lists = new HashMap<>();
    golden
        .entries()
        .forEach(
            (name, values) -> {
              if (!Value.textsOf(values).isEmpty()) {
                lists.put(name, Value.textsOf(values));
              }
            });
    return lists;
  }
}

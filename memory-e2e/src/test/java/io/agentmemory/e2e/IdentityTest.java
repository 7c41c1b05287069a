package io.agentmemory.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Edge;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.Observation;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.dualwrite.Backfill;
import io.agentmemory.identity.Activation;
import io.agentmemory.identity.CognitiveFingerprint;
import io.agentmemory.identity.ContextView;
import io.agentmemory.identity.FiveHashes;
import io.agentmemory.identity.Topics;
import io.agentmemory.identity.TrustTier;
import io.agentmemory.spi.Canonical;
import io.agentmemory.testkit.DriftSamples;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Who an agent is does not depend on where its records lie. */
@Tag("postgres")
class IdentityTest {
  private static Stores stores;

  @TempDir Path folder;

  @BeforeAll
  static void create() {
    stores = new Stores("identity");
  }

  @AfterAll
  static void drop() {
    stores.close();
  }

  @ParameterizedTest
  @EnumSource
  void givenTreeInFilesAndInPostgres_whenItsIdentityIsComputed_thenBothGiveTheOriginals(
      MoveTest.Sample sample) throws Exception {
    DriftSamples drift = sample.unpack(folder);

    try (MemoryStore files = Stores.fileToRead(drift.memory());
        MemoryStore postgres = stores.postgres(Stores.namespace())) {
      Backfill.builder(files, postgres).run();

      assertIdentity(files, drift);
      assertIdentity(postgres, drift);
    }
  }

  private static void assertIdentity(MemoryStore store, DriftSamples drift) throws IOException {
    Value.Map identity = json(drift.golden().resolve("identity.json"));
    Value.Map graph = json(drift.golden().resolve("graph.json"));
    List<Memory> memories = all(store, Kind.MEMORY);

    CognitiveFingerprint fingerprint =
        CognitiveFingerprint.of(memories, all(store, Kind.CO_OCCURRENCE));
    assertThat(Value.of(fingerprint.hash()))
        .isEqualTo(map(identity, "fingerprint").get("fingerprint_hash"));
    Value.Map previous = json(drift.memory().resolve("cognitive_fingerprint.json"));
    assertThat(fingerprint.driftFrom(previous).tree())
        .isEqualTo(map(identity, "fingerprint").get("drift"));

    FiveHashes five = FiveHashes.of(memories, history(drift), Topics.DRIFT::of, text -> List.of());
    assertThat(five.tree()).isEqualTo(identity.get("hashes_5w"));

    Instant now = Instant.parse(Objects.requireNonNull(Value.textOf(graph.get("now"))));
    Map<String, Value> activations = new LinkedHashMap<>();
    Map<String, Value> trust = new LinkedHashMap<>();
    for (Memory memory : memories) {
      if (memory.members().has("id")) {
        activations.put(memory.id(), Value.of(Activation.DRIFT.of(memory, now)));
        if (TrustTier.of(memory) != TrustTier.SELF) {
          trust.put(memory.id(), Value.of(TrustTier.of(memory).label()));
        }
      }
    }
    assertThat(new Value.Map(activations)).isEqualTo(graph.get("activation"));
    assertThat(new Value.Map(trust)).isEqualTo(graph.get("trust_tier"));

    assertContexts(
        all(store, Kind.EDGE), all(store, Kind.OBSERVATION), memories, now, drift.memory());
  }

  /** The windows hang on the clock and are left out; bridges span them. */
  private static void assertContexts(
      List<Edge> edges,
      List<Observation> observations,
      List<Memory> memories,
      Instant now,
      Path memory)
      throws IOException {
    int compared = 0;
    for (ContextView view :
        ContextView.rebuild(
            edges, observations, memories, now, (o, at) -> 0, ContextView.Rules.DRIFT)) {
      String name = view.dimension() + (view.subView() == null ? "" : "_" + view.subView());
      if (!name.startsWith("when_") && !name.equals("bridges")) {
        Value.Map golden = json(memory.resolve("context").resolve(name + ".json"));
        Value.Map tree = view.tree("");
        assertThat(tree.get("edges")).as(name).isEqualTo(golden.get("edges"));
        assertThat(tree.get("stats")).as(name).isEqualTo(golden.get("stats"));
        compared++;
      }
    }
    assertThat(compared).isGreaterThan(20);
  }

  private static <T extends MemoryRecord> List<T> all(MemoryStore store, Kind<T> kind) {
    try (Stream<Stored<T>> records = store.scan(kind)) {
      return records.flatMap(stored -> stored.live().stream()).toList();
    }
  }

  private static List<Value.Map> history(DriftSamples drift) throws IOException {
    Value history =
        Canonical.parse(Files.readString(drift.memory().resolve(".fingerprint_history.json")));
    return ((Value.Seq) history).items().stream().map(Value.Map.class::cast).toList();
  }

  private static Value.Map json(Path file) throws IOException {
    return (Value.Map) Canonical.parse(Files.readString(file));
  }

  private static Value.Map map(Value.Map parent, String name) {
    return (Value.Map) Objects.requireNonNull(parent.get(name), name);
  }
}

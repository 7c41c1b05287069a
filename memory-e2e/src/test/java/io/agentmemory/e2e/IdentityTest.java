package io.agentmemory.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.agentmemory.Edge;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.Observation;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.dualwrite.Backfill;
import io.agentmemory.dualwrite.Verifier;
import io.agentmemory.dualwrite.VerifyReport;
import io.agentmemory.identity.Activation;
import io.agentmemory.identity.ContextView;
import io.agentmemory.identity.IdentityReport;
import io.agentmemory.identity.MerkleState;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
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

    try (MemoryStore files = Stores.file(drift.memory());
        MemoryStore postgres = stores.postgres(Stores.namespace())) {
      Backfill.builder(files, postgres).run();

      assertIdentity(files, drift);
      assertIdentity(postgres, drift);
      assertTasteAndLessons(files, drift);
      assertTasteAndLessons(postgres, drift);
    }
  }

  @ParameterizedTest
  @EnumSource
  void givenMemoryRecalledInPostgres_whenCopiedHomeAndBack_thenItsFileIsKnownAgain(
      MoveTest.Sample sample) throws Exception {
    DriftSamples drift = sample.unpack(folder);
    Clock clock = clock(json(drift.golden().resolve("identity.json")));
    try (MemoryStore files = Stores.file(drift.memory());
        MemoryStore postgres = stores.postgres(Stores.namespace())) {
      Backfill.builder(files, postgres).run();
      IdentityReport before = IdentityReport.of(postgres, clock);
      assertThat(before.tree()).isEqualTo(IdentityReport.of(files, clock).tree());
      assertThat(before.merkle().root()).isPresent();
      assertThat(verify(files, postgres).notes()).isEmpty();

      String id = before.merkle().leaves().get(0).id();
      postgres.memories().recall(id);

      MerkleState recalled = IdentityReport.of(postgres, clock).merkle();
      assertThat(recalled.unknown()).isEqualTo(1);
      assertThat(recalled.root()).isEmpty();
      assertThat(recalled.integrity().get("verified")).isEqualTo(Value.NULL);

      Backfill.builder(postgres, files).run();

      assertThat(verify(files, postgres).notes())
          .singleElement()
          .asString()
          .contains("1 of ", "target");

      Backfill.builder(files, postgres).run();

      IdentityReport after = IdentityReport.of(postgres, clock);
      assertThat(after.tree()).isEqualTo(IdentityReport.of(files, clock).tree());
      assertThat(after.merkle().root()).isPresent().isNotEqualTo(before.merkle().root());
      assertThat(after.merkle().integrity().get("total_changes")).isEqualTo(Value.of(1));
      assertThat(verify(files, postgres).notes()).isEmpty();
    }
  }

  private static VerifyReport verify(MemoryStore source, MemoryStore target) {
    VerifyReport report = Verifier.builder(source, target).level(Verifier.Level.IDENTITY).run();
    assertThat(report.differences()).isEmpty();
    return report;
  }

  /** All that the original answers is looked at: a value nobody knows of fails. */
  private static void assertTasteAndLessons(MemoryStore store, DriftSamples drift)
      throws IOException {
    Value.Map identity = json(drift.golden().resolve("identity.json"));
    assertThat(store.rejections().tasteProfile().tree()).isEqualTo(identity.get("taste_profile"));

    Value.Map lessons = map(identity, "lessons");
    assertThat(lessons.entries()).hasSizeGreaterThan(2);
    lessons
        .entries()
        .forEach(
            (situation, ids) ->
                assertThat(
                        Value.Seq.ofTexts(
                            store.lessons().apply(situation).stream()
                                .map(match -> match.lesson().id().orElseThrow())
                                .toList()))
                    .isEqualTo(ids));
  }

  private static void assertIdentity(MemoryStore store, DriftSamples drift) throws IOException {
    Value.Map golden = json(drift.golden().resolve("identity.json"));
    IdentityReport identity = IdentityReport.of(store, clock(golden));

    for (String name : golden.entries().keySet()) {
      Value value = Objects.requireNonNull(golden.get(name));
      switch (name) {
        case "taste_profile" -> assertSame(name, identity.taste().tree(), value);
        case "fingerprint" -> assertSame(name, identity.fingerprintTree(), value);
        case "hashes_5w" -> assertSame(name, identity.hashes().tree(), value);
        case "merkle" -> assertMerkle(identity.merkle(), (Value.Map) value);
        case "vitals" -> assertSame(name, identity.vitals().tree(Texts.time(identity.at())), value);
        case "lessons" -> assertThat(value).isNotNull(); // queries of a facade, tested with it
        default -> fail("nobody compares %s", name);
      }
    }
    assertGraph(store, drift);
  }

  private static Clock clock(Value.Map golden) {
    String at = Objects.requireNonNull(Value.textOf(map(golden, "fingerprint").get("timestamp")));
    return Clock.fixed(Instant.parse(at), ZoneOffset.UTC);
  }

  /** Keeps the order of lists and the type of numbers, and nothing of the order of maps. */
  private static void assertSame(String name, Value actual, Value golden) {
    assertThat(Canonical.canonical(actual)).as(name).isEqualTo(Canonical.canonical(golden));
  }

  private static void assertMerkle(MerkleState merkle, Value.Map golden) {
    String id =
        merkle.leaves().stream()
            .filter(
                leaf -> leaf.hash().equals(Optional.ofNullable(Value.textOf(golden.get("leaf")))))
            .findFirst()
            .orElseThrow()
            .id();
    Map<String, Value> tree = new LinkedHashMap<>(merkle.tree().entries());
    tree.putAll(merkle.inclusion(id).orElseThrow().entries());
    assertSame("merkle", new Value.Map(tree), golden);
  }

  private static void assertGraph(MemoryStore store, DriftSamples drift) throws IOException {
    Value.Map graph = json(drift.golden().resolve("graph.json"));
    List<Memory> memories = all(store, Kind.MEMORY);
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

  private static Value.Map json(Path file) throws IOException {
    return (Value.Map) Canonical.parse(Files.readString(file));
  }

  private static Value.Map map(Value.Map parent, String name) {
    return (Value.Map) Objects.requireNonNull(parent.get(name), name);
  }
}

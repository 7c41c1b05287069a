package io.agentmemory.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.agentmemory.ContextGraph;
import io.agentmemory.Graph;
import io.agentmemory.Kind;
import io.agentmemory.MemoryStore;
import io.agentmemory.Priming;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.dualwrite.Backfill;
import io.agentmemory.dualwrite.Verifier;
import io.agentmemory.dualwrite.VerifyReport;
import io.agentmemory.identity.IdentityReport;
import io.agentmemory.identity.MerkleState;
import io.agentmemory.identity.Sampling;
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
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
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

      Map<String, Value.Map> contexts = contexts(drift); // before we write any
      Value.Map queries = json(drift.golden().resolve("queries.json"));
      assertContexts(files, contexts, queries);
      assertContexts(postgres, contexts, queries);
    }
  }

  @Test // over the small sample: the figures of both are in the test above
  void givenMemoryRecalledInPostgres_whenCopiedHomeAndBack_thenItsFileIsKnownAgain()
      throws Exception {
    DriftSamples drift = MoveTest.Sample.SMALL.unpack(folder);
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

  /** Compares one answer of the original with ours. */
  private interface Check {
    void of(Value golden, MemoryStore store, IdentityReport identity);
  }

  private static final Map<String, Check> CHECKS = new LinkedHashMap<>();

  static {
    CHECKS.put("taste_profile", IdentityTest::taste);
    CHECKS.put("lessons", IdentityTest::lessons);
    CHECKS.put(
        "fingerprint",
        (golden, store, identity) -> assertSame("fingerprint", identity.fingerprintTree(), golden));
    CHECKS.put(
        "hashes_5w",
        (golden, store, identity) -> assertSame("hashes", identity.hashes().tree(), golden));
    CHECKS.put(
        "merkle", (golden, store, identity) -> assertMerkle(identity.merkle(), (Value.Map) golden));
    CHECKS.put(
        "vitals",
        (golden, store, identity) ->
            assertSame("vitals", identity.vitals().tree(Texts.time(identity.at())), golden));
  }

  /** The members that are compared. */
  static Set<String> members() {
    return CHECKS.keySet();
  }

  private static void taste(Value golden, MemoryStore store, IdentityReport identity) {
    assertSame("taste", identity.taste().tree(), golden);
    assertSame("taste", store.rejections().tasteProfile().tree(), golden);
  }

  private static void lessons(Value golden, MemoryStore store, IdentityReport identity) {
    Map<String, Value> lessons = ((Value.Map) golden).entries();
    assertThat(lessons).hasSizeGreaterThan(2);
    lessons.forEach(
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

    assertThat(golden.entries().keySet()).containsExactlyInAnyOrderElementsOf(members());
    CHECKS.forEach(
        (name, check) -> check.of(Objects.requireNonNull(golden.get(name)), store, identity));
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

  /** The context graphs that the original made last, by name. */
  private static Map<String, Value.Map> contexts(DriftSamples drift) throws IOException {
    Map<String, Value.Map> contexts = new TreeMap<>();
    try (Stream<Path> files = Files.list(drift.memory().resolve("context"))) {
      for (Path file : files.toList()) {
        contexts.put(file.getFileName().toString().replace(".json", ""), json(file));
      }
    }
    return contexts;
  }

  /**
   * Rebuilt at the original's time, every graph is the one in its tree, with its hubs in their
   * order; and so are those that priming takes of them.
   */
  private static void assertContexts(
      MemoryStore store, Map<String, Value.Map> golden, Value.Map queries) {
    Instant start = time(map(Objects.requireNonNull(golden.get("where")), "meta"), "last_rebuilt");
    Graph.Rebuilt rebuilt =
        store.graph().with(Clock.fixed(start, ZoneOffset.UTC), new Random(1)).rebuildContexts();

    Map<String, Value.Map> found = new TreeMap<>();
    try (Stream<Stored<ContextGraph>> graphs = store.scan(Kind.CONTEXT_GRAPH)) {
      graphs
          .flatMap(graph -> graph.live().stream())
          .forEach(graph -> found.put(graph.name(), graph.members()));
    }
    assertThat(rebuilt.graphs()).isEqualTo(golden.size());
    assertThat(found.keySet()).isEqualTo(golden.keySet());
    found.forEach(
        (name, graph) -> assertContext(name, graph, Objects.requireNonNull(golden.get(name))));

    Instant now = time(queries, "now");
    List<Value> dimensional =
        ((Value.Seq) Objects.requireNonNull(map(queries, "priming_seed1").get("dimensional")))
            .items();
    assertThat(dimensional).isNotEmpty();
    assertThat(
            store
                .insights()
                .with(Clock.fixed(now, ZoneOffset.UTC), Sampling.seeded(1))
                .priming(Priming.Rules.DRIFT.withHubsOf("who", null))
                .dimensional()
                .stream()
                .<Value>map(candidate -> Value.of(candidate.id()))
                .toList())
        .isEqualTo(dimensional.stream().map(hub -> ((Value.Map) hub).entries().get("id")).toList());
  }

  private static Instant time(Value.Map map, String name) {
    return Objects.requireNonNull(Texts.instant(Value.textOf(map.get(name))), name);
  }

  /**
   * All of a graph but the time at which it was made. The original's clock went on while it looked
   * at the windows, by up to five minutes: what they make of the age of observations is near.
   */
  private static void assertContext(String name, Value.Map graph, Value.Map golden) {
    assertThat(graph.entries().keySet()).isEqualTo(golden.entries().keySet());
    assertSame(
        name,
        map(graph, "meta").without("last_rebuilt"),
        map(golden, "meta").without("last_rebuilt"));
    assertThat(graph.get("hubs")).as("hubs of %s", name).isEqualTo(golden.get("hubs"));
    if (!name.startsWith("when_") && !name.equals("bridges")) {
      assertSame(name, map(graph, "edges"), map(golden, "edges"));
      assertSame(name, map(graph, "stats"), map(golden, "stats"));
      return;
    }
    Map<String, Value> edges = map(graph, "edges").entries();
    assertThat(edges.keySet()).as(name).isEqualTo(map(golden, "edges").entries().keySet());
    edges.forEach((pair, edge) -> assertNear(name, edge, map(map(golden, "edges"), pair)));
    assertNear(name, map(graph, "stats"), map(golden, "stats"));
  }

  /** The same but for beliefs, which may differ by one in the third decimal. */
  private static void assertNear(String name, Value actual, Value golden) {
    if (actual instanceof Value.Map a && golden instanceof Value.Map b) {
      assertThat(a.entries().keySet()).as(name).isEqualTo(b.entries().keySet());
      a.entries()
          .forEach(
              (member, value) -> {
                Value expected = Objects.requireNonNull(b.get(member));
                boolean belief = member.equals("belief") || member.equals("avg_belief");
                if (member.equals("beliefs")) {
                  Value.Map other = (Value.Map) expected;
                  ((Value.Map) value)
                      .entries()
                      .forEach(
                          (graph, n) ->
                              assertNear(name, n, Objects.requireNonNull(other.get(graph))));
                } else if (belief) {
                  assertNear(name, value, expected);
                } else {
                  assertThat(value).as("%s of %s", member, name).isEqualTo(expected);
                }
              });
    } else {
      assertThat(Objects.requireNonNull(Value.numberOf(actual)))
          .as(name)
          .isCloseTo(Objects.requireNonNull(Value.numberOf(golden)), within(0.0011));
    }
  }

  private static Value.Map json(Path file) throws IOException {
    return (Value.Map) Canonical.parse(Files.readString(file));
  }

  private static Value.Map map(Value.Map parent, String name) {
    return (Value.Map) Objects.requireNonNull(parent.get(name), name);
  }
}

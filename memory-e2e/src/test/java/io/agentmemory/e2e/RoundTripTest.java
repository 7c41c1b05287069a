package io.agentmemory.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.agentmemory.Embedding;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.OpId;
import io.agentmemory.SimilarQuery;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.dualwrite.Backfill;
import io.agentmemory.dualwrite.BackfillReport;
import io.agentmemory.dualwrite.Difference;
import io.agentmemory.dualwrite.DualWriteMemoryStore;
import io.agentmemory.dualwrite.RepairPlan;
import io.agentmemory.dualwrite.Stage;
import io.agentmemory.dualwrite.Verifier;
import io.agentmemory.dualwrite.VerifyReport;
import io.agentmemory.postgres.PostgresMemoryStore;
import io.agentmemory.spi.Canonical;
import io.agentmemory.testkit.RandomCommands;
import io.agentmemory.testkit.RandomRecords;
import io.agentmemory.testkit.RandomRecords.Mutation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What goes from files into PostgreSQL and home again stays what it was, and comparing says so.
 *
 * <p>{@code -Droundtrip.records=100000} takes that many records, {@code -Dcompare.seconds=60}
 * writes that long.
 */
@Tag("postgres")
class RoundTripTest {
  private static final String AT = "2026-02-10T11:52:05+00:00";
  private static final long RECORDS = Long.getLong("roundtrip.records", 2000);
  private static final long SEED = Long.getLong("roundtrip.seed", 66);
  private static final int MOST_MEMORIES = 1500;

  /** Of two that are alike to the last bit, the one whose name comes first. */
  private static final Comparator<SimilarQuery.Hit> BEST_FIRST =
      Comparator.comparingDouble(SimilarQuery.Hit::similarity)
          .reversed()
          .thenComparing(hit -> Key.of(hit.target()));

  private static Stores stores;
  @TempDir private Path folder;

  @BeforeAll
  static void create() {
    stores = new Stores("round trip");
  }

  @AfterAll
  static void drop() {
    stores.close();
  }

  // ---- round trip ----

  @Test
  @DisplayName("T66: canonical round trip of generated records, files to PostgreSQL and home")
  void givenGeneratedRecords_whenCopiedThereAndHome_thenByteEqualAndNothingDiffers()
      throws Exception {
    long records = 0;
    long queries = 0;
    Set<Kind<?>> kinds = new HashSet<>();
    for (long round = 0; records < RECORDS; round++) {
      long seed = SEED + round;
      int memories = (int) Math.min(MOST_MEMORIES, (RECORDS - records) / 6 + 1);
      Map<String, String> made = new TreeMap<>();
      Path tree = folder.resolve("source" + round);
      try (MemoryStore files = Stores.file(tree)) {
        List<MemoryRecord> all = RandomRecords.tree(seed, memories);
        put(files, all);
        all.forEach(record -> made.put(name(record), Canonical.canonical(record.tree())));
        all.forEach(record -> kinds.add(record.kind()));
      }
      Path home = folder.resolve("home" + round);
      try (MemoryStore source = Stores.fileToRead(tree);
          MemoryStore postgres = stores.postgres(Stores.namespace())) {
        assertThat(states(source)).as("from files, seed %d", seed).isEqualTo(made);
        copyAll(source, postgres);
        assertThat(states(postgres)).as("from PostgreSQL, seed %d", seed).isEqualTo(made);
        try (MemoryStore files = Stores.file(home)) {
          copyAll(postgres, files);
        }
        try (MemoryStore again = Stores.fileToRead(home)) {
          assertThat(states(again)).as("home, seed %d", seed).isEqualTo(made);
          assertEqual(source, postgres, seed);
          assertEqual(postgres, again, seed);
          queries += assertSameAnswers(source, postgres, seed);
        }
      }
      records += made.size();
    }
    System.out.printf("T66: %d records, %d queries, from seed %d%n", records, queries, SEED);
    assertThat(kinds).containsExactlyInAnyOrderElementsOf(Kind.all());
  }

  private static void put(MemoryStore store, List<MemoryRecord> records) {
    for (int from = 0; from < records.size(); from += 400) {
      execute(
          store,
          new PutRecords(
              records.subList(from, Math.min(from + 400, records.size())).stream()
                  .map(record -> new PutRecords.Put(record, 1))
                  .toList()));
    }
  }

  private static void execute(MemoryStore store, Command command) {
    store.execute(new Batch(OpId.random(), List.of(command)));
  }

  private static String name(MemoryRecord record) {
    return record.kind() + " " + record.key().parts();
  }

  /** The canonical text of every live record, and its version, if it is not the first. */
  private static Map<String, String> states(MemoryStore store) {
    Map<String, String> states = new TreeMap<>();
    for (Kind<?> kind : Kind.all()) {
      try (Stream<? extends Stored<?>> scan = store.scan(kind)) {
        scan.forEach(
            stored ->
                stored
                    .live()
                    .ifPresent(
                        record -> states.put(name(record), Canonical.canonical(record.tree()))));
      }
    }
    return states;
  }

  private static void copyAll(MemoryStore from, MemoryStore to) {
    BackfillReport report = Backfill.builder(from, to).run();
    assertThat(report.state()).as("%s", report).isEqualTo(BackfillReport.State.COMPLETE);
    assertThat(report.total().inserted()).isEqualTo(report.total().listed());
  }

  private static void assertEqual(MemoryStore a, MemoryStore b, long seed) {
    for (Verifier.Level level :
        List.of(Verifier.Level.COUNTS, Verifier.Level.DIGESTS, Verifier.Level.FIELDS)) {
      VerifyReport report = Verifier.builder(a, b).level(level).run();
      assertThat(report.differences()).as("level %s, seed %d", level, seed).isEmpty();
      assertThat(report.skipped()).as("level %s, seed %d", level, seed).isEmpty();
    }
  }

  // ---- the same answers ----

  /** Asks both the same; says how often. */
  private static int assertSameAnswers(MemoryStore a, MemoryStore b, long seed) {
    RandomCommands random = new RandomCommands(seed);
    int asked = 0;
    for (int i = 0; i < 60; i++) {
      MemoryQuery query = random.query();
      String note = "query " + i + ", seed " + seed;
      assertThat(b.find(query)).as(note).isEqualTo(a.find(query));
      assertThat(b.count(query)).as(note).isEqualTo(a.count(query));
      asked++;
    }
    List<Embedding> vectors;
    try (Stream<Stored<Embedding>> scan = a.scan(Kind.EMBEDDING)) {
      vectors = scan.flatMap(stored -> stored.live().stream()).toList();
    }
    for (int i = 0; i < vectors.size(); i += Math.max(1, vectors.size() / 40)) {
      Embedding near = vectors.get(i);
      SimilarQuery query = SimilarQuery.nearest(near.space(), near.vector()).limit(1 + i % 30);
      String note = "vectors near " + i + ", seed " + seed;
      asked += assertSameHits(note, a, b, query);
      asked += assertSameHits(note, a, b, query.tiers(List.of(Tier.CORE)));
    }
    return asked;
  }

  private static int assertSameHits(String note, MemoryStore a, MemoryStore b, SimilarQuery query) {
    Throwable refused = catchThrowable(() -> a.search(query));
    if (refused != null) { // such as a vector of another length than its space's
      assertThat(refused).isInstanceOf(InvalidMemoryException.class);
      assertThat(catchThrowable(() -> b.search(query))).hasSameClassAs(refused);
      return 0;
    }
    List<SimilarQuery.Hit> here = a.search(query);
    List<SimilarQuery.Hit> there = b.search(query);
    assertThat(there).as(note).hasSameSizeAs(here);
    assertThat(here).as(note).isSortedAccordingTo(BEST_FIRST);
    assertThat(there).as(note).isSortedAccordingTo(BEST_FIRST);
    for (int i = 0; i < here.size(); i++) {
      double x = here.get(i).similarity();
      double y = there.get(i).similarity();
      assertThat(near(x, y)).as("%s: place %d has %s and %s", note, i, x, y).isTrue();
    }
    for (int from = 0; from < here.size(); ) {
      int to = from + 1;
      while (to < here.size()
          && (near(here.get(to - 1).similarity(), here.get(to).similarity())
              || near(there.get(to - 1).similarity(), there.get(to).similarity()))) {
        to++;
      }
      boolean cut = to == here.size() && here.size() == query.limit();
      if (!cut) {
        assertThat(targets(there, from, to)).as(note).isEqualTo(targets(here, from, to));
      }
      from = to;
    }
    return 1;
  }

  // Source: reliability rule C3, one ranker on both sides.
  private static boolean near(double a, double b) {
    return Math.abs(a - b) <= 1e-5 + 1e-4 * Math.max(Math.abs(a), Math.abs(b));
  }

  private static Set<String> targets(List<SimilarQuery.Hit> hits, int from, int to) {
    Set<String> targets = new HashSet<>();
    hits.subList(from, to).forEach(hit -> targets.add(hit.target()));
    return targets;
  }

  @Test
  @DisplayName("T78: search parity: ties, float noise, filter + ANN with selective filter")
  void givenTiesAndNoise_whenBothAreSearched_thenSameAnswersAndNeverFewerThanMatch()
      throws Exception {
    Random random = new Random(SEED);
    List<MemoryRecord> records = new ArrayList<>();
    records.add(VectorSpace.of("text", "model", 8));
    int count = 1200;
    for (int i = 0; i < count; i++) {
      boolean rare = i % 60 == 0; // twenty of them
      String where = i % 3 == 0 ? "tied" : "apart";
      records.add(memory("m" + i, "m" + i + ".md", rare ? "rare" : "common", where));
      float[] vector = new float[8];
      for (int d = 0; d < vector.length; d++) {
        vector[d] = rare ? -random.nextFloat() : random.nextFloat();
      }
      if (i % 3 == 0) { // ties, and what differs from them in the last bits
        for (int d = 0; d < vector.length; d++) {
          vector[d] = i % 2 == 0 ? (rare ? -0.5f : 0.5f) : Math.nextUp(rare ? -0.5f : 0.5f);
        }
      }
      records.add(Embedding.of("text", "m" + i, vector));
    }
    String namespace = Stores.namespace();
    try (MemoryStore files = Stores.file(folder.resolve("files"), namespace);
        MemoryStore postgres = stores.postgres(namespace)) {
      put(files, records);
      put(postgres, records);
      ((PostgresMemoryStore) postgres).buildIndexes();
      assertThat(postgres.health().toString()).as("an index stands").contains("text");
      for (int i = 0; i < 20; i++) {
        float[] at = new float[8];
        for (int d = 0; d < at.length; d++) {
          at[d] = i == 0 ? 0.5f : (float) random.nextGaussian();
        }
        SimilarQuery query = SimilarQuery.nearest("text", at);
        for (SimilarQuery one :
            List.of(
                query.limit(10),
                query.limit(count),
                query.tag("rare").limit(15),
                query.tag("rare").limit(100),
                // Enough of them for the index, but none is among the first that it comes by.
                query.tag("apart").limit(10),
                query.minSimilarity(0.9).limit(50))) {
          assertSameHits("query " + i + ", seed " + SEED, files, postgres, one);
          List<SimilarQuery.Hit> approximate = postgres.search(one.approximate());
          assertThat(approximate)
              .as("never fewer, query %d, seed %d", i, SEED)
              .hasSize(files.search(one).size());
        }
        assertThat(targets(postgres.search(query.tag("rare").limit(100).approximate()), 0, 20))
            .as("all twenty that match, and they alone")
            .isEqualTo(targets(files.search(query.tag("rare").limit(100)), 0, 20));
      }
    }
  }

  private static Memory memory(String id, String fileName, String... tags) {
    return new Memory(
        id,
        Tier.ACTIVE,
        fileName,
        "content of " + id,
        new Value.Map(
            Map.of(
                "id",
                Value.of(id),
                "created",
                Value.of(AT),
                "tags",
                Value.Seq.ofTexts(List.of(tags)))));
  }

  // ---- one field ----

  @Test
  @DisplayName("T67: one mutated field per record type, files against PostgreSQL")
  void givenOneFieldOfEachKindChanged_whenVerified_thenExactlyThoseAreNamedInBothDirections()
      throws Exception {
    List<MemoryRecord> records = RandomRecords.tree(SEED, 12);
    Map<String, Mutation> mutations = new HashMap<>();
    List<MemoryRecord> others = new ArrayList<>(records);
    for (Kind<?> kind : Kind.all()) {
      for (int i = records.size() - 1; i >= 0 && !mutations.containsKey(kind.name()); i--) {
        List<Mutation> all = RandomRecords.mutations(records.get(i));
        if (records.get(i).kind().equals(kind) && !all.isEmpty()) {
          Mutation one = all.get(all.size() / 2);
          mutations.put(kind.name(), one);
          others.set(i, one.record());
        }
      }
    }
    assertThat(mutations).hasSize(Kind.all().size() - 1).doesNotContainKey("session_recall");
    String namespace = Stores.namespace();
    try (MemoryStore files = Stores.file(folder.resolve("files"), namespace);
        MemoryStore postgres = stores.postgres(namespace)) {
      put(files, records);
      put(postgres, others);

      List<Difference> there = Verifier.builder(files, postgres).run().differences();
      List<Difference> back = Verifier.builder(postgres, files).run().differences();

      assertThat(there).hasSize(mutations.size());
      for (Difference difference : there) {
        Mutation mutation = requireNonNull(mutations.get(difference.kind().name()));
        assertThat(difference.type()).isEqualTo(Difference.Type.FIELD);
        assertThat(difference.key()).isEqualTo(mutation.record().key());
        String name = mutation.field().substring(mutation.field().indexOf('.') + 1);
        assertThat(difference.field())
            .as("path of %s, seed %d", mutation.field(), SEED)
            .matches(
                path ->
                    Stream.of(mutation.field(), name, Canonical.canonical(Value.of(name)))
                        .anyMatch(
                            start ->
                                path.equals(start)
                                    || path.startsWith(start + ".")
                                    || path.startsWith(start + "[")));
      }
      assertThat(back)
          .isEqualTo(
              there.stream()
                  .map(
                      d ->
                          new Difference(
                              d.kind(), d.key(), d.type(), d.field(), d.target(), d.source()))
                  .toList());
    }
  }

  // ---- odd ids ----

  @Test
  @DisplayName("T62: odd ids through both stores and a backfill")
  void givenOddIds_whenStoredAndCopied_thenDistinctAndSafeOrRefusedByName() throws Exception {
    List<String> ids =
        List.of(
            "../x",
            "/etc/x",
            "CON",
            "con",
            "a\\b",
            ".",
            "..",
            "NUL.md",
            "\ud83d\ude00",
            "\u05e9\u05dc\u05d5\u05dd \u202eabc",
            "A",
            "a",
            "e\u0301",
            "x".repeat(256),
            "ends.");
    List<String> refused = List.of("x".repeat(257), "x".repeat(10_000), "", "a\0b", "\ud800");
    String namespace = Stores.namespace();
    Path tree = folder.resolve("root").resolve("memory");
    Path home = folder.resolve("root").resolve("home").resolve("memory");
    try (MemoryStore files = Stores.file(tree, namespace);
        MemoryStore postgres = stores.postgres(namespace);
        DualWriteMemoryStore dual =
            DualWriteMemoryStore.builder(files, postgres)
                .stage(Stage.SHADOW)
                .shadowRate(1)
                .build()) {
      for (String id : ids) {
        dual.execute(StoreMemory.of(id, AT, "content of " + id));
        dual.execute(new RecallMemory(id, AT));
      }
      for (MemoryStore store : List.of(files, postgres, dual)) {
        for (String id : refused) {
          assertThat(catchThrowable(() -> store.execute(StoreMemory.of(id, AT, "no"))))
              .as("id of %d characters", id.length())
              .isInstanceOfSatisfying(
                  InvalidMemoryException.class, e -> assertThat(e.field()).isEqualTo("id"));
        }
      }
      assertThat(catchThrowable(() -> dual.execute(StoreMemory.of("\u00e9", AT, "twice"))))
          .as("a composed id equals the one of two characters")
          .isNotNull();
      assertThat(dual.memories().findById("\u00e9")).isPresent();
      // What is imported stays as it is: there both forms are ids of their own.
      for (String id : List.of("o\u0308", "\u00f6")) {
        dual.execute(
            new PutRecords(
                List.of(new PutRecords.Put(memory(id, "n" + id.length() + ".md", "x"), 1))));
      }
      assertThat(dual.drain(Duration.ofSeconds(20))).isTrue();
      assertThat(dual.count(MemoryQuery.all())).isEqualTo(ids.size() + 2);
      assertThat(dual.stats().mismatched() + dual.stats().shadowMismatched()).isZero();
      assertEqual(files, postgres, 0);
      for (String id : ids) {
        String composed = id.equals("e\u0301") ? "\u00e9" : id;
        for (MemoryStore store : List.of(files, postgres)) {
          assertThat(store.memories().findById(composed).map(Memory::content))
              .contains("content of " + id);
        }
      }
      try (MemoryStore again = Stores.file(home, namespace)) {
        copyAll(postgres, again);
        assertEqual(files, again, 0);
      }
    }
    try (MemoryStore again = Stores.file(home, namespace)) {
      assertThat(again.count(MemoryQuery.all())).isEqualTo(ids.size() + 2);
    }
    try (Stream<Path> all = Files.walk(folder)) {
      assertThat(all.filter(file -> file.toString().endsWith(".md")))
          .hasSize(2 * (ids.size() + 2))
          .allMatch(
              file -> isIn(file, tree.resolve("active")) || isIn(file, home.resolve("active")));
    }
    assertNoTwoNamesDifferInCaseAlone(tree.resolve("active"));
    assertNoTwoNamesDifferInCaseAlone(home.resolve("active"));
  }

  private static boolean isIn(Path file, Path in) {
    try {
      return in.toRealPath().equals(file.toRealPath().getParent())
          && file.getFileName().toString().matches("[A-Za-z0-9][A-Za-z0-9._-]{0,120}\\.md")
          && !file.getFileName().toString().matches("(?i)(con|nul|aux|prn)\\..*");
    } catch (IOException e) {
      return false;
    }
  }

  private static void assertNoTwoNamesDifferInCaseAlone(Path in) throws IOException {
    try (Stream<Path> files = Files.list(in)) {
      assertThat(files.map(f -> f.getFileName().toString().toLowerCase(Locale.ROOT)))
          .doesNotHaveDuplicates();
    }
  }

  // ---- comparing while writing ----

  @Test
  @DisplayName("T68: compare under write load")
  void givenFiveHundredWritesASecond_whenCompared_thenNoFalseDifferenceAndNoLagAfterwards()
      throws Exception {
    int rate = 500;
    int hot = 20; // every tenth write hits one of these
    long seconds = Long.getLong("compare.seconds", 5);
    List<MemoryRecord> records = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      records.add(memory("m" + i, "m" + i + ".md", "x"));
    }
    String namespace = Stores.namespace();
    ScheduledExecutorService clock = Executors.newScheduledThreadPool(4);
    try (MemoryStore files = Stores.file(folder.resolve("files"), namespace);
        MemoryStore postgres = stores.postgres(namespace);
        DualWriteMemoryStore dual =
            DualWriteMemoryStore.builder(files, postgres).stage(Stage.DUAL_WRITE).build()) {
      put(files, records);
      Backfill.builder(files, postgres).run();
      AtomicLong written = new AtomicLong();
      List<Throwable> failures = new CopyOnWriteArrayList<>();
      List<Future<?>> writers = new ArrayList<>();
      for (int w = 0; w < 4; w++) {
        Random random = new Random(SEED + w);
        Runnable write =
            () -> {
              try {
                int which = random.nextInt(10) == 0 ? hot : records.size();
                dual.execute(new RecallMemory("m" + random.nextInt(which), AT));
                written.incrementAndGet();
              } catch (RuntimeException | Error e) {
                failures.add(e);
              }
            };
        writers.add(
            clock.scheduleAtFixedRate(write, 0, 4_000_000_000L / rate, TimeUnit.NANOSECONDS));
      }
      long begin = System.nanoTime();
      int compared = 0;
      long lagged = 0;
      while (System.nanoTime() - begin < TimeUnit.SECONDS.toNanos(seconds) || compared < 2) {
        Verifier.Level level = compared++ % 2 == 0 ? Verifier.Level.FIELDS : Verifier.Level.DIGESTS;
        VerifyReport report = Verifier.builder(files, postgres).level(level).run();
        assertThat(report.differences()).as("run %d, seed %d", compared, SEED).isEmpty();
        lagged += lagged(report);
      }
      double took = (System.nanoTime() - begin) / 1e9;
      writers.forEach(writer -> writer.cancel(false));
      clock.shutdown();
      assertThat(clock.awaitTermination(30, TimeUnit.SECONDS)).isTrue();
      long stopped = System.nanoTime();
      assertThat(failures).isEmpty();

      VerifyReport after = Verifier.builder(files, postgres).run();

      assertThat(after.differences()).isEmpty();
      assertThat(dual.drain(Duration.ofSeconds(35))).isTrue();
      assertThat(dual.lagging()).isEmpty();
      assertThat(lagged(Verifier.builder(files, postgres).run())).isZero();
      assertThat(Duration.ofNanos(System.nanoTime() - stopped)).isLessThan(Duration.ofSeconds(35));
      System.out.printf(
          "T68: %.0f writes/s over %.1f s, %d comparisons, %d lagged%n",
          written.get() / took, took, compared, lagged);
    } finally {
      clock.shutdownNow();
    }
  }

  private static long lagged(VerifyReport report) {
    return requireNonNull(report.kinds().get(Kind.MEMORY)).lagged();
  }

  // ---- changed by hand ----

  @Test
  @DisplayName("T42: hand-made SQL UPDATE and DELETE in the target")
  void givenRowsChangedByHand_whenComparedAndRepaired_thenEachIsFoundAndNoneComesBack()
      throws Exception {
    String namespace = Stores.namespace();
    String in = " WHERE namespace = '" + namespace + "' AND id = ";
    try (MemoryStore files = Stores.file(folder.resolve("files"), namespace);
        MemoryStore postgres = stores.postgres(namespace)) {
      for (String id : List.of("same", "updated", "removed", "forgotten", "returned")) {
        execute(files, StoreMemory.of(id, AT, "content of " + id));
      }
      execute(files, new ForgetMemory("forgotten", 0));
      Backfill.builder(files, postgres).run();
      execute(files, new ForgetMemory("returned", 0)); // the target has it live, as if restored
      assertThat(
              stores.sql("UPDATE agent_memory.memories SET content = 'by hand'" + in + "'updated'"))
          .isOne();
      for (String gone : List.of("removed", "forgotten")) {
        assertThat(stores.sql("DELETE FROM agent_memory.memories" + in + "'" + gone + "'")).isOne();
      }

      assertThat(names(Verifier.builder(files, postgres).level(Verifier.Level.DIGESTS).run()))
          .as("the digest that the database keeps does not know of the update")
          .containsExactlyInAnyOrder("MISSING_IN_TARGET removed ", "TOMBSTONE_VS_LIVE returned ");
      VerifyReport fields = Verifier.builder(files, postgres).run();
      assertThat(names(fields))
          .containsExactlyInAnyOrder(
              "MISSING_IN_TARGET removed ", "TOMBSTONE_VS_LIVE returned ", "FIELD updated content");

      RepairPlan plan = RepairPlan.of(files, postgres);
      assertThat(plan.items())
          .extracting(item -> item.key().toString())
          .containsExactlyInAnyOrder("removed", "returned", "updated");
      Path aside = folder.resolve("aside");
      assertThat(plan.apply(files, postgres, aside, false).left())
          .extracting(left -> left.item().key())
          .containsExactly(Key.of("returned"));
      assertThat(plan.apply(files, postgres, aside, true).left()).isEmpty();

      assertThat(Verifier.builder(files, postgres).run().differences()).isEmpty();
      for (MemoryStore store : List.of(files, postgres)) {
        assertThat(store.memories().findById("updated").map(Memory::content))
            .contains("content of updated");
        assertThat(store.memories().findById("returned")).isEmpty();
        assertThat(store.memories().findById("forgotten")).as("no resurrection").isEmpty();
      }
      Backfill.builder(files, postgres).run();
      Backfill.builder(postgres, files).run();
      assertThat(files.count(MemoryQuery.all())).isEqualTo(3); // same, updated, removed
      assertEqual(files, postgres, 0); // tombstones too
      execute(files, UpdateMemory.of("updated").content("goes on"));
      Backfill.builder(files, postgres).run();
      assertEqual(files, postgres, 0);
      try (Stream<Path> kept = Files.list(aside)) {
        assertThat(kept).as("what was overwritten is kept").hasSize(2);
      }
    }
  }

  private static List<String> names(VerifyReport report) {
    return report.differences().stream()
        .map(d -> d.type() + " " + d.key() + " " + d.field())
        .toList();
  }
}

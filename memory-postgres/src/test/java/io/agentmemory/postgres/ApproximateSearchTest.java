package io.agentmemory.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.Embedding;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.OpenMode;
import io.agentmemory.Operation;
import io.agentmemory.SimilarQuery;
import io.agentmemory.SimilarQuery.Hit;
import io.agentmemory.Tier;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.Value;
import io.agentmemory.command.PutRecords;
import io.agentmemory.postgres.PostgresMemoryStore.SpaceIndex;
import io.agentmemory.postgres.PostgresMemoryStore.SpaceIndex.State;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Search by an index. Of 1,500 vectors with 2,100 floats; of as many as you like with {@code
 * -Dmemory.vectors=20000 -Dmemory.dimensions=2560}, and then it prints what it measured.
 */
@Tag("postgres")
class ApproximateSearchTest {
  private static final int VECTORS = Integer.getInteger("memory.vectors", 1500);
  private static final int DIMENSIONS = Integer.getInteger("memory.dimensions", 2100);
  private static final boolean MEASURED = System.getProperty("memory.vectors") != null;
  private static final long SEED = 20260210;
  private static final int PER_CLUSTER = 50;
  private static final int QUERIES = 40;
  private static final int RARE = 20; // one of so many
  private static final String SPACE = "text";
  private static final Set<String> RARE_IDS = new HashSet<>();

  private static TestDatabase database;
  private static PostgresMemoryStore store;
  private static float[][] centers;
  private static SpaceIndex built;

  @BeforeAll
  static void load() {
    database = TestDatabase.create("approximate");
    store = database.open("n");
    Random random = new Random(SEED);
    centers = new float[Math.max(1, VECTORS / PER_CLUSTER)][];
    for (int i = 0; i < centers.length; i++) {
      centers[i] = around(new float[DIMENSIONS], 1, random);
    }
    store.embeddings().define(SPACE, "model", DIMENSIONS);
    List<MemoryRecord> records = new ArrayList<>();
    for (int i = 0; i < VECTORS; i++) {
      String id = "m" + i;
      records.add(memory(id, i % RARE == 0 ? "rare" : "common"));
      if (i % RARE == 0) {
        RARE_IDS.add(id);
      }
      records.add(Embedding.of(SPACE, id, near(random)));
      if (records.size() >= 400) {
        put(records);
        records.clear();
      }
    }
    records.addAll(odd("before"));
    put(records);
    long start = System.nanoTime();
    built = store.buildIndexes().get(0);
    print("built in %d ms", (System.nanoTime() - start) / 1_000_000);
    put(odd("after")); // into the index as it is
  }

  @AfterAll
  static void drop() {
    store.close();
    database.close();
  }

  private static void print(String text, Object... values) {
    if (MEASURED) {
      System.out.printf(VECTORS + " x " + DIMENSIONS + ": " + text + "%n", values);
    }
  }

  private static float[] around(float[] center, double spread, Random random) {
    float[] vector = new float[center.length];
    for (int i = 0; i < vector.length; i++) {
      vector[i] = (float) (center[i] + spread * random.nextGaussian());
    }
    return vector;
  }

  /** A vector of one of the clusters: those of one have a similarity of about 0.6. */
  private static float[] near(Random random) {
    return around(centers[random.nextInt(centers.length)], 0.8, random);
  }

  /** Vectors that an index of halves cannot take as they are, or not at all. */
  private static List<MemoryRecord> odd(String when) {
    float[] large = new float[DIMENSIONS];
    large[7] = 1e6f; // above what a half can hold
    large[8] = 1;
    float[] extreme = new float[DIMENSIONS];
    extreme[9] = 3e30f; // its square is no float
    return List.of(
        Embedding.of(SPACE, "zero " + when, new float[DIMENSIONS]),
        Embedding.of(SPACE, "large " + when, large),
        Embedding.of(SPACE, "extreme " + when, extreme),
        Embedding.of(SPACE, "short " + when, 1, 2, 3));
  }

  private static Memory memory(String id, String tag) {
    Value.Map members =
        Value.EMPTY_MAP.with("id", Value.of(id)).with("tags", Value.Seq.ofTexts(List.of(tag)));
    return new Memory(id, Tier.ACTIVE, id + ".md", "text", members);
  }

  private static void put(List<? extends MemoryRecord> records) {
    store.execute(
        new PutRecords(records.stream().map(record -> new PutRecords.Put(record, 1)).toList()));
  }

  private static SimilarQuery query(float[] vector) {
    return SimilarQuery.nearest(SPACE, vector);
  }

  private static Set<String> targets(List<Hit> hits) {
    Set<String> targets = new HashSet<>();
    hits.forEach(hit -> targets.add(hit.target()));
    return targets;
  }

  /** How many of the exact ten the index finds, in the mean over queries. */
  private static double recall(List<SimilarQuery> queries) {
    long[] exactTimes = new long[queries.size()];
    long[] times = new long[queries.size()];
    double sum = 0;
    for (int i = 0; i < queries.size(); i++) {
      long start = System.nanoTime();
      List<Hit> exact = store.search(queries.get(i));
      long between = System.nanoTime();
      List<Hit> hits = store.search(queries.get(i).approximate());
      times[i] = System.nanoTime() - between;
      exactTimes[i] = between - start;
      assertThat(hits).hasSameSizeAs(exact);
      Set<String> found = targets(hits);
      found.retainAll(targets(exact));
      sum += (double) found.size() / exact.size();
    }
    Arrays.sort(times);
    Arrays.sort(exactTimes);
    double recall = sum / queries.size();
    print(
        "recall %.4f, p50 approximate %.2f ms, exact %.2f ms",
        recall, times[times.length / 2] / 1e6, exactTimes[times.length / 2] / 1e6);
    return recall;
  }

  private static List<SimilarQuery> queries() {
    Random random = new Random(SEED + 1);
    List<SimilarQuery> queries = new ArrayList<>();
    for (int i = 0; i < QUERIES; i++) {
      queries.add(query(near(random)));
    }
    return queries;
  }

  @Test
  void givenManyVectors_whenSearchedByIndex_thenNineteenOfTwentyNeighboursAreFound() {
    assertThat(built).isEqualTo(new SpaceIndex(SPACE, DIMENSIONS, VECTORS + 3, State.BUILT));
    assertThat(recall(queries())).as("recall at 10, seed %s", SEED).isGreaterThanOrEqualTo(0.95);
  }

  @Test
  void givenFilterThatOneOfTwentyPasses_whenSearchedByIndex_thenTenOfTenComeBack()
      throws SQLException {
    List<SimilarQuery> queries =
        queries().stream().limit(10).map(query -> query.tag("rare")).toList();

    // Few enough that exact search is faster, so it would not come to this by itself.
    try (Connection connection = database.connect()) {
      Queries direct = queries(connection, true);
      for (SimilarQuery query : queries) {
        List<Hit> found =
            direct.searchNear(new Operation("postgres", "search", ""), query, query.vector());
        assertThat(found).hasSize(10);
        assertThat(targets(found)).allSatisfy(id -> assertThat(RARE_IDS).contains(id));
      }
    }
    assertThat(recall(queries)).as("exact").isEqualTo(1);
  }

  @Test
  void givenFilterThatMostPass_whenSearchedByIndex_thenTheirNeighboursAreFound() {
    List<SimilarQuery> queries =
        queries().stream()
            .limit(20)
            .map(query -> query.tag("common").tiers(List.of(Tier.ACTIVE)))
            .toList();

    assertThat(recall(queries)).as("recall at 10, seed %s", SEED).isGreaterThanOrEqualTo(0.95);
  }

  @Test
  void givenFewerThatPassThanAreWanted_whenSearchedByIndex_thenEachOfThemComesBack() {
    SimilarQuery query = query(near(new Random(3))).tag("rare").limit(VECTORS / RARE + 5);

    assertThat(store.search(query.approximate()))
        .hasSize(VECTORS / RARE)
        .isEqualTo(store.search(query));
  }

  @Test
  void givenLeastSimilarity_whenFewerReachItThanAreWanted_thenEachOfThemComesBack() {
    SimilarQuery query = queries().get(0);
    double fifth = store.search(query).get(4).similarity();

    assertThat(store.search(query.minSimilarity(fifth).approximate()))
        .hasSize(5)
        .isEqualTo(store.search(query.minSimilarity(fifth)));
  }

  @Test
  void givenFloatsThatAHalfCannotHold_whenSearchedByIndex_thenTheyAreFound() {
    float[] along = new float[DIMENSIONS];
    along[7] = 1;
    float[] extreme = new float[DIMENSIONS];
    extreme[9] = 1e-30f;

    assertThat(store.search(query(along).limit(2).approximate()))
        .extracting(Hit::target)
        .containsExactly("large after", "large before");
    assertThat(store.search(query(extreme).limit(2).approximate()))
        .extracting(Hit::target)
        .containsExactly("extreme after", "extreme before");
  }

  @Test
  void givenZeroAsQuery_whenSearchedByIndex_thenTheAnswerIsTheExactOne() {
    SimilarQuery zero = query(new float[DIMENSIONS]);

    assertThat(store.search(zero.approximate())).isEqualTo(store.search(zero));
  }

  @Test
  void givenIndex_whenThePlannerIsAsked_thenItUsesIt() throws SQLException {
    assertThat(explain(query(near(new Random(5))))).contains("Index Scan using embeddings_");
    assertThat(explain(query(near(new Random(5))).tag("rare").tiers(List.of(Tier.ACTIVE))))
        .contains("_hnsw on embeddings_")
        .contains("Nested Loop");
  }

  private static String explain(SimilarQuery query) throws SQLException {
    try (Connection connection = database.connect()) {
      connection.setAutoCommit(false);
      Queries queries = queries(connection, true);
      Pipeline settings = new Pipeline();
      settings.call(queries.nearSettings(query));
      settings.run(connection);
      Sql sql = queries.near(query, query.vector());
      StringBuilder plan = new StringBuilder();
      try (PreparedStatement statement = connection.prepareStatement("EXPLAIN " + sql.text())) {
        sql.bind(statement, 1);
        try (ResultSet row = statement.executeQuery()) {
          while (row.next()) {
            plan.append(row.getString(1)).append('\n');
          }
        }
      }
      return plan.toString();
    }
  }

  /** As a store has them; and as one does whose pgvector is older than 0.8. */
  private static Queries queries(Connection connection, boolean iterates) throws SQLException {
    Vectors now = Facts.vectors(connection, "\"agent_memory\"");
    assertThat(now.iterates()).isTrue();
    int oid = Integer.parseInt(database.one("SELECT 'public.vector'::regtype::oid::bigint::text"));
    Vectors vectors = Vectors.ofExtension("public", oid, true, iterates);
    Tables tables = new Tables("\"agent_memory\"", "n", vectors);
    Database work = new Database(database.dataSource(), database.dataSource(), () -> {});
    return new Queries(work, tables, new VectorIndexes(work, tables));
  }

  @Test
  void givenPgvectorThatDoesNotIterate_whenSearchedUnderAFilter_thenTenOfTenComeBack()
      throws SQLException {
    try (Connection connection = database.connect()) {
      Queries queries = queries(connection, false);
      float[] vector = near(new Random(6));

      for (String tag : List.of("rare", "common")) {
        SimilarQuery query = query(vector).tag(tag);
        assertThat(queries.search(query.approximate())).as(tag).hasSize(10);
        assertThat(queries.nearSettings(query).text()).doesNotContain("iterative_scan");
      }
    }
  }

  @Test
  void givenIndex_whenHealthIsAsked_thenItNamesTheSpace() {
    assertThat(store.health().notes())
        .contains(
            "vectors of space text with "
                + DIMENSIONS
                + " floats have an index for approximate search");
    assertThat(store.buildIndexes())
        .contains(new SpaceIndex(SPACE, DIMENSIONS, VECTORS + 6, State.THERE));
  }

  @Test
  void givenVectorOfAnotherLength_whenSearchedByIndex_thenRefusedAsEver() {
    assertThatExceptionOfType(InvalidMemoryException.class)
        .isThrownBy(() -> store.search(query(new float[] {1, 2, 3}).approximate()));
    assertThatExceptionOfType(InvalidMemoryException.class)
        .isThrownBy(
            () -> store.search(SimilarQuery.nearest("none", new float[] {1}).approximate()));
  }

  @Test
  void givenSpacesOfOtherSizes_whenIndexesAreBuilt_thenEachGetsWhatItCanHave() throws SQLException {
    Random random = new Random(SEED + 2);
    try (PostgresMemoryStore other = database.open("sizes")) {
      other.embeddings().define("few", "m", 4);
      other.embeddings().put("few", "a", new float[] {1, 2, 3, 4});
      other.embeddings().define("long", "m", 4001);
      other.embeddings().put("long", "a", around(new float[4001], 1, random));
      other.embeddings().define("short", "m", 8);
      List<PutRecords.Put> puts = new ArrayList<>();
      for (int i = 0; i < 1200; i++) {
        puts.add(
            new PutRecords.Put(Embedding.of("short", "t" + i, around(new float[8], 1, random)), 1));
      }
      other.execute(new PutRecords(puts));

      assertThat(other.buildIndexes())
          .containsExactly(
              new SpaceIndex("few", 4, 1, State.FEW),
              new SpaceIndex("long", 4001, 1, State.LONG),
              new SpaceIndex("short", 8, 1200, State.BUILT));

      for (int limit : new int[] {1, 10, 700}) {
        SimilarQuery query =
            SimilarQuery.nearest("short", around(new float[8], 1, random)).limit(limit);
        Set<String> found = targets(other.search(query.approximate()));
        assertThat(found).hasSize(limit);
        found.retainAll(targets(other.search(query)));
        assertThat(found.size()).isGreaterThanOrEqualTo((int) (0.95 * limit));
      }
      for (String space : List.of("few", "long")) {
        float[] vector = other.embeddings().find(space, "a").orElseThrow().vector();
        assertThat(other.search(SimilarQuery.nearest(space, vector).approximate()))
            .extracting(Hit::target)
            .containsExactly("a");
      }

      other.dropIndexes();
      assertThat(other.health().notes()).noneMatch(note -> note.contains("approximate"));
      assertThat(store.health().notes()).anyMatch(note -> note.contains("approximate"));
    }
  }

  @Test
  void givenBuildThatBrokeOff_whenBuiltAgain_thenTheRestOfItIsReplaced() throws SQLException {
    Random random = new Random(SEED + 3);
    try (PostgresMemoryStore other = database.open("broken")) {
      other.embeddings().define("text", "m", 3);
      List<PutRecords.Put> puts = new ArrayList<>();
      for (int i = 0; i < 1000; i++) {
        puts.add(
            new PutRecords.Put(Embedding.of("text", "t" + i, around(new float[3], 1, random)), 1));
      }
      other.execute(new PutRecords(puts));
      other.buildIndexes();
      database.sql(
          "UPDATE pg_index SET indisvalid = false WHERE indexrelid::regclass::text LIKE '%"
              + Spaces.partition("", Spaces.id("broken", "text")).substring(1)
              + "_3_hnsw'");

      assertThat(other.health().notes()).noneMatch(note -> note.contains("approximate"));
      assertThat(other.buildIndexes())
          .containsExactly(new SpaceIndex("text", 3, 1000, State.BUILT));
      assertThat(other.health().notes()).anyMatch(note -> note.contains("approximate"));
    }
  }

  @Test
  void givenStoreForReading_whenIndexesAreBuilt_thenRefused() {
    try (PostgresMemoryStore reader = database.open("n", OpenMode.READ)) {
      assertThatExceptionOfType(UncategorizedStoreException.class)
          .isThrownBy(reader::buildIndexes)
          .withMessageContaining("reading only");
      assertThatExceptionOfType(UncategorizedStoreException.class)
          .isThrownBy(reader::dropIndexes)
          .withMessageContaining("reading only");
      assertThat(reader.search(queries().get(0).approximate())).hasSize(10);
    }
  }

  @Test
  void givenNoExtension_whenSearchedApproximately_thenTheAnswerIsExact() throws SQLException {
    try (TestDatabase poor = TestDatabase.withoutRights("approximate without vector");
        PostgresMemoryStore plain = poor.open("n")) {
      plain.embeddings().define("text", "m", 2);
      plain.embeddings().put("text", "a", new float[] {1, 0});

      assertThat(plain.buildIndexes())
          .containsExactly(new SpaceIndex("text", 2, 0, State.IMPOSSIBLE));
      plain.dropIndexes();
      assertThat(plain.search(SimilarQuery.nearest("text", new float[] {1, 1}).approximate()))
          .extracting(Hit::target)
          .containsExactly("a");
    }
  }
}

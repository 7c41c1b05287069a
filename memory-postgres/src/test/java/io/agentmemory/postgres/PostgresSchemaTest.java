package io.agentmemory.postgres;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.agentmemory.Embedding;
import io.agentmemory.Health;
import io.agentmemory.Kind;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryStores;
import io.agentmemory.OpenMode;
import io.agentmemory.SimilarQuery;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.Value;
import io.agentmemory.spi.StoreUrl;
import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Tag("postgres")
class PostgresSchemaTest {
  private TestDatabase database;

  @BeforeEach
  void create() {
    database = TestDatabase.create("schema");
  }

  @AfterEach
  void drop() {
    database.close();
  }

  private PostgresSchema schema() {
    return PostgresSchema.of(StoreUrl.parse(database.url("n")));
  }

  private String migrations() throws SQLException {
    return database.one(
        "SELECT string_agg(version || ':' || success, ',' ORDER BY installed_rank)"
            + " FROM agent_memory.schema_history WHERE type = 'SQL'");
  }

  @Nested
  class AtOnce {
    private static final int MANY = 8;

    @Test
    @DisplayName("T45: several migrate at once")
    @Timeout(120)
    void givenEmptyDatabase_whenEightThreadsOpenIt_thenAllSucceed() throws Exception {
      ExecutorService pool = Executors.newFixedThreadPool(MANY);
      try {
        CountDownLatch start = new CountDownLatch(1);
        List<Future<String>> opened = new ArrayList<>();
        for (int i = 0; i < MANY; i++) {
          String namespace = "n" + i;
          opened.add(
              pool.submit(
                  () -> {
                    start.await();
                    try (PostgresMemoryStore store = database.open(namespace)) {
                      return store.memories().store("hello").content();
                    }
                  }));
        }
        start.countDown();
        for (Future<String> one : opened) {
          assertThat(one.get(100, TimeUnit.SECONDS)).isEqualTo("hello");
        }
      } finally {
        pool.shutdownNow();
        assertThat(pool.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
      }
      assertThat(migrations()).isEqualTo("1:true");
    }

    @Test
    @DisplayName("T45: several processes migrate at once")
    @Timeout(180)
    void givenEmptyDatabase_whenEightProcessesOpenIt_thenAllSucceed() throws Exception {
      List<Process> processes = new ArrayList<>();
      try {
        for (int i = 0; i < MANY; i++) {
          processes.add(
              new ProcessBuilder(
                      Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                      "-Xmx96m",
                      "-XX:TieredStopAtLevel=1",
                      "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
                      "-cp",
                      System.getProperty("java.class.path"),
                      OpenAndStore.class.getName(),
                      database.url("n" + i))
                  .redirectErrorStream(true)
                  .start());
        }
        for (Process process : processes) {
          String output = new String(process.getInputStream().readAllBytes(), UTF_8);
          assertThat(process.waitFor()).as(output).isZero();
          assertThat(output).contains("stored").doesNotContainIgnoringCase("flyway");
        }
      } finally {
        processes.forEach(Process::destroyForcibly);
      }
      assertThat(migrations()).isEqualTo("1:true");
    }

    @Test
    @DisplayName("T45: the wait for another one ends")
    void givenSomebodyElseMigrating_whenTheWaitIsOver_thenUnavailableAndNothingChanged()
        throws SQLException {
      try (Connection other = database.connect();
          Statement statement = other.createStatement()) {
        other.setAutoCommit(false);
        statement.execute("SELECT pg_advisory_xact_lock(" + 0x6d656d6f7279L + ")");
        PostgresSchema impatient =
            new PostgresSchema(
                database.dataSource(),
                database.dataSource(),
                "agent_memory",
                Duration.ofMillis(120));

        assertThatExceptionOfType(StoreUnavailableException.class)
            .isThrownBy(impatient::migrate)
            .satisfies(e -> assertThat(e.mayHaveApplied()).isEmpty());
      }
      assertThat(schema().version()).isZero();
    }
  }

  /** A process of its own that opens a store and writes to it. */
  static final class OpenAndStore {
    private OpenAndStore() {}

    public static void main(String[] arguments) {
      try (var store = MemoryStores.open(arguments[0])) {
        store.memories().store("hello");
        System.out.println("stored");
      }
    }
  }

  @Nested
  class Versions {
    @Test
    @DisplayName("T43: schema newer")
    void givenNewerSchema_whenOpened_thenRefusedWithBothVersions() throws SQLException {
      schema().migrate();
      database.sql("INSERT INTO agent_memory.schema_version VALUES (7)");

      for (OpenMode mode : OpenMode.values()) {
        assertThatExceptionOfType(UncategorizedStoreException.class)
            .isThrownBy(() -> database.open("n", mode))
            .withMessageContaining("agent_memory")
            .withMessageContaining("version 7")
            .withMessageContaining("newer than the 1")
            .withMessageContaining("use a newer library");
      }
      assertThatThrownBy(() -> schema().migrate()).hasMessageContaining("version 7");
    }

    @Test
    @DisplayName("T44: schema older: of version 0 for now")
    void givenSchemaWithoutTables_whenOpened_thenMigrated() throws SQLException {
      database.sql("CREATE SCHEMA agent_memory");
      assertThat(schema().version()).isZero();
      assertThatExceptionOfType(UncategorizedStoreException.class)
          .isThrownBy(() -> database.open("n", OpenMode.READ));

      try (PostgresMemoryStore store = database.open("n")) {
        store.memories().store("hello");
      }

      assertThat(schema().version()).isEqualTo(PostgresSchema.LATEST);
      assertThat(migrations()).isEqualTo("1:true");
    }

    @Test
    @Timeout(60)
    @DisplayName("T46: migration killed")
    void givenMigrationKilledHalfWay_whenOpenedAgain_thenItIsCompleted() throws Exception {
      try (Connection other = database.connect();
          Statement statement = other.createStatement()) {
        other.setAutoCommit(false);
        statement.execute("CREATE EXTENSION vector"); // the migration comes to it after many tables
        CompletableFuture<StoreUnavailableException> killed =
            CompletableFuture.supplyAsync(
                () ->
                    catchThrowableOfType(
                        StoreUnavailableException.class, () -> database.open("n").close()));
        database.awaitWaiting();
        statement.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                + " WHERE datname = current_database() AND pid <> pg_backend_pid()");
        assertThat(killed.get(30, TimeUnit.SECONDS))
            .satisfies(e -> assertThat(e.mayHaveApplied()).isEmpty());
        other.rollback();
      }
      assertThat(schema().version()).isZero();

      try (PostgresMemoryStore store = database.open("n")) {
        store.memories().store("hello");
        assertThat(store.count(MemoryQuery.all())).isOne();
      }
      assertThat(migrations()).isEqualTo("1:true");
    }

    @Test
    void givenNoSchema_whenOnlyChecked_thenRefusedAndNothingIsMade() throws SQLException {
      assertThatExceptionOfType(UncategorizedStoreException.class)
          .isThrownBy(() -> database.open("n", OpenMode.READ))
          .withMessageContaining("agent_memory is not there");
      assertThatExceptionOfType(UncategorizedStoreException.class)
          .isThrownBy(() -> PostgresMemoryStore.builder(database.dataSource()).checkOnly().open())
          .withMessageContaining("agent_memory is not there");
      assertThatThrownBy(() -> schema().check()).hasMessageContaining("is not there");

      assertThat(database.one("SELECT to_regnamespace('agent_memory') IS NULL")).isEqualTo("t");
    }

    @Test
    void givenMigratedSchema_whenMigratedAgain_thenNothingHappens() throws SQLException {
      schema().migrate();
      schema().migrate();
      schema().check();

      assertThat(schema().version()).isEqualTo(PostgresSchema.LATEST);
      assertThat(migrations()).isEqualTo("1:true");
    }

    @Test
    void givenTwoSchemas_whenOpened_thenTheyDoNotSeeEachOther() {
      try (PostgresMemoryStore first = database.open("n");
          PostgresMemoryStore second =
              PostgresMemoryStore.builder(database.dataSource())
                  .namespace("n")
                  .schema("other")
                  .open()) {
        first.memories().store("only here");

        assertThat(first.count(MemoryQuery.all())).isOne();
        assertThat(second.count(MemoryQuery.all())).isZero();
      }
    }
  }

  @Nested
  class ByHand {
    @Test
    void givenPrintedSql_whenSomebodyRunsIt_thenTheStoreOpensWithoutMigrating()
        throws SQLException {
      database.sql(schema().printSql());

      try (PostgresMemoryStore store =
          PostgresMemoryStore.builder(database.dataSource()).namespace("n").checkOnly().open()) {
        store.memories().store("hello");
        store.embeddings().define("text", "m", 3);
        store.embeddings().put("text", "a", new float[] {1, 2, 3});
        assertThat(store.count(MemoryQuery.all())).isOne();
      }
      schema().migrate(); // nothing to do, though Flyway knows nothing of it
      assertThat(database.one("SELECT to_regclass('agent_memory.schema_history') IS NULL"))
          .isEqualTo("t");
    }

    @Test
    void givenPrintedSql_whenRead_thenItSaysWhichRightsItTakes() {
      assertThat(schema().printSql())
          .contains("CREATE SCHEMA IF NOT EXISTS \"agent_memory\"")
          .contains("GRANT SELECT, INSERT, UPDATE")
          .contains("CREATE TABLE \"agent_memory\".memories")
          .doesNotContain("${");
    }

    /** The class path of these tests without Flyway: what a user has who leaves it out. */
    private URLClassLoader withoutFlyway() throws IOException {
      List<URL> urls = new ArrayList<>();
      for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
        if (!Path.of(entry).getFileName().toString().startsWith("flyway-")) {
          urls.add(Path.of(entry).toUri().toURL());
        }
      }
      return new URLClassLoader(urls.toArray(new URL[0]), ClassLoader.getPlatformClassLoader());
    }

    private void openThere(URLClassLoader loader) throws Exception {
      Class<?> stores = loader.loadClass(MemoryStores.class.getName());
      Object store = stores.getMethod("open", String.class).invoke(null, database.url("n"));
      ((AutoCloseable) store).close();
    }

    @Test
    void givenNoFlyway_whenTheSchemaIsRight_thenTheStoreOpens() throws Exception {
      schema().migrate();
      try (URLClassLoader loader = withoutFlyway()) {
        openThere(loader);
      }
    }

    @Test
    void givenNoFlyway_whenTheSchemaIsMissing_thenTheErrorSaysWhatToAdd() throws Exception {
      try (URLClassLoader loader = withoutFlyway()) {
        assertThatThrownBy(() -> openThere(loader))
            .hasRootCauseInstanceOf(ClassNotFoundException.class)
            .cause()
            .hasMessageContaining("flyway-database-postgresql")
            .hasMessageContaining("printSql");
      }
    }
  }

  @Nested
  class Rights {
    @Test
    @Timeout(5) // Flyway alone would try for ten seconds
    void givenUserWithoutRights_whenTheSchemaIsMissing_thenTheErrorSaysSoAtOnce()
        throws SQLException {
      try (TestDatabase poor = TestDatabase.withoutRights("no rights")) {
        poor.sql("DROP SCHEMA agent_memory");

        assertThatExceptionOfType(UncategorizedStoreException.class)
            .isThrownBy(() -> poor.open("n"))
            .withMessageContaining("42501")
            .withMessageContaining("has no right");
      }
    }

    @Test
    void givenEmptySchemaOfSomebodyElse_whenOpened_thenTheErrorSaysSo() throws SQLException {
      try (TestDatabase poor = TestDatabase.withoutRights("no rights in it")) {
        poor.sql("ALTER SCHEMA agent_memory OWNER TO " + poor.user());
        poor.sql("GRANT USAGE ON SCHEMA agent_memory TO " + poor.role());

        assertThatExceptionOfType(UncategorizedStoreException.class)
            .isThrownBy(() -> poor.open("n"))
            .withMessageContaining("42501")
            .withMessageContaining("agent_memory");
      }
    }

    @Test
    void givenReaderWithSelectOnly_whenOpenedForReading_thenItReads() throws SQLException {
      try (TestDatabase poor = TestDatabase.withoutRights("reader")) {
        poor.sql("DROP SCHEMA agent_memory");
        try (PostgresMemoryStore owner =
            PostgresMemoryStore.builder(poor.dataSource()).namespace("n").open()) {
          owner.memories().store("hello");
        }
        poor.sql("GRANT USAGE ON SCHEMA agent_memory TO " + poor.role());
        poor.sql("GRANT SELECT ON ALL TABLES IN SCHEMA agent_memory TO " + poor.role());

        try (PostgresMemoryStore reader = poor.open("n", OpenMode.READ)) {
          assertThat(reader.count(MemoryQuery.all())).isOne();
          assertThat(reader.info().kinds()).containsEntry(Kind.MEMORY, 1L);
          assertThatExceptionOfType(UncategorizedStoreException.class)
              .isThrownBy(() -> reader.memories().store("no"))
              .withMessageContaining("reading only");
        }
      }
    }

    @Test
    void givenWriterWhoOwnsNothing_whenASpaceIsDefined_thenItsVectorsGoToTheDefaultPartition()
        throws SQLException {
      try (TestDatabase poor = TestDatabase.withoutRights("writer")) {
        poor.sql("DROP SCHEMA agent_memory");
        PostgresSchema.of(poor.dataSource(), "agent_memory").migrate();
        poor.sql("GRANT USAGE ON SCHEMA agent_memory TO " + poor.role());
        poor.sql(
            "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA agent_memory TO " + poor.role());
        poor.sql("GRANT USAGE ON ALL SEQUENCES IN SCHEMA agent_memory TO " + poor.role());

        try (PostgresMemoryStore writer = poor.open("n")) {
          writer.embeddings().define("text", "m", 2);
          writer.embeddings().put("text", "a", new float[] {1, 0});
          writer.embeddings().put("text", "b", new float[] {0, 1});

          assertThat(writer.search(SimilarQuery.nearest("text", new float[] {1, 0}).limit(1)))
              .extracting(SimilarQuery.Hit::target)
              .containsExactly("a");
          assertThat(writer.health().status()).isNotEqualTo(Health.Status.DOWN);
          assertThat(writer.health().notes()).anyMatch(note -> note.contains("default partition"));
          assertThat(poor.one("SELECT count(*) FROM agent_memory.embeddings_default"))
              .isEqualTo("2");
        }
      }
    }
  }

  @Nested
  class Extension {
    @Test
    void givenExtensionInASchemaOfItsOwn_whenUsed_thenItIsFoundThere() throws SQLException {
      database.sql("CREATE SCHEMA \"My Ext\"; CREATE EXTENSION vector SCHEMA \"My Ext\"");

      try (PostgresMemoryStore store = database.open("n")) {
        store.embeddings().define("text", "m", 2);
        store.embeddings().put("text", "a", new float[] {1, 0});
        store.embeddings().put("text", "zero", new float[] {0, 0});
        store.embeddings().put("text", "large", new float[] {3e30f, 1e30f});

        assertThat(store.search(SimilarQuery.nearest("text", new float[] {1, 0})))
            .extracting(SimilarQuery.Hit::target)
            .containsExactly("a", "large", "zero");
        assertThat(store.embeddings().find("text", "large").orElseThrow().vector())
            .containsExactly(3e30f, 1e30f);
        assertThat(store.health().notes()).noneMatch(note -> note.contains("real[]"));
        assertThat(store.info().version()).contains("pgvector");
      }
    }

    @Test
    void givenSchemaMadeWithoutIt_whenItArrivesLater_thenTheStoreGoesOnAndSaysSo()
        throws SQLException {
      try (TestDatabase poor = TestDatabase.withoutRights("late");
          PostgresMemoryStore store = poor.open("n")) {
        store.embeddings().define("text", "m", 2);
        store.embeddings().put("text", "a", new float[] {1, 0});
        assertThat(store.health().notes()).anyMatch(note -> note.contains("real[]"));

        poor.sql("CREATE EXTENSION vector");

        try (PostgresMemoryStore later = poor.open("n")) {
          later.embeddings().put("text", "b", new float[] {0, 1});
          assertThat(later.search(SimilarQuery.nearest("text", new float[] {0, 1})))
              .extracting(SimilarQuery.Hit::target)
              .containsExactly("b", "a");
          assertThat(later.health().notes()).anyMatch(note -> note.contains("has by now"));
        }
      }
    }

    @Test
    void givenVectorsThatFitAPage_whenPut_thenTheyStayInTheirRowAsTheyAre() throws SQLException {
      try (PostgresMemoryStore store = database.open("n")) {
        for (int floats : new int[] {1536, 2000}) {
          for (int preview : new int[] {0, 200, 1000}) {
            String space = "s" + floats + "-" + preview;
            store.embeddings().define(space, "m", floats);
            store.embeddings().put(embedding(space, "even", new float[floats], preview));
            store.embeddings().put(embedding(space, "random", random(floats), preview));

            String partition = Spaces.partition("agent_memory", Spaces.id("n", space));
            assertThat(
                    database.one(
                        "SELECT count(*) || ', ' || count(pg_column_compression(embedding)) FROM "
                            + partition))
                .as("vectors, and those that are compressed, of %s", space)
                .isEqualTo("2, 0");
            assertThat(outOfLine(partition)).as(space).isLessThanOrEqualTo(preview);
          }
        }
        assertThat(outOfLine(Spaces.partition("agent_memory", Spaces.id("n", "s1536-200"))))
            .as("a row that fits its page has nothing out of line")
            .isZero();
      }
    }

    @Test
    void givenVectorThatFitsNoPage_whenPut_thenItIsKeptAllTheSame() throws SQLException {
      try (PostgresMemoryStore store = database.open("n")) {
        for (int floats : new int[] {2010, 2560, 4096}) {
          String space = "s" + floats;
          Embedding embedding = embedding(space, "random", random(floats), 200);
          store.embeddings().define(space, "m", floats);
          store.embeddings().put(embedding);

          assertThat(store.embeddings().find(space, "random")).contains(embedding);
          assertThat(outOfLine(Spaces.partition("agent_memory", Spaces.id("n", space))))
              .as(space)
              .isGreaterThan(floats * Float.BYTES);
        }
      }
    }

    private Embedding embedding(String space, String target, float[] vector, int preview) {
      String text = HexFormat.of().formatHex(bytes(preview)).substring(0, preview);
      return Embedding.of(
          space,
          target,
          vector,
          preview == 0 ? Value.EMPTY_MAP : Value.EMPTY_MAP.with("preview", Value.of(text)));
    }

    private byte[] bytes(int length) {
      byte[] bytes = new byte[length];
      new Random(length).nextBytes(bytes);
      return bytes;
    }

    private float[] random(int floats) {
      Random random = new Random(floats);
      float[] vector = new float[floats];
      for (int i = 0; i < floats; i++) {
        vector[i] = (float) random.nextGaussian();
      }
      return vector;
    }

    /** The bytes of the longest value that is not in its row. */
    private int outOfLine(String partition) throws SQLException {
      String toast =
          database.one(
              "SELECT reltoastrelid::regclass FROM pg_class WHERE oid = '"
                  + partition
                  + "'::regclass");
      return Integer.parseInt(
          database.one(
              "SELECT coalesce(max(bytes), 0) FROM (SELECT sum(length(chunk_data)) AS bytes FROM "
                  + toast
                  + " GROUP BY chunk_id) AS values_out_of_line"));
    }

    @Test
    void givenTombstonesOfASpaceNotDefinedYet_whenItIsDefined_thenTheyMoveToItsPartition()
        throws SQLException {
      try (PostgresMemoryStore store = database.open("n")) {
        store.execute(
            new io.agentmemory.command.DeleteRecords(
                List.of(
                    new io.agentmemory.command.DeleteRecords.Delete(
                        Kind.EMBEDDING, io.agentmemory.Key.of("text", "gone"), 4))));
        store.embeddings().define("text", "m", 2);

        assertThat(store.read(Kind.EMBEDDING, io.agentmemory.Key.of("text", "gone")))
            .hasValueSatisfying(stored -> assertThat(stored.revision()).isEqualTo(4));
        assertThat(database.one("SELECT count(*) FROM agent_memory.embeddings_default"))
            .isEqualTo("0");
      }
    }
  }
}

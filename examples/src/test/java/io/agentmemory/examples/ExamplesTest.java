package io.agentmemory.examples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStores;
import io.agentmemory.OpenMode;
import io.agentmemory.testkit.TestPostgres;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.postgresql.ds.PGSimpleDataSource;

/** Every program, run. */
class ExamplesTest {
  @TempDir private Path folder;

  private static List<String> printed(Consumer<PrintStream> program) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (PrintStream out = new PrintStream(bytes, true, UTF_8)) {
      program.accept(out);
    }
    return bytes.toString(UTF_8).lines().toList();
  }

  private static long count(String url) {
    try (MemoryStore store = MemoryStores.open(url, OpenMode.READ)) {
      return store.count(MemoryQuery.all());
    }
  }

  private static String with(String url, String parameter) {
    return url + (url.contains("?") ? "&" : "?") + parameter;
  }

  @Test
  void givenFolder_whenQuickStartRuns_thenFindsWhatItStored() {
    String url = "file:" + folder.resolve("memory");

    List<String> lines = printed(out -> QuickStart.run(url, out));

    assertThat(lines).hasSize(2).startsWith("Lex likes short answers.");
    assertThat(count(url)).isEqualTo(1);
  }

  @Test
  @Tag("postgres")
  void givenDatabase_whenQuickStartRuns_thenFindsWhatItStored() {
    try (TestPostgres.Database database = TestPostgres.database("examples")) {
      List<String> lines = printed(out -> QuickStart.run(database.url(), out));

      assertThat(lines).hasSize(2).startsWith("Lex likes short answers.");
      assertThat(count(database.url())).isEqualTo(1);
    }
  }

  @Test
  @Tag("postgres")
  void givenFolderAndDatabase_whenASessionRuns_thenBothSayTheSame() {
    List<String> files = printed(out -> OneSession.run("file:" + folder.resolve("memory"), out));

    assertThat(files.get(0)).isEqualTo("2 causes, 2026-02-09");
    assertThat(files).hasSizeGreaterThan(2);
    assertThat(files.get(files.size() - 1)).isEqualTo("1 pairs observed, 0 decayed");
    try (TestPostgres.Database database = TestPostgres.database("examples")) {
      List<String> rows = printed(out -> OneSession.run(database.url(), out));

      assertThat(rows).hasSameSizeAs(files).contains(files.get(0), files.get(files.size() - 1));
    }
  }

  @Test
  @Tag("postgres")
  void givenPool_whenStoreIsClosed_thenMemoryIsThereAndPoolGoesOn() throws Exception {
    try (TestPostgres.Database database = TestPostgres.database("examples")) {
      PGSimpleDataSource pool = new PGSimpleDataSource();
      pool.setUrl(database.jdbcUrl());

      assertThat(printed(out -> OwnPool.run(pool, out))).hasSize(1);
      assertThat(printed(out -> OwnPool.run(pool, out))).hasSize(1);
      assertThat(count(with(database.url(), "namespace=drift"))).isEqualTo(2);
    }
  }

  @Test
  @Tag("postgres")
  void givenFilesInUse_whenMoved_thenDatabaseLeads() {
    String files = "file:" + folder.resolve("memory");
    printed(out -> QuickStart.run(files, out));
    try (TestPostgres.Database database = TestPostgres.database("examples")) {

      List<String> lines = printed(out -> MoveWhileWriting.run(files, database.url(), out));

      // until the copy, the database lacks the memory that led to the new one: told, and mended
      assertThat(lines.get(0)).startsWith("OUTCOME memory").endsWith("unchanged");
      assertThat(lines).hasSize(3);
      assertThat(lines.get(1)).startsWith("COMPLETE").endsWith("equal");
      assertThat(lines.get(2)).contains("stage=LIVE", "lagging=0");
      assertThat(count(database.url())).isEqualTo(2);
      assertThat(count(files)).isEqualTo(2);
    }
  }
}

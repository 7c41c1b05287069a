package io.agentmemory.localpg;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.localpg.LocalPostgres.Requirement;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("postgres")
class LocalPostgresTest {
  /** For tests that only look. */
  private static LocalPostgres shared;

  @BeforeAll
  static void open() {
    shared = start();
  }

  @AfterAll
  static void close() {
    shared.close();
  }

  private static LocalPostgres start() {
    return LocalPostgres.require(Requirement.ANY).fast().start();
  }

  private static String ask(String jdbcUrl, String sql) throws SQLException {
    try (Connection connection = DriverManager.getConnection(jdbcUrl);
        Statement statement = connection.createStatement()) {
      if (!statement.execute(sql)) {
        return "";
      }
      try (ResultSet rows = statement.getResultSet()) {
        return rows.next() ? rows.getString(1) : "";
      }
    }
  }

  /** Every process whose command line names the folder. */
  private static List<ProcessHandle> processesOf(Path folder) {
    return ProcessHandle.allProcesses()
        .filter(handle -> !ClusterFolder.isGone(handle))
        .filter(h -> h.info().commandLine().orElse("").contains(folder.toString() + "/data"))
        .toList();
  }

  @Nested
  class Start {
    @Test
    void givenInstalledServer_whenStarted_thenItAnswersOnLoopbackOnly() throws Exception {
      assertThat(shared.isRunning()).isTrue();
      assertThat(ask(shared.jdbcUrl(), "SHOW listen_addresses")).isEqualTo("127.0.0.1");
      assertThat(ask(shared.jdbcUrl(), "SHOW unix_socket_directories")).isEmpty();
      assertThat(ask(shared.jdbcUrl(), "SHOW server_encoding")).isEqualTo("UTF8");
      assertThat(ask(shared.jdbcUrl(), "SHOW server_version")).startsWith(shared.version());
      assertThat(shared.port()).isBetween(20_000, 31_999);
      assertThat(shared.url())
          .isEqualTo(
              "postgresql://postgres@127.0.0.1:%s/postgres?password=%s",
              shared.port(), shared.password());
      assertThat(shared.toString()).doesNotContain(shared.password());
    }

    @Test
    void givenRoot_whenStarted_thenServerRunsAsSomebodyElse() throws Exception {
      ProcessHandle postmaster = shared.folder().postmaster().orElseThrow();

      assertThat(postmaster.info().user().orElseThrow()).isNotEqualTo("root");
      assertThat(Files.getPosixFilePermissions(shared.folder().data()))
          .allMatch(permission -> permission.name().startsWith("OWNER"));
    }

    @Test
    void givenWrongPassword_whenConnected_thenRefused() {
      String wrong = shared.jdbcUrl().replace(shared.password(), "wrong");

      assertThatExceptionOfType(SQLException.class).isThrownBy(() -> ask(wrong, "SELECT 1"));
    }

    @Test
    void givenSettings_whenStarted_thenServerHasThem() throws Exception {
      LocalPostgres.Builder builder =
          LocalPostgres.require(Requirement.ANY)
              .setting("max_connections", "17")
              .setting("application_name", "it's");
      try (LocalPostgres server = builder.start()) {
        assertThat(ask(server.jdbcUrl(), "SHOW max_connections")).isEqualTo("17");
        assertThat(
                ask(
                    server.jdbcUrl(),
                    "SELECT setting FROM pg_file_settings WHERE name = 'application_name'"))
            .isEqualTo("it's");
        assertThat(ask(server.jdbcUrl(), "SHOW fsync")).isEqualTo("on");
      }
    }

    @Test
    void givenFast_whenStarted_thenOnlyForcingIsOff() throws Exception {
      assertThat(ask(shared.jdbcUrl(), "SHOW fsync")).isEqualTo("off");
      assertThat(ask(shared.jdbcUrl(), "SHOW synchronous_commit")).isEqualTo("on");
    }

    @Test
    void givenSettingThatServerRefuses_whenStarted_thenItsLastWordsAreTold() {
      LocalPostgres.Builder builder =
          LocalPostgres.require(Requirement.ANY).setting("shared_buffers", "much");

      assertThatExceptionOfType(LocalPostgresException.class)
          .isThrownBy(builder::start)
          .withMessageContaining("does not start on port")
          .withMessageContaining("invalid value for parameter \"shared_buffers\": \"much\"");
    }

    @Test
    void givenTwoAtOnce_whenOneStops_thenTheOtherGoesOn() throws Exception {
      try (LocalPostgres one = start();
          LocalPostgres other = start()) {
        assertThat(one.port()).isNotEqualTo(other.port());

        one.kill();

        assertThat(one.isRunning()).isFalse();
        assertThat(ask(other.jdbcUrl(), "SELECT 1")).isEqualTo("1");
      }
    }
  }

  @Nested
  class StopKillRestart {
    @Test
    void givenCommittedRow_whenKilledAndRestarted_thenItIsThereOnTheSamePort() throws Exception {
      try (LocalPostgres server = start()) {
        int port = server.port();
        ask(server.jdbcUrl(), "CREATE TABLE t AS SELECT 42 AS answer");
        try (Connection idle = DriverManager.getConnection(server.jdbcUrl())) {
          Path folder = server.folder().path();

          server.kill();

          assertThat(server.isRunning()).isFalse();
          assertThat(processesOf(folder)).isEmpty();
          assertThat(idle.isValid(1)).isFalse();
        }
        assertThatExceptionOfType(SQLException.class)
            .isThrownBy(() -> ask(server.jdbcUrl(), "SELECT 1"));
        server.restart();
        assertThat(server.port()).isEqualTo(port);
        assertThat(ask(server.jdbcUrl(), "SELECT answer FROM t")).isEqualTo("42");
      }
    }

    @Test
    void givenOpenSession_whenStopped_thenItDoesNotWaitForIt() throws Exception {
      try (LocalPostgres server = start();
          Connection idle = DriverManager.getConnection(server.jdbcUrl())) {
        server.stop();
        server.stop();

        assertThat(server.isRunning()).isFalse();
        assertThat(idle.isValid(1)).isFalse();
      }
    }

    @Test
    void givenRunningServer_whenRestarted_thenSettingsAreKept() throws Exception {
      try (LocalPostgres server = start()) {
        server.restart();

        assertThat(ask(server.jdbcUrl(), "SHOW fsync")).isEqualTo("off");
      }
    }

    @Test
    void givenManyKills_whenRestartedAtOnce_thenItComesUpEachTime() throws Exception {
      try (LocalPostgres server = start();
          Connection keeper = DriverManager.getConnection(server.jdbcUrl())) {
        for (int i = 0; i < 5; i++) {
          server.kill();
          server.restart();
          assertThat(ask(server.jdbcUrl(), "SELECT 1")).isEqualTo("1");
        }
        assertThat(keeper.isValid(1)).isFalse();
      }
    }
  }

  @Nested
  class Close {
    @Test
    void givenRunningServer_whenClosed_thenNoProcessAndNoFileIsLeft() throws Exception {
      LocalPostgres server = start();
      Path folder = server.folder().path();
      assertThat(processesOf(folder)).isNotEmpty();

      server.close();
      server.close();

      assertThat(processesOf(folder)).isEmpty();
      assertThat(folder).doesNotExist();
      assertThatExceptionOfType(IllegalStateException.class).isThrownBy(server::restart);
    }

    @Test
    void givenServerLeftOpen_whenJvmEnds_thenNothingIsLeft() throws Exception {
      Holder holder = Holder.start();

      holder.process().getOutputStream().close(); // main returns

      assertThat(holder.process().waitFor(30, SECONDS)).isTrue();
      assertThat(processesOf(holder.folder())).isEmpty();
      assertThat(holder.folder()).doesNotExist();
    }

    @Test
    void givenServerLeftOpen_whenJvmIsTerminated_thenNothingIsLeft() throws Exception {
      Holder holder = Holder.start();

      holder.process().destroy(); // SIGTERM: hooks run, as on Ctrl-C

      assertThat(holder.process().waitFor(30, SECONDS)).isTrue();
      assertThat(processesOf(holder.folder())).isEmpty();
      assertThat(holder.folder()).doesNotExist();
    }
  }

  @Nested
  class Reap {
    @Test
    void givenJvmWasKilled_whenNextServerStarts_thenItsServerAndFolderAreGone() throws Exception {
      Holder holder = Holder.start();
      holder.process().destroyForcibly().waitFor();
      assertThat(processesOf(holder.folder())).as("outlives its JVM").isNotEmpty();

      start().close();

      assertThat(processesOf(holder.folder())).isEmpty();
      assertThat(holder.folder()).doesNotExist();
    }

    @Test
    void givenJvmIsAlive_whenNextServerStarts_thenItsServerStays() throws Exception {
      Holder holder = Holder.start();
      try {
        start().close();

        assertThat(processesOf(holder.folder())).isNotEmpty();
      } finally {
        holder.process().destroy();
        holder.process().waitFor();
      }
    }

    @Test
    void givenFoldersThatOnlyLookLikeOurs_whenServerStarts_thenTheyStay() throws Exception {
      Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
      String dead = "agentmemory-localpg owner 1\n999999999\n\n" + space() + "\n";
      Map<String, String> notes =
          Map.of(
              "agentmemory-localpg-00000000000000a",
              dead, // a digit short
              "agentmemory-localpg-00000000000000000",
              dead, // a digit too many
              "agentmemory-localpg-000000000000000g",
              dead, // no digit
              "agentmemory-localpg-0000000000000001",
              dead.replace("owner 1", "owner 2"),
              "agentmemory-localpg-0000000000000002",
              dead.replace(space(), "pid:[1]"),
              "agentmemory-localpg-0000000000000003",
              dead.replace("999999999", "nobody"),
              "agentmemory-localpg-0000000000000004",
              "");
      String abandoned = "agentmemory-localpg-0000000000000005";
      try {
        for (Map.Entry<String, String> entry : notes.entrySet()) {
          make(temporary.resolve(entry.getKey()), entry.getValue());
        }
        make(temporary.resolve(abandoned), dead);
        Files.createDirectory(temporary.resolve("agentmemory-localpg-0000000000000006"));

        ClusterFolder.reap();

        assertThat(temporary.resolve(abandoned)).doesNotExist();
        assertThat(notes.keySet()).allMatch(name -> Files.exists(temporary.resolve(name)));
        assertThat(temporary.resolve("agentmemory-localpg-0000000000000006")).exists();
      } finally {
        for (String name : notes.keySet()) {
          Files.deleteIfExists(temporary.resolve(name).resolve("owner"));
          Files.deleteIfExists(temporary.resolve(name));
        }
        Files.deleteIfExists(temporary.resolve("agentmemory-localpg-0000000000000006"));
      }
    }

    private static void make(Path folder, String note) throws IOException {
      Files.createDirectory(folder);
      Files.writeString(folder.resolve("owner"), note);
    }

    private static String space() {
      try {
        return Files.readSymbolicLink(Path.of("/proc/self/ns/pid")).toString();
      } catch (IOException e) {
        return "one";
      }
    }
  }

  @Nested
  class Find {
    @Test
    void givenServerHere_whenFound_thenItsProgramsAreReal() {
      LocalPostgres.Builder builder = LocalPostgres.find(Requirement.ANY).orElseThrow();

      assertThat(builder.binaries().resolve("postgres")).isExecutable();
      assertThat(Integer.parseInt(builder.version().split("\\D")[0])).isGreaterThanOrEqualTo(14);
    }

    @Test
    void givenServerHere_whenStartedFromItsBinaries_thenItIsTheSame() throws Exception {
      Path binaries = LocalPostgres.require(Requirement.ANY).binaries();
      try (LocalPostgres server = LocalPostgres.fromBinaries(binaries).fast().start()) {
        assertThat(ask(server.jdbcUrl(), "SELECT 1")).isEqualTo("1");
      }
    }

    @Test
    void givenVectorIsPromised_whenCreated_thenItIsThere() throws Exception {
      String known = "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'";

      assertThat(ask(shared.jdbcUrl(), known)).isEqualTo(shared.hasVector() ? "1" : "0");
    }

    @Test
    void givenFolderWithoutServer_whenTaken_thenSaysWhatIsMissing(@TempDir Path folder) {
      assertThatExceptionOfType(LocalPostgresException.class)
          .isThrownBy(() -> LocalPostgres.fromBinaries(folder))
          .withMessageContaining(folder.toString())
          .withMessageContaining("no program postgres");
    }

    @Test
    void givenProgramsOfAnotherKind_whenTaken_thenSaysWhatTheySaid(@TempDir Path folder)
        throws Exception {
      for (String name : List.of("postgres", "initdb", "pg_ctl")) {
        Path program = Files.writeString(folder.resolve(name), "#!/bin/sh\necho hello\n");
        assertThat(program.toFile().setExecutable(true)).isTrue();
      }

      assertThatExceptionOfType(LocalPostgresException.class)
          .isThrownBy(() -> LocalPostgres.fromBinaries(folder))
          .withMessageContaining("postgres --version said: hello");
    }
  }

  @Nested
  class CreateDatabase {
    @Test
    void givenNewName_whenCreated_thenItIsEmptyAndItsOwn() throws Exception {
      shared.createDatabase("one_1");

      assertThat(ask(shared.jdbcUrl("one_1"), "SELECT current_database()")).isEqualTo("one_1");
    }

    @Test
    void givenTakenName_whenCreated_thenServerSaysSo() {
      shared.createDatabase("twice");

      assertThatExceptionOfType(LocalPostgresException.class)
          .isThrownBy(() -> shared.createDatabase("twice"))
          .withMessageContaining("database \"twice\" already exists");
    }

    @Test
    void givenNameWithSql_whenCreated_thenRefusedBeforeAsking() {
      assertThatExceptionOfType(IllegalArgumentException.class)
          .isThrownBy(() -> shared.createDatabase("a; DROP DATABASE postgres"));
    }
  }

  /** A JVM of its own with a server. */
  private record Holder(Process process, Path folder) {
    static Holder start() throws IOException {
      Process process =
          new ProcessBuilder(
                  System.getProperty("java.home") + File.separator + "bin/java",
                  "-Xmx64m",
                  "-cp",
                  System.getProperty("java.class.path"),
                  ServerHolder.class.getName())
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      BufferedReader said =
          new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8));
      String line = said.readLine();
      assertThat(line).as("the folder of the child's server").isNotNull();
      return new Holder(process, Path.of(line));
    }
  }
}

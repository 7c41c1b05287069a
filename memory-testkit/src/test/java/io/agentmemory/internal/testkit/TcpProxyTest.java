package io.agentmemory.internal.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.internal.testkit.TcpProxy.Cut;
import io.agentmemory.internal.testkit.TcpProxy.Trap;
import io.agentmemory.testkit.TestPostgres;
import java.io.IOException;
import java.net.URI;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Tag("postgres")
@Timeout(60)
final class TcpProxyTest {
  private static TestPostgres.Database database;

  private TcpProxy proxy;

  @BeforeAll
  static void create() throws SQLException {
    database = TestPostgres.database("proxy");
    try (Connection direct = database.connect();
        Statement statement = direct.createStatement()) {
      statement.execute("CREATE TABLE written (what text PRIMARY KEY)");
    }
  }

  @AfterAll
  static void drop() {
    database.close();
  }

  @BeforeEach
  void open() throws IOException {
    URI uri = URI.create(database.url());
    proxy = TcpProxy.to(uri.getHost(), uri.getPort() < 0 ? 5432 : uri.getPort());
  }

  @AfterEach
  void close() {
    proxy.close();
  }

  private Connection connect() throws SQLException {
    String address = URI.create(database.url()).getAuthority().replaceFirst(".*@", "");
    String url = database.jdbcUrl().replace(address + "/", "127.0.0.1:" + proxy.port() + "/");
    return DriverManager.getConnection(url);
  }

  private static void write(Connection connection, String what) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("INSERT INTO written VALUES ('" + what + "')");
    }
  }

  private static boolean isWritten(String what) throws SQLException {
    try (Connection direct = database.connect();
        Statement statement = direct.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT EXISTS (SELECT FROM written WHERE what = '" + what + "')")) {
      row.next();
      return row.getBoolean(1);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Cut.class,
      names = {"NOWHERE", "LATE"},
      mode = EnumSource.Mode.EXCLUDE)
  void givenTrap_whenItsStatementComes_thenTheClientIsCutAndTheServerHasWhatItSays(Cut cut)
      throws SQLException {
    try (Connection connection = connect()) {
      write(connection, "before " + cut);
      Trap trap = proxy.trap("INSERT INTO", cut);

      assertThatExceptionOfType(SQLException.class)
          .isThrownBy(() -> write(connection, cut.name()))
          .satisfies(e -> assertThat(e.getSQLState()).startsWith("08"));
      trap.awaitEnd();
    }
    assertThat(isWritten("before " + cut)).isTrue();
    assertThat(isWritten(cut.name())).isEqualTo(cut == Cut.AFTER || cut == Cut.BEFORE_ANSWER);
    try (Connection next = connect()) { // a trap springs once
      write(next, "after " + cut);
    }
  }

  @Test
  void givenCommitThatIsLate_whenReleased_thenItTakesEffectThen() throws SQLException {
    try (Connection connection = connect()) {
      connection.setAutoCommit(false);
      for (int i = 0; i < 10; i++) { // by then the driver has a name for the statement
        write(connection, "early " + i);
        connection.commit();
      }
      write(connection, "late");
      Trap trap = proxy.trap("COMMIT", Cut.LATE);

      assertThatExceptionOfType(SQLException.class).isThrownBy(connection::commit);
      assertThat(isWritten("late")).isFalse();
      trap.release();

      assertThat(isWritten("late")).isTrue();
    }
  }

  @Test
  void givenTrapThatCutsNowhere_whenTheServerEndsTheSession_thenTheClientHearsOfIt()
      throws Exception {
    try (Connection connection = connect()) {
      Trap trap = proxy.trap("INSERT INTO", Cut.NOWHERE);
      CompletableFuture<Void> writing =
          CompletableFuture.runAsync(
              () ->
                  assertThatExceptionOfType(SQLException.class)
                      .isThrownBy(() -> write(connection, "nowhere")));
      trap.awaitSprung();
      assertThat(writing).isNotDone();
      try (Connection direct = database.connect();
          Statement statement = direct.createStatement()) {
        statement.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                + " WHERE datname = current_database() AND pid <> pg_backend_pid()");
      }

      writing.get(20, TimeUnit.SECONDS);
      assertThat(isWritten("nowhere")).isFalse();
    }
  }

  @Test
  void givenSilence_whenItEnds_thenWhatWasHeldBackGetsThrough() throws Exception {
    try (Connection connection = connect()) {
      proxy.silence();
      CompletableFuture<Void> writing =
          CompletableFuture.runAsync(
              () -> {
                try {
                  write(connection, "silent");
                } catch (SQLException e) {
                  throw new IllegalStateException(e);
                }
              });
      assertThat(isWritten("silent")).isFalse();
      proxy.speak();

      writing.get(20, TimeUnit.SECONDS);
      assertThat(isWritten("silent")).isTrue();
    }
  }

  @Test
  void givenRefusal_whenItEnds_thenNobodyGotInMeanwhileAndLinesThatStoodGoOn() throws SQLException {
    try (Connection connection = connect()) {
      proxy.refuse();
      assertThatExceptionOfType(SQLException.class)
          .isThrownBy(this::connect)
          .satisfies(e -> assertThat(e.getSQLState()).isEqualTo("08001"));
      write(connection, "while others are refused");
      proxy.accept();
      connect().close();

      proxy.cut();
      assertThatExceptionOfType(SQLException.class)
          .isThrownBy(() -> write(connection, "on a line that is cut"));
    }
  }
}

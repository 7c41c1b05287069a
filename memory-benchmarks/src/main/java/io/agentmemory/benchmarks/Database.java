package io.agentmemory.benchmarks;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.agentmemory.localpg.LocalPostgres;
import io.agentmemory.localpg.LocalPostgres.Requirement;
import io.agentmemory.testkit.TestPostgres;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** An empty database, with one pool that the store and the yardsticks share. */
final class Database implements AutoCloseable {
  private final Runnable stop;
  private final String jdbcUrl;
  private final HikariDataSource pool;

  private Database(Runnable stop, String jdbcUrl) {
    this.stop = stop;
    this.jdbcUrl = jdbcUrl;
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(jdbcUrl);
    config.setMaximumPoolSize(8);
    config.addDataSourceProperty("reWriteBatchedInserts", "true"); // for the yardstick that batches
    config.addDataSourceProperty("logServerErrorDetail", "false");
    pool = new HikariDataSource(config);
  }

  /**
   * A database on the server of {@code MEMORY_TEST_PG_URL}, else on a throw-away server that forces
   * to disk, made from an installation that has pgvector, else in a container.
   *
   * @throws IllegalStateException if there is none; says what to do
   */
  static Database open() {
    String named = System.getenv("MEMORY_TEST_PG_URL");
    Optional<LocalPostgres.Builder> local = LocalPostgres.find(Requirement.VECTOR);
    if (local.isEmpty() || (named != null && !named.isBlank())) {
      return forTests();
    }
    // Checkpoints and vacuums come when they like, and fall on one side or the other.
    LocalPostgres server =
        local
            .get()
            .setting("autovacuum", "off")
            .setting("checkpoint_timeout", "1h")
            .setting("max_wal_size", "8GB")
            .start();
    try {
      server.createDatabase("bench");
      return new Database(server::close, server.jdbcUrl("bench"));
    } catch (RuntimeException e) {
      server.close();
      throw e;
    }
  }

  /** A database on the server that the tests use, which need not force to disk. */
  static Database forTests() {
    TestPostgres.Database database = TestPostgres.database("bench");
    return new Database(database::close, database.jdbcUrl());
  }

  HikariDataSource pool() {
    return pool;
  }

  /** With the login, so not for eyes. */
  String jdbcUrl() {
    return jdbcUrl;
  }

  /** The first column of the first row. */
  String ask(String sql) throws SQLException {
    try (Connection connection = pool.getConnection();
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      rows.next();
      return String.valueOf(rows.getString(1));
    }
  }

  void execute(String sql) throws SQLException {
    try (Connection connection = pool.getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  /** An empty table with the columns, indexes and storage of another, in a schema of its own. */
  String likeness(String table) throws SQLException {
    String likeness = "yardstick." + table.substring(table.indexOf('.') + 1);
    execute("CREATE SCHEMA IF NOT EXISTS yardstick");
    execute("DROP TABLE IF EXISTS " + likeness);
    execute("CREATE TABLE " + likeness + " (LIKE " + table + " INCLUDING ALL)");
    return likeness;
  }

  /** The columns of a table in their order. */
  List<String> columns(String table) throws SQLException {
    try (Connection connection = pool.getConnection();
        PreparedStatement statement =
            connection.prepareStatement(
                "SELECT attname FROM pg_attribute WHERE attrelid = ?::regclass AND attnum > 0"
                    + " AND NOT attisdropped AND attgenerated = '' ORDER BY attnum")) {
      statement.setString(1, table);
      try (ResultSet rows = statement.executeQuery()) {
        List<String> columns = new ArrayList<>();
        while (rows.next()) {
          columns.add(rows.getString(1));
        }
        return columns;
      }
    }
  }

  @Override
  public void close() {
    pool.close();
    stop.run();
  }
}

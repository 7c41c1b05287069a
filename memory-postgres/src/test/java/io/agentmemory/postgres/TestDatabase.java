package io.agentmemory.postgres;

import io.agentmemory.MemoryStores;
import io.agentmemory.OpenMode;
import io.agentmemory.internal.testkit.TcpProxy;
import io.agentmemory.testkit.TestPostgres;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.postgresql.ds.PGSimpleDataSource;

/** A database of one test class; its tests keep apart by namespace. */
final class TestDatabase implements AutoCloseable {
  private static final AtomicInteger COUNT = new AtomicInteger();

  private final TestPostgres.Database database;
  private final String role;

  private TestDatabase(TestPostgres.Database database, String role) {
    this.database = database;
    this.role = role;
  }

  /** An empty database in which the extension can be created. */
  static TestDatabase create(String purpose) {
    return new TestDatabase(TestPostgres.database(purpose), "");
  }

  /** One whose user may create neither extensions nor schemas, but owns the empty schema. */
  static TestDatabase withoutRights(String purpose) throws SQLException {
    TestPostgres.Database database = TestPostgres.database(purpose);
    String role = database.name() + "_plain";
    TestDatabase created = new TestDatabase(database, role);
    created.sql("CREATE ROLE " + role + " LOGIN PASSWORD '" + role + "'");
    created.sql("CREATE SCHEMA agent_memory AUTHORIZATION " + role);
    return created;
  }

  /** The role that stores work as, if it is not the user. */
  String role() {
    return role;
  }

  String name() {
    return database.name();
  }

  String user() {
    return database.user();
  }

  /** The address of a namespace in the default schema. */
  String url(String namespace) {
    String url = database.url();
    if (!role.isEmpty()) {
      url = url.replace("//" + database.user() + "@", "//" + role + "@");
      url = url.replaceAll("[?&]password=[^&]*", "");
      url += (url.indexOf('?') < 0 ? "?" : "&") + "password=" + role;
    }
    return url
        + (url.indexOf('?') < 0 ? "?" : "&")
        + "namespace="
        + URLEncoder.encode(namespace, StandardCharsets.UTF_8).replace("+", "%20");
  }

  /** A line to its server that breaks on command. */
  TcpProxy proxy() throws IOException {
    URI uri = URI.create(database.url());
    return TcpProxy.to(uri.getHost(), uri.getPort() < 0 ? 5432 : uri.getPort());
  }

  /** Opens a namespace over that line. */
  PostgresMemoryStore open(String namespace, TcpProxy proxy) {
    String address = URI.create(database.url()).getAuthority().replaceFirst(".*@", "");
    return (PostgresMemoryStore)
        MemoryStores.open(url(namespace).replace(address + "/", "127.0.0.1:" + proxy.port() + "/"));
  }

  /** Waits until somebody waits for a lock in it. */
  void awaitWaiting() throws SQLException {
    await("count(*) > 0", "wait_event_type = 'Lock'", "nobody waits for a lock");
  }

  /** Waits until nobody is connected to it any more. */
  void awaitNobody() throws SQLException {
    await(
        "count(*) = 0",
        "backend_type = 'client backend' AND pid <> pg_backend_pid()",
        "somebody stays connected");
  }

  private void await(String what, String where, String otherwise) throws SQLException {
    String question =
        "SELECT " + what + " FROM pg_stat_activity WHERE datname = current_database() AND " + where;
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (one(question).equals("f")) {
      if (System.nanoTime() > end) {
        throw new IllegalStateException(otherwise);
      }
    }
  }

  /** A namespace that no other test uses. */
  static String namespace() {
    return "test-" + COUNT.incrementAndGet();
  }

  PostgresMemoryStore open(String namespace) {
    return (PostgresMemoryStore) MemoryStores.open(url(namespace));
  }

  PostgresMemoryStore open(String namespace, OpenMode mode) {
    return (PostgresMemoryStore) MemoryStores.open(url(namespace), mode);
  }

  PostgresMemoryStore open() {
    return open(namespace());
  }

  /** Connections that are not pooled, as a user without a pool has them. */
  PGSimpleDataSource dataSource() {
    PGSimpleDataSource source = new PGSimpleDataSource();
    source.setUrl(database.jdbcUrl());
    return source;
  }

  Connection connect() throws SQLException {
    return database.connect();
  }

  /** Runs SQL behind the store's back, as the server's own user. */
  void sql(String sql) throws SQLException {
    try (Connection connection = connect();
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  /** The first column of the only row, as text. */
  String one(String sql) throws SQLException {
    try (Connection connection = connect();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return String.valueOf(row.getString(1));
    }
  }

  @Override
  public void close() {
    database.close();
    if (!role.isEmpty()) {
      try (TestPostgres.Database other = TestPostgres.database("drop");
          Connection connection = other.connect();
          Statement statement = connection.createStatement()) {
        statement.execute("DROP ROLE " + role);
      } catch (SQLException e) {
        throw new IllegalStateException(e);
      }
    }
  }
}

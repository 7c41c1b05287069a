package io.agentmemory.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import io.agentmemory.localpg.LocalPostgres;
import io.agentmemory.localpg.LocalPostgres.Requirement;
import io.agentmemory.localpg.LocalPostgresException;
import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * PostgreSQL for tests: one server for the whole JVM, one empty database for whoever asks. The
 * server is, in this order:
 *
 * <ol>
 *   <li>the one that the environment variable {@code MEMORY_TEST_PG_URL} names, as {@code
 *       postgresql://user@host:port/db}, with the password in {@code PGPASSWORD}, {@code .pgpass}
 *       or the parameter {@code password}; the user must be allowed to create databases;
 *   <li>a throw-away one made from an installation that has pgvector, see {@link LocalPostgres};
 *   <li>the image {@code pgvector/pgvector:pg17}, if Testcontainers is on the class path and a
 *       Docker engine answers.
 * </ol>
 *
 * If there is none, every call throws: tests that need a server fail, they are not skipped. Tests
 * that stop or kill their server start one of their own with {@link LocalPostgres}. Thread-safe.
 */
public final class TestPostgres {
  static final String VARIABLE = "MEMORY_TEST_PG_URL";

  private static final Set<String> OURS = Set.of("namespace", "schema", "user", "password");
  private static final AtomicInteger COUNT = new AtomicInteger();
  private static final Set<Database> OPEN = ConcurrentHashMap.newKeySet();

  /** Parallel runs on one server must not meet. */
  private static final String RUN =
      HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextInt());

  private static @Nullable Server server;
  private static @Nullable IllegalStateException failure;

  private TestPostgres() {}

  /**
   * An empty database on the server of this JVM.
   *
   * @param name its name
   * @param url its store URL, login included
   * @param jdbcUrl its JDBC URL, login included
   * @param user who owns it
   * @param password the password of {@code user}, empty if the server wants none or pgjdbc finds it
   */
  public record Database(String name, String url, String jdbcUrl, String user, String password)
      implements AutoCloseable {
    /** Opens a connection of its own. */
    public Connection connect() throws SQLException {
      return DriverManager.getConnection(jdbcUrl);
    }

    /** Drops it, whoever is connected. Idempotent. Without it, the database goes with the JVM. */
    @Override
    public void close() {
      if (OPEN.remove(this)) {
        execute(server(), "DROP DATABASE IF EXISTS " + name + " WITH (FORCE)");
      }
    }

    /** Names the database, not the password. */
    @Override
    public String toString() {
      return name;
    }
  }

  /**
   * A new empty database, which takes about 12 ms. Where the server can, its default order is that
   * of a language and not that of code points, so that an ORDER BY that forgot its collation shows.
   *
   * @param purpose goes into the name, for those who look at the server
   * @throws IllegalStateException if there is no server; the message says what was tried and what
   *     to do
   */
  public static Database database(String purpose) {
    Server at = server();
    String plain = purpose.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "_");
    String name =
        "t_%s_%d_%s"
            .formatted(
                RUN, COUNT.incrementAndGet(), plain.substring(0, Math.min(30, plain.length())));
    execute(at, "CREATE DATABASE " + name + at.databaseOptions());
    Database database =
        new Database(name, at.url(name), at.jdbcUrl(name), at.user(), at.password());
    OPEN.add(database);
    return database;
  }

  /**
   * Whether the extension {@code vector} can be created. Only the server of {@code
   * MEMORY_TEST_PG_URL} may lack it.
   *
   * @throws IllegalStateException as for {@link #database}
   */
  public static boolean hasVector() {
    return server().hasVector();
  }

  /**
   * What the server says it is, such as {@code 15.18}.
   *
   * @throws IllegalStateException as for {@link #database}
   */
  public static String version() {
    return server().version();
  }

  private static synchronized Server server() {
    if (failure != null) { // do not try again for each of a thousand tests
      throw new IllegalStateException(failure.getMessage(), failure);
    }
    if (server == null) {
      try {
        server = find(System.getenv(VARIABLE));
      } catch (IllegalStateException e) {
        failure = e;
        throw e;
      }
    }
    return server;
  }

  private static Server find(@Nullable String url) {
    if (url != null && !url.isBlank()) {
      Server named = ask(parse(url.strip()), "the server of " + VARIABLE);
      Runtime.getRuntime().addShutdownHook(new Thread(TestPostgres::dropAll, "test-postgres-drop"));
      return named;
    }
    Optional<LocalPostgres.Builder> local = LocalPostgres.find(Requirement.VECTOR);
    if (local.isPresent()) { // its own shutdown hook ends it
      LocalPostgres started = local.get().fast().setting("max_connections", "300").start();
      return ask(
          new Login(
              "127.0.0.1:" + started.port(), "postgres", started.user(), started.password(), ""),
          started.toString());
    }
    Optional<Login> container = container();
    if (container.isPresent()) {
      return ask(container.get(), "the container of " + Containers.IMAGE);
    }
    throw new IllegalStateException(
        "no PostgreSQL with pgvector for the tests: "
            + VARIABLE
            + " is not set, "
            + whyNotLocal()
            + ", and no Docker engine answers; run bin/check, which sets it up");
  }

  private static String whyNotLocal() {
    try {
      return LocalPostgres.require(Requirement.VECTOR).version() + " came up this moment";
    } catch (LocalPostgresException e) {
      return requireNonNull(e.getMessage());
    }
  }

  private static Optional<Login> container() {
    try {
      Class.forName("org.testcontainers.postgresql.PostgreSQLContainer");
    } catch (ClassNotFoundException | LinkageError e) {
      return Optional.empty(); // an optional dependency
    }
    return Containers.start();
  }

  /**
   * Who may connect where.
   *
   * @param address host and port as they stand in a URL
   * @param parameters pgjdbc's own, each behind an ampersand
   */
  record Login(String address, String database, String user, String password, String parameters) {
    String url(String name) {
      String query = (password.isEmpty() ? "" : "&password=" + encode(password)) + parameters;
      return "postgresql://"
          + encode(user)
          + "@"
          + address
          + "/"
          + name
          + (query.isEmpty() ? "" : "?" + query.substring(1));
    }

    String jdbcUrl(String name) {
      return "jdbc:postgresql://"
          + address
          + "/"
          + name
          + "?user="
          + encode(user)
          + (password.isEmpty() ? "" : "&password=" + encode(password))
          + parameters;
    }

    @Override
    public String toString() {
      return user + "@" + address + "/" + database;
    }
  }

  private record Server(Login login, String version, boolean hasVector, String databaseOptions) {
    String url(String name) {
      return login.url(name);
    }

    String jdbcUrl(String name) {
      return login.jdbcUrl(name);
    }

    String user() {
      return login.user();
    }

    String password() {
      return login.password();
    }
  }

  /**
   * Reads our form of URL: {@code postgresql://[user[:password]@]host[:port]/db[?name=value&...]}.
   */
  static Login parse(String text) {
    URI uri;
    try {
      uri = URI.create(text);
    } catch (IllegalArgumentException e) {
      throw malformed(); // its message would print the password
    }
    String path = uri.getRawPath();
    String scheme = uri.getScheme();
    if (uri.getHost() == null
        || path == null
        || path.length() < 2
        || !("postgresql".equals(scheme) || "postgres".equals(scheme))) {
      throw malformed();
    }
    String[] login = Optional.ofNullable(uri.getRawUserInfo()).orElse("").split(":", 2);
    String user = login[0].isEmpty() ? System.getProperty("user.name") : decode(login[0]);
    String password = login.length > 1 ? decode(login[1]) : "";
    StringBuilder parameters = new StringBuilder();
    for (String parameter : Optional.ofNullable(uri.getRawQuery()).orElse("").split("&")) {
      String[] parts = parameter.split("=", 2);
      String value = parts.length > 1 ? decode(parts[1]) : "";
      if (parts[0].equals("user")) {
        user = value;
      } else if (parts[0].equals("password")) {
        password = value;
      } else if (!parts[0].isEmpty() && !OURS.contains(parts[0])) {
        parameters.append('&').append(parameter);
      }
    }
    if (password.isEmpty()) {
      password = Optional.ofNullable(System.getenv("PGPASSWORD")).orElse("");
    }
    String address = uri.getHost() + (uri.getPort() < 0 ? "" : ":" + uri.getPort());
    return new Login(address, path.substring(1), user, password, parameters.toString());
  }

  private static IllegalStateException malformed() {
    return new IllegalStateException(
        VARIABLE + " is not of the form postgresql://user@host:port/db");
  }

  private static Server ask(Login login, String what) {
    try (Connection connection = connect(login);
        Statement statement = connection.createStatement()) {
      String version = one(statement, "SHOW server_version").split(" ")[0];
      int major = Integer.parseInt(version.split("\\D")[0]);
      boolean vector =
          one(statement, "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'")
              .equals("1");
      boolean icu =
          major >= 15
              && one(statement, "SELECT count(*) FROM pg_collation WHERE collname = 'en-US-x-icu'")
                  .equals("1");
      return new Server(
          login,
          version,
          vector,
          icu ? " TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'" : "");
    } catch (SQLException e) {
      throw new IllegalStateException("no connection to " + what + ": " + e.getMessage(), e);
    }
  }

  private static String one(Statement statement, String sql) throws SQLException {
    try (ResultSet rows = statement.executeQuery(sql)) {
      rows.next();
      return rows.getString(1);
    }
  }

  private static void execute(Server at, String sql) {
    try (Connection connection = connect(at.login());
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    } catch (SQLException e) {
      throw new IllegalStateException(sql + ": " + e.getMessage(), e);
    }
  }

  private static Connection connect(Login login) throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("connectTimeout", "10");
    return DriverManager.getConnection(login.jdbcUrl(login.database()), properties);
  }

  /** A server that stays must not collect our databases. */
  private static void dropAll() {
    List<Database> rest = new ArrayList<>(OPEN);
    for (Database database : rest) {
      try {
        database.close();
      } catch (IllegalStateException e) {
        return; // nobody is left to tell
      }
    }
  }

  private static String encode(String text) {
    return URLEncoder.encode(text, UTF_8).replace("+", "%20");
  }

  private static String decode(String text) {
    return URLDecoder.decode(text.replace("+", "%2B"), UTF_8);
  }
}

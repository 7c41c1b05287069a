package io.agentmemory.postgres;

import static java.util.Objects.requireNonNull;

import io.agentmemory.MemoryStoreException;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.spi.StoreUrl;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;

/**
 * The tables that a {@link PostgresMemoryStore} works with: makes them, prints how they are made,
 * checks them. Thread-safe.
 *
 * <p>The database user needs the right to create a schema in the database, or to own an empty one
 * of that name. With the extension {@code vector} installed, or with the right to create it,
 * vectors are of its type; else they are {@code real[]}.
 */
public final class PostgresSchema {
  /** The version that this library makes and works with. */
  static final int LATEST = 1;

  static final String SCRIPTS = "io/agentmemory/postgres/schema";
  private static final List<String> FILES = List.of("V1__memory.sql");

  /** Held while a schema is made or changed, for the whole database. Arbitrary, never to change. */
  private static final long LOCK = 0x6d656d6f7279L;

  private static final Duration LOCK_WAIT = Duration.ofSeconds(60);
  private static final Duration LOCK_POLL = Duration.ofMillis(50);

  private final DataSource source;
  private final DataSource patient;
  private final String schema;
  private final Duration lockWait;

  /**
   * A schema.
   *
   * @param source for a look at it
   * @param patient for changing it, which may take its time
   * @param lockWait how long to wait for somebody else who is changing it
   */
  PostgresSchema(DataSource source, DataSource patient, String schema, Duration lockWait) {
    this.source = requireNonNull(source, "source");
    this.patient = requireNonNull(patient, "patient");
    this.schema = PostgresUrl.schema(schema);
    this.lockWait = lockWait;
  }

  /**
   * The schema called {@code schema} in a database.
   *
   * @param source gives up to three connections at a time while migrating
   * @param schema lower-case letters, digits and underscores
   */
  public static PostgresSchema of(DataSource source, String schema) {
    return new PostgresSchema(source, source, schema, LOCK_WAIT);
  }

  /**
   * The schema at a store's address.
   *
   * @throws IllegalArgumentException if it is no address of a PostgreSQL store
   */
  public static PostgresSchema of(StoreUrl url) {
    return of(PostgresUrl.parse(url, System.getenv()));
  }

  static PostgresSchema of(PostgresUrl url) {
    return new PostgresSchema(Pools.unpooled(url), Pools.patient(url), url.schema(), LOCK_WAIT);
  }

  /** Its name as it stands in a statement. */
  String quoted() {
    return '"' + schema + '"';
  }

  /**
   * The version it is at; 0 if it is not there.
   *
   * @throws StoreUnavailableException if the database gives no answer
   */
  public int version() {
    try (Connection connection = Database.connect(source)) {
      return version(connection);
    } catch (SQLException failure) {
      throw SqlErrors.translate(operation("check"), failure);
    }
  }

  int version(Connection connection) throws SQLException {
    // Not by to_regclass: a transaction may remember that there was no such table.
    try (PreparedStatement table =
        connection.prepareStatement(
            """
            SELECT EXISTS (SELECT FROM pg_catalog.pg_class c
              JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              WHERE n.nspname = ? AND c.relname = 'schema_version')
            """)) {
      table.setString(1, schema);
      try (ResultSet there = table.executeQuery()) {
        if (there.next() && !there.getBoolean(1)) {
          return 0;
        }
      }
    }
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT coalesce(max(version), 0) FROM " + quoted() + ".schema_version")) {
      row.next();
      return row.getInt(1);
    }
  }

  /**
   * Makes sure that it is the one this library works with.
   *
   * @throws UncategorizedStoreException if it is missing, older or newer; says which
   * @throws StoreUnavailableException if the database gives no answer
   */
  public void check() {
    check(version());
  }

  /** Makes sure that this version is the one this library works with. */
  void check(int version) {
    if (version == LATEST) {
      return;
    }
    String reason;
    if (version == 0) {
      reason = "is not there: open it for writing, or migrate it";
    } else if (version < LATEST) {
      reason = "is at version " + version + ", this library needs " + LATEST + ": migrate it";
    } else {
      reason =
          "is at version "
              + version
              + ", newer than the "
              + LATEST
              + " that this library knows: use a newer library";
    }
    throw new UncategorizedStoreException(
        operation("check"), "schema " + schema + " " + reason, null);
  }

  /**
   * Makes it, or brings it up to date; does nothing where that is done. Any number of processes may
   * do this at once: one migrates, the others wait for it, at most a minute.
   *
   * @throws UncategorizedStoreException if it is newer than this library, if a right is missing, or
   *     if there is something to do and no Flyway on the class path
   * @throws StoreUnavailableException if the database gives no answer, or somebody else took longer
   */
  public void migrate() {
    int version = version();
    if (version >= LATEST) {
      check(version);
      return;
    }
    Operation operation = operation("migrate");
    try (Connection guard = Database.connect(patient)) {
      guard.setAutoCommit(false);
      try {
        lock(operation, guard);
        int found = version(guard);
        if (found < LATEST) {
          requireRight(operation, guard);
          runScripts(operation, found);
        }
        check(version(guard));
      } finally {
        guard.rollback();
        guard.setAutoCommit(true);
      }
    } catch (SQLException failure) {
      throw SqlErrors.translate(operation, failure);
    }
  }

  // Polled: to wait inside the database would deadlock with whoever builds an index concurrently,
  // and a lock of the session would outlive us behind a pooler.
  private void lock(Operation operation, Connection guard) throws SQLException {
    long end = System.nanoTime() + lockWait.toNanos();
    while (true) {
      try (PreparedStatement statement =
          guard.prepareStatement("SELECT pg_try_advisory_xact_lock(?)")) {
        statement.setLong(1, LOCK);
        try (ResultSet row = statement.executeQuery()) {
          if (row.next() && row.getBoolean(1)) {
            return;
          }
        }
      }
      guard.rollback();
      if (System.nanoTime() > end || Thread.currentThread().isInterrupted()) {
        throw StoreUnavailableException.notApplied(
            operation,
            "another process has been migrating for " + lockWait.toSeconds() + " s",
            null);
      }
      LockSupport.parkNanos(LOCK_POLL.toNanos());
    }
  }

  // Flyway would try for ten seconds to create a schema that it may not create.
  private void requireRight(Operation operation, Connection connection) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            SELECT coalesce(
              (SELECT has_schema_privilege(n.oid, 'CREATE')
                FROM pg_catalog.pg_namespace n WHERE n.nspname = ?),
              has_database_privilege(current_database(), 'CREATE'))
            """)) {
      statement.setString(1, schema);
      try (ResultSet row = statement.executeQuery()) {
        if (row.next() && !row.getBoolean(1)) {
          throw new UncategorizedStoreException(
              operation,
              "SQLSTATE 42501: the database user has no right to create schema "
                  + schema
                  + " or tables in it: grant CREATE on the database, or make it the owner of an"
                  + " empty schema of that name, or run what printSql() gives as somebody else",
              null);
        }
      }
    }
  }

  private void runScripts(Operation operation, int from) {
    try {
      FlywayRun.migrate(patient, schema, quoted(), from);
    } catch (NoClassDefFoundError missing) {
      throw new UncategorizedStoreException(
          operation,
          "schema "
              + schema
              + " has to be migrated: add org.flywaydb:flyway-database-postgresql, or run what"
              + " printSql() gives",
          missing);
    } catch (RuntimeException failure) {
      if (failure instanceof MemoryStoreException ours) {
        throw ours;
      }
      SQLException cause = SqlErrors.find(failure);
      throw cause == null
          ? new UncategorizedStoreException(operation, "Flyway: " + failure.getMessage(), failure)
          : SqlErrors.translate(operation, cause);
    }
  }

  /** The scripts that make it, for somebody else to run, and the rights that takes. */
  public String printSql() {
    StringBuilder out = new StringBuilder();
    out.append(
        """
        -- Agent memory, schema %1$s, version %2$d. Run it in one transaction:
        --   psql --single-transaction --set ON_ERROR_STOP=1 --file=THIS DATABASE
        --
        -- Whoever runs it needs CREATE on the database (or to own an empty schema %1$s). For
        -- vectors in pgvector's type, the extension has to be there: CREATE EXTENSION vector.
        -- Whoever uses it needs:
        --   GRANT USAGE ON SCHEMA %1$s TO somebody;
        --   GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA %1$s TO somebody;
        --   GRANT USAGE ON ALL SEQUENCES IN SCHEMA %1$s TO somebody;
        -- and, to give each vector space a partition of its own, to own %1$s.embeddings and
        -- have CREATE on the schema; without that, vectors go to the default partition.

        CREATE SCHEMA IF NOT EXISTS %1$s;

        """
            .formatted(quoted(), LATEST));
    for (String file : FILES) {
      out.append(script(file).replace("${schema}", quoted())).append('\n');
    }
    return out.toString();
  }

  private static String script(String file) {
    try (InputStream in =
        PostgresSchema.class.getClassLoader().getResourceAsStream(SCRIPTS + "/" + file)) {
      return new String(requireNonNull(in, file).readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(file, e);
    }
  }

  private Operation operation(String verb) {
    return new Operation(Writes.STORE, verb, schema);
  }
}

package io.agentmemory.postgres;

import io.agentmemory.Kind;
import io.agentmemory.Operation;
import io.agentmemory.postgres.PostgresMemoryStore.SpaceIndex;
import io.agentmemory.postgres.PostgresMemoryStore.SpaceIndex.State;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The indexes for approximate search: one per space, on the space's own partition, over its vectors
 * of one length. Vectors of other lengths and tombstones are outside of it, and so is whatever has
 * no direction. Thread-safe.
 */
final class VectorIndexes {
  private static final Logger LOG = LoggerFactory.getLogger(VectorIndexes.class);

  /** Fewer than this, and looking at each of them is as fast. */
  private static final long FEW = 1000;

  /** What the graph takes per vector beside the floats, in bytes. */
  private static final long LINKS = 600;

  private static final long MOST_MEMORY = 1L << 30;

  /** How long an index that was there is taken to be there still. */
  private static final Duration TRUST = Duration.ofMinutes(1);

  private final Database database;
  private final Tables tables;

  /** Indexes by name, as they were last seen. */
  private final Map<String, Seen> seen = new ConcurrentHashMap<>();

  VectorIndexes(Database database, Tables tables) {
    this.database = database;
    this.tables = tables;
  }

  private record Seen(long size, long at) {}

  /** An index that is there. */
  record Built(String space, int dimensions) {}

  /** The name of an index, without its schema. */
  private static String name(long id, int dimensions) {
    String table = Spaces.partition("", id).substring(1);
    return table + "_" + dimensions + "_hnsw";
  }

  // ---- is there one ----

  /**
   * How many vectors a space has, about, if there is an index over those of this many floats; else
   * 0.
   */
  long size(Operation operation, String space, int dimensions) {
    if (dimensions > tables.vectors().mostIndexed()) {
      return 0;
    }
    String name = name(Spaces.id(tables.namespace(), space), dimensions);
    Seen last = seen.get(name);
    if (last != null && System.nanoTime() - last.at() < TRUST.toNanos()) {
      return last.size();
    }
    long size = database.read(operation, false, connection -> size(connection, name));
    if (size > 0) {
      seen.put(name, new Seen(size, System.nanoTime()));
    } else {
      seen.remove(name);
    }
    return size;
  }

  private long size(Connection connection, String name) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            SELECT greatest(c.reltuples, 1)::bigint FROM pg_catalog.pg_index i
            JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
            WHERE i.indexrelid = to_regclass(?) AND i.indisvalid AND i.indisready
            """)) {
      statement.setString(1, tables.schema() + "." + name);
      try (ResultSet row = statement.executeQuery()) {
        return row.next() ? row.getLong(1) : 0;
      }
    }
  }

  private enum Validity {
    READY,
    BUILDING,
    BROKEN,
    ABSENT
  }

  private Validity validity(Connection connection, String name) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            SELECT i.indisvalid AND i.indisready, EXISTS (
              SELECT FROM pg_catalog.pg_stat_progress_create_index p
              WHERE p.index_relid = i.indexrelid)
            FROM pg_catalog.pg_index i WHERE i.indexrelid = to_regclass(?)
            """)) {
      statement.setString(1, tables.schema() + "." + name);
      try (ResultSet row = statement.executeQuery()) {
        if (!row.next()) {
          return Validity.ABSENT;
        }
        return row.getBoolean(1)
            ? Validity.READY
            : row.getBoolean(2) ? Validity.BUILDING : Validity.BROKEN;
      }
    }
  }

  /** Those of this namespace that can be used, by space. */
  List<Built> built() {
    if (!tables.vectors().hasExtension()) {
      return List.of();
    }
    Operation operation = new Operation(Writes.STORE, "health", "");
    return database.read(operation, false, connection -> built(connection, " AND i.indisvalid"));
  }

  private List<Built> built(Connection connection, String condition) throws SQLException {
    List<String> names = new ArrayList<>();
    Pipeline pipeline = new Pipeline();
    pipeline.query(
        Sql.of(
                """
            SELECT c.relname FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
            WHERE c.relnamespace = to_regnamespace(?) AND c.relname LIKE 'embeddings%hnsw'
            """,
                Sql.text(tables.schema()))
            .add(condition + " ORDER BY 1"),
        row -> names.add(row.getString(1)));
    pipeline.run(connection);
    List<Built> built = new ArrayList<>();
    for (Space space : spaces(connection)) {
      String prefix = name(space.id(), 0).replace("_0_hnsw", "_");
      for (String name : names) {
        if (name.startsWith(prefix)) {
          String dimensions = name.substring(prefix.length(), name.lastIndexOf('_'));
          if (dimensions.matches("[0-9]{1,5}")) { // else somebody else's
            built.add(new Built(space.name(), Integer.parseInt(dimensions)));
          }
        }
      }
    }
    return built;
  }

  /**
   * A space that is there.
   *
   * @param dimensions floats per vector; 0 if it does not say
   */
  private record Space(String name, int dimensions, long id, String partition) {}

  private List<Space> spaces(Connection connection) throws SQLException {
    List<Space> spaces = new ArrayList<>();
    Table<?> table = tables.of(Kind.VECTOR_SPACE);
    Pipeline pipeline = new Pipeline();
    pipeline.query(
        Sql.of("SELECT t.name, coalesce(t.dims, 0) FROM " + table.name() + " AS t")
            .add(table.scope())
            .add(" AND NOT t.deleted" + table.orderByKey()),
        row -> {
          String name = row.getString(1);
          long id = Spaces.id(tables.namespace(), name);
          spaces.add(new Space(name, row.getInt(2), id, Spaces.partition(tables.schema(), id)));
        });
    pipeline.run(connection);
    return spaces;
  }

  // ---- building ----

  List<SpaceIndex> build() {
    Operation operation = new Operation(Writes.STORE, "buildIndexes", "");
    return database.maintain(
        operation,
        connection -> {
          List<SpaceIndex> results = new ArrayList<>();
          for (Space space : spaces(connection)) {
            results.add(build(connection, space));
          }
          return results;
        });
  }

  private SpaceIndex build(Connection connection, Space space) throws SQLException {
    if (!tables.vectors().hasExtension() || !isTable(connection, space.partition())) {
      return new SpaceIndex(space.name(), space.dimensions(), 0, State.IMPOSSIBLE);
    }
    // Of a space that does not say how long its vectors are, those of the commonest length.
    int[] dimensions = {space.dimensions()};
    long[] vectors = {0};
    Pipeline pipeline = new Pipeline();
    pipeline.query(
        Sql.of(
            "SELECT e.dims, count(*) FROM "
                + space.partition()
                + " AS e WHERE NOT e.deleted AND (? = 0 OR e.dims = ?)"
                + " GROUP BY e.dims ORDER BY 2 DESC, 1 LIMIT 1",
            Sql.number(space.dimensions()),
            Sql.number(space.dimensions())),
        row -> {
          dimensions[0] = row.getInt(1);
          vectors[0] = row.getLong(2);
        });
    pipeline.run(connection);
    State state = build(connection, space, dimensions[0], vectors[0]);
    return new SpaceIndex(space.name(), dimensions[0], vectors[0], state);
  }

  private State build(Connection connection, Space space, int dimensions, long vectors)
      throws SQLException {
    String name = name(space.id(), dimensions);
    if (!lock(connection, name)) {
      return State.BUILDING;
    }
    try {
      return buildLocked(connection, space, dimensions, vectors, name);
    } finally {
      unlock(connection, name);
    }
  }

  /**
   * One builder of an index at a time: another one would drop what it has built so far. The lock is
   * the session's, for what it guards cannot be done in a transaction; {@link Database#maintain}
   * sees to it that the session is ours.
   */
  private static boolean lock(Connection connection, String name) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement("SELECT pg_try_advisory_lock(hashtextextended(?, 0))")) {
      statement.setString(1, name);
      try (ResultSet row = statement.executeQuery()) {
        return row.next() && row.getBoolean(1);
      }
    }
  }

  private static void unlock(Connection connection, String name) {
    try (PreparedStatement statement =
        connection.prepareStatement("SELECT pg_advisory_unlock(hashtextextended(?, 0))")) {
      statement.setString(1, name);
      try (ResultSet row = statement.executeQuery()) {
        if (row.next() && !row.getBoolean(1)) {
          LOG.warn("{}: another session keeps its lock: connect to the server itself", name);
        }
      }
    } catch (SQLException lost) {
      LOG.debug("the lock went with the connection: SQLSTATE {}", SqlErrors.state(lost));
    }
  }

  private State buildLocked(
      Connection connection, Space space, int dimensions, long vectors, String name)
      throws SQLException {
    Validity validity = validity(connection, name);
    if (validity == Validity.READY) {
      return State.THERE;
    }
    if (validity == Validity.BUILDING) {
      return State.BUILDING;
    }
    if (dimensions > tables.vectors().mostIndexed()) {
      return State.LONG;
    }
    if (vectors < FEW) {
      return State.FEW;
    }
    LOG.info("{}: building an index over {} vectors of {} floats", name, vectors, dimensions);
    try (Statement statement = connection.createStatement()) {
      long floats = (long) dimensions * (Vectors.isHalved(dimensions) ? 2 : Float.BYTES);
      long memory = Math.min(MOST_MEMORY, vectors * (floats + LINKS) * 5 / 4);
      statement.execute(
          "SELECT set_config('maintenance_work_mem', greatest("
              + memory
              + ", pg_size_bytes(current_setting('maintenance_work_mem'))) / 1024 || 'kB', false)");
      try {
        create(statement, name, space, dimensions);
      } catch (SQLException failure) {
        dropBroken(statement, name);
        throw failure;
      } finally {
        reset(statement);
      }
      // So soon after a load the planner may know nothing yet, of the memories neither.
      statement.execute("ANALYZE " + space.partition() + ", " + tables.schema() + ".memories");
    }
    return State.BUILT;
  }

  private void create(Statement statement, String name, Space space, int dimensions)
      throws SQLException {
    Vectors vectors = tables.vectors();
    String create =
        "CREATE INDEX CONCURRENTLY "
            + name
            + " ON "
            + space.partition()
            + " USING hnsw (("
            + vectors.indexed("embedding", dimensions)
            + ") "
            + vectors.indexOperators(dimensions)
            + ") WHERE dims = "
            + dimensions
            + " AND NOT deleted";
    drop(statement, name); // what is left of one that did not come to its end
    try {
      statement.execute(create);
    } catch (SQLException failure) {
      if (!SqlErrors.state(failure).startsWith("53")) {
        throw failure;
      }
      // Several processes building at once share memory, of which a container may have little.
      LOG.info("{}: once more, by one process", name);
      drop(statement, name);
      statement.execute("SET max_parallel_maintenance_workers = 0");
      statement.execute(create);
    }
  }

  /** What a build leaves that failed would be kept up by every put, and be of no use. */
  private void dropBroken(Statement statement, String name) {
    try {
      drop(statement, name);
    } catch (SQLException later) {
      LOG.warn("{}: not valid and not dropped, SQLSTATE {}", name, SqlErrors.state(later));
    }
  }

  private static void reset(Statement statement) {
    try {
      statement.execute("RESET maintenance_work_mem");
      statement.execute("RESET max_parallel_maintenance_workers");
    } catch (SQLException lost) {
      LOG.debug("the connection is of no use any more: SQLSTATE {}", SqlErrors.state(lost));
    }
  }

  private boolean isTable(Connection connection, String name) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement("SELECT to_regclass(?) IS NOT NULL")) {
      statement.setString(1, name);
      try (ResultSet row = statement.executeQuery()) {
        return row.next() && row.getBoolean(1);
      }
    }
  }

  // ---- dropping ----

  void drop() {
    Operation operation = new Operation(Writes.STORE, "dropIndexes", "");
    database.maintain(
        operation,
        connection -> {
          try (Statement statement = connection.createStatement()) {
            for (Built index : built(connection, "")) {
              long id = Spaces.id(tables.namespace(), index.space());
              drop(statement, name(id, index.dimensions()));
            }
          }
          return true;
        });
    seen.clear();
  }

  private void drop(Statement statement, String name) throws SQLException {
    statement.execute("DROP INDEX CONCURRENTLY IF EXISTS " + tables.schema() + "." + name);
  }
}

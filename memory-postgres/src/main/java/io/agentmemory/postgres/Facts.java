package io.agentmemory.postgres;

import io.agentmemory.Health;
import io.agentmemory.Kind;
import io.agentmemory.OpenMode;
import io.agentmemory.Operation;
import io.agentmemory.StoreInfo;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jdbi.v3.core.Handle;

/** What there is, and how it is. */
final class Facts {
  private final Database database;
  private final Tables tables;
  private final VectorIndexes indexes;
  private final OpenMode mode;

  Facts(Database database, Tables tables, VectorIndexes indexes, OpenMode mode) {
    this.database = database;
    this.tables = tables;
    this.indexes = indexes;
    this.mode = mode;
  }

  /** How the schema keeps vectors. */
  static Vectors vectors(Connection connection, String schema) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            SELECT t.typname, quote_ident(n.nspname), t.oid::bigint,
              EXISTS (SELECT FROM pg_catalog.pg_proc f
                WHERE f.pronamespace = n.oid AND f.proname = 'l2_normalize'),
              coalesce((SELECT string_to_array(x.extversion, '.')::int[] >= ARRAY[0, 8]
                FROM pg_catalog.pg_extension x
                WHERE x.extname = 'vector' AND x.extversion ~ '^[0-9]+([.][0-9]+)*$'), false)
            FROM pg_catalog.pg_attribute a
            JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
            JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
            WHERE a.attrelid = to_regclass(?) AND a.attname = 'embedding'
            """)) {
      statement.setString(1, schema + ".embeddings");
      try (ResultSet row = statement.executeQuery()) {
        return row.next() && row.getString(1).equals("vector")
            ? Vectors.ofExtension(
                row.getString(2), (int) row.getLong(3), row.getBoolean(4), row.getBoolean(5))
            : Vectors.ofArrays();
      }
    }
  }

  Health health() {
    Operation operation = new Operation(Writes.STORE, "health", "");
    List<VectorIndexes.Built> built = indexes.built();
    return database.query(operation, false, handle -> health(handle, built));
  }

  private Health health(Handle handle, List<VectorIndexes.Built> built) {
    List<String> notes = new ArrayList<>();
    Health.Status status = Health.Status.UP;
    Map<String, Object> server =
        handle
            .createQuery(
                """
                SELECT current_setting('synchronous_commit') AS commits,
                  current_setting('fsync') AS fsync,
                  pg_is_in_recovery() AS standby,
                  EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'vector')
                    AS available
                """)
            .mapToMap()
            .one();
    if ("off".equals(server.get("commits")) || "off".equals(server.get("fsync"))) {
      status = Health.Status.DEGRADED;
      notes.add(
          "a crash of the server may lose what it confirmed: synchronous_commit or fsync is off");
    }
    if (Boolean.TRUE.equals(server.get("standby")) && mode == OpenMode.READ_WRITE) {
      status = Health.Status.DEGRADED;
      notes.add("the server is a standby and takes no writes");
    }
    if (!tables.vectors().hasExtension()) {
      notes.add(
          "vectors are real[] and searched exactly in this process: the schema was made without"
              + " the extension vector"
              + (Boolean.TRUE.equals(server.get("available"))
                  ? ", which the server has by now"
                  : ""));
    }
    for (VectorIndexes.Built index : built) {
      notes.add(
          "vectors of space "
              + index.space()
              + " with "
              + index.dimensions()
              + " floats have an index for approximate search");
    }
    for (String space : withoutPartition(handle)) {
      notes.add(
          "vectors of space "
              + space
              + " lie in the default partition: the right to create one was missing");
    }
    return new Health(status, notes);
  }

  private List<String> withoutPartition(Handle handle) {
    Table<?> spaces = tables.of(Kind.VECTOR_SPACE);
    Sql sql = Sql.of("SELECT t.name FROM " + spaces.name() + " AS t").add(spaces.scope());
    sql.add(" AND NOT t.deleted").add(spaces.orderByKey());
    List<String> names = sql.bind(handle.createQuery(sql.text())).mapTo(String.class).list();
    List<String> without = new ArrayList<>();
    for (String name : names) {
      boolean has =
          handle
              .createQuery("SELECT to_regclass(?) IS NOT NULL")
              .bind(0, Spaces.partition(tables.schema(), Spaces.id(tables.namespace(), name)))
              .mapTo(Boolean.class)
              .one();
      if (!has) {
        without.add(name);
      }
    }
    return without;
  }

  StoreInfo info() {
    Health health = health();
    return database.query(
        new Operation(Writes.STORE, "info", ""), true, handle -> info(handle, health));
  }

  private StoreInfo info(Handle handle, Health health) {
    Map<Kind<?>, Long> live = new LinkedHashMap<>();
    Map<Kind<?>, Long> tombstones = new LinkedHashMap<>();
    for (Kind<?> kind : Kind.all()) {
      Sql sql =
          Sql.of(
              "SELECT count(*) FILTER (WHERE NOT t.deleted) AS live,"
                  + " count(*) FILTER (WHERE t.deleted) AS dead FROM ");
      sql.add(
          tables.schema() + "." + tables.nameOf(kind) + " AS t WHERE t.namespace = ?",
          Sql.text(tables.namespace()));
      sql.bind(handle.createQuery(sql.text()))
          .map(
              (row, context) -> {
                live.put(kind, row.getLong(1));
                tombstones.put(kind, row.getLong(2));
                return kind;
              })
          .one();
    }
    String server =
        handle.createQuery("SELECT current_setting('server_version')").mapTo(String.class).one();
    String vector =
        tables.vectors().hasExtension()
            ? handle
                .createQuery(
                    "SELECT 'pgvector ' || extversion FROM pg_extension WHERE extname = 'vector'")
                .mapTo(String.class)
                .findOne()
                .orElse("pgvector")
            : "without pgvector";
    return new StoreInfo(
        Writes.STORE,
        tables.namespace(),
        "schema " + PostgresSchema.LATEST + ", PostgreSQL " + server + ", " + vector,
        live,
        tombstones,
        List.of(),
        List.of(),
        health);
  }
}

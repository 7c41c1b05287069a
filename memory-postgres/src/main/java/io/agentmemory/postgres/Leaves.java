package io.agentmemory.postgres;

import io.agentmemory.Digest;
import io.agentmemory.Key;
import io.agentmemory.Leaf;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.postgres.Database.TimeLimits;
import io.agentmemory.spi.Canonical;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/**
 * What the file side has reported of the memories' files. It is kept with the operations that wrote
 * the memory and its co-occurrences, and holds as long as no other one has: so a write costs
 * nothing more for it, and one that comes at the same moment as a report is not overlooked.
 */
final class Leaves {
  private static final int REPORTED_AT_ONCE = 1000;
  private static final int WEIGHT = 400;

  private final Database database;
  private final Tables tables;
  private final Reads reads;
  private final StageRegister stages;

  Leaves(Database database, Tables tables, Reads reads, StageRegister stages) {
    this.database = database;
    this.tables = tables;
    this.reads = reads;
    this.stages = stages;
  }

  /**
   * Of memories called {@code m}: {@code state} as {@link Leaf#stateOf} has it, and {@code ops}, a
   * digest of the operations that wrote what stands in the file.
   */
  private String stateAndOps() {
    return """
         CROSS JOIN LATERAL (
          SELECT string_agg(convert_to(c.to_id, 'UTF8') || '\\x00'::bytea || c.digest, ''::bytea
              ORDER BY c.to_id) FILTER (WHERE NOT c.deleted) AS state,
            string_agg(uuid_send(c.op_id), ''::bytea ORDER BY c.to_id) AS ops
          FROM ${schema}.co_occurrences AS c
          WHERE c.namespace = m.namespace AND c.from_id = m.id OFFSET 0) AS counts
        CROSS JOIN LATERAL (
          SELECT sha256(m.digest || coalesce(counts.state, ''::bytea)) AS state,
            sha256(coalesce(uuid_send(m.op_id), ''::bytea) || coalesce(counts.ops, ''::bytea))
              AS ops) AS now
        """
        .replace("${schema}", tables.schema());
  }

  Stream<Leaf> read() {
    return reads.pages(
        new Operation(Writes.STORE, "leaves", ""),
        (Leaf leaf) -> Key.of(leaf.id()),
        WEIGHT,
        (last, limit) -> {
          Sql sql =
              Sql.of(
                  "SELECT m.id, m.tier || '/' || m.file_name, now.state,"
                      + " CASE WHEN m.leaf_ops = now.ops THEN m.leaf END,"
                      + " coalesce(m.leaf_tagged, false) FROM "
                      + tables.schema()
                      + ".memories AS m"
                      + stateAndOps()
                      + "WHERE m.namespace = ? AND NOT m.deleted AND m.tier IN ('core', 'active')",
                  Sql.text(tables.namespace()));
          if (last != null) {
            sql.add(" AND m.id > ?", Sql.text(last.part(0)));
          }
          return sql.add(" ORDER BY m.id LIMIT ?", Sql.number(limit));
        },
        Leaves::leaf);
  }

  private static Leaf leaf(ResultSet row) throws SQLException {
    byte[] hash = row.getBytes(4);
    return new Leaf(
        row.getString(1),
        row.getString(2),
        new Digest(Canonical.hex(row.getBytes(3))),
        hash == null ? null : Canonical.hex(hash),
        row.getBoolean(5));
  }

  void report(List<Leaf> leaves) {
    List<Leaf> known =
        leaves.stream().filter(leaf -> leaf.sha256() != null && isText(leaf.id())).toList();
    for (int from = 0; from < known.size(); from += REPORTED_AT_ONCE) {
      List<Leaf> some = known.subList(from, Math.min(from + REPORTED_AT_ONCE, known.size()));
      Operation operation = new Operation(Writes.STORE, "reportLeaves", "");
      database.transact(
          operation, OpId.copy(), true, connection -> report(operation, some, connection));
    }
  }

  private static boolean isText(String id) {
    return Tables.canHold(io.agentmemory.Kind.MEMORY, Key.of(id));
  }

  // A row that is written meanwhile is left as that write leaves it: its op_id is another then.
  private int report(Operation operation, List<Leaf> leaves, Connection connection)
      throws SQLException {
    Pipeline pipeline = new Pipeline();
    Writes.set(pipeline, TimeLimits.BULK);
    stages.check(operation, pipeline);
    pipeline.update(
        Sql.of(
            "UPDATE "
                + tables.schema()
                + ".memories AS t SET leaf = y.leaf, leaf_tagged = y.tagged, leaf_ops = y.ops"
                + " FROM (SELECT m.id, m.op_id, x.leaf, x.tagged, now.ops FROM"
                + " unnest(?::text[], ?::bytea[], ?::bytea[], ?::bool[])"
                + " AS x(id, state, leaf, tagged) JOIN "
                + tables.schema()
                + ".memories AS m ON m.namespace = ? AND m.id = x.id AND NOT m.deleted"
                + stateAndOps()
                + "WHERE now.state = x.state) AS y"
                + " WHERE t.namespace = ? AND t.id = y.id AND t.op_id IS NOT DISTINCT FROM y.op_id"
                + " AND (t.leaf, t.leaf_tagged, t.leaf_ops)"
                + " IS DISTINCT FROM (y.leaf, y.tagged, y.ops)",
            Sql.array("text", leaves.stream().map(Leaf::id).toArray(String[]::new)),
            Sql.array(
                "bytea",
                leaves.stream().map(leaf -> bytes(leaf.state().hex())).toArray(byte[][]::new)),
            Sql.array(
                "bytea",
                leaves.stream()
                    .flatMap(l -> l.hash().stream())
                    .map(Leaves::bytes)
                    .toArray(byte[][]::new)),
            Sql.array("bool", leaves.stream().map(Leaf::tagged).toArray(Boolean[]::new)),
            Sql.text(tables.namespace()),
            Sql.text(tables.namespace())),
        rows -> {});
    pipeline.run(connection);
    return leaves.size();
  }

  private static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex);
  }
}

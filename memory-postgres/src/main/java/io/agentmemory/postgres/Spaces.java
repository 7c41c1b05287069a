package io.agentmemory.postgres;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HexFormat;

/** The spaces of vectors as the database keeps them: each has a number and a partition. */
final class Spaces {
  private Spaces() {}

  /**
   * The number of a space, made from its names: the same wherever and whenever it is created, so
   * that nobody has to look it up, and a statement can name its partition.
   */
  static long id(String namespace, String name) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      sha.update(namespace.getBytes(StandardCharsets.UTF_8));
      sha.update((byte) 0); // no text that a database keeps has a NUL
      byte[] digest = sha.digest(name.getBytes(StandardCharsets.UTF_8));
      return ByteBuffer.wrap(digest).getLong() & Long.MAX_VALUE;
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every JDK has SHA-256", impossible);
    }
  }

  /** The name of a space's partition, with its schema. */
  static String partition(String schema, long id) {
    return schema + ".embeddings_" + HexFormat.of().toHexDigits(id);
  }

  /**
   * Gives a new space its partition, in the transaction that inserts the space. Without the right
   * to, its vectors go to the default partition.
   */
  static void createPartition(Connection connection, String schema, long id) throws SQLException {
    if (!mayCreate(connection, schema)) {
      return;
    }
    String table = partition(schema, id);
    String parent = schema + ".embeddings";
    try (Statement statement = connection.createStatement()) {
      // Attaching takes this lock anyway, but after others: two that make a space at the same time
      // would wait for each other. It stops neither readers nor writers.
      statement.execute("LOCK TABLE ONLY " + parent + " IN SHARE UPDATE EXCLUSIVE MODE");
      // Attaching locks less than CREATE TABLE .. PARTITION OF does. A vector that fits a page
      // stays
      // in its row: exact search is three times as fast as over vectors kept out of line.
      statement.execute(
          "CREATE TABLE "
              + table
              + " (LIKE "
              + parent
              + " INCLUDING ALL) WITH (toast_tuple_target = 8160)");
      statement.execute(
          "WITH moved AS (DELETE FROM "
              + parent
              + "_default WHERE space_id = "
              + id
              + " RETURNING *) INSERT INTO "
              + table
              + " SELECT * FROM moved");
      statement.execute(
          "ALTER TABLE " + parent + " ATTACH PARTITION " + table + " FOR VALUES IN (" + id + ")");
    }
  }

  private static boolean mayCreate(Connection connection, String schema) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            SELECT has_schema_privilege(c.relnamespace, 'CREATE')
              AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
            FROM pg_catalog.pg_class c WHERE c.oid = ?::regclass
            """)) {
      statement.setString(1, schema + ".embeddings");
      try (ResultSet row = statement.executeQuery()) {
        return row.next() && row.getBoolean(1);
      }
    }
  }
}

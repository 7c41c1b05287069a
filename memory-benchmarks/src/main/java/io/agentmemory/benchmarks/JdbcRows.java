package io.agentmemory.benchmarks;

import com.pgvector.PGvector;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/** Rows as Java objects, read from a table once and inserted by plain JDBC as often as asked. */
final class JdbcRows {
  private final List<String> columns;
  private final List<@Nullable Object[]> rows;

  private JdbcRows(List<String> columns, List<@Nullable Object[]> rows) {
    this.columns = columns;
    this.rows = rows;
  }

  /** The rows that {@code condition} leaves. */
  static JdbcRows read(Connection connection, String table, List<String> columns, String condition)
      throws SQLException {
    List<@Nullable Object[]> rows = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet found =
            statement.executeQuery(
                "SELECT "
                    + String.join(", ", columns)
                    + " FROM "
                    + table
                    + " WHERE "
                    + condition)) {
      while (found.next()) {
        @Nullable Object[] row = new Object[columns.size()];
        for (int i = 0; i < row.length; i++) {
          row[i] = found.getObject(i + 1);
        }
        rows.add(row);
      }
    }
    return new JdbcRows(columns, rows);
  }

  int size() {
    return rows.size();
  }

  String insert(String table) {
    return "INSERT INTO "
        + table
        + " ("
        + String.join(", ", columns)
        + ") VALUES (?"
        + ", ?".repeat(columns.size() - 1)
        + ")";
  }

  /** Binds a row, but other values for some columns. */
  void bind(PreparedStatement statement, int row, Map<String, Object> others) throws SQLException {
    @Nullable Object[] values = rows.get(row);
    for (int i = 0; i < values.length; i++) {
      Object other = others.get(columns.get(i));
      Object bound = other == null ? values[i] : other;
      if (bound == null) {
        statement.setNull(i + 1, Types.NULL);
      } else if (bound instanceof Array array) {
        statement.setArray(i + 1, array);
      } else {
        statement.setObject(i + 1, bound);
      }
    }
  }

  /**
   * Inserts all rows as one JDBC batch, which the driver rewrites into statements of many rows.
   *
   * @param vectorColumn the column whose vectors are made anew; empty if there is none
   */
  void insertAll(
      Connection connection, String table, String vectorColumn, IntFunction<float[]> vectors)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(insert(table))) {
      for (int row = 0; row < rows.size(); row++) {
        boolean hasVector = !vectorColumn.isEmpty();
        bind(
            statement,
            row,
            hasVector ? Map.of(vectorColumn, new PGvector(vectors.apply(row))) : Map.of());
        statement.addBatch();
      }
      statement.executeBatch();
    }
  }
}

package io.agentmemory.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;

/** Several statements that go to the server in one round trip, in order. */
final class Pipeline {
  /** Takes one row. */
  interface RowReader {
    void row(ResultSet row) throws SQLException;
  }

  /** Takes the number of rows that changed. */
  interface CountReader {
    void count(long rows);
  }

  private record Part(Sql sql, RowReader rows, CountReader count) {}

  private static final RowReader NO_ROWS = row -> {};
  private static final CountReader NO_COUNT = rows -> {};

  private final List<Part> parts = new ArrayList<>();

  /** Adds a statement that gives rows. */
  void query(Sql sql, RowReader rows) {
    parts.add(new Part(sql, rows, NO_COUNT));
  }

  /** Adds a statement whose rows are of no interest. */
  void call(Sql sql) {
    query(sql, NO_ROWS);
  }

  /** Adds a statement that changes rows. */
  void update(Sql sql, CountReader count) {
    parts.add(new Part(sql, NO_ROWS, count));
  }

  /** Runs them all, if there are any; then it is empty again. */
  void run(Connection connection) throws SQLException {
    run(connection, 0);
  }

  /** Runs them all, and has the driver cancel them after so many seconds; 0 for no limit. */
  void run(Connection connection, int seconds) throws SQLException {
    if (parts.isEmpty()) {
      return;
    }
    StringJoiner text = new StringJoiner(";\n");
    parts.forEach(part -> text.add(part.sql().text()));
    try (PreparedStatement statement = connection.prepareStatement(text.toString())) {
      if (seconds > 0) {
        statement.setQueryTimeout(seconds);
      }
      int index = 1;
      for (Part part : parts) {
        index = part.sql().bind(statement, index);
      }
      boolean hasRows = statement.execute();
      for (Part part : parts) {
        if (hasRows) {
          try (ResultSet rows = statement.getResultSet()) {
            while (rows.next()) {
              part.rows().row(rows);
            }
          }
        } else {
          part.count().count(statement.getLargeUpdateCount());
        }
        hasRows = statement.getMoreResults();
      }
    }
    parts.clear();
  }
}

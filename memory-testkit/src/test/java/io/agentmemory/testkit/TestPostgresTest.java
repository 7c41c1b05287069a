package io.agentmemory.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.agentmemory.testkit.TestPostgres.Database;
import io.agentmemory.testkit.TestPostgres.Login;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class TestPostgresTest {
  private static String ask(Database database, String sql) throws SQLException {
    try (Connection connection = database.connect();
        Statement statement = connection.createStatement()) {
      if (!statement.execute(sql)) {
        return "";
      }
      try (ResultSet rows = statement.getResultSet()) {
        return rows.next() ? rows.getString(1) : "";
      }
    }
  }

  @Nested
  @Tag("postgres")
  class Databases {
    @Test
    void givenTwoDatabases_whenOneIsWritten_thenTheOtherIsEmpty() throws Exception {
      try (Database one = TestPostgres.database("Two Databases: one!");
          Database other = TestPostgres.database("Two Databases: one!")) {
        ask(one, "CREATE TABLE t (id int)");

        assertThat(ask(one, "SELECT count(*) FROM t")).isEqualTo("0");
        assertThat(ask(other, "SELECT to_regclass('t')")).isNull();
        assertThat(one.name()).endsWith("_two_databases_one_");
        assertThat(one.toString()).isEqualTo(one.name());
      }
    }

    @Test
    void givenOpenSession_whenClosed_thenDatabaseIsGoneAllTheSame() throws Exception {
      Database database = TestPostgres.database("closed");
      try (Connection session = database.connect();
          Database witness = TestPostgres.database("witness")) {
        database.close();
        database.close();

        assertThat(session.isValid(5)).isFalse();
        String count = "SELECT count(*) FROM pg_database WHERE datname = '" + database.name() + "'";
        assertThat(ask(witness, count)).isEqualTo("0");
      }
    }

    @Test
    void givenServer_whenAskedForVector_thenItSaysWhatIsSo() throws Exception {
      try (Database database = TestPostgres.database("vector")) {
        if (TestPostgres.hasVector()) {
          ask(database, "CREATE EXTENSION vector");
          assertThat(ask(database, "SELECT '[1,2]'::vector <=> '[1,2]'")).isEqualTo("0");
        } else {
          assertThat(System.getenv(TestPostgres.VARIABLE)).as("only a named server").isNotNull();
        }
        assertThat(ask(database, "SHOW server_version")).startsWith(TestPostgres.version());
      }
    }

    @Test
    void givenServerOfOurOwn_whenSorted_thenDefaultOrderIsNotThatOfCodePoints() throws Exception {
      try (Database database = TestPostgres.database("order")) {
        if (Integer.parseInt(TestPostgres.version().split("\\D")[0]) >= 15) {
          String sorted = "SELECT string_agg(x, '' ORDER BY x) FROM unnest(ARRAY['a','B','c']) x";
          assertThat(ask(database, sorted)).isEqualTo("aBc");
        }
      }
    }
  }

  @Nested
  class Urls {
    @Test
    void givenAllParts_whenParsed_thenJdbcUrlHasThem() {
      Login login =
          TestPostgres.parse(
              "postgresql://ann%40x@db.example:5433/main?password=p%26q&sslmode=require&namespace=n");

      assertThat(login.database()).isEqualTo("main");
      assertThat(login.jdbcUrl("t"))
          .isEqualTo(
              "jdbc:postgresql://db.example:5433/t?user=ann%40x&password=p%26q&sslmode=require");
      assertThat(login.url("t"))
          .isEqualTo("postgresql://ann%40x@db.example:5433/t?password=p%26q&sslmode=require");
      assertThat(login.toString()).isEqualTo("ann@x@db.example:5433/main");
    }

    @Test
    void givenPasswordBesideUser_whenParsed_thenTaken() {
      assertThat(TestPostgres.parse("postgresql://ann:secret@localhost/main").password())
          .isEqualTo("secret");
    }

    @Test
    void givenAnotherForm_whenParsed_thenFormIsToldAndPasswordIsNot() {
      for (String url :
          new String[] {
            "jdbc:postgresql://localhost/x?password=secret",
            "postgresql://ann:secret@localhost",
            "postgresql://ann:secret@local host/x",
            "mysql://ann:secret@localhost/x"
          }) {
        assertThatIllegalStateException()
            .isThrownBy(() -> TestPostgres.parse(url))
            .withMessageContaining("postgresql://user@host:port/db")
            .satisfies(e -> assertThat(e.toString()).doesNotContain("secret"));
      }
    }
  }
}

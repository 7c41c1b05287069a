package io.agentmemory.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.Embedding;
import io.agentmemory.MemoryStores;
import io.agentmemory.SimilarQuery;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.command.PutRecords;
import io.agentmemory.localpg.LocalPostgres;
import io.agentmemory.localpg.LocalPostgres.Requirement;
import io.agentmemory.postgres.PostgresMemoryStore.SpaceIndex;
import io.agentmemory.postgres.PostgresMemoryStore.SpaceIndex.State;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Indexes for approximate search where a pooler mixes the sessions. */
@Tag("postgres")
class PooledIndexesTest {
  private static final int SESSIONS = 3;
  private static final int VECTORS = 1000;

  @Test
  void givenPoolerThatMixesSessions_whenIndexesAreBuilt_thenRefusedAndNoSessionKeepsAnything()
      throws Exception {
    try (LocalPostgres server =
        LocalPostgres.require(Requirement.VECTOR)
            .fast()
            .setting("statement_timeout", "50s")
            .setting("lock_timeout", "40s")
            .start()) {
      String direct = server.url() + "&namespace=n";
      try (PostgresMemoryStore builder = (PostgresMemoryStore) MemoryStores.open(direct);
          TransactionPooler pooler =
              TransactionPooler.of(server.port(), server.password(), SESSIONS);
          PostgresMemoryStore store =
              (PostgresMemoryStore) MemoryStores.open(through(pooler, server, direct))) {
        fill(store);
        String jdbcUrl = through(pooler, server, server.jdbcUrl());
        List<String> before = sessions(jdbcUrl);

        refused(store::buildIndexes);
        refused(store::dropIndexes);

        assertThat(sessions(jdbcUrl)).containsExactlyInAnyOrderElementsOf(before);
        assertThat(before).allMatch(session -> session.endsWith(" 50s 40s 64MB 2 0"));

        SpaceIndex built = new SpaceIndex("text", 3, VECTORS, State.BUILT);
        assertThat(builder.buildIndexes()).containsExactly(built);
        assertThat(store.health().notes()).anyMatch(note -> note.contains("approximate"));
        SimilarQuery query = SimilarQuery.nearest("text", new float[] {1, 2, 3});
        assertThat(store.search(query.approximate())).hasSize(10);
      }
    }
  }

  private static void refused(Runnable call) {
    assertThatExceptionOfType(UncategorizedStoreException.class)
        .isThrownBy(call::run)
        .withMessageContaining("pooler")
        .withMessageContaining("direct connection");
  }

  private static String through(TransactionPooler pooler, LocalPostgres server, String url) {
    return url.replace(":" + server.port() + "/", ":" + pooler.port() + "/")
        + "&prepareThreshold=0";
  }

  private static void fill(PostgresMemoryStore store) {
    Random random = new Random(8);
    List<PutRecords.Put> puts = new ArrayList<>();
    for (int i = 0; i < VECTORS; i++) {
      float[] vector = {random.nextFloat(), random.nextFloat(), random.nextFloat()};
      puts.add(new PutRecords.Put(Embedding.of("text", "m" + i, vector), 1));
    }
    store.embeddings().define("text", "model", 3);
    store.execute(new PutRecords(puts));
  }

  /** Of each session of the pooler its number, its settings, and how many locks it holds. */
  private static List<String> sessions(String jdbcUrl) throws SQLException {
    String sql =
        """
        SELECT concat_ws(' ', pg_backend_pid(),
          current_setting('statement_timeout'), current_setting('lock_timeout'),
          current_setting('maintenance_work_mem'),
          current_setting('max_parallel_maintenance_workers'),
          (SELECT count(*) FROM pg_locks
            WHERE locktype = 'advisory' AND pid = pg_backend_pid()))
        """;
    List<String> sessions = new ArrayList<>();
    try (Connection connection = DriverManager.getConnection(jdbcUrl);
        Statement statement = connection.createStatement()) {
      for (int i = 0; i < SESSIONS; i++) { // each statement gets the session that waited longest
        try (ResultSet row = statement.executeQuery(sql)) {
          row.next();
          sessions.add(row.getString(1));
        }
      }
    }
    assertThat(sessions).doesNotHaveDuplicates();
    return sessions;
  }
}

package io.agentmemory.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.OpId;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.command.PutRecords;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * What the server reads to look up memories and operations by key, as it counts itself, while a new
 * table fills: a connection keeps the plans it made on the small one until the server has looked at
 * it again.
 */
@Tag("postgres")
class LookUpsTest {
  private static final int AT_ONCE = 100;
  private static final int ROUNDS = 30;

  @Test
  void givenNewTable_whenItFills_thenALookUpReadsNoOtherMemories() throws SQLException {
    try (TestDatabase database = TestDatabase.create("lookups")) {
      try (PostgresMemoryStore store = database.open("n")) {
        for (int round = 0; round < ROUNDS; round++) {
          int first = round * AT_ONCE;
          List<Key> keys =
              IntStream.range(first, first + AT_ONCE).mapToObj(i -> Key.of("m" + i)).toList();
          assertThat(store.readAll(Kind.MEMORY, keys)).isEmpty();
          store.execute(new PutRecords(keys.stream().map(LookUpsTest::put).toList()));
          assertThat(store.readAll(Kind.MEMORY, keys)).hasSize(AT_ONCE);
          keys.subList(0, 10).forEach(key -> assertThat(store.read(Kind.MEMORY, key)).isPresent());
          List<OpId> done = Stream.generate(OpId::random).limit(AT_ONCE).toList();
          assertThat(store.markApplied(done)).hasSize(AT_ONCE);
          assertThat(store.conclude(done)).hasSize(AT_ONCE);
        }
      }
      database.awaitNobody(); // what a connection read is counted by the time it is gone
      long rows = AT_ONCE * ROUNDS;
      assertThat(read(database, "memories", rows)).isBetween(rows, 10 * rows);
      assertThat(read(database, "applied_ops", rows)).isBetween(rows, 10 * rows);
    }
  }

  private static PutRecords.Put put(Key key) {
    String id = key.part(0);
    return new PutRecords.Put(new Memory(id, Tier.ACTIVE, id + ".md", "x", Value.EMPTY_MAP), 1);
  }

  /** What was counted by the time it is as much as it must be, soon after connections end. */
  private static long read(TestDatabase database, String table, long least) throws SQLException {
    String read =
        "SELECT (t.seq_tup_read + (SELECT sum(i.idx_tup_read) FROM pg_stat_user_indexes AS i"
            + " WHERE i.relid = t.relid))::text FROM pg_stat_user_tables AS t WHERE t.relname = '"
            + table
            + "'";
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    long rows;
    do {
      rows = Long.parseLong(database.one(read));
    } while (rows < least && System.nanoTime() < end);
    return rows;
  }
}

package io.agentmemory.postgres;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.agentmemory.MemoryStore;
import io.agentmemory.internal.testkit.ContractSample;
import io.agentmemory.testkit.MemoryStoreContract;
import java.sql.SQLException;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * The contract where vectors are arrays, and the login may create nothing. What has no vectors is
 * the same as with them, so only a sample runs, unless {@code -Dcontract=all} says otherwise.
 */
@Tag("postgres")
@ExtendWith(PostgresWithoutVectorContractTest.Sample.class)
class PostgresWithoutVectorContractTest extends MemoryStoreContract {
  private static TestDatabase database;
  private static HikariDataSource pool;

  static final class Sample extends ContractSample {
    Sample() {
      super("Spaces", "Embeddings", "Searches", "Puts", "AnyRecords", "AnyCommands");
    }
  }

  @BeforeAll
  static void create() throws SQLException {
    database = TestDatabase.withoutRights("without vector");
    database.open("migrates").close();
    PGSimpleDataSource plain = database.dataSource();
    plain.setUser(database.role());
    plain.setPassword(database.role());
    HikariConfig config = new HikariConfig();
    config.setDataSource(plain);
    config.setMaximumPoolSize(20);
    pool = new HikariDataSource(config); // one for all tests: opening one takes as long as a test
  }

  @AfterAll
  static void drop() {
    pool.close();
    database.close();
  }

  @Override
  protected MemoryStore openStore(String purpose) {
    return open(TestDatabase.namespace());
  }

  private static MemoryStore open(String namespace) {
    return PostgresMemoryStore.builder(pool).namespace(namespace).checkOnly().open();
  }

  @Override
  protected Optional<MemoryStore> reopen(MemoryStore store) {
    store.close();
    return Optional.of(open(store.namespace()));
  }
}

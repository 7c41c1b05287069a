package io.agentmemory.postgres;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.agentmemory.MemoryStore;
import io.agentmemory.testkit.MemoryStoreContract;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

@Tag("postgres")
class PostgresMemoryStoreContractTest extends MemoryStoreContract {
  private static TestDatabase database;
  private static HikariDataSource pool;

  @BeforeAll
  static void create() {
    database = TestDatabase.create("contract");
    database.open("migrates").close();
    HikariConfig config = new HikariConfig();
    config.setDataSource(database.dataSource());
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
    return PostgresMemoryStore.builder(pool).namespace(TestDatabase.namespace()).checkOnly().open();
  }

  /** The way most applications open it: with a pool of its own. */
  @Override
  protected Optional<MemoryStore> reopen(MemoryStore store) {
    store.close();
    return Optional.of(database.open(store.namespace()));
  }
}

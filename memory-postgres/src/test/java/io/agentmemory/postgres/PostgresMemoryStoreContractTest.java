package io.agentmemory.postgres;

import io.agentmemory.MemoryStore;
import io.agentmemory.testkit.MemoryStoreContract;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

@Tag("postgres")
class PostgresMemoryStoreContractTest extends MemoryStoreContract {
  private static TestDatabase database;

  @BeforeAll
  static void create() {
    database = TestDatabase.create("contract");
  }

  @AfterAll
  static void drop() {
    database.close();
  }

  @Override
  protected MemoryStore openStore(String purpose) {
    return database.open();
  }

  @Override
  protected Optional<MemoryStore> reopen(MemoryStore store) {
    store.close();
    return Optional.of(database.open(store.namespace()));
  }
}

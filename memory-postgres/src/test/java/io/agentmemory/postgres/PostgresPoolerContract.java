package io.agentmemory.postgres;

import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStores;
import io.agentmemory.localpg.LocalPostgres;
import io.agentmemory.localpg.LocalPostgres.Requirement;
import io.agentmemory.testkit.MemoryStoreContract;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;

/**
 * The contract through a pooler that gives a session for one transaction only. Not found by its
 * name, for it takes minutes: {@code -Dtest=PostgresPoolerContract}, and once more with {@code
 * -Dpooler.parameters=} for the driver's defaults.
 */
@Tag("postgres")
@DisplayName("T47: transaction-mode pooler")
class PostgresPoolerContract extends MemoryStoreContract {
  private static final AtomicInteger COUNT = new AtomicInteger();

  private static LocalPostgres server;
  private static TransactionPooler pooler;

  @BeforeAll
  static void start() throws IOException {
    server = LocalPostgres.require(Requirement.VECTOR).fast().start();
    MemoryStores.open(server.url()).close(); // makes the schema
    pooler = TransactionPooler.of(server.port(), server.password(), 5);
  }

  @AfterAll
  static void stop() throws IOException {
    pooler.close();
    server.close();
  }

  private static MemoryStore open(String namespace) {
    return MemoryStores.open(
        server.url().replace(":" + server.port() + "/", ":" + pooler.port() + "/")
            + System.getProperty("pooler.parameters", "&prepareThreshold=0")
            + "&namespace="
            + namespace);
  }

  @Override
  protected MemoryStore openStore(String purpose) {
    return open("test-" + COUNT.incrementAndGet());
  }

  @Override
  protected Optional<MemoryStore> reopen(MemoryStore store) {
    store.close();
    return Optional.of(open(store.namespace()));
  }
}

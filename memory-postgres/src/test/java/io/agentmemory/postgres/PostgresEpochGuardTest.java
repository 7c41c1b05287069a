package io.agentmemory.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryStore;
import io.agentmemory.OpenMode;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.spi.EpochGuard.Register;
import io.agentmemory.testkit.EpochGuardContract;
import java.sql.Connection;
import java.sql.Statement;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("postgres")
class PostgresEpochGuardTest extends EpochGuardContract {
  private static TestDatabase database;

  @BeforeAll
  static void create() {
    database = TestDatabase.create("guard");
  }

  @AfterAll
  static void drop() {
    database.close();
  }

  @Override
  protected List<MemoryStore> openTwo() {
    String namespace = TestDatabase.namespace();
    return List.of(database.open(namespace), database.open(namespace));
  }

  @Test
  void givenStepUnderway_whenAGuardedOneWrites_thenItWaitsForTheEndOfTheStepAndIsRefused()
      throws Exception {
    try (PostgresMemoryStore store = database.open();
        Connection step = database.connect();
        Statement statement = step.createStatement()) {
      store.advance(0, new Register(1, "{}"));
      store.guard(1);
      store.execute(StoreMemory.of("before", "2026-02-10T11:52:05+00:00", "text"));
      step.setAutoCommit(false);
      statement.execute(
          "UPDATE agent_memory.stage_register SET epoch = 2 WHERE namespace = '"
              + store.namespace()
              + "'");

      CompletableFuture<StoreUnavailableException> refused =
          CompletableFuture.supplyAsync(
              () ->
                  catchThrowableOfType(
                      StoreUnavailableException.class,
                      () ->
                          store.execute(StoreMemory.of("m", "2026-02-10T11:52:05+00:00", "text"))));
      database.awaitWaiting();
      step.commit();

      assertThat(refused.get(20, TimeUnit.SECONDS))
          .hasMessageContaining("epoch 2")
          .matches(StoreUnavailableException::isRefusal);
      assertThat(store.count(MemoryQuery.all())).isOne();
    }
  }

  @Test
  void givenStoreForReading_whenAdvanced_thenRefusedAndTheRegisterIsRead() {
    try (PostgresMemoryStore store = database.open();
        PostgresMemoryStore reader = database.open(store.namespace(), OpenMode.READ)) {
      store.advance(0, new Register(1, "{}"));

      assertThat(reader.register()).contains(new Register(1, "{}"));
      assertThatExceptionOfType(UncategorizedStoreException.class)
          .isThrownBy(() -> reader.advance(1, new Register(2, "{}")))
          .withMessageContaining("reading only");
    }
  }
}

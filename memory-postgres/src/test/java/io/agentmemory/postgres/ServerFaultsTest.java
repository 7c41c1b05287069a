package io.agentmemory.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.agentmemory.Health;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStores;
import io.agentmemory.OpId;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.command.Batch;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.internal.testkit.TcpProxy;
import io.agentmemory.internal.testkit.TcpProxy.Cut;
import io.agentmemory.internal.testkit.TcpProxy.Trap;
import io.agentmemory.localpg.LocalPostgres;
import io.agentmemory.localpg.LocalPostgres.Requirement;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What callers see of a server that is killed, full, or read-only; each has one of its own. */
@Tag("postgres")
class ServerFaultsTest {
  private static final String AT = "2026-02-10T11:52:05+00:00";
  private static final int CONNECTIONS = 8;

  private static LocalPostgres server;

  @BeforeAll
  static void start() {
    server =
        LocalPostgres.require(Requirement.ANY)
            .fast()
            .setting("max_connections", Integer.toString(CONNECTIONS))
            .setting("superuser_reserved_connections", "0")
            .start();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static PostgresMemoryStore open(String namespace) {
    return (PostgresMemoryStore) MemoryStores.open(server.url() + "&namespace=" + namespace);
  }

  private static PostgresMemoryStore open(String namespace, TcpProxy proxy) {
    String url = server.url().replace(":" + server.port() + "/", ":" + proxy.port() + "/");
    return (PostgresMemoryStore) MemoryStores.open(url + "&namespace=" + namespace);
  }

  private static Connection connect() throws SQLException {
    return DriverManager.getConnection(server.jdbcUrl());
  }

  /** Asks the server until it says so. */
  private static void await(String what, String question) throws SQLException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    try (Connection connection = connect();
        Statement statement = connection.createStatement()) {
      while (true) {
        try (ResultSet row = statement.executeQuery("SELECT " + question)) {
          row.next();
          if (row.getBoolean(1)) {
            return;
          }
        }
        assertThat(System.nanoTime()).as(what).isLessThan(end);
      }
    }
  }

  private static long recalls(PostgresMemoryStore store) {
    return store.memories().findById("m").orElseThrow().recallCount();
  }

  @Test
  @Timeout(120)
  @DisplayName("T26: immediate stop in the middle of transactions")
  void givenServerKilledInTransactions_whenRestarted_thenEachEndIsKnownAndTheStoresGoOn()
      throws Exception {
    try (TcpProxy proxy = TcpProxy.to("127.0.0.1", server.port());
        PostgresMemoryStore committing = open("committing", proxy);
        PostgresMemoryStore waiting = open("waiting")) {
      committing.execute(StoreMemory.of("m", AT, "text"));
      waiting.execute(StoreMemory.of("m", AT, "text"));
      Batch committed = new Batch(OpId.random(), List.of(new RecallMemory("m", AT)));
      Trap answered = proxy.trap("COMMIT", Cut.BEFORE_ANSWER);
      StoreUnavailableException lost =
          catchThrowableOfType(
              StoreUnavailableException.class, () -> committing.execute(committed));
      assertThat(lost.mayHaveApplied()).contains(committed.opId());
      answered.awaitEnd();
      Batch swallowed = new Batch(OpId.random(), List.of(new RecallMemory("m", AT)));
      CompletableFuture<StoreUnavailableException> unknown;
      CompletableFuture<StoreUnavailableException> failed;
      try (Connection other = connect();
          Statement statement = other.createStatement()) {
        other.setAutoCommit(false);
        statement.execute(
            "UPDATE agent_memory.memories SET op_id = op_id WHERE namespace = 'waiting'");
        Trap trap = proxy.trap("COMMIT", Cut.NOWHERE);
        unknown = failing(() -> committing.execute(swallowed));
        trap.awaitSprung();
        failed = failing(() -> waiting.execute(new RecallMemory("m", AT)));
        await(
            "nobody waits", "EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')");
        server.kill();
      }

      assertThat(unknown.get(20, TimeUnit.SECONDS).mayHaveApplied()).contains(swallowed.opId());
      StoreUnavailableException notApplied = failed.get(20, TimeUnit.SECONDS);
      assertThat(notApplied.mayHaveApplied()).isEmpty();
      assertThat(notApplied.isRefusal()).isFalse();
      assertThat(waiting.health().status()).isEqualTo(Health.Status.DOWN);
      server.restart();

      assertThat(committing.conclude(committed.opId())).isPresent();
      assertThat(committing.conclude(swallowed.opId())).isEmpty();
      assertThat(recalls(committing)).isOne();
      waiting.execute(new RecallMemory("m", AT));
      assertThat(recalls(waiting)).isOne();
    }
  }

  private static CompletableFuture<StoreUnavailableException> failing(Runnable call) {
    return CompletableFuture.supplyAsync(
        () -> catchThrowableOfType(StoreUnavailableException.class, call::run));
  }

  @Test
  @Timeout(60)
  @DisplayName("T30: too many connections (53300)")
  void givenServerWithoutFreeConnections_whenUsed_thenUnavailableInTimeAndNoThreadsPileUp()
      throws Exception {
    ExecutorService callers = Executors.newFixedThreadPool(12);
    List<Connection> others = new ArrayList<>();
    try (PostgresMemoryStore store = open("full")) {
      store.execute(StoreMemory.of("m", AT, "text"));
      Connection holder = connect();
      others.add(holder);
      holder.setAutoCommit(false);
      try (Statement statement = holder.createStatement()) {
        statement.execute("LOCK TABLE agent_memory.memories IN ACCESS EXCLUSIVE MODE");
      }
      SQLException full = null;
      while (full == null) {
        try {
          others.add(connect());
        } catch (SQLException refused) {
          full = refused;
        }
      }
      assertThat(full.getSQLState()).isEqualTo("53300");
      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> open("another"))
          .withMessageContaining("53300")
          .matches(e -> !e.isRefusal());

      List<Future<StoreUnavailableException>> calls = new ArrayList<>();
      long start = System.nanoTime();
      for (int i = 0; i < 12; i++) {
        calls.add(
            callers.submit(
                () ->
                    catchThrowableOfType(
                        StoreUnavailableException.class, () -> store.count(MemoryQuery.all()))));
      }
      List<StoreUnavailableException> refused = new ArrayList<>();
      for (Future<StoreUnavailableException> call : calls) {
        refused.add(call.get(20, TimeUnit.SECONDS));
      }
      // one has the store's only connection, and waits for the table as long as it may
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(6));
      assertThat(refused).filteredOn(e -> String.valueOf(e).contains("53300")).hasSize(11);
      assertThat(threadsOfPools()).isLessThan(10);
      for (Connection other : others) {
        other.close();
      }

      assertThat(store.count(MemoryQuery.all())).isOne();
    } finally {
      callers.shutdownNow();
      for (Connection other : others) {
        other.close();
      }
    }
  }

  private static long threadsOfPools() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("agent-memory"))
        .count();
  }

  @Test
  @Timeout(120)
  @DisplayName("T34, T35: failover to a read-only server (25006), and back")
  void givenServerThatTurnsReadOnly_whenWritten_thenThePoolIsEvictedAndTheStoreComesBack()
      throws Exception {
    try (PostgresMemoryStore store = open("failover")) {
      store.execute(StoreMemory.of("m", AT, "text"));
      openThree(store);
      String pids =
          "ARRAY(SELECT pid FROM pg_stat_activity WHERE application_name = 'agent-memory')";
      String before;
      try (Connection connection = connect();
          Statement statement = connection.createStatement();
          ResultSet row = statement.executeQuery("SELECT " + pids + "::text")) {
        row.next();
        before = row.getString(1);
        assertThat(before).isNotEqualTo("{}");
      }
      readOnly("on");

      StoreUnavailableException thrown = null;
      long attempts = 0;
      while (thrown == null) { // the server tells its sessions in its own time
        thrown =
            catchThrowableOfType(
                StoreUnavailableException.class, () -> store.execute(new RecallMemory("m", AT)));
        attempts++;
      }
      assertThat(thrown).hasMessageContaining("25006").hasMessageContaining("read-only");
      assertThat(thrown.mayHaveApplied()).isEmpty();
      assertThat(thrown.isRefusal()).isFalse();
      await("the old connections stay open", "NOT " + pids + " && '" + before + "'::int[]");
      assertThat(recalls(store)).as("what is read meanwhile").isEqualTo(attempts - 1);
      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> store.execute(StoreMemory.of("n", AT, "text")));
      readOnly("off");
      await("it is not back", "current_setting('default_transaction_read_only') = 'off'");

      store.execute(StoreMemory.of("n", AT, "text"));
      assertThat(store.count(MemoryQuery.all())).isEqualTo(2);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"&prepareThreshold=0", ""})
  @Timeout(60)
  @DisplayName("T47: transaction-mode pooler")
  void givenPoolerThatMixesSessions_whenUsed_thenEveryOperationIsAppliedOnce(String parameters)
      throws Exception {
    int writers = 4;
    int rounds = 25;
    String namespace = parameters.isEmpty() ? "prepared" : "plain";
    open(namespace).close(); // makes the schema
    ExecutorService threads = Executors.newFixedThreadPool(writers);
    try (TransactionPooler pooler = TransactionPooler.of(server.port(), server.password(), 3);
        MemoryStore store =
            MemoryStores.open(
                server.url().replace(":" + server.port() + "/", ":" + pooler.port() + "/")
                    + "&namespace="
                    + namespace
                    + parameters)) {
      store.execute(StoreMemory.of("m", AT, "text"));
      List<Future<?>> writing = new ArrayList<>();
      for (int i = 0; i < writers; i++) {
        int writer = i;
        writing.add(
            threads.submit(
                () -> {
                  for (int n = 0; n < rounds; n++) {
                    String id = "m-" + writer + "-" + n;
                    assertThat(store.execute(StoreMemory.of(id, AT, "text")).repeated()).isFalse();
                    store.execute(new RecallMemory("m", AT));
                    assertThat(store.memories().findById(id)).isPresent();
                    assertThat(store.count(MemoryQuery.all())).isGreaterThan(n);
                  }
                }));
      }
      for (Future<?> one : writing) {
        one.get(50, TimeUnit.SECONDS);
      }

      assertThat(store.count(MemoryQuery.all())).isEqualTo(1 + writers * rounds);
      assertThat(store.memories().findById("m").orElseThrow().recallCount())
          .isEqualTo(writers * rounds);
    } finally {
      threads.shutdownNow();
    }
  }

  /** Makes the pool of a store open three connections. */
  private static void openThree(PostgresMemoryStore store) throws Exception {
    List<CompletableFuture<Long>> readers = new ArrayList<>();
    try (Connection holder = connect();
        Statement statement = holder.createStatement()) {
      holder.setAutoCommit(false);
      statement.execute("LOCK TABLE agent_memory.memories IN ACCESS EXCLUSIVE MODE");
      for (int i = 0; i < 3; i++) {
        readers.add(CompletableFuture.supplyAsync(() -> store.count(MemoryQuery.all())));
      }
      await(
          "three do not wait", "count(*) = 3 FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
    }
    for (CompletableFuture<Long> reader : readers) {
      assertThat(reader.get(20, TimeUnit.SECONDS)).isOne();
    }
  }

  private static void readOnly(String value) throws SQLException {
    try (Connection connection = connect();
        Statement statement = connection.createStatement()) {
      statement.execute("SET default_transaction_read_only = off");
      statement.execute("ALTER SYSTEM SET default_transaction_read_only = " + value);
      statement.execute("SELECT pg_reload_conf()");
    }
  }
}

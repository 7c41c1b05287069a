package io.agentmemory.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.agentmemory.Health;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryStores;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.spi.StoreUrl;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.NullSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.ds.PGSimpleDataSource;

/** What callers see when the database does not answer, or not in time. */
@Tag("postgres")
class FailuresTest {
  private static final String AT = "2026-02-10T11:52:05+00:00";
  private static final String WAITING_SINCE =
      "SELECT max(query_start)::text FROM pg_stat_activity"
          + " WHERE wait_event_type = 'Lock' AND datname = current_database()";

  private static TestDatabase database;

  @BeforeAll
  static void create() {
    database = TestDatabase.create("failures");
  }

  @AfterAll
  static void drop() {
    database.close();
  }

  private static Batch batch(Command command) {
    return new Batch(OpId.random(), List.of(command));
  }

  @Nested
  class LostAnswers {
    private final String namespace = TestDatabase.namespace();
    private final Faults faults = new Faults(database.dataSource());

    private PostgresMemoryStore open() {
      return PostgresMemoryStore.builder(faults.dataSource()).namespace(namespace).open();
    }

    private Outcome repeatedAfterLoss(PostgresMemoryStore store, Batch batch, String method) {
      faults.lose(method);
      StoreUnavailableException thrown =
          catchThrowableOfType(StoreUnavailableException.class, () -> store.execute(batch));
      faults.lose("");

      assertThat(thrown.mayHaveApplied()).contains(batch.opId());
      return store.execute(batch);
    }

    @Test
    void givenAnswerOfTheOneStatementLost_whenRepeated_thenItTookEffectOnce() {
      try (PostgresMemoryStore store = open()) {
        Batch batch = batch(StoreMemory.of("m", AT, "hello"));

        Outcome again = repeatedAfterLoss(store, batch, "executeLargeUpdate");

        assertThat(again.repeated()).isTrue();
        assertThat(again.live(Kind.MEMORY, Key.of("m")).map(Memory::content)).contains("hello");
        assertThat(store.count(MemoryQuery.all())).isOne();
      }
    }

    @Test
    void givenAnswerToCommitLost_whenRepeated_thenItTookEffectOnce() {
      try (PostgresMemoryStore store = open()) {
        store.execute(StoreMemory.of("m", AT, "hello"));
        Batch batch = batch(new RecallMemory("m", AT));

        Outcome again = repeatedAfterLoss(store, batch, "commit");

        assertThat(again.repeated()).isTrue();
        assertThat(again.live(Kind.MEMORY, Key.of("m")).map(Memory::recallCount)).contains(1L);
        assertThat(again.changes())
            .singleElement()
            .satisfies(change -> assertThat(change.before()).isNotNull());
      }
    }

    /** Pools of other makers have no SQLSTATE for that; a server refuses settings by one. */
    @ParameterizedTest
    @NullSource
    @ValueSource(strings = {"22023", "42501", "55000", "08001", "XX000"})
    void givenPoolWithoutConnections_whenUsed_thenUnavailableWhateverItSays(
        @Nullable String state) {
      try (PostgresMemoryStore store = open()) {
        store.execute(StoreMemory.of("m", AT, "hello"));
        Key key = Key.of("m");
        faults.lose("getConnection", state);
        List<ThrowableAssert.ThrowingCallable> calls =
            List.of(
                () -> store.execute(new RecallMemory("m", AT)),
                () -> store.execute(StoreMemory.of("n", AT, "hello")),
                () -> store.read(Kind.MEMORY, key),
                () -> store.count(MemoryQuery.all()),
                this::open);

        assertThat(calls)
            .allSatisfy(
                call ->
                    assertThatExceptionOfType(StoreUnavailableException.class)
                        .isThrownBy(call)
                        .withMessageContaining("SQLSTATE " + (state == null ? "08001" : state))
                        .satisfies(e -> assertThat(e.mayHaveApplied()).isEmpty()));
        faults.lose("");
        assertThat(store.read(Kind.MEMORY, key)).isPresent();
      }
    }

    @Test
    void givenLineCutBeforeCommit_whenExecuted_thenNothingWasChanged() {
      try (PostgresMemoryStore store = open()) {
        store.execute(StoreMemory.of("m", AT, "hello"));
        faults.lose("execute");

        assertThatExceptionOfType(StoreUnavailableException.class)
            .isThrownBy(() -> store.execute(new RecallMemory("m", AT)))
            .satisfies(e -> assertThat(e.mayHaveApplied()).isEmpty());
        faults.lose("");

        assertThat(store.memories().findById("m").orElseThrow().recallCount()).isZero();
      }
    }
  }

  @Nested
  class Waiting {
    @Test
    @Timeout(60)
    @DisplayName("T29: pool exhausted")
    void givenAllConnectionsBusy_whenThirtyRead_thenTheRestIsToldSoonAndNobodyHangs()
        throws Exception {
      int pool = 10;
      ExecutorService callers = Executors.newFixedThreadPool(30);
      try (PostgresMemoryStore store = database.open();
          Connection other = database.connect();
          Statement statement = other.createStatement()) {
        store.execute(StoreMemory.of("m", AT, "hello"));
        other.setAutoCommit(false);
        statement.execute("LOCK TABLE agent_memory.memories IN ACCESS EXCLUSIVE MODE");

        CompletionService<Object> calls = new ExecutorCompletionService<>(callers);
        long start = System.nanoTime();
        for (int i = 0; i < 30; i++) {
          calls.submit(
              () -> {
                try {
                  return store.count(MemoryQuery.all());
                } catch (StoreUnavailableException unavailable) {
                  return unavailable;
                }
              });
        }
        for (int i = 0; i < 30 - pool; i++) {
          assertThat(calls.take().get())
              .asInstanceOf(type(StoreUnavailableException.class))
              .matches(away -> !away.isRefusal())
              .asString()
              .contains("08001");
        }
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(3));
        other.rollback();
        for (int i = 0; i < pool; i++) {
          assertThat(calls.take().get()).isEqualTo(1L);
        }
        assertThat(store.count(MemoryQuery.all())).isOne();
      } finally {
        callers.shutdownNow();
        assertThat(callers.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
      }
    }

    @Test
    @Timeout(30)
    @DisplayName("T32: lock timeout")
    void givenRowLockedBySomebody_whenWritten_thenUnavailableWithinTheDeadlineAndNothingChanged()
        throws SQLException {
      try (PostgresMemoryStore store = database.open()) {
        store.execute(StoreMemory.of("m", AT, "hello"));
        try (Connection other = database.connect();
            Statement statement = other.createStatement()) {
          other.setAutoCommit(false);
          statement.execute(
              "UPDATE agent_memory.memories SET op_id = op_id WHERE namespace = '"
                  + store.namespace()
                  + "'");
          long start = System.nanoTime();

          assertThatExceptionOfType(StoreUnavailableException.class)
              .isThrownBy(() -> store.execute(new RecallMemory("m", AT)))
              .withMessageContaining("55P03")
              .matches(StoreUnavailableException::isRefusal)
              .satisfies(e -> assertThat(e.mayHaveApplied()).isEmpty());
          assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(8));
          other.rollback();
        }
        assertThat(store.memories().recall("m").orElseThrow().recallCount()).isOne();
      }
    }

    @Test
    @Timeout(30)
    @DisplayName("T32: lock timeout, tried again")
    void givenRowLockedForLongerThanOneTry_whenItIsLetGo_thenAppliedOnce() throws Exception {
      try (PostgresMemoryStore store = database.open();
          Connection other = database.connect();
          Statement statement = other.createStatement()) {
        store.execute(StoreMemory.of("m", AT, "hello"));
        other.setAutoCommit(false);
        statement.execute(
            "UPDATE agent_memory.memories SET op_id = op_id WHERE namespace = '"
                + store.namespace()
                + "'");
        CompletableFuture<Outcome> recall =
            CompletableFuture.supplyAsync(() -> store.execute(new RecallMemory("m", AT)));
        database.awaitWaiting();
        String first = database.one(WAITING_SINCE);
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (List.of(first, "null").contains(database.one(WAITING_SINCE))) {
          assertThat(System.nanoTime()).as("it is tried again").isLessThan(end);
        }
        other.rollback();

        assertThat(recall.get(20, TimeUnit.SECONDS).repeated()).isFalse();
        assertThat(store.memories().findById("m").orElseThrow().recallCount()).isOne();
      }
    }

    @Test
    @Timeout(30)
    void givenIdBeingTakenBySomebody_whenStored_thenUnavailableAndNothingChanged()
        throws SQLException {
      try (PostgresMemoryStore store = database.open()) {
        try (Connection other = database.connect();
            Statement statement = other.createStatement()) {
          other.setAutoCommit(false);
          statement.execute(
              "INSERT INTO agent_memory.memories (namespace, id, revision, deleted) VALUES ('"
                  + store.namespace()
                  + "', 'm', 1, true)");

          assertThatExceptionOfType(StoreUnavailableException.class)
              .isThrownBy(() -> store.execute(StoreMemory.of("m", AT, "hello")))
              .satisfies(e -> assertThat(e.mayHaveApplied()).isEmpty());
          other.rollback();
        }
        assertThat(store.memories().findById("m")).isEmpty();
        store.execute(StoreMemory.of("m", AT, "hello"));
      }
    }

    @Test
    void givenTablesLockedBySomebody_whenManyRead_thenUnavailableAndNoneHangs() throws Exception {
      try (PostgresMemoryStore store = database.open();
          Connection other = database.connect();
          Statement statement = other.createStatement()) {
        other.setAutoCommit(false);
        statement.execute("LOCK TABLE agent_memory.memories IN ACCESS EXCLUSIVE MODE");
        long start = System.nanoTime();

        assertThatExceptionOfType(StoreUnavailableException.class)
            .isThrownBy(() -> store.find(MemoryQuery.all()));
        assertThatExceptionOfType(StoreUnavailableException.class)
            .isThrownBy(() -> store.read(Kind.MEMORY, Key.of("m")));

        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(12));
        other.rollback();
      }
    }
  }

  /** Faults made by triggers, in a database that no other test uses. */
  @Nested
  class Statements {
    private TestDatabase own;
    private PostgresMemoryStore store;

    @BeforeEach
    void create() {
      own = TestDatabase.create("statements");
      store = own.open("n");
      store.execute(StoreMemory.of("m", AT, "hello"));
    }

    @AfterEach
    void drop() {
      store.close();
      own.close();
    }

    /** Lets every write to memories run {@code body} first. */
    private void trigger(String body) throws SQLException {
      own.sql("CREATE SEQUENCE IF NOT EXISTS tries");
      own.sql(
          "CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
              + body
              + " RETURN NEW; END $$");
      own.sql(
          "CREATE OR REPLACE TRIGGER fault BEFORE INSERT OR UPDATE ON agent_memory.memories"
              + " FOR EACH ROW EXECUTE FUNCTION fault()");
    }

    private void raiseUntil(int tries, String state) throws SQLException {
      own.sql("DROP SEQUENCE IF EXISTS tries");
      trigger("IF nextval('tries') <= " + tries + " THEN RAISE SQLSTATE '" + state + "'; END IF;");
    }

    private long tries() throws SQLException {
      return Long.parseLong(own.one("SELECT last_value FROM tries"));
    }

    private long recalls() {
      return store.memories().findById("m").orElseThrow().recallCount();
    }

    @Test
    @Timeout(60)
    @DisplayName("T31: statement timeout")
    void givenStatementsThatTakeTooLong_whenWritten_thenEndedAndNothingIsLeftOfThem()
        throws Exception {
      trigger("PERFORM pg_sleep(20);");
      Batch create = batch(StoreMemory.of("slow", AT, "x"));
      Batch recall = batch(new RecallMemory("m", AT));

      for (CompletableFuture<StoreUnavailableException> call :
          List.of(
              CompletableFuture.supplyAsync(() -> unavailable(create)),
              CompletableFuture.supplyAsync(() -> unavailable(recall)))) {
        assertThat(call.get(20, TimeUnit.SECONDS))
            .hasMessageContaining("57014")
            .hasMessageContaining("longer than allowed")
            .matches(slow -> !slow.isRefusal())
            .satisfies(slow -> assertThat(slow.mayHaveApplied()).isEmpty());
      }

      assertThat(own.one("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))
          .isEqualTo("0");
      assertThat(store.conclude(create.opId())).isEmpty();
      assertThat(store.conclude(recall.opId())).isEmpty();
      assertThat(store.count(MemoryQuery.all())).isOne();
      assertThat(recalls()).isZero();
    }

    private StoreUnavailableException unavailable(Batch batch) {
      return catchThrowableOfType(StoreUnavailableException.class, () -> store.execute(batch));
    }

    @ParameterizedTest
    @ValueSource(strings = {"40001", "40P01"})
    @DisplayName("T33: serialization failure, deadlock")
    void givenOthersInTheWay_whenWritten_thenTriedAgainAFewTimesAndAppliedOnce(String state)
        throws SQLException {
      raiseUntil(3, state);
      store.execute(new RecallMemory("m", AT));
      assertThat(tries()).isEqualTo(4);
      assertThat(recalls()).isOne();
      raiseUntil(2, state);
      store.execute(StoreMemory.of("created", AT, "x"));
      assertThat(store.count(MemoryQuery.all())).isEqualTo(2);

      raiseUntil(1000, state);
      Batch batch = batch(new RecallMemory("m", AT));
      assertThat(unavailable(batch))
          .hasMessageContaining(state)
          .matches(StoreUnavailableException::isRefusal)
          .satisfies(busy -> assertThat(busy.mayHaveApplied()).isEmpty());
      assertThat(tries()).as("one try and five more").isEqualTo(6);
      assertThat(recalls()).isOne();
      raiseUntil(0, state);
      store.execute(batch);
      assertThat(recalls()).isEqualTo(2);
    }

    @Test
    @DisplayName("T28: commit() of a failed transaction")
    void givenTransactionThatFailed_whenCommitted_thenNeverTakenForCommitted() throws SQLException {
      PGSimpleDataSource source = own.dataSource();
      Database database = new Database(source, source, () -> {});

      assertThatExceptionOfType(UncategorizedStoreException.class)
          .isThrownBy(
              () ->
                  database.transact(
                      new Operation("postgres", "test", ""),
                      OpId.random(),
                      false,
                      connection -> {
                        try (Statement statement = connection.createStatement()) {
                          statement.execute("DELETE FROM agent_memory.memories");
                          statement.execute("SELECT 1/0");
                        } catch (SQLException swallowed) {
                          return "as if nothing had happened";
                        }
                        return "not to be reached";
                      }))
          .withMessageContaining("25P02");

      assertThat(store.count(MemoryQuery.all())).isOne();
    }

    @Test
    @Timeout(30)
    void givenTransactionThatPausesForTooLong_whenItGoesOn_thenUndoneAndTheNextOneSucceeds()
        throws SQLException {
      Operation operation = new Operation("postgres", "test", "");
      PostgresUrl url = PostgresUrl.parse(StoreUrl.parse(own.url("n")), Map.of());
      try (Pools pools = Pools.open(url, Pools.unpooled(url).getConnection())) {
        Database database = new Database(pools.foreground(), pools.bulk(), pools::evictAll);

        assertThatExceptionOfType(StoreUnavailableException.class)
            .isThrownBy(
                () ->
                    database.transact(
                        operation, OpId.random(), false, connection -> pause(connection)))
            .withMessageContaining("25P03")
            .satisfies(e -> assertThat(e.mayHaveApplied()).isEmpty());
        assertThat(store.count(MemoryQuery.all())).isOne();
        boolean done =
            database.transact(
                operation,
                OpId.random(),
                false,
                connection -> {
                  try (Statement statement = connection.createStatement()) {
                    return !statement.execute("DELETE FROM agent_memory.memories");
                  }
                });
        assertThat(done).isTrue();
      }
      assertThat(store.count(MemoryQuery.all())).isZero();
    }

    /** Deletes all, does nothing until the server has enough of it, and goes on. */
    private boolean pause(Connection connection) throws SQLException {
      try (Statement statement = connection.createStatement()) {
        statement.execute("SET LOCAL idle_in_transaction_session_timeout = 50");
        statement.execute("DELETE FROM agent_memory.memories");
        String idle =
            "SELECT count(*) FROM pg_stat_activity"
                + " WHERE datname = current_database() AND state = 'idle in transaction'";
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!own.one(idle).equals("0")) {
          assertThat(System.nanoTime()).as("the session goes on").isLessThan(end);
        }
        return statement.execute("SELECT 1");
      }
    }

    @Test
    @DisplayName("T28: COMMIT that fails")
    void givenConstraintThatIsCheckedAtCommit_whenItFails_thenInvalidAndNothingChanged()
        throws SQLException {
      trigger("RAISE check_violation;");
      own.sql("DROP TRIGGER fault ON agent_memory.memories");
      own.sql(
          "CREATE CONSTRAINT TRIGGER fault AFTER UPDATE ON agent_memory.memories"
              + " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fault()");

      assertThatExceptionOfType(InvalidMemoryException.class)
          .isThrownBy(() -> store.execute(new RecallMemory("m", AT)))
          .withMessageContaining("23514");

      assertThat(recalls()).isZero();
    }

    @Test
    @DisplayName("T48: data error")
    void givenValueThatTheDatabaseRefuses_whenWritten_thenInvalidAndOthersFlow()
        throws SQLException {
      own.sql("ALTER TABLE agent_memory.memories ADD CONSTRAINT no_bad CHECK (id <> 'bad')");
      Batch bad = batch(StoreMemory.of("bad", AT, "private words"));

      assertThatExceptionOfType(InvalidMemoryException.class)
          .isThrownBy(() -> store.execute(bad))
          .withMessageContaining("23514")
          .withMessageContaining("no_bad")
          .satisfies(e -> assertThat(e.toString()).doesNotContain("private"));
      store.execute(StoreMemory.of("good", AT, "x"));
      store.execute(new RecallMemory("m", AT));
      assertThat(store.count(MemoryQuery.all())).isEqualTo(2);

      own.sql("ALTER TABLE agent_memory.memories DROP CONSTRAINT no_bad");
      assertThat(store.execute(bad).repeated()).isFalse();
      assertThat(store.count(MemoryQuery.all())).isEqualTo(3);
    }
  }

  @Nested
  class Servers {
    @Test
    void givenNobodyListening_whenOpened_thenUnavailableAtOnce() throws IOException {
      int port;
      try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
        port = socket.getLocalPort();
      }

      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> MemoryStores.open("postgresql://me@127.0.0.1:" + port + "/db"))
          .withMessageContaining("08001");
    }

    @Test
    @Timeout(30)
    void givenServerThatAcceptsAndSaysNothing_whenOpened_thenUnavailableInTime()
        throws IOException {
      try (ServerSocket silent = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
        String url = "postgresql://me@127.0.0.1:" + silent.getLocalPort() + "/db";

        assertThatExceptionOfType(StoreUnavailableException.class)
            .isThrownBy(() -> MemoryStores.open(url));
      }
    }

    @Test
    void givenWrongPasswordOrDatabase_whenOpened_thenUnavailableAndTheReasonIsNamed() {
      String url = database.url("n");

      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> MemoryStores.open(url.replace(database.name(), "not_there")))
          .withMessageContaining("3D000");
    }

    @Test
    void givenServerThatBecameReadOnly_whenWritten_thenUnavailableUntilItIsBack() throws Exception {
      try (TestDatabase own = TestDatabase.create("failover");
          PostgresMemoryStore store = own.open("n")) {
        store.memories().store("before");
        String every = "ALTER DATABASE " + own.name() + " SET default_transaction_read_only = ";
        own.sql(every + "on");
        own.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                + " WHERE datname = current_database() AND pid <> pg_backend_pid()");

        for (int i = 0; i < 3; i++) { // the first ones meet the cut connections
          assertThatExceptionOfType(StoreUnavailableException.class)
              .isThrownBy(() -> store.memories().store("during"));
        }
        assertThatExceptionOfType(StoreUnavailableException.class)
            .isThrownBy(() -> store.memories().store("during"))
            .withMessageContaining("25006");
        own.sql("BEGIN READ WRITE; " + every + "off; COMMIT");

        store.memories().store("after"); // on new connections: the old ones were thrown away
        assertThat(store.count(MemoryQuery.all())).isEqualTo(2);
      }
    }

    @Test
    void givenConnectionsCut_whenRead_thenTheStoreIsBackAfterwards() throws SQLException {
      try (TestDatabase own = TestDatabase.create("cut");
          PostgresMemoryStore store = own.open("n")) {
        Memory memory = store.memories().store("before");
        own.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                + " WHERE datname = current_database() AND pid <> pg_backend_pid()");
        try {
          store.memories().findById(memory.id());
        } catch (StoreUnavailableException cut) {
          assertThat(cut.mayHaveApplied()).isEmpty();
        }

        assertThat(store.memories().findById(memory.id())).contains(memory);
      }
    }

    @Test
    void givenStoreWhoseServerIsGone_whenAskedHowItIs_thenDown() {
      TestDatabase own = TestDatabase.create("gone");
      try (PostgresMemoryStore store = own.open("n")) {
        own.close();

        assertThat(store.health().status()).isEqualTo(Health.Status.DOWN);
      }
    }

    @Test
    void givenTablesTakenAway_whenUsed_thenTheSchemaIsBlamed() throws SQLException {
      try (TestDatabase own = TestDatabase.create("broken");
          PostgresMemoryStore store = own.open("n")) {
        own.sql("DROP SCHEMA agent_memory CASCADE");

        assertThatExceptionOfType(UncategorizedStoreException.class)
            .isThrownBy(() -> store.read(Kind.MEMORY, Key.of("m")))
            .withMessageContaining("42P01")
            .withMessageContaining("schema");
        assertThatExceptionOfType(UncategorizedStoreException.class)
            .isThrownBy(() -> store.memories().store("x"));
      }
    }
  }

  @Nested
  class Operations {
    @Test
    void givenOperationThatWasGivenUp_whenItComesLate_thenItTakesNoEffect() throws SQLException {
      try (PostgresMemoryStore store = database.open()) {
        Batch batch = batch(StoreMemory.of("m", AT, "hello"));
        database.sql(
            "INSERT INTO agent_memory.applied_ops VALUES ('"
                + store.namespace()
                + "', '"
                + batch.opId()
                + "', 'aborted', now(), null)");

        assertThatExceptionOfType(UncategorizedStoreException.class)
            .isThrownBy(() -> store.execute(batch))
            .withMessageContaining("given up");
        assertThat(store.memories().findById("m")).isEmpty();
      }
    }

    @Test
    void givenPoolWithAutoCommitOff_whenUsed_thenNothingStaysOpen() throws SQLException {
      String namespace = TestDatabase.namespace();
      Faults plain = new Faults(database.dataSource());
      javax.sql.DataSource source = plain.dataSource();
      try (PostgresMemoryStore store =
          PostgresMemoryStore.builder(source).namespace(namespace).open()) {
        store.execute(StoreMemory.of("m", AT, "hello"));
        store.execute(new RecallMemory("m", AT));
        store.find(MemoryQuery.all());
      }
      assertThat(
              database.one(
                  "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
                      + " AND datname = current_database()"))
          .isEqualTo("0");
    }
  }
}

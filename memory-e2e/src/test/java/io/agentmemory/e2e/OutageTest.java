package io.agentmemory.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.MemoryStores;
import io.agentmemory.OpId;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.dualwrite.Conflict;
import io.agentmemory.dualwrite.DualWriteListener;
import io.agentmemory.dualwrite.DualWriteMemoryStore;
import io.agentmemory.dualwrite.FallbackMemoryStore;
import io.agentmemory.dualwrite.Lagging;
import io.agentmemory.dualwrite.Stage;
import io.agentmemory.dualwrite.StageFolder;
import io.agentmemory.dualwrite.StoreAddress;
import io.agentmemory.dualwrite.Verifier;
import io.agentmemory.dualwrite.VerifyReport;
import io.agentmemory.internal.testkit.TcpProxy;
import io.agentmemory.internal.testkit.TcpProxy.Cut;
import io.agentmemory.internal.testkit.TcpProxy.Trap;
import io.agentmemory.localpg.LocalPostgres;
import io.agentmemory.localpg.LocalPostgres.Requirement;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** PostgreSQL leads and goes away in all manners; files stand in for it. */
@Tag("postgres")
@Timeout(120)
class OutageTest {
  private static final String AT = "2026-02-10T11:52:05+00:00";
  private static final Duration DEADLINE = Duration.ofSeconds(1);

  /** How a batch begins that PostgreSQL gets in one statement. */
  private static final String ONE_STATEMENT = "WITH ok AS";

  private static final Duration FLAPPING = Duration.ofSeconds(Long.getLong("outage.flapping", 4));
  private static final int WRITERS = 4;

  private static LocalPostgres server;

  private final long seed = Long.getLong("fault.seed", System.nanoTime());
  private final Random random = new Random(seed);
  @TempDir private Path folder;

  @BeforeAll
  static void start() {
    server = LocalPostgres.require(Requirement.ANY).fast().start();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  /** Both stores, a line to the database that can be cut, and what was heard. */
  private final class Pair implements AutoCloseable, DualWriteListener {
    private final String namespace = Stores.namespace();
    private final TcpProxy proxy;
    private final MemoryStore file = Stores.file(folder.resolve("tree"), namespace);
    private final MemoryStore postgres;
    private final MemoryStore direct; // for a look that no cut line spoils
    private final List<String> heard = new CopyOnWriteArrayList<>();
    private final AtomicInteger opened = new AtomicInteger();
    private DualWriteMemoryStore dual;

    Pair() throws IOException {
      proxy = TcpProxy.to("127.0.0.1", server.port());
      postgres = MemoryStores.open(url(proxy, namespace));
      direct = MemoryStores.open(server.url() + "&namespace=" + namespace);
      dual = open();
    }

    private DualWriteMemoryStore open() {
      return DualWriteMemoryStore.builder(file, postgres)
          .stage(Stage.LIVE)
          .folder(folder.resolve("dual"))
          .deadline(DEADLINE)
          .shadowRate(0)
          .listener(this)
          .build();
    }

    @Override
    public void onConflict(Conflict conflict) {
      heard.add("conflict " + conflict.key() + " " + conflict.winner());
    }

    @Override
    public void onGapHealed(Kind<?> kind, Key key) {
      heard.add("gap " + key);
    }

    @Override
    public void onParked(Lagging record) {
      heard.add("parked " + record.key());
    }

    @Override
    public void onTargetReachable(boolean reachable) {
      if (!reachable) {
        opened.incrementAndGet();
      }
    }

    /** The database is away from now on. */
    void down() {
      proxy.refuse();
      proxy.cut();
    }

    void up() {
      proxy.accept();
    }

    void execute(Command command) {
      dual.execute(command);
    }

    String content(String id) {
      return dual.memories().findById(id).orElseThrow().content();
    }

    long recalls(String id) {
      return dual.memories().findById(id).orElseThrow().recallCount();
    }

    /** Neither store lacks anything any more, and they are equal. */
    void assertSettled() {
      // A target that has just flapped is not asked again for 72 s at most.
      assertThat(dual.replay(Duration.ofSeconds(90))).as("lacking, seed %d", seed).isZero();
      await(() -> dual.status().isSettled(), "settled");
      assertThat(dump(direct)).as("seed %d", seed).isEqualTo(dump(file));
    }

    @Override
    public void close() {
      dual.close();
      postgres.close();
      direct.close();
      file.close();
      proxy.close();
    }
  }

  private static String url(TcpProxy proxy, String namespace) {
    return server.url().replace(":" + server.port() + "/", ":" + proxy.port() + "/")
        + "&namespace="
        + namespace;
  }

  private static void await(BooleanSupplier condition, String what) {
    long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(150);
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("waited too long: %s", what).isLessThan(until);
      Thread.onSpinWait();
    }
  }

  private static int sql(String statement) throws SQLException {
    try (Connection connection = DriverManager.getConnection(server.jdbcUrl());
        Statement sql = connection.createStatement()) {
      return sql.executeUpdate(statement);
    }
  }

  /** Every record and tombstone with its version. */
  private static List<String> dump(MemoryStore store) {
    List<String> lines = new ArrayList<>();
    for (Kind<?> kind : Kind.all()) {
      try (Stream<? extends Stored<?>> scan = store.scan(kind)) {
        scan.forEach(s -> lines.add(kind + " " + s.key() + " " + s.version()));
      }
    }
    return lines;
  }

  private static Batch batch(Command command) {
    return new Batch(OpId.random(), List.of(command));
  }

  private static Duration percentile(List<Long> nanos) {
    List<Long> sorted = new ArrayList<>(nanos);
    Collections.sort(sorted);
    return sorted.isEmpty()
        ? Duration.ZERO
        : Duration.ofNanos(sorted.get((int) Math.ceil(sorted.size() * 0.99) - 1));
  }

  /** Threads that recall memories, each a shared one and one of its own. */
  private final class Writers implements AutoCloseable {
    private final ExecutorService threads = Executors.newFixedThreadPool(4);
    private final List<Future<?>> running = new ArrayList<>();
    private final AtomicBoolean over = new AtomicBoolean();
    private final AtomicInteger acknowledged = new AtomicInteger();
    private final List<OpId> unknown = Collections.synchronizedList(new ArrayList<>());
    private final List<Throwable> failures = new CopyOnWriteArrayList<>();

    /** How long writes took that began and ended while the target was not asked, in nanoseconds. */
    private final List<Long> whileAway = Collections.synchronizedList(new ArrayList<>());

    private final Pair pair;

    Writers(Pair pair) {
      this.pair = pair;
      pair.execute(StoreMemory.of("shared", AT, "text"));
      for (int i = 0; i < 4; i++) {
        pair.execute(StoreMemory.of("own" + i, AT, "text"));
      }
      for (int i = 0; i < 4; i++) {
        String own = "own" + i;
        running.add(
            threads.submit(
                () -> {
                  while (!over.get()) {
                    recall("shared");
                    recall(own);
                  }
                }));
      }
    }

    private void recall(String id) {
      Batch batch = batch(new RecallMemory(id, AT));
      boolean isAway = !pair.dual.status().targetReachable();
      long start = System.nanoTime();
      try {
        pair.dual.execute(batch);
        acknowledged.incrementAndGet();
        if (isAway && !pair.dual.status().targetReachable()) {
          whileAway.add(System.nanoTime() - start);
        }
      } catch (StoreUnavailableException away) {
        if (away.mayHaveApplied().isPresent()) {
          unknown.add(batch.opId());
        } else {
          failures.add(away);
        }
      } catch (MemoryStoreException failure) {
        failures.add(failure);
      }
    }

    void awaitMore(int writes) {
      int before = acknowledged.get();
      await(() -> acknowledged.get() >= before + writes, "writes go on");
    }

    void end() throws Exception {
      over.set(true);
      for (Future<?> one : running) {
        one.get(30, TimeUnit.SECONDS);
      }
    }

    /** Of a hundred writes while the target was not asked, 99 took no longer than this. */
    Duration slowestWhileAway() {
      return percentile(whileAway);
    }

    /** Each write took effect once, and is in both stores. */
    void assertOnce() {
      pair.assertSettled();
      int expected = acknowledged.get() + pair.dual.conclude(unknown).size();
      long found = pair.recalls("shared");
      for (int i = 0; i < 4; i++) {
        found += pair.recalls("own" + i);
      }
      assertThat(failures).isEmpty();
      assertThat(found).as("seed %d, unknown %s", seed, unknown).isEqualTo(expected);
    }

    @Override
    public void close() {
      over.set(true);
      threads.shutdownNow();
    }
  }

  @Test
  @DisplayName("T26: immediate stop in the middle of transactions")
  void givenWriters_whenTheServerIsKilledAndRestarted_thenEachWriteIsInBothStoresOnce()
      throws Exception {
    try (Pair pair = new Pair();
        Writers writers = new Writers(pair)) {
      writers.awaitMore(20);
      Trap trap = pair.proxy.trap("COMMIT", Cut.NOWHERE);
      trap.awaitSprung(); // somebody is in the middle of it
      server.kill();
      writers.awaitMore(40);
      server.restart();
      await(() -> pair.dual.status().targetReachable(), "the target is back");
      writers.awaitMore(20);
      writers.end();

      writers.assertOnce();
      assertThat(pair.dual.stats().fallbackWrites()).isPositive();
    }
  }

  @Test
  @Timeout(value = 90, unit = TimeUnit.MINUTES) // for its long form
  @DisplayName("T27: connection cut after COMMIT left")
  void givenLineCutAtCommit_whenWritten_thenTheCallerIsAnsweredAndItHappensOnce() throws Exception {
    int rounds = Integer.getInteger("fault.rounds", 20);
    long recalls = 0;
    try (Pair pair = new Pair()) {
      pair.execute(StoreMemory.of("counter", AT, "text"));
      for (int round = 0; round < rounds; round++) {
        boolean oneStatement = random.nextBoolean();
        Cut cut = Cut.values()[random.nextInt(Cut.values().length - 1)]; // all but NOWHERE
        boolean early = random.nextBoolean();
        String which =
            "seed %d, round %d: %s, cut %s, %s".formatted(seed, round, oneStatement, cut, early);
        pair.execute(StoreMemory.of("between-" + round, AT, "text"));
        pair.execute(UpdateMemory.of("between-" + round).content("goes through"));
        assertThat(pair.dual.drain(Duration.ofSeconds(10))).isTrue();
        Batch batch =
            batch(
                oneStatement
                    ? StoreMemory.of("m-" + round, AT, "text")
                    : new RecallMemory("counter", AT));
        Trap trap = pair.proxy.trap(oneStatement ? ONE_STATEMENT : "COMMIT", cut);
        assertThat(pair.dual.execute(batch).repeated()).as(which).isFalse();
        assertThat(trap.isSprung()).as(which).isTrue();
        recalls += oneStatement ? 0 : 1;
        if (cut != Cut.LATE) {
          pair.assertSettled();
          trap.awaitEnd();
        } else if (early) {
          trap.release();
        } else {
          CompletableFuture<Integer> replay =
              CompletableFuture.supplyAsync(() -> pair.dual.replay(Duration.ofSeconds(20)));
          if (oneStatement) { // nobody waits for it: it comes when all is over
            assertThat(replay.get(30, TimeUnit.SECONDS)).as(which).isZero();
          }
          trap.release();
          assertThat(replay.get(30, TimeUnit.SECONDS)).as(which).isZero();
        }
        pair.assertSettled();
        assertThat(pair.recalls("counter")).as(which).isEqualTo(recalls);
        assertThat(pair.dual.execute(batch).repeated()).as(which).isTrue();
      }
      assertThat(pair.heard).as("seed %d", seed).isEmpty();
    }
  }

  /** How long a call took. */
  private static Duration time(Runnable call) {
    long start = System.nanoTime();
    call.run();
    return Duration.ofNanos(System.nanoTime() - start);
  }

  @Test
  @DisplayName("T36, T37: half-open TCP, and a target that answers late")
  void givenTargetThatGoesSilentOrSlow_whenWritten_thenCallersReturnWithinTheDeadline()
      throws Exception {
    Duration limit = DEADLINE.multipliedBy(11).dividedBy(10).plusMillis(500); // a busy machine
    try (Pair pair = new Pair()) {
      pair.execute(StoreMemory.of("m", AT, "text"));
      int written = 0;
      for (boolean silent : new boolean[] {true, false}) {
        if (silent) {
          pair.proxy.silence();
        } else {
          pair.proxy.delayAnswers(Duration.ofSeconds(10));
        }
        for (int i = 0; i < 5; i++) {
          assertThat(time(() -> pair.execute(new RecallMemory("m", AT))))
              .as("silent %s, write %d", silent, i)
              .isLessThan(limit);
          written++;
        }
        assertThat(pair.recalls("m")).isEqualTo(written);
        pair.proxy.speak();
        pair.proxy.delayAnswers(Duration.ZERO);
        pair.assertSettled();
        assertThat(pair.recalls("m")).isEqualTo(written);
      }
    }
  }

  @Test
  @DisplayName("T29: pool exhausted")
  void givenTablesLocked_whenThirtyWrite_thenEachIsAnsweredInTimeAndNoThreadsPileUp()
      throws Exception {
    int callers = 30;
    ExecutorService threads = Executors.newFixedThreadPool(callers);
    try (Pair pair = new Pair();
        Connection other = DriverManager.getConnection(server.jdbcUrl());
        Statement lock = other.createStatement()) {
      for (int i = 0; i < callers; i++) {
        pair.execute(StoreMemory.of("m" + i, AT, "text"));
      }
      pair.assertSettled();
      other.setAutoCommit(false);
      lock.execute("LOCK TABLE agent_memory.memories IN ACCESS EXCLUSIVE MODE");
      List<Future<Duration>> calls = new ArrayList<>();
      for (int i = 0; i < callers; i++) {
        String id = "m" + i;
        calls.add(threads.submit(() -> time(() -> pair.execute(new RecallMemory(id, AT)))));
      }
      for (Future<Duration> call : calls) { // the last of thirty that the source forces to disk
        assertThat(call.get(30, TimeUnit.SECONDS)).isLessThan(DEADLINE.multipliedBy(10));
      }
      assertThat(waitingThreads()).as("threads that wait for the target").isLessThanOrEqualTo(16);
      assertThat(pair.dual.stats().fallbackWrites()).isPositive();
      other.rollback();

      pair.assertSettled();
      for (int i = 0; i < callers; i++) {
        assertThat(pair.recalls("m" + i)).as("once, seed %d", seed).isOne();
      }
    } finally {
      threads.shutdownNow();
    }
  }

  private static long waitingThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("dualwrite-target"))
        .count();
  }

  @Test
  @DisplayName("T30: too many connections (53300)")
  void givenServerWithoutFreeConnections_whenWritten_thenTheSourceServesInTime() throws Exception {
    List<Connection> others = new ArrayList<>();
    try (Pair pair = new Pair()) {
      pair.execute(StoreMemory.of("m", AT, "text"));
      pair.assertSettled();
      pair.proxy.refuse();
      pair.proxy.cut();
      SQLException full = null;
      while (full == null) {
        try {
          others.add(DriverManager.getConnection(server.jdbcUrl()));
        } catch (SQLException refused) {
          full = refused;
        }
      }
      assertThat(full.getSQLState()).isEqualTo("53300");
      pair.proxy.accept(); // the server answers again: that it has no room
      for (int i = 1; i <= 5; i++) {
        assertThat(time(() -> pair.execute(new RecallMemory("m", AT))))
            .isLessThan(DEADLINE.multipliedBy(3)); // a busy machine
        assertThat(pair.recalls("m")).isEqualTo(i);
      }
      assertThat(waitingThreads()).isLessThanOrEqualTo(16);
      for (Connection other : others) {
        other.close();
      }

      pair.assertSettled();
      assertThat(pair.recalls("m")).isEqualTo(5);
    } finally {
      for (Connection other : others) {
        other.close();
      }
    }
  }

  @Test
  @DisplayName("T34, T35: failover to a read-only server (25006), and back")
  void givenTargetThatTurnsReadOnly_whenWritten_thenTheSourceServesUntilItIsBack()
      throws Exception {
    try (Pair pair = new Pair()) {
      pair.execute(StoreMemory.of("m", AT, "text"));
      pair.assertSettled();
      int written = 0;
      readOnly("on");
      try {
        // The server tells its sessions in its own time: until then it takes what is written.
        while (pair.dual.stats().fallbackWrites() == 0) {
          pair.execute(new RecallMemory("m", AT));
          written++;
        }
        for (int i = 0; i < 10; i++) {
          pair.execute(new RecallMemory("m", AT));
          written++;
          assertThat(pair.recalls("m")).isEqualTo(written);
        }
        assertThat(pair.dual.status().isSettled()).isFalse();
      } finally {
        readOnly("off");
      }
      long back = System.nanoTime();
      await(() -> pair.dual.status().targetReachable(), "the target is back");
      pair.assertSettled();
      assertThat(Duration.ofNanos(System.nanoTime() - back)).isLessThan(Duration.ofSeconds(75));
      pair.execute(new RecallMemory("m", AT));
      assertThat(pair.recalls("m")).isEqualTo(written + 1);
      assertThat(pair.heard).isEmpty();
    }
  }

  private static void readOnly(String value) throws SQLException {
    try (Connection connection = DriverManager.getConnection(server.jdbcUrl());
        Statement statement = connection.createStatement()) {
      statement.execute("SET default_transaction_read_only = off");
      statement.execute("ALTER SYSTEM SET default_transaction_read_only = " + value);
      statement.execute("SELECT pg_reload_conf()");
    }
  }

  @Test
  @Timeout(value = 90, unit = TimeUnit.MINUTES) // for its long form
  @DisplayName("T38: the target comes and goes")
  void givenTargetThatFlaps_whenWritten_thenNothingIsLostAndNothingDoubled() throws Exception {
    try (Pair pair = new Pair();
        Writers writers = new Writers(pair)) {
      boolean isLong = FLAPPING.toSeconds() >= 60;
      long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(FLAPPING.toMillis());
      for (boolean up = false; System.nanoTime() < until; up = !up) {
        if (up) {
          pair.up();
        } else {
          pair.down();
        }
        long next = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(isLong ? 2_000 : 300);
        await(() -> System.nanoTime() >= next, "the next turn");
      }
      pair.up();
      writers.end();

      writers.assertOnce();
      assertThat(pair.opened).as("times the target was given up").hasValueLessThanOrEqualTo(20);
      System.out.printf(
          "%d writes while the target flapped for %d s: given up %d times, p99 while away %.1f ms%n",
          writers.acknowledged.get(),
          FLAPPING.toSeconds(),
          pair.opened.get(),
          writers.slowestWhileAway().toNanos() / 1e6);
      if (isLong) { // a few writes on a machine that does other things say nothing
        assertThat(writers.slowestWhileAway()).isLessThan(Duration.ofMillis(50));
      }
    }
  }

  @Test
  @DisplayName("T39: target down at startup")
  void givenTargetDown_whenOpened_thenTheSourceServesAndTheTargetGetsItLater() throws Exception {
    try (Pair pair = new Pair()) {
      pair.execute(StoreMemory.of("m", AT, "text"));
      pair.assertSettled();
      pair.dual.close();
      pair.down();

      pair.dual = pair.open();
      pair.execute(new RecallMemory("m", AT));
      assertThat(pair.recalls("m")).isOne();
      pair.up();

      pair.assertSettled();
      assertThat(pair.recalls("m")).isOne();
    }
  }

  @Test
  @DisplayName("T39: target down at startup, stores opened by address")
  void givenFolderOpenedByAddress_whenTheTargetIsDown_thenLiveServesAndCompleteRefuses()
      throws Exception {
    String passwords = "org.postgresql.pgpassfile"; // an address of a folder holds no password
    Path file = folder.resolve("passwords");
    Files.writeString(file, "*:*:*:" + server.user() + ":" + server.password() + "\n");
    System.setProperty(passwords, file.toString());
    String namespace = Stores.namespace();
    String source = "file:" + folder.resolve("tree") + "?namespace=" + namespace;
    String both = "dual:" + folder.resolve("move");
    try (TcpProxy proxy = TcpProxy.to("127.0.0.1", server.port())) {
      String target =
          "postgresql://%s@127.0.0.1:%d/postgres?namespace=%s"
              .formatted(server.user(), proxy.port(), namespace);
      MemoryStores.open(source).close();
      StageFolder.init(
          folder.resolve("move"), StoreAddress.of(source), StoreAddress.of(target), Map.of());
      try (DualWriteMemoryStore store = (DualWriteMemoryStore) MemoryStores.open(both)) {
        while (store.stage() != Stage.LIVE) {
          store.changeStage(Stage.values()[store.stage().ordinal() + 1]);
        }
        store.execute(StoreMemory.of("m", AT, "text"));
      }
      proxy.refuse();
      proxy.cut();
      try (DualWriteMemoryStore store = (DualWriteMemoryStore) MemoryStores.open(both)) {
        assertThat(store.stage()).isEqualTo(Stage.LIVE);
        store.execute(new RecallMemory("m", AT));
        assertThat(store.memories().findById("m").orElseThrow().recallCount()).isOne();
        proxy.accept();
        assertThat(store.replay(Duration.ofSeconds(40))).isZero();
        await(() -> store.status().isSettled() && store.status().targetReachable(), "settled");
        store.changeStage(Stage.RAMP_DOWN);
        store.changeStage(Stage.COMPLETE);
      }
      proxy.refuse();
      proxy.cut();
      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> MemoryStores.open(both))
          .withMessageContaining("the only store in stage COMPLETE");
      proxy.accept();
      try (MemoryStore store = MemoryStores.open(both)) {
        assertThat(store.memories().findById("m").orElseThrow().recallCount()).isOne();
      }
    } finally {
      System.clearProperty(passwords);
    }
  }

  @Test
  @Timeout(value = 90, unit = TimeUnit.MINUTES) // for its long form
  @DisplayName("T40: target down during many writes")
  void givenManyWritesWithoutTarget_whenItIsBack_thenItDrainsAndReadsWereRight() throws Exception {
    int writes = Integer.getInteger("outage.writes", 2_000);
    ExecutorService threads = Executors.newFixedThreadPool(WRITERS);
    List<Long> took = Collections.synchronizedList(new ArrayList<>());
    try (Pair pair = new Pair()) {
      pair.assertSettled();
      pair.down();
      long start = System.nanoTime();
      List<CompletableFuture<Void>> writers = new ArrayList<>();
      for (int first = 0; first < WRITERS; first++) {
        int writer = first;
        writers.add(
            CompletableFuture.runAsync(
                () -> writeAndRead(pair, writer, writes / 2, took), threads));
      }
      for (CompletableFuture<Void> one : writers) {
        one.get(60, TimeUnit.MINUTES);
      }
      double writing = (System.nanoTime() - start) / 1e9;
      pair.up();
      await(() -> pair.dual.status().targetReachable(), "the target is back");
      long back = System.nanoTime();
      await(() -> pair.dual.status().isSettled(), "drained");
      double draining = (System.nanoTime() - back) / 1e9;
      System.out.printf(
          "%d operations on %d records: written and read in %.1f s, p99 of writes %.1f ms,"
              + " drained in %.2f s%n",
          writes, writes / 2, writing, percentile(took).toNanos() / 1e6, draining);

      pair.assertSettled();
      // A short outage is drained in less time than it takes to notice that it is over.
      assertThat(writes / draining)
          .as("operations drained a second")
          .isGreaterThan(writes >= 100_000 ? 2_000 : 200);
    } finally {
      threads.shutdownNow();
    }
  }

  /** Every fourth record is made, read, changed and read. */
  private static void writeAndRead(Pair pair, int first, int records, List<Long> took) {
    for (String content : List.of("text", "new")) {
      for (int i = first; i < records; i += WRITERS) {
        String id = "m" + i;
        Command write =
            content.equals("text")
                ? StoreMemory.of(id, AT, content)
                : UpdateMemory.of(id).content(content);
        took.add(time(() -> pair.execute(write)).toNanos());
        assertThat(pair.content(id)).isEqualTo(content);
        int before = Math.max(first, i - 3 * WRITERS);
        assertThat(pair.content("m" + before)).isEqualTo(content);
      }
    }
  }

  @Test
  @DisplayName("T41: target restored to an older state")
  void givenTargetThatLostHistory_whenItIsBack_thenItGetsItBack() throws Exception {
    try (Pair pair = new Pair()) {
      pair.execute(StoreMemory.of("older", AT, "1"));
      pair.execute(StoreMemory.of("gone", AT, "1"));
      String where = " WHERE namespace = '" + pair.namespace + "' AND id = ";
      sql("CREATE TABLE backup AS SELECT * FROM agent_memory.memories" + where + "'older'");
      pair.execute(UpdateMemory.of("older").content("2"));
      pair.execute(UpdateMemory.of("gone").content("2"));
      pair.assertSettled();
      pair.down();
      pair.execute(UpdateMemory.of("older").content("3"));
      pair.execute(UpdateMemory.of("gone").content("3"));
      sql("DELETE FROM agent_memory.memories" + where + "'gone'");
      sql("DELETE FROM agent_memory.memories" + where + "'older'");
      assertThat(sql("INSERT INTO agent_memory.memories SELECT * FROM backup")).isOne();
      pair.up();

      pair.assertSettled();
      assertThat(pair.content("older")).isEqualTo("3");
      assertThat(pair.content("gone")).isEqualTo("3");
      assertThat(pair.heard).containsExactlyInAnyOrder("gap gone", "gap older");
    }
  }

  @Test
  @DisplayName("T42: a row changed by hand while the target was away")
  void givenRowChangedByHand_whenTheTargetIsBack_thenOneStateIsSetAsideWhole() throws Exception {
    try (Pair pair = new Pair()) {
      pair.execute(StoreMemory.of("m", AT, "text"));
      pair.assertSettled();
      pair.down();
      pair.execute(UpdateMemory.of("m").content("ours"));
      pair.direct.execute(UpdateMemory.of("m").content("theirs"));
      pair.up();

      pair.assertSettled();
      assertThat(pair.content("m")).isEqualTo("ours");
      assertThat(pair.heard).containsExactly("conflict m source");
      assertThat(pair.dual.conflicts()).hasSize(1);
    }
  }

  @Test
  @DisplayName("T42: a row's content changed by hand, its digest left as it was")
  void givenContentChangedByHand_whenCompared_thenExactlyThatRecordIsNamed() throws Exception {
    try (Pair pair = new Pair()) {
      pair.execute(StoreMemory.of("m", AT, "text"));
      pair.execute(StoreMemory.of("n", AT, "text"));
      pair.assertSettled();
      String where = " WHERE namespace = '" + pair.namespace + "' AND id = 'm'";
      assertThat(sql("UPDATE agent_memory.memories SET content = 'by hand'" + where)).isOne();

      VerifyReport report = pair.dual.verify(Verifier.Level.FIELDS);

      assertThat(report.equal()).isFalse();
      assertThat(report.differences())
          .isNotEmpty()
          .allSatisfy(found -> assertThat(found.key()).isEqualTo(Key.of("m")));
      pair.execute(UpdateMemory.of("m").content("text again"));
      assertThat(pair.dual.drain(Duration.ofSeconds(10))).isTrue();
      assertThat(pair.dual.verify(Verifier.Level.FIELDS).equal()).isTrue();
    }
  }

  @Test
  @DisplayName("T48: a value that the target refuses")
  void givenValueThatTheTargetRefuses_whenReplayed_thenItIsParkedAndALaterWriteClearsIt()
      throws Exception {
    try (Pair pair = new Pair()) {
      pair.execute(StoreMemory.of("m", AT, "text"));
      pair.execute(StoreMemory.of("n", AT, "text"));
      pair.assertSettled();
      sql("ALTER TABLE agent_memory.memories ADD CONSTRAINT picky CHECK (content <> 'unwelcome')");
      try {
        pair.down();
        pair.execute(UpdateMemory.of("m").content("unwelcome"));
        pair.execute(UpdateMemory.of("n").content("welcome"));
        pair.up();
        await(() -> !pair.heard.isEmpty(), "it is refused");
        await(() -> pair.dual.lagging().size() == 1, "the other one gets through");
        assertThat(pair.heard).containsExactly("parked m");
        assertThat(pair.dual.canPromote()).contains("the target refuses 1 record");
        assertThat(pair.content("m")).isEqualTo("unwelcome");

        pair.execute(UpdateMemory.of("m").content("welcome"));

        pair.assertSettled();
        assertThat(pair.content("m")).isEqualTo("welcome");
        assertThat(pair.dual.canPromote()).noneMatch(why -> why.contains("refuses"));
      } finally {
        sql("ALTER TABLE agent_memory.memories DROP CONSTRAINT picky");
      }
    }
  }

  @Test
  @DisplayName("T76, T80: fallback drill on a healthy pair")
  void givenHealthyPair_whenDrilled_thenItPassesAndBothAreEqual() throws Exception {
    try (Pair pair = new Pair()) {
      pair.execute(StoreMemory.of("m", AT, "text"));
      pair.assertSettled();

      pair.dual.drill(Duration.ofSeconds(20));

      assertThat(pair.dual.status().targetReachable()).isTrue();
      pair.assertSettled();
      assertThat(pair.heard).isEmpty();
    }
  }

  @Test
  @DisplayName("T26: immediate stop, past a move")
  void givenFallbackStore_whenThePrimaryGoesAndComesBack_thenItGetsWhatItLacks() throws Exception {
    String namespace = Stores.namespace();
    try (TcpProxy proxy = TcpProxy.to("127.0.0.1", server.port());
        MemoryStore file = Stores.file(folder.resolve("tree"), namespace);
        MemoryStore postgres = MemoryStores.open(url(proxy, namespace));
        MemoryStore direct = MemoryStores.open(server.url() + "&namespace=" + namespace);
        FallbackMemoryStore store =
            FallbackMemoryStore.builder(postgres, file, folder.resolve("dual"))
                .deadline(DEADLINE)
                .build()) {
      store.execute(StoreMemory.of("m", AT, "text"));
      assertThat(store.replay(Duration.ofSeconds(20))).isZero();
      proxy.refuse();
      proxy.cut();
      store.execute(new RecallMemory("m", AT));
      assertThat(store.memories().findById("m").orElseThrow().recallCount()).isOne();
      proxy.accept();

      assertThat(store.replay(Duration.ofSeconds(20))).isZero();
      await(() -> store.status().isSettled(), "settled");
      assertThat(dump(direct)).isEqualTo(dump(file));
    }
  }
}

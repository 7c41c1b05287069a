package io.agentmemory.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStores;
import io.agentmemory.OpenMode;
import io.agentmemory.ScanRange;
import io.agentmemory.dualwrite.Stage;
import io.agentmemory.dualwrite.StageFolder;
import io.agentmemory.dualwrite.StoreAddress;
import io.agentmemory.internal.testkit.History.State;
import io.agentmemory.internal.testkit.HistoryCheck;
import io.agentmemory.internal.testkit.TcpProxy;
import io.agentmemory.internal.testkit.TcpProxy.Cut;
import io.agentmemory.internal.testkit.Workload;
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
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Eight writers in a process of their own that is killed and started again, over files and a
 * PostgreSQL that goes away in all manners. A few seconds, or {@code -Dsoak.minutes=30}; {@code
 * -Dsoak.seed} repeats a choice of faults.
 */
@Tag("postgres")
class SoakTest {
  private static final long MINUTES = Long.getLong("soak.minutes", 0);
  private static final Duration LENGTH =
      MINUTES == 0 ? Duration.ofSeconds(12) : Duration.ofMinutes(MINUTES);
  private static final Duration REST = Duration.ofSeconds(30);
  private static final List<Stage> STAGES =
      List.of(Stage.DUAL_WRITE, Stage.SHADOW, Stage.LIVE, Stage.RAMP_DOWN);

  private static LocalPostgres server;

  private final long seed = Long.getLong("soak.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final String namespace = Stores.namespace();
  private final List<String> events = new ArrayList<>();
  private final long begin = System.nanoTime();

  @TempDir private Path folder;
  private TcpProxy proxy;
  private SoakChild child;
  private Path history;
  private int histories;
  private int children;
  private int checks;
  private int kills;
  private long acknowledged;
  private int[] first = {}; // what the child that lives now took when it was new

  @BeforeAll
  static void start() {
    server = LocalPostgres.require(Requirement.ANY).fast().start();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private void note(String event) {
    String line = "%7.2f %s".formatted((System.nanoTime() - begin) / 1e9, event);
    events.add(line);
    if (MINUTES > 0) {
      System.out.println(line);
    }
  }

  @Test
  @DisplayName("T79: soak with random faults, kills and reopenings")
  void givenFaultsOfAllKinds_whenEightWritersGoOn_thenNothingIsLostDoubledOrInvented()
      throws Exception {
    note("seed " + seed);
    try {
      long until = System.nanoTime() + LENGTH.toNanos();
      open();
      while (System.nanoTime() < until) {
        work();
        switch (random.nextInt(6)) {
          case 0 -> {
            heal();
            check();
          }
          case 1 -> {
            heal();
            note("quit: " + child.order("quit"));
            child.close();
            open();
          }
          default -> {
            kills++;
            note("kill -9");
            child.close();
            open();
          }
        }
      }
      heal();
      check();
      note("quit: " + child.order("quit"));
      compare("at the end");
      System.out.printf(
          "soak, seed %d: %d acknowledged, %d processes, %d kills, %d checks%n",
          seed, acknowledged, children, kills, checks);
    } catch (Exception | AssertionError e) {
      events.forEach(System.out::println);
      throw e;
    }
    assertThat(acknowledged).isPositive();
    assertThat(checks).isPositive();
  }

  private Path dual() {
    return folder.resolve("dual");
  }

  private Path passwords() throws IOException {
    Path file = folder.resolve("passwords");
    Files.writeString(file, "*:*:*:" + server.user() + ":" + server.password() + "\n");
    return file;
  }

  private String tree() {
    return "file:" + folder.resolve("tree") + "?namespace=" + namespace;
  }

  @BeforeEach
  void init() throws IOException {
    proxy = TcpProxy.to("127.0.0.1", server.port());
    MemoryStores.open(tree()).close();
    String target =
        "postgresql://%s@127.0.0.1:%d/postgres?namespace=%s"
            .formatted(server.user(), proxy.port(), namespace);
    StageFolder.init(dual(), StoreAddress.of(tree()), StoreAddress.of(target), Map.of());
    history = folder.resolve("history-0");
    try (MemoryStore direct = direct()) {
      direct.health(); // its tables are there
    }
    child = SoakChild.start(dual(), passwords(), history, "r0", seed);
    child.answer();
    for (Stage stage : STAGES.subList(0, 1 + random.nextInt(STAGES.size()))) {
      assertThat(child.order("stage " + stage)).isEqualTo("in " + stage);
    }
    child.order("quit");
    child.close();
  }

  @AfterEach
  void end() throws IOException {
    child.close();
    proxy.close();
  }

  private MemoryStore direct() {
    return MemoryStores.open(server.url() + "&namespace=" + namespace);
  }

  // ---- the process ----

  /** Opens it, perhaps while the database is away, lets it settle, and looks at everything. */
  private void open() throws Exception {
    boolean underFire = random.nextBoolean();
    if (!underFire) {
      heal();
    }
    children++;
    child = SoakChild.start(dual(), passwords(), history, "r" + children, seed + children);
    note("process " + children + (underFire ? ", faults go on: " : ": ") + child.answer());
    if (underFire && random.nextBoolean()) {
      child.order("start");
      fault();
    } else {
      child.order("pause");
      child.order("start");
    }
    heal();
    first = new int[0];
    check();
  }

  /** Lets it come to rest and looks at everything; then it goes on. */
  private void check() throws Exception {
    child.order("pause");
    String settled = child.order("settle");
    note(settled);
    assertThat(settled).as("seed %d", seed).startsWith("settled");
    compare("check " + checks + ", seed " + seed);
    checks++;
    measure();
    history = folder.resolve("history-" + ++histories);
    assertThat(child.order("next " + history)).isEqualTo("next");
  }

  private void measure() throws IOException {
    int[] now = measured();
    if (first.length == 0) {
      first = now;
      return;
    }
    // After an outage the pools are as large as they may be; what is idle goes after 10 s.
    for (long until = System.nanoTime() + REST.toNanos();
        now[0] >= first[0] + 20 && System.nanoTime() < until; ) {
      pause(1000);
      now = measured();
    }
    assertThat(now[0]).as("threads, seed %d", seed).isLessThan(first[0] + 20);
    assertThat(now[1]).as("open files, seed %d", seed).isLessThan(first[1] + 30);
    assertThat(now[2]).as("used heap in KiB, seed %d", seed).isLessThan(first[2] + (40 << 10));
  }

  /** Threads, open files, used heap in KiB. */
  private int[] measured() throws IOException {
    String[] measured = child.order("measure").split(" ");
    int[] now = {
      Integer.parseInt(measured[1]), Integer.parseInt(measured[2]), Integer.parseInt(measured[3])
    };
    note("threads %d %s, files %d, heap %d KiB".formatted(now[0], measured[4], now[1], now[2]));
    return now;
  }

  /** Both stores against the history and against each other, while nobody writes. */
  private void compare(String when) throws IOException {
    String aside = conflicts();
    Predicate<String> isSetAside = aside::contains;
    HistoryCheck check = new HistoryCheck(Files.readAllLines(history));
    List<String> wrong = new ArrayList<>(check.reads());
    List<String> sourceVersions;
    List<String> targetVersions;
    try (MemoryStore files = MemoryStores.open(tree(), OpenMode.READ);
        MemoryStore database = direct()) {
      Map<String, State> source = Workload.states(files);
      Map<String, State> target = Workload.states(database);
      wrong.addAll(check.store("files", source, isSetAside));
      wrong.addAll(check.store("database", target, isSetAside));
      sourceVersions = versions(files);
      targetVersions = versions(database);
    }
    acknowledged += check.acknowledged();
    note(check.acknowledged() + " acknowledged, " + sourceVersions.size() + " records");
    assertThat(wrong.stream().distinct().limit(20)).as(when).isEmpty();
    assertThat(targetVersions).as(when).isEqualTo(sourceVersions);
  }

  private static List<String> versions(MemoryStore store) {
    List<String> lines = new ArrayList<>();
    for (Kind<?> kind : Kind.all()) {
      try (Stream<KeyVersion> versions = store.versions(kind, ScanRange.ALL)) {
        versions.forEach(v -> lines.add(kind + " " + v.key() + " " + v.version()));
      }
    }
    return lines;
  }

  private String conflicts() throws IOException {
    StringBuilder all = new StringBuilder();
    if (!Files.exists(dual().resolve("conflicts"))) {
      return "";
    }
    try (Stream<Path> files = Files.walk(dual().resolve("conflicts"))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        all.append(Files.readString(file));
      }
    }
    return all.toString();
  }

  // ---- faults ----

  private void work() throws Exception {
    long until =
        System.nanoTime()
            + TimeUnit.MILLISECONDS.toNanos(MINUTES == 0 ? 1000 : 5000 + random.nextInt(15_000));
    while (System.nanoTime() < until) {
      pause(random.nextInt(MINUTES == 0 ? 600 : 2500));
      if (random.nextInt(4) == 0) {
        move();
      } else {
        fault();
      }
    }
  }

  private void move() throws IOException {
    note(child.order(random.nextBoolean() ? "forth" : "back"));
  }

  private static void pause(long millis) {
    long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    while (System.nanoTime() < until) {
      LockSupport.parkNanos(until - System.nanoTime());
    }
  }

  private int length() {
    return 100 + random.nextInt(MINUTES == 0 ? 500 : random.nextInt(8) == 0 ? 8000 : 2000);
  }

  /** One fault, which mostly ends before this returns. */
  private void fault() throws Exception {
    int length = length();
    int which = random.nextInt(10);
    note("fault " + which + " for " + length + " ms");
    switch (which) {
      case 0 -> proxy.cut();
      case 1 -> {
        proxy.refuse();
        proxy.cut();
        pause(length);
        if (random.nextInt(3) > 0) {
          proxy.accept();
        }
      }
      case 2 -> {
        proxy.silence();
        pause(length);
        proxy.speak();
      }
      case 3 -> {
        proxy.delayAnswers(Duration.ofMillis(1 + random.nextInt(random.nextBoolean() ? 50 : 2000)));
        pause(length);
        proxy.delayAnswers(Duration.ZERO);
      }
      case 4, 5 -> {
        Cut cut = Cut.values()[random.nextInt(Cut.values().length)];
        TcpProxy.Trap trap = proxy.trap(random.nextBoolean() ? "COMMIT" : "WITH ok AS", cut);
        pause(length);
        if (trap.isSprung() && cut == Cut.LATE) {
          trap.release();
        } else if (trap.isSprung() && cut == Cut.NOWHERE) {
          proxy.cut();
        }
      }
      case 6 -> {
        server.kill();
        pause(length / 4);
        server.restart();
      }
      case 7 ->
          onServer(
              length,
              "LOCK TABLE agent_memory.memories IN "
                  + (random.nextBoolean() ? "EXCLUSIVE" : "ACCESS EXCLUSIVE")
                  + " MODE");
      case 8 -> {
        onServer(
            0,
            "ALTER TABLE agent_memory.memories ADD CONSTRAINT slow CHECK (content <> 'x'"
                + " AND (random() < 0.9 OR pg_sleep(3) IS NOT NULL)) NOT VALID");
        pause(length);
        onServer(0, "ALTER TABLE agent_memory.memories DROP CONSTRAINT slow");
      }
      default ->
          onServer(
              0,
              "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                  + " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'");
    }
  }

  private void heal() {
    proxy.speak();
    proxy.delayAnswers(Duration.ZERO);
    proxy.accept();
  }

  /** Runs a statement, and ends its transaction after a while. */
  private void onServer(int millis, String statement) throws SQLException {
    try (Connection connection = DriverManager.getConnection(server.jdbcUrl());
        Statement sql = connection.createStatement()) {
      connection.setAutoCommit(false);
      sql.execute(statement);
      pause(millis);
      connection.commit();
    }
  }
}

package io.agentmemory.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.agentmemory.dualwrite.Stage;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** {@code bin/bench}: what the stores cost, as ratios to yardsticks taken in turns in one run. */
public final class Bench {
  private static final String USAGE =
      """
      bin/bench [quick | heap] [--only TEXT] [--json FILE]

      Prints what the stores cost, each work beside a yardstick that takes turns with it: ours, the
      yardstick, the ratio, the range in which half of the ratios lie, the goal, and whether it is
      met. Takes the PostgreSQL of MEMORY_TEST_PG_URL, else makes a throw-away server from an
      installation that has pgvector.

        (nothing)     everything, about ten minutes on two cores
        quick         fewer rounds and without the heap of a backfill, under three minutes
        heap          only that: a backfill of 200,000 memories with a heap of 256 MiB
        --only TEXT   only works that have this text in their name
        --json FILE   writes the same as JSON, too

      Ends with 0 when everything was measured, whatever the figures.""";

  private final Scale scale;
  private final String only;
  private final Path folder;
  private final Database database;
  private final Report report;

  private Bench(Scale scale, String only, Path folder, Database database, PrintStream out)
      throws SQLException, IOException {
    this.scale = scale;
    this.only = only;
    this.folder = folder;
    this.database = database;
    this.report = new Report(out, machine());
  }

  /** See {@link #USAGE}. */
  public static void main(String[] arguments) throws Exception {
    Scale scale = Scale.FULL;
    String only = "";
    Path json = null;
    for (int i = 0; i < arguments.length; i++) {
      boolean more = i + 1 < arguments.length;
      if (arguments[i].equals("quick")) {
        scale = Scale.QUICK;
      } else if (arguments[i].equals("heap")) {
        only = "heap of a backfill";
      } else if (arguments[i].equals("--only") && more) {
        only = arguments[++i];
      } else if (arguments[i].equals("--json") && more) {
        json = Path.of(arguments[++i]);
      } else {
        boolean help = arguments[i].equals("--help") || arguments[i].equals("-h");
        (help ? System.out : System.err).println(USAGE);
        System.exit(help ? 0 : 2);
      }
    }
    PrintStream out = new PrintStream(System.out, true, UTF_8);
    try (Database database = Database.open()) {
      Report report = run(scale, only, database, out);
      if (json != null) {
        Files.writeString(json, report.json() + "\n");
      }
      System.exit(report.complete() ? 0 : 1);
    }
  }

  /** Measures everything that has {@code only} in its name. */
  static Report run(Scale scale, String only, Database database, PrintStream out)
      throws IOException, SQLException {
    System.setProperty("jmh.ignoreLock", "true"); // a second run at the same time is none of ours
    Path folder = Files.createTempDirectory("memory-bench");
    try {
      Bench bench = new Bench(scale, only, folder, database, out);
      bench.runAll();
      bench.report.end();
      return bench.report;
    } finally {
      BareFiles.delete(folder);
    }
  }

  private void runAll() {
    FileWorks files = new FileWorks(scale, folder);
    PostgresWorks postgres = new PostgresWorks(scale, database);
    MoveWorks move = new MoveWorks(scale, files, postgres);
    DualWorks dual = new DualWorks(scale, postgres, folder);
    int few = Math.max(1, scale.memories() / 10);
    int middling = Math.min(384, scale.dimensions());
    String memories = number(scale.memories());
    String vectors = number(scale.vectors());

    measure("file: open a tree of " + memories, files::openTree);
    measure("file: heap of a tree of " + memories, files::openHeap);
    measure("backfill of " + memories + ", files to PostgreSQL", move::backfill);
    measure("verify of " + memories + " by digest", move::verify);
    measure("file: read by id", files::readById);
    measure("file: append of an edge to " + number(few), work -> files.appendEdge(work, few));
    measure(
        "file: append of an edge to " + memories, work -> files.appendEdge(work, scale.memories()));
    measure("file: append of a vector of " + middling, work -> files.appendVector(work, middling));
    measure("file: durable put of a memory", files::put);
    measure("PostgreSQL: read by id", postgres::readById);
    measure("PostgreSQL: durable put of a memory", postgres::put);
    measure(
        "dual write: put to the ack, files lead", work -> dual.put(work, Stage.DUAL_WRITE, 1.15));
    measure(
        "dual write: put to the ack, database leads", work -> dual.put(work, Stage.RAMP_DOWN, 1.3));
    for (int dimensions : List.of(middling, scale.dimensions())) {
      measure(
          "PostgreSQL: put " + number(scale.batch()) + " with vectors of " + dimensions,
          work -> postgres.putMany(work, dimensions));
    }
    measure("PostgreSQL: exact top 10 of " + vectors, postgres::search);
    measureAll("file: exact top 10 of " + vectors, files::search);
    if (scale.heapMemories() > 0) {
      measure(
          "heap of a backfill of " + number(scale.heapMemories()),
          work -> HeapWork.backfill(work, database, scale.heapMemories()));
    }
  }

  private static String number(int number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  private interface Work {
    Row row(String work) throws Exception;
  }

  private interface Works {
    List<Row> rows(String work) throws Exception;
  }

  private void measure(String work, Work measured) {
    measureAll(work, name -> List.of(measured.row(name)));
  }

  private void measureAll(String work, Works measured) {
    if (!work.contains(only)) {
      return;
    }
    try {
      measured.rows(work).forEach(report::add);
    } catch (Exception failure) {
      if (failure instanceof InterruptedException) {
        Thread.currentThread().interrupt();
      }
      report.add(Row.failed(work, "not measured: " + failure));
      failure.printStackTrace();
    }
  }

  private Map<String, String> machine() throws SQLException, IOException {
    Map<String, String> about = new LinkedHashMap<>();
    about.put("cores", Integer.toString(Runtime.getRuntime().availableProcessors()));
    about.put("JDK", System.getProperty("java.version", "unknown"));
    about.put("heap", (Runtime.getRuntime().maxMemory() >> 20) + " MiB");
    about.put("Vector API", Dots.vectorApi().isPresent() ? "on" : "off");
    about.put("files on", Files.getFileStore(folder).type());
    about.put("PostgreSQL", database.ask("SHOW server_version").split(" ", 2)[0]);
    about.put(
        "pgvector",
        database.ask(
            "SELECT coalesce(max(default_version), 'none') FROM pg_available_extensions"
                + " WHERE name = 'vector'"));
    about.put("fsync", database.ask("SHOW fsync"));
    about.put("synchronous_commit", database.ask("SHOW synchronous_commit"));
    about.put("scale", scale.name());
    return about;
  }
}

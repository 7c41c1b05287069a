package io.agentmemory.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.agentmemory.MemoryStoreException;
import io.agentmemory.MemoryStores;
import io.agentmemory.OpId;
import io.agentmemory.dualwrite.DualWriteMemoryStore;
import io.agentmemory.dualwrite.DualWriteStatus;
import io.agentmemory.dualwrite.Stage;
import io.agentmemory.internal.testkit.History;
import io.agentmemory.internal.testkit.History.End;
import io.agentmemory.internal.testkit.HistoryCheck;
import io.agentmemory.internal.testkit.Workload;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.PrintStream;
import java.io.Writer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;

/**
 * A process of its own that owns a folder of two stores, lets threads write and read through it,
 * and does what it is told line by line, until it is killed.
 */
final class SoakChild implements AutoCloseable {
  private static final Duration SETTLING = Duration.ofSeconds(150);

  private final Process process;
  private final BufferedReader answers;
  private final Writer orders;

  private SoakChild(Process process) {
    this.process = process;
    answers = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8));
    orders = new OutputStreamWriter(process.getOutputStream(), UTF_8);
  }

  static SoakChild start(Path folder, Path passwords, Path history, String run, long seed)
      throws IOException {
    Path java = Path.of(System.getProperty("java.home"), "bin", "java");
    return new SoakChild(
        new ProcessBuilder(
                java.toString(),
                "-Xshare:auto",
                "-XX:+UseSerialGC",
                "-Xmx256m",
                "-XX:-UsePerfData",
                "-ea",
                "-Dorg.postgresql.pgpassfile=" + passwords,
                "-cp",
                System.getProperty("java.class.path"),
                SoakChild.class.getName(),
                folder.toString(),
                history.toString(),
                run,
                Long.toString(seed))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start());
  }

  /** Tells it to do something, and waits for what it says to that. */
  String order(String order) throws IOException {
    orders.write(order + "\n");
    orders.flush();
    return answer();
  }

  /** The next thing it says. */
  String answer() throws IOException {
    String line = answers.readLine();
    if (line == null) {
      throw new IOException("the process has ended: " + process.onExit().join().exitValue());
    }
    return line;
  }

  long pid() {
    return process.pid();
  }

  /** Kills it at once, as kill -9 does. */
  void kill() {
    process.toHandle().destroyForcibly();
    process.onExit().join();
  }

  @Override
  public void close() throws IOException {
    kill();
    answers.close();
  }

  // ---- what the child does ----

  /** The process's own side. */
  private static final class Worker {
    private final DualWriteMemoryStore store;
    private final long seed;
    private String run;
    private History history;
    private Workload workload;

    Worker(DualWriteMemoryStore store, Path file, String run, long seed) throws IOException {
      this.store = store;
      this.run = run;
      this.seed = seed;
      history = new History(file);
      history.killed(); // whoever wrote here before
      workload = new Workload(store, history, run, seed, 8, 2);
    }

    String obey(String[] order) throws Exception {
      return switch (order[0]) {
        case "start" -> {
          workload.start();
          yield "started";
        }
        case "pause" -> {
          workload.pause();
          yield "paused " + workload.acknowledged();
        }
        case "go" -> {
          workload.goOn();
          yield "gone on";
        }
        case "settle" -> settle();
        case "stage" -> move(Stage.valueOf(order[1]));
        case "forth" -> moveBy(1);
        case "back" -> moveBy(-1);
        case "next" -> next(Path.of(order[1]));
        case "measure" -> measure();
        case "quit" -> {
          workload.close();
          store.close();
          history.close();
          yield "bye";
        }
        default -> throw new IllegalArgumentException(order[0]);
      };
    }

    /** Waits until neither store lacks anything, and finds out how unknown operations ended. */
    private String settle() {
      long until = System.nanoTime() + SETTLING.toNanos();
      int left = store.replay(SETTLING);
      while (!store.status().isSettled() && System.nanoTime() < until) {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
        left = store.replay(Duration.ofSeconds(1));
      }
      DualWriteStatus status = store.status();
      if (!status.isSettled()) {
        return "unsettled " + left + " " + status + " " + store.lagging();
      }
      Set<OpId> unknown =
          new HistoryCheck(history.lines())
              .unknown().stream()
                  .map(op -> new OpId(UUID.fromString(op)))
                  .collect(Collectors.toSet());
      Set<OpId> known = store.conclude(unknown).keySet();
      for (OpId op : unknown) {
        history.end(op.toString(), known.contains(op) ? End.ACKNOWLEDGED : End.FAILED);
      }
      return "settled "
          + status.stage()
          + " unknown "
          + unknown.size()
          + " applied "
          + known.size()
          + " conflicts "
          + status.conflicts()
          + " fallbacks "
          + status.stats().fallbackWrites();
    }

    /** One stage on or back, as long as both stores are written to. */
    private String moveBy(int step) {
      Stage next = Stage.values()[store.stage().ordinal() + step];
      return next != Stage.OFF && next != Stage.COMPLETE ? move(next) : "stays in " + store.stage();
    }

    private String move(Stage stage) {
      try {
        store.changeStage(stage);
        return "in " + stage;
      } catch (MemoryStoreException refused) {
        return "refused " + refused.getMessage();
      }
    }

    /** Takes all that is shared away and goes on in another history; nobody writes meanwhile. */
    private String next(Path file) throws IOException {
      Workload.forgetShared(store, history);
      workload.close();
      history.close();
      history = new History(file);
      Workload.states(store).forEach(history::is);
      run += "n";
      workload = new Workload(store, history, run, seed + run.length(), 8, 2).start();
      return "next";
    }

    private static String measure() {
      System.gc();
      Runtime runtime = Runtime.getRuntime();
      long heap = runtime.totalMemory() - runtime.freeMemory();
      String[] files = new File("/proc/self/fd").list();
      return "measured %d %d %d %s"
          .formatted(Thread.activeCount(), files == null ? 0 : files.length, heap >> 10, threads());
    }

    /** How many there are of each name. */
    private static String threads() {
      return Thread.getAllStackTraces().keySet().stream()
          .collect(
              Collectors.groupingBy(
                  thread -> thread.getName().replaceAll("[ \\d]", ""),
                  TreeMap::new,
                  Collectors.counting()))
          .toString()
          .replace(" ", "");
    }
  }

  /** Folder, history, name of the run, seed. */
  public static void main(String[] args) throws Exception {
    PrintStream out = new PrintStream(System.out, true, UTF_8);
    DualWriteMemoryStore store = (DualWriteMemoryStore) MemoryStores.open("dual:" + args[0]);
    Worker worker = new Worker(store, Path.of(args[1]), args[2], Long.parseLong(args[3]));
    out.println("open " + store.stage());
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String answer;
      try {
        answer = worker.obey(line.split(" "));
      } catch (Exception | AssertionError defect) {
        defect.printStackTrace();
        answer = "defect " + defect;
      }
      out.println(answer.replace('\n', ' '));
    }
  }
}

package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.agentmemory.Embedding;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.Batch;
import io.agentmemory.command.DefineSpace;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A process of its own that opens a tree, says so, and writes to it until it is killed. */
final class ChildStore implements AutoCloseable {
  private static final String AT = "2026-02-10T11:52:05.123456+00:00";

  private final Process process;
  private final BufferedReader lines;

  private ChildStore(Process process) {
    this.process = process;
    this.lines = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8));
  }

  /** A child that opens the tree and waits. */
  static ChildStore start(Path tree) throws IOException {
    return start(tree, "wait");
  }

  /** A child that opens the tree and writes; each line it prints names a write that returned. */
  static ChildStore writing(Path tree, String prefix) throws IOException {
    return start(tree, prefix);
  }

  /**
   * A child that runs {@link #script} under strace.
   *
   * @param injected the fault, as strace's {@code -e inject=} takes it
   */
  static ChildStore traced(Path tree, String injected) throws IOException {
    String calls = injected.substring(0, injected.indexOf(':'));
    return start(
        List.of(
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=" + calls,
            "-e",
            "inject=" + injected),
        tree,
        "script");
  }

  private static ChildStore start(Path tree, String what) throws IOException {
    return start(List.of(), tree, what);
  }

  private static ChildStore start(List<String> before, Path tree, String what) throws IOException {
    List<String> words = new ArrayList<>(before);
    words.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xshare:auto",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Xmx128m",
            "-XX:-UsePerfData",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
            "-cp",
            System.getProperty("java.class.path"),
            ChildStore.class.getName(),
            tree.toString(),
            what));
    return new ChildStore(
        new ProcessBuilder(words).redirectError(ProcessBuilder.Redirect.INHERIT).start());
  }

  /** The next line it prints; null at its end. */
  @Nullable String line() throws IOException {
    return lines.readLine();
  }

  long pid() {
    return process.pid();
  }

  /** Kills it at once, as kill -9 does. */
  void kill() {
    process.toHandle().destroyForcibly(); // unlike the process itself, this leaves the pipe open
    process.onExit().join();
  }

  @Override
  public void close() throws IOException {
    kill();
    lines.close();
  }

  /** What the child does: a memory with its vector in one batch, then an update of it. */
  public static void main(String[] args) {
    PrintStream out = new PrintStream(System.out, true, UTF_8);
    if (args[1].equals("script")) {
      script(Path.of(args[0]), out);
      return;
    }
    FileMemoryStore store;
    try {
      store =
          FileMemoryStore.builder(Path.of(args[0]))
              .lockWait(Duration.ofSeconds(5))
              .checkpointAfter(Duration.ofMillis(3))
              .build();
    } catch (StoreUnavailableException taken) {
      out.println("refused");
      return;
    }
    out.println("open");
    if (args[1].equals("wait")) {
      java.util.concurrent.locks.LockSupport.parkNanos(Duration.ofMinutes(10).toNanos());
      return;
    }
    store.execute(new DefineSpace(VectorSpace.of("text", "m", 2)));
    for (int i = 0; ; i++) {
      String id = args[1] + "-" + i;
      store.execute(
          Batch.of(
              List.of(
                  StoreMemory.of(id, AT, "body of " + id),
                  new PutEmbedding(Embedding.of("text", id, i, 1)))));
      out.println(id);
      store.execute(UpdateMemory.of(id).content("new body of " + id));
      out.println("+" + id);
      if (i % 16 == 15) {
        store.checkpoint();
      }
    }
  }

  /** How many memories the script stores. */
  static final int SCRIPT = 4;

  /**
   * Stores memories, each with a vector, and forgets the first. Each line says what became of one:
   * {@code +} it was done, {@code -} it failed, {@code ?} nobody knows; before each, {@code !} says
   * that it is about to be tried.
   */
  private static void script(Path tree, PrintStream out) {
    try (FileMemoryStore store =
        FileMemoryStore.builder(tree).checkpointAfter(Duration.ofHours(1)).build()) {
      tell(out, "space", () -> store.execute(new DefineSpace(VectorSpace.of("text", "m", 2))));
      for (int i = 0; i < SCRIPT; i++) {
        String id = "s" + i;
        tell(
            out,
            id,
            () ->
                store.execute(
                    Batch.of(
                        List.of(
                            StoreMemory.of(id, AT, "body of " + id),
                            new PutEmbedding(Embedding.of("text", id, 1, 1))))));
        if (i == 1) {
          tell(out, "checkpoint", store::checkpoint);
        }
      }
      tell(out, "forget", () -> store.execute(new ForgetMemory("s0", 0)));
    } catch (StoreUnavailableException notOpened) {
      out.println("-open");
    }
    out.println("end");
  }

  private static void tell(PrintStream out, String what, Runnable write) {
    out.println("!" + what);
    try {
      write.run();
      out.println("+" + what);
    } catch (StoreUnavailableException e) {
      out.println((e.mayHaveApplied().isPresent() ? "?" : "-") + what);
    } catch (MemoryStoreException e) {
      out.println("-" + what);
    }
  }
}

package io.agentmemory.dualwrite;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.agentmemory.internal.LocalDisk;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A process of its own that writes to a journal until it is killed, and says what returned. */
final class ChildJournal implements AutoCloseable {
  private final Process process;
  private final BufferedReader lines;

  private ChildJournal(Process process) {
    this.process = process;
    this.lines = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8));
  }

  static ChildJournal start(Path folder, int from) throws IOException {
    Path java = Path.of(System.getProperty("java.home"), "bin", "java");
    return new ChildJournal(
        new ProcessBuilder(
                java.toString(),
                "-Xshare:auto",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx64m",
                "-XX:-UsePerfData",
                "-cp",
                System.getProperty("java.class.path"),
                ChildJournal.class.getName(),
                folder.toString(),
                Integer.toString(from))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start());
  }

  /** The next line it prints; null at its end. */
  @Nullable String line() throws IOException {
    return lines.readLine();
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

  /** What the child does; every fourth operation stays open. */
  public static void main(String[] args) {
    PrintStream out = new PrintStream(System.out, true, UTF_8);
    Journal journal =
        Journal.open(
            LocalDisk.INSTANCE, Path.of(args[0]), Journals.SMALL, Journals.ID, Journals.OPERATION);
    out.println("open " + journal.found().ending() + " " + journal.found().damage().size());
    journal.settled();
    for (int i = Integer.parseInt(args[1]); ; i++) {
      journal.began(Journals.began(i, Side.TARGET), i % 64 == 5);
      out.println("began " + i);
      journal.changed(Journals.op(i), Side.SOURCE, List.of(Journals.change(i, 1)), i % 32 == 3);
      out.println("changed " + i);
      if (i % 4 != 0) {
        journal.done(Journals.op(i));
        out.println("done " + i);
      }
    }
  }
}

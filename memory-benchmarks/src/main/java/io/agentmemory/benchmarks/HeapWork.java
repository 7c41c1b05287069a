package io.agentmemory.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.List;

/** The heap that a backfill needs, whatever the number of records. */
final class HeapWork {
  private static final long MEBIBYTE = 1 << 20;
  private static final int LIMIT = 256;

  private HeapWork() {}

  static Row backfill(String work, Database database, int memories)
      throws IOException, InterruptedException {
    Process child =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-Xmx" + LIMIT + "m",
                    "-XX:+ExitOnOutOfMemoryError",
                    "-cp",
                    System.getProperty("java.class.path"),
                    HeapChild.class.getName(),
                    Integer.toString(memories)))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (OutputStream in = child.getOutputStream()) {
      in.write((database.jdbcUrl() + "\n").getBytes(UTF_8));
    }
    String said = new String(child.getInputStream().readAllBytes(), UTF_8).strip();
    if (child.waitFor() != 0) {
      return Row.failed(work, "did not end well with a heap of " + LIMIT + " MiB");
    }
    return Row.ofBytes(
        work,
        "256 MiB, which is also all that its JVM gets; ours is the most in use after a collection",
        Series.of(Long.parseLong(said)),
        Series.of(LIMIT * MEBIBYTE),
        1);
  }
}

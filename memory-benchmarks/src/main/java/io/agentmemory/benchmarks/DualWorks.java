package io.agentmemory.benchmarks;

import static io.agentmemory.benchmarks.PostgresWorks.check;

import io.agentmemory.MemoryStore;
import io.agentmemory.dualwrite.DualWriteMemoryStore;
import io.agentmemory.dualwrite.Stage;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;

/** What writing to both stores costs the caller. */
final class DualWorks {
  private static final int WRITES_PER_TURN = 15;

  private final Scale scale;
  private final PostgresWorks postgres;
  private final Path folder;

  DualWorks(Scale scale, PostgresWorks postgres, Path folder) {
    this.scale = scale;
    this.postgres = postgres;
    this.folder = folder;
  }

  /** One put at a time, as an agent writes; the next one begins when both stores have it. */
  Row put(String work, Stage stage, double goal) throws Exception {
    String name = "dual-" + stage.name().toLowerCase(Locale.ROOT);
    Path files = folder.resolve(name);
    try (MemoryStore fileAlone = FileWorks.open(files.resolve("alone"));
        MemoryStore postgresAlone = postgres.open(name + "-alone");
        DualWriteMemoryStore dual =
            DualWriteMemoryStore.builder(
                    FileWorks.open(files.resolve("both")), postgres.open(name + "-both"))
                .stage(stage)
                .closesStores()
                .build()) {
      List<Series> series =
          Turns.take(
              2 * scale.shortRounds(),
              4 * scale.shortRounds(),
              List.of(
                  puts(name, dual, () -> check(dual.drain(Duration.ofSeconds(10)))),
                  puts(name, fileAlone, () -> {}),
                  puts(name, postgresAlone, () -> {})));
      check(dual.lagging().isEmpty());
      return Row.of(
          work,
          "the slower of the same two stores, each alone",
          series.get(0),
          Series.slower(series.get(1), series.get(2)),
          goal);
    } finally {
      BareFiles.delete(files);
    }
  }

  /** The median of some puts. */
  private static Side puts(String purpose, MemoryStore store, Side.Action after) {
    Counter counter = new Counter();
    return () -> {
      double[] nanos = new double[WRITES_PER_TURN];
      for (int i = 0; i < nanos.length; i++) {
        var command = Corpus.newMemory(purpose, counter.next());
        long began = System.nanoTime();
        store.execute(command);
        nanos[i] = System.nanoTime() - began;
        after.run();
      }
      return Series.of(nanos).median();
    };
  }
}

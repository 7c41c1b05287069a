package io.agentmemory.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.MemoryStore;
import io.agentmemory.NewMemory;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import io.agentmemory.spi.ForwardingMemoryStore;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The steps of the demo over stores in memory. */
class DemoTest {
  private final StringWriter out = new StringWriter();
  private final Console console =
      new Console(
          InputStream.nullInputStream(),
          new PrintWriter(out, true),
          new PrintWriter(new StringWriter()),
          Console.Screen.NONE,
          Map.of());
  private final MemoryStore files = new InMemoryMemoryStore("demo");
  private final MemoryStore home = new InMemoryMemoryStore("demo");

  DemoTest() {
    files.embeddings().define("text", "a model", 2);
    for (int i = 0; i < 30; i++) {
      files.memories().store(NewMemory.of("Something remembered, " + i).id("m" + i).tags("some"));
      files.embeddings().put("text", "m" + i, new float[] {i, 30 - i});
    }
  }

  @Test
  void givenTwoSoundStores_whenShown_thenEveryStepIsCleanAndFitsTheScreen() {
    List<String> problems =
        new Demo(console, files, new InMemoryMemoryStore("demo"), () -> home)
            .run(System.nanoTime());

    assertThat(problems).isEmpty();
    String text = out.toString();
    assertThat(text.lines()).allMatch(line -> line.length() <= 80);
    assertThat(text)
        .contains(
            "1. Open",
            "61 listed = 61 inserted",
            "stage DUAL_WRITE",
            "stage SHADOW",
            "stage LIVE",
            "200 reads compared, 0 differences",
            "same answer, same order",
            "all equal")
        .doesNotContain("not as it should be");
  }

  @Test
  void givenTargetThatLosesAWrite_whenShown_thenTheDemoSaysSo() {
    MemoryStore lossy =
        new ForwardingMemoryStore(new InMemoryMemoryStore("demo")) {
          @Override
          public Outcome execute(Batch batch) {
            return batch.verb().equals("recall")
                ? new Outcome(batch.opId(), List.of(), List.of(), false)
                : super.execute(batch);
          }
        };

    List<String> problems = new Demo(console, files, lossy, () -> home).run(System.nanoTime());

    assertThat(problems).anyMatch(problem -> problem.contains("stage DUAL_WRITE was not clean"));
    assertThat(out.toString()).contains("not as it should be", "see above");
  }
}

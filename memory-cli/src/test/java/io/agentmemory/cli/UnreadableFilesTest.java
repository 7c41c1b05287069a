package io.agentmemory.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStores;
import io.agentmemory.NewMemory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A move of a tree of which some files cannot be read. */
@Tag("postgres")
class UnreadableFilesTest extends DatabaseTest {
  private static final int MEMORIES = 200;

  @Test
  @DisplayName("T70: backfill with 1 % unreadable files")
  void givenUnreadableFiles_whenMoved_thenListedAndTheGateIsShutUntilSomebodyAcceptsThem()
      throws Exception {
    Path tree = folder.resolve("tree").resolve("memory");
    String files = "file:" + tree;
    try (MemoryStore store = MemoryStores.open(files)) {
      for (int i = 0; i < MEMORIES; i++) {
        store.memories().store(NewMemory.of("words of the agent " + i));
      }
    }
    List<Path> spoilt;
    try (Stream<Path> all = Files.list(tree.resolve("active"))) {
      spoilt = all.sorted().limit(MEMORIES / 100).toList();
    }
    byte[] junk = {(byte) 0xff, (byte) 0xfe, 0, 1, 2, (byte) 0xc3};
    Files.write(spoilt.get(0), junk);
    Files.writeString(spoilt.get(1), Files.readString(spoilt.get(1)).replace("\nid: ", "\nid: ["));
    String dual = "dual:" + folder.resolve("move");
    List<String> init =
        List.of(
            "stage", "init", folder.resolve("move").toString(), "--source", files, "--target", db);
    assertThat(Run.memory(init.toArray(String[]::new)).exit()).isZero();
    assertThat(Run.memory("promote", dual).out()).startsWith("OFF -> DUAL_WRITE");

    Run run = Run.memory("backfill", dual, "--json");

    assertThat(run.exit()).as(run.out() + run.err()).isEqualTo(ExitCode.INCOMPLETE);
    JsonNode json = run.json();
    assertThat(json.get("set_aside")).hasSize(2);
    assertThat(json.get("set_aside").findValuesAsText("location"))
        .allMatch(
            at -> spoilt.stream().anyMatch(file -> at.contains(file.getFileName().toString())));
    assertThat(json.get("set_aside").findValuesAsText("reason")).allMatch(why -> !why.isBlank());
    assertThat(json.get("conserved").asBoolean()).isTrue();
    assertThat(Run.memory("list", db, "--count").out().strip()).isEqualTo("" + (MEMORIES - 2));
    assertThat(run.out() + run.err()).doesNotContain("words of the agent");
    assertThat(Files.readAllBytes(spoilt.get(0))).as("not touched").isEqualTo(junk);
    Run verify = Run.memory("verify", dual, "--level", "digests");
    assertThat(verify.exit()).as("not all of it was compared").isEqualTo(ExitCode.INCOMPLETE);

    for (Run blocked : List.of(Run.memory("promote", dual), accepting(dual, 1))) {
      assertThat(blocked.exit()).isEqualTo(ExitCode.NO);
      assertThat(blocked.out()).contains("blocked").contains("the backfill set 2 aside");
    }
    assertThat(accepting(dual, 2).out()).startsWith("DUAL_WRITE -> SHADOW");
    assertThat(spoilt).allMatch(Files::exists);
  }

  private static Run accepting(String dual, int setAside) {
    return Run.memory("promote", dual, "--accept-set-aside", Integer.toString(setAside));
  }
}

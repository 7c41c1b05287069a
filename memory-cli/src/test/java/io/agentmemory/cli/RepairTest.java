package io.agentmemory.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Memory;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStores;
import io.agentmemory.NewMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.dualwrite.Backfill;
import io.agentmemory.spi.Seal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands that put a store right. */
class RepairTest {
  private final String right = "right-" + UUID.randomUUID();
  private final String wrong = "wrong-" + UUID.randomUUID();
  @TempDir private Path temp;

  private static void put(String store, String id) {
    TestStores.named(store).memories().store(NewMemory.of("content").id(id));
  }

  private static void edit(String store, String id, String content) {
    TestStores.named(store).memories().update(UpdateMemory.of(id).content(content));
  }

  private static String content(String store, String id) {
    return TestStores.named(store).memories().findById(id).map(Memory::content).orElse("not there");
  }

  private Run plan(Path file, String... stores) {
    List<String> args = new ArrayList<>(List.of("repair", "plan", "--out", file.toString()));
    args.addAll(List.of(stores));
    return Run.memory(args.toArray(String[]::new));
  }

  private Run plan(Path file) {
    return plan(file, "--right", "memory:" + right, "--wrong", "memory:" + wrong);
  }

  private static Run apply(Path file, String... options) {
    List<String> args = new ArrayList<>(List.of("repair", "apply", file.toString()));
    args.addAll(List.of(options));
    return Run.memory(args.toArray(String[]::new));
  }

  @Test
  void givenDifferences_whenPlannedAndApplied_thenOnlyWhatDidNotMoveIsRepaired() {
    put(right, "m1");
    put(right, "m2");
    put(right, "m3");
    Backfill.builder(TestStores.named(right), TestStores.named(wrong)).run();
    edit(wrong, "m1", "hand-made");
    edit(right, "m2", "newer");
    TestStores.named(right).memories().forget("m3");
    Path file = temp.resolve("plan");

    Run planned = plan(file);

    assertThat(planned.exit()).as(planned.err()).isEqualTo(ExitCode.INCOMPLETE); // see TestStores
    assertThat(planned.out())
        .contains("memory m1: right at revision 1, wrong at revision 2\n")
        .contains(
            "memory m3: right deleted at revision 2, wrong at revision 1: is deleted with --delete only")
        .contains("3 records to repair, as memory:" + right + " has them")
        .contains("not everything could be compared");
    assertThat(file).content().contains("\"right\":\"memory:" + right).doesNotContain("hand-made");
    assertThat(content(wrong, "m1")).as("a plan changes nothing").isEqualTo("hand-made");

    edit(wrong, "m2", "meanwhile");
    Run first = apply(file);

    assertThat(first.exit()).as(first.err()).isEqualTo(ExitCode.NO);
    assertThat(first.out())
        .contains("left alone: memory m2: moved since it was compared in the wrong store")
        .contains("left alone: memory m3: would be deleted, which was not allowed")
        .contains("1 record repaired, 0 equal already, 2 left alone");
    assertThat(content(wrong, "m1")).isEqualTo("content");
    assertThat(content(wrong, "m2")).isEqualTo("meanwhile");
    assertThat(temp.resolve("plan.aside"))
        .isDirectoryContaining(f -> f.toString().endsWith(".json"));

    Run second = apply(file, "--delete", "--json", "--aside", temp.resolve("kept").toString());

    assertThat(second.exit()).isEqualTo(ExitCode.NO);
    assertThat(second.json().get("repaired").asLong()).isOne();
    assertThat(second.json().get("unchanged").asLong()).isOne();
    assertThat(second.json().get("left").get(0).get("key").get(0).asText()).isEqualTo("m2");
    assertThat(content(wrong, "m3")).isEqualTo("not there");
    assertThat(temp.resolve("kept")).isNotEmptyDirectory();

    Path again = temp.resolve("again");
    plan(again);
    Run last = apply(again);
    assertThat(last.exit()).as(last.out()).isZero();
    assertThat(content(wrong, "m2")).isEqualTo("newer");
  }

  @Test
  void givenEqualStores_whenPlanned_thenAnEmptyPlanThatIsDone() {
    Path tree = temp.resolve("tree");
    Path copy = temp.resolve("copy");
    try (MemoryStore store = MemoryStores.open("file:" + tree);
        MemoryStore other = MemoryStores.open("file:" + copy)) {
      store.memories().store(NewMemory.of("content").id("m1"));
      Backfill.builder(store, other).run();
    }
    Path file = temp.resolve("plan");

    Run planned = plan(file, "--right", "file:" + tree, "--wrong", "file:" + copy);

    assertThat(planned.exit()).as(planned.out() + planned.err()).isZero();
    assertThat(planned.out()).contains("nothing to repair");
    assertThat(apply(file).exit()).isZero();
  }

  @Test
  void givenStoreThatIsGone_whenApplied_thenRefusedAndNotMadeAnew() throws IOException {
    Path tree = temp.resolve("tree");
    Path copy = temp.resolve("copy");
    for (Path one : List.of(tree, copy)) {
      try (MemoryStore store = MemoryStores.open("file:" + one)) {
        store.memories().store(NewMemory.of("in " + one.getFileName()).id("m1"));
      }
    }
    Path file = temp.resolve("plan");
    assertThat(plan(file, "--right", "file:" + tree, "--wrong", "file:" + copy).exit()).isOne();
    Files.move(copy, temp.resolve("elsewhere"));

    Run run = apply(file);

    assertThat(run.exit()).isEqualTo(2);
    assertThat(run.err()).contains("no store any more").contains(copy.toString());
    assertThat(copy).doesNotExist();
  }

  @Test
  void givenMistakes_whenRun_thenExitCode2AndWhatToDo() throws IOException {
    put(right, "m1");
    Path file = temp.resolve("plan");
    assertThat(plan(file).exit()).isEqualTo(2);

    assertThat(plan(file).err()).contains("is already there");
    assertThat(apply(temp.resolve("nowhere")).err()).contains("nowhere: no such file");
    Path other = Files.writeString(temp.resolve("other"), "{\"kind\":\"memory\"}\n");
    assertThat(apply(other).err()).contains("is no plan, or was changed: line 1");
    Path cut = temp.resolve("cut");
    Files.writeString(cut, Files.readString(file).lines().findFirst().orElseThrow());
    assertThat(apply(cut).err()).contains("not all of it");
    Path nameless = temp.resolve("nameless");
    Files.writeString(nameless, "{\"complete\":true,\"items\":0,\"repair_plan\":1}\n");
    assertThat(apply(nameless).err()).contains("does not say which stores");
    Path binary = Files.write(temp.resolve("binary"), new byte[] {(byte) 0xff, 0, 1});
    assertThat(apply(binary).err()).contains("not UTF-8");
    Run typo = Run.memory("repair", "paln");
    assertThat(typo.err()).contains("'paln'").contains("memory repair --help");
    assertThat(Run.memory("repair").err()).contains("plan or apply");
    Path fresh = temp.resolve("fresh");
    for (List<String> stores :
        List.of(
            List.of("--right", "memory:" + right),
            List.of("--wrong", "memory:" + right),
            List.of("--right", "memory:a", "--wrong", "memory:a"),
            List.of("dual:x", "--right", "memory:a"),
            List.of("dual:x", "--right", "source", "--wrong", "memory:a"),
            List.of("memory:a", "--right", "source"))) {
      Run run = plan(fresh, stores.toArray(String[]::new));
      assertThat(run.exit()).as(stores + run.err()).isEqualTo(2);
    }
    Run secret = plan(fresh, "--right", "memory:a", "--wrong", "postgresql://me:secret@h/d");
    assertThat(secret.exit()).isEqualTo(2);
    assertThat(secret.err()).contains("PGPASSWORD").doesNotContain("secret");
    assertThat(plan(fresh, "--right", "down:", "--wrong", "memory:a").exit()).isEqualTo(3);
    assertThat(fresh).doesNotExist();
    for (String command : List.of("plan", "apply")) {
      Run help = Run.memory("repair", command, "--help");
      assertThat(help.exit()).isZero();
      assertThat(help.out()).startsWith("Usage: memory repair " + command);
      assertThat(help.out().lines()).allMatch(line -> line.length() <= 80);
    }
  }

  @Nested
  class Folder {
    private Path file;
    private String url = "";

    @BeforeEach
    void init() {
      Path move = temp.resolve("move");
      file = temp.resolve("plan");
      url = "dual:" + move;
      String[] args = {
        "stage",
        "init",
        move.toString(),
        "--source",
        "memory:" + right,
        "--target",
        "memory:" + wrong
      };
      assertThat(Run.memory(args).exit()).isZero();
      assertThat(Run.memory("promote", url).exit()).isZero();
      try (MemoryStore store = MemoryStores.open(url)) {
        store.memories().store(NewMemory.of("content").id("m1"));
        store.memories().store(NewMemory.of("content").id("m2"));
      }
      assertThat(content(wrong, "m2")).isEqualTo("content");
      edit(wrong, "m1", "hand-made");
    }

    private void repaired() {
      Run planned = plan(file, url, "--right", "source");
      assertThat(planned.out())
          .as(planned.err())
          .contains("1 record to repair, as " + url + "#source");
      Run applied = apply(file);
      assertThat(applied.exit()).as(applied.out() + applied.err()).isZero();
      assertThat(applied.out()).contains("1 record repaired");
      assertThat(content(wrong, "m1")).isEqualTo("content");
      Run again = apply(file);
      assertThat(again.exit()).as(again.out() + again.err()).isZero();
      assertThat(again.out()).contains("0 records repaired, 1 equal already");
    }

    @Test
    void givenNobodyHasTheFolder_whenApplied_thenWhatWasOverwrittenIsAConflictToPutBack() {

      repaired();

      Run conflicts = Run.memory("conflicts", url, "--json");
      assertThat(conflicts.exit()).isEqualTo(ExitCode.NO);
      assertThat(conflicts.json().get("winner").asText()).isEqualTo("source");
      String id = conflicts.json().get("id").asText();
      assertThat(Run.memory("resolve", url, id, "--keep", "loser").exit()).isZero();
      assertThat(content(right, "m1")).isEqualTo("hand-made");
      assertThat(content(wrong, "m1")).isEqualTo("hand-made");
    }

    @Test
    void givenProcessThatHasTheFolder_whenAsked_thenItRepairsWhileItWrites() {
      try (MemoryStore owner = MemoryStores.open(url)) {
        repaired();
        owner.memories().update(UpdateMemory.of("m1").content("later"));
      }
      assertThat(content(wrong, "m1")).isEqualTo("later");
      assertThat(apply(file).out()).contains("0 records repaired, 1 equal already");
    }

    @Test
    void givenPlanOfAnotherFolderOrOneStoreOnly_whenRun_thenRefused() throws IOException {
      assertThat(plan(file, url, "--right", "source").exit()).isEqualTo(2); // see TestStores
      Files.writeString(file, Files.readString(file).replace("#target", "#source"));
      Run run = apply(file);
      assertThat(run.exit()).isEqualTo(2);
      assertThat(run.err()).contains("for other stores");
      Run aside = apply(file, "--aside", temp.toString());
      assertThat(aside.exit()).isEqualTo(2);
      assertThat(Run.memory("rollback", url).exit()).isZero();
      Run off = plan(temp.resolve("off"), url, "--right", "target");
      assertThat(off.exit()).isEqualTo(3);
      assertThat(off.err()).contains("in stage OFF only one");
      assertThat(content(wrong, "m1")).isEqualTo("hand-made");
    }
  }

  @Test
  void givenSealedFiles_whenUnsealed_thenToldWhyAndTheyTakeWrites() {
    String url = "file:" + temp.resolve("tree");
    try (MemoryStore store = MemoryStores.open(url)) {
      store.memories().store(NewMemory.of("content").id("m1"));
      store.as(Seal.class).orElseThrow().seal("the move is COMPLETE");
    }
    assertThat(Run.memory("forget", url, "m1").err()).contains("sealed").contains("COMPLETE");

    assertThat(Run.memory("unseal", url).out().strip())
        .isEqualTo("unsealed; it was sealed because the move is COMPLETE");

    assertThat(Run.memory("unseal", url)).isEqualTo(new Run(0, "not sealed\n", ""));
    assertThat(Run.memory("forget", url, "m1").exit()).isZero();
    Run none = Run.memory("unseal", "file:" + temp.resolve("typo"));
    assertThat(none.exit()).isEqualTo(2);
    assertThat(temp.resolve("typo")).doesNotExist();
    assertThat(Run.memory("unseal", "memory:" + right).err()).contains("only files are sealed");
  }
}

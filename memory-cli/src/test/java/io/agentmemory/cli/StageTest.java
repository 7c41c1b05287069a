package io.agentmemory.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStores;
import io.agentmemory.NewMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands of a move over two stores in memory. */
class StageTest {
  /** Each of the two stores says that it set one thing aside, which nothing compares. */
  private static final String ACCEPT = "--accept-set-aside";

  private final String source = "source-" + UUID.randomUUID();
  private final String target = "target-" + UUID.randomUUID();
  @TempDir private Path temp;
  private String url = "";
  private Path folder;

  @BeforeEach
  void init() {
    folder = temp.resolve("move");
    url = "dual:" + folder;
    Run run = initialise(folder);
    assertThat(run.exit()).as(run.err()).isZero();
    assertThat(run.out().strip()).isEqualTo(url + " is in stage OFF");
  }

  private Run initialise(Path where, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "stage",
                "init",
                where.toString(),
                "--source",
                "memory:" + source,
                "--target",
                "memory:" + target));
    args.addAll(List.of(more));
    return Run.memory(args.toArray(String[]::new));
  }

  private JsonNode status() {
    Run run = Run.memory("status", url, "--json");
    assertThat(run.exit()).as(run.err()).isZero();
    return run.json();
  }

  private static void moved(Run run, String from, String to) {
    assertThat(run.exit()).as(run.out() + run.err()).isZero();
    assertThat(run.out()).startsWith(from + " -> " + to);
  }

  @Test
  void givenFolder_whenMadeAgainOrBadly_thenRefusedAndNothingIsMade() throws IOException {
    Run again = initialise(folder);
    assertThat(again.exit()).isEqualTo(1);
    assertThat(again.err()).contains("there is one already");
    Path other = temp.resolve("other");
    Run cap = initialise(other, "--journal-cap", "63");
    assertThat(cap.exit()).isEqualTo(2);
    assertThat(cap.err()).contains("64 MiB");
    Run gate = initialise(other, "--gate", "shadow=1");
    assertThat(gate.exit()).isEqualTo(2);
    assertThat(gate.err()).contains("shadow_reads");
    Run away =
        Run.memory(
            "stage", "init", other.toString(), "--source", "down:", "--target", "memory:" + target);
    assertThat(away.exit()).as("the source is looked at").isEqualTo(3);
    for (String bad : List.of("postgresql://me:secret@h/d", "postgresql://h/d?password=secret")) {
      Run password =
          Run.memory(
              "stage", "init", other.toString(), "--source", "memory:" + source, "--target", bad);
      assertThat(password.exit()).isEqualTo(2);
      assertThat(password.err()).doesNotContain("secret");
    }
    assertThat(other).doesNotExist();
    Run later =
        Run.memory(
            "stage",
            "init",
            other.toString(),
            "--source",
            "memory:" + source,
            "--target",
            "postgresql://h/d",
            "--target-password-env",
            "THE_VARIABLE");
    assertThat(later.exit()).as("the target is not asked: " + later.err()).isZero();
    assertThat(Files.readString(other.resolve("stores.json"))).contains("THE_VARIABLE");
    Path small = temp.resolve("small");
    assertThat(initialise(small, "--journal-cap", "64").exit()).isZero();
    Run.memory("promote", "dual:" + small);
    assertThat(Run.memory("status", "dual:" + small).out()).contains("of 67108864 bytes");
  }

  @Test
  void givenNothingElse_whenPromoted_thenOneStageAndThenEveryReason() {
    TestStores.named(source).memories().store(NewMemory.of("one").id("m1"));

    assertThat(status().get("next").asText()).isEqualTo("DUAL_WRITE");
    assertThat(status().get("blocking")).isEmpty();
    moved(Run.memory("promote", url), "OFF", "DUAL_WRITE");
    Run blocked = Run.memory("promote", url);
    assertThat(blocked.exit()).isEqualTo(1);
    assertThat(blocked.out().lines())
        .containsExactly(
            "blocked in DUAL_WRITE", "- no backfill came to its end since DUAL_WRITE began");
    assertThat(status().get("blocking").findValuesAsText("x")).isEmpty();
    assertThat(Run.memory("status", url).out())
        .contains("SHADOW is blocked")
        .contains("no backfill came to its end");

    assertThat(Run.memory("backfill", url, "--dry-run").exit()).isEqualTo(2);
    assertThat(Run.memory("promote", url).exit()).isEqualTo(1);
    Run backfill = Run.memory("backfill", url);
    assertThat(backfill.exit()).as(backfill.out() + backfill.err()).isIn(0, 2);
    assertThat(TestStores.named(target).memories().findById("m1")).isPresent();
    Run verify = Run.memory("verify", url, "--level", "digests");
    assertThat(verify.out()).as(verify.err()).contains("equal");
    Run itself = Run.memory("verify", url, "--itself");
    assertThat(itself.out()).as(itself.err()).contains("equal");
    JsonNode facts = status().get("facts");
    assertThat(facts.get("backfill").get("conserved").asBoolean()).isTrue();
    assertThat(facts.get("digests").get("differences").asLong()).isZero();
    assertThat(facts.get("itself").get("differences").asLong()).isZero();

    Run aside = Run.memory("promote", url);
    assertThat(aside.out()).contains("the backfill set 1 aside, 0 are accepted");
    moved(Run.memory("promote", url, ACCEPT, "2"), "DUAL_WRITE", "SHADOW");
    Run json = Run.memory("promote", url, "--json");
    assertThat(json.exit()).isEqualTo(1);
    assertThat(json.json().get("moved").asBoolean()).isFalse();
    assertThat(json.json().get("reasons").size()).isEqualTo(3);
    moved(Run.memory("promote", url, "--force", "a test of it"), "SHADOW", "LIVE");
    assertThat(Run.memory("status", url).out()).contains("SHADOW to LIVE").contains("a test of it");
    moved(Run.memory("rollback", url), "LIVE", "SHADOW");
    moved(Run.memory("rollback", url), "SHADOW", "DUAL_WRITE");
    moved(Run.memory("rollback", url), "DUAL_WRITE", "OFF");
    Run end = Run.memory("rollback", url);
    assertThat(end.exit()).isEqualTo(1);
    assertThat(end.out()).contains("OFF is the first stage");
  }

  @Test
  void givenProcessThatHasTheFolder_whenAsked_thenItDoesIt() {
    try (MemoryStore owner = MemoryStores.open(url)) {
      owner.memories().store(NewMemory.of("one").id("m1"));
      moved(Run.memory("promote", url), "OFF", "DUAL_WRITE");
      assertThat(Run.memory("promote", url).exit()).isEqualTo(1);
      owner.memories().store(NewMemory.of("two").id("m2"));
      Run.memory("backfill", url);
      Run.memory("verify", url, "--level", "digests");
      JsonNode facts = status().get("facts");
      assertThat(facts.get("backfill").get("listed").asLong()).isPositive();
      assertThat(status().get("owner").get("pid").asLong())
          .isEqualTo(ProcessHandle.current().pid());
      assertThat(Run.memory("status", url).out()).contains("process ");
      moved(Run.memory("promote", url, ACCEPT, "2"), "DUAL_WRITE", "SHADOW");
      assertThat(Run.memory("replay", url).out().strip()).isEqualTo("nothing is lacking");
      moved(Run.memory("rollback", url), "SHADOW", "DUAL_WRITE");
      assertThat(Run.memory("get", url, "m2").exit()).isZero();
      Run write = Run.memory("forget", url, "m2");
      assertThat(write.exit()).as("one process writes").isEqualTo(3);
    }
    assertThat(status().get("owner").isNull()).isTrue();
    assertThat(status().get("closed").asBoolean()).isTrue();
    assertThat(Run.memory("forget", url, "m2").exit()).isZero();
    assertThat(TestStores.named(target).memories().findById("m1")).isPresent();
  }

  @Test
  void givenWrongArguments_whenRun_thenExitCode2() {
    for (List<String> args :
        List.of(
            List.of("promote", "memory:x"),
            List.of("status", "file:x"),
            List.of("promote", url, "--accept-set-aside", "-1"),
            List.of("stage", "begin", "x", "--source", "memory:a", "--target", "memory:b"),
            List.of("backfill"),
            List.of("backfill", "--from", "memory:a"),
            List.of("backfill", url, "--to", "memory:a"),
            List.of("verify", url, "--from", "memory:a"),
            List.of("verify", "--from", "memory:a", "--to", "memory:b", "--itself"))) {
      Run run = Run.memory(args.toArray(String[]::new));
      assertThat(run.exit()).as(args + run.err()).isEqualTo(2);
    }
    assertThat(Run.memory("status", "dual:" + temp.resolve("none")).exit()).isEqualTo(3);
  }
}

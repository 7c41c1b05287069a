package io.agentmemory.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.agentmemory.MemoryStore;
import io.agentmemory.NewMemory;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.UpdateMemory;
import java.io.IOException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;

/** Backfill and verify between stores in memory. */
class CopyTest {
  private static final Console.Screen TERMINAL = new Console.Screen(true, true, 80, false);

  private String a = "";
  private String b = "";
  private MemoryStore source = TestStores.named("none");
  private MemoryStore target = source;

  @BeforeEach
  void freshStores(TestInfo test) {
    a = "memory:" + test.getDisplayName() + "-a";
    b = "memory:" + test.getDisplayName() + "-b";
    source = TestStores.named(a.substring("memory:".length()));
    target = TestStores.named(b.substring("memory:".length()));
    for (int i = 0; i < 5; i++) {
      source.memories().store(NewMemory.of("text " + i).id("m" + i).tags("t" + i));
    }
    source.execute(new ForgetMemory("m4", 0));
  }

  private Run backfill(String... more) {
    return Run.memory(with(more, "backfill", "--from", a, "--to", b));
  }

  private Run verify(String... more) {
    return Run.memory(with(more, "verify", "--from", a, "--to", b));
  }

  private static String[] with(String[] more, String... first) {
    String[] all = java.util.Arrays.copyOf(first, first.length + more.length);
    System.arraycopy(more, 0, all, first.length, more.length);
    return all;
  }

  @Nested
  class Copying {
    @Test
    void givenEmptyTarget_whenBackfilled_thenTheLawIsPrinted() {
      Run run = backfill();

      // the in-memory stores say that one thing was set aside
      assertThat(run.exit()).as(run.err()).isEqualTo(2);
      assertThat(run.err()).isEmpty();
      assertThat(run.out().lines())
          .contains(
              "6 listed = 4 inserted + 0 updated + 0 unchanged",
              "  + 0 newer in target + 1 deleted in target + 1 set aside",
              "set aside: active/x.md:3: no YAML");
      assertThat(run.out().lines()).allMatch(line -> line.length() <= 80);
      assertThat(target.memories().findById("m3")).isPresent();
    }

    @Test
    void givenJson_whenBackfilledTwice_thenSecondChangesNothing() {
      backfill();

      JsonNode json = backfill("--json").json();

      assertThat(json.get("state").asText()).isEqualTo("COMPLETE");
      assertThat(json.get("conserved").asBoolean()).isTrue();
      assertThat(json.get("dry_run").asBoolean()).isFalse();
      assertThat(json.get("listed").asLong()).isEqualTo(6);
      assertThat(json.get("inserted").asLong()).isZero();
      assertThat(json.get("updated").asLong()).isZero();
      assertThat(json.get("unchanged").asLong()).isEqualTo(5);
      assertThat(json.get("set_aside").get(0).get("reason").asText()).isEqualTo("no YAML");
      assertThat(json.get("kinds").get("memory").get("unchanged").asLong()).isEqualTo(5);
    }

    @Test
    void givenDryRun_whenBackfilled_thenNothingIsWritten() {
      Run run = backfill("--dry-run");

      assertThat(run.out()).contains("4 inserted", "dry run");
      assertThat(target.memories().findById("m1")).isEmpty();
    }

    @Test
    void givenStoreThatIsDown_whenBackfilled_thenExitCode3() {
      Run from = Run.memory("backfill", "--from", "down:x", "--to", b);
      Run to = Run.memory("backfill", "--from", a, "--to", "down:x");

      assertThat(from.exit()).isEqualTo(3);
      assertThat(to.exit()).isEqualTo(3);
      assertThat(to.out()).isEmpty();
      assertThat(to.err().lines()).hasSize(1);
    }

    @Test
    void givenPasswordOrNoTarget_whenBackfilled_thenExitCode2() {
      assertThat(Run.memory("backfill", "--from", a).exit()).isEqualTo(2);
      Run run = Run.memory("backfill", "--from", a, "--to", "postgresql://u:s3cret@h/d");
      assertThat(run.exit()).isEqualTo(2);
      assertThat(run.err()).doesNotContain("s3cret");
    }

    @Test
    void givenTerminal_whenBackfilled_thenProgressGoesToStandardErrorAndIsGoneAtTheEnd() {
      Run run = Run.on(TERMINAL, "", "backfill", "--from", a, "--to", b);

      assertThat(run.err()).startsWith("\rcopying [").endsWith("\r" + " ".repeat(79) + "\r");
      assertThat(run.out()).doesNotContain("\r");
    }
  }

  @Nested
  class Comparing {
    @Test
    void givenCopy_whenVerified_thenEqualButNotComplete() {
      backfill();

      Run run = verify();

      assertThat(run.exit()).as(run.err()).isEqualTo(2); // the in-memory stores set one aside
      assertThat(run.out()).contains("equal as far as compared", "not compared: active/x.md:3");
    }

    @Test
    void givenOneFieldChanged_whenVerified_thenExactlyThatDifferenceAndNoContent() {
      backfill();
      target.execute(UpdateMemory.of("m2").content(TestStores.SECRET));
      source.execute(UpdateMemory.of("m2").content("another"));

      Run run = verify("--level", "fields");

      assertThat(run.exit()).isEqualTo(1);
      assertThat(run.out().lines().filter(line -> line.startsWith("FIELD")))
          .singleElement()
          .asString()
          .startsWith("FIELD memory m2 content");
      assertThat(run.out() + run.err()).doesNotContain(TestStores.SECRET);
      assertThat(verify("--values").out()).contains(TestStores.SECRET);
    }

    @Test
    void givenOneFieldChanged_whenVerifiedAsJson_thenOneLineEach() throws IOException {
      backfill();
      target.execute(UpdateMemory.of("m2").content(TestStores.SECRET));
      source.execute(UpdateMemory.of("m2").content("another"));

      Run run = verify("--json");

      assertThat(run.exit()).isEqualTo(1);
      ObjectMapper mapper = new ObjectMapper();
      JsonNode first = mapper.readTree(run.out().lines().findFirst().orElseThrow());
      assertThat(first.get("class").asText()).isEqualTo("FIELD");
      assertThat(first.get("kind").asText()).isEqualTo("memory");
      assertThat(first.get("key").get(0).asText()).isEqualTo("m2");
      assertThat(first.get("field").asText()).isEqualTo("content");
      JsonNode last = mapper.readTree(run.out().lines().reduce((x, y) -> y).orElseThrow());
      assertThat(last.get("differences").asLong()).isEqualTo(1);
      assertThat(last.get("equal").asBoolean()).isFalse();
    }

    @Test
    void givenMissingRecord_whenCounted_thenDifferent() {
      Run run = verify("--level", "counts");

      assertThat(run.exit()).isEqualTo(1);
      assertThat(run.out()).contains("COUNT memory live: 4, 0");
    }

    @Test
    void givenStoreThatIsDownOrBroken_whenVerified_thenNeverExitCode1() {
      assertThat(Run.memory("verify", "--from", a, "--to", "down:x").exit()).isEqualTo(3);
      assertThat(Run.memory("verify", "--from", a, "--to", "broken:x").exit()).isEqualTo(2);
      assertThat(verify("--level", "depth").exit()).isEqualTo(2);
    }
  }
}

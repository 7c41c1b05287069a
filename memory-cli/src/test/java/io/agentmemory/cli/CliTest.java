package io.agentmemory.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.agentmemory.Memory;
import io.agentmemory.NewMemory;
import io.agentmemory.Value;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;

/** The commands over a store in memory. */
class CliTest {
  private static final Console.Screen TERMINAL = new Console.Screen(true, true, 80, false);

  private String url = "";
  private String name = "";

  @BeforeEach
  void freshStore(TestInfo test) {
    name = test.getDisplayName();
    url = "memory:" + name;
  }

  private Memory stored(String id) {
    return TestStores.named(name).memories().findById(id).orElseThrow();
  }

  private void put(String id, String content, String... tags) {
    TestStores.named(name)
        .memories()
        .store(
            NewMemory.of(content)
                .id(id)
                .tags(tags)
                .at(Instant.parse("2026-02-10T11:52:05.123456Z")));
  }

  @Nested
  class Usage {
    @Test
    void givenNoCommand_whenRun_thenOneLineAndWhereToAsk() {
      Run run = Run.memory();

      assertThat(run.exit()).isEqualTo(2);
      assertThat(run.out()).isEmpty();
      assertThat(run.err().lines())
          .containsExactly("memory: a command is missing", "try 'memory --help'");
    }

    @Test
    void givenHelp_whenRun_thenListsEveryCommandOnStandardOutput() {
      Run run = Run.memory("--help");

      assertThat(run.exit()).isZero();
      assertThat(run.err()).isEmpty();
      assertThat(run.out())
          .contains(
              "store",
              "get",
              "update",
              "forget",
              "list",
              "search",
              "info",
              "identity",
              "checkpoint")
          .contains("Exit codes");
      assertThat(run.out().lines()).allMatch(line -> line.length() <= 80);
    }

    @Test
    void givenEveryCommand_whenAskedForHelp_thenItAnswers() {
      for (String command :
          List.of(
              "info",
              "identity",
              "store",
              "get",
              "update",
              "forget",
              "list",
              "search",
              "checkpoint",
              "demo",
              "backfill",
              "verify",
              "migrate",
              "index",
              "stage",
              "status",
              "promote",
              "rollback",
              "replay",
              "conflicts",
              "resolve",
              "drill",
              "repair",
              "unseal")) {
        Run run = Run.memory(command, "--help");

        assertThat(run.exit()).as(command).isZero();
        assertThat(run.out()).as(command).startsWith("Usage: memory " + command);
        assertThat(run.out().lines()).as(command).allMatch(line -> line.length() <= 80);
      }
    }

    @Test
    void givenVersion_whenRun_thenPrintsIt() {
      assertThat(Run.memory("--version").out()).startsWith("memory ");
    }

    @Test
    void givenTextThatTheLocaleCannotRead_whenStored_thenRefusedAndNothingIsStored() {
      Run run = Run.memory("store", url, "--content", "Gr\uFFFD\uFFFDe");

      assertThat(run.exit()).isEqualTo(2);
      assertThat(run.err()).contains("LC_ALL=C.UTF-8").doesNotContain("Gr");
      assertThat(Run.memory("list", url, "--json").out()).doesNotContain("\uFFFD");
    }

    @Test
    void givenUnknownCommand_whenRun_thenExitCode2() {
      Run run = Run.memory("stroe", url);

      assertThat(run.exit()).isEqualTo(2);
      assertThat(run.err()).contains("stroe").contains("memory --help");
    }

    @Test
    void givenMemoryTextInWrongPlaces_whenRun_thenNoMessageRepeatsIt() {
      List<List<String>> wrong = new ArrayList<>();
      wrong.add(List.of("store", url, "--content", "x", TestStores.SECRET));
      wrong.add(List.of("store", url, "--contnet=" + TestStores.SECRET));
      wrong.add(List.of("store", url, "--content", "x", "--weight", TestStores.SECRET));
      wrong.add(List.of("store", url, "--content", "x", "--at", TestStores.SECRET));
      wrong.add(List.of("store", url, "--content=x", "--at=" + TestStores.SECRET));
      wrong.add(List.of("update", url, "id", "--set", TestStores.SECRET));
      wrong.add(List.of("get", "--json=" + TestStores.SECRET, url, "id"));
      wrong.add(List.of("list", url, "--tier", TestStores.SECRET));

      for (List<String> args : wrong) {
        Run run = Run.memory(args.toArray(String[]::new));

        assertThat(run.exit()).as("%s", args).isEqualTo(2);
        assertThat(run.out() + run.err()).as("%s", args).doesNotContain(TestStores.SECRET);
        assertThat(run.err().lines()).as("%s", args).hasSize(2);
      }
    }
  }

  @Nested
  class Addresses {
    @Test
    void givenPasswordInAddress_whenOpened_thenRefusedWithoutRepeatingIt() {
      for (String address :
          List.of(
              "postgresql://me:s3cret@localhost/agents",
              "postgresql://me:s3/cret@localhost/agents",
              "postgresql://localhost/agents?namespace=a&password=s3cret",
              "postgresql://localhost/agents?sslpassword=s3cret")) {
        Run run = Run.memory("info", address);

        assertThat(run.exit()).as(address).isEqualTo(2);
        assertThat(run.err()).as(address).contains("PGPASSWORD").doesNotContain("cret");
      }
    }

    @Test
    void givenNoPassword_whenLookedAt_thenAddressPasses() {
      assertThat(
              Stream.of(
                  "postgresql://me@localhost:5432/agents?schema=x",
                  "postgresql://[::1]:5432/agents",
                  "file:/home/me@work/a:b",
                  "file:./memory?namespace=a:b@c"))
          .noneMatch(StoreOperation::hasPassword);
    }

    @Test
    void givenUnknownScheme_whenOpened_thenExitCode2() {
      Run run = Run.memory("info", "redis:x");

      assertThat(run.exit()).isEqualTo(2);
      assertThat(run.err()).startsWith("memory: no store is called redis");
      assertThat(run.err().lines()).hasSize(1);
    }

    @Test
    void givenStoreThatIsDown_whenOpened_thenExitCode3() {
      Run run = Run.memory("info", "down:x");

      assertThat(run.exit()).isEqualTo(3);
      assertThat(run.out()).isEmpty();
      assertThat(run.err().lines())
          .containsExactly("memory: down.open: connection refused; nothing was changed");
    }

    @Test
    void givenDefect_whenRun_thenItsMessageIsKeptBackAndTheStackTraceToo() {
      Run run = Run.memory("info", "broken:x");

      assertThat(run.exit()).isEqualTo(1);
      assertThat(run.err().lines())
          .containsExactly("memory: unexpected IllegalStateException; --verbose shows where");
      assertThat(Run.memory("--verbose", "info", "broken:x").err()).contains("\tat ");
      assertThat(Run.memory("info", "broken:x", "--verbose").err()).contains("\tat ");
    }
  }

  @Nested
  class Store {
    @Test
    void givenContent_whenStored_thenPrintsTheIdAlone() {
      Run run =
          Run.memory(
              "store",
              url,
              "--content",
              "a text",
              "--tag",
              "one",
              "--tag",
              "Two words",
              "--weight",
              "0.75",
              "--at",
              "2026-02-10T11:52:05Z",
              "--title",
              "A Title",
              "--event-time",
              "2026-02-09",
              "--caused-by",
              "nobody");

      assertThat(run.exit()).as(run.err()).isZero();
      assertThat(run.err()).isEmpty();
      assertThat(run.out()).matches("[a-z0-9]{8}\\R");
      Memory memory = stored(run.out().strip());
      assertThat(memory.content()).isEqualTo("a text");
      assertThat(memory.tags()).containsExactly("one", "Two words");
      assertThat(memory.weight()).hasValue(0.75);
      assertThat(memory.created()).contains("2026-02-10T11:52:05+00:00");
      assertThat(memory.eventTime()).contains("2026-02-09");
      assertThat(memory.causedBy()).containsExactly("nobody");
      assertThat(memory.fileName()).startsWith("a-title-");
    }

    @Test
    void givenId_whenStoredTwice_thenSecondIsAnError() {
      assertThat(Run.memory("store", url, "--id", "mine", "--content", "x").out().strip())
          .isEqualTo("mine");

      Run again = Run.memory("store", url, "--id", "mine", "--content", TestStores.SECRET);

      assertThat(again.exit()).isEqualTo(1);
      assertThat(again.out()).isEmpty();
      assertThat(again.err()).contains("mine").doesNotContain(TestStores.SECRET);
      assertThat(again.err().lines()).hasSize(1);
    }

    @Test
    void givenStandardInput_whenStored_thenTakesItLessOneLineEnd() {
      Run run =
          Run.on(Console.Screen.NONE, "é\n\n", "store", url, "--id", "in", "--content-file", "-");

      assertThat(run.exit()).as(run.err()).isZero();
      assertThat(stored("in").content()).isEqualTo("é\n");
    }

    @Test
    void givenFile_whenStored_thenTakesItsText(@TempDir Path folder) throws IOException {
      Path file = Files.writeString(folder.resolve("with blank.txt"), "from a file\r\n");

      Run run = Run.memory("store", url, "--id", "file", "--content-file", file.toString());

      assertThat(run.exit()).as(run.err()).isZero();
      assertThat(stored("file").content()).isEqualTo("from a file");
    }

    @Test
    void givenFileThatIsNoUtf8OrNotThere_whenStored_thenOneLineSaysSo(@TempDir Path folder)
        throws IOException {
      Path binary = Files.write(folder.resolve("b"), new byte[] {'a', (byte) 0xff});
      Run noText = Run.memory("store", url, "--content-file", binary.toString());
      Run noFile = Run.memory("store", url, "--content-file", folder.resolve("none").toString());

      assertThat(noText.exit()).isEqualTo(1);
      assertThat(noText.err().lines()).containsExactly("memory: the text is not UTF-8");
      assertThat(noFile.exit()).isEqualTo(1);
      assertThat(noFile.err()).contains("no such file or folder");
      assertThat(noFile.err().lines()).hasSize(1);
    }

    @Test
    void givenBothContentOptionsOrNone_whenStored_thenExitCode2() {
      assertThat(Run.memory("store", url, "--content", "a", "--content-file", "b").exit())
          .isEqualTo(2);
      assertThat(Run.memory("store", url).exit()).isEqualTo(2);
    }
  }

  @Nested
  class Get {
    @Test
    void givenNone_whenGot_thenExitCode1AndNothingOnStandardOutput() {
      Run run = Run.memory("get", url, "nobody");

      assertThat(run.exit()).isEqualTo(1);
      assertThat(run.out()).isEmpty();
      assertThat(run.err().lines()).containsExactly("memory: there is no memory nobody");
    }

    @Test
    void givenOne_whenGotAsJson_thenEverythingIsThere() {
      put("m1", "line one\n\"two\"", "a");

      Run run = Run.memory("get", url, "m1", "--json");

      assertThat(run.exit()).isZero();
      assertThat(run.out().lines()).hasSize(1);
      JsonNode json = run.json();
      assertThat(json.fieldNames())
          .toIterable()
          .containsExactly(
              "id", "revision", "digest", "tier", "file_name", "front_matter", "content");
      assertThat(json.get("content").asText()).isEqualTo("line one\n\"two\"");
      assertThat(json.get("revision").asInt()).isEqualTo(1);
      assertThat(json.get("tier").asText()).isEqualTo("active");
      assertThat(json.get("front_matter").get("tags").get(0).asText()).isEqualTo("a");
    }

    @Test
    void givenOne_whenGot_thenShowsMembersThenText() {
      put("m1", "the text", "a", "b");

      assertThat(Run.memory("get", url, "m1").out().lines().map(String::strip))
          .contains("id                m1", "tags              a, b", "the text");
    }

    @Test
    void givenControlCharacters_whenShownOnATerminal_thenTheyCannotMoveTheCursor() {
      put("m1", "red \u001b[31m and \u202e turned");

      assertThat(Run.on(TERMINAL, "", "get", url, "m1").out())
          .doesNotContain("\u001b", "\u202e")
          .contains("red ^[[31m and \\u202e turned");
      assertThat(Run.memory("get", url, "m1").out()).contains("\u001b[31m");
    }
  }

  @Nested
  class Update {
    @Test
    void givenFields_whenUpdated_thenOnlyTheyChange() {
      put("m1", "old", "a");

      Run run =
          Run.memory(
              "update",
              url,
              "m1",
              "--content",
              "new",
              "--tag",
              "x",
              "--tag",
              "y",
              "--weight",
              "0.9",
              "--set",
              "count=3",
              "--set",
              "note=plain text",
              "--set",
              "list=[1,2.5]");

      assertThat(run.exit()).as(run.err()).isZero();
      assertThat(run.out().lines()).containsExactly("revision 2");
      Memory memory = stored("m1");
      assertThat(memory.content()).isEqualTo("new");
      assertThat(memory.tags()).containsExactly("x", "y");
      assertThat(memory.weight()).hasValue(0.9);
      assertThat(memory.members().get("count")).isEqualTo(Value.of(3));
      assertThat(memory.members().get("note")).isEqualTo(Value.of("plain text"));
      assertThat(memory.created()).contains("2026-02-10T11:52:05.123456+00:00");
      assertThat(Run.memory("update", url, "m1", "--remove", "note", "--no-tags").exit()).isZero();
      assertThat(stored("m1").members().has("note")).isFalse();
      assertThat(stored("m1").tags()).isEmpty();
    }

    @Test
    void givenStaleRevision_whenUpdated_thenRefused() {
      put("m1", "old");
      Run.memory("update", url, "m1", "--content", "second");

      Run run = Run.memory("update", url, "m1", "--content", "third", "--if-revision", "1");

      assertThat(run.exit()).isEqualTo(1);
      assertThat(run.err()).contains("m1").doesNotContain("third");
      assertThat(stored("m1").content()).isEqualTo("second");
    }

    @Test
    void givenNoSuchMemoryOrNothingToChange_whenUpdated_thenAnError() {
      assertThat(Run.memory("update", url, "nobody", "--content", "x").exit()).isEqualTo(1);
      put("m1", "old");
      assertThat(Run.memory("update", url, "m1").exit()).isEqualTo(2);
      assertThat(Run.memory("update", url, "m1", "--set", "id=x").exit()).isEqualTo(2);
    }
  }

  @Nested
  class Forget {
    @Test
    void givenOne_whenForgotten_thenItIsGone() {
      put("m1", "old");

      assertThat(Run.memory("forget", url, "m1").exit()).isZero();
      assertThat(Run.memory("get", url, "m1").exit()).isEqualTo(1);
      assertThat(Run.memory("forget", url, "m1").exit()).isEqualTo(1);
    }

    @Test
    void givenStaleRevision_whenForgotten_thenRefused() {
      put("m1", "old");

      assertThat(Run.memory("forget", url, "m1", "--if-revision", "7").exit()).isEqualTo(1);
      assertThat(stored("m1").content()).isEqualTo("old");
    }
  }

  @Nested
  class Lists {
    @Test
    void givenNoTerminal_whenListed_thenRowsPartedByTabsAndNothingCut() {
      put("m1", "words\n\tand\u0007 words ".repeat(40), "a", "b");

      Run run = Run.memory("list", url);

      assertThat(run.out().lines()).hasSize(1);
      assertThat(run.out().strip().split("\t"))
          .containsExactly(
              "m1",
              "active",
              "2026-02-10 11:52",
              "0.50",
              "a,b",
              "words and words ".repeat(40).strip());
    }

    @Test
    void givenTerminal_whenListed_thenAlignedAndNoWiderThanTheScreen() {
      put("m1", "漢字 and a long text ".repeat(20), "alpha");
      put("a-longer-id", "short", "beta");

      Run run = Run.on(TERMINAL, "", "list", url);

      List<String> lines = run.out().lines().toList();
      assertThat(lines.get(0)).matches("id +tier +created +weight +tags +text");
      assertThat(lines).hasSize(4).allMatch(line -> Cells.width(line) <= 80);
      assertThat(lines.get(3)).isEqualTo("2 in all");
      assertThat(Run.on(TERMINAL, "", "list", url, "--tag", "none").out().strip())
          .isEqualTo("0 in all");
    }

    @Test
    void givenConditions_whenListed_thenAllOfThemHold() {
      put("m1", "about Databases", "work");
      put("m2", "about databases");
      put("m3", "about nothing", "work");

      assertThat(ids(Run.memory("list", url, "--tag", "WORK", "--text", "databases", "--json")))
          .containsExactly("m1");
      assertThat(ids(Run.memory("list", url, "--tier", "core", "--json"))).isEmpty();
      assertThat(ids(Run.memory("list", url, "--from", "2026-02-11", "--json"))).isEmpty();
      assertThat(ids(Run.memory("list", url, "--before", "2026-02-11", "--limit", "1", "--json")))
          .hasSize(1);
      assertThat(Run.memory("list", url, "--tag", "work", "--count").out().strip()).isEqualTo("2");
    }

    @Test
    void givenTag_whenSearched_thenSameAnswerAsTheList() {
      put("m1", "about Databases", "work");
      put("m2", "about databases");

      assertThat(ids(Run.memory("search", url, "--text", "DATABASES", "-k", "5", "--json")))
          .containsExactlyInAnyOrder("m1", "m2");
      assertThat(ids(Run.memory("search", url, "--tag", "work", "--json"))).containsExactly("m1");
      assertThat(Run.memory("search", url).exit()).isEqualTo(2);
    }

    @Test
    void givenVectors_whenSearchedLikeOne_thenNearestFirstAndItselfLeftOut() {
      put("m1", "one");
      put("m2", "two", "t");
      put("m3", "three");
      var embeddings = TestStores.named(name).embeddings();
      embeddings.define("text", "a model", 2);
      embeddings.put("text", "m1", new float[] {1, 0});
      embeddings.put("text", "m2", new float[] {0.5f, 0.5f});
      embeddings.put("text", "m3", new float[] {0.9f, 0.1f});

      Run run = Run.memory("search", url, "--space", "text", "--like", "m1", "-k", "2", "--json");

      assertThat(run.json().findValuesAsText("target")).containsExactly("m3", "m2");
      assertThat(run.json().get(0).get("similarity").asDouble()).isBetween(0.99, 1.0);
      assertThat(run.json().get(0).get("memory").get("content").asText()).isEqualTo("three");
      assertThat(
              Run.memory("search", url, "--like", "m1", "--tag", "T", "--json")
                  .json()
                  .findValuesAsText("target"))
          .containsExactly("m2");
      assertThat(Run.memory("search", url, "--like", "nobody").exit()).isEqualTo(1);
    }

    private List<String> ids(Run run) {
      assertThat(run.exit()).as(run.err()).isZero();
      List<String> ids = new ArrayList<>();
      run.json().forEach(memory -> ids.add(memory.get("id").asText()));
      return ids;
    }
  }

  @Nested
  class Info {
    @Test
    void givenStore_whenAskedAsJson_thenTheKeysOfTheContract() {
      put("m1", "x");

      JsonNode json = Run.memory("info", url, "--json").json();

      assertThat(json.fieldNames())
          .toIterable()
          .containsExactlyInAnyOrder(
              "type",
              "namespace",
              "version",
              "kinds",
              "tombstones",
              "set_aside",
              "files",
              "health");
      assertThat(json.get("kinds").fieldNames())
          .toIterable()
          .contains(
              "memory",
              "vector_space",
              "co_occurrence",
              "edge",
              "observation",
              "embedding",
              "image_link",
              "session",
              "session_recall",
              "rejection",
              "lesson",
              "context_graph",
              "value");
      assertThat(json.get("kinds").get("memory").asLong()).isEqualTo(1);
      assertThat(json.get("tombstones").get("memory").asLong()).isEqualTo(2);
      assertThat(json.get("set_aside").get(0).get("location").asText()).isEqualTo("active/x.md:3");
      assertThat(json.get("files").get(0).toString())
          .isEqualTo("{\"path\":\"photo.jpg\",\"use\":\"set_aside\",\"detail\":\"is no memory\"}");
      assertThat(json.get("health").get("status").asText()).isEqualTo("DEGRADED");
    }

    @Test
    void givenStore_whenAsked_thenSaysWhatWasSetAsideAndWhy() {
      Run run = Run.memory("info", url);

      assertThat(run.exit()).isZero();
      assertThat(run.out())
          .contains(
              "active/x.md:3", "no YAML", "photo.jpg", "is no memory", "DEGRADED", "exact search");
    }
  }

  @Test
  void givenStore_whenCheckpointed_thenSilent() {
    assertThat(Run.memory("checkpoint", url)).isEqualTo(new Run(0, "", ""));
  }
}

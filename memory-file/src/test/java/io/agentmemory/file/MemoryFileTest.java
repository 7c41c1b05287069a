package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Memory;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.file.MemoryFile.Parsed;
import io.agentmemory.testkit.DriftSamples;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoryFileTest {

  @Nested
  class Render {
    @Test
    void givenRandomMemories_whenRendered_thenTheyReadBackEqual() throws Exception {
      for (long seed = 0; seed < 20_000; seed++) {
        Parsed memory = new RandomFrontMatter(seed).memory();

        byte[] bytes = render(memory, null);

        assertSame(parse(memory, bytes), memory, "seed " + seed);
        String yaml = string(bytes).substring(3);
        assertThat(yaml.substring(0, yaml.indexOf("\n---") + 1))
            .as("seed " + seed)
            .doesNotContain("---");
        assertThat(string(bytes).split("\n---", 2)[0]).as("seed %s", seed).matches("[ -~\n]*");
      }
    }

    @Test
    void givenRandomMemories_whenOneThingChanges_thenNoOtherLineDoes() throws Exception {
      for (long seed = 0; seed < 20_000; seed++) {
        RandomFrontMatter random = new RandomFrontMatter(seed);
        Parsed memory = random.memory();
        byte[] old = render(memory, null);
        if (seed % 3 == 0) {
          old = string(old).replace("\n", "\r\n").getBytes(UTF_8);
        }
        List<Parsed> changed = new ArrayList<>();
        String member = random.change(memory, changed);

        byte[] bytes = render(changed.get(0), old);

        String context = "seed " + seed + ", member " + member;
        assertSame(parse(memory, bytes), changed.get(0), context);
        if (!changed.get(0).memory().members().isEmpty()) {
          String expected = expected(member, memory, changed.get(0), string(old));
          assertThat(string(bytes)).as(context).isEqualTo(expected);
        }
      }
    }

    @Test
    void givenEveryFileOfTheSamples_whenRenderedUnchanged_thenEveryByteStays(@TempDir Path folder)
        throws Exception {
      List<Path> files = new ArrayList<>();
      for (DriftSamples samples :
          List.of(
              DriftSamples.small(folder.resolve("small")),
              DriftSamples.thousand(folder.resolve("thousand")))) {
        files.addAll(files(samples.memory()));
        files.addAll(files(samples.irregular()));
      }
      int rendered = 0;
      for (Path file : files) {
        byte[] old = Files.readAllBytes(file);
        try {
          Parsed memory = MemoryFile.parse(Tier.ACTIVE, String.valueOf(file.getFileName()), old);
          assertThat(render(memory, old)).as("%s", file.getFileName()).isEqualTo(old);
          byte[] fresh = render(memory, null);
          assertSame(parse(memory, fresh), memory, String.valueOf(file.getFileName()));
          rendered++;
        } catch (UnreadableFileException expected) {
          assertThat(file.getFileName().toString()).isIn("bad-yaml.md", "tab-indent.md");
        }
      }
      assertThat(rendered).isEqualTo(files.size() - 4).isGreaterThan(1200);
    }
  }

  @Nested
  class Patch {
    @Test
    void givenOddLayouts_whenOneMemberChanges_thenAllElseStays() throws Exception {
      change(
          "---\nid: x # the id\n# about a\na: 1 # one\n\n# last\n---\nbody",
          "a",
          Value.of(2L),
          "---\nid: x # the id\n# about a\na: 2\n\n# last\n---\nbody");
      change(
          "---   \nid: x\na: |\n  two\n  lines\n\nb: >-\n  x\n---  \n  body",
          "a",
          Value.of("é"),
          "---   \nid: x\na: \"\\xE9\"\nb: >-\n  x\n---  \n  body");
      change(
          "---\nid: x\na: [1,\n  2]\nb: {c: d}\n---\n",
          "b",
          Value.NULL,
          "---\nid: x\na: [1,\n  2]\nb: null\n---\n");
      change("---\nid: x\na: 1\na: 2\n---\n", "a", Value.of(3L), "---\nid: x\na: 1\na: 3\n---\n");
      change(
          "---\rid: x\ra: 1\r---\r\rbody\rmore",
          "a",
          Value.of(3L),
          "---\rid: x\ra: 3\r---\r\rbody\rmore");
      change(
          "---\r\nid: x\na: 1\r\nb: 2\n---\nbody",
          "a",
          Value.of(3L),
          "---\r\nid: x\na: 3\r\nb: 2\n---\nbody");
      change(
          "---\nid: x\na: &t [1, yes]\nb: *t\nc: 0\n---\n",
          "c",
          Value.of(1L),
          "---\nid: x\na: &t [1, yes]\nb: *t\nc: 1\n---\n");
      change(
          "---\nid: 😀\na: '😀' # 😀\nb: [é, 😀]\n---\n😀",
          "a",
          Value.of("漢"),
          "---\nid: 😀\na: \"\\u6F22\"\nb: [é, 😀]\n---\n😀");
      change(
          "---\nid: 07\ntags: [2026, yes]\n'a b': no\n---\n",
          "a b",
          Value.of(true),
          "---\nid: 07\ntags: [2026, yes]\na b: true\n---\n");
      change(
          "---\nid: x\n---\n\nbody\n\n\n",
          "new",
          Value.of("12"),
          "---\nid: x\nnew: '12'\n---\n\nbody\n\n\n");
    }

    @Test
    void givenLayoutsThatCannotBePatched_whenOneMemberChanges_thenTheFrontMatterIsWrittenAnew()
        throws Exception {
      change("---\n{id: x, a: 1}\n---\nbody", "a", Value.of(2L), "---\nid: x\na: 2\n---\nbody");
      change(
          "---\nid: x\na: &t [1]\nb: *t\n---\n body",
          "a",
          Value.of(2L),
          "---\nid: x\na: 2\nb:\n- 1\n---\n body");
      change(
          "---\n  id: x\n  a: 1\n---\nbody\n", "a", Value.of(2L), "---\nid: x\na: 2\n---\nbody\n");
      change("---id: x\na: 1\n---\n\nbody", "a", Value.of(2L), "---\nid: x\na: 2\n---\n\nbody");
      change(
          "---\nid: x\na: 1\nt: q---z\n---\n\nbody",
          "a",
          Value.of(2L),
          "---\nid: x\na: 2\nt: q\n---\n\nz\n---\n\nbody");
      change("---\n---\nbody", "a", Value.of(2L), "---\na: 2\n---\nbody");
      change("------\r\n", "a", Value.of(2L), "---\r\na: 2\r\n---\r\n\r\n");
      change("body\n", "a", Value.of(2L), "---\na: 2\n---\n\nbody\n\n");
      change("---\n? id\n: x\n? a\n: 1\n---\n", "a", Value.of(2L), "---\nid: x\na: 2\n---\n");
    }

    private void change(String old, String member, Value value, String expected) throws Exception {
      Parsed was = MemoryFile.parse(Tier.CORE, "m.md", old.getBytes(UTF_8));
      Memory memory = was.memory().withMembers(was.memory().members().with(member, value));

      byte[] bytes = MemoryFile.render(memory, was.coOccurrences(), old.getBytes(UTF_8));

      assertThat(string(bytes)).isEqualTo(expected);
      assertSame(parse(was, bytes), new Parsed(memory, was.coOccurrences()), old);
    }

    @Test
    void givenCounts_whenSomeChange_thenTheOtherLinesStay() throws Exception {
      String old =
          "---\nid: x\nco_occurrences:\n    a: 1 # one\n    'b': 2.50\n    # three\n    c: 3\nz: 1.0\n---\n";
      counts(
          old,
          Value.EMPTY_MAP.with("a", Value.of(1L)).with("b", Value.of(2.5)).with("c", Value.of(4L)),
          old.replace("c: 3", "c: 4"));
      counts(
          old,
          Value.EMPTY_MAP
              .with("b", Value.of(2.5))
              .with("c", Value.of(3L))
              .with("07", Value.of(0.1)),
          old.replace("    a: 1 # one\n", "").replace("c: 3\n", "c: 3\n    '07': 0.1\n"));
      counts(
          old,
          Value.EMPTY_MAP.with("c", Value.of(3L)).with("a", Value.of(1L)).with("b", Value.of(2.5)),
          "---\nid: x\nco_occurrences:\n  c: 3\n  a: 1\n  b: 2.5\nz: 1.0\n---\n");
      counts(old, Value.EMPTY_MAP, "---\nid: x\nco_occurrences: {}\nz: 1.0\n---\n");
      counts(
          "---\nid: x\nco_occurrences: {}\n---\n",
          Value.EMPTY_MAP.with("q", Value.of(1L)),
          "---\nid: x\nco_occurrences:\n  q: 1\n---\n");
      counts(
          "---\nid: x\nco_occurrences: {q: 1}\nz: [ 1 ]\n---\n",
          Value.EMPTY_MAP.with("q", Value.of(2L)),
          "---\nid: x\nco_occurrences:\n  q: 2\nz: [ 1 ]\n---\n");
    }

    private void counts(String old, Value.Map counts, String expected) throws Exception {
      Parsed was = MemoryFile.parse(Tier.CORE, "m.md", old.getBytes(UTF_8));
      List<CoOccurrence> entries = new ArrayList<>();
      counts.entries().forEach((to, count) -> entries.add(new CoOccurrence("x", to, count)));

      byte[] bytes = MemoryFile.render(was.memory(), entries, old.getBytes(UTF_8));

      assertThat(string(bytes)).isEqualTo(expected);
    }

    @Test
    void givenBody_whenItChanges_thenTheFrontMatterKeepsItsBytes() throws Exception {
      body("--- \nid: x # c\n---  \nold\n\n", "new", "--- \nid: x # c\n---\n\nnew");
      body("---\r\nid: x\r\n---\r\nold", "a\nb\n", "---\r\nid: x\r\n---\r\n\r\na\r\nb\r\n\r\n");
      body("---\nid: x\nt: q---z\n", "new", "---\nid: x\nt: q---\n\nnew");
      body("no rule\r\n", "a\nb\n", "a\r\nb\r\n");
      body("------\n", "a", "------\n\na");
      body("---\n- a\n- b\n---\nold", "", "---\n- a\n- b\n---\n\n");
    }

    private void body(String old, String content, String expected) throws Exception {
      Parsed was = MemoryFile.parse(Tier.CORE, "m.md", old.getBytes(UTF_8));
      Memory memory = was.memory().withContent(content);

      byte[] bytes = MemoryFile.render(memory, was.coOccurrences(), old.getBytes(UTF_8));

      assertThat(string(bytes)).isEqualTo(expected);
      assertSame(parse(was, bytes), new Parsed(memory, was.coOccurrences()), old);
    }

    @Test
    void givenFrontMatterThatIsNoMap_whenRendered_thenItReadsBackEqual() throws Exception {
      List<Value> odd =
          List.of(
              Value.NULL,
              Value.EMPTY_MAP,
              Value.EMPTY_SEQ,
              Value.of("just words"),
              Value.of("..."),
              Value.of("%x"),
              Value.of("a: b"),
              Value.of(""),
              Value.of("---\n"),
              Value.of(12L),
              Value.of(true),
              new Value.Time("2026-02-31"),
              new Value.Opaque(".nan"),
              new Value.Seq(List.of(Value.of("a"), new Value.Seq(List.of(Value.EMPTY_MAP)))));
      for (Value value : odd) {
        for (String content : List.of("", "x", "\n", "---\n")) {
          Memory memory = new Memory("m", Tier.CORE, "m.md", content, value);
          byte[] bytes = MemoryFile.render(memory, List.of(), null);
          assertThat(MemoryFile.parse(Tier.CORE, "m.md", bytes).memory()).isEqualTo(memory);
          byte[] again = MemoryFile.render(memory.withContent("y"), List.of(), bytes);
          assertThat(MemoryFile.parse(Tier.CORE, "m.md", again).memory())
              .isEqualTo(memory.withContent("y"));
        }
      }
    }

    @Test
    void givenWhatNoFileCanHold_whenRendered_thenItIsRefusedWithoutSayingWhatItIs() {
      Value.Map id = Value.EMPTY_MAP.with("id", Value.of("m"));
      refuse(new Memory("m", Tier.CORE, "m.md", "---\nsecret\n---\n", null));
      refuse(new Memory("m", Tier.CORE, "m.md", "secret\0", id));
      refuse(new Memory("m", Tier.CORE, "m.md", "secret\ud800", id));
      refuse(new Memory("m", Tier.CORE, "m.md", "a\r", id));
      refuse(new Memory("m", Tier.CORE, "m.md", "", id.with("x", new Value.Time("secret"))));
      refuse(
          new Memory(
              "m", Tier.CORE, "m.md", "", id.with("x", new Value.Time("2026-02-10\t10:00:00"))));
      refuse(new Memory("m", Tier.CORE, "m.md", "", id.with("x", new Value.Opaque("12"))));
      refuse(new Memory("m", Tier.CORE, "m.md", "", id.with("x", new Value.Opaque("1e999"))));
      refuse(new Memory("other", Tier.CORE, "m.md", "", id));
      refuse(
          new Memory(
              "m", Tier.CORE, "m.md", "", id.with("tags", new Value.Seq(List.of(Value.of(1L))))));
      Memory memory = new Memory("m", Tier.CORE, "m.md", "", id);
      assertThatIllegalArgumentException()
          .isThrownBy(
              () ->
                  MemoryFile.render(
                      memory, List.of(new CoOccurrence("m", "x", Value.of(1L))), null));
      Memory marked = memory.withMembers(id.with(Memory.CO_OCCURRENCES, Value.EMPTY_MAP));
      assertThatIllegalArgumentException()
          .isThrownBy(
              () ->
                  MemoryFile.render(
                      marked, List.of(new CoOccurrence("other", "x", Value.of(1L))), null));
    }

    private void refuse(Memory memory) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> MemoryFile.render(memory, List.of(), null))
          .satisfies(e -> assertThat(e.toString()).doesNotContain("secret"));
    }
  }

  private static List<Path> files(Path folder) throws Exception {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.filter(file -> file.toString().endsWith(".md")).toList();
    }
  }

  /** The old text with the lines of one member, or the body, put in the place of the old ones. */
  private static String expected(String member, Parsed was, Parsed wanted, String old) {
    String end = old.startsWith("---\r") ? "\r\n" : "\n";
    int fence = old.indexOf(end + "---" + end) + end.length();
    if (member.isEmpty()) {
      String content = wanted.memory().content();
      String body = "---\n\n" + content + (content.endsWith("\n") ? "\n" : "");
      return old.substring(0, fence) + body.replace("\n", end);
    }
    String before = lines(member, was).replace("\n", end);
    String after = lines(member, wanted).replace("\n", end);
    int at = before.isEmpty() ? fence : old.indexOf(end + before) + end.length();
    return old.substring(0, at) + after + old.substring(at + before.length());
  }

  private static String lines(String member, Parsed parsed) {
    Value value = parsed.memory().members().get(member);
    return value == null ? "" : YamlWriter.lines(member, value, parsed.coOccurrences());
  }

  private static byte[] render(Parsed memory, byte @org.jspecify.annotations.Nullable [] old) {
    return MemoryFile.render(memory.memory(), memory.coOccurrences(), old);
  }

  private static Parsed parse(Parsed like, byte[] bytes) throws UnreadableFileException {
    return MemoryFile.parse(like.memory().tier(), like.memory().fileName(), bytes);
  }

  private static String string(byte[] bytes) {
    return new String(bytes, UTF_8);
  }

  private static void assertSame(Parsed found, Parsed wanted, String context) {
    assertThat(found.memory()).as(context).isEqualTo(wanted.memory());
    assertThat(found.coOccurrences()).as(context).isEqualTo(wanted.coOccurrences());
  }
}

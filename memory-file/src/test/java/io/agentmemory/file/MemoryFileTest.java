package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.file.MemoryFile.Parsed;
import io.agentmemory.testkit.DriftSamples;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
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
    assertThat(Set.copyOf(found.coOccurrences()))
        .as(context)
        .isEqualTo(Set.copyOf(wanted.coOccurrences()));
  }
}

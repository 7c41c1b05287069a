package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNoException;

import io.agentmemory.Memory;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.spi.Canonical;
import java.io.ByteArrayInputStream;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Files that were made to cost time, memory or more; each is refused fast, or read as it is. */
@Timeout(30) // each takes a tenth of a second; the point is that it ends
class HostileFileTest {

  @Test
  void givenAliasBomb_whenParsed_thenItIsRefused() {
    StringBuilder bomb =
        new StringBuilder("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for (int i = 1; i < 10; i++) {
      String alias = "*a" + (i - 1);
      bomb.append("a" + i + ": &a" + i + " [" + (alias + ",").repeat(9) + "]\n");
    }
    refused(bomb.toString(), "has too much front matter");
  }

  @Test
  void givenLongTextManyTimesByAlias_whenParsed_thenItIsRefused() {
    String text = "a: &a " + "x".repeat(100_000) + "\nb: [" + "*a,".repeat(90) + "]\n";
    refused(text, "has too much front matter");
  }

  @Test
  void givenMoreThanAHundredAliases_whenParsed_thenItIsRefused() {
    refused("a: &a x\nb: [" + "*a,".repeat(101) + "]\n", "has more than 100 aliases");
    assertThatNoException().isThrownBy(() -> parse("a: &a x\nb: [" + "*a,".repeat(100) + "]\n"));
  }

  @Test
  void givenDeepNesting_whenParsed_thenItIsRefused() {
    refused("a: " + "[".repeat(400_000) + "\n", "has front matter nested too deep");
    refused("a: " + "{a: ".repeat(10_000) + "\n", "has front matter nested too deep");
    refused("- ".repeat(50_000) + "\n", "has front matter nested too deep");
    StringBuilder chain = new StringBuilder("a0: &a0 " + "[".repeat(200) + "]".repeat(200) + "\n");
    for (int i = 1; i < 50; i++) {
      chain.append("a" + i + ": &a" + i + " " + "[".repeat(200) + "*a" + (i - 1));
      chain.append("]".repeat(200)).append('\n');
    }
    refused(chain.toString(), "has front matter nested too deep");
  }

  @Test
  void givenDeepestAllowedNesting_whenParsed_thenItHasACanonicalForm() throws Exception {
    Memory memory = parse("a: " + "[".repeat(255) + "]".repeat(255) + "\n");

    String json = Canonical.json(memory.tree());

    assertThat(Canonical.parse(json)).isEqualTo(memory.tree());
  }

  /** Notes that it was loaded. */
  static final class Gadget {
    static {
      LOADED.set(true);
    }

    private Gadget() {}
  }

  private static final AtomicBoolean LOADED = new AtomicBoolean();

  @Test
  void givenTags_whenParsed_thenTheyAreRefusedAndNoClassIsLoaded() {
    refused("a: !!io.agentmemory.file.HostileFileTest$Gadget []\n", "has a tag");
    refused("!!io.agentmemory.file.HostileFileTest$Gadget {a: b}\n", "has a tag");
    refused("a: !!binary R0lGODlhDAAMAIQAAP\n", "has a tag");
    refused("a: !!python/object/apply:os.system [x]\n", "has a tag");
    refused("a: ! b\n", "has a tag");
    refused("a: !!str 12\n", "has a tag");
    assertThat(LOADED).isFalse();
  }

  @Test
  void givenRecursion_whenParsed_thenItIsRefused() {
    refused("a: &a [*a]\n", "has an alias inside of what it stands for");
    refused("&a a: *a\nb: &b {c: *b}\n", "has an alias inside of what it stands for");
    refused("&r {a: *r}\n", "has an alias inside of what it stands for");
    refused("a: &a {<<: *a}\n", "has an alias inside of what it stands for");
    refused("a: *nothing\n", "has an alias without its anchor");
  }

  @Test
  void givenTextThatNoStoreCanHold_whenParsed_thenItIsRefusedWithTheLine() {
    refused("id: x\na: \"\\0\"\n", "has NUL or half a character");
    refused("id: x\na: \"\\uD800\"\n", "has NUL or half a character");
    refused("id: x\na: \u0007\n", "has a character in its front matter that YAML does not allow");
    assertThatExceptionOfType(UnreadableFileException.class)
        .isThrownBy(() -> parse("id: x\n\na: \"\\0\"\n"))
        .satisfies(e -> assertThat(e.line()).isEqualTo(4));
  }

  @Test
  void givenFrontMatterOfManyMegabytes_whenParsed_thenItIsRefusedUnlessItIsPlain()
      throws Exception {
    refused("a: [" + "x,".repeat(600_000) + "]\n", "has too much front matter");
    StringBuilder plain = new StringBuilder("id: x\nco_occurrences:\n");
    for (int i = 0; i < 100_000; i++) {
      plain.append("  id" + i + ": 1.5\n");
    }
    assertThat(parse(plain.toString()).members().get(Memory.CO_OCCURRENCES))
        .isEqualTo(Value.EMPTY_MAP);
  }

  @Test
  void givenBytesThatAreNoUtf8_whenParsed_thenTheyAreRefusedWithTheOffset() {
    byte[] bytes = "---\nid: x\n---\n\nbody _ more".getBytes(UTF_8);
    bytes[20] = (byte) 0xff;
    assertThatExceptionOfType(UnreadableFileException.class)
        .isThrownBy(() -> MemoryFile.parse(Tier.CORE, "x.md", bytes))
        .satisfies(e -> assertThat(e.reason()).isEqualTo("is no UTF-8 at byte 20"))
        .satisfies(e -> assertThat(e.line()).isEqualTo(5));
    bytes[20] = 0;
    assertThatExceptionOfType(UnreadableFileException.class)
        .isThrownBy(() -> MemoryFile.parse(Tier.CORE, "x.md", bytes))
        .satisfies(e -> assertThat(e.reason()).isEqualTo("has a NUL"));
    byte[] cut = java.util.Arrays.copyOf("é".getBytes(UTF_8), 1);
    assertThatExceptionOfType(UnreadableFileException.class)
        .isThrownBy(() -> MemoryFile.parse(Tier.CORE, "x.md", cut))
        .satisfies(e -> assertThat(e.reason()).isEqualTo("is no UTF-8 at byte 0"));
    assertThatNoException()
        .isThrownBy(
            () -> MemoryFile.parse(Tier.CORE, "x.md", "a real \ufffd stays".getBytes(UTF_8)));
  }

  @Test
  void givenManyFailingFiles_whenParsed_thenNoReasonTellsWhatStandsThere() {
    for (String yaml :
        new String[] {
          "secret: [1",
          "secret\tkey: 'x",
          "*secret",
          "a: &secret x\nb: &secret y",
          "? {secret: 1}: 2",
          "secret: %secret",
          "secret: \"\\qsecret\"",
          "- secret\nsecret: x",
          "@secret"
        }) {
      assertThatExceptionOfType(UnreadableFileException.class)
          .as(yaml)
          .isThrownBy(() -> parse(yaml + "\n"))
          .satisfies(e -> assertThat(e.toString()).doesNotContain("secret").doesNotContain("'x"))
          .satisfies(e -> assertThat(e.getCause()).isNull());
    }
  }

  @Test
  void givenEscapeThatTheEndCutsShort_whenParsed_thenItIsRefused() {
    for (String escape : new String[] {"\\", "\\x", "\\x4", "\\u00e", "\\UFFFFFFFF\"", "\\/"}) {
      String file = "---\na: \"" + escape + "---\n";
      assertThatExceptionOfType(UnreadableFileException.class)
          .as(escape)
          .isThrownBy(() -> MemoryFile.parse(Tier.CORE, "x.md", file.getBytes(UTF_8)));
    }
  }

  @Test
  @DisplayName(
      "T60: alias bomb, deep nesting, tag gadget, !!binary, recursive anchor: what they cost")
  void givenHostileFrontMatter_whenParsed_thenItIsRefusedFastAndInLittleMemory() {
    StringBuilder bomb = new StringBuilder("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for (int i = 1; i < 10; i++) {
      bomb.append("a" + i + ": &a" + i + " [" + ("*a" + (i - 1) + ",").repeat(9) + "]\n");
    }
    for (String yaml :
        List.of(
            bomb.toString(),
            "a: " + "[".repeat(100_000) + "\n",
            "a: !!io.agentmemory.file.HostileFileTest$Gadget []\n",
            "a: !!binary " + "R0lG".repeat(10_000) + "\n",
            "&r {a: *r}\n")) {
      cheap(
          yaml.substring(0, 8),
          () ->
              assertThatExceptionOfType(UnreadableFileException.class)
                  .isThrownBy(() -> parse(yaml)));
    }
    assertThat(LOADED).isFalse();
  }

  @Test
  @DisplayName(
      "T61: JSON nested 10,000 deep, a number of a million digits, twice a key, trailing junk")
  void givenHostileJson_whenRead_thenItIsRefusedOrToldFastAndInLittleMemory() {
    String edge = "{\"a|b\": {\"belief\": ";
    for (String json :
        List.of(
            edge + "[".repeat(10_000) + "]".repeat(10_000) + "}}",
            edge + "1".repeat(1_000_000) + "}}",
            edge + "0.5}, \"a|b\": {}}",
            edge + "0.5}} junk",
            edge + "0.5}}{}")) {
      cheap(
          json.substring(0, 20) + json.length(),
          () -> {
            List<String> problems = new ArrayList<>();
            try {
              Document.edges()
                  .read(
                      new ByteArrayInputStream(json.getBytes(UTF_8)),
                      record -> {},
                      (where, reason) -> problems.add(reason));
              assertThat(problems).as("told").isNotEmpty();
            } catch (UnreadableFileException refused) {
              assertThat(refused.reason()).isNotBlank();
            }
          });
    }
  }

  private interface Reading {
    void run() throws Exception;
  }

  /** What a thread allocates is more than what it ever holds. */
  private static void cheap(String what, Reading reading) {
    var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    long start = threads.getCurrentThreadCpuTime();
    assertThatNoException().as(what).isThrownBy(reading::run);
    long time = threads.getCurrentThreadCpuTime() - start;
    assertThat(threads.getCurrentThreadAllocatedBytes() - before)
        .as("bytes for %s", what)
        .isLessThan(50L << 20);
    assertThat(Duration.ofNanos(time)).as(what).isLessThan(Duration.ofSeconds(1));
  }

  private static void refused(String yaml, String reason) {
    assertThatExceptionOfType(UnreadableFileException.class)
        .isThrownBy(() -> parse(yaml))
        .satisfies(e -> assertThat(e.reason()).startsWith(reason));
  }

  private static Memory parse(String yaml) throws UnreadableFileException {
    byte[] bytes = ("---\n" + yaml + "---\n\nbody").getBytes(UTF_8);
    return MemoryFile.parse(Tier.ACTIVE, "x.md", bytes).memory();
  }
}

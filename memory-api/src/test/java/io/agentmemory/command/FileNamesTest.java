package io.agentmemory.command;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Value;
import io.agentmemory.spi.Canonical;
import java.io.IOException;
import java.io.InputStream;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class FileNamesTest {

  @Test
  void givenTitlesAndContents_whenNamed_thenAsTheOriginalNamesThem() throws IOException {
    int compared = 0;
    try (InputStream in =
        requireNonNull(FileNamesTest.class.getResourceAsStream("file-names.txt"))) {
      for (String line : new String(in.readAllBytes(), UTF_8).lines().toList()) {
        if (!line.startsWith("#")) {
          List<Value> row = ((Value.Seq) Canonical.parse(line)).items();
          String title = Value.textOf(row.get(2));
          String text = title == null ? text(row.get(1)) : title;
          assertThat(FileNames.of(text(row.get(0)), text, title != null))
              .as(line)
              .isEqualTo(text(row.get(3)));
          compared++;
        }
      }
    }
    assertThat(compared).isGreaterThan(300);
  }

  private static String text(Value value) {
    return requireNonNull(Value.textOf(value));
  }

  @Test
  void givenIdsThatFilesCannotBeNamedAfter_whenNamed_thenByHashAndEachDiffers() {
    List<String> odd =
        List.of(
            "A",
            "a ",
            "../x",
            "/etc/x",
            "a\\b",
            ".",
            "..",
            ".a",
            "a.",
            "con",
            "nul.txt",
            "com1",
            "x".repeat(101),
            "é",
            "e\u0301",
            "\ud83d\ude00",
            "\u05d0",
            "a:b",
            "a*b",
            "-a",
            "_",
            "a\nb");
    Set<String> names = new HashSet<>();
    for (String id : odd) {
      String name = FileNames.of(id, "Some Title / here", true);
      assertThat(name).as(id).matches("some-title--here--[0-9a-f]{12}\\.md");
      assertThat(FileNames.isSafe(name)).isTrue();
      names.add(name.toLowerCase(Locale.ROOT));
    }
    assertThat(names).hasSameSizeAs(odd);
  }

  @Test
  void givenLongestSlugAndId_whenNamed_thenTheNameFitsAFolder() {
    String name = FileNames.of("x".repeat(100), "\ud835\udc9c".repeat(40), true);

    assertThat(name.getBytes(UTF_8).length).isLessThanOrEqualTo(255);
    assertThat(FileNames.isSafe(name)).isTrue();
  }

  @Test
  void givenNamesThatLeaveTheFolder_whenAsked_thenNotSafe() {
    for (String bad :
        List.of(
            "",
            ".md",
            "a",
            "a.txt",
            ".a.md",
            "../a.md",
            "a/b.md",
            "a\\b.md",
            "a\0.md",
            "x".repeat(253) + ".md",
            "..md",
            "a.MD")) {
      assertThat(FileNames.isSafe(bad)).as(bad).isFalse();
    }
    assertThat(FileNames.isSafe("x".repeat(252) + ".md")).isTrue();
  }
}

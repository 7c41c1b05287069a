package io.agentmemory.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The README against the sources beside it. */
class ReadmeTest {
  private static final Path ROOT = Path.of("..");
  private static final Path SOURCES = Path.of("src/main/java/io/agentmemory/examples");

  // A comment that no reader sees, then the block: <!-- QuickStart#quickstart -->
  private static final Pattern BLOCK =
      Pattern.compile("<!-- (\\w+)#(\\w+) -->\\R```java\\R(.*?)\\R```", Pattern.DOTALL);
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:]+)(#[^)]*)?\\)");

  @Test
  void givenReadme_whenComparedWithTheExamples_thenEveryBlockIsItsRegion() throws IOException {
    String readme = Files.readString(ROOT.resolve("README.md"));
    Matcher block = BLOCK.matcher(readme);
    List<String> quoted = new ArrayList<>();

    while (block.find()) {
      String name = block.group(1) + "#" + block.group(2);
      assertThat(block.group(3).lines())
          .as(name)
          .containsExactlyElementsOf(region(block.group(1), block.group(2)));
      quoted.add(name);
    }

    assertThat(quoted)
        .contains(
            "QuickStart#quickstart",
            "OneSession#session",
            "MoveWhileWriting#dualwrite",
            "OwnPool#datasource");
    assertThat(readme.split("```java")).as("blocks without a source").hasSize(quoted.size() + 1);
  }

  /** The lines between the marks, moved to the left. */
  private static List<String> region(String file, String tag) throws IOException {
    List<String> lines = Files.readAllLines(SOURCES.resolve(file + ".java"));
    int from = marked(lines, "// tag::" + tag + "[]");
    int to = marked(lines, "// end::" + tag + "[]");
    List<String> region = lines.subList(from + 1, to);
    int indent =
        region.stream()
            .filter(line -> !line.isBlank())
            .mapToInt(line -> line.length() - line.stripLeading().length())
            .min()
            .orElse(0);
    return region.stream().map(line -> line.isBlank() ? "" : line.substring(indent)).toList();
  }

  private static int marked(List<String> lines, String mark) {
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).strip().equals(mark)) {
        return i;
      }
    }
    throw new AssertionError("no mark " + mark);
  }

  @Test
  void givenDocuments_whenTheirLinksAreFollowed_thenFilesAreThere() throws IOException {
    List<Path> documents = new ArrayList<>();
    try (Stream<Path> top = Files.list(ROOT);
        Stream<Path> docs = Files.walk(ROOT.resolve("docs"))) {
      Stream.concat(top, docs)
          .filter(path -> path.toString().endsWith(".md"))
          .forEach(documents::add);
    }

    assertThat(documents).hasSizeGreaterThan(3);
    for (Path document : documents) {
      Matcher link = LINK.matcher(Files.readString(document));
      while (link.find()) {
        assertThat(document.resolveSibling(link.group(1))).as("link in %s", document).exists();
      }
    }
  }
}

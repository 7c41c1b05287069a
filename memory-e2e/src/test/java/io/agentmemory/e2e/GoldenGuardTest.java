package io.agentmemory.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.agentmemory.testkit.DriftSamples;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * No answer of the original is compared by nobody: each golden file, and each member in it, is one
 * that a test says it compares. Each of these tests fails where it does not find a member it names.
 */
class GoldenGuardTest {
  private static final JsonMapper JSON = new JsonMapper();

  /** Golden files, and their members that a test compares from files and from PostgreSQL. */
  private static final Map<String, Set<String>> COMPARED =
      Map.of(
          "graph.json", GraphGoldenTest.members(),
          "identity.json", IdentityTest.members(),
          "parsed.json", ParsedGoldenTest.members(),
          "queries.json", GoldenQueriesTest.members(),
          "search.json", SearchGoldenTest.members(),
          // of texts and not of a store: DriftDetectionTest compares each text's answers as a whole
          "detect.json",
              Set.of(
                  "text",
                  "entities",
                  "event_time",
                  "platforms",
                  "contacts",
                  "topics",
                  "salience",
                  "bridged"));

  /** Files that are lists or maps of entries, whose members are those of each entry. */
  private static final Set<String> OF_ENTRIES = Set.of("parsed.json", "detect.json");

  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource
  void givenGoldenFiles_whenHeldAgainstTheTests_thenEveryMemberIsCompared(MoveTest.Sample sample)
      throws IOException {
    DriftSamples drift = sample.unpack(folder);
    Map<String, Set<String>> found = new TreeMap<>();
    for (Path file : list(drift.golden())) {
      String name = file.getFileName().toString();
      JsonNode golden = JSON.readTree(file.toFile());
      found.put(name, OF_ENTRIES.contains(name) ? ofEntries(golden) : names(golden));
    }

    assertThat(found).isEqualTo(new TreeMap<>(COMPARED));
    JsonNode queries = JSON.readTree(drift.golden().resolve("search.json").toFile()).get("queries");
    assertThat(ofEntries(queries)).isEqualTo(SearchGoldenTest.queryMembers());
    assertThat(ofEntries(JSON.readTree(drift.irregularExpected().toFile())))
        .isEqualTo(ParsedGoldenTest.oddMembers());
    assertThat(list(folder))
        .extracting(path -> path.getFileName().toString())
        .containsExactlyInAnyOrder(
            "golden", "irregular", "irregular_expected.json", "tree", "MANIFEST.json");
  }

  private static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }

  private static Set<String> ofEntries(JsonNode entries) {
    assertThat(entries).isNotEmpty();
    Set<String> names = new TreeSet<>();
    entries.forEach(entry -> names.addAll(names(entry)));
    return names;
  }

  private static Set<String> names(JsonNode object) {
    Set<String> names = new TreeSet<>();
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }
}

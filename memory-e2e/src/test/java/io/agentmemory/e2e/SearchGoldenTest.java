package io.agentmemory.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.agentmemory.Embeddings;
import io.agentmemory.Memory;
import io.agentmemory.MemorySearch;
import io.agentmemory.MemoryStore;
import io.agentmemory.VectorSpace;
import io.agentmemory.detect.Detection;
import io.agentmemory.dualwrite.Backfill;
import io.agentmemory.testkit.DriftSamples;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the original finds in its sample trees by vector: every score to its last bit. */
class SearchGoldenTest {
  private static final JsonMapper JSON = new JsonMapper();
  private static final Pattern FLOW_TAGS = Pattern.compile("(?m)^tags:\\s*\\[");

  /** The members that are compared, and those of each query. */
  static Set<String> members() {
    return Set.of("queries", "similar_pairs_085");
  }

  static Set<String> queryMembers() {
    return Set.of("query", "bridged", "vector", "plain", "dimension_what");
  }

  @TempDir Path folder;

  private DriftSamples unpack(String name) throws IOException {
    return name.equals("small") ? DriftSamples.small(folder) : DriftSamples.thousand(folder);
  }

  @ParameterizedTest
  @ValueSource(strings = {"small", "thousand"})
  void givenTree_whenSearched_thenTheOriginals(String name) throws IOException {
    DriftSamples drift = unpack(name);
    try (MemoryStore store = Stores.fileToRead(drift.memory())) {
      assertGolden(store, drift);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"small", "thousand"})
  @Tag("postgres")
  void givenTreeInPostgres_whenSearched_thenTheOriginals(String name) throws IOException {
    DriftSamples drift = unpack(name);
    try (Stores stores = new Stores("search");
        MemoryStore files = Stores.fileToRead(drift.memory());
        MemoryStore store = stores.postgres(Stores.namespace())) {
      Backfill.builder(files, store).run();
      assertGolden(store, drift);
    }
  }

  private static void assertGolden(MemoryStore store, DriftSamples drift) throws IOException {
    JsonNode golden = JSON.readTree(drift.golden().resolve("search.json").toFile());
    for (JsonNode query : golden.get("queries")) {
      String text = query.get("query").asText();
      assertThat(Detection.DRIFT.bridgeQuery(text)).isEqualTo(query.get("bridged").asText());
      MemorySearch search =
          MemorySearch.near(vector(query.get("vector")))
              .limit(query.get("plain").size())
              .threshold(-1)
              .resolution(memory -> hasFlowTags(drift, memory))
              .significantDigits(9)
              .withoutRecall();
      assertThat(found(store, search)).as(text).isEqualTo(plain(query.get("plain")));
      assertThat(found(store, search.along("what")))
          .as(text)
          .isEqualTo(plain(query.get("dimension_what")));
    }
    JsonNode pairs = golden.get("similar_pairs_085");
    assertThat(
            store.embeddings().similarPairs(VectorSpace.TEXT, 0.85, pairs.size()).stream()
                .map(SearchGoldenTest::plain)
                .toList())
        .isEqualTo(plain(pairs));
  }

  /** Only in such a file does the original see tags; see decision 0022. */
  private static boolean hasFlowTags(DriftSamples drift, Memory memory) {
    Path file = drift.memory().resolve(memory.tier().folder()).resolve(memory.fileName());
    try {
      return FLOW_TAGS.matcher(Files.readString(file)).find()
          && memory.foldedTags().stream().anyMatch(MemorySearch.RESOLUTION_TAGS::contains);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static float[] vector(JsonNode numbers) {
    float[] vector = new float[numbers.size()];
    for (int i = 0; i < vector.length; i++) {
      vector[i] = (float) numbers.get(i).asDouble();
    }
    return vector;
  }

  private static Object plain(JsonNode node) {
    return JSON.convertValue(node, Object.class);
  }

  private static List<Map<String, Object>> found(MemoryStore store, MemorySearch search) {
    List<Map<String, Object>> found = new ArrayList<>();
    for (MemorySearch.Hit hit : store.embeddings().search(search)) {
      Map<String, Object> plain = new LinkedHashMap<>();
      plain.put("id", hit.id());
      plain.put("score", hit.score());
      plain.put("preview", hit.preview());
      plain.put("path", hit.path());
      if (hit.resolution()) {
        plain.put("boosted", true);
      }
      if (hit.degree() > 0) {
        plain.put("dim_boosted", true);
        plain.put("dim_degree", hit.degree());
      }
      found.add(plain);
    }
    return found;
  }

  private static Map<String, Object> plain(Embeddings.Pair pair) {
    return Map.of(
        "id1", pair.first(),
        "id2", pair.second(),
        "similarity", pair.similarity(),
        "preview1", pair.firstPreview(),
        "preview2", pair.secondPreview());
  }
}

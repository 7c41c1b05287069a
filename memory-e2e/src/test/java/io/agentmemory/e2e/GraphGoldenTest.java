package io.agentmemory.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.agentmemory.Edge;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.Value;
import io.agentmemory.command.BeliefRule;
import io.agentmemory.command.DecayEdges;
import io.agentmemory.command.DecayRule;
import io.agentmemory.dualwrite.Backfill;
import io.agentmemory.internal.Texts;
import io.agentmemory.testkit.DriftSamples;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the original answers about the graphs of its sample trees, to the last bit. */
class GraphGoldenTest {
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir Path folder;

  @Test
  void givenSmallTree_whenRead_thenBeliefsAndDecayAreTheOriginals() throws IOException {
    DriftSamples drift = DriftSamples.small(folder);
    try (MemoryStore store = Stores.fileToRead(drift.memory())) {
      assertGolden(store, drift);
    }
  }

  @Test
  void givenTreeOfAThousand_whenRead_thenBeliefsAndDecayAreTheOriginals() throws IOException {
    DriftSamples drift = DriftSamples.thousand(folder);
    try (MemoryStore store = Stores.fileToRead(drift.memory())) {
      assertGolden(store, drift);
    }
  }

  @Test
  @Tag("postgres")
  void givenSmallTreeInPostgres_whenRead_thenBeliefsAndDecayAreTheOriginals() throws IOException {
    DriftSamples drift = DriftSamples.small(folder);
    try (Stores stores = new Stores("graph");
        MemoryStore files = Stores.fileToRead(drift.memory());
        MemoryStore store = stores.postgres(Stores.namespace())) {
      Backfill.builder(files, store).run();
      assertGolden(store, drift);
    }
  }

  private static <T extends MemoryRecord> List<T> all(MemoryStore store, Kind<T> kind) {
    try (var scan = store.scan(kind)) {
      return scan.flatMap(stored -> stored.live().stream()).toList();
    }
  }

  private static void assertGolden(MemoryStore store, DriftSamples drift) throws IOException {
    JsonNode golden = JSON.readTree(drift.golden().resolve("graph.json").toFile());
    Instant now = requireNonNull(Texts.instant(golden.get("now").asText()));
    Map<String, Memory> memories = new HashMap<>();
    all(store, Kind.MEMORY).forEach(memory -> memories.put(memory.id(), memory));
    Map<String, List<Value.Map>> observations = new HashMap<>();
    all(store, Kind.OBSERVATION)
        .forEach(
            o -> observations.computeIfAbsent(o.pair(), p -> new ArrayList<>()).add(o.members()));

    Map<String, Double> beliefs = new HashMap<>();
    Map<String, Double> decays = new HashMap<>();
    Map<String, Map<String, Set<String>>> dimensions = new HashMap<>();
    for (Edge edge : all(store, Kind.EDGE)) {
      Memory a = memories.get(edge.first().orElse(""));
      Memory b = memories.get(edge.second().orElse(""));
      beliefs.put(
          edge.pair(),
          BeliefRule.DRIFT.belief(observations.getOrDefault(edge.pair(), List.of()), now));
      decays.put(
          edge.pair(),
          DecayRule.DRIFT.effective(recalls(a), recalls(b), evolution(a), evolution(b)));
      dimensions.put(edge.pair(), DecayEdges.dimensions(edge, a, b));
    }
    assertThat(beliefs).isEqualTo(numbers(golden.get("belief_now")));
    assertThat(decays).containsAllEntriesOf(numbers(golden.get("effective_decay")));
    Map<String, Double> evolutions = numbers(golden.get("evolution_multiplier"));
    assertThat(evolutions).isNotEmpty();
    evolutions.forEach(
        (id, evolution) ->
            assertThat(evolution(memories.get(id))).as("evolution of %s", id).isEqualTo(evolution));
    Map<String, Map<String, Set<String>>> expected = new LinkedHashMap<>();
    golden
        .get("edge_dimensions")
        .properties()
        .forEach(edge -> expected.put(edge.getKey(), sets(edge.getValue())));
    assertThat(dimensions).containsAllEntriesOf(expected);
  }

  private static double recalls(@Nullable Memory memory) {
    return memory == null ? 0 : memory.recallCount();
  }

  private static double evolution(@Nullable Memory memory) {
    return memory == null ? 1 : DecayRule.DRIFT.evolution(memory);
  }

  private static Map<String, Double> numbers(JsonNode object) {
    Map<String, Double> numbers = new HashMap<>();
    object.properties().forEach(entry -> numbers.put(entry.getKey(), entry.getValue().asDouble()));
    return numbers;
  }

  private static Map<String, Set<String>> sets(JsonNode object) {
    Map<String, Set<String>> sets = new HashMap<>();
    object
        .properties()
        .forEach(
            entry -> {
              Set<String> set = new HashSet<>();
              entry.getValue().forEach(item -> set.add(item.asText()));
              if (!set.isEmpty()) {
                sets.put(entry.getKey(), set);
              }
            });
    return sets;
  }
}

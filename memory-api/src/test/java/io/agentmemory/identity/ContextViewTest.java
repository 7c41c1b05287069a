package io.agentmemory.identity;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Edge;
import io.agentmemory.Memory;
import io.agentmemory.Observation;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.spi.Canonical;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class ContextViewTest {
  private static final Instant NOW = Instant.parse("2026-02-10T12:00:00Z");

  private static Value.Map map(String json) {
    return (Value.Map) Canonical.parse(json);
  }

  private static Memory memory(String id, String members) {
    return new Memory(id, Tier.ARCHIVE, id + ".md", "", map(members).with("id", Value.of(id)));
  }

  private static Map<String, ContextView> rebuild(
      List<Edge> edges, List<Observation> observations, List<Memory> memories) {
    return rebuild(edges, observations, memories, ContextView.Rules.DRIFT);
  }

  private static Map<String, ContextView> rebuild(
      List<Edge> edges,
      List<Observation> observations,
      List<Memory> memories,
      ContextView.Rules rules) {
    return ContextView.rebuild(
            edges, observations, memories, NOW, (recent, now) -> recent.size() / 8.0, rules)
        .stream()
        .collect(
            Collectors.toMap(
                g -> g.subView() == null ? g.dimension() : g.dimension() + "_" + g.subView(),
                Function.identity()));
  }

  private static String edge(Map<String, ContextView> graphs, String graph, String pair) {
    ContextView found = graphs.get(graph);
    assertThat(found).as(graph).isNotNull();
    return found == null ? "" : Canonical.json(found.edges().getOrDefault(pair, Value.EMPTY_MAP));
  }

  @Test
  void givenNoEdges_whenRebuilt_thenThereIsNoGraph() {
    assertThat(rebuild(List.of(), List.of(), List.of(memory("a", "{}")))).isEmpty();
  }

  @Test
  void givenEdgeWithoutContext_whenRebuilt_thenOnlyTheEmptyGraphsAreThere() {
    Map<String, ContextView> graphs =
        rebuild(List.of(new Edge("a|b", map("{\"belief\":1.0}"))), List.of(), List.of());

    assertThat(graphs.keySet())
        .containsExactlyInAnyOrder(
            "who", "what", "why", "where", "when_hot", "when_warm", "when_cool", "bridges");
    assertThat(graphs.values()).allSatisfy(graph -> assertThat(graph.edges()).isEmpty());
    assertThat(Canonical.json(graphs.get("who") == null ? Value.NULL : whole(graphs, "who")))
        .isEqualTo(
            "{\"meta\":{\"dimension\":\"who\",\"sub_view\":null,\"last_rebuilt\":\"now\","
                + "\"edge_count\":0,\"node_count\":0},\"edges\":{},\"hubs\":[],"
                + "\"stats\":{\"avg_belief\":0,\"density\":0.0}}");
  }

  private static Value.Map whole(Map<String, ContextView> graphs, String name) {
    ContextView graph = graphs.get(name);
    return graph == null ? Value.EMPTY_MAP : graph.tree("now");
  }

  @Test
  void givenContacts_whenRebuilt_thenWhoCountsWhatBothMemoriesShare() {
    Map<String, ContextView> graphs =
        rebuild(
            List.of(
                new Edge(
                    "a|b",
                    map("{\"belief\":2.0,\"last_updated\":\"t\",\"contact_context\":[\"x\"]}"))),
            List.of(),
            List.of(
                memory("a", "{\"contact_context\":[\"x\",\"y\"]}"),
                memory("b", "{\"contact_context\":[\"x\",\"z\"]}")));

    // 0.3 + 0.7 * 1/3, rounded before it is multiplied
    assertThat(edge(graphs, "who", "a|b"))
        .isEqualTo(
            "{\"belief\":1.066,\"dimension_weight\":0.533,\"observation_count\":0,"
                + "\"last_observed\":\"t\"}");
  }

  @Test
  void givenTopics_whenRebuilt_thenWhatCountsTheSharedOfAll() {
    Map<String, ContextView> graphs =
        rebuild(
            List.of(
                new Edge("a|b", map("{\"belief\":3}")),
                new Edge("a|c", map("{\"belief\":3,\"topic_context\":{\"union\":[\"trading\"]}}"))),
            List.of(),
            List.of(
                memory("a", "{\"topic_context\":[\"trading\",\"development\"]}"),
                memory("b", "{\"topic_context\":[\"trading\",\"vcv-rack\"]}")));

    assertThat(edge(graphs, "what", "a|b")).contains("\"belief\":1.0,", "weight\":0.333,");
    assertThat(edge(graphs, "what", "a|c")).contains("\"belief\":0.9,", "weight\":0.3,");
    assertThat(edge(graphs, "what_trading", "a|b")).contains("\"belief\":3.0,", "weight\":1.0,");
    assertThat(edge(graphs, "what_trading", "a|c")).contains("\"belief\":1.5,", "weight\":0.5,");
    assertThat(edge(graphs, "what_vcv-rack", "a|b")).contains("\"belief\":1.5,");
    assertThat(edge(graphs, "what_vcv-rack", "a|c")).isEqualTo("{}");
    assertThat(graphs).doesNotContainKey("what_collaboration");
  }

  @Test
  void givenPlatforms_whenRebuilt_thenEachViewCountsItsShare() {
    Map<String, ContextView> graphs =
        rebuild(
            List.of(
                new Edge(
                    "a|b",
                    map(
                        "{\"belief\":4.0,\"platform_context\":"
                            + "{\"moltx\":1,\"github\":3,\"_cross_platform\":true}}"))),
            List.of(),
            List.of());

    assertThat(edge(graphs, "where", "a|b"))
        .contains("\"belief\":4.0,", "\"dominant_platform\":\"github\"");
    assertThat(edge(graphs, "where_moltx", "a|b")).contains("\"belief\":1.0,", "weight\":0.25,");
    assertThat(graphs).doesNotContainKey("where__cross_platform");
  }

  @Test
  void givenObservationsOfManyAges_whenRebuilt_thenEachWindowHasTheRecentOnes() {
    List<Observation> observations =
        List.of(
            observation(0, NOW.minus(Duration.ofHours(12))),
            observation(1, NOW.minus(Duration.ofHours(12).plusMillis(1))),
            observation(2, NOW.minus(Duration.ofHours(80))),
            new Observation("a|b", 3, map("{\"observed_at\":\"2026-02-31\"}")));

    Map<String, ContextView> graphs =
        rebuild(List.of(new Edge("a|b", map("{\"belief\":9.0}"))), observations, List.of());

    assertThat(edge(graphs, "when_hot", "a|b"))
        .contains("\"belief\":0.125,", "\"observation_count\":1,");
    assertThat(edge(graphs, "when_warm", "a|b")).contains("\"observation_count\":2,");
    assertThat(edge(graphs, "when_cool", "a|b"))
        .contains("\"belief\":0.375,", "\"observation_count\":3,");
    assertThat(edge(graphs, "bridges", "a|b"))
        .contains("\"dimensions\":[\"when_cool\",\"when_hot\",\"when_warm\"]", "score\":0.429,");
  }

  private static Observation observation(int ordinal, Instant at) {
    return new Observation(
        "a|b", ordinal, new Value.Map(Map.of("observed_at", Value.of(at.toString()))));
  }

  @Test
  void givenOtherRules_whenRebuilt_thenTheySayWhatIsABridgeAndWhatItCounts() {
    ContextView.Rules drift = ContextView.Rules.DRIFT;
    ContextView.Rules rules =
        new ContextView.Rules(4, drift.windows(), List.of(), List.of(), 0.3, 0.5, 10, 3, 0.25);
    List<Edge> edges =
        List.of(
            new Edge(
                "a|b",
                map("{\"platform_context\":{\"moltx\":1},\"activity_context\":{\"social\":1}}")));

    Map<String, ContextView> graphs = rebuild(edges, List.of(), List.of(), rules);

    assertThat(edge(rebuild(edges, List.of(), List.of()), "bridges", "a|b")).contains("0.286");
    assertThat(edge(graphs, "bridges", "a|b")).as("in two graphs only").isEqualTo("{}");
    assertThat(edge(graphs, "bridges_why_where", "a|b")).contains("\"bridge_score\":0.25,");
  }

  @Test
  void givenEdgeInTwoQuestions_whenRebuilt_thenTheyHaveABridge() {
    Map<String, ContextView> graphs =
        rebuild(
            List.of(
                new Edge(
                    "a|b",
                    map(
                        "{\"belief\":4.0,\"platform_context\":{\"moltx\":1},"
                            + "\"activity_context\":{\"social\":1,\"technical\":1}}"))),
            List.of(),
            List.of());

    assertThat(edge(graphs, "bridges_why_where", "a|b"))
        .isEqualTo(
            "{\"dimensions\":[\"why\",\"where\"],\"dimension_count\":2,\"bridge_score\":0.5,"
                + "\"beliefs\":{\"why\":4.0,\"where\":4.0}}");
    assertThat(edge(graphs, "why", "a|b")).contains("\"dominant_activity\":\"social\"");
    assertThat(graphs).doesNotContainKey("bridges_who_what");
  }
}

package io.agentmemory.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Memory;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.spi.Canonical;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class CognitiveFingerprintTest {
  private static Memory memory(String id, Tier tier, String... tags) {
    return new Memory(
        id,
        tier,
        "on-" + id + ".md",
        "",
        new Value.Map(Map.of("id", Value.of(id), "tags", Value.Seq.ofTexts(List.of(tags)))));
  }

  private static CoOccurrence count(String from, String to, Value count) {
    return new CoOccurrence(from, to, count);
  }

  private static String json(Value.Map map, String name) {
    return Canonical.json(map.entries().getOrDefault(name, Value.NULL));
  }

  private static Value.Map analysis(String json) {
    return (Value.Map) Canonical.parse(json);
  }

  @Test
  void givenNothing_whenFingerprinted_thenTheHashIsTheOneTheAuthorsPublished() {
    assertThat(CognitiveFingerprint.of(List.of(), List.of()).hash())
        .isEqualTo("06d5d165762897c2a2e2725a81ea3b0be4c46c6c3f22b7cf2cfbac1770660564");
  }

  @Test
  void givenBothDirectionsDiffer_whenFingerprinted_thenTheEdgeWeighsTheMore() {
    CognitiveFingerprint fingerprint =
        CognitiveFingerprint.of(
            List.of(memory("b", Tier.ACTIVE, "api"), memory("a", Tier.CORE, "API", "social")),
            List.of(
                count("b", "a", Value.of(2)),
                count("a", "b", Value.of(3.5)),
                count("a", "ghost", Value.of(1)),
                count("b", "ghost", Value.of(0)),
                count("b", "odd", Value.of("many"))));

    Value.Map members = fingerprint.members();
    assertThat(json(members, "graph_stats"))
        .isEqualTo(
            "{\"node_count\":2,\"total_memory_files\":2,\"edge_count\":2,\"avg_degree\":1.5}");
    assertThat(json(members, "hubs"))
        .isEqualTo(
            "[{\"id\":\"a\",\"degree\":2,\"weighted_degree\":4.5,\"recall_count\":0,"
                + "\"tags\":[\"API\",\"social\"]},"
                + "{\"id\":\"b\",\"degree\":1,\"weighted_degree\":2,\"recall_count\":0,"
                + "\"tags\":[\"api\"]}]");
    assertThat(json(members, "strongest_pairs"))
        .isEqualTo(
            "[{\"id1\":\"a\",\"id2\":\"b\",\"weight\":3.5,\"tags1\":[\"API\",\"social\"],"
                + "\"tags2\":[\"api\"]},"
                + "{\"id1\":\"a\",\"id2\":\"ghost\",\"weight\":1,\"tags1\":[\"API\",\"social\"],"
                + "\"tags2\":[]}]");
    // of 3.5 and 1: mean 2.25, each 1.25 away from it, 1 an integer still
    assertThat(json(members, "strength_distribution"))
        .isEqualTo(
            "{\"count\":2,\"mean\":2.25,\"std_dev\":1.25,\"min\":1,\"max\":3.5,\"p25\":1,"
                + "\"p50_median\":3.5,\"p75\":3.5,\"p90\":3.5,\"p99\":3.5,\"skewness\":0.0,"
                + "\"gini\":0.278}");
    assertThat(json(members, "cognitive_domains"))
        .isEqualTo(
            "{\"domains\":{"
                + "\"social\":{\"memory_count\":1,\"total_weight\":0.0,\"weight_pct\":0.0,"
                + "\"top_hubs\":[]},"
                + "\"technical\":{\"memory_count\":2,\"total_weight\":3.5,\"weight_pct\":77.8,"
                + "\"top_hubs\":[\"a\",\"b\"]}},"
                + "\"inter_domain\":{\"social<->technical\":4.5},\"total_weight\":4.5}");
    assertThat(json(members, "clusters"))
        .isEqualTo("[{\"size\":2,\"top_tags\":[\"API\",\"social\",\"api\"]}]");
  }

  @Test
  void givenArchivedMemoryAndOneWithoutId_whenFingerprinted_thenTheyAreLeftOut() {
    Memory nameless = new Memory("stem", Tier.CORE, "stem.md", "", Value.EMPTY_MAP);

    CognitiveFingerprint fingerprint =
        CognitiveFingerprint.of(
            List.of(memory("old", Tier.ARCHIVE), nameless),
            List.of(count("old", "a", Value.of(2)), count("stem", "a", Value.of(2))));

    assertThat(fingerprint).isEqualTo(CognitiveFingerprint.of(List.of(), List.of()));
  }

  @Test
  void givenChainOfThree_whenMeasured_thenTheMiddleIsBetweenTheOthers() {
    List<CoOccurrence> chain =
        List.of(
            count("a", "m", Value.of(1)),
            count("m", "a", Value.of(1)),
            count("m", "z", Value.of(1)),
            count("z", "m", Value.of(1)));

    Value.Map metrics =
        CognitiveFingerprint.map(
            CognitiveFingerprint.of(
                    List.of(memory("a", Tier.CORE), memory("m", Tier.CORE), memory("z", Tier.CORE)),
                    chain)
                .members(),
            "graph_metrics");

    // both ordered pairs of ends go through it: 2 of (3 - 1)(3 - 2); nobody's neighbours are linked
    assertThat(json(metrics, "betweenness_centrality_top10"))
        .startsWith("[{\"id\":\"m\",\"score\":1.0},")
        .contains("{\"id\":\"a\",\"score\":0.0}", "{\"id\":\"z\",\"score\":0.0}");
    assertThat(metrics.get("clustering_coefficient")).isEqualTo(Value.of(0.0));
    // one community: 1/4 * 2 * (2 - 2 * (1 * 2) / 4)
    assertThat(metrics.get("modularity")).isEqualTo(Value.of(0.5));
  }

  @Test
  void givenTriangle_whenMeasured_thenItIsClusteredAsOne() {
    List<CoOccurrence> triangle =
        List.of(
            count("a", "b", Value.of(1)),
            count("a", "c", Value.of(1)),
            count("b", "a", Value.of(1)),
            count("b", "c", Value.of(1)),
            count("c", "a", Value.of(1)),
            count("c", "b", Value.of(1)));

    Value.Map metrics =
        CognitiveFingerprint.map(
            CognitiveFingerprint.of(
                    List.of(memory("a", Tier.CORE), memory("b", Tier.CORE), memory("c", Tier.CORE)),
                    triangle)
                .members(),
            "graph_metrics");

    assertThat(metrics.get("clustering_coefficient")).isEqualTo(Value.of(1.0));
  }

  @Test
  void givenIntegerOrFloatMedian_whenHashed_thenTheTypeShows() {
    String json =
        "{\"hubs\":[{\"id\":\"a\"}],\"cluster_count\":1,"
            + "\"strength_distribution\":{\"count\":3,\"p50_median\":%s}}";

    assertThat(CognitiveFingerprint.hash(analysis(json.formatted("1"))))
        .isEqualTo(Python.sha256("a\nmean=0,std=0,skew=0,gini=0,p50=1,p99=0\n\nclusters=1,edges=3"))
        .isNotEqualTo(CognitiveFingerprint.hash(analysis(json.formatted("1.0"))));
  }

  @Test
  void givenAnotherNumberOfHashedHubs_whenFingerprinted_thenTheHashIsAnother() {
    List<Memory> memories = List.of(memory("a", Tier.CORE), memory("b", Tier.CORE));
    List<CoOccurrence> counts = List.of(count("a", "b", Value.of(2)), count("b", "a", Value.of(1)));
    CognitiveFingerprint.Rules drift = CognitiveFingerprint.Rules.DRIFT;
    CognitiveFingerprint.Rules one =
        new CognitiveFingerprint.Rules(20, 20, 90, drift.domains(), 1, 10, 5, 50);

    CognitiveFingerprint fingerprint = CognitiveFingerprint.of(memories, counts, one);

    assertThat(fingerprint.hash())
        .isEqualTo(Value.textOf(fingerprint.members().get("fingerprint_hash")))
        .isNotEqualTo(CognitiveFingerprint.of(memories, counts).hash());
    assertThat(fingerprint.members().get("hubs"))
        .isEqualTo(CognitiveFingerprint.of(memories, counts).members().get("hubs"));
  }

  @Test
  void givenRulesOutOfRange_whenMade_thenTheyAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new CognitiveFingerprint.Rules(1, 1, 101, Map.of(), 1, 1, 1, 1));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new CognitiveFingerprint.Rules(1, 1, 90, Map.of(), 1, 1, 1, 0));
  }

  @Test
  void givenOtherLimits_whenFingerprinted_thenLessIsListedAndTheHashIsTheSame() {
    List<Memory> memories =
        List.of(
            memory("a", Tier.CORE, "api"),
            memory("m", Tier.CORE, "api"),
            memory("z", Tier.CORE, "api"));
    List<CoOccurrence> counts =
        List.of(
            count("a", "m", Value.of(1)),
            count("m", "a", Value.of(1)),
            count("m", "z", Value.of(1)),
            count("z", "m", Value.of(1)));
    CognitiveFingerprint.Rules less =
        new CognitiveFingerprint.Rules(
            20, 20, 90, CognitiveFingerprint.Rules.DRIFT.domains(), 15, 0, 1, 1);

    CognitiveFingerprint drifts = CognitiveFingerprint.of(memories, counts);
    CognitiveFingerprint fingerprint = CognitiveFingerprint.of(memories, counts, less);

    assertThat(json(drifts.members(), "clusters")).contains("\"size\":3");
    assertThat(json(drifts.members(), "cognitive_domains"))
        .contains("\"top_hubs\":[\"m\",\"a\",\"z\"]");
    assertThat(json(fingerprint.members(), "clusters")).isEqualTo("[]");
    assertThat(fingerprint.members().get("cluster_count")).isEqualTo(Value.of(1));
    assertThat(json(fingerprint.members(), "cognitive_domains")).contains("\"top_hubs\":[\"m\"]");
    assertThat(CognitiveFingerprint.map(fingerprint.members(), "graph_metrics"))
        .as("ways from one of three")
        .isNotEqualTo(CognitiveFingerprint.map(drifts.members(), "graph_metrics"));
    assertThat(fingerprint.hash()).isEqualTo(drifts.hash());
  }

  @Nested
  class Drifts {
    private static final String BEFORE =
        "{\"timestamp\":\"then\",\"hubs\":[{\"id\":\"a\"},{\"id\":\"b\"}],\"cluster_count\":2,"
            + "\"strength_distribution\":{\"mean\":2.0,\"std_dev\":1.0,\"skewness\":0.0,"
            + "\"gini\":0.5},\"cognitive_domains\":{\"domains\":{\"social\":{\"weight_pct\":10.0}}}}";
    private static final String AFTER =
        "{\"hubs\":[{\"id\":\"b\"},{\"id\":\"c\"}],\"cluster_count\":1,"
            + "\"strength_distribution\":{\"mean\":3.0,\"std_dev\":1.0,\"skewness\":1.0,"
            + "\"gini\":2.5},\"cognitive_domains\":{\"domains\":{\"social\":{\"weight_pct\":11.0},"
            + "\"technical\":{\"weight_pct\":0.4}}}}";

    @Test
    void givenSameAnalysis_whenCompared_thenNothingDrifted() {
      Drift drift = Drift.between(analysis(BEFORE), analysis(BEFORE));

      assertThat(drift.score()).isZero();
      assertThat(drift.hubOverlap()).isEqualTo(1);
      assertThat(drift.interpretation()).startsWith("Stable identity");
    }

    @Test
    void givenEveryPartChanged_whenCompared_thenEachCountsByItsWeight() {
      Drift drift = Drift.between(analysis(BEFORE), analysis(AFTER));

      assertThat(drift.hubOverlap()).isEqualTo(0.3333);
      assertThat(drift.hubTurnover()).containsExactly("c");
      assertThat(drift.hubLost()).containsExactly("a");
      // (0.5 + 0 + 1 for a skewness from nothing + 1 for at most one) / 4
      assertThat(drift.distributionDrift()).isEqualTo(0.625);
      // (0.1 + 1 for a domain that was not there) / 2
      assertThat(drift.domainDrift()).isEqualTo(0.55);
      assertThat(drift.domainChanges()).containsExactly(Map.entry("social", 1.0));
      assertThat(drift.clusterDrift()).isEqualTo(0.5);
      // 0.4 * 2/3 + 0.25 * 0.625 + 0.25 * 0.55 + 0.1 * 0.5
      assertThat(drift.score()).isEqualTo(0.6104);
      assertThat(drift.previousTimestamp()).isEqualTo("then");
      assertThat(drift.interpretation()).startsWith("Major identity shift");
    }

    @Test
    void givenOtherWeights_whenCompared_thenTheyCount() {
      List<Double> steps = List.of(0.1, 0.5, 0.6, 0.9);
      Drift.Weights weights = new Drift.Weights(0, 0, 0, 1, 0, 1, steps);

      Drift drift = Drift.between(analysis(BEFORE), analysis(AFTER), weights);

      assertThat(drift.score()).isEqualTo(0.5);
      assertThat(drift.interpretation()).startsWith("Notable shift");
      assertThat(drift.hubTurnover()).isEmpty();
      assertThat(drift.hubLost()).isEmpty();
      assertThat(drift.domainChanges()).as("one percent point, no more").isEmpty();
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new Drift.Weights(0, 0, 0, 1, 0, 1, List.of()));
    }

    @Test
    void givenNothingBefore_whenCompared_thenOnlyWhatIsNewCounts() {
      Drift drift = Drift.between(Value.EMPTY_MAP, Value.EMPTY_MAP);

      assertThat(drift.score()).isZero();
      assertThat(drift.previousTimestamp()).isEqualTo("unknown");
    }
  }
}

package io.agentmemory.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.agentmemory.Insights;
import io.agentmemory.Insights.Direction;
import io.agentmemory.Insights.Link;
import io.agentmemory.Insights.Statistics;
import io.agentmemory.MemoryHead;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryQuery.Order;
import io.agentmemory.MemoryQuery.TimeField;
import io.agentmemory.MemoryStore;
import io.agentmemory.Priming;
import io.agentmemory.Value;
import io.agentmemory.detect.Detection;
import io.agentmemory.dualwrite.Backfill;
import io.agentmemory.dualwrite.BackfillReport;
import io.agentmemory.identity.Sampling;
import io.agentmemory.spi.Canonical;
import io.agentmemory.testkit.DriftSamples;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Each answer that the original gave to its queries over the samples, from files and from
 * PostgreSQL.
 */
@Tag("postgres")
class GoldenQueriesTest {
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir Path folder;

  /** Compares one answer of the original with ours. */
  private interface Check {
    void of(JsonNode golden, Asked asked);
  }

  private static final Map<String, Check> CHECKS = new LinkedHashMap<>();

  static {
    CHECKS.put("now", (golden, asked) -> {}); // the clock of all the others
    CHECKS.put("tags", GoldenQueriesTest::tags);
    CHECKS.put("by_tag", GoldenQueriesTest::byTag);
    CHECKS.put("by_time", GoldenQueriesTest::byTime);
    CHECKS.put("by_entity", GoldenQueriesTest::byEntity);
    CHECKS.put("co_occurring", GoldenQueriesTest::coOccurring);
    CHECKS.put("related_top20", GoldenQueriesTest::related);
    CHECKS.put("entity_cooccurrence", GoldenQueriesTest::entityCoOccurrence);
    CHECKS.put("causal", GoldenQueriesTest::causal);
    CHECKS.put("stats", GoldenQueriesTest::statistics);
    CHECKS.put("activated_top20", GoldenQueriesTest::activated);
    CHECKS.put("imported", GoldenQueriesTest::imported);
    CHECKS.put("priming_seed1", GoldenQueriesTest::priming);
  }

  /** The members that are compared. */
  static Set<String> members() {
    return CHECKS.keySet();
  }

  /** Whom is asked, and what the original's parser read of the memories. */
  private record Asked(MemoryStore store, Insights insights, JsonNode parsed) {}

  @ParameterizedTest
  @ValueSource(strings = {"small", "thousand"})
  void givenSample_whenAsked_thenTheOriginalsAnswersFromBothBackends(String sample)
      throws IOException {
    DriftSamples samples =
        sample.equals("small") ? DriftSamples.small(folder) : DriftSamples.thousand(folder);
    JsonNode golden = JSON.readTree(samples.golden().resolve("queries.json").toFile());
    JsonNode parsed = JSON.readTree(samples.golden().resolve("parsed.json").toFile());
    Clock clock = Clock.fixed(Instant.parse(golden.get("now").asText()), ZoneOffset.UTC);

    try (Stores stores = new Stores("queries");
        MemoryStore files = Stores.fileToRead(samples.memory());
        MemoryStore postgres = stores.postgres(Stores.namespace())) {
      assertThat(Backfill.builder(files, postgres).run().state())
          .isEqualTo(BackfillReport.State.COMPLETE);
      for (MemoryStore store : List.of(files, postgres)) {
        Insights insights = store.insights().with(clock, Sampling.seeded(1));
        Asked asked = new Asked(store, insights, parsed);
        golden
            .properties()
            .forEach(
                answer -> {
                  Check check = CHECKS.get(answer.getKey());
                  assertThat(check).as("a check of %s", answer.getKey()).isNotNull();
                  requireNonNull(check).of(answer.getValue(), asked);
                });
      }
    }
  }

  /** As if it had been read, so that whole numbers are of one type. */
  private static JsonNode json(Object value) {
    return parse(JSON.valueToTree(value).toString());
  }

  private static JsonNode json(Value value) {
    return parse(Canonical.json(value));
  }

  private static JsonNode parse(String json) {
    try {
      return JSON.readTree(json);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<String> files(List<? extends MemoryHead> memories) {
    return memories.stream().map(m -> m.tier().folder() + "/" + m.fileName()).toList();
  }

  private static List<String> texts(JsonNode list) {
    List<String> texts = new ArrayList<>();
    list.forEach(text -> texts.add(text.asText()));
    return texts;
  }

  private static void tags(JsonNode golden, Asked asked) {
    assertThat(
            json(
                asked.insights().tags().stream()
                    .map(tag -> List.of(tag.tag(), tag.count()))
                    .toList()))
        .isEqualTo(golden);
  }

  private static void byTag(JsonNode golden, Asked asked) {
    golden
        .properties()
        .forEach(
            tag -> {
              MemoryQuery query = MemoryQuery.all().tag(tag.getKey()).order(Order.HEAVIEST);
              int limit = tag.getValue().size(); // each was cut there: there are more
              assertThat(asked.store().count(query)).isGreaterThan(limit);
              assertThat(files(asked.store().find(query.limit(limit))))
                  .as("by tag %s", tag.getKey())
                  .isEqualTo(texts(tag.getValue()));
            });
  }

  private static void byTime(JsonNode golden, Asked asked) {
    for (JsonNode asks : golden) {
      JsonNode args = asks.get("args");
      boolean event = args.path("time_field").asText().equals("event_time");
      MemoryQuery query =
          MemoryQuery.all()
              .days(
                  event ? TimeField.EVENT : TimeField.CREATED,
                  day(args.get("after")),
                  day(args.get("before")))
              .order(event ? Order.EVENT_DAY : Order.CREATED_DAY)
              .limit(args.path("limit").asInt(20));
      assertThat(files(asked.store().find(query)))
          .as("by time %s", args)
          .isEqualTo(texts(asks.get("files")));
    }
  }

  private static @Nullable LocalDate day(@Nullable JsonNode text) {
    return text == null ? null : LocalDate.parse(text.asText());
  }

  private static void byEntity(JsonNode golden, Asked asked) {
    golden
        .properties()
        .forEach(
            entity -> {
              String[] parts = entity.getKey().split(":");
              assertThat(files(asked.insights().findByEntity(parts[0], parts[1], 50)))
                  .as("by entity %s", entity.getKey())
                  .isEqualTo(texts(entity.getValue()));
            });
  }

  private static void coOccurring(JsonNode golden, Asked asked) {
    golden
        .properties()
        .forEach(
            memory ->
                assertThat(
                        json(
                            asked.insights().coOccurring(memory.getKey(), 8).stream()
                                .map(count -> List.of(count.to(), json(count.count())))
                                .toList()))
                    .as("co-occurring with %s", memory.getKey())
                    .isEqualTo(memory.getValue()));
  }

  private static void related(JsonNode golden, Asked asked) {
    golden
        .properties()
        .forEach(
            memory ->
                assertThat(
                        files(
                            asked.insights().related(memory.getKey(), 20).stream()
                                .map(Insights.Related::memory)
                                .toList()))
                    .as("related to %s", memory.getKey())
                    .isEqualTo(texts(memory.getValue())));
  }

  private static void entityCoOccurrence(JsonNode golden, Asked asked) {
    assertThat(json(asked.insights().entityCoOccurrences("agents", Detection.DRIFT)))
        .isEqualTo(golden);
  }

  private static void causal(JsonNode golden, Asked asked) {
    golden
        .properties()
        .forEach(
            chain -> {
              String root = chain.getValue().get("root").asText();
              int depth = chain.getKey().equals("depth2") ? 2 : 5;
              assertThat(root).isEqualTo(depth == 2 ? root : chain.getKey());
              for (Direction direction : Direction.values()) {
                boolean causes = direction == Direction.CAUSES;
                assertThat(json(asked.insights().chainAsOriginal(root, direction, depth)))
                    .as("%s of %s", direction, chain.getKey())
                    .isEqualTo(chain.getValue().get(causes ? "causes" : "effects"));
                Map<String, Integer> depths = new HashMap<>();
                for (Link link : asked.insights().chain(root, direction, depth)) {
                  assertThat(depths.put(link.id(), link.depth())).as("once").isNull();
                }
                assertThat(depths)
                    .as("%s of %s, each once", direction, chain.getKey())
                    .isEqualTo(
                        shortest(asked.parsed(), root, causes ? "caused_by" : "leads_to", depth));
              }
            });
  }

  /** How far each id is from {@code root}, by what the original's parser read. */
  private static Map<String, Integer> shortest(
      JsonNode parsed, String root, String member, int maxDepth) {
    Map<String, JsonNode> next = new HashMap<>();
    for (JsonNode memory : parsed) {
      JsonNode metadata = memory.get("metadata");
      if (metadata.hasNonNull("id")) {
        next.put(metadata.get("id").asText(), metadata.path(member));
      }
    }
    Map<String, Integer> depths = new HashMap<>(Map.of(root, 0));
    Deque<String> queue = new ArrayDeque<>(List.of(root));
    while (!queue.isEmpty()) {
      String id = queue.remove();
      int depth = requireNonNull(depths.get(id)) + 1;
      if (depth <= maxDepth && next.containsKey(id)) {
        for (String other : texts(requireNonNull(next.get(id)))) {
          if (depths.putIfAbsent(other, depth) == null) {
            queue.add(other);
          }
        }
      }
    }
    depths.remove(root);
    return depths;
  }

  private static void statistics(JsonNode golden, Asked asked) {
    Statistics ours = asked.insights().statistics();
    Map<String, Object> pairs = new LinkedHashMap<>();
    pairs.put("active_pairs", ours.pairs());
    pairs.put("total_count", ours.totalCount());
    pairs.put("avg_count_per_pair", ours.averageCount());
    Map<String, Object> all = new LinkedHashMap<>();
    all.put(
        "memory_stats",
        Map.of(
            "total",
            ours.total(),
            "core",
            ours.core(),
            "active",
            ours.active(),
            "archive",
            ours.archive()));
    all.put("cooccurrence_stats", pairs);
    all.put(
        "session_stats",
        Map.of(
            "memories_recalled",
            ours.recalled(),
            "decay_last_session",
            ours.lastDecayed(),
            "pruned_last_session",
            ours.lastPruned()));
    all.put(
        "config",
        Map.of(
            "decay_rate",
            ours.decayRate(),
            "session_timeout_hours",
            ours.sessionTimeout().toHours()));
    assertThat(json(all)).isEqualTo(golden);
  }

  private static void activated(JsonNode golden, Asked asked) {
    assertThat(
            json(
                asked.insights().mostActivated(golden.size()).stream()
                    .map(a -> List.of(a.memory().id(), a.activation()))
                    .toList()))
        .isEqualTo(golden);
  }

  private static void imported(JsonNode golden, Asked asked) {
    ArrayNode ours = JSON.createArrayNode();
    for (Insights.Imported imported : asked.insights().imported()) {
      Value.Map members = imported.memory().members();
      ObjectNode entry = ours.addObject();
      entry.put("id", imported.memory().id());
      entry.put("trust_tier", imported.trust().label());
      entry.put("decay_multiplier", imported.trust().decayMultiplier());
      entry.put("recall_count", (int) imported.memory().recallCount());
      entry.put("sessions_since_recall", (int) imported.memory().sessionsSinceRecall());
      entry.put("source_agent", imported.agent());
      entry.set("emotional_weight", json(requireNonNull(members.get("emotional_weight"))));
    }
    assertThat((JsonNode) ours).isEqualTo(golden);
  }

  private static void priming(JsonNode golden, Asked asked) {
    Priming ours = asked.insights().priming(Priming.Rules.DRIFT.withHubsOf("who", null));
    Map<String, ArrayNode> parts = new LinkedHashMap<>();
    parts.put("activated", part("activation", ours.activated()));
    parts.put("cooccurring", part("cooccurrence", ours.coOccurring()));
    parts.put("unfinished", part("unfinished", ours.unfinished()));
    parts.put("excavated", part("excavation", ours.excavated()));
    parts.put("domain_primed", part("domain_balance", ours.domain()));
    parts.put("dimensional", part("dimensional_hub", ours.dimensional()));
    ArrayNode all = JSON.createArrayNode();
    parts.values().forEach(all::addAll);
    assertThat(ours.all()).hasSize(all.size());
    parts.put("all", all);
    Set<String> names = new LinkedHashSet<>();
    golden.fieldNames().forEachRemaining(names::add);
    assertThat(parts.keySet()).hasSameElementsAs(names);
    parts.forEach((name, part) -> assertThat((JsonNode) part).as(name).isEqualTo(golden.get(name)));
  }

  private static ArrayNode part(String source, List<Priming.Candidate> candidates) {
    ArrayNode part = JSON.createArrayNode();
    for (Priming.Candidate candidate : candidates) {
      ObjectNode entry = part.addObject();
      entry.put("id", candidate.id());
      entry.put("preview", candidate.preview());
      entry.put("source", source);
      entry.setAll((ObjectNode) json(candidate.why()));
    }
    return part;
  }
}

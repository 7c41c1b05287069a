package io.agentmemory.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Edge;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memories;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryStore;
import io.agentmemory.Observation;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.AddObservation;
import io.agentmemory.command.BeliefRule;
import io.agentmemory.command.CompressMemory;
import io.agentmemory.command.ConsolidateMemories;
import io.agentmemory.command.CountCoOccurrences;
import io.agentmemory.command.DecayCoOccurrences;
import io.agentmemory.command.DecayEdges;
import io.agentmemory.command.DecayRule;
import io.agentmemory.command.DefineSpace;
import io.agentmemory.command.DeleteRecords;
import io.agentmemory.command.LogCoOccurrences;
import io.agentmemory.command.LogRetrievals;
import io.agentmemory.command.OrderRecords;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.PromoteMemories;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.command.StoreMemory;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What the commands do that tie memories together, let ties go, and keep memories in order. */
abstract class GraphContract extends RulesContract {
  private static final String LATER = "2026-03-12T11:52:05.123456+00:00"; // 30 days

  private static Value.Map observation(String at, double weight, String trust) {
    return members("observed_at", at, "weight", weight, "trust_tier", trust);
  }

  private static AddObservation add(String a, String b, String at, Value.Map observation) {
    return new AddObservation(a, b, at, observation, BeliefRule.DRIFT);
  }

  private static LogCoOccurrences log(
      @Nullable String activity, List<String> retrieved, String... ids) {
    return new LogCoOccurrences(
        retrieved, List.of(ids), AT, "session", "agent", activity, BeliefRule.DRIFT);
  }

  private Value belief(String pair) {
    return live(Kind.EDGE, pair).members().entries().getOrDefault("belief", Value.NULL);
  }

  private List<Observation> observations(String pair) {
    try (var scan = store.scan(Kind.OBSERVATION)) {
      return scan.flatMap(stored -> stored.live().stream())
          .filter(observation -> observation.pair().equals(pair))
          .toList();
    }
  }

  private Optional<Value> count(String from, String to) {
    return store
        .read(Kind.CO_OCCURRENCE, Key.of(from, to))
        .flatMap(Stored::live)
        .map(CoOccurrence::count);
  }

  @Nested
  class Observing {
    @Test
    void givenNoEdge_whenObserved_thenItIsMadeWithNothingButWhatTheOriginalWrites() {
      Outcome outcome = run(add("b", "a", AT, observation(AT, 0.5, "platform")));

      assertThat(outcome.changes()).hasSize(2);
      assertThat(live(Kind.EDGE, "a|b").members())
          .isEqualTo(members("observations", List.of(), "belief", 0.3, "last_updated", AT));
      assertThat(observations("a|b"))
          .containsExactly(new Observation("a|b", 0, observation(AT, 0.5, "platform")));
    }

    @Test
    void givenMoreObservations_whenAdded_thenAgeTrustAndRepetitionCount() {
      for (int i = 0; i < 4; i++) {
        run(add("a", "b", AT, observation(AT, 1, "self")));
      }
      assertThat(belief("a|b")).isEqualTo(Value.of(3.707)); // the fourth counts 1 / sqrt(2)

      run(add("a", "b", LATER, observation("2020-01-01", 1, "verified_agent")));

      // 30 days took a tenth of each of ours, years nine tenths of the last, which is the fifth
      assertThat(belief("a|b")).isEqualTo(Value.of(3.383));
      assertThat(observations("a|b"))
          .extracting(Observation::ordinal)
          .containsExactly(0, 1, 2, 3, 4);
    }

    @Test
    void givenDeletedEdge_whenObservedAgain_thenRevisionsGoOn() {
      run(add("a", "b", AT, observation(AT, 1, "self")));
      run(new DecayEdges(List.of(), Map.of(), AT, new DecayRule(2, 3, 0.6, 1, 0.3, 1, 1, 20)));
      assertThat(stored(Kind.EDGE, "a|b").isTombstone()).isTrue();

      run(add("a", "b", AT, observation(AT, 1, "self")));

      assertThat(stored(Kind.EDGE, "a|b").revision()).isEqualTo(3);
      assertThat(stored(Kind.OBSERVATION, "a|b", "00000000").revision()).isEqualTo(3);
    }

    @Test
    void givenEdgeWhoseObservationsAreNoList_whenObserved_thenRefused() {
      run(put(new Edge("a|b", members("observations", "none"))));

      InvalidMemoryException refused =
          refused(InvalidMemoryException.class, add("a", "b", AT, observation(AT, 1, "self")));

      assertThat(refused.field()).isEqualTo("observations");
    }

    @Test
    void givenIdWithABar_whenObserved_thenRefusedForNobodyCouldTellWhoseEdgeItIs() {
      refused(InvalidMemoryException.class, add("a|b", "c", AT, observation(AT, 1, "self")));
    }
  }

  @Nested
  class Logging {
    @Test
    void givenRetrieved_whenLogged_thenEachPairHasAnEdgeThatSaysWhatElseWasThoughtOf() {
      run(log("social", List.of("c", "a", "b"), "o1", "o2", "o3"));

      assertThat(live(Kind.EDGE, "a|c").members())
          .isEqualTo(
              members(
                  "observations",
                  List.of(),
                  "belief",
                  1.0,
                  "first_formed",
                  AT,
                  "last_updated",
                  AT,
                  "platform_context",
                  Value.EMPTY_MAP,
                  "activity_context",
                  members("social", 1),
                  "thinking_about",
                  List.of("b")));
      assertThat(observations("b|c").get(0).members().get("id")).isEqualTo(Value.of("o2"));
      assertThat(observations("a|b").get(0).members().get("id")).isEqualTo(Value.of("o3"));
    }

    @Test
    void givenDecayedEdge_whenLogged_thenItsBeliefIsThatOfAllItsObservations() {
      run(log(null, List.of("a", "b"), "o1"));
      run(new DecayEdges(List.of(), Map.of(), AT, DecayRule.DRIFT));
      assertThat(belief("a|b")).isEqualTo(Value.of(0.7));

      run(log("social", List.of("a", "b"), "o2"));

      assertThat(belief("a|b")).isEqualTo(Value.of(2.0));
      assertThat(live(Kind.EDGE, "a|b").members().get("activity_context"))
          .isEqualTo(members("social", 1));
    }

    @Test
    void givenRetrieved_whenCounted_thenEachThatExistsCountsTheOthers() {
      run(StoreMemory.of("a", AT, "a"), StoreMemory.of("b", AT, "b"));
      run(put(new CoOccurrence("a", "b", Value.of(0.5))));

      Outcome outcome = run(new CountCoOccurrences(List.of("a", "b", "gone")));

      assertThat(outcome.changes()).hasSize(4);
      assertThat(count("a", "b")).contains(Value.of(1.5));
      assertThat(count("b", "a")).contains(Value.of(1L));
      assertThat(count("a", "gone")).contains(Value.of(1L));
      assertThat(count("gone", "a")).isEmpty();
    }
  }

  /** Of what a memory counts, and of edges, as their files list them. */
  @Nested
  class Order {
    private List<String> order(String from) {
      return Dump.orders(store).getOrDefault(from, List.of());
    }

    private DecayCoOccurrences decayAllBut(String... retrieved) {
      return new DecayCoOccurrences(List.of(retrieved), AT, DecayRule.DRIFT);
    }

    @Test
    void givenCounts_whenMoreCome_thenTheyStandAtTheEndAndTheOthersStay() {
      run(put(record("m"), record("z")));
      run(put(new CoOccurrence("m", "y", Value.of(0.1)), new CoOccurrence("m", "c", Value.of(2))));
      assertThat(order("m")).containsExactly("y", "c");

      run(new CountCoOccurrences(List.of("b", "m", "c", "z", "a")));
      assertThat(order("m")).containsExactly("y", "c", "b", "z", "a");
      assertThat(order("z")).containsExactly("b", "m", "c", "a");

      run(put(new CoOccurrence("m", "c", Value.of(7)), 5));
      assertThat(order("m")).containsExactly("y", "c", "b", "z", "a");
    }

    @Test
    void givenCountThatFaded_whenCountedAgain_thenItStandsAtTheEnd() throws Exception {
      run(put(record("m")));
      run(put(new CoOccurrence("m", "y", Value.of(0.1)), new CoOccurrence("m", "c", Value.of(2))));
      run(decayAllBut("m", "c"));
      assertThat(order("m")).containsExactly("c");
      reopenIfPossible();

      // what comes back and what is new, in the order of the call, whatever is written how
      run(new CountCoOccurrences(List.of("d", "m", "y", "b")));
      assertThat(order("m")).containsExactly("c", "d", "y", "b");

      // in one batch too
      run(put(new CoOccurrence("m", "c", Value.of(0.2)), 9));
      Key key = Key.of("m", "c");
      run(
          decayAllBut("m", "d", "y", "b"),
          new CountCoOccurrences(List.of("e", "m")),
          new CountCoOccurrences(List.of("m", "c")));
      assertThat(order("m")).containsExactly("d", "y", "b", "e", "c");
      assertThat(store.read(Kind.CO_OCCURRENCE, key).orElseThrow().revision()).isEqualTo(10);
    }

    @Test
    void givenOrder_whenCountsAreOrdered_thenOnlyThatChanges() throws Exception {
      run(put(record("m")));
      run(new CountCoOccurrences(List.of("m", "a", "b", "c", "d")));
      List<String> versions = Dump.versions(store);

      Outcome outcome = run(OrderRecords.ofCounts("m", List.of("d", "gone", "b", "a")));

      assertThat(outcome.changes()).hasSize(3).allMatch(Outcome.Change::isMove);
      assertThat(order("m")).containsExactly("c", "d", "b", "a");
      assertThat(Dump.versions(store)).isEqualTo(versions);
      reopenIfPossible();
      assertThat(order("m")).containsExactly("c", "d", "b", "a");
      assertThat(run(OrderRecords.ofCounts("m", List.of("d", "b", "a"))).changes()).isEmpty();
      assertThat(run(OrderRecords.ofCounts("none", List.of("d"))).changes()).isEmpty();
    }

    private Edge edge(String pair) {
      return new Edge(pair, Value.EMPTY_MAP);
    }

    private List<String> edges() {
      return order("");
    }

    @Test
    void givenEdges_whenMoreComeAndSomeComeBack_thenThoseStandAtTheEnd() throws Exception {
      run(put(new Edge("y|z", members("belief", 0.1)), new Edge("c|d", members("belief", 5))));
      run(log(null, List.of("e", "b", "a"), "o1", "o2", "o3"));
      assertThat(edges()).containsExactly("y|z", "c|d", "b|e", "a|e", "a|b");
      reopenIfPossible();

      run(put(new Edge("c|d", members("belief", 7)), 9));
      run(new DecayEdges(List.of("a", "b", "e"), Map.of(), LATER, DecayRule.DRIFT));
      assertThat(edges()).containsExactly("c|d", "b|e", "a|e", "a|b"); // y|z lost all
      run(log(null, List.of("b", "z", "y"), "o4", "o5", "o6"));
      assertThat(edges()).containsExactly("c|d", "b|e", "a|e", "a|b", "b|z", "b|y", "y|z");
      reopenIfPossible();
      assertThat(edges()).containsExactly("c|d", "b|e", "a|e", "a|b", "b|z", "b|y", "y|z");

      // in one batch too, and while its file still has it where it was
      run(
          new DeleteRecords(List.of(new DeleteRecords.Delete(Kind.EDGE, Key.of("b|e"), 7))),
          put(edge("A|B")),
          put(edge("b|e"), 8));
      assertThat(edges()).containsExactly("c|d", "a|e", "a|b", "b|z", "b|y", "y|z", "A|B", "b|e");
      reopenIfPossible();
      assertThat(edges()).containsExactly("c|d", "a|e", "a|b", "b|z", "b|y", "y|z", "A|B", "b|e");
    }

    @Test
    void givenEdges_whenOrdered_thenOnlyThatChanges() throws Exception {
      run(put(edge("y|z"), edge("c|d"), edge("a|b")));
      run(put(new Observation("c|d", 0, Value.EMPTY_MAP)));
      List<String> versions = Dump.versions(store);

      Outcome outcome = run(OrderRecords.ofEdges(List.of("a|b", "no|no", "c|d")));

      assertThat(outcome.changes()).hasSize(2).allMatch(Outcome.Change::isMove);
      assertThat(edges()).containsExactly("y|z", "a|b", "c|d");
      assertThat(Dump.versions(store)).isEqualTo(versions);
      reopenIfPossible();
      assertThat(edges()).containsExactly("y|z", "a|b", "c|d");
      assertThat(run(OrderRecords.ofEdges(List.of("a|b", "c|d"))).changes()).isEmpty();
    }
  }

  @Nested
  class Decay {
    @Test
    void givenEdges_whenDecayed_thenOftenRecalledOnesKeepMoreAndRetrievedPairsAll() {
      run(put(record("a", "recall_count", 3), record("b", "recall_count", 1)));
      run(log(null, List.of("a", "b", "c"), "o1", "o2", "o3"));

      run(new DecayEdges(List.of("c", "b"), Map.of(), LATER, DecayRule.DRIFT));

      assertThat(belief("a|b")).isEqualTo(Value.of(0.8570483925878487)); // 1 - .3 / (1 + ln 3)
      assertThat(belief("b|c")).isEqualTo(Value.of(1.0));
      assertThat(live(Kind.EDGE, "b|c").members().get("last_updated")).isEqualTo(Value.of(AT));
    }

    @Test
    void givenNoEdge_whenDecayed_thenNothingIsNoted() {
      assertThat(run(new DecayEdges(List.of(), Map.of(), AT, DecayRule.DRIFT)).changes()).isEmpty();
    }

    @Test
    void givenEdgeThatLosesAll_whenDecayed_thenItGoesWithItsObservations() {
      run(put(new Edge("a|b", members("belief", 0.3, "observations", List.of()))));
      run(put(new Observation("a|b", 0, Value.EMPTY_MAP)));
      run(put(new Edge("c|d", Value.EMPTY_MAP))); // counts as believed

      Outcome outcome = run(new DecayEdges(List.of(), Map.of(), LATER, DecayRule.DRIFT));

      assertThat(outcome.changes()).hasSize(6); // the log, what stands beside it, and the history
      assertThat(stored(Kind.EDGE, "a|b").isTombstone()).isTrue();
      assertThat(stored(Kind.OBSERVATION, "a|b", "00000000").isTombstone()).isTrue();
      assertThat(belief("c|d")).isEqualTo(Value.of(0.7));
      assertThat(live(Kind.DECAY_RUN, "00000000").members())
          .isEqualTo(members("timestamp", LATER, "decayed", 1, "pruned", 1));
      Value.Map rejection = live(Kind.REJECTION, "00000000").members();
      assertThat(rejection.get("category")).isEqualTo(Value.of("memory_decay"));
      assertThat(rejection.get("target"))
          .isEqualTo(Value.of("session decay: 1 weakened, 1 forgotten"));
      assertThat(rejection.get("timestamp")).isEqualTo(Value.of(LATER.replace("+00:00", "Z")));
    }

    @Test
    void givenSessionAboutSomethingElse_whenDecayed_thenEdgesWithDimensionsAreSpared() {
      run(log("social", List.of("a", "b"), "o1"), log(null, List.of("c", "d"), "o2"));

      run(new DecayEdges(List.of(), Map.of("what", List.of()), LATER, DecayRule.DRIFT));

      assertThat(belief("a|b")).isEqualTo(Value.of(0.97));
      assertThat(belief("c|d")).isEqualTo(Value.of(0.7));
    }

    @Test
    void givenUsefulAndUselessMemories_whenDecayed_thenPairsGoByTheirOutcomes() {
      Value.Map often = members("total", 3);
      run(
          put(
              record("a", "retrieval_outcomes", often, "retrieval_success_rate", 0.6),
              record("b", "retrieval_outcomes", often, "retrieval_success_rate", 0.3)));
      run(log(null, List.of("a", "b", "c"), "o1", "o2", "o3"));

      run(new DecayEdges(List.of(), Map.of(), LATER, DecayRule.DRIFT));

      assertThat(belief("a|c")).isEqualTo(Value.of(1 - 0.3 * ((0.7 + 1) / 2)));
      assertThat(belief("b|c")).isEqualTo(Value.of(1 - 0.3 * ((1.5 + 1) / 2)));
      assertThat(belief("a|b")).isEqualTo(Value.of(1 - 0.3 * ((0.7 + 1.5) / 2)));
    }

    @Test
    void givenCounts_whenDecayed_thenEachDirectionGoesDownOrAway() {
      run(put(record("a"), record("b"), record("c")));
      run(
          put(
              new CoOccurrence("a", "b", Value.of(1L)),
              new CoOccurrence("b", "a", Value.of(0.3)),
              new CoOccurrence("b", "c", Value.of(5L)),
              new CoOccurrence("c", "a", Value.of(0.1)),
              new CoOccurrence("c", "x", Value.of("odd"))));

      run(new DecayCoOccurrences(List.of("c", "b"), LATER, DecayRule.DRIFT));

      assertThat(count("a", "b")).contains(Value.of(0.7));
      assertThat(count("b", "a")).isEmpty();
      assertThat(count("b", "c")).contains(Value.of(5L));
      assertThat(count("c", "x")).contains(Value.of("odd"));
      assertThat(live(Kind.DECAY_RUN, "00000000").members())
          .isEqualTo(members("timestamp", LATER, "decayed", 0, "pruned", 1));
      assertThat(live(Kind.REJECTION, "00000000").members().get("tags"))
          .isEqualTo(value(List.of("auto-decay", "co-occurrence-prune")));
    }
  }

  @Nested
  class Upkeep {
    @Test
    void givenHotMemory_whenPromoted_thenItSaysWhenAndWhy() {
      run(put(record("a", "recall_count", 10), record("b", "recall_count", 9)));

      run(new PromoteMemories(List.of("a", "b", "gone"), 10, LATER));

      assertThat(memory("a").tier()).isEqualTo(Tier.CORE);
      assertThat(memory("a").type()).contains("core");
      assertThat(memory("a").members().get("promoted_at")).isEqualTo(Value.of(LATER));
      assertThat(memory("a").members().get("promoted_reason"))
          .isEqualTo(Value.of("recall_count=10 >= 10"));
      assertThat(memory("b").tier()).isEqualTo(Tier.ACTIVE);
    }

    @Test
    void givenActiveMemory_whenCompressed_thenItIsArchivedAndSaysHowLongItWas() {
      run(StoreMemory.of("a", AT, "a face \ud83d\ude00 "));

      run(new CompressMemory("a", "short", LATER));

      assertThat(memory("a").tier()).isEqualTo(Tier.ARCHIVE);
      assertThat(memory("a").content()).isEqualTo("short");
      assertThat(memory("a").members().get("original_length")).isEqualTo(Value.of(8L));
      refused(MemoryConflictException.class, new CompressMemory("a", "shorter", LATER));
      refused(MemoryConflictException.class, new CompressMemory("gone", "text", LATER));
    }

    @Test
    void givenRetrievals_whenLogged_thenCountedAndRated() {
      run(StoreMemory.of("a", AT, "a"));
      var productive = new LogRetrievals.Retrieval("a", LogRetrievals.Result.PRODUCTIVE);
      var generative = new LogRetrievals.Retrieval("a", LogRetrievals.Result.GENERATIVE);
      var deadEnd = new LogRetrievals.Retrieval("a", LogRetrievals.Result.DEAD_END);
      var gone = new LogRetrievals.Retrieval("gone", LogRetrievals.Result.DEAD_END);

      run(new LogRetrievals(List.of(productive, generative, deadEnd, gone, deadEnd)));

      assertThat(memory("a").members().get("retrieval_outcomes"))
          .isEqualTo(members("productive", 1, "generative", 1, "dead_end", 2, "total", 4));
      assertThat(memory("a").members().get("retrieval_success_rate")).isEqualTo(Value.of(0.6));
      run(new LogRetrievals(List.of(generative), 4)); // (1 + 4 * 2) / (5 + 3 * 2)
      assertThat(memory("a").members().get("retrieval_success_rate")).isEqualTo(Value.of(0.818));
    }

    @Test
    void givenMemoryMadeToday_whenRetrievalsAreLogged_thenItsCauseWasGenerative() {
      leaveReference();
      Clock clock = Clock.fixed(Instant.parse(AT.replace("+00:00", "Z")), ZoneOffset.UTC);
      store.execute(StoreMemory.of("a", "2026-02-01", "a"));
      store.execute(StoreMemory.of("b", "2026-02-01", "b"));
      store.execute(StoreMemory.of("c", AT, "c").withCausedBy(List.of("b")));

      Memories.Retrievals counts =
          store.memories().with(clock, new Random(1)).logRetrievals(List.of("a", "gone", "b"));

      assertThat(counts).isEqualTo(new Memories.Retrievals(1, 1, 0));
    }

    @Test
    void givenTwoMemories_whenConsolidated_thenOneHasItAllAndTheOtherIsArchived() {
      run(
          put(
              record(
                  "a",
                  "tags",
                  List.of("x"),
                  "recall_count",
                  1,
                  "caused_by",
                  List.of("b", "p"),
                  "co_occurrences",
                  Value.EMPTY_MAP),
              record(
                  "b",
                  "created",
                  "2025-01-01",
                  "tags",
                  List.of("y", "x"),
                  "recall_count",
                  2,
                  "emotional_weight",
                  0.9,
                  "caused_by",
                  List.of("q"),
                  "leads_to",
                  List.of("a"),
                  "co_occurrences",
                  Value.EMPTY_MAP),
              record("c"),
              record("d").withTier(Tier.ARCHIVE)));
      run(
          put(
              new CoOccurrence("a", "b", Value.of(1L)),
              new CoOccurrence("a", "c", Value.of(1L)),
              new CoOccurrence("b", "a", Value.of(4L)),
              new CoOccurrence("b", "c", Value.of(0.5)),
              new CoOccurrence("c", "b", Value.of(2L)),
              new CoOccurrence("d", "b", Value.of(3L))));
      run(new DefineSpace(VectorSpace.of(VectorSpace.TEXT, "model", 2)));
      run(new PutEmbedding(vector("text", "a", 1, 0)), new PutEmbedding(vector("text", "b", 0, 1)));

      run(new ConsolidateMemories("a", "b", null, LATER));

      Memory kept = memory("a");
      assertThat(kept.content()).isEqualTo("body of a\n\n---\n[Consolidated from b]\n\nbody of b");
      assertThat(kept.members())
          .isEqualTo(
              members(
                  "id",
                  "a",
                  "created",
                  "2025-01-01",
                  "tags",
                  List.of("x", "y"),
                  "recall_count",
                  3,
                  "emotional_weight",
                  0.9,
                  "caused_by",
                  List.of("p", "q"),
                  "leads_to",
                  List.of(),
                  "co_occurrences",
                  Value.EMPTY_MAP,
                  "consolidated_from",
                  List.of("b"),
                  "consolidated_at",
                  LATER));
      assertThat(memory("b").tier()).isEqualTo(Tier.ARCHIVE);
      assertThat(memory("b").members().get("archived_reason"))
          .isEqualTo(Value.of("consolidated_into:a"));
      assertThat(count("a", "b")).isEmpty();
      assertThat(count("a", "c")).contains(Value.of(1.5));
      assertThat(count("b", "a")).contains(Value.of(4L));
      assertThat(count("c", "b")).isEmpty();
      assertThat(count("c", "a")).contains(Value.of(2L));
      assertThat(count("d", "b")).as("of an archived memory").contains(Value.of(3L));
      assertThat(stored(Kind.EMBEDDING, "text", "b").isTombstone()).isTrue();
      assertThat(stored(Kind.EMBEDDING, "text", "a").isTombstone()).isFalse();
    }

    @Test
    void givenArchivedMemory_whenAbsorbed_thenItIsStillThere() {
      run(put(record("a"), record("b").withTier(Tier.ARCHIVE)));

      run(new ConsolidateMemories("a", "b", "both", LATER));

      assertThat(memory("b").tier()).isEqualTo(Tier.ARCHIVE);
      assertThat(memory("a").content()).isEqualTo("both");
    }
  }

  @Test
  void givenFacade_whenTiesAreMadeAndDecay_thenItCountsThem() {
    leaveReference();
    MemoryStore tied = store;
    tied.execute(StoreMemory.of("a", AT, "a"));
    tied.execute(StoreMemory.of("b", AT, "b"));

    assertThat(tied.graph().logCoOccurrences(List.of("a", "b", "c"), "agent", null)).isEqualTo(3);
    assertThat(tied.graph().countCoOccurrences(List.of("a", "b"))).isEqualTo(1);
    assertThat(tied.graph().decayEdges(List.of("a", "b"), Map.of()).decayed()).isEqualTo(2);
    assertThat(tied.graph().decayCoOccurrences(List.of()).decayed()).isEqualTo(1);
    assertThat(tied.graph().findEdge("b", "a")).isPresent();
  }
}

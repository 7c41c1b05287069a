package io.agentmemory.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.agentmemory.CoOccurrence;
import io.agentmemory.ContextGraph;
import io.agentmemory.DecayRun;
import io.agentmemory.Insights;
import io.agentmemory.Insights.Direction;
import io.agentmemory.Insights.Link;
import io.agentmemory.Insights.Statistics;
import io.agentmemory.Insights.TagCount;
import io.agentmemory.Memory;
import io.agentmemory.MemoryStore;
import io.agentmemory.Priming;
import io.agentmemory.Session;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.detect.Detection;
import io.agentmemory.identity.Sampling;
import io.agentmemory.identity.TrustTier;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What the memories tell when they are looked at together. */
abstract class InsightsContract extends SessionContract {
  private static final Instant NOW = Instant.parse("2026-02-10T12:00:00Z");

  private static Insights insights(MemoryStore store) {
    return store.insights().with(Clock.fixed(NOW, ZoneOffset.UTC), Sampling.seeded(1));
  }

  /** The answer, which both give. */
  final <R> R ask(Function<Insights, R> question) {
    return ask("", question);
  }

  private <R> List<R> list(Function<Insights, List<R>> question) {
    return ask("", question);
  }

  private <R> R ask(String note, Function<Insights, R> question) {
    R answer = question.apply(insights(store));
    assertThat(answer).as(note).isEqualTo(question.apply(insights(reference)));
    return answer;
  }

  /** Every question, about some ids; both give the same answers. */
  final void askAll(String note, List<String> ids) {
    ask(note, Insights::tags);
    ask(note, insights -> insights.findByEntity("agent", "LEX", 5));
    ask(note, insights -> insights.entityCoOccurrences("agents", Detection.DRIFT));
    ask(note, Insights::statistics);
    ask(note, insights -> insights.mostActivated(4));
    ask(note, Insights::imported);
    ask(note, Insights::priming);
    for (String id : ids) {
      ask(note, insights -> insights.coOccurring(id, 3));
      ask(note, insights -> insights.related(id, 6));
      for (Direction direction : Direction.values()) {
        ask(note, insights -> insights.chain(id, direction, 3));
        ask(note, insights -> insights.chainAsOriginal(id, direction, 3));
      }
    }
  }

  @Nested
  class Together {
    @Test
    void givenNothing_whenAsked_thenEmptyAnswers() {
      assertThat(list(Insights::tags)).isEmpty();
      assertThat(list(insights -> insights.related("m", 5))).isEmpty();
      assertThat(list(insights -> insights.coOccurring("nul \0", 5))).isEmpty();
      assertThat(list(insights -> insights.chain("m", Direction.CAUSES, 5))).isEmpty();
      assertThat(ask(Insights::priming).all()).isEmpty();
      assertThat(ask(Insights::statistics))
          .isEqualTo(new Statistics(0, 0, 0, 0, 0, 0, 0, 0, 0, 0.3, Duration.ofHours(4)));
    }

    @Test
    void givenTags_whenListed_thenAsWrittenTheMostFrequentFirst() {
      run(
          put(
              record("a", "tags", List.of("x", "api", "API", "api")),
              record("b", "tags", List.of("API", "\ue000", "\ud83d\ude00")).withTier(Tier.ARCHIVE),
              record("c", "tags", "api, x")));

      assertThat(list(Insights::tags))
          .containsExactly(
              new TagCount("api", 3),
              new TagCount("API", 2),
              new TagCount("x", 2),
              new TagCount("\ue000", 1),
              new TagCount("\ud83d\ude00", 1));
    }

    @Test
    void givenCountsOfNeighbouringIds_whenAsked_thenThoseOfTheOneAlone() {
      run(put(record("a"), record("a!"), record("ab"), record("A")));
      run(
          put(
              new CoOccurrence("a", "y", Value.of(2)),
              new CoOccurrence("a", "b", Value.of(2.5)),
              new CoOccurrence("a", "x", Value.of(2)),
              new CoOccurrence("a", "z", Value.of("odd")),
              new CoOccurrence("a!", "x", Value.of(9)),
              new CoOccurrence("ab", "x", Value.of(9)),
              new CoOccurrence("A", "x", Value.of(9))));

      assertThat(list(insights -> insights.coOccurring("a", 10)))
          .extracting(CoOccurrence::to)
          .containsExactly("b", "y", "x", "z");
      assertThat(list(insights -> insights.coOccurring("a", 2))).hasSize(2);
    }

    @Test
    void givenLinksTagsAndCounts_whenRelated_thenLinkedOnesFirstThenByScoreAndWeight() {
      run(
          put(
              record("m", "tags", List.of("Api", "bug"), "links", List.of("far", "none", "m")),
              record("far"),
              record("one", "tags", List.of("API")),
              record("two", "tags", List.of("api", "BUG", "other")),
              record("heavy", "tags", List.of("api"), "emotional_weight", 0.9),
              record("met", "emotional_weight", 0.1).withTier(Tier.ARCHIVE),
              record("never"),
              record("gone", "tags", List.of("api"))));
      run(
          put(
              new CoOccurrence("m", "met", Value.of(4)),
              new CoOccurrence("m", "two", Value.of(1)),
              new CoOccurrence("m", "never", Value.of(0))));
      run(new ForgetMemory("gone", 0));

      List<Insights.Related> related = ask(insights -> insights.related("m", 20));

      assertThat(related)
          .extracting(r -> r.memory().id())
          .containsExactly("far", "two", "met", "heavy", "one");
      assertThat(related.get(1).score()).isEqualTo(2.5);
      assertThat(list(insights -> insights.related("m", 2))).isEqualTo(related.subList(0, 2));
      assertThat(list(insights -> insights.related("m", 3, 1)))
          .extracting(r -> r.memory().id() + " " + r.score())
          .containsExactly("far 0.0", "met 4.0", "two 3.0");
    }

    @Test
    void givenCirclesAndShortcuts_whenFollowed_thenEachOnceWithTheFewestSteps() {
      run(
          put(
              record("a", "leads_to", List.of("b", "c", "a", "x|y", "gone")),
              record("b", "leads_to", List.of("d"), "caused_by", List.of("a")),
              record("c", "leads_to", List.of("b", "e")),
              record("d", "leads_to", List.of("e", "a")),
              record("e", "leads_to", List.of("f")),
              record("f", "leads_to", List.of("g")).withTier(Tier.ARCHIVE),
              record("gone", "leads_to", List.of("never"))));
      run(new ForgetMemory("gone", 0));

      assertThat(list(insights -> insights.chain("a", Direction.EFFECTS, 3)))
          .containsExactly(
              new Link("b", 1),
              new Link("c", 1),
              new Link("gone", 1),
              new Link("x|y", 1),
              new Link("d", 2),
              new Link("e", 2),
              new Link("f", 3));
      assertThat(list(insights -> insights.chain("a", Direction.EFFECTS, 1))).hasSize(4);
      assertThat(list(insights -> insights.chain("b", Direction.CAUSES, 100)))
          .containsExactly(new Link("a", 1));
      assertThat(list(insights -> insights.chainAsOriginal("a", Direction.EFFECTS, 3)))
          .extracting(link -> link.depth() + link.id())
          .containsExactly("1b", "2d", "3e", "3a", "1c", "2b", "2e", "3f", "1a", "1x|y", "1gone");
      for (int depth : List.of(0, 101)) {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> store.insights().chain("a", Direction.CAUSES, depth));
      }
    }

    @Test
    void givenPairsInOneOrBothDirections_whenCounted_thenThatOfTheFirstMemory() {
      run(
          put(
              record("z").withTier(Tier.CORE),
              record("a"),
              record("b").withTier(Tier.ARCHIVE),
              new DecayRun(0, members("decayed", 1, "pruned", 1)),
              new DecayRun(1, members("decayed", 7, "pruned", 2)),
              new Session(
                  members("started", "2026-02-10T08:00:00Z", "retrieved", List.of("a", "b")))));
      run(
          put(
              new CoOccurrence("z", "a", Value.of(0.1)),
              new CoOccurrence("a", "z", Value.of(5)),
              new CoOccurrence("b", "a", Value.of(0.2)),
              new CoOccurrence("b", "b", Value.of(1))));

      assertThat(ask(Insights::statistics))
          .isEqualTo(new Statistics(1, 1, 1, 3, 1.3, 0.43, 2, 7, 2, 0.3, Duration.ofHours(4)));
      run(
          put(
              new Session(members("started", "2026-02-10T07:59:59Z", "retrieved", List.of("a"))),
              2));
      assertThat(ask(Insights::statistics).recalled()).isZero();
    }

    @Test
    void givenEntities_whenCountedTogether_thenTheTextSpeaksWhereTheyAreMissing() {
      run(
          put(
              record("a", "entities", members("agents", List.of("lex", "drift", "lex"))),
              record("b").withContent("With @lex and @otterbyte"),
              record("c", "entities", members("projects", List.of("p")))
                  .withContent("@nobody @else"),
              record("d").withContent("With @lex and @otterbyte").withTier(Tier.ARCHIVE)));

      Map<String, Map<String, Integer>> together =
          ask(insights -> insights.entityCoOccurrences("agents", Detection.DRIFT));
      assertThat(together)
          .isEqualTo(
              Map.of(
                  "lex", Map.of("drift", 2, "lex", 2, "otterbyte", 1),
                  "drift", Map.of("lex", 2),
                  "otterbyte", Map.of("lex", 1)));
    }

    @Test
    void givenMemories_whenPrimed_thenEachPartWithoutWhatIsThereAlready() {
      for (int i = 0; i < 12; i++) {
        run(
            put(
                memory("core" + i, Tier.CORE, "emotional_weight", 1 - i / 100.0, "recall_count", 9),
                memory("old" + i, Tier.ACTIVE, "sessions_since_recall", 8 + i, "tags", "thought")));
      }
      run(
          put(
              memory("todo", Tier.ACTIVE, "tags", List.of("TODO")),
              memory("text", Tier.ACTIVE, "recall_count", 1).withContent(" What I NEED TO do\n"),
              memory("away", Tier.ARCHIVE, "tags", List.of("todo"), "emotional_weight", 5),
              memory(
                  "guest",
                  Tier.ACTIVE,
                  "source",
                  members("agent", "lex", "trust_tier", "platform")),
              new ContextGraph(
                  "who_lex", members("hubs", List.of("core0", "core9", "none", "x")))));
      run(put(new CoOccurrence("core9", "todo", Value.of(2))));
      for (int i = 0; i < 6; i++) { // many ties damp the first
        run(put(new CoOccurrence("core0", "core" + (i + 1), Value.of(i))));
      }

      Priming priming =
          ask(insights -> insights.priming(Priming.Rules.DRIFT.withHubsOf("who", "lex")));

      assertThat(ids(priming.activated()))
          .containsExactly("core1", "core2", "core3", "core4", "core5");
      assertThat(ids(priming.coOccurring())).containsExactly("core6", "todo");
      Priming.Rules drift = Priming.Rules.DRIFT;
      Priming.Rules narrow =
          new Priming.Rules(
              5,
              1,
              drift.perMemory(),
              drift.unfinished(),
              drift.excavated(),
              drift.hubs(),
              null,
              null,
              drift.previewLength(),
              drift.activation(),
              drift.manyTies(),
              drift.graceSessions(),
              drift.unfinishedTags(),
              drift.unfinishedTexts(),
              drift.domains());
      Priming few = ask(insights -> insights.priming(narrow));
      assertThat(ids(few.activated())).as("the damped one is the last of five").contains("core0");
      assertThat(ids(few.coOccurring())).as("core9 is not looked at").doesNotContain("todo");
      assertThat(ids(priming.unfinished())).containsExactly("text");
      assertThat(priming.unfinished().get(0).preview()).isEqualTo("What I NEED TO do");
      assertThat(priming.excavated()).hasSize(2).doesNotHaveDuplicates();
      assertThat(priming.domain())
          .singleElement()
          .satisfies(c -> assertThat(c.id()).startsWith("old"));
      assertThat(priming.all()).extracting(Priming.Candidate::id).doesNotHaveDuplicates();
      assertThat(ids(priming.dimensional())).containsExactly("core0", "core9", "none");
      assertThat(list(insights -> insights.mostActivated(2)))
          .extracting(activated -> activated.memory().id())
          .containsExactly("core0", "core1");
      assertThat(list(Insights::imported))
          .singleElement()
          .satisfies(
              imported -> {
                assertThat(imported.memory().id()).isEqualTo("guest");
                assertThat(imported.trust()).isEqualTo(TrustTier.PLATFORM);
              });
    }

    private Memory memory(String id, Tier tier, Object... members) {
      return record(id, members).withTier(tier);
    }

    private List<String> ids(List<Priming.Candidate> candidates) {
      return candidates.stream().map(Priming.Candidate::id).toList();
    }
  }
}

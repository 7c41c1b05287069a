package io.agentmemory.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import io.agentmemory.Histories;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Kind;
import io.agentmemory.Limits;
import io.agentmemory.Memories;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryStore;
import io.agentmemory.NewMemory;
import io.agentmemory.Session;
import io.agentmemory.Sessions;
import io.agentmemory.SimilarQuery;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.Vitals;
import io.agentmemory.command.Batch;
import io.agentmemory.command.EndSession;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.spi.ForwardingMemoryStore;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** The verbs that an agent uses, over the reference store. */
final class FacadesTest {
  private final MemoryStore store = new InMemoryMemoryStore("test");
  private final ManualClock clock =
      new ManualClock(Instant.parse("2026-02-10T11:52:05.123456789Z"));
  private final Memories memories = store.memories().with(clock, new Random(1));

  @Test
  void givenMemoryThatGrewBeyondEveryLimit_whenASessionEnds_thenItEndsAndTheMemoryIsPromoted() {
    Memory stored = memories.store(NewMemory.of("hub").id("hub").asGiven());
    Value.Map large =
        stored
            .members()
            .with("recall_count", Value.of(10L))
            .with("leads_to", Value.Seq.ofTexts(List.of("x".repeat(100_000))));
    store.execute(new PutRecords(List.of(new PutRecords.Put(stored.withMembers(large), 2))));
    memories.recall("hub");

    Sessions.Ended ended = store.sessions().with(clock, new Random(1)).end("me");

    assertThat(ended.promoted()).extracting(Memory::id).containsExactly("hub");
    assertThat(ended.retrievals().deadEnd()).isEqualTo(1);
  }

  @Nested
  class OfHistories {
    private final Histories histories = store.histories().with(clock);

    @Test
    void givenVitals_whenAppended_thenAHundredAreKeptAndTheLastComeFirst() {
      Instant start = clock.instant().truncatedTo(ChronoUnit.MICROS);
      for (int i = 0; i < 102; i++) {
        histories.appendVitals(Value.EMPTY_MAP.with("i", Value.of(i)));
        clock.advance(Duration.ofSeconds(1));
      }

      assertThat(histories.vitals(null, null, 1000)).hasSize(Histories.VITALS_KEPT);
      assertThat(histories.vitals(null, null, 2))
          .extracting(vitals -> vitals.members().get("metrics"))
          .containsExactly(
              Value.EMPTY_MAP.with("i", Value.of(101)), Value.EMPTY_MAP.with("i", Value.of(100)));
      assertThat(histories.vitals(start.plusSeconds(50), start.plusSeconds(52), 10))
          .extracting(Vitals::ordinal)
          .containsExactly(49, 48); // two were let go
    }
  }

  @Test
  void givenNoEdges_whenContextsAreRebuilt_thenNothingChanges() {
    assertThat(store.graph().rebuildContexts().graphs()).isZero();
    assertThat(store.info().kinds().get(Kind.CONTEXT_GRAPH)).isZero();
  }

  @Nested
  class OfMemories {
    @Test
    void givenContentAlone_whenStored_thenTheRestIsAsDocumented() {
      Memory memory = memories.store("Use a timeout");

      assertThat(memory.id()).matches("[a-z0-9]{8}");
      assertThat(memory.created()).contains("2026-02-10T11:52:05.123456+00:00");
      assertThat(memory.eventTime()).isEqualTo(memory.created());
      assertThat(memory.weight()).hasValue(0.5);
      assertThat(memory.tier()).isEqualTo(Tier.ACTIVE);
      assertThat(memory.fileName()).isEqualTo("use-a-timeout-" + memory.id() + ".md");
      assertThat(memories.findById(memory.id())).contains(memory);
      assertThat(store.memories().findById(memory.id())).contains(memory);
    }

    @Test
    void givenEverything_whenStored_thenItIsAllThere() {
      Memory cause = memories.store("cause");
      Memory memory =
          memories.store(
              NewMemory.of("text")
                  .id("my-id")
                  .title("A Title")
                  .tags("a", "b")
                  .weight(0.9)
                  .at(Instant.parse("2020-01-01T00:00:00Z"))
                  .eventTime("2019")
                  .causedBy(List.of(cause.id()))
                  .retrieved(List.of("other"))
                  .entities(Map.of("agents", List.of("lex"))));

      assertThat(memory.id()).isEqualTo("my-id");
      assertThat(memory.fileName()).isEqualTo("a-title-my-id.md");
      assertThat(memory.tags()).containsExactly("a", "b");
      assertThat(memory.weight()).hasValue(0.9);
      assertThat(memory.created()).contains("2020-01-01T00:00:00+00:00");
      assertThat(memory.eventTime()).contains("2019");
      assertThat(memory.causedBy()).containsExactly(cause.id(), "other");
      assertThat(memory.members().has("entities")).isTrue();
      assertThat(memories.findById(cause.id()).orElseThrow().leadsTo()).containsExactly("my-id");
    }

    @Test
    void givenContentThatTells_whenStored_thenEntitiesDayAndCausesAreFoundOut() {
      String cause = memories.store("cause").id();
      session("2026-02-10T08:00:00+00:00", cause, "gone");

      Memory found =
          memories.store(NewMemory.of("Yesterday @Kaleaon shipped it").tags("milestone"));
      Memory given =
          memories.store(NewMemory.of("Yesterday @Kaleaon shipped it").tags("milestone").asGiven());

      assertThat(found.members().get("entities"))
          .isEqualTo(
              Value.EMPTY_MAP
                  .with("agents", Value.Seq.ofTexts(List.of("kaleaon")))
                  .with("concepts", Value.Seq.ofTexts(List.of("milestone"))));
      assertThat(found.eventTime()).contains("2026-02-09");
      assertThat(found.causedBy()).containsExactly(cause, "gone");
      assertThat(memories.findById(cause).orElseThrow().leadsTo()).containsExactly(found.id());
      assertThat(given.members().has("entities")).isFalse();
      assertThat(given.eventTime()).isEqualTo(given.created());
      assertThat(given.causedBy()).isEmpty();
    }

    @Test
    void givenSessionOverFourHoursOld_whenStored_thenWhatItRetrievedIsNoCause() {
      session("2026-02-10T07:52:05.123455+00:00", "one");
      assertThat(memories.store("late").causedBy()).isEmpty();

      session("2026-02-10T07:52:05.123456+00:00", "one");
      assertThat(memories.store("in time").causedBy()).containsExactly("one");
      assertThat(memories.store(NewMemory.of("said").retrieved(List.of())).causedBy()).isEmpty();
    }

    private void session(String started, String... retrieved) {
      Session session =
          new Session(
              Value.EMPTY_MAP
                  .with("started", Value.of(started))
                  .with("retrieved", Value.Seq.ofTexts(List.of(retrieved))));
      long revision = store.read(Kind.SESSION, Session.KEY).map(Stored::revision).orElse(0L);
      store.execute(new PutRecords(List.of(new PutRecords.Put(session, revision + 1))));
    }

    @Test
    void givenMoreThanAMemoryHolds_whenStored_thenOnlyTheFirstOfItIsNoted() {
      StringBuilder content = new StringBuilder();
      for (int i = 0; i < 20_000; i++) {
        content.append('#').append("concept").append(i).append(' ');
      }

      Value entities = memories.store(content.toString()).members().get("entities");

      assertThat(entities).isInstanceOf(Value.Map.class);
      assertThat(Value.textsOf(((Value.Map) entities).get("concepts")))
          .hasSizeBetween(500, 2000)
          .startsWith("concept0", "concept1", "concept10");
    }

    @Test
    void givenFactorsOfAWeight_whenWorkedOut_thenThreeDecimals() {
      assertThat(NewMemory.weightOf(1, 1, 1, 1)).isEqualTo(1);
      assertThat(NewMemory.weightOf(0.5, 0.3333, 0, 0.9)).isEqualTo(0.442);
      NewMemory.Weights utility = new NewMemory.Weights(0.1, 0, 0, 0.5);
      assertThat(NewMemory.weightOf(0.5, 0.3333, 1, 0.9, utility)).isEqualTo(0.5);
    }

    @Test
    void givenIdsThatAreTaken_whenStored_thenAnotherIsMadeUnlessItWasBrought() {
      RandomGenerator stuck = new StuckThenRandom(3);
      Memories unlucky = store.memories().with(clock, stuck);
      Memory first = unlucky.store("first");
      Memory second = unlucky.store("second");

      assertThat(second.id()).isNotEqualTo(first.id());
      assertThatExceptionOfType(MemoryConflictException.class)
          .isThrownBy(() -> memories.store(NewMemory.of("x").id(first.id())));
      Memories hopeless = store.memories().with(clock, new StuckThenRandom(1000));
      assertThatExceptionOfType(MemoryConflictException.class)
          .isThrownBy(() -> hopeless.store("third"));
    }

    /** Gives the same id a number of times before it gives others. */
    private static final class StuckThenRandom implements RandomGenerator {
      private final Random random = new Random(2);
      private int stuck;

      StuckThenRandom(int ids) {
        stuck = ids * 8;
      }

      @Override
      public int nextInt(int bound) {
        return stuck-- > 0 ? 0 : random.nextInt(bound);
      }

      @Override
      public long nextLong() {
        return random.nextLong();
      }
    }

    @Test
    void givenManyMemories_whenStored_thenEachHasItsOwnId() {
      Set<String> ids = new HashSet<>();
      for (int i = 0; i < 500; i++) {
        ids.add(store.memories().store("text").id());
      }
      assertThat(ids).hasSize(500);
    }

    @Test
    void givenMemory_whenRecalled_thenNotedAndAMissingOneIsEmpty() {
      String id = memories.store("text").id();
      clock.advance(Duration.ofHours(1));

      Memory recalled = memories.recall(id).orElseThrow();

      assertThat(recalled.recallCount()).isEqualTo(1);
      assertThat(recalled.weight()).hasValue(0.55);
      assertThat(recalled.members().get("last_recalled"))
          .isEqualTo(io.agentmemory.Value.of("2026-02-10T12:52:05.123456+00:00"));
      assertThat(memories.findById(id)).contains(recalled);
      assertThat(memories.recall("none")).isEmpty();
    }

    @Test
    void givenMemory_whenUpdated_thenTheNewStateIsAnswered() {
      String id = memories.store("text").id();

      assertThat(memories.update(UpdateMemory.of(id).content("new")).content()).isEqualTo("new");
      assertThat(memories.update(UpdateMemory.of(id).content("new")).content())
          .as("an update that changes nothing")
          .isEqualTo("new");
      assertThat(memories.read(id).orElseThrow().revision()).isEqualTo(2);
      assertThatExceptionOfType(MemoryConflictException.class)
          .isThrownBy(
              () ->
                  memories.update(UpdateMemory.of(id).content("x").ifRevision(OptionalLong.of(1))));
      assertThatExceptionOfType(MemoryConflictException.class)
          .isThrownBy(() -> memories.update(UpdateMemory.of("none").content("x")));
    }

    @Test
    void givenMemory_whenForgotten_thenTrueOnceAndItIsNotFound() {
      String id = memories.store("text").id();

      assertThat(memories.forget(id)).isTrue();
      assertThat(memories.forget(id)).isFalse();
      assertThat(memories.forget("none")).isFalse();
      assertThat(memories.findById(id)).isEmpty();
      assertThat(memories.read(id)).isEmpty();
    }

    @Test
    void givenDecomposedId_whenUsed_thenTheMemoryIsFound() {
      memories.store(NewMemory.of("text").id("cafe\u0301"));

      assertThat(memories.findById("cafe\u0301").orElseThrow().id()).isEqualTo("caf\u00e9");
      assertThat(memories.recall("cafe\u0301")).isPresent();
      assertThat(memories.update(UpdateMemory.of("cafe\u0301")).id()).isEqualTo("caf\u00e9");
      memories.move("cafe\u0301", Tier.CORE);
      assertThat(memories.findById("caf\u00e9").orElseThrow().tier()).isEqualTo(Tier.CORE);
      assertThat(memories.forget("cafe\u0301")).isTrue();
    }

    @Test
    void givenQueries_whenAsked_thenTheStoresAnswers() {
      memories.store(NewMemory.of("one").tags("x"));
      memories.store(NewMemory.of("two").tags("X"));

      assertThat(memories.find(MemoryQuery.all().tag("x").limit(1))).hasSize(1);
      assertThat(memories.count(MemoryQuery.all().tag("x").limit(1))).isEqualTo(2);
    }

    @Test
    @SuppressWarnings("NullAway")
    void givenNull_whenCalled_thenRefused() {
      assertThatNullPointerException().isThrownBy(() -> memories.findById(null));
      assertThatNullPointerException().isThrownBy(() -> memories.forget(null));
      assertThatNullPointerException().isThrownBy(() -> memories.recall(null));
      assertThatNullPointerException().isThrownBy(() -> NewMemory.of(null));
    }
  }

  @Nested
  class OfSessions {
    /** Has a memory recalled just before each of the first batches that end the session. */
    private final class Interrupted extends ForwardingMemoryStore {
      private int left;

      Interrupted(int times) {
        super(store);
        left = times;
      }

      @Override
      public Outcome execute(Batch batch) {
        boolean ends = batch.commands().stream().anyMatch(EndSession.class::isInstance);
        if (ends && left-- > 0) {
          store.sessions().with(clock, new Random(2)).register(List.of("late" + left));
        }
        return super.execute(batch);
      }
    }

    private Sessions sessions(MemoryStore over) {
      return over.sessions().with(clock, new Random(1));
    }

    @Test
    void givenIdBeyondTheStoresLimits_whenEnded_thenItIsNotInTheWay() {
      sessions(store).register(List.of("a", "b", "too-long"));
      MemoryStore narrow =
          new ForwardingMemoryStore(store) {
            @Override
            public Limits limits() {
              Limits all = Limits.DEFAULT;
              return new Limits(
                  7,
                  all.tagBytes(),
                  all.tags(),
                  all.contentBytes(),
                  all.metadataBytes(),
                  all.depth(),
                  all.keys(),
                  all.vectorFloats());
            }
          };

      assertThat(sessions(narrow).end("agent").retrieved()).isEqualTo(2);
    }

    @Test
    void givenRecallsWithoutEnd_whenEnded_thenGivenUpAndNothingIsLost() {
      sessions(store).register(List.of("a"));

      assertThatExceptionOfType(MemoryConflictException.class)
          .isThrownBy(() -> sessions(new Interrupted(1000)).end("agent"));
      assertThat(sessions(store).retrieved()).contains("a", "late999", "late990");
    }

    @Test
    void givenSessionOfFourHours_whenOver_thenNothingOfItCounts() {
      sessions(store).register(List.of("a", "b"));
      clock.advance(Duration.ofHours(4).plusMillis(1));

      assertThat(sessions(store).current()).isEmpty();
      assertThat(sessions(store).savePending("agent")).isZero();
      sessions(store).register(List.of("a", "b"));
      clock.advance(Duration.ofHours(5));
      assertThat(sessions(store).end("agent").retrieved()).isZero();
      assertThat(store.read(Kind.SESSION, Session.KEY).orElseThrow().isTombstone()).isTrue();
    }
  }

  @Nested
  class OfEmbeddings {
    private final io.agentmemory.Embeddings embeddings = store.embeddings();

    @Test
    void givenSpace_whenDefinedAndFilled_thenFoundAndSearched() {
      embeddings.define(VectorSpace.TEXT, "model", 2);
      embeddings.define(VectorSpace.TEXT, "model", 2);
      String near = memories.store(NewMemory.of("near").tags("x")).id();
      String far = memories.store("far").id();
      embeddings.put(VectorSpace.TEXT, near, new float[] {1, 0});
      embeddings.put(VectorSpace.TEXT, far, new float[] {0, 1});

      assertThat(embeddings.space(VectorSpace.TEXT).orElseThrow().dimensions()).hasValue(2);
      assertThat(embeddings.find(VectorSpace.TEXT, near).orElseThrow().vector())
          .containsExactly(1, 0);
      assertThat(embeddings.search(SimilarQuery.nearest(VectorSpace.TEXT, new float[] {1, 0.1f})))
          .extracting(SimilarQuery.Hit::target)
          .containsExactly(near, far);
      memories.forget(near);
      assertThat(embeddings.find(VectorSpace.TEXT, near)).isEmpty();
    }

    @Test
    void givenWrongSpaces_whenUsed_thenRefused() {
      embeddings.define(VectorSpace.TEXT, "model", 2);

      assertThatExceptionOfType(MemoryConflictException.class)
          .isThrownBy(() -> embeddings.define(VectorSpace.TEXT, "model", 3));
      assertThatExceptionOfType(InvalidMemoryException.class)
          .isThrownBy(() -> embeddings.put("none", "m", new float[] {1}));
      assertThatExceptionOfType(InvalidMemoryException.class)
          .isThrownBy(() -> embeddings.put(VectorSpace.TEXT, "m", new float[] {1}));
      assertThat(embeddings.space("none")).isEmpty();
    }

    @Test
    void givenDecomposedTarget_whenPut_thenItBelongsToTheComposedMemory() {
      embeddings.define(VectorSpace.TEXT, "model", 1);
      memories.store(NewMemory.of("text").id("cafe\u0301"));

      embeddings.put(VectorSpace.TEXT, "cafe\u0301", new float[] {1});

      assertThat(embeddings.find(VectorSpace.TEXT, "cafe\u0301").orElseThrow().target())
          .isEqualTo("caf\u00e9");
      assertThat(memories.forget("caf\u00e9")).isTrue();
      assertThat(embeddings.find(VectorSpace.TEXT, "caf\u00e9")).isEmpty();
    }
  }
}

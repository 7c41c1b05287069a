package io.agentmemory.testkit;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.groups.Tuple.tuple;

import io.agentmemory.Attestation;
import io.agentmemory.CoOccurrence;
import io.agentmemory.ContextGraph;
import io.agentmemory.DecayRun;
import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.EmbeddingFunction;
import io.agentmemory.Graph;
import io.agentmemory.Histories;
import io.agentmemory.Identity;
import io.agentmemory.Insights;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Kind;
import io.agentmemory.Leaf;
import io.agentmemory.Lesson;
import io.agentmemory.Lessons;
import io.agentmemory.Memories;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemorySearch;
import io.agentmemory.MemoryStore;
import io.agentmemory.NewLesson;
import io.agentmemory.NewMemory;
import io.agentmemory.NewObservation;
import io.agentmemory.NewRejection;
import io.agentmemory.Observation;
import io.agentmemory.OtherFile;
import io.agentmemory.Rejection;
import io.agentmemory.Rejections;
import io.agentmemory.Session;
import io.agentmemory.Sessions;
import io.agentmemory.SimilarQuery;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.Vitals;
import io.agentmemory.command.Batch;
import io.agentmemory.command.BeliefRule;
import io.agentmemory.command.DecayRule;
import io.agentmemory.command.EndSession;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.SessionRule;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.identity.Activation;
import io.agentmemory.identity.CognitiveFingerprint;
import io.agentmemory.identity.ContextView;
import io.agentmemory.identity.Drift;
import io.agentmemory.identity.IdentityReport;
import io.agentmemory.identity.LessonRule;
import io.agentmemory.identity.SessionActivity;
import io.agentmemory.identity.Topics;
import io.agentmemory.spi.Canonical;
import io.agentmemory.spi.ForwardingMemoryStore;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/**
 * The verbs an agent uses: each reads what it needs from the store under test, and its commands are
 * carried out in the reference too, so that both hold the same in the end.
 */
abstract class VerbsContract extends InsightsContract {
  private final ManualClock clock = new ManualClock(Instant.parse("2026-02-10T11:52:05.123456Z"));

  /** The store under test, whose commands the reference gets too. */
  private MemoryStore both() {
    return new ForwardingMemoryStore(store) {
      @Override
      public Outcome execute(Batch batch) {
        return run(batch);
      }
    };
  }

  private Memories memories() {
    return both().memories().with(clock, new Random(1));
  }

  private Sessions sessions() {
    return both().sessions().with(clock, new Random(1));
  }

  private <T extends MemoryRecord> List<T> all(Kind<T> kind) {
    try (var scan = store.scan(kind)) {
      return scan.flatMap(stored -> stored.live().stream()).toList();
    }
  }

  private static List<Value> counts(List<Lesson> lessons) {
    return lessons.stream()
        .map(lesson -> lesson.members().entries().getOrDefault("recalled_count", Value.NULL))
        .toList();
  }

  @Nested
  class Teaching {
    private Lesson add(String category, String text, double confidence) {
      return lessons().add(NewLesson.of(category, text).confidence(confidence)).orElseThrow();
    }

    private Lessons lessons() {
      return both().lessons().with(clock);
    }

    private static List<Integer> places(List<Lessons.Match> matches) {
      return matches.stream().map(match -> match.lesson().ordinal()).toList();
    }

    @Test
    void givenLessons_whenAppliedOrPrimed_thenTheBestComeAndThoseThatTheRuleSaysCount() {
      for (int i = 0; i < 7; i++) {
        add(i == 6 ? "api" : "odd", i + " the endpoint failed", i == 0 ? 1 : 0.5);
      }
      add("api", "nothing of it", 0);

      List<Lessons.Match> found = lessons().apply("The API endpoint odd");

      assertThat(places(found)).containsExactly(0, 6, 1, 2, 3); // a known category counts .3
      assertThat(found.get(1).relevance()).isEqualTo((0.15 * 2 + 0.3) * 0.5);
      assertThat(counts(lessons().list()).stream().filter(Value.of(1L)::equals)).hasSize(3);
      assertThat(lessons().apply("zzz")).isEmpty();

      assertThat(lessons().contextual("endpoint"))
          .extracting(Lessons.Match::relevance)
          .containsExactly(0.1, 0.05, 0.05);
      assertThat(lessons().priming(List.of("FAILED")))
          .extracting(Lesson::ordinal)
          .containsExactly(0, 1, 2, 3, 4);
      assertThat(lessons().priming())
          .extracting(Lesson::ordinal)
          .containsExactly(0, 5, 3, 4, 6); // of equally sure ones the least recalled first
      LessonRule long9 = new LessonRule(1, 9, 0, Set.of(), 0.5, 2, 0, 2, 1);
      assertThat(lessons().apply("endpoint", long9)).as("no word of nine letters").isEmpty();
      LessonRule one = new LessonRule(1, 3, 0, Set.of(), 0.5, 2, 0, 2, 1);
      assertThat(lessons().apply("endpoint", one))
          .extracting(Lessons.Match::relevance)
          .containsExactly(1.0, 0.5);
      assertThat(lessons().priming(List.of("FAILED"), one)).hasSize(2);
      assertThat(lessons().priming(one)).extracting(Lesson::ordinal).containsExactly(0, 5);
      assertThat(new Value.Seq(counts(lessons().list())))
          .isEqualTo(value(List.of(7, 3, 2, 2, 2, 1, 2, 0)));
    }

    @Test
    void givenSupersededAndContradictedLessons_whenApplied_thenOnlyTheOtherComes() {
      Lesson old = add("api", "Use a timeout of 5 s", 0.9);
      String now = add("api", "Better use a timeout of 9 s", 0.5).id().orElseThrow();

      lessons().supersede(old.id().orElseThrow(), now);
      Lesson contradicted = lessons().contradict(now, "a memory");

      assertThat(places(lessons().apply("timeout"))).containsExactly(1);
      assertThat(lessons().priming()).extracting(Lesson::ordinal).containsExactly(1);
      assertThat(contradicted.confidence()).hasValue(0.25);
      assertThat(lessons().contradict(now, "a memory").confidence()).hasValue(0.25);
      assertThat(lessons().contradict(now, "another", 0.1).confidence()).hasValue(0.025);
      run(
          put(
              new Lesson(2, members("id", "unsure", "lesson", "one")),
              new Lesson(3, members("id", "surer", "lesson", "two"))));
      assertThat(lessons().contradict("unsure", "a memory").confidence()).hasValue(0.25);
      assertThat(lessons().contradict("surer", "a memory", 0.5, 0.75).confidence()).hasValue(0.375);
      assertThat(lessons().add("api", "use a timeout of 5 s")).isEmpty();
      assertThat(lessons().add(NewLesson.of("api", "Use a clock"), 6)).isEmpty();
      assertThat(lessons().add(NewLesson.of("api", "Use a clock"), 7)).isPresent();
    }
  }

  @Nested
  class Refusing {
    private static List<String> reasons(List<Rejection> found) {
      return found.stream().map(r -> Value.textOf(r.members().get("reason"))).toList();
    }

    @Test
    void givenRejections_whenAskedFor_thenTheNewestComeFirstAndThoseOfOneTimeAsLogged() {
      Rejections rejections = both().rejections().with(clock);
      List<NewRejection> first =
          List.of(
              NewRejection.of("post", "1"),
              NewRejection.of("tweet", "none of ours"),
              NewRejection.of("bounty", "2"));
      assertThat(rejections.logAll(first, "A")).isEqualTo(3);
      clock.advance(Duration.ofSeconds(1));
      Rejection last = rejections.log(NewRejection.of("post", "3"), "A");

      assertThat(last.members().get("timestamp"))
          .isEqualTo(Value.of("2026-02-10T11:52:06.123456Z"));
      assertThat(reasons(rejections.findNewest(10))).containsExactly("3", "1", "2");
      assertThat(reasons(rejections.findNewest(1))).containsExactly("3");
      assertThat(reasons(rejections.find("post", null, 10))).containsExactly("3", "1");
      assertThat(reasons(rejections.find(null, "2026-02-10T11:52:05.9", 10))).containsExactly("3");
      assertThat(rejections.tasteProfile().categories()).containsEntry("post", 2);
      assertThat(rejections.tasteProfile().reasons()).hasSize(3);
      assertThat(rejections.tasteProfile(1, 0).reasons()).hasSize(1);
      assertThat(rejections.tasteProfile().hash())
          .isEqualTo(reference.rejections().tasteProfile().hash());
      assertThat(rejections.logAll(List.of(NewRejection.of("tweet", "x")), "A")).isEqualTo(1);
      assertThatExceptionOfType(InvalidMemoryException.class)
          .isThrownBy(() -> rejections.log(NewRejection.of("tweet", "x"), "A"));
    }
  }

  @Nested
  class Chronicling {
    @Test
    void givenHistories_whenAppendedToAndAskedFor_thenTheLastOnesComeFirstWithinTheRange() {
      Histories histories = both().histories().with(clock);
      Instant start = clock.instant();
      for (int i = 0; i < 5; i++) {
        histories.appendVitals(Value.EMPTY_MAP.with("i", Value.of(i)), 3);
        histories.appendFingerprint(members("edge_count", i));
        histories.appendAttestation(
            i == 4 ? Attestation.NOSTR : Attestation.MERKLE, members("merkle_root", "r" + i));
        clock.advance(Duration.ofSeconds(1));
      }
      histories.appendFingerprint(members("timestamp", "no time"));
      run(put(new Edge("a|b", members("belief", 9.0))));
      run(put(new Attestation(Attestation.MERKLE, Attestation.LATEST, members())));
      DecayRule two = new DecayRule(1, 3, 0.6, 1, 0.3, 1, 1, 2);
      for (int i = 0; i < 3; i++) {
        both()
            .graph()
            .with(clock, new Random(1))
            .with(BeliefRule.DRIFT, two)
            .decayEdges(List.of(), Map.of());
        clock.advance(Duration.ofSeconds(1));
      }

      assertThat(histories.vitals(null, null, 1000)).hasSize(3);
      assertThat(histories.vitals(null, null, 1))
          .extracting(vitals -> vitals.members().get("metrics"))
          .containsExactly(Value.EMPTY_MAP.with("i", Value.of(4)));
      assertThat(histories.vitals(start.plusSeconds(2), start.plusSeconds(4), 10))
          .extracting(Vitals::ordinal)
          .containsExactly(1, 0); // two were let go
      assertThat(histories.fingerprints(start.plusSeconds(1), null, 2))
          .extracting(fingerprint -> fingerprint.members().get("edge_count"))
          .containsExactly(Value.of(4), Value.of(3));
      assertThat(histories.fingerprints(null, null, 10)).hasSize(6);
      assertThat(histories.attestations(Attestation.MERKLE, null, start.plusSeconds(3), 10))
          .extracting(attestation -> attestation.hash().orElseThrow())
          .containsExactly("r2", "r1", "r0");
      assertThat(histories.attestations(Attestation.NOSTR, null, null, 10)).hasSize(1);
      assertThat(histories.decayRuns(null, null, 10)).hasSize(2);
      assertThat(histories.decayRuns(start.plusSeconds(7), null, 10))
          .extracting(DecayRun::ordinal)
          .containsExactly(1);
      assertThat(live(Kind.EDGE, "a|b").members().get("belief")).isEqualTo(Value.of(6.0));
    }
  }

  @Nested
  class Remembering {
    @Test
    void givenContentThatTells_whenStoredAndTagged_thenWhatItTellsIsNotedOnce() {
      String cause = memories().store("cause").id();
      sessions().register(List.of(cause, "gone"));
      Memories memories = both().memories().with(clock, new Random(2));

      Memory found =
          memories.store(NewMemory.of("Yesterday @Kaleaon shipped it").tags("milestone"));
      String bare = memories.store("Bounty on clawtasks, 5 usdc, says @Kaleaon in a thread").id();
      String own = memories.store("A wallet with usdc").id();
      Value mine = Value.Seq.ofTexts(List.of("mine"));
      memories.update(UpdateMemory.of(own).set("topic_context", mine));

      assertThat(found.members().get("entities"))
          .isEqualTo(members("agents", List.of("kaleaon"), "concepts", List.of("milestone")));
      assertThat(found.eventTime()).contains("2026-02-09");
      assertThat(found.causedBy()).containsExactly(cause, "gone");
      assertThat(memory(cause).leadsTo()).containsExactly(found.id(), bare, own);
      assertThat(memories.tagContexts()).isEqualTo(2);
      assertThat(memories.tagContexts()).isZero();
      Value.Map noted = memory(bare).members();
      assertThat(noted.get("topic_context")).isEqualTo(value(List.of("agent-economy")));
      assertThat(noted.get("contact_context")).isEqualTo(value(List.of("kaleaon")));
      assertThat(noted.get("platforms")).isEqualTo(members("clawtasks", 0.5, "twitter", 0.2));
      assertThat(memory(own).members().get("topic_context")).isEqualTo(mine);
    }

    @Test
    void givenRulesOfOurs_whenRecalledPromotedAndRanked_thenTheyDecide() {
      SessionRule minute = new SessionRule(Duration.ofMinutes(1), Set.of("manual"), 0.25);
      Memories memories = memories().with(minute);
      for (String id : List.of("a", "b")) {
        memories.store(NewMemory.of("text").id(id).asGiven());
      }

      assertThat(memories.recall("a").orElseThrow().weight()).hasValue(0.75);
      assertThat(memories().recall("b").orElseThrow().weight()).hasValue(0.55);
      clock.advance(Duration.ofMinutes(2));
      assertThat(both().insights().with(clock, new Random(1)).statistics().recalled()).isEqualTo(2);
      Insights.Statistics ours =
          both().insights().with(clock, new Random(1)).with(minute).statistics();
      assertThat(ours.recalled()).isZero();
      assertThat(ours.sessionTimeout()).isEqualTo(Duration.ofMinutes(1));
      DecayRule fast = new DecayRule(2, 3, 0.6, 1, 0.3, 1, 1, 20);
      assertThat(ours.decayRate()).isEqualTo(0.3);
      assertThat(both().insights().with(fast).statistics().decayRate()).isEqualTo(2);
      assertThat(memories.store("later").causedBy()).isEmpty();
      run(
          UpdateMemory.of("b")
              .set("sessions_since_recall", Value.of(9))
              .set("emotional_weight", Value.of(0.95)));
      clock.advance(Duration.ofHours(1));
      Activation fleeting = new Activation(1, 7, 0.5, 0.6, 0.1, 0.01, 5);
      Insights insights = both().insights().with(clock, new Random(1));
      assertThat(insights.mostActivated(1).get(0).memory().id()).isEqualTo("b");
      assertThat(insights.mostActivated(1, fleeting).get(0).memory().id()).isEqualTo("a");
      assertThat(memories.promoteHot()).isEmpty();
      assertThat(memories.promoteHot(1)).extracting(Memory::id).containsExactly("a", "b");
      assertThat(memory("a").tier()).isEqualTo(Tier.CORE);
    }
  }

  @Nested
  class Searching {
    private final float[] query = {1, 0, 0};

    private io.agentmemory.Embeddings embeddings() {
      return both().embeddings().with(clock);
    }

    private void remember(String id, float[] vector, String... tags) {
      memories().store(NewMemory.of("text of " + id).id(id).tags(tags).asGiven());
      embeddings().put("text", id, vector);
    }

    @Test
    void givenSolutionsAndContexts_whenSearched_thenTheyGetMoreAndWhatIsFoundIsRecalled() {
      embeddings().define("text", "model", 3);
      remember("near", new float[] {1, 0.5f, 0});
      remember("hub", new float[] {1, 0.6f, 0});
      remember("howto", new float[] {1, 0.8f, 0}, "HowTo");
      embeddings().put("text", "gone", new float[] {1, 3, 0});
      Value edges = members("hub|other", members(), "a|hub", members(), "a|hub|b", members());
      run(put(new ContextGraph("what_vcv-rack", members("edges", edges))));
      MemorySearch quiet = MemorySearch.near(query).withoutRecall();

      List<MemorySearch.Hit> hits = embeddings().search(MemorySearch.near(query));
      MemorySearch.Hit along = embeddings().search(quiet.along("what", "vcv-rack")).get(1);

      assertThat(ids(hits)).containsExactly("howto", "near", "hub", "gone");
      double similarity = Embedding.similarity(query, new float[] {1, 0.8f, 0});
      assertThat(hits.get(0).score()).isEqualTo(similarity * 1.25);
      assertThat(hits.get(0).similarity()).isEqualTo(similarity);
      assertThat(memory("howto").recallCount()).isEqualTo(1);
      assertThat(sessions().retrieved()).containsExactlyInAnyOrder("howto", "near", "hub");
      assertThat(along.id()).isEqualTo("hub");
      assertThat(along.degree()).isEqualTo(2);
      assertThat(along.score()).isEqualTo(along.similarity() * (1 + 0.1 * Math.log(3)));
      assertThat(ids(embeddings().search(quiet.along("what")))).startsWith("howto", "near");
      assertThat(ids(embeddings().search(quiet.along("what", "vcv-rack").dimensionBoost(1))))
          .startsWith("hub", "howto", "near");
      assertThat(ids(embeddings().search(quiet.resolutionBoost(1).limit(2))))
          .containsExactly("near", "hub");
      assertThat(embeddings().search(quiet.threshold(0.9))).isEmpty();
      assertThat(memory("near").recallCount()).isEqualTo(1);
    }

    private static List<String> ids(List<MemorySearch.Hit> hits) {
      return hits.stream().map(MemorySearch.Hit::id).toList();
    }

    @Test
    void givenImages_whenSearchedByImageOrText_thenNearestFirstAndAnchorsAreKnown() {
      embeddings().define("image", "clip", 2);
      List<MemoryRecord> images = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        images.add(Embedding.of("image", "p" + i + ".jpg", new float[] {1, i * 0.1f}));
      }
      run(put(images.toArray(MemoryRecord[]::new)));
      Value.Map rex =
          members(
              "type", "dog", "name", "Rex", "anchor_photos", List.of("p0.jpg", "gone", "p2.jpg"));
      Value.Map tree = members("anchor_photos", List.of("p11.jpg"));
      Value.Map entities = members("rex", rex, "tree", tree, "nobody", members());
      run(put(new OtherFile("sensors/physical_entities.json", members("entities", entities))));
      Clip clip = new Clip();

      assertThat(targets(embeddings().similarImages(new float[] {1, 0})))
          .containsExactly("p0.jpg", "p1.jpg", "p2.jpg", "p3.jpg", "p4.jpg");
      assertThat(targets(embeddings().similarImages(new float[] {1, 0}, 2)))
          .containsExactly("p0.jpg", "p1.jpg");
      assertThat(targets(embeddings().similarImages("p0.jpg")))
          .containsExactly("p1.jpg", "p2.jpg", "p3.jpg", "p4.jpg", "p5.jpg");
      assertThat(targets(embeddings().similarImages("p0.jpg", 1))).containsExactly("p1.jpg");
      assertThat(embeddings().similarImages("gone.jpg")).isEmpty();
      assertThat(targets(embeddings().searchImages("a tall engram", clip, 2)))
          .containsExactly("p11.jpg", "p10.jpg");
      assertThat(embeddings().searchImages("a tall engram", clip)).hasSize(5);
      assertThat(clip.asked).containsOnly("a tall engram"); // no words of memory's in it
      assertThat(embeddings().entitiesOn(new float[] {1, 0.3f}))
          .containsExactly(
              new io.agentmemory.Embeddings.Entity("rex", "Rex", "dog", 0.996),
              new io.agentmemory.Embeddings.Entity("tree", "tree", "unknown", 0.857));
      assertThat(embeddings().entitiesOn(new float[] {1, 0.3f}, 0.9)).hasSize(1);
    }

    private static List<String> targets(List<SimilarQuery.Hit> hits) {
      return hits.stream().map(SimilarQuery.Hit::target).toList();
    }

    @Test
    void givenVectors_whenStoredByAFunctionAndPaired_thenThePairsThatLieNearCome() {
      Clip clip = new Clip();
      Memories memories = memories();

      Memory stored = memories.store(NewMemory.of("an engram"), clip).memory();
      embeddings().put("text", "b", new float[] {0, 2});
      embeddings().put("text", "c", new float[] {1, 1});

      assertThat(clip.asked.get(0)).startsWith("an engram\n\n[vocabulary bridge]");
      assertThat(live(Kind.EMBEDDING, "text", stored.id()).vector()).containsExactly(0, 1);
      assertThat(live(Kind.VECTOR_SPACE, "text").model()).contains("clip");
      assertThat(embeddings().similarPairs())
          .extracting(
              io.agentmemory.Embeddings.Pair::first,
              io.agentmemory.Embeddings.Pair::second,
              io.agentmemory.Embeddings.Pair::similarity)
          .containsExactly(tuple(stored.id(), "b", 1.0));
      assertThat(embeddings().similarPairs(VectorSpace.TEXT, 0.5, 10)).hasSize(3);
      assertThat(embeddings().similarPairs(VectorSpace.TEXT, 0.9, 1, 4).get(0).firstPreview())
          .isEqualTo("an e");
      MemorySearch two =
          MemorySearch.near(new float[] {0, 1}).withoutRecall().threshold(-1).preview(2);
      assertThat(embeddings().search(two))
          .extracting(MemorySearch.Hit::preview)
          .contains("an")
          .allMatch(preview -> preview.length() <= 2);
      embeddings().put(stored, clip, 3);
      assertThat(live(Kind.EMBEDDING, "text", stored.id()).members().get("preview"))
          .isEqualTo(Value.of("an "));
    }
  }

  /** Takes everything for tall. */
  private static final class Clip implements EmbeddingFunction {
    private final List<String> asked = new ArrayList<>();

    @Override
    public float[] embed(String text) {
      asked.add(text);
      return new float[] {0, 1};
    }

    @Override
    public String model() {
      return "clip";
    }

    @Override
    public int dimensions() {
      return 2;
    }
  }

  @Nested
  class Attesting {
    private Identity identity() {
      return both().identity().with(clock);
    }

    /** Of files that this store cannot see any hash will do. */
    private void reportLeaves() {
      try (Stream<Leaf> leaves = store.leaves()) {
        store.reportLeaves(
            leaves
                .map(
                    l ->
                        new Leaf(
                            l.id(),
                            l.file(),
                            l.state(),
                            l.hash().orElse(l.state().hex()),
                            l.tagged()))
                .toList());
      }
    }

    @Test
    void givenFiles_whenAttestedAgain_thenTheChainGoesOnAndEachFileIsProvedToBeIncluded() {
      List<String> ids = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        ids.add(memories().with(clock, new Random(i)).store("text " + i).id());
      }
      reportLeaves();
      Attestation first = identity().attest("A");
      Attestation same = identity().attest("A");
      memories().recall(ids.get(0));
      reportLeaves();
      Value changed = identity().report().merkle().integrity().get("changed_files");
      Value.Map told = identity().report().merkle().integrity(0);
      Attestation second = identity().attest("A");

      assertThat(Value.textsOf(changed)).hasSize(1);
      assertThat(told.get("changed_files")).isEqualTo(Value.EMPTY_SEQ);
      assertThat(told.get("total_changes")).isEqualTo(Value.of(1));
      assertThat(first.members().get("previous_root")).isEqualTo(Value.of(""));
      assertThat(same.members().get("chain_depth")).isEqualTo(Value.of(2));
      assertThat(second.members().get("previous_root"))
          .isEqualTo(first.members().get("merkle_root"));
      assertThat(all(Kind.ATTESTATION).stream().map(Attestation::name))
          .containsExactly("00000000", "00000001", Attestation.LATEST);
      IdentityReport report = identity().report();
      assertThat(report.merkle().integrity().get("verified")).isEqualTo(Value.of(true));
      for (String id : ids) {
        Value.Map proof = report.merkle().inclusion(id).orElseThrow();
        assertThat(leadsTo(proof)).isEqualTo(report.merkle().root().orElseThrow());
      }
    }

    /** The hash that a proof leads to. */
    private static String leadsTo(Value.Map proof) {
      String hash = Value.textOf(proof.get("leaf"));
      Value steps = proof.get("proof");
      for (Value item : steps instanceof Value.Seq list ? list.items() : List.<Value>of()) {
        Value.Map step = (Value.Map) item;
        String other = Value.textOf(step.get("hash"));
        boolean left = Value.of("left").equals(step.get("position"));
        hash = sha256(left ? other + hash : hash + other);
      }
      return String.valueOf(hash);
    }

    private static String sha256(String text) {
      try {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return Canonical.hex(MessageDigest.getInstance("SHA-256").digest(bytes));
      } catch (NoSuchAlgorithmException impossible) {
        throw new IllegalStateException(impossible);
      }
    }

    @Test
    void givenWhoTheAgentIs_whenAttestedExportedAndMeasured_thenItIsNoted() {
      run(put(new Rejection(0, members("category", "post", "reason", "r"))));
      memories().store("text");
      identity().attestTaste("A");
      Attestation taste = identity().attestTaste("B");
      assertThat(identity().exportFingerprint().drift()).isNull();
      IdentityReport second = identity().exportFingerprint();
      identity().recordVitals();
      clock.advance(Duration.ofSeconds(1));
      IdentityReport last = identity().recordVitals(1);

      assertThat(all(Kind.ATTESTATION)).containsExactly(taste);
      assertThat(taste.hash()).contains(last.taste().hash());
      assertThat(second.summary().get("drift_score")).isEqualTo(Value.of(0.0));
      assertThat(all(Kind.FINGERPRINT).get(1).members()).isEqualTo(second.historyEntry());
      assertThat(all(Kind.VALUE).get(0).value()).isEqualTo(second.fingerprintTree());
      assertThat(all(Kind.VITALS))
          .singleElement()
          .satisfies(
              vitals ->
                  assertThat(vitals.members())
                      .isEqualTo(last.vitals().tree("2026-02-10T11:52:06.123456+00:00")));
      assertThat(last.comparable())
          .isEqualTo(reference.identity().with(clock).report().comparable());
    }

    @Test
    void givenRulesOfOurs_whenComputedAndAttested_thenTheyDecide() {
      run(
          put(
              new Rejection(0, members("category", "post", "reason", "r", "tags", List.of("t"))),
              new Rejection(1, members("category", "post", "reason", "s")),
              record("a"),
              record("b").withContent("a rocket"),
              new CoOccurrence("a", "b", Value.of(1)),
              new Edge("a|b", members("belief", 2.0, "activity_context", members("social", 1))),
              new Observation("a|b", 0, members("observed_at", AT, "trust_tier", "self"))));
      identity().exportFingerprint();
      run(put(new CoOccurrence("b", "a", Value.of(5))));
      IdentityReport.Rules drift = IdentityReport.Rules.DRIFT;
      IdentityReport.Rules rules =
          new IdentityReport.Rules(
              new CognitiveFingerprint.Rules(0, 20, 90, Map.of(), 0, 10, 5, 50),
              new Drift.Weights(0, 1, 0, 0, 5, 0.5, drift.drift().steps()),
              new ContextView.Rules(4, Map.of("now", 99), List.of(), List.of(), 0, 0, 1, 2, 0.5),
              new BeliefRule(Map.of("self", 0.5), 0.1, 30, 0.1, 0.1, 3, 3),
              new Topics(Map.of("space", List.of("rocket")), 1),
              2,
              0,
              1,
              2);

      IdentityReport theirs = identity().report();
      IdentityReport ours = identity().with(rules).report();
      Attestation taste = identity().with(rules).attestTaste("A");

      assertThat(theirs.vitals().metrics().get("cooccurrence_links")).isEqualTo(Value.of(0));
      assertThat(ours.vitals().metrics().get("cooccurrence_links")).isEqualTo(Value.of(1));
      assertThat(ours.taste().tags()).isEmpty();
      assertThat(ours.taste().hash()).isEqualTo(theirs.taste().hash());
      assertThat(taste.members().get("top_reasons")).isEqualTo(members("r", 1));
      assertThat(ours.hashes().topics()).containsExactly(Map.entry("space", 1));
      assertThat(theirs.hashes().topics()).isEmpty();
      assertThat(ours.fingerprint().members().get("hubs")).isEqualTo(Value.EMPTY_SEQ);
      assertThat(requireNonNull(theirs.drift()).score()).isEqualTo(0.2625); // hubs too
      assertThat(requireNonNull(ours.drift()).score()).isEqualTo(0.25);
      assertThat(ours.contexts()).containsKey("when_now").doesNotContainKey("why_social");
      assertThat(ours.comparable())
          .isEqualTo(reference.identity().with(clock).with(rules).report().comparable());
    }
  }

  @Nested
  class EndingSessions {
    /** Has a memory recalled just before each of the first batches that end the session. */
    private final class Interrupted extends ForwardingMemoryStore {
      private int left = 2;

      Interrupted() {
        super(both());
      }

      @Override
      public Outcome execute(Batch batch) {
        boolean ends = batch.commands().stream().anyMatch(EndSession.class::isInstance);
        if (ends && left-- > 0) {
          VerbsContract.this.sessions().register(List.of("late" + left));
        }
        return super.execute(batch);
      }
    }

    @Test
    void givenTracksRulesAndRecallsMeanwhile_whenEnded_thenAllOfThemCount() {
      run(
          put(
              new OtherFile(
                  ".session_activity.json",
                  members("dominant", "economic", "secondary", List.of("social"))),
              record("a", "recall_count", 2),
              new Edge("x|y", members("belief", 5.0, "activity_context", members("social", 1))),
              new Edge(
                  "x|z", members("belief", 5.0, "activity_context", members("technical", 1)))));
      Sessions.Rules rules =
          new Sessions.Rules(
              SessionRule.DRIFT,
              new BeliefRule(Map.of("self", 0.5), 0.1, 30, 0.1, 0.1, 3, 3),
              new DecayRule(2, 3, 0.6, 1, 0.3, 1, 0.5, 1),
              SessionActivity.DRIFT,
              2,
              3);
      List<String> odd = List.of("a", "", "e\u0301", "\u00e9", "x\u0007", "x".repeat(2000));
      run(put(new Session(members("started", "2026-02-10T11:00:00Z", "retrieved", odd))));

      Sessions.Ended ended =
          new Interrupted().sessions().with(clock, new Random(1)).with(rules).end("agent");

      assertThat(ended.retrieved()).isEqualTo(4);
      assertThat(ended.observed()).isEqualTo(6);
      assertThat(ended.activity()).contains("economic");
      assertThat(ended.promoted()).extracting(Memory::id).containsExactly("a");
      assertThat(belief("late0|late1")).isEqualTo(Value.of(0.5));
      assertThat(belief("x|y")).isEqualTo(Value.of(3.0));
      assertThat(belief("x|z")).as("nothing to do with it").isEqualTo(Value.of(4.0));
      assertThat(sessions().current()).isEmpty();
      assertThatExceptionOfType(MemoryConflictException.class)
          .isThrownBy(() -> run(new EndSession(1)));
    }

    private Value belief(String pair) {
      return live(Kind.EDGE, pair).members().entries().getOrDefault("belief", Value.NULL);
    }
  }

  @Nested
  class Tying {
    @Test
    void givenRulesOfOurs_whenTiedAndRebuilt_thenBeliefsAndHubsAreByThem() {
      BeliefRule half = new BeliefRule(Map.of("self", 0.5), 0.1, 30, 0.1, 0.1, 3, 3);
      Graph graph = both().graph().with(clock, new Random(1)).with(half, DecayRule.DRIFT);
      NewObservation nothing = NewObservation.of("seen").weight(0);

      Edge first = graph.addObservation("b", "a", nothing);
      Edge second = graph.addObservation("a", "b", nothing);
      graph.logCoOccurrences(List.of("a", "c"), "agent", "social");
      ContextView.Rules drift = ContextView.Rules.DRIFT;
      Graph.Rebuilt rebuilt =
          graph.rebuildContexts(
              new ContextView.Rules(
                  drift.sessionHours(),
                  Map.of("now", 1),
                  drift.topics(),
                  drift.activities(),
                  drift.leastShare(),
                  drift.partShare(),
                  1,
                  drift.leastDimensions(),
                  drift.pairScore()));

      try (var graphs = store.scan(Kind.CONTEXT_GRAPH)) {
        assertThat(graphs.map(Stored::lastOp).distinct()).as("all in one step").hasSize(1);
      }
      assertThat(second).as("what was added weighs nothing").isEqualTo(first);
      assertThat(all(Kind.OBSERVATION)).hasSize(3);
      assertThat(graph.findEdge("c", "a").orElseThrow().members().get("belief"))
          .isEqualTo(Value.of(0.5));
      assertThat(rebuilt.dimensions()).containsEntry("why", 1);
      assertThat(live(Kind.CONTEXT_GRAPH, "when_now").members().get("hubs"))
          .isEqualTo(value(List.of("a")));
      assertThat(live(Kind.CONTEXT_GRAPH, "why_social").members().get("hubs"))
          .isEqualTo(value(List.of("a")));
    }
  }
}

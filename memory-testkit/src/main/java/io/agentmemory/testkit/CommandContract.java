package io.agentmemory.testkit;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Embedding;
import io.agentmemory.ImageLink;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.DefineSpace;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.MoveMemory;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What the commands of an application do. */
abstract class CommandContract extends TwinStores {

  @Nested
  class FileNames {
    private static final String FILE = "a-b-c.md";

    @Test
    void givenFileNameThatIsTaken_whenItIsWanted_thenConflictByNameAndNothingChanges() {
      run(titled("b-c", "a"));

      MemoryConflictException taken = refused(MemoryConflictException.class, titled("c", "a b"));

      assertThat(taken).hasMessageContaining("file name of memory c is taken by memory b-c");
      assertThat(store.read(Kind.MEMORY, Key.of("c"))).isEmpty();
      run(put(new Memory("x", Tier.CORE, FILE, "", members("id", "x")), 1));
      refused(MemoryConflictException.class, new MoveMemory("x", Tier.ACTIVE));
      refused(
          MemoryConflictException.class,
          put(new Memory("y", Tier.CORE, FILE, "", members("id", "y")), 1));
      assertThat(memory("x").tier()).isEqualTo(Tier.CORE);
      run(new RecallMemory("b-c", AT));
      run(new ForgetMemory("b-c", 0));
      run(titled("c", "a b"));
      assertThat(memory("c").fileName()).isEqualTo(FILE);
    }

    @Test
    void givenOneBatch_whenNamesAreHandedOnOrSwapped_thenItDoes() {
      run(titled("b-c", "a"), put(new Memory("x", Tier.CORE, FILE, "", members("id", "x")), 1));

      run(new MoveMemory("b-c", Tier.CORE), new MoveMemory("x", Tier.ACTIVE));

      assertThat(memory("b-c").tier()).isEqualTo(Tier.CORE);
      assertThat(memory("x").tier()).isEqualTo(Tier.ACTIVE);
      run(titled("c", "a b"), new ForgetMemory("x", 0));
      assertThat(memory("c").fileName()).isEqualTo(FILE);
    }

    /** A new memory whose file is called by title and id. */
    private StoreMemory titled(String id, String title) {
      return new StoreMemory(
          id, AT, "content", title, List.of(), 0.5, null, List.of(), List.of(), Map.of());
    }
  }

  @Nested
  class Store {
    @Test
    void givenEmptyStore_whenStored_thenEveryMemberIsAsDocumented() {
      Outcome outcome =
          run(
              new StoreMemory(
                  "q7w2e9rt",
                  AT,
                  "Use a timeout on every call",
                  null,
                  List.of("api", "Api", "key: value"),
                  0.55,
                  "2026-02-31",
                  List.of("gone"),
                  List.of("gone", "elsewhere"),
                  Map.of("agents", List.of("lex"))));

      Memory memory = memory("q7w2e9rt");
      assertThat(memory.tier()).isEqualTo(Tier.ACTIVE);
      assertThat(memory.fileName()).isEqualTo("use-a-timeout-on-q7w2e9rt.md");
      assertThat(memory.content()).isEqualTo("Use a timeout on every call");
      assertThat(memory.members())
          .isEqualTo(
              members(
                  "id",
                  "q7w2e9rt",
                  "type",
                  "active",
                  "created",
                  AT,
                  "event_time",
                  "2026-02-31",
                  "tags",
                  List.of("api", "Api", "key: value"),
                  "emotional_weight",
                  0.55,
                  "recall_count",
                  0,
                  "co_occurrences",
                  Value.EMPTY_MAP,
                  "caused_by",
                  List.of("gone", "elsewhere"),
                  "leads_to",
                  List.of(),
                  "entities",
                  members("agents", List.of("lex"))));
      assertThat(outcome.changes()).hasSize(1);
      assertThat(outcome.changes().get(0).isInsert()).isTrue();
      assertThat(outcome.changes().get(0).before()).isNull();
      assertThat(outcome.live(Kind.MEMORY, Key.of("q7w2e9rt"))).contains(memory);
      assertThat(revision("q7w2e9rt")).isEqualTo(1);
      assertThat(stored(Kind.MEMORY, "q7w2e9rt").lastOp()).isEqualTo(outcome.opId());
    }

    @Test
    void givenStoredMemory_whenRead_thenMembersStandInTheOrderOfTheOriginal() throws Exception {
      run(StoreMemory.of("m", AT, "text"));
      reopenIfPossible();

      assertThat(memory("m").members().entries().keySet())
          .containsExactly(
              "id",
              "type",
              "created",
              "event_time",
              "tags",
              "emotional_weight",
              "recall_count",
              "co_occurrences",
              "caused_by",
              "leads_to");
    }

    @Test
    void givenTakenId_whenStored_thenConflictNamesItsRevision() {
      run(StoreMemory.of("m", AT, "first"));
      run(UpdateMemory.of("m").content("second"));

      MemoryConflictException taken =
          refused(MemoryConflictException.class, StoreMemory.of("m", AT, "third"));

      assertThat(taken.expectedRevision()).isZero();
      assertThat(taken.actualRevision()).isEqualTo(2);
      assertThat(memory("m").content()).isEqualTo("second");
    }

    @Test
    void givenForgottenId_whenStoredAgain_thenRevisionGoesOn() {
      run(StoreMemory.of("m", AT, "first"));
      run(new ForgetMemory("m", 0));
      assertThat(revision("m")).isEqualTo(2);

      Outcome outcome = run(StoreMemory.of("m", AT, "first"));

      assertThat(revision("m")).isEqualTo(3);
      assertThat(outcome.changes().get(0).isInsert()).isTrue();
      assertThat(requireNonNull(outcome.changes().get(0).before()).isTombstone()).isTrue();
    }

    @Test
    void givenCauses_whenStored_thenEachThatExistsLeadsToTheNewOneOnce() {
      run(StoreMemory.of("a", AT, "a"));
      run(StoreMemory.of("b", AT, "b"));
      StoreMemory caused = StoreMemory.of("c", AT, "c").withCausedBy(List.of("b", "gone", "b"));

      Outcome outcome =
          run(
              new StoreMemory(
                  "c",
                  AT,
                  "c",
                  null,
                  List.of(),
                  0.5,
                  null,
                  caused.causedBy(),
                  List.of("a", "b"),
                  Map.of()));

      assertThat(memory("c").causedBy()).containsExactly("b", "gone", "a");
      assertThat(memory("a").leadsTo()).containsExactly("c");
      assertThat(memory("b").leadsTo()).containsExactly("c");
      assertThat(outcome.changes().stream().map(c -> c.after().key().part(0)))
          .containsExactly("c", "b", "a");
      assertThat(revision("a")).isEqualTo(2);
    }

    @Test
    void givenCausesWithIrregularLeadsTo_whenStored_thenTheyAreLeftOrFilledIn() {
      run(
          put(
              record("text", "leads_to", "x"),
              record("null", "leads_to", Value.NULL),
              record("already", "leads_to", List.of("new")),
              record("absent"),
              new Memory("bare", Tier.CORE, "bare.md", "no front matter", null),
              new Memory("odd", Tier.CORE, "odd.md", "text for front matter", Value.of("x"))));

      run(
          StoreMemory.of("new", AT, "new")
              .withCausedBy(List.of("text", "null", "already", "absent", "bare", "odd", "new")));

      assertThat(memory("text").members().get("leads_to")).isEqualTo(Value.of("x"));
      assertThat(memory("null").leadsTo()).containsExactly("new");
      assertThat(revision("already")).isEqualTo(1);
      assertThat(memory("absent").leadsTo()).containsExactly("new");
      assertThat(memory("bare").leadsTo()).containsExactly("new");
      assertThat(revision("odd")).isEqualTo(1);
      assertThat(memory("new").leadsTo()).containsExactly("new");
    }

    @Test
    void givenTitlesAndIds_whenStored_thenFileNamesFollowTheLayout() {
      run(titled("abc", "A Title: of Größe 漢 and much more than thirty"));
      run(StoreMemory.of("def", AT, "  one\ttwo\n three four five"));
      run(StoreMemory.of("ghi", AT, "!!!"));
      run(StoreMemory.of("Upper", AT, "case"));
      run(StoreMemory.of("con", AT, "device"));
      run(StoreMemory.of("../../etc/passwd", AT, "path"));
      run(StoreMemory.of("dot.", AT, "dot"));

      assertThat(memory("abc").fileName()).isEqualTo("a-title-of-größe-漢-and-much-m-abc.md");
      assertThat(memory("def").fileName()).isEqualTo("one-two-three-four-def.md");
      assertThat(memory("ghi").fileName()).isEqualTo("-ghi.md");
      for (String odd : List.of("Upper", "con", "../../etc/passwd", "dot.")) {
        assertThat(memory(odd).fileName()).matches("[a-z-]*--[0-9a-f]{12}\\.md");
      }
    }

    private StoreMemory titled(String id, String title) {
      return new StoreMemory(
          id, AT, "text", title, List.of(), 0.5, null, List.of(), List.of(), Map.of());
    }

    @Test
    void givenDecomposedIdAndTags_whenStored_thenTheyAreComposed() {
      run(StoreMemory.of("cafe\u0301", AT, "cafe\u0301").withTags(List.of("re\u0301sume\u0301")));

      Memory memory = memory("caf\u00e9");
      assertThat(memory.tags()).containsExactly("r\u00e9sum\u00e9");
      assertThat(memory.content()).as("bodies stay as they are").isEqualTo("cafe\u0301");
      assertThat(store.read(Kind.MEMORY, Key.of("cafe\u0301"))).isEmpty();
      refused(MemoryConflictException.class, StoreMemory.of("cafe\u0301", AT, "again"));
      run(new RecallMemory("cafe\u0301", AT));
      assertThat(memory("caf\u00e9").recallCount()).isEqualTo(1);
    }

    @Test
    void givenOtherLineEnds_whenStored_thenTheyBecomeLineFeeds() {
      run(StoreMemory.of("m", AT, "a\r\nb\rc\n"));

      assertThat(memory("m").content()).isEqualTo("a\nb\nc\n");
    }

    @Test
    void givenOddBodies_whenStored_thenTheyComeBackVerbatim() throws Exception {
      List<String> bodies =
          List.of(
              "",
              "\n",
              "\n\n\n",
              " leading and trailing ",
              "---\nid: other\n---\n\nrule",
              "a\n---\nb",
              "---",
              "\ufeffBOM",
              "tab\tnext\u0085line\u2028sep\u0007bell",
              "\ud83d\ude00 \u202eright to left\u202c \u05d0",
              "no end of line",
              "end of line\n",
              "%s {} ${x} \\u0041");
      for (int i = 0; i < bodies.size(); i++) {
        run(
            "body " + i,
            io.agentmemory.command.Batch.of(StoreMemory.of("m" + i, AT, bodies.get(i))));
      }
      reopenIfPossible();
      for (int i = 0; i < bodies.size(); i++) {
        assertThat(memory("m" + i).content()).as("body %s", i).isEqualTo(bodies.get(i));
      }
    }

    @Test
    void givenWeights_whenStored_thenTheyAreFloatsToTheLastBit() {
      run(StoreMemory.of("a", AT, "a").withWeight(OptionalDouble.of(1)));
      run(StoreMemory.of("b", AT, "b").withWeight(OptionalDouble.of(0.1 + 0.2)));
      run(StoreMemory.of("c", AT, "c").withWeight(OptionalDouble.of(-7e300)));

      assertThat(memory("a").members().get("emotional_weight")).isEqualTo(Value.of(1.0));
      assertThat(memory("b").weight()).hasValue(0.30000000000000004);
      assertThat(memory("c").weight()).hasValue(-7e300);
    }
  }

  @Nested
  class Update {
    @Test
    void givenMemory_whenUpdated_thenWhatIsListedChangesAndTheRestStays() {
      run(put(record("m", "tags", List.of("old"), "x", 1, "y", Value.NULL, "z", "gone"), 1));

      Outcome outcome =
          run(
              UpdateMemory.of("m")
                  .content("new body")
                  .tags(List.of("new", "newer"))
                  .weight(0.9)
                  .set("x", Value.of(1.0))
                  .remove("z")
                  .remove("never there"));

      assertThat(memory("m"))
          .isEqualTo(
              record("m", "tags", List.of("new", "newer"), "x", 1.0, "y", Value.NULL)
                  .withContent("new body")
                  .withMembers(
                      members(
                          "id",
                          "m",
                          "created",
                          AT,
                          "tags",
                          List.of("new", "newer"),
                          "x",
                          1.0,
                          "y",
                          Value.NULL,
                          "emotional_weight",
                          0.9)));
      assertThat(revision("m")).isEqualTo(2);
      assertThat(outcome.changes()).hasSize(1);
      assertThat(outcome.changes().get(0).isInsert()).isFalse();
    }

    @Test
    void givenMembersInAnOrder_whenUpdated_thenSetOnesKeepTheirPlaceAndNewOnesComeLast()
        throws Exception {
      run(put(record("m", "zebra", 1, "apple", 2, "mango", 3), 1));

      run(
          UpdateMemory.of("m")
              .set("apple", Value.of(9L))
              .set("last", Value.of(0L))
              .remove("mango"));
      reopenIfPossible();

      assertThat(memory("m").members().entries().keySet())
          .containsExactly("id", "created", "zebra", "apple", "last");
    }

    @Test
    void givenExpectedRevision_whenItIsRight_thenUpdatedElseConflictCarriesBoth() {
      run(StoreMemory.of("m", AT, "one"));
      run(UpdateMemory.of("m").content("two").ifRevision(OptionalLong.of(1)));

      MemoryConflictException stale =
          refused(
              MemoryConflictException.class,
              UpdateMemory.of("m").content("lost update").ifRevision(OptionalLong.of(1)));

      assertThat(stale.expectedRevision()).isEqualTo(1);
      assertThat(stale.actualRevision()).isEqualTo(2);
    }

    @Test
    void givenNoSuchMemory_whenUpdated_thenConflictWithRevisionZero() {
      MemoryConflictException none =
          refused(MemoryConflictException.class, UpdateMemory.of("m").content("x"));

      assertThat(none.actualRevision()).isZero();
      assertThat(store.read(Kind.MEMORY, Key.of("m"))).isEmpty();
    }

    @Test
    void givenForgottenMemory_whenUpdated_thenConflict() {
      run(StoreMemory.of("m", AT, "x"));
      run(new ForgetMemory("m", 0));

      refused(MemoryConflictException.class, UpdateMemory.of("m").content("y"));
    }

    @Test
    void givenSameValues_whenUpdated_thenNothingChangesAndNoRevisionIsSpent() {
      run(StoreMemory.of("m", AT, "same").withTags(List.of("t")));

      Outcome outcome = run(UpdateMemory.of("m").content("same").tags(List.of("t")).weight(0.5));

      assertThat(outcome.changes()).isEmpty();
      assertThat(revision("m")).isEqualTo(1);
    }

    @Test
    void givenNothingListed_whenUpdated_thenNothingChanges() {
      run(StoreMemory.of("m", AT, "same"));

      assertThat(run(UpdateMemory.of("m")).changes()).isEmpty();
    }

    @Test
    void givenIntegerForFloat_whenUpdated_thenThatIsAChange() {
      run(put(record("m", "n", 1), 1));

      run(UpdateMemory.of("m").set("n", Value.of(1.0)));

      assertThat(revision("m")).isEqualTo(2);
      assertThat(memory("m").members().get("n")).isEqualTo(Value.of(1.0));
    }

    @Test
    void givenNullEmptyAndMissing_whenUpdated_thenTheyAreThreeThings() throws Exception {
      run(put(record("m", "a", 1, "b", 1, "c", 1, "d", 1, "e", 1), 1));

      run(
          UpdateMemory.of("m")
              .set("a", Value.NULL)
              .set("b", Value.EMPTY_SEQ)
              .set("c", Value.EMPTY_MAP)
              .set("d", Value.of(""))
              .remove("e"));
      reopenIfPossible();

      Value.Map members = memory("m").members();
      assertThat(members.get("a")).isEqualTo(Value.NULL);
      assertThat(members.get("b")).isEqualTo(Value.EMPTY_SEQ);
      assertThat(members.get("c")).isEqualTo(Value.EMPTY_MAP);
      assertThat(members.get("d")).isEqualTo(Value.of(""));
      assertThat(members.has("e")).isFalse();
    }

    @Test
    void givenMemoryWithoutFrontMatter_whenMembersAreSet_thenItGetsOne() {
      run(put(new Memory("bare", Tier.CORE, "bare.md", "just text\n", null), 1));

      run(UpdateMemory.of("bare").tags(List.of("t")));

      assertThat(memory("bare").frontMatter()).isEqualTo(members("tags", List.of("t")));
      assertThat(memory("bare").content()).isEqualTo("just text\n");
    }

    @Test
    void givenIrregularFrontMatter_whenBodyIsUpdated_thenItStaysAndMembersAreRefused() {
      run(put(new Memory("odd", Tier.CORE, "odd.md", "body", Value.of("a text")), 1));

      run(UpdateMemory.of("odd").content("other body"));
      InvalidMemoryException noMap =
          refused(InvalidMemoryException.class, UpdateMemory.of("odd").tags(List.of("t")));

      assertThat(noMap.field()).isEqualTo("front_matter");
      assertThat(memory("odd").frontMatter()).isEqualTo(Value.of("a text"));
      assertThat(memory("odd").content()).isEqualTo("other body");
    }

    @Test
    void givenMemberNameNotComposed_whenSet_thenItIsComposed() {
      run(StoreMemory.of("m", AT, "x"));

      run(UpdateMemory.of("m").set("e\u0301", Value.of(1L)));

      assertThat(memory("m").members().has("\u00e9")).isTrue();
    }
  }

  @Nested
  class Recall {
    @Test
    void givenMemory_whenRecalled_thenCountWeightTimeAndSessionsFollow() {
      run(put(record("m", "emotional_weight", 0.5, "recall_count", 4, "sessions_since_recall", 9)));

      run(new RecallMemory("m", "2026-03-01T00:00:00+00:00"));

      Value.Map members = memory("m").members();
      assertThat(members.get("recall_count")).isEqualTo(Value.of(5L));
      assertThat(members.get("emotional_weight")).isEqualTo(Value.of(0.55));
      assertThat(members.get("sessions_since_recall")).isEqualTo(Value.of(0L));
      assertThat(members.get("last_recalled")).isEqualTo(Value.of("2026-03-01T00:00:00+00:00"));
      assertThat(revision("m")).isEqualTo(2);
    }

    @Test
    void givenWeights_whenRecalled_thenEachRisesAsTheOriginalDoes() {
      run(
          put(
              record("half", "emotional_weight", 0.5),
              record("nearly", "emotional_weight", 0.98),
              record("int", "emotional_weight", 1),
              record("zero", "emotional_weight", 0),
              record("absent"),
              record("text", "emotional_weight", "high"),
              record("null", "emotional_weight", Value.NULL),
              record("above", "emotional_weight", 1.5),
              record("sum", "emotional_weight", 0.1)));

      for (String id :
          List.of("half", "nearly", "int", "zero", "absent", "text", "null", "above", "sum")) {
        run(new RecallMemory(id, AT));
      }

      assertThat(weight("half")).isEqualTo(Value.of(0.55));
      assertThat(weight("nearly")).isEqualTo(Value.of(1.0));
      assertThat(weight("int")).isEqualTo(Value.of(1.0));
      assertThat(weight("zero")).isEqualTo(Value.of(0.05));
      assertThat(weight("absent")).isEqualTo(Value.of(0.55));
      assertThat(weight("text")).isEqualTo(Value.of(0.55));
      assertThat(weight("null")).isEqualTo(Value.of(0.55));
      assertThat(weight("above")).isEqualTo(Value.of(1.0));
      assertThat(weight("sum")).isEqualTo(Value.of(0.1 + 0.05));
    }

    private Value weight(String id) {
      return requireNonNull(memory(id).members().get("emotional_weight"));
    }

    @Test
    void givenCounts_whenRecalled_thenEachGoesUpInItsOwnType() {
      run(
          put(
              record("int", "recall_count", 7),
              record("float", "recall_count", 7.0),
              record("text", "recall_count", "seven"),
              record("absent")));

      for (String id : List.of("int", "float", "text", "absent")) {
        run(new RecallMemory(id, AT));
      }

      assertThat(count("int")).isEqualTo(Value.of(8L));
      assertThat(count("float")).isEqualTo(Value.of(8.0));
      assertThat(count("text")).isEqualTo(Value.of(1L));
      assertThat(count("absent")).isEqualTo(Value.of(1L));
    }

    private Value count(String id) {
      return requireNonNull(memory(id).members().get("recall_count"));
    }

    @Test
    void givenMembersInAnOrder_whenRecalled_thenTheyKeepItAndNewOnesComeLast() throws Exception {
      run(put(record("m", "recall_count", 0, "zebra", 1, "emotional_weight", 0.5), 1));

      run(new RecallMemory("m", AT));
      reopenIfPossible();

      assertThat(memory("m").members().entries().keySet())
          .containsExactly(
              "id",
              "created",
              "recall_count",
              "zebra",
              "emotional_weight",
              "last_recalled",
              "sessions_since_recall");
    }

    @Test
    void givenNoSuchMemory_whenRecalled_thenNothingChanges() {
      run(StoreMemory.of("m", AT, "x"));
      run(new ForgetMemory("m", 0));

      assertThat(run(new RecallMemory("never", AT)).changes()).isEmpty();
      assertThat(run(new RecallMemory("m", AT)).changes()).isEmpty();
      assertThat(store.read(Kind.MEMORY, Key.of("never"))).isEmpty();
      assertThat(revision("m")).isEqualTo(2);
    }
  }

  @Nested
  class Forget {
    @Test
    void givenMemory_whenForgotten_thenWhatIsItsOwnGoesAndWhatOthersSayStays() {
      run(put(record("m"), record("other", "caused_by", List.of("m"))));
      run(
          put(
              VectorSpace.of("text", "model", 2),
              VectorSpace.of("more", "model", 1),
              VectorSpace.of("image", "model", 1),
              new CoOccurrence("m", "other", Value.of(1L)),
              new CoOccurrence("other", "m", Value.of(2L)),
              new io.agentmemory.Edge("m|other", members("belief", 0.5)),
              new io.agentmemory.Observation("m|other", 0, members("weight", 1.0)),
              vector("text", "m", 1, 2),
              vector("more", "m", 1),
              vector("text", "other", 1, 2),
              vector("image", "m", 1),
              new ImageLink(
                  "a.jpg",
                  value(List.of("m", "other", "Stored memory [m] -> name.md", "m", "mm", "[m]"))),
              new ImageLink("b.jpg", value(List.of("other"))),
              new ImageLink("c.jpg", value(List.of("m")))));

      Outcome outcome = run(new ForgetMemory("m", 0));

      assertThat(stored(Kind.MEMORY, "m").isTombstone()).isTrue();
      assertThat(stored(Kind.EMBEDDING, "text", "m").isTombstone()).isTrue();
      assertThat(stored(Kind.EMBEDDING, "more", "m").isTombstone()).isTrue();
      assertThat(stored(Kind.CO_OCCURRENCE, "m", "other").isTombstone()).isTrue();
      assertThat(live(Kind.IMAGE_LINK, "a.jpg").links())
          .isEqualTo(value(List.of("other", "mm", "[m]")));
      assertThat(live(Kind.IMAGE_LINK, "c.jpg").links()).isEqualTo(Value.EMPTY_SEQ);
      assertThat(outcome.changes()).hasSize(6);

      assertThat(live(Kind.CO_OCCURRENCE, "other", "m").count()).isEqualTo(Value.of(2L));
      assertThat(stored(Kind.EDGE, "m|other").isTombstone()).isFalse();
      assertThat(stored(Kind.OBSERVATION, "m|other", "00000000").isTombstone()).isFalse();
      assertThat(memory("other").causedBy()).containsExactly("m");
      assertThat(stored(Kind.EMBEDDING, "image", "m").isTombstone())
          .as("a file of that name is no memory")
          .isFalse();
      assertThat(stored(Kind.IMAGE_LINK, "b.jpg").revision()).isEqualTo(1);
    }

    @Test
    void givenExpectedRevision_whenForgotten_thenOnlyAtThatRevision() {
      run(StoreMemory.of("m", AT, "x"));
      run(new RecallMemory("m", AT));

      MemoryConflictException moved =
          refused(MemoryConflictException.class, new ForgetMemory("m", 1));
      run(new ForgetMemory("m", 2));

      assertThat(moved.actualRevision()).isEqualTo(2);
      assertThat(stored(Kind.MEMORY, "m").isTombstone()).isTrue();
      assertThat(revision("m")).isEqualTo(3);
    }

    @Test
    void givenNoSuchMemory_whenForgotten_thenConflictWithRevisionZero() {
      MemoryConflictException none =
          refused(MemoryConflictException.class, new ForgetMemory("m", 0));
      assertThat(none.actualRevision()).isZero();

      run(StoreMemory.of("m", AT, "x"));
      run(new ForgetMemory("m", 0));
      refused(MemoryConflictException.class, new ForgetMemory("m", 0));
    }

    @Test
    void givenIrregularLinks_whenTheirMemoryIsForgotten_thenTheyStayAsTheyAre() {
      run(
          put(
              record("m"),
              new ImageLink("text.jpg", Value.of("m")),
              new ImageLink("map.jpg", members("m", "m")),
              new ImageLink("mixed.jpg", value(List.of(1, "m", Value.NULL, List.of("m"))))));

      run(new ForgetMemory("m", 0));

      assertThat(stored(Kind.IMAGE_LINK, "text.jpg").revision()).isEqualTo(1);
      assertThat(stored(Kind.IMAGE_LINK, "map.jpg").revision()).isEqualTo(1);
      assertThat(live(Kind.IMAGE_LINK, "mixed.jpg").links())
          .isEqualTo(value(List.of(1, Value.NULL, List.of("m"))));
    }

    @Test
    void givenForgottenMemory_whenStoredAgain_thenNothingOfTheOldOneIsBack() {
      run(put(record("m"), VectorSpace.of("text", "model", 1), vector("text", "m", 1)));
      run(put(new CoOccurrence("m", "x", Value.of(1L)), 1));
      run(new ForgetMemory("m", 0));

      run(StoreMemory.of("m", AT, "new life"));

      assertThat(stored(Kind.EMBEDDING, "text", "m").isTombstone()).isTrue();
      assertThat(stored(Kind.CO_OCCURRENCE, "m", "x").isTombstone()).isTrue();
      run(new PutEmbedding(vector("text", "m", 2)));
      assertThat(stored(Kind.EMBEDDING, "text", "m").revision()).isEqualTo(3);
    }
  }

  @Nested
  class Move {
    @Test
    void givenMemory_whenMoved_thenOnlyItsTierChanges() {
      run(StoreMemory.of("m", AT, "x"));
      Memory before = memory("m");

      for (Tier tier : List.of(Tier.CORE, Tier.ARCHIVE, Tier.ACTIVE)) {
        run(new MoveMemory("m", tier));
        assertThat(memory("m")).isEqualTo(before.withTier(tier));
      }

      assertThat(revision("m")).isEqualTo(4);
      assertThat(memory("m").type()).contains("active");
    }

    @Test
    void givenSameTier_whenMoved_thenNothingChanges() {
      run(StoreMemory.of("m", AT, "x"));

      assertThat(run(new MoveMemory("m", Tier.ACTIVE)).changes()).isEmpty();
    }

    @Test
    void givenNoSuchMemory_whenMoved_thenConflict() {
      refused(MemoryConflictException.class, new MoveMemory("m", Tier.CORE));
    }

    @Test
    void givenMovedMemory_whenRecalled_thenItStaysInItsTier() {
      run(StoreMemory.of("m", AT, "x"));
      run(put(new CoOccurrence("m", "y", Value.of(1L)), 1));
      run(new MoveMemory("m", Tier.CORE));
      run(new RecallMemory("m", AT));

      assertThat(memory("m").tier()).isEqualTo(Tier.CORE);
      assertThat(live(Kind.CO_OCCURRENCE, "m", "y").count()).isEqualTo(Value.of(1L));
    }
  }

  @Nested
  class Spaces {
    @Test
    void givenSpace_whenDefinedAgain_thenNothingChangesUnlessItDiffers() {
      Outcome first = run(new DefineSpace(VectorSpace.of("text", "model", 3)));
      Outcome again = run(new DefineSpace(VectorSpace.of("text", "model", 3)));

      assertThat(first.changes()).hasSize(1);
      assertThat(again.changes()).isEmpty();
      refused(MemoryConflictException.class, new DefineSpace(VectorSpace.of("text", "model", 4)));
      refused(MemoryConflictException.class, new DefineSpace(VectorSpace.of("text", "other", 3)));
      assertThat(live(Kind.VECTOR_SPACE, "text").dimensions()).hasValue(3);
      assertThat(live(Kind.VECTOR_SPACE, "text").model()).contains("model");
    }

    @Test
    void givenSpaces_whenDefined_thenEachHasItsOwnVectors() {
      run(new DefineSpace(VectorSpace.of("text", "a", 2)));
      run(new DefineSpace(VectorSpace.of("image", "b", 3)));
      run(new DefineSpace(VectorSpace.of("my.own_space-2", "c", 1)));

      run(new PutEmbedding(vector("text", "m", 1, 2)));
      run(new PutEmbedding(vector("image", "m", 1, 2, 3)));
      run(new PutEmbedding(vector("my.own_space-2", "m", 1)));

      assertThat(live(Kind.EMBEDDING, "text", "m").dimensions()).isEqualTo(2);
      assertThat(live(Kind.EMBEDDING, "image", "m").dimensions()).isEqualTo(3);
      assertThat(live(Kind.EMBEDDING, "my.own_space-2", "m").dimensions()).isEqualTo(1);
    }

    @Test
    void givenBadNamesAndSizes_whenDefined_thenRefused() {
      for (String name : List.of("", " ", "a/b", "../x", "a b", "-a", ".a", "é", "x".repeat(65))) {
        assertThat(
                refused(
                        InvalidMemoryException.class,
                        new DefineSpace(VectorSpace.of(name, "model", 1)))
                    .field())
            .isEqualTo("name");
      }
      for (int dimensions : List.of(0, -1, 8193, Integer.MAX_VALUE)) {
        assertThat(
                refused(
                        InvalidMemoryException.class,
                        new DefineSpace(VectorSpace.of("text", "model", dimensions)))
                    .field())
            .isEqualTo("dimensions");
      }
    }

    @Test
    void givenDefinedSpaceAndLargestSizes_whenUsed_thenTheyAreHeld() {
      run(new DefineSpace(VectorSpace.of("x".repeat(64), "model", 8192)));
      float[] vector = new float[8192];
      for (int i = 0; i < vector.length; i++) {
        vector[i] = 1f / (i + 1);
      }

      run(new PutEmbedding(Embedding.of("x".repeat(64), "m", vector)));

      assertThat(live(Kind.EMBEDDING, "x".repeat(64), "m").vector()).isEqualTo(vector);
    }
  }

  @Nested
  class Embeddings {
    @Test
    void givenVectors_whenPut_thenTheirBitsComeBack() throws Exception {
      run(new DefineSpace(VectorSpace.of("text", "model", 8)));
      float[] odd = {
        0.1f, -0f, Float.MIN_VALUE, -Float.MIN_VALUE, Float.MIN_NORMAL, 1f / 3, 16777217f, -2.5e-20f
      };

      run(
          new PutEmbedding(
              Embedding.of("text", "m", odd, members("preview", "first words", "n", 1.0))));
      reopenIfPossible();

      Embedding found = live(Kind.EMBEDDING, "text", "m");
      odd[1] = 0f;
      for (int i = 0; i < odd.length; i++) {
        assertThat(Float.floatToRawIntBits(found.vector()[i]))
            .as("element %s", i)
            .isEqualTo(Float.floatToRawIntBits(odd[i]));
      }
      assertThat(found.members()).isEqualTo(members("preview", "first words", "n", 1.0));
    }

    @Test
    void givenVector_whenPutAgain_thenReplacedAndTheSameOneChangesNothing() {
      run(new DefineSpace(VectorSpace.of("text", "model", 2)));
      run(new PutEmbedding(vector("text", "m", 1, 2)));

      assertThat(run(new PutEmbedding(vector("text", "m", 1, 2))).changes()).isEmpty();
      Outcome other = run(new PutEmbedding(vector("text", "m", 2, 1)));

      assertThat(other.changes()).hasSize(1);
      Stored<Embedding> stored = stored(Kind.EMBEDDING, "text", "m");
      assertThat(stored.revision()).isEqualTo(2);
      assertThat(stored.live().orElseThrow().vector()).containsExactly(2, 1);
    }

    @Test
    void givenWrongLength_whenPut_thenRefused() {
      run(new DefineSpace(VectorSpace.of("text", "model", 2)));

      for (Embedding wrong : List.of(vector("text", "m", 1), vector("text", "m", 1, 2, 3))) {
        assertThat(refused(InvalidMemoryException.class, new PutEmbedding(wrong)).field())
            .isEqualTo("vector");
      }
    }

    @Test
    void givenUndefinedSpace_whenPut_thenRefused() {
      assertThat(
              refused(InvalidMemoryException.class, new PutEmbedding(vector("text", "m", 1)))
                  .field())
          .isEqualTo("space");
    }

    @Test
    void givenSpaceThatDoesNotSayItsLength_whenPut_thenAnyLengthWillDo() {
      run(put(new VectorSpace("text", members("model", "m")), 1));

      run(new PutEmbedding(vector("text", "a", 1)));
      run(new PutEmbedding(vector("text", "b", 1, 2)));
      refused(InvalidMemoryException.class, new PutEmbedding(vector("text", "c")));
    }

    @Test
    void givenNoSuchMemory_whenItsVectorIsPut_thenItDangles() {
      run(new DefineSpace(VectorSpace.of("text", "model", 1)));

      run(new PutEmbedding(vector("text", "nobody", 1)));

      assertThat(live(Kind.EMBEDDING, "text", "nobody").owners()).containsExactly("nobody");
    }

    @Test
    void givenNotANumber_whenPut_thenThereIsNoSuchVector() {
      for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
        assertThatExceptionOfType(IllegalArgumentException.class)
            .isThrownBy(() -> store.embeddings().put("text", "m", new float[] {1, bad}));
      }
    }
  }
}

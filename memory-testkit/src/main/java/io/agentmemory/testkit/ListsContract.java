package io.agentmemory.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Attestation;
import io.agentmemory.ContextGraph;
import io.agentmemory.DecayRun;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Kind;
import io.agentmemory.Lesson;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryRecord;
import io.agentmemory.NewLesson;
import io.agentmemory.NewRejection;
import io.agentmemory.OtherFile;
import io.agentmemory.Rejection;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.Vitals;
import io.agentmemory.command.AddLesson;
import io.agentmemory.command.AppendRecord;
import io.agentmemory.command.ContradictLesson;
import io.agentmemory.command.LogRejections;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.RecallLessons;
import io.agentmemory.command.ReplaceRecord;
import io.agentmemory.command.SupersedeLesson;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What the commands do whose records stand in lists. */
abstract class ListsContract extends GraphContract {

  private static AppendRecord append(Kind<?> kind, int keep, Value.Map members) {
    return new AppendRecord(kind, List.of(), members, keep);
  }

  /** The members of a list's records, in order. */
  final List<Value.Map> items(Kind<?> kind) {
    try (var scan = store.scan(kind)) {
      return scan.flatMap(stored -> stored.live().stream()).map(ListsContract::inner).toList();
    }
  }

  private static Value.Map inner(MemoryRecord record) {
    return record.tree().get("members") instanceof Value.Map members ? members : Value.EMPTY_MAP;
  }

  private static Value.Map run(int number) {
    return members("timestamp", AT, "decayed", number, "pruned", 0);
  }

  @Nested
  class Rejecting {
    @Test
    void givenLog_whenRejected_thenItsEndAndWhatStandsBesideItSaySo() {
      OtherFile beside =
          new OtherFile(".rejection_log.json", members("agent", "A", "count", 7, "stats", "s"));
      run(put(new Rejection(0, members("timestamp", "t", "category", "tweet"))), put(beside));

      run(
          new LogRejections(
              List.of(
                  NewRejection.of("post", "noise").tags("a", "b").source("moltx"),
                  NewRejection.of("bounty", "vague").target("t").context("c")),
              null,
              AT));

      assertThat(items(Kind.REJECTION).subList(1, 3))
          .containsExactly(
              members(
                  "timestamp",
                  AT,
                  "category",
                  "post",
                  "reason",
                  "noise",
                  "target",
                  Value.NULL,
                  "context",
                  Value.NULL,
                  "tags",
                  List.of("a", "b"),
                  "source",
                  "moltx"),
              members(
                  "timestamp",
                  AT,
                  "category",
                  "bounty",
                  "reason",
                  "vague",
                  "target",
                  "t",
                  "context",
                  "c",
                  "tags",
                  List.of(),
                  "source",
                  Value.NULL));
      assertThat(live(Kind.VALUE, ".rejection_log.json").value())
          .isEqualTo(
              members(
                  "agent", "A", "count", 3, "stats", "s", "version", "1.0", "last_updated", AT));
    }

    @Test
    void givenCategoryThatCannotBeLogged_whenRejected_thenNothingIsLogged() {
      InvalidMemoryException refused =
          refused(
              InvalidMemoryException.class,
              new LogRejections(
                  List.of(NewRejection.of("post", "noise"), NewRejection.of("tweet", "spam")),
                  "A",
                  AT));

      assertThat(refused.field()).isEqualTo("category");
    }
  }

  @Nested
  class Learning {
    private static final String ID = "lesson-4d7f18d2";

    private Lesson lesson(int place) {
      return live(Kind.LESSON, "0000000" + place);
    }

    @Test
    void givenLessonThatBeginsAlike_whenAdded_thenNothingChanges() {
      String beginning = "\u00c9".repeat(49) + "\ud83d\ude00";
      run(new AddLesson(NewLesson.of("api", beginning + " one"), AT));

      Outcome outcome =
          run(new AddLesson(NewLesson.of("memory", beginning.toLowerCase(Locale.ROOT)), AT));
      run(new AddLesson(NewLesson.of("api", "\u00c9".repeat(49)), AT));

      assertThat(outcome.changes()).isEmpty();
      assertThat(items(Kind.LESSON)).hasSize(2);
    }

    @Test
    void givenLesson_whenAdded_thenItIsAsTheOriginalWritesIt() {
      run(new AddLesson(NewLesson.of("api", "Use a timeout").evidence("e"), AT));

      assertThat(lesson(0).members())
          .isEqualTo(
              members(
                  "id",
                  ID,
                  "category",
                  "api",
                  "lesson",
                  "Use a timeout",
                  "evidence",
                  "e",
                  "source",
                  "manual",
                  "confidence",
                  0.7,
                  "created",
                  AT,
                  "recalled_count",
                  0,
                  "last_recalled",
                  Value.NULL));
    }

    @Test
    void givenLessons_whenRecalled_thenEachOfThatIdCountsOneMore() {
      run(put(new Lesson(1, members("id", "x", "recalled_count", 2))));
      run(put(new Lesson(3, members("id", "x")), new Lesson(4, members("lesson", "no id"))));

      Outcome outcome = run(new RecallLessons(List.of("x", "gone"), AT));

      assertThat(outcome.changes()).hasSize(2);
      assertThat(lesson(1).members())
          .isEqualTo(members("id", "x", "recalled_count", 3, "last_recalled", AT));
      assertThat(lesson(3).members().get("recalled_count")).isEqualTo(Value.of(1));
    }

    @Test
    void givenLesson_whenContradicted_thenEachContradictionHalvesItOnce() {
      run(new AddLesson(NewLesson.of("api", "Use a timeout"), AT));

      run(new ContradictLesson(ID, "m1", 0.5), new ContradictLesson(ID, "m2", 0.5));
      Outcome again = run(new ContradictLesson(ID, "m1", 0.5));

      assertThat(again.changes()).isEmpty();
      assertThat(lesson(0).members().get("confidence")).isEqualTo(Value.of(0.7 * 0.5 * 0.5));
      assertThat(lesson(0).members().get("contradicted_by"))
          .isEqualTo(Value.Seq.ofTexts(List.of("m1", "m2")));
      refused(MemoryConflictException.class, new ContradictLesson("gone", "m1", 0.5));
    }

    @Test
    void givenLessons_whenOneIsSuperseded_thenItIsKeptAndNoCircleIsLetIn() {
      run(
          put(
              new Lesson(0, members("id", "a")),
              new Lesson(1, members("id", "b")),
              new Lesson(2, members("id", "c"))));

      run(new SupersedeLesson("a", "b"), new SupersedeLesson("b", "c"));
      assertThat(run(new SupersedeLesson("a", "b")).changes()).isEmpty();

      assertThat(lesson(0).supersededBy()).contains("b");
      refused(InvalidMemoryException.class, new SupersedeLesson("c", "a"));
      refused(InvalidMemoryException.class, new SupersedeLesson("a", "a"));
      refused(MemoryConflictException.class, new SupersedeLesson("a", "gone"));
    }
  }

  @Nested
  class Appending {
    @Test
    void givenLists_whenAppended_thenEachGoesOnAfterItsLast() {
      Value.Map root = members("merkle_root", "r");
      Value.Map event = members("event_id_hex", "e");
      run(put(new Attestation(Attestation.MERKLE, Attestation.LATEST, root)));
      run(put(new Vitals(2, members("timestamp", AT))));

      run(
          new AppendRecord(Kind.ATTESTATION, List.of(Attestation.NOSTR), event, AppendRecord.ALL),
          new AppendRecord(Kind.ATTESTATION, List.of(Attestation.MERKLE), root, AppendRecord.ALL),
          new AppendRecord(Kind.ATTESTATION, List.of(Attestation.NOSTR), event, AppendRecord.ALL),
          append(Kind.VITALS, 100, members("timestamp", "later")));

      assertThat(live(Kind.ATTESTATION, Attestation.NOSTR, "00000001").members()).isEqualTo(event);
      assertThat(live(Kind.ATTESTATION, Attestation.MERKLE, "00000000").members()).isEqualTo(root);
      assertThat(live(Kind.VITALS, "00000003").members()).isEqualTo(members("timestamp", "later"));
    }

    @Test
    void givenMoreThanAreKept_whenAppended_thenTheOthersMoveUpAndTheOldestGo() {
      for (int i = 0; i < 3; i++) {
        run(append(Kind.DECAY_RUN, 3, run(i)));
      }
      assertThat(stored(Kind.DECAY_RUN, "00000000").revision()).isEqualTo(1);

      run(append(Kind.DECAY_RUN, 3, run(3)), append(Kind.DECAY_RUN, 3, run(4)));

      assertThat(items(Kind.DECAY_RUN)).containsExactly(run(2), run(3), run(4));
      assertThat(stored(Kind.DECAY_RUN, "00000000").revision()).isEqualTo(2);
      assertThat(store.read(Kind.DECAY_RUN, DecayRun.key(3)))
          .isEmpty(); // came and went in one batch
    }

    @Test
    void givenListThatWasCutShort_whenAppended_thenItsOldPlacesAreUsedAgain() {
      for (int i = 0; i < 4; i++) {
        run(append(Kind.DECAY_RUN, AppendRecord.ALL, run(i)));
      }
      run(append(Kind.DECAY_RUN, 2, run(4)));
      assertThat(items(Kind.DECAY_RUN)).containsExactly(run(3), run(4));
      assertThat(stored(Kind.DECAY_RUN, "00000003").isTombstone()).isTrue();
      run(append(Kind.DECAY_RUN, 3, run(5)));
      run(append(Kind.DECAY_RUN, 4, run(6)));

      assertThat(items(Kind.DECAY_RUN)).containsExactly(run(3), run(4), run(5), run(6));
      Stored<DecayRun> last = stored(Kind.DECAY_RUN, "00000003");
      assertThat(last.live()).contains(new DecayRun(3, run(6)));
      assertThat(last.revision()).isEqualTo(3);
    }

    @Test
    void givenListWithGaps_whenItGetsTooLong_thenItHasNone() {
      run(put(new DecayRun(0, run(0)), new DecayRun(4, run(1)), new DecayRun(7, run(2))));

      run(append(Kind.DECAY_RUN, 5, run(3)));

      assertThat(items(Kind.DECAY_RUN)).containsExactly(run(0), run(1), run(2), run(3));
      assertThat(live(Kind.DECAY_RUN, "00000003").members()).isEqualTo(run(3));
    }
  }

  @Nested
  class Replacing {
    @Test
    void givenRecordOrTombstoneOrNone_whenReplaced_thenItIsTheNewOneAtTheNextRevision() {
      ContextGraph graph = new ContextGraph("who", members("hubs", List.of("a")));
      run(put(graph, 4));
      run(delete(new ContextGraph("why", Value.EMPTY_MAP), 2));

      for (String name : List.of("who", "why", "where")) {
        run(new ReplaceRecord(new ContextGraph(name, members("n", 1)), ReplaceRecord.ANY));
      }

      assertThat(live(Kind.CONTEXT_GRAPH, "who").members()).isEqualTo(members("n", 1));
      assertThat(stored(Kind.CONTEXT_GRAPH, "who").revision()).isEqualTo(5);
      assertThat(stored(Kind.CONTEXT_GRAPH, "why").revision()).isEqualTo(3);
      assertThat(stored(Kind.CONTEXT_GRAPH, "where").revision()).isEqualTo(1);
    }

    @Test
    void givenAnotherRevisionThanExpected_whenReplaced_thenConflict() {
      Attestation latest =
          new Attestation(Attestation.MERKLE, Attestation.LATEST, members("merkle_root", "r"));
      run(new ReplaceRecord(latest, 0));

      assertThat(
              refused(MemoryConflictException.class, new ReplaceRecord(latest, 0)).actualRevision())
          .isEqualTo(1);
      assertThat(run(new ReplaceRecord(latest, 1)).changes()).as("nothing new").isEmpty();
    }
  }
}

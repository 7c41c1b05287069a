package io.agentmemory.testkit;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Attestation;
import io.agentmemory.CoOccurrence;
import io.agentmemory.ContextGraph;
import io.agentmemory.DecayRun;
import io.agentmemory.Edge;
import io.agentmemory.Fingerprint;
import io.agentmemory.ImageLink;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Leaf;
import io.agentmemory.Lesson;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Observation;
import io.agentmemory.OpId;
import io.agentmemory.OtherFile;
import io.agentmemory.PendingCoOccurrence;
import io.agentmemory.Rejection;
import io.agentmemory.Session;
import io.agentmemory.SessionRecall;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.Vitals;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.DefineSpace;
import io.agentmemory.command.DeleteRecords;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.MoveMemory;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.Outcome.Skip;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What the state commands of a backfill do, and what holds for batches of any commands. */
abstract class StateContract extends CommandContract {

  static List<MemoryRecord> oneOfEachKind() {
    return List.of(
        record("m", "co_occurrences", Value.EMPTY_MAP, "tags", List.of("t")),
        VectorSpace.of("text", "model", 2),
        new CoOccurrence("m", "other", Value.of(2.5)),
        new Edge("m|other", members("belief", 0.5, Edge.OBSERVATIONS, Value.EMPTY_SEQ)),
        new Observation("m|other", 0, members("weight", 1.0)),
        vector("text", "m", 1, 2),
        new ImageLink("a.jpg", value(List.of("m"))),
        new Session(
            members(
                "started",
                "2026-02-10T07:00:00+00:00",
                Session.RECALLS,
                Value.EMPTY_MAP.with("manual", Value.EMPTY_SEQ))),
        new SessionRecall("manual", "m"),
        new Rejection(0, members("timestamp", AT, "reason", "too vague")),
        new Lesson(0, members("lesson", "Use a timeout")),
        new ContextGraph("who", members("hubs", List.of("m"))),
        new OtherFile("vocabulary_map.json", members("term", "synonym")),
        new PendingCoOccurrence(members("retrieved", List.of("m", "n"), "agent", "A")),
        new Fingerprint(0, members("timestamp", AT, "edge_count", 3L)),
        new Vitals(0, members("timestamp", AT, "metrics", Value.EMPTY_MAP)),
        new DecayRun(0, members("timestamp", "2026-02-31", "decayed", 5L, "pruned", 0L)),
        new Attestation(
            Attestation.MERKLE, "00000000", members("timestamp", AT, "merkle_root", "5d")));
  }

  static Skip.Reason onlySkip(Outcome outcome) {
    assertThat(outcome.changes()).isEmpty();
    assertThat(outcome.skipped()).hasSize(1);
    return outcome.skipped().get(0).reason();
  }

  @Nested
  class Puts {
    @Test
    void givenOneOfEachKind_whenPut_thenEachIsThereAtItsRevision() {
      int revision = 3;
      for (MemoryRecord record : oneOfEachKind()) {
        Outcome outcome = run(put(record, revision));

        assertThat(outcome.changes()).as("%s", record.kind()).hasSize(1);
        Stored<?> stored = store.read(record.kind(), record.key()).orElseThrow();
        assertThat(stored.value()).isEqualTo(record);
        assertThat(stored.revision()).isEqualTo(revision++);
        assertThat(stored.lastOp()).isEqualTo(outcome.opId());
      }
    }

    @Test
    void givenOneOfEachKind_whenPutTwice_thenTheSecondTimeNothingChanges() {
      run(put(oneOfEachKind().toArray(MemoryRecord[]::new)));

      Outcome again = run(put(oneOfEachKind().toArray(MemoryRecord[]::new)));

      assertThat(again.changes()).isEmpty();
      assertThat(again.skipped()).hasSize(oneOfEachKind().size());
      assertThat(again.skipped()).allSatisfy(s -> assertThat(s.reason()).isEqualTo(unchanged()));
    }

    private Skip.Reason unchanged() {
      return Skip.Reason.UNCHANGED;
    }

    @Test
    void givenLiveRecord_whenOtherStatesArrive_thenEachIsTakenOrSkippedWithItsReason() {
      Memory memory = record("m");
      Memory other = record("m").withContent("other");
      run(put(memory, 5));

      assertThat(onlySkip(run(put(memory, 5)))).isEqualTo(Skip.Reason.UNCHANGED);
      assertThat(onlySkip(run(put(memory, 4)))).isEqualTo(Skip.Reason.NEWER);
      assertThat(onlySkip(run(put(other, 4)))).isEqualTo(Skip.Reason.NEWER);
      assertThat(onlySkip(run(put(other, 5)))).isEqualTo(Skip.Reason.DIFFERENT);
      assertThat(run(put(memory, 6)).changes()).as("only the revision").hasSize(1);
      assertThat(revision("m")).isEqualTo(6);
      assertThat(run(put(other, 9)).changes()).hasSize(1);
      assertThat(memory("m")).isEqualTo(other);
      assertThat(revision("m")).isEqualTo(9);
    }

    @Test
    void givenTombstone_whenStatesArrive_thenOnlyAHigherRevisionRevives() {
      run(put(record("m"), 5));
      run(delete(record("m"), 7));

      assertThat(onlySkip(run(put(record("m"), 6)))).isEqualTo(Skip.Reason.DELETED);
      assertThat(onlySkip(run(put(record("m"), 7)))).isEqualTo(Skip.Reason.DELETED);
      assertThat(stored(Kind.MEMORY, "m").isTombstone()).isTrue();
      Outcome revived = run(put(record("m"), 8));

      assertThat(revived.changes().get(0).isInsert()).isTrue();
      assertThat(revision("m")).isEqualTo(8);
    }

    @Test
    void givenCopyOfABackfill_whenSourceDiffersAtTheSameRevision_thenOverwritten() {
      run(copy(put(record("m"), 1)));
      assertThat(stored(Kind.MEMORY, "m").lastOp())
          .satisfies(op -> assertThat(op.isCopy()).isTrue());

      Outcome outcome = run(copy(put(record("m").withContent("edited in the source"), 1)));

      assertThat(outcome.changes()).hasSize(1);
      assertThat(memory("m").content()).isEqualTo("edited in the source");
      assertThat(revision("m")).isEqualTo(1);
    }

    @Test
    void givenCopyThatTheApplicationChanged_whenBackfilledAgain_thenLeftAlone() {
      run(copy(put(record("m"), 1)));
      run(UpdateMemory.of("m").content("written here"));

      assertThat(onlySkip(run(copy(put(record("m").withContent("source"), 1)))))
          .isEqualTo(Skip.Reason.NEWER);
      assertThat(onlySkip(run(copy(put(record("m").withContent("source"), 2)))))
          .isEqualTo(Skip.Reason.DIFFERENT);
      assertThat(memory("m").content()).isEqualTo("written here");
    }

    @Test
    void givenRevisionsShuffled_whenPut_thenTheHighestWins() {
      for (long seed = 0; seed < 20; seed++) {
        List<Integer> revisions = new ArrayList<>();
        for (int i = 1; i <= 12; i++) {
          revisions.add(i);
        }
        Collections.shuffle(revisions, new Random(seed));
        String id = "m" + seed;
        for (int revision : revisions) {
          run("seed " + seed, Batch.of(put(record(id).withContent("r" + revision), revision)));
        }
        assertThat(memory(id).content()).as("seed %s", seed).isEqualTo("r12");
        assertThat(revision(id)).as("seed %s", seed).isEqualTo(12);
      }
    }

    @Test
    void givenOneRecordTwiceInACommand_whenPut_thenTheSecondSeesTheFirst() {
      Outcome outcome =
          run(
              new PutRecords(
                  List.of(
                      new PutRecords.Put(record("m").withContent("two"), 2),
                      new PutRecords.Put(record("m").withContent("one"), 1),
                      new PutRecords.Put(record("m").withContent("three"), 3))));

      assertThat(outcome.changes()).hasSize(1);
      assertThat(outcome.skipped()).hasSize(1);
      assertThat(memory("m").content()).isEqualTo("three");
      assertThat(revision("m")).isEqualTo(3);
    }

    @Test
    void givenNoContainer_whenItsRecordIsPut_thenRefused() {
      refused(InvalidMemoryException.class, put(new CoOccurrence("none", "x", Value.of(1L)), 1));
      refused(InvalidMemoryException.class, put(new Observation("a|b", 0, members()), 1));
      refused(InvalidMemoryException.class, put(vector("none", "m", 1), 1));
    }

    @Test
    void givenDeletedContainer_whenItsRecordIsPut_thenSkippedAsDeleted() {
      run(put(record("m"), new Edge("a|b", members())));
      run(delete(record("m"), 2), delete(new Edge("a|b", members()), 2));

      assertThat(onlySkip(run(put(new CoOccurrence("m", "x", Value.of(1L)), 9))))
          .isEqualTo(Skip.Reason.DELETED);
      assertThat(onlySkip(run(put(new Observation("a|b", 0, members()), 9))))
          .isEqualTo(Skip.Reason.DELETED);
    }

    @Test
    void givenContainerInTheSameBatch_whenPut_thenItsRecordsGoWithIt() {
      Outcome outcome = run(put(oneOfEachKind().toArray(MemoryRecord[]::new)));

      assertThat(outcome.changes()).hasSize(oneOfEachKind().size());
      assertThat(outcome.skipped()).isEmpty();
    }

    @Test
    void givenContainerWithoutTheMember_whenItsRecordIsPut_thenTheMemberAppears() {
      run(put(record("m"), new Edge("a|b", members("observations", Value.NULL))));
      run(put(new CoOccurrence("m", "x", Value.of(1L)), new Observation("a|b", 0, members())));

      assertThat(memory("m").members().get("co_occurrences")).isEqualTo(Value.EMPTY_MAP);
      assertThat(revision("m")).isEqualTo(2);
      assertThat(live(Kind.EDGE, "a|b").members().get("observations")).isEqualTo(Value.EMPTY_SEQ);
    }

    @Test
    void givenContainerWithIrregularMember_whenItsRecordIsPut_thenRefused() {
      run(
          put(
              record("m", "co_occurrences", "text"),
              new Memory("odd", Tier.CORE, "odd.md", "b", Value.of("text")),
              new Edge("a|b", members("observations", 7))));

      refused(InvalidMemoryException.class, put(new CoOccurrence("m", "x", Value.of(1L)), 1));
      refused(InvalidMemoryException.class, put(new CoOccurrence("odd", "x", Value.of(1L)), 1));
      refused(InvalidMemoryException.class, put(new Observation("a|b", 0, members()), 1));
    }

    @Test
    void givenStoredRecords_whenMadeIntoPuts_thenTombstonesAreLeftOut() throws Exception {
      run(put(oneOfEachKind().toArray(MemoryRecord[]::new)));
      run(delete(new ImageLink("a.jpg", Value.EMPTY_SEQ), 2));

      List<Stored<?>> all = new ArrayList<>();
      for (Kind<?> kind : Kind.all()) {
        try (var scan = store.scan(kind)) {
          scan.forEach(all::add);
        }
      }
      var target = another("target");
      target.execute(PutRecords.of(all));

      assertThat(all).hasSize(oneOfEachKind().size());
      assertThat(target.info().kinds())
          .allSatisfy(
              (kind, count) ->
                  assertThat(count).as("%s", kind).isEqualTo(kind == Kind.IMAGE_LINK ? 0 : 1));
      assertThat(target.info().tombstones().values()).containsOnly(0L);
    }

    @Test
    void givenEmptyList_whenPut_thenNothingHappens() {
      assertThat(run(new PutRecords(List.of())).changes()).isEmpty();
      assertThat(run(new DeleteRecords(List.of())).changes()).isEmpty();
    }
  }

  @Nested
  class Deletes {
    @Test
    void givenOneOfEachKind_whenDeleted_thenATombstoneAtThatRevision() {
      run(put(oneOfEachKind().toArray(MemoryRecord[]::new)));
      List<MemoryRecord> records = new ArrayList<>(oneOfEachKind());
      Collections.reverse(records);
      for (MemoryRecord record : records) {
        if (record instanceof VectorSpace) {
          continue;
        }
        Outcome outcome = run(delete(record, 4));

        assertThat(outcome.changes()).as("%s", record.kind()).hasSize(1);
        Stored<?> stored = store.read(record.kind(), record.key()).orElseThrow();
        assertThat(stored.isTombstone()).isTrue();
        assertThat(stored.revision()).isEqualTo(4);
        assertThat(stored.lastOp()).isEqualTo(outcome.opId());
      }
    }

    @Test
    void givenSpace_whenDeleted_thenRefused() {
      run(put(VectorSpace.of("text", "model", 1), 1));

      refused(InvalidMemoryException.class, delete(VectorSpace.of("text", "model", 1), 2));
    }

    @Test
    void givenStates_whenDeletesArrive_thenEachIsTakenOrSkippedWithItsReason() {
      run(put(record("m"), 5));

      assertThat(onlySkip(run(delete(record("m"), 4)))).isEqualTo(Skip.Reason.NEWER);
      assertThat(onlySkip(run(delete(record("m"), 5)))).isEqualTo(Skip.Reason.DIFFERENT);
      assertThat(run(delete(record("m"), 6)).changes()).hasSize(1);
      assertThat(onlySkip(run(delete(record("m"), 6)))).isEqualTo(Skip.Reason.UNCHANGED);
      assertThat(onlySkip(run(delete(record("m"), 3)))).isEqualTo(Skip.Reason.DELETED);
      assertThat(run(delete(record("m"), 8)).changes()).as("a later deletion").hasSize(1);
      assertThat(revision("m")).isEqualTo(8);
    }

    @Test
    void givenRecordsNeverSeen_whenDeleted_thenTombstonesRememberIt() {
      for (MemoryRecord record : oneOfEachKind()) {
        if (!(record instanceof VectorSpace)) {
          run(delete(record, 3));
          Stored<?> stored = store.read(record.kind(), record.key()).orElseThrow();
          assertThat(stored.isTombstone()).as("%s", record.kind()).isTrue();
        }
      }
      assertThat(onlySkip(run(put(record("m"), 3)))).isEqualTo(Skip.Reason.DELETED);
    }

    @Test
    void givenMemoryWithEntries_whenItsStateIsDeleted_thenItsEntriesGoAndItsVectorsStay() {
      run(put(oneOfEachKind().toArray(MemoryRecord[]::new)));

      Outcome outcome = run(delete(record("m"), 9));

      assertThat(outcome.changes()).hasSize(2);
      assertThat(revision("m")).isEqualTo(9);
      assertThat(stored(Kind.CO_OCCURRENCE, "m", "other").isTombstone()).isTrue();
      assertThat(stored(Kind.CO_OCCURRENCE, "m", "other").revision()).isEqualTo(2);
      assertThat(stored(Kind.EMBEDDING, "text", "m").isTombstone()).isFalse();
      assertThat(live(Kind.IMAGE_LINK, "a.jpg").links()).isEqualTo(value(List.of("m")));
    }

    @Test
    void givenEdgeWithObservations_whenDeleted_thenTheyGoWithIt() {
      run(put(new Edge("a|b", members()), new Edge("a|c", members())));
      for (int i = 0; i < 12; i++) {
        run(put(new Observation("a|b", i, members("n", i)), 1));
      }
      run(put(new Observation("a|c", 0, members()), 1));

      run(delete(new Edge("a|b", members()), 4));

      for (int i = 0; i < 12; i++) {
        assertThat(
                store.read(Kind.OBSERVATION, Observation.key("a|b", i)).orElseThrow().isTombstone())
            .isTrue();
      }
      assertThat(stored(Kind.OBSERVATION, "a|c", "00000000").isTombstone()).isFalse();
    }

    @Test
    void givenDeletedMemory_whenOnlyTheEntryIsDeletedToo_thenItsTombstoneRises() {
      run(put(oneOfEachKind().toArray(MemoryRecord[]::new)));
      run(delete(record("m"), 2));

      run(delete(new CoOccurrence("m", "other", Value.of(1L)), 5));

      assertThat(stored(Kind.CO_OCCURRENCE, "m", "other").revision()).isEqualTo(5);
    }
  }

  @Nested
  class Batches {
    @Test
    void givenLaterCommands_whenRun_thenTheySeeEarlierOnesAndEachRecordGetsOneRevision() {
      Outcome outcome =
          run(
              StoreMemory.of("a", AT, "a"),
              StoreMemory.of("b", AT, "b").withCausedBy(List.of("a")),
              UpdateMemory.of("a").content("a2"),
              new RecallMemory("a", AT),
              new RecallMemory("a", AT),
              new MoveMemory("b", Tier.CORE),
              new DefineSpace(VectorSpace.of("text", "model", 1)),
              new PutEmbedding(vector("text", "a", 1)),
              new PutEmbedding(vector("text", "a", 2)));

      assertThat(outcome.changes()).hasSize(4);
      assertThat(outcome.changes()).allSatisfy(c -> assertThat(c.after().revision()).isEqualTo(1));
      assertThat(memory("a").content()).isEqualTo("a2");
      assertThat(memory("a").recallCount()).isEqualTo(2);
      assertThat(memory("a").leadsTo()).containsExactly("b");
      assertThat(memory("b").tier()).isEqualTo(Tier.CORE);
      assertThat(live(Kind.EMBEDDING, "text", "a").vector()).containsExactly(2);
    }

    @Test
    void givenLastCommandFails_whenRun_thenNothingOfTheBatchIsThere() {
      run(put(oneOfEachKind().toArray(MemoryRecord[]::new)));
      List<Command> good =
          List.of(
              StoreMemory.of("new", AT, "x").withCausedBy(List.of("m")),
              UpdateMemory.of("m").content("changed"),
              new PutEmbedding(vector("text", "m", 9, 9)),
              put(new Observation("m|other", 1, members()), 1),
              new DefineSpace(VectorSpace.of("another", "model", 1)),
              new ForgetMemory("m", 0));
      List<Command> bad =
          List.of(
              UpdateMemory.of("none").content("x"),
              StoreMemory.of("new", AT, "again"),
              StoreMemory.of("nul", AT, "\0"),
              new PutEmbedding(vector("nowhere", "m", 1)),
              new MoveMemory("m", Tier.CORE));
      for (Command last : bad) {
        List<Command> commands = new ArrayList<>(good);
        commands.add(last);
        refused(io.agentmemory.MemoryStoreException.class, commands.toArray(Command[]::new));
      }
    }

    @Test
    void givenRecordMadeAndForgottenInOneBatch_whenRun_thenItNeverWas() {
      Outcome outcome = run(StoreMemory.of("m", AT, "x"), new ForgetMemory("m", 0));

      assertThat(outcome.changes()).isEmpty();
      assertThat(store.read(Kind.MEMORY, Key.of("m"))).isEmpty();
    }

    @Test
    void givenMemoryForgottenAndStoredInOneBatch_whenRun_thenOneRevisionOn() {
      run(put(oneOfEachKind().toArray(MemoryRecord[]::new)));

      run(new ForgetMemory("m", 0), StoreMemory.of("m", AT, "new"));

      assertThat(revision("m")).isEqualTo(2);
      assertThat(stored(Kind.CO_OCCURRENCE, "m", "other").isTombstone()).isTrue();
    }

    @Test
    void givenChangeAndItsReverseInOneBatch_whenRun_thenNothingChanged() {
      run(StoreMemory.of("m", AT, "x"));

      Outcome outcome = run(new MoveMemory("m", Tier.CORE), new MoveMemory("m", Tier.ACTIVE));

      assertThat(outcome.changes()).isEmpty();
      assertThat(revision("m")).isEqualTo(1);
    }

    @Test
    void givenBelongingsPutInTheBatch_whenForgotten_thenTheyGoToo() {
      run(put(record("m"), VectorSpace.of("text", "model", 1)));

      run(
          new PutEmbedding(vector("text", "m", 1)),
          put(
              new CoOccurrence("m", "x", Value.of(1L)),
              new ImageLink("a.jpg", value(List.of("m")))),
          new ForgetMemory("m", 0));

      assertThat(store.read(Kind.EMBEDDING, Key.of("text", "m"))).isEmpty();
      assertThat(stored(Kind.CO_OCCURRENCE, "m", "x").isTombstone())
          .as("a state that came from elsewhere leaves a tombstone")
          .isTrue();
      assertThat(stored(Kind.CO_OCCURRENCE, "m", "x").revision()).isEqualTo(2);
      assertThat(live(Kind.IMAGE_LINK, "a.jpg").links()).isEqualTo(Value.EMPTY_SEQ);
    }

    @Test
    void givenAThousandCommands_whenRun_thenAllOfThemTakeEffect() {
      List<Command> commands = new ArrayList<>();
      for (int i = 0; i < Batch.MAX_COMMANDS; i++) {
        commands.add(StoreMemory.of("m" + i, AT, "text " + i).withTags(List.of("t" + i % 7)));
      }

      Outcome outcome = run(Batch.of(commands));

      assertThat(outcome.changes()).hasSize(1000);
      assertThat(store.info().kinds().get(Kind.MEMORY)).isEqualTo(1000);
    }

    @Test
    void givenAThousandRecords_whenPutInOneCommand_thenAllAreThere() {
      List<MemoryRecord> records = new ArrayList<>();
      records.add(new Edge("a|b", members()));
      for (int i = 0; i < 2000; i++) {
        records.add(new Observation("a|b", i, members("weight", i / 7.0)));
      }

      run(put(records.toArray(MemoryRecord[]::new)));

      assertThat(store.info().kinds().get(Kind.OBSERVATION)).isEqualTo(2000);
    }

    @Test
    void givenOneThatChangesNothing_whenRepeatedAndMixed_thenNoRevisionIsSpent() {
      run(StoreMemory.of("m", AT, "x"));

      Outcome outcome =
          run(
              new MoveMemory("m", Tier.ACTIVE),
              new RecallMemory("none", AT),
              UpdateMemory.of("m").content("x"),
              put(record("n"), 1));

      assertThat(outcome.changes()).hasSize(1);
      assertThat(revision("m")).isEqualTo(1);
    }
  }

  @Nested
  class Repeats {
    @Test
    void givenAppliedBatch_whenRepeated_thenItTakesNoEffectAndSaysSo() throws Exception {
      run(StoreMemory.of("m", AT, "x"));
      Batch recall = Batch.of(List.of(new RecallMemory("m", AT), StoreMemory.of("n", AT, "n")));
      Outcome first = run(recall);

      Outcome second = run(recall);
      reopenIfPossible();
      Outcome third = store.execute(recall);

      assertThat(first.repeated()).isFalse();
      for (Outcome again : List.of(second, third)) {
        assertThat(again.repeated()).isTrue();
        assertThat(again.opId()).isEqualTo(first.opId());
        assertThat(again.skipped()).isEmpty();
        assertThat(again.live(Kind.MEMORY, Key.of("m"))).contains(memory("m"));
        assertThat(again.live(Kind.MEMORY, Key.of("n"))).contains(memory("n"));
      }
      assertThat(memory("m").recallCount()).isEqualTo(1);
    }

    @Test
    void givenLaterWrites_whenAnEarlierBatchIsRepeated_thenItStillTakesNoEffect() throws Exception {
      run(StoreMemory.of("m", AT, "x"));
      Batch recall = Batch.of(new RecallMemory("m", AT));
      run(recall);
      run(UpdateMemory.of("m").content("later"));
      for (int i = 0; i < 5; i++) {
        run(new RecallMemory("m", AT));
      }
      reopenIfPossible();

      Outcome again = store.execute(recall);

      assertThat(again.repeated()).isTrue();
      assertThat(memory("m").recallCount()).isEqualTo(6);
      assertThat(memory("m").content()).isEqualTo("later");
      assertThat(revision("m")).isEqualTo(8);
    }

    @Test
    void givenBatchThatChangedNothing_whenRepeatedLater_thenItStillChangesNothing()
        throws Exception {
      Batch recall = Batch.of(new RecallMemory("m", AT));
      run(recall);
      run(StoreMemory.of("m", AT, "x"));
      reopenIfPossible();

      Outcome again = store.execute(recall);

      assertThat(again.repeated()).isTrue();
      assertThat(memory("m").recallCount()).isZero();
    }

    @Test
    void givenRefusedBatch_whenRepeatedOnceItIsRight_thenItTakesEffect() {
      Batch update = Batch.of(UpdateMemory.of("m").content("now"));
      refusedBatch(update);
      run(StoreMemory.of("m", AT, "x"));

      Outcome outcome = run(update);

      assertThat(outcome.repeated()).isFalse();
      assertThat(memory("m").content()).isEqualTo("now");
    }

    private void refusedBatch(Batch batch) {
      org.assertj.core.api.Assertions.assertThatExceptionOfType(MemoryConflictException.class)
          .isThrownBy(() -> run(batch));
    }

    @Test
    void givenAppliedBatch_whenConcluded_thenItIsWhatARepetitionSays() throws Exception {
      run(StoreMemory.of("m", AT, "x"));
      Batch recall = Batch.of(List.of(new RecallMemory("m", AT), StoreMemory.of("n", AT, "n")));
      run(recall);
      run(new RecallMemory("m", AT));
      reopenIfPossible();

      assertThat(store.conclude(recall.opId())).contains(store.execute(recall));
      assertThat(memory("m").recallCount()).isEqualTo(2);
    }

    @Test
    void givenBatchThatNeverCame_whenConcluded_thenNothingIsSaidAndOthersGoOn() {
      assertThat(store.conclude(OpId.random())).isEmpty();

      run(StoreMemory.of("m", AT, "x"));

      assertThat(stored(Kind.MEMORY, "m").revision()).isEqualTo(1);
    }

    @Test
    void givenOperationsThatAnotherStoreCarriedOut_whenMarkedApplied_thenTheyDoNothingHere()
        throws Exception {
      run(StoreMemory.of("m", AT, "x"));
      Batch done = Batch.of(new RecallMemory("m", AT));
      run(done);
      Batch other = Batch.of(new RecallMemory("m", AT));
      Batch givenUp = Batch.of(new RecallMemory("m", AT));
      assertThat(store.conclude(givenUp.opId())).isEmpty();
      Set<OpId> all = Set.of(done.opId(), other.opId(), givenUp.opId());

      Map<OpId, Outcome> marked = store.markApplied(all);
      reopenIfPossible();

      assertThat(marked).containsOnlyKeys(all).containsEntry(done.opId(), store.execute(done));
      assertThat(store.conclude(all)).isEqualTo(marked);
      for (Batch batch : List.of(other, givenUp)) {
        assertThat(store.execute(batch).repeated()).isTrue();
        assertThat(store.execute(batch).changes()).isEmpty();
      }
      assertThat(memory("m").recallCount()).isOne();
    }

    @Test
    void givenForgottenMemory_whenItsStoreIsRepeated_thenItStaysForgotten() {
      Batch storing = Batch.of(StoreMemory.of("m", AT, "x"));
      run(storing);
      run(new ForgetMemory("m", 0));

      Outcome again = run(storing);

      assertThat(again.repeated()).isTrue();
      assertThat(again.live(Kind.MEMORY, Key.of("m"))).isEmpty();
      assertThat(stored(Kind.MEMORY, "m").isTombstone()).isTrue();
    }

    @Test
    void givenCopyAndApplication_whenRead_thenTheLastOperationIsKnown() throws Exception {
      Batch mine = Batch.of(StoreMemory.of("m", AT, "x"));
      Batch theirs = new Batch(OpId.copy(), List.of(put(record("n"), 1)));
      run(mine);
      run(theirs);
      reopenIfPossible();

      assertThat(stored(Kind.MEMORY, "m").lastOp()).isEqualTo(mine.opId());
      OpId copied = requireNonNull(stored(Kind.MEMORY, "n").lastOp());
      assertThat(copied).isEqualTo(theirs.opId());
      assertThat(copied.isCopy()).isTrue();
    }
  }

  @Nested
  class Leaves {
    private List<Leaf> leaves() {
      try (Stream<Leaf> leaves = store.leaves()) {
        return leaves.toList();
      }
    }

    /** What every store knows, also one that no file side has told anything. */
    private static List<String> states(Stream<Leaf> leaves) {
      return leaves.map(leaf -> leaf.id() + " " + leaf.file() + " " + leaf.state()).toList();
    }

    @Test
    void givenMemoriesOfAllTiers_whenLeavesAreAsked_thenCoreAndActiveOnesTellTheirState() {
      assertThat(leaves()).isEmpty();
      Memory counting = record("b", "co_occurrences", Value.EMPTY_MAP).withTier(Tier.CORE);
      run(
          put(
              record("c"),
              counting,
              record("gone"),
              record("old").withTier(Tier.ARCHIVE),
              record("\uD83D\uDE00"),
              record("\uFF5E"),
              new CoOccurrence("b", "\uD83D\uDE00", Value.of(2)),
              new CoOccurrence("b", "\uFF5E", Value.of(1.5)),
              new CoOccurrence("b", "c", Value.of(1))));
      run(delete(new CoOccurrence("b", "c", Value.of(1)), 2), new ForgetMemory("gone", 0));

      assertThat(states(leaves().stream())).isEqualTo(states(reference.leaves()));
      assertThat(leaves().stream().map(Leaf::id))
          .containsExactly("b", "c", "\uFF5E", "\uD83D\uDE00");
    }

    @Test
    void givenReportedLeaves_whenSomeAreWritten_thenOnlyTheOthersAreWhatWasReported() {
      for (String id : List.of("a", "b", "c", "d")) {
        run(put(record(id, "co_occurrences", Value.EMPTY_MAP)));
      }
      run(put(new CoOccurrence("c", "a", Value.of(2))));
      List<Leaf> reported = new ArrayList<>();
      for (Leaf leaf : leaves()) {
        String hash = leaf.hash().orElse(leaf.state().hex());
        reported.add(new Leaf(leaf.id(), leaf.file(), leaf.state(), hash, leaf.tagged()));
      }
      store.reportLeaves(reported);
      assertThat(leaves()).isEqualTo(reported);

      run(new RecallMemory("a", AT));
      run(put(new CoOccurrence("b", "a", Value.of(1))));
      run(delete(new CoOccurrence("c", "a", Value.of(2)), 2));
      store.reportLeaves(reported); // what it tells of the states before must not stick to these

      List<Leaf> now = leaves();
      for (int i = 0; i < 3; i++) {
        assertThat(now.get(i).state()).isNotEqualTo(reported.get(i).state());
        assertThat(now.get(i).hash()).isNotEqualTo(reported.get(i).hash());
      }
      assertThat(now.get(3)).isEqualTo(reported.get(3));
    }
  }
}

package io.agentmemory.dualwrite;

import static io.agentmemory.dualwrite.Journals.FOLDER;
import static io.agentmemory.dualwrite.Journals.SMALL;
import static io.agentmemory.dualwrite.Journals.began;
import static io.agentmemory.dualwrite.Journals.change;
import static io.agentmemory.dualwrite.Journals.embedding;
import static io.agentmemory.dualwrite.Journals.op;
import static io.agentmemory.dualwrite.Journals.open;
import static io.agentmemory.dualwrite.Journals.ref;
import static io.agentmemory.dualwrite.Journals.withoutState;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.dualwrite.Journal.Began;
import io.agentmemory.dualwrite.Journal.Change;
import io.agentmemory.dualwrite.Journal.Ending;
import io.agentmemory.dualwrite.Journal.Open;
import io.agentmemory.internal.testkit.MemoryDisk;
import io.agentmemory.testkit.RandomRecords;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a journal holds, is found again, and what is done goes. */
final class JournalTest {
  private MemoryDisk disk;

  @BeforeEach
  void makeADisk() throws IOException {
    disk = Journals.disk();
  }

  private List<String> segments() {
    return disk.files().keySet().stream()
        .filter(name -> name.endsWith(".jnl") && !name.contains("quarantine"))
        .toList();
  }

  @Test
  void givenNoJournal_whenOpened_thenItIsNewUntilThatIsSettled() {
    try (Journal journal = open(disk)) {
      assertThat(journal.found().ending()).isEqualTo(Ending.NEW);
      assertThat(journal.found().open()).isEmpty();
      assertThat(journal.found().damage()).isEmpty();
    }
    try (Journal journal = open(disk)) {
      assertThat(journal.found().ending()).isEqualTo(Ending.NEW);
      journal.settled();
    }
    try (Journal journal = open(disk)) {
      assertThat(journal.found().ending()).isEqualTo(Ending.CLEAN);
    }
  }

  @Test
  void givenOperationsAtEveryPoint_whenOpenedAgain_thenThoseWithoutEndAreFoundInOrder() {
    Change changed = change(3, 2);
    try (Journal journal = open(disk)) {
      journal.settled();
      journal.began(
          new Began(op(1), Side.SOURCE, List.of(ref(1), ref(9)), Set.of(Kind.EDGE, Kind.LESSON)),
          false);
      journal.began(began(2, Side.SOURCE), false);
      journal.began(began(3, Side.TARGET), false);
      journal.changed(op(3), Side.SOURCE, List.of(changed), true);
      journal.began(began(4, Side.TARGET), true);
      journal.began(began(4, Side.SOURCE), true); // it fell back
      journal.began(began(5, Side.SOURCE), false);
      journal.changed(op(5), Side.TARGET, List.of(withoutState(change(5, 1))), false);
      journal.changed(op(2), Side.TARGET, List.of(), false);
      journal.done(op(2));
    }
    for (int i = 0; i < 2; i++) {
      try (Journal journal = open(disk)) {
        assertThat(journal.found().ending()).isEqualTo(Ending.CLEAN);
        List<Open> open = journal.found().open();
        assertThat(open).isEqualTo(journal.open());
        assertThat(open).extracting(Open::opId).containsExactly(op(1), op(3), op(4), op(5));
        Open first = open.get(0);
        assertThat(first.refs()).containsExactly(ref(1), ref(9));
        assertThat(first.whole()).containsExactlyInAnyOrder(Kind.EDGE, Kind.LESSON);
        assertThat(first.outcomeKnown()).isFalse();
        assertThat(first.changes()).isEmpty();
        assertThat(first.lacking()).isEqualTo(Side.TARGET);
        assertThat(first.leaders()).containsExactly(Side.SOURCE);
        Open second = open.get(1);
        assertThat(second.outcomeKnown()).isTrue();
        assertThat(second.lacking()).isEqualTo(Side.SOURCE);
        assertThat(second.changes()).containsExactly(changed);
        assertThat(open.get(2).leaders()).containsExactlyInAnyOrder(Side.SOURCE, Side.TARGET);
        assertThat(open.get(2).lacking()).isEqualTo(Side.TARGET);
        assertThat(open.get(3).changes()).containsExactly(withoutState(change(5, 1)));
      }
    }
  }

  @Test
  void givenAnOperationWhoseBeginningWasNotWritten_whenItsOutcomeIs_thenItIsFound() {
    try (Journal journal = open(disk)) {
      journal.changed(op(1), Side.TARGET, List.of(withoutState(change(1, 1))), false);
    }
    try (Journal journal = open(disk)) {
      Open open = journal.found().open().get(0);
      assertThat(open.refs()).containsExactly(ref(1));
      assertThat(open.leaders()).containsExactly(Side.SOURCE);
    }
  }

  @Test
  void givenAnIdUsedAgainAfterItsEnd_whenOpened_thenOnlyTheLastUseCounts() {
    try (Journal journal = open(disk)) {
      journal.began(began(1, Side.TARGET), false);
      journal.changed(op(1), Side.SOURCE, List.of(change(1, 1)), false);
      journal.done(op(1));
      journal.began(began(1, Side.SOURCE), false);
    }
    try (Journal journal = open(disk)) {
      assertThat(journal.found().open()).hasSize(1);
      assertThat(journal.found().open().get(0).outcomeKnown()).isFalse();
      assertThat(journal.found().open().get(0).lacking()).isEqualTo(Side.TARGET);
    }
  }

  @Test
  void givenRecordsOfEveryKind_whenFoundAgain_thenNotABitOfTheirStatesIsDifferent() {
    long seed = new Random().nextLong();
    List<Change> changes = new ArrayList<>();
    for (MemoryRecord record : RandomRecords.tree(seed, 20)) {
      changes.add(change(op(1), record, 1 + changes.size()));
      changes.add(change(op(2), record, 1)); // written by another operation
    }
    Stored<?> tombstone = Stored.tombstone(Kind.EDGE, ref(1).key(), 7, null);
    changes.add(new Change(new Ref(Kind.EDGE, ref(1).key()), null, tombstone.version(), tombstone));
    assertThat(changes.stream().map(change -> change.ref().kind()).distinct().count())
        .isGreaterThan(15);
    try (Journal journal = open(disk)) {
      journal.began(began(1, Side.TARGET), false);
      journal.changed(op(1), Side.SOURCE, changes, true);
    }
    try (Journal journal = open(disk)) {
      List<Change> found = journal.found().open().get(0).changes();
      assertThat(found).as("seed %s", seed).isEqualTo(changes);
      for (int i = 0; i < found.size(); i++) {
        Stored<?> state = found.get(i).state();
        if (state != null && state.value() != null) {
          assertThat(io.agentmemory.spi.Canonical.digest(state.value()))
              .isEqualTo(changes.get(i).after().digest());
        }
      }
    }
  }

  @Test
  void givenMostIsDone_whenMoreIsWritten_thenOldSegmentsGoAndWhatIsOpenStays() {
    try (Journal journal = open(disk)) {
      journal.settled();
      journal.began(began(0, Side.TARGET), false);
      journal.changed(op(0), Side.SOURCE, List.of(change(0, 1)), true);
      for (int i = 1; i <= 300; i++) {
        journal.began(began(i, Side.SOURCE), false);
        journal.changed(op(i), Side.TARGET, List.of(withoutState(change(i, 1))), false);
        journal.done(op(i));
        journal.awaitIdle();
        assertThat(segments()).hasSizeLessThanOrEqualTo(2);
        assertThat(journal.bytes()).isLessThan(3L * SMALL.segment());
      }
      assertThat(segments().get(0))
          .isGreaterThan(FOLDER.resolve(JournalSegment.name(10)).toString());
    }
    try (Journal journal = open(disk)) {
      assertThat(journal.found().open()).hasSize(1);
      assertThat(journal.found().open().get(0).changes()).containsExactly(change(0, 1));
      assertThat(journal.found().damage()).isEmpty();
      assertThat(journal.found().ending()).isEqualTo(Ending.CLEAN);
    }
  }

  @Test
  void givenMuchIsOpen_whenItIsDone_thenItsSegmentsGo() {
    try (Journal journal = open(disk)) {
      for (int i = 0; i < 200; i++) {
        journal.began(began(i, Side.TARGET), false);
        journal.changed(op(i), Side.SOURCE, List.of(change(i, 1)), false);
        journal.awaitIdle();
      }
      assertThat(segments()).hasSizeGreaterThan(5);
    }
    try (Journal journal = open(disk)) {
      assertThat(journal.found().open()).hasSize(200);
      assertThat(journal.found().damage()).isEmpty();
      for (int i = 0; i < 200; i++) {
        journal.done(op(i));
        journal.awaitIdle();
      }
      assertThat(segments()).hasSize(1);
    }
    try (Journal journal = open(disk)) {
      assertThat(journal.found().open()).isEmpty();
      assertThat(journal.found().damage()).isEmpty();
    }
  }

  @Test
  void givenDoneOperations_whenTrimmed_thenNothingOfThemIsLeft() {
    try (Journal journal = open(disk)) {
      journal.began(began(1, Side.TARGET), false);
      journal.changed(op(1), Side.SOURCE, List.of(change(1, 1)), true);
      journal.began(began(2, Side.SOURCE), false);
      journal.done(op(1));
      journal.trim();
      assertThat(disk.files().values())
          .noneMatch(
              bytes -> new String(bytes, java.nio.charset.StandardCharsets.UTF_8).contains("m1"));
      int calls = disk.calls();
      journal.trim();
      assertThat(disk.calls()).as("calls for nothing").isEqualTo(calls);
      assertThat(journal.open()).hasSize(1);
    }
  }

  @Test
  void givenALargeOutcome_whenFoundAgain_thenItWasInSeveralLinesAndIsWhole() {
    List<Change> changes = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      changes.add(change(op(1), embedding(i, 1), 1));
    }
    try (Journal journal = open(disk)) {
      journal.began(began(1, Side.TARGET), false);
      journal.changed(op(1), Side.SOURCE, changes, true);
    }
    try (Journal journal = open(disk)) {
      assertThat(journal.found().open().get(0).changes()).isEqualTo(changes);
    }
  }

  @Test
  void givenItIsClosed_whenWritten_thenUnavailable() {
    Journal journal = open(disk);
    journal.close();
    journal.close();
    assertThatThrownBy(() -> journal.began(began(1, Side.SOURCE), false))
        .isInstanceOf(StoreUnavailableException.class);
    journal.done(op(1));
    journal.trim();
  }
}

package io.agentmemory.dualwrite;

import static io.agentmemory.dualwrite.Journals.SMALL;
import static io.agentmemory.dualwrite.Journals.began;
import static io.agentmemory.dualwrite.Journals.change;
import static io.agentmemory.dualwrite.Journals.op;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.agentmemory.StoreUnavailableException;
import io.agentmemory.dualwrite.Journal.Open;
import io.agentmemory.internal.testkit.MemoryDisk;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Full journals, full disks, forces that fail: T13, T15, T17. */
final class JournalFaultTest {
  private MemoryDisk disk;
  private final List<String> events = new ArrayList<>();

  private final Journal.Listener listener =
      new Journal.Listener() {
        @Override
        public void filling(int percent) {
          events.add("filling " + percent);
        }

        @Override
        public void poisoned() {
          events.add("poisoned");
        }

        @Override
        public void broken(String reason) {
          events.add("broken: " + reason);
        }
      };

  @BeforeEach
  void makeADisk() throws IOException {
    disk = Journals.disk();
  }

  private Journal open(JournalLimits limits) {
    Journal journal = Journals.open(disk, limits);
    journal.listen(listener);
    journal.awaitIdle();
    return journal;
  }

  private static void assertRefused(Journal journal, int number, String reason) {
    assertThatThrownBy(() -> journal.began(began(number, Side.TARGET), true))
        .isInstanceOfSatisfying(
            StoreUnavailableException.class, e -> assertThat(e.mayHaveApplied()).isEmpty())
        .hasMessageContaining(reason);
  }

  @Test
  @DisplayName("T13: journal full")
  void givenAFullJournal_whenSomethingBegins_thenRefusedUntilEnoughIsDone() {
    JournalLimits limits = new JournalLimits(20_000, 0, 4096, 2048);
    try (Journal journal = open(limits)) {
      int count = 0;
      while (journal.bytes() < journal.cap()) {
        journal.began(began(count, Side.TARGET), false);
        journal.changed(op(count), Side.SOURCE, List.of(change(count, 1)), true);
        journal.awaitIdle();
        count++;
      }
      assertThat(events).containsExactly("filling 50", "filling 80");
      assertRefused(journal, 1000, "the journal is full");
      journal.began(began(0, Side.SOURCE), true); // begun before
      journal.changed(op(1), Side.SOURCE, List.of(change(1, 1)), true);
      assertThat(journal.open()).hasSize(count);
      for (int i = 0; i < count; i++) {
        journal.done(op(i));
      }
      journal.awaitIdle();
      journal.began(began(1000, Side.TARGET), true);
      assertThat(journal.bytes()).isLessThan(journal.cap() / 2);
      assertThat(journal.open()).extracting(Open::opId).containsExactly(op(1000));
    }
  }

  @Test
  void givenTheDiskIsNearlyFull_whenSomethingBegins_thenRefusedUntilThereIsRoom() {
    try (Journal journal = open(SMALL)) {
      journal.began(began(1, Side.TARGET), true);
      disk.usable(SMALL.floor() - 1);
      assertRefused(journal, 2, "the disk is nearly full");
      journal.changed(op(1), Side.SOURCE, List.of(change(1, 1)), true);
      journal.done(op(1));
      disk.usable(SMALL.floor());
      journal.began(began(2, Side.TARGET), true);
    }
  }

  @Test
  @DisplayName("T15: ENOSPC from a line of the journal on")
  void givenTheDiskIsFull_whenWritten_thenNotWrittenUntilThereIsRoomAndNothingElseIsLost()
      throws IOException {
    JournalLimits noFloor = new JournalLimits(1 << 20, 0, 4096, 2048);
    Journal journal = open(noFloor);
    journal.settled();
    journal.began(began(1, Side.TARGET), true);
    journal.awaitIdle();
    disk.failAt(1, MemoryDisk.Fault.ENOSPC);
    assertRefused(journal, 2, "the journal could not be written");
    assertThatThrownBy(() -> journal.changed(op(1), Side.SOURCE, List.of(change(1, 1)), false))
        .isInstanceOfSatisfying(
            StoreUnavailableException.class, e -> assertThat(e.mayHaveApplied()).contains(op(1)));
    journal.done(op(1)); // cannot be noted
    journal.awaitIdle();
    disk.repair();
    journal.began(began(3, Side.TARGET), true);
    journal.changed(op(3), Side.SOURCE, List.of(change(3, 1)), true);
    assertThat(journal.isBroken()).isFalse();
    MemoryDisk left = disk.afterKill();
    journal.close();
    try (Journal again = Journals.open(left, noFloor)) {
      assertThat(again.found().open()).extracting(Open::opId).containsExactly(op(1), op(3));
      assertThat(again.found().damage()).isEmpty();
    }
  }

  @Test
  void givenALineThatWasHalfWritten_whenAShorterOneFollows_thenNothingOfItIsLeft() {
    Journal journal = open(SMALL);
    journal.awaitIdle();
    disk.failAt(1, MemoryDisk.Fault.SHORT_WRITE);
    assertThatThrownBy(() -> journal.changed(op(1), Side.SOURCE, List.of(change(1, 1)), false))
        .isInstanceOf(StoreUnavailableException.class);
    journal.settled();
    MemoryDisk left = disk.afterKill();
    journal.close();
    assertThat(left.files().values()).noneMatch(file -> new String(file, UTF_8).contains("lacks"));
  }

  @Test
  @DisplayName("T17: EIO on each force of the journal")
  void givenAForceFails_whenGoingOn_thenThatFileIsNeverForcedAgainAndNothingIsLost() {
    int forces = 0;
    for (int n = 1; ; n++) {
      events.clear();
      MemoryDisk fresh;
      try {
        fresh = Journals.disk();
      } catch (IOException e) {
        throw new AssertionError(e);
      }
      fresh.failedForcesLose();
      disk = fresh;
      Journal journal = open(SMALL);
      journal.began(began(1, Side.TARGET), false);
      journal.changed(op(1), Side.SOURCE, List.of(change(1, 1)), false);
      journal.began(began(2, Side.SOURCE), false);
      journal.done(op(2));
      journal.awaitIdle();
      disk.failAt(n, MemoryDisk.Fault.EIO);
      boolean began = true;
      try {
        journal.began(began(3, Side.TARGET), true);
      } catch (StoreUnavailableException writeFailed) {
        began = false;
      }
      if (disk.calls() < n) {
        journal.close();
        break;
      }
      forces += disk.call(n).startsWith("forceOut") ? 1 : 0;
      String failed = disk.call(n);
      String note = "EIO at call " + n + " (" + failed + ")";
      journal.began(began(4, Side.TARGET), true);
      journal.awaitIdle();
      assertThat(journal.isBroken()).as(note).isFalse();
      if (failed.startsWith("forceOut")) {
        assertThat(events).as(note).containsExactly("poisoned");
        for (int later = n + 1; later <= disk.calls(); later++) {
          assertThat(disk.call(later)).as(note).isNotEqualTo(failed);
        }
      }
      MemoryDisk left = disk.afterPowerCut(new Random(n));
      journal.close();
      try (Journal again = Journals.open(left)) {
        assertThat(again.found().open())
            .as(note)
            .extracting(Open::opId)
            .contains(op(1), op(4))
            .doesNotContain(op(2));
        assertThat(again.found().open().get(0).changes()).as(note).containsExactly(change(1, 1));
        if (began) {
          assertThat(again.found().open()).as(note).extracting(Open::opId).contains(op(3));
        }
      }
    }
    assertThat(forces).as("forces that failed").isPositive();
  }

  @Test
  void givenADiskThatFailsForGood_whenWritten_thenEverybodyIsToldAndTheReasonIsKnown() {
    Journal journal = open(SMALL);
    journal.began(began(1, Side.TARGET), true);
    disk.failAt(2, MemoryDisk.Fault.POWER_OFF);
    assertThatThrownBy(() -> journal.changed(op(1), Side.SOURCE, List.of(change(1, 1)), true))
        .isInstanceOfSatisfying(
            StoreUnavailableException.class, e -> assertThat(e.mayHaveApplied()).contains(op(1)));
    assertThat(journal.isBroken()).isTrue();
    journal.awaitIdle();
    assertThat(events).containsExactly("broken: " + journal.broken());
    assertRefused(journal, 2, "the journal could not be written");
    journal.done(op(1));
    journal.trim();
    journal.close();
    disk.repair();
    try (Journal again = open(SMALL)) {
      assertThat(again.found().open()).extracting(Open::opId).containsExactly(op(1));
    }
  }
}

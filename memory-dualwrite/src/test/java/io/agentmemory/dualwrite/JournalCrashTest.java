package io.agentmemory.dualwrite;

import static io.agentmemory.dualwrite.Journals.began;
import static io.agentmemory.dualwrite.Journals.change;
import static io.agentmemory.dualwrite.Journals.op;
import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.OpId;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.dualwrite.Journal.Change;
import io.agentmemory.dualwrite.Journal.Ending;
import io.agentmemory.dualwrite.Journal.Open;
import io.agentmemory.internal.testkit.MemoryDisk;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Fails every call to the disk in turn, in every way, and opens the journal again. {@code
 * -Djournal.seeds=200} for the long run.
 */
final class JournalCrashTest {
  private static final int SEEDS = Integer.getInteger("journal.seeds", 1);

  /** So small that segments come and go, and what is open is written anew. */
  private static final JournalLimits TINY = new JournalLimits(1 << 20, 1 << 10, 1536, 700);

  /** What a journal was told of one operation. */
  private static final class Told {
    /** The journal said that it is durable. */
    boolean beganForced;

    boolean changedForced;

    /** The call returned. */
    boolean began;

    boolean changed;
    boolean done;

    /** Somebody tried. */
    boolean doneTried;

    List<Change> changes = List.of();
  }

  /** One run: some operations, some of them forced, with the journal opened anew in the middle. */
  private static final class Run {
    final MemoryDisk disk;
    final Map<OpId, Told> told = new HashMap<>();
    int opened;
    int refused;
    boolean broken;
    boolean settled;

    Run(MemoryDisk disk) {
      this.disk = disk;
    }

    void go() {
      int next = 0;
      for (int round = 0; round < 3; round++) {
        Journal journal;
        try {
          journal = Journals.open(disk, TINY);
        } catch (StoreUnavailableException e) {
          assertThat(e.mayHaveApplied()).isEmpty();
          refused++;
          continue;
        }
        opened++;
        try {
          if (round > 0) {
            journal.settled();
            settled = !disk.isOff();
          }
          for (int i = 0; i < 9; i++) {
            operation(journal, next++);
          }
          if (round == 1) {
            journal.trim();
            journal.awaitIdle();
            assertThat(journal.open()).hasSizeLessThan(next);
          }
        } finally {
          broken |= journal.isBroken();
          journal.close();
        }
      }
    }

    private void operation(Journal journal, int number) {
      OpId op = op(number);
      Told about = told.computeIfAbsent(op, id -> new Told());
      boolean target = number % 3 == 0;
      attempt(
          () -> {
            journal.began(began(number, target ? Side.TARGET : Side.SOURCE), number % 4 == 1);
            about.began = true;
            about.beganForced = number % 4 == 1;
          });
      journal.awaitIdle();
      if (number % 7 != 6) {
        List<Change> changes = new ArrayList<>();
        for (int i = 0; i < (number % 9 == 3 ? 4 : 1); i++) {
          changes.add(change(op, Journals.embedding(number + 100 * i, 1), 1));
        }
        if (!target) {
          changes.replaceAll(Journals::withoutState);
        }
        about.changes = changes;
        attempt(
            () -> {
              journal.changed(op, target ? Side.SOURCE : Side.TARGET, changes, target);
              about.changed = true;
              about.changedForced = target;
            });
        journal.awaitIdle();
      }
      if (number % 5 != 2) {
        int earlier = number % 2 == 0 ? number : Math.max(0, number - 3);
        Told ended = told.computeIfAbsent(op(earlier), id -> new Told());
        ended.doneTried = true;
        journal.done(op(earlier));
        ended.done = !disk.isOff();
        journal.awaitIdle();
      }
    }

    private void attempt(Runnable write) {
      try {
        write.run();
      } catch (StoreUnavailableException e) {
        refused++;
      }
    }

    /** What a machine that went down must have left. */
    void checkForced(MemoryDisk left, String note) {
      check(left, note, false, Ending.NEW);
    }

    /** What a process that was killed must have left. */
    void checkWritten(MemoryDisk left, String note) {
      check(left, note, true, Ending.KILLED);
    }

    private void check(MemoryDisk left, String note, boolean everything, Ending worst) {
      try (Journal journal = Journals.open(left, TINY)) {
        Map<OpId, Open> found = new HashMap<>();
        journal.found().open().forEach(open -> found.put(open.opId(), open));
        told.forEach((op, about) -> check(op, about, found.remove(op), everything, note));
        assertThat(found).as("operations that nobody began, %s", note).isEmpty();
        List<String> damage = journal.found().damage();
        assertThat(damage)
            .as(note)
            .noneMatch(text -> text.contains("missing: ") || text.contains("kept and not read"));
        if (worst == Ending.KILLED) {
          assertThat(damage).as(note).isEmpty();
        }
        if (settled) {
          assertThat(journal.found().ending()).as(note).isLessThanOrEqualTo(worst);
        }
        journal.began(began(1000, Side.TARGET), true);
        journal.changed(op(1000), Side.SOURCE, List.of(change(1000, 1)), true);
        journal.settled();
      } catch (StoreUnavailableException e) {
        throw new AssertionError("the first opening needs help, " + note, e);
      }
      try (Journal journal = Journals.open(left, TINY)) {
        assertThat(journal.found().ending()).as(note).isEqualTo(Ending.CLEAN);
        assertThat(journal.found().damage()).as(note).isEmpty();
        List<Open> open = journal.found().open();
        assertThat(open.get(open.size() - 1).changes()).as(note).containsExactly(change(1000, 1));
      }
      assertThat(left.files().keySet())
          .as("left behind, %s", note)
          .noneMatch(name -> name.endsWith(".tmp"));
    }

    private static void check(
        OpId op, Told about, @Nullable Open open, boolean everything, String note) {
      String what = op + ", " + note;
      if (open == null) {
        if (!about.doneTried) {
          assertThat(everything ? about.began : about.beganForced).as("began " + what).isFalse();
          assertThat(everything ? about.changed : about.changedForced)
              .as("changed " + what)
              .isFalse();
        }
        return;
      }
      if (everything) {
        assertThat(about.done && about.began).as("not done " + what).isFalse();
      }
      if (everything ? about.changed : about.changedForced) {
        assertThat(open.outcomeKnown()).as("outcome " + what).isTrue();
      }
      if (open.outcomeKnown()) {
        assertThat(open.changes()).as(what).isEqualTo(about.changes);
      } else {
        assertThat(open.changes()).as(what).isEmpty();
      }
    }
  }

  private static Run cleanRun(Supplier<MemoryDisk> disks) {
    Run run = new Run(disks.get());
    run.disk.failAt(-1, MemoryDisk.Fault.EIO);
    run.go();
    assertThat(run.opened).isEqualTo(3);
    assertThat(run.refused).isZero();
    return run;
  }

  private static MemoryDisk newDisk() {
    try {
      return Journals.disk();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static int calls() {
    Run run = cleanRun(JournalCrashTest::newDisk);
    int calls = run.disk.calls();
    run.checkForced(run.disk.afterKill(), "clean run");
    assertThat(calls).isGreaterThan(150);
    return calls;
  }

  @Test
  void givenThePowerFailsAtAnyCall_whenOpenedAgain_thenWhatWasForcedIsThere() {
    int calls = calls();
    for (int n = 1; n <= calls; n++) {
      Run run = new Run(newDisk());
      run.disk.failAt(n, MemoryDisk.Fault.POWER_OFF);
      run.go();
      for (int seed = 0; seed < SEEDS; seed++) {
        String note = "seed " + seed + ", power cut at call " + n + " (" + run.disk.call(n) + ")";
        MemoryDisk left = run.disk.afterPowerCut(new Random(seed * 7919L + n));
        run.checkForced(left, note);
      }
    }
  }

  @Test
  void givenTheProcessDiesAtAnyCall_whenOpenedAgain_thenWhatWasWrittenIsThere() {
    int calls = calls();
    for (int n = 1; n <= calls; n++) {
      Run run = new Run(newDisk());
      run.disk.failAt(n, MemoryDisk.Fault.POWER_OFF);
      run.go();
      run.checkWritten(run.disk.afterKill(), "killed at call " + n + " (" + run.disk.call(n) + ")");
    }
  }

  @Test
  void
      givenTheProcessDied_whenThePowerFailsAfterOrDuringTheNextOpening_thenWhatItReliedOnIsThere() {
    int calls = calls();
    for (int n = 1; n <= calls; n++) {
      Random random = new Random(n);
      Run run = new Run(newDisk());
      run.disk.failAt(n, MemoryDisk.Fault.POWER_OFF);
      run.go();
      String note = "killed at call " + n + " (" + run.disk.call(n) + ")";
      run.disk.repair(); // nothing is lost, and nothing became durable either
      int m = 1 + random.nextInt(30);
      run.disk.failAt(m, MemoryDisk.Fault.POWER_OFF);
      boolean opened;
      try {
        Journal journal = Journals.open(run.disk, TINY);
        opened = true;
        journal.close();
      } catch (StoreUnavailableException off) {
        opened = false;
      }
      note += ", power cut at call " + m + " (" + run.disk.call(m) + ") of the next opening";
      MemoryDisk left = run.disk.afterPowerCut(random);
      if (opened) {
        run.check(left, note, true, Ending.POWER);
      } else {
        run.checkForced(left, note);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"EIO", "ENOSPC", "SHORT_WRITE"})
  void givenACallFails_whenGoingOnAndOpenedAgain_thenWhatWasPromisedIsThere(
      MemoryDisk.Fault fault) {
    int calls = calls();
    for (int n = 1; n <= calls; n++) {
      Run run = new Run(newDisk());
      run.disk.failedForcesLose();
      run.disk.failAt(n, fault);
      run.go();
      String note = fault + " at call " + n + " (" + run.disk.call(n) + ")";
      assertThat(run.broken).as(note).isFalse();
      run.disk.repair();
      if (n % 2 == 0) {
        run.checkForced(run.disk.afterPowerCut(new Random(n)), note);
      } else {
        run.checkForced(run.disk.afterKill(), note);
      }
    }
  }

  @Test
  void givenADiskThatIgnoresForces_whenThePowerFails_thenTheLossIsSeen() {
    int calls = calls();
    int lost = 0;
    for (int n = 1; n <= calls; n += 5) {
      Run run = new Run(newDisk());
      run.disk.ignoreForces();
      run.disk.failAt(n, MemoryDisk.Fault.POWER_OFF);
      run.go();
      try {
        run.checkForced(run.disk.afterPowerCut(new Random(n)), "forces ignored");
      } catch (AssertionError seen) {
        lost++;
      }
    }
    assertThat(lost).as("runs in which this test sees that a force is missing").isPositive();
  }
}

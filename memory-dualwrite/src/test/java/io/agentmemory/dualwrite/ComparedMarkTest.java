package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import io.agentmemory.internal.testkit.MemoryDisk;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What the next opening finds of a mark on a disk that fails. */
class ComparedMarkTest {
  private static final Path FOLDER = Path.of("/dual");

  private interface Step {
    void run() throws IOException;
  }

  private static MemoryDisk newDisk() throws IOException {
    MemoryDisk disk = new MemoryDisk();
    disk.createFolder(FOLDER);
    disk.forceFolder(Path.of("/"));
    disk.failedForcesLose();
    return disk;
  }

  private static void quietly(Step step) {
    try {
      step.run();
    } catch (IOException expected) {
      assertThat(expected).isNotNull();
    }
  }

  @Test
  void givenAMarkWhosePuttingFailed_whenItIsTakenAway_thenNobodyFindsIt() throws IOException {
    int failures = 0;
    for (int n = 1; ; n++) {
      MemoryDisk disk = newDisk();
      ComparedMark mark = new ComparedMark(disk, FOLDER);
      disk.failAt(n, MemoryDisk.Fault.EIO);
      quietly(() -> mark.put("edit"));
      if (disk.calls() < n) {
        break;
      }
      failures++;
      mark.remove();
      String note = "after a failure of " + disk.call(n);
      assertThat(new ComparedMark(disk.afterKill(), FOLDER).isThere()).as(note).isFalse();
      boolean unsure = mark.isUnsure();
      mark.put("another edit");
      assertThat(new ComparedMark(disk.afterKill(), FOLDER).isThere()).as(note).isEqualTo(!unsure);
      assertThat(disk.forcedAgain()).as(note).isEmpty();
    }
    assertThat(failures).isGreaterThan(3);
  }

  @Test
  void givenAMarkWhoseRemovalFailed_whenPowerGoes_thenThatWasTold() throws IOException {
    int came = 0;
    for (int n = 1; n <= 2; n++) { // it deletes, and forces the folder
      for (int seed = 0; seed < 20; seed++) {
        MemoryDisk disk = newDisk();
        ComparedMark mark = new ComparedMark(disk, FOLDER);
        mark.put("edit");
        mark.remove();
        assertThat(mark.isUnsure()).isFalse();
        mark.put("edit");
        disk.failAt(n, MemoryDisk.Fault.EIO);
        assertThatIOException().isThrownBy(mark::remove);
        mark.remove();
        String note = "after a failure of " + disk.call(n) + ", seed " + seed;
        assertThat(new ComparedMark(disk.afterKill(), FOLDER).isThere()).as(note).isFalse();
        assertThat(disk.forcedAgain()).as(note).isEmpty();
        boolean there = new ComparedMark(disk.afterPowerCut(new Random(seed)), FOLDER).isThere();
        came += there ? 1 : 0;
        assertThat(there && !mark.isUnsure()).as("there again, " + note).isFalse();
      }
    }
    assertThat(came).as("came back").isPositive();
  }

  @Test
  void givenAJournalThatIsLeft_whenOpened_thenItEndedAsIfKilled() throws IOException {
    MemoryDisk disk = Journals.disk();
    try (Journal journal = Journals.open(disk)) {
      journal.began(Journals.began(1, Side.SOURCE), true);
      journal.settled();
      journal.leave();
    }
    assertThat(Journals.open(disk.afterKill()).found().ending()).isEqualTo(Journal.Ending.KILLED);
    assertThat(Journals.open(disk.afterPowerCut(new Random(1))).found().ending())
        .isEqualTo(Journal.Ending.POWER);
  }
}

package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNoException;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.agentmemory.CoOccurrence;
import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.ImageLink;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.Observation;
import io.agentmemory.OpId;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.DefineSpace;
import io.agentmemory.command.DeleteRecords;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.MoveMemory;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.internal.testkit.MemoryDisk;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Runs one sequence of writes again and again, each time with a fault at another call to the disk,
 * and opens the tree anew: every write that was acknowledged is there, none that failed is, one
 * whose answer got lost is there whole or not at all, and nobody has to help.
 */
final class CrashTest {
  private static final Path TREE = Path.of("/tree/memory");
  private static final String AT = "2026-02-10T11:52:05.123456+00:00";

  /** Power cuts at each call. {@code -Dcrash.seeds=200} is the long sweep. */
  private static final int SEEDS = Integer.getInteger("crash.seeds", 3);

  /** So little that the script outgrows it: what makes a segment longer is swept, too. */
  private static final int LOG_ROOM = 4096;

  private static final ObjectMapper JSON = new ObjectMapper();

  /** A write, or null for a checkpoint. */
  private static final List<@Nullable Batch> SCRIPT = script();

  private static List<@Nullable Batch> script() {
    List<@Nullable Batch> script = new ArrayList<>();
    add(
        script,
        new DefineSpace(VectorSpace.of("text", "model", 3)),
        StoreMemory.of("one", AT, "first body").withTags(List.of("a", "b")),
        StoreMemory.of("two", AT, "second body").withCausedBy(List.of("one")),
        new PutEmbedding(Embedding.of("text", "one", 1, 2, 3)));
    add(script, UpdateMemory.of("one").content("first body, longer than it was before"));
    add(
        script,
        new PutRecords(
            List.of(
                put(new Edge("one|two", members("belief", Value.of(0.5)))),
                put(new Observation("one|two", 0, members("weight", Value.of(1.0)))),
                put(new Observation("one|two", 1, members("weight", Value.of(2.0)))),
                put(new CoOccurrence("one", "two", Value.of(3L))),
                put(new ImageLink("photo.jpg", Value.Seq.ofTexts(List.of("one")))),
                put(VectorSpace.of("image", "eye", 2)),
                put(Embedding.of("image", "photo.jpg", 1, 1)))));
    script.add(null);
    add(script, new RecallMemory("three", AT)); // finds nothing to do, yet
    add(script, new RecallMemory("one", AT), new RecallMemory("two", AT));
    add(script, new MoveMemory("two", Tier.CORE));
    add(
        script,
        StoreMemory.of("three", AT, "third body").withCausedBy(List.of("two")),
        new PutEmbedding(Embedding.of("text", "three", 3, 2, 1)),
        new PutRecords(
            List.of(
                put(new CoOccurrence("three", "one", Value.of(1L))),
                put(new Observation("one|two", 2, members("weight", Value.of(4.0)))))));
    add(script, new ForgetMemory("one", 0));
    script.add(null);
    add(
        script,
        new DeleteRecords(List.of(new DeleteRecords.Delete(Kind.EDGE, Key.of("one|two"), 2))));
    add(script, UpdateMemory.of("three").tags(List.of("x")));
    add(script, StoreMemory.of("one", AT, "the id is used again"));
    return script;
  }

  private static void add(List<@Nullable Batch> script, Command... commands) {
    OpId op = new OpId(new UUID(0x4000L, 0x8000000000000000L | script.size()));
    script.add(new Batch(op, List.of(commands)));
  }

  private static PutRecords.Put put(io.agentmemory.MemoryRecord record) {
    return new PutRecords.Put(record, 1);
  }

  private static Value.Map members(String name, Value value) {
    return new Value.Map(Map.of(name, value));
  }

  private static FileMemoryStore open(MemoryDisk disk) {
    return FileMemoryStore.builder(TREE)
        .disk(disk)
        .lockWait(Duration.ZERO)
        .checkpointAfter(Duration.ofHours(1))
        .logRoom(LOG_ROOM)
        .build();
  }

  /** What happened in one run of the script. */
  private static final class Run {
    private final InMemoryMemoryStore reference = new InMemoryMemoryStore("default");
    private final List<Batch> acknowledged = new ArrayList<>();

    /** The write whose answer got lost; there can only be one. */
    @Nullable Batch unknown;

    /** Runs the script until the end or, with the power off, as far as it goes. */
    void on(MemoryDisk disk, String note) {
      FileMemoryStore store;
      try {
        store = open(disk);
      } catch (StoreUnavailableException off) {
        return;
      }
      try {
        for (Batch batch : SCRIPT) {
          step(store, batch, note);
        }
      } finally {
        store.close();
      }
    }

    private void step(FileMemoryStore store, @Nullable Batch batch, String note) {
      try {
        if (batch == null) {
          store.checkpoint();
          return;
        }
        store.execute(batch);
        reference.execute(batch);
        acknowledged.add(batch);
      } catch (StoreUnavailableException e) {
        if (e.mayHaveApplied().isPresent()) {
          assertThat(unknown).as("a second lost answer, %s", note).isNull();
          unknown = batch;
        }
      } catch (MemoryStoreException e) {
        // a write that an earlier one's failure left without ground: the reference refuses it too
        Batch refused = java.util.Objects.requireNonNull(batch);
        try {
          reference.execute(refused);
          throw new AssertionError("refused for no reason, " + note, e);
        } catch (MemoryStoreException same) {
          assertThat(e).as(note).isInstanceOf(same.getClass());
        }
      }
    }

    int acknowledged() {
      return acknowledged.size();
    }

    void check(MemoryDisk disk, String note) {
      InMemoryMemoryStore expected = new InMemoryMemoryStore("default");
      acknowledged.forEach(expected::execute);
      List<String> without = Snapshot.of(expected);
      List<String> found;
      try (FileMemoryStore store = open(disk)) {
        for (Batch batch : acknowledged) {
          assertThat(store.execute(batch).repeated()).as("known, %s", note).isTrue();
        }
        found = Snapshot.of(store);
        if (unknown == null) {
          assertThat(found).as(note).isEqualTo(without);
        } else {
          expected.execute(unknown);
          List<String> with = Snapshot.of(expected);
          assertThat(found).as(note).isIn(List.of(without, with));
          store.execute(unknown); // as its error said: safe to repeat
          assertThat(Snapshot.of(store)).as("repeated, " + note).isEqualTo(with);
        }
        assertThat(store.info().setAside()).as(note).isEmpty();
        assertThat(store.lastEdit()).as("nothing of ours is an edit, %s", note).isEmpty();
        store.execute(StoreMemory.of("after", AT, "goes on"));
        expected.execute(StoreMemory.of("after", AT, "goes on"));
      }
      for (String file : disk.files().keySet()) {
        assertThat(file).as("left behind, %s", note).doesNotEndWith(".tmp").doesNotContain("/log/");
      }
      try (FileMemoryStore store = FileMemoryStore.builder(TREE).disk(disk).readOnly().build()) {
        assertThat(store.info().kinds()).as(note).isEqualTo(expected.info().kinds());
        assertThat(store.info().tombstones()).as(note).isEqualTo(expected.info().tombstones());
      }
    }
  }

  private static int callsOfCleanRun() {
    MemoryDisk disk = newDisk();
    disk.failAt(-1, MemoryDisk.Fault.EIO);
    Run run = new Run();
    run.on(disk, "clean run");
    int calls = disk.calls();
    assertThat(run.acknowledged()).isEqualTo(SCRIPT.stream().filter(b -> b != null).count());
    run.check(disk, "clean run");
    return calls;
  }

  private static MemoryDisk newDisk() {
    return new MemoryDisk();
  }

  @Test
  @DisplayName("T04: power cut at every call, with what was unforced reordered, torn and lost")
  void givenThePowerFailsAtAnyCall_whenOpenedAgain_thenEveryAcknowledgedWriteIsThere() {
    int calls = callsOfCleanRun();
    assertThat(calls).isGreaterThan(200);
    for (int n = 1; n <= calls; n++) {
      MemoryDisk disk = newDisk();
      disk.failAt(n, MemoryDisk.Fault.POWER_OFF);
      Run run = new Run();
      run.on(disk, "power cut at call " + n);
      for (int seed = 0; seed < SEEDS; seed++) {
        String note = "seed " + seed + ", power cut at call " + n + " (" + disk.call(n) + ")";
        run.check(disk.afterPowerCut(new Random(seed * 7919L + n)), note);
      }
    }
  }

  @Test
  @DisplayName("T04: power cut at every call, and another one while opening recovers from it")
  void givenThePowerFailsWhileRecovering_whenOpenedAgain_thenEveryAcknowledgedWriteIsThere() {
    int calls = callsOfCleanRun();
    for (int n = 1; n <= calls; n++) {
      Random random = new Random(n);
      MemoryDisk disk = newDisk();
      disk.failAt(n, MemoryDisk.Fault.POWER_OFF);
      Run run = new Run();
      String note = "seed " + n + ", power cut at call " + n;
      run.on(disk, note);
      MemoryDisk second = disk.afterPowerCut(random);
      int m = 1 + random.nextInt(60);
      second.failAt(m, MemoryDisk.Fault.POWER_OFF);
      try {
        open(second).close();
      } catch (StoreUnavailableException off) {
        assertThat(off.mayHaveApplied()).isEmpty();
      }
      note += " and at call " + m + " (" + second.call(m) + ") of the next opening";
      second.repair();
      run.check(second.afterPowerCut(random), note);
    }
  }

  @Test
  @DisplayName("T01, T02, T03: killed at every call of storing, changing, deleting, of batches")
  void givenTheProcessDiesAtAnyCall_whenOpenedAgain_thenEveryAcknowledgedWriteIsThere() {
    int calls = callsOfCleanRun();
    for (int n = 1; n <= calls; n++) {
      MemoryDisk disk = newDisk();
      disk.failAt(n, MemoryDisk.Fault.POWER_OFF);
      Run run = new Run();
      String note = "killed at call " + n;
      run.on(disk, note);
      note += " (" + disk.call(n) + ")";
      assertNoHalfFile(disk, note);
      run.check(disk.afterKill(), note);
    }
  }

  @Test
  @DisplayName("T04: killed at every call, opened again, and then a power cut")
  void givenAKilledProcess_whenAnotherOneOpensAndThePowerFails_thenWhatItSawIsThere() {
    int calls = callsOfCleanRun();
    for (int n = 1; n <= calls; n++) {
      MemoryDisk killed = newDisk();
      killed.failAt(n, MemoryDisk.Fault.POWER_OFF);
      Run run = new Run();
      String note = "killed at call " + n;
      run.on(killed, note);
      note += " (" + killed.call(n) + "), opened again, then a power cut";
      MemoryDisk disk = killed.afterKill(); // the machine goes on with what was not forced
      List<String> seen;
      MemoryDisk cut;
      StoreMemory second = StoreMemory.of("second", AT, "by the next process");
      try (FileMemoryStore store = open(disk)) {
        store.execute(second); // in folders that it did not make
        seen = Snapshot.of(store);
        cut = disk.afterPowerCut(new Random(n));
      }
      try (FileMemoryStore store = open(cut)) {
        assertThat(Snapshot.of(store)).as("never flips back, %s", note).isEqualTo(seen);
        assertThat(store.info().setAside()).as(note).isEmpty();
      }
    }
  }

  /** Whoever reads the files that a killed process left finds each of them whole. */
  private static void assertNoHalfFile(MemoryDisk disk, String note) {
    disk.files()
        .forEach(
            (file, bytes) -> {
              String name = file.substring(file.lastIndexOf('/') + 1);
              if (Layout.isTemporary(name) || file.contains("/.memory/")) {
                return;
              }
              if (name.endsWith(".md")) {
                assertThatNoException()
                    .as("half a file, %s: %s", note, file)
                    .isThrownBy(() -> MemoryFile.parse(Tier.ACTIVE, name, bytes));
                assertThat(new String(bytes, UTF_8)).as("%s: %s", note, file).startsWith("---\n");
              } else if (name.endsWith(".json")) {
                assertThatNoException()
                    .as("half a document, %s: %s", note, file)
                    .isThrownBy(() -> JSON.readTree(bytes));
              }
            });
  }

  @ParameterizedTest
  @EnumSource(names = {"EIO", "ENOSPC", "SHORT_WRITE"})
  void givenACallFails_whenGoingOnAndOpenedAgain_thenEveryAcknowledgedWriteIsThere(
      MemoryDisk.Fault fault) {
    int calls = callsOfCleanRun();
    for (int n = 1; n <= calls; n++) {
      MemoryDisk disk = newDisk();
      disk.failedForcesLose();
      disk.failAt(n, fault);
      Run run = new Run();
      String note = fault + " at call " + n;
      run.on(disk, note);
      note += " (" + disk.call(n) + ")";
      disk.repair();
      MemoryDisk cut = disk.afterPowerCut(new Random(n));
      assertThat(disk.forcedAgain()).as("forced after a failed force, %s", note).isEmpty();
      run.check(n % 2 == 0 ? cut : disk.afterKill(), note);
    }
  }

  @Test
  void givenAForceFailed_whenTheNextProcessGoesOnAndThePowerFails_thenEveryWriteIsThere() {
    int calls = callsOfCleanRun();
    int forces = 0;
    for (int n = 1; n <= calls; n++) {
      MemoryDisk disk = newDisk();
      disk.failedForcesLose();
      disk.failAt(n, MemoryDisk.Fault.EIO);
      Run run = new Run();
      String note = "EIO at call " + n;
      run.on(disk, note);
      String failed = disk.call(n);
      if (!failed.startsWith("force")) {
        continue;
      }
      forces++;
      disk.repair();
      open(disk).close(); // its forces succeed, whatever was lost
      run.check(disk.afterPowerCut(new Random(n)), note + " (" + failed + "), then a power cut");
    }
    assertThat(forces).as("forces that failed").isGreaterThan(20);
  }

  @Test
  void givenADiskThatIgnoresForces_whenThePowerFails_thenTheLossIsSeen() {
    int calls = callsOfCleanRun();
    int lost = 0;
    for (int n = 1; n <= calls; n += 7) {
      MemoryDisk disk = newDisk();
      disk.ignoreForces();
      disk.failAt(n, MemoryDisk.Fault.POWER_OFF);
      Run run = new Run();
      run.on(disk, "forces ignored");
      try {
        run.check(disk.afterPowerCut(new Random(n)), "forces ignored");
      } catch (AssertionError | MemoryStoreException seen) {
        lost++;
      }
    }
    assertThat(lost).as("runs in which this test sees that a force is missing").isPositive();
  }
}

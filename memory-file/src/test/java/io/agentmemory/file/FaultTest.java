package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.Health;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryQuery;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.internal.Disk;
import io.agentmemory.internal.testkit.MemoryDisk;
import io.agentmemory.testkit.ManualClock;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** One write on a disk that fails: at each of its calls, and from each of them on. */
@Timeout(60)
final class FaultTest {
  private static final Path TREE = Path.of("/tree/memory");
  private static final String AT = "2026-02-10T11:52:05.123456+00:00";

  private static FileMemoryStore.Builder builder(MemoryDisk disk) {
    return FileMemoryStore.builder(TREE)
        .disk(disk)
        .lockWait(Duration.ZERO)
        .checkpointAfter(Duration.ofHours(1))
        .logRoom(4096);
  }

  private static String content(FileMemoryStore store, String id) {
    return store.read(Kind.MEMORY, Key.of(id)).orElseThrow().live().orElseThrow().content();
  }

  private enum Told {
    ACKNOWLEDGED,
    FAILED,
    UNKNOWN
  }

  private static Told put(FileMemoryStore store, String content) {
    try {
      store.execute(UpdateMemory.of("m").content(content));
      return Told.ACKNOWLEDGED;
    } catch (StoreUnavailableException e) {
      assertThat(e.operation().subject()).contains("m");
      return e.mayHaveApplied().isPresent() ? Told.UNKNOWN : Told.FAILED;
    }
  }

  /** A put with a fault at one of its calls, or of the checkpoint after it. */
  private interface Check {
    void on(FileMemoryStore store, MemoryDisk disk, String call, Told told, String note)
        throws Exception;
  }

  /**
   * Runs a put and a checkpoint with the fault at every call in turn, with a segment of the log at
   * hand and without one.
   *
   * @return the calls that the fault struck
   */
  private static List<String> sweep(MemoryDisk.Fault fault, String only, Check check)
      throws Exception {
    List<String> struck = new ArrayList<>();
    for (boolean segment : new boolean[] {true, false}) {
      for (int n = 1; ; n++) {
        MemoryDisk disk = new MemoryDisk();
        try (FileMemoryStore store = builder(disk).build()) {
          store.execute(StoreMemory.of("m", AT, "old"));
          store.checkpoint();
          if (segment) {
            store.execute(StoreMemory.of("other", AT, "other"));
          }
          disk.failedForcesLose();
          disk.failAt(n, fault);
          Told told = put(store, "new");
          try {
            store.checkpoint();
          } catch (StoreUnavailableException e) {
            assertThat(e.mayHaveApplied()).isEmpty();
          }
          if (disk.calls() < n) {
            break;
          }
          String call = disk.call(n);
          if (call.matches(only)) {
            struck.add(call);
            check.on(store, disk, call, told, fault + " at call " + n + " (" + call + ")");
          }
        }
      }
    }
    assertThat(struck).as("calls that failed").isNotEmpty();
    return struck;
  }

  /** What was told holds now, after a kill, and after a power cut. */
  private static void assertAsTold(FileMemoryStore store, MemoryDisk disk, Told told, String note) {
    List<String> right =
        switch (told) {
          case ACKNOWLEDGED -> List.of("new");
          case FAILED -> List.of("old");
          case UNKNOWN -> List.of("old", "new");
        };
    assertThat(content(store, "m")).as(note).isIn(right);
    for (MemoryDisk next : List.of(disk.afterKill(), disk.afterPowerCut(new Random(1)))) {
      try (FileMemoryStore again = builder(next).build()) {
        assertThat(content(again, "m")).as(note).isIn(right);
        assertThat(again.info().setAside()).as(note).isEmpty();
        assertThat(again.health().notes()).as("no damage, %s", note).isEmpty();
      }
    }
  }

  private static void assertNoTemp(MemoryDisk disk, String note) {
    assertThat(disk.files().keySet()).as(note).noneMatch(file -> file.endsWith(".tmp"));
  }

  @Test
  @DisplayName("T15, T14: disk full from each step of a put on")
  void givenADiskThatIsFullFromAnyCallOn_whenAMemoryIsPut_thenItFailsAndGoesOnOnceThereIsRoom()
      throws Exception {
    int[] failed = {0};
    sweep(
        MemoryDisk.Fault.ENOSPC,
        ".*",
        (store, disk, call, told, note) -> {
          assertThat(told).as(note).isNotEqualTo(Told.UNKNOWN);
          failed[0] += told == Told.FAILED ? 1 : 0;
          assertAsTold(store, disk, told, note);
          assertNoTemp(disk, note);
          disk.repair();
          assertThat(put(store, "new")).as("with room again, %s", note).isEqualTo(told(told));
          store.execute(StoreMemory.of("after", AT, "goes on"));
          store.checkpoint();
          assertThat(store.health().status()).as(note).isEqualTo(Health.Status.UP);
          assertAsTold(store, disk, Told.ACKNOWLEDGED, note);
        });
    assertThat(failed[0]).as("puts that failed").isPositive();
  }

  /** A second put is acknowledged whatever became of the first. */
  private static Told told(Told first) {
    assertThat(first).isIn(Told.ACKNOWLEDGED, Told.FAILED);
    return Told.ACKNOWLEDGED;
  }

  @Test
  @DisplayName("T07: torn write at every byte of a memory file's temp")
  void givenATempTornAtAnyByte_whenOpened_thenTheOldRecordIsServedAndNothingOfTheTemp()
      throws Exception {
    MemoryDisk disk = new MemoryDisk();
    try (FileMemoryStore store = builder(disk).build()) {
      store.execute(StoreMemory.of("m", AT, "old"));
    }
    Path folder = TREE.resolve("active");
    String name = disk.list(folder).get(0);
    byte[] old = disk.read(folder.resolve(name));
    byte[] next = new String(old, UTF_8).replace("old", "new and longer").getBytes(UTF_8);
    assertThat(next.length).isGreaterThan(old.length);
    for (int torn = 0; torn <= next.length; torn++) {
      MemoryDisk killed = disk.afterKill();
      Path temp = folder.resolve("." + name + "." + new UUID(torn, 0) + ".tmp");
      try (Disk.Out out = killed.create(temp, null)) {
        out.write(0, next, 0, torn);
      }
      try (FileMemoryStore store = builder(killed).build()) {
        assertThat(content(store, "m")).as("torn at byte " + torn).isEqualTo("old");
        assertThat(store.find(MemoryQuery.all())).hasSize(1);
        assertThat(store.info().setAside()).isEmpty();
        assertThat(killed.list(folder)).containsExactly(name);
      }
    }
  }

  @Test
  @DisplayName("T16: EIO on each write of a put, and a write that ends halfway")
  void givenAWriteThatFails_whenAMemoryIsPut_thenItFailsAndTheOldValueIsServed() throws Exception {
    int[] failed = {0};
    for (MemoryDisk.Fault fault : List.of(MemoryDisk.Fault.EIO, MemoryDisk.Fault.SHORT_WRITE)) {
      sweep(
          fault,
          "(create|write|reopen|move|link) .*",
          (store, disk, call, told, note) -> {
            if (call.startsWith("write") && call.contains("/.memory/log/")) {
              failed[0] += told == Told.FAILED ? 1 : 0;
            }
            assertThat(told).as(note).isNotEqualTo(Told.UNKNOWN);
            assertAsTold(store, disk, told, note);
            assertNoTemp(disk, note);
            assertThat(put(store, "new")).as("the next one, %s", note).isEqualTo(told(told));
            store.checkpoint();
            assertAsTold(store, disk, Told.ACKNOWLEDGED, note);
          });
    }
    assertThat(failed[0]).as("lines of the log that could not be written").isGreaterThan(3);
  }

  @Test
  @DisplayName("T17: EIO on each file force; no file is forced again")
  void givenAForceThatFails_whenAMemoryIsPut_thenNoFileIsEverForcedAgain() throws Exception {
    TreeSet<Told> seen = new TreeSet<>();
    sweep(
        MemoryDisk.Fault.EIO,
        "force(Out)? .*",
        (store, disk, call, told, note) -> {
          seen.add(told);
          assertAsTold(store, disk, told, note);
          if (told == Told.UNKNOWN) { // the line of the write itself
            assertThat(put(store, "newer")).as(note).isEqualTo(Told.FAILED);
            assertThat(content(store, "m")).as("reads go on, %s", note).isEqualTo("old");
          } else {
            assertThat(put(store, "new")).as(note).isIn(Told.ACKNOWLEDGED, Told.FAILED);
            try {
              store.checkpoint();
            } catch (StoreUnavailableException readOnly) { // a line of the checkpoint
              assertThat(put(store, "new")).as(note).isEqualTo(Told.FAILED);
            }
          }
          store.close();
          assertThat(disk.forcedAgain()).as(note).isEmpty();
        });
    assertThat(seen).contains(Told.FAILED, Told.UNKNOWN, Told.ACKNOWLEDGED);
  }

  @Test
  @DisplayName("T18: EIO on each folder force")
  void givenAFolderForceThatFails_whenACheckpointNeedsIt_thenTheStoreOnlyReadsUntilOpenedAgain()
      throws Exception {
    int[] readOnly = {0};
    sweep(
        MemoryDisk.Fault.EIO,
        "forceFolder .*",
        (store, disk, call, told, note) -> {
          // A new segment's folder is forced before there is a line: nothing is unknown then.
          assertThat(told).as(note).isNotEqualTo(Told.UNKNOWN);
          assertAsTold(store, disk, told, note);
          if (told == Told.FAILED) {
            assertThat(put(store, "new")).as(note).isEqualTo(Told.ACKNOWLEDGED);
            assertAsTold(store, disk, Told.ACKNOWLEDGED, note);
            return;
          }
          if (store.health().notes().isEmpty()) {
            return; // of what can be done without
          }
          readOnly[0]++;
          assertThat(put(store, "newer")).as(note).isEqualTo(Told.FAILED);
          assertThat(store.health().status()).as(note).isEqualTo(Health.Status.DEGRADED);
          assertThat(content(store, "m")).as("reads go on, %s", note).isEqualTo("new");
          store.close();
          try (FileMemoryStore again = builder(disk).build()) { // recovery decides
            assertThat(put(again, "newer")).as(note).isEqualTo(Told.ACKNOWLEDGED);
            assertThat(content(again, "m")).as(note).isEqualTo("newer");
          }
        });
    assertThat(readOnly[0]).as("checkpoints after which nothing may be written").isPositive();
  }

  @Test
  @DisplayName("T19: the disk can only be read from any call on")
  void givenADiskThatCanOnlyBeReadFromAnyCallOn_whenWritten_thenItFailsByNameAndReadsGoOn() {
    int failed = 0;
    for (int n = 0; n < 12; n++) {
      MemoryDisk memory = new MemoryDisk();
      HookedDisk disk = new HookedDisk(memory);
      try (FileMemoryStore store =
          FileMemoryStore.builder(TREE)
              .disk(disk)
              .checkpointAfter(Duration.ofHours(1))
              .logRoom(4096)
              .build()) {
        store.execute(StoreMemory.of("m", AT, "old"));
        store.checkpoint();
        int[] left = {n};
        disk.hook(
            (call, path) -> {
              if (call.changes() && left[0]-- <= 0) {
                throw new FileSystemException(path.toString(), null, "Read-only file system");
              }
            });
        Told told = put(store, "new");
        failed += told == Told.FAILED ? 1 : 0;
        String note = n + " changes before the disk can only be read";
        assertAsTold(store, memory, told, note);
        assertThat(store.count(MemoryQuery.all())).as(note).isEqualTo(1);
        disk.hook(HookedDisk.Hook.NONE);
        assertThat(put(store, "newer")).as(note).isEqualTo(Told.ACKNOWLEDGED);
      }
      try (FileMemoryStore store = builder(memory).build()) {
        assertThat(content(store, "m")).isEqualTo("newer");
      }
    }
    assertThat(failed).isPositive();
  }

  @Test
  @DisplayName("T21, T22: clock back 1 h and forward 1 y")
  void givenAClockThatJumps_whenWrittenAndReopened_thenRevisionsAndOrderAreTheSame() {
    List<List<String>> results = new ArrayList<>();
    for (Duration jump :
        List.of(Duration.ZERO, Duration.ofHours(-1), Duration.ofDays(365), Duration.ofDays(-365))) {
      ManualClock clock = new ManualClock(Instant.parse("2026-02-10T12:00:00Z"));
      MemoryDisk disk = new MemoryDisk();
      FileMemoryStore store = builder(disk).clock(clock).build();
      store.execute(StoreMemory.of("m", AT, "old"));
      store.execute(StoreMemory.of("gone", AT, "old"));
      clock.advance(jump);
      store.execute(UpdateMemory.of("m").content("new"));
      store.memories().forget("gone");
      MemoryDisk killed = disk.afterKill(); // the order of the log decides, not a time
      store.close();
      clock.advance(jump);
      try (FileMemoryStore again = builder(killed).clock(clock).build()) {
        again.execute(UpdateMemory.of("m").content("newest"));
        again.checkpoint();
        results.add(Snapshot.of(again));
        assertThat(again.read(Kind.MEMORY, Key.of("m")).orElseThrow().revision()).isEqualTo(3);
        assertThat(again.read(Kind.MEMORY, Key.of("gone")).orElseThrow().revision()).isEqualTo(2);
        assertThat(content(again, "m")).isEqualTo("newest");
        assertThat(again.health().notes()).isEmpty();
      }
    }
    assertThat(results.subList(1, 4)).allSatisfy(r -> assertThat(r).hasSameSizeAs(results.get(0)));
  }

  @Test
  @DisplayName("T25: OutOfMemoryError in what a caller does with a stream, and in the store itself")
  void givenMemoryRunsOut_whenTheNextCallComes_thenNothingIsLockedAndNothingLost() {
    HookedDisk disk = new HookedDisk(new MemoryDisk());
    FileMemoryStore store =
        FileMemoryStore.builder(TREE).disk(disk).checkpointAfter(Duration.ofHours(1)).build();
    store.execute(StoreMemory.of("m", AT, "old"));
    assertThatExceptionOfType(OutOfMemoryError.class)
        .isThrownBy(
            () ->
                store
                    .scan(Kind.MEMORY)
                    .forEach(
                        memory -> {
                          throw new OutOfMemoryError("in a caller");
                        }));
    assertThat(put(store, "new")).isEqualTo(Told.ACKNOWLEDGED);

    boolean[] armed = {true};
    disk.hook(
        (call, path) -> {
          if (call == HookedDisk.Call.STAT && armed[0]) {
            armed[0] = false;
            throw new OutOfMemoryError("while the batch is planned");
          }
        });
    assertThatExceptionOfType(OutOfMemoryError.class).isThrownBy(() -> put(store, "lost"));
    assertThat(content(store, "m")).isEqualTo("new");
    assertThat(put(store, "newer")).isEqualTo(Told.ACKNOWLEDGED);

    disk.hook(
        (call, path) -> {
          if (call == HookedDisk.Call.MOVE) {
            throw new OutOfMemoryError("after the write has happened");
          }
        });
    assertThat(put(store, "newest")).isEqualTo(Told.UNKNOWN);
    disk.hook(HookedDisk.Hook.NONE);
    assertThat(put(store, "refused")).isEqualTo(Told.FAILED);
    assertThat(content(store, "m")).as("reads go on").isEqualTo("newest");
    store.close();
    try (FileMemoryStore again = FileMemoryStore.builder(TREE).disk(disk).build()) {
      assertThat(content(again, "m")).isEqualTo("newest");
    }
  }

  @Test
  @DisplayName("T25: StackOverflowError in a caller's thread at any depth")
  void givenACallerWithoutStack_whenItsCallsOverflow_thenNoLockStaysHeld() throws Exception {
    FileMemoryStore store = builder(new MemoryDisk()).build();
    store.execute(StoreMemory.of("m", AT, "old"));
    store.count(MemoryQuery.all()); // what is linked on the first call is linked now
    store.find(MemoryQuery.all().limit(1));
    int[] overflows = {0};
    Thread caller =
        new Thread(null, () -> overflows[0] = fall(store, new int[1]), "without stack", 256 << 10);
    caller.setDaemon(true);
    caller.start();
    caller.join(TimeUnit.SECONDS.toMillis(20));
    assertThat(caller.isAlive()).as("the caller waits for ever").isFalse();
    assertThat(overflows[0])
        .as("calls that overflowed")
        .isGreaterThan(3); // fewer once they are compiled
    // Would wait for ever if a reader's lock had been left behind.
    Future<?> next = CompletableFuture.runAsync(() -> put(store, "new"));
    next.get(20, TimeUnit.SECONDS);
    assertThat(content(store, "m")).isEqualTo("new");
    store.close();
  }

  /** Falls until there is no stack left, and tries a call at every depth on the way back. */
  @SuppressWarnings("InfiniteRecursion") // that is what it is for
  private static int fall(FileMemoryStore store, int[] overflows) {
    try {
      fall(store, overflows);
    } catch (StackOverflowError e) {
      overflows[0]++;
    }
    if (overflows[0] > 0 && overflows[0] < 400) {
      try {
        store.count(MemoryQuery.all());
        store.execute(UpdateMemory.of("m").content("from below"));
        store.find(MemoryQuery.all().limit(1));
      } catch (StackOverflowError | RuntimeException | LinkageError e) {
        overflows[0]++; // the latter: an overflow while a class was loaded
      }
    }
    return overflows[0];
  }
}

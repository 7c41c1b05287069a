package io.agentmemory.dualwrite;

import static io.agentmemory.dualwrite.Journals.began;
import static io.agentmemory.dualwrite.Journals.change;
import static io.agentmemory.dualwrite.Journals.op;
import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.OpId;
import io.agentmemory.dualwrite.Journal.Ending;
import io.agentmemory.dualwrite.Journal.Open;
import io.agentmemory.internal.LocalDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The journal on the real disk: killed, interrupted, by many at once. */
final class JournalProcessTest {
  private static final int KILLS = Integer.getInteger("journal.kills", 8);
  private static final int INTERRUPTS = 1000;

  @TempDir Path folder;

  private Journal open() {
    return open(Journals.SMALL);
  }

  private Journal open(JournalLimits limits) {
    return Journal.open(
        LocalDisk.INSTANCE, folder.resolve("journal"), limits, Journals.ID, Journals.OPERATION);
  }

  /** What a killed process said that it had written. */
  private static final class Said {
    final Set<Integer> began = new HashSet<>();
    final Set<Integer> changed = new HashSet<>();
    final Set<Integer> done = new HashSet<>();

    void take(@Nullable String line) {
      if (line == null) {
        return;
      }
      String[] words = line.split(" ", -1);
      (switch (words[0]) {
            case "began" -> began;
            case "changed" -> changed;
            default -> done;
          })
          .add(Integer.parseInt(words[1]));
    }
  }

  @Test
  @Timeout(300)
  void givenAWritingProcess_whenKilledAtRandom_thenEveryLineThatReturnedIsThere() throws Exception {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    Said said = new Said();
    for (int kill = 0; kill < KILLS; kill++) {
      String note = "seed " + seed + ", kill " + kill;
      try (ChildJournal child = ChildJournal.start(folder.resolve("journal"), kill * 1_000_000)) {
        assertThat(child.line()).as(note).isEqualTo(kill == 0 ? "open NEW 0" : "open KILLED 0");
        for (int lines = random.nextInt(600); lines > 0; lines--) {
          said.take(child.line());
        }
        LockSupport.parkNanos(random.nextInt(3_000_000));
        child.kill();
        for (String line = child.line(); line != null; line = child.line()) {
          said.take(line);
        }
      }
    }
    assertThat(said.began).hasSizeGreaterThan(KILLS * 20);
    try (Journal journal = open()) {
      String note = "seed " + seed;
      Map<OpId, Open> found = new HashMap<>();
      journal.found().open().forEach(open -> found.put(open.opId(), open));
      assertThat(journal.found().ending()).as(note).isEqualTo(Ending.KILLED);
      assertThat(journal.found().damage()).as(note).isEmpty();
      for (int i : said.began) {
        if (said.done.contains(i)) {
          assertThat(found).as("%s, done %s", note, i).doesNotContainKey(op(i));
        } else if (i % 4 == 0) {
          assertThat(found).as("%s, began %s", note, i).containsKey(op(i));
        }
      }
      for (int i : said.changed) {
        Open open = found.get(op(i));
        if (i % 4 == 0) {
          assertThat(open).as("%s, changed %s", note, i).isNotNull();
        }
        if (open != null) {
          assertThat(open.changes()).as(note).containsExactly(change(i, 1));
        }
      }
    }
  }

  @Test
  @Timeout(120)
  void givenCallersThatAreInterrupted_whenTheyWrite_thenEveryLineIsThereAndTheInterruptIsKept()
      throws Exception {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    int count = 0;
    try (Journal journal = open()) {
      for (int i = 0; i < INTERRUPTS; i++) {
        int number = count++;
        AtomicBoolean kept = new AtomicBoolean();
        AtomicBoolean seen = new AtomicBoolean();
        CountDownLatch started = new CountDownLatch(1);
        boolean before = i % 2 == 0;
        Thread caller =
            new Thread(
                () -> {
                  if (before) {
                    Thread.currentThread().interrupt();
                  }
                  started.countDown();
                  journal.began(began(number, Side.TARGET), number % 8 == 1);
                  journal.changed(
                      op(number), Side.SOURCE, List.of(change(number, 1)), number % 8 == 0);
                  if (number % 16 != 0) {
                    journal.done(op(number));
                  }
                  kept.set(Thread.currentThread().isInterrupted());
                  seen.set(true);
                });
        caller.start();
        started.await();
        if (!before) {
          LockSupport.parkNanos(random.nextInt(200_000));
          caller.interrupt();
        }
        caller.join();
        assertThat(seen).as("seed %s, the call returned, %s", seed, i).isTrue();
        if (before) {
          assertThat(kept).as("seed %s, interrupt kept, %s", seed, i).isTrue();
        }
      }
      assertThat(journal.isBroken()).isFalse();
      Thread.currentThread().interrupt();
    }
    try (Journal journal = open()) {
      assertThat(Thread.interrupted()).isTrue();
      assertThat(journal.found().ending()).isEqualTo(Ending.NEW); // nobody has settled it
      assertThat(journal.found().damage()).isEmpty();
      assertThat(journal.found().open())
          .extracting(Open::opId)
          .containsExactlyElementsOf(
              Stream.iterate(0, i -> i < INTERRUPTS, i -> i + 16).map(Journals::op).toList());
    }
  }

  @Test
  @Timeout(120)
  void givenManyCallers_whenTheyWriteAtOnce_thenEachOperationIsWhole() throws Exception {
    int callers = 8;
    int each = 200;
    ExecutorService pool = Executors.newFixedThreadPool(callers);
    try (Journal journal = open()) {
      journal.settled();
      List<Future<?>> all = new ArrayList<>();
      for (int caller = 0; caller < callers; caller++) {
        int from = caller * each;
        all.add(
            pool.submit(
                () -> {
                  for (int i = from; i < from + each; i++) {
                    journal.began(began(i, Side.TARGET), i % 10 == 1);
                    journal.changed(
                        op(i),
                        Side.SOURCE,
                        List.of(change(i, 1), change(op(i), Journals.embedding(i, 2), 2)),
                        i % 10 == 2);
                    if (i % 5 != 0) {
                      journal.done(op(i));
                    }
                    if (i % 97 == 0) {
                      journal.trim();
                    }
                  }
                }));
      }
      for (Future<?> one : all) {
        one.get();
      }
    } finally {
      pool.shutdownNow();
    }
    try (Journal journal = open()) {
      assertThat(journal.found().ending()).isEqualTo(Ending.CLEAN);
      assertThat(journal.found().damage()).isEmpty();
      assertThat(journal.found().open()).hasSize(callers * each / 5);
      assertThat(journal.found().open()).allMatch(open -> open.changes().size() == 2);
      assertThat(journal.found().open().stream().map(Open::opId).collect(Collectors.toSet()))
          .hasSize(callers * each / 5);
    }
  }

  @Test
  void givenManyOperations_whenTheyAreDone_thenThereAreNoMoreSegmentsThanTheirLinesFill()
      throws IOException {
    JournalLimits limits = new JournalLimits(1 << 20, 0, 1 << 16, 1 << 16);
    long written = 0;
    try (Journal journal = open(limits)) {
      for (int i = 0; i < 3000; i++) {
        long before = journal.bytes();
        journal.began(began(i, Side.TARGET), false);
        journal.changed(op(i), Side.SOURCE, List.of(change(i, 1)), i % 50 == 0);
        written += Math.max(0, journal.bytes() - before);
        journal.done(op(i));
      }
      journal.awaitIdle();
    }
    long filled = written / limits.segment();
    assertThat(filled).isGreaterThan(10);
    try (Stream<Path> files = Files.list(folder.resolve("journal"))) {
      assertThat(files.map(file -> file.getFileName().toString()).toList())
          .hasSize(1)
          .allMatch(name -> name.compareTo(JournalSegment.name(filled * 3 / 2 + 5)) < 0, "seldom");
    }
  }

  @Test
  void givenAPosixDisk_whenItHasAJournal_thenOnlyItsOwnerMayReadIt() throws IOException {
    open().close();
    Path journal = folder.resolve("journal");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(journal)))
        .isEqualTo("rwx------");
    try (Stream<Path> files = Files.list(journal)) {
      assertThat(files.toList())
          .isNotEmpty()
          .allSatisfy(
              file ->
                  assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                      .isEqualTo("rw-------"));
    }
  }

  /** What an append costs, printed: {@code -Djournal.measure=20000}. */
  @Test
  void givenItIsAskedFor_whenMeasured_thenTheCostOfAppendsIsPrinted() throws IOException {
    int count = Integer.getInteger("journal.measure", 200);
    try (Journal journal = open(JournalLimits.DEFAULT)) {
      for (int warm = 0; warm < count / 4; warm++) {
        operation(journal, 10_000_000 + warm, false, new long[3]);
      }
      long[][] plain = new long[3][count];
      long[] durable = new long[count / 10];
      for (int i = 0; i < count; i++) {
        long[] times = new long[3];
        operation(journal, i, false, times);
        for (int part = 0; part < 3; part++) {
          plain[part][i] = times[part];
        }
      }
      for (int i = 0; i < durable.length; i++) {
        long[] times = new long[3];
        operation(journal, 20_000_000 + i, true, times);
        durable[i] = times[1];
      }
      String report =
          "journal: began "
              + micros(plain[0])
              + ", changed "
              + micros(plain[1])
              + ", done "
              + micros(plain[2])
              + ", changed and forced "
              + micros(durable);
      assertThat(journal.open()).isEmpty();
      if (count > 200) {
        System.out.println(report);
      }
    }
  }

  private static void operation(Journal journal, int number, boolean forced, long[] times) {
    Journal.Began began = began(number, Side.TARGET);
    List<Journal.Change> changes = List.of(change(number, 1));
    long start = System.nanoTime();
    journal.began(began, false);
    long first = System.nanoTime();
    journal.changed(op(number), Side.SOURCE, changes, forced);
    long second = System.nanoTime();
    journal.done(op(number));
    times[0] = first - start;
    times[1] = second - first;
    times[2] = System.nanoTime() - second;
  }

  private static String micros(long[] nanos) {
    Arrays.sort(nanos);
    return String.format(
        java.util.Locale.ROOT,
        "%.1f/%.1f/%.1f us (p50/p99/max)",
        nanos[nanos.length / 2] / 1e3,
        nanos[nanos.length * 99 / 100] / 1e3,
        nanos[nanos.length - 1] / 1e3);
  }
}

package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.agentmemory.Health;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryQuery;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A disk that fills up, can only be read any more, or is no longer there. */
@Timeout(60)
final class RealDiskTest {
  private static final String AT = "2026-02-10T11:52:05.123456+00:00";

  @TempDir Path folder;

  private static FileMemoryStore open(Path tree) {
    return FileMemoryStore.builder(tree).checkpointAfter(Duration.ofHours(1)).build();
  }

  private static void refused(Runnable write, String name) {
    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(write::run)
        .satisfies(e -> assertThat(e.mayHaveApplied()).isEmpty())
        .satisfies(e -> assertThat(e.operation().subject()).contains(name));
  }

  private static String content(FileMemoryStore store, String id) {
    return store.read(Kind.MEMORY, Key.of(id)).orElseThrow().live().orElseThrow().content();
  }

  /** A disk of its own, in memory; needs the right to mount. */
  @Nested
  class Mounted {
    private final List<Path> mounted = new ArrayList<>();

    private Path mount() throws Exception {
      Path disk = Files.createDirectory(folder.resolve("disk"));
      boolean done = run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk.toString());
      if (!done) {
        System.out.println("SKIPPED: a small disk (T14, T15, T19, T20): no right to mount one");
      }
      assumeTrue(done, "no right to mount a disk here");
      mounted.add(disk);
      return disk;
    }

    private boolean run(String... words) throws Exception {
      try {
        Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
        process.getInputStream().readAllBytes();
        return process.waitFor() == 0;
      } catch (IOException none) {
        return false;
      }
    }

    @AfterEach
    void unmount() throws Exception {
      for (int i = mounted.size() - 1; i >= 0; i--) {
        run("umount", "-l", mounted.get(i).toString());
      }
    }

    @Test
    @DisplayName("T14, T15: the real disk full, and room again")
    void givenASmallDisk_whenItFillsUp_thenNothingIsLostAndRoomIsEnoughToGoOn() throws Exception {
      Path disk = mount();
      Path filler = Files.write(disk.resolve("filler"), new byte[2 << 20]);
      List<String> stored = new ArrayList<>();
      String failed = null;
      try (FileMemoryStore store = open(disk.resolve("memory"))) {
        String body = "x".repeat(200_000);
        for (int i = 0; failed == null; i++) {
          String id = "m" + i;
          try {
            store.execute(StoreMemory.of(id, AT, id + body));
            stored.add(id);
          } catch (StoreUnavailableException full) {
            assertThat(full.mayHaveApplied()).isEmpty();
            failed = id;
          }
        }
        String first = failed;
        assertThat(stored).hasSizeBetween(5, 60);
        assertThat(store.read(Kind.MEMORY, Key.of(first))).isEmpty();
        assertThat(store.count(MemoryQuery.all())).isEqualTo(stored.size());
        refused(() -> store.execute(StoreMemory.of("again", AT, "a" + body)), "again");

        Files.delete(filler);

        store.execute(StoreMemory.of(first, AT, first + body));
        stored.add(first);
        store.checkpoint();
        assertThat(store.health().status()).isEqualTo(Health.Status.UP);
      }
      try (FileMemoryStore store = open(disk.resolve("memory"))) {
        assertThat(store.count(MemoryQuery.all())).isEqualTo(stored.size());
        for (String id : stored) {
          assertThat(content(store, id)).startsWith(id + "x").hasSize(id.length() + 200_000);
        }
        assertThat(store.info().setAside()).isEmpty();
      }
    }

    @Test
    @DisplayName("T19: the real disk can only be read from a moment on (EROFS)")
    void givenADiskThatCanOnlyBeRead_whenWritten_thenItFailsByNameAndReadsGoOn() throws Exception {
      Path disk = mount();
      String tree = Files.createDirectory(disk.resolve("memory")).toString();
      try (FileMemoryStore store = open(disk.resolve("memory"))) {
        store.execute(StoreMemory.of("m", AT, "old"));
        store.checkpoint();
        assumeTrue(run("mount", "--bind", tree, tree), "no right to mount a folder here");
        mounted.add(Path.of(tree));
        assertThat(run("mount", "-o", "remount,bind,ro", tree)).isTrue();

        refused(() -> store.execute(UpdateMemory.of("m").content("new")), "m");
        assertThat(content(store, "m")).isEqualTo("old");
        assertThat(store.count(MemoryQuery.all())).isEqualTo(1);

        assertThat(run("umount", "-l", tree)).isTrue();
        store.execute(UpdateMemory.of("m").content("new"));
      }
      try (FileMemoryStore store = open(disk.resolve("memory"))) {
        assertThat(content(store, "m")).isEqualTo("new");
        assertThat(store.read(Kind.MEMORY, Key.of("m")).orElseThrow().revision()).isEqualTo(2);
      }
    }

    @Test
    @DisplayName("T20: unmounted mid-run")
    void givenADiskThatIsUnmounted_whenWritten_thenItFailsByNameAndNothingCountsAsDeleted()
        throws Exception {
      Path disk = mount();
      Path away = Files.createDirectory(folder.resolve("away"));
      assertThat(run("mount", "--bind", disk.toString(), away.toString())).isTrue();
      mounted.add(away);

      whileGone(
          disk.resolve("memory"),
          tree -> assertThat(quietly("umount", "-l", disk.toString())).isTrue(),
          tree ->
              assertThat(quietly("mount", "--bind", away.toString(), disk.toString())).isTrue());
    }

    private boolean quietly(String... words) {
      try {
        return run(words);
      } catch (Exception e) {
        throw new AssertionError(e);
      }
    }
  }

  /** A store whose tree goes, and comes back. */
  private static void whileGone(Path tree, Consumer<Path> goes, Consumer<Path> comes) {
    try (FileMemoryStore store = open(tree)) {
      for (int i = 0; i < 12; i++) {
        store.execute(StoreMemory.of("m" + i, AT, "body of m" + i));
      }
      store.checkpoint();
      store.execute(UpdateMemory.of("m1").content("new")); // a segment of the log is open
      List<String> before = Snapshot.of(store);

      goes.accept(tree);

      refused(() -> store.execute(UpdateMemory.of("m1").content("lost")), "m1");
      refused(() -> store.execute(StoreMemory.of("other", AT, "lost")), "other");
      assertThat(Snapshot.of(store)).as("reads go on").isEqualTo(before);

      comes.accept(tree);

      store.execute(UpdateMemory.of("m1").content("newer"));
      assertThat(Snapshot.of(store)).hasSameSizeAs(before);

      goes.accept(tree);
      assertThatExceptionOfType(StoreUnavailableException.class).isThrownBy(store::checkpoint);
      refused(() -> store.execute(UpdateMemory.of("m1").content("lost")), "m1");
      comes.accept(tree);
    }
    try (FileMemoryStore store = open(tree)) {
      assertThat(content(store, "m1")).isEqualTo("newer");
      assertThat(store.count(MemoryQuery.all())).isEqualTo(12);
      assertThat(store.info().tombstones().get(Kind.MEMORY)).as("deleted").isZero();
      assertThat(store.info().setAside()).isEmpty();
    }
  }

  @Test
  @DisplayName("T20: the folder moved away mid-run, and back")
  void givenAFolderMovedAway_whenWritten_thenItFailsByNameAndNothingCountsAsDeleted() {
    Path away = folder.resolve("away");
    whileGone(folder.resolve("memory"), tree -> rename(tree, away), tree -> rename(away, tree));
  }

  private static void rename(Path from, Path to) {
    try {
      Files.move(from, to);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  @DisplayName("T20: the folder deleted mid-run")
  void givenAFolderDeleted_whenWritten_thenItFailsByNameAndReadsGoOn() throws IOException {
    Path tree = folder.resolve("memory");
    try (FileMemoryStore store = open(tree)) {
      store.execute(StoreMemory.of("m", AT, "old"));
      try (Stream<Path> files = Files.walk(tree)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
      refused(() -> store.execute(UpdateMemory.of("m").content("lost")), "m");
      refused(() -> store.execute(StoreMemory.of("other", AT, "lost")), "other");
      assertThat(content(store, "m")).isEqualTo("old");
      assertThat(store.info().tombstones().get(Kind.MEMORY)).as("deleted").isZero();
    }
  }

  @Test
  @DisplayName("T59: a memory file and a document of 200 MB")
  void givenFilesOf200Megabytes_whenOpened_thenTheyAreSetAsideAndNotRead() throws IOException {
    Path tree = folder.resolve("memory");
    try (FileMemoryStore store = open(tree)) {
      store.execute(StoreMemory.of("m", AT, "body"));
    }
    Path active = tree.resolve("active");
    sparse(active.resolve("large.md"), "---\nid: large\n---\n\n");
    sparse(tree.resolve("embeddings.json"), "{\"model\": \"m\", ");
    System.gc();
    long before = used();
    long start = System.nanoTime();

    try (FileMemoryStore store = open(tree)) {
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
      assertThat(used() - before).as("heap in use more than before").isLessThan(150L << 20);
      assertThat(store.info().setAside())
          .extracting(io.agentmemory.StoreInfo.SetAside::location)
          .containsExactly("active/large.md", "embeddings.json");
      assertThat(store.count(MemoryQuery.all())).isEqualTo(1);
      store.execute(UpdateMemory.of("m").content("goes on"));
    }
    assertThat(active.resolve("large.md")).hasSize(200L << 20);
    assertThat(tree.resolve("embeddings.json")).hasSize(200L << 20);
  }

  private static void sparse(Path file, String start) throws IOException {
    try (java.io.RandomAccessFile out = new java.io.RandomAccessFile(file.toFile(), "rw")) {
      out.write(start.getBytes(UTF_8));
      out.setLength(200L << 20);
    }
  }

  private static long used() {
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }
}

package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.agentmemory.Embedding;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStores;
import io.agentmemory.NewMemory;
import io.agentmemory.OpenMode;
import io.agentmemory.SimilarQuery;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.Batch;
import io.agentmemory.command.DefineSpace;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.internal.FolderLock;
import io.agentmemory.internal.LocalDisk;
import io.agentmemory.internal.testkit.MemoryDisk;
import java.io.File;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
final class FileMemoryStoreTest {
  private static final String AT = "2026-02-10T11:52:05.123456+00:00";

  @TempDir Path folder;

  private static FileMemoryStore open(Path path) {
    return FileMemoryStore.builder(path)
        .lockWait(Duration.ofMillis(50))
        .checkpointAfter(Duration.ofHours(1))
        .build();
  }

  private static FileMemoryStore read(Path path) {
    return FileMemoryStore.builder(path).readOnly().build();
  }

  @Nested
  class Places {
    @Test
    void givenAnEmptyFolder_whenOpened_thenTheTreeIsMadeInMemory() {
      try (FileMemoryStore store = open(folder)) {
        store.memories().store(NewMemory.of("x").id("a").title("t"));
      }
      assertThat(folder.resolve("memory/active/t-a.md")).exists();
      assertThat(folder.resolve("memory/core")).isDirectory();
    }

    @Test
    void givenAFolderThatIsNotThere_whenOpened_thenItIsMade() {
      try (FileMemoryStore store = open(folder.resolve("a/b/memory"))) {
        store.memories().store(NewMemory.of("x").id("a").title("t"));
      }
      assertThat(folder.resolve("a/b/memory/active/t-a.md")).exists();
    }

    @Test
    void givenAFolderWithATier_whenOpened_thenItIsTheRootAndSensorsGoInside() throws IOException {
      Files.createDirectory(folder.resolve("core"));
      try (FileMemoryStore store = open(folder)) {
        store.execute(new DefineSpace(VectorSpace.of("image", "m", 1)));
      }
      assertThat(folder.resolve("sensors/data/image_embeddings.json")).exists();
      assertThat(folder.resolve("memory")).doesNotExist();
    }

    @Test
    void givenAFolderNamedMemory_whenOpened_thenSensorsGoBeside() {
      try (FileMemoryStore store = open(folder.resolve("memory"))) {
        store.execute(new DefineSpace(VectorSpace.of("image", "m", 1)));
      }
      assertThat(folder.resolve("sensors/data/image_embeddings.json")).exists();
      try (FileMemoryStore store = open(folder)) {
        assertThat(store.embeddings().space("image")).isPresent();
      }
    }

    @Test
    void givenAnAddress_whenOpened_thenPathAndNamespaceCount() {
      String url = "file:" + folder.resolve("my tree") + "?namespace=drift";
      try (MemoryStore store = MemoryStores.open(url)) {
        assertThat(store.namespace()).isEqualTo("drift");
      }
      try (MemoryStore store = MemoryStores.open("file:" + folder.resolve("my tree"))) {
        assertThat(store.namespace()).isEqualTo("drift");
      }
      assertThatIllegalArgumentException()
          .isThrownBy(() -> MemoryStores.open("file:" + folder.resolve("my tree") + "?namespace=x"))
          .withMessageContaining("belongs to namespace drift");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> MemoryStores.open("file:" + folder + "?name=x"));
      assertThatIllegalArgumentException().isThrownBy(() -> MemoryStores.open("file:"));
    }

    @Test
    void givenANewerLayout_whenOpened_thenItIsRefused() throws IOException {
      open(folder).close();
      Path checkpoint = folder.resolve("memory/.memory/checkpoint.json");
      Trees.edit(checkpoint, "\"layout\":1", "\"layout\":2");

      assertThatExceptionOfType(UncategorizedStoreException.class)
          .isThrownBy(() -> open(folder))
          .withMessageContaining("newer version");
      assertThatExceptionOfType(UncategorizedStoreException.class).isThrownBy(() -> read(folder));
      assertThat(checkpoint).content(UTF_8).contains("\"layout\":2");
    }
  }

  @Nested
  class ReadingOnly {
    @Test
    void givenATreeInAnyState_whenOpenedForReading_thenNotOneByteChanges() throws IOException {
      Path closed = folder.resolve("closed");
      Path killed = folder.resolve("killed");
      try (FileMemoryStore store = open(closed)) {
        fill(store);
        Trees.crashImage(closed, killed);
      }
      Path plain = folder.resolve("plain");
      Files.createDirectories(plain.resolve("active"));
      Files.writeString(plain.resolve("active/a.md"), "no control data at all", UTF_8);

      for (Path tree : List.of(closed, killed, plain)) {
        Map<String, String> before = Trees.fingerprint(tree);
        try (FileMemoryStore store = read(tree)) {
          assertThat(store.count(MemoryQuery.all())).isPositive();
          store.find(MemoryQuery.all());
          store.info();
          store.health();
          store.checkpoint();
          assertThatExceptionOfType(UncategorizedStoreException.class)
              .isThrownBy(() -> store.memories().store("x"));
        }
        assertThat(Trees.fingerprint(tree)).isEqualTo(before);
      }
    }

    @Test
    void givenNoTree_whenOpenedForReading_thenItIsRefusedAndNothingIsMade() {
      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> MemoryStores.open("file:" + folder.resolve("none"), OpenMode.READ));
      assertThat(folder.resolve("none")).doesNotExist();
    }

    @Test
    void givenALiveWriter_whenOpenedForReading_thenEverythingWrittenIsSeen() {
      try (FileMemoryStore writer = open(folder)) {
        fill(writer);
        try (FileMemoryStore reader = read(folder)) {
          assertThat(Snapshot.of(reader)).isEqualTo(Snapshot.of(writer));
        }
        writer.checkpoint();
        writer.memories().recall("m1");
        try (FileMemoryStore reader = read(folder)) {
          assertThat(Snapshot.of(reader)).isEqualTo(Snapshot.of(writer));
        }
      }
    }

    @Test
    void givenAWriterThatNeverRests_whenOpenedForReading_thenEachViewIsWholeAndNeverOlder()
        throws Exception {
      try (FileMemoryStore writer = open(folder)) {
        writer.execute(new DefineSpace(VectorSpace.of("text", "m", 1)));
        writer.execute(pair(0));
        ExecutorService executor = Executors.newSingleThreadExecutor();
        try {
          CountDownLatch started = new CountDownLatch(1);
          Future<?> writing =
              executor.submit(
                  () -> {
                    for (int i = 1; i < 400; i++) {
                      writer.execute(pair(i));
                      if (i % 7 == 0) {
                        writer.checkpoint();
                      }
                      started.countDown();
                    }
                  });
          started.await();
          long last = 0;
          while (!writing.isDone()) {
            try (FileMemoryStore reader = read(folder)) {
              long memories = reader.count(MemoryQuery.all());
              assertThat(reader.info().kinds().get(Kind.EMBEDDING)).isEqualTo(memories);
              assertThat(memories).isGreaterThanOrEqualTo(last);
              assertThat(reader.info().setAside()).isEmpty();
              last = memories;
            }
          }
          writing.get(1, TimeUnit.MINUTES);
        } finally {
          executor.shutdownNow();
        }
      }
    }

    /** A memory and its vector together. */
    private Batch pair(int i) {
      return Batch.of(
          List.of(
              StoreMemory.of("p" + i, AT, "body " + i),
              new PutEmbedding(Embedding.of("text", "p" + i, i + 1))));
    }
  }

  private static void fill(MemoryStore store) {
    store.execute(new DefineSpace(VectorSpace.of("text", "m", 2)));
    for (int i = 0; i < 5; i++) {
      store.memories().store(NewMemory.of("body of m" + i).id("m" + i));
      store.embeddings().put("text", "m" + i, new float[] {1, i});
    }
    store.memories().forget("m4");
  }

  @Nested
  class Locks {
    @Test
    void givenAStoreOpenForWriting_whenOpenedAgainHere_thenTheOwnerIsNamed() throws IOException {
      Path link = Files.createSymbolicLink(folder.resolve("link"), folder.resolve("real"));
      Files.createDirectory(folder.resolve("real"));
      try (FileMemoryStore store = open(folder.resolve("real"))) {
        for (Path path : List.of(folder.resolve("real"), link, link.resolve("memory"))) {
          assertThatExceptionOfType(StoreUnavailableException.class)
              .isThrownBy(() -> open(path))
              .withMessageContaining("process " + ProcessHandle.current().pid() + " since 20")
              .satisfies(e -> assertThat(e.mayHaveApplied()).isEmpty());
        }
        store.memories().store("still writes");
      }
      open(link).close();
    }

    /** Two applications in one server, or one that is deployed anew before the old one is gone. */
    @Test
    void givenAnotherClassLoaderHasTheTree_whenOpenedAgainAndAgain_thenRefusedAndItsLockStays()
        throws Exception {
      try (URLClassLoader other =
          new URLClassLoader(classPath(), ClassLoader.getPlatformClassLoader())) {
        try (AutoCloseable first = openIn(other)) {
          for (int i = 0; i < 3; i++) {
            assertThatExceptionOfType(StoreUnavailableException.class)
                .isThrownBy(() -> open(folder))
                .withMessageContaining("process " + ProcessHandle.current().pid() + " since 20");
          }
          try (ChildStore child = ChildStore.start(folder)) {
            assertThat(child.line()).as("another process").isEqualTo("refused");
          }
          assertThat(first).isNotNull();
        }
        for (int i = 0; i < 2; i++) {
          try (FileMemoryStore store = open(folder)) {
            store.memories().store("the lock is free");
            assertThatExceptionOfType(InvocationTargetException.class)
                .isThrownBy(() -> openIn(other))
                .havingCause()
                .withMessageContaining("process " + ProcessHandle.current().pid() + " since 20");
          }
          openIn(other).close();
        }
      }
    }

    private static URL[] classPath() throws IOException {
      List<URL> urls = new ArrayList<>();
      for (String part : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
        urls.add(Path.of(part).toUri().toURL());
      }
      return urls.toArray(URL[]::new);
    }

    private AutoCloseable openIn(ClassLoader loader) throws ReflectiveOperationException {
      Class<?> store = loader.loadClass(FileMemoryStore.class.getName());
      Object builder = store.getMethod("builder", Path.class).invoke(null, folder);
      Class<?> type = builder.getClass();
      type.getMethod("lockWait", Duration.class).invoke(builder, Duration.ofMillis(50));
      return (AutoCloseable) type.getMethod("build").invoke(builder);
    }

    @Test
    void givenAnotherProcessHasTheTree_whenOpened_thenItIsNamedAndReadersMayRead()
        throws Exception {
      try (ChildStore child = ChildStore.start(folder)) {
        assertThat(child.line()).isEqualTo("open");
        assertThatExceptionOfType(StoreUnavailableException.class)
            .isThrownBy(() -> open(folder))
            .withMessageContaining("process " + child.pid() + " since 20");
        try (FileMemoryStore reader = read(folder)) {
          assertThat(reader.info().setAside()).isEmpty();
        }
        child.kill();
        try (FileMemoryStore store = open(folder)) {
          store.memories().store("the lock of a dead process is free");
        }
      }
    }

    @Test
    void givenTheOwnerCloses_whenSomebodyWaits_thenItGetsTheTree() throws Exception {
      FileMemoryStore first = open(folder);
      ExecutorService executor = Executors.newSingleThreadExecutor();
      try {
        Future<FileMemoryStore> second =
            executor.submit(
                () -> FileMemoryStore.builder(folder).lockWait(Duration.ofSeconds(5)).build());
        first.close();
        second.get(10, TimeUnit.SECONDS).close();
      } finally {
        executor.shutdownNow();
        first.close();
      }
    }

    @Test
    void givenOnlyOnePlaceMayOpenTheLock_whenOurSourcesAreRead_thenThereIsOne() throws Exception {
      assertThat(
              Stream.of(FolderLock.class, LocalDisk.class, Engine.class, TreeWriter.class)
                  .filter(type -> mentions(type, "openLock")))
          .containsExactly(FolderLock.class, LocalDisk.class); // who calls it, and who does it
    }

    private boolean mentions(Class<?> type, String name) {
      try (var in = type.getResourceAsStream(type.getSimpleName() + ".class")) {
        return new String(in.readAllBytes(), java.nio.charset.StandardCharsets.ISO_8859_1)
            .contains(name);
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }
  }

  @Nested
  class Threads {
    @Test
    @DisplayName("T24: the caller interrupted during a put, 1000 times")
    void givenCallersThatAreInterrupted_whenTheyWrite_thenTheStoreAndItsLockStayUsable() {
      try (FileMemoryStore store = open(folder)) {
        for (int i = 0; i < 1000; i++) {
          Thread.currentThread().interrupt();
          store.memories().store(NewMemory.of("x").id("m" + i));
          assertThat(Thread.interrupted()).as("the interrupt is kept").isTrue();
        }
        assertThat(store.count(MemoryQuery.all())).isEqualTo(1000);
        assertThatExceptionOfType(StoreUnavailableException.class).isThrownBy(() -> open(folder));
      }
      try (FileMemoryStore store = read(folder)) {
        assertThat(store.count(MemoryQuery.all())).isEqualTo(1000);
      }
    }

    @Test
    void givenAnInterruptedCaller_whenItOpensAndCloses_thenItWorks() {
      Thread.currentThread().interrupt();
      try (FileMemoryStore store = open(folder)) {
        store.checkpoint();
      } finally {
        assertThat(Thread.interrupted()).isTrue();
      }
    }

    @Test
    void givenManyThreads_whenTheyWriteAndRead_thenEveryWriteIsThereOnce() throws Exception {
      int threads = 8;
      int each = 40;
      try (FileMemoryStore store = open(folder)) {
        store.memories().store(NewMemory.of("shared").id("shared"));
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try {
          List<Callable<Void>> work = new ArrayList<>();
          for (int t = 0; t < threads; t++) {
            int thread = t;
            work.add(
                () -> {
                  for (int i = 0; i < each; i++) {
                    store.memories().store(NewMemory.of("x").id(thread + "-" + i).tags("t"));
                    store.execute(new RecallMemory("shared", AT));
                    assertThat(store.memories().findById(thread + "-" + i)).isPresent();
                    assertThat(store.count(MemoryQuery.all().tag("t"))).isGreaterThan(i);
                  }
                  return null;
                });
          }
          for (Future<Void> done : executor.invokeAll(work)) {
            done.get();
          }
        } finally {
          executor.shutdownNow();
        }
        assertThat(store.memories().findById("shared").orElseThrow().recallCount())
            .isEqualTo(threads * each);
      }
      try (FileMemoryStore store = read(folder)) {
        assertThat(store.count(MemoryQuery.all().tag("t"))).isEqualTo(threads * each);
        assertThat(store.read(Kind.MEMORY, Key.of("shared")).orElseThrow().revision())
            .isEqualTo(threads * each + 1);
      }
    }

    @Test
    void givenAScanUnderWay_whenRecordsComeGoAndMove_thenEachKeyComesOnceAndInOrder() {
      try (FileMemoryStore store = open(folder)) {
        store.execute(new DefineSpace(VectorSpace.of("text", "m", 2)));
        for (int i = 10; i < 60; i++) {
          store.embeddings().put("text", "m" + i, new float[] {1, i});
        }
        List<String> seen = new ArrayList<>();
        try (var stream = store.scan(Kind.EMBEDDING)) {
          stream.forEach(
              stored -> {
                seen.add(stored.key().part(1));
                stored
                    .live()
                    .ifPresent(
                        e ->
                            assertThat(e.vector()[1])
                                .isIn(Float.parseFloat(e.target().substring(1)), -1f));
                if (seen.size() % 10 == 5) {
                  store.embeddings().put("text", "m" + (seen.size() + 5), new float[] {1, -1});
                  store.memories().store(NewMemory.of("x").id("m" + (70 - seen.size())));
                  store.memories().forget("m" + (70 - seen.size()));
                }
              });
        }
        assertThat(seen).isSorted().doesNotHaveDuplicates().hasSize(50);
      }
    }

    @Test
    void givenAClosedStore_whenUsed_thenItSaysSoAndItsThreadIsGone() {
      FileMemoryStore store = open(folder);
      store.close();
      store.close();

      assertThatExceptionOfType(UncategorizedStoreException.class)
          .isThrownBy(() -> store.memories().store("x"))
          .withMessageContaining("closed");
      assertThatExceptionOfType(UncategorizedStoreException.class)
          .isThrownBy(() -> store.find(MemoryQuery.all()));
    }
  }

  @Nested
  class Operations {
    @Test
    void givenAnOperationThatOthersFollowed_whenRepeatedAfterReopening_thenItTakesEffectOnce() {
      Batch first = Batch.of(new RecallMemory("m", AT));
      try (FileMemoryStore store = open(folder)) {
        store.memories().store(NewMemory.of("x").id("m"));
        store.execute(first);
        store.memories().recall("m");
      }
      for (int i = 0; i < 3; i++) {
        try (FileMemoryStore store = open(folder)) {
          Outcome outcome = store.execute(first);
          assertThat(outcome.repeated()).isTrue();
          assertThat(outcome.changes())
              .singleElement()
              .satisfies(
                  change -> {
                    assertThat(change.after().revision()).isEqualTo(3);
                    assertThat(java.util.Objects.requireNonNull(change.before()).revision())
                        .isEqualTo(1);
                  });
          assertThat(store.memories().findById("m").orElseThrow().recallCount()).isEqualTo(2);
        }
      }
    }

    @Test
    void givenMoreRecords_whenOneIsWritten_thenTheDiskIsTouchedAsOften() throws IOException {
      List<Integer> calls = new ArrayList<>();
      for (int size : List.of(10, 1000)) {
        MemoryDisk disk = new MemoryDisk();
        try (FileMemoryStore store =
            FileMemoryStore.builder(Path.of("/t/memory"))
                .disk(disk)
                .checkpointAfter(Duration.ofHours(1))
                .build()) {
          store.execute(new DefineSpace(VectorSpace.of("text", "m", 2)));
          for (int i = 0; i < size; i++) {
            store.memories().store(NewMemory.of("body").id("m" + i));
          }
          store.checkpoint();
          store.memories().recall("m3");
          disk.failAt(-1, MemoryDisk.Fault.EIO); // counts from here
          store.memories().recall("m5");
          store.embeddings().put("text", "m5", new float[] {1, 2});
          int before = disk.calls();
          store.checkpoint();
          calls.add(before);
          calls.add(disk.calls());
        }
      }
      assertThat(calls.subList(2, 4)).isEqualTo(calls.subList(0, 2));
    }

    @Test
    void givenQuiet_whenSomethingWasWritten_thenACheckpointComesByItself() throws Exception {
      Path document = folder.resolve("memory/embeddings.json");
      try (FileMemoryStore store =
          FileMemoryStore.builder(folder).checkpointAfter(Duration.ofMillis(20)).build()) {
        store.execute(new DefineSpace(VectorSpace.of("text", "m", 2)));
        while (!Files.exists(document)) { // the test's time-out is the limit
          Thread.onSpinWait();
        }
      }
    }

    @Test
    void givenAGrowingLog_whenWritingGoesOn_thenCheckpointsKeepItSmall() throws IOException {
      Random random = new Random(1);
      byte[] bytes = new byte[50_000];
      long largest = 0;
      try (FileMemoryStore store = open(folder)) {
        for (int i = 0; i < 100; i++) {
          random.nextBytes(bytes);
          String body = java.util.HexFormat.of().formatHex(bytes);
          store.memories().store(NewMemory.of(body).id("m" + i));
          try (Stream<Path> logs = Files.list(folder.resolve("memory/.memory/log"))) {
            largest = Math.max(largest, logs.mapToLong(log -> log.toFile().length()).sum());
          }
        }
      }
      assertThat(largest).isLessThan(3 << 20);
      assertThat(folder.resolve("memory/.memory/log")).isEmptyDirectory();
    }
  }

  @Nested
  class Vectors {
    @Test
    void givenNearlyEqualVectors_whenSearched_thenTheOrderIsThatOfDoubles() {
      long seed = 7;
      Random random = new Random(seed);
      int dimensions = 64;
      List<Embedding> all = new ArrayList<>();
      float[] base = new float[dimensions];
      for (int i = 0; i < dimensions; i++) {
        base[i] = random.nextFloat() - 0.5f;
      }
      try (FileMemoryStore store = open(folder)) {
        store.execute(new DefineSpace(VectorSpace.of("text", "m", dimensions)));
        for (int i = 0; i < 300; i++) {
          float[] vector = base.clone();
          vector[random.nextInt(dimensions)] *= 1 + (random.nextInt(5) - 2) * 1e-6f;
          float scale = (float) Math.pow(10, random.nextInt(30) - 15);
          for (int d = 0; d < dimensions; d++) {
            vector[d] *= scale;
          }
          Embedding embedding = Embedding.of("text", "v" + i, vector);
          all.add(embedding);
          store.embeddings().put(embedding);
        }
        for (int i = 0; i < 50; i++) { // swap-remove on the way
          store.memories().store(NewMemory.of("x").id("v" + i * 3));
          store.memories().forget("v" + i * 3);
          String gone = "v" + i * 3;
          all.removeIf(e -> e.target().equals(gone));
        }
        List<SimilarQuery.Hit> expected =
            all.stream()
                .map(e -> new SimilarQuery.Hit(e.target(), Embedding.similarity(e.vector(), base)))
                .sorted(
                    Comparator.comparingDouble(SimilarQuery.Hit::similarity)
                        .reversed()
                        .thenComparing(SimilarQuery.Hit::target))
                .toList();
        for (int limit : List.of(1, 10, 100, 250, 1000)) {
          assertThat(store.search(SimilarQuery.nearest("text", base).limit(limit)))
              .as("seed %s, limit %s", seed, limit)
              .isEqualTo(expected.subList(0, Math.min(limit, expected.size())));
        }
      }
    }
  }
}

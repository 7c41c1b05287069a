package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.CorruptMemoryException;
import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.Health;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.NewMemory;
import io.agentmemory.OpId;
import io.agentmemory.StoreInfo;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.Batch;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.internal.LocalDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One document that an editor left half saved while the store has to write it. */
final class BrokenDocumentTest {
  @TempDir Path folder;
  private Path tree;
  private Path document;

  @BeforeEach
  void makeTree() {
    tree = folder.resolve("memory");
    document = tree.resolve(".edges_v3.json");
    try (FileMemoryStore store = open(Duration.ofHours(1))) {
      for (int i = 0; i < 20; i++) {
        store.memories().store(NewMemory.of("body of m" + i).id("m" + i).title("t").tags("tag"));
      }
      store.execute(new PutRecords(List.of(put(edge("m1|m2", 0.5), 1), put(edge("m1|m3", 1), 1))));
    }
  }

  private FileMemoryStore open(Duration quiet) {
    return FileMemoryStore.builder(tree).checkpointAfter(quiet).build();
  }

  private static Edge edge(String pair, double belief) {
    return new Edge(pair, new Value.Map(Map.of("belief", Value.of(belief))));
  }

  private static PutRecords.Put put(MemoryRecord record, long revision) {
    return new PutRecords.Put(record, revision);
  }

  private static List<String> setAside(FileMemoryStore store) {
    return store.info().setAside().stream().map(StoreInfo.SetAside::location).toList();
  }

  private static String content(FileMemoryStore store, String id) {
    return store.memories().findById(id).orElseThrow().content();
  }

  private List<String> log() throws IOException {
    return LocalDisk.INSTANCE.list(tree.resolve(".memory/log"));
  }

  @Test
  void givenADocumentBrokenThatIsToBeWritten_whenRefreshed_thenOnlyItWaitsAndOursIsKept()
      throws IOException {
    String good = Files.readString(document, UTF_8);
    OpId op = OpId.random();
    try (FileMemoryStore store = open(Duration.ofHours(1))) {
      Files.writeString(document, "{ \"half", UTF_8);
      Batch ours = new Batch(op, List.of(new PutRecords(List.of(put(edge("m1|m2", 0.125), 5)))));
      store.execute(ours);
      store.execute(
          new PutRecords(
              List.of(
                  put(VectorSpace.of("text", "model", 3), 1),
                  put(Embedding.of("text", "m1", 1, 2, 3), 1))));
      store.execute(UpdateMemory.of("m6").content("ours"));
      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(store::checkpoint)
          .withMessageContaining(".edges_v3.json");
      Trees.edit(tree.resolve("active/t-m5.md"), "body of m5", "a person's");

      store.refresh();

      assertThat(content(store, "m5")).isEqualTo("a person's");
      assertThat(content(store, "m6")).isEqualTo("ours");
      assertThat(setAside(store)).contains(".edges_v3.json");
      assertThatExceptionOfType(CorruptMemoryException.class)
          .isThrownBy(() -> store.read(Kind.EDGE, Key.of("m1|m2")));
      assertThat(tree.resolve("embeddings.json")).exists();
      assertThat(log()).as("the checkpoint has it all").isEmpty();
      assertThat(store.health().notes()).noneMatch(note -> note.contains("failed"));
      assertThat(Trees.named(tree.resolve(".memory/conflicts"), ".json"))
          .singleElement()
          .satisfies(kept -> assertThat(kept).content(UTF_8).contains("m1|m2", "0.125"));
      assertThat(tree.resolve(".memory/quarantine")).doesNotExist();
      assertThat(store.execute(ours).repeated()).isTrue();
      store.execute(UpdateMemory.of("m6").content("ours again"));
      store.checkpoint();
      assertThat(document).hasContent("{ \"half");

      Files.writeString(document, good.replace("0.5", "0.75"), UTF_8);
      store.refresh();
      assertThat(setAside(store)).as("but for the conflict").hasSize(1);
      assertThat(store.read(Kind.EDGE, Key.of("m1|m2")).orElseThrow().revision())
          .as("never falls")
          .isGreaterThan(5);
      store.execute(new PutRecords(List.of(put(edge("m1|m2", 0.375), 9))));
      store.checkpoint();
      assertThat(document).content(UTF_8).contains("0.375", "m1|m3");
    }
    try (FileMemoryStore store = open(Duration.ofHours(1))) {
      assertThat(store.read(Kind.EDGE, Key.of("m1|m2")).orElseThrow().revision()).isEqualTo(9);
      assertThat(content(store, "m6")).isEqualTo("ours again");
      assertThat(store.health().status()).isNotEqualTo(Health.Status.DOWN);
    }
  }

  @Test
  void givenADocumentBroken_whenACheckpointComesByItself_thenItIsNamedAndTheLogDoesNotGrow()
      throws Exception {
    Files.writeString(document, "{ \"half", UTF_8);
    try (FileMemoryStore store = open(Duration.ofHours(1))) {
      assertThat(setAside(store)).contains(".edges_v3.json");
    }
    Files.writeString(document, "{}", UTF_8);
    try (FileMemoryStore store = open(Duration.ofMillis(50))) {
      Files.writeString(document, "{ \"half", UTF_8);
      store.execute(new PutRecords(List.of(put(edge("m1|m4", 0.125), 1))));
      Semaphore never = new Semaphore(0);
      long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
      while (!log().isEmpty() || !setAside(store).contains(".edges_v3.json")) {
        assertThat(System.nanoTime()).as("waited too long").isLessThan(until);
        assertThat(never.tryAcquire(20, TimeUnit.MILLISECONDS)).isFalse();
      }
    }
  }

  @Test
  void givenADocumentHalfSaved_whenItsEditorGoesOnAtOnce_thenBothCount() throws Exception {
    String edited = Files.readString(document, UTF_8).replace("1.0", "0.75");
    HookedDisk disk = new HookedDisk(LocalDisk.INSTANCE);
    try (FileMemoryStore store =
        FileMemoryStore.builder(tree).disk(disk).checkpointAfter(Duration.ofHours(1)).build()) {
      Files.writeString(document, "{ \"half", UTF_8);
      store.execute(new PutRecords(List.of(put(edge("m1|m2", 0.125), 5))));
      disk.hook(
          (call, path) -> {
            if (call == HookedDisk.Call.DELETE && path.toString().contains("edges_v3")) {
              Files.writeString(document, edited, UTF_8); // as soon as the checkpoint gave up
            }
          });
      assertThatExceptionOfType(StoreUnavailableException.class).isThrownBy(store::checkpoint);
      disk.hook(HookedDisk.Hook.NONE);
      store.checkpoint();
      assertThat(document).content(UTF_8).contains("0.125", "0.75");
      assertThat(store.read(Kind.EDGE, Key.of("m1|m3")).orElseThrow().revision()).isEqualTo(2);
      assertThat(store.read(Kind.EDGE, Key.of("m1|m2")).orElseThrow().revision()).isEqualTo(5);
    }
  }

  @Test
  void givenADocumentBroken_whenALookFailsOrIsKilledAtAnyCall_thenNothingElseIsLost()
      throws IOException {
    Path first = tree;
    boolean failed = true;
    for (int n = 0; failed; n++) {
      Path copy = folder.resolve("tree" + n).resolve("memory");
      Path killed = folder.resolve("killed" + n).resolve("memory");
      Trees.crashImage(first, copy);
      HookedDisk disk = new HookedDisk(LocalDisk.INSTANCE);
      int at = n;
      int[] calls = {0};
      String note = "EIO at call " + n;
      try (FileMemoryStore store =
          FileMemoryStore.builder(copy).disk(disk).checkpointAfter(Duration.ofHours(1)).build()) {
        Files.writeString(copy.resolve(".edges_v3.json"), "{ \"half", UTF_8);
        store.execute(new PutRecords(List.of(put(edge("m1|m2", 0.125), 5))));
        store.execute(UpdateMemory.of("m6").content("ours"));
        Trees.edit(copy.resolve("active/t-m5.md"), "body of m5", "a person's");
        disk.hook(
            (call, path) -> {
              if (call != HookedDisk.Call.STAT && calls[0]++ == at) {
                Trees.crashImage(copy, killed);
                throw new IOException("EIO");
              }
            });
        try {
          store.refresh();
        } catch (StoreUnavailableException e) {
          assertThat(calls[0]).as(note).isGreaterThan(at);
        } finally {
          disk.hook(HookedDisk.Hook.NONE);
        }
        failed = calls[0] > at;
        try {
          store.refresh();
          assertAllBut(store, copy, note);
        } catch (StoreUnavailableException untilOpenedAgain) {
          assertThat(failed).as(note).isTrue();
        }
      }
      for (Path path : failed ? List.of(copy, killed) : List.of(copy)) {
        try (FileMemoryStore store = FileMemoryStore.builder(path).build()) {
          assertAllBut(store, path, note + ", opened again");
        }
      }
    }
  }

  private static void assertAllBut(FileMemoryStore store, Path path, String note)
      throws IOException {
    assertThat(content(store, "m5")).as(note).isEqualTo("a person's");
    assertThat(content(store, "m6")).as(note).isEqualTo("ours");
    assertThat(store.read(Kind.MEMORY, Key.of("m6")).orElseThrow().revision())
        .as(note)
        .isEqualTo(2);
    assertThat(setAside(store)).as(note).contains(".edges_v3.json");
    assertThat(Trees.named(path.resolve(".memory/conflicts"), ".json"))
        .as(note)
        .anySatisfy(kept -> assertThat(kept).content(UTF_8).contains("m1|m2"));
  }
}

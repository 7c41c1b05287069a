package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Edge;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.NewMemory;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.command.PutRecords;
import io.agentmemory.file.HookedDisk.Call;
import io.agentmemory.internal.LocalDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A person edits one edge in a document, and we change another, whatever goes wrong while a
 * checkpoint writes both: the edit is taken over once, at the next revision.
 */
final class DocumentEditsTest {
  private static final String OURS = "m1|m2";
  private static final String THEIRS = "m1|m3";

  @TempDir Path folder;
  private Path tree;
  private Path document;
  private String edited = ""; // the last edit before
  private final HookedDisk disk = new HookedDisk(LocalDisk.INSTANCE);

  @BeforeEach
  void makeTree() throws IOException {
    make("memory");
  }

  private void make(String name) throws IOException {
    tree = folder.resolve(name).resolve("memory");
    document = tree.resolve(".edges_v3.json");
    try (FileMemoryStore store = open(tree)) {
      for (int i = 1; i <= 4; i++) {
        store.memories().store(NewMemory.of("body of m" + i).id("m" + i).title("t").tags("tag"));
      }
      store.execute(new PutRecords(List.of(put(edge(OURS, 0.5), 1))));
    }
    // One that we never wrote: only the document's cache knows what it was.
    String first = "{\n  \"m1|m2\"";
    String theirs = "{\n  \"m1|m3\": {\n    \"belief\": 0.25\n  },\n  \"m1|m2\"";
    Trees.edit(document, first, theirs);
    try (FileMemoryStore store = open(tree)) {
      store.execute(new PutRecords(List.of(put(edge("m1|m4", 1), 1))));
      edited = store.lastEdit();
    }
  }

  private static Edge edge(String pair, double belief) {
    return new Edge(pair, new Value.Map(Map.of("belief", Value.of(belief))));
  }

  private static PutRecords.Put put(MemoryRecord record, long revision) {
    return new PutRecords.Put(record, revision);
  }

  private FileMemoryStore open(Path path) {
    return FileMemoryStore.builder(path).disk(disk).checkpointAfter(Duration.ofHours(1)).build();
  }

  private static void change(FileMemoryStore store) {
    store.execute(new PutRecords(List.of(put(edge(OURS, 0.125), 5))));
  }

  private static Stored<Edge> read(FileMemoryStore store, String pair) {
    return store.read(Kind.EDGE, Key.of(pair)).orElseThrow();
  }

  private static @Nullable Value belief(FileMemoryStore store, String pair) {
    return read(store, pair).live().orElseThrow().members().get("belief");
  }

  private void assertBoth(FileMemoryStore store, String note) {
    assertThat(store.lastEdit()).as("that it was edited, %s", note).isNotEqualTo(edited);
    assertThat(belief(store, THEIRS)).as("theirs, %s", note).isEqualTo(Value.of(0.75));
    assertThat(read(store, THEIRS).revision()).as("theirs, %s", note).isEqualTo(2);
    assertThat(read(store, THEIRS).lastOp()).as("theirs, %s", note).isNull();
    assertThat(belief(store, OURS)).as("ours, %s", note).isEqualTo(Value.of(0.125));
    assertThat(read(store, OURS).revision()).as("ours, %s", note).isEqualTo(5);
    assertThat(read(store, "m1|m4").revision()).as(note).isEqualTo(1);
  }

  /** Also that the next edit is told from what is known by then. */
  private void assertBothFromNowOn(Path path, String note) throws IOException {
    for (int i = 0; i < 2; i++) {
      try (FileMemoryStore store = open(path)) {
        assertBoth(store, note);
      }
    }
    Trees.edit(path.resolve(".edges_v3.json"), "0.75", "0.875");
    try (FileMemoryStore store = open(path)) {
      assertThat(belief(store, THEIRS)).as("the next edit, %s", note).isEqualTo(Value.of(0.875));
      assertThat(read(store, THEIRS).revision()).as("the next edit, %s", note).isEqualTo(3);
      assertThat(read(store, OURS).revision()).as("the next edit, %s", note).isEqualTo(5);
    }
  }

  @Test
  void givenAnEditJustBeforeADocumentIsRead_whenACheckpointWritesIt_thenItIsTakenOver()
      throws IOException {
    try (FileMemoryStore store = open(tree)) {
      change(store);
      boolean[] done = {false};
      disk.hook(
          (call, path) -> {
            boolean prepares =
                call == Call.CREATE && path.getFileName().toString().contains("edges");
            if (prepares && !done[0]) {
              done[0] = true;
              Trees.edit(document, "0.25", "0.75");
            }
          });
      store.checkpoint();
      disk.hook(HookedDisk.Hook.NONE);
      assertThat(done[0]).isTrue();
      assertBoth(store, "as it is open");
    }
    assertBothFromNowOn(tree, "opened again");
  }

  @Test
  void givenAnEditedDocument_whenKilledAtAnyCallOfACheckpoint_thenTheEditIsTakenOver()
      throws IOException {
    int[] calls = {0};
    try (FileMemoryStore store = open(tree)) {
      Trees.edit(document, "0.25", "0.75");
      change(store);
      disk.hook(
          (call, path) -> {
            if (call != Call.STAT) {
              Trees.crashImage(tree, folder.resolve("image" + calls[0]++).resolve("memory"));
            }
          });
      store.checkpoint();
      disk.hook(HookedDisk.Hook.NONE);
    }
    assertThat(calls[0]).isGreaterThan(20);
    for (int i = 0; i < calls[0]; i++) {
      Path image = folder.resolve("image" + i).resolve("memory");
      String note = "killed before call " + i;
      Path second = folder.resolve("second" + i).resolve("memory");
      int at = new Random(i).nextInt(40);
      note += " and " + at + " calls into the next opening";
      int[] call = {0};
      disk.hook(
          (what, path) -> {
            if (what.changes() && call[0]++ == at) {
              Trees.crashImage(image, second);
            }
          });
      open(image).close();
      disk.hook(HookedDisk.Hook.NONE);
      assertBothFromNowOn(image, note);
      if (Files.exists(second)) {
        assertBothFromNowOn(second, "twice, " + note);
      }
    }
  }

  @Test
  void givenAnEditedDocument_whenAnyCallOfACheckpointFails_thenTheEditIsTakenOverByTheNext()
      throws IOException {
    boolean failed = true;
    for (int n = 0; failed; n++) {
      make("tree" + n);
      String note = "EIO at call " + n;
      try (FileMemoryStore store = open(tree)) {
        Trees.edit(document, "0.25", "0.75");
        change(store);
        failed = failAt(n, store);
        try {
          store.checkpoint();
          store.refresh();
          assertBoth(store, note);
        } catch (StoreUnavailableException untilOpenedAgain) {
          assertThat(failed).as(note).isTrue();
        }
      }
      assertBothFromNowOn(tree, note);
      assertThat(document).as(note).content(UTF_8).contains("0.875", "0.125");
    }
  }

  @Test
  void givenACheckpointThatFailed_whenWrittenOnAndKilled_thenNothingOfOursIsAConflict()
      throws IOException {
    boolean failed = true;
    for (int n = 0; failed; n++) {
      make("tree" + n);
      Path image = folder.resolve("image" + n).resolve("memory");
      String note = "EIO at call " + n;
      try (FileMemoryStore store = open(tree)) {
        change(store);
        failed = failAt(n, store);
        try {
          store.execute(
              new PutRecords(List.of(put(edge(OURS, 0.625), 6), put(edge("m1|m4", 2), 2))));
        } catch (StoreUnavailableException untilOpenedAgain) {
          continue;
        }
        Trees.crashImage(tree, image);
      }
      try (FileMemoryStore store = open(image)) {
        assertThat(belief(store, OURS)).as(note).isEqualTo(Value.of(0.625));
        assertThat(read(store, OURS).revision()).as(note).isEqualTo(6);
        assertThat(read(store, "m1|m4").revision()).as(note).isEqualTo(2);
        assertThat(store.lastEdit()).as(note).isEqualTo(edited);
        assertThat(store.info().setAside()).as(note).isEmpty();
      }
    }
  }

  /** Makes a checkpoint whose nth call fails; whether it came to that call. */
  private boolean failAt(int n, FileMemoryStore store) {
    int[] calls = {0};
    disk.hook(
        (call, path) -> {
          if (call != Call.STAT && calls[0]++ == n) {
            throw new IOException("EIO");
          }
        });
    try {
      store.checkpoint();
    } catch (StoreUnavailableException failed) {
      assertThat(calls[0]).isGreaterThan(n);
    } finally {
      disk.hook(HookedDisk.Hook.NONE);
    }
    return calls[0] > n;
  }
}

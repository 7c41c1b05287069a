package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.fail;

import io.agentmemory.CoOccurrence;
import io.agentmemory.CorruptMemoryException;
import io.agentmemory.Edge;
import io.agentmemory.Health;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryQuery;
import io.agentmemory.NewMemory;
import io.agentmemory.Observation;
import io.agentmemory.OpId;
import io.agentmemory.StoreInfo;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.command.Batch;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.RecallMemory;
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
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What other programs and people do to a tree while nobody, or somebody, has it open. */
final class OutsideEditsTest {
  @TempDir Path folder;
  private Path tree;

  @BeforeEach
  void makeTree() {
    tree = folder.resolve("memory");
    try (FileMemoryStore store = open()) {
      for (int i = 0; i < 20; i++) {
        store.memories().store(NewMemory.of("body of m" + i).id("m" + i).title("t").tags("tag"));
      }
      store.execute(
          new PutRecords(
              List.of(
                  put(new CoOccurrence("m1", "m2", Value.of(3L))),
                  put(new CoOccurrence("m1", "m3", Value.of(4L))),
                  put(
                      new Edge(
                          "m1|m2",
                          new Value.Map(
                              Map.of("belief", Value.of(0.5), "observations", Value.EMPTY_SEQ)))),
                  put(new Edge("m1|m3", members("belief", Value.of(0.25)))),
                  put(new Observation("m1|m2", 0, members("weight", Value.of(1.0)))))));
    }
  }

  private static PutRecords.Put put(io.agentmemory.MemoryRecord record) {
    return new PutRecords.Put(record, 1);
  }

  private static Value.Map members(String name, Value value) {
    return new Value.Map(Map.of(name, value));
  }

  private FileMemoryStore open() {
    return open(tree);
  }

  private static FileMemoryStore open(Path tree) {
    return FileMemoryStore.builder(tree).checkpointAfter(Duration.ofHours(1)).build();
  }

  private Path file(String id) {
    return file(tree, id);
  }

  private static Path file(Path tree, String id) {
    return tree.resolve("active/t-" + id + ".md");
  }

  private static Stored<Memory> memory(FileMemoryStore store, String id) {
    return store.read(Kind.MEMORY, Key.of(id)).orElseThrow();
  }

  private static String content(FileMemoryStore store, String id) {
    return memory(store, id).live().orElseThrow().content();
  }

  private static List<String> setAside(FileMemoryStore store) {
    return store.info().setAside().stream().map(StoreInfo.SetAside::location).toList();
  }

  @Nested
  class WhileClosed {
    @Test
    void givenABodyEdited_whenOpened_thenItCountsAtTheNextRevisionAndNothingElseMoves()
        throws IOException {
      List<String> before;
      try (FileMemoryStore store = open()) {
        before = Snapshot.of(store);
      }
      Trees.edit(file("m5"), "body of m5", "what a person wrote");

      for (int i = 0; i < 3; i++) { // once, and still the same after checkpoints
        try (FileMemoryStore store = open()) {
          assertThat(content(store, "m5")).isEqualTo("what a person wrote");
          assertThat(memory(store, "m5").revision()).isEqualTo(2);
          assertThat(memory(store, "m5").lastOp()).isNull();
          List<String> after = Snapshot.of(store);
          after.removeIf(line -> line.contains("[m5]"));
          before.removeIf(line -> line.contains("[m5]"));
          assertThat(after).isEqualTo(before);
          assertThat(store.info().setAside()).isEmpty();
        }
      }
    }

    @Test
    @DisplayName("T54: only CRLF added")
    void givenOnlyLineEndsChanged_whenOpened_thenItIsNoEdit() throws IOException {
      String text = Files.readString(file("m1"), UTF_8);
      Files.writeString(file("m1"), text.replace("\n", "\r\n"), UTF_8);

      try (FileMemoryStore store = open()) {
        assertThat(memory(store, "m1").revision()).isEqualTo(1);
      }
    }

    @Test
    void givenOneCountEdited_whenOpened_thenOnlyThatEntryMoves() throws IOException {
      Trees.edit(file("m1"), "m2: 3", "m2: 30");

      try (FileMemoryStore store = open()) {
        assertThat(memory(store, "m1").revision()).isEqualTo(1);
        Stored<CoOccurrence> entry =
            store.read(Kind.CO_OCCURRENCE, Key.of("m1", "m2")).orElseThrow();
        assertThat(entry.revision()).isEqualTo(2);
        assertThat(entry.live().orElseThrow().count()).isEqualTo(Value.of(30L));
        assertThat(store.read(Kind.CO_OCCURRENCE, Key.of("m1", "m3")).orElseThrow().revision())
            .isEqualTo(1);
      }
    }

    @Test
    void givenAnEdgeEdited_whenOpened_thenOnlyThatRecordMoves() throws IOException {
      Trees.edit(tree.resolve(".edges_v3.json"), "0.25", "0.75");

      for (int i = 0; i < 2; i++) {
        try (FileMemoryStore store = open()) {
          assertThat(store.read(Kind.EDGE, Key.of("m1|m3")).orElseThrow().revision()).isEqualTo(2);
          assertThat(store.read(Kind.EDGE, Key.of("m1|m2")).orElseThrow().revision()).isEqualTo(1);
          assertThat(
                  store
                      .read(Kind.OBSERVATION, Observation.key("m1|m2", 0))
                      .orElseThrow()
                      .revision())
              .isEqualTo(1);
        }
      }
    }

    @Test
    void givenAFileRemoved_whenOpened_thenItsMemoryIsDeleted() throws IOException {
      Files.delete(file("m1"));

      for (int i = 0; i < 2; i++) {
        try (FileMemoryStore store = open()) {
          assertThat(memory(store, "m1").isTombstone()).isTrue();
          assertThat(memory(store, "m1").revision()).isEqualTo(2);
          assertThat(store.read(Kind.CO_OCCURRENCE, Key.of("m1", "m2")).orElseThrow().isTombstone())
              .isTrue();
          assertThat(store.count(MemoryQuery.all())).isEqualTo(19);
        }
      }
    }

    @Test
    @DisplayName("T65: a part of the files vanished")
    void givenManyFilesRemoved_whenOpened_thenNothingCountsAsDeletedAndTheyAreListed()
        throws IOException {
      for (String id : List.of("m1", "m2", "m3")) {
        Files.move(file(id), folder.resolve(id));
      }

      for (int i = 0; i < 2; i++) {
        try (FileMemoryStore store = open()) {
          assertThat(store.read(Kind.MEMORY, Key.of("m1"))).isEmpty();
          assertThat(store.info().tombstones().get(Kind.MEMORY)).isZero();
          assertThat(setAside(store))
              .containsExactly("active/t-m1.md", "active/t-m2.md", "active/t-m3.md");
          assertThat(store.health().status()).isEqualTo(Health.Status.DEGRADED);
          store.memories().store("something else");
        }
      }
      for (String id : List.of("m1", "m2", "m3")) {
        Files.move(folder.resolve(id), file(id));
      }
      try (FileMemoryStore store = open()) {
        assertThat(content(store, "m2")).isEqualTo("body of m2");
        assertThat(memory(store, "m2").revision()).isEqualTo(1);
        assertThat(store.info().setAside()).isEmpty();
      }
    }

    @Test
    void givenManyFilesRemoved_whenOneIsStoredAgain_thenItGoesOnFromItsRevision()
        throws IOException {
      for (String id : List.of("m1", "m2", "m3")) {
        Files.delete(file(id));
      }

      try (FileMemoryStore store = open()) {
        store.memories().store(NewMemory.of("new body").id("m1"));
        assertThat(memory(store, "m1").revision()).isEqualTo(2);
      }
      try (FileMemoryStore store = open()) {
        assertThat(memory(store, "m1").revision()).isEqualTo(2);
        assertThat(content(store, "m1")).isEqualTo("new body");
      }
    }

    @Test
    void givenANewFileAndOneMoved_whenOpened_thenBothAreFound() throws IOException {
      Files.writeString(tree.resolve("core/note.md"), "a note without front matter", UTF_8);
      Files.move(file("m7"), tree.resolve("archive/renamed.md"));

      try (FileMemoryStore store = open()) {
        assertThat(content(store, "note")).isEqualTo("a note without front matter");
        assertThat(memory(store, "note").revision()).isEqualTo(1);
        Stored<Memory> moved = memory(store, "m7");
        assertThat(moved.live().orElseThrow().tier()).isEqualTo(Tier.ARCHIVE);
        assertThat(moved.revision()).isEqualTo(2);
        assertThat(store.info().tombstones().get(Kind.MEMORY)).isZero();
      }
    }

    @Test
    void givenAForgottenMemorysFileComesBack_whenOpened_thenItLivesAtAHigherRevision()
        throws IOException {
      byte[] bytes = Files.readAllBytes(file("m9"));
      try (FileMemoryStore store = open()) {
        store.memories().forget("m9");
      }
      Files.write(file("m9"), bytes);

      try (FileMemoryStore store = open()) {
        assertThat(memory(store, "m9").revision()).isEqualTo(3);
        assertThat(memory(store, "m9").live()).isPresent();
      }
    }
  }

  @Nested
  class Unreadable {
    @Test
    void givenAFileThatNoLongerParses_whenOpened_thenOnlyItsMemoryCannotBeRead()
        throws IOException {
      Files.writeString(file("m4"), "---\nid: [\n---\n\nbody", UTF_8);
      byte[] bytes = Files.readAllBytes(file("m4"));

      for (int i = 0; i < 2; i++) {
        try (FileMemoryStore store = open()) {
          assertThat(setAside(store)).containsExactly("active/t-m4.md");
          assertThatExceptionOfType(CorruptMemoryException.class)
              .isThrownBy(() -> store.read(Kind.MEMORY, Key.of("m4")))
              .satisfies(e -> assertThat(e.location()).isEqualTo("active/t-m4.md"));
          assertThatExceptionOfType(CorruptMemoryException.class)
              .isThrownBy(() -> store.execute(UpdateMemory.of("m4").content("x")));
          assertThatExceptionOfType(CorruptMemoryException.class)
              .isThrownBy(() -> store.memories().store(NewMemory.of("x").id("m4").title("t")));
          assertThat(store.count(MemoryQuery.all())).isEqualTo(19);
          assertThat(store.info().tombstones().get(Kind.MEMORY)).isZero();
          store.memories().recall("m5");
        }
        assertThat(Files.readAllBytes(file("m4"))).isEqualTo(bytes);
      }
      Files.writeString(file("m4"), "---\nid: m4\n---\n\nrepaired", UTF_8);
      try (FileMemoryStore store = open()) {
        assertThat(content(store, "m4")).isEqualTo("repaired");
        assertThat(memory(store, "m4").revision()).isEqualTo(2);
      }
    }

    @Test
    void givenAnUnreadableFile_whenAMemoryWouldTakeItsName_thenItIsRefusedAndTheFileStays()
        throws IOException {
      byte[] junk = {'-', '-', '-', '\n', (byte) 0xff, (byte) 0xfe, 0, 1};
      Files.write(tree.resolve("active/t-new.md"), junk);

      try (FileMemoryStore store = open()) {
        assertThat(setAside(store)).containsExactly("active/t-new.md");
        assertThatExceptionOfType(MemoryConflictException.class)
            .isThrownBy(() -> store.memories().store(NewMemory.of("x").id("new").title("t")));
      }
      assertThat(Files.readAllBytes(tree.resolve("active/t-new.md"))).isEqualTo(junk);
    }

    @Test
    void givenADocumentCutShort_whenOpened_thenItIsLeftAloneAndItsRecordsRefused()
        throws IOException {
      Path edges = tree.resolve(".edges_v3.json");
      byte[] whole = Files.readAllBytes(edges);
      byte[] cut = java.util.Arrays.copyOf(whole, whole.length / 2);
      Files.write(edges, cut);

      for (int i = 0; i < 2; i++) {
        try (FileMemoryStore store = open()) {
          assertThat(setAside(store)).containsExactly(".edges_v3.json");
          assertThatExceptionOfType(CorruptMemoryException.class)
              .isThrownBy(() -> store.read(Kind.EDGE, Key.of("m1|m2")));
          assertThatExceptionOfType(CorruptMemoryException.class)
              .isThrownBy(
                  () ->
                      store.execute(
                          new PutRecords(List.of(put(new Edge("a|b", Value.EMPTY_MAP))))));
          store.memories().store("something else");
        }
        assertThat(Files.readAllBytes(edges)).isEqualTo(cut);
      }
      Files.write(edges, whole);
      try (FileMemoryStore store = open()) {
        assertThat(store.read(Kind.EDGE, Key.of("m1|m2")).orElseThrow().revision()).isEqualTo(1);
        assertThat(store.info().setAside()).isEmpty();
      }
    }

    @Test
    void givenTwoFilesWithOneId_whenOpened_thenOneIsServedBothAreListedAndWritesAreRefused()
        throws IOException {
      Files.copy(file("m3"), tree.resolve("core/b.md")); // shorter, but not the one we know
      byte[] copy = Files.readAllBytes(tree.resolve("core/b.md"));

      for (int i = 0; i < 2; i++) {
        try (FileMemoryStore store = open()) {
          assertThat(memory(store, "m3").live().orElseThrow().tier()).isEqualTo(Tier.ACTIVE);
          assertThat(memory(store, "m3").revision()).isEqualTo(1);
          assertThat(setAside(store)).containsExactly("active/t-m3.md", "core/b.md");
          assertThatExceptionOfType(MemoryConflictException.class)
              .isThrownBy(() -> store.memories().recall("m3"))
              .withMessageContaining("core/b.md");
          assertThat(store.count(MemoryQuery.all())).isEqualTo(20);
        }
      }
      assertThat(Files.readAllBytes(tree.resolve("core/b.md"))).isEqualTo(copy);
      Files.delete(tree.resolve("core/b.md"));
      try (FileMemoryStore store = open()) {
        assertThat(store.memories().recall("m3")).isPresent();
        assertThat(store.info().setAside()).isEmpty();
      }
    }

    @Test
    void givenLinksAndPipesAndFolders_whenOpened_thenTheyAreSkippedAndListed() throws Exception {
      Path outside = Files.writeString(folder.resolve("secret"), "secret", UTF_8);
      Files.createSymbolicLink(tree.resolve("active/link.md"), outside);
      Files.createDirectory(tree.resolve("active/folder.md"));
      Process pipe =
          new ProcessBuilder("mkfifo", tree.resolve("active/pipe.md").toString()).start();
      assertThat(pipe.waitFor()).isZero();

      try (FileMemoryStore store = open()) {
        assertThat(setAside(store))
            .containsExactly("active/folder.md", "active/link.md", "active/pipe.md");
        assertThat(store.count(MemoryQuery.all())).isEqualTo(20);
      }
      assertThat(outside).hasContent("secret");
    }
  }

  @Nested
  class Conflicts {
    private Path crashed(java.util.function.Consumer<FileMemoryStore> writes) throws IOException {
      Path image = folder.resolve("image/memory");
      try (FileMemoryStore store = open()) {
        writes.accept(store);
        Trees.crashImage(tree, image);
      }
      return image;
    }

    @Test
    @DisplayName("T53: saved over what a killed process had written")
    void givenTheSameMemoryWrittenAndEdited_whenOpened_thenTheEditStaysAndOursIsKept()
        throws IOException {
      Path image = crashed(store -> store.execute(UpdateMemory.of("m5").content("what we wrote")));
      Trees.edit(file(image, "m5"), "what we wrote", "what a person wrote");

      for (int i = 0; i < 2; i++) {
        try (FileMemoryStore store = open(image)) {
          assertThat(content(store, "m5")).isEqualTo("what a person wrote");
          assertThat(memory(store, "m5").revision()).isEqualTo(3);
          assertThat(store.info().setAside()).hasSize(1);
          assertThat(store.health().status()).isEqualTo(Health.Status.DEGRADED);
        }
        List<Path> kept = Trees.named(image.resolve(".memory/conflicts"), ".json");
        assertThat(kept).hasSize(1);
        assertThat(kept.get(0)).content(UTF_8).contains("what we wrote");
      }
    }

    @Test
    void givenACountWrittenAndTheBodyEdited_whenOpened_thenBothCount() throws IOException {
      Path image =
          crashed(
              store ->
                  store.execute(
                      new PutRecords(
                          List.of(
                              new PutRecords.Put(new CoOccurrence("m1", "m2", Value.of(9L)), 7)))));
      Trees.edit(file(image, "m1"), "body of m1", "what a person wrote");

      for (int i = 0; i < 2; i++) {
        try (FileMemoryStore store = open(image)) {
          assertThat(content(store, "m1")).isEqualTo("what a person wrote");
          Stored<CoOccurrence> entry =
              store.read(Kind.CO_OCCURRENCE, Key.of("m1", "m2")).orElseThrow();
          assertThat(entry.live().orElseThrow().count()).isEqualTo(Value.of(9L));
          assertThat(entry.revision()).isEqualTo(7);
          assertThat(store.info().setAside()).isEmpty();
        }
      }
    }

    @Test
    void givenAnEdgeWrittenAndAnotherEdited_whenOpened_thenBothCount() throws IOException {
      Path image =
          crashed(
              store ->
                  store.execute(
                      new PutRecords(
                          List.of(
                              new PutRecords.Put(
                                  new Edge("m1|m2", members("belief", Value.of(0.125))), 5)))));
      Trees.edit(image.resolve(".edges_v3.json"), "0.25", "0.75");

      for (int i = 0; i < 2; i++) {
        try (FileMemoryStore store = open(image)) {
          Stored<Edge> ours = store.read(Kind.EDGE, Key.of("m1|m2")).orElseThrow();
          Stored<Edge> theirs = store.read(Kind.EDGE, Key.of("m1|m3")).orElseThrow();
          assertThat(ours.live().orElseThrow().members().get("belief")).isEqualTo(Value.of(0.125));
          assertThat(ours.revision()).isEqualTo(5);
          assertThat(theirs.live().orElseThrow().members().get("belief")).isEqualTo(Value.of(0.75));
          assertThat(theirs.revision()).isEqualTo(2);
          assertThat(store.info().setAside()).isEmpty();
        }
      }
    }

    @Test
    void givenAWrittenFileMadeUnreadable_whenOpened_thenOursStaysAndTheBytesAreKept()
        throws IOException {
      Path image = crashed(store -> store.execute(UpdateMemory.of("m5").content("what we wrote")));
      Files.write(file(image, "m5"), new byte[] {(byte) 0xff, 1, 2, 3});

      try (FileMemoryStore store = open(image)) {
        assertThat(content(store, "m5")).isEqualTo("what we wrote");
        assertThat(Trees.named(image.resolve(".memory/conflicts"), ".kept"))
            .singleElement()
            .satisfies(
                kept -> assertThat(kept).hasBinaryContent(new byte[] {(byte) 0xff, 1, 2, 3}));
      }
    }
  }

  @Nested
  class WhileOpen {
    @Test
    void givenAFileEditedWhileOpen_whenItsMemoryIsWritten_thenTheEditIsTakenOverFirst()
        throws IOException {
      try (FileMemoryStore store = open()) {
        Trees.edit(file("m5"), "body of m5", "what a person wrote");
        store.memories().recall("m5");
        assertThat(content(store, "m5")).isEqualTo("what a person wrote");
        assertThat(memory(store, "m5").revision()).isEqualTo(3);
      }
      try (FileMemoryStore store = open()) {
        assertThat(content(store, "m5")).isEqualTo("what a person wrote");
        assertThat(memory(store, "m5").revision()).isEqualTo(3);
        assertThat(store.info().setAside()).isEmpty();
      }
    }

    @Test
    void givenAFileBrokenWhileOpen_whenItsMemoryIsWritten_thenItIsRefusedByName()
        throws IOException {
      try (FileMemoryStore store = open()) {
        Files.writeString(file("m5"), "---\nid: [\n---\n", UTF_8);
        assertThatExceptionOfType(CorruptMemoryException.class)
            .isThrownBy(() -> store.memories().recall("m5"));
        assertThat(setAside(store)).containsExactly("active/t-m5.md");
      }
      assertThat(file("m5")).hasContent("---\nid: [\n---\n");
    }

    @Test
    void givenADocumentEditedWhileOpen_whenACheckpointWritesIt_thenBothCountAndTheirsIsKept()
        throws IOException {
      Path document = tree.resolve(".edges_v3.json");
      try (FileMemoryStore store = open()) {
        Trees.edit(document, "0.25", "0.75");
        store.execute(
            new PutRecords(
                List.of(
                    new PutRecords.Put(new Edge("m1|m2", members("belief", Value.of(0.125))), 5))));
        store.checkpoint();
        assertEdges(store);
      }
      for (int i = 0; i < 2; i++) {
        try (FileMemoryStore store = open()) {
          assertEdges(store);
          assertThat(setAside(store)).hasSize(1).allMatch(f -> f.startsWith(".memory/conflicts/"));
        }
      }
      assertThat(Trees.named(tree.resolve(".memory/conflicts"), ".kept"))
          .singleElement()
          .satisfies(kept -> assertThat(kept).content(UTF_8).contains("0.75").contains("0.5"));
    }

    private void assertEdges(FileMemoryStore store) {
      Stored<Edge> ours = store.read(Kind.EDGE, Key.of("m1|m2")).orElseThrow();
      Stored<Edge> theirs = store.read(Kind.EDGE, Key.of("m1|m3")).orElseThrow();
      assertThat(ours.live().orElseThrow().members().get("belief")).isEqualTo(Value.of(0.125));
      assertThat(ours.revision()).isEqualTo(5);
      assertThat(theirs.live().orElseThrow().members().get("belief")).isEqualTo(Value.of(0.75));
      assertThat(theirs.revision()).isEqualTo(2);
    }

    @Test
    void givenAFileRemovedWhileOpen_whenItsMemoryIsWritten_thenItIsWrittenAnew()
        throws IOException {
      try (FileMemoryStore store = open()) {
        Files.delete(file("m5"));
        store.memories().recall("m5");
      }
      try (FileMemoryStore store = open()) {
        assertThat(content(store, "m5")).isEqualTo("body of m5");
        assertThat(memory(store, "m5").revision()).isEqualTo(2);
      }
    }

    @Test
    void givenAFileOfThatNameCameWhileOpen_whenAMemoryWouldTakeIt_thenItIsRefused()
        throws IOException {
      try (FileMemoryStore store = open()) {
        Files.writeString(tree.resolve("active/t-new.md"), "somebody's", UTF_8);
        assertThatExceptionOfType(MemoryConflictException.class)
            .isThrownBy(() -> store.memories().store(NewMemory.of("x").id("new").title("t")));
      }
      assertThat(tree.resolve("active/t-new.md")).hasContent("somebody's");
    }
  }

  @Nested
  class Refreshed {
    @Test
    void givenEditsWhileOpen_whenRefreshed_thenAllAreTakenOverAsAtOpening() throws IOException {
      try (FileMemoryStore store = open()) {
        Batch recall =
            new Batch(OpId.random(), List.of(new RecallMemory("m7", "2026-02-09T10:00:00")));
        store.execute(recall);
        String before = store.lastEdit();
        Trees.edit(file("m5"), "body of m5", "what a person wrote");
        Trees.edit(tree.resolve(".edges_v3.json"), "0.25", "0.75");
        Files.copy(file("m6"), tree.resolve("core/copy.md"));
        Trees.edit(tree.resolve("core/copy.md"), "id: m6", "id: copy");
        Files.delete(file("m8"));

        store.refresh();

        assertThat(store.lastEdit()).isNotEqualTo(before);
        assertThat(content(store, "m5")).isEqualTo("what a person wrote");
        assertThat(memory(store, "m5").revision()).isEqualTo(2);
        assertThat(content(store, "copy")).isEqualTo("body of m6");
        assertThat(memory(store, "m8").isTombstone()).isTrue();
        assertThat(store.read(Kind.EDGE, Key.of("m1|m3")).orElseThrow().revision()).isEqualTo(2);
        assertThat(memory(store, "m7").revision()).isEqualTo(2);
        assertThat(store.execute(recall).repeated()).isTrue();
        store.memories().recall("m5");
        assertThat(memory(store, "m5").revision()).isEqualTo(3);
      }
      try (FileMemoryStore store = open()) {
        assertThat(content(store, "m5")).isEqualTo("what a person wrote");
        assertThat(memory(store, "m5").revision()).isEqualTo(3);
        assertThat(memory(store, "m8").isTombstone()).isTrue();
        assertThat(store.info().setAside()).isEmpty();
      }
    }

    @Test
    void givenADocumentGoneWhileOpen_whenOneOfItsRecordsIsWritten_thenTheFileHasAllOfThem()
        throws IOException {
      Path edges = tree.resolve(".edges_v3.json");
      try (FileMemoryStore store = open()) {
        Files.delete(edges);
        store.execute(
            new PutRecords(List.of(put(new Edge("m1|m4", members("belief", Value.of(0.125)))))));
        store.checkpoint();
        assertThat(Files.readString(edges, UTF_8)).contains("m1|m2", "m1|m3", "m1|m4");
      }
      Trees.edit(edges, "0.125", "0.75");
      try (FileMemoryStore store = open()) {
        assertThat(store.read(Kind.EDGE, Key.of("m1|m3")).orElseThrow().isTombstone()).isFalse();
        Key observation = new Observation("m1|m2", 0, members("weight", Value.of(1.0))).key();
        assertThat(store.read(Kind.OBSERVATION, observation).orElseThrow().isTombstone()).isFalse();
      }
    }

    @Test
    void givenLooksMoreOftenThanQuiet_whenWritten_thenTheDocumentsFollowAllTheSame()
        throws Exception {
      Path edges = tree.resolve(".edges_v3.json");
      try (FileMemoryStore store =
          FileMemoryStore.builder(tree)
              .refreshEvery(Duration.ofMillis(50))
              .checkpointAfter(Duration.ofMillis(200))
              .build()) {
        store.execute(
            new PutRecords(List.of(put(new Edge("m1|m4", members("belief", Value.of(0.125)))))));
        Semaphore never = new Semaphore(0);
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (!Files.readString(edges, UTF_8).contains("m1|m4")) {
          assertThat(System.nanoTime()).as("waited too long").isLessThan(until);
          assertThat(never.tryAcquire(20, TimeUnit.MILLISECONDS)).isFalse();
        }
      }
    }

    @Test
    void givenNothingEdited_whenRefreshed_thenNothingIsSaidToBe() {
      try (FileMemoryStore store = open()) {
        store.memories().recall("m1");
        store.onEdit(() -> fail("nobody edited anything"));
        String before = store.lastEdit();
        store.refresh();
        assertThat(store.lastEdit()).isEqualTo(before);
      }
    }

    @Test
    void givenAFileThatCannotBeRead_whenOpenedAgain_thenNothingIsSaidToBeTakenOver()
        throws IOException {
      Files.write(file("m5"), new byte[] {(byte) 0xff, 1});
      for (int i = 0; i < 2; i++) {
        try (FileMemoryStore store = open()) {
          assertThat(store.lastEdit()).isEmpty();
        }
      }
    }

    @Test
    void givenManyFilesGone_whenRefreshed_thenNoneCountsAsDeletedUntilTheyAreBack()
        throws IOException {
      Path away = folder.resolve("away");
      try (FileMemoryStore store = open()) {
        Files.move(tree.resolve("active"), away);
        store.refresh();
        assertThat(store.health().notes()).anyMatch(note -> note.contains("files are gone"));
        assertThat(store.find(MemoryQuery.all())).hasSize(20);

        Files.move(away, tree.resolve("active"));
        Trees.edit(file("m6"), "body of m6", "what a person wrote");
        store.refresh();
        assertThat(store.health().status()).isEqualTo(Health.Status.UP);
        assertThat(content(store, "m6")).isEqualTo("what a person wrote");
        assertThat(store.find(MemoryQuery.all())).hasSize(20);
        assertThat(memory(store, "m5").revision()).isEqualTo(1);
      }
    }

    @Test
    void givenADocumentGone_whenOtherFilesAreEdited_thenTheyCountAndItIsServedAsItWas()
        throws IOException {
      Path edges = tree.resolve(".edges_v3.json");
      Path away = folder.resolve("away");
      try (FileMemoryStore store = open()) {
        store.execute(
            new PutRecords(List.of(put(new Edge("m1|m0", members("belief", Value.of(0.125)))))));
        store.checkpoint();
        List<String> before = Snapshot.of(store);
        Files.move(edges, away);
        for (String id : List.of("m5", "m6")) { // also when it is gone already
          Trees.edit(file(id), "body of " + id, "what a person wrote");
          store.refresh();
          assertThat(content(store, id)).isEqualTo("what a person wrote");
          assertThat(setAside(store)).containsExactly(".edges_v3.json");
          assertThat(store.health().notes()).anyMatch(note -> note.contains("files are gone"));
          assertThat(without(store, "[m5]", "[m6]")).isEqualTo(less(before, "[m5]", "[m6]"));
        }
        Files.move(away, edges);
        store.refresh();
        assertThat(store.health().notes()).isEmpty();
        assertThat(without(store, "[m5]", "[m6]")).isEqualTo(less(before, "[m5]", "[m6]"));

        Files.delete(edges);
        store.refresh();
        store.execute(
            new PutRecords(List.of(put(new Edge("m1|m4", members("belief", Value.of(0.75)))))));
        store.checkpoint();
        store.refresh();
        assertThat(store.health().notes()).isEmpty();
        assertThat(Files.readString(edges, UTF_8))
            .as("all of them, where they stood")
            .containsPattern("(?s)m1.m2.*m1.m3.*m1.m0.*m1.m4");
      }
    }

    private List<String> without(FileMemoryStore store, String... ids) {
      return less(Snapshot.of(store), ids);
    }

    private static List<String> less(List<String> lines, String... ids) {
      return lines.stream()
          .filter(line -> List.of(ids).stream().noneMatch(line::contains))
          .toList();
    }

    @Test
    @DisplayName("T65: 60 % of the files vanished while others are edited")
    void givenManyFilesGone_whenAnotherIsEdited_thenThatCountsAndNoneIsDeleted()
        throws IOException {
      try (FileMemoryStore store = open()) {
        for (int i = 0; i < 12; i++) {
          Files.move(file("m" + i), folder.resolve("m" + i));
        }
        for (int i = 0; i < 2; i++) {
          Trees.edit(file("m15"), i == 0 ? "body" : "a person", i == 0 ? "a person" : "somebody");
          store.refresh();
          assertThat(content(store, "m15")).startsWith(i == 0 ? "a person" : "somebody");
          assertThat(setAside(store)).hasSize(12);
          assertThat(store.find(MemoryQuery.all())).hasSize(20);
          assertThat(store.info().tombstones().get(Kind.MEMORY)).isZero();
          assertThat(store.read(Kind.CO_OCCURRENCE, Key.of("m1", "m3"))).isPresent();
        }
        store.memories().recall("m1"); // writes it anew
        assertThat(file("m1")).content(UTF_8).contains("m2: 3", "m3: 4");
        for (int i = 0; i < 12; i++) {
          Files.move(folder.resolve("m" + i), i == 1 ? folder.resolve("old") : file("m" + i));
        }
        store.refresh();
        assertThat(store.health().status()).isEqualTo(Health.Status.UP);
        assertThat(memory(store, "m1").revision()).isEqualTo(2);
        assertThat(memory(store, "m2").revision()).isEqualTo(1);
        assertThat(store.find(MemoryQuery.all())).hasSize(20);
      }
    }

    @Test
    void givenALookThatFails_whenWrittenAndLookedAgain_thenTheStoreWentOnAndNothingIsMissed()
        throws Exception {
      HookedDisk disk = new HookedDisk(LocalDisk.INSTANCE);
      for (Throwable failure :
          List.of(
              new OutOfMemoryError("while reading"),
              new StackOverflowError("while reading"),
              new IllegalStateException("while reading"))) {
        try (FileMemoryStore store =
            FileMemoryStore.builder(tree)
                .disk(disk)
                .checkpointAfter(Duration.ofHours(1))
                .refreshEvery(Duration.ofMillis(20))
                .build()) {
          List<String> before = Snapshot.of(store);
          disk.hook(
              (call, path) -> {
                if (call == HookedDisk.Call.READ && path.equals(file("m5"))) {
                  Refreshed.<RuntimeException>sneak(failure);
                }
              });
          String now = "of a person " + failure.getClass().getSimpleName();
          Files.writeString(file("m5"), "---\nid: m5\n---\n\n" + now, UTF_8);
          await(store, () -> store.health().notes().stream().anyMatch(n -> n.contains("look")));
          assertThatExceptionOfType(StoreUnavailableException.class)
              .isThrownBy(store::refresh)
              .withMessageContaining(failure.getClass().getSimpleName())
              .satisfies(e -> assertThat(e.mayHaveApplied()).isEmpty());
          assertThat(Snapshot.of(store)).isEqualTo(before);
          store.memories().recall("m6");

          disk.hook(HookedDisk.Hook.NONE);
          await(store, () -> content(store, "m5").equals(now));
          store.refresh();
          assertThat(store.health().notes()).isEmpty();
        }
      }
    }

    @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"})
    private static <T extends Throwable> void sneak(Throwable failure) throws T {
      throw (T) failure;
    }

    @Test
    void givenAnOldBufferSaved_whenALookFindsIt_thenItCountsAndOursIsKept() throws IOException {
      try (FileMemoryStore store = open()) {
        String buffer = Files.readString(file("m5"), UTF_8).replace("body of m5", "body of m5!");
        store.execute(UpdateMemory.of("m5").content("what we wrote"));
        store.execute(UpdateMemory.of("m6").content("what we wrote"));
        Trees.edit(file("m7"), "body of m7", "another edit");
        store.refresh(); // between our write and the person's
        Files.writeString(file("m5"), buffer, UTF_8);
        Trees.edit(file("m6"), "we wrote", "we wrote and a person read");
        store.refresh();
        assertThat(content(store, "m5")).isEqualTo("body of m5!");
        assertThat(memory(store, "m5").revision()).isEqualTo(3);
        assertThat(Trees.named(tree.resolve(".memory/conflicts"), ".json"))
            .singleElement()
            .satisfies(kept -> assertThat(kept).content(UTF_8).contains("what we wrote", "m5"));
        assertThat(setAside(store)).hasSize(1);
      }
    }

    @Test
    @DisplayName("T20: another tree where the opened one was")
    void givenAnotherTreeInItsPlace_whenWritten_thenItFailsByNameAndNoFileChanges()
        throws IOException {
      for (boolean segment : new boolean[] {true, false}) {
        Path away = folder.resolve("away");
        try (FileMemoryStore store = open()) {
          Path older = Trees.crashImage(tree, folder.resolve("older" + segment));
          Files.delete(older.resolve(".memory/lock"));
          Files.createFile(older.resolve(".memory/lock"));
          if (segment) {
            store.execute(UpdateMemory.of("m5").content("ours"));
          }
          Files.move(tree, away);
          Files.move(older, tree);
          Map<String, String> before = Trees.fingerprint(tree);
          assertThatExceptionOfType(StoreUnavailableException.class)
              .isThrownBy(() -> store.execute(UpdateMemory.of("m6").content("lost")))
              .withMessageContaining("m6")
              .withMessageContaining("not the one that was opened")
              .satisfies(e -> assertThat(e.mayHaveApplied()).isEmpty());
          assertThatExceptionOfType(StoreUnavailableException.class).isThrownBy(store::refresh);
          if (segment) {
            assertThatExceptionOfType(StoreUnavailableException.class)
                .isThrownBy(store::checkpoint);
          }
          assertThat(Trees.fingerprint(tree)).isEqualTo(before);
          Files.move(tree, folder.resolve("gone" + segment));
          Files.move(away, tree);
          store.execute(UpdateMemory.of("m6").content("ours " + segment));
        }
        try (FileMemoryStore store = open()) {
          assertThat(content(store, "m6")).isEqualTo("ours " + segment);
          assertThat(store.health().notes()).isEmpty();
        }
      }
    }

    @Test
    void givenEditThatCannotBeRead_whenLookedAtByItself_thenItsMemoryIsRefusedUntilItCanBe()
        throws Exception {
      try (FileMemoryStore store = looking(Duration.ofMillis(100))) {
        byte[] good = Files.readAllBytes(file("m5"));
        Files.writeString(file("m5"), "---\nid: [\n---\n", UTF_8);
        await(store, () -> setAside(store).equals(List.of("active/t-m5.md")));
        assertThatExceptionOfType(CorruptMemoryException.class)
            .isThrownBy(() -> store.read(Kind.MEMORY, Key.of("m5")));
        assertThat(content(store, "m6")).isEqualTo("body of m6");

        Files.write(file("m5"), good);
        await(store, () -> setAside(store).isEmpty());
        assertThat(content(store, "m5")).isEqualTo("body of m5");
      }
    }

    @Test
    @DisplayName("T77: 5,000 files at once; nothing watches folders, so no limit can be reached")
    void givenManyNewFiles_whenLookedForByItself_thenAllAreFound() throws Exception {
      byte[] like = Files.readAllBytes(file("m5"));
      try (FileMemoryStore store = looking(Duration.ofSeconds(2))) {
        for (int i = 0; i < 5_000; i++) {
          String text = new String(like, UTF_8).replace("id: m5", "id: new" + i);
          Files.writeString(tree.resolve("core/new" + i + ".md"), text, UTF_8);
        }
        await(store, () -> store.count(MemoryQuery.all()) == 5_020);
        assertThat(setAside(store)).isEmpty();
      }
    }

    private FileMemoryStore looking(Duration between) {
      return FileMemoryStore.builder(tree).refreshEvery(between).build();
    }

    private static void await(FileMemoryStore store, BooleanSupplier condition) throws Exception {
      Semaphore edits = new Semaphore(0);
      store.onEdit(edits::release);
      long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
      while (!condition.getAsBoolean()) {
        assertThat(System.nanoTime()).as("waited too long").isLessThan(until);
        if (edits.tryAcquire(20, TimeUnit.MILLISECONDS)) {
          edits.drainPermits();
        }
      }
    }
  }

  @Nested
  class Keeping {
    @Test
    @DisplayName("T53: what another program wrote is in the undo folder")
    void givenAFileOfAnotherProgram_whenFirstRewritten_thenTheOldOneCanBeHadBack()
        throws IOException {
      Path legacy = tree.resolve("core/legacy.md");
      Files.writeString(legacy, "---\nid: legacy\n---\n\nold body", UTF_8);

      try (FileMemoryStore store = open()) {
        store.execute(UpdateMemory.of("legacy").content("new body"));
        store.execute(UpdateMemory.of("legacy").content("newer body"));
      }

      assertThat(Trees.named(tree.resolve(".memory/undo"), "legacy.md"))
          .singleElement()
          .satisfies(old -> assertThat(old).content(UTF_8).contains("old body"));
      assertThat(legacy).content(UTF_8).contains("newer body");
    }

    @Test
    void givenAFileWithItsOwnMode_whenRewritten_thenItKeepsIt() throws IOException {
      var shared = java.nio.file.attribute.PosixFilePermissions.fromString("rw-rw-r--");
      Files.setPosixFilePermissions(file("m5"), shared);
      Files.setPosixFilePermissions(file("m6"), shared);

      try (FileMemoryStore store = open()) {
        store.memories().recall("m5");
        store.memories().store(NewMemory.of("x").id("new").title("t"));
        store.memories().move("m6", Tier.CORE);
      }

      assertThat(Files.getPosixFilePermissions(file("m5"))).isEqualTo(shared);
      assertThat(Files.getPosixFilePermissions(tree.resolve("core/t-m6.md"))).isEqualTo(shared);
      assertThat(
              java.nio.file.attribute.PosixFilePermissions.toString(
                  Files.getPosixFilePermissions(file("new"))))
          .isEqualTo("rw-------");
      assertThat(
              java.nio.file.attribute.PosixFilePermissions.toString(
                  Files.getPosixFilePermissions(tree.resolve(".memory"))))
          .isEqualTo("rwx------");
    }

    @Test
    void givenOneMemoryRecalled_whenClosed_thenNoFileChangesButThatAndTheSession()
        throws IOException {
      Map<String, String> before = Trees.hashes(folder);

      try (FileMemoryStore store = open()) {
        store.memories().recall("m5");
      }

      Map<String, String> after = Trees.hashes(folder);
      assertThat(after.remove("memory/active/t-m5.md"))
          .isNotEqualTo(before.remove("memory/active/t-m5.md"));
      assertThat(after.remove("memory/.session_state.json")).isNotNull();
      assertThat(after).isEqualTo(before);
    }
  }
}

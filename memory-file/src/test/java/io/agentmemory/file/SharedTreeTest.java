package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.CorruptMemoryException;
import io.agentmemory.Edge;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryQuery;
import io.agentmemory.NewMemory;
import io.agentmemory.StoreInfo;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.internal.LocalDisk;
import io.agentmemory.testkit.ManualClock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What people, editors, damage and odd names do to a tree. */
@Timeout(60)
final class SharedTreeTest {
  private static final String AT = "2026-02-10T11:52:05.123456+00:00";

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
                  new PutRecords.Put(
                      new Edge("m1|m2", new Value.Map(Map.of("belief", Value.of(0.5)))), 1))));
    }
  }

  private FileMemoryStore open() {
    return FileMemoryStore.builder(tree).checkpointAfter(Duration.ofHours(1)).build();
  }

  private Path file(String id) {
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

  /** An editor at work while a store has the tree open. */
  @Nested
  class Editors {
    @Test
    @DisplayName("T53: an editor empties the file, and then writes, while we write")
    void givenAnEditorHalfwayThroughSaving_whenItsMemoryIsWritten_thenTheWriteWaitsForTheRest()
        throws IOException {
      String text = Files.readString(file("m5"), UTF_8).replace("body of m5", "of a person");
      for (int cut : List.of(0, 9, text.length() / 2)) {
        HookedDisk disk = new HookedDisk(LocalDisk.INSTANCE);
        try (FileMemoryStore store =
            FileMemoryStore.builder(tree).disk(disk).checkpointAfter(Duration.ofHours(1)).build()) {
          String person = text.replace("of a person", "of a person " + cut);
          Files.writeString(file("m5"), person.substring(0, cut), UTF_8);
          int[] reads = {0};
          disk.hook(
              (call, path) -> {
                if (call == HookedDisk.Call.READ && path.equals(file("m5")) && ++reads[0] == 3) {
                  Files.writeString(file("m5"), person, UTF_8);
                }
              });
          store.memories().recall("m5");
          disk.hook(HookedDisk.Hook.NONE);
          if (cut < text.length() / 2) {
            assertThat(content(store, "m5")).as("cut at %s", cut).isEqualTo("of a person " + cut);
          }
        }
      }
    }

    @Test
    @DisplayName("T53: an editor that saves by a rename, again and again, while we write")
    void givenAnEditorThatRenames_whenBothWrite_thenNothingIsLostAndNobodySeesHalfAFile()
        throws IOException {
      Path draft = folder.resolve("draft");
      HookedDisk disk = new HookedDisk(LocalDisk.INSTANCE);
      int saves = 0;
      try (FileMemoryStore store =
          FileMemoryStore.builder(tree).disk(disk).checkpointAfter(Duration.ofHours(1)).build()) {
        for (int n = 0; n < 12; n++) { // before each call of a write to this file in turn
          String person = "of a person " + n + ".";
          int[] calls = {n};
          boolean[] saved = {false};
          disk.hook(
              (call, path) -> {
                boolean near = path.getFileName().toString().contains("t-m5.md");
                if (near && call != HookedDisk.Call.MOVE && calls[0]-- == 0) {
                  String now = Files.readString(file("m5"), UTF_8);
                  String next = now.substring(0, now.lastIndexOf("---\n") + 4) + "\n" + person;
                  Files.writeString(draft, next, UTF_8);
                  Files.move(draft, file("m5"), StandardCopyOption.REPLACE_EXISTING);
                  saved[0] = true;
                }
              });
          store.execute(UpdateMemory.of("m5").content("of ours " + n + "."));
          disk.hook(HookedDisk.Hook.NONE);
          MemoryFileReader.assertWhole(file("m5"));
          store.memories().recall("m5"); // takes over what came after
          if (saved[0]) {
            saves++;
            boolean imported = content(store, "m5").equals(person);
            assertThat(imported || isKept(person))
                .as("saved before call %s: in the store or among the conflicts", n)
                .isTrue();
          }
        }
      }
      assertThat(saves).isGreaterThan(3);
      try (FileMemoryStore store = open()) {
        assertThat(store.count(MemoryQuery.all())).isEqualTo(20);
      }
    }

    private boolean isKept(String text) throws IOException {
      for (String part : List.of(".memory/conflicts", ".memory/undo")) {
        Path where = tree.resolve(part);
        if (Files.exists(where)) {
          for (Path path : Trees.named(where, "")) {
            if (Files.readString(path, UTF_8).contains(text)) {
              return true;
            }
          }
        }
      }
      return false;
    }

    @Test
    @DisplayName("T53: an editor that saves an old buffer over what we wrote")
    void givenAnOldBuffer_whenSaved_thenTheTextOfThePersonCountsAndOursIsKept() throws IOException {
      try (FileMemoryStore store = open()) {
        String buffer = Files.readString(file("m5"), UTF_8);
        store.execute(UpdateMemory.of("m5").content("what we wrote"));
        Files.writeString(file("m5"), buffer.replace("body of m5", "body of m5, edited"), UTF_8);
        store.memories().recall("m5");

        assertThat(content(store, "m5")).isEqualTo("body of m5, edited");
        assertThat(memory(store, "m5").revision()).isEqualTo(4);
        assertThat(isKept("what we wrote")).isTrue();

        Trees.edit(file("m6"), "body of m6", "an edit of what is there is no conflict");
        store.memories().recall("m6");
        Trees.edit(file("m6"), "an edit of", "one more edit of");
        store.memories().recall("m6");
        assertThat(content(store, "m6")).startsWith("one more edit of");
        assertThat(Trees.named(tree.resolve(".memory/conflicts"), ".json")).hasSize(1);
        assertThat(isKept("an edit of what")).as("in the undo folder").isTrue();
      }
    }

    @Test
    @DisplayName("T53: the undo folder keeps a text for seven days")
    void givenAnOldUndoFolder_whenOpened_thenItGoesAfterSevenDays() throws IOException {
      ManualClock clock = new ManualClock(Instant.parse("2026-02-10T12:00:00Z"));
      Files.writeString(tree.resolve("core/legacy.md"), "---\nid: legacy\n---\n\nold", UTF_8);
      try (FileMemoryStore store = FileMemoryStore.builder(tree).clock(clock).build()) {
        store.execute(UpdateMemory.of("legacy").content("new"));
      }
      clock.advance(Duration.ofDays(7).minusMinutes(1));
      FileMemoryStore.builder(tree).clock(clock).build().close();
      assertThat(isKept("old")).isTrue();
      clock.advance(Duration.ofMinutes(2));
      FileMemoryStore.builder(tree).clock(clock).build().close();
      assertThat(isKept("old")).isFalse();
    }

    @Test
    @DisplayName("T54: body, id, revision, digest, front matter, blanks edited by hand")
    void givenEditsByHand_whenOpened_thenEachIsImported() throws IOException {
      Trees.edit(file("m1"), "body of m1", "new body of m1");
      Trees.edit(file("m2"), "id: m2", "id: renamed");
      Trees.edit(file("m3"), "id: m3", "id: m3\nrevision: 99\ndigest: abc");
      Files.writeString(file("m4"), "no front matter any more", UTF_8);
      Files.writeString(file("m5"), Files.readString(file("m5"), UTF_8) + "  ", UTF_8);

      for (int i = 0; i < 2; i++) {
        try (FileMemoryStore store = open()) {
          assertThat(content(store, "m1")).isEqualTo("new body of m1");
          assertThat(memory(store, "m1").revision()).isEqualTo(2);
          assertThat(content(store, "renamed")).isEqualTo("body of m2");
          assertThat(store.read(Kind.MEMORY, Key.of("m2")).orElseThrow().isTombstone()).isTrue();
          assertThat(memory(store, "m3").revision()).as("control data is ours").isEqualTo(2);
          assertThat(content(store, "t-m4")).as("named by its file").startsWith("no front matter");
          assertThat(content(store, "m5")).isEqualTo("body of m5  ");
          assertThat(memory(store, "m6").revision()).isEqualTo(1);
          assertThat(store.info().setAside()).isEmpty();
        }
      }
      Trees.edit(file("m7"), "id: m7", "id: [m7");
      try (FileMemoryStore store = open()) {
        assertThat(store.info().setAside())
            .singleElement()
            .satisfies(aside -> assertThat(aside.location()).isEqualTo("active/t-m7.md"))
            .satisfies(aside -> assertThat(aside.reason()).matches("line [0-9]+: .*"));
      }
    }
  }

  /** Reads a file as another program does. */
  private static final class MemoryFileReader {
    static void assertWhole(Path file) throws IOException {
      assertThat(Files.readString(file, UTF_8)).startsWith("---\n").endsWith(".");
    }
  }

  @Nested
  class Damage {
    @Test
    @DisplayName("T55, T56, T57, T58: corrupt YAML, truncated JSON, an empty file, binary junk")
    void givenDamagedFiles_whenOpened_thenOnlyTheirRecordsCannotBeRead() throws IOException {
      byte[] junk = new byte[5000];
      new java.util.Random(5).nextBytes(junk);
      Map<String, byte[]> damage = new LinkedHashMap<>();
      damage.put("m1", "---\nid: m1\ntags: [a\n---\n\nbody".getBytes(UTF_8));
      damage.put("m2", new byte[0]);
      damage.put("m3", junk);
      for (var entry : damage.entrySet()) {
        Files.write(file(entry.getKey()), entry.getValue());
      }
      Path edges = tree.resolve(".edges_v3.json");
      byte[] whole = Files.readAllBytes(edges);
      Files.write(edges, java.util.Arrays.copyOf(whole, whole.length - 1)); // the edge is whole
      Files.write(tree.resolve("embeddings.json"), new byte[0]);

      for (int i = 0; i < 2; i++) {
        try (FileMemoryStore store = open()) {
          for (String id : damage.keySet()) {
            assertThatExceptionOfType(CorruptMemoryException.class)
                .as(id)
                .isThrownBy(() -> store.read(Kind.MEMORY, Key.of(id)))
                .satisfies(e -> assertThat(e.location()).isEqualTo("active/t-" + id + ".md"));
            assertThatExceptionOfType(CorruptMemoryException.class)
                .isThrownBy(() -> store.execute(UpdateMemory.of(id).content("x")));
          }
          assertThatExceptionOfType(CorruptMemoryException.class)
              .isThrownBy(() -> store.read(Kind.EDGE, Key.of("m1|m2")));
          assertThatExceptionOfType(CorruptMemoryException.class)
              .isThrownBy(() -> store.read(Kind.EMBEDDING, Key.of("text", "m1")));
          assertThat(store.count(MemoryQuery.all().tag("tag"))).isEqualTo(17);
          assertThat(store.find(MemoryQuery.all())).hasSize(17);
          try (var all = store.scan(Kind.MEMORY)) { // as a backfill reads it
            assertThat(all.filter(m -> !m.isTombstone())).hasSize(17);
          }
          assertThat(store.info().kinds().get(Kind.EDGE)).as("of half a document").isZero();
          assertThat(store.info().tombstones().get(Kind.MEMORY)).isZero();
          assertThat(setAside(store))
              .containsExactly(
                  ".edges_v3.json",
                  "active/t-m1.md",
                  "active/t-m2.md",
                  "active/t-m3.md",
                  "embeddings.json");
          store.memories().recall("m9");
        }
        for (var entry : damage.entrySet()) {
          assertThat(file(entry.getKey())).hasBinaryContent(entry.getValue());
        }
      }
    }

    @Test
    @DisplayName("T55: a file broken while the store has it open")
    void givenAFileBrokenWhileOpen_whenRead_thenItIsRefusedByNameUntilRepaired()
        throws IOException {
      try (FileMemoryStore store = open()) {
        String text = Files.readString(file("m5"), UTF_8);
        Files.writeString(file("m5"), "---\nid: [\n---\n", UTF_8);
        for (int i = 0; i < 2; i++) {
          assertThatExceptionOfType(CorruptMemoryException.class)
              .isThrownBy(() -> store.memories().recall("m5"));
          assertThatExceptionOfType(CorruptMemoryException.class)
              .isThrownBy(() -> store.read(Kind.MEMORY, Key.of("m5")));
        }
        assertThat(content(store, "m6")).isEqualTo("body of m6");

        Files.writeString(file("m5"), text.replace("body of m5", "repaired"), UTF_8);
        store.memories().recall("m5");
        assertThat(content(store, "m5")).isEqualTo("repaired");
        assertThat(store.info().setAside()).isEmpty();
      }
    }
  }

  @Nested
  class Names {
    @Test
    @DisplayName("T62: ids that are paths, devices, long, in other scripts, alike but for case")
    void givenOddIds_whenStored_thenEachHasASafeFileOfItsOwnOrIsRefused() throws IOException {
      List<String> ids =
          List.of(
              "../x",
              "/etc/x",
              "CON",
              "con",
              "nul.txt",
              "a\\b",
              ".",
              "..",
              "a/b",
              "A",
              "a",
              "😀",
              "\u05d0\u05d1",
              "-",
              "x.",
              "a:b",
              "%2e%2e",
              "e\u0301",
              "..\\..\\x",
              "~root",
              "$HOME",
              "x".repeat(250));
      List<String> stored = new ArrayList<>();
      try (FileMemoryStore store = open()) {
        for (String id : ids) {
          try {
            store.execute(StoreMemory.of(id, AT, "content of " + id));
            stored.add(id);
          } catch (InvalidMemoryException refused) {
            assertThat(refused).hasMessageContaining("id");
          }
        }
        assertThatExceptionOfType(InvalidMemoryException.class)
            .isThrownBy(() -> store.execute(StoreMemory.of("x".repeat(10 << 10), AT, "too long")));
      }
      assertThat(stored).contains("../x", "/etc/x", "CON", "con", "a\\b", ".", "A", "a", "😀");
      try (FileMemoryStore store = open()) {
        for (String id : stored) {
          String normal = java.text.Normalizer.normalize(id, java.text.Normalizer.Form.NFC);
          assertThat(content(store, normal)).as(id).isEqualTo("content of " + id);
        }
        assertThat(store.count(MemoryQuery.all())).isEqualTo(20 + stored.size());
        assertThat(store.info().setAside()).isEmpty();
      }
      List<String> names = new ArrayList<>();
      try (Stream<Path> files = Files.walk(folder)) {
        files
            .filter(f -> f.getFileName().toString().endsWith(".md"))
            .forEach(
                f -> {
                  assertThat(f.getParent()).isEqualTo(tree.resolve("active"));
                  names.add(f.getFileName().toString().toLowerCase(java.util.Locale.ROOT));
                });
      }
      assertThat(names).as("also where case is ignored").doesNotHaveDuplicates();
      assertThat(names)
          .hasSize(20 + stored.size())
          .allMatch(n -> n.matches("[a-z0-9][a-z0-9._-]*"));
    }

    @Test
    @DisplayName("T62: NFC equals NFD")
    void givenOneIdInTwoNormalForms_whenStored_thenItIsTheSame() {
      try (FileMemoryStore store = open()) {
        store.memories().store(NewMemory.of("composed").id("caf\u00e9"));
        assertThatExceptionOfType(MemoryConflictException.class)
            .isThrownBy(() -> store.memories().store(NewMemory.of("two").id("cafe\u0301")));
        assertThat(store.count(MemoryQuery.all())).isEqualTo(21);
      }
    }

    @Test
    @DisplayName("T63: links out and in a circle, a pipe, a device, a second name of a file")
    void givenWhatIsNoFile_whenOpened_thenItIsSkippedAndNothingBehindItChanges() throws Exception {
      Path outside = Files.createDirectory(folder.resolve("outside"));
      Path secret = Files.writeString(outside.resolve("x.md"), "---\nid: m3\n---\n\nsecret", UTF_8);
      Path active = tree.resolve("active");
      Files.createSymbolicLink(active.resolve("out.md"), secret);
      Files.createSymbolicLink(active.resolve("loop.md"), active.resolve("loop.md"));
      Files.createSymbolicLink(active.resolve("folder.md"), outside);
      Files.createSymbolicLink(tree.resolve("lists"), outside);
      Files.delete(file("m4"));
      Files.createSymbolicLink(file("m4"), secret);
      Files.createLink(tree.resolve("core/second.md"), file("m5"));
      List<String> aside =
          new ArrayList<>(
              List.of(
                  "active/folder.md",
                  "active/loop.md",
                  "active/out.md",
                  "active/t-m4.md",
                  "active/t-m5.md",
                  "core/second.md"));
      if (made("mkfifo", active.resolve("pipe.md").toString())) {
        aside.add("active/pipe.md");
      }
      if (made("mknod", active.resolve("x.md").toString(), "c", "1", "5")) { // /dev/zero never ends
        aside.add("active/x.md");
      } else {
        System.out.println("SKIPPED: a device among the files (T63): no right to make one");
      }

      try (FileMemoryStore store = open()) {
        assertThat(setAside(store)).containsExactlyInAnyOrderElementsOf(aside);
        assertThat(store.count(MemoryQuery.all())).isEqualTo(19);
        assertThat(content(store, "m3")).isEqualTo("body of m3");
        assertThat(Snapshot.of(store)).as("through a folder").noneMatch(r -> r.contains("lists"));
        assertThatExceptionOfType(CorruptMemoryException.class)
            .isThrownBy(() -> store.memories().forget("m4"));
        assertThatExceptionOfType(MemoryConflictException.class)
            .isThrownBy(() -> store.memories().forget("m5"))
            .withMessageContaining("core/second.md");
        store.memories().forget("m3");
        store.memories().recall("m6");

        Files.move(file("m7"), outside.resolve("y.md")); // while the store is open
        Files.createSymbolicLink(file("m7"), outside.resolve("y.md"));
        Trees.edit(outside.resolve("y.md"), "body of m7", "secret");
        assertThatExceptionOfType(CorruptMemoryException.class)
            .isThrownBy(() -> store.memories().recall("m7"));
      }
      assertThat(outside.resolve("y.md")).content(UTF_8).endsWith("secret");
      assertThat(secret).content(UTF_8).endsWith("secret");
      assertThat(outside).isDirectoryContaining(f -> f.equals(secret));
      assertThat(tree.resolve("core/second.md")).content(UTF_8).contains("body of m5");
    }

    private boolean made(String... words) throws Exception {
      try {
        return new ProcessBuilder(words).redirectErrorStream(true).start().waitFor() == 0;
      } catch (IOException none) {
        return false;
      }
    }

    @Test
    @DisplayName("T64: one id in two folders, and ids that differ in case only")
    void givenOneIdTwice_whenOpenedAgainAndAgain_thenTheSameFileIsServedAndWritesAreRefused()
        throws IOException {
      Files.copy(file("m5"), tree.resolve("core/a-copy-with-a-long-name-m5.md"));
      Files.copy(file("m5"), tree.resolve("archive/c.md"));
      for (String name : List.of("a-longer.md", "z.md")) { // neither known: the shorter
        Path copy = Files.writeString(tree.resolve("core").resolve(name), "", UTF_8);
        Files.writeString(copy, "---\nid: both\n---\n\nin " + name, UTF_8);
      }
      Files.writeString(tree.resolve("core/upper.md"), "---\nid: Both\n---\n\nother case", UTF_8);

      for (int i = 0; i < 3; i++) {
        boolean reading = i == 1;
        try (FileMemoryStore store =
            reading ? FileMemoryStore.builder(tree).readOnly().build() : open()) {
          assertThat(memory(store, "m5").live().orElseThrow().tier()).isEqualTo(Tier.ACTIVE);
          assertThat(content(store, "both")).isEqualTo("in z.md");
          assertThat(content(store, "Both")).isEqualTo("other case");
          assertThat(setAside(store))
              .containsExactly(
                  "active/t-m5.md",
                  "archive/c.md",
                  "core/a-copy-with-a-long-name-m5.md",
                  "core/a-longer.md",
                  "core/z.md");
          if (!reading) {
            for (String id : List.of("m5", "both")) {
              assertThatExceptionOfType(MemoryConflictException.class)
                  .isThrownBy(() -> store.execute(UpdateMemory.of(id).content("x")));
            }
            store.execute(UpdateMemory.of("Both").content("other case"));
          }
        }
      }
      assertThat(tree.resolve("archive/c.md")).exists();
      Files.delete(tree.resolve("core/a-longer.md"));
      try (FileMemoryStore store = open()) {
        store.execute(UpdateMemory.of("both").content("resolved"));
        assertThat(content(store, "both")).isEqualTo("resolved");
      }
    }

    @Test
    @DisplayName("T65: the folder vanished, and 60 % of the files")
    void givenAFolderThatVanished_whenOpened_thenNothingCountsAsDeleted() throws IOException {
      Path away = folder.resolve("away");
      Files.move(tree.resolve("active"), away);
      for (int i = 0; i < 2; i++) {
        try (FileMemoryStore store = open()) {
          assertThat(store.info().tombstones().get(Kind.MEMORY)).isZero();
          assertThat(setAside(store)).hasSize(20);
        }
      }
      Files.deleteIfExists(tree.resolve("active"));
      Files.move(away, tree.resolve("active"));
      for (int i = 0; i < 12; i++) {
        Files.move(file("m" + i), folder.resolve("m" + i));
      }
      for (int i = 0; i < 2; i++) {
        try (FileMemoryStore store = open()) {
          assertThat(store.count(MemoryQuery.all())).isEqualTo(8);
          assertThat(store.info().tombstones().get(Kind.MEMORY)).isZero();
          assertThat(setAside(store)).hasSize(12);
        }
      }
      for (int i = 0; i < 12; i++) {
        Files.move(folder.resolve("m" + i), file("m" + i));
      }
      try (FileMemoryStore store = open()) {
        assertThat(store.count(MemoryQuery.all())).isEqualTo(20);
        assertThat(memory(store, "m1").revision()).isEqualTo(1);
        assertThat(store.info().setAside()).isEmpty();
        store.memories().forget("m1"); // the explicit way
        assertThat(store.read(Kind.MEMORY, Key.of("m1")).orElseThrow().isTombstone()).isTrue();
      }
    }
  }
}

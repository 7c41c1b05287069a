package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.agentmemory.CorruptMemoryException;
import io.agentmemory.Health;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryQuery;
import io.agentmemory.NewMemory;
import io.agentmemory.StoreInfo;
import io.agentmemory.Tier;
import io.agentmemory.command.MoveMemory;
import io.agentmemory.command.UpdateMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A tier's folder that was moved to a larger disk, with a link in its place or with nothing. */
final class TierFolderTest {
  @TempDir Path folder;
  private Path tree;
  private Path archive;
  private Path bigger;

  @BeforeEach
  void makeTree() {
    tree = folder.resolve("memory");
    archive = tree.resolve("archive");
    bigger = folder.resolve("bigger");
    try (FileMemoryStore store = open()) {
      for (int i = 0; i < 20; i++) {
        store.memories().store(NewMemory.of("body of m" + i).id("m" + i).title("t").tags("tag"));
      }
      store.execute(new MoveMemory("m3", Tier.ARCHIVE));
    }
  }

  private FileMemoryStore open() {
    return FileMemoryStore.builder(tree).checkpointAfter(Duration.ofHours(1)).build();
  }

  private void moveAway(boolean link) throws IOException {
    Files.move(archive, bigger);
    if (link) {
      Files.createSymbolicLink(archive, bigger);
    }
  }

  private void moveBack() throws IOException {
    Files.deleteIfExists(archive);
    Files.move(bigger, archive);
  }

  private static List<String> setAside(FileMemoryStore store) {
    return store.info().setAside().stream().map(StoreInfo.SetAside::location).toList();
  }

  private static String content(FileMemoryStore store, String id) {
    return store.memories().findById(id).orElseThrow().content();
  }

  private void assertNothingIsWrittenThere(FileMemoryStore store) throws IOException {
    Map<String, String> before = Trees.fingerprint(bigger);
    assertThatExceptionOfType(CorruptMemoryException.class)
        .isThrownBy(() -> store.execute(new MoveMemory("m4", Tier.ARCHIVE)))
        .withMessageContaining("archive");
    assertThat(Trees.fingerprint(bigger)).isEqualTo(before);
    assertThat(content(store, "m4")).isEqualTo("body of m4");
  }

  @Test
  void givenATierThatIsALinkOrGone_whenOpened_thenItsMemoriesAreNotDeletedAndNoneGoesThere()
      throws IOException {
    for (boolean link : new boolean[] {true, false}) {
      moveAway(link);
      for (int i = 0; i < 2; i++) {
        try (FileMemoryStore store = open()) {
          assertThat(store.info().tombstones().get(Kind.MEMORY)).isZero();
          assertThat(setAside(store)).contains("archive/t-m3.md");
          assertNothingIsWrittenThere(store);
          store.execute(UpdateMemory.of("m5").content("of " + link + i));
        }
      }
      moveBack();
      try (FileMemoryStore store = open()) {
        assertThat(setAside(store)).isEmpty();
        assertThat(content(store, "m3")).isEqualTo("body of m3");
        assertThat(store.read(Kind.MEMORY, Key.of("m3")).orElseThrow().revision()).isEqualTo(2);
        assertThat(content(store, "m5")).isEqualTo("of " + link + 1);
      }
    }
  }

  /** As a copy to another machine leaves it, or a JVM in another encoding. */
  @Test
  void givenANameInAnotherEncoding_whenOpened_thenItsMemoryIsNotDeletedAndComesBackWithTheName()
      throws Exception {
    assumeTrue("UTF-8".equals(System.getProperty("sun.jnu.encoding")), "Java knows other bytes");
    Path active = tree.resolve("active");
    shell(active, "mv t-m7.md \"../archive/$(printf 't-m7-gr\\337e.md')\""); // and moved
    Files.createDirectory(tree.resolve("notes"));
    Files.writeString(tree.resolve("notes/b.json"), "{\"a\": 1}");
    open().close();
    shell(tree, "mv notes/b.json \"notes/$(printf 'gr\\337e.json')\"");
    for (int i = 0; i < 2; i++) {
      try (FileMemoryStore store = open()) {
        assertThat(store.info().tombstones().get(Kind.MEMORY)).isZero();
        assertThat(store.info().tombstones().get(Kind.VALUE)).isZero();
        assertThat(setAside(store))
            .contains("active/t-m7.md", "archive/t-m7-gr\uFFFDe.md")
            .contains("notes/b.json", "notes/gr\uFFFDe.json");
        store.execute(UpdateMemory.of("m5").content("still writes " + i));
      }
    }
    shell(active, "mv ../archive/t-m7-gr*.md t-m7.md");
    shell(tree, "mv notes/gr*.json notes/b.json");
    try (FileMemoryStore store = open()) {
      assertThat(setAside(store)).isEmpty();
      assertThat(content(store, "m7")).isEqualTo("body of m7");
      assertThat(content(store, "m5")).isEqualTo("still writes 1");
    }
  }

  private static void shell(Path folder, String command) throws Exception {
    Process process =
        new ProcessBuilder("sh", "-c", command).directory(folder.toFile()).inheritIO().start();
    assertThat(process.waitFor()).as(command).isZero();
  }

  @Test
  void givenATierThatBecomesALinkOrGoes_whenTheTreeIsOpen_thenItIsServedAsItWasUntilItIsBack()
      throws IOException {
    for (boolean link : new boolean[] {true, false}) {
      try (FileMemoryStore store = open()) {
        moveAway(link);
        assertNothingIsWrittenThere(store); // before anybody looked
        assertThatExceptionOfType(CorruptMemoryException.class)
            .isThrownBy(() -> store.memories().forget("m3"));
        Trees.edit(tree.resolve("active/t-m6.md"), "body of m6", "a person's " + link);
        store.refresh();
        assertThat(content(store, "m6")).isEqualTo("a person's " + link);
        assertThat(content(store, "m3")).isEqualTo("body of m3");
        assertThat(setAside(store)).contains("archive/t-m3.md");
        assertThat(store.health().notes()).anyMatch(note -> note.contains("files are gone"));
        Trees.edit(bigger.resolve("t-m3.md"), "body of m3", "body of m3, elsewhere");
        assertNothingIsWrittenThere(store);
        assertThatExceptionOfType(CorruptMemoryException.class)
            .isThrownBy(() -> store.execute(new MoveMemory("m3", Tier.CORE)));
        store.refresh();
        assertThat(content(store, "m3")).as("not read through a link").isEqualTo("body of m3");

        Trees.edit(bigger.resolve("t-m3.md"), "body of m3, elsewhere", "body of m3");
        moveBack();
        store.refresh();
        assertThat(store.health().status()).isEqualTo(Health.Status.UP);
        assertThat(setAside(store)).isEmpty();
        assertThat(store.find(MemoryQuery.all())).hasSize(20);
        assertThat(store.read(Kind.MEMORY, Key.of("m3")).orElseThrow().revision()).isEqualTo(2);
        Trees.edit(tree.resolve("active/t-m6.md"), "a person's " + link, "body of m6");
      }
    }
  }

  @Test
  void givenAWriteLeftInTheLog_whenItsTierIsALinkOrGoneAtOpening_thenItWaitsThere()
      throws IOException {
    for (boolean link : new boolean[] {true, false}) {
      Path image = folder.resolve("killed" + link).resolve("memory");
      String id = link ? "m7" : "m8";
      try (FileMemoryStore store = open()) {
        store.execute(new MoveMemory(id, Tier.ARCHIVE));
        Trees.crashImage(tree, image);
      }
      tree = image;
      archive = tree.resolve("archive");
      bigger = folder.resolve("bigger" + link);
      moveAway(link);
      Files.delete(bigger.resolve("t-" + id + ".md"));
      for (int i = 0; i < 2; i++) {
        try (FileMemoryStore store = open()) {
          assertThat(content(store, id)).isEqualTo("body of " + id);
          assertThat(store.info().tombstones().get(Kind.MEMORY)).isZero();
          assertThat(store.health().notes()).isNotEmpty();
          assertThat(bigger.resolve("t-" + id + ".md")).doesNotExist();
        }
      }
      moveBack();
      try (FileMemoryStore store = open()) {
        assertThat(archive.resolve("t-" + id + ".md")).content(UTF_8).contains("body of " + id);
        assertThat(content(store, "m3")).isEqualTo("body of m3");
        assertThat(store.health().status()).isEqualTo(Health.Status.UP);
      }
    }
  }

  @Test
  void givenAnEmptyTiersFolderGone_whenWritten_thenItIsMadeAnew() throws IOException {
    Files.delete(tree.resolve("core"));
    try (FileMemoryStore store = open()) {
      store.execute(new MoveMemory("m4", Tier.CORE));
      assertThat(tree.resolve("core/t-m4.md")).exists();
      assertThat(store.health().status()).isEqualTo(Health.Status.UP);
    }
  }
}

package io.agentmemory.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.MemoryStore;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.spi.Seal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A tree that nobody is to write to any more. */
class SealTest {
  private static final String AT = "2026-02-10T11:52:05+00:00";

  @TempDir private Path folder;

  private static void assertRefused(MemoryStore store, String why) {
    assertThatExceptionOfType(UncategorizedStoreException.class)
        .isThrownBy(() -> store.execute(StoreMemory.of("m2", AT, "content")))
        .withMessageContaining("sealed for reading only: " + why)
        .withMessageContaining(".memory/sealed");
    assertThat(store.memories().findById("m1")).isPresent();
    assertThat(store.memories().findById("m2")).isEmpty();
  }

  @Test
  void givenSealedTree_whenWrittenByAnybody_thenRefusedUntilItIsUnsealed() throws Exception {
    try (FileMemoryStore store = FileMemoryStore.builder(folder).build()) {
      store.execute(StoreMemory.of("m1", AT, "content"));
      store.as(Seal.class).orElseThrow().seal("moved away");
      assertRefused(store, "moved away");
      try (FileMemoryStore reader = FileMemoryStore.builder(folder).readOnly().build()) {
        assertThat(reader.sealed()).contains("moved away");
      }
    }
    try (FileMemoryStore store = FileMemoryStore.builder(folder).build()) {
      assertRefused(store, "moved away");
      store.unseal();
      store.execute(StoreMemory.of("m2", AT, "content"));
      store.seal("again");
    }
    try (FileMemoryStore store = FileMemoryStore.builder(folder).readOnly().build()) {
      assertThat(store.sealed()).contains("again");
      assertThatExceptionOfType(UncategorizedStoreException.class).isThrownBy(store::unseal);
    }
    try (var files = Files.find(folder, 3, (file, a) -> file.endsWith(".memory/sealed"))) {
      Files.delete(files.findFirst().orElseThrow());
    }
    try (FileMemoryStore store = FileMemoryStore.builder(folder).build()) {
      assertThat(store.sealed()).isEmpty();
      store.execute(StoreMemory.of("m3", AT, "content"));
    }
  }

  private FileMemoryStore open() {
    return FileMemoryStore.builder(folder)
        .checkpointAfter(Duration.ofMillis(20))
        .refreshEvery(Duration.ofMillis(20))
        .build();
  }

  private Map<String, String> files() throws Exception {
    Map<String, String> files = Trees.fingerprint(folder);
    files.keySet().removeIf(name -> name.contains(".memory/owner-"));
    files.replaceAll((name, is) -> name.endsWith(".memory") ? "who has it open" : is);
    return files;
  }

  private static void await(BooleanSupplier condition) throws Exception {
    Semaphore never = new Semaphore(0);
    long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("waited too long").isLessThan(until);
      assertThat(never.tryAcquire(10, TimeUnit.MILLISECONDS)).isFalse();
    }
  }

  private static boolean tells(MemoryStore store) {
    return store.health().notes().stream().anyMatch(note -> note.contains("edited by others"));
  }

  private static String content(MemoryStore store) {
    return store.memories().findById("m1").orElseThrow().content();
  }

  @Test
  void givenSealedTree_whenEditedByOthers_thenThatIsToldAndNoFileChangesUntilItIsUnsealed()
      throws Exception {
    Path file;
    try (FileMemoryStore store = open()) {
      store.execute(StoreMemory.of("m1", AT, "content"));
      store.seal("moved away");
      file = Trees.named(folder, ".md").get(0);
      Trees.edit(file, "content", "of a person");
      Map<String, String> before = files();
      await(() -> tells(store));
      store.refresh();
      store.checkpoint();
      assertThat(content(store)).isEqualTo("content");
      assertThat(store.lastEdit()).isEmpty();
      assertThat(files()).isEqualTo(before);
    }
    Trees.edit(file, "of a person", "of somebody");
    Files.writeString(file.resolveSibling(".x.md." + new UUID(1, 2) + ".tmp"), "left by an editor");
    Map<String, String> before = files();
    try (FileMemoryStore store = open()) {
      assertThat(tells(store)).isTrue();
      assertThat(content(store)).isEqualTo("of somebody");
      store.checkpoint();
      assertThat(files()).isEqualTo(before);
    }
    assertThat(files()).isEqualTo(before);
    try (FileMemoryStore store = open()) {
      Trees.edit(file, "of somebody", "of anybody");
      store.unseal();
      assertThat(content(store)).isEqualTo("of anybody");
      assertThat(store.health().notes()).isEmpty();
      store.execute(StoreMemory.of("m2", AT, "content"));
    }
    try (FileMemoryStore store = open()) {
      assertThat(store.sealed()).isEmpty();
      assertThat(content(store)).isEqualTo("of anybody");
      assertThat(store.memories().findById("m2")).isPresent();
    }
  }
}

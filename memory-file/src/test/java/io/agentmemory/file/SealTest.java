package io.agentmemory.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.MemoryStore;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.spi.Seal;
import java.nio.file.Files;
import java.nio.file.Path;
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
}

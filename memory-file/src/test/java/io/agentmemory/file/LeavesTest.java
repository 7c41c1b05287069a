package io.agentmemory.file;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Leaf;
import io.agentmemory.NewMemory;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.command.PutRecords;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Leaves are of the files as they are now. */
final class LeavesTest {
  @TempDir Path folder;

  @BeforeEach
  void makeTree() {
    try (FileMemoryStore store = open(false)) {
      for (int i = 0; i < 100; i++) { // more than are read at once
        store.memories().store(NewMemory.of("body").id("m" + i).title("t"));
      }
      store.execute(
          new PutRecords(
              List.of(new PutRecords.Put(new CoOccurrence("m1", "m2", Value.of(3L)), 1))));
      store.memories().move("m5", Tier.ARCHIVE);
    }
  }

  private FileMemoryStore open(boolean readOnly) {
    FileMemoryStore.Builder builder =
        FileMemoryStore.builder(folder.resolve("memory")).checkpointAfter(Duration.ofHours(1));
    return (readOnly ? builder.readOnly() : builder).build();
  }

  private Path file(String id) {
    return folder.resolve("memory/active/t-" + id + ".md");
  }

  private static Map<String, Leaf> leaves(FileMemoryStore store) {
    Map<String, Leaf> byId = new HashMap<>();
    try (Stream<Leaf> leaves = store.leaves()) {
      leaves.forEach(leaf -> byId.put(leaf.id(), leaf));
    }
    return byId;
  }

  private static Leaf of(Map<String, Leaf> leaves, String id) {
    return Objects.requireNonNull(leaves.get(id), id);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void givenFilesChangedOutside_whenLeavesAreRead_thenEachTellsTheFileAndWhatStandsInIt(
      boolean readOnly) throws IOException {
    Map<String, Leaf> before;
    Map<String, Leaf> now;
    try (FileMemoryStore store = open(readOnly)) {
      before = leaves(store);
      Files.writeString(file("m1"), Files.readString(file("m1")) + " and more");
      Files.writeString(file("m2"), "---\nid: [\n---\n\nnone that parses");
      Files.delete(file("m3"));

      now = leaves(store);
    }

    assertThat(before).hasSize(99).doesNotContainKey("m5");
    assertThat(before.values()).allMatch(leaf -> leaf.hash().isPresent());
    assertThat(of(now, "m1").sha256()).isEqualTo(Sha.of(Files.readAllBytes(file("m1"))));
    assertThat(of(now, "m2").sha256()).isEqualTo(Sha.of(Files.readAllBytes(file("m2"))));
    assertThat(of(now, "m2").state()).isNotEqualTo(of(before, "m2").state());
    assertThat(of(now, "m3").hash()).isEmpty();
    assertThat(of(now, "m4")).isEqualTo(of(before, "m4"));
    try (FileMemoryStore store = open(true)) {
      assertThat(of(leaves(store), "m1")).isEqualTo(of(now, "m1"));
    }
  }
}

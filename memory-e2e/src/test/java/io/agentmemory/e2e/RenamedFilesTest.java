package io.agentmemory.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryStore;
import io.agentmemory.NewMemory;
import io.agentmemory.Stored;
import io.agentmemory.command.CountCoOccurrences;
import io.agentmemory.command.PutRecords;
import io.agentmemory.dualwrite.Backfill;
import io.agentmemory.dualwrite.BackfillReport;
import io.agentmemory.dualwrite.Verifier;
import io.agentmemory.dualwrite.VerifyReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Memories whose files are renamed between two copies, in whatever order they are copied. */
@Tag("postgres")
class RenamedFilesTest {
  private static final int MEMORIES = 12;
  private static final String ACTIVE = "memory/active";

  /** Who takes whose file; one takes a new one. m01 is new to the target, m10 was forgotten. */
  private static final Map<String, String> TAKES =
      new TreeMap<>(
          Map.of(
              "m00", "m11", "m11", "m00", // each of the other
              "m01", "m02", "m02", "m03", "m03", "m04", "m04", "", // one after the other
              "m05", "m06", "m06", "m07", "m07", "m05", // around
              "m08", "m10"));

  private static Stores stores;
  @TempDir private Path folder;

  @BeforeAll
  static void create() {
    stores = new Stores("renamed files");
  }

  @AfterAll
  static void drop() {
    stores.close();
  }

  private static void fill(MemoryStore source) {
    for (int i = 0; i < MEMORIES; i++) {
      if (i != 1) {
        store(source, i);
      }
    }
    source.execute(new CountCoOccurrences(List.of("m00", "m02", "m11")));
  }

  private static void store(MemoryStore source, int number) {
    String id = String.format("m%02d", number);
    source.memories().store(NewMemory.of("body of " + id).id(id));
  }

  private static void addAndForget(MemoryStore source) {
    store(source, 1);
    source.execute(new CountCoOccurrences(List.of("m01", "m00", "m05")));
    source.memories().forget("m10");
  }

  private static Memory memory(MemoryStore store, String id) {
    return store.memories().findById(id).orElseThrow();
  }

  private static void copy(MemoryStore source, MemoryStore target) {
    BackfillReport report = Backfill.builder(source, target).chunkRecords(2).run();
    assertThat(report.state()).as(report.toString()).isEqualTo(BackfillReport.State.COMPLETE);
    assertThat(report.setAside()).isEmpty();
    VerifyReport verified = Verifier.builder(source, target).run();
    assertThat(verified.equal()).as(verified.toString()).isTrue();
  }

  @Test
  void givenFilesThatAPersonRenamed_whenCopiedAgain_thenPostgresIsAsTheFiles() throws IOException {
    Path tree = folder.resolve("tree");
    String namespace = Stores.namespace();
    try (MemoryStore postgres = stores.postgres(namespace)) {
      Map<String, String> names = new HashMap<>();
      try (MemoryStore files = Stores.file(tree, namespace)) {
        fill(files);
        copy(files, postgres);
        names.put("m10", memory(files, "m10").fileName());
        addAndForget(files);
        TAKES.keySet().forEach(id -> names.put(id, memory(files, id).fileName()));
      }
      Path active = tree.resolve(ACTIVE);
      for (String id : TAKES.keySet()) {
        Files.move(active.resolve(names.get(id)), folder.resolve(id));
      }
      for (Map.Entry<String, String> takes : TAKES.entrySet()) {
        String name = names.getOrDefault(takes.getValue(), "another.md");
        Files.move(folder.resolve(takes.getKey()), active.resolve(name));
      }

      try (MemoryStore files = Stores.file(tree, namespace)) {
        copy(files, postgres);

        TAKES.forEach(
            (id, of) ->
                assertThat(memory(postgres, id).fileName())
                    .as("file of %s", id)
                    .isEqualTo(names.getOrDefault(of, "another.md")));
        assertThat(memory(postgres, "m00").content()).isEqualTo("body of m00");
      }
    }
  }

  @Test
  void givenRowsThatWereRenamed_whenCopiedAgain_thenTheFilesAreAsPostgres() throws IOException {
    Path tree = folder.resolve("tree");
    String namespace = Stores.namespace();
    try (MemoryStore files = Stores.file(tree, namespace);
        MemoryStore postgres = stores.postgres(namespace)) {
      fill(postgres);
      copy(postgres, files);
      String forgotten = memory(postgres, "m10").fileName();
      addAndForget(postgres);
      List<PutRecords.Put> puts = new ArrayList<>();
      TAKES.forEach(
          (id, of) -> {
            String name =
                of.isEmpty()
                    ? "another.md"
                    : of.equals("m10") ? forgotten : memory(postgres, of).fileName();
            Stored<Memory> now = postgres.read(Kind.MEMORY, Key.of(id)).orElseThrow();
            Memory is = now.live().orElseThrow();
            puts.add(
                new PutRecords.Put(
                    new Memory(id, is.tier(), name, is.content(), is.frontMatter()),
                    now.revision() + 1));
          });
      postgres.execute(new PutRecords(puts));

      copy(postgres, files);
    }
    try (MemoryStore files = Stores.fileToRead(tree);
        MemoryStore postgres = stores.postgres(namespace)) {
      assertThat(memory(files, "m00").fileName()).isEqualTo(memory(postgres, "m00").fileName());
      assertThat(Files.readString(tree.resolve(ACTIVE).resolve("another.md")))
          .contains("body of m04");
    }
  }
}

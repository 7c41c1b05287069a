package io.agentmemory.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.CorruptMemoryException;
import io.agentmemory.StoreInfo;
import io.agentmemory.command.StoreMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The files that the session and what is pending stand in, as the original writes and reads them.
 */
class PendingDocumentTest {
  private static final String AT = "2026-02-10T11:52:05.123456+00:00";
  private static final Clock CLOCK =
      Clock.fixed(Instant.parse("2026-02-10T11:52:05.123456Z"), ZoneOffset.UTC);

  @TempDir Path root;
  private Path session;
  private Path pending;

  @BeforeEach
  void makeTree() throws IOException {
    Files.createDirectory(root.resolve("active"));
    session = root.resolve(".session_state.json");
    pending = root.resolve(".pending_cooccurrence.json");
  }

  private FileMemoryStore open() {
    return FileMemoryStore.builder(root).checkpointAfter(Duration.ofHours(1)).build();
  }

  private static io.agentmemory.Sessions sessions(FileMemoryStore store) {
    return store.sessions().with(CLOCK, new Random(1));
  }

  @Test
  void givenRecalls_whenWritten_thenTheFilesAreThoseOfTheOriginal() throws IOException {
    try (FileMemoryStore store = open()) {
      store.execute(StoreMemory.of("a", AT, "a"));
      store.memories().with(CLOCK, new Random(1)).recall("a");
      sessions(store).register(List.of("b"), "start_priming");
      sessions(store).register(List.of("c"), "odd");
    }
    assertThat(Files.readString(session))
        .isEqualTo(
            """
            {
              "started": "2026-02-10T11:52:05.123456+00:00",
              "retrieved": [
                "a",
                "b",
                "c"
              ],
              "recalls_by_source": {
                "manual": [
                  "a"
                ],
                "start_priming": [
                  "b"
                ]
              },
              "last_updated": "2026-02-10T11:52:05.123456+00:00"
            }""");
    try (FileMemoryStore store = open()) {
      assertThat(sessions(store).savePending("A")).isEqualTo(3);
    }
    assertThat(session).doesNotExist();
    assertThat(Files.readString(pending))
        .isEqualTo(
            """
            {
              "retrieved": [
                "a",
                "b",
                "c"
              ],
              "session_id": "2026-02-10T11:52:05.123456+00:00",
              "agent": "A",
              "saved_at": "2026-02-10T11:52:05.123456+00:00"
            }""");
  }

  @Test
  void givenEitherForm_whenStarted_thenCountedAndTheFileIsGone() throws IOException {
    for (String text :
        List.of(
            "{\"retrieved\": [\"a\", \"b\"], \"session_id\": \"x\"}",
            "{\"sessions\": [{\"retrieved\": [\"a\", \"b\"]}, {\"retrieved\": []}]}")) {
      Files.writeString(pending, text);
      try (FileMemoryStore store = open()) {
        if (store.memories().findById("a").isEmpty()) {
          store.execute(StoreMemory.of("a", AT, "a"));
        }
        sessions(store).start();
      }
      assertThat(pending).doesNotExist();
    }
    try (var files = Files.list(root.resolve("active"))) {
      assertThat(Files.readString(files.findFirst().orElseThrow()))
          .contains("co_occurrences:\n  b: 2\n");
    }
  }

  @Test
  void givenDamagedFiles_whenUsed_thenReportedAndNeverOverwritten() throws IOException {
    String damaged = "{\"retrieved\": [\"a\", ";
    Files.writeString(pending, damaged);
    Files.writeString(session, damaged);

    try (FileMemoryStore store = open()) {
      store.execute(StoreMemory.of("a", AT, "a"));
      assertThat(store.info().setAside())
          .extracting(StoreInfo.SetAside::location)
          .anyMatch(location -> location.contains(".pending_cooccurrence.json"))
          .anyMatch(location -> location.contains(".session_state.json"));
      assertThatExceptionOfType(CorruptMemoryException.class)
          .isThrownBy(() -> sessions(store).start());
      assertThatExceptionOfType(CorruptMemoryException.class)
          .isThrownBy(() -> sessions(store).register(List.of("a")));
      assertThatExceptionOfType(CorruptMemoryException.class)
          .isThrownBy(() -> store.memories().recall("a"));
      assertThat(store.memories().findById("a").orElseThrow().recallCount()).isZero();
    }
    Files.delete(session);
    try (FileMemoryStore store = open()) {
      sessions(store).register(List.of("a"));
      assertThatExceptionOfType(CorruptMemoryException.class)
          .isThrownBy(() -> sessions(store).savePending("A"));
      assertThat(sessions(store).retrieved()).containsExactly("a");
    }
    assertThat(pending).hasContent(damaged);
  }
}

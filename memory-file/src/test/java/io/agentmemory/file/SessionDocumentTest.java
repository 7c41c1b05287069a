package io.agentmemory.file;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Session;
import io.agentmemory.SessionRecall;
import io.agentmemory.StoreInfo;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.command.DeleteRecords;
import io.agentmemory.command.PutRecords;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The session, which is there exactly where its file is. */
class SessionDocumentTest {
  private static final String TEXT =
      """
      {
        "started" : "2026-02-10T07:00:00+00:00",
        "retrieved": ["b", "a"],
        "recalls_by_source": {
          "manual": ["b", 7, "b", "a"],
          "odd": 1.50,
          "start_priming": []
        },
        "unknown": 1e3
      }""";

  @TempDir Path root;
  private Path file;

  @BeforeEach
  void makeTree() throws IOException {
    Files.createDirectory(root.resolve("active"));
    file = root.resolve(".session_state.json");
    Files.writeString(file, TEXT);
  }

  private FileMemoryStore open() {
    return FileMemoryStore.builder(root).checkpointAfter(Duration.ofHours(1)).build();
  }

  private static void put(FileMemoryStore store, io.agentmemory.MemoryRecord record, long rev) {
    store.execute(new PutRecords(List.of(new PutRecords.Put(record, rev))));
  }

  private static <T extends io.agentmemory.MemoryRecord> Stored<T> stored(
      FileMemoryStore store, Kind<T> kind, String... key) {
    return store.read(kind, Key.of(key)).orElseThrow();
  }

  @Test
  void givenOddSession_whenRead_thenWhatCanBeHeldIsThereAndTheRestSetAside() {
    try (FileMemoryStore store = open()) {
      Session session = stored(store, Kind.SESSION, "current").live().orElseThrow();

      assertThat(session.retrieved()).containsExactly("b", "a");
      assertThat(session.hasRecalls("manual")).isTrue();
      assertThat(session.hasRecalls("odd")).isFalse();
      assertThat(session.members().get("unknown")).isEqualTo(Value.of(1000.0));
      assertThat(store.info().kinds()).containsEntry(Kind.SESSION_RECALL, 2L);
      assertThat(store.info().setAside())
          .extracting(StoreInfo.SetAside::location)
          .containsExactly(
              ".session_state.json: .session_state.json#recalls_by_source/manual/1",
              ".session_state.json: .session_state.json#recalls_by_source/manual/2");
    }
    assertThat(file).hasContent(TEXT);
  }

  @Test
  void givenRecalls_whenOneComesAndOneGoes_thenTheOtherBytesStay() {
    try (FileMemoryStore store = open()) {
      put(store, new SessionRecall("manual", "c"), 1);
      put(store, new SessionRecall("start_priming", "a"), 1);
      store.execute(
          new DeleteRecords(
              List.of(new DeleteRecords.Delete(Kind.SESSION_RECALL, Key.of("manual", "a"), 2))));
    }
    assertThat(file)
        .hasContent(
            TEXT.replace("[\"b\", 7, \"b\", \"a\"]", "[\"b\", 7, \"b\",\n      \"c\"]")
                .replace("[]", "[\n      \"a\"\n    ]"));
  }

  @Test
  void givenSession_whenDeleted_thenItsFileIsGoneAndComesBackWithTheNext() throws IOException {
    try (FileMemoryStore store = open()) {
      store.execute(
          new DeleteRecords(List.of(new DeleteRecords.Delete(Kind.SESSION, Session.KEY, 2))));
      assertThat(stored(store, Kind.SESSION_RECALL, "manual", "a").isTombstone()).isTrue();
      store.checkpoint();
      assertThat(file).doesNotExist();
    }
    try (FileMemoryStore store = open()) {
      assertThat(store.info().setAside()).isEmpty();
      assertThat(stored(store, Kind.SESSION, "current").revision()).isEqualTo(2);
      assertThat(stored(store, Kind.SESSION, "current").isTombstone()).isTrue();

      put(
          store,
          new Session(Value.EMPTY_MAP.with("started", Value.of("2026-02-11T00:00:00+00:00"))),
          3);
      put(store, new SessionRecall("manual", "a"), 3);
    }
    assertThat(Files.readString(file))
        .isEqualTo(
            """
            {
              "started": "2026-02-11T00:00:00+00:00",
              "recalls_by_source": {
                "manual": [
                  "a"
                ]
              }
            }""");
  }

  @Test
  void givenKnownSession_whenItsFileIsDeletedOutside_thenItIsDeleted() throws IOException {
    try (FileMemoryStore store = open()) {
      put(store, new SessionRecall("manual", "c"), 1);
    }
    Files.delete(file);

    for (int i = 0; i < 2; i++) {
      try (FileMemoryStore store = open()) {
        assertThat(store.info().setAside()).isEmpty();
        assertThat(stored(store, Kind.SESSION, "current").isTombstone()).isTrue();
        assertThat(stored(store, Kind.SESSION_RECALL, "manual", "b").revision()).isEqualTo(2);
        assertThat(store.info().kinds()).containsEntry(Kind.SESSION_RECALL, 0L);
      }
    }
    assertThat(file).doesNotExist();
  }
}

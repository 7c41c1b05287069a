package io.agentmemory.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.command.StoreMemory;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Applications record what they do as they go: the store works on, and tells nothing of memories.
 */
@Tag("postgres")
class FlightRecorderTest {
  private static final String STATEMENT = "jdbi.statement";
  private static final String SECRET = "secret-of-a-life";

  @TempDir Path folder;

  @Test
  void givenRecording_whenWrittenAndRead_thenTheStoreWorksAndNoValueIsRecorded()
      throws IOException, SQLException {
    Path file = folder.resolve("statements.jfr");
    try (TestDatabase database = TestDatabase.create("recorded");
        Recording recording = new Recording()) {
      recording.enable(STATEMENT).withThreshold(Duration.ZERO);
      recording.start();
      try (PostgresMemoryStore store = database.open("n")) {
        store.execute(StoreMemory.of(SECRET, "2026-02-10T11:52:05+00:00", SECRET));
        assertThat(store.read(Kind.MEMORY, Key.of(SECRET))).isPresent();
        try (var scan = store.scan(Kind.MEMORY)) {
          assertThat(scan).hasSize(1);
        }
      }
      recording.stop();
      recording.dump(file);
    }
    List<RecordedEvent> statements =
        RecordingFile.readAllEvents(file).stream()
            .filter(event -> event.getEventType().getName().equals(STATEMENT))
            .toList();
    assertThat(statements).isNotEmpty();
    assertThat(statements)
        .noneMatch(event -> event.toString().contains(SECRET.substring(0, 6)))
        .allMatch(event -> event.getString("parameters").length() <= 2); // …}
  }
}

package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Embedding;
import io.agentmemory.Health;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryQuery;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.Batch;
import io.agentmemory.command.DefineSpace;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.internal.Frames;
import io.agentmemory.internal.testkit.MemoryDisk;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A log that does not end or is not whole, at every byte. */
final class LogDamageTest {
  private static final Path TREE = Path.of("/tree/memory");
  private static final String AT = "2026-02-10T11:52:05.123456+00:00";

  /** What a killed process left: three lines in the log, no checkpoint. */
  private MemoryDisk left;

  /** What the tree held after each number of lines. */
  private final List<List<String>> states = new ArrayList<>();

  private String log;
  private byte[] bytes;
  private Frames.Scan lines;

  @BeforeEach
  void leaveALog() throws IOException {
    MemoryDisk disk = new MemoryDisk();
    FileMemoryStore store = open(disk);
    states.add(Snapshot.of(store));
    store.execute(
        Batch.of(
            List.of(
                new DefineSpace(VectorSpace.of("text", "m", 2)),
                new PutEmbedding(Embedding.of("text", "one", 1, 2)))));
    states.add(Snapshot.of(store));
    store.execute(StoreMemory.of("one", AT, "AM1 00000000 00000000 a body like a line\nAM1 "));
    states.add(Snapshot.of(store));
    store.execute(new PutEmbedding(Embedding.of("text", "one", 3, 4)));
    states.add(Snapshot.of(store));
    left = disk.afterKill();
    store.close();
    Map<String, byte[]> files = left.files();
    log =
        files.keySet().stream()
            .filter(name -> name.contains("/.memory/log/"))
            .findFirst()
            .orElseThrow();
    bytes = java.util.Objects.requireNonNull(files.get(log));
    lines = Frames.scan(bytes, bytes.length);
    assertThat(lines.frames()).hasSize(4); // the header and three
  }

  private static FileMemoryStore open(MemoryDisk disk) {
    return FileMemoryStore.builder(TREE)
        .disk(disk)
        .lockWait(Duration.ZERO)
        .checkpointAfter(Duration.ofHours(1))
        .logRoom(8192)
        .build();
  }

  private MemoryDisk with(byte[] changed) throws IOException {
    MemoryDisk disk = left.afterKill();
    disk.outside(log, changed);
    return disk;
  }

  @Test
  @DisplayName("T81, T08: the last line of the log torn at every byte")
  void givenATornLastLine_whenOpened_thenItIsCutAndAllBeforeItIsThere() throws IOException {
    Frames.Frame last = lines.frames().get(3);
    for (int end = last.from(); end < last.to() - 1; end++) {
      for (boolean zeros : new boolean[] {true, false}) {
        byte[] torn = Arrays.copyOf(Arrays.copyOf(bytes, end), zeros ? bytes.length : end);
        MemoryDisk disk = with(torn);
        try (FileMemoryStore store = open(disk)) {
          assertThat(Snapshot.of(store)).as("cut at byte %s", end).isEqualTo(states.get(2));
          assertThat(store.health().status()).isEqualTo(Health.Status.UP);
        }
        boolean kept = disk.files().keySet().stream().anyMatch(f -> f.contains("/quarantine/"));
        assertThat(kept).as("bytes kept aside, cut at byte %s", end).isEqualTo(end > last.from());
      }
    }
  }

  @Test
  @DisplayName("T81, T09: every byte of one line of the log flipped")
  void givenOneByteOfALineChanged_whenOpened_thenItIsReportedAndTheOthersCount()
      throws IOException {
    Frames.Frame damaged = lines.frames().get(2); // the one that stores the memory
    for (int at = damaged.from(); at < damaged.to() - 1; at++) {
      byte[] changed = bytes.clone();
      changed[at] ^= 0x15;
      MemoryDisk disk = with(changed);
      try (FileMemoryStore store = open(disk)) {
        String note = "byte " + at;
        assertThat(store.read(Kind.EMBEDDING, Key.of("text", "one")).orElseThrow().revision())
            .as(note)
            .isEqualTo(2);
        assertThat(store.health().status()).as(note).isEqualTo(Health.Status.DEGRADED);
        assertThat(store.health().notes()).as(note).anyMatch(n -> n.contains("damaged"));
        // the file of the memory was written after its line: it is read like any other's
        assertThat(store.count(MemoryQuery.all())).as(note).isEqualTo(1);
      }
      assertThat(disk.files().keySet())
          .as("byte %s kept", at)
          .anyMatch(f -> f.contains("/quarantine/"));
    }
  }

  @Test
  void givenALogWithoutBeginning_whenOpened_thenItsLinesCountAndItIsReported() throws IOException {
    byte[] changed = bytes.clone();
    changed[30] ^= 0x15;

    try (FileMemoryStore store = open(with(changed))) {
      assertThat(Snapshot.of(store)).isEqualTo(states.get(3));
      assertThat(store.health().status()).isEqualTo(Health.Status.DEGRADED);
    }
  }

  @Test
  @DisplayName("T81: the log missing or empty")
  void givenAMissingEmptyOrZeroedLog_whenOpened_thenNothingIsAmiss() throws IOException {
    MemoryDisk missing = left.afterKill();
    missing.delete(Path.of(log));
    for (MemoryDisk disk : List.of(missing, with(new byte[0]), with(new byte[5000]))) {
      try (FileMemoryStore store = open(disk)) {
        assertThat(store.read(Kind.EMBEDDING, Key.of("text", "one"))).isEmpty();
        assertThat(store.health().status()).isEqualTo(Health.Status.UP);
      }
    }
  }

  @Test
  void givenTheLogOfAnotherTree_whenOpened_thenItIsLeftOutReportedAndKept() throws IOException {
    byte[] other =
        Arrays.copyOf(Frames.line(Lines.write(new Lines.Segment("x", ""))), bytes.length);
    int at = lines.frames().get(0).to();
    System.arraycopy(bytes, at, other, at + 100, bytes.length - at - 100);
    MemoryDisk disk = with(other);

    try (FileMemoryStore store = open(disk)) {
      assertThat(store.read(Kind.EMBEDDING, Key.of("text", "one"))).isEmpty();
      assertThat(store.health().notes()).anyMatch(n -> n.contains("another tree"));
    }
    assertThat(disk.files().keySet()).anyMatch(f -> f.contains("/quarantine/"));
  }

  @Test
  void givenLostControlData_whenOpened_thenRecordsAreThereAndItIsReported() throws IOException {
    MemoryDisk disk = left.afterKill();
    open(disk).close(); // now everything is in the checkpoint
    for (String file : disk.files().keySet()) {
      if (file.contains("/.memory/state-") || file.endsWith("/checkpoint.json")) {
        MemoryDisk broken = disk.afterKill();
        broken.outside(file, "broken".getBytes(UTF_8));
        for (int i = 0; i < 2; i++) {
          try (FileMemoryStore store = open(broken)) {
            assertThat(store.count(MemoryQuery.all())).isEqualTo(1);
            assertThat(store.read(Kind.EMBEDDING, Key.of("text", "one"))).isPresent();
            assertThat(store.health().status())
                .as(file)
                .isEqualTo(i == 0 ? Health.Status.DEGRADED : Health.Status.UP);
            store.execute(StoreMemory.of("n" + i, AT, "goes on"));
            store.execute(new io.agentmemory.command.ForgetMemory("n" + i, 0));
          }
        }
      }
    }
  }
}

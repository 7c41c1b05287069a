package io.agentmemory.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryStore;
import io.agentmemory.command.Command;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.dualwrite.Backfill;
import io.agentmemory.dualwrite.BackfillReport;
import io.agentmemory.dualwrite.Difference;
import io.agentmemory.dualwrite.DualWriteMemoryStore;
import io.agentmemory.dualwrite.Stage;
import io.agentmemory.dualwrite.Verifier;
import io.agentmemory.dualwrite.VerifyReport;
import io.agentmemory.testkit.DriftSamples;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Trees of the original move into PostgreSQL and back. */
@Tag("postgres")
class MoveTest {
  private static final String AT = "2026-02-10T11:52:05+00:00";
  private static Stores stores;

  @TempDir Path folder;

  enum Sample {
    SMALL,
    THOUSAND;

    DriftSamples unpack(Path folder) throws IOException {
      return this == SMALL ? DriftSamples.small(folder) : DriftSamples.thousand(folder);
    }
  }

  @BeforeAll
  static void create() {
    stores = new Stores("move");
  }

  @AfterAll
  static void drop() {
    stores.close();
  }

  private static void assertEqual(MemoryStore source, MemoryStore target) {
    for (Verifier.Level level : EnumSet.complementOf(EnumSet.of(Verifier.Level.IDENTITY))) {
      VerifyReport report = Verifier.builder(source, target).level(level).run();
      assertThat(report.differences()).as("level %s", level).isEmpty();
      assertThat(report.skipped()).as("level %s", level).isEmpty();
    }
  }

  private static void assertAllInserted(BackfillReport report) {
    assertThat(report.state()).as("%s", report).isEqualTo(BackfillReport.State.COMPLETE);
    assertThat(report.total().inserted()).isEqualTo(report.total().listed()).isPositive();
  }

  @ParameterizedTest
  @EnumSource
  void givenTree_whenMovedToPostgresAndHome_thenAllIsEqualAndASecondTimeChangesNothing(
      Sample sample) throws Exception {
    DriftSamples drift = sample.unpack(folder.resolve("drift"));
    Map<String, String> bytes = Stores.bytes(drift.tree());
    Path homeTree = folder.resolve("home");
    Path home = homeTree.resolve("memory");
    Map<String, String> homeBytes;

    try (MemoryStore source = Stores.fileToRead(drift.memory());
        MemoryStore postgres = stores.postgres(Stores.namespace())) {
      assertAllInserted(Backfill.builder(source, postgres).run());
      assertEqual(source, postgres);
      try (MemoryStore files = Stores.file(home)) {
        assertAllInserted(Backfill.builder(postgres, files).run());
        assertEqual(postgres, files);
        assertEqual(source, files);
      }
      homeBytes = Stores.bytes(homeTree);

      BackfillReport there = Backfill.builder(source, postgres).run();
      assertThat(there.total().unchanged()).isEqualTo(there.total().listed());
      try (MemoryStore files = Stores.file(home)) {
        BackfillReport back = Backfill.builder(postgres, files).run();
        assertThat(back.total().unchanged()).isEqualTo(back.total().listed());
        assertEqual(postgres, files);

        Backfill.builder(files, postgres).run(); // tells of the files that were written
        VerifyReport identity =
            Verifier.builder(files, postgres).level(Verifier.Level.IDENTITY).run();
        assertThat(identity.differences()).isEmpty();
        assertThat(identity.notes()).as("unknown leaves").isEmpty();
      }
    }
    assertThat(Stores.bytes(drift.tree())).isEqualTo(bytes);
    assertThat(withoutControl(Stores.bytes(homeTree))).isEqualTo(withoutControl(homeBytes));
    assertThat(new PlainTree(home).differences(new PlainTree(drift.memory())))
        .as("read by plain YAML and JSON libraries")
        .isEmpty();
  }

  private static Map<String, String> withoutControl(Map<String, String> bytes) {
    bytes.keySet().removeIf(name -> name.contains(".memory"));
    return bytes;
  }

  @Test
  void givenValueChangedInSql_whenVerified_thenExactlyThatOneIsNamed() throws Exception {
    DriftSamples drift = DriftSamples.small(folder.resolve("drift"));
    String namespace = Stores.namespace();
    try (MemoryStore source = Stores.fileToRead(drift.memory());
        MemoryStore postgres = stores.postgres(namespace)) {
      Backfill.builder(source, postgres).run();
      String id = firstId(source);

      changeContent(namespace, id);

      VerifyReport report = Verifier.builder(source, postgres).run();
      assertThat(report.differences())
          .extracting(d -> d.type() + " " + d.kind() + " " + d.key() + " " + d.field())
          .containsExactly("FIELD memory " + id + " content");
      assertThat(Verifier.builder(source, postgres).level(Verifier.Level.DIGESTS).run().equal())
          .as("the digest that the database keeps does not know")
          .isTrue();
    }
  }

  private static String firstId(MemoryStore store) {
    try (var scan = store.scan(Kind.MEMORY)) {
      return scan.findFirst().orElseThrow().key().part(0);
    }
  }

  private static void changeContent(String namespace, String id) throws SQLException {
    int rows =
        stores.sql(
            "UPDATE agent_memory.memories SET content = content || ' by hand' WHERE namespace = '"
                + namespace
                + "' AND id = '"
                + id
                + "'");
    assertThat(rows).isEqualTo(1);
  }

  @Test
  void givenValueChangedInAFile_whenVerified_thenExactlyThatOneIsNamedAndABackfillMendsIt()
      throws Exception {
    DriftSamples drift = DriftSamples.small(folder.resolve("drift"));
    String namespace = Stores.namespace();
    try (MemoryStore postgres = stores.postgres(namespace)) {
      try (MemoryStore source = Stores.fileToRead(drift.memory())) {
        Backfill.builder(source, postgres).run();
      }
      Path file = drift.memory().resolve("active");
      try (var files = Files.list(file)) {
        file = files.filter(f -> f.toString().endsWith(".md")).sorted().findFirst().orElseThrow();
      }
      String text = Files.readString(file);
      assertThat(text).contains("\nemotional_weight: ");
      Files.writeString(
          file, text.replaceFirst("\nemotional_weight: .*", "\nemotional_weight: 0.123"));

      try (MemoryStore source = Stores.fileToRead(drift.memory())) {
        VerifyReport report = Verifier.builder(source, postgres).run();
        assertThat(report.differences())
            .singleElement()
            .satisfies(
                d -> {
                  assertThat(d.type()).isEqualTo(Difference.Type.FIELD);
                  assertThat(d.kind()).isEqualTo(Kind.MEMORY);
                  assertThat(d.field()).isEqualTo("emotional_weight");
                });

        BackfillReport again = Backfill.builder(source, postgres).run();
        assertThat(again.total().updated()).isEqualTo(1);
        assertThat(again.total().unchanged()).isEqualTo(again.total().listed() - 1);
        assertEqual(source, postgres);
      }
    }
  }

  /** The way of a team: every stage there, with writes in each, and the stores equal at the end. */
  @Test
  void givenTree_whenATeamGoesThroughAllStages_thenBothStoresAreEqualAllAlong() throws Exception {
    DriftSamples drift = DriftSamples.small(folder.resolve("drift"));
    MemoryStore files = Stores.file(drift.memory());
    MemoryStore postgres = stores.postgres(Stores.namespace());
    List<String> ids;
    try (var scan = files.scan(Kind.MEMORY)) {
      ids = scan.limit(40).map(stored -> stored.key().part(0)).toList();
    }
    try (DualWriteMemoryStore store =
        DualWriteMemoryStore.builder(files, postgres).shadowRate(1).closesStores().build()) {
      int next = 0;
      for (Stage stage : Stage.values()) {
        if (stage != Stage.OFF) {
          store.changeStage(stage);
        }
        for (Command command :
            List.of(
                StoreMemory.of("new-" + stage, AT, "written in " + stage)
                    .withCausedBy(List.of(ids.get(next))),
                new RecallMemory(ids.get(next + 1), AT),
                UpdateMemory.of(ids.get(next + 2)).content("changed in " + stage),
                new ForgetMemory(ids.get(next + 3), 0))) {
          store.execute(command);
          assertThat(store.memories().findById("new-" + stage)).isPresent();
        }
        next += 4;
        if (stage == Stage.DUAL_WRITE) {
          assertThat(Backfill.builder(files, postgres).run().state())
              .isEqualTo(BackfillReport.State.COMPLETE);
        }
        assertThat(store.drain(Duration.ofSeconds(20))).isTrue();
        assertThat(store.lagging()).isEmpty();
        if (stage != Stage.OFF && stage != Stage.COMPLETE) {
          assertEqual(files, postgres);
        }
      }
      assertThat(store.stats().shadowMismatched()).isZero();
      assertThat(files.read(Kind.MEMORY, Key.of("new-COMPLETE"))).isEmpty();

      assertThat(Backfill.builder(postgres, files).run().state())
          .isEqualTo(BackfillReport.State.COMPLETE);
      assertEqual(postgres, files);
    }
    try (MemoryStore again = Stores.fileToRead(drift.memory())) {
      assertThat(again.memories().findById("new-COMPLETE"))
          .map(Memory::content)
          .contains("written in COMPLETE");
    }
  }
}

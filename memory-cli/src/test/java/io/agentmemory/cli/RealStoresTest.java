package io.agentmemory.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.agentmemory.Embedding;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStores;
import io.agentmemory.NewMemory;
import io.agentmemory.command.PutRecords;
import io.agentmemory.dualwrite.DualWriteMemoryStore;
import io.agentmemory.dualwrite.Stage;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The commands over real files and a real database. */
@Tag("postgres")
class RealStoresTest extends DatabaseTest {
  @ParameterizedTest
  @ValueSource(strings = {"files", "database"})
  void givenNewStore_whenWritten_thenEveryVerbWorks(String where) throws Exception {
    String store = where.equals("files") ? "file:" + folder.resolve("new tree") : db;

    Run stored = Run.memory("store", store, "--content", "das ist schön 漢字", "--tag", "one");
    String id = stored.out().strip();

    assertThat(stored.exit()).as(stored.err()).isZero();
    assertThat(stored.out()).matches("[a-z0-9]{8}\\R");
    assertThat(Run.memory("get", store, id, "--json").json().get("content").asText())
        .isEqualTo("das ist schön 漢字");
    assertThat(Run.memory("update", store, id, "--weight", "0.9").out().strip())
        .isEqualTo("revision 2");
    assertThat(Run.memory("search", store, "--text", "SCHÖN").out()).startsWith(id);
    assertThat(Run.memory("checkpoint", store).exit()).isZero();
    assertThat(Run.memory("forget", store, id).exit()).isZero();
    Run gone = Run.memory("get", store, id);
    assertThat(gone.exit()).isEqualTo(1);
    assertThat(gone.out()).isEmpty();
    assertThat(Run.memory("info", store, "--json").json().get("tombstones").get("memory").asLong())
        .isEqualTo(1);
  }

  @Test
  void givenNothingThere_whenRead_thenOneLineAndNothingIsMade() throws Exception {
    Path none = folder.resolve("none");
    Run files = Run.memory("info", "file:" + none);
    Run noSchema = Run.memory("list", db);

    assertThat(files.exit()).isEqualTo(3);
    assertThat(files.err().lines()).hasSize(1);
    assertThat(none).doesNotExist();
    assertThat(noSchema.exit()).isEqualTo(1);
    assertThat(noSchema.err().lines()).hasSize(1);
    assertThat(noSchema.err()).contains("agent_memory");
  }

  @Test
  void givenNoServer_whenOpened_thenExitCode3AndOneLineWithoutPassword() throws Exception {
    int port;
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = socket.getLocalPort();
    }
    String down = "postgresql://me@127.0.0.1:" + port + "/agents";

    for (List<String> args :
        List.of(
            List.of("info", down),
            List.of("migrate", down),
            List.of("verify", "--from", down, "--to", down),
            List.of("store", down, "--content", "words of the agent"))) {
      Run run = Run.memory(args.toArray(String[]::new));

      assertThat(run.exit()).as(args + run.err()).isEqualTo(3);
      assertThat(run.out()).isEmpty();
      assertThat(run.err()).doesNotContain("words of the agent");
      assertThat(run.err().lines()).as(run.err()).hasSize(1);
      assertThat(run.err()).contains("no database answers at that address");
    }
  }

  @Test
  void givenNoSuchDatabaseOrWrongPassword_whenOpened_thenSaysWhich() throws IOException {
    Run noDatabase = Run.memory("info", db.replace(database.name(), "no_such_database"));
    assertThat(noDatabase.exit()).isEqualTo(3);
    assertThat(noDatabase.err()).contains("there is no database of that name");

    Files.writeString(folder.resolve("pgpass"), "*:*:*:*:not the password\n");
    Run wrongPassword = Run.memory("info", db);
    assertThat(wrongPassword.exit()).isEqualTo(3);
    assertThat(wrongPassword.err())
        .contains("the password is wrong or missing")
        .doesNotContain("not the password");
  }

  @Test
  void givenEmptyDatabase_whenMigrated_thenOnceAndThePrintedScriptDoesTheSame() throws Exception {
    assertThat(Run.memory("migrate", db).out().strip()).matches("version 0 -> \\d+");
    assertThat(Run.memory("migrate", db).out()).startsWith("up to date");

    String other = db + (db.contains("?") ? "&" : "?") + "schema=by_hand";
    Run script = Run.memory("migrate", other, "--print-sql");
    assertThat(script.exit()).as(script.err()).isZero();
    try (Connection connection = database.connect();
        Statement statement = connection.createStatement()) {
      connection.setAutoCommit(false);
      statement.execute(script.out());
      connection.commit();
    }
    assertThat(Run.memory("migrate", other).out()).startsWith("up to date");
    assertThat(Run.memory("store", other, "--content", "x").exit()).isZero();
    assertThat(Run.memory("migrate", "file:" + folder).exit()).isEqualTo(2);
  }

  @Test
  void givenVectors_whenIndexed_thenSaysWhatBecameOfEachSpace() {
    try (MemoryStore store = MemoryStores.open(db)) {
      store.embeddings().define("text", "m", 2);
      List<PutRecords.Put> puts = new ArrayList<>();
      for (int i = 0; i < 1000; i++) {
        puts.add(new PutRecords.Put(Embedding.of("text", "t" + i, i, 1000 - i), 1));
      }
      store.execute(new PutRecords(puts));
      store.embeddings().define("few", "m", 3);
    }

    Run built = Run.memory("index", db);
    assertThat(built.exit()).as(built.err()).isZero();
    assertThat(built.out()).contains("built").contains("exact search over so few");
    assertThat(Run.memory("search", db, "--like", "t5", "-k", "2", "--approximate").out())
        .contains("t4", "t6");
    assertThat(Run.memory("index", db, "--json").out())
        .contains("{\"space\":\"text\",\"dimensions\":2,\"vectors\":1000,\"state\":\"there\"}");
    assertThat(Run.memory("index", db, "--drop", "--json").json().findValuesAsText("state"))
        .containsExactly("none", "none");
    assertThat(Run.memory("index", db).out()).contains("built");
    assertThat(Run.memory("index", db, "--drop").out()).isEqualTo("dropped\n");
    assertThat(Run.memory("index", "file:" + folder).exit()).isEqualTo(2);
  }

  @Test
  void givenFilesAndDatabase_whenMovedStageByStage_thenEveryCommandWorksAndNothingIsLost()
      throws Exception {
    String files = "file:" + folder.resolve("tree");
    Run.memory("store", files, "--content", "from before the move", "--id", "old");
    String dual = "dual:" + folder.resolve("move");
    Run init =
        Run.memory(
            "stage",
            "init",
            folder.resolve("move").toString(),
            "--source",
            files,
            "--target",
            db,
            "--gate",
            "shadow_reads=3");
    assertThat(init.exit()).as(init.err()).isZero();
    assertThat(Run.memory("info", db).exit()).as("the target was not touched").isEqualTo(1);

    assertThat(Run.memory("store", dual, "--content", "in OFF", "--id", "off").exit()).isZero();
    assertThat(Run.memory("info", db).exit()).as("still not").isEqualTo(1);
    promoted(dual, "DUAL_WRITE");
    assertThat(Run.memory("store", dual, "--content", "in both", "--id", "dual").exit()).isZero();
    assertThat(Run.memory("get", db, "dual").exit()).isZero();
    assertThat(Run.memory("get", db, "old").exit()).isEqualTo(1);
    assertThat(Run.memory("backfill", dual).exit()).isZero();
    assertThat(Run.memory("verify", dual, "--level", "digests").exit()).isZero();
    promoted(dual, "SHADOW");

    try (DualWriteMemoryStore owner = (DualWriteMemoryStore) MemoryStores.open(dual)) {
      long until = System.nanoTime() + 20_000_000_000L;
      while (owner.stats().shadowCompared() < 3 && System.nanoTime() < until) {
        assertThat(owner.memories().findById("old")).isPresent();
      }
      AtomicBoolean stop = new AtomicBoolean();
      CompletableFuture<Void> writer = CompletableFuture.runAsync(() -> writeUntil(owner, stop));
      // Files opened for reading stay as they were: beside a writer only the owner can compare.
      for (String level : List.of("--level=fields", "--level=digests", "--itself")) {
        Run verify = Run.memory("verify", dual, level);
        assertThat(verify.exit()).as(level + verify.out() + verify.err()).isZero();
      }
      stop.set(true);
      writer.get(20, TimeUnit.SECONDS);
      Run blocked = Run.memory("promote", dual);
      assertThat(blocked.exit()).isEqualTo(1);
      assertThat(blocked.out().lines())
          .containsExactly(
              "blocked in SHADOW", "- no fallback drill has passed since DUAL_WRITE began");
      Run drill = Run.memory("drill", dual);
      assertThat(drill.exit()).as(drill.out() + drill.err()).isZero();
      promoted(dual, "LIVE"); // a rehearsed outage is none
      assertThat(owner.stage()).isEqualTo(Stage.LIVE);
      assertThat(Run.memory("store", dual, "--content", "x").exit()).as("owned").isEqualTo(3);
    }

    assertThat(Run.memory("store", dual, "--content", "in LIVE", "--id", "live").exit()).isZero();
    assertThat(Run.memory("get", files, "live").exit()).as("the source follows").isZero();
    assertThat(Run.memory("search", dual, "--text", "LIVE").out()).startsWith("live");
    promoted(dual, "RAMP_DOWN");
    promoted(dual, "COMPLETE");
    assertThat(Run.memory("store", dual, "--content", "end", "--id", "end").exit()).isZero();
    assertThat(Run.memory("get", files, "end").exit()).isEqualTo(1);
    for (String id : List.of("old", "off", "dual", "live", "end")) {
      assertThat(Run.memory("get", dual, id).exit()).as(id).isZero();
      assertThat(Run.memory("get", db, id).exit()).as(id).isZero();
    }
    assertThat(Run.memory("rollback", dual).exit()).isEqualTo(1);
    JsonNode status = Run.memory("status", dual, "--json").json();
    assertThat(status.get("stage").asText()).isEqualTo("COMPLETE");
    assertThat(status.get("target").asText()).doesNotContain("password");
    assertThat(status.get("facts").get("source_sealed").isTextual()).isTrue();
  }

  private static void writeUntil(MemoryStore store, AtomicBoolean stop) {
    for (int i = 0; !stop.get(); i++) {
      store.memories().store(NewMemory.of("written meanwhile " + i));
    }
  }

  private static void promoted(String dual, String to) {
    Run run = Run.memory("promote", dual);
    assertThat(run.exit()).as(run.out() + run.err()).isZero();
    assertThat(run.out().strip()).endsWith("-> " + to);
  }
}

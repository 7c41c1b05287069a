package io.agentmemory.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryStore;
import io.agentmemory.NewMemory;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import io.agentmemory.dualwrite.DualWriteListener;
import io.agentmemory.dualwrite.DualWriteMemoryStore;
import io.agentmemory.dualwrite.Stage;
import io.agentmemory.dualwrite.Verifier;
import io.agentmemory.dualwrite.VerifyReport;
import io.agentmemory.file.FileMemoryStore;
import io.agentmemory.spi.ForwardingMemoryStore;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A person edits the files of an agent whose memory is on the move. */
class EditedWhileMovingTest {
  @TempDir Path folder;
  private final MemoryStore target = new InMemoryMemoryStore("default");
  private FileMemoryStore files;
  private DualWriteMemoryStore store;

  @BeforeEach
  void open() {
    open(Stage.DUAL_WRITE);
    for (int i = 0; i < 12; i++) {
      store.memories().store(NewMemory.of("body of m" + i).id("m" + i).title("t"));
    }
    settle();
  }

  private void open(Stage stage) {
    files = FileMemoryStore.builder(folder.resolve("memory")).build();
    store =
        DualWriteMemoryStore.builder(source(files), target)
            .folder(folder.resolve("move"))
            .stage(stage)
            .listener(
                new DualWriteListener() {
                  @Override
                  public void onResyncNeeded(String reason) {
                    whenResyncNeeded.run();
                  }
                })
            .build();
  }

  private volatile Runnable whenResyncNeeded = () -> {};

  private volatile boolean away;

  private MemoryStore source(FileMemoryStore files) {
    return new ForwardingMemoryStore(files) {
      @Override
      public Outcome execute(Batch batch) {
        if (away) {
          Operation operation = new Operation("file", batch.verb(), batch.subject());
          throw StoreUnavailableException.notApplied(operation, "away", null);
        }
        return delegate().execute(batch);
      }
    };
  }

  @AfterEach
  void close() {
    store.close();
    files.close();
  }

  private void settle() {
    assertThat(store.replay(Duration.ofSeconds(60))).isZero();
    assertThat(store.status().isSettled()).isTrue();
  }

  private void edit(String id) throws IOException {
    try (Stream<Path> all = Files.walk(folder.resolve("memory"))) {
      Path file =
          all.filter(f -> f.toString().endsWith("-" + id + ".md")).findFirst().orElseThrow();
      String text = Files.readString(file, UTF_8);
      Files.writeString(file, text.replace("body of " + id, "what a person wrote"), UTF_8);
    }
  }

  private void assertEqual() {
    VerifyReport report = Verifier.builder(files, target).run();
    assertThat(report.equal()).as(report.toString()).isTrue();
  }

  private static List<String> contents(MemoryStore store) {
    return store.find(MemoryQuery.all()).stream().map(memory -> memory.content()).toList();
  }

  @ParameterizedTest
  @EnumSource(names = {"DUAL_WRITE", "LIVE"})
  void givenAnEditWhileOpen_whenItIsTakenOver_thenTheTargetGetsIt(Stage stage) throws IOException {
    to(stage);
    edit("m5");
    files.refresh();
    settle();
    assertThat(contents(target)).contains("what a person wrote").doesNotContain("body of m5");
    assertEqual();
  }

  @Test
  @Timeout(60)
  void givenAListenerThatWrites_whenAnEditIsTakenOver_thenItsWriteIsDone() throws Exception {
    CountDownLatch written = new CountDownLatch(1);
    whenResyncNeeded =
        () -> {
          store.memories().store(NewMemory.of("a person was here").id("note"));
          written.countDown();
        };
    edit("m5");
    files.refresh();
    written.await();
    settle();
    assertThat(contents(target)).contains("what a person wrote", "a person was here");
    assertEqual();
  }

  @ParameterizedTest
  @EnumSource(names = {"DUAL_WRITE", "LIVE"})
  void givenAnEditWhileNobodyLooked_whenOpenedAgain_thenTheTargetGetsIt(Stage stage)
      throws IOException {
    to(stage);
    close();
    edit("m5");
    open(Stage.OFF); // the folder knows its stage
    settle();
    assertThat(contents(target)).contains("what a person wrote").doesNotContain("body of m5");
    assertEqual();
  }

  @Test
  void givenAnEditThatWasTakenOverAlone_whenTheMoveIsOpenedAgain_thenTheTargetGetsIt()
      throws IOException {
    close();
    edit("m5");
    FileMemoryStore.builder(folder.resolve("memory")).build().close();
    open(Stage.DUAL_WRITE);
    settle();
    assertThat(contents(target)).contains("what a person wrote");
    assertEqual();
  }

  @Test
  void givenAnEditOfWhatTheTargetLeads_whenTheMemoryIsWritten_thenNeitherIsLost()
      throws IOException {
    to(Stage.LIVE);
    edit("m5");
    store.memories().recall("m5");
    settle();
    assertEqual();
    assertThat(contents(target).contains("what a person wrote") || !store.conflicts().isEmpty())
        .isTrue();
    assertThat(store.memories().findById("m5").orElseThrow().recallCount()).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void givenAnEditOfWhatTheFilesLack_whenTheyGetIt_thenTheEditIsKept(int writes)
      throws IOException {
    to(Stage.LIVE);
    away = true;
    for (int i = 0; i < writes; i++) {
      store.memories().recall("m5");
    }
    edit("m5");
    files.refresh();
    away = false;
    settle();
    assertEqual();
    assertThat(contents(target)).contains("body of m5");
    assertThat(store.conflicts()).hasSize(1);
    assertThat(store.conflicts().get(0).toString()).contains("m5");
  }

  @Test
  void givenNoEditOfWhatTheFilesLack_whenTheyGetIt_thenThereIsNoConflict() throws IOException {
    to(Stage.LIVE);
    store.memories().recall("m5");
    settle();
    away = true;
    store.memories().recall("m5");
    store.memories().recall("m5");
    away = false;
    settle();
    assertEqual();
    assertThat(store.conflicts()).isEmpty();
  }

  private void to(Stage stage) {
    while (store.stage() != stage) {
      assertThat(store.promote("a test").moved()).isTrue();
    }
  }
}

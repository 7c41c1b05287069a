package io.agentmemory.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Edge;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.NewMemory;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.dualwrite.DualWriteListener;
import io.agentmemory.dualwrite.DualWriteMemoryStore;
import io.agentmemory.dualwrite.RepairPlan;
import io.agentmemory.dualwrite.Resolution;
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
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A person edits the files of an agent whose memory is on the move. */
@Timeout(120)
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
        DualWriteMemoryStore.builder(away(files, () -> away), away(target, () -> targetAway))
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
  private volatile boolean targetAway;

  /** The files are away from then on for what is written, and lack it. */
  private void filesLack(Runnable write) throws InterruptedException {
    away = true;
    write.run();
    Semaphore never = new Semaphore(0);
    while (store.status().source().isNone()) {
      assertThat(never.tryAcquire(5, TimeUnit.MILLISECONDS)).isFalse();
    }
  }

  private static MemoryStore away(MemoryStore store, BooleanSupplier away) {
    return new ForwardingMemoryStore(store) {
      @Override
      public Outcome execute(Batch batch) {
        if (away.getAsBoolean()) {
          Operation operation = new Operation("store", batch.verb(), batch.subject());
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
    Path file = file(id);
    String text = Files.readString(file, UTF_8);
    Files.writeString(file, text.replace("body of " + id, "what a person wrote"), UTF_8);
  }

  private Path file(String id) throws IOException {
    try (Stream<Path> all = Files.walk(folder.resolve("memory"))) {
      return all.filter(f -> f.toString().endsWith("-" + id + ".md")).findFirst().orElseThrow();
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

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void givenAnEditOfWhatTheTargetLeads_whenItsTextIsReplaced_thenTheEditIsKept(boolean lookedAt)
      throws IOException {
    to(Stage.LIVE);
    edit("m5");
    if (lookedAt) {
      files.refresh();
    }
    store.memories().update(UpdateMemory.of("m5").content("what the agent wrote"));
    settle();
    assertEqual();
    assertThat(contents(target)).contains("what the agent wrote");
    assertThat(store.conflicts()).hasSize(1);
    store.resolve(store.conflicts().get(0).id(), Resolution.KEEP_LOSER);
    settle();
    assertThat(contents(target)).contains("what a person wrote");
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
  @CsvSource({"1, true", "2, true", "1, false", "2, false"})
  void givenAnEditOfWhatTheFilesLack_whenTheyGetIt_thenTheEditIsKept(int writes, boolean lookedAt)
      throws Exception {
    to(Stage.LIVE);
    for (int i = 0; i < writes; i++) {
      filesLack(() -> store.memories().recall("m5"));
    }
    edit("m5");
    if (lookedAt) {
      files.refresh();
    }
    away = false;
    settle();
    assertEqual();
    assertThat(contents(target)).contains("body of m5");
    assertThat(store.conflicts()).hasSize(1);
    assertThat(store.conflicts().get(0).toString()).contains("m5");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void givenAnEditOfWhatTheFilesLack_whenTheyGetItWithoutTheTarget_thenTheEditIsKept(
      boolean lookedAt) throws Exception {
    to(Stage.LIVE);
    filesLack(() -> store.memories().recall("m5"));
    edit("m5");
    if (lookedAt) {
      files.refresh();
    }
    targetAway = true;
    away = false;
    store.execute(UpdateMemory.of("m5").tags(List.of("by the files alone")));
    assertThat(files.find(MemoryQuery.all().tag("by the files alone")))
        .singleElement()
        .satisfies(m5 -> assertThat(m5.recallCount()).isEqualTo(1))
        .satisfies(m5 -> assertThat(m5.content()).isEqualTo("body of m5"));
    assertThat(store.conflicts()).hasSize(1);
    targetAway = false;
    settle();
    assertEqual();
    assertThat(contents(target)).contains("body of m5");
    assertThat(store.conflicts()).hasSize(1);
  }

  @Test
  void givenAnEditOfAMemoryOfWhoseCountsTheFilesLackOne_whenTheyGetIt_thenTheEditCounts()
      throws Exception {
    to(Stage.LIVE);
    filesLack(() -> put(new CoOccurrence("m5", "m6", Value.of(3L)), 1));
    edit("m5");
    away = false;
    settle();
    assertEqual();
    assertThat(contents(target)).contains("what a person wrote");
    assertThat(store.conflicts()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"at once", "later", "without the target"})
  void givenACountThatAPersonAdded_whenItsMemoryIsForgotten_thenItIsSetAside(String how)
      throws Exception {
    to(Stage.LIVE);
    if (how.equals("at once")) {
      count("m5", "m6", 99);
      store.memories().forget("m5");
    } else {
      filesLack(() -> store.memories().forget("m5"));
      count("m5", "m6", 99);
      targetAway = how.equals("without the target");
      away = false;
      if (targetAway) {
        store.memories().store(NewMemory.of("anew").id("m5"));
        targetAway = false;
      }
    }
    settle();

    Key added = Key.of("m5", "m6");
    assertThat(files.read(Kind.CO_OCCURRENCE, added).orElseThrow().isTombstone()).isTrue();
    assertThat(store.conflicts())
        .extracting(conflict -> conflict.kind() + " " + conflict.key())
        .contains("co_occurrence m5/m6");
  }

  private void count(String from, String to, int count) throws IOException {
    Path file = file(from);
    String text = Files.readString(file, UTF_8);
    String none = "co_occurrences: {}";
    assertThat(text).contains(none);
    Files.writeString(file, text.replace(none, "co_occurrences:\n  " + to + ": " + count), UTF_8);
  }

  @Test
  void givenAnEditedDocumentOfWhichTheFilesLackARecord_whenTheyGetIt_thenTheEditsAreKept()
      throws Exception {
    for (String pair : List.of("m1|m2", "m1|m3")) {
      put(edge(pair, 0.5), 1);
    }
    settle();
    files.checkpoint();
    to(Stage.LIVE);
    filesLack(() -> put(edge("m1|m2", 0.625), 2));
    Path document = folder.resolve("memory/.edges_v3.json");
    Files.writeString(
        document, Files.readString(document, UTF_8).replace("0.5", "0.75"), UTF_8); // of both
    away = false;
    settle();
    assertEqual();
    assertThat(belief("m1|m2")).isEqualTo(Value.of(0.625));
    assertThat(belief("m1|m3")).isEqualTo(Value.of(0.75));
    assertThat(store.conflicts())
        .singleElement()
        .satisfies(conflict -> assertThat(conflict.toString()).contains("m1|m2"));
  }

  private void put(MemoryRecord record, long revision) {
    store.execute(new PutRecords(List.of(new PutRecords.Put(record, revision))));
  }

  private static Edge edge(String pair, double belief) {
    return new Edge(pair, new Value.Map(Map.of("belief", Value.of(belief))));
  }

  private Value belief(String pair) {
    return target
        .read(Kind.EDGE, Key.of(pair))
        .flatMap(Stored::live)
        .map(edge -> edge.members().get("belief"))
        .orElseThrow();
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

  @ParameterizedTest
  @CsvSource({"false, 0", "false, 5", "true, 0", "true, 5"})
  void givenAnEditThatNobodyLookedAt_whenRepaired_thenItIsLeftAndThenKept(
      boolean filesAreRight, int ahead) throws IOException {
    store.close(); // so that nobody else looks
    for (int i = 0; i <= ahead; i++) {
      target.execute(UpdateMemory.of("m5").content("what the target has, " + i));
    }
    MemoryStore right = filesAreRight ? files : target;
    MemoryStore wrong = filesAreRight ? target : files;
    Path aside = folder.resolve("aside");
    RepairPlan plan = RepairPlan.of(right, wrong);
    edit("m5");

    RepairPlan.Result result = plan.apply(right, wrong, aside, false);

    assertThat(contents(files)).contains("what a person wrote");
    assertThat(result.left())
        .singleElement()
        .satisfies(
            left ->
                assertThat(left.reason())
                    .isEqualTo(
                        "moved since it was compared in the "
                            + (filesAreRight ? "right one" : "wrong store")));
    RepairPlan again = RepairPlan.of(right, wrong);
    assertThat(again.apply(right, wrong, aside, false).repaired()).isOne();
    assertEqual();
    assertThat(contents(files).contains("what a person wrote")).isEqualTo(filesAreRight);
    try (Stream<Path> kept = Files.list(aside)) {
      assertThat(kept)
          .singleElement()
          .satisfies(
              file ->
                  assertThat(Files.readString(file, UTF_8))
                      .contains(filesAreRight ? "what the target has" : "what a person wrote"));
    }
  }

  private void to(Stage stage) {
    while (store.stage() != stage) {
      assertThat(store.promote("a test").moved()).isTrue();
    }
  }
}

package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.agentmemory.Health;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.MemoryStores;
import io.agentmemory.OpenMode;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.internal.LocalDisk;
import io.agentmemory.spi.EpochGuard;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A dual store by its address. */
class DualStoreProviderTest {
  private static final String AT = "2026-02-10T11:52:05+00:00";

  private final String source = "source-" + UUID.randomUUID();
  private final String target = "target-" + UUID.randomUUID();
  @TempDir private Path folder;

  @BeforeEach
  void name() throws IOException {
    new StoresFile(StoreAddress.of("named:" + source), StoreAddress.of("named:" + target))
        .write(LocalDisk.INSTANCE, folder);
  }

  private String url() {
    return "dual:" + folder;
  }

  private DualWriteMemoryStore open() {
    return (DualWriteMemoryStore) MemoryStores.open(url());
  }

  /** Goes through all stages up to this one, while both are there. */
  private void into(Stage stage) {
    NamedStores.back(target);
    try {
      StageRegister.open(LocalDisk.INSTANCE, folder, Stage.OFF);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    try (DualWriteMemoryStore store = open()) {
      while (store.stage() != stage) {
        store.changeStage(Stage.values()[store.stage().ordinal() + 1]);
      }
    }
  }

  /** A second folder whose target is the same. */
  private Path another() throws IOException {
    Path other = java.nio.file.Files.createDirectory(folder.resolve("other"));
    new StoresFile(StoreAddress.of("named:" + source + "-2"), StoreAddress.of("named:" + target))
        .write(LocalDisk.INSTANCE, other);
    StageRegister.open(LocalDisk.INSTANCE, other, Stage.OFF);
    return other;
  }

  private EpochGuard.Register owner() {
    return NamedStores.named(target)
        .as(EpochGuard.class)
        .flatMap(EpochGuard::register)
        .orElseThrow();
  }

  @ParameterizedTest
  @EnumSource(names = {"LIVE", "COMPLETE"})
  void givenTargetOfAnotherFolder_whenOneInOffOnlyLooksAtIt_thenItStaysThatFolders(Stage stage)
      throws IOException {
    into(stage);
    EpochGuard.Register before = owner();

    try (DualWriteMemoryStore looking =
        (DualWriteMemoryStore) MemoryStores.open("dual:" + another())) {
      List<String> reasons = looking.canPromote();
      assertThat(reasons.isEmpty()).isEqualTo(stage == Stage.COMPLETE);
    }

    assertThat(owner()).isEqualTo(before);
  }

  @Test
  void givenTargetOfAFolderThatIsLost_whenPromotedByForce_thenItIsTakenOver() throws IOException {
    into(Stage.LIVE);
    StageFolder other = StageFolder.at("dual:" + another());

    StageMove asked = other.promote(null, null);
    StageMove forced = other.promote("the other folder is lost", null);

    assertThat(asked.moved()).isFalse();
    assertThat(asked.reasons()).anyMatch(reason -> reason.contains(folder.toString()));
    assertThat(forced.to()).isEqualTo(Stage.DUAL_WRITE);
    assertThat(forced.moved()).isTrue();
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "COMPLETE")
  void givenTargetAway_whenOpened_thenItWorksAndIsCaughtUpOnceTheTargetIsBack(Stage stage) {
    into(stage);
    NamedStores.away(target);

    try (DualWriteMemoryStore store = open()) {
      assertThat(store.stage()).isEqualTo(stage);
      store.execute(StoreMemory.of("m1", AT, "content"));
      assertThat(store.memories().findById("m1")).isPresent();
      assertThat(NamedStores.named(target).memories().findById("m1")).isEmpty();

      NamedStores.back(target);
      long until = System.nanoTime() + 30_000_000_000L;
      while (stage.writesBoth()
          && NamedStores.named(target).memories().findById("m1").isEmpty()
          && System.nanoTime() < until) {
        Thread.onSpinWait();
      }

      assertThat(NamedStores.named(target).memories().findById("m1").isPresent())
          .isEqualTo(stage.writesBoth());
      assertThat(NamedStores.named(source).memories().findById("m1")).isPresent();
    }
  }

  @Test
  void givenComplete_whenOpened_thenAnyNumberWriteToTheTargetAndOneThatIsAwayIsRefusedByName() {
    into(Stage.COMPLETE);
    NamedStores.away(target);

    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(() -> MemoryStores.open(url()))
        .withMessageContaining("the only store in stage COMPLETE");
    NamedStores.back(target);
    try (MemoryStore store = MemoryStores.open(url());
        MemoryStore another = MemoryStores.open(url())) {
      assertThat(store.namespace()).isEqualTo("test");
      store.execute(StoreMemory.of("m1", AT, "content"));
      assertThat(another.memories().findById("m1")).isPresent();
      another.execute(StoreMemory.of("m2", AT, "content"));
    }
    assertThat(NamedStores.named(source).memories().findById("m1")).isEmpty();
  }

  @Test
  void givenSourceAway_whenOpened_thenRefusedAndNothingStaysLocked() {
    into(Stage.LIVE);
    NamedStores.away(source);

    assertThatExceptionOfType(StoreUnavailableException.class).isThrownBy(this::open);
    NamedStores.back(source);
    open().close();
  }

  @ParameterizedTest
  @EnumSource
  void givenOwner_whenOpenedForReading_thenTheAuthorityAnswersAndNothingIsWritten(Stage stage) {
    into(stage);
    try (MemoryStore owner = MemoryStores.open(url());
        MemoryStore reader = MemoryStores.open(url(), OpenMode.READ)) {
      owner.execute(StoreMemory.of("m1", AT, "content"));

      assertThat(reader.memories().findById("m1")).isPresent();
      assertThatExceptionOfType(MemoryStoreException.class)
          .isThrownBy(() -> reader.execute(StoreMemory.of("m2", AT, "content")));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"LIVE", "RAMP_DOWN"})
  void givenTargetAway_whenOpenedForReading_thenTheSourceIsReadAndItsHealthSaysSo(Stage stage) {
    into(stage);
    try (DualWriteMemoryStore owner = open()) {
      owner.execute(StoreMemory.of("m1", AT, "content"));
      assertThat(owner.drain(Duration.ofSeconds(10))).isTrue();
      NamedStores.away(target);

      try (MemoryStore reader = MemoryStores.open(url(), OpenMode.READ)) {
        assertThat(reader.memories().findById("m1")).isPresent();
        assertThat(reader.health().status()).isEqualTo(Health.Status.DEGRADED);
        assertThat(reader.health().notes()).anyMatch(note -> note.contains("the source is read"));
        assertThatExceptionOfType(MemoryStoreException.class)
            .isThrownBy(() -> reader.execute(StoreMemory.of("m2", AT, "content")));
      }
    }
  }

  @Test
  void givenTargetAway_whenOpenedForReadingInComplete_thenRefused() {
    into(Stage.COMPLETE);
    NamedStores.away(target);

    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(() -> MemoryStores.open(url(), OpenMode.READ));
  }

  @Test
  void givenShadowRate_whenOpened_thenThatManyReadsAreCompared() throws IOException {
    into(Stage.SHADOW);
    new StoresFile(
            StoreAddress.of("named:" + source), StoreAddress.of("named:" + target), 1, 1 << 30)
        .write(LocalDisk.INSTANCE, folder);

    try (DualWriteMemoryStore store = open()) {
      for (int i = 0; i < 5; i++) {
        store.memories().findById("m1");
      }
      Trees.await(() -> store.stats().shadowCompared() == 5, "every read is compared");
    }
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                StageFolder.init(
                    folder.resolve("new"),
                    StoreAddress.of("named:a"),
                    StoreAddress.of("named:b"),
                    new StageFolder.Settings(Map.of(), 1.5, 1 << 30)))
        .withMessageContaining("1.5");
  }

  @Test
  void givenJournalCap_whenOpened_thenItHoldsAndOneOutOfRangeIsRefusedByName() throws IOException {
    StoreAddress here = StoreAddress.of("named:" + source);
    StoreAddress there = StoreAddress.of("named:" + target);
    Path made = folder.resolve("made");
    StageFolder.init(made, here, there, new StageFolder.Settings(Map.of(), 0.01, 64L << 20));
    try (MemoryStore store = MemoryStores.open("dual:" + made)) {
      assertThat(((DualWriteMemoryStore) store).status().journalCap()).isEqualTo(64L << 20);
    }
    try (DualWriteMemoryStore store = open()) {
      assertThat(store.status().journalCap()).as("default").isEqualTo(1L << 30);
    }
    for (long cap : new long[] {-1, 0, (64L << 20) - 1, (64L << 30) + 1}) {
      Path none = folder.resolve("none");
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> StageFolder.init(none, here, there, new StageFolder.Settings(Map.of(), 0, cap)))
          .withMessageContaining(Long.toString(cap))
          .withMessageContaining("64 MiB");
      assertThatIllegalArgumentException()
          .isThrownBy(
              () ->
                  DualWriteMemoryStore.builder(
                          new InMemoryMemoryStore("a"), new InMemoryMemoryStore("b"))
                      .journalCap(cap));
      assertThat(none).doesNotExist();
    }
    Files.writeString(
        made.resolve("stores.json"),
        Files.readString(made.resolve("stores.json")).replace("67108864", "1"));
    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(() -> MemoryStores.open("dual:" + made))
        .withMessageContaining("stores.json");
  }

  @Test
  void givenAnotherFolderTookOver_whenOpened_thenRefused() throws IOException {
    into(Stage.LIVE);
    EpochGuard register = NamedStores.named(target).as(EpochGuard.class).orElseThrow();
    long epoch = register.register().orElseThrow().epoch();
    register.advance(epoch, new EpochGuard.Register(epoch + 1, "{}"));

    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(this::open)
        .withMessageContaining("another folder has taken over");
  }

  @Test
  void givenAddresses_whenKept_thenNoPasswordAndNobodyElseReadsThem() throws IOException {
    for (String url :
        new String[] {
          "postgresql://me:secret@host/db",
          "postgresql://me@host/db?password=secret",
          "postgresql://me@host/db?a=b&sslpassword=secret"
        }) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> StoreAddress.of(url))
          .withMessageContaining("password")
          .withMessageNotContaining("secret");
    }
    assertThatIllegalArgumentException().isThrownBy(() -> new StoreAddress("file:x", "PW"));
    assertThatIllegalArgumentException().isThrownBy(() -> StoreAddress.of("dual:x"));
    assertThat(StoreAddress.of("file:x?namespace=n").url())
        .isEqualTo("file:" + Path.of("x").toAbsolutePath() + "?namespace=n");

    StoreAddress database = new StoreAddress("postgresql://me@host/db", "SOME_VARIABLE");
    new StoresFile(StoreAddress.of("named:a"), database).write(LocalDisk.INSTANCE, folder);
    assertThat(StoresFile.read(LocalDisk.INSTANCE, folder).target()).isEqualTo(database);
    assertThat(Files.getPosixFilePermissions(folder.resolve("stores.json"))).hasSize(2);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> database.open(OpenMode.READ, Map.of()))
        .withMessageContaining("SOME_VARIABLE");
  }

  @Test
  void givenDamage_whenOpened_thenSaysWhichFile() throws IOException {
    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(() -> MemoryStores.open(url(), OpenMode.READ))
        .withMessageContaining("stage.json");
    for (String broken : new String[] {"", "[]", "{\"source\":1}", "\u0000"}) {
      Files.writeString(folder.resolve("stores.json"), broken);
      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(this::open)
          .withMessageContaining("stores.json");
    }
    Files.delete(folder.resolve("stores.json"));
    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(this::open)
        .withMessageContaining("stage init");
    assertThatIllegalArgumentException().isThrownBy(() -> MemoryStores.open("dual:?a=b"));
    assertThatIllegalArgumentException().isThrownBy(() -> MemoryStores.open("dual:"));
  }

  @Test
  void givenLateStore_whenAway_thenItIsDownAndOpensLater() {
    NamedStores.away(target);
    try (LateStore late = new LateStore(Side.TARGET, () -> MemoryStores.open("named:" + target))) {
      assertThat(late.health().status()).isEqualTo(Health.Status.DOWN);
      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> late.as(EpochGuard.class));
      NamedStores.back(target);
      assertThat(late.health().status()).isEqualTo(Health.Status.UP);
      assertThat(late.isOpen()).isTrue();
    }
  }
}

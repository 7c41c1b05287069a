package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.agentmemory.MemoryStore;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.internal.Disk;
import io.agentmemory.internal.testkit.MemoryDisk;
import io.agentmemory.internal.testkit.MemoryDisk.Fault;
import io.agentmemory.spi.EpochGuard;
import io.agentmemory.spi.ForwardingMemoryStore;
import io.agentmemory.spi.Seal;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Changes of stage that go by what is known, and what becomes known. */
class StageMovesTest {
  private static final String AT = "2026-02-10T11:52:05+00:00";
  private static final Path FOLDER = Path.of("/dual");
  private static final int READS = 5;
  private static final Gates.Settings LOW =
      Gates.Settings.of(
          Map.of(
              "shadow_reads", (long) READS,
              "shadow_seconds", 86_400L,
              "target_there_seconds", 0L));

  private final Probe source = new Probe("source", new InMemoryMemoryStore("test"));
  private final Probe target = new Probe("target", new InMemoryMemoryStore("test"));
  private MemoryDisk disk;

  @BeforeEach
  void begin() throws IOException {
    disk = Journals.disk();
    StageRegister.begin(disk, FOLDER, Stage.OFF, LOW);
  }

  private DualWriteMemoryStore open() {
    return DualWriteMemoryStore.builder(source, target)
        .disk(disk)
        .folder(FOLDER)
        .shadowRate(1)
        .probePause(Duration.ofMillis(5))
        .build();
  }

  private static void drained(DualWriteMemoryStore store) {
    assertThat(store.drain(Duration.ofSeconds(10))).isTrue();
    assertThat(store.catchUp()).isZero();
  }

  private static StageMove moved(StageMove move, Stage to) {
    assertThat(move.reasons()).as("%s", move).isEmpty();
    assertThat(move.to()).isEqualTo(to);
    return move;
  }

  private void drilled() throws IOException {
    StageRegister.open(disk, FOLDER, Stage.OFF).record(f -> f.drilled(Instant.now()));
  }

  @Test
  void givenEveryGatePassed_whenPromoted_thenThroughAllStagesAcrossRestarts() throws IOException {
    source.execute(StoreMemory.of("old", AT, "from before"));
    try (DualWriteMemoryStore store = open()) {
      assertThat(store.backfill().state()).isEqualTo(BackfillReport.State.COMPLETE);
      moved(store.promote(), Stage.DUAL_WRITE);
      StageMove blocked = store.promote();
      assertThat(blocked.moved()).as("a backfill from before does not count").isFalse();
      assertThat(blocked.reasons())
          .isEqualTo(store.canPromote())
          .containsExactly("no backfill came to its end since DUAL_WRITE began");
      store.backfill();
      assertThat(store.canPromote()).hasSize(1);
      assertThat(store.verify(Verifier.Level.DIGESTS).equal()).isTrue();
    }
    try (DualWriteMemoryStore store = open()) {
      moved(store.promote(), Stage.SHADOW);
      assertThat(store.canPromote()).hasSize(4);
      store.execute(StoreMemory.of("m1", AT, "content"));
      drained(store);
      for (int i = 0; i < 2; i++) {
        store.memories().findById("m1");
      }
      awaitCompared(store, 2);
    }
    drilled();
    try (DualWriteMemoryStore store = open()) {
      for (int i = 0; i < READS - 2; i++) {
        store.memories().findById("m1");
      }
      awaitCompared(store, READS - 2);
      assertThat(store.verifyItself()).hasSize(2).allMatch(VerifyReport::equal);
      assertThat(store.verify(Verifier.Level.FIELDS).equal()).isTrue();
      moved(store.promote(), Stage.LIVE);
      store.execute(StoreMemory.of("m2", AT, "content"));
      drained(store);
      moved(store.promote(), Stage.RAMP_DOWN);
      moved(store.promote(), Stage.COMPLETE);
      assertThat(store.promote().reasons()).containsExactly("COMPLETE is the last stage");
      assertThat(store.rollback().moved()).isFalse();
      assertThat(store.rollback("I want to").moved()).isFalse();
    }
    StageRegister register = StageRegister.peek(disk, FOLDER);
    assertThat(register.state().stage()).isEqualTo(Stage.COMPLETE);
    assertThat(register.facts().sealed()).isPresent();
    assertThat(register.facts().forced()).isEmpty();
    assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
  }

  private static void awaitCompared(DualWriteMemoryStore store, long reads) {
    long until = System.nanoTime() + 10_000_000_000L;
    while (store.stats().shadowCompared() < reads && System.nanoTime() < until) {
      Thread.onSpinWait();
    }
    assertThat(store.stats().shadowCompared()).isEqualTo(reads);
  }

  @Test
  void givenReasonsAgainstIt_whenForced_thenMovesAndKeepsWhy() {
    try (DualWriteMemoryStore store = open()) {
      store.promote();
      StageMove move = store.promote("a test");

      assertThat(move.to()).isEqualTo(Stage.SHADOW);
      assertThat(move.reasons()).hasSize(1);
      assertThat(StageRegister.peek(disk, FOLDER).facts().forced())
          .singleElement()
          .satisfies(
              forced -> {
                assertThat(forced.reason()).isEqualTo("a test");
                assertThat(forced.from() + " " + forced.to()).isEqualTo("DUAL_WRITE SHADOW");
              });
      moved(store.rollback("not needed"), Stage.DUAL_WRITE);
      assertThat(StageRegister.peek(disk, FOLDER).facts().forced()).hasSize(1);
      assertThat(store.canPromote()).hasSize(1);
    }
  }

  @Test
  void givenMismatchBehindTheStoresBack_whenPromotedToLive_thenTheBarrierFindsIt()
      throws IOException {
    try (DualWriteMemoryStore store = open()) {
      store.promote();
      store.execute(StoreMemory.of("m1", AT, "content"));
      drained(store);
      store.backfill();
      store.verify(Verifier.Level.DIGESTS);
      moved(store.promote(), Stage.SHADOW);
      for (int i = 0; i < READS; i++) {
        store.memories().findById("m1");
      }
      awaitCompared(store, READS);
      store.verifyItself();
      store.verify(Verifier.Level.FIELDS);
    }
    drilled();
    try (DualWriteMemoryStore store = open()) {
      assertThat(store.canPromote()).isEmpty();
      target.execute(StoreMemory.of("m2", AT, "by somebody else"));

      StageMove move = store.promote();

      assertThat(move.moved()).isFalse();
      assertThat(move.reasons()).containsExactly("the stores differ: 1 differences");
      assertThat(store.stage()).isEqualTo(Stage.SHADOW);
    }
  }

  // ---- T73 ----

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "COMPLETE")
  @DisplayName("T73: stage change with the target down")
  void givenTargetAway_whenStageIsToChange_thenRefusedAndWritersGoOn(Stage stage) {
    try (DualWriteMemoryStore store = open()) {
      reach(store, stage);
      store.execute(StoreMemory.of("m0", AT, "content"));
      drained(store);
      target.down();
      AtomicBoolean over = new AtomicBoolean();
      AtomicInteger written = new AtomicInteger();
      CompletableFuture<Long> writer =
          CompletableFuture.supplyAsync(
              () -> {
                long longest = 0;
                while (!over.get()) {
                  longest = Math.max(longest, write(store, "w" + written.get()));
                  written.incrementAndGet();
                }
                return longest;
              });

      assertThat(store.promote().reasons()).contains("the target gives no answer");
      assertThat(store.promote("force").moved()).isFalse();
      assertThat(store.rollback().moved()).isFalse();
      int before = written.get();
      Trees.await(() -> written.get() > before + 1 || writer.isDone(), "the writer goes on");
      over.set(true);
      assertThat(writer.join()).as("nanoseconds").isLessThan(5_000_000_000L);
      assertThat(store.stage()).isEqualTo(stage);
      store.execute(StoreMemory.of("m1", AT, "content"));
      assertThat(source.memories().findById("m1")).isPresent();
      assertThat(source.memories().findById("w0")).isPresent();
    }
  }

  private static void reach(DualWriteMemoryStore store, Stage stage) {
    while (store.stage() != stage) {
      store.promote("a test");
    }
  }

  private static long write(DualWriteMemoryStore store, String id) {
    long start = System.nanoTime();
    store.execute(StoreMemory.of(id, AT, "content"));
    return System.nanoTime() - start;
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "COMPLETE")
  @DisplayName("T73: crash in the middle of the barrier")
  void givenStageThatIsToChange_whenTheProcessDiesInTheMiddle_thenTheOldOrTheNewOneAndWritersGoOn(
      Stage stage) throws IOException {
    boolean moved = false;
    for (int n = 1; !moved; n++) {
      InMemoryMemoryStore files = new InMemoryMemoryStore("test");
      InMemoryMemoryStore database = new InMemoryMemoryStore("test");
      MemoryDisk some = Journals.disk();
      StageRegister.begin(some, FOLDER, Stage.OFF, LOW);
      try (DualWriteMemoryStore store = over(files, database, some)) {
        reach(store, stage);
        store.execute(StoreMemory.of("m0", AT, "content"));
        drained(store);
        some.failAt(n, Fault.POWER_OFF);
        try {
          moved = store.promote("a test").moved();
        } catch (StoreUnavailableException | UncategorizedStoreException died) {
          assertThat(some.isOff()).as("call %d: %s", n, died).isTrue();
        }
      }
      for (MemoryDisk left : List.of(some.afterKill(), some.afterPowerCut(new Random(n)))) {
        String note = stage + ", call " + n;
        Stage held = StageRegister.peek(left, FOLDER).state().stage();
        assertThat(held).as(note).isIn(stage, Stage.values()[stage.ordinal() + 1]);
        if (left.bootId().equals(some.bootId())) {
          try (DualWriteMemoryStore next = over(files, database, left)) {
            assertThat(next.stage()).as(note).isEqualTo(held);
            assertThat(write(next, "m1")).as(note).isLessThan(5_000_000_000L);
            assertThat(next.memories().findById("m0")).as(note).isPresent();
            assertThat(next.memories().findById("m1")).as(note).isPresent();
          }
        }
      }
    }
  }

  private static DualWriteMemoryStore over(MemoryStore files, MemoryStore database, Disk some) {
    return DualWriteMemoryStore.builder(files, database).disk(some).folder(FOLDER).build();
  }

  @Test
  void givenTargetAway_whenRollbackIsForced_thenTheSourceGoesOnWithAllThatWasAcknowledged() {
    try (DualWriteMemoryStore store = open()) {
      while (store.stage() != Stage.LIVE) {
        store.promote("a test");
      }
      store.execute(StoreMemory.of("m0", AT, "content"));
      drained(store);
      source.down(); // it cannot follow
      store.execute(StoreMemory.of("m1", AT, "in the target alone"));
      assertThat(store.drain(Duration.ofSeconds(10))).isTrue();
      target.down();
      source.up();

      StageMove move = store.rollback("the database is gone");

      assertThat(move.to()).isEqualTo(Stage.SHADOW);
      assertThat(move.reasons()).contains("the target gives no answer");
      assertThat(move.undrained()).isEmpty();
      assertThat(store.memories().findById("m1")).isPresent();
      assertThat(source.memories().findById("m1")).isPresent();
      store.execute(StoreMemory.of("m2", AT, "after it"));
      target.up();
      long until = System.nanoTime() + 20_000_000_000L;
      while (!Trees.dump(target).equals(Trees.dump(source)) && System.nanoTime() < until) {
        store.catchUp();
      }
      assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
      assertThat(StageRegister.peek(disk, FOLDER).facts().forced().get(2).reason())
          .isEqualTo("the database is gone");
    }
  }

  @ParameterizedTest
  @EnumSource
  @DisplayName("T73: fault anywhere in writing the stage")
  void givenFaultAnywhereInAChange_whenLookedAtAgain_thenTheOldStageOrTheNewOne(Fault fault)
      throws IOException {
    int calls = Integer.MAX_VALUE;
    int news = 0;
    for (int n = 1; n <= calls; n++) {
      for (long seed = 0; seed < 20; seed++) {
        MemoryDisk some = Journals.disk();
        StageRegister register = StageRegister.begin(some, FOLDER, Stage.SHADOW, LOW);
        register.move(Stage.LIVE, new InMemoryMemoryStore("test"));
        some.failAt(n, fault);
        boolean done;
        boolean unsure = false;
        try {
          register.move(
              Stage.RAMP_DOWN, new InMemoryMemoryStore("test"), f -> f.drilled(Instant.EPOCH));
          done = true;
        } catch (StoreUnavailableException refused) {
          done = false;
        } catch (UncategorizedStoreException nobodyKnows) {
          done = false;
          unsure = true;
        }
        assertThat(register.state().stage()).isEqualTo(done ? Stage.RAMP_DOWN : Stage.LIVE);
        if (n == 1 && seed == 0) {
          calls = Math.max(some.calls(), 8);
        }
        for (MemoryDisk after :
            List.of(some.afterKill(), some.afterPowerCut(new Random(seed * 1000 + n)))) {
          StageRegister found = StageRegister.peek(after, FOLDER);
          boolean isNew = found.state().stage() == Stage.RAMP_DOWN;
          String at = fault + " at " + n + " " + some.call(n) + ", seed " + seed;
          assertThat(found.state().stage()).as(at).isIn(Stage.LIVE, Stage.RAMP_DOWN);
          assertThat(found.state().epoch()).as(at).isEqualTo(isNew ? 3 : 2);
          assertThat(found.facts().drill().isPresent()).as(at).isEqualTo(isNew);
          assertThat(found.id()).as(at).isEqualTo(register.id());
          if (!unsure) {
            assertThat(isNew).as(at + ": as its caller was told").isEqualTo(done);
          }
          news += isNew ? 1 : 0;
        }
        some.repair();
        register.move(done ? Stage.LIVE : Stage.RAMP_DOWN, new InMemoryMemoryStore("test"));
        assertThat(StageRegister.peek(some, FOLDER).state()).isEqualTo(register.state());
      }
    }
    assertThat(news).as("some got through").isPositive();
  }

  @Test
  void givenFolderThatCannotBeForced_whenStageIsToChange_thenTheFileSaysWhatHoldsOrNobodyWrites() {
    AtomicBoolean failing = new AtomicBoolean();
    AtomicInteger fails = new AtomicInteger();
    Disk some =
        (Disk)
            Proxy.newProxyInstance(
                Disk.class.getClassLoader(),
                new Class<?>[] {Disk.class},
                (proxy, method, arguments) -> {
                  if (method.getName().equals("forceFolder")
                      && arguments[0].equals(FOLDER)
                      && (failing.get() || fails.getAndDecrement() > 0)) {
                    throw new IOException("EIO");
                  }
                  try {
                    return method.invoke(disk, arguments);
                  } catch (InvocationTargetException e) {
                    throw e.getCause();
                  }
                });
    try (DualWriteMemoryStore store =
        DualWriteMemoryStore.builder(source, target).disk(some).folder(FOLDER).build()) {
      fails.set(1);
      assertThatExceptionOfType(StoreUnavailableException.class).isThrownBy(store::promote);
      assertThat(StageRegister.peek(disk, FOLDER).state()).as("taken back").isEqualTo(state(store));
      store.execute(StoreMemory.of("m1", AT, "content"));

      failing.set(true);
      assertThatExceptionOfType(UncategorizedStoreException.class)
          .isThrownBy(store::promote)
          .withMessageContaining("no write is taken until it can be written");
      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> store.execute(StoreMemory.of("m2", AT, "content")))
          .withMessageContaining("the stage is not sure");
      assertThat(store.memories().findById("m1")).isPresent();
      assertThat(store.stage()).isEqualTo(Stage.OFF);

      failing.set(false);
      store.execute(StoreMemory.of("m2", AT, "content"));
      assertThat(StageRegister.peek(disk, FOLDER).state()).isEqualTo(state(store));
      moved(store.promote(), Stage.DUAL_WRITE);
      assertThat(StageRegister.peek(disk, FOLDER).state()).isEqualTo(state(store));
      assertThat(target.as(EpochGuard.class).orElseThrow().register().orElseThrow().epoch())
          .isEqualTo(store.status().epoch());
    }
  }

  /** A source that can be sealed, as files can. */
  @Test
  void givenTargetThatGoesWhileItIsTakenInto_whenPromoted_thenTheStageStays() {
    EpochGuard guard = target.as(EpochGuard.class).orElseThrow();
    boolean[] away = {true};
    EpochGuard failing =
        new EpochGuard() {
          @Override
          public Optional<Register> register() {
            return guard.register();
          }

          @Override
          public boolean advance(long expected, Register next) {
            if (away[0]) {
              throw StoreUnavailableException.notApplied(new Operation("p", "ask", ""), "no", null);
            }
            return guard.advance(expected, next);
          }

          @Override
          public void guard(long epoch) {
            guard.guard(epoch);
          }
        };
    MemoryStore goes =
        new ForwardingMemoryStore(target) {
          @Override
          public <T> Optional<T> as(Class<T> door) {
            return door.isInstance(failing) ? Optional.of(door.cast(failing)) : super.as(door);
          }
        };
    try (DualWriteMemoryStore store =
        DualWriteMemoryStore.builder(source, goes).disk(disk).folder(FOLDER).build()) {
      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> store.changeStage(Stage.DUAL_WRITE));
      assertThat(store.stage()).isEqualTo(Stage.OFF);
      assertThat(StageRegister.peek(disk, FOLDER).state().stage()).isEqualTo(Stage.OFF);
      away[0] = false;
      store.changeStage(Stage.DUAL_WRITE);
      assertThat(store.stage()).isEqualTo(Stage.DUAL_WRITE);
    }
  }

  @Test
  void givenDoubt_whenOnlyOneStoreIsUsed_thenNobodyAsksTheOther() throws IOException {
    try (DualWriteMemoryStore store = open()) {
      store.changeStage(Stage.DUAL_WRITE);
      assertThat(store.replay(Duration.ofSeconds(10))).isZero();
      target.down();
      store.execute(new RecallMemory("nobody", AT));
      assertThat(store.drain(Duration.ofSeconds(10))).isTrue();
      assertThat(store.status().doubts()).isOne();
      store.rollback("the target is away");
      assertThat(store.stage()).isEqualTo(Stage.OFF);
      assertThat(store.status().doubts()).isZero();
      target.up();
      target.calls().clear();

      assertThat(store.replay(Duration.ofSeconds(1))).isZero();

      assertThat(target.calls()).doesNotContain("target.conclude", "target.markApplied");
    }
    try (DualWriteMemoryStore store = open()) {
      assertThat(store.status().doubts()).as("reopened").isZero();
    }
  }

  private static final class Sealable extends ForwardingMemoryStore implements Seal {
    private volatile Optional<String> why = Optional.empty();

    Sealable(MemoryStore store) {
      super(store);
    }

    @Override
    public Optional<String> sealed() {
      return why;
    }

    @Override
    public void seal(String reason) {
      why = Optional.of(reason);
    }

    @Override
    public void unseal() {
      why = Optional.empty();
    }

    @Override
    public <T> Optional<T> as(Class<T> door) {
      return door.isInstance(this) ? Optional.of(door.cast(this)) : super.as(door);
    }
  }

  @Test
  void givenSourceThatCanBeSealed_whenComplete_thenItIsAndNotBeforeNorAfterAFailure()
      throws IOException {
    Sealable sealable = new Sealable(source);
    String why;
    try (DualWriteMemoryStore store =
        DualWriteMemoryStore.builder(sealable, target).folder(FOLDER).disk(disk).build()) {
      while (store.stage() != Stage.RAMP_DOWN) {
        store.promote("a test");
      }
      disk.failAt(1, Fault.ENOSPC);
      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> store.changeStage(Stage.COMPLETE));
      disk.repair();
      assertThat(sealable.sealed()).as("the stage did not change").isEmpty();

      store.changeStage(Stage.COMPLETE);
      why = sealable.sealed().orElseThrow();
      assertThat(why).contains(StageRegister.peek(disk, FOLDER).id().toString(), "COMPLETE");
    }
    MemoryDisk other = Journals.disk();
    StageRegister.begin(other, FOLDER, Stage.RAMP_DOWN, LOW);
    DualWriteMemoryStore.Builder builder =
        DualWriteMemoryStore.builder(sealable, new InMemoryMemoryStore("test"))
            .folder(FOLDER)
            .disk(other);
    sealable.seal("somebody else's");
    builder.build().close();
    assertThat(sealable.sealed()).as("not ours").isPresent();
    sealable.seal(why.replaceAll("[0-9a-f-]{36}", StageRegister.peek(other, FOLDER).id() + ""));
    builder.build().close();
    assertThat(sealable.sealed()).as("ended before the stage was noted").isEmpty();
  }

  private static StageRegister.State state(DualWriteMemoryStore store) {
    return new StageRegister.State(store.status().epoch(), store.stage());
  }

  @Test
  void givenTargetTakenOver_whenStageIsToChange_thenRefusedBeforeAnythingIsWritten()
      throws IOException {
    StageRegister first = StageRegister.open(disk, FOLDER, Stage.OFF);
    first.move(Stage.DUAL_WRITE, target);
    MemoryDisk other = Journals.disk();
    StageRegister second = StageRegister.begin(other, FOLDER, Stage.OFF, LOW);
    InMemoryMemoryStore elsewhere = new InMemoryMemoryStore("test");
    second.move(Stage.DUAL_WRITE, elsewhere);
    second.move(Stage.SHADOW, elsewhere);
    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(() -> second.move(Stage.LIVE, target))
        .withMessageContaining("belongs to another folder");
    second.takeOver();
    second.move(Stage.LIVE, target);

    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(() -> first.move(Stage.SHADOW, target))
        .withMessageContaining("another folder has taken over");
    assertThat(StageRegister.peek(disk, FOLDER).state().stage()).isEqualTo(Stage.DUAL_WRITE);
  }

  @Test
  void givenTwoFoldersAtTheFirstEpoch_whenOneTargetIsShared_thenTheSecondIsRefusedByName() {
    DualWriteMemoryStore.Builder first =
        DualWriteMemoryStore.builder(source, target)
            .folder(Path.of("/dual1"))
            .disk(disk)
            .stage(Stage.DUAL_WRITE);
    InMemoryMemoryStore otherSource = new InMemoryMemoryStore("other");
    DualWriteMemoryStore.Builder second =
        DualWriteMemoryStore.builder(otherSource, target)
            .folder(Path.of("/dual2"))
            .disk(disk)
            .stage(Stage.DUAL_WRITE);
    first.build().close();

    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(second::build)
        .withMessageContaining("belongs to another folder, /dual1 in stage DUAL_WRITE")
        .withMessageContaining("roll it back to OFF")
        .withMessageContaining("promote --force")
        .satisfies(e -> assertThat(e.isRefusal()).isTrue());
    first.build().close(); // and the first goes on
    try (DualWriteMemoryStore taker = second.takeOver().build()) {
      taker.execute(StoreMemory.of("m", AT, "x"));
      assertThat(taker.drain(Duration.ofSeconds(10))).isTrue();
      assertThat(target.memories().findById("m")).isPresent();
      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(first::build)
          .withMessageContaining("another folder has taken over, /dual2 in stage DUAL_WRITE");
      taker.changeStage(Stage.OFF);
    }
    try (DualWriteMemoryStore again = first.build()) {
      assertThat(again.status().epoch()).as("above the other's").isEqualTo(4);
    }
  }

  @Test
  void givenTargetOfAnotherFolder_whenPromotedFromOff_thenBlockedByNameUntilForced() {
    DualWriteMemoryStore.builder(new InMemoryMemoryStore("other"), target)
        .folder(Path.of("/dual2"))
        .disk(disk)
        .stage(Stage.LIVE)
        .build()
        .close();
    try (DualWriteMemoryStore store =
        DualWriteMemoryStore.builder(source, target).folder(FOLDER).disk(disk).build()) {
      StageMove blocked = store.promote();
      assertThat(blocked.moved()).isFalse();
      assertThat(blocked.reasons()).singleElement().asString().contains("/dual2 in stage LIVE");
      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> store.changeStage(Stage.DUAL_WRITE))
          .withMessageContaining("/dual2");
      assertThat(store.stage()).isEqualTo(Stage.OFF);

      assertThat(store.promote("the other folder is lost").to()).isEqualTo(Stage.DUAL_WRITE);

      store.execute(StoreMemory.of("m", AT, "x"));
      assertThat(store.drain(Duration.ofSeconds(10))).isTrue();
      assertThat(target.memories().findById("m")).isPresent();
    }
  }

  @Test
  void givenNoFolder_whenPromoted_thenSaysWhatIsMissing() {
    try (DualWriteMemoryStore store = DualWriteMemoryStore.builder(source, target).build()) {
      assertThatIllegalStateException().isThrownBy(store::promote).withMessageContaining("folder");
    }
  }
}

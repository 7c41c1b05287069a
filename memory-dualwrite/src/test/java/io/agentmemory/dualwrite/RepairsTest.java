package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryStore;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.command.Batch;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.dualwrite.RepairPlan.Result;
import io.agentmemory.internal.testkit.MemoryDisk;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Two stores that are repaired while they are used as one. */
class RepairsTest {
  private static final String AT = "2026-02-10T11:52:05+00:00";

  private final Probe source = new Probe("source", new InMemoryMemoryStore("test"));
  private final Probe target = new Probe("target", new InMemoryMemoryStore("test"));
  private final MemoryDisk disk = new MemoryDisk();
  private DualWriteMemoryStore store = DualWriteMemoryStore.builder(source, target).build();
  private Batch last = Batch.of(StoreMemory.of("bad", AT, "old"));

  @AfterEach
  void close() {
    store.close();
  }

  private void open(Stage stage) {
    store.close();
    store =
        DualWriteMemoryStore.builder(source, target)
            .stage(stage)
            .folder(Path.of("/dual"))
            .disk(disk)
            .shadowRate(0)
            .build();
  }

  /** The store that follows refuses what was written last, for good as far as it knows. */
  private Probe park(Stage stage) {
    open(stage);
    store.execute(last);
    Trees.await(() -> store.replay(Duration.ofSeconds(1)) == 0, "both stores");
    Probe follower = stage.targetIsAuthority() ? source : target;
    follower.before =
        batch -> {
          if (batch.needs().keys().getOrDefault(Kind.MEMORY, Set.of()).contains(Key.of("bad"))) {
            throw new InvalidMemoryException(
                new Operation("store", batch.verb(), ""), "content", "is not for it");
          }
        };
    last = Batch.of(UpdateMemory.of("bad").content("new"));
    store.execute(last);
    Trees.await(() -> parked() == 1, "the record to be given up");
    return follower;
  }

  private long parked() {
    return store.status().source().parked() + store.status().target().parked();
  }

  private Result repair(Side right) {
    Repairs repairs = store.repairs();
    return repairs.apply(repairs.plan(right), right, true);
  }

  private static String content(MemoryStore store) {
    return Trees.memory(store, "bad").live().map(Memory::content).orElse("deleted");
  }

  private void assertSettledAt(String content) {
    assertThat(content(source)).isEqualTo(content);
    assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
    assertThat(store.lagging()).isEmpty();
    assertThat(store.status().isSettled()).isTrue();
    assertThat(store.execute(last).repeated()).as("must not happen once more").isTrue();
    assertThat(store.replay(Duration.ofSeconds(10))).isZero();
    open(Stage.OFF); // the folder knows its stage
    assertThat(store.replay(Duration.ofSeconds(10))).isZero();
    assertThat(content(source)).isEqualTo(content);
    assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
  }

  @ParameterizedTest
  @EnumSource(names = {"DUAL_WRITE", "LIVE"})
  void givenRecordThatIsGivenUp_whenRepairedByTheNewerState_thenBothHaveIt(Stage stage) {
    park(stage).before = batch -> {};

    Result result = repair(TwoStores.leader(stage));

    assertThat(result.left()).isEmpty();
    assertThat(result.repaired()).isOne();
    assertSettledAt("new");
  }

  @ParameterizedTest
  @EnumSource(names = {"DUAL_WRITE", "LIVE"})
  void givenRecordThatIsGivenUp_whenRepairedByTheOlderState_thenTheNewerOneIsSetAside(Stage stage) {
    park(stage).before = batch -> {};

    Result result = repair(TwoStores.leader(stage).other());

    assertThat(result.left()).isEmpty();
    assertThat(store.conflicts()).hasSize(1);
    assertSettledAt("old");
    store.resolve(store.conflicts().get(0).id(), Resolution.KEEP_LOSER);
    assertThat(store.replay(Duration.ofSeconds(10))).isZero();
    assertThat(content(source)).isEqualTo("new").isEqualTo(content(target));
  }

  @ParameterizedTest
  @EnumSource(names = {"DUAL_WRITE", "LIVE"})
  void givenRecordThatIsRefusedStill_whenRepaired_thenItIsLeftAndStaysGivenUp(Stage stage) {
    Probe follower = park(stage);

    Result result = repair(TwoStores.leader(stage));

    assertThat(result.left())
        .singleElement()
        .satisfies(left -> assertThat(left.reason()).startsWith("refused: "));
    assertThat(parked()).isOne();
    follower.before = batch -> {};
    assertThat(repair(TwoStores.leader(stage)).repaired()).isOne();
    assertSettledAt("new");
  }

  @Test
  void givenRecordThatIsOnItsWay_whenRepaired_thenItIsLeftToThat() {
    store =
        DualWriteMemoryStore.builder(source, target).stage(Stage.DUAL_WRITE).shadowRate(0).build();
    store.execute(last);
    assertThat(store.drain(Duration.ofSeconds(5))).isTrue();
    target.before =
        batch -> {
          throw StoreUnavailableException.notApplied(new Operation("t", "x", ""), "away", null);
        };
    store.execute(UpdateMemory.of("bad").content("new"));
    assertThat(store.drain(Duration.ofSeconds(5))).isTrue();
    target.before = batch -> {};

    assertThat(repair(Side.TARGET).left())
        .singleElement()
        .satisfies(
            left -> assertThat(left.reason()).isEqualTo("one store lacks a write of it still"));

    assertThat(content(source)).isEqualTo("new");
    assertThat(store.catchUp()).isZero();
    assertThat(content(target)).isEqualTo("new");
  }
}

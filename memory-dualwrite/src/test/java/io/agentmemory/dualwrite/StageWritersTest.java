package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryStore;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.command.Batch;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.internal.testkit.History;
import io.agentmemory.internal.testkit.HistoryCheck;
import io.agentmemory.internal.testkit.MemoryDisk;
import io.agentmemory.internal.testkit.Workload;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Eight writers go on while the stage changes; an owner of before tries to write as well. */
class StageWritersTest {
  private static final String AT = "2026-02-10T11:52:05+00:00";
  private static final Path FOLDER = Path.of("/dual");
  private static final List<Stage> WAY =
      List.of(
          Stage.DUAL_WRITE,
          Stage.SHADOW,
          Stage.LIVE,
          Stage.RAMP_DOWN,
          Stage.COMPLETE,
          Stage.RAMP_DOWN,
          Stage.LIVE,
          Stage.SHADOW,
          Stage.DUAL_WRITE);

  private final InMemoryMemoryStore targetStore = new InMemoryMemoryStore("test");
  private final Probe source = new Probe("source", new InMemoryMemoryStore("test"));
  private final Probe target = new Probe("target", targetStore);
  private final Queue<String> violations = new ConcurrentLinkedQueue<>();

  private static DualWriteMemoryStore open(
      MemoryDisk disk, MemoryStore source, MemoryStore target) {
    return DualWriteMemoryStore.builder(source, target)
        .folder(FOLDER)
        .disk(disk)
        .shadowRate(0.2)
        .build();
  }

  /** A caller's own write may only be in the store that is the authority, from begin to end. */
  private Consumer<Batch> leads(DualWriteMemoryStore store, boolean isTarget) {
    return batch -> {
      String thread = Thread.currentThread().getName();
      boolean callers = thread.startsWith("writer-") || thread.startsWith("dualwrite-target");
      if (callers && store.stage().targetIsAuthority() != isTarget) {
        violations.add(batch.verb() + " led by the wrong store in " + store.stage());
      }
    };
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2})
  @DisplayName("T72: stage changes while 8 writers run, all neighbours, both directions")
  void givenEightWriters_whenTheStageGoesThereAndBack_thenNothingIsLostOrWrittenByAnOldOwner(
      long seed) throws Exception {
    MemoryDisk disk = Journals.disk();
    History history = new History();
    List<DualWriteMemoryStore> paused = new ArrayList<>();
    int intruders = 0;
    try (DualWriteMemoryStore store = open(disk, source, target);
        Workload workload = new Workload(store, history, "w", seed, 8, 2)) {
      source.before = source.after = leads(store, false);
      target.before = target.after = leads(store, true);
      workload.start();
      for (Stage next : WAY) {
        await(workload, 100);
        if (next.writesBoth() && store.stage().writesBoth()) {
          // As another process that holds the folder in this stage, and then is paused: it must
          // not find anything to do, or it would do that beside the owner.
          workload.pause();
          assertThat(store.replay(Duration.ofSeconds(20))).as("seed %d", seed).isZero();
          DualWriteMemoryStore old = open(disk.afterKill(), source.store(), targetStore.another());
          assertThat(old.replay(Duration.ofSeconds(20))).as("seed %d", seed).isZero();
          assertThat(old.status().stats().repaired()).as("seed %d", seed).isZero();
          paused.add(old);
          workload.goOn();
          await(workload, 10);
        }
        Stage before = store.stage();

        store.changeStage(next);

        if (before == Stage.OFF) {
          store.backfill();
        } else if (before == Stage.COMPLETE) {
          // what was written to the target alone has to be in the source before it leads again
          Backfill.builder(target.store(), source.store()).run();
        }
        if (before.targetIsAuthority()) { // it would write to the target first
          for (DualWriteMemoryStore old : paused) {
            if (old.stage().targetIsAuthority()) {
              String id = "own-old-" + intruders++;
              assertThatExceptionOfType(StoreUnavailableException.class)
                  .as("seed %d, from %s to %s", seed, before, next)
                  .isThrownBy(() -> old.execute(StoreMemory.of(id, AT, "by an old owner")))
                  .satisfies(refused -> assertThat(refused.isRefusal()).isTrue());
              assertThat(source.store().read(Kind.MEMORY, Key.of(id))).isEmpty();
              assertThat(targetStore.read(Kind.MEMORY, Key.of(id))).isEmpty();
            }
          }
        }
      }
      await(workload, 100);
      workload.pause();
      assertThat(store.replay(Duration.ofSeconds(20))).as("seed %d", seed).isZero();

      HistoryCheck check = new HistoryCheck(history.lines());
      List<String> wrong = new ArrayList<>(check.reads());
      wrong.addAll(check.store("source", Workload.states(source.store()), value -> false));
      wrong.addAll(check.store("target", Workload.states(targetStore), value -> false));
      assertThat(wrong.stream().distinct().limit(10)).as("seed %d", seed).isEmpty();
      assertThat(violations).as("seed %d", seed).isEmpty();
      assertThat(check.unknown()).as("seed %d", seed).isEmpty();
      assertThat(intruders).isPositive();
      assertThat(Trees.dump(targetStore)).as("seed %d", seed).isEqualTo(Trees.dump(source.store()));
    } finally {
      paused.forEach(DualWriteMemoryStore::close);
    }
  }

  private static void await(Workload workload, int more) {
    long enough = workload.acknowledged() + more;
    Trees.await(() -> workload.acknowledged() >= enough, more + " writes");
  }
}

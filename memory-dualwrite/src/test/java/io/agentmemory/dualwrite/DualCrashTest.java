package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.Kind;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.Version;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.CountCoOccurrences;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.internal.testkit.MemoryDisk;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Ends the process, the power, or the disk at any moment of some writes, part of them while the
 * target is away, and opens the folder again with the target there. Then both stores hold the same:
 * what was acknowledged, once; nothing that failed; and of what nobody knew all or nothing. {@code
 * -Ddual.seeds=200} for the long run: each seed has its own outages and takes every 41st call to
 * the disk, beginning at another one, so that 200 of them try every call about five times.
 */
final class DualCrashTest {
  private static final int SEEDS = Integer.getInteger("dual.seeds", 0);
  private static final int STEP = SEEDS == 0 ? 97 : 41;
  private static final int KILLS = SEEDS == 0 ? 5 : 100;
  private static final String AT = "2026-02-10T11:52:05+00:00";
  private static final Path FOLDER = Path.of("/dual");

  /** What the target is like for one write. */
  private enum Target {
    THERE,
    AWAY,
    /** It does what it is told, and the answer gets lost. */
    MUTE,
    /** It does not do it, and nobody hears of that. */
    DEAF
  }

  private record Step(Batch batch, Target target) {
    static Step of(int number, Target target, Command... commands) {
      OpId op = new OpId(new UUID(0x4000L, 0x8000000000000000L | number));
      return new Step(new Batch(op, List.of(commands)), target);
    }
  }

  private static final List<Step> SCRIPT =
      List.of(
          Step.of(1, Target.THERE, StoreMemory.of("a", AT, "a one")),
          Step.of(2, Target.THERE, StoreMemory.of("b", AT, "b one"), StoreMemory.of("c", AT, "c")),
          Step.of(3, Target.MUTE, new RecallMemory("a", AT)),
          Step.of(4, Target.THERE, new CountCoOccurrences(List.of("a", "b"))),
          Step.of(5, Target.DEAF, UpdateMemory.of("b").content("b two")),
          Step.of(6, Target.AWAY, new RecallMemory("a", AT)),
          Step.of(7, Target.AWAY, StoreMemory.of("d", AT, "d"), new RecallMemory("c", AT)),
          Step.of(8, Target.AWAY, new CountCoOccurrences(List.of("a", "b", "d"))),
          Step.of(9, Target.AWAY, new ForgetMemory("c", 0)),
          Step.of(10, Target.THERE, new RecallMemory("b", AT)),
          Step.of(11, Target.THERE, UpdateMemory.of("a").content("a two")));

  /** The script with outages of its own for each seed. */
  private static List<Step> script(int seed) {
    if (seed == 0) {
      return SCRIPT;
    }
    Random random = new Random(seed);
    List<Step> steps = new ArrayList<>();
    for (Step step : SCRIPT) {
      int lot = random.nextInt(8); // of what nobody knows, each doubles what may have come of it
      Target target =
          lot == 0 ? Target.MUTE : lot == 1 ? Target.DEAF : lot < 5 ? Target.AWAY : Target.THERE;
      steps.add(new Step(step.batch(), target));
    }
    return steps;
  }

  /** Two stores that last, and the processes that use them one after the other. */
  private static final class World {
    final InMemoryMemoryStore sourceStore = new InMemoryMemoryStore("test");
    final InMemoryMemoryStore targetStore = new InMemoryMemoryStore("test");
    final Stage stage;
    final List<Batch> acknowledged = new ArrayList<>();
    final List<Batch> failed = new ArrayList<>();
    final List<Batch> unknown = new ArrayList<>();
    final List<Batch> tried = new ArrayList<>(); // acknowledged or unknown, in order
    MemoryDisk disk = new MemoryDisk();
    Probe source = new Probe("source", sourceStore);
    Probe target = new Probe("target", targetStore);
    @Nullable DualWriteMemoryStore store;

    /** Run before everything that is asked of the target. */
    Runnable whenAsked = () -> {};

    /** What makes the stores slower than anybody waits for, now and then; null if they are not. */
    @Nullable Random slow;

    World(Stage stage) {
      this.stage = stage;
    }

    private void dawdle(Random random) {
      int lot;
      synchronized (random) {
        lot = random.nextInt(80);
      }
      if (lot < 20) {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(lot));
      }
    }

    /** A process begins. */
    DualWriteMemoryStore open() {
      MemoryDisk mine = disk;
      source = new Probe("source", sourceStore);
      target = new Probe("target", targetStore);
      source.alive = () -> !mine.isOff();
      target.alive = () -> !mine.isOff();
      Random slowly = slow;
      if (slowly != null) {
        source.pace = () -> dawdle(slowly);
        target.pace = () -> dawdle(slowly);
      }
      Runnable each = whenAsked;
      target.beforeRead = each;
      target.before = batch -> each.run();
      target.after = batch -> each.run();
      return DualWriteMemoryStore.builder(source, target)
          .stage(stage)
          .folder(FOLDER)
          .disk(mine)
          .patience(slow == null ? Duration.ofSeconds(1) : Duration.ofMillis(4))
          .deadline(slow == null ? Duration.ofSeconds(3) : Duration.ofMillis(12))
          .probePause(Duration.ofMillis(5))
          .shadowRate(0)
          .build();
    }

    /** As {@link #open}, past the first comparison: from here on the journal alone says it all. */
    DualWriteMemoryStore openCompared() {
      DualWriteMemoryStore opened = open();
      assertThat(opened.replay(Duration.ofSeconds(10))).isZero();
      assertThat(opened.status().resync()).isNull();
      return opened;
    }

    /** The process is gone from one moment to the other, with all of its threads. */
    void kill() {
      disk.failAt(1, MemoryDisk.Fault.POWER_OFF);
      try {
        disk.stat(FOLDER);
      } catch (IOException off) {
        return;
      }
      throw new AssertionError("the disk is still there");
    }

    /** What the next process finds. */
    void goOn(MemoryDisk left) {
      source.awaitQuiet();
      target.awaitQuiet();
      disk = left;
    }

    void write(DualWriteMemoryStore to, Step step) {
      Batch batch = step.batch();
      Probe asked = target;
      switch (step.target()) {
        case THERE -> asked.up();
        case AWAY -> asked.down();
        case MUTE -> asked.after = b -> forget(asked, b, batch);
        case DEAF -> asked.before = b -> forget(asked, b, batch);
      }
      try {
        to.execute(batch);
        boolean died = disk.isOff(); // then it died before it could tell anybody
        (died ? unknown : acknowledged).add(batch);
        tried.add(batch);
      } catch (StoreUnavailableException e) {
        if (disk.isOff() || e.mayHaveApplied().isPresent()) {
          unknown.add(batch);
          tried.add(batch);
        } else {
          failed.add(batch);
        }
      } catch (MemoryStoreException refused) {
        assertThat(unknown.size() + failed.size()).as("what %s missed", batch).isPositive();
        failed.add(batch);
      } catch (IllegalStateException killed) {
        assertThat(disk.isOff()).as("alive, and yet " + killed).isTrue();
        unknown.add(batch);
        tried.add(batch);
      }
    }

    private static void forget(Probe target, Batch asked, Batch batch) {
      if (asked.opId().equals(batch.opId())) {
        target.after = b -> {};
        target.before = b -> {};
        throw Probe.unknown(asked.opId());
      }
    }

    /** Lets a process write all there is to write, or as far as it gets. */
    void run(List<Step> steps) {
      try {
        store = open();
      } catch (StoreUnavailableException e) {
        return; // not one write was tried
      } catch (IllegalStateException killed) {
        assertThat(disk.isOff()).isTrue();
        return;
      }
      for (Step step : steps) {
        write(store, step);
        if (disk.isOff()) {
          return;
        }
      }
      store.drain(Duration.ofSeconds(1));
    }

    void end() {
      if (store != null) {
        store.close();
        store = null;
      }
    }

    /** Opens the folder as it was left, lets it settle, and looks at everything. */
    void check(String note) {
      DualWriteMemoryStore opened;
      try {
        opened = open();
      } catch (MemoryStoreException e) {
        throw new AssertionError("the first opening needs help, " + note, e);
      }
      try {
        settle(opened, note);
        checkContent(opened.conflicts(), note);
        List<String> dump = Trees.dump(sourceStore);
        for (Batch batch : acknowledged) {
          assertThat(opened.execute(batch).repeated())
              .as("%s repeated, %s", batch.opId(), note)
              .isTrue();
        }
        settle(opened, note);
        assertThat(Trees.dump(sourceStore)).as("after repeating, " + note).isEqualTo(dump);
      } finally {
        opened.close();
      }
      try (DualWriteMemoryStore again = open()) {
        settle(again, note);
        assertThat(again.conflicts()).as(note).isEqualTo(opened.conflicts());
      }
    }

    /**
     * Where nobody knows what came of an operation, and the journal could not be written either,
     * both stores may have gone on with a memory, each without the other. Then one state is set
     * aside, and all else is as it has to be.
     */
    private void checkContent(List<Conflict> conflicts, String note) {
      List<String> content = content(sourceStore);
      List<List<String>> possible = possible();
      Set<String> forked = new HashSet<>();
      if (!possible.contains(content) && !unknown.isEmpty()) {
        possible = possibleLater();
        conflicts.forEach(conflict -> forked.addAll(conflict.key().parts()));
        if (!forked.isEmpty()) {
          unknown.forEach(
              batch ->
                  batch
                      .needs()
                      .keys()
                      .values()
                      .forEach(keys -> keys.forEach(key -> forked.addAll(key.parts()))));
        }
      }
      assertThat(possible)
          .as("%s, %s", note, conflicts)
          .extracting(lines -> without(forked, lines))
          .contains(without(forked, content));
    }

    private static List<String> without(Set<String> ids, List<String> lines) {
      return lines.stream()
          .filter(line -> Stream.of(line.split("[ /]")).noneMatch(ids::contains))
          .toList();
    }

    private void settle(DualWriteMemoryStore opened, String note) {
      int left = opened.replay(Duration.ofSeconds(20));
      assertThat(left).as("lagging, %s: %s", note, opened.status()).isZero();
      assertThat(opened.status().resync()).as(note).isNull();
      assertThat(known(targetStore, sourceStore))
          .as(note)
          .isEqualTo(known(sourceStore, targetStore));
    }

    /** All that may have come of it: of what is not known each part may have been done. */
    private List<List<String>> possible() {
      List<List<String>> possible = new ArrayList<>();
      for (int some = 0; some < 1 << unknown.size(); some++) {
        List<Batch> done = new ArrayList<>(tried);
        for (int i = 0; i < unknown.size(); i++) {
          if ((some >> i & 1) == 0) {
            done.remove(unknown.get(i));
          }
        }
        contentAfter(done).ifPresent(possible::add);
      }
      return possible;
    }

    /** The same, where what is not known was done later than it was asked for, by replay. */
    private List<List<String>> possibleLater() {
      List<List<Batch>> orders = List.of(tried);
      for (Batch late : unknown) {
        List<List<Batch>> more = new ArrayList<>();
        for (List<Batch> order : orders) {
          List<Batch> without = new ArrayList<>(order);
          without.remove(late);
          more.add(without);
          for (int at = order.indexOf(late); at <= without.size(); at++) {
            List<Batch> then = new ArrayList<>(without);
            then.add(at, late);
            more.add(then);
          }
        }
        orders = more;
      }
      return orders.stream().map(this::contentAfter).flatMap(Optional::stream).toList();
    }

    /** Empty if one of these would have been refused. */
    private Optional<List<String>> contentAfter(List<Batch> done) {
      MemoryStore model = new InMemoryMemoryStore("test");
      try {
        done.forEach(model::execute);
      } catch (MemoryStoreException refused) {
        return Optional.empty();
      }
      return Optional.of(content(model));
    }
  }

  /** All but tombstones of what the other store never had: comparing leaves them as they are. */
  private static List<String> known(MemoryStore store, MemoryStore other) {
    List<String> there = Trees.dump(other);
    List<String> lines = new ArrayList<>(Trees.dump(store));
    lines.removeIf(
        line -> {
          int end = line.indexOf(" Version[");
          return line.endsWith("digest=null]")
              && there.stream().noneMatch(l -> l.startsWith(line.substring(0, end + 9)));
        });
    return lines;
  }

  /** Every record, without its revision, which settling may raise. */
  private static List<String> content(MemoryStore store) {
    List<String> lines = new ArrayList<>();
    for (Kind<?> kind : Kind.all()) {
      try (Stream<? extends Stored<?>> scan = store.scan(kind)) {
        scan.filter(s -> !s.isTombstone())
            .forEach(s -> lines.add(kind + " " + s.key() + " " + s.version().digest()));
      }
    }
    return lines;
  }

  private static int calls(Stage stage) {
    World world = new World(stage);
    world.openCompared().close();
    world.disk.failAt(-1, MemoryDisk.Fault.EIO);
    world.run(SCRIPT);
    assertThat(world.acknowledged).hasSize(SCRIPT.size());
    world.end();
    int calls = world.disk.calls();
    world.goOn(world.disk.afterKill());
    world.check("clean run");
    assertThat(calls).isGreaterThan(50);
    return calls;
  }

  private static void sweep(Stage stage, MemoryDisk.Fault fault, BiConsumer<World, Random> then) {
    int calls = calls(stage);
    int seeds = Math.max(1, SEEDS);
    for (int seed = 0; seed < seeds; seed++) {
      int first = 1 + (7 * seed + stage.ordinal() + 4 * fault.ordinal()) % STEP;
      for (int n = first; n <= calls; n += STEP) {
        World world = new World(stage);
        world.openCompared().close();
        world.disk.failedForcesLose();
        world.disk.failAt(n, fault);
        world.run(script(seed));
        String note =
            stage + ", seed " + seed + ", " + fault + " at call " + n + ", " + world.disk.call(n);
        then.accept(world, new Random(seed * 7919L + n));
        try {
          world.check(note);
        } catch (RuntimeException e) {
          throw new AssertionError(note, e);
        }
      }
    }
  }

  /** Kills the process if it still lives, and goes on with what is left. */
  private static void killed(World world) {
    world.kill();
    world.goOn(world.disk.afterKill());
    world.end();
  }

  private static void powerCut(World world, Random random) {
    world.kill();
    world.goOn(world.disk.afterPowerCut(random));
    world.end();
  }

  @ParameterizedTest
  @EnumSource(names = {"DUAL_WRITE", "SHADOW", "LIVE", "RAMP_DOWN"})
  void givenTheProcessDiesAtAnyCall_whenOpenedAgain_thenNothingIsLostOrInvented(Stage stage) {
    sweep(stage, MemoryDisk.Fault.POWER_OFF, (world, random) -> killed(world));
  }

  @ParameterizedTest
  @EnumSource(names = {"DUAL_WRITE", "SHADOW", "LIVE", "RAMP_DOWN"})
  void givenThePowerFailsAtAnyCall_whenOpenedAgain_thenNothingIsLostOrInvented(Stage stage) {
    sweep(stage, MemoryDisk.Fault.POWER_OFF, DualCrashTest::powerCut);
  }

  @ParameterizedTest
  @EnumSource(names = {"DUAL_WRITE", "SHADOW", "LIVE", "RAMP_DOWN"})
  void givenTheProcessDied_whenThePowerFailsAfterOrDuringTheNextOpening_thenNothingIsLost(
      Stage stage) {
    List<Step> more =
        List.of(
            Step.of(61, Target.THERE, new RecallMemory("a", AT)),
            Step.of(62, Target.AWAY, StoreMemory.of("e", AT, "e")));
    sweep(
        stage,
        MemoryDisk.Fault.POWER_OFF,
        (world, random) -> {
          killed(world);
          world.disk.failAt(1 + random.nextInt(80), MemoryDisk.Fault.POWER_OFF);
          world.run(more);
          powerCut(world, random);
        });
  }

  @ParameterizedTest
  @EnumSource(names = {"DUAL_WRITE", "SHADOW", "LIVE", "RAMP_DOWN"})
  void givenACallFails_whenKilledAndOpenedAgain_thenNothingIsLostOrInvented(Stage stage) {
    for (MemoryDisk.Fault fault :
        List.of(MemoryDisk.Fault.EIO, MemoryDisk.Fault.SHORT_WRITE, MemoryDisk.Fault.ENOSPC)) {
      sweep(stage, fault, (world, random) -> killed(world));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"DUAL_WRITE", "SHADOW", "LIVE", "RAMP_DOWN"})
  void givenSlowStores_whenWritesOvertakeEachOther_thenNothingIsLostOrInvented(Stage stage) {
    for (int seed = 0; seed < Math.max(10, SEEDS); seed++) {
      World world = new World(stage);
      world.openCompared().close();
      Random random = new Random(seed);
      int call = 1 + random.nextInt(60);
      MemoryDisk.@Nullable Fault fault =
          seed % 3 == 0 ? null : seed % 3 == 1 ? MemoryDisk.Fault.EIO : MemoryDisk.Fault.POWER_OFF;
      if (fault != null) {
        world.disk.failedForcesLose();
        world.disk.failAt(call, fault);
      }
      world.slow = random;
      world.run(script(seed));
      killed(world);
      world.slow = null;
      String note = stage + ", slow, seed " + seed + ", " + fault + " at call " + call;
      try {
        world.check(note);
      } catch (RuntimeException e) {
        throw new AssertionError(note, e);
      }
    }
  }

  @DisplayName("T05: killed between the stores, and between a store and the journal")
  @ParameterizedTest
  @EnumSource(names = {"DUAL_WRITE", "SHADOW", "LIVE", "RAMP_DOWN"})
  void givenTheProcessDiesBetweenTwoStores_whenOpenedAgain_thenBothHaveItOrNeither(Stage stage) {
    int every = SEEDS == 0 ? 3 : 1; // the first one: the target leads where it may
    for (int step = 0; step < SCRIPT.size(); step += every) {
      for (int where = 0; where < 4; where++) {
        World world = new World(stage);
        world.store = world.openCompared();
        for (int i = 0; i <= step; i++) {
          if (i == step) {
            OpId op = SCRIPT.get(i).batch().opId();
            Probe probe = where < 2 ? world.source : world.target;
            Consumer<Batch> kill =
                batch -> {
                  if (batch.opId().equals(op)) {
                    world.kill();
                  }
                };
            if (where % 2 == 0) {
              probe.before = kill;
            } else {
              probe.after = kill;
            }
          }
          if (!world.disk.isOff()) {
            world.write(world.store, SCRIPT.get(i));
          }
        }
        world.store.drain(Duration.ofSeconds(1));
        killed(world);
        world.check(stage + ", killed at step " + step + ", place " + where);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"DUAL_WRITE", "SHADOW", "LIVE", "RAMP_DOWN"})
  @DisplayName("T06: killed after COMMIT was sent, before the answer")
  void givenTheProcessDiesWhenTheLeaderHasIt_whenAskedForAgain_thenItHappenedOnce(Stage stage) {
    for (boolean away : new boolean[] {false, true}) {
      World world = new World(stage);
      world.store = world.openCompared();
      world.write(world.store, SCRIPT.get(0));
      assertThat(world.store.drain(Duration.ofSeconds(10))).isTrue();
      Step recall = Step.of(50, Target.THERE, new RecallMemory("a", AT));
      Probe leader = stage.targetIsAuthority() ? world.target : world.source;
      leader.after = batch -> world.kill();
      world.write(world.store, recall);
      assertThat(world.unknown).containsExactly(recall.batch());
      killed(world);

      AtomicBoolean isAway = new AtomicBoolean(away);
      world.whenAsked =
          () -> {
            if (isAway.get()) {
              throw StoreUnavailableException.notApplied(
                  new Operation("probe", "ask", ""), "it is away", null);
            }
          };
      try (DualWriteMemoryStore next = world.open()) {
        Outcome again = next.execute(recall.batch());
        // Where the one that knows it is away, the other one does it, and finds out later.
        assertThat(again.repeated()).isEqualTo(!away || !stage.targetIsAuthority());
        assertThat(again.changes())
            .singleElement()
            .satisfies(
                change -> {
                  assertThat(change.before()).extracting(Version::revision).isEqualTo(1L);
                  assertThat(change.after()).isEqualTo(Trees.memory(next, "a"));
                  assertThat(change.after().revision()).isEqualTo(2);
                });
        isAway.set(false);

        assertThat(next.replay(Duration.ofSeconds(20))).isZero();
        assertThat(next.execute(recall.batch()).repeated()).isTrue();
        assertThat(next.drain(Duration.ofSeconds(10))).isTrue();
      }
      for (MemoryStore store : List.of(world.sourceStore, world.targetStore)) {
        assertThat(Trees.memory(store, "a").live().orElseThrow().recallCount()).isOne();
      }
      assertThat(Trees.dump(world.targetStore)).isEqualTo(Trees.dump(world.sourceStore));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"DUAL_WRITE", "SHADOW", "LIVE", "RAMP_DOWN"})
  @DisplayName("T10: replayed twice, and by two at once")
  void givenReplay_whenAnotherProcessReplaysMeanwhileOrLater_thenAsAfterOneReplay(Stage stage) {
    World once = new World(stage);
    once.openCompared().close();
    once.run(SCRIPT.subList(0, 9)); // the target is away at the end
    killed(once);
    once.check("one replay");
    World world = new World(stage);
    world.openCompared().close();
    world.run(SCRIPT.subList(0, 9));
    killed(world);
    AtomicInteger asked = new AtomicInteger();
    AtomicInteger refused = new AtomicInteger();
    world.whenAsked =
        () -> {
          // In the middle of it; where the files lead it would be the same, and takes as long.
          if (asked.getAndIncrement() == 2 && stage == Stage.LIVE) {
            assertThatExceptionOfType(StoreUnavailableException.class)
                .isThrownBy(() -> again(world).close());
            refused.incrementAndGet();
          }
        };
    try (DualWriteMemoryStore store = world.open()) {
      world.settle(store, "first replay");
    }
    assertThat(refused).hasValue(stage == Stage.LIVE ? 1 : 0);
    world.whenAsked = () -> {};
    List<String> dump = Trees.dump(world.targetStore);
    world.check("second replay");
    assertThat(Trees.dump(world.targetStore)).isEqualTo(dump);
    assertThat(content(world.targetStore)).isEqualTo(content(once.targetStore));
  }

  /** A second process on the same folder; no wait for the first one to go. */
  private static DualWriteMemoryStore again(World world) {
    return DualWriteMemoryStore.builder(world.sourceStore, world.targetStore.another())
        .folder(FOLDER)
        .disk(world.disk)
        .build();
  }

  @ParameterizedTest
  @EnumSource(names = {"DUAL_WRITE", "SHADOW", "LIVE", "RAMP_DOWN"})
  @DisplayName("T11: replay killed in the middle, again and again")
  void givenReplayThatIsKilledAgainAndAgain_whenItEnds_thenItIsAsAfterOneThatWasNot(Stage stage) {
    World clean = new World(stage);
    World killed = new World(stage);
    for (World world : List.of(clean, killed)) {
      world.run(SCRIPT.subList(0, 9)); // the target is away at the end
      killed(world);
    }
    for (int kill = 0; kill < KILLS; kill++) {
      Step step = Step.of(100 + kill, Target.AWAY, new RecallMemory("b", AT));
      clean.run(List.of(step));
      killed(clean);
      killed.store = killed.open();
      killed.write(killed.store, step); // so that there is something to replay
      int last = kill % 3;
      AtomicInteger asked = new AtomicInteger();
      Runnable die =
          () -> {
            if (asked.getAndIncrement() == last) {
              killed.kill();
            }
          };
      Probe target = killed.target;
      target.beforeRead = die;
      target.before = batch -> die.run();
      target.after = batch -> die.run();
      target.up();
      try {
        killed.store.replay(Duration.ofSeconds(10));
      } catch (MemoryStoreException | IllegalStateException dead) {
        assertThat(killed.disk.isOff()).isTrue();
      }
      assertThat(killed.disk.isOff()).as("killed in the middle of replay %d", kill).isTrue();
      killed(killed);
    }
    clean.check("never killed");
    killed.check("killed " + KILLS + " times");

    assertThat(content(killed.sourceStore)).isEqualTo(content(clean.sourceStore));
  }

  @Test
  void givenWriteThatFoundNothingToDo_whenAskedForAgainLater_thenTheTargetDoesNothingEither() {
    World world = new World(Stage.LIVE);
    DualWriteMemoryStore store = world.openCompared();
    Step recall = Step.of(50, Target.AWAY, new RecallMemory("a", AT));
    world.write(store, recall);
    world.store = store;
    killed(world);
    world.whenAsked =
        () -> {
          if (Thread.currentThread().getName().equals("dualwrite-drainer")) {
            throw StoreUnavailableException.notApplied(
                new Operation("probe", "ask", ""), "not before it is asked for again", null);
          }
        };
    try (DualWriteMemoryStore next = world.open()) {
      world.write(next, SCRIPT.get(0));

      assertThat(next.execute(recall.batch()).repeated()).isTrue();

      world.target.beforeRead = () -> {};
      world.target.before = batch -> {};
      world.target.after = batch -> {};
      assertThat(next.replay(Duration.ofSeconds(10))).isZero();
      assertThat(Trees.memory(next, "a").revision()).isEqualTo(1);
    }
  }

  @Test
  void givenWritesThatTheJournalCouldNotTake_whenKilled_thenTheStoresAreComparedAfterwards() {
    World world = new World(Stage.DUAL_WRITE);
    DualWriteMemoryStore store = world.open();
    assertThat(store.replay(Duration.ofSeconds(10))).isZero();
    world.disk.failAt(1, MemoryDisk.Fault.ENOSPC);

    world.write(store, Step.of(50, Target.AWAY, StoreMemory.of("a", AT, "a one")));
    world.store = store;
    killed(world);

    assertThat(world.acknowledged).hasSize(1);
    world.check("the journal was full");
  }

  @Test
  void givenTheSameFolder_whenTheScriptRunsInEveryStage_thenTheStoresHoldTheSame() {
    List<List<String>> contents = new ArrayList<>();
    for (Stage stage : List.of(Stage.DUAL_WRITE, Stage.SHADOW, Stage.LIVE, Stage.RAMP_DOWN)) {
      World world = new World(stage);
      world.run(SCRIPT);
      killed(world);
      world.check("no fault, " + stage);
      contents.add(content(world.targetStore));
    }
    assertThat(contents.stream().distinct()).hasSize(1);
  }
}

package io.agentmemory.dualwrite;

import static java.util.stream.Collectors.toMap;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Leaf;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.ScanRange;
import io.agentmemory.StoreInfo;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.Value;
import io.agentmemory.command.Batch;
import io.agentmemory.command.CountCoOccurrences;
import io.agentmemory.command.DecayCoOccurrences;
import io.agentmemory.command.DecayRule;
import io.agentmemory.command.DeleteRecords;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.MoveMemory;
import io.agentmemory.command.OrderRecords;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.dualwrite.BackfillReport.State;
import io.agentmemory.spi.ForwardingMemoryStore;
import io.agentmemory.testkit.FaultyMemoryStore;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BackfillTest {
  private final InMemoryMemoryStore source = Trees.store(Trees.records(1203));
  private final InMemoryMemoryStore target = new InMemoryMemoryStore("elsewhere");

  @Test
  void givenEveryKind_whenBackfilled_thenTargetHoldsTheSameAndTheCountsAddUp() {
    source.execute(new ForgetMemory("m00007", 0));
    source.execute(new MoveMemory("m00008", Tier.CORE));

    BackfillReport report = Backfill.builder(source, target).run();

    assertThat(report.state()).isEqualTo(State.COMPLETE);
    assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
    assertThat(report.kinds().get(Kind.MEMORY))
        .isEqualTo(new BackfillReport.Counts(1203, 1202, 0, 0, 0, 1, 0, 0, 0));
    assertThat(report.total().listed()).isEqualTo(1209).isEqualTo(report.expected());
  }

  @Test
  void givenTargetUpToDate_whenBackfilledAgain_thenAllIsUnchanged() {
    source.execute(new ForgetMemory("m00000", 0));
    Backfill.builder(source, target).run();
    List<String> before = Trees.dump(target);

    BackfillReport report = Backfill.builder(source, target).run();

    assertThat(report.total().unchanged()).isEqualTo(report.total().listed());
    assertThat(Trees.dump(target)).isEqualTo(before);
  }

  @Test
  void givenTargetThatMovedOn_whenBackfilled_thenWhatIsNewerStaysAndWhatIsOlderGoes() {
    Backfill.builder(source, target).run();
    target.execute(new MoveMemory("m00001", Tier.CORE));
    target.execute(new ForgetMemory("m00002", 0));
    source.execute(new MoveMemory("m00003", Tier.CORE));
    source.execute(new ForgetMemory("m00004", 0));

    BackfillReport report = Backfill.builder(source, target).run();

    assertThat(report.kinds().get(Kind.MEMORY))
        .isEqualTo(new BackfillReport.Counts(1203, 0, 1, 1199, 1, 2, 0, 0, 0));
    assertThat(Trees.memory(target, "m00001").revision()).isEqualTo(2);
    assertThat(Trees.memory(target, "m00002").isTombstone()).isTrue();
    assertThat(Trees.memory(target, "m00003").value()).isEqualTo(memory("m00003"));
    assertThat(Trees.memory(target, "m00004").isTombstone()).isTrue();
  }

  @Test
  void givenAWriteThatAddsToAListWhileItIsCopied_whenBackfilled_thenTheOrderIsThatOfTheSource() {
    MemoryRecord early = new CoOccurrence("m00000", "z-early", Value.of(1));
    MemoryRecord late = new CoOccurrence("m00000", "a-late", Value.of(1));
    Trees.put(source, List.of(early), 1);
    Probe probe = new Probe("probe", target);
    AtomicBoolean written = new AtomicBoolean();
    probe.before =
        batch -> {
          boolean copiesCounts =
              batch.commands().stream()
                  .anyMatch(
                      c -> c instanceof PutRecords puts && puts.toString().contains("z-early"));
          if (copiesCounts && written.compareAndSet(false, true)) {
            Trees.put(source, List.of(late), 1);
            Trees.put(target, List.of(late), 1);
          }
        };

    assertThat(Backfill.builder(source, probe).run().state()).isEqualTo(State.COMPLETE);

    assertThat(written).isTrue();
    assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 500})
  void givenOrdersOfCounts_whenBackfilledInChunks_thenTheTargetHasThem(int chunk) {
    Probe probe = new Probe("probe", target);
    List<MemoryRecord> counts = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      String to = "m" + (i * 17) % 40;
      counts.add(new Edge("x|" + to, Value.EMPTY_MAP));
      counts.add(new CoOccurrence("m0000" + (i % 4), to, Value.of(i < 20 ? 0.1 : 2)));
    }
    Trees.put(source, counts, 1);
    Backfill.builder(source, probe).chunkRecords(chunk).run();
    assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));

    // some fade, come back and stand at the end; the target has one that the source has not
    source.execute(new DecayCoOccurrences(List.of(), "2026-02-10", DecayRule.DRIFT));
    source.execute(new CountCoOccurrences(List.of("m00002", "m17", "m00001", "m0", "new")));
    source.execute(OrderRecords.ofEdges(List.of("x|m30", "x|m4")));
    Trees.put(source, List.of(new Edge("a|new", Value.EMPTY_MAP)), 1);
    Trees.put(target, List.of(new CoOccurrence("m00002", "extra", Value.of(1))), 1);
    Trees.put(target, List.of(new Edge("extra", Value.EMPTY_MAP)), 1);
    Backfill.builder(source, probe).chunkRecords(chunk).run();
    Trees.put(source, List.of(new CoOccurrence("m00002", "extra", Value.of(1))), 1);
    Trees.put(source, List.of(new Edge("extra", Value.EMPTY_MAP)), 1);
    assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));

    // a change of nothing but an order
    source.execute(OrderRecords.ofEdges(List.of("x|m39", "a|new", "x|m3")));
    source.execute(OrderRecords.ofCounts("m00001", List.of("m34", "new", "m00002")));
    assertThat(Backfill.builder(source, probe).chunkRecords(chunk).run().total())
        .satisfies(total -> assertThat(total.unchanged()).isEqualTo(total.listed()));
    assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));

    List<String> verbs = new ArrayList<>();
    probe.before = batch -> verbs.add(batch.verb());
    Backfill.builder(source, probe).chunkRecords(chunk).run();
    assertThat(verbs).isEmpty();
  }

  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private Object memory(String id) {
    return source.read(Kind.MEMORY, Key.of(id)).orElseThrow().live().orElseThrow();
  }

  private Backfill.Builder small(MemoryStore target) {
    return Backfill.builder(source, target).chunkRecords(100).wait(duration -> true);
  }

  @Nested
  class Interruptions {
    /** 1,203 memories in chunks of 100, and one chunk for each of the six other kinds. */
    private static final int CHUNKS = 13 + 6;

    @Test
    void givenKillAtAnyChunk_whenRunAgain_thenEqualToACleanRunAndOnlyTheRestIsSent() {
      source.execute(new ForgetMemory("m00007", 0));
      for (int kill = 0; kill < CHUNKS; kill++) {
        for (boolean applied : List.of(false, true)) {
          InMemoryMemoryStore target = new InMemoryMemoryStore("elsewhere");
          Probe killed = new Probe("killed", target);
          AtomicInteger chunks = new AtomicInteger();
          int last = kill;
          Consumer<Batch> dies =
              batch -> {
                if (chunks.getAndIncrement() == last) {
                  throw new Killed();
                }
              };
          if (applied) {
            killed.after = dies;
          } else {
            killed.before = dies;
          }
          assertThatExceptionOfType(Killed.class).isThrownBy(() -> small(killed).run());

          BackfillReport again = small(target).run();

          assertThat(again.state()).as("chunk %s", kill).isEqualTo(State.COMPLETE);
          assertThat(Trees.dump(target)).as("chunk %s", kill).isEqualTo(Trees.dump(source));
          int done = kill + (applied ? 1 : 0);
          assertThat(again.total().unchanged())
              .as("unchanged after %s chunks", done)
              .isEqualTo(done <= 12 ? done * 100L : 1203 + done - 13);
        }
      }
    }

    @Test
    void givenCancel_whenRunning_thenItStopsAtTheEdgeOfAChunkAndARerunGoesOn() {
      Backfill[] backfill = new Backfill[1];
      backfill[0] =
          small(target)
              .onProgress(
                  report -> {
                    if (report.total().listed() == 300) {
                      backfill[0].cancel();
                    }
                  })
              .build();

      BackfillReport report = backfill[0].run();

      assertThat(report.state()).isEqualTo(State.CANCELLED);
      assertThat(report.total().listed()).isEqualTo(300).isEqualTo(report.total().inserted());
      assertThat(small(target).run().total().unchanged()).isEqualTo(300);
      assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
    }

    @Test
    void givenCancel_whenTheFilesAreReported_thenItStopsThereAndARerunReportsThem() {
      List<Leaf> known = new ArrayList<>();
      try (Stream<Leaf> leaves = source.leaves()) {
        leaves.forEach(l -> known.add(new Leaf(l.id(), l.file(), l.state(), "a".repeat(64), true)));
      }
      Backfill[] backfill = new Backfill[1];
      MemoryStore told =
          new ForwardingMemoryStore(source) {
            @Override
            public Stream<Leaf> leaves() {
              return known.stream().peek(leaf -> backfill[0].cancel());
            }
          };
      backfill[0] = Backfill.builder(told, target).build();

      assertThat(backfill[0].run().state()).isEqualTo(State.CANCELLED);
      assertThat(knownLeaves()).isZero();
      backfill[0] = Backfill.builder(source, target).build(); // cancels nothing any more
      assertThat(Backfill.builder(told, target).run().state()).isEqualTo(State.COMPLETE);
      assertThat(knownLeaves()).isEqualTo(known.size());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void givenCancelOrInterrupt_whenOrderedAgain_thenItStopsAtTheEdgeOfAChunk(boolean interrupt) {
      Trees.put(
          source,
          Stream.of("b", "c", "d", "e")
              .map(id -> new CoOccurrence("m00000", id, Value.of(1)))
              .toList(),
          1);
      Probe probe = new Probe("probe", target);
      Backfill[] backfill = new Backfill[1];
      AtomicInteger again = new AtomicInteger();
      backfill[0] =
          Backfill.builder(source, probe)
              .chunkRecords(2)
              .onProgress(
                  report -> {
                    if (report.total().listed() == 1213 && again.getAndIncrement() == 1) {
                      stop(backfill[0], interrupt);
                    }
                  })
              .build();

      BackfillReport report = backfill[0].run();

      assertThat(Thread.interrupted()).isEqualTo(interrupt);
      assertThat(report.state()).isEqualTo(State.CANCELLED);
      assertThat(again).as("told once at the end of the list, and once more").hasValue(2);
      assertThat(report.total().conserved()).isTrue();
    }

    private void stop(Backfill backfill, boolean interrupt) {
      if (interrupt) {
        Thread.currentThread().interrupt();
      } else {
        backfill.cancel();
      }
    }

    private long knownLeaves() {
      try (Stream<Leaf> leaves = target.leaves()) {
        return leaves.filter(leaf -> leaf.hash().isPresent()).count();
      }
    }

    @Test
    void givenInterrupt_whenRunning_thenItStopsAndTheInterruptIsKept() {
      BackfillReport report =
          small(target).onProgress(r -> Thread.currentThread().interrupt()).run();

      assertThat(Thread.interrupted()).isTrue();
      assertThat(report.state()).isEqualTo(State.CANCELLED);
      assertThat(report.total().listed()).isEqualTo(100);
    }

    @Test
    void givenTargetAwayForAMoment_whenRunning_thenItIsTriedAgain() {
      FaultyMemoryStore faulty = new FaultyMemoryStore(target);
      faulty.failNextWrite(away());
      faulty.failNextWrite(away());
      faulty.failNextRead(away());
      List<Duration> waits = new ArrayList<>();

      BackfillReport report =
          small(faulty)
              .wait(
                  duration -> {
                    synchronized (waits) {
                      return waits.add(duration);
                    }
                  })
              .run();

      assertThat(report.state()).isEqualTo(State.COMPLETE);
      assertThat(waits)
          .containsExactlyInAnyOrder(
              Duration.ofMillis(200), Duration.ofMillis(200), Duration.ofSeconds(1));
      assertThat(report.total().inserted()).isEqualTo(1209);
      assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
    }

    @Test
    void givenAnswersThatGetLost_whenRunning_thenTheCountsAreRightAllTheSame() {
      Trees.put(target, List.of(Trees.memory("m00001", "newer")), 9);
      Probe losing = new Probe("losing", target);
      Set<OpId> lost = new HashSet<>();
      losing.after =
          batch -> {
            if (lost.add(batch.opId())) {
              throw Probe.unknown(batch.opId());
            }
          };

      BackfillReport report = small(losing).run();

      assertThat(report.state()).isEqualTo(State.COMPLETE);
      assertThat(report.kinds().get(Kind.MEMORY))
          .isEqualTo(new BackfillReport.Counts(1203, 1202, 0, 0, 1, 0, 0, 0, 0));
    }

    @Test
    void givenTargetThatStaysAway_whenRunning_thenIncompleteWithTheReason() {
      FaultyMemoryStore faulty = new FaultyMemoryStore(target);

      BackfillReport report = small(faulty).onProgress(r -> faulty.down(() -> away())).run();

      assertThat(report.state()).isEqualTo(State.INCOMPLETE);
      assertThat(report.failure()).containsInstanceOf(StoreUnavailableException.class);
      assertThat(report.total().inserted()).isEqualTo(100);
      assertThat(report.total().listed()).isEqualTo(100 + report.total().failed());
      faulty.up();
      assertThat(small(faulty).run().state()).isEqualTo(State.COMPLETE);
    }

    @Test
    void givenSourceThatIsAway_whenRun_thenIncompleteWithTheReason() {
      FaultyMemoryStore faulty = new FaultyMemoryStore(source);
      faulty.down(() -> away());

      BackfillReport report = Backfill.builder(faulty, target).wait(duration -> true).run();

      assertThat(report.state()).isEqualTo(State.INCOMPLETE);
      assertThat(report.failure()).containsInstanceOf(StoreUnavailableException.class);
    }

    @Test
    void givenScanThatBreaksOff_whenRunning_thenItGoesOnWhereItWas() {
      AtomicInteger broken = new AtomicInteger();
      MemoryStore breaking =
          new ForwardingMemoryStore(source) {
            @Override
            public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
              AtomicInteger records = new AtomicInteger();
              return super.scan(kind, range)
                  .peek(
                      record -> {
                        if (records.incrementAndGet() == 350 && broken.incrementAndGet() <= 3) {
                          throw away();
                        }
                      });
            }
          };

      BackfillReport report =
          Backfill.builder(breaking, target).chunkRecords(100).wait(duration -> true).run();

      assertThat(broken.get()).isGreaterThanOrEqualTo(3);
      assertThat(report.state()).isEqualTo(State.COMPLETE);
      assertThat(report.total().listed()).isEqualTo(1209);
      assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
    }

    @Test
    void givenTargetWithADefect_whenRunning_thenIncompleteAndNoWait() {
      FaultyMemoryStore faulty = new FaultyMemoryStore(target);
      faulty.failNextWrite(
          new UncategorizedStoreException(new Operation("probe", "ask", ""), "a defect", null));

      BackfillReport report =
          small(faulty)
              .wait(
                  duration -> {
                    throw new AssertionError("nothing to wait for");
                  })
              .run();

      assertThat(report.state()).isEqualTo(State.INCOMPLETE);
      assertThat(report.failure()).containsInstanceOf(UncategorizedStoreException.class);
    }

    private static StoreUnavailableException away() {
      return StoreUnavailableException.notApplied(new Operation("probe", "ask", ""), "away", null);
    }
  }

  @Nested
  class Accounts {
    @Test
    void givenRecordsTheTargetRefuses_whenRun_thenTheyAreSetAsideAndTheOthersGetThrough() {
      Probe picky = new Probe("picky", target);
      picky.before =
          batch -> {
            for (Key key : batch.needs().keys().getOrDefault(Kind.MEMORY, Set.of())) {
              if (key.part(0).endsWith("77")) {
                throw new InvalidMemoryException(
                    new Operation("picky", batch.verb(), batch.subject()), "content", "is no good");
              }
            }
          };

      BackfillReport report = small(picky).run();

      assertThat(report.state()).isEqualTo(State.COMPLETE);
      assertThat(report.kinds().get(Kind.MEMORY))
          .isEqualTo(new BackfillReport.Counts(1203, 1191, 0, 0, 0, 0, 12, 0, 0));
      assertThat(report.setAside()).hasSize(12);
      assertThat(report.setAside().get(0))
          .isEqualTo(
              new StoreInfo.SetAside(
                  "memory:m00077", "picky.putRecords(memory:m00077): content is no good"));
    }

    @Test
    void givenWhatTheSourceCannotRead_whenRun_thenItIsListedAndSetAside() {
      StoreInfo.SetAside file = new StoreInfo.SetAside("active/x.md:3", "no YAML");
      MemoryStore damaged =
          new ForwardingMemoryStore(source) {
            @Override
            public StoreInfo info() {
              StoreInfo info = super.info();
              return new StoreInfo(
                  info.type(),
                  info.namespace(),
                  info.version(),
                  info.kinds(),
                  info.tombstones(),
                  List.of(file),
                  info.files(),
                  info.health());
            }
          };

      BackfillReport report = Backfill.builder(damaged, target).run();

      assertThat(report.state()).isEqualTo(State.COMPLETE);
      assertThat(report.setAside()).containsExactly(file);
      assertThat(report.total().listed()).isEqualTo(1210);
      assertThat(report.total().setAside()).isEqualTo(1);
      assertThat(report.total().conserved()).isTrue();
      VerifyReport verified = Verifier.builder(damaged, target).run();
      assertThat(verified.equal()).isTrue();
      assertThat(verified.complete()).as("something was not compared").isFalse();
    }

    @Test
    void givenSameRevisionWithOtherContent_whenRun_thenOnlyACopyIsOverwritten() {
      InMemoryMemoryStore source =
          Trees.store(List.of(Trees.memory("a", "1"), Trees.memory("b", "1")));
      source.execute(
          new DeleteRecords(List.of(new DeleteRecords.Delete(Kind.MEMORY, Key.of("c"), 1))));
      Trees.put(target, List.of(Trees.memory("a", "2"), Trees.memory("c", "2")), 1);
      target.execute(
          new Batch(
              OpId.copy(),
              List.of(new PutRecords(List.of(new PutRecords.Put(Trees.memory("b", "2"), 1))))));
      BackfillReport dry = Backfill.builder(source, target).dryRun().run();

      BackfillReport report = Backfill.builder(source, target).run();

      assertThat(report.state()).isEqualTo(State.INCOMPLETE);
      assertThat(report.total()).isEqualTo(dry.total());
      assertThat(report.total()).isEqualTo(new BackfillReport.Counts(3, 0, 1, 0, 0, 0, 0, 2, 0));
      assertThat(report.different())
          .extracting(Difference::key)
          .containsExactlyInAnyOrder(Key.of("a"), Key.of("c"));
      assertThat(Trees.memory(target, "b").live().orElseThrow().content()).isEqualTo("1");
    }

    @Test
    void givenDryRun_whenRun_thenNothingChangesAndTheCountsAreThoseOfTheRun() {
      Backfill.builder(source, target).run();
      target.execute(new MoveMemory("m00001", Tier.CORE));
      target.execute(new ForgetMemory("m00002", 0));
      source.execute(new MoveMemory("m00003", Tier.CORE));
      source.execute(new ForgetMemory("m00004", 0));
      source.execute(StoreMemory.of("n", "2026-02-10T11:52:05+00:00", "new"));
      List<String> before = Trees.dump(target);

      BackfillReport dry = Backfill.builder(source, target).dryRun().run();

      assertThat(dry.dryRun()).isTrue();
      assertThat(Trees.dump(target)).isEqualTo(before);
      assertThat(Backfill.builder(source, target).run().kinds()).isEqualTo(dry.kinds());
    }

    @Test
    void givenProgress_whenRun_thenToldAfterEveryChunk() {
      List<Long> listed = new ArrayList<>();

      small(target).onProgress(report -> listed.add(report.total().listed())).run();

      int orderedAgain = 2; // counts and edges
      assertThat(listed).hasSize(13 + 6 + orderedAgain).isSorted().startsWith(100L, 200L);
      assertThat(listed).endsWith(1209L, 1209L);
    }

    @Test
    void givenRate_whenRun_thenItWaitsAsLongAsThatTakes() {
      List<Duration> waits = new ArrayList<>();

      small(target).recordsPerSecond(10).wait(waits::add).run();

      assertThat(waits).hasSize(19 + 2); // what is ordered again is listed again
      assertThat(waits.get(18)).isBetween(Duration.ofSeconds(90), Duration.ofSeconds(121));
      assertThat(waits.get(20)).isGreaterThan(waits.get(18));
    }
  }

  @Nested
  class Races {
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
    void givenWritesAndDeletesBetweenChunks_whenDone_thenBothStoresAreEqual(long seed) {
      Random random = new Random(seed);
      InMemoryMemoryStore source = Trees.store(Trees.records(60));
      try (DualWriteMemoryStore store =
          DualWriteMemoryStore.builder(source, target).stage(Stage.DUAL_WRITE).build()) {
        AtomicInteger made = new AtomicInteger();

        BackfillReport report =
            Backfill.builder(source, target)
                .chunkRecords(3)
                .onProgress(r -> writeSomething(store, random, made))
                .run();
        assertThat(store.drain(Duration.ofSeconds(10))).isTrue();

        assertThat(report.state()).as("seed %s: %s", seed, report).isEqualTo(State.COMPLETE);
        assertThat(store.lagging()).as("seed %s", seed).isEmpty();
        assertThat(Trees.dump(target)).as("seed %s", seed).isEqualTo(Trees.dump(source));
      }
    }

    private void writeSomething(MemoryStore store, Random random, AtomicInteger made) {
      String at = "2026-02-10T11:52:05+00:00";
      for (int i = 0; i < 4; i++) {
        String id = String.format("m%05d", random.nextInt(60));
        switch (random.nextInt(6)) {
          case 0 -> store.memories().forget(id);
          case 1 -> store.execute(new RecallMemory(id, at));
          case 2 ->
              store.execute(
                  StoreMemory.of("n" + made.getAndIncrement(), at, "new")
                      .withCausedBy(List.of(id)));
          case 3 -> store.memories().forget("n" + random.nextInt(1 + made.get()));
          case 4 ->
              store.execute(new PutEmbedding(Embedding.of("text", id, random.nextFloat(), 1)));
          default -> {
            if (store.memories().findById(id).isPresent()) {
              store.execute(UpdateMemory.of(id).content("updated " + random.nextInt()));
            }
          }
        }
      }
    }

    @Test
    void givenWritersAllTheTime_whenDone_thenBothStoresAreEqual() throws Exception {
      try (DualWriteMemoryStore store =
          DualWriteMemoryStore.builder(source, target).stage(Stage.DUAL_WRITE).build()) {
        AtomicBoolean stop = new AtomicBoolean();
        AtomicInteger made = new AtomicInteger();
        List<Thread> writers = new ArrayList<>();
        for (int w = 0; w < 4; w++) {
          Random random = new Random(w);
          Thread writer =
              new Thread(
                  () -> {
                    while (!stop.get()) {
                      try {
                        writeSomething(store, random, made);
                      } catch (MemoryConflictException another) {
                        // another writer forgot it a moment ago
                      }
                    }
                  });
          writer.start();
          writers.add(writer);
        }
        BackfillReport report = Backfill.builder(source, target).chunkRecords(20).run();
        stop.set(true);
        for (Thread writer : writers) {
          writer.join(10_000);
        }
        assertThat(store.drain(Duration.ofSeconds(10))).isTrue();

        assertThat(report.state()).isEqualTo(State.COMPLETE);
        assertThat(report.setAside()).isEmpty();
        assertThat(store.lagging()).isEmpty();
        assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
      }
    }

    @Test
    void givenRecordWhoseContainerCameTooLate_whenRun_thenItComesAlong() {
      MemoryStore late =
          new ForwardingMemoryStore(source) {
            @Override
            public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
              if (kind.equals(Kind.CO_OCCURRENCE)) { // the memories were listed by now
                Trees.put(
                    source,
                    List.of(Trees.memory("a", "late"), new CoOccurrence("a", "b", Value.of(1))),
                    1);
              }
              return super.scan(kind, range);
            }
          };

      BackfillReport report = Backfill.builder(late, target).run();

      assertThat(report.state()).isEqualTo(State.COMPLETE);
      assertThat(report.total().setAside()).isZero();
      assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
    }
  }

  /** Two memories may not have the same file, and the target has them as they were before. */
  @Nested
  class FileNames {
    private final InMemoryMemoryStore source = new InMemoryMemoryStore("test");
    private final Map<String, Long> revisions = new HashMap<>();

    /** Gives memories the files of these names, all at once; makes those that are not there. */
    private void name(Map<String, String> names) {
      List<PutRecords.Put> puts = new ArrayList<>();
      names.forEach(
          (id, file) ->
              puts.add(
                  new PutRecords.Put(
                      named(id, file + ".md"), revisions.merge(id, 1L, (a, b) -> a + b))));
      source.execute(new PutRecords(puts));
    }

    private Memory named(String id, String file) {
      Memory memory = Trees.memory(id, "content of " + id);
      return new Memory(id, Tier.ACTIVE, file, memory.content(), memory.frontMatter());
    }

    private void nameAsTheyAre(String... ids) {
      name(Stream.of(ids).collect(toMap(id -> id, id -> id)));
    }

    private BackfillReport copy(int chunk) {
      return Backfill.builder(source, target).chunkRecords(chunk).run();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 500})
    void givenFilesThatWereRenamed_whenCopiedAgain_thenTheTargetIsAsTheSource(int chunk) {
      nameAsTheyAre("a", "b", "c", "d", "e", "f", "g", "h", "k", "l", "m", "x", "y", "z");
      copy(chunk);
      source.execute(new ForgetMemory("z", 0));
      Map<String, String> names = new HashMap<>();
      names.putAll(Map.of("a", "y", "y", "elsewhere")); // of one that is renamed later
      names.putAll(Map.of("b", "z")); // of one that is deleted
      names.putAll(Map.of("c", "x", "x", "c")); // each of the other
      names.putAll(Map.of("k", "l", "l", "m", "m", "k"));
      names.putAll(Map.of("d", "e", "e", "f", "f", "g", "g", "new")); // one after the other
      names.putAll(Map.of("0", "h", "h", "1", "1", "a")); // of those that the target never had
      name(names);
      Trees.put(
          source,
          List.of(
              new CoOccurrence("0", "z", Value.of(1)),
              new CoOccurrence("0", "a", Value.of(2)),
              new CoOccurrence("h", "a", Value.of(2))),
          1);

      BackfillReport report = copy(chunk);

      assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
      assertThat(report.state()).isEqualTo(State.COMPLETE);
      assertThat(report.setAside()).isEmpty();
      assertThat(report.kinds().get(Kind.MEMORY))
          .isEqualTo(new BackfillReport.Counts(16, 2, 13, 0, 0, 1, 0, 0, 0));
      assertThat(report.kinds().get(Kind.CO_OCCURRENCE))
          .isEqualTo(new BackfillReport.Counts(3, 3, 0, 0, 0, 0, 0, 0, 0));
      assertThat(copy(chunk).total().unchanged()).isEqualTo(report.total().listed());
    }

    @Test
    void givenManyThatTakeTheNameOfTheNext_whenCopiedAgain_thenEachIsTriedAgainOnce() {
      List<String> ids = IntStream.range(0, 60).mapToObj(i -> String.format("m%02d", i)).toList();
      name(ids.stream().collect(toMap(id -> id, id -> id)));
      copy(5);
      Map<String, String> names = new HashMap<>();
      for (int i = 0; i < 60; i++) {
        boolean ends = i % 20 == 19;
        names.put(ids.get(i), ends && i == 59 ? ids.get(40) : ends ? "end" + i : ids.get(i + 1));
      }
      name(names);
      Probe probe = new Probe("probe", target);
      AtomicInteger sent = new AtomicInteger();
      probe.before =
          batch -> sent.addAndGet(batch.needs().keys().getOrDefault(Kind.MEMORY, Set.of()).size());

      Backfill.builder(source, probe).chunkRecords(1).run();

      assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
      assertThat(sent).as("memories sent").hasValue(60 + 58);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 500})
    void givenNameOfWhatOnlyTheTargetHas_whenCopied_thenThatIsSetAsideAndOthersAreNot(int chunk) {
      nameAsTheyAre("a", "b", "c", "k", "l", "m");
      copy(chunk);
      target.execute(StoreMemory.of("other", "2026-02-10T11:52:05+00:00", "not theirs"));
      String file = Trees.memory(target, "other").live().orElseThrow().fileName();
      Map<String, String> names = new HashMap<>(Map.of("k", "l", "l", "m", "m", "k")); // around
      names.putAll(Map.of("a", "b", "b", file.replace(".md", ""), "c", "a", "d", "c"));
      name(names);
      Trees.put(source, List.of(new CoOccurrence("a", "d", Value.of(1))), 1);

      for (int run = 0; run < 2; run++) {
        BackfillReport report = copy(chunk);

        assertThat(report.state()).isEqualTo(State.COMPLETE);
        assertThat(report.setAside())
            .extracting(StoreInfo.SetAside::location)
            .containsExactlyInAnyOrder("memory:a", "memory:b", "memory:c", "memory:d");
        assertThat(report.setAside())
            .filteredOn(aside -> aside.location().equals("memory:b"))
            .extracting(StoreInfo.SetAside::reason)
            .containsExactly(
                "memory.putRecords(memory:b): the file name of memory b is taken by memory other");
        assertThat(report.setAside().toString()).doesNotContain("content of");
      }
      target.execute(new ForgetMemory("other", 0));
      assertThat(copy(chunk).setAside()).isEmpty();
      assertThat(copy(chunk).kinds().get(Kind.MEMORY))
          .isEqualTo(new BackfillReport.Counts(7, 0, 0, 7, 0, 0, 0, 0, 0));
    }

    @Test
    void givenRefusedForWhatIsCopiedLater_whenCopied_thenItIsTriedAgainForAsLongAsThatHelps() {
      nameAsTheyAre("a", "b", "c", "d");
      Probe picky = new Probe("picky", target);
      picky.before =
          batch -> {
            Set<Key> keys = batch.needs().keys().getOrDefault(Kind.MEMORY, Set.of());
            for (String[] needs : new String[][] {{"a", "b"}, {"b", "c"}, {"c", "d"}}) {
              if (keys.contains(Key.of(needs[0]))
                  && target.read(Kind.MEMORY, Key.of(needs[1])).isEmpty()) {
                throw new InvalidMemoryException(
                    new Operation("picky", batch.verb(), batch.subject()), "content", "is too new");
              }
            }
          };

      BackfillReport report = Backfill.builder(source, picky).run();

      assertThat(report.setAside()).isEmpty();
      assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
    }

    @Test
    void givenCancel_whenTheRefusedAreTriedAgain_thenItStopsThere() {
      nameAsTheyAre("a", "b", "c", "d");
      copy(1);
      name(Map.of("a", "b", "b", "a", "c", "d", "d", "c"));
      Backfill[] backfill = new Backfill[1];
      Probe probe = new Probe("probe", target);
      probe.after = batch -> backfill[0].cancel();
      backfill[0] = Backfill.builder(source, probe).chunkRecords(1).build();

      BackfillReport report = backfill[0].run();

      assertThat(report.state()).isEqualTo(State.CANCELLED);
      assertThat(report.total().updated()).isEqualTo(2);
      assertThat(copy(1).total().updated()).isEqualTo(2);
      assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
    }

    @Test
    void givenOneThatIsGoneWhenTriedAgain_whenCopied_thenItIsSetAside() {
      nameAsTheyAre("a", "b");
      copy(1);
      name(Map.of("a", "b", "b", "a"));
      AtomicInteger reads = new AtomicInteger();
      MemoryStore losing =
          new ForwardingMemoryStore(source) {
            @Override
            public <T extends MemoryRecord> List<Stored<T>> readAll(Kind<T> kind, List<Key> keys) {
              reads.incrementAndGet();
              return List.of();
            }
          };

      BackfillReport report = Backfill.builder(losing, target).chunkRecords(1).run();

      assertThat(reads.get()).isPositive();
      assertThat(report.state()).isEqualTo(State.COMPLETE);
      assertThat(report.setAside())
          .extracting(StoreInfo.SetAside::reason)
          .containsOnly("the source does not have it any more");
    }
  }
}

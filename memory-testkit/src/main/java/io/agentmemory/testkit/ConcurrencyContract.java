package io.agentmemory.testkit;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryQuery;
import io.agentmemory.OpId;
import io.agentmemory.PendingCoOccurrence;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.AppendRecord;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.DefineSpace;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.SessionRule;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What holds when many threads use one store. */
abstract class ConcurrencyContract extends VerbsContract {
  private static final int THREADS = 8;
  private static final int ROUNDS = 25;

  private interface Task {
    void run(int thread) throws Exception;
  }

  /** Runs the task on eight threads that start together; fails with the first failure of one. */
  private void together(Task task) throws Exception {
    leaveReference();
    ExecutorService pool = Executors.newFixedThreadPool(THREADS);
    try {
      CountDownLatch ready = new CountDownLatch(THREADS);
      List<Future<?>> futures = new ArrayList<>();
      for (int i = 0; i < THREADS; i++) {
        int thread = i;
        futures.add(
            pool.submit(
                () -> {
                  ready.countDown();
                  ready.await();
                  task.run(thread);
                  return null;
                }));
      }
      for (Future<?> future : futures) {
        future.get(120, TimeUnit.SECONDS);
      }
    } finally {
      pool.shutdownNow();
    }
  }

  @Nested
  class Concurrency {
    @Test
    void givenEightThreads_whenOneMemoryIsRecalled_thenEveryRecallCounts() throws Exception {
      run(put(record("m", "emotional_weight", 0.0), 1));
      Set<Long> revisions = Collections.synchronizedSet(new HashSet<>());

      together(
          thread -> {
            for (int i = 0; i < ROUNDS; i++) {
              Outcome outcome = store.execute(new RecallMemory("m", AT));
              revisions.add(outcome.changes().get(0).after().revision());
            }
          });

      assertThat(memory("m").recallCount()).isEqualTo(THREADS * ROUNDS);
      assertThat(revision("m")).isEqualTo(1 + THREADS * ROUNDS);
      assertThat(revisions).as("each recall its own revision").hasSize(THREADS * ROUNDS);
    }

    @Test
    void givenEightThreads_whenAnyMemoriesAreRecalled_thenNoneOfItIsLost() throws Exception {
      int memories = 12;
      for (int i = 0; i < memories; i++) {
        run(put(record("m" + i), 1));
      }
      Map<String, AtomicInteger> recalls = new ConcurrentHashMap<>();

      together(
          thread -> {
            Random random = new Random(thread);
            for (int i = 0; i < ROUNDS; i++) {
              String id = "m" + random.nextInt(memories);
              String source = thread % 2 == 0 ? "manual" : "start_priming";
              store.execute(new RecallMemory(id, AT, source, SessionRule.DRIFT));
              recalls.computeIfAbsent(id, any -> new AtomicInteger()).incrementAndGet();
            }
          });

      recalls.forEach(
          (id, count) -> assertThat(memory(id).recallCount()).as(id).isEqualTo(count.get()));
      assertThat(live(Kind.SESSION, "current").retrieved())
          .containsExactlyInAnyOrderElementsOf(recalls.keySet());
      assertThat(stored(Kind.SESSION, "current").revision()).isLessThanOrEqualTo(THREADS * ROUNDS);
    }

    @Test
    void givenEightThreads_whenSessionsEndWhileOthersRecall_thenEachRecallIsInOne()
        throws Exception {
      AtomicInteger ended = new AtomicInteger();

      together(
          thread -> {
            for (int i = 0; i < ROUNDS; i++) {
              if (thread < 2) {
                ended.addAndGet(store.sessions().savePending("agent"));
              } else {
                store.sessions().register(List.of("m" + thread + "-" + i));
              }
            }
          });

      assertThat(ended.get() + store.sessions().retrieved().size())
          .isEqualTo((THREADS - 2) * ROUNDS);
      assertThat(
              store.read(Kind.PENDING_CO_OCCURRENCE, PendingCoOccurrence.KEY).stream()
                  .flatMap(stored -> stored.live().stream())
                  .flatMap(pending -> pending.sessions().stream())
                  .mapToInt(session -> Value.textsOf(session.get("retrieved")).size())
                  .sum())
          .isEqualTo(ended.get());
    }

    @Test
    void givenEightThreads_whenEachStores_thenAllOfItIsThere() throws Exception {
      run(new DefineSpace(VectorSpace.of("text", "model", 1)));

      together(
          thread -> {
            for (int i = 0; i < ROUNDS; i++) {
              String id = "m" + thread + "-" + i;
              store.execute(
                  Batch.of(
                      List.of(
                          StoreMemory.of(id, AT, "text").withTags(List.of("t" + thread)),
                          new PutEmbedding(vector("text", id, i + 1)))));
              assertThat(store.memories().findById(id)).isPresent();
            }
          });

      assertThat(store.count(MemoryQuery.all())).isEqualTo(THREADS * ROUNDS);
      assertThat(store.count(MemoryQuery.all().tag("t3"))).isEqualTo(ROUNDS);
      assertThat(store.info().kinds().get(Kind.EMBEDDING)).isEqualTo(THREADS * ROUNDS);
    }

    @Test
    void givenEightThreads_whenAllTakeOneId_thenOneGetsIt() throws Exception {
      AtomicInteger stored = new AtomicInteger();
      AtomicInteger conflicts = new AtomicInteger();

      together(
          thread -> {
            for (int i = 0; i < ROUNDS; i++) {
              try {
                store.execute(StoreMemory.of("m" + i, AT, "by " + thread));
                stored.incrementAndGet();
              } catch (MemoryConflictException taken) {
                conflicts.incrementAndGet();
              }
            }
          });

      assertThat(stored.get()).isEqualTo(ROUNDS);
      assertThat(conflicts.get()).isEqualTo((THREADS - 1) * ROUNDS);
    }

    @Test
    void givenEightThreads_whenAllUpdateOneRevision_thenOneOfThemDoes() throws Exception {
      run(StoreMemory.of("m", AT, "x"));
      AtomicInteger updated = new AtomicInteger();

      together(
          thread -> {
            for (int i = 0; i < ROUNDS; i++) {
              try {
                store.execute(
                    UpdateMemory.of("m")
                        .content(thread + " at " + i)
                        .ifRevision(OptionalLong.of(1 + updated.get())));
                updated.incrementAndGet();
              } catch (MemoryConflictException moved) {
                assertThat(moved.actualRevision()).isGreaterThan(0);
              }
            }
          });

      assertThat(revision("m")).isEqualTo(1 + updated.get());
    }

    @Test
    void givenBatchesOverTheSameRecordsInAnyOrder_whenRunTogether_thenNoneIsLost()
        throws Exception {
      List<Command> recalls = new ArrayList<>();
      for (int i = 0; i < 10; i++) {
        run(put(record("m" + i), 1));
        recalls.add(new RecallMemory("m" + i, AT));
      }

      together(
          thread -> {
            Random random = new Random(thread);
            for (int i = 0; i < 10; i++) {
              List<Command> shuffled = new ArrayList<>(recalls);
              Collections.shuffle(shuffled, random);
              store.execute(Batch.of(shuffled));
            }
          });

      for (int i = 0; i < 10; i++) {
        assertThat(memory("m" + i).recallCount()).as("m%s", i).isEqualTo(THREADS * 10);
      }
    }

    @Test
    void givenOneBatch_whenEightThreadsRunIt_thenItTakesEffectOnce() throws Exception {
      run(put(record("m"), 1));
      AtomicInteger first = new AtomicInteger();
      List<Batch> batches = new ArrayList<>();
      for (int i = 0; i < ROUNDS; i++) {
        batches.add(new Batch(OpId.random(), List.of(new RecallMemory("m", AT))));
      }

      together(
          thread -> {
            for (Batch batch : batches) {
              if (!store.execute(batch).repeated()) {
                first.incrementAndGet();
              }
            }
          });

      assertThat(first.get()).isEqualTo(ROUNDS);
      assertThat(memory("m").recallCount()).isEqualTo(ROUNDS);
    }

    @Test
    void givenShuffledStates_whenEightThreadsPutThem_thenTheHighestWins() throws Exception {
      together(
          thread -> {
            List<Integer> revisions = new ArrayList<>();
            for (int i = 0; i < ROUNDS; i++) {
              revisions.add(1 + i * THREADS + thread);
            }
            Collections.shuffle(revisions, new Random(thread));
            for (int revision : revisions) {
              store.execute(put(record("m").withContent("r" + revision), revision));
            }
          });

      assertThat(revision("m")).isEqualTo(THREADS * ROUNDS);
      assertThat(memory("m").content()).isEqualTo("r" + THREADS * ROUNDS);
    }

    @Test
    void givenCausesStoredTogether_whenTheyShareOne_thenItLeadsToAllOfThem() throws Exception {
      run(put(record("cause", "leads_to", List.of()), 1));

      together(
          thread -> {
            for (int i = 0; i < 5; i++) {
              store.execute(
                  StoreMemory.of("m" + thread + "-" + i, AT, "x").withCausedBy(List.of("cause")));
            }
          });

      assertThat(memory("cause").leadsTo()).hasSize(THREADS * 5).doesNotHaveDuplicates();
    }

    @Test
    void givenEightThreads_whenEachAppends_thenNoneIsLostAndOnlyTheLastAreKept() throws Exception {
      together(
          thread -> {
            for (int i = 0; i < ROUNDS; i++) {
              Value.Map members = members("thread", thread, "i", i);
              store.execute(
                  new AppendRecord(Kind.FINGERPRINT, List.of(), members, AppendRecord.ALL));
              store.execute(new AppendRecord(Kind.VITALS, List.of(), members, 10));
            }
          });

      List<Value.Map> all = items(Kind.FINGERPRINT);
      assertThat(all).hasSize(THREADS * ROUNDS).doesNotHaveDuplicates();
      for (int thread = 0; thread < THREADS; thread++) {
        Value which = Value.of((long) thread);
        assertThat(all.stream().filter(item -> which.equals(item.get("thread"))))
            .as("in the order in which thread %s appended them", thread)
            .extracting(item -> item.get("i"))
            .isSortedAccordingTo(Comparator.comparingLong(i -> ((Value.Int) i).value()));
      }
      assertThat(items(Kind.VITALS)).hasSize(10).doesNotHaveDuplicates();
    }

    @Test
    void givenWriters_whenOthersRead_thenEveryRecordIsWhole() throws Exception {
      for (int i = 0; i < 5; i++) {
        run(put(whole(i, 0), 1));
      }
      AtomicBoolean writing = new AtomicBoolean(true);
      AtomicInteger writers = new AtomicInteger(2);

      together(
          thread -> {
            if (thread < 2) {
              try {
                for (int n = 1; n <= ROUNDS * 2; n++) {
                  Memory next = whole((n + thread) % 5, n * 2 + thread);
                  store.execute(
                      UpdateMemory.of(next.id())
                          .content(next.content())
                          .tags(next.tags())
                          .set("n", requireNonNull(next.members().get("n"))));
                }
              } finally {
                if (writers.decrementAndGet() == 0) {
                  writing.set(false);
                }
              }
            } else {
              do {
                assertWhole(memory("w" + thread % 5));
                store.find(MemoryQuery.all()).forEach(ConcurrencyContract::assertWhole);
                try (Stream<Stored<Memory>> scan = store.scan(Kind.MEMORY)) {
                  List<Memory> all = scan.flatMap(stored -> stored.live().stream()).toList();
                  assertThat(all).hasSize(5);
                  all.forEach(ConcurrencyContract::assertWhole);
                }
              } while (writing.get());
            }
          });
    }
  }

  private static Memory whole(int memory, int n) {
    return record("w" + memory, "tags", List.of("t" + n), "n", n).withContent("content " + n);
  }

  private static void assertWhole(Memory memory) {
    Value n = memory.members().get("n");
    assertThat(n).isInstanceOf(Value.Int.class);
    long number = n instanceof Value.Int found ? found.value() : -1;
    assertThat(memory.content()).isEqualTo("content " + number);
    assertThat(memory.tags()).containsExactly("t" + number);
  }
}

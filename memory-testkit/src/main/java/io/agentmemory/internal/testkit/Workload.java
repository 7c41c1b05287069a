package io.agentmemory.internal.testkit;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Fingerprint;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpId;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.command.AppendRecord;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.CountCoOccurrences;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.internal.testkit.History.Effect;
import io.agentmemory.internal.testkit.History.End;
import io.agentmemory.internal.testkit.History.State;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * Threads that write to a store and read from it, and note all of it in a {@link History}. Each
 * writer has memories of its own, which it stores, changes and forgets; and all together share
 * memories to which each write adds a member of its own, and counts that in the same memory, so
 * that a lost write, a doubled one and half a one can each be seen. Some operations are asked for
 * once more under their id.
 */
public final class Workload implements AutoCloseable {
  private static final String AT = "2026-02-10T11:52:05+00:00";
  private static final int OWN = 4;
  private static final int SHARED = 8;
  private static final int OPERATIONS_ON_SHARED = 500;
  private static final int MOST_APPENDED = 40;
  private static final Duration READ_EVERY = Duration.ofMillis(2);
  private static final String LIST = "list";

  private final MemoryStore store;
  private final History history;
  private final String run;
  private final List<Thread> threads = new ArrayList<>();
  private final AtomicLong serial = new AtomicLong();
  private final AtomicLong onShared = new AtomicLong();
  private final AtomicLong appended = new AtomicLong();
  private final AtomicLong acknowledged = new AtomicLong();
  private int working; // guarded by this
  private boolean paused; // guarded by this
  private boolean over; // guarded by this
  private volatile int generation;

  /**
   * Does nothing yet.
   *
   * @param run a name that no other workload of the same history had
   */
  public Workload(
      MemoryStore store, History history, String run, long seed, int writers, int readers) {
    this.store = store;
    this.history = history;
    this.run = run;
    for (int i = 0; i < writers; i++) {
      Writer writer = new Writer(i, new Random(seed * 31 + i));
      threads.add(new Thread(() -> work(writer::write), "writer-" + i));
    }
    for (int i = 0; i < readers; i++) {
      Random random = new Random(seed * 31 - 1 - i);
      Runnable reader =
          () -> {
            LockSupport.parkNanos(READ_EVERY.toNanos()); // or they would leave no time to write
            read(random, writers);
          };
      threads.add(new Thread(() -> work(reader), "reader-" + i));
    }
  }

  /** The threads begin. */
  public Workload start() {
    threads.forEach(
        thread -> {
          thread.setDaemon(true);
          thread.start();
        });
    return this;
  }

  /** How many writes were acknowledged. */
  public long acknowledged() {
    return acknowledged.get();
  }

  /** Waits until no call runs any more; none begins before {@link #goOn}. */
  public synchronized void pause() throws InterruptedException {
    paused = true;
    long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (working > 0) {
      long left = until - System.nanoTime();
      if (left <= 0) {
        throw new IllegalStateException("a call takes longer than a minute");
      }
      TimeUnit.NANOSECONDS.timedWait(this, left);
    }
  }

  /** Ends {@link #pause}; from here on other memories are shared than before it. */
  public synchronized void goOn() {
    generation++;
    appended.set(0);
    paused = false;
    notifyAll();
  }

  /** Waits until the threads have ended. */
  @Override
  public void close() {
    synchronized (this) {
      over = true;
      notifyAll();
    }
    try {
      for (Thread thread : threads) {
        thread.join(TimeUnit.SECONDS.toMillis(60));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void work(Runnable one) {
    while (begin()) {
      try {
        one.run();
      } finally {
        synchronized (this) {
          working--;
          notifyAll();
        }
      }
    }
  }

  private synchronized boolean begin() {
    try {
      while (paused && !over) {
        wait();
      }
    } catch (InterruptedException e) {
      return false;
    }
    working += over ? 0 : 1;
    return !over;
  }

  // ---- writing ----

  private static String own(int writer, int number) {
    return "own-" + writer + "-" + number;
  }

  private String shared(int number) {
    long group = onShared.get() / OPERATIONS_ON_SHARED;
    return "shared-" + run + "-" + generation + "-" + group + "-" + number;
  }

  private final class Writer {
    private final int number;
    private final Random random;
    private final Set<String> stored = new HashSet<>();

    Writer(int number, Random random) {
      this.number = number;
      this.random = random;
    }

    void write() {
      int what = random.nextInt(100);
      if (what < 55) {
        writeOwn();
      } else if (what < 97) {
        writeShared();
      } else if (appended.incrementAndGet() <= MOST_APPENDED) {
        String part = part("a");
        Value.Map members = Value.EMPTY_MAP.with("part", Value.of(part));
        execute(
            List.of(
                new AppendRecord(Kind.FINGERPRINT, List.of(), members, AppendRecord.ALL),
                UpdateMemory.of(own(number, 0)).content(part)),
            List.of(Effect.add(LIST, part), Effect.put(own(number, 0), part)));
      }
    }

    private void writeOwn() {
      String id = own(number, random.nextInt(OWN));
      String value = part("v");
      if (!stored.contains(id)) {
        End end = execute(List.of(StoreMemory.of(id, AT, value)), List.of(Effect.put(id, value)));
        if (end != End.UNKNOWN) {
          stored.add(id); // it is there now, or was
        }
      } else if (random.nextInt(6) > 0) {
        End end =
            execute(List.of(UpdateMemory.of(id).content(value)), List.of(Effect.put(id, value)));
        if (end == End.FAILED) {
          stored.remove(id); // perhaps
        }
      } else {
        execute(List.of(new ForgetMemory(id, 0)), List.of(Effect.delete(id)));
        stored.remove(id);
      }
    }

    private void writeShared() {
      String first = shared(random.nextInt(SHARED));
      String second = shared(random.nextInt(SHARED));
      List<Command> commands = new ArrayList<>();
      List<Effect> effects = new ArrayList<>();
      boolean two = !first.equals(second);
      String part = part(two ? "p" : "t");
      for (String id : two ? List.of(first, second) : List.of(first)) {
        commands.add(new RecallMemory(id, AT));
        commands.add(UpdateMemory.of(id).set(part, Value.of(true)));
        effects.add(Effect.add(id, part));
      }
      if (two) {
        commands.add(new CountCoOccurrences(List.of(first, second)));
        effects.add(Effect.add(pair(first, second), part));
        effects.add(Effect.add(pair(second, first), part));
      }
      onShared.incrementAndGet();
      if (execute(commands, effects) == End.FAILED) {
        for (String id : List.of(first, second)) {
          execute(List.of(StoreMemory.of(id, AT, "shared")), List.of());
        }
      }
    }

    private String part(String kind) {
      return kind + "_" + run + "_" + Long.toString(serial.incrementAndGet(), 36);
    }

    private End execute(List<Command> commands, List<Effect> effects) {
      Batch batch = new Batch(OpId.random(), commands);
      history.invoke(batch.opId().toString(), effects);
      End end = execute(batch);
      history.end(batch.opId().toString(), end);
      boolean again = end == End.UNKNOWN ? random.nextBoolean() : random.nextInt(50) == 0;
      if (again && end != End.FAILED && execute(batch) == End.ACKNOWLEDGED) {
        history.end(batch.opId().toString(), End.ACKNOWLEDGED);
        end = End.ACKNOWLEDGED;
      }
      acknowledged.addAndGet(end == End.ACKNOWLEDGED ? 1 : 0);
      return end;
    }

    private End execute(Batch batch) {
      try {
        store.execute(batch);
        return End.ACKNOWLEDGED;
      } catch (StoreUnavailableException away) {
        return away.mayHaveApplied().isPresent() ? End.UNKNOWN : End.FAILED;
      } catch (MemoryStoreException refused) {
        return End.FAILED;
      } catch (RuntimeException | Error defect) {
        history.defect(batch.opId().toString(), defect);
        return End.UNKNOWN;
      }
    }
  }

  private static String pair(String from, String to) {
    return from + "|" + to;
  }

  // ---- reading ----

  private void read(Random random, int writers) {
    String id =
        random.nextBoolean()
            ? own(random.nextInt(Math.max(1, writers)), random.nextInt(OWN))
            : shared(random.nextInt(SHARED));
    long read = history.reading(id);
    try {
      Stored<Memory> found = store.read(Kind.MEMORY, Key.of(id)).orElse(null);
      Memory memory = found == null ? null : found.value();
      history.saw(read, memory == null ? State.ABSENT : state(memory));
    } catch (MemoryStoreException away) {
      return; // it showed nothing
    }
  }

  private static State state(Memory memory) {
    if (!memory.id().startsWith("shared-")) {
      return State.of(memory.content());
    }
    Set<String> parts = new HashSet<>();
    if (memory.frontMatter() instanceof Value.Map members) {
      for (String member : members.entries().keySet()) {
        if (member.startsWith("p_") || member.startsWith("t_")) {
          parts.add(member);
        }
      }
    }
    return State.of(parts, memory.recallCount());
  }

  /** All that a store shows, by the names that {@link History} knows it by. */
  public static Map<String, State> states(MemoryStore store) {
    Map<String, State> states = new TreeMap<>();
    for (Memory memory : all(store, Kind.MEMORY)) {
      states.put(memory.id(), state(memory));
    }
    for (CoOccurrence count : all(store, Kind.CO_OCCURRENCE)) {
      Set<String> both = new HashSet<>();
      for (String part : states.getOrDefault(count.from(), State.ABSENT).parts()) {
        if (part.startsWith("p_")
            && states.getOrDefault(count.to(), State.ABSENT).parts().contains(part)) {
          both.add(part);
        }
      }
      long counted = count.count() instanceof Value.Int whole ? whole.value() : -1;
      states.put(pair(count.from(), count.to()), State.of(both, counted));
    }
    List<String> appended = new ArrayList<>();
    for (Fingerprint item : all(store, Kind.FINGERPRINT)) {
      appended.add(Value.textOf(item.members().get("part")));
    }
    if (!appended.isEmpty()) {
      states.put(LIST, State.of(new HashSet<>(appended), appended.size()));
    }
    return states;
  }

  private static <T extends MemoryRecord> List<T> all(MemoryStore store, Kind<T> kind) {
    try (Stream<Stored<T>> scan = store.scan(kind)) {
      return scan.flatMap(stored -> stored.live().stream()).toList();
    }
  }

  /** Takes away what the writers shared until now; call while they pause. */
  public static void forgetShared(MemoryStore store, History history) {
    Set<String> names = states(store).keySet();
    for (String id : names) {
      if (id.startsWith("shared-") && id.indexOf('|') < 0) {
        List<Effect> effects = new ArrayList<>(List.of(Effect.delete(id)));
        names.stream()
            .filter(n -> n.startsWith(id + "|"))
            .map(Effect::delete)
            .forEach(effects::add);
        OpId op = OpId.random();
        history.invoke(op.toString(), effects);
        store.execute(new Batch(op, List.of(new ForgetMemory(id, 0))));
        history.end(op.toString(), End.ACKNOWLEDGED);
      }
    }
  }
}

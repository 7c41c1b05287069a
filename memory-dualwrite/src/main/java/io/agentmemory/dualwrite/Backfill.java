package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.Leaf;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpId;
import io.agentmemory.ScanRange;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.Version;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.OrderRecords;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.PutRecords;
import io.agentmemory.dualwrite.BackfillReport.State;
import io.agentmemory.dualwrite.Tally.Fate;
import io.agentmemory.internal.Places;
import io.agentmemory.spi.Needs;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies every record of one store into another, tombstones included, each with its revision. Only
 * reads the source.
 *
 * <p>Records go in chunks, one atomic batch each, in the order of their keys. A record is put only
 * where the target has none, or a lower revision, or an earlier copy: a live write always wins, so
 * a backfill may run while a {@link DualWriteMemoryStore} writes to both. Stopped anywhere, killed
 * included, it is simply run again: what the target has already is told by its versions and not
 * sent again.
 *
 * <p>What the target refuses may be refused for a record that comes later, such as a memory that
 * gives up the name of its file. It is put off, and tried again once the rest is there, for as long
 * as that helps; what is refused still is set aside. Holds a few chunks in memory, and the keys of
 * what is put off, whatever the number of records.
 *
 * <p>What a memory counts comes to stand in the target in the order of the source; what only the
 * target has comes after it.
 *
 * <p>At its end it reports to the target what the source knows of the memories' files, also of
 * those that were there already: see {@link MemoryStore#leaves}.
 *
 * <p>An object runs once. {@link #cancel} may be called from any thread.
 */
public final class Backfill {
  private static final Logger LOG = LoggerFactory.getLogger(Backfill.class);
  private static final long MAX_CHUNK_BYTES = 4 << 20;
  private static final int ORDERS_AT_ONCE = 32;
  private static final int AGAIN_AT_ONCE = 50;
  private static final List<Duration> BACK_OFF =
      List.of(Duration.ofMillis(200), Duration.ofSeconds(1), Duration.ofSeconds(5));

  private final MemoryStore source;
  private final MemoryStore target;
  private final int chunkRecords;
  private final int recordsPerSecond;
  private final boolean dryRun;
  private final Consumer<BackfillReport> progress;
  private final CountDownLatch cancelled = new CountDownLatch(1);
  private final Pauses pauses;

  /** What the target refused, in the order in which it did, and why, as far as that is reported. */
  private final Map<Ref, String> putOff = new LinkedHashMap<>();

  private long began; // System.nanoTime
  private long done; // records that were listed, or listed again

  private Backfill(Builder builder) {
    source = builder.source;
    target = builder.target;
    chunkRecords = builder.chunkRecords;
    recordsPerSecond = builder.recordsPerSecond;
    dryRun = builder.dryRun;
    progress = builder.progress;
    pauses = new Pauses(BACK_OFF, builder.wait == null ? this::pause : builder.wait);
  }

  /** A backfill from one store into another. */
  public static Builder builder(MemoryStore source, MemoryStore target) {
    return new Builder(source, target);
  }

  /** Says how a backfill goes. */
  public static final class Builder {
    private final MemoryStore source;
    private final MemoryStore target;
    private int chunkRecords = 500;
    private int recordsPerSecond = Integer.MAX_VALUE;
    private boolean dryRun;
    private Consumer<BackfillReport> progress = report -> {};
    private Pauses.@Nullable Wait wait;

    private Builder(MemoryStore source, MemoryStore target) {
      this.source = requireNonNull(source, "source");
      this.target = requireNonNull(target, "target");
      if (source == target) {
        throw new IllegalArgumentException("source and target are the same store");
      }
    }

    /**
     * Records in one batch, at most; fewer where they are large. Default 500.
     *
     * @throws IllegalArgumentException if not in 1 to 10,000
     */
    public Builder chunkRecords(int records) {
      if (records < 1 || records > 10_000) {
        throw new IllegalArgumentException("chunkRecords is " + records + ", not in 1 to 10,000");
      }
      chunkRecords = records;
      return this;
    }

    /**
     * Records listed in a second, at most, on average; some are listed twice. Default: no limit.
     *
     * @throws IllegalArgumentException if below 1
     */
    public Builder recordsPerSecond(int records) {
      if (records < 1) {
        throw new IllegalArgumentException("recordsPerSecond is " + records + ", below 1");
      }
      recordsPerSecond = records;
      return this;
    }

    /**
     * Only looks: nothing is written, and the counts say what a run would do, as far as versions
     * tell (not whether the target can hold a record).
     */
    public Builder dryRun() {
      dryRun = true;
      return this;
    }

    /** Called after every chunk, on the thread that runs the backfill. What it throws ends it. */
    public Builder onProgress(Consumer<BackfillReport> progress) {
      this.progress = requireNonNull(progress, "progress");
      return this;
    }

    Builder wait(Pauses.Wait wait) {
      this.wait = wait;
      return this;
    }

    /** The backfill. */
    public Backfill build() {
      return new Backfill(this);
    }

    /** Builds the backfill and runs it. */
    public BackfillReport run() {
      return build().run();
    }
  }

  /**
   * Stops at the next edge of a chunk; the report then says {@link State#CANCELLED}. So does an
   * interrupt of the thread that runs it.
   */
  public void cancel() {
    cancelled.countDown();
  }

  private boolean pause(Duration duration) {
    try {
      return !cancelled.await(duration.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      cancel();
      return false;
    }
  }

  /**
   * Copies. A store that is unavailable is tried again a few times; if it stays away, or fails in
   * another way, the run ends as {@link State#INCOMPLETE} with the reason.
   */
  public BackfillReport run() {
    Tally tally;
    try {
      tally = new Tally(dryRun, pauses.retry(source::info));
    } catch (MemoryStoreException failure) {
      return new Tally(dryRun).report(State.INCOMPLETE, failure);
    }
    BackfillReport report = run(tally);
    LOG.debug("backfill {}", report);
    return report;
  }

  private BackfillReport run(Tally tally) {
    began = System.nanoTime();
    try {
      boolean all =
          pass(this::list, chunk -> copy(chunk, tally), tally)
              && (dryRun || (tryAgain(tally) && orderAgain(tally) && reportLeaves()));
      return all ? tally.finished() : tally.report(State.CANCELLED, null);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      return tally.report(State.CANCELLED, null);
    } catch (MemoryStoreException failure) {
      return tally.report(State.INCOMPLETE, failure);
    }
  }

  /** Does something with chunks, at the rate that was asked for; false if it was cancelled. */
  private boolean pass(Prefetch.Producer<Chunk> lister, Consumer<Chunk> action, Tally tally)
      throws InterruptedException {
    try (Prefetch<Chunk> chunks = new Prefetch<>("backfill-read", 1, lister)) {
      while (goesOn()) {
        Chunk chunk = chunks.next();
        if (chunk == null) {
          return true;
        }
        action.accept(chunk);
        endChunk(chunk.records.size(), tally);
      }
      return false;
    }
  }

  private boolean goesOn() {
    if (Thread.currentThread().isInterrupted()) {
      cancel();
    }
    return cancelled.getCount() > 0;
  }

  /** Says how far it came, and waits for when the next ones are due. */
  private void endChunk(int records, Tally tally) {
    progress.accept(tally.report(State.RUNNING, null));
    done += records;
    if (recordsPerSecond < Integer.MAX_VALUE) {
      long due = done * TimeUnit.SECONDS.toNanos(1) / recordsPerSecond;
      long early = due - (System.nanoTime() - began);
      if (early > 0) {
        pauses.pause(Duration.ofNanos(early));
      }
    }
  }

  /**
   * Orders what has places once more, now that it is there: a write may have added to a list after
   * we had read it. Returns false if it was cancelled meanwhile.
   */
  private boolean orderAgain(Tally tally) throws InterruptedException {
    List<Kind<?>> kinds =
        Kind.all().stream().filter(kind -> Places.has(kind) && tally.hasInserted(kind)).toList();
    return pass(sink -> list(kinds, sink), chunk -> order(chunk.orders), tally);
  }

  /** Tells the target what the files are; returns false if it was cancelled meanwhile. */
  private boolean reportLeaves() {
    try (Stream<Leaf> leaves = source.leaves()) {
      List<Leaf> chunk = new ArrayList<>();
      Iterator<Leaf> known = leaves.filter(leaf -> leaf.hash().isPresent()).iterator();
      while (known.hasNext()) {
        if (!goesOn()) {
          return false;
        }
        chunk.add(known.next());
        if (chunk.size() == chunkRecords || !known.hasNext()) {
          List<Leaf> some = List.copyOf(chunk);
          pauses.retry(
              () -> {
                target.reportLeaves(some);
                return some;
              });
          chunk.clear();
        }
      }
    }
    return true;
  }

  // ---- reading, on a thread of its own ----

  /**
   * Records of the source, and what the target has of them.
   *
   * @param orders of records that will not come to stand right by themselves
   */
  private record Chunk(
      Kind<?> kind,
      List<? extends Stored<?>> records,
      Map<Key, Version> inTarget,
      List<OrderRecords> orders) {}

  private void list(Prefetch.Sink<Chunk> sink) {
    list(Kind.all(), sink);
  }

  private void list(List<Kind<?>> kinds, Prefetch.Sink<Chunk> sink) {
    for (Kind<?> kind : kinds) {
      if (!list(kind, sink)) {
        return;
      }
    }
  }

  private <T extends MemoryRecord> boolean list(Kind<T> kind, Prefetch.Sink<Chunk> sink) {
    Key after = null;
    Orders orders = new Orders(kind);
    for (int tries = 0; ; ) {
      try (Stream<Stored<T>> scan = source.scan(kind, new ScanRange(after, null))) {
        Iterator<Stored<T>> records = scan.iterator();
        while (records.hasNext()) {
          List<Stored<T>> next = take(records);
          Key last = next.get(next.size() - 1).key();
          if (!sink.put(
              chunk(kind, next, new ScanRange(after, last), orders, !records.hasNext()))) {
            return false;
          }
          after = last;
          tries = 0;
        }
        return true;
      } catch (StoreUnavailableException unavailable) {
        if (!pauses.again(tries++)) {
          throw unavailable;
        }
      }
    }
  }

  private <T extends MemoryRecord> Chunk chunk(
      Kind<T> kind, List<Stored<T>> records, ScanRange range, Orders orders, boolean isLast) {
    if (!Places.has(kind)) {
      return new Chunk(kind, records, versions(kind, range), List.of());
    }
    List<Stored<T>> there;
    Key last = records.get(records.size() - 1).key();
    ScanRange upTo = isLast ? Orders.toEndOf(kind, range.after(), last) : range;
    try (Stream<Stored<T>> scan = target.scan(kind, upTo)) {
      there = scan.toList();
    }
    Map<Key, Version> versions = new HashMap<>();
    there.forEach(stored -> versions.put(stored.key(), stored.version()));
    List<Stored<T>> inFiles = new ArrayList<>(records);
    inFiles.sort(Orders.IN_FILES); // so that what is new to the target comes in this order
    return new Chunk(kind, inFiles, versions, orders.add(records, there, isLast));
  }

  private <T extends MemoryRecord> List<Stored<T>> take(Iterator<Stored<T>> records) {
    List<Stored<T>> chunk = new ArrayList<>();
    for (long bytes = 0;
        chunk.size() < chunkRecords && bytes < MAX_CHUNK_BYTES && records.hasNext(); ) {
      Stored<T> record = records.next();
      chunk.add(record);
      bytes += Sizes.of(record);
    }
    return chunk;
  }

  private Map<Key, Version> versions(Kind<?> kind, ScanRange range) {
    Map<Key, Version> versions = new HashMap<>();
    try (Stream<KeyVersion> there = target.versions(kind, range)) {
      there.forEach(version -> versions.put(version.key(), version.version()));
    }
    return versions;
  }

  // ---- writing ----

  private void copy(Chunk chunk, Tally tally) {
    tally.listed(chunk.kind, chunk.records.size());
    List<Stored<?>> toSend = new ArrayList<>();
    List<Stored<?>> toAsk = new ArrayList<>();
    for (Stored<?> record : chunk.records) {
      Version there = chunk.inTarget.get(record.key());
      Fate fate = fate(record.version(), there);
      if (fate == null) {
        toAsk.add(record);
      } else if (sends(fate, record.version(), there)) {
        toSend.add(record);
      } else if (fate == Fate.DIFFERENT) {
        tally.different(chunk.kind, record.key());
      } else {
        tally.count(chunk.kind, fate, 1);
      }
    }
    if (dryRun) {
      toSend.forEach(
          record ->
              tally.count(
                  chunk.kind,
                  requireNonNull(fate(record.version(), chunk.inTarget.get(record.key()))),
                  1));
      ask(chunk.kind, toAsk, tally);
    } else {
      toSend.addAll(toAsk);
      send(toSend, tally);
      order(chunk.orders);
    }
  }

  /** Orders records, as far as the target lets us: their order is no content. */
  private void order(List<OrderRecords> orders) {
    for (int from = 0; from < orders.size(); from += ORDERS_AT_ONCE) {
      List<Command> some =
          List.copyOf(orders.subList(from, Math.min(orders.size(), from + ORDERS_AT_ONCE)));
      try {
        pauses.retry(() -> target.execute(new Batch(OpId.copy(), some)));
      } catch (InvalidMemoryException | MemoryConflictException refused) {
        LOG.warn("records keep their order: {}", refused.getMessage());
      }
    }
  }

  /**
   * What becomes of a record, going by the versions; null if only the target knows, because it
   * depends on who wrote what is there.
   */
  private static @Nullable Fate fate(Version here, @Nullable Version there) {
    if (here.equals(there)) {
      return Fate.UNCHANGED;
    }
    if (there == null || there.revision() < here.revision()) {
      boolean insert = there == null || there.isTombstone();
      return here.isTombstone() ? Fate.DELETED : insert ? Fate.INSERTED : Fate.UPDATED;
    }
    if (there.isTombstone()) {
      return Fate.DELETED;
    }
    if (there.revision() > here.revision()) {
      return Fate.NEWER;
    }
    return here.isTombstone() ? Fate.DIFFERENT : null;
  }

  private static boolean sends(Fate fate, Version here, @Nullable Version there) {
    return fate == Fate.INSERTED
        || fate == Fate.UPDATED
        || (fate == Fate.DELETED && (there == null || there.revision() < here.revision()));
  }

  /** What would become of records that are at the same revision with other content. */
  private <T extends MemoryRecord> void ask(Kind<T> kind, List<Stored<?>> records, Tally tally) {
    if (records.isEmpty()) {
      return;
    }
    List<Key> keys = records.stream().<Key>map(Stored::key).toList();
    for (Stored<T> there : pauses.retry(() -> target.readAll(kind, keys))) {
      OpId wroteIt = there.lastOp();
      if (wroteIt != null && wroteIt.isCopy()) {
        tally.count(kind, Fate.UPDATED, 1);
      } else {
        tally.different(kind, there.key());
      }
    }
  }

  /** Sends records, in halves if one of them is refused, so that the others get through. */
  private void send(List<Stored<?>> records, Tally tally) {
    if (records.isEmpty()) {
      return;
    }
    try {
      count(records, put(Repair.commands(records)), tally);
    } catch (InvalidMemoryException | MemoryConflictException refused) {
      if (records.size() == 1) {
        sendWithContainer(records.get(0), refused, tally);
      } else {
        int middle = records.size() / 2;
        send(records.subList(0, middle), tally);
        send(records.subList(middle, records.size()), tally);
      }
    } catch (MemoryStoreException failure) {
      failed(records, tally);
      throw failure;
    }
  }

  private static void failed(List<Stored<?>> records, Tally tally) {
    records.forEach(record -> tally.count(record.kind(), Fate.FAILED, 1));
  }

  /**
   * A record that came into being while the source was listed may live in another one that the
   * target does not have yet, although that one's kind is done. Then both go together.
   */
  private void sendWithContainer(Stored<?> record, MemoryStoreException refused, Tally tally) {
    try {
      List<Stored<?>> both = new ArrayList<>(containers(record));
      both.add(record);
      if (both.size() > 1) {
        List<Outcome> outcomes = put(Repair.commands(both));
        // Other containers were counted, or never listed.
        both.removeIf(one -> !ref(one).equals(ref(record)) && putOff.remove(ref(one)) == null);
        count(both, outcomes, tally);
        return;
      }
    } catch (InvalidMemoryException | MemoryConflictException again) {
      refused = again;
    } catch (MemoryStoreException failure) {
      failed(List.of(record), tally);
      throw failure;
    }
    boolean isReported = putOff.size() < BackfillReport.MAX_LISTED;
    putOff.put(ref(record), isReported ? requireNonNull(refused.getMessage()) : "");
  }

  private static Ref ref(Stored<?> record) {
    return new Ref(record.kind(), record.key());
  }

  private List<Stored<?>> containers(Stored<?> record) {
    List<Stored<?>> containers = new ArrayList<>();
    if (!record.isTombstone()) {
      Needs needs = new Needs();
      PutRecords.of(List.of(record)).needs(needs);
      needs
          .keys()
          .forEach(
              (kind, keys) -> {
                if (!kind.equals(record.kind())) {
                  containers.addAll(pauses.retry(() -> source.readAll(kind, List.copyOf(keys))));
                }
              });
    }
    return containers;
  }

  private List<Outcome> put(List<Command> commands) {
    Batch batch = new Batch(OpId.copy(), commands);
    Outcome outcome = pauses.retry(() -> target.execute(batch));
    if (!outcome.repeated()) {
      return List.of(outcome);
    }
    // It was carried out by a try whose answer got lost. What that one skipped, this one does too.
    Batch again = new Batch(OpId.copy(), commands);
    return List.of(outcome, pauses.retry(() -> target.execute(again)));
  }

  private static void count(List<Stored<?>> records, List<Outcome> outcomes, Tally tally) {
    Map<Ref, Stored<?>> open = new HashMap<>();
    records.forEach(record -> open.put(ref(record), record));
    for (Outcome outcome : outcomes) {
      for (Outcome.Change change : outcome.changes()) {
        Stored<?> record = open.remove(ref(change.after()));
        if (record != null) {
          boolean insert = change.isInsert();
          tally.count(
              record.kind(),
              record.isTombstone() ? Fate.DELETED : insert ? Fate.INSERTED : Fate.UPDATED,
              1);
        }
      }
      for (Outcome.Skip skip : outcome.skipped()) {
        Kind<?> kind = skip.kind();
        if (open.remove(new Ref(kind, skip.key())) != null) {
          switch (skip.reason()) {
            case UNCHANGED -> tally.count(kind, Fate.UNCHANGED, 1);
            case NEWER -> tally.count(kind, Fate.NEWER, 1);
            case DELETED -> tally.count(kind, Fate.DELETED, 1);
            case DIFFERENT -> tally.different(kind, skip.key());
          }
        }
      }
    }
  }

  // ---- what was refused ----

  /** Tries again for as long as that helps; returns false if it was cancelled meanwhile. */
  private boolean tryAgain(Tally tally) {
    boolean helps = true;
    while (helps && !putOff.isEmpty()) {
      List<Ref> refs = putOff.keySet().stream().sorted().toList();
      putOff.clear();
      for (List<Ref> some : inTurn(refs)) {
        if (!goesOn()) {
          return false;
        }
        send(bySource(some, tally), tally);
        endChunk(some.size(), tally);
      }
      helps = putOff.size() < refs.size();
    }
    putOff.forEach((ref, reason) -> tally.setAside(ref.kind(), ref.key(), reason));
    return goesOn();
  }

  /** What is sent at once: memories first, none before the one that has the name of its file. */
  private List<List<Ref>> inTurn(List<Ref> refs) {
    List<Key> memories =
        refs.stream().filter(ref -> ref.kind().equals(Kind.MEMORY)).map(Ref::key).toList();
    Map<Key, String> wanted = new LinkedHashMap<>();
    memories.forEach(key -> wanted.put(key, ""));
    wanted.putAll(files(source, memories));
    Map<String, Key> held = new HashMap<>();
    files(target, memories).forEach((key, file) -> held.put(file, key));
    List<List<Ref>> groups = new ArrayList<>();
    for (List<Key> keys : NameOrder.of(wanted, held)) {
      groups.add(keys.stream().map(key -> new Ref(Kind.MEMORY, key)).toList());
    }
    refs.stream()
        .filter(ref -> !ref.kind().equals(Kind.MEMORY))
        .forEach(ref -> groups.add(List.of(ref)));
    return joined(groups);
  }

  /** Some at once; what has to go together goes without others, of which one may be refused. */
  private List<List<Ref>> joined(List<List<Ref>> groups) {
    List<List<Ref>> joined = new ArrayList<>();
    List<Ref> singles = new ArrayList<>();
    for (List<Ref> group : groups) {
      if (group.size() > 1 || singles.size() == Math.min(chunkRecords, AGAIN_AT_ONCE)) {
        joined.add(singles);
        singles = new ArrayList<>();
      }
      if (group.size() > 1) {
        joined.add(group);
      } else {
        singles.addAll(group);
      }
    }
    joined.add(singles);
    joined.removeIf(List::isEmpty);
    return joined;
  }

  /** The files of those that are live. */
  private Map<Key, String> files(MemoryStore store, List<Key> memories) {
    Map<Key, String> files = new HashMap<>();
    for (int from = 0; from < memories.size(); from += AGAIN_AT_ONCE) {
      List<Key> some = memories.subList(from, Math.min(memories.size(), from + AGAIN_AT_ONCE));
      for (Stored<Memory> stored : pauses.retry(() -> store.readAll(Kind.MEMORY, some))) {
        Memory memory = stored.value();
        if (memory != null) {
          files.put(stored.key(), memory.tier().folder() + "/" + memory.fileName());
        }
      }
    }
    return files;
  }

  /** These as they are now, in the same order. */
  private List<Stored<?>> bySource(List<Ref> refs, Tally tally) {
    Map<Ref, Stored<?>> found = pauses.retry(() -> Repair.read(source, refs));
    List<Stored<?>> records = new ArrayList<>();
    for (Ref ref : refs) {
      Stored<?> record = found.get(ref);
      if (record == null) {
        tally.setAside(ref.kind(), ref.key(), "the source does not have it any more");
      } else {
        records.add(record);
      }
    }
    return records;
  }
}

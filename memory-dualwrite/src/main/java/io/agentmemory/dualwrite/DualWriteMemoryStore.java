package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Health;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.Leaf;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryHead;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.ScanRange;
import io.agentmemory.SimilarQuery;
import io.agentmemory.StoreInfo;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import io.agentmemory.internal.TreeFile;
import io.agentmemory.spi.Needs;
import io.agentmemory.spi.Needs.ListEnd;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.DoubleSupplier;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes to two stores while a team moves from one, the source, to the other, the target. The
 * {@link Stage} says which is the authority.
 *
 * <p>A write is carried out by the authority first; what that throws the caller gets, and the other
 * store is not touched. Then the caller is answered, and the secondary carries out the same batch
 * under the same operation id. Where the two outcomes differ, the listener hears of it and the
 * secondary is set right from the authority's state; that may raise the revision of a record on
 * both sides without changing its content. Writes of the same record reach both stores in the same
 * order: the next one waits until the secondary has followed, but not longer than {@link
 * Builder#patience}.
 *
 * <p>A secondary that fails never fails a caller. What it did not get is counted, reported, and
 * listed by {@link #lagging}; it is brought up to date by the next write of the record or by {@link
 * #catchUp}. That list is kept in this process only and is gone when the process ends; a {@link
 * Verifier} finds the same afterwards, and a {@link Backfill} mends it.
 *
 * <p>Reads are answered by the authority alone. There is no fallback: an authority that gives no
 * answer is an error. In the stages that say so, a sample of the reads runs on the other store too,
 * off the caller's path, and is compared.
 *
 * <p>One object in one process writes to the two stores while it is used. Thread-safe.
 */
public final class DualWriteMemoryStore implements MemoryStore {
  private static final Logger LOG = LoggerFactory.getLogger(DualWriteMemoryStore.class);
  private static final String STORE = "dualwrite";
  private static final String TOO_SLOW = "the secondary store was too slow";
  private static final int SECONDARY_THREADS = 4;
  private static final int SECONDARY_QUEUE = 1024;
  private static final int CATCH_UP_RECORDS = 100;
  private static final Repair.Hold ALONE =
      action -> {
        action.run();
        return true;
      };

  private final MemoryStore source;
  private final MemoryStore target;
  private final boolean closesStores;
  private final Duration patience;
  private final Duration waitForSecondary;
  private final StageGate gate;
  private final Turns turns = new Turns();
  private final LagList lag = new LagList(Clock.systemUTC());
  private final Events events;
  private final ShadowReads shadows;
  private final ThreadPoolExecutor secondaries;

  /** Writes that the secondary still works on although later ones no longer wait for them. */
  private final AtomicInteger overtaken = new AtomicInteger();

  private DualWriteMemoryStore(Builder builder) {
    source = builder.source;
    target = builder.target;
    closesStores = builder.closesStores;
    patience = builder.patience;
    waitForSecondary = builder.waitForSecondary;
    gate = new StageGate(builder.stage, builder.patience);
    events = new Events(builder.listener);
    shadows = new ShadowReads(builder.shadowRate, builder.random, turns, lag, events);
    secondaries =
        new ThreadPoolExecutor(
            SECONDARY_THREADS,
            SECONDARY_THREADS,
            10,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(SECONDARY_QUEUE),
            task -> {
              Thread thread = new Thread(task, "dualwrite-secondary");
              thread.setDaemon(true);
              return thread;
            });
    secondaries.allowCoreThreadTimeOut(true);
  }

  /** A store over two others, in stage {@link Stage#OFF} unless told otherwise. */
  public static Builder builder(MemoryStore source, MemoryStore target) {
    return new Builder(source, target);
  }

  /** Says how two stores are used as one. */
  public static final class Builder {
    private final MemoryStore source;
    private final MemoryStore target;
    private Stage stage = Stage.OFF;
    private DualWriteListener listener = new DualWriteListener() {};
    private double shadowRate = 0.01;
    private DoubleSupplier random = () -> ThreadLocalRandom.current().nextDouble();
    private Duration waitForSecondary = Duration.ZERO;
    private Duration patience = Duration.ofSeconds(5);
    private boolean closesStores;

    private Builder(MemoryStore source, MemoryStore target) {
      this.source = requireNonNull(source, "source");
      this.target = requireNonNull(target, "target");
      if (source == target) {
        throw new IllegalArgumentException("source and target are the same store");
      }
    }

    /** The stage to begin in. */
    public Builder stage(Stage stage) {
      this.stage = requireNonNull(stage, "stage");
      return this;
    }

    /** Who hears of differences and failures. Default: nobody; they are counted all the same. */
    public Builder listener(DualWriteListener listener) {
      this.listener = requireNonNull(listener, "listener");
      return this;
    }

    /**
     * The part of the reads that is compared, 0 to 1. Default 0.01.
     *
     * @throws IllegalArgumentException if not in 0 to 1
     */
    public Builder shadowRate(double rate) {
      if (!(rate >= 0 && rate <= 1)) {
        throw new IllegalArgumentException("shadowRate is " + rate + ", not in 0 to 1");
      }
      shadowRate = rate;
      return this;
    }

    /** Decides which reads are compared; has to be thread-safe. Default: one per thread. */
    public Builder random(RandomGenerator random) {
      this.random = requireNonNull(random, "random")::nextDouble;
      return this;
    }

    /**
     * How long a write waits for the secondary to follow before it returns; it has succeeded by
     * then, whatever the secondary does. Default zero.
     *
     * @throws IllegalArgumentException if negative
     */
    public Builder waitForSecondary(Duration atMost) {
      if (atMost.isNegative()) {
        throw new IllegalArgumentException("waitForSecondary " + atMost + " is negative");
      }
      waitForSecondary = atMost;
      return this;
    }

    /**
     * How long the next write of a record waits for a slow secondary (then its copy is listed as
     * lagging and the write goes on), and how long a change of stage and {@link
     * DualWriteMemoryStore#close} wait for what is running. Default 5 s.
     *
     * @throws IllegalArgumentException if not above zero
     */
    public Builder patience(Duration patience) {
      if (patience.isNegative() || patience.isZero()) {
        throw new IllegalArgumentException("patience " + patience + " is not above zero");
      }
      this.patience = patience;
      return this;
    }

    /** Closing this store closes the two others. Default: it leaves them open. */
    public Builder closesStores() {
      closesStores = true;
      return this;
    }

    /** The store. */
    public DualWriteMemoryStore build() {
      return new DualWriteMemoryStore(this);
    }
  }

  // ---- stages ----

  /** The stage that holds. */
  public Stage stage() {
    return gate.stage();
  }

  /**
   * Goes one stage forwards or backwards. Waits until every write under the old stage has ended in
   * both stores; writes that come meanwhile wait, and go on under the new stage. Where the
   * authority changes, the secondary is brought up to date first.
   *
   * <p>Whether the stores are ready for a stage is not checked: leave {@link Stage#DUAL_WRITE} only
   * after a {@link Backfill} and a {@link Verifier} that found nothing, and go back from {@link
   * Stage#COMPLETE} only with a backfill of the source from the target.
   *
   * @throws IllegalArgumentException if {@code next} is not next to the stage that holds
   * @throws StoreUnavailableException if writes would not end in time, or the secondary could not
   *     be brought up to date; the old stage goes on
   */
  public void changeStage(Stage next) {
    requireNonNull(next, "next");
    Stage before =
        gate.change(
            next,
            now -> {
              if (now.targetIsAuthority() != next.targetIsAuthority()) {
                catchUpForSwitch(now, next);
              }
            });
    events.stageChanged(before, next);
  }

  private void catchUpForSwitch(Stage now, Stage next) {
    List<Ref> refs = lag.refs();
    try {
      for (int from = 0; from < refs.size(); from += CATCH_UP_RECORDS) {
        repair(now, refs.subList(from, Math.min(from + CATCH_UP_RECORDS, refs.size())), ALONE);
      }
    } catch (MemoryStoreException failure) {
      throw StoreUnavailableException.notApplied(
          new Operation(STORE, "changeStage", next.name()),
          lag.size() + " records of the store that would become the authority lag",
          failure);
    }
  }

  private MemoryStore authority(Stage stage) {
    return stage.targetIsAuthority() ? target : source;
  }

  private MemoryStore secondary(Stage stage) {
    return stage.targetIsAuthority() ? source : target;
  }

  // ---- writes ----

  @Override
  public Outcome execute(Batch batch) {
    StageGate.Pass pass = gate.enter(new Operation(STORE, batch.verb(), batch.subject()));
    boolean handedOn = false;
    try {
      if (!pass.stage().writesBoth()) {
        Outcome outcome = authority(pass.stage()).execute(batch);
        events.writes.increment();
        return outcome;
      }
      Write write = new Write(pass, batch, turns.enter(Names.of(batch)));
      handedOn = write.run();
      return write.outcome;
    } finally {
      if (!handedOn) {
        gate.leave(pass);
      }
    }
  }

  /** Asks the authority. */
  @Override
  public Optional<Outcome> conclude(OpId operation) {
    return authority(gate.stage("conclude", "")).conclude(operation);
  }

  /** One batch on its way through both stores. */
  private final class Write {
    private final StageGate.Pass pass;
    private final Batch batch;
    private final Turns.Turn turn;
    private final Set<Ref> concerned = ConcurrentHashMap.newKeySet();
    private Outcome outcome;

    Write(StageGate.Pass pass, Batch batch, Turns.Turn turn) {
      this.pass = pass;
      this.batch = batch;
      this.turn = turn;
      this.outcome = new Outcome(batch.opId(), List.of(), List.of(), false);
    }

    /** Whether the rest was handed on to a thread of ours, which then ends the write. */
    boolean run() {
      boolean handedOn = false;
      try {
        lead();
        handedOn = handOn();
        return handedOn;
      } finally {
        if (!handedOn) {
          end();
        }
      }
    }

    /** The authority's part. */
    private void lead() {
      turn.await(
          new Operation(STORE, batch.verb(), batch.subject()),
          overtaken.get() == 0 ? patience : Duration.ZERO);
      try {
        outcome = authority(pass.stage()).execute(batch);
        concerned.addAll(changed());
        events.writes.increment();
        turn.answered(this::overtaken);
      } catch (Throwable thrown) {
        if (mayHaveApplied(thrown)) {
          lags(named(), "the authority's answer to a write got lost");
        }
        throw thrown;
      }
    }

    private static boolean mayHaveApplied(Throwable thrown) {
      return thrown instanceof StoreUnavailableException unavailable
          ? unavailable.mayHaveApplied().isPresent()
          : !(thrown instanceof MemoryStoreException);
    }

    /** Lets the secondary follow on a thread of ours; false if there is no room or no thread. */
    private boolean handOn() {
      try {
        secondaries.execute(this::follow);
      } catch (RejectedExecutionException | OutOfMemoryError full) {
        lags(concerned, "too many writes were waiting for the secondary store");
        return false;
      }
      if (!waitForSecondary.isZero()) {
        turn.awaitEnd(waitForSecondary);
      }
      return true;
    }

    private void overtaken() {
      overtaken.incrementAndGet();
      lags(concerned, TOO_SLOW);
    }

    private void end() {
      if (!turn.end()) {
        overtaken.decrementAndGet();
        lag.add(concerned, TOO_SLOW); // what it did just now may have come after a later write
      }
    }

    /** The secondary's part. */
    private void follow() {
      List<Runnable> news = new ArrayList<>();
      try {
        if (!turn.isOver()) {
          followOrRepair(news);
        }
      } catch (Throwable failure) { // whatever a store throws, no caller pays for it
        List<Lagging> lagging =
            lag.add(concerned, "the secondary store failed: " + failure.getClass().getSimpleName());
        news.add(() -> events.secondaryFailed(batch.opId(), failure));
        news.add(() -> events.lagging(lagging));
      } finally {
        try {
          end();
          news.forEach(Runnable::run);
        } finally {
          gate.leave(pass);
        }
      }
    }

    private void followOrRepair(List<Runnable> news) {
      Set<Ref> lagging = lag.within(turn.names());
      if (!lagging.isEmpty() || outcome.repeated()) {
        // The secondary is not where the authority was before this write; or nobody knows.
        concerned.addAll(lagging);
        repair(pass.stage(), concerned, turn::whileHeld);
        return;
      }
      List<Difference> differences = carryOut();
      if (differences.isEmpty()) {
        news.add(events::followed);
      } else {
        news.add(() -> events.mismatch(batch.opId(), differences));
        differences.forEach(d -> concerned.add(new Ref(d.kind(), requireNonNull(d.key()))));
        repair(pass.stage(), concerned, turn::whileHeld);
      }
    }

    /** Lets the secondary do what the authority did; says in what it did something else. */
    private List<Difference> carryOut() {
      Outcome theirs;
      try {
        theirs = secondary(pass.stage()).execute(batch);
      } catch (MemoryConflictException | InvalidMemoryException refused) {
        List<Difference> refusals = refusals(concerned.isEmpty() ? named() : concerned);
        concerned.addAll(named());
        return refusals;
      }
      if (theirs.repeated()) {
        repair(pass.stage(), concerned, turn::whileHeld); // nobody knows what it did back then
        return List.of();
      }
      boolean inOrder = !pass.stage().targetIsAuthority();
      return Repair.differences(inOrder ? outcome : theirs, inOrder ? theirs : outcome);
    }

    private List<Difference> refusals(Set<Ref> refs) {
      boolean inOrder = !pass.stage().targetIsAuthority();
      return new TreeSet<>(refs)
          .stream()
              .map(
                  ref ->
                      Repair.outcome(
                          ref, inOrder ? "done" : "refused", inOrder ? "refused" : "done"))
              .toList();
    }

    private void lags(Set<Ref> refs, String why) {
      events.lagging(lag.add(refs, why));
    }

    private Set<Ref> changed() {
      Set<Ref> refs = new HashSet<>();
      outcome
          .changes()
          .forEach(change -> refs.add(new Ref(change.after().kind(), change.after().key())));
      return refs;
    }

    private Set<Ref> named() {
      Set<Ref> refs = new HashSet<>();
      Needs needs = batch.needs();
      needs.keys().forEach((kind, keys) -> keys.forEach(k -> refs.add(new Ref(kind, k))));
      needs.whole().forEach(kind -> refs.addAll(all(kind)));
      needs.ends().forEach((end, places) -> refs.addAll(listed(end, places)));
      return refs;
    }

    /** Every record of a list's kind, and where the next ones go, which nobody may know yet. */
    private Set<Ref> listed(ListEnd end, int places) {
      Set<Ref> refs = all(end.kind());
      TreeFile list = requireNonNull(TreeFile.listOf(end.kind(), end.before()), "list");
      int next = 0;
      for (Ref ref : refs) {
        if (list.equals(TreeFile.of(ref.kind(), ref.key()))) {
          next = Math.max(next, list.place(ref.key()) + 1);
        }
      }
      for (int i = next; i < next + places && i <= TreeFile.LAST_PLACE; i++) {
        refs.add(new Ref(end.kind(), list.item(i)));
      }
      return refs;
    }

    /** Every record of a kind, as the store that answers has them. */
    private Set<Ref> all(Kind<?> kind) {
      Set<Ref> refs = new HashSet<>();
      for (MemoryStore store : List.of(secondary(pass.stage()), authority(pass.stage()))) {
        try (Stream<KeyVersion> records = store.versions(kind, ScanRange.ALL)) {
          records.forEach(record -> refs.add(new Ref(kind, record.key())));
          return refs;
        } catch (MemoryStoreException unanswered) {
          LOG.debug("{} cannot be listed: {}", kind, unanswered.getClass().getSimpleName());
        }
      }
      return refs;
    }
  }

  private void repair(Stage stage, Collection<Ref> refs, Repair.Hold hold) {
    if (!refs.isEmpty()) {
      new Repair(authority(stage), secondary(stage), hold).run(refs, () -> lag.remove(refs));
      events.repaired.add(refs.size());
    }
  }

  /**
   * The records whose secondary copy is behind, or may be, by kind and key. Known in this process
   * only.
   */
  public List<Lagging> lagging() {
    return lag.list();
  }

  /**
   * Brings the secondary's lagging records up to date, as far as both stores let it. Ordered
   * against writes of the same records; other writes go on.
   *
   * @return how many records lag afterwards
   */
  public int catchUp() {
    List<Ref> refs = lag.refs();
    try {
      for (int from = 0; from < refs.size(); from += CATCH_UP_RECORDS) {
        List<Ref> some = refs.subList(from, Math.min(from + CATCH_UP_RECORDS, refs.size()));
        if (!catchUp(some)) {
          for (Ref one : some) {
            catchUp(List.of(one));
          }
        }
      }
    } catch (StoreUnavailableException unavailable) {
      events.secondaryFailed(OpId.copy(), unavailable);
    }
    return lag.size();
  }

  /** False if one of them could not be brought up to date, and perhaps none was. */
  private boolean catchUp(List<Ref> some) {
    Operation operation = new Operation(STORE, "catchUp", "");
    StageGate.Pass pass = gate.enter(operation);
    try {
      if (!pass.stage().writesBoth()) {
        return true;
      }
      Turns.Turn turn = turns.enter(Names.of(some));
      try {
        turn.await(operation, overtaken.get() == 0 ? patience : Duration.ZERO);
        turn.answered(() -> {});
        repair(pass.stage(), lag.among(some), turn::whileHeld);
        return true;
      } catch (StoreUnavailableException unavailable) {
        throw unavailable;
      } catch (MemoryStoreException failure) {
        if (some.size() == 1) {
          events.secondaryFailed(OpId.copy(), failure);
        }
        return false;
      } finally {
        turn.end();
      }
    } finally {
      gate.leave(pass);
    }
  }

  /**
   * Waits until the secondary has had every write that was answered before this call, be it that it
   * followed or that the records are listed as lagging.
   *
   * @return false if it took longer than {@code atMost}
   */
  public boolean drain(Duration atMost) {
    return gate.drain(atMost);
  }

  /** What was counted so far. */
  public DualWriteStats stats() {
    return new DualWriteStats(
        gate.stage(),
        events.writes.sum(),
        gate.inside(),
        events.followed.sum(),
        events.mismatched.sum(),
        events.secondaryFailures.sum(),
        events.repaired.sum(),
        lag.size(),
        events.shadowCompared.sum(),
        events.shadowMismatched.sum(),
        events.shadowUnsettled.sum(),
        events.shadowFailed.sum(),
        events.shadowDropped.sum(),
        events.listenerFailures.sum());
  }

  // ---- reads ----

  @Override
  public String namespace() {
    return source.namespace();
  }

  @Override
  public <T extends MemoryRecord> Optional<Stored<T>> read(Kind<T> kind, Key key) {
    requireNonNull(key, "key");
    Stage stage = gate.stage("read", kind.name());
    Optional<Stored<T>> found = authority(stage).read(kind, key);
    if (stage.shadowsReads() && shadows.sampled()) {
      compare(
          stage,
          "read",
          kind + ":" + key,
          found.stream().toList(),
          () -> authority(stage).read(kind, key).stream().toList(),
          () -> secondary(stage).read(kind, key).stream().toList(),
          Comparisons::records);
    }
    return found;
  }

  @Override
  public <T extends MemoryRecord> List<Stored<T>> readAll(Kind<T> kind, List<Key> keys) {
    Stage stage = gate.stage("readAll", kind.name());
    List<Key> wanted = List.copyOf(keys);
    List<Stored<T>> found = authority(stage).readAll(kind, wanted);
    if (stage.shadowsReads() && shadows.sampled()) {
      compare(
          stage,
          "readAll",
          kind.name(),
          List.copyOf(found),
          () -> authority(stage).readAll(kind, wanted),
          () -> secondary(stage).readAll(kind, wanted),
          Comparisons::records);
    }
    return found;
  }

  @Override
  public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
    requireNonNull(range, "range");
    return authority(gate.stage("scan", kind.name())).scan(kind, range);
  }

  @Override
  public <T extends MemoryRecord> Stream<KeyVersion> versions(Kind<T> kind, ScanRange range) {
    requireNonNull(range, "range");
    return authority(gate.stage("versions", kind.name())).versions(kind, range);
  }

  @Override
  public List<Memory> find(MemoryQuery query) {
    requireNonNull(query, "query");
    Stage stage = gate.stage("find", "");
    List<Memory> found = authority(stage).find(query);
    if (stage.shadowsReads() && shadows.sampled()) {
      compare(
          stage,
          "find",
          "",
          List.copyOf(found),
          () -> authority(stage).find(query),
          () -> secondary(stage).find(query),
          Comparisons::memories);
    }
    return found;
  }

  @Override
  public long count(MemoryQuery query) {
    requireNonNull(query, "query");
    Stage stage = gate.stage("count", "");
    long count = authority(stage).count(query);
    if (stage.shadowsReads() && shadows.sampled()) {
      compare(
          stage,
          "count",
          "",
          count,
          () -> authority(stage).count(query),
          () -> secondary(stage).count(query),
          Comparisons::counts);
    }
    return count;
  }

  @Override
  public Stream<MemoryHead> heads(MemoryQuery query) {
    requireNonNull(query, "query");
    return authority(gate.stage("heads", "")).heads(query);
  }

  @Override
  public List<SimilarQuery.Hit> search(SimilarQuery query) {
    Stage stage = gate.stage("search", query.space());
    List<SimilarQuery.Hit> found = authority(stage).search(query);
    // What an index finds is not what another store has to find.
    if (stage.shadowsReads() && !query.isApproximate() && shadows.sampled()) {
      compare(
          stage,
          "search",
          query.space(),
          List.copyOf(found),
          () -> authority(stage).search(query),
          () -> secondary(stage).search(query),
          (a, b) -> Comparisons.hits(a, b, query.limit()));
    }
    return found;
  }

  /** The authority's. */
  @Override
  public Stream<Leaf> leaves() {
    return authority(gate.stage("leaves", "")).leaves();
  }

  /** To the authority; to the other store too, and a failure of it is only reported. */
  @Override
  public void reportLeaves(List<Leaf> leaves) {
    Stage stage = gate.stage("reportLeaves", "");
    authority(stage).reportLeaves(leaves);
    if (stage.writesBoth()) {
      try {
        secondary(stage).reportLeaves(leaves);
      } catch (MemoryStoreException failure) {
        events.secondaryFailed(OpId.copy(), failure);
      }
    }
  }

  private <R> void compare(
      Stage stage,
      String verb,
      String subject,
      R result,
      Supplier<R> authority,
      Supplier<R> shadow,
      ShadowReads.Comparison<R> comparison) {
    shadows.compare(
        new Operation(STORE, verb, subject),
        result,
        authority,
        shadow,
        comparison,
        () -> gate.stage() == stage);
  }

  // ---- the rest ----

  /** The authority's, and that of the secondary and of how it follows, where the stage has one. */
  @Override
  public Health health() {
    Stage stage = gate.stage();
    Health first = authority(stage).health();
    if (!stage.writesBoth()) {
      return first;
    }
    Health second = secondary(stage).health();
    List<String> notes = new ArrayList<>();
    first.notes().forEach(note -> notes.add(name(!stage.targetIsAuthority()) + ": " + note));
    if (second.status() != Health.Status.UP) {
      notes.add(name(stage.targetIsAuthority()) + " is " + second.status());
    }
    second.notes().forEach(note -> notes.add(name(stage.targetIsAuthority()) + ": " + note));
    if (!lag.isEmpty()) {
      notes.add(lag.size() + " records of the secondary lag");
    }
    boolean well = second.status() == Health.Status.UP && lag.isEmpty();
    return new Health(
        first.status() == Health.Status.UP && !well ? Health.Status.DEGRADED : first.status(),
        notes);
  }

  private static String name(boolean source) {
    return source ? "source" : "target";
  }

  /** What the authority holds. */
  @Override
  public StoreInfo info() {
    StoreInfo info = authority(gate.stage("info", "")).info();
    return new StoreInfo(
        STORE,
        info.namespace(),
        info.version(),
        info.kinds(),
        info.tombstones(),
        info.setAside(),
        info.files(),
        health());
  }

  /** As the authority does; the other store does so too, and a failure of it is only reported. */
  @Override
  public void checkpoint() {
    Stage stage = gate.stage("checkpoint", "");
    authority(stage).checkpoint();
    if (stage.writesBoth()) {
      try {
        secondary(stage).checkpoint();
      } catch (MemoryStoreException failure) {
        events.secondaryFailed(OpId.copy(), failure);
      }
    }
  }

  /**
   * Lets no write in any more, waits a while for those that run, and closes the two stores if it
   * was told to.
   */
  @Override
  public void close() {
    if (!gate.close()) {
      return;
    }
    boolean drained = gate.drain(patience);
    secondaries.shutdown();
    shadows.close();
    if (!drained || !lag.isEmpty()) {
      LOG.warn(
          "closed with {} writes on their way and {} records lagging; a verification will find"
              + " them",
          gate.inside(),
          lag.size());
    }
    if (closesStores) {
      try {
        source.close();
      } finally {
        target.close();
      }
    }
  }
}

package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Health;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.Leaf;
import io.agentmemory.Limits;
import io.agentmemory.Memory;
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
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.Value;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import io.agentmemory.internal.Disk;
import io.agentmemory.internal.LocalDisk;
import io.agentmemory.spi.Canonical;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.DoubleSupplier;
import java.util.function.UnaryOperator;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
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
 * #catchUp}. Without a {@linkplain Builder#folder folder} that list is kept in this process only
 * and is gone when the process ends; a {@link Verifier} finds the same afterwards, and a {@link
 * Backfill} mends it.
 *
 * <p>With a folder a journal keeps it, and it is paid without being asked for. Then, where the
 * target leads and gives no answer, the source stands in for it: it executes the same batch under
 * the same operation id, the journal notes that the target lacks it, and the caller is answered.
 * Reads of what the target lacks, and all reads while it gives no answers, come from the source.
 * When the target is back it gets each operation once: what it holds by then is compared with what
 * it had when it went, and where somebody else wrote the record meanwhile, one of the two states is
 * kept aside as a {@link Conflict}.
 *
 * <p>Reads are answered by the authority otherwise; without a folder an authority that gives no
 * answer is an error. In the stages that say so, a sample of the reads runs on the other store too,
 * off the caller's path, and is compared.
 *
 * <p>One object in one process writes to the two stores while it is used. Thread-safe.
 */
public final class DualWriteMemoryStore implements MemoryStore {
  static final String STORE = "dualwrite";
  private static final int PUTS = 20;
  private static final Duration REPLAY_PAUSE = Duration.ofMillis(20);
  private static final Logger LOG = LoggerFactory.getLogger(DualWriteMemoryStore.class);

  private final TwoStores stores;
  private final boolean closesStores;
  private final Duration patience;
  private final StageGate gate;
  private final Turns turns = new Turns();
  private final Events events;
  private final OpLog log;
  private final Debts debts;
  private final Settling settling;
  private final @Nullable Breaker breaker;
  private final Ownership ownership;
  private final Writes writes;
  private final ShadowReads shadows;
  private final Reads reads;
  private final @Nullable DualFolder folder;
  private final @Nullable Drainer drainer;
  private final StageChange stageChange;
  private final @Nullable StageMoves moves;

  /** Whether the target is, or was last, away without anybody having rehearsed that. */
  private volatile boolean outage;

  private final boolean opensLate;
  private final @Nullable Keeper keeper;

  private DualWriteMemoryStore(Builder builder, @Nullable DualFolder folder) {
    this.folder = folder;
    stores = new TwoStores(builder.source, builder.target);
    closesStores = builder.closesStores;
    patience = builder.patience;
    gate =
        folder == null
            ? new StageGate(builder.stage, builder.patience, operation -> {})
            : new StageGate(folder.stage(), builder.patience, folder.register()::confirm);
    events = new Events(builder.listener);
    log = folder == null ? OpLog.NONE : folder.log();
    debts = new Debts(Clock.systemUTC(), log::done);
    settling =
        new Settling(
            stores,
            debts,
            events,
            folder == null ? Conflicts.inMemory(Clock.systemUTC()) : folder.conflicts());
    settling.sourceLeads(!gate.stage().targetIsAuthority());
    breaker =
        folder == null
            ? null
            : new Breaker(
                this::isTargetBack, builder.probePause, this::breakerChanged, Clock.systemUTC());
    ownership =
        new Ownership(stores.target(), folder == null ? target -> {} : folder::guard, events);
    writes =
        new Writes(
            stores,
            gate,
            turns,
            debts,
            settling,
            events,
            log,
            breaker,
            ownership,
            builder.deadline,
            builder.patience,
            builder.waitForSecondary);
    shadows = new ShadowReads(builder.shadowRate, builder.random, turns, debts, events);
    reads = new Reads(stores, gate, writes, shadows, debts, events, log);
    drainer =
        folder == null
            ? null
            : new Drainer(
                stores, gate, debts, settling, writes, events, () -> folder.settled(events));
    stageChange =
        new StageChange(
            stores, gate, debts, settling, writes, events, log, folder, this::flushFacts);
    moves =
        folder == null
            ? null
            : new StageMoves(
                folder.register(),
                stores,
                debts,
                settling,
                folder.conflicts(),
                events,
                this::isTargetThere,
                ownership::taken,
                stageChange,
                Clock.systemUTC());
    if (drainer != null && folder != null) {
      folder.recover(settling, debts, stores, events, drainer::wake);
      debts.onOwed(drainer::wake);
    }
    LateStore late = builder.target instanceof LateStore target && folder != null ? target : null;
    opensLate = late != null && gate.stage().writesBoth() && !late.isOpen();
    if (late != null) {
      late.whenOpened(ownership::check);
    }
    keeper = keeper(builder);
  }

  /** From here on threads work on both stores: nothing may fail any more. */
  private void start() {
    if (opensLate && breaker != null) {
      breaker.open(); // its probe opens the target once that is possible
    }
    if (drainer != null) {
      drainer.start(); // not before the target is guarded whenever it opens
    }
    if (keeper != null) {
      keeper.start();
    }
  }

  /** Only a folder that names its stores is looked at from outside. */
  private @Nullable Keeper keeper(Builder builder) {
    try {
      return moves != null
              && builder.folder != null
              && StoresFile.isIn(builder.disk, builder.folder)
          ? new Keeper(builder.disk, builder.folder, this, moves, events, Clock.systemUTC())
          : null;
    } catch (IOException e) {
      throw StoreUnavailableException.notApplied(
          new Operation(STORE, "open", String.valueOf(builder.folder)),
          "the folder could not be read: " + e.getClass().getSimpleName(),
          e);
    }
  }

  private boolean isTargetBack() {
    boolean back = stores.target().health().status() != Health.Status.DOWN;
    if (back) {
      ownership.check();
    }
    return back;
  }

  private boolean isTargetThere() {
    return writes.isTargetThere() && stores.target().health().status() != Health.Status.DOWN;
  }

  private void breakerChanged(Breaker.State from, Breaker.State to) {
    if (from == Breaker.State.CLOSED) {
      outage = breaker != null && !breaker.isHeld();
    }
    if (moves != null && outage) {
      moves.targetAway(); // it was until now, or is from now on
    }
    if (from == Breaker.State.CLOSED || to == Breaker.State.CLOSED) {
      events.breakerChanged(from, to);
    }
    if (to == Breaker.State.CLOSED && drainer != null) {
      drainer.hurry();
    }
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
    private double shadowRate = StoresFile.SHADOW_RATE;
    private DoubleSupplier random = () -> ThreadLocalRandom.current().nextDouble();
    private Duration waitForSecondary = Duration.ZERO;
    private Duration patience = Duration.ofSeconds(5);
    private Duration deadline = Duration.ofSeconds(3);
    private Duration probePause = Duration.ofSeconds(1);
    private @Nullable Path folder;
    private JournalLimits journal = JournalLimits.DEFAULT;
    private boolean takesOver;
    private Disk disk = LocalDisk.INSTANCE;
    private Consumer<Stage> whileOpening = stage -> {};
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

    /**
     * Keeps a journal of what only one store has, the stage, and states set aside in a folder,
     * which is made if need be. Then nothing is forgotten when the process ends, and where the
     * target is the authority but gives no answer, the source stands in for it. The stage that the
     * folder knows holds; {@link #stage} is that of a new folder. Default: no folder.
     */
    public Builder folder(Path folder) {
      this.folder = requireNonNull(folder, "folder");
      return this;
    }

    /**
     * How long a write waits for a target that leads, before the source stands in for it. Used with
     * {@link #folder}. Default 3 s.
     *
     * @throws IllegalArgumentException if not above zero
     */
    public Builder deadline(Duration deadline) {
      if (deadline.isNegative() || deadline.isZero()) {
        throw new IllegalArgumentException("deadline " + deadline + " is not above zero");
      }
      this.deadline = deadline;
      return this;
    }

    /**
     * How many bytes the journal may take. At the cap nothing in it is dropped: where the target
     * leads, writes are refused until a store is back and has what it lacks; where the source
     * leads, writes go on, and both stores have to be compared before the next stage. Used with
     * {@link #folder}. Default 1 GiB, from 64 MiB to 64 GiB. 256 MiB of the disk are left free in
     * any case.
     *
     * @throws IllegalArgumentException if not in that range
     */
    public Builder journalCap(long bytes) {
      journal = JournalLimits.DEFAULT.withCap(bytes);
      return this;
    }

    /**
     * Takes the target over where it belongs to another {@link #folder}, which is lost: from then
     * on that one is refused. Default: it is refused here, unless the other folder is in stage
     * {@link Stage#OFF} or {@link Stage#COMPLETE}.
     */
    public Builder takeOver() {
      takesOver = true;
      return this;
    }

    /** How long after the target was given up the first probe comes. */
    Builder probePause(Duration pause) {
      probePause = pause;
      return this;
    }

    /** Is told the stage before anything goes on by itself; what it throws ends the opening. */
    Builder whileOpening(Consumer<Stage> check) {
      whileOpening = check;
      return this;
    }

    /** Where the folder is. */
    Builder disk(Disk disk) {
      this.disk = disk;
      return this;
    }

    /** Closing this store closes the two others. Default: it leaves them open. */
    public Builder closesStores() {
      closesStores = true;
      return this;
    }

    /**
     * The store.
     *
     * @throws StoreUnavailableException if the folder is another process's, or the target another
     *     folder's, or the folder's disk fails
     */
    public DualWriteMemoryStore build() {
      if (folder == null) {
        return new DualWriteMemoryStore(this, null);
      }
      DualFolder opened = DualFolder.open(disk, folder, stage, journal, takesOver, target);
      try {
        DualWriteMemoryStore store = new DualWriteMemoryStore(this, opened);
        whileOpening.accept(store.stage());
        if (store.stage() != Stage.COMPLETE) {
          store.stageChange.unsealSource(); // the process may have ended between seal and stage
        }
        store.start();
        return store;
      } catch (RuntimeException | Error e) {
        opened.close();
        throw e;
      }
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
    stageChange.to(requireNonNull(next, "next"), StageMoves.How.ORDERLY, UnaryOperator.identity());
  }

  /**
   * Everything that stands against the next stage, each in a sentence; empty if nothing does. Goes
   * by what was found out through this object, or on the command line, and by how the stores are
   * just now.
   *
   * @throws IllegalStateException if no {@linkplain Builder#folder folder} keeps what was found out
   */
  public List<String> canPromote() {
    return moves().canPromote();
  }

  /**
   * Goes to the next stage, as {@link #changeStage}, if nothing stands against it.
   *
   * @throws StoreUnavailableException as {@link #changeStage}; the old stage goes on
   * @throws IllegalStateException if there is no folder
   */
  public StageMove promote() {
    return moves().promote(null);
  }

  /**
   * Goes to the next stage whatever stands against it, but for a target that gives no answer.
   *
   * @param reason why, for those who look later; kept
   */
  public StageMove promote(String reason) {
    return moves().promote(requireNonNull(reason, "reason"));
  }

  /**
   * Goes back by one stage, as {@link #changeStage}. Not possible from {@link Stage#COMPLETE}, nor
   * while the target gives no answer.
   *
   * @throws StoreUnavailableException as {@link #changeStage}; the old stage goes on
   * @throws IllegalStateException if there is no folder
   */
  public StageMove rollback() {
    return moves().rollback(null);
  }

  /**
   * Goes back by one stage, also while the target gives no answer. Where the source takes over, it
   * is given what is known of what the target had; what is not known is listed, and found again by
   * comparing once the target is back.
   *
   * @param reason why, for those who look later; kept
   */
  public StageMove rollback(String reason) {
    return moves().rollback(requireNonNull(reason, "reason"));
  }

  /** Compares the two stores, and takes note of the result for {@link #canPromote}. */
  public VerifyReport verify(Verifier.Level level) {
    return moves().verify(requireNonNull(level, "level"));
  }

  /**
   * Compares each of the two stores with itself, source first, and takes note of the result for
   * {@link #canPromote}: where that finds a difference, one between the two says nothing.
   */
  public List<VerifyReport> verifyItself() {
    return moves().verifyItself();
  }

  /** Copies the source into the target, and takes note of the result for {@link #canPromote}. */
  public BackfillReport backfill() {
    return moves().backfill();
  }

  /** Somebody has looked at what the last backfill set aside, and accepts that many. */
  public void acceptSetAside(long records) {
    moves().acceptSetAside(records);
  }

  /** Does what somebody asks the owner of the folder for. */
  Value.Map answer(Value.Map request) {
    catchUp(); // what was found at opening need not stand in the way
    return Keeper.answer(this, moves(), request);
  }

  /** Repairs of one of the stores by the other one. */
  Repairs repairs() {
    return new Repairs(stores, gate, turns, debts, settling, patience);
  }

  private void flushFacts() {
    if (moves != null) {
      moves.flushIfPossible();
    }
  }

  private StageMoves moves() {
    if (moves == null) {
      throw new IllegalStateException("no folder keeps what was found out: see Builder.folder");
    }
    return moves;
  }

  // ---- writes ----

  /**
   * {@inheritDoc}
   *
   * @return says which store carried it out, and whether the other one is known to lack it still:
   *     where the source stood in for the target it is {@code via} the {@code source}, and {@code
   *     pending}. {@link DualWriteListener#onFallbackWrite} tells the same, and for reads {@link
   *     DualWriteListener#onFallbackRead}.
   */
  @Override
  public Outcome execute(Batch batch) {
    return writes.execute(requireNonNull(batch, "batch"));
  }

  /** Asks the authority, and of what that does not know the source, if it stands in for it. */
  @Override
  public Map<OpId, Outcome> conclude(Collection<OpId> operations) {
    Stage stage = gate.stage("conclude", "");
    if (!reads.fallsBack(stage)) {
      return stores.authority(stage).conclude(operations);
    }
    Map<OpId, Outcome> known =
        writes.withWhatTheSourceDid(
            writes.askTarget(
                new Operation(STORE, "conclude", ""), () -> stores.target().conclude(operations)));
    if (!known.keySet().containsAll(operations)) {
      List<OpId> others = operations.stream().filter(op -> !known.containsKey(op)).toList();
      known.putAll(stores.source().conclude(others));
    }
    return known;
  }

  /** In the authority; in the other store too, and a failure of that is only reported. */
  @Override
  public Map<OpId, Outcome> markApplied(Collection<OpId> operations) {
    Stage stage = gate.stage("markApplied", "");
    Map<OpId, Outcome> applied = stores.authority(stage).markApplied(operations);
    if (stage.writesBoth()) {
      try {
        stores.secondary(stage).markApplied(operations);
      } catch (MemoryStoreException failure) {
        events.secondaryFailed(OpId.copy(), failure);
      }
    }
    return applied;
  }

  /** The records of which a store lacks something, or may, by kind and key. */
  public List<Lagging> lagging() {
    return debts.list();
  }

  /**
   * States that were set aside because the same record was written in both stores. Without a
   * {@linkplain Builder#folder folder} they are gone once this store is closed.
   */
  public List<Conflict> conflicts() {
    return settling.conflicts().list();
  }

  /**
   * Brings lagging records up to date, as far as both stores let it. Ordered against writes of the
   * same records; other writes go on.
   *
   * @return how many records lag afterwards
   */
  public int catchUp() {
    return writes.catchUp();
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

  /**
   * Gives each store what it lacks, again and again until neither lacks anything.
   *
   * @return how many records are lacking still when {@code atMost} has passed; at least 1 if nobody
   *     knows yet, because the stores have to be compared or a write has not ended
   */
  public int replay(Duration atMost) {
    long until = System.nanoTime() + atMost.toNanos();
    boolean drained = gate.drain(atMost);
    int left = writes.catchUp();
    while ((left > 0 || !drained || events.resync.get() != null)
        && System.nanoTime() < until
        && !Thread.currentThread().isInterrupted()) {
      LockSupport.parkNanos(REPLAY_PAUSE.toNanos());
      drained = gate.drain(Duration.ofNanos(Math.max(0, until - System.nanoTime())));
      left = writes.catchUp();
    }
    return left > 0 || (drained && events.resync.get() == null) ? left : 1;
  }

  /**
   * Decides a conflict.
   *
   * @throws IllegalArgumentException if there is no such conflict
   * @throws StoreUnavailableException if that is not possible now; the conflict stays
   * @throws InvalidMemoryException if the state has no place, as what it lived in was deleted; the
   *     conflict stays
   */
  public void resolve(String conflictId, Resolution resolution) {
    Conflicts.Held held = conflict(conflictId);
    if (requireNonNull(resolution, "resolution") == Resolution.KEEP_LOSER) {
      put(held.loser());
    }
    settling.conflicts().remove(conflictId);
  }

  /**
   * Decides a conflict by a state that somebody made of both.
   *
   * @throws IllegalArgumentException if there is no such conflict, or it is of another record
   * @throws StoreUnavailableException if that is not possible now; the conflict stays
   * @throws InvalidMemoryException if the state has no place, as what it lived in was deleted; the
   *     conflict stays
   */
  public void resolve(String conflictId, MemoryRecord merged) {
    Conflict conflict = conflict(conflictId).conflict();
    if (!merged.kind().equals(conflict.kind()) || !merged.key().equals(conflict.key())) {
      throw new IllegalArgumentException("the conflict is of another record");
    }
    put(Stored.live(merged, 1, Canonical.digest(merged), null));
    settling.conflicts().remove(conflictId);
  }

  private Conflicts.Held conflict(String id) {
    return settling
        .conflicts()
        .get(requireNonNull(id, "conflictId"))
        .orElseThrow(() -> new IllegalArgumentException("there is no conflict " + id));
  }

  /** Makes a state the newest one of its record, also where writes of that go on. */
  private void put(Stored<?> state) {
    Ref ref = new Ref(state.kind(), state.key());
    Operation operation = new Operation(STORE, "resolve", ref.toString());
    boolean placeIsDeleted = false;
    for (int tries = 0; tries < PUTS; tries++) {
      long above = read(ref.kind(), ref.key()).map(Stored::revision).orElse(0L) + 1;
      Outcome outcome =
          execute(new Batch(OpId.random(), Repair.commands(List.of(Repair.at(ref, state, above)))));
      if (Repair.took(outcome, ref)) {
        return;
      }
      placeIsDeleted =
          outcome.skipped().stream().anyMatch(skip -> skip.reason() == Outcome.Skip.Reason.DELETED);
    }
    if (placeIsDeleted) {
      throw new InvalidMemoryException(
          operation,
          "the state that lost",
          "has no place, as what it lived in is deleted: store that again first, or keep the winner");
    }
    throw StoreUnavailableException.notApplied(
        operation, "the record is written again and again: try once more", null);
  }

  /**
   * Goes through an outage of the target while there is none, and sees whether the source serves
   * and the target gets what it lacks. Writes and deletes one record of its own. Callers are served
   * meanwhile as in an outage.
   *
   * @param atMost how long the target may take to get what it lacks
   * @throws StoreUnavailableException if the target is away, or a store lacks something already
   * @throws UncategorizedStoreException if it did not go as it should; says what
   * @throws IllegalStateException if there is no folder
   */
  public void drill(Duration atMost) {
    StageMoves facts = moves();
    new Drill(this, stores, requireNonNull(breaker, "breaker")).run(atMost);
    facts.drilled();
  }

  /** How things are. */
  public DualWriteStatus status() {
    Facts facts = folder == null ? Facts.NONE : folder.register().facts();
    return new DualWriteStatus(
        gate.stage(),
        folder == null ? 0 : folder.register().state().epoch(),
        breaker == null
            ? DualWriteStatus.Breaker.CLOSED
            : DualWriteStatus.Breaker.valueOf(breaker.state().name()),
        breaker == null ? null : breaker.since(),
        ownership.taken(),
        pending(Side.SOURCE),
        pending(Side.TARGET),
        settling.doubts(),
        settling.conflicts().size(),
        folder == null ? 0 : folder.journal().quarantined(),
        folder == null ? 0 : folder.journal().bytes(),
        folder == null ? 0 : folder.journal().cap(),
        events.journalDamage,
        events.journalPoisoned.sum(),
        events.resync.get(),
        facts.compared(Verifier.Level.DIGESTS).map(Facts.Compared::ended).orElse(null),
        facts.compared(Verifier.Level.FIELDS).map(Facts.Compared::ended).orElse(null),
        stats());
  }

  private Pending pending(Side side) {
    return debts.pending(side, folder == null ? 0 : folder.journal().bytes(side));
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
        debts.size(),
        events.shadowCompared.sum(),
        events.shadowMismatched.sum(),
        events.shadowUnsettled.sum(),
        events.shadowFailed.sum(),
        events.shadowDropped.sum(),
        events.fallbackWrites.sum(),
        events.fallbackReads.sum(),
        events.readsLeftOut.sum(),
        events.gapsHealed.sum(),
        events.conflicts.sum(),
        events.parked.sum(),
        events.listenerFailures.sum());
  }

  // ---- reads ----

  @Override
  public String namespace() {
    return (gate.stage() == Stage.COMPLETE ? stores.target() : stores.source()).namespace();
  }

  /** Those of the authority. */
  @Override
  public Limits limits() {
    return stores.authority(gate.stage()).limits();
  }

  @Override
  public <T extends MemoryRecord> Optional<Stored<T>> read(Kind<T> kind, Key key) {
    return reads.read(kind, requireNonNull(key, "key"));
  }

  @Override
  public <T extends MemoryRecord> List<Stored<T>> readAll(Kind<T> kind, List<Key> keys) {
    return reads.readAll(kind, List.copyOf(keys));
  }

  @Override
  public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
    requireNonNull(range, "range");
    return reads.stream("scan", kind.name(), store -> store.scan(kind, range));
  }

  @Override
  public <T extends MemoryRecord> Stream<KeyVersion> versions(Kind<T> kind, ScanRange range) {
    requireNonNull(range, "range");
    return reads.stream("versions", kind.name(), store -> store.versions(kind, range));
  }

  @Override
  public List<Memory> find(MemoryQuery query) {
    return reads.find(requireNonNull(query, "query"));
  }

  @Override
  public long count(MemoryQuery query) {
    return reads.count(requireNonNull(query, "query"));
  }

  @Override
  public Stream<MemoryHead> heads(MemoryQuery query) {
    requireNonNull(query, "query");
    return reads.stream("heads", "", store -> store.heads(query));
  }

  @Override
  public List<SimilarQuery.Hit> search(SimilarQuery query) {
    return reads.search(query);
  }

  /** The authority's. */
  @Override
  public Stream<Leaf> leaves() {
    return reads.stream("leaves", "", MemoryStore::leaves);
  }

  /** To the authority; to the other store too, and a failure of it is only reported. */
  @Override
  public void reportLeaves(List<Leaf> leaves) {
    Stage stage = gate.stage("reportLeaves", "");
    stores.authority(stage).reportLeaves(leaves);
    if (stage.writesBoth()) {
      try {
        stores.secondary(stage).reportLeaves(leaves);
      } catch (MemoryStoreException failure) {
        events.secondaryFailed(OpId.copy(), failure);
      }
    }
  }

  // ---- the rest ----

  /** The authority's, and that of the secondary and of how it follows, where the stage has one. */
  @Override
  public Health health() {
    Stage stage = gate.stage();
    Health first = stores.authority(stage).health();
    if (!stage.writesBoth()) {
      return first;
    }
    Health second = stores.secondary(stage).health();
    List<String> notes = new ArrayList<>();
    first.notes().forEach(note -> notes.add(name(!stage.targetIsAuthority()) + ": " + note));
    if (second.status() != Health.Status.UP) {
      notes.add(name(stage.targetIsAuthority()) + " is " + second.status());
    }
    second.notes().forEach(note -> notes.add(name(stage.targetIsAuthority()) + ": " + note));
    if (!debts.isEmpty()) {
      notes.add(debts.size() + " records of the secondary lag");
    }
    boolean well = second.status() == Health.Status.UP && debts.isEmpty();
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
    StoreInfo info = stores.authority(gate.stage("info", "")).info();
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
    stores.authority(stage).checkpoint();
    if (stage.writesBoth()) {
      try {
        stores.secondary(stage).checkpoint();
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
    if (drainer != null) {
      drainer.close();
    }
    if (keeper != null) {
      keeper.close();
    }
    writes.close();
    shadows.close();
    flushFacts();
    if (!drained || !debts.isEmpty()) {
      LOG.warn(
          "closed with {} writes on their way and {} records lagging; a verification will find"
              + " them",
          gate.inside(),
          debts.size());
    }
    try {
      if (closesStores) {
        stores.source().close();
      }
    } finally {
      try {
        if (closesStores) {
          stores.target().close();
        }
      } finally {
        if (folder != null) {
          folder.close();
        }
      }
    }
  }
}

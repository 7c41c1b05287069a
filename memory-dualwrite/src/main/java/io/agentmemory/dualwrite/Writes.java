package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import io.agentmemory.InvalidMemoryException;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.ScanRange;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.Version;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import io.agentmemory.internal.TreeFile;
import io.agentmemory.spi.Needs;
import io.agentmemory.spi.Needs.ListEnd;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The only way of a write. One store leads: it executes the batch, and what it throws the caller
 * gets. The other one follows after the caller was answered. What it does not get is a debt, which
 * the next write of the record, or {@link #catchUp}, pays.
 *
 * <p>Where operations are written down, the source may lead in the target's place while that gives
 * no answer: the same batch, under the same operation id.
 */
final class Writes implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(DualWriteMemoryStore.class);
  private static final String STORE = DualWriteMemoryStore.STORE;
  private static final String TOO_SLOW = "the secondary store was too slow";
  private static final String AWAY = "the target was away";
  private static final int SECONDARY_THREADS = 4;
  private static final int SECONDARY_QUEUE = 1024;
  private static final int CATCH_UP_RECORDS = 100;

  private final TwoStores stores;
  private final StageGate gate;
  private final Turns turns;
  private final Debts debts;
  private final Settling settling;
  private final Events events;
  private final OpLog log;
  private final @Nullable Breaker breaker;
  private final Ownership ownership;
  private final TargetCalls calls;
  private final TargetCalls reads;
  private final Duration patience;
  private final Duration waitForSecondary;
  private final ThreadPoolExecutor secondaries;

  /** Writes that the secondary still works on although later ones no longer wait for them. */
  private final AtomicInteger overtaken = new AtomicInteger();

  /**
   * @param deadline how long the target may take
   * @param breaker before the target; null where nothing stands in for it
   */
  Writes(
      TwoStores stores,
      StageGate gate,
      Turns turns,
      Debts debts,
      Settling settling,
      Events events,
      OpLog log,
      @Nullable Breaker breaker,
      Ownership ownership,
      Duration deadline,
      Duration patience,
      Duration waitForSecondary) {
    this.stores = stores;
    this.gate = gate;
    this.turns = turns;
    this.debts = debts;
    this.settling = settling;
    this.events = events;
    this.log = log;
    this.breaker = breaker;
    this.ownership = ownership;
    this.calls = new TargetCalls("dualwrite-target", deadline);
    this.reads = new TargetCalls("dualwrite-reader", deadline);
    this.patience = patience;
    this.waitForSecondary = waitForSecondary;
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

  Outcome execute(Batch batch) {
    StageGate.Pass pass = gate.enter(new Operation(STORE, batch.verb(), batch.subject()));
    boolean handedOn = false;
    try {
      if (!pass.stage().writesBoth()) {
        Outcome outcome = stores.authority(pass.stage()).execute(batch);
        events.writes.increment();
        return outcome.via(TwoStores.leader(pass.stage()).toString(), false);
      }
      Write write = new Write(pass, batch, turns.enter(Names.of(batch)));
      handedOn = write.run();
      return write.answer();
    } finally {
      if (!handedOn) {
        gate.leave(pass);
      }
    }
  }

  /** One batch on its way through both stores. */
  private final class Write {
    private final StageGate.Pass pass;
    private final Batch batch;
    private final OpId op;
    private final Operation operation;
    private final Turns.Turn turn;
    private final Set<Ref> concerned = ConcurrentHashMap.newKeySet();
    private Side leader;
    private Outcome outcome;
    private boolean followed = true;
    private boolean sourceWasAsked; // to lead in the target's place
    private @Nullable StoreUnavailableException unsure;

    Write(StageGate.Pass pass, Batch batch, Turns.Turn turn) {
      this.pass = pass;
      this.batch = batch;
      this.op = batch.opId();
      this.operation = new Operation(STORE, batch.verb(), batch.subject());
      this.turn = turn;
      this.leader = TwoStores.leader(pass.stage());
      this.outcome = new Outcome(op, List.of(), List.of(), false);
    }

    /** Whether the rest was handed on to a thread of ours, which then ends the write. */
    boolean run() {
      boolean handedOn = false;
      try {
        lead();
        handedOn = followed && handOn();
        return handedOn;
      } finally {
        if (!handedOn) {
          end();
        }
      }
    }

    Outcome answer() {
      if (unsure != null) {
        throw unsure;
      }
      return outcome.via(leader.toString(), debts.isOwing(op));
    }

    // ---- the leader's part ----

    private void lead() {
      turn.await(operation, overtaken.get() == 0 ? patience : Duration.ZERO);
      if (leader == Side.SOURCE || !log.isKept()) {
        leadAlone();
      } else if (mayLead()) {
        leadByTarget();
      } else {
        fallBack(null);
      }
      concerned.addAll(changed());
      events.writes.increment();
      turn.answered(this::overtaken);
    }

    /** The authority leads, and nobody in its place. */
    private void leadAlone() {
      noted(() -> log.began(op, leader, false));
      try {
        outcome = stores.of(leader).execute(batch);
      } catch (Throwable thrown) {
        if (mayHaveApplied(thrown)) {
          settling.unanswered(op);
          owe(named(), "the authority's answer to a write got lost");
        } else {
          log.done(op);
        }
        throw thrown;
      }
      settling.answered(op);
      noted(() -> log.changed(op, leader, Settling.changes(outcome, false), false));
    }

    /** What cannot be written down is found by comparing both stores later. */
    private void noted(Runnable note) {
      try {
        note.run();
      } catch (StoreUnavailableException unwritten) {
        events.resyncNeeded("the journal could not be written");
      }
    }

    /**
     * Whether the target has all that this write builds on. If not, the source goes on: giving it
     * to the target now could take longer than a caller waits.
     */
    private boolean mayLead() {
      return isTargetThere() && debts.within(turn.names(), Side.TARGET).isEmpty();
    }

    private void leadByTarget() {
      log.began(op, Side.TARGET, false);
      long start = System.nanoTime();
      try {
        outcome =
            calls.call(
                operation,
                op,
                () -> {
                  settling.claim(op); // if it was in doubt, it is not carried out now
                  return stores.target().execute(batch);
                });
        answered(start);
        if (outcome.repeated()) {
          outcome = requireNonNull(withWhatTheSourceDid(Map.of(op, outcome)).get(op));
        }
      } catch (StoreUnavailableException away) {
        if (away.isRefusal()) {
          answered(start);
          doneUnlessDoubtful();
          calls.run(operation, ownership::checkAfterRefusal);
          throw away;
        }
        unavailable(start, away);
        fallBack(away);
        return;
      } catch (UncategorizedStoreException refused) {
        answered(start);
        outcome = repeatedBySource(refused);
      } catch (MemoryStoreException refused) {
        answered(start);
        log.done(op);
        throw refused;
      } catch (Throwable defect) {
        settling.doubt(op);
        throw defect;
      }
      try {
        log.changed(op, Side.TARGET, Settling.changes(outcome, true), true);
      } catch (StoreUnavailableException unwritten) {
        events.resyncNeeded("the journal could not be written");
        unsure =
            StoreUnavailableException.unknown(
                operation, op, "the journal could not be written", unwritten);
      }
    }

    private void doneUnlessDoubtful() {
      if (!settling.isDoubtful(op)) {
        log.done(op);
      }
    }

    /** An operation that the source took in the target's place is known there alone. */
    private Outcome repeatedBySource(UncategorizedStoreException refused) {
      return stores
          .source()
          .conclude(op)
          .orElseThrow(
              () -> {
                log.done(op);
                return refused;
              });
    }

    /** The source leads in the target's place. What comes of it the target lacks. */
    private void fallBack(@Nullable StoreUnavailableException why) {
      leader = Side.SOURCE;
      followed = false;
      boolean inDoubt =
          settling.isDoubtful(op) || (why != null && why.mayHaveApplied().isPresent());
      try {
        ownership.refuseIfTaken(operation);
        bySource(why);
      } catch (MemoryStoreException failure) {
        boolean applied =
            failure instanceof StoreUnavailableException unavailable
                && unavailable.mayHaveApplied().isPresent();
        if (applied || inDoubt) {
          throw StoreUnavailableException.unknown(
              operation, op, "neither store gave an answer that can be relied on", failure);
        }
        log.done(op);
        throw failure;
      } catch (RuntimeException | Error defect) {
        if (sourceWasAsked) {
          settling.unanswered(op);
          debts.add(named(), Side.TARGET, "the source failed while it led", op);
        } else if (!inDoubt) {
          log.done(op);
        }
        throw defect;
      } finally {
        if (inDoubt) {
          settling.doubt(op); // not before: what the target did must not reach the source first
        }
      }
    }

    private void bySource(@Nullable StoreUnavailableException why) {
      if (!settling.settleFromNotes(debts.within(turn.names(), Side.SOURCE), turn::whileHeld)) {
        throw StoreUnavailableException.notApplied(
            operation, "the source lacks what the target did, which is away", null);
      }
      log.began(op, Side.SOURCE, true);
      settling.rememberIfMissed(op);
      sourceWasAsked = true;
      outcome = stores.source().execute(batch);
      settling.answered(op);
      List<Journal.Change> changes = Settling.changes(outcome, false);
      noted(() -> log.changed(op, Side.SOURCE, changes, false));
      events.lagging(debts.add(op, changes, Side.TARGET, true, AWAY));
      events.fellBack(operation, why);
      if (changes.isEmpty()) {
        settling.missedByTarget(op);
      }
    }

    private static boolean mayHaveApplied(Throwable thrown) {
      return thrown instanceof StoreUnavailableException unavailable
          ? unavailable.mayHaveApplied().isPresent()
          : !(thrown instanceof MemoryStoreException);
    }

    // ---- the follower's part ----

    private Side follower() {
      return leader.other();
    }

    /** Lets the secondary follow on a thread of ours; false if there is no room or no thread. */
    private boolean handOn() {
      if (follower() == Side.TARGET && !isTargetThere()) {
        owe(concerned, AWAY);
        return false;
      }
      try {
        secondaries.execute(this::follow);
      } catch (RejectedExecutionException | OutOfMemoryError full) {
        owe(concerned, "too many writes were waiting for the secondary store");
        return false;
      }
      if (!waitForSecondary.isZero()) {
        turn.awaitEnd(waitForSecondary);
      }
      return true;
    }

    private void overtaken() {
      overtaken.incrementAndGet();
      owe(concerned, TOO_SLOW);
    }

    /**
     * Of one that was overtaken it was said then what the follower lacks, and it can do nothing any
     * more once that is given to it: the follower takes it for done.
     */
    private void end() {
      if (!turn.end()) {
        overtaken.decrementAndGet();
      }
    }

    private void follow() {
      List<Runnable> news = new ArrayList<>();
      boolean done = false;
      try {
        if (!turn.isOver()) {
          followOrRepair(news);
          done = true;
        }
      } catch (Throwable failure) { // whatever a store throws, no caller pays for it
        String why = "the secondary store failed: " + failure.getClass().getSimpleName();
        List<Lagging> lagging = new ArrayList<>();
        if (!turn.whileHeld(() -> lagging.addAll(debt(concerned, why)))) {
          Set<Ref> besides = new HashSet<>(concerned);
          besides.removeAll(changed());
          lagging.addAll(debts.addLate(besides, follower(), why, op)); // the rest was said before
        }
        news.add(() -> events.secondaryFailed(op, failure));
        news.add(() -> events.lagging(lagging));
      } finally {
        try {
          if (done && turn.whileHeld(() -> {})) {
            log.done(op);
          }
          end();
          news.forEach(Runnable::run);
        } finally {
          gate.leave(pass);
        }
      }
    }

    private void followOrRepair(List<Runnable> news) {
      Set<Ref> lagging = debts.within(turn.names(), follower());
      if (!lagging.isEmpty() || outcome.repeated()) {
        // The secondary is not where the authority was before this write; or nobody knows.
        concerned.addAll(lagging);
        repair();
        return;
      }
      List<Difference> differences = carryOut();
      if (differences.isEmpty()) {
        news.add(events::followed);
      } else {
        news.add(() -> events.mismatch(op, differences));
        differences.forEach(d -> concerned.add(new Ref(d.kind(), requireNonNull(d.key()))));
        repair();
      }
    }

    private void repair() {
      settling.settle(concerned, follower(), op, turn::whileHeld);
    }

    /** What the follower lacks still of other records may be in the way: the name of a file. */
    private Outcome executeByFollower() {
      try {
        return stores.of(follower()).execute(batch);
      } catch (MemoryConflictException perhapsTooEarly) {
        turns.awaitEarlier(turn, patience);
        return stores.of(follower()).execute(batch);
      }
    }

    /** Lets the secondary do what the authority did; says in what it did something else. */
    private List<Difference> carryOut() {
      settling.keepWhatGoes(follower(), outcome.changes(), turn::whileHeld);
      Outcome theirs;
      long start = System.nanoTime();
      try {
        theirs = executeByFollower();
        answeredBy(follower(), start);
      } catch (StoreUnavailableException away) {
        if (away.isRefusal()) {
          answeredBy(follower(), start);
          checkOwnership(follower());
        } else if (follower() == Side.TARGET) {
          unavailable(start, away);
        }
        throw away;
      } catch (MemoryConflictException | InvalidMemoryException refused) {
        answeredBy(follower(), start);
        List<Difference> refusals = refusals(concerned.isEmpty() ? named() : concerned);
        concerned.addAll(named());
        return refusals;
      }
      if (theirs.repeated()) {
        repair(); // nobody knows what it did back then
        return List.of();
      }
      if (follower() == Side.TARGET) {
        keepWhatWasAhead(theirs);
      }
      return Repair.differences(inOrder() ? outcome : theirs, inOrder() ? theirs : outcome);
    }

    /**
     * Sets aside what the target made of records that it had at a later revision than the source:
     * somebody else had written them; but a backfill may have brought what the source just did.
     */
    private void keepWhatWasAhead(Outcome theirs) {
      Map<Ref, Outcome.Change> led = new TreeMap<>();
      outcome.changes().forEach(change -> led.put(ref(change), change));
      for (Outcome.Change change : theirs.changes()) {
        Outcome.Change by = led.get(ref(change));
        if (by == null || change.after().isTombstone()) {
          continue;
        }
        Version here = by.before();
        Version there = change.before();
        Version winner = by.after().version();
        if (there != null
            && !there.equals(winner)
            && (here == null || here.revision() < there.revision())) {
          settling.setAside(ref(change), leader, winner, change.after());
        }
      }
    }

    private static Ref ref(Outcome.Change change) {
      return new Ref(change.after().kind(), change.after().key());
    }

    private boolean inOrder() {
      return leader == Side.SOURCE;
    }

    private List<Difference> refusals(Set<Ref> refs) {
      return new TreeSet<>(refs)
          .stream()
              .map(
                  ref ->
                      Repair.outcome(
                          ref, inOrder() ? "done" : "refused", inOrder() ? "refused" : "done"))
              .toList();
    }

    private void owe(Set<Ref> refs, String why) {
      events.lagging(debt(refs, why));
    }

    /** The follower lacks these, and of what this write did the leader's state may be needed. */
    private List<Lagging> debt(Set<Ref> refs, String why) {
      if (refs.isEmpty()) { // nothing changed, and nothing must when it is asked for again
        if (!log.isKept()) {
          return List.of();
        }
        if (follower() == Side.SOURCE) {
          settling.missedBySource(op);
        } else {
          settling.missedByTarget(op);
        }
        return List.of();
      }
      List<Journal.Change> changes =
          Settling.changes(outcome, leader == Side.TARGET && log.isKept()).stream()
              .filter(change -> refs.contains(change.ref()))
              .toList();
      Set<Ref> others = new HashSet<>(refs);
      changes.forEach(change -> others.remove(change.ref()));
      boolean guarded = follower() == Side.SOURCE; // somebody may edit it meanwhile
      List<Lagging> entries = new ArrayList<>(debts.addLate(op, changes, follower(), guarded, why));
      entries.addAll(debts.addLate(others, follower(), why, op));
      return entries;
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
      for (MemoryStore store : List.of(stores.of(follower()), stores.of(leader))) {
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

  /** What the source did in the target's place, the target knows only to be applied. */
  Map<OpId, Outcome> withWhatTheSourceDid(Map<OpId, Outcome> byTarget) {
    Map<OpId, Outcome> known = new HashMap<>(byTarget);
    known.values().removeIf(outcome -> !outcome.changes().isEmpty());
    if (!known.isEmpty()) {
      try {
        known = new HashMap<>(stores.source().markApplied(known.keySet()));
      } catch (MemoryStoreException unanswered) {
        LOG.debug("what {} operations did is not known", known.size());
      }
    }
    byTarget.forEach(known::putIfAbsent);
    return known;
  }

  // ---- the breaker ----

  /** Whether the target is worth asking. */
  boolean isTargetThere() {
    return breaker == null || breaker.isClosed();
  }

  private void answeredBy(Side side, long start) {
    if (side == Side.TARGET) {
      answered(start);
    }
  }

  private void answered(long start) {
    if (breaker != null) {
      breaker.answered(start);
    }
  }

  private void unavailable(long start, StoreUnavailableException away) {
    if (breaker != null) {
      breaker.unavailable(start, away);
    }
  }

  private void checkOwnership(Side refuses) {
    if (refuses == Side.TARGET) {
      ownership.checkAfterRefusal();
    }
  }

  // ---- debts ----

  /**
   * Pays what is owed, as far as both stores let it. Ordered against writes of the same records;
   * other writes go on.
   *
   * @return how many records are owed afterwards
   */
  int catchUp() {
    if (ownership.taken() != null && isTargetThere()) {
      ownership.checkAfterRefusal();
    }
    if (log.isKept() && isTargetThere() && settling.doubts() > 0) {
      try {
        // Which store is right about them hangs on the stage.
        StageGate.Pass pass = gate.enter(new Operation(STORE, "conclude", ""));
        try {
          if (pass.stage().writesBoth()) {
            settling.concludeAll().stream().filter(op -> !debts.isOwing(op)).forEach(log::done);
          }
        } finally {
          gate.leave(pass);
        }
      } catch (StoreUnavailableException away) {
        events.secondaryFailed(OpId.copy(), away);
      }
    }
    for (Side side : isTargetThere() ? Side.values() : new Side[0]) { // each needs both stores
      List<Ref> refs = debts.refs(debt -> debt.lacking() == side && !debt.parked());
      try {
        List<Ref> refused = new ArrayList<>();
        for (int from = 0; from < refs.size(); from += CATCH_UP_RECORDS) {
          List<Ref> some = refs.subList(from, Math.min(from + CATCH_UP_RECORDS, refs.size()));
          if (catchUp(some, side) != null) {
            some.stream().filter(one -> catchUp(List.of(one), side) != null).forEach(refused::add);
          }
        }
        for (Ref one : refused) { // what stood in its way, such as the name of a file, may be gone
          MemoryStoreException failure = catchUp(List.of(one), side);
          if (failure != null) {
            park(one, failure);
          }
        }
      } catch (StoreUnavailableException unavailable) {
        events.secondaryFailed(OpId.copy(), unavailable);
        if (unavailable.isRefusal()) {
          checkOwnership(side);
        }
      }
    }
    return debts.size() + settling.doubts();
  }

  private void park(Ref ref, MemoryStoreException failure) {
    events.secondaryFailed(OpId.copy(), failure);
    debts
        .park(ref, "the store refuses it: " + failure.getClass().getSimpleName())
        .ifPresent(events::parked);
  }

  /** Why one of them could not be brought up to date, and perhaps none was; null if all were. */
  private @Nullable MemoryStoreException catchUp(List<Ref> some, Side lacking) {
    Operation operation = new Operation(STORE, "catchUp", "");
    StageGate.Pass pass = gate.enter(operation);
    try {
      if (!pass.stage().writesBoth()) {
        return null;
      }
      Turns.Turn turn = turns.enter(Names.of(some));
      try {
        turn.await(operation, overtaken.get() == 0 ? patience : Duration.ZERO);
        turn.answered(() -> {});
        settling.settle(refs(debts.among(some, lacking)), lacking, null, turn::whileHeld);
        return null;
      } catch (StoreUnavailableException unavailable) {
        throw unavailable;
      } catch (MemoryStoreException failure) {
        return failure;
      } finally {
        turn.end();
      }
    } finally {
      gate.leave(pass);
    }
  }

  private static List<Ref> refs(Collection<Debt> debts) {
    return debts.stream().map(Debt::ref).toList();
  }

  /**
   * Pays all that is owed while no write is let in.
   *
   * @param forced whether the source goes on even if it refuses something
   * @return what it refuses
   * @throws StoreUnavailableException if something remains
   */
  List<Lagging> catchUpAlone(Operation operation, boolean forced) {
    try {
      settling.concludeAll().stream().filter(op -> !debts.isOwing(op)).forEach(log::done);
      List<Ref> refused = new ArrayList<>();
      for (Side side : Side.values()) {
        boolean mayRemain = forced && side == Side.SOURCE;
        List<Ref> refs = debts.refs(debt -> debt.lacking() == side);
        for (int from = 0; from < refs.size(); from += CATCH_UP_RECORDS) {
          List<Ref> some = refs.subList(from, Math.min(from + CATCH_UP_RECORDS, refs.size()));
          refused.addAll(settleAlone(some, side, mayRemain));
        }
      }
      return settling.giveUp(
          debts.among(refused, Side.SOURCE), Repair.read(stores.target(), refused));
    } catch (MemoryStoreException failure) {
      throw StoreUnavailableException.notApplied(
          operation,
          debts.size() + " records of the store that would become the authority lag",
          failure);
    }
  }

  /** Those that the store refuses, if they may remain. */
  private List<Ref> settleAlone(List<Ref> some, Side side, boolean mayRemain) {
    try {
      settling.settle(some, side, null, Repair.Hold.NOTHING);
      return List.of();
    } catch (StoreUnavailableException away) {
      throw away;
    } catch (MemoryStoreException refused) {
      if (!mayRemain) {
        throw refused;
      }
      if (some.size() == 1) {
        return some;
      }
      List<Ref> remaining = new ArrayList<>();
      some.forEach(one -> remaining.addAll(settleAlone(List.of(one), side, true)));
      return remaining;
    }
  }

  /**
   * The source, which has by then what callers were told that the target has, to answer in its
   * place. What it refuses for good is read from what was noted of it where somebody asks for it,
   * and left out, which is reported, where somebody asks for everything.
   *
   * @param names of what it is asked for; null for everything
   * @throws StoreUnavailableException if it does not get it
   */
  MemoryStore sourceFor(Operation read, @Nullable Set<String> names) {
    if (!turns.awaitFollowers(names, patience)) {
      throw StoreUnavailableException.notApplied(read, "the source is still behind", null);
    }
    if (!debts.isLacking(Side.SOURCE, names)) {
      return stores.source();
    }
    List<Ref> noted =
        debts.lacking(Side.SOURCE, names).stream()
            .filter(debt -> debt.state() != null && !debt.parked())
            .map(Debt::ref)
            .toList();
    if (!noted.isEmpty()) {
      Turns.Turn turn = turns.enter(Names.of(noted));
      try {
        turn.await(read, patience);
        turn.answered(() -> {});
        settling.settleFromNotes(noted, turn::whileHeld);
      } finally {
        turn.end();
      }
    }
    List<Debt> left = debts.lacking(Side.SOURCE, names);
    if (left.stream().anyMatch(debt -> !debt.parked() || (names != null && debt.state() == null))) {
      throw StoreUnavailableException.notApplied(
          read, "the source lacks what the target did, which is away", null);
    }
    if (names == null && !left.isEmpty()) {
      events.readLeftOut(read, left.size());
    }
    return left.isEmpty() || names == null
        ? stores.source()
        : new NotedStore(stores.source(), left);
  }

  /**
   * What the target answers; empty if it gives no answer within the deadline, or is not asked for
   * giving none. Asked once more if there is time.
   */
  <R> Optional<R> readTarget(Operation read, Reading<R> reading) {
    if (!isTargetThere()) {
      return Optional.empty();
    }
    long start = System.nanoTime();
    try {
      R result = reads.read(read, () -> readTwice(reading));
      answered(start);
      return Optional.of(result);
    } catch (StoreUnavailableException away) {
      if (away.isRefusal()) {
        answered(start);
      } else {
        unavailable(start, away);
      }
      return Optional.empty();
    } catch (MemoryStoreException refused) {
      answered(start);
      throw refused;
    }
  }

  private <R> R readTwice(Reading<R> reading) {
    try {
      return reading.from(stores.target());
    } catch (StoreUnavailableException broken) {
      return reading.from(stores.target()); // it may have been the line alone
    }
  }

  /**
   * Waits for the target no longer than the deadline.
   *
   * @throws StoreUnavailableException if that passed
   */
  <T> T askTarget(Operation operation, Callable<T> question) {
    return reads.read(operation, question);
  }

  /** A stream of the target's, whose first part is there on return. */
  <T> Stream<T> inParts(Operation read, Stream<T> whole) {
    return Parts.of(whole, next -> reads.read(read, next));
  }

  /** A question to a store. */
  interface Reading<R> {
    R from(MemoryStore store);
  }

  @Override
  public void close() {
    secondaries.shutdown();
    calls.close();
    reads.close();
    if (breaker != null) {
      breaker.close();
    }
  }
}

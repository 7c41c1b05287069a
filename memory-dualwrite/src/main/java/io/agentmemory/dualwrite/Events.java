package io.agentmemory.dualwrite;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import java.util.Collection;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Counts what happens and tells the listener, whom nothing is believed to get right. */
final class Events {
  private static final Logger LOG = LoggerFactory.getLogger(DualWriteMemoryStore.class);

  final LongAdder writes = new LongAdder();
  final LongAdder followed = new LongAdder();
  final LongAdder mismatched = new LongAdder();
  final LongAdder secondaryFailures = new LongAdder();
  final LongAdder repaired = new LongAdder();
  final LongAdder shadowCompared = new LongAdder();
  final LongAdder shadowMismatched = new LongAdder();
  final LongAdder shadowUnsettled = new LongAdder();
  final LongAdder shadowFailed = new LongAdder();
  final LongAdder shadowDropped = new LongAdder();
  final LongAdder fallbackWrites = new LongAdder();
  final LongAdder fallbackReads = new LongAdder();
  final LongAdder readsLeftOut = new LongAdder();
  final LongAdder conflicts = new LongAdder();
  final LongAdder gapsHealed = new LongAdder();
  final LongAdder parked = new LongAdder();
  final LongAdder journalPoisoned = new LongAdder();

  /** How often a comparison became necessary: one that began before does not do. */
  final AtomicLong resyncs = new AtomicLong();

  /** What was found damaged at opening. */
  final List<String> journalDamage = new CopyOnWriteArrayList<>();

  /** Why not every operation can be known that one store lacks; null if each is. */
  final AtomicReference<@Nullable String> resync = new AtomicReference<>();

  final LongAdder listenerFailures = new LongAdder();

  private final DualWriteListener listener;
  private final AtomicBoolean secondaryFails = new AtomicBoolean();

  Events(DualWriteListener listener) {
    this.listener = listener;
  }

  void mismatch(OpId operation, Collection<Difference> differences) {
    mismatched.increment();
    LOG.debug("operation {}: {} records differ", operation, differences.size());
    differences.forEach(difference -> tell(l -> l.onMismatch(operation, difference)));
  }

  void followed() {
    followed.increment();
    if (secondaryFails.compareAndSet(true, false)) {
      LOG.info("the secondary store follows again");
    }
  }

  void secondaryFailed(OpId operation, Throwable failure) {
    secondaryFailures.increment();
    if (secondaryFails.compareAndSet(false, true)) {
      LOG.warn("the secondary store fails, callers are served by the authority: {}", safe(failure));
    }
    tell(l -> l.onSecondaryFailure(operation, failure));
  }

  void lagging(Collection<Lagging> records) {
    records.forEach(record -> tell(l -> l.onLagging(record)));
  }

  void shadowMismatch(Operation read) {
    shadowMismatched.increment();
    LOG.debug("{}: two results", read);
    tell(l -> l.onShadowMismatch(read));
  }

  void shadowFailed(Operation read, Throwable failure) {
    shadowFailed.increment();
    LOG.debug("{}: shadow read failed: {}", read, safe(failure));
    tell(l -> l.onShadowFailure(read, failure));
  }

  void fellBack(Operation write, @Nullable StoreUnavailableException why) {
    fallbackWrites.increment();
    if (why != null) {
      LOG.debug("{}: the source led, the target gave no answer: {}", write, safe(why));
    }
    tell(l -> l.onFallbackWrite(write));
  }

  void readFellBack(Operation read) {
    fallbackReads.increment();
    tell(l -> l.onFallbackRead(read));
  }

  void readLeftOut(Operation read, int records) {
    readsLeftOut.increment();
    LOG.debug("{}: left {} records out that the source refuses", read, records);
    tell(l -> l.onReadLeftOut(read, records));
  }

  void conflict(Conflict conflict) {
    conflicts.increment();
    LOG.warn(
        "{}:{} was written in both stores; the {}'s state holds, the other is conflict {}",
        conflict.kind(),
        conflict.key(),
        conflict.winner(),
        conflict.id());
    tell(l -> l.onConflict(conflict));
  }

  void parked(Lagging record) {
    parked.increment();
    LOG.warn("{}:{} is refused by the store that lacks it", record.kind(), record.key());
    tell(l -> l.onParked(record));
  }

  void gapHealed(Kind<?> kind, Key key) {
    gapsHealed.increment();
    LOG.warn("{}:{} was lost by the store that was away, and is given back", kind, key);
    tell(l -> l.onGapHealed(kind, key));
  }

  void journalFilling(int percent) {
    LOG.warn("the journal is filled to {} %", percent);
    tell(l -> l.onJournalFilling(percent));
  }

  void journalPoisoned() {
    journalPoisoned.increment();
    LOG.warn("a force of the journal failed; what is not done was written anew elsewhere");
    tell(DualWriteListener::onJournalPoisoned);
  }

  void journalDamaged(String what) {
    LOG.warn("the journal is damaged: {}", what);
    journalDamage.add(what);
    tell(l -> l.onJournalDamaged(what));
  }

  private final Queue<Consumer<DualWriteListener>> untold = new ConcurrentLinkedQueue<>();

  /** Told whenever the stores have to be compared, be it known or not. */
  volatile Runnable whenResyncNeeded = () -> {};

  void resyncNeeded(String why) {
    noteResyncNeeded(why);
    tellWhatIsUntold();
  }

  /**
   * As {@link #resyncNeeded}, on a thread of a store's: what the listener does may wait for that.
   */
  void noteResyncNeeded(String why) {
    resyncs.incrementAndGet();
    if (resync.compareAndSet(null, why)) {
      LOG.warn("the stores have to be compared as a whole: {}", why);
      untold.add(l -> l.onResyncNeeded(why));
    }
    whenResyncNeeded.run();
  }

  /** Tells the listener what could not be told on the thread that found it. */
  void tellWhatIsUntold() {
    for (Consumer<DualWriteListener> event = untold.poll(); event != null; event = untold.poll()) {
      tell(event);
    }
  }

  void breakerChanged(Breaker.State from, Breaker.State to) {
    LOG.info("the target is {}", to == Breaker.State.CLOSED ? "there again" : "away: " + to);
    tell(l -> l.onTargetReachable(to == Breaker.State.CLOSED));
  }

  void takenOver(String why) {
    LOG.warn("the target is no longer this folder's: {}", why);
    tell(l -> l.onTakenOver(why));
  }

  void stageChanged(Stage from, Stage to) {
    LOG.info("stage {} after {}", to, from);
    tell(l -> l.onStageChanged(from, to));
  }

  /** Our own errors never have content in their messages; of others nobody knows. */
  static String safe(Throwable failure) {
    return failure instanceof MemoryStoreException
        ? String.valueOf(failure.getMessage())
        : failure.getClass().getName();
  }

  private void tell(Consumer<DualWriteListener> event) {
    try {
      event.accept(listener);
    } catch (Throwable thrown) { // it is somebody else's code
      listenerFailures.increment();
      LOG.debug("the listener failed: {}", safe(thrown));
    }
  }
}

package io.agentmemory.dualwrite;

import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import java.util.Collection;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
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

package io.agentmemory.dualwrite;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * Shows a store's {@link DualWriteStatus} to Micrometer, which has to be on the class path for
 * that. Every meter's name begins with {@code memory.dualwrite.}: gauges of how things are, those
 * of what is {@code pending.} for each {@code store} (source, target), and a counter for each
 * number of {@link DualWriteStats} that only grows. The registry does not keep the store from being
 * collected.
 */
public final class DualWriteMetrics implements MeterBinder {
  private static final String PREFIX = "memory.dualwrite.";

  private final DualWriteMemoryStore store;
  private final Tags tags;

  /** Shows this store. */
  public DualWriteMetrics(DualWriteMemoryStore store) {
    this(store, List.of());
  }

  /** Shows this store, with tags that tell it from others. */
  public DualWriteMetrics(DualWriteMemoryStore store, Iterable<Tag> tags) {
    this.store = store;
    this.tags = Tags.of(tags);
  }

  /** Shows this store; the primary is called target there, the fallback source. */
  public DualWriteMetrics(FallbackMemoryStore store) {
    this(store.both(), List.of());
  }

  @Override
  public void bindTo(MeterRegistry registry) {
    gauge(registry, "stage", "the stage: 0 for OFF to 5 for COMPLETE", s -> s.stage().ordinal());
    gauge(registry, "epoch", "how often the stage changed", DualWriteStatus::epoch);
    gauge(registry, "breaker", "0 closed, 1 half open, 2 open", s -> s.breaker().ordinal());
    gauge(registry, "taken.over", "1 if the target is another folder's", s -> is(s.takenOver()));
    gauge(registry, "resync.needed", "1 if both have to be compared", s -> is(s.resync()));
    gauge(registry, "doubts", "operations without a known end", DualWriteStatus::doubts);
    gauge(registry, "conflicts", "states set aside, undecided", DualWriteStatus::conflicts);
    gauge(registry, "in.flight", "batches being carried out", s -> s.stats().inFlight());
    gauge(registry, "journal.bytes", "what the journal takes", DualWriteStatus::journalBytes);
    gauge(registry, "journal.cap", "what it may take", DualWriteStatus::journalCap);
    gauge(registry, "journal.quarantined", "parts kept aside", DualWriteStatus::quarantined);
    gauge(registry, "journal.poisoned", "forces that failed", DualWriteStatus::poisoned);
    pending(registry, "source", DualWriteStatus::source);
    pending(registry, "target", DualWriteStatus::target);
    store.stats().counts().keySet().forEach(name -> counter(registry, name));
  }

  private static double is(@Nullable Object reason) {
    return reason == null ? 0 : 1;
  }

  private void pending(
      MeterRegistry registry, String side, Function<DualWriteStatus, Pending> pending) {
    Tags of = tags.and("store", side);
    gauge(registry, "pending.operations", of, "", s -> pending.apply(s).operations());
    gauge(registry, "pending.records", of, "", s -> pending.apply(s).records());
    gauge(registry, "pending.bytes", of, "", s -> pending.apply(s).bytes());
    gauge(registry, "pending.parked", of, "refused", s -> pending.apply(s).parked());
    gauge(registry, "pending.age", of, "seconds", s -> age(pending.apply(s)));
  }

  private static double age(Pending pending) {
    Instant oldest = pending.oldest();
    return oldest == null ? 0 : Duration.between(oldest, Instant.now()).toMillis() / 1e3;
  }

  private void gauge(
      MeterRegistry registry,
      String name,
      String description,
      ToDoubleFunction<DualWriteStatus> value) {
    gauge(registry, name, tags, description, value);
  }

  private void gauge(
      MeterRegistry registry,
      String name,
      Tags of,
      String description,
      ToDoubleFunction<DualWriteStatus> value) {
    Gauge.builder(PREFIX + name, store, s -> value.applyAsDouble(s.status()))
        .tags(of)
        .description(description)
        .register(registry);
  }

  /** A name that a gauge has too is that of what is so now; this counts what ever was. */
  private void counter(MeterRegistry registry, String name) {
    boolean isGauge = name.equals("conflicts") || name.equals("parked");
    FunctionCounter.builder(
            PREFIX + name.replace('_', '.') + (isGauge ? ".found" : ""),
            store,
            s -> s.stats().counts().getOrDefault(name, 0L))
        .tags(tags)
        .register(registry);
  }
}

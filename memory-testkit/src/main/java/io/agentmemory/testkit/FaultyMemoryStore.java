package io.agentmemory.testkit;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Health;
import io.agentmemory.Key;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryHead;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.OpId;
import io.agentmemory.ScanRange;
import io.agentmemory.SimilarQuery;
import io.agentmemory.StoreInfo;
import io.agentmemory.Stored;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import io.agentmemory.spi.EpochGuard;
import io.agentmemory.spi.ForwardingMemoryStore;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A store that fails on command: before it does anything or after it did it, slowly, or by
 * answering wrongly. What is scripted for the next call happens once, in the order of scripting;
 * {@link #down} holds until {@link #up}. Thread-safe.
 *
 * <p>Reads are everything but {@link #execute}, {@link #checkpoint}, {@link #close} and {@link
 * EpochGuard#advance}, which is a write; of a scan, the call that opens the stream. {@link
 * #conclude} is neither, and fails while the store is down only.
 */
public final class FaultyMemoryStore extends ForwardingMemoryStore {
  private static final long PATIENCE_SECONDS = 20;

  private final Deque<Fault> atWrites = new ConcurrentLinkedDeque<>();
  private final Deque<Fault> atReads = new ConcurrentLinkedDeque<>();
  private final AtomicLong writes = new AtomicLong();
  private final AtomicLong reads = new AtomicLong();
  private volatile @Nullable Supplier<? extends RuntimeException> down;

  private interface Call<R> {
    R run();
  }

  private interface Fault {
    Object around(Call<Object> call);
  }

  /** Behaves as {@code delegate} until told otherwise. */
  public FaultyMemoryStore(MemoryStore delegate) {
    super(delegate);
  }

  /** From now on every call fails, without reaching the store, by what {@code error} makes. */
  public void down(Supplier<? extends RuntimeException> error) {
    down = requireNonNull(error, "error");
  }

  /** Ends {@link #down}. */
  public void up() {
    down = null;
  }

  /** The next write fails and is not carried out. */
  public void failNextWrite(RuntimeException error) {
    atWrites.add(call -> fail(error));
  }

  /** The next write is carried out, but its answer is lost. */
  public void loseNextWrite(RuntimeException error) {
    atWrites.add(
        call -> {
          call.run();
          return fail(error);
        });
  }

  /** The next write answers something else than what it did. */
  public void changeNextOutcome(UnaryOperator<Outcome> change) {
    atWrites.add(call -> change.apply((Outcome) call.run()));
  }

  /** The next write waits, before it is carried out, until the gate is opened. */
  public Gate holdNextWrite() {
    return hold(atWrites);
  }

  /** The next read fails. */
  public void failNextRead(RuntimeException error) {
    atReads.add(call -> fail(error));
  }

  /**
   * The next read answers something else than what is stored.
   *
   * @param change of the type that the next read returns
   */
  @SuppressWarnings("unchecked") // the test knows which read comes next
  public <R> void changeNextRead(UnaryOperator<R> change) {
    atReads.add(call -> change.apply((R) call.run()));
  }

  /** The next read waits until the gate is opened. */
  public Gate holdNextRead() {
    return hold(atReads);
  }

  /** How many writes were called, failed ones too. */
  public long writes() {
    return writes.get();
  }

  /** How many reads were called, failed ones too. */
  public long reads() {
    return reads.get();
  }

  private static Object fail(RuntimeException error) {
    throw error;
  }

  private static Gate hold(Deque<Fault> faults) {
    Gate gate = new Gate();
    faults.add(
        call -> {
          gate.pass();
          return call.run();
        });
    return gate;
  }

  @SuppressWarnings("unchecked") // a fault returns what the call returned, or says what it changes
  private <R> R call(AtomicLong counter, Deque<Fault> faults, Call<R> call) {
    counter.incrementAndGet();
    Supplier<? extends RuntimeException> error = down;
    if (error != null) {
      throw error.get();
    }
    Fault fault = faults.poll();
    return fault == null ? call.run() : (R) fault.around((Call<Object>) call);
  }

  private <R> R read(Call<R> call) {
    return call(reads, atReads, call);
  }

  @Override
  public Outcome execute(Batch batch) {
    return call(writes, atWrites, () -> super.execute(batch));
  }

  @Override
  public Map<OpId, Outcome> conclude(Collection<OpId> operations) {
    checkUp();
    return super.conclude(operations);
  }

  @Override
  public Map<OpId, Outcome> markApplied(Collection<OpId> operations) {
    checkUp();
    return super.markApplied(operations);
  }

  private void checkUp() {
    Supplier<? extends RuntimeException> error = down;
    if (error != null) {
      throw error.get();
    }
  }

  @Override
  public <T extends MemoryRecord> Optional<Stored<T>> read(Kind<T> kind, Key key) {
    return read(() -> super.read(kind, key));
  }

  @Override
  public <T extends MemoryRecord> List<Stored<T>> readAll(Kind<T> kind, List<Key> keys) {
    return read(() -> super.readAll(kind, keys));
  }

  @Override
  public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
    return read(() -> super.scan(kind, range));
  }

  @Override
  public <T extends MemoryRecord> Stream<KeyVersion> versions(Kind<T> kind, ScanRange range) {
    return read(() -> super.versions(kind, range));
  }

  @Override
  public List<Memory> find(MemoryQuery query) {
    return read(() -> super.find(query));
  }

  @Override
  public long count(MemoryQuery query) {
    return read(() -> super.count(query));
  }

  @Override
  public Stream<MemoryHead> heads(MemoryQuery query) {
    return read(() -> super.heads(query));
  }

  @Override
  public List<SimilarQuery.Hit> search(SimilarQuery query) {
    return read(() -> super.search(query));
  }

  @Override
  public Health health() {
    return read(super::health);
  }

  @Override
  public StoreInfo info() {
    return read(super::info);
  }

  /** The store's own faces lead around the faults: only the guard has one with them in front. */
  @Override
  public <T> Optional<T> as(Class<T> door) {
    if (door.equals(EpochGuard.class)) {
      return delegate().as(EpochGuard.class).map(Guard::new).map(door::cast);
    }
    return door.isInstance(this) ? Optional.of(door.cast(this)) : Optional.empty();
  }

  private final class Guard implements EpochGuard {
    private final EpochGuard guard;

    Guard(EpochGuard guard) {
      this.guard = guard;
    }

    @Override
    public Optional<Register> register() {
      return FaultyMemoryStore.this.read(guard::register);
    }

    @Override
    public boolean advance(long expected, Register next) {
      return call(writes, atWrites, () -> guard.advance(expected, next));
    }

    @Override
    public void guard(long epoch) {
      guard.guard(epoch);
    }
  }

  /** Where a held call waits. */
  public static final class Gate {
    private final CountDownLatch reached = new CountDownLatch(1);
    private final CountDownLatch open = new CountDownLatch(1);

    private Gate() {}

    private void pass() {
      reached.countDown();
      await(open, "a gate was never opened");
    }

    /**
     * Waits until a call stands at the gate.
     *
     * @throws IllegalStateException if none comes within 20 seconds
     */
    public void awaitCall() {
      await(reached, "no call came to the gate");
    }

    /** Lets the call go on; one that comes later does not wait. */
    public void open() {
      open.countDown();
    }

    private static void await(CountDownLatch latch, String otherwise) {
      try {
        if (!latch.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
          throw new IllegalStateException(otherwise);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(otherwise + " before the thread was interrupted", e);
      }
    }
  }
}

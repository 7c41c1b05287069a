package io.agentmemory.dualwrite;

import io.agentmemory.Health;
import io.agentmemory.Key;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.ScanRange;
import io.agentmemory.SimilarQuery;
import io.agentmemory.StoreInfo;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import io.agentmemory.spi.ForwardingMemoryStore;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Notes what is asked of a store, and lets a test get in between. */
final class Probe extends ForwardingMemoryStore {
  private final String name;
  private final List<String> calls;

  /** Run before and after a batch; what they throw, the store throws. */
  volatile Consumer<Batch> before = batch -> {};

  volatile Consumer<Batch> after = batch -> {};

  /** Run whenever it is asked for something, and before it answers: how slow it is. */
  volatile Runnable pace = () -> {};

  /** Run before every read; what it throws, the store throws. */
  volatile Runnable beforeRead = () -> {};

  volatile @Nullable RuntimeException unavailable;

  /** Files that it says it cannot read. */
  volatile List<StoreInfo.SetAside> setAside = List.of();

  /** Whether the process that uses it is alive: one that was killed asks for nothing any more. */
  volatile BooleanSupplier alive = () -> true;

  private int inside; // guarded by this

  Probe(String name, MemoryStore delegate, List<String> calls) {
    super(delegate);
    this.name = name;
    this.calls = calls;
  }

  Probe(String name, MemoryStore delegate) {
    this(name, delegate, new CopyOnWriteArrayList<>());
  }

  List<String> calls() {
    return calls;
  }

  /** Everything fails from here on. */
  void down() {
    unavailable =
        StoreUnavailableException.notApplied(new Operation(name, "ask", ""), "it is down", null);
  }

  void up() {
    unavailable = null;
  }

  static StoreUnavailableException unknown(OpId opId) {
    return StoreUnavailableException.unknown(
        new Operation("probe", "ask", ""), opId, "the answer got lost", null);
  }

  /** Blocks until a latch opens, for use in a hook. */
  static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException interrupt) {
      throw new AssertionError("interrupted", interrupt);
    }
  }

  private void asked(String what) {
    calls.add(name + "." + what);
    beforeRead.run();
    pace.run();
    checkThere();
  }

  private void checkThere() {
    RuntimeException failure = unavailable;
    if (failure != null) {
      throw failure;
    }
    checkAlive();
  }

  private void checkAlive() {
    if (!alive.getAsBoolean()) {
      throw new IllegalStateException("the process was killed");
    }
  }

  private synchronized void enter() {
    checkAlive();
    inside++;
  }

  private synchronized void leave() {
    inside--;
    notifyAll();
  }

  /** Waits for what is under way in the store, after the process that asked for it was killed. */
  synchronized void awaitQuiet() {
    try {
      while (inside > 0) {
        wait();
      }
    } catch (InterruptedException interrupt) {
      throw new AssertionError("interrupted", interrupt);
    }
  }

  @Override
  public Outcome execute(Batch batch) {
    calls.add(name + ".execute");
    checkThere();
    before.accept(batch);
    pace.run();
    Outcome outcome;
    enter();
    try {
      outcome = super.execute(batch);
    } finally {
      leave();
    }
    pace.run();
    after.accept(batch);
    checkAlive();
    return outcome;
  }

  /** The store itself, which a failure of this one does not touch. */
  MemoryStore store() {
    return delegate();
  }

  @Override
  public Map<OpId, Outcome> conclude(Collection<OpId> operations) {
    asked("conclude");
    enter();
    try {
      return super.conclude(operations);
    } finally {
      leave();
    }
  }

  @Override
  public Map<OpId, Outcome> markApplied(Collection<OpId> operations) {
    asked("markApplied");
    enter();
    try {
      return super.markApplied(operations);
    } finally {
      leave();
    }
  }

  @Override
  public StoreInfo info() {
    StoreInfo info = super.info();
    return new StoreInfo(
        info.type(),
        info.namespace(),
        info.version(),
        info.kinds(),
        info.tombstones(),
        setAside,
        info.files(),
        info.health());
  }

  @Override
  public Health health() {
    RuntimeException failure = unavailable;
    if (!alive.getAsBoolean()) {
      return new Health(Health.Status.DOWN, List.of("the process was killed"));
    }
    return failure == null
        ? super.health()
        : new Health(Health.Status.DOWN, List.of(String.valueOf(failure.getMessage())));
  }

  @Override
  public <T extends MemoryRecord> Optional<Stored<T>> read(Kind<T> kind, Key key) {
    asked("read");
    return super.read(kind, key);
  }

  @Override
  public <T extends MemoryRecord> List<Stored<T>> readAll(Kind<T> kind, List<Key> keys) {
    asked("readAll");
    return super.readAll(kind, keys);
  }

  @Override
  public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
    asked("scan");
    return super.scan(kind, range);
  }

  @Override
  public <T extends MemoryRecord> Stream<KeyVersion> versions(Kind<T> kind, ScanRange range) {
    asked("versions");
    return super.versions(kind, range);
  }

  @Override
  public List<Memory> find(MemoryQuery query) {
    asked("find");
    return super.find(query);
  }

  @Override
  public long count(MemoryQuery query) {
    asked("count");
    return super.count(query);
  }

  @Override
  public List<SimilarQuery.Hit> search(SimilarQuery query) {
    asked("search");
    return super.search(query);
  }
}

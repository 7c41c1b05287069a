package io.agentmemory.dualwrite;

import io.agentmemory.Health;
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
import io.agentmemory.Stored;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A store that is opened when it is asked for, so that one that is away need not keep others from
 * being used. Until it can be opened, whatever is asked of it ends with the reason why not.
 * Thread-safe.
 */
final class LateStore implements MemoryStore {
  private final Side side;
  private final Supplier<MemoryStore> opening;
  private Consumer<MemoryStore> whenOpened = store -> {}; // guarded by this
  private volatile @Nullable MemoryStore store;
  private boolean closed; // guarded by this

  /**
   * Opens nothing yet.
   *
   * @param opening opens the store; what it throws, the caller gets
   */
  LateStore(Side side, Supplier<MemoryStore> opening) {
    this.side = side;
    this.opening = opening;
  }

  /** What has to be done with the store before anybody uses it. */
  synchronized void whenOpened(Consumer<MemoryStore> first) {
    whenOpened = first;
  }

  boolean isOpen() {
    return store != null;
  }

  /**
   * The store, opened if need be.
   *
   * @throws MemoryStoreException if it cannot be opened
   */
  MemoryStore open() {
    MemoryStore now = store;
    return now == null ? openNow() : now;
  }

  private synchronized MemoryStore openNow() {
    MemoryStore now = store;
    if (now != null) {
      return now;
    }
    if (closed) {
      throw new UncategorizedStoreException(
          new Operation(DualWriteMemoryStore.STORE, "open", side.toString()),
          "the store is closed",
          null);
    }
    MemoryStore opened = opening.get();
    try {
      whenOpened.accept(opened);
    } catch (RuntimeException | Error e) {
      opened.close();
      throw e;
    }
    store = opened;
    return opened;
  }

  /** Tries to open it; if that is in vain, that is how it is. */
  @Override
  public Health health() {
    try {
      return open().health();
    } catch (MemoryStoreException failure) {
      return new Health(Health.Status.DOWN, List.of(String.valueOf(failure.getMessage())));
    }
  }

  @Override
  public <T> Optional<T> as(Class<T> door) {
    return door.isInstance(this) ? Optional.of(door.cast(this)) : open().as(door);
  }

  @Override
  public void close() {
    MemoryStore opened;
    synchronized (this) {
      closed = true;
      opened = store;
    }
    if (opened != null) {
      opened.close();
    }
  }

  // ---- forwarded ----

  @Override
  public String namespace() {
    return open().namespace();
  }

  @Override
  public Limits limits() {
    return open().limits();
  }

  @Override
  public Outcome execute(Batch batch) {
    return open().execute(batch);
  }

  @Override
  public Map<OpId, Outcome> conclude(Collection<OpId> operations) {
    return open().conclude(operations);
  }

  @Override
  public Map<OpId, Outcome> markApplied(Collection<OpId> operations) {
    return open().markApplied(operations);
  }

  @Override
  public <T extends MemoryRecord> Optional<Stored<T>> read(Kind<T> kind, Key key) {
    return open().read(kind, key);
  }

  @Override
  public <T extends MemoryRecord> List<Stored<T>> readAll(Kind<T> kind, List<Key> keys) {
    return open().readAll(kind, keys);
  }

  @Override
  public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
    return open().scan(kind, range);
  }

  @Override
  public <T extends MemoryRecord> Stream<KeyVersion> versions(Kind<T> kind, ScanRange range) {
    return open().versions(kind, range);
  }

  @Override
  public List<Memory> find(MemoryQuery query) {
    return open().find(query);
  }

  @Override
  public long count(MemoryQuery query) {
    return open().count(query);
  }

  @Override
  public Stream<MemoryHead> heads(MemoryQuery query) {
    return open().heads(query);
  }

  @Override
  public List<SimilarQuery.Hit> search(SimilarQuery query) {
    return open().search(query);
  }

  @Override
  public Stream<Leaf> leaves() {
    return open().leaves();
  }

  @Override
  public void reportLeaves(List<Leaf> leaves) {
    open().reportLeaves(leaves);
  }

  @Override
  public StoreInfo info() {
    return open().info();
  }

  @Override
  public void checkpoint() {
    open().checkpoint();
  }
}

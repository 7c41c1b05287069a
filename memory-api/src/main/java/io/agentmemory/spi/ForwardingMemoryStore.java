package io.agentmemory.spi;

import static java.util.Objects.requireNonNull;

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
import io.agentmemory.OpId;
import io.agentmemory.ScanRange;
import io.agentmemory.SimilarQuery;
import io.agentmemory.StoreInfo;
import io.agentmemory.Stored;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Forwards everything to another store. A decorator overrides what it changes. */
public abstract class ForwardingMemoryStore implements MemoryStore {
  private final MemoryStore delegate;

  /** Forwards to {@code delegate}, which {@link #close()} closes too. */
  protected ForwardingMemoryStore(MemoryStore delegate) {
    this.delegate = requireNonNull(delegate, "delegate");
  }

  /** The store behind this one. */
  protected final MemoryStore delegate() {
    return delegate;
  }

  @Override
  public String namespace() {
    return delegate.namespace();
  }

  @Override
  public Limits limits() {
    return delegate.limits();
  }

  @Override
  public Outcome execute(Batch batch) {
    return delegate.execute(batch);
  }

  @Override
  public Map<OpId, Outcome> conclude(Collection<OpId> operations) {
    return delegate.conclude(operations);
  }

  @Override
  public Map<OpId, Outcome> markApplied(Collection<OpId> operations) {
    return delegate.markApplied(operations);
  }

  @Override
  public <T extends MemoryRecord> Optional<Stored<T>> read(Kind<T> kind, Key key) {
    return delegate.read(kind, key);
  }

  @Override
  public <T extends MemoryRecord> List<Stored<T>> readAll(Kind<T> kind, List<Key> keys) {
    return delegate.readAll(kind, keys);
  }

  @Override
  public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
    return delegate.scan(kind, range);
  }

  @Override
  public <T extends MemoryRecord> Stream<KeyVersion> versions(Kind<T> kind, ScanRange range) {
    return delegate.versions(kind, range);
  }

  @Override
  public List<Memory> find(MemoryQuery query) {
    return delegate.find(query);
  }

  @Override
  public long count(MemoryQuery query) {
    return delegate.count(query);
  }

  @Override
  public Stream<MemoryHead> heads(MemoryQuery query) {
    return delegate.heads(query);
  }

  @Override
  public List<SimilarQuery.Hit> search(SimilarQuery query) {
    return delegate.search(query);
  }

  @Override
  public Stream<Leaf> leaves() {
    return delegate.leaves();
  }

  @Override
  public void reportLeaves(List<Leaf> leaves) {
    delegate.reportLeaves(leaves);
  }

  @Override
  public Health health() {
    return delegate.health();
  }

  @Override
  public StoreInfo info() {
    return delegate.info();
  }

  @Override
  public void checkpoint() {
    delegate.checkpoint();
  }

  @Override
  public <T> Optional<T> as(Class<T> door) {
    return door.isInstance(this) ? Optional.of(door.cast(this)) : delegate.as(door);
  }

  @Override
  public void close() {
    delegate.close();
  }
}

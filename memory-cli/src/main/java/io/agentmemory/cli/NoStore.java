package io.agentmemory.cli;

import io.agentmemory.Health;
import io.agentmemory.Key;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.Leaf;
import io.agentmemory.Memory;
import io.agentmemory.MemoryHead;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.ScanRange;
import io.agentmemory.SimilarQuery;
import io.agentmemory.StoreInfo;
import io.agentmemory.Stored;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import io.agentmemory.postgres.PostgresSchema;
import io.agentmemory.spi.StoreUrl;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** A store that was not made yet, so that a dry run need not make it. */
final class NoStore implements MemoryStore {
  /** Whether opening {@code url} for writing would make the store. */
  static boolean isAt(String url) {
    StoreUrl parsed = StoreUrl.parse(url);
    if (parsed.scheme().equals("postgresql")) {
      return PostgresSchema.of(parsed).version() == 0;
    }
    try {
      return parsed.scheme().equals("file") && !Files.exists(Path.of(parsed.location()));
    } catch (InvalidPathException noPath) {
      return false; // opening it says what is wrong
    }
  }

  @Override
  public String namespace() {
    return "";
  }

  @Override
  public Outcome execute(Batch batch) {
    throw new UncategorizedStoreException(
        new Operation("none", batch.verb(), batch.subject()), "a dry run writes nothing", null);
  }

  @Override
  public Map<OpId, Outcome> conclude(Collection<OpId> operations) {
    return Map.of();
  }

  @Override
  public Map<OpId, Outcome> markApplied(Collection<OpId> operations) {
    return Map.of();
  }

  @Override
  public <T extends MemoryRecord> Optional<Stored<T>> read(Kind<T> kind, Key key) {
    return Optional.empty();
  }

  @Override
  public <T extends MemoryRecord> List<Stored<T>> readAll(Kind<T> kind, List<Key> keys) {
    return List.of();
  }

  @Override
  public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
    return Stream.empty();
  }

  @Override
  public <T extends MemoryRecord> Stream<KeyVersion> versions(Kind<T> kind, ScanRange range) {
    return Stream.empty();
  }

  @Override
  public List<Memory> find(MemoryQuery query) {
    return List.of();
  }

  @Override
  public long count(MemoryQuery query) {
    return 0;
  }

  @Override
  public Stream<MemoryHead> heads(MemoryQuery query) {
    return Stream.empty();
  }

  @Override
  public List<SimilarQuery.Hit> search(SimilarQuery query) {
    return List.of();
  }

  @Override
  public Stream<Leaf> leaves() {
    return Stream.of();
  }

  /** Notes none: of memories that are not there every leaf is left out. */
  @Override
  public void reportLeaves(List<Leaf> leaves) {}

  @Override
  public Health health() {
    return new Health(Health.Status.UP, List.of());
  }

  @Override
  public StoreInfo info() {
    return new StoreInfo("none", "", "", Map.of(), Map.of(), List.of(), List.of(), health());
  }

  @Override
  public void close() {}
}

package io.agentmemory.benchmarks;

import io.agentmemory.Health;
import io.agentmemory.Key;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.ScanRange;
import io.agentmemory.StoreInfo;
import io.agentmemory.Stored;
import io.agentmemory.spi.Canonical;
import io.agentmemory.spi.ForwardingMemoryStore;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Memories made up while they are read, so that what is measured holds no source. Read-only. */
final class GeneratedStore extends ForwardingMemoryStore {
  private final int memories;

  GeneratedStore(int memories) {
    super(new InMemoryMemoryStore("generated"));
    this.memories = memories;
  }

  private static int number(Key key) {
    return Integer.parseInt(key.part(0).substring(1), 36);
  }

  @SuppressWarnings("unchecked") // T is Memory where there are any
  private static <T extends MemoryRecord> Stored<T> stored(int number) {
    Memory memory = Corpus.memory(number);
    return (Stored<T>) Stored.live(memory, 1, Canonical.digest(memory), null);
  }

  @Override
  public <T extends MemoryRecord> Optional<Stored<T>> read(Kind<T> kind, Key key) {
    return readAll(kind, List.of(key)).stream().findFirst();
  }

  @Override
  public <T extends MemoryRecord> List<Stored<T>> readAll(Kind<T> kind, List<Key> keys) {
    if (!kind.equals(Kind.MEMORY)) {
      return List.of();
    }
    return keys.stream()
        .map(GeneratedStore::number)
        .filter(number -> number < memories)
        .map(GeneratedStore::<T>stored)
        .toList();
  }

  @Override
  public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
    if (!kind.equals(Kind.MEMORY)) {
      return Stream.of();
    }
    Key after = range.after();
    Key through = range.through();
    int from = after == null ? 0 : number(after) + 1;
    int to = through == null ? memories : Math.min(memories, number(through) + 1);
    return IntStream.range(from, Math.max(from, to)).mapToObj(GeneratedStore::<T>stored);
  }

  @Override
  public <T extends MemoryRecord> Stream<KeyVersion> versions(Kind<T> kind, ScanRange range) {
    return scan(kind, range).map(stored -> new KeyVersion(stored.key(), stored.version()));
  }

  @Override
  public StoreInfo info() {
    return new StoreInfo(
        "generated",
        namespace(),
        "1",
        Map.of(Kind.MEMORY, (long) memories),
        Map.of(),
        List.of(),
        List.of(),
        new Health(Health.Status.UP, List.of()));
  }
}

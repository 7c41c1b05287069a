package io.agentmemory.cli;

import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.ScanRange;
import io.agentmemory.Stored;
import io.agentmemory.spi.ForwardingMemoryStore;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** Tells somebody of each record that is listed, on the thread that lists it. */
final class CountingStore extends ForwardingMemoryStore {
  private final Consumer<Kind<?>> listed;

  CountingStore(MemoryStore store, Consumer<Kind<?>> listed) {
    super(store);
    this.listed = listed;
  }

  @Override
  public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
    return super.scan(kind, range).peek(record -> listed.accept(kind));
  }

  @Override
  public <T extends MemoryRecord> Stream<KeyVersion> versions(Kind<T> kind, ScanRange range) {
    return super.versions(kind, range).peek(version -> listed.accept(kind));
  }
}

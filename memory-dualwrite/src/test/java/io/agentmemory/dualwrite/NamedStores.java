package io.agentmemory.dualwrite;

import io.agentmemory.MemoryStore;
import io.agentmemory.OpenMode;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import io.agentmemory.spi.ForwardingMemoryStore;
import io.agentmemory.spi.StoreProvider;
import io.agentmemory.spi.StoreUrl;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Stores to open by address: {@code named:NAME} is kept in this JVM, and may be away. */
public final class NamedStores implements StoreProvider {
  private static final Map<String, InMemoryMemoryStore> STORES = new ConcurrentHashMap<>();
  private static final Set<String> AWAY = ConcurrentHashMap.newKeySet();

  /** Called by the service loader. */
  public NamedStores() {}

  static MemoryStore named(String name) {
    return STORES.computeIfAbsent(name, n -> new InMemoryMemoryStore("test"));
  }

  /** From here on it can be opened by nobody; whoever has it, keeps it. */
  static void away(String name) {
    AWAY.add(name);
  }

  static void back(String name) {
    AWAY.remove(name);
  }

  @Override
  public Set<String> schemes() {
    return Set.of("named");
  }

  @Override
  public MemoryStore open(StoreUrl url, OpenMode mode) {
    if (AWAY.contains(url.location())) {
      throw StoreUnavailableException.notApplied(
          new Operation("named", "open", url.location()), "connection refused", null);
    }
    return new Session(named(url.location()), mode);
  }

  /** One opening of a store that outlives it. */
  private static final class Session extends ForwardingMemoryStore {
    private final OpenMode mode;

    Session(MemoryStore store, OpenMode mode) {
      super(store);
      this.mode = mode;
    }

    @Override
    public Outcome execute(Batch batch) {
      if (mode == OpenMode.READ) {
        throw new UncategorizedStoreException(
            new Operation("named", batch.verb(), batch.subject()), "opened for reading", null);
      }
      return super.execute(batch);
    }

    @Override
    public void close() {}
  }
}

package io.agentmemory.cli;

import io.agentmemory.Health;
import io.agentmemory.Kind;
import io.agentmemory.MemoryStore;
import io.agentmemory.OpenMode;
import io.agentmemory.Operation;
import io.agentmemory.StoreInfo;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import io.agentmemory.spi.ForwardingMemoryStore;
import io.agentmemory.spi.StoreProvider;
import io.agentmemory.spi.StoreUrl;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Stores for the commands to open: {@code memory:NAME} is kept in this JVM, {@code down:} gives no
 * answer, {@code broken:} fails with the text of a memory in the message.
 */
public final class TestStores implements StoreProvider {
  /** What no error may repeat. */
  static final String SECRET = "the agent's own words";

  private static final Map<String, InMemoryMemoryStore> STORES = new ConcurrentHashMap<>();

  /** Called by the service loader. */
  public TestStores() {}

  /** The store behind {@code memory:NAME}. */
  static MemoryStore named(String name) {
    return STORES.computeIfAbsent(name, InMemoryMemoryStore::new);
  }

  @Override
  public Set<String> schemes() {
    return Set.of("memory", "down", "broken");
  }

  @Override
  public MemoryStore open(StoreUrl url, OpenMode mode) {
    return switch (url.scheme()) {
      case "down" ->
          throw StoreUnavailableException.notApplied(
              new Operation("down", "open", ""), "connection refused", null);
      case "broken" -> throw new IllegalStateException(SECRET);
      default -> new Session(named(url.location()), mode);
    };
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
            new Operation("memory", batch.verb(), batch.subject()), "opened for reading", null);
      }
      return super.execute(batch);
    }

    @Override
    public StoreInfo info() {
      Map<Kind<?>, Long> kinds = new HashMap<>();
      for (Kind<?> kind : Kind.all()) {
        try (var records = scan(kind)) {
          kinds.put(kind, records.filter(record -> !record.isTombstone()).count());
        }
      }
      return new StoreInfo(
          "memory",
          namespace(),
          "1",
          kinds,
          Map.of(Kind.MEMORY, 2L),
          List.of(new StoreInfo.SetAside("active/x.md:3", "no YAML")),
          List.of(new StoreInfo.File("photo.jpg", StoreInfo.Use.SET_ASIDE, "is no memory")),
          new Health(Health.Status.DEGRADED, List.of("exact search")));
    }

    @Override
    public void close() {}
  }
}

package io.agentmemory.postgres;

import io.agentmemory.MemoryStore;
import io.agentmemory.OpenMode;
import io.agentmemory.spi.StoreProvider;
import io.agentmemory.spi.StoreUrl;
import java.util.Set;

/**
 * Opens stores at {@code postgresql://[user@]host[:port]/database}. Parameters: {@code namespace}
 * (default {@code default}), {@code schema} (default {@code agent_memory}), and those of the
 * PostgreSQL driver. Public only because {@link java.util.ServiceLoader} wants it.
 */
public final class PostgresStoreProvider implements StoreProvider {
  /** For {@link java.util.ServiceLoader}. */
  public PostgresStoreProvider() {}

  @Override
  public Set<String> schemes() {
    return Set.of("postgresql");
  }

  @Override
  public MemoryStore open(StoreUrl url, OpenMode mode) {
    return PostgresMemoryStore.open(PostgresUrl.parse(url, System.getenv()), mode);
  }
}

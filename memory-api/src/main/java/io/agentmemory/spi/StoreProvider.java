package io.agentmemory.spi;

import io.agentmemory.MemoryStore;
import io.agentmemory.OpenMode;
import java.util.Set;

/** Opens the stores of one backend by address. Found through {@link java.util.ServiceLoader}. */
public interface StoreProvider {
  /** The schemes it takes, in lower case. */
  Set<String> schemes();

  /**
   * Opens a store.
   *
   * @throws IllegalArgumentException if the address is not one of this backend's; says what is
   *     wrong
   * @throws io.agentmemory.MemoryStoreException if the store cannot be opened
   */
  MemoryStore open(StoreUrl url, OpenMode mode);
}

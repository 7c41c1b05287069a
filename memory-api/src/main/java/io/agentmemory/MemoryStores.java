package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.spi.StoreProvider;
import io.agentmemory.spi.StoreUrl;
import java.net.URI;
import java.util.Map;
import java.util.ServiceLoader;

/**
 * Opens stores by address.
 *
 * <ul>
 *   <li>{@code file:PATH[?namespace=NAME]}: a folder; module memory-file
 *   <li>{@code postgresql://[user@]host[:port]/database[?namespace=NAME&schema=NAME]}: module
 *       memory-postgres. Further parameters are those of the PostgreSQL driver, such as {@code
 *       sslmode}. The password comes from the environment variable PGPASSWORD or from {@code
 *       ~/.pgpass}.
 *   <li>{@code dual:FOLDER}: two stores of which one takes the other's place in stages; the folder
 *       names them, and is made by {@code memory stage init}; module memory-dualwrite
 * </ul>
 */
public final class MemoryStores {
  private static final Map<String, String> MODULES =
      Map.of("file", "memory-file", "postgresql", "memory-postgres", "dual", "memory-dualwrite");

  private MemoryStores() {}

  /** Opens a store for reading and writing, as {@link #open(String, OpenMode)}. */
  public static MemoryStore open(String url) {
    return open(url, OpenMode.READ_WRITE);
  }

  /** Opens a store for reading and writing, as {@link #open(String, OpenMode)}. */
  public static MemoryStore open(URI url) {
    return open(url.toString());
  }

  /**
   * Opens a store.
   *
   * @throws IllegalArgumentException if the address is no store's; for an unknown scheme it names
   *     the module to add
   * @throws MemoryStoreException if the store cannot be opened
   */
  public static MemoryStore open(String url, OpenMode mode) {
    StoreUrl parsed = StoreUrl.parse(requireNonNull(url, "url"));
    requireNonNull(mode, "mode");
    for (StoreProvider provider :
        ServiceLoader.load(StoreProvider.class, MemoryStores.class.getClassLoader())) {
      if (provider.schemes().contains(parsed.scheme())) {
        return provider.open(parsed, mode);
      }
    }
    String module = MODULES.get(parsed.scheme());
    throw new IllegalArgumentException(
        module == null
            ? "no store is called " + parsed.scheme() + ": use file: or postgresql:"
            : "to open "
                + parsed.scheme()
                + ": stores, add the dependency io.agentmemory:"
                + module);
  }
}

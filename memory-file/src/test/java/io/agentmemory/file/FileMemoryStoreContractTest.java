package io.agentmemory.file;

import io.agentmemory.MemoryStore;
import io.agentmemory.testkit.MemoryStoreContract;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;

final class FileMemoryStoreContractTest extends MemoryStoreContract {
  @TempDir Path folder;

  private final Map<MemoryStore, Path> paths = new IdentityHashMap<>();

  @Override
  protected MemoryStore openStore(String purpose) throws Exception {
    return open(Files.createTempDirectory(folder, "store"));
  }

  @Override
  protected Optional<MemoryStore> reopen(MemoryStore store) {
    Path path = Objects.requireNonNull(paths.get(store));
    store.close();
    return Optional.of(open(path));
  }

  private MemoryStore open(Path path) {
    MemoryStore store = FileMemoryStore.builder(path).build();
    paths.put(store, path);
    return store;
  }
}

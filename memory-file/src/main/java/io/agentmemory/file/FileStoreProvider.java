package io.agentmemory.file;

import io.agentmemory.MemoryStore;
import io.agentmemory.OpenMode;
import io.agentmemory.spi.StoreProvider;
import io.agentmemory.spi.StoreUrl;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Set;

/** Opens {@code file:PATH[?namespace=NAME]}. */
public final class FileStoreProvider implements StoreProvider {

  /** For {@link java.util.ServiceLoader}. */
  public FileStoreProvider() {}

  @Override
  public Set<String> schemes() {
    return Set.of("file");
  }

  @Override
  public MemoryStore open(StoreUrl url, OpenMode mode) {
    for (String name : url.parameters().keySet()) {
      if (!name.equals("namespace")) {
        throw new IllegalArgumentException(
            "a file: store takes the parameter namespace only, not " + name);
      }
    }
    String path = url.location();
    if (path.startsWith("///")) {
      path = path.substring(2); // file:///path, as other programs write it
    }
    if (path.isBlank() || path.startsWith("//")) {
      throw new IllegalArgumentException(
          "a file store is written as file:PATH, as in file:./memory");
    }
    FileMemoryStore.Builder builder;
    try {
      builder = FileMemoryStore.builder(Path.of(path));
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException("the path of the file: store is none", e);
    }
    url.parameter("namespace").ifPresent(builder::namespace);
    return (mode == OpenMode.READ ? builder.readOnly() : builder).build();
  }
}

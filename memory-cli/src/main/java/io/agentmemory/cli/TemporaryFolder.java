package io.agentmemory.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A folder of ours that nobody else may enter; gone when closed, or at the latest with this JVM.
 */
final class TemporaryFolder implements AutoCloseable {
  private final Path path;
  private final Thread hook = new Thread(this::deleteQuietly, "delete-temporary-folder");

  private TemporaryFolder(Path path) {
    this.path = path;
  }

  static TemporaryFolder create(String name) throws IOException {
    TemporaryFolder folder = new TemporaryFolder(Files.createTempDirectory(name + "-"));
    Runtime.getRuntime().addShutdownHook(folder.hook);
    return folder;
  }

  Path path() {
    return path;
  }

  @Override
  public void close() throws IOException {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException goingDown) {
      return; // the hook is at it
    }
    Folders.delete(path);
  }

  private void deleteQuietly() {
    try {
      Folders.delete(path);
    } catch (IOException e) {
      return; // nobody is left to tell
    }
  }
}

package io.agentmemory.dualwrite;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.agentmemory.internal.Disk;
import java.io.IOException;
import java.nio.file.Path;

/** Small files that are there whole, in their old state or in the new one. */
final class Files {
  private Files() {}

  /** Whether the old file or the new one is there is not known, nor which one will be. */
  static final class UnsureException extends IOException {
    private static final long serialVersionUID = 1L;

    UnsureException(IOException cause) {
      super(cause);
    }
  }

  /**
   * Writes a file in place of the one that is there, durably.
   *
   * @throws UnsureException if the new one may be there; after any other failure the old one is
   */
  static void replace(Disk disk, Path file, String text) throws IOException {
    byte[] bytes = text.getBytes(UTF_8);
    Path temp = file.resolveSibling("." + file.getFileName() + ".tmp");
    disk.delete(temp);
    try (Disk.Out out = disk.create(temp, null)) {
      out.write(0, bytes, 0, bytes.length);
      out.force();
    }
    try {
      disk.move(temp, file);
      Path folder = file.getParent();
      if (folder != null) {
        disk.forceFolder(folder);
      }
    } catch (IOException e) {
      throw new UnsureException(e);
    }
  }

  /** Makes a folder and its name durable. */
  static void makeFolder(Disk disk, Path folder) throws IOException {
    Path parent = folder.toAbsolutePath().getParent();
    if (disk.stat(folder) == null) {
      if (parent != null && disk.stat(parent) == null) {
        makeFolder(disk, parent);
      }
      disk.createFolder(folder);
      if (parent != null) {
        disk.forceFolder(parent);
      }
    }
  }
}

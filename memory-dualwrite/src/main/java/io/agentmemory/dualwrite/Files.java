package io.agentmemory.dualwrite;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.agentmemory.internal.Disk;
import java.io.IOException;
import java.nio.file.Path;

/** Small files that are there whole, in their old state or in the new one. */
final class Files {
  private Files() {}

  /** Writes a file in place of the one that is there, durably. */
  static void replace(Disk disk, Path file, String text) throws IOException {
    byte[] bytes = text.getBytes(UTF_8);
    Path temp = file.resolveSibling("." + file.getFileName() + ".tmp");
    disk.delete(temp);
    try (Disk.Out out = disk.create(temp, null)) {
      out.write(0, bytes, 0, bytes.length);
      out.force();
    }
    disk.move(temp, file);
    Path folder = file.getParent();
    if (folder != null) {
      disk.forceFolder(folder);
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

package io.agentmemory.dualwrite;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.agentmemory.internal.Disk;
import java.io.IOException;
import java.nio.file.Path;

/**
 * The file that is there while the journal knows all that one store lacks; taking it away needs no
 * room. Says up to which edit of the source by other programs. Not thread-safe.
 *
 * <p>A folder whose force failed is not forced again, since that could succeed without its names.
 * So after such a failure there is no more putting it there, and {@link #isUnsure} tells that
 * taking it away may not last.
 */
final class ComparedMark {
  static final String NAME = "compared";

  private final Disk disk;
  private final Path folder;
  private boolean there; // or may be
  private boolean unsure;

  ComparedMark(Disk disk, Path folder) throws IOException {
    this.disk = disk;
    this.folder = folder;
    this.there = disk.stat(file()) != null;
  }

  private Path file() {
    return folder.resolve(NAME);
  }

  boolean isThere() {
    return there;
  }

  /** Whether somebody who opens the folder next may find it although it was taken away. */
  boolean isUnsure() {
    return unsure;
  }

  /** The last edit of which the target has all; another text than any if that is not known. */
  String edit() {
    try {
      return new String(disk.read(file()), UTF_8);
    } catch (IOException e) {
      return "unknown";
    }
  }

  /** Puts it there, unless it is. */
  void put(String edit) throws IOException {
    if (there || unsure) {
      return;
    }
    try {
      Files.replace(disk, file(), edit);
      there = true;
    } catch (Files.UnsureException e) {
      there = true; // so that it is taken away
      unsure = true;
      throw e;
    }
  }

  /** Takes it away, if it is there. */
  void remove() throws IOException {
    if (!there) {
      return;
    }
    try {
      disk.delete(file());
      there = false;
      if (!unsure) {
        disk.forceFolder(folder);
      }
    } catch (IOException e) {
      unsure = true;
      throw e;
    }
  }
}

package io.agentmemory.internal;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Every touch of the file system that a store makes. The one seam at which tests lose power, fill
 * the disk and fail: what is written counts as lost until it is forced, and a name until its folder
 * is. Links are never followed.
 */
public interface Disk {
  /** What a name stands for. */
  enum Type {
    FILE,
    FOLDER,
    /** A link, a pipe, a device. */
    OTHER
  }

  /**
   * What is known of a name without opening it.
   *
   * @param modified nanoseconds since 1970
   * @param id tells files apart whatever their name; null where the file system cannot say
   */
  record Stat(Type type, long size, long modified, @Nullable Object id) {
    /** Whether nothing suggests that the bytes differ. */
    public boolean sameAs(@Nullable Stat other) {
      return other != null && size == other.size && modified == other.modified;
    }

    /** The same, and the name stands for the same file. */
    public boolean isSameFileAs(Stat other) {
      return sameAs(other) && id != null && id.equals(other.id);
    }
  }

  /** The names in a folder, unordered; empty if there is no such folder. */
  List<String> list(Path folder) throws IOException;

  /** What stands under a name; null if nothing does. */
  @Nullable Stat stat(Path path) throws IOException;

  /** The path with every link on the way followed; as it is where nothing stands. */
  Path real(Path path) throws IOException;

  /** All bytes of a file. */
  byte[] read(Path file) throws IOException;

  /** The bytes of a file, one after another. */
  InputStream open(Path file) throws IOException;

  /**
   * A new file, which must not be there yet.
   *
   * @param like the file whose mode and owner it takes; null for a new one, which only its owner
   *     may read
   */
  Out create(Path file, @Nullable Path like) throws IOException;

  /** A file that is there, to be written. */
  Out reopen(Path file) throws IOException;

  /**
   * A file that is there, to be written by threads of others too: where an interrupt closes what
   * {@link #reopen} gives, it does no harm to this one. To be forced only by a thread that nobody
   * interrupts.
   */
  Out share(Path file) throws IOException;

  /** How many bytes may still be written to the disk that a folder is on, as far as is known. */
  long usable(Path folder) throws IOException;

  /** Makes the bytes of a file durable. */
  void force(Path file) throws IOException;

  /** Makes the names in a folder durable. */
  void forceFolder(Path folder) throws IOException;

  /** Gives a file another name in one step, in place of what had it. */
  void move(Path from, Path to) throws IOException;

  /** Gives a file a second name; a copy where the file system has no links. */
  void link(Path file, Path second) throws IOException;

  /** Takes a name away, a folder's only if it is empty; nothing happens if it is not there. */
  void delete(Path path) throws IOException;

  /** A new folder, which only its owner may enter; nothing happens if it is there. */
  void createFolder(Path folder) throws IOException;

  /** Opens the file that stands for a lock, making it if need be. */
  LockFile openLock(Path file) throws IOException;

  /** Tells one run of the machine from the next; empty if that is not known. */
  String bootId();

  /** A file being written. */
  interface Out extends Closeable {
    /** Writes all of the bytes from {@code position} on. */
    void write(long position, byte[] bytes, int offset, int length) throws IOException;

    /** Makes what was written durable. */
    void force() throws IOException;

    @Override
    void close() throws IOException;
  }

  /** A lock between processes. */
  interface LockFile extends Closeable {
    /** Takes the lock unless another process has it. */
    boolean tryLock() throws IOException;

    /** Tells the open file from others. */
    @Nullable Object id();

    /** Frees the lock. */
    @Override
    void close() throws IOException;
  }
}

package io.agentmemory.dualwrite;

import io.agentmemory.internal.Disk;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * One file of the journal. It is made in advance, full of zeros, and extended the same way, so that
 * a force has nothing but the bytes of lines to write. Not thread-safe, but for {@link #force}.
 */
final class JournalSegment {
  static final String SUFFIX = ".jnl";
  private static final String TEMPORARY = ".tmp";

  final Path path;

  /** Segments are numbered one after another. */
  final long number;

  /** Whether something in it could not be read, so that it is kept when it no longer counts. */
  final boolean damaged;

  private final Disk.@Nullable Out out; // null: only read
  private int lines;
  private long position;
  private long zeroed;
  private long torn; // to where a write that failed may have left something
  private long forced;
  private boolean poisoned;

  private JournalSegment(
      Path path,
      long number,
      boolean damaged,
      Disk.@Nullable Out out,
      long position,
      long zeroed,
      int lines) {
    this.path = path;
    this.number = number;
    this.damaged = damaged;
    this.out = out;
    this.position = position;
    this.zeroed = zeroed;
    this.forced = position;
    this.lines = lines;
  }

  /** One that an earlier owner wrote. */
  static JournalSegment found(Path path, long number, boolean damaged, long size, int lines) {
    return new JournalSegment(path, number, damaged, null, size, size, lines);
  }

  /**
   * A new one, durable with its name when this returns. It has its name only once its first line is
   * whole, so that one without is never ours.
   */
  static JournalSegment create(Disk disk, Path folder, long number, byte[] header, int room)
      throws IOException {
    Path path = folder.resolve(name(number));
    Path temporary = folder.resolve(name(number) + TEMPORARY);
    disk.delete(temporary); // of an earlier try
    byte[] bytes = Arrays.copyOf(header, Math.max(room, header.length));
    Disk.Out out = null;
    try {
      try (Disk.Out made = disk.create(temporary, null)) {
        made.write(0, bytes, 0, bytes.length);
        made.force();
      }
      disk.move(temporary, path);
      disk.forceFolder(folder);
      out = disk.share(path);
      return new JournalSegment(path, number, false, out, header.length, bytes.length, 1);
    } catch (IOException | RuntimeException e) {
      try {
        if (out != null) {
          out.close();
        }
        disk.delete(temporary);
        disk.delete(path); // not durable perhaps, and without anything in it
      } catch (IOException second) {
        e.addSuppressed(second);
      }
      throw e;
    }
  }

  static String name(long number) {
    return String.format(Locale.ROOT, "%016x", number) + SUFFIX;
  }

  static boolean isName(String name) {
    return name.matches("[0-9a-f]{16}\\.jnl");
  }

  static boolean isTemporary(String name) {
    return name.matches("[0-9a-f]{16}\\.jnl\\.tmp");
  }

  String name() {
    return name(number);
  }

  /** Bytes of lines. */
  long size() {
    return position;
  }

  /** How many lines it has. */
  int lines() {
    return lines;
  }

  /** Writes lines after those that are there. After an error they are not there. */
  void append(byte[] more, int count) throws IOException {
    int length = (int) Math.max(more.length, torn - position);
    byte[] bytes = length == more.length ? more : Arrays.copyOf(more, length);
    torn = position + length; // until we know better
    out().write(position, bytes, 0, length);
    position += more.length;
    lines += count;
    torn = position;
    zeroed = Math.max(zeroed, position);
  }

  /** Whether it is time to {@link #extend}. */
  boolean isShort(int room) {
    return zeroed - position < room / 2;
  }

  /** Makes room for lines, if the disk has it. */
  void extend(int room) throws IOException {
    long from = Math.max(zeroed, torn);
    out().write(from, new byte[room], 0, room);
    zeroed = from + room;
  }

  /** Whether something in it is not durable and can be made so. */
  boolean isForcible() {
    return out != null && !poisoned && forced < position;
  }

  /** Makes what was written durable. After an error nobody knows. */
  void force() throws IOException {
    out().force();
  }

  /** Everything up to {@code size} is durable. */
  void forced(long size) {
    forced = Math.max(forced, size);
  }

  /** A force failed: another one may lie. */
  void poison() {
    poisoned = true;
  }

  private Disk.Out out() throws IOException {
    if (out == null) {
      throw new IOException("the segment is an earlier owner's");
    }
    return out;
  }

  void close() throws IOException {
    if (out != null) {
      out.close();
    }
  }
}

package io.agentmemory.file;

import io.agentmemory.file.Lines.Line;
import io.agentmemory.internal.Disk;
import io.agentmemory.internal.Frames;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The log: a line that is in it and forced has happened. One segment is written at a time; it is
 * made in advance, full of zeros, so that forcing a line forces nothing but its bytes. Not
 * thread-safe: one thread of ours touches it, which nobody interrupts.
 */
final class StoreLog implements AutoCloseable {
  static final String FOLDER = "log";
  static final int ROOM = 1 << 20;
  private static final String SUFFIX = ".log";

  private final Disk disk;
  private final Path folder;
  private final Lines.Segment header;
  private final int growth;
  private Disk.@Nullable Out out;
  private @Nullable Path path;
  private @Nullable Object id; // of the file behind the path
  private long position;
  private long end;
  private final List<Path> closed = new ArrayList<>();

  /**
   * @param growth how many bytes a segment is made with, and grows by
   * @param left segments that were there at opening, which the next checkpoint drops
   */
  StoreLog(Disk disk, Path control, Lines.Segment header, int growth, List<Path> left) {
    this.disk = disk;
    this.growth = growth;
    this.folder = control.resolve(FOLDER);
    this.header = header;
    this.closed.addAll(left);
  }

  /** Bytes of lines since the last checkpoint. */
  long size() {
    return position;
  }

  /**
   * Writes a line. It has not happened before it is forced; after an error it never will.
   *
   * @throws IOException if it could not be written
   */
  void append(long seq, Line line) throws IOException {
    byte[] bytes = Frames.line(Lines.write(line));
    Disk.Out to = hasSegment() ? Objects.requireNonNull(out) : newSegment(seq, bytes.length);
    if (position + bytes.length > end) {
      extend(to, position + bytes.length);
    }
    to.write(position, bytes, 0, bytes.length);
    position += bytes.length;
  }

  /**
   * Whether there is a segment that the next line goes to. Leaves one that its name no longer leads
   * to, as where the tree's folder was deleted or unmounted: bytes can be written to it and forced,
   * but nobody would ever read them.
   */
  boolean hasSegment() throws IOException {
    Path file = path;
    if (out != null && file != null) {
      Disk.Stat now = disk.stat(file);
      if (now == null || !Objects.equals(id, now.id())) {
        close();
      }
    }
    return out != null;
  }

  /**
   * Makes what was appended durable. After an error nobody knows, and the log is of no more use.
   */
  void force() throws IOException {
    if (out != null) {
      out.force();
    }
  }

  /** Makes the next segment, so that no write has to wait for it. */
  void prepare(long seq) throws IOException {
    if (out == null) {
      newSegment(seq, 0);
    }
  }

  private Disk.Out newSegment(long seq, int needed) throws IOException {
    // Another name for each try, so that a half-made one is in nobody's way.
    Path file = folder.resolve(name(seq));
    for (int i = 1; disk.stat(file) != null; i++) {
      file = folder.resolve(name(seq).replace(SUFFIX, "-" + i + SUFFIX));
    }
    byte[] first = Frames.line(Lines.write(header));
    byte[] room = new byte[Math.max(growth, first.length + needed)];
    System.arraycopy(first, 0, room, 0, first.length);
    Disk.Out made = disk.create(file, null);
    try {
      made.write(0, room, 0, room.length);
      made.force();
      disk.forceFolder(folder);
    } catch (IOException | RuntimeException e) {
      try (made) {
        disk.delete(file);
      } catch (IOException second) {
        e.addSuppressed(second);
      }
      throw e;
    }
    Disk.Stat stat = disk.stat(file);
    id = stat == null ? null : stat.id();
    out = made;
    path = file;
    position = first.length;
    end = room.length;
    return made;
  }

  private void extend(Disk.Out to, long needed) throws IOException {
    byte[] room = new byte[(int) (needed - end) + growth];
    to.write(end, room, 0, room.length);
    try {
      to.force();
    } catch (IOException e) {
      try {
        close(); // never forced again: the next line begins another segment
      } catch (IOException second) {
        e.addSuppressed(second);
      }
      throw e;
    }
    end += room.length;
  }

  private static String name(long seq) {
    return String.format(Locale.ROOT, "%016x", seq) + SUFFIX;
  }

  /** Drops every line so far: a checkpoint has all of them. */
  void drop() throws IOException {
    close();
    List<Path> left = List.copyOf(closed);
    for (Path file : left) {
      disk.delete(file);
      closed.remove(file);
    }
  }

  @Override
  public void close() throws IOException {
    Disk.Out last = out;
    if (last != null) {
      out = null;
      closed.add(Objects.requireNonNull(path));
      position = 0;
      last.close();
    }
  }

  // ---- reading ----

  /** A segment that was found: its lines, and where it is damaged. */
  record Found(Path path, byte[] bytes, List<Line> lines, List<Frames.Gap> gaps) {
    Lines.@Nullable Segment header() {
      return !lines.isEmpty() && lines.get(0) instanceof Lines.Segment first ? first : null;
    }
  }

  /** Every segment in the log's folder, oldest first. */
  static List<Found> read(Disk disk, Path control) throws IOException {
    Path folder = control.resolve(FOLDER);
    List<Found> found = new ArrayList<>();
    List<String> names = new ArrayList<>(disk.list(folder));
    names.removeIf(name -> !name.matches("[0-9a-f]{16}(-[0-9]+)?\\.log"));
    names.sort(
        java.util.Comparator.comparing((String name) -> name.substring(0, 16))
            .thenComparing(String::length)
            .thenComparing(name -> name));
    for (String name : names) {
      Path path = folder.resolve(name);
      byte[] bytes;
      try {
        bytes = disk.read(path);
      } catch (java.nio.file.NoSuchFileException dropped) {
        continue; // by a checkpoint beside us
      }
      Frames.Scan scan = Frames.scan(bytes, bytes.length);
      List<Line> lines = new ArrayList<>();
      List<Frames.Gap> gaps = new ArrayList<>(scan.gaps());
      for (Frames.Frame frame : scan.frames()) {
        try {
          lines.add(Lines.read(frame.text()));
        } catch (IllegalArgumentException unreadable) {
          gaps.add(new Frames.Gap(frame.from(), frame.to(), true));
        }
      }
      found.add(new Found(path, bytes, lines, gaps));
    }
    return found;
  }
}

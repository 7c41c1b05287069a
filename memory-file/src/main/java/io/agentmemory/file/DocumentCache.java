package io.agentmemory.file;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.internal.Disk;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import java.util.zip.CheckedInputStream;
import java.util.zip.CheckedOutputStream;
import org.jspecify.annotations.Nullable;

/**
 * A document's records in binary form, beside the log: opens a space of vectors without reading
 * numbers from text, and tells what somebody changed in the document since. Derived from the
 * document, named by its hash; whoever misses it reads the document.
 */
final class DocumentCache {
  static final String FOLDER = "cache";
  private static final int MAGIC = 0x414d4333; // AMC3
  private static final int MAX_TEXT = 64 << 20;

  private DocumentCache() {}

  /** Something in a document that could not be read. */
  record Problem(String where, String reason) {}

  private static Path path(Path control, String file) {
    return control.resolve(FOLDER).resolve(file.replace("%", "%25").replace("/", "%2F") + ".bin");
  }

  /** Takes a document's cache away. */
  static void delete(Disk disk, Path control, String file) throws IOException {
    disk.delete(path(control, file));
  }

  /** The hash of the document that the cache was made from; null if there is no cache. */
  static @Nullable String hash(Disk disk, Path control, String file) {
    Path path = path(control, file);
    try {
      if (disk.stat(path) == null) {
        return null;
      }
      try (DataInputStream in = new DataInputStream(disk.open(path))) {
        return in.readInt() == MAGIC ? text(in) : null;
      }
    } catch (IOException damaged) {
      return null;
    }
  }

  /**
   * Hands over the rows of a cache, each at revision 1.
   *
   * @return what could not be read in the document; null if the cache is not that of this hash or
   *     damaged: then what was handed over may be wrong
   */
  static @Nullable List<Problem> read(
      Disk disk, Path control, String file, String hash, Consumer<Row> rows) {
    Path path = path(control, file);
    try {
      if (disk.stat(path) == null) {
        return null;
      }
      try (InputStream bytes = new BufferedInputStream(disk.open(path), 1 << 16)) {
        CRC32C sum = new CRC32C();
        DataInputStream in = new DataInputStream(new CheckedInputStream(bytes, sum));
        if (in.readInt() != MAGIC || !text(in).equals(hash)) {
          return null;
        }
        List<Problem> problems = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
          problems.add(new Problem(text(in), text(in)));
        }
        List<Kind<?>> kinds = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
          kinds.add(Kind.named(text(in)).orElseThrow(EOFException::new));
        }
        for (int left = in.readInt(); left > 0; left--) {
          rows.accept(row(in, kinds));
        }
        long expected = sum.getValue();
        return in.readLong() == expected ? problems : null;
      }
    } catch (IOException | IllegalArgumentException damaged) {
      return null;
    }
  }

  /** The digests of a cache, as a base to tell what changed; null if there is none of this hash. */
  static @Nullable Map<Control.Ref, byte[]> digests(
      Disk disk, Path control, String file, String hash) {
    Map<Control.Ref, byte[]> digests = new HashMap<>();
    List<Problem> read =
        read(
            disk,
            control,
            file,
            hash,
            row -> digests.put(new Control.Ref(row.kind, row.key), row.digest()));
    return read == null ? null : digests;
  }

  /**
   * Writes a cache, by a temporary file. Not forced: a torn one fails its checksum.
   *
   * @param rows live ones, which do not change meanwhile; they come back in the order of places
   */
  static void write(
      Disk disk,
      Path control,
      String file,
      String hash,
      List<Problem> problems,
      Collection<Row> rows)
      throws IOException {
    Path path = path(control, file);
    Path temporary =
        path.resolveSibling("." + path.getFileName() + "." + UUID.randomUUID() + ".tmp");
    try {
      try (Disk.Out to = disk.create(temporary, null)) {
        CRC32C sum = new CRC32C();
        OutputStream buffered = new BufferedOutputStream(new DiskOutput(to), 1 << 16);
        DataOutputStream out = new DataOutputStream(new CheckedOutputStream(buffered, sum));
        out.writeInt(MAGIC);
        text(out, hash);
        out.writeInt(problems.size());
        for (Problem problem : problems) {
          text(out, problem.where());
          text(out, problem.reason());
        }
        List<Kind<?>> kinds = rows.stream().<Kind<?>>map(row -> row.kind).distinct().toList();
        out.writeInt(kinds.size());
        for (Kind<?> kind : kinds) {
          text(out, kind.name());
        }
        out.writeInt(rows.size());
        for (Row row : rows.stream().sorted(Row.BY_PLACE).toList()) {
          row(out, row, kinds);
        }
        out.writeLong(sum.getValue());
        out.flush();
      }
      disk.move(temporary, path);
    } catch (IOException | RuntimeException e) {
      disk.delete(temporary);
      throw e;
    }
  }

  private static void row(DataOutputStream out, Row row, List<Kind<?>> kinds) throws IOException {
    out.writeByte(kinds.indexOf(row.kind));
    for (String part : row.key.parts()) {
      text(out, part);
    }
    out.write(row.digest());
    if (row.body instanceof Row.VectorBody vector) {
      text(out, vector.members == null ? "" : vector.members);
      float[] floats = vector.floats();
      ByteBuffer bytes =
          ByteBuffer.allocate(floats.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      bytes.asFloatBuffer().put(floats);
      out.writeInt(floats.length);
      out.write(bytes.array());
    } else {
      text(out, (String) java.util.Objects.requireNonNull(row.body));
    }
  }

  private static Row row(DataInputStream in, List<Kind<?>> kinds) throws IOException {
    int index = in.readUnsignedByte();
    if (index >= kinds.size()) {
      throw new EOFException();
    }
    Kind<?> kind = kinds.get(index);
    List<String> parts = new ArrayList<>();
    for (int i = 0; i < kind.keyParts(); i++) {
      parts.add(text(in));
    }
    byte[] digest = in.readNBytes(32);
    String text = text(in);
    if (!kind.equals(Kind.EMBEDDING)) {
      return Row.cached(kind, new Key(parts), digest, text);
    }
    int size = in.readInt();
    if (size < 0 || size > MAX_TEXT) {
      throw new EOFException();
    }
    byte[] bytes = in.readNBytes(size * Float.BYTES);
    if (bytes.length < size * Float.BYTES) {
      throw new EOFException();
    }
    float[] floats = new float[size];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(floats);
    Row.VectorBody vector = new Row.VectorBody(text.isEmpty() ? null : text, floats);
    return Row.cached(kind, new Key(parts), digest, vector);
  }

  private static void text(DataOutputStream out, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    out.writeInt(bytes.length);
    out.write(bytes);
  }

  private static String text(DataInputStream in) throws IOException {
    int length = in.readInt();
    if (length < 0 || length > MAX_TEXT) {
      throw new EOFException();
    }
    byte[] bytes = in.readNBytes(length);
    if (bytes.length < length) {
      throw new EOFException();
    }
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /** Writes to a file of a {@link Disk} from its start on. */
  static final class DiskOutput extends OutputStream {
    private final Disk.Out out;
    private long position;

    DiskOutput(Disk.Out out) {
      this.out = out;
    }

    long position() {
      return position;
    }

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      out.write(position, bytes, offset, length);
      position += length;
    }
  }
}

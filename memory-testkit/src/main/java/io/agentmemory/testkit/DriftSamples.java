package io.agentmemory.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;

/**
 * A memory tree that the original Drift software wrote, with what it answers over that tree. The
 * {@code README.md} beside the archives says where they come from.
 */
public final class DriftSamples {
  private final Path root;

  private DriftSamples(Path root) {
    this.root = root;
  }

  /** Unpacks the tree of 160 memories into {@code folder}; every file there may be changed. */
  public static DriftSamples small(Path folder) throws IOException {
    return unpack("drift-small.tar.gz", folder);
  }

  /** Unpacks the tree of 1,000 memories into {@code folder}; every file there may be changed. */
  public static DriftSamples thousand(Path folder) throws IOException {
    return unpack("drift-1000.tar.gz", folder);
  }

  /**
   * Unpacks the operations, one folder for each, into {@code folder}: {@code case.json} is the call
   * and what it gave, {@code after/} the tree it left; {@code _base} is the tree before all of
   * them.
   *
   * @return the folder that holds these folders; every file there may be changed
   */
  public static Path cases(Path folder) throws IOException {
    unpack("drift-cases.tar.gz", folder);
    return folder.resolve("cases");
  }

  private static DriftSamples unpack(String archive, Path folder) throws IOException {
    Files.createDirectories(folder);
    try (InputStream packed =
            requireNonNull(DriftSamples.class.getResourceAsStream(archive), archive);
        InputStream tar = new GZIPInputStream(packed, 1 << 16)) {
      Tar.unpack(tar, folder);
    }
    return new DriftSamples(folder);
  }

  /** The folder that holds {@code memory/} and {@code sensors/}. */
  public Path tree() {
    return root.resolve("tree");
  }

  /** The memory itself: {@code core/}, {@code active/}, {@code archive/} and the JSON files. */
  public Path memory() {
    return tree().resolve("memory");
  }

  /** What the original answers over the tree. */
  public Path golden() {
    return root.resolve("golden");
  }

  /** Odd memory files. */
  public Path irregular() {
    return root.resolve("irregular");
  }

  /** What the original's parser makes of each odd file. */
  public Path irregularExpected() {
    return root.resolve("irregular_expected.json");
  }

  /** Reads the tar archives that are packed here: files and folders, names by ustar or pax. */
  private static final class Tar {
    private static final int BLOCK = 512;

    private Tar() {}

    static void unpack(InputStream tar, Path folder) throws IOException {
      String longName = null;
      byte[] header = new byte[BLOCK];
      while (readBlock(tar, header) && header[0] != 0) {
        long size = octal(header, 124, 12);
        switch (header[156]) {
          case 'x' -> longName = paxPath(content(tar, size));
          case 'L' -> longName = text(content(tar, size), 0, (int) size);
          case '5' -> {
            Files.createDirectories(target(folder, name(header, longName)));
            longName = null;
          }
          case '0', 0 -> {
            Path file = target(folder, name(header, longName));
            Files.createDirectories(file.toAbsolutePath().getParent());
            Files.write(file, content(tar, size));
            longName = null;
          }
          default -> throw new IOException("unexpected kind of tar entry " + header[156]);
        }
      }
    }

    private static boolean readBlock(InputStream tar, byte[] block) throws IOException {
      int read = tar.readNBytes(block, 0, BLOCK);
      if (read != 0 && read != BLOCK) {
        throw new EOFException("the archive is cut short");
      }
      return read == BLOCK;
    }

    private static byte[] content(InputStream tar, long size) throws IOException {
      byte[] content = tar.readNBytes(Math.toIntExact(size));
      long padding = (BLOCK - size % BLOCK) % BLOCK;
      if (content.length != size || tar.readNBytes((int) padding).length != padding) {
        throw new EOFException("the archive is cut short");
      }
      return content;
    }

    private static Path target(Path folder, String name) throws IOException {
      Path target = folder.resolve(name).normalize();
      if (!target.startsWith(folder.normalize())) {
        throw new IOException("an entry outside of the folder");
      }
      return target;
    }

    private static String name(byte[] header, @Nullable String longName) {
      if (longName != null) {
        return longName;
      }
      String prefix = text(header, 345, 155);
      return (prefix.isEmpty() ? "" : prefix + "/") + text(header, 0, 100);
    }

    /** Of records {@code LENGTH KEY=VALUE\n}, the value of {@code path}. */
    private static @Nullable String paxPath(byte[] records) {
      int at = 0;
      while (at < records.length) {
        int space = at;
        while (records[space] != ' ') {
          space++;
        }
        int length = Integer.parseInt(text(records, at, space - at));
        String record = text(records, space + 1, length - (space + 1 - at) - 1);
        if (record.startsWith("path=")) {
          return record.substring("path=".length());
        }
        at += length;
      }
      return null;
    }

    private static long octal(byte[] header, int offset, int length) {
      return Long.parseLong(text(header, offset, length).strip(), 8);
    }

    /** Text up to the first NUL. */
    private static String text(byte[] bytes, int offset, int length) {
      int end = offset;
      while (end < offset + length && bytes[end] != 0) {
        end++;
      }
      return new String(bytes, offset, end - offset, UTF_8);
    }
  }
}

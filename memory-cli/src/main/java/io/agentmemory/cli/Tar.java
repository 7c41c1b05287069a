package io.agentmemory.cli;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.jspecify.annotations.Nullable;

/**
 * Unpacks an archive of tar. Source: POSIX.1-2017, pax, "ustar Interchange Format", and GNU tar's
 * long names.
 */
final class Tar {
  private static final int BLOCK = 512;
  private static final int LONGEST_NAME = 64 << 10;

  private Tar() {}

  /**
   * Unpacks what lies below {@code prefix} into {@code folder}, the prefix taken off. Nothing gets
   * outside of the folder.
   *
   * @return the number of files
   * @throws IOException if it is no archive, is cut off, or has an entry that leads outside
   */
  static int unpack(InputStream archive, String prefix, Path folder) throws IOException {
    InputStream in = new BufferedInputStream(archive, 1 << 16);
    Path root = folder.toRealPath();
    int files = 0;
    String longName = null;
    String longLink = null;
    while (true) {
      byte[] header = block(in);
      if (header == null || header[0] == 0) {
        return files;
      }
      long size = octal(header, 124, 12);
      char type = (char) header[156];
      String name = longName == null ? name(header) : longName;
      String link = longLink == null ? text(header, 157, 100) : longLink;
      longName = null;
      longLink = null;
      if (type == 'L' || type == 'K' || type == 'x') {
        String value = new String(read(in, size), StandardCharsets.UTF_8);
        if (type == 'x') {
          longName = attribute(value, "path");
          longLink = attribute(value, "linkpath");
        } else if (type == 'L') {
          longName = value.substring(0, value.length() - 1);
        } else {
          longLink = value.substring(0, value.length() - 1);
        }
        continue;
      }
      Path target = target(root, name, prefix);
      if (target != null && type == '5') {
        Files.createDirectories(target);
      } else if (target != null && (type == '0' || type == 0)) {
        Files.createDirectories(parent(target));
        try (var out = Files.newOutputStream(target)) {
          copy(in, size, out);
        }
        executable(target, octal(header, 100, 8));
        skip(in, padding(size));
        files++;
        continue;
      } else if (target != null && type == '2') {
        Files.createDirectories(parent(target));
        if (!parent(target).resolve(link).normalize().startsWith(root)) {
          throw new IOException("an entry of the archive links outside");
        }
        Files.createSymbolicLink(target, Path.of(link));
      }
      skip(in, size + padding(size));
    }
  }

  private static @Nullable Path target(Path root, String name, String prefix) throws IOException {
    String plain = name.startsWith("./") ? name.substring(2) : name;
    if (!plain.startsWith(prefix) || plain.length() == prefix.length()) {
      return null;
    }
    Path target = root.resolve(plain.substring(prefix.length())).normalize();
    // A link that was unpacked before must not lead outside either.
    Path there = target;
    while (!Files.exists(there)) {
      there = parent(there);
    }
    if (!target.startsWith(root) || !there.toRealPath().startsWith(root)) {
      throw new IOException("an entry of the archive leads outside");
    }
    return target;
  }

  private static Path parent(Path path) throws IOException {
    Path parent = path.getParent();
    if (parent == null) {
      throw new IOException("an entry of the archive leads outside");
    }
    return parent;
  }

  private static void executable(Path file, long mode) throws IOException {
    if ((mode & 0100) != 0 && Files.getFileStore(file).supportsFileAttributeView("posix")) {
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
  }

  /** The next block; null where the archive ends. */
  private static byte @Nullable [] block(InputStream in) throws IOException {
    byte[] block = in.readNBytes(BLOCK);
    if (block.length == 0) {
      return null;
    }
    if (block.length < BLOCK) {
      throw new EOFException("the archive is cut off");
    }
    return block;
  }

  private static byte[] read(InputStream in, long size) throws IOException {
    if (size < 1 || size > LONGEST_NAME) {
      throw new IOException("no tar archive");
    }
    byte[] bytes = in.readNBytes((int) size);
    if (bytes.length < size) {
      throw new EOFException("the archive is cut off");
    }
    skip(in, padding(size));
    return bytes;
  }

  private static void copy(InputStream in, long size, java.io.OutputStream out) throws IOException {
    byte[] buffer = new byte[1 << 16];
    long left = size;
    while (left > 0) {
      int n = in.read(buffer, 0, (int) Math.min(buffer.length, left));
      if (n < 0) {
        throw new EOFException("the archive is cut off");
      }
      out.write(buffer, 0, n);
      left -= n;
    }
  }

  private static void skip(InputStream in, long bytes) throws IOException {
    if (bytes > 0) {
      in.skipNBytes(bytes);
    }
  }

  private static long padding(long size) {
    return (BLOCK - size % BLOCK) % BLOCK;
  }

  private static String name(byte[] header) {
    String name = text(header, 0, 100);
    boolean ustar = text(header, 257, 5).equals("ustar") && header[262] == 0;
    String before = ustar ? text(header, 345, 155) : "";
    return before.isEmpty() ? name : before + "/" + name;
  }

  private static String text(byte[] header, int from, int length) {
    int end = from;
    while (end < from + length && header[end] != 0) {
      end++;
    }
    return new String(header, from, end - from, StandardCharsets.UTF_8);
  }

  private static long octal(byte[] header, int from, int length) throws IOException {
    String digits = text(header, from, length).strip();
    try {
      return digits.isEmpty() ? 0 : Long.parseLong(digits, 8);
    } catch (NumberFormatException e) {
      throw new IOException("no tar archive", e);
    }
  }

  // Records are "LENGTH NAME=VALUE\n".
  private static @Nullable String attribute(String records, String name) {
    for (String record : records.split("\n")) {
      int blank = record.indexOf(' ');
      if (record.startsWith(name + "=", blank + 1)) {
        return record.substring(blank + name.length() + 2);
      }
    }
    return null;
  }
}

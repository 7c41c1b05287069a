package io.agentmemory.benchmarks;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.stream.Stream;

/** What files cost without a store around them. */
final class BareFiles {
  private BareFiles() {}

  /** Writes a file the safe way: beside, forced, renamed, and the folder forced. */
  static void putDurably(Path folder, String name, byte[] bytes) throws IOException {
    Path temporary = folder.resolve("." + name + ".tmp");
    try (FileChannel channel = FileChannel.open(temporary, CREATE_NEW, WRITE)) {
      write(channel, bytes);
      channel.force(true);
    }
    Files.move(temporary, folder.resolve(name), ATOMIC_MOVE);
    try (FileChannel channel = FileChannel.open(folder, READ)) {
      channel.force(true);
    }
  }

  /** Appends to an open file and forces it. */
  static void append(FileChannel channel, byte[] bytes) throws IOException {
    write(channel, bytes);
    channel.force(false);
  }

  private static void write(FileChannel channel, byte[] bytes) throws IOException {
    ByteBuffer rest = ByteBuffer.wrap(bytes);
    while (rest.hasRemaining()) {
      channel.write(rest);
    }
  }

  /** Reads every file of a tree into memory and drops it. Returns the bytes read. */
  static long readAll(Path tree) throws IOException {
    long bytes = 0;
    for (Path file : files(tree)) {
      bytes += Files.readAllBytes(file).length;
    }
    return bytes;
  }

  /** The bytes of the files of a tree. */
  static long size(Path tree) throws IOException {
    long bytes = 0;
    for (Path file : files(tree)) {
      bytes += Files.size(file);
    }
    return bytes;
  }

  /** The files that people see: without those that the store keeps for itself. */
  private static List<Path> files(Path tree) throws IOException {
    try (Stream<Path> all = Files.walk(tree)) {
      return all.filter(Files::isRegularFile)
          .filter(file -> !tree.relativize(file).toString().contains(".memory"))
          .toList();
    }
  }

  /** Deletes a folder that this run made. */
  static void delete(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    Files.walkFileTree(
        folder,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.delete(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(
              Path directory, @org.jspecify.annotations.Nullable IOException failure)
              throws IOException {
            Files.delete(directory);
            return FileVisitResult.CONTINUE;
          }
        });
  }
}

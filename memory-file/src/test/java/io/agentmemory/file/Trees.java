package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Folders of files, as tests look at them. */
final class Trees {
  private Trees() {}

  /** Every file below a folder with the hash of its bytes and its time of change. */
  static Map<String, String> fingerprint(Path folder) throws IOException {
    Map<String, String> files = new TreeMap<>();
    for (Path path : walk(folder)) {
      String name = folder.relativize(path).toString();
      String about = Files.getLastModifiedTime(path, LinkOption.NOFOLLOW_LINKS).toString();
      files.put(name, Files.isRegularFile(path) ? about + " " + hash(path) : about);
    }
    return files;
  }

  /** Every file below a folder, but for ours, with the hash of its bytes. */
  static Map<String, String> hashes(Path folder) throws IOException {
    Map<String, String> files = new TreeMap<>();
    for (Path path : walk(folder)) {
      String name = folder.relativize(path).toString();
      if (Files.isRegularFile(path) && !name.contains(".memory")) {
        files.put(name, hash(path));
      }
    }
    return files;
  }

  private static String hash(Path file) throws IOException {
    return Sha.of(Files.readAllBytes(file));
  }

  private static List<Path> walk(Path folder) throws IOException {
    try (Stream<Path> paths = Files.walk(folder)) {
      return paths.toList();
    }
  }

  /** A copy of a tree that is open for writing: what a process leaves that is killed now. */
  static Path crashImage(Path folder, Path copy) throws IOException {
    List<Path> paths = new ArrayList<>(walk(folder));
    for (Path path : paths) {
      Path target = copy.resolve(folder.relativize(path).toString());
      if (Files.isDirectory(path)) {
        Files.createDirectories(target);
      } else {
        Files.copy(path, target);
      }
    }
    return copy;
  }

  /** The files of a folder that have this text in their name. */
  static List<Path> named(Path folder, String part) throws IOException {
    try (Stream<Path> paths = Files.walk(folder)) {
      return paths
          .filter(p -> p.getFileName().toString().contains(part) && Files.isRegularFile(p))
          .sorted()
          .toList();
    }
  }

  static void edit(Path file, String from, String to) throws IOException {
    String text = Files.readString(file, UTF_8);
    if (!text.contains(from)) {
      throw new IllegalStateException(from + " does not stand in " + file);
    }
    Files.writeString(file, text.replace(from, to), UTF_8);
  }
}

package io.agentmemory.localpg;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A folder in the temporary folder that holds one cluster, and the note that tells whose it is:
 *
 * <pre>
 * agentmemory-localpg-0123456789abcdef/   16 hexadecimal digits by chance
 *   owner                                 four lines: form, process id, its start, its process space
 *   data/                                 the cluster, owned by the user who runs the server
 *   server.log
 * </pre>
 *
 * A JVM that was killed leaves its folder and its server behind. The next one that starts a server
 * stops that server and deletes that folder: only of this exact name, with a note of this exact
 * form, of the same user, whose process is gone.
 */
final class ClusterFolder {
  private static final String PREFIX = "agentmemory-localpg-";
  private static final Pattern NAME = Pattern.compile(PREFIX + "[0-9a-f]{16}");
  private static final String FORM = "agentmemory-localpg owner 1";
  private static final Duration CLOCK_STEP = Duration.ofSeconds(3);

  private final Path folder;

  private ClusterFolder(Path folder) {
    this.folder = folder;
  }

  /** Makes a new one, owned by this process, that only its owner may list. */
  static ClusterFolder create() throws IOException {
    byte[] digits = new byte[8];
    new SecureRandom().nextBytes(digits);
    Path folder =
        Files.createDirectory(
            temporary().resolve(PREFIX + HexFormat.of().formatHex(digits)),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    ProcessHandle self = ProcessHandle.current();
    Files.writeString(
        folder.resolve("owner"),
        String.join("\n", FORM, Long.toString(self.pid()), start(self), processSpace(), ""),
        UTF_8,
        StandardOpenOption.CREATE_NEW);
    return new ClusterFolder(folder);
  }

  /** Gives {@code data} and the log to whoever runs the server. */
  void prepare(Programs programs) throws IOException {
    Files.createDirectory(
        data(), PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    Files.createFile(log());
    if (programs.owner().isPresent()) {
      Files.setOwner(data(), programs.owner().get());
      Files.setOwner(log(), programs.owner().get());
      // It must be able to pass through; the note stays ours.
      Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx--x--x"));
    }
  }

  Path path() {
    return folder;
  }

  Path data() {
    return folder.resolve("data");
  }

  Path log() {
    return folder.resolve("server.log");
  }

  /** The last lines that the server wrote, for a message. */
  List<String> lastLines(int count) {
    try {
      List<String> lines = Files.readAllLines(log(), ISO_8859_1);
      return lines.subList(Math.max(0, lines.size() - count), lines.size());
    } catch (IOException e) {
      return List.of();
    }
  }

  /** The running server of this folder. */
  Optional<ProcessHandle> postmaster() {
    try {
      List<String> lines = Files.readAllLines(data().resolve("postmaster.pid"), ISO_8859_1);
      return lines.isEmpty()
          ? Optional.empty()
          : ProcessHandle.of(Long.parseLong(lines.get(0).strip()))
              .filter(handle -> !isGone(handle))
              .filter(this::serves);
    } catch (IOException | NumberFormatException e) {
      return Optional.empty();
    }
  }

  /** A number may have gone to another process since the file was written. */
  private boolean serves(ProcessHandle handle) {
    return handle.info().commandLine().map(l -> l.contains(data().toString())).orElse(true);
  }

  /**
   * Ends the server and all its processes at once, as kill -9 would, and waits until they are gone.
   *
   * @throws LocalPostgresException if some are still there after ten seconds
   */
  void kill() {
    ProcessHandle postmaster = postmaster().orElse(null);
    if (postmaster == null) {
      return;
    }
    List<ProcessHandle> all = new ArrayList<>(List.of(postmaster));
    postmaster.descendants().forEach(all::add);
    all.forEach(ProcessHandle::destroyForcibly);
    Instant limit = Instant.now().plusSeconds(10);
    while (!all.stream().allMatch(ClusterFolder::isGone)) {
      if (Instant.now().isAfter(limit)) {
        throw new LocalPostgresException("processes " + all + " do not end, not even killed");
      }
      pause(Duration.ofMillis(5));
    }
    if (postmaster
        .isAlive()) { // nobody collects the dead here, and a new server would believe it alive
      try {
        Files.deleteIfExists(data().resolve("postmaster.pid"));
      } catch (IOException e) {
        return; // then the new server says so
      }
    }
  }

  static void pause(Duration time) {
    try {
      Thread.sleep(time.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new LocalPostgresException("interrupted while waiting for the server", e);
    }
  }

  /** Ended, even if no parent has asked for its exit code yet. */
  static boolean isGone(ProcessHandle handle) {
    if (!handle.isAlive()) {
      return true;
    }
    try {
      String stat =
          Files.readString(Path.of("/proc", Long.toString(handle.pid()), "stat"), ISO_8859_1);
      return stat.startsWith(") Z", stat.lastIndexOf(')'));
    } catch (IOException e) {
      return !handle.isAlive(); // no /proc, or it has just ended
    }
  }

  /** Deletes the folder and all in it; links are deleted, not followed. */
  void delete() throws IOException {
    if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    Files.walkFileTree(
        folder,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException failure)
              throws IOException {
            if (failure instanceof NoSuchFileException) {
              return FileVisitResult.CONTINUE; // a server that is ending deletes its own
            }
            throw failure;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure)
              throws IOException {
            if (failure != null) {
              throw failure;
            }
            Files.deleteIfExists(directory);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  /**
   * Stops and deletes what killed processes of ours left behind. Never fails: it is not our job.
   */
  static void reap() {
    try (DirectoryStream<Path> children = Files.newDirectoryStream(temporary(), PREFIX + "*")) {
      for (Path child : children) {
        try {
          if (isAbandoned(child)) {
            ClusterFolder abandoned = new ClusterFolder(child);
            abandoned.kill();
            abandoned.delete();
          }
        } catch (IOException | LocalPostgresException e) {
          continue; // another process may be at it just now
        }
      }
    } catch (IOException e) {
      return;
    }
  }

  private static boolean isAbandoned(Path child) throws IOException {
    Path name = child.getFileName();
    Path note = child.resolve("owner");
    if (name == null
        || !NAME.matcher(name.toString()).matches()
        || !Files.isDirectory(child, LinkOption.NOFOLLOW_LINKS)
        || !Files.isRegularFile(note, LinkOption.NOFOLLOW_LINKS)
        || !uid(child).equals(uid(Path.of("/proc/self"), child))
        || !uid(note).equals(uid(child))) {
      return false;
    }
    List<String> lines = Files.readAllLines(note, UTF_8);
    if (lines.size() != 4 || !lines.get(0).equals(FORM) || !lines.get(3).equals(processSpace())) {
      return false;
    }
    try {
      return ProcessHandle.of(Long.parseLong(lines.get(1)))
          .filter(handle -> startedAt(handle, lines.get(2)))
          .isEmpty();
    } catch (NumberFormatException e) {
      return false;
    }
  }

  private static Object uid(Path path) throws IOException {
    return Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS);
  }

  /** Our own user where the system tells; elsewhere who could delete {@code otherwise}. */
  private static Object uid(Path self, Path otherwise) throws IOException {
    if (Files.exists(self)) {
      return Files.getAttribute(self, "unix:uid");
    }
    return Files.isWritable(otherwise) ? uid(otherwise) : -1;
  }

  private static String start(ProcessHandle handle) {
    return handle.info().startInstant().map(i -> Long.toString(i.toEpochMilli())).orElse("");
  }

  private static boolean startedAt(ProcessHandle handle, String noted) {
    String now = start(handle);
    if (now.isEmpty() || noted.isEmpty()) {
      return true; // cannot tell them apart: take it for the owner
    }
    // The system derives it from the clock, which may be set meanwhile.
    return Math.abs(Long.parseLong(now) - Long.parseLong(noted)) <= CLOCK_STEP.toMillis();
  }

  /**
   * Tells containers apart that share a temporary folder: a process id means something in one only.
   */
  private static String processSpace() {
    try {
      return Files.readSymbolicLink(Path.of("/proc/self/ns/pid")).toString();
    } catch (IOException | UnsupportedOperationException e) {
      return "one";
    }
  }

  private static Path temporary() throws IOException {
    return Path.of(System.getProperty("java.io.tmpdir", "/tmp")).toRealPath();
  }
}

package io.agentmemory.localpg;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * Runs PostgreSQL's programs, as another user where they refuse the one we are: none of them runs
 * as root. Immutable.
 *
 * @param prefix what to put before a command, empty if we may run it ourselves
 * @param owner who must own the data; empty if that is us
 */
record Programs(List<String> prefix, Optional<UserPrincipal> owner) {
  private static final List<String> SYSTEM_PATH =
      List.of("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin");

  /** What a program said and how it ended. */
  record Result(int exit, String output) {}

  static Programs asOurselves() {
    return new Programs(List.of(), Optional.empty());
  }

  /**
   * Ourselves, or as root the user {@code postgres}, else {@code nobody}.
   *
   * @throws LocalPostgresException if we are root and there is no such user or no program to become
   *     one
   */
  static Programs forServer(Path folder) throws IOException {
    if (!Files.getAttribute(folder, "unix:uid").equals(0)) {
      return asOurselves();
    }
    String user = existing(folder, "postgres").isPresent() ? "postgres" : "nobody";
    UserPrincipal principal =
        existing(folder, user)
            .orElseThrow(
                () ->
                    new LocalPostgresException(
                        "PostgreSQL does not run as root, and there is no user postgres or nobody to run it as;"
                            + " add a user postgres"));
    return new Programs(switchTo(user), Optional.of(principal));
  }

  private static Optional<UserPrincipal> existing(Path folder, String name) throws IOException {
    try {
      return Optional.of(
          folder.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByName(name));
    } catch (java.nio.file.attribute.UserPrincipalNotFoundException e) {
      return Optional.empty();
    }
  }

  private static List<String> switchTo(String user) {
    Optional<Path> setpriv = onPath("setpriv");
    if (setpriv.isPresent()) { // a group of the same name need not exist: --regid takes the user's
      String group = groupOf(user);
      return List.of(
          setpriv.get().toString(), "--reuid=" + user, "--regid=" + group, "--clear-groups", "--");
    }
    Optional<Path> runuser = onPath("runuser");
    if (runuser.isPresent()) {
      return List.of(runuser.get().toString(), "-u", user, "--");
    }
    throw new LocalPostgresException(
        "PostgreSQL does not run as root, and neither setpriv nor runuser is here to become "
            + user
            + "; install util-linux");
  }

  private static String groupOf(String user) {
    try {
      for (String line : Files.readAllLines(Path.of("/etc/passwd"), StandardCharsets.ISO_8859_1)) {
        String[] fields = line.split(":", -1);
        if (fields.length > 3 && fields[0].equals(user)) {
          return fields[3];
        }
      }
    } catch (IOException e) {
      return user; // users from elsewhere: the group of the same name is the custom
    }
    return user;
  }

  /** The first executable of that name on PATH or where systems keep theirs. */
  static Optional<Path> onPath(String name) {
    for (Path directory : path()) {
      Path program = directory.resolve(name);
      if (Files.isRegularFile(program) && Files.isExecutable(program)) {
        return Optional.of(program);
      }
    }
    return Optional.empty();
  }

  /** The folders of PATH, then those where systems keep their programs. */
  static List<Path> path() {
    List<Path> folders = new ArrayList<>();
    String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
    for (String entry : path.split(":", -1)) {
      if (entry.startsWith("/")) { // relative and empty entries mean the current folder: not for us
        folders.add(Path.of(entry));
      }
    }
    SYSTEM_PATH.forEach(entry -> folders.add(Path.of(entry)));
    return folders;
  }

  /**
   * Runs {@code command} to its end in {@code directory}; it is killed when {@code limit} passes.
   */
  Result run(Path directory, Duration limit, List<String> command) throws IOException {
    List<String> whole = new ArrayList<>(prefix);
    whole.addAll(command);
    // A file, not a pipe: a server that the command leaves behind would hold a pipe open.
    Path output = Files.createTempFile("agentmemory-localpg-", ".out");
    try {
      ProcessBuilder builder = new ProcessBuilder(whole).directory(directory.toFile());
      clean(builder.environment());
      builder.redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()));
      builder.redirectErrorStream(true).redirectOutput(output.toFile());
      Process process = builder.start();
      boolean ended = false;
      try {
        ended = process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted while " + command.get(0) + " ran", e);
      } finally {
        if (!ended) {
          process.destroyForcibly();
        }
      }
      String said = Files.readString(output, StandardCharsets.ISO_8859_1).strip();
      if (!ended) {
        throw new IOException(command.get(0) + " did not end within " + limit.toSeconds() + " s");
      }
      return new Result(process.exitValue(), said);
    } finally {
      Files.deleteIfExists(output);
    }
  }

  /** PGDATA, PGPORT and their like would steer the programs elsewhere; we read their English. */
  private static void clean(Map<String, String> environment) {
    environment.keySet().removeIf(name -> name.startsWith("PG"));
    environment.put("LC_ALL", "C");
  }
}

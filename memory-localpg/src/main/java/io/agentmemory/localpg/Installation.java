package io.agentmemory.localpg;

import io.agentmemory.localpg.LocalPostgres.Requirement;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The programs of one PostgreSQL. Immutable.
 *
 * @param binaries the folder of {@code postgres}, {@code initdb} and {@code pg_ctl}
 * @param version as the server says it, such as {@code 15.18}
 * @param major such as 15
 * @param hasVector whether the extension {@code vector} can be created
 */
record Installation(Path binaries, String version, int major, boolean hasVector) {
  /** The oldest that we support. */
  static final int OLDEST = 14;

  private static final Duration LIMIT = Duration.ofSeconds(20);
  private static final Pattern VERSION = Pattern.compile("\\(PostgreSQL\\) ((\\d+)\\S*)");

  /** Folders that systems install into; a star stands for any text within one name. */
  private static final List<String> USUAL =
      List.of(
          "/usr/lib/postgresql/*/bin", // Debian, Ubuntu
          "/usr/pgsql-*/bin", // Fedora, Red Hat
          "/usr/lib/postgresql*/bin", // openSUSE
          "/usr/libexec/postgresql*", // Alpine
          "/usr/local/pgsql/bin", // from source
          "/opt/homebrew/opt/postgresql*/bin",
          "/usr/local/opt/postgresql*/bin",
          "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
          "/Applications/Postgres.app/Contents/Versions/*/bin");

  /** What a search met: the installations, the best first, and a phrase on each folder. */
  record Search(List<Installation> found, List<String> looked) {}

  /** Looks wherever PostgreSQL is usually installed. One with {@code vector} beats a newer one. */
  static Search search() {
    List<Installation> found = new ArrayList<>();
    List<String> looked = new ArrayList<>();
    for (Path directory : candidates()) {
      try {
        Installation installation = at(directory);
        if (installation.major < OLDEST) {
          looked.add(directory + " (" + installation.version + ", older than " + OLDEST + ")");
        } else {
          looked.add(
              directory
                  + " ("
                  + installation.version
                  + (installation.hasVector ? ")" : ", no vector)"));
          found.add(installation);
        }
      } catch (IOException e) {
        looked.add(directory + " (" + e.getMessage() + ")");
      }
    }
    found.sort(
        Comparator.comparing(Installation::hasVector)
            .thenComparing(Installation::major)
            .reversed());
    return new Search(found, looked);
  }

  boolean meets(Requirement requirement) {
    return hasVector || requirement == Requirement.ANY;
  }

  /**
   * The installation in {@code directory}.
   *
   * @throws IOException if its programs are missing or do not run
   */
  static Installation at(Path directory) throws IOException {
    for (String program : List.of("postgres", "initdb", "pg_ctl")) {
      if (!Files.isExecutable(directory.resolve(program))) {
        throw new IOException("no program " + program);
      }
    }
    String said = ask(directory, directory.resolve("postgres").toString(), "--version");
    Matcher matcher = VERSION.matcher(said);
    if (!matcher.find()) {
      throw new IOException("postgres --version said: " + said);
    }
    int major = Integer.parseInt(matcher.group(2));
    return new Installation(directory, matcher.group(1), major, vectorIn(directory, major));
  }

  private static boolean vectorIn(Path binaries, int major) throws IOException {
    List<Path> shares = new ArrayList<>();
    Path config = binaries.resolve("pg_config");
    if (Files.isExecutable(config)) {
      shares.add(Path.of(ask(binaries, config.toString(), "--sharedir")));
    } else { // archives of the server alone leave it out
      shares.add(binaries.resolveSibling("share").resolve("postgresql"));
      shares.add(binaries.resolveSibling("share"));
      shares.add(Path.of("/usr/share/postgresql", Integer.toString(major)));
    }
    // The first that is a server's: beside a server in a folder of its own may be an installed one.
    return shares.stream()
        .filter(share -> Files.exists(share.resolve("postgres.bki")))
        .limit(1)
        .anyMatch(share -> Files.exists(share.resolve("extension/vector.control")));
  }

  private static String ask(Path directory, String... command) throws IOException {
    Programs.Result result = Programs.asOurselves().run(directory, LIMIT, List.of(command));
    if (result.exit() != 0) {
      throw new IOException(command[0] + " ended with " + result.exit() + ": " + result.output());
    }
    return result.output();
  }

  /** Folders that have the programs, each once, symbolic links resolved. */
  private static Set<Path> candidates() {
    Set<Path> folders = new LinkedHashSet<>();
    Programs.onPath("pg_config").flatMap(Installation::binariesOf).ifPresent(folders::add);
    for (String usual : USUAL) {
      expand(usual).forEach(folder -> add(folders, folder.resolve("postgres")));
    }
    for (Path entry : Programs.path()) {
      add(folders, entry.resolve("postgres")); // often a link into the real folder
    }
    return folders;
  }

  private static Optional<Path> binariesOf(Path config) {
    try {
      Path folder = Path.of(ask(Path.of("/"), config.toString(), "--bindir"));
      return Files.isExecutable(folder.resolve("postgres"))
          ? Optional.of(folder.toRealPath())
          : Optional.empty();
    } catch (IOException e) {
      return Optional.empty(); // the development package of another version: not a server
    }
  }

  private static void add(Set<Path> folders, Path postgres) {
    try {
      if (Files.isExecutable(postgres) && Files.isRegularFile(postgres)) {
        Path folder = postgres.toRealPath().getParent();
        if (folder != null) {
          folders.add(folder);
        }
      }
    } catch (IOException e) {
      return; // gone or not ours to see: not a candidate
    }
  }

  private static List<Path> expand(String pattern) {
    int star = pattern.indexOf('*');
    if (star < 0) {
      return List.of(Path.of(pattern));
    }
    int from = pattern.lastIndexOf('/', star) + 1;
    int to = pattern.indexOf('/', star);
    Path parent = Path.of(pattern.substring(0, from));
    String name = to < 0 ? pattern.substring(from) : pattern.substring(from, to);
    String rest = to < 0 ? "" : pattern.substring(to + 1);
    List<Path> folders = new ArrayList<>();
    if (Files.isDirectory(parent)) {
      try (DirectoryStream<Path> children = Files.newDirectoryStream(parent, name)) {
        children.forEach(child -> folders.add(child.resolve(rest)));
      } catch (IOException e) {
        return List.of(); // not ours to see
      }
    }
    return folders;
  }
}

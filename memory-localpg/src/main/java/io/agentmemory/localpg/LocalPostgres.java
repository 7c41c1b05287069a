package io.agentmemory.localpg;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A PostgreSQL server of our own on this machine: an empty cluster in a temporary folder, on a free
 * port of 127.0.0.1 and nowhere else, gone with {@link #close()} or, at the latest, with this JVM.
 * What a killed JVM leaves behind, the next one that starts a server stops and deletes.
 *
 * <p>As root, for whom PostgreSQL does not run, the server runs as the user {@code postgres}, else
 * {@code nobody}. The one login is {@code postgres}, a superuser, with a random password: other
 * users of this machine can reach the port, and a superuser may run programs.
 *
 * <p>Runs on Linux and macOS. Thread-safe.
 */
public final class LocalPostgres implements AutoCloseable {
  /** What a server must offer. */
  public enum Requirement {
    /** Any PostgreSQL from version 14 on; one with {@code vector} is preferred. */
    ANY,
    /** The extension {@code vector} (pgvector) must be there to create. */
    VECTOR
  }

  static final String USER = "postgres";

  private static final Duration INITDB_LIMIT = Duration.ofMinutes(2);
  private static final Duration START_LIMIT = Duration.ofMinutes(2);
  private static final Duration STOP_LIMIT = Duration.ofMinutes(1);
  private static final Duration LEFTOVERS_LIMIT = Duration.ofSeconds(15);
  private static final int LOG_LINES = 12;

  /**
   * Below the ports that systems hand out to clients: while the server is down, no connection of
   * anybody may sit on the port that it wants back.
   */
  private static final int FIRST_PORT = 20_000;

  private static final int PORTS = 12_000;
  private static final Pattern DATABASE = Pattern.compile("[a-z][a-z0-9_]{0,62}");
  private static final Pattern SETTING = Pattern.compile("[a-z][a-z0-9_.]*");

  private final Installation installation;
  private final Programs programs;
  private final ClusterFolder folder;
  private final String password;
  private final Thread hook = new Thread(this::destroy, "local-postgres-shutdown");
  private int port;
  private boolean closed;

  private LocalPostgres(
      Installation installation, Programs programs, ClusterFolder folder, String password) {
    this.installation = installation;
    this.programs = programs;
    this.folder = folder;
    this.password = password;
  }

  /**
   * The best server that is installed here: one with {@code vector} before a newer one. Looks where
   * {@code pg_config} points, where systems and Homebrew install, and on PATH. Starts nothing.
   */
  public static Optional<Builder> find(Requirement requirement) {
    requireNonNull(requirement, "requirement");
    return Installation.search().found().stream()
        .filter(installation -> installation.meets(requirement))
        .findFirst()
        .map(Builder::new);
  }

  /**
   * As {@link #find}, for those who cannot go on without.
   *
   * @throws LocalPostgresException if there is none; it names what was looked at and what to
   *     install
   */
  public static Builder require(Requirement requirement) {
    requireNonNull(requirement, "requirement");
    Installation.Search search = Installation.search();
    return search.found().stream()
        .filter(installation -> installation.meets(requirement))
        .findFirst()
        .map(Builder::new)
        .orElseThrow(
            () ->
                new LocalPostgresException(
                    "no PostgreSQL "
                        + Installation.OLDEST
                        + " or later"
                        + (requirement == Requirement.VECTOR ? " with pgvector" : "")
                        + " is installed here; found "
                        + (search.looked().isEmpty() ? "none" : String.join(", ", search.looked()))
                        + "; install the packages postgresql"
                        + (requirement == Requirement.VECTOR
                            ? " and postgresql-NN-pgvector"
                            : "")));
  }

  /**
   * The server whose programs are in {@code directory}, as unpacked from an archive. As root, the
   * folder and those above it must be open to the user who runs the server.
   *
   * @throws LocalPostgresException if {@code postgres}, {@code initdb} or {@code pg_ctl} is missing
   *     or does not run
   */
  public static Builder fromBinaries(Path directory) {
    try {
      return new Builder(Installation.at(directory.toRealPath()));
    } catch (IOException e) {
      throw new LocalPostgresException(
          "no PostgreSQL server in "
              + directory
              + ": "
              + e.getMessage()
              + "; it takes the folder of postgres, initdb and pg_ctl",
          e);
    }
  }

  /** Which server, and how it is set up. Not thread-safe; may be started more than once. */
  public static final class Builder {
    private final Installation installation;
    private final Map<String, String> settings = new LinkedHashMap<>();

    private Builder(Installation installation) {
      this.installation = installation;
    }

    /** Whether the extension {@code vector} can be created in it. */
    public boolean hasVector() {
      return installation.hasVector();
    }

    /** The version as the server says it, such as {@code 15.18}. */
    public String version() {
      return installation.version();
    }

    /** The folder of its programs. */
    public Path binaries() {
      return installation.binaries();
    }

    /**
     * Adds a line to {@code postgresql.conf}, such as {@code max_connections} and {@code 200}. The
     * last one of a name counts. A value that the server refuses makes {@link #start()} fail.
     */
    public Builder setting(String name, String value) {
      if (!SETTING.matcher(name).matches()) {
        throw new IllegalArgumentException("not the name of a setting: " + name);
      }
      if (value.indexOf('\n') >= 0 || value.indexOf('\0') >= 0) {
        throw new IllegalArgumentException("the value of " + name + " has a line break or NUL");
      }
      settings.put(name, value);
      return this;
    }

    /**
     * Leaves out forcing to disk, which tests on correctness need not pay for. What was committed
     * still survives {@link LocalPostgres#kill()}, but not a power cut. Default: PostgreSQL's own,
     * which forces.
     */
    public Builder fast() {
      return setting("fsync", "off").setting("full_page_writes", "off");
    }

    /**
     * Makes an empty cluster and starts its server, which takes about two seconds. On return it
     * accepts connections.
     *
     * @throws LocalPostgresException if it cannot be made or started, with the server's last words
     */
    public LocalPostgres start() {
      return LocalPostgres.start(installation, Map.copyOf(settings));
    }
  }

  private static LocalPostgres start(Installation installation, Map<String, String> settings) {
    ClusterFolder.reap();
    LocalPostgres server = null;
    try {
      ClusterFolder folder = ClusterFolder.create();
      Programs programs;
      try {
        programs = Programs.forServer(folder.path());
      } catch (IOException | LocalPostgresException e) {
        folder.delete();
        throw e;
      }
      server = new LocalPostgres(installation, programs, folder, randomPassword());
      Runtime.getRuntime().addShutdownHook(server.hook);
      server.initialize(settings);
      return server;
    } catch (IOException | RuntimeException e) {
      if (server != null) {
        try {
          server.close();
        } catch (LocalPostgresException failure) {
          e.addSuppressed(failure);
        }
      }
      if (e instanceof LocalPostgresException known) {
        throw known;
      }
      throw new LocalPostgresException(
          "cannot make a cluster with " + installation.binaries() + ": " + e.getMessage(), e);
    }
  }

  private synchronized void initialize(Map<String, String> settings) throws IOException {
    checkOpen();
    folder.prepare(programs);
    initdb();
    for (int attempt = 1; ; attempt++) {
      port = freePort();
      configure(settings);
      Optional<String> failure = tryStart();
      if (failure.isEmpty()) {
        return;
      }
      boolean portTaken = failure.get().contains("could not bind");
      if (!portTaken || attempt == 5) { // somebody was quicker: take another port
        throw new LocalPostgresException(failure.get());
      }
    }
  }

  private void initdb() throws IOException {
    Path secret = folder.data().resolveSibling("secret");
    Files.writeString(secret, password + "\n", UTF_8, StandardOpenOption.CREATE_NEW);
    Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("rw-------"));
    if (programs.owner().isPresent()) {
      Files.setOwner(secret, programs.owner().get());
    }
    List<String> command =
        List.of(
            installation.binaries().resolve("initdb").toString(),
            "--pgdata=" + folder.data(),
            "--username=" + USER,
            "--pwfile=" + secret,
            // In the clear, over the loopback interface only: Wire then needs no SCRAM of its own.
            // Measured: 6 ms a connection, as with SCRAM; 3 ms without a password.
            "--auth=password",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync");
    Programs.Result result = programs.run(folder.path(), INITDB_LIMIT, command);
    Files.delete(secret);
    if (result.exit() != 0) {
      throw new LocalPostgresException(
          command.get(0) + " ended with " + result.exit() + asUser() + ":\n" + result.output());
    }
  }

  private String asUser() {
    return programs
        .owner()
        .map(user -> " as user " + user.getName() + ", who must be able to read that folder")
        .orElse("");
  }

  private void configure(Map<String, String> settings) throws IOException {
    Map<String, String> all = new LinkedHashMap<>();
    all.put("timezone", "UTC");
    all.put("log_timezone", "UTC");
    all.putAll(settings);
    all.put("listen_addresses", "127.0.0.1");
    all.put("port", Integer.toString(port));
    all.put("unix_socket_directories", "");
    all.put("logging_collector", "off");
    StringBuilder lines = new StringBuilder();
    all.forEach(
        (name, value) ->
            lines.append(name).append(" = '").append(value.replace("'", "''")).append("'\n"));
    // The file that initdb made includes nothing; what it sets, these lines set again.
    Path file = folder.data().resolve("postgresql.auto.conf");
    Files.writeString(file, lines, UTF_8, StandardOpenOption.TRUNCATE_EXISTING);
  }

  /** Starts the server and waits until it accepts connections; else what went wrong. */
  private Optional<String> tryStart() throws IOException {
    Programs.Result result =
        programs.run(
            folder.path(),
            START_LIMIT.plusSeconds(10),
            List.of(
                installation.binaries().resolve("pg_ctl").toString(),
                "start",
                "--wait",
                "--silent",
                "--timeout=" + START_LIMIT.toSeconds(),
                "--pgdata=" + folder.data(),
                "--log=" + folder.log()));
    if (result.exit() == 0) {
      return Optional.empty();
    }
    return Optional.of(
        "PostgreSQL "
            + installation.version()
            + " of "
            + installation.binaries()
            + " does not start on port "
            + port
            + asUser()
            + ": "
            + result.output()
            + "\n"
            + String.join("\n", folder.lastLines(LOG_LINES)));
  }

  private static int freePort() throws IOException {
    for (int attempt = 0; attempt < 100; attempt++) {
      int candidate = FIRST_PORT + ThreadLocalRandom.current().nextInt(PORTS);
      try (ServerSocket socket = new ServerSocket()) {
        socket.bind(new InetSocketAddress(Wire.localhost(), candidate));
        return candidate;
      } catch (java.net.BindException e) {
        continue;
      }
    }
    throw new IOException(
        "no free port from " + FIRST_PORT + " to " + (FIRST_PORT + PORTS - 1) + " in 100 tries");
  }

  private static String randomPassword() {
    byte[] bytes = new byte[16];
    new SecureRandom().nextBytes(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  /** Whether the extension {@code vector} can be created in it. */
  public boolean hasVector() {
    return installation.hasVector();
  }

  /** The version as the server says it, such as {@code 15.18}. */
  public String version() {
    return installation.version();
  }

  /** The port on 127.0.0.1, the same for the server's whole life. */
  public synchronized int port() {
    return port;
  }

  /** The one login, a superuser. */
  public String user() {
    return USER;
  }

  /** The random password of {@link #user()}: 32 hexadecimal digits. */
  public String password() {
    return password;
  }

  /** As {@link #url(String)}, for the database {@code postgres}, which is there from the start. */
  public String url() {
    return url("postgres");
  }

  /**
   * The store URL of a database, password included, such as {@code
   * postgresql://postgres@127.0.0.1:21234/postgres?password=...}; {@code psql} takes it as well.
   */
  public String url(String database) {
    return "postgresql://"
        + USER
        + "@127.0.0.1:"
        + port()
        + "/"
        + database
        + "?password="
        + password;
  }

  /** As {@link #jdbcUrl(String)}, for the database {@code postgres}. */
  public String jdbcUrl() {
    return jdbcUrl("postgres");
  }

  /** The JDBC URL of a database, with user and password as parameters. */
  public String jdbcUrl(String database) {
    return "jdbc:postgresql://127.0.0.1:"
        + port()
        + "/"
        + database
        + "?user="
        + USER
        + "&password="
        + password;
  }

  /**
   * Makes a database.
   *
   * @param name small letters, digits and underscores, a letter first, at most 63
   * @throws LocalPostgresException if the server does not run or refuses, as when there is one of
   *     that name
   */
  public void createDatabase(String name) {
    if (!DATABASE.matcher(name).matches()) {
      throw new IllegalArgumentException("not the name of a database: " + name);
    }
    try {
      Wire.execute(port(), password, "postgres", "CREATE DATABASE " + name);
    } catch (IOException e) {
      throw new LocalPostgresException("cannot make database " + name + ": " + e.getMessage(), e);
    }
  }

  /** Whether the server runs. */
  public boolean isRunning() {
    return folder.postmaster().isPresent();
  }

  /**
   * Stops the server in good order: sessions are ended, what was committed is in the files. The
   * data stays for {@link #restart()}. Does nothing if it does not run.
   *
   * @throws LocalPostgresException if it has not stopped after a minute
   */
  public synchronized void stop() {
    checkOpen();
    if (!isRunning()) {
      return;
    }
    try {
      Programs.Result result =
          programs.run(
              folder.path(),
              STOP_LIMIT.plusSeconds(10),
              List.of(
                  installation.binaries().resolve("pg_ctl").toString(),
                  "stop",
                  "--wait",
                  "--silent",
                  "--mode=fast",
                  "--timeout=" + STOP_LIMIT.toSeconds(),
                  "--pgdata=" + folder.data()));
      if (result.exit() != 0 && isRunning()) {
        throw new LocalPostgresException(
            "PostgreSQL on port " + port + " does not stop: " + result.output());
      }
    } catch (IOException e) {
      throw new LocalPostgresException("cannot stop PostgreSQL on port " + port, e);
    }
  }

  /**
   * Ends all processes of the server at once, as {@code kill -9} would: sessions break off, nothing
   * is tidied up. What was committed is there after {@link #restart()}. Does nothing if it does not
   * run.
   */
  public synchronized void kill() {
    checkOpen();
    folder.kill();
  }

  /**
   * Starts the server again on the same port and data; stops it first if it runs.
   *
   * @throws LocalPostgresException if it does not start, with the server's last words
   */
  public synchronized void restart() {
    stop();
    Instant limit = Instant.now().plus(LEFTOVERS_LIMIT);
    try {
      while (true) {
        Optional<String> failure = tryStart();
        if (failure.isEmpty()) {
          return;
        }
        // A killed server's last session may need a moment to notice.
        boolean leftovers = failure.get().contains("is still in use");
        if (!leftovers || Instant.now().isAfter(limit)) {
          throw new LocalPostgresException(failure.get());
        }
        ClusterFolder.pause(Duration.ofMillis(100));
      }
    } catch (IOException e) {
      throw new LocalPostgresException("cannot start PostgreSQL on port " + port, e);
    }
  }

  /** Ends the server at once and deletes its data. Idempotent. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The JVM is going down, and the hook is at it or about to: ending twice does no harm.
    }
    @Nullable IOException failure = null;
    folder.kill();
    for (int attempt = 0; attempt < 3; attempt++) {
      try {
        folder.delete();
        return;
      } catch (IOException e) {
        failure = e; // a last session was still writing
        ClusterFolder.pause(Duration.ofMillis(50));
      }
    }
    throw new LocalPostgresException("cannot delete " + folder.path(), failure);
  }

  /** Where it lives; for tests. */
  ClusterFolder folder() {
    return folder;
  }

  private void destroy() {
    try {
      close();
    } catch (RuntimeException e) {
      return; // nobody is left to tell; the next start deletes it
    }
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("the server on port " + port + " is closed");
    }
  }

  /** Names the port and the version, not the password. */
  @Override
  public String toString() {
    return "PostgreSQL " + installation.version() + " on port " + port();
  }
}

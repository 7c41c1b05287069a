package io.agentmemory.postgres;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStores;
import io.agentmemory.localpg.LocalPostgres;
import io.agentmemory.testkit.MemoryStoreContract;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/**
 * The contract on one of the versions of PostgreSQL that are not installed here, from an archive,
 * without pgvector. Not found by its name: the profile {@code pg-versions} runs it, once for each.
 */
@Tag("postgres")
class PostgresVersionContract extends MemoryStoreContract {
  private static final AtomicInteger COUNT = new AtomicInteger();

  private static LocalPostgres server;

  @BeforeAll
  static void start() throws Exception {
    Path archive = Path.of(requireNonNull(System.getProperty("pg.archive"), "pg.archive"));
    String major = requireNonNull(System.getProperty("pg.major"), "pg.major");
    server = LocalPostgres.fromBinaries(unpack(archive).resolve("bin")).fast().start();
    assertThat(server.version()).startsWith(major + ".");
    assertThat(server.hasVector()).isFalse();
    server.createDatabase("contract");
  }

  @AfterAll
  static void stop() {
    if (server != null) {
      server.close();
    }
  }

  /** The server's programs, out of the archive within the jar. */
  private static Path unpack(Path jar) throws IOException, InterruptedException {
    Path folder = jar.resolveSibling(jar.getFileName().toString().replace(".jar", ""));
    if (Files.isExecutable(folder.resolve("bin/postgres"))) {
      return folder;
    }
    Path packed = folder.resolveSibling(folder.getFileName() + ".txz");
    try (ZipFile zip = new ZipFile(jar.toFile())) {
      var entry = zip.stream().filter(e -> e.getName().endsWith(".txz")).findFirst().orElseThrow();
      try (InputStream in = zip.getInputStream(entry)) {
        Files.copy(in, packed, StandardCopyOption.REPLACE_EXISTING);
      }
    }
    Files.createDirectories(folder);
    int exit =
        new ProcessBuilder("tar", "-xJf", packed.toString(), "-C", folder.toString())
            .inheritIO()
            .start()
            .waitFor();
    assertThat(exit).as("tar").isZero();
    return folder;
  }

  private static MemoryStore open(String namespace) {
    String url = server.url("contract");
    return MemoryStores.open(url + (url.indexOf('?') < 0 ? "?" : "&") + "namespace=" + namespace);
  }

  @Override
  protected MemoryStore openStore(String purpose) {
    return open("test-" + COUNT.incrementAndGet());
  }

  @Override
  protected Optional<MemoryStore> reopen(MemoryStore store) {
    store.close();
    return Optional.of(open(store.namespace()));
  }
}

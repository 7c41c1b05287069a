package io.agentmemory.e2e;

import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStores;
import io.agentmemory.OpenMode;
import io.agentmemory.testkit.TestPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/** Both backends as users open them: by address. One database, a namespace for each test. */
final class Stores implements AutoCloseable {
  private static final AtomicInteger COUNT = new AtomicInteger();

  private final TestPostgres.Database database;

  Stores(String purpose) {
    database = TestPostgres.database(purpose);
  }

  static String namespace() {
    return "test-" + COUNT.incrementAndGet();
  }

  MemoryStore postgres(String namespace) {
    String url = database.url();
    return MemoryStores.open(url + (url.indexOf('?') < 0 ? "?" : "&") + "namespace=" + namespace);
  }

  String jdbcUrl() {
    return database.jdbcUrl();
  }

  static MemoryStore file(Path folder) {
    return MemoryStores.open("file:" + folder);
  }

  static MemoryStore fileToRead(Path folder) {
    return MemoryStores.open("file:" + folder, OpenMode.READ);
  }

  static MemoryStore file(Path folder, String namespace) {
    return MemoryStores.open("file:" + folder + "?namespace=" + namespace);
  }

  /** Runs SQL behind the store's back; says how many rows it changed. */
  int sql(String sql) throws SQLException {
    try (Connection connection = database.connect();
        Statement statement = connection.createStatement()) {
      return statement.executeUpdate(sql);
    }
  }

  @Override
  public void close() {
    database.close();
  }

  /** Every file of a folder and the hash of its bytes. */
  static Map<String, String> bytes(Path folder) throws IOException {
    Map<String, String> hashes = new TreeMap<>();
    List<Path> files;
    try (Stream<Path> walk = Files.walk(folder)) {
      files = walk.toList();
    }
    for (Path file : files) {
      hashes.put(
          folder.relativize(file).toString(),
          Files.isDirectory(file) ? "folder" : sha256(Files.readAllBytes(file)));
    }
    return hashes;
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every JDK has SHA-256", impossible);
    }
  }
}

package io.agentmemory.cli;

import io.agentmemory.testkit.TestPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** An empty database for each test, which the commands find the password of in a file. */
abstract class DatabaseTest {
  private static final String PGPASS = "org.postgresql.pgpassfile";

  @TempDir Path folder;
  TestPostgres.Database database;
  String db = "";

  @BeforeEach
  void freshDatabase() throws IOException {
    database = TestPostgres.database("cli");
    // The command line refuses a password in an address, and we cannot set PGPASSWORD here.
    db = database.url().replaceFirst("password=[^&]*&?", "").replaceFirst("[?&]$", "");
    Path pgpass = folder.resolve("pgpass");
    Files.writeString(pgpass, "*:*:*:*:" + database.password() + "\n");
    Files.setPosixFilePermissions(pgpass, PosixFilePermissions.fromString("rw-------"));
    System.setProperty(PGPASS, pgpass.toString());
  }

  @AfterEach
  void dropDatabase() {
    System.clearProperty(PGPASS);
    database.close();
  }
}

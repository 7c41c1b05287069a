package io.agentmemory.testkit;

import io.agentmemory.testkit.TestPostgres.Login;
import java.util.Optional;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.postgresql.PostgreSQLContainer;
import org.testcontainers.utility.DockerImageName;

/**
 * The one class that needs Testcontainers, an optional dependency: load it only if that is here.
 */
final class Containers {
  static final String IMAGE = "pgvector/pgvector:pg17";

  private Containers() {}

  /**
   * Starts one for the rest of this JVM; Testcontainers ends it. Empty if no Docker engine answers.
   */
  static Optional<Login> start() {
    if (!DockerClientFactory.instance().isDockerAvailable()) {
      return Optional.empty();
    }
    @SuppressWarnings("resource") // lives as long as the JVM
    PostgreSQLContainer container =
        new PostgreSQLContainer(DockerImageName.parse(IMAGE).asCompatibleSubstituteFor("postgres"))
            .withCommand("postgres", "-c", "fsync=off", "-c", "max_connections=300");
    container.start();
    return Optional.of(
        new Login(
            container.getHost()
                + ":"
                + container.getMappedPort(PostgreSQLContainer.POSTGRESQL_PORT),
            container.getDatabaseName(),
            container.getUsername(),
            container.getPassword(),
            ""));
  }
}

package io.agentmemory.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import org.junit.jupiter.api.Test;

/** Which archive a machine gets; the demo itself shows the rest. */
class EmbeddedPostgresTest {
  @Test
  void givenMachine_whenNamed_thenAsTheArchivesAre() throws IOException {
    assertThat(EmbeddedPostgres.platform("Linux", "amd64")).startsWith("linux-amd64");
    assertThat(EmbeddedPostgres.platform("Linux", "aarch64")).startsWith("linux-arm64v8");
    assertThat(EmbeddedPostgres.platform("Mac OS X", "aarch64")).isEqualTo("darwin-arm64v8");
    assertThat(EmbeddedPostgres.platform("Mac OS X", "x86_64")).isEqualTo("darwin-amd64");
    assertThatExceptionOfType(IOException.class)
        .isThrownBy(() -> EmbeddedPostgres.platform("Solaris", "sparc"))
        .withMessageContaining("Solaris");
  }
}

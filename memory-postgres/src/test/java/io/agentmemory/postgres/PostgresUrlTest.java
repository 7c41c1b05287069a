package io.agentmemory.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.agentmemory.MemoryStores;
import io.agentmemory.spi.StoreUrl;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PostgresUrlTest {
  private static PostgresUrl parse(String url) {
    return parse(url, Map.of());
  }

  private static PostgresUrl parse(String url, Map<String, String> environment) {
    return PostgresUrl.parse(StoreUrl.parse(url), environment);
  }

  @Test
  void givenFullAddress_whenParsed_thenEveryPartIsInItsPlace() {
    PostgresUrl url =
        parse(
            "postgresql://an%40na@db.example:6543/my%20db"
                + "?namespace=drift%20one&schema=mem_2&sslmode=require&socketTimeout=9");

    assertThat(url.jdbcUrl()).isEqualTo("jdbc:postgresql://db.example:6543/my%20db");
    assertThat(url.namespace()).isEqualTo("drift one");
    assertThat(url.schema()).isEqualTo("mem_2");
    assertThat(url.properties())
        .containsEntry("user", "an@na")
        .containsEntry("sslmode", "require")
        .containsEntry("socketTimeout", "9")
        .containsEntry("connectTimeout", "2")
        .containsEntry("sslResponseTimeout", "2000")
        .containsEntry("tcpKeepAlive", "true")
        .containsEntry("logServerErrorDetail", "false")
        .doesNotContainKeys("namespace", "schema", "password");
  }

  @Test
  void givenShortAddress_whenParsed_thenTheRestIsUsual() {
    PostgresUrl url = parse("postgresql://localhost/agents");

    assertThat(url.jdbcUrl()).isEqualTo("jdbc:postgresql://localhost/agents");
    assertThat(url.namespace()).isEqualTo("default");
    assertThat(url.schema()).isEqualTo("agent_memory");
    assertThat(url.properties())
        .containsEntry("user", System.getProperty("user.name"))
        .containsEntry("socketTimeout", "5");
    assertThat(parse("postgresql:///agents").jdbcUrl())
        .isEqualTo("jdbc:postgresql://localhost/agents");
    assertThat(parse("postgresql://[::1]:5433/agents").jdbcUrl())
        .isEqualTo("jdbc:postgresql://[::1]:5433/agents");
  }

  @Test
  void givenEnvironment_whenParsed_thenItSaysWhoUnlessTheAddressDoes() {
    Map<String, String> environment = Map.of("PGUSER", "eve", "PGPASSWORD", "s3cret");

    assertThat(parse("postgresql://h/d", environment).properties())
        .containsEntry("user", "eve")
        .containsEntry("password", "s3cret");
    assertThat(parse("postgresql://bob@h/d?password=other", environment).properties())
        .containsEntry("user", "bob")
        .containsEntry("password", "other");
    assertThat(parse("postgresql://h/d", environment).toString()).doesNotContain("s3cret");
  }

  @Test
  void givenPasswordInTheAddress_whenParsed_thenRefusedWithoutShowingIt() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> parse("postgresql://bob:s3cret@h/d"))
        .withMessageContaining("PGPASSWORD")
        .satisfies(e -> assertThat(e.toString()).doesNotContain("s3cret"));
  }

  @Test
  void givenWrongAddresses_whenParsed_thenTheMessageSaysWhatIsWrong() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> parse("postgresql:agents"))
        .withMessageContaining("postgresql://[user@]host[:port]/database");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> parse("postgresql://localhost"))
        .withMessageContaining("database");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> parse("postgresql://h/d?shcema=x"))
        .withMessageContaining("shcema");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> parse("postgresql://h/d?schema=x%22%3B"))
        .withMessageContaining("schema");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> parse("postgresql://h/d?schema=pg_mine"))
        .withMessageContaining("pg_");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> parse("postgresql://h/d?namespace=%20"))
        .withMessageContaining("namespace");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> parse("postgresql://h/d?logServerErrorDetail=true"))
        .withMessageContaining("private");
  }

  @Test
  void givenScheme_whenAStoreIsOpened_thenThisModuleIsAsked() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> MemoryStores.open("postgresql://localhost"))
        .withMessageContaining("the database is missing");
  }
}

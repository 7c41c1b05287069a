package io.agentmemory.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.agentmemory.MemoryStores;
import io.agentmemory.OpenMode;
import java.util.List;
import org.junit.jupiter.api.Test;

final class StoreUrlTest {

  @Test
  void givenAddresses_whenTakenApart_thenSchemeLocationAndParameters() {
    StoreUrl file = StoreUrl.parse("File:./my memory?namespace=a%26b%20c+d&x=1=2");
    assertThat(file.scheme()).isEqualTo("file");
    assertThat(file.location()).isEqualTo("./my memory");
    assertThat(file.parameters().keySet()).containsExactly("namespace", "x");
    assertThat(file.parameter("namespace")).contains("a&b c+d");
    assertThat(file.parameter("x")).contains("1=2");
    assertThat(file.parameter("y")).isEmpty();

    StoreUrl postgres = StoreUrl.parse("postgresql://me@host:5433/db");
    assertThat(postgres.location()).isEqualTo("//me@host:5433/db");
    assertThat(postgres.parameters()).isEmpty();
    assertThat(StoreUrl.parse("file:?a=").parameter("a")).contains("");
  }

  @Test
  void givenNoAddress_whenTakenApart_thenRefused() {
    for (String bad :
        List.of("", "memory", ":x", "1a:x", "a b:x", "file:x?", "file:x?a", "file:x?=b")) {
      assertThatIllegalArgumentException().as(bad).isThrownBy(() -> StoreUrl.parse(bad));
    }
  }

  @Test
  void givenPasswords_whenShownOrBroken_thenTheyAreNotInTheText() {
    StoreUrl url = StoreUrl.parse("postgresql://me:hunter2@host/db?password=hunter2&sslmode=on");
    assertThat(url.toString()).doesNotContain("hunter2").contains("postgresql", "sslmode");
    for (String bad :
        List.of(
            "postgresql://h/d?password=hunter2%zz",
            "postgresql://h/d?password=%zzhunter2",
            "postgresql://h/d?hunter2",
            "post gres://me:hunter2@h/d")) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> StoreUrl.parse(bad))
          .withMessageNotContaining("hunter2");
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> MemoryStores.open("redis://me:hunter2@host/db"))
        .withMessageNotContaining("hunter2")
        .withMessageContaining("redis");
  }

  @Test
  void givenModuleThatIsNotThere_whenOpened_thenTheErrorNamesIt() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> MemoryStores.open("file:./x", OpenMode.READ))
        .withMessageContaining("io.agentmemory:memory-file");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> MemoryStores.open("postgresql://localhost/x"))
        .withMessageContaining("io.agentmemory:memory-postgres");
  }
}

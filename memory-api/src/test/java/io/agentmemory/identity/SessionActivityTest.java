package io.agentmemory.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import io.agentmemory.identity.SessionActivity.Shares;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SessionActivityTest {

  @Test
  void givenTagsAndPlatforms_whenClassified_thenTheLargestShareIsFirst() {
    Shares shares =
        SessionActivity.DRIFT.of(
            List.of("github", "nowhere", "github"), List.of("API", "bounty", "api", "unknown"));

    // .5 each for the platform, .3 for each tag: 1.1 technical, .5 collaborative, .3 economic
    assertThat(shares.shares())
        .containsExactly(
            entry("technical", 0.579), entry("collaborative", 0.263), entry("economic", 0.158));
    assertThat(shares.dominant()).contains("technical");
    assertThat(shares.secondary()).containsExactly("collaborative", "economic");
  }

  @Test
  void givenATie_whenClassified_thenTheFirstSeenIsFirst() {
    assertThat(SessionActivity.DRIFT.of(List.of(), List.of("wallet", "fix")).dominant())
        .contains("economic");
    assertThat(SessionActivity.DRIFT.of(List.of(), List.of("fix", "wallet")).dominant())
        .contains("technical");
  }

  @Test
  void givenSmallShares_whenClassified_thenTheyAreLeftOutOrNotSecondary() {
    SessionActivity rule =
        new SessionActivity(
            Map.of("p", Map.of("a", 0.86, "b", 0.1, "c", 0.04)), Map.of(), 1, 0.05, 0.15);

    Shares shares = rule.of(List.of("p"), List.of());

    assertThat(shares.shares()).containsOnlyKeys("a", "b");
    assertThat(shares.secondary()).isEmpty();
  }

  @Test
  void givenNothing_whenClassified_thenNothing() {
    Shares shares = SessionActivity.DRIFT.of(List.of("nowhere"), List.of("no tag"));

    assertThat(shares).isEqualTo(new Shares(Map.of(), java.util.Optional.empty(), List.of()));
  }
}

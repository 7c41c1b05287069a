package io.agentmemory.command;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Value;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BeliefRuleTest {
  private static final Instant NOW = Instant.parse("2026-02-10T12:00:00Z");

  private static Value.Map observation(String tier, String at) {
    return Value.EMPTY_MAP
        .with("weight", Value.of(2.0))
        .with("trust_tier", Value.of(tier))
        .with("observed_at", Value.of(at));
  }

  /** Weight times trust, and after 15 days 0.95 of that. Source: drift.md 2.11. */
  @ParameterizedTest
  @CsvSource({
    "self, 2.0, 1.9",
    "verified_agent, 1.6, 1.52",
    "platform, 1.2, 1.14",
    "unknown, 0.6, 0.57",
    "other, 0.6, 0.57"
  })
  void givenOneObservation_whenBelieved_thenByTheTrustInItsSource(
      String tier, double fresh, double old) {
    assertThat(BeliefRule.DRIFT.belief(List.of(observation(tier, "2026-02-10T12:00:00Z")), NOW))
        .isEqualTo(fresh);
    assertThat(BeliefRule.DRIFT.belief(List.of(observation(tier, "2026-01-26T12:00:00Z")), NOW))
        .isEqualTo(old);
  }

  @Test
  void givenNoTier_whenBelieved_thenAsUnknown() {
    Value.Map without = observation("self", "2026-02-10T12:00:00Z").without("trust_tier");

    assertThat(BeliefRule.DRIFT.belief(List.of(without), NOW)).isEqualTo(0.6);
  }
}

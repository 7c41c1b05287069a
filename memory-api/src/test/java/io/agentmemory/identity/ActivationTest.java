package io.agentmemory.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.agentmemory.Memory;
import io.agentmemory.Tier;
import io.agentmemory.internal.Arithmetic;
import io.agentmemory.spi.Canonical;
import java.math.BigDecimal;
import java.math.MathContext;
import java.time.Instant;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class ActivationTest {
  private static final Instant NOW = Instant.parse("2026-02-10T12:00:00Z");

  private static Memory memory(String members) {
    return new Memory("a", Tier.ACTIVE, "a.md", "", Canonical.parse(members));
  }

  @Test
  void givenMemoryRecalledThisSession_whenActivated_thenItDoesNotFade() {
    assertThat(Activation.DRIFT.of(memory("{\"emotional_weight\":0.7,\"recall_count\":0}"), NOW))
        .isEqualTo(0.7);
    assertThat(Activation.DRIFT.of(memory("{\"emotional_weight\":0.1,\"recall_count\":0}"), NOW))
        .as("at least a half")
        .isEqualTo(0.5);
    assertThat(Activation.DRIFT.of(memory("{}"), NOW))
        .as("a weight of a half and one recall, where nothing is said")
        .isEqualTo(0.5 + 0.6931471805599453 / 5);
  }

  @Test
  void givenHalfLifePassed_whenActivated_thenHalfIsLeft() {
    String members = "{\"emotional_weight\":0.8,\"recall_count\":0,\"sessions_since_recall\":7%s}";

    assertThat(
            Activation.DRIFT.of(
                memory(members.formatted(",\"last_recalled\":\"2026-01-31T12:00:00+00:00\"")), NOW))
        .isEqualTo(0.4);
    assertThat(Activation.DRIFT.of(memory(members.formatted("")), NOW)).isEqualTo(0.4);
    assertThat(
            Activation.DRIFT.of(
                memory(members.formatted(",\"last_recalled\":\"2026-02-31\"")), NOW))
        .as("an impossible time counts as none")
        .isEqualTo(0.4);
  }

  @Test
  void givenLongForgottenMemory_whenActivated_thenItsFloorIsLeft() {
    String members =
        "{\"emotional_weight\":%s,\"sessions_since_recall\":99,"
            + "\"last_recalled\":\"2020-01-01T00:00:00\"}";

    assertThat(Activation.DRIFT.of(memory(members.formatted("0.6")), NOW)).isEqualTo(0.1);
    assertThat(Activation.DRIFT.of(memory(members.formatted("0.59")), NOW)).isEqualTo(0.01);
  }

  @Test
  void givenNoHalfLife_whenMade_thenItIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Activation(0, 7, 0.5, 0.6, 0.1, 0.01, 5));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Activation(240, 7, 0.5, 0.6, 0.1, 0.01, 0));
  }

  @Test
  void givenAnotherDivisor_whenActivated_thenRecallsCountMore() {
    Activation once = new Activation(240, 7, 0.5, 0.6, 0.1, 0.01, 1);

    assertThat(once.of(memory("{}"), NOW)).isEqualTo(0.5 + 0.6931471805599453);
  }

  @Test
  void givenLogarithms_whenTakenBack_thenTheyAreTheNearestDoubles() {
    assertThat(Arithmetic.log(1)).isZero();
    assertThat(Arithmetic.log(10)).isEqualTo(2.302585092994046);
    assertThat(Arithmetic.exp(1)).isEqualTo(2.718281828459045);
    assertThat(Arithmetic.exp(0)).isEqualTo(1);
    for (int i = 3; i < 300; i++) {
      double log = Arithmetic.log(i / 2.0);
      BigDecimal left = error(Math.nextDown(log), i / 2.0);
      BigDecimal right = error(Math.nextUp(log), i / 2.0);
      assertThat(error(log, i / 2.0)).as("ln %s", i / 2.0).isLessThan(left).isLessThan(right);
    }
  }

  /** How far e to the power of {@code log} is from {@code x}, by 60 terms of its series. */
  private static BigDecimal error(double log, double x) {
    BigDecimal sum = BigDecimal.ONE;
    BigDecimal term = BigDecimal.ONE;
    MathContext digits = new MathContext(60);
    for (int k = 1; k < 90; k++) {
      term = term.multiply(new BigDecimal(log), digits).divide(BigDecimal.valueOf(k), digits);
      sum = sum.add(term, digits);
    }
    return sum.subtract(new BigDecimal(x)).abs();
  }

  @Nested
  class Trust {
    @Test
    void givenStatedTier_whenRead_thenItWinsOverTheTags() {
      assertThat(
              TrustTier.of(
                  memory(
                      "{\"source\":{\"trust_tier\":\"platform\"},\"tags\":[\"imported:Spin\"]}")))
          .isEqualTo(TrustTier.PLATFORM);
    }

    @Test
    void givenUnknownTierOrSourceAsText_whenRead_thenTheTagsDecide() {
      assertThat(
              TrustTier.of(
                  memory("{\"source\":{\"trust_tier\":\"friend\"},\"tags\":[\"imported:Spin\"]}")))
          .isEqualTo(TrustTier.VERIFIED_AGENT);
      assertThat(TrustTier.of(memory("{\"source\":\"manual\",\"tags\":[\"api\"]}")))
          .isEqualTo(TrustTier.SELF);
    }
  }
}

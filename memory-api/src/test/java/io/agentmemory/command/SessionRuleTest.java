package io.agentmemory.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.agentmemory.Session;
import io.agentmemory.Value;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SessionRuleTest {
  private static final Instant NOW = Instant.parse("2026-02-10T12:00:00Z");

  private static boolean isOver(String started) {
    return SessionRule.DRIFT.isOver(
        new Session(Value.EMPTY_MAP.with("started", Value.of(started))), NOW);
  }

  @Test
  void givenStart_whenFourHoursHavePassed_thenItIsOver() {
    assertThat(isOver("2026-02-10T08:00:00+00:00")).isFalse();
    assertThat(isOver("2026-02-10T07:59:59.999999+00:00")).isTrue();
    assertThat(isOver("2026-02-10 09:00:00Z")).isFalse();
    assertThat(isOver("2026-02-10T13:30:00+0200")).isFalse();
    assertThat(isOver("2026-02-10T13:30:00-05")).as("in the future").isFalse();
  }

  @Test
  void givenNoTimeThatAnybodyCanTell_whenAsked_thenItIsOver() {
    for (String started : List.of("2026-02-10T11:00:00", "2026-02-10", "2026-02-31T11:00Z", "")) {
      assertThat(isOver(started)).as(started).isTrue();
    }
    assertThat(SessionRule.DRIFT.isOver(new Session(Value.EMPTY_MAP), NOW)).isTrue();
  }

  @Test
  void givenLimitBelowZero_whenMade_thenRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new SessionRule(Duration.ofNanos(-1), Set.of(), 0.05));
  }
}

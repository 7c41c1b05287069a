package io.agentmemory.identity;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Memory;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FadingTest {

  private static Memory memory(double sessions, Object... members) {
    Value.Map map =
        Value.EMPTY_MAP.with("id", Value.of("m")).with("sessions_since_recall", Value.of(sessions));
    for (int i = 0; i < members.length; i += 2) {
      map = map.with((String) members[i], (Value) members[i + 1]);
    }
    return new Memory("m", Tier.ACTIVE, "m.md", "body", map);
  }

  private static Value source(String agent, String tier) {
    return Value.EMPTY_MAP.with("agent", Value.of(agent)).with("trust_tier", Value.of(tier));
  }

  @Test
  void givenOwnMemory_whenNotRecalledForLong_thenItFadesUnlessItLasts() {
    assertThat(Fading.DRIFT.isFading(memory(6.99))).isFalse();
    assertThat(Fading.DRIFT.isFading(memory(7))).isTrue();
    assertThat(Fading.DRIFT.isFading(memory(7, "emotional_weight", Value.of(0.6)))).isFalse();
    assertThat(Fading.DRIFT.isFading(memory(7, "emotional_weight", Value.of(0.59)))).isTrue();
    assertThat(Fading.DRIFT.isFading(memory(7, "recall_count", Value.of(5L)))).isFalse();
    assertThat(Fading.DRIFT.isToPrune(memory(100))).isFalse();
  }

  @Test
  void givenImport_whenNotRecalledForLong_thenItFadesAndThenIsOfNoUse() {
    Value source = source("lex", "unknown");

    assertThat(Fading.DRIFT.isFading(memory(6, "source", source))).isFalse();
    assertThat(Fading.DRIFT.isFading(memory(7, "source", source))).isTrue();
    assertThat(Fading.DRIFT.isToPrune(memory(13, "source", source))).isFalse();
    assertThat(Fading.DRIFT.isToPrune(memory(14, "source", source))).isTrue();
    assertThat(Fading.DRIFT.isFading(memory(14, "source", source))).isFalse();
    Memory recalled = memory(14, "source", source, "recall_count", Value.of(1L));
    assertThat(Fading.DRIFT.isToPrune(recalled)).isFalse();
    assertThat(Fading.DRIFT.isFading(recalled)).isTrue();
    assertThat(Fading.DRIFT.isToPrune(memory(14, "source", source("", "platform")))).isFalse();
  }

  /** The multipliers 1, 1.5, 2 and 3: the first whole number of sessions that makes 21. */
  @ParameterizedTest
  @CsvSource({"self, 21", "verified_agent, 14", "platform, 11", "unknown, 7"})
  void givenEachTier_whenSessionsPass_thenTheMultiplierDecidesWhenItFades(String tier, int first) {
    Fading rule = new Fading(2, 21, 100, 0.6, 5, Map.of());
    Value source = source("lex", tier);

    assertThat(rule.isFading(memory(first - 1, "source", source))).isFalse();
    assertThat(rule.isFading(memory(first, "source", source))).isTrue();
    assertThat(
            new Fading(first + 1, 21, 100, 0.6, 5, Map.of())
                .isFading(memory(first, "source", source)))
        .as("but never before its time")
        .isFalse();
    Fading alike =
        new Fading(2, 21, 100, 0.6, 5, Map.of(TrustTier.of(memory(0, "source", source)), 1.0));
    assertThat(alike.isFading(memory(20, "source", source))).as("by a rule of ours").isFalse();
    assertThat(alike.isFading(memory(21, "source", source))).isTrue();
  }

  @Test
  void givenImportByTagAlone_whenSessionsPass_thenItFadesAsThatOfAVerifiedAgent() {
    Fading rule = new Fading(2, 21, 100, 0.6, 5, Map.of());
    Value tags = Value.Seq.ofTexts(List.of("imported:lex"));

    assertThat(rule.isFading(memory(13, "tags", tags))).isFalse();
    assertThat(rule.isFading(memory(14, "tags", tags))).isTrue();
    assertThat(rule.isFading(memory(20))).as("its own").isFalse();
  }
}

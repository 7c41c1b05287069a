package io.agentmemory.identity;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Value;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class TasteProfileTest {
  private static Value.Map rejection(String time, String category, String reason) {
    return new Value.Map(
        Map.of(
            "timestamp", Value.of(time),
            "category", Value.of(category),
            "reason", Value.of(reason),
            "target", Value.NULL));
  }

  @Nested
  class Hash {
    @Test
    void givenNullTarget_whenHashed_thenItReadsNone() {
      assertThat(TasteProfile.hash(List.of(rejection("2026-02-10T08:00:00Z", "post", "r"))))
          .isEqualTo("e4054ee0a1a2e228326eeaf3ce8e24c0ff2d6158d035e57bd4ec823f7f7412e1");
    }

    @Test
    void givenMissingTarget_whenHashed_thenItReadsNothing() {
      Value.Map without = rejection("2026-02-10T08:00:00Z", "post", "r").without("target");

      assertThat(TasteProfile.hash(List.of(without))).isEqualTo(Python.sha256("post|r|"));
    }

    @Test
    void givenTimesOfTwoSpellings_whenHashed_thenTheirTextsDecideTheOrder() {
      Value.Map whole = rejection("2026-02-10T08:00:05Z", "post", "first in time");
      Value.Map fraction = rejection("2026-02-10T08:00:05.5Z", "post", "first in text");

      assertThat(TasteProfile.hash(List.of(whole, fraction)))
          .isEqualTo(Python.sha256("post|first in text|None\npost|first in time|None"));
    }

    @Test
    void givenSameTime_whenHashed_thenTheOrderOfTheLogIsKept() {
      Value.Map a = rejection("2026-02-10T08:00:05Z", "post", "a");
      Value.Map b = rejection("2026-02-10T08:00:05Z", "post", "b");

      assertThat(TasteProfile.hash(List.of(b, a)))
          .isNotEqualTo(TasteProfile.hash(List.of(a, b)))
          .isEqualTo(Python.sha256("post|b|None\npost|a|None"));
    }
  }

  @Test
  void givenSameReasonInTwoSpellings_whenProfiled_thenItCountsOnce() {
    TasteProfile profile =
        TasteProfile.of(
            List.of(
                rejection("2026-02-10T08:00:00Z", "post", "noise"),
                rejection("2026-02-10T08:00:01Z", "bounty", " Too Vague\u00a0"),
                rejection("2026-02-09T08:00:01Z", "bounty", "too vague")));

    assertThat(profile.reasons()).containsExactly(Map.entry("too vague", 2), Map.entry("noise", 1));
    assertThat(profile.categories()).containsExactly(Map.entry("bounty", 2), Map.entry("post", 1));
    assertThat(profile.sources()).containsExactly(Map.entry("unknown", 3));
    assertThat(profile.days())
        .containsExactly(Map.entry("2026-02-09", 1), Map.entry("2026-02-10", 2));
    assertThat(profile.latest()).isEqualTo("2026-02-09T08:00:01Z");
  }

  @Test
  void givenMoreReasonsThanAsked_whenProfiled_thenTheFirstOfATieIsKept() {
    TasteProfile profile =
        TasteProfile.of(
            List.of(
                rejection("1", "post", "a"), rejection("2", "post", "b"), rejection("3", "x", "b")),
            1,
            0);

    assertThat(profile.reasons()).containsExactly(Map.entry("b", 2));
    assertThat(profile.tags()).isEmpty();
  }

  @Test
  void givenEmptyLog_whenAttested_thenItIsTheOneTheAuthorsPublished() {
    Value.Map attestation =
        TasteProfile.of(List.of()).attestation("DriftCornwall", "2026-02-06T16:34:41.463932Z");

    assertThat(Value.textOf(attestation.get("attestation_hash")))
        .isEqualTo("018d85ee7a8b21e03d8635821eb466a1816bba3b60e465f36374f746a2dac84f");
  }

  @Test
  void givenTextsOutsideAscii_whenSpelledAsJson_thenEverythingElseIsEscaped() {
    Map<String, Value> tree = new LinkedHashMap<>();
    tree.put("b", new Value.Seq(List.of(Value.of(1), Value.of(1.0), Value.of(1e-5), Value.NULL)));
    tree.put("a", Value.of("\u00fc\ud83d\ude00\"\\\n\u007f"));
    tree.put("c", new Value.Seq(List.of(Value.EMPTY_MAP, Value.EMPTY_SEQ, Value.of(true))));

    assertThat(Python.json(new Value.Map(tree)))
        .isEqualTo(
            "{\"a\": \"\\u00fc\\ud83d\\ude00\\\"\\\\\\n\\u007f\", \"b\": [1, 1.0, 1e-05, null],"
                + " \"c\": [{}, [], true]}");
  }
}

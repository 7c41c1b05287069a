package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.agentmemory.Value;
import io.agentmemory.spi.Canonical;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** What stands against a stage, by what is known alone. */
class GatesTest {
  private static final Instant BEGUN = Instant.parse("2026-03-01T00:00:00Z");
  private static final Instant NOW = BEGUN.plus(Duration.ofDays(10));
  private static final Pending NOTHING = new Pending(0, 0, 0, 0, null);
  private static final Gates.Live WELL = new Gates.Live(NOTHING, NOTHING, 0, 0, true, null, null);

  private static Instant hours(double ago) {
    return NOW.minus(Duration.ofSeconds(Math.round(ago * 3600)));
  }

  private static Facts.Copied copied(boolean conserved, long setAside, long accepted) {
    return new Facts.Copied(hours(100), hours(99), conserved, 50, setAside, accepted);
  }

  private static Facts.Compared compared(double hoursAgo, long differences, long skipped) {
    return new Facts.Compared(hours(hoursAgo), hours(hoursAgo), 50, differences, skipped);
  }

  /** Nothing stands against any stage. */
  private static Facts all() {
    return Facts.NONE
        .entered(Stage.OFF, Stage.DUAL_WRITE, BEGUN)
        .copied(copied(true, 0, 0))
        .compared(Verifier.Level.DIGESTS, compared(90, 0, 0))
        .entered(Stage.DUAL_WRITE, Stage.SHADOW, hours(80))
        .shadowed(new Facts.Shadowed(hours(80), 10_000, 0))
        .compared(Verifier.Level.FIELDS, compared(0.9, 0, 0))
        .comparedWithItself(compared(50, 0, 0))
        .drilled(hours(40))
        .away(hours(1.1));
  }

  private static List<String> against(Stage stage, Facts facts, Gates.Live live) {
    return Gates.promotion(stage, facts, live, Gates.Settings.DEFAULT, NOW);
  }

  private static List<String> against(Stage stage, UnaryOperator<Facts> change) {
    return against(stage, change.apply(all()), WELL);
  }

  @Test
  void givenEverythingDone_whenAsked_thenNothingStandsAgainstAnyStageButTheLast() {
    for (Stage stage : Stage.values()) {
      assertThat(against(stage, facts -> facts))
          .as("%s", stage)
          .hasSize(stage == Stage.COMPLETE ? 1 : 0);
    }
  }

  @Test
  void givenNothingDone_whenAsked_thenEveryReasonIsGivenAtOnce() {
    assertThat(against(Stage.OFF, Facts.NONE, WELL)).isEmpty();
    assertThat(against(Stage.DUAL_WRITE, Facts.NONE, WELL))
        .containsExactly("no backfill came to its end since DUAL_WRITE began");
    assertThat(against(Stage.SHADOW, Facts.NONE, WELL))
        .hasSize(4)
        .anySatisfy(r -> assertThat(r).contains("every field was clean within 1 h"))
        .anySatisfy(r -> assertThat(r).contains("0 reads were compared").contains("10000"))
        .anySatisfy(r -> assertThat(r).contains("compared with itself"))
        .anySatisfy(r -> assertThat(r).contains("drill"));
    assertThat(against(Stage.LIVE, Facts.NONE, WELL))
        .containsExactly("no comparison of every field was clean within 24 h");
    assertThat(against(Stage.RAMP_DOWN, Facts.NONE, WELL)).hasSize(1);
  }

  @Test
  void givenBackfill_whenNotGoodEnough_thenBlocksShadow() {
    assertThat(against(Stage.DUAL_WRITE, f -> f.copied(copied(false, 0, 0))))
        .containsExactly("the backfill did not account for every record it listed");
    assertThat(against(Stage.DUAL_WRITE, f -> f.copied(copied(true, 3, 2))))
        .containsExactly("the backfill set 3 aside, 2 are accepted");
    assertThat(against(Stage.DUAL_WRITE, f -> f.copied(copied(true, 3, 2)).accepted(3))).isEmpty();
    // Begun before the stage: what was written meanwhile may be in the source alone.
    assertThat(against(Stage.DUAL_WRITE, f -> f.entered(Stage.OFF, Stage.DUAL_WRITE, NOW)))
        .containsExactly("no backfill came to its end since DUAL_WRITE began");
    Facts.Copied early = new Facts.Copied(BEGUN.minusSeconds(1), BEGUN, true, 1, 0, 0);
    assertThat(against(Stage.DUAL_WRITE, f -> f.copied(early))).hasSize(1);
  }

  @Test
  void givenComparison_whenOldOrNotClean_thenBlocks() {
    assertThat(
            against(
                Stage.DUAL_WRITE,
                Facts.NONE
                    .entered(Stage.OFF, Stage.DUAL_WRITE, BEGUN)
                    .copied(copied(true, 0, 0))
                    .compared(Verifier.Level.DIGESTS, compared(99.5, 0, 0)),
                WELL))
        .containsExactly("no comparison of all digests was clean since the backfill");
    assertThat(against(Stage.SHADOW, f -> f.compared(Verifier.Level.FIELDS, compared(1.1, 0, 0))))
        .containsExactly("no comparison of every field was clean within 1 h");
    assertThat(against(Stage.SHADOW, f -> f.compared(Verifier.Level.FIELDS, compared(0, 2, 1))))
        .containsExactly(
            "no comparison of every field was clean within 1 h; the last one found 2 differences"
                + " and left 1 out");
    assertThat(
            against(
                Stage.SHADOW,
                f ->
                    f.copied(copied(true, 1, 1))
                        .compared(Verifier.Level.FIELDS, compared(0, 0, 1))))
        .as("what was left out is accepted")
        .isEmpty();
    assertThat(against(Stage.LIVE, f -> f.compared(Verifier.Level.FIELDS, compared(23, 0, 0))))
        .isEmpty();
    assertThat(against(Stage.LIVE, f -> f.compared(Verifier.Level.FIELDS, compared(25, 0, 0))))
        .hasSize(1);
    assertThat(against(Stage.SHADOW, f -> f.comparedWithItself(compared(1, 1, 0))))
        .containsExactly("a store compared with itself had 1 difference");
  }

  @Test
  void givenShadowReads_whenFewOrShortOrDifferent_thenBlocksLive() {
    assertThat(against(Stage.SHADOW, f -> f.shadowed(new Facts.Shadowed(hours(23), 9_999, 0))))
        .hasSize(1);
    assertThat(against(Stage.SHADOW, f -> f.shadowed(new Facts.Shadowed(hours(24), 1, 0))))
        .isEmpty();
    assertThat(against(Stage.SHADOW, f -> f.shadowed(new Facts.Shadowed(hours(99), 0, 0))))
        .hasSize(1);
    assertThat(against(Stage.SHADOW, f -> f.shadowed(new Facts.Shadowed(hours(1), 20_000, 1))))
        .containsExactly("1 compared read had two results");
    assertThat(against(Stage.SHADOW, f -> f.entered(Stage.LIVE, Stage.SHADOW, NOW)))
        .as("counted anew")
        .hasSize(1);
  }

  @Test
  void givenStoresThatAreNotWell_whenAsked_thenEachReasonBlocks() {
    Pending some = new Pending(3, 4, 0, 1, NOW);
    Gates.Live ill = new Gates.Live(some, NOTHING, 2, 5, false, null, "the journal is gone");
    List<String> common =
        List.of(
            "the target gives no answer",
            "the stores have to be compared as a whole: the journal is gone",
            "the source lacks 3 records",
            "the source refuses 1 record",
            "of 2 operations the end is unknown");
    assertThat(against(Stage.LIVE, all(), ill)).containsExactlyElementsOf(common);
    assertThat(against(Stage.SHADOW, all(), ill))
        .containsAll(common)
        .contains("5 conflicts are not resolved")
        .hasSize(6);
    assertThat(against(Stage.SHADOW, f -> f.away(hours(0.9))))
        .singleElement()
        .asString()
        .contains("not 1 h ago");
    assertThat(against(Stage.DUAL_WRITE, f -> f.damaged(NOW, List.of("x"))))
        .singleElement()
        .asString()
        .contains("damaged");
    assertThat(against(Stage.DUAL_WRITE, f -> f.damaged(hours(1), List.of("x")))).isEmpty();
  }

  @Test
  void givenStage_whenGoingBack_thenOnlyWithATargetAndNeverFromTheEnds() {
    Gates.Live away = new Gates.Live(NOTHING, NOTHING, 0, 0, false, null, null);
    for (Stage stage : Stage.values()) {
      boolean end = stage == Stage.OFF || stage == Stage.COMPLETE;
      assertThat(Gates.rollback(stage, WELL)).as("%s", stage).hasSize(end ? 1 : 0);
      assertThat(Gates.rollback(stage, away)).as("%s", stage).hasSize(1);
      assertThat(Gates.previous(stage).isEmpty()).isEqualTo(end);
    }
  }

  @Test
  void givenFactsAndSettings_whenWrittenAndRead_thenTheSame() {
    Facts facts =
        all()
            .damaged(NOW, List.of("a", "b"))
            .entered(Stage.RAMP_DOWN, Stage.COMPLETE, NOW)
            .forced(new Facts.Forced(NOW, "LIVE", "SHADOW", "had to"))
            .forced(new Facts.Forced(NOW, "SHADOW", "LIVE", "again"));
    Facts read = Facts.of((Value.Map) Canonical.parse(Canonical.json(facts.value())));

    assertThat(read).isEqualTo(facts);
    assertThat(read.forced()).extracting(Facts.Forced::reason).containsExactly("had to", "again");
    assertThat(read.sealed()).contains(NOW);
    assertThat(read.damaged(NOW.plusSeconds(1), List.of("a", "b")))
        .as("known before")
        .isEqualTo(read);

    Gates.Settings low = Gates.Settings.of(Map.of("shadow_reads", 3L, "target_there_seconds", 0L));
    assertThat(low.shadowReads()).isEqualTo(3);
    assertThat(low.shadowTime()).isEqualTo(Duration.ofHours(24));
    assertThat(Gates.Settings.of(low.value())).isEqualTo(low);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Gates.Settings.of(Map.of("shadow", 1L)))
        .withMessageContaining("shadow_reads");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Gates.Settings.of(Map.of("shadow_reads", -1L)));
  }

  @Test
  void givenFactsThatSomebodySpoiled_whenAsked_thenTheyAreNotKnown() {
    for (String name :
        List.of("begun", "backfill", "digests", "fields", "shadow_reads", "forced", "itself")) {
      for (String spoiled : List.of("1", "\"x\"", "[1]", "{}", "{\"began\":\"x\"}", "null")) {
        Value.Map map =
            (Value.Map) Canonical.parse("{\"" + name + "\":" + spoiled + ",\"drill\":[]}");
        assertThat(against(Stage.SHADOW, Facts.of(map), WELL)).as("%s", map).hasSize(4);
        assertThat(against(Stage.DUAL_WRITE, Facts.of(map), WELL)).hasSize(1);
        assertThat(Facts.of(map).forced()).isEmpty();
      }
    }
  }
}

package io.agentmemory.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SeriesTest {
  @Test
  void givenRounds_whenRatiosAreTaken_thenEachRoundCountsByItself() {
    Series ours = Series.of(2, 9, 4);
    Series yardstick = Series.of(1, 3, 4);

    Series ratios = ours.over(yardstick);

    assertThat(ratios.median()).isEqualTo(2);
    assertThat(ratios.quantile(0)).isEqualTo(1);
    assertThat(ratios.quantile(0.25)).isCloseTo(1.5, within(1e-12));
    assertThat(Series.faster(ours, yardstick)).isSameAs(yardstick);
    assertThat(Series.slower(ours, yardstick)).isSameAs(ours);
  }

  @Test
  void givenSides_whenTheyTakeTurns_thenAllRunInEachRoundAndTheFirstChanges() throws Exception {
    List<String> order = new ArrayList<>();
    Side a = () -> note(order, "a");
    Side b = () -> note(order, "b");

    List<Series> series = Turns.take(1, 2, List.of(a, b));

    assertThat(order).containsExactly("b", "a", "a", "b", "b", "a");
    assertThat(series).hasSize(2).allSatisfy(s -> assertThat(s.rounds()).isEqualTo(2));
  }

  private static double note(List<String> order, String name) {
    order.add(name);
    return 1;
  }

  @Test
  void givenRatioThatPrintsAsItsGoal_whenAsked_thenTheGoalIsMet() {
    assertThat(Row.of("work", "yardstick", Series.of(1.254), Series.of(1), 1.25).met()).isTrue();
    assertThat(Row.of("work", "yardstick", Series.of(1.256), Series.of(1), 1.25).met()).isFalse();
  }
}

package io.agentmemory.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Source of the expected values: mpmath at 60 digits, rounded to a double. */
final class ArithmeticTest {

  @ParameterizedTest
  @CsvSource({
    "1.5, 0.4054651081081644",
    "2, 0.6931471805599453",
    "10, 2.302585092994046",
    "0.1, -2.3025850929940455",
    "1e-300, -690.7755278982137",
    "1e+300, 690.7755278982137",
    "5e-324, -744.4400719213812",
    "1.0000000000000002, 2.2204460492503128e-16",
    "0.9999999999999999, -1.1102230246251565e-16",
    "1.7976931348623157e+308, 709.782712893384",
  })
  void givenNumber_whenLog_thenTheNearestDouble(double x, double expected) {
    assertThat(Arithmetic.log(x)).isEqualTo(expected);
  }

  /** Of these StrictMath misses some. The expected number is a hash over all 4,000 logarithms. */
  @Test
  void givenHalvesAboveOne_whenLog_thenEachIsTheNearestDouble() {
    long hash = 0;
    for (int n = 1; n <= 4000; n++) {
      hash = hash * 31 + Double.doubleToLongBits(Arithmetic.log(1 + n / 2.0));
    }

    assertThat(hash).isEqualTo(7690507578210096723L);
  }

  @Test
  void givenOne_whenLog_thenZero() {
    assertThat(Arithmetic.log(1)).isZero();
  }

  @Test
  void givenNothingToTakeItOf_whenLog_thenRefused() {
    for (double x : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertThatIllegalArgumentException().isThrownBy(() -> Arithmetic.log(x));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0.5, 0, 0.0",
    "1.5, 0, 2.0",
    "2.675, 2, 2.67",
    "0.0625, 3, 0.062",
    "0.1875, 3, 0.188",
    "-1.0005, 3, -1.0",
    "1e300, 3, 1e300",
  })
  void givenHalf_whenRounded_thenAsPythonDoes(double value, int digits, double expected) {
    assertThat(Arithmetic.round(value, digits)).isEqualTo(expected);
  }
}

package io.agentmemory.file;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class FloatsTest {

  @Test
  void givenDecimals_whenParsed_thenTheyAreTheNearestFloat() {
    Random random = new Random(7);
    for (int i = 0; i < 50_000; i++) {
      float any = Float.intBitsToFloat(random.nextInt());
      if (Float.isFinite(any)) {
        double between = (any + (double) Math.nextUp(any)) / 2; // half way, where rounding is tried
        for (String text :
            List.of(
                Float.toString(any),
                Double.toString(any),
                Double.toString(between),
                Double.toString(Math.nextUp(between)),
                Double.toString(random.nextGaussian()),
                String.format(java.util.Locale.ROOT, "%.9g", any))) {
          assertParsed(text);
        }
      }
    }
    List.of(
            "0",
            "-0",
            "0.0",
            "1",
            "-1",
            "123456789012345678901",
            "1e5",
            "1E+5",
            "1e-5",
            "3.5e38",
            "-3.4028236e38",
            "1e-46",
            "0.00000000000000000000001",
            "1e999",
            "16777217",
            "8388608.5",
            "7.0064923E-46",
            "0.1e-400",
            "0.000000000000000000000000000000000001e40")
        .forEach(FloatsTest::assertParsed);
  }

  private static void assertParsed(String text) {
    char[] chars = ("[" + text + "]").toCharArray();
    float expected = Float.parseFloat(text) == 0 ? 0f : Float.parseFloat(text);
    assertThat(Floats.parse(chars, 1, text.length())).as(text).isEqualTo(expected);
  }

  @Test
  void givenFloats_whenWritten_thenTheTextIsTheShortestThatReadsBack() {
    Random random = new Random(11);
    for (int i = 0; i < 50_000; i++) {
      float value =
          switch (i % 3) {
            case 0 -> Float.intBitsToFloat(random.nextInt());
            case 1 -> (float) random.nextGaussian() / 20;
            default -> random.nextInt(100_000) / 1000f;
          };
      if (Float.isFinite(value)) {
        String text = text(value);
        assertThat(Float.parseFloat(text)).as(text).isEqualTo(value == 0 ? 0f : value);
        assertNoShorter(value, text);
      }
    }
  }

  private static void assertNoShorter(float value, String text) {
    int digits = new BigDecimal(text).stripTrailingZeros().precision();
    if (digits > 1) {
      for (RoundingMode mode : List.of(RoundingMode.FLOOR, RoundingMode.CEILING)) {
        BigDecimal shorter = new BigDecimal(value).round(new MathContext(digits - 1, mode));
        assertThat(Float.parseFloat(shorter.toString())).as(text).isNotEqualTo(value);
      }
    }
  }

  @Test
  void givenKnownFloats_whenWritten_thenTheyAreSpelledAsPythonDoes() {
    assertThat(text(0.1f)).isEqualTo("0.1");
    assertThat(text(-0.5f)).isEqualTo("-0.5");
    assertThat(text(1f)).isEqualTo("1.0");
    assertThat(text(-0f)).isEqualTo("0.0");
    assertThat(text(1e-5f)).isEqualTo("1e-05");
    assertThat(text(1.5e-7f)).isEqualTo("1.5e-07");
    assertThat(text(0.0001f)).isEqualTo("0.0001");
    assertThat(text(1e16f)).isEqualTo("1e+16");
    assertThat(text(123456.79f)).isEqualTo("123456.79");
    assertThat(text(Float.MIN_VALUE)).isEqualTo("1e-45");
    assertThat(text(Float.MAX_VALUE)).isEqualTo("3.4028235e+38");
    assertThat(text(2.0E-3f)).isEqualTo("0.002");
  }

  private static String text(float value) {
    StringBuilder out = new StringBuilder();
    Floats.append(value, out);
    return out.toString();
  }
}

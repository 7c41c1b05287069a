package io.agentmemory.identity;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/**
 * Logarithm and exponential, correctly rounded, as all that the original computed were; a
 * platform's own are off by a bit here and there.
 */
final class Exact {
  private static final MathContext DIGITS = new MathContext(50, RoundingMode.HALF_EVEN);
  private static final BigDecimal TINY = BigDecimal.ONE.movePointLeft(55);
  private static final int HALVINGS = 16;

  private Exact() {}

  /** The natural logarithm of a finite {@code x} above 0. */
  static double log(double x) {
    if (x == 1) {
      return 0;
    }
    double near = StrictMath.log(x);
    // ln x = y + ln(x / e^y); the quotient is 1 + d with a tiny d, and ln(1 + d) = d - d*d/2 + ..
    BigDecimal d =
        new BigDecimal(x)
            .multiply(series(new BigDecimal(near).negate()), DIGITS)
            .subtract(BigDecimal.ONE);
    BigDecimal half = d.multiply(d, DIGITS).divide(BigDecimal.valueOf(2), DIGITS);
    return new BigDecimal(near).add(d, DIGITS).subtract(half, DIGITS).doubleValue();
  }

  /** e to the power of a finite {@code x}; infinite where no double is large enough. */
  static double exp(double x) {
    double near = StrictMath.exp(x);
    return near == 0 || Double.isInfinite(near) ? near : series(new BigDecimal(x)).doubleValue();
  }

  private static BigDecimal series(BigDecimal x) {
    BigDecimal small = x.divide(BigDecimal.valueOf(1L << HALVINGS), DIGITS);
    BigDecimal sum = BigDecimal.ONE;
    BigDecimal term = BigDecimal.ONE;
    for (int k = 1; term.abs().compareTo(TINY) > 0; k++) {
      term = term.multiply(small, DIGITS).divide(BigDecimal.valueOf(k), DIGITS);
      sum = sum.add(term, DIGITS);
    }
    for (int i = 0; i < HALVINGS; i++) {
      sum = sum.multiply(sum, DIGITS);
    }
    return sum;
  }
}

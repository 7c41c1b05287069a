package io.agentmemory.internal;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/**
 * The functions whose last bit libraries disagree on, correctly rounded: so that a value worked out
 * here is the one the original has, on every platform and for every store.
 */
public final class Arithmetic {
  private static final MathContext DIGITS = new MathContext(50, RoundingMode.HALF_EVEN);
  private static final BigDecimal TINY = BigDecimal.ONE.movePointLeft(55);

  private Arithmetic() {}

  /**
   * The natural logarithm, correctly rounded.
   *
   * @throws IllegalArgumentException if {@code x} is not a finite number above zero
   */
  public static double log(double x) {
    if (!(x > 0) || Double.isInfinite(x)) {
      throw new IllegalArgumentException("no logarithm of " + x);
    }
    if (x == 1) {
      return 0;
    }
    // One step of Halley's method from a value that is right to some 16 digits gives some 48. It
    // stands on exp(-y), as x times that is near 1 whatever x is.
    double near = StrictMath.log(x);
    BigDecimal z = new BigDecimal(x).multiply(exp(new BigDecimal(near).negate()), DIGITS);
    BigDecimal step =
        z.subtract(BigDecimal.ONE)
            .multiply(BigDecimal.valueOf(2))
            .divide(z.add(BigDecimal.ONE), DIGITS);
    return new BigDecimal(near).add(step, DIGITS).doubleValue();
  }

  /** e to the power of a finite {@code x}, correctly rounded; infinite if no double is so large. */
  public static double exp(double x) {
    double near = StrictMath.exp(x);
    return near == 0 || Double.isInfinite(near) ? near : exp(new BigDecimal(x)).doubleValue();
  }

  /** By its series, after as many halvings as make that short. */
  private static BigDecimal exp(BigDecimal y) {
    BigDecimal small = y.divide(BigDecimal.valueOf(1L << 16), DIGITS);
    BigDecimal sum = BigDecimal.ONE;
    BigDecimal term = BigDecimal.ONE;
    for (int k = 1; term.abs().compareTo(TINY) > 0; k++) {
      term = term.multiply(small, DIGITS).divide(BigDecimal.valueOf(k), DIGITS);
      sum = sum.add(term, DIGITS);
    }
    for (int i = 0; i < 16; i++) {
      sum = sum.multiply(sum, DIGITS);
    }
    return sum;
  }

  /**
   * {@code value} rounded to {@code digits} decimals: by its exact value, a half to the even side.
   * Source: {@code round(x, n)} of Python 3.
   *
   * @throws IllegalArgumentException if {@code value} is not finite
   */
  public static double round(double value, int digits) {
    if (!Double.isFinite(value)) {
      throw new IllegalArgumentException("not a finite number");
    }
    return new BigDecimal(value).setScale(digits, RoundingMode.HALF_EVEN).doubleValue();
  }
}

package io.agentmemory.file;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/** The elements of vectors as text: 32-bit floats, read and written without loss, and fast. */
final class Floats {
  private static final double[] POWERS = new double[23];

  static {
    double power = 1;
    for (int i = 0; i < POWERS.length; i++) {
      POWERS[i] = power; // exact up to 10^22
      power *= 10;
    }
  }

  private Floats() {}

  /** The float nearest to a number of JSON; infinite if it is too large for one. */
  static float parse(char[] chars, int from, int length) {
    int end = from + length;
    int at = from;
    boolean negative = chars[at] == '-';
    if (negative) {
      at++;
    }
    long digits = 0;
    int scale = 0;
    int count = 0;
    boolean afterPoint = false;
    for (; at < end; at++) {
      char c = chars[at];
      if (c == '.') {
        afterPoint = true;
      } else if (c >= '0' && c <= '9') {
        if (digits != 0 || c != '0') {
          count++;
        }
        digits = digits * 10 + (c - '0');
        scale += afterPoint ? 1 : 0;
      } else {
        break;
      }
      if (count > 15) {
        return Float.parseFloat(new String(chars, from, length));
      }
    }
    if (at < end) { // an exponent
      boolean down = chars[at + 1] == '-';
      int power = 0;
      for (at += down || chars[at + 1] == '+' ? 2 : 1; at < end && power < 1000; at++) {
        power = power * 10 + (chars[at] - '0');
      }
      scale += down ? power : -power;
    }
    if (digits == 0) {
      return 0f;
    }
    if (scale > 22 || scale < -22) {
      return Float.parseFloat(new String(chars, from, length));
    }
    double nearest = scale >= 0 ? digits / POWERS[scale] : digits * POWERS[-scale];
    if (isUnsure(nearest)) {
      return Float.parseFloat(new String(chars, from, length));
    }
    return (float) (negative ? -nearest : nearest);
  }

  /**
   * Whether the float next to this double need not be the one next to the decimal that the double
   * stands for: it lies half way between two floats, or too near to that, or has no exact relative.
   */
  private static boolean isUnsure(double value) {
    double size = Math.abs(value);
    long low = Double.doubleToRawLongBits(value) & 0x1fff_ffffL;
    return Math.abs(low - 0x1000_0000L) <= 1 || size < Float.MIN_NORMAL || size > 3.4e38;
  }

  /** Appends the shortest decimal that reads back as {@code value}, spelled as Python does. */
  static void append(float value, StringBuilder out) {
    if (value == 0) {
      out.append("0.0");
      return;
    }
    if (value < 0) {
      out.append('-');
    }
    double size = Math.abs((double) value);
    if (size == Math.rint(size) && size < 1e7) {
      out.append((long) size).append(".0");
      return;
    }
    if (size >= 1e-12 && size < 1e12) {
      int exponent = (int) Math.floor(Math.log10(size)); // of the first digit; 1 off at worst
      for (int precision = 6; precision <= 9; precision++) {
        int scale = precision - 1 - exponent;
        double scaled = scale >= 0 ? size * POWERS[scale] : size / POWERS[-scale];
        long digits = (long) Math.rint(scaled);
        double back = scale >= 0 ? digits / POWERS[scale] : digits * POWERS[-scale];
        float read = isUnsure(back) ? Float.parseFloat(digits + "e" + -scale) : (float) back;
        if (read == (float) size) {
          spell(digits, scale, out);
          return;
        }
      }
    }
    appendSlowly((float) size, out);
  }

  private static void appendSlowly(float size, StringBuilder out) {
    BigDecimal exact = new BigDecimal(size);
    for (int precision = 1; ; precision++) {
      BigDecimal rounded = exact.round(new MathContext(precision, RoundingMode.HALF_EVEN));
      if (Float.parseFloat(rounded.toString()) == size) {
        spell(rounded.unscaledValue().longValueExact(), rounded.scale(), out);
        return;
      }
    }
  }

  /** Appends {@code digits} times ten to the minus {@code scale}. */
  private static void spell(long digits, int scale, StringBuilder out) {
    long all = digits;
    int places = scale;
    while (all % 10 == 0) {
      all /= 10;
      places--;
    }
    String text = Long.toString(all);
    int exponent = text.length() - 1 - places;
    if (exponent < -4 || exponent >= 16) {
      out.append(text.charAt(0));
      if (text.length() > 1) {
        out.append('.').append(text, 1, text.length());
      }
      int size = Math.abs(exponent);
      out.append('e').append(exponent < 0 ? '-' : '+').append(size < 10 ? "0" : "").append(size);
    } else if (exponent < 0) {
      out.append("0.").append("0".repeat(-exponent - 1)).append(text);
    } else if (text.length() <= exponent + 1) {
      out.append(text).append("0".repeat(exponent + 1 - text.length())).append(".0");
    } else {
      out.append(text, 0, exponent + 1).append('.').append(text, exponent + 1, text.length());
    }
  }
}

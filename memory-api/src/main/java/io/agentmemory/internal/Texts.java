package io.agentmemory.internal;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** One order, one folding, one spelling of numbers and one reading of times, for every store. */
public final class Texts {
  private static final MathContext FIFTEEN = new MathContext(15, RoundingMode.HALF_EVEN);
  private static final Pattern TIME =
      Pattern.compile(
          "(\\d{4})-(\\d{1,2})-(\\d{1,2})"
              + "(?:(?:[Tt]|[ \\t]+)(\\d{1,2}):(\\d{2})(?::(\\d{2})(?:\\.(\\d*))?)?"
              + "[ \\t]*(Z|z|[-+]\\d{1,2}(?::?\\d{2})?)?)?");

  private Texts() {}

  /** Orders texts by code point, which is also the order of their UTF-8 bytes. */
  public static int compare(String a, String b) {
    int length = Math.min(a.length(), b.length());
    for (int i = 0; i < length; i++) {
      char x = a.charAt(i);
      char y = b.charAt(i);
      if (x != y) {
        boolean high = Character.isSurrogate(x);
        if (high == Character.isSurrogate(y)) {
          return Character.compare(x, y);
        }
        return high ? 1 : -1; // a surrogate stands for a code point above every other char
      }
    }
    return Integer.compare(a.length(), b.length());
  }

  /**
   * Folds case for comparing: lower case, whatever the default locale, and both small sigmas the
   * same, so that a part of a text folds to the same part of the folded text.
   */
  public static String fold(String text) {
    return text.toLowerCase(Locale.ROOT).replace('\u03c2', '\u03c3');
  }

  /**
   * The shortest decimal that reads back as {@code value}, with {@code .0} or an exponent so that
   * it stays a float. Source: the repr of Python 3, whose spelling the original's files and hashes
   * have ({@code 1e-05}, {@code 1e+16}).
   *
   * @throws IllegalArgumentException if {@code value} is not finite
   */
  public static String number(double value) {
    if (!Double.isFinite(value)) {
      throw new IllegalArgumentException("not a finite number");
    }
    if (value == 0) {
      return "0.0";
    }
    if (value == Math.rint(value) && Math.abs(value) < 1e15) {
      return (long) value + ".0";
    }
    BigDecimal shortest = shortest(value).stripTrailingZeros();
    String digits = shortest.unscaledValue().abs().toString();
    int exponent = digits.length() - shortest.scale() - 1; // of the first digit
    StringBuilder out = new StringBuilder(24);
    if (value < 0) {
      out.append('-');
    }
    if (exponent < -4 || exponent >= 16) {
      out.append(digits.charAt(0));
      if (digits.length() > 1) {
        out.append('.').append(digits, 1, digits.length());
      }
      int size = Math.abs(exponent);
      out.append('e').append(exponent < 0 ? '-' : '+').append(size < 10 ? "0" : "").append(size);
    } else if (exponent < 0) {
      out.append("0.").append("0".repeat(-exponent - 1)).append(digits);
    } else if (digits.length() <= exponent + 1) {
      out.append(digits).append("0".repeat(exponent + 1 - digits.length())).append(".0");
    } else {
      out.append(digits, 0, exponent + 1).append('.');
      out.append(digits, exponent + 1, digits.length());
    }
    return out.toString();
  }

  // Double.toString is the shortest only since JDK 19. A double is told apart by 17 digits, a
  // decimal of up to 15 digits survives in a normal double, so 15, 16, 17 are all there is to try.
  // At a power of two more decimals above than below it read back, so the next one up counts too.
  private static BigDecimal shortest(double value) {
    BigDecimal exact = new BigDecimal(value);
    int from = Math.abs(value) < Double.MIN_NORMAL ? 1 : 15;
    for (int precision = from; precision < 17; precision++) {
      MathContext digits =
          precision == 15 ? FIFTEEN : new MathContext(precision, RoundingMode.HALF_EVEN);
      BigDecimal rounded = exact.round(digits);
      if (rounded.doubleValue() == value) {
        return rounded;
      }
      if ((Double.doubleToRawLongBits(value) & 0xf_ffff_ffff_ffffL) == 0) {
        BigDecimal up = exact.round(new MathContext(precision, RoundingMode.UP));
        if (up.doubleValue() == value) {
          return up;
        }
      }
    }
    return exact.round(new MathContext(17, RoundingMode.HALF_EVEN));
  }

  /**
   * The instant that a time's text means, cut to microseconds; a text without zone is UTC, a date
   * alone is its midnight. Null if it is no time, or an impossible one such as {@code 2026-02-31}.
   */
  public static @Nullable Instant instant(@Nullable String text) {
    if (text == null) {
      return null;
    }
    Matcher m = TIME.matcher(text);
    if (!m.matches()) {
      return null;
    }
    try {
      LocalDate date = LocalDate.of(number(m, 1), number(m, 2), number(m, 3));
      if (date.getYear() < 1) {
        return null;
      }
      if (m.group(4) == null) {
        return date.atStartOfDay().toInstant(ZoneOffset.UTC);
      }
      LocalTime time =
          LocalTime.of(number(m, 4), number(m, 5), m.group(6) == null ? 0 : number(m, 6));
      Instant instant =
          date.atTime(time).toInstant(offset(m.group(8))).plusNanos(nanos(m.group(7)));
      int year = instant.atOffset(ZoneOffset.UTC).getYear();
      return year < 1 || year > 9999 ? null : instant.truncatedTo(ChronoUnit.MICROS);
    } catch (DateTimeException impossible) {
      return null;
    }
  }

  private static int number(Matcher m, int group) {
    return Integer.parseInt(m.group(group));
  }

  private static long nanos(@Nullable String fraction) {
    if (fraction == null || fraction.isEmpty()) {
      return 0;
    }
    return Long.parseLong((fraction + "000000000").substring(0, 9));
  }

  private static ZoneOffset offset(@Nullable String zone) {
    if (zone == null || zone.equalsIgnoreCase("z")) {
      return ZoneOffset.UTC;
    }
    int sign = zone.charAt(0) == '-' ? -1 : 1;
    String digits = zone.substring(1).replace(":", "");
    int hours =
        Integer.parseInt(digits.length() <= 2 ? digits : digits.substring(0, digits.length() - 2));
    int minutes =
        digits.length() <= 2 ? 0 : Integer.parseInt(digits.substring(digits.length() - 2));
    return ZoneOffset.ofHoursMinutes(sign * hours, sign * minutes);
  }

  /** A time of ours as text: UTC, microseconds, ISO with offset; no fraction when it is zero. */
  public static String time(Instant instant) {
    Instant cut = instant.truncatedTo(ChronoUnit.MICROS);
    int micros = cut.getNano() / 1000;
    String seconds =
        cut.truncatedTo(ChronoUnit.SECONDS).atOffset(ZoneOffset.UTC).toLocalDateTime().toString();
    if (seconds.length() == 16) {
      seconds += ":00";
    }
    return seconds + (micros == 0 ? "" : String.format(Locale.ROOT, ".%06d", micros)) + "+00:00";
  }

  /** The index of the first char that no store can hold (NUL or a lone surrogate), or -1. */
  public static int unstorable(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == 0) {
        return i;
      }
      if (Character.isSurrogate(c)) {
        if (Character.isHighSurrogate(c)
            && i + 1 < text.length()
            && Character.isLowSurrogate(text.charAt(i + 1))) {
          i++;
        } else {
          return i;
        }
      }
    }
    return -1;
  }
}

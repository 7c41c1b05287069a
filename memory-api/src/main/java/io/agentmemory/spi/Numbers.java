package io.agentmemory.spi;

import io.agentmemory.Value;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/** Reads the numbers of JSON as values. */
public final class Numbers {
  private static final Pattern NUMBER =
      Pattern.compile("-?(?:0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?");

  private Numbers() {}

  /**
   * The value of a number's text: an {@link Value.Int}, a {@link Value.Real} if it has a fraction
   * or an exponent, or an {@link Value.Opaque} if neither can hold it.
   *
   * @param otherwise makes what is thrown if the text is no number of JSON
   */
  public static <E extends RuntimeException> Value json(String text, Supplier<E> otherwise) {
    var matcher = NUMBER.matcher(text);
    if (!matcher.matches()) {
      throw otherwise.get();
    }
    if (matcher.group(1) == null && matcher.group(2) == null) {
      try {
        return new Value.Int(Long.parseLong(text));
      } catch (NumberFormatException tooLarge) {
        return new Value.Opaque(text);
      }
    }
    double value = Double.parseDouble(text);
    return Double.isFinite(value) ? new Value.Real(value) : new Value.Opaque(text);
  }
}

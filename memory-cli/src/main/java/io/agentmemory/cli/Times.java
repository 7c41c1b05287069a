package io.agentmemory.cli;

import io.agentmemory.internal.Texts;
import java.time.Instant;
import java.time.LocalDate;
import java.time.format.DateTimeParseException;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Times and dates as arguments. */
final class Times {
  private Times() {}

  /** A point in time; without zone it is UTC, a date alone is its midnight. */
  static final class Converter implements ITypeConverter<Instant> {
    @Override
    public Instant convert(String text) {
      Instant instant = Texts.instant(text);
      if (instant == null) {
        throw new TypeConversionException(
            "expected a time such as 2026-02-10T11:52:05+00:00 or 2026-02-10");
      }
      return instant;
    }
  }

  /** A day. */
  static final class DayConverter implements ITypeConverter<LocalDate> {
    @Override
    public LocalDate convert(String text) {
      try {
        return LocalDate.parse(text);
      } catch (DateTimeParseException no) {
        throw new TypeConversionException("expected a day such as 2026-02-10");
      }
    }
  }
}

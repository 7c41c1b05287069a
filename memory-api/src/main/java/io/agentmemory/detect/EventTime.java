package io.agentmemory.detect;

import java.time.DateTimeException;
import java.time.LocalDate;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The day that a text speaks of. */
final class EventTime {
  private static final Pattern DATE = Regex.of("\\d{4}-\\d{2}-\\d{2}");
  private static final List<String> MONTHS =
      List.of("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec");
  // The long names come first; no edge before them, so that "grammar 12" is a day in March.
  private static final Pattern MONTH =
      Regex.of(
          "(january|february|march|april|may|june|july|august|september|october|november|december"
              + "|jan|feb|mar|apr|jun|jul|aug|sep|oct|nov|dec)"
              + "\\s+(\\d{1,2})(?:st|nd|rd|th)?,?\\s*(\\d{4})?");
  private static final Pattern AGO = Regex.of("(\\d+)\\s+(day|week|month)s?\\s+ago");
  private static final int WEEK = 7;
  private static final int MONTH_DAYS = 30;

  private EventTime() {}

  static Optional<String> of(String content, LocalDate today) {
    Matcher date = DATE.matcher(content);
    if (date.find()) {
      return Optional.of(date.group());
    }
    String lower = Regex.lower(content);
    Matcher month = MONTH.matcher(lower);
    if (month.find()) {
      int year = month.group(3) == null ? today.getYear() : Integer.parseInt(month.group(3));
      int number = MONTHS.indexOf(month.group(1).substring(0, 3)) + 1;
      int day = Integer.parseInt(month.group(2));
      return Optional.of(padded(year, 4) + "-" + padded(number, 2) + "-" + padded(day, 2));
    }
    if (lower.contains("yesterday")) {
      return before(today, 1);
    }
    if (lower.contains("last week")) {
      return before(today, WEEK);
    }
    if (lower.contains("last month")) {
      return before(today, MONTH_DAYS);
    }
    Matcher ago = AGO.matcher(lower);
    if (ago.find()) {
      return ago(today, ago.group(1), ago.group(2));
    }
    return lower.contains("today") || lower.contains("this session")
        ? before(today, 0)
        : Optional.empty();
  }

  private static String padded(int number, int digits) {
    String text = Integer.toString(number);
    return "0".repeat(Math.max(0, digits - text.length())) + text;
  }

  private static Optional<String> ago(LocalDate today, String count, String unit) {
    int days =
        switch (unit) {
          case "week" -> WEEK;
          case "month" -> MONTH_DAYS;
          default -> 1;
        };
    try {
      return before(today, Math.multiplyExact(Long.parseLong(count), days));
    } catch (ArithmeticException | NumberFormatException tooLong) {
      return Optional.empty();
    }
  }

  private static Optional<String> before(LocalDate today, long days) {
    try {
      LocalDate day = today.minusDays(days);
      return day.getYear() < 1 ? Optional.empty() : Optional.of(day.toString());
    } catch (DateTimeException | ArithmeticException tooLong) {
      return Optional.empty();
    }
  }
}

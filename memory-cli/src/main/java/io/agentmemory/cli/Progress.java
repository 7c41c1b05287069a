package io.agentmemory.cli;

import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * One line on the terminal that says how far something has come, gone when closed. Where standard
 * error is no terminal it does nothing. Thread-safe.
 */
final class Progress implements AutoCloseable {
  private static final long PAUSE = TimeUnit.MILLISECONDS.toNanos(100);
  private static final int WIDEST_BAR = 30;

  private final Console console;
  private final String what;
  private final LongSupplier nanos;
  private final long began;
  private long shownAt;
  private boolean shown;

  Progress(Console console, String what) {
    this(console, what, System::nanoTime);
  }

  Progress(Console console, String what, LongSupplier nanos) {
    this.console = console;
    this.what = what;
    this.nanos = nanos;
    began = nanos.getAsLong();
    shownAt = began - PAUSE;
  }

  /** Shows {@code done} of {@code expected}, but no more than ten times a second. */
  synchronized void at(long done, long expected, String detail) {
    long now = nanos.getAsLong();
    if (!console.screen().err() || now - shownAt < PAUSE) {
      return;
    }
    shownAt = now;
    shown = true;
    // Never the last column: some terminals would begin a new line.
    String line = Cells.cut(line(done, expected, detail, now), console.screen().width() - 1);
    console.err().print("\r" + Cells.left(line, console.screen().width() - 1));
    console.err().flush();
  }

  private String line(long done, long expected, String detail, long now) {
    long all = Math.max(done, expected);
    double part = all == 0 ? 0 : (double) done / all;
    double seconds = (now - began) / 1e9;
    String rate =
        seconds < 0.5 ? "" : String.format(Locale.ROOT, "  %,d/s", Math.round(done / seconds));
    String numbers =
        String.format(Locale.ROOT, "%3d %%  %,d of %,d%s", (int) (part * 100), done, all, rate);
    int room = console.screen().width() - what.length() - numbers.length() - detail.length() - 8;
    int bar = Math.min(WIDEST_BAR, room);
    String drawn = "";
    if (bar >= 5) {
      int full = (int) Math.round(part * bar);
      drawn = "[" + "#".repeat(full) + ".".repeat(bar - full) + "] ";
    }
    return what + " " + drawn + numbers + "  " + detail;
  }

  /** Takes the line away. */
  @Override
  public synchronized void close() {
    if (shown) {
      console.err().print("\r" + " ".repeat(console.screen().width() - 1) + "\r");
      console.err().flush();
      shown = false;
    }
  }
}

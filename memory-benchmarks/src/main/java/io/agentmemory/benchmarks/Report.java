package io.agentmemory.benchmarks;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Value;
import io.agentmemory.spi.Canonical;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Prints what was measured, line by line as it comes, in at most 100 columns. */
final class Report {
  static final int COLUMNS = 100;

  private static final String FORMAT = "%-43s %9s %9s %8s %13s %8s  %s";

  private final PrintStream out;
  private final Map<String, String> machine;
  private final List<Row> rows = new ArrayList<>();
  private final long began = System.nanoTime();

  /** Begins the report: the machine, and the head of the table. */
  Report(PrintStream out, Map<String, String> machine) {
    this.out = out;
    this.machine = new LinkedHashMap<>(machine);
    StringBuilder line = new StringBuilder();
    machine.forEach(
        (name, value) -> {
          String item = name + " " + value;
          if (line.length() + item.length() + 2 > COLUMNS) {
            out.println(line);
            line.setLength(0);
          }
          line.append(line.length() == 0 ? "" : ", ").append(item);
        });
    out.println(line);
    out.println();
    line(FORMAT, "work", "ours", "yardstick", "ratio", "half of them", "goal", "met");
    out.println("-".repeat(COLUMNS));
  }

  void add(Row row) {
    rows.add(row);
    if (row.failure() != null) {
      line("%-43s %s", row.work(), row.failure());
      return;
    }
    Series ratios = row.ratios();
    line(
        FORMAT,
        row.work(),
        figure(row.unit(), requireNonNull(row.ours()).median()),
        figure(row.unit(), requireNonNull(row.yardstick()).median()),
        ratio(ratios.median()) + "x",
        ratio(ratios.quantile(0.25)) + "-" + ratio(ratios.quantile(0.75)),
        "<= " + ratio(row.goal()),
        row.met() ? "yes" : "NO");
  }

  private void line(String format, Object... items) {
    String line = String.format(Locale.ROOT, format, items);
    out.println(line.length() > COLUMNS ? line.substring(0, COLUMNS) : line);
  }

  /** Ends the report: what each line was held against, and how many goals were met. */
  void end() {
    out.println("-".repeat(COLUMNS));
    long measured = rows.stream().filter(row -> row.failure() == null).count();
    out.println(
        rows.stream().filter(Row::met).count()
            + " of "
            + measured
            + " goals met"
            + (measured == rows.size() ? "" : "; " + (rows.size() - measured) + " not measured")
            + String.format(
                Locale.ROOT, "; took %,d s", (System.nanoTime() - began) / 1_000_000_000L));
    out.println(
        "Ratios are medians of rounds taken in turns; half of the rounds lie in the range.");
    out.println();
    out.println("The yardsticks:");
    for (Row row : rows) {
      if (row.failure() == null) {
        wrap("  " + row.work() + ": " + row.against());
      }
    }
  }

  private void wrap(String text) {
    String rest = text;
    while (rest.length() > COLUMNS) {
      int space = rest.lastIndexOf(' ', COLUMNS);
      out.println(rest.substring(0, space));
      rest = "      " + rest.substring(space + 1);
    }
    out.println(rest);
  }

  boolean complete() {
    return rows.stream().allMatch(row -> row.failure() == null);
  }

  List<Row> rows() {
    return List.copyOf(rows);
  }

  String json() {
    Map<String, Value> about = new LinkedHashMap<>();
    machine.forEach((name, value) -> about.put(name, Value.of(value)));
    Map<String, Value> all = new LinkedHashMap<>();
    all.put("machine", new Value.Map(about));
    all.put("rows", new Value.Seq(rows.stream().map(Row::json).toList()));
    return Canonical.json(new Value.Map(all));
  }

  private static String ratio(double ratio) {
    return String.format(
        Locale.ROOT, ratio < 9.995 ? "%.2f" : ratio < 99.5 ? "%.1f" : "%.0f", ratio);
  }

  private static String figure(Row.Unit unit, double value) {
    String[] names =
        unit == Row.Unit.BYTES
            ? new String[] {"B", "KiB", "MiB", "GiB"}
            : new String[] {"ns", "us", "ms", "s"};
    double step = unit == Row.Unit.BYTES ? 1024 : 1000;
    double scaled = value;
    int name = 0;
    while (scaled >= step && name < names.length - 1) {
      scaled /= step;
      name++;
    }
    String format = scaled < 10 ? "%.2f %s" : scaled < 100 ? "%.1f %s" : "%.0f %s";
    return String.format(Locale.ROOT, format, scaled, names[name]);
  }
}

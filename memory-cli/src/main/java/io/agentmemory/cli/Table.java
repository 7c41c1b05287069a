package io.agentmemory.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Rows of text. On a terminal: aligned under headings, no wider than the screen. Elsewhere: nothing
 * but the rows, cells parted by tabs, nothing cut.
 */
final class Table {
  private static final int GAP = 2;

  private final List<String> headings;
  private final List<List<String>> rows = new ArrayList<>();
  private final Set<String> right;

  /** A table whose columns named in {@code right} are aligned to the right. */
  Table(List<String> headings, Set<String> right) {
    this.headings = headings;
    this.right = right;
  }

  void row(String... cells) {
    rows.add(List.of(cells));
  }

  /** Prints it; where it is too wide, the last column gives way, then the one before. */
  void print(Console console) {
    if (!console.screen().out()) {
      rows.forEach(row -> console.line(String.join("\t", row)));
      return;
    }
    int[] widths = widths(console.screen().width());
    console.line(console.dim(line(headings, widths)));
    rows.forEach(row -> console.line(line(row, widths)));
  }

  /** Its lines, aligned, whatever the output is; for reports. */
  List<String> lines(int width) {
    int[] widths = widths(width);
    List<String> lines = new ArrayList<>();
    lines.add(line(headings, widths));
    rows.forEach(row -> lines.add(line(row, widths)));
    return lines;
  }

  private int[] widths(int width) {
    int[] widths = new int[headings.size()];
    int total = GAP * (widths.length - 1);
    for (int i = 0; i < widths.length; i++) {
      widths[i] = Cells.width(headings.get(i));
      for (List<String> row : rows) {
        widths[i] = Math.max(widths[i], Cells.width(row.get(i)));
      }
      total += widths[i];
    }
    int least = 24; // so that the last column does not vanish behind a long one before it
    for (int i = widths.length - 1; i > 0 && total > width; i--) {
      int taken = Math.min(total - width, Math.max(0, widths[i] - least));
      widths[i] -= taken;
      total -= taken;
      least = Cells.width(headings.get(i - 1)) + 8;
    }
    return widths;
  }

  private String line(List<String> cells, int[] widths) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < widths.length; i++) {
      String cell = Cells.cut(cells.get(i), widths[i]);
      out.append(i == 0 ? "" : " ".repeat(GAP));
      out.append(
          right.contains(headings.get(i))
              ? Cells.right(cell, widths[i])
              : Cells.left(cell, widths[i]));
    }
    return out.toString().stripTrailing();
  }
}

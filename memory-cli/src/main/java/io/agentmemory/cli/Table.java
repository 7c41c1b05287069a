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
  private static final int LEAST = 8;

  private final List<String> headings;
  private final List<List<String>> rows = new ArrayList<>();
  private final Set<String> right;
  private final List<String> giving;

  /**
   * A table.
   *
   * @param right columns that are aligned to the right
   * @param giving columns that give way where the table is too wide, the first one first, each down
   *     to a third of what all of them have
   */
  Table(List<String> headings, Set<String> right, List<String> giving) {
    this.headings = headings;
    this.right = right;
    this.giving = giving;
  }

  void row(String... cells) {
    rows.add(List.of(cells));
  }

  /** Prints it; without rows, nothing. */
  void print(Console console) {
    if (rows.isEmpty()) {
      return;
    }
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
    int fixed = total;
    for (String heading : giving) {
      fixed -= widths[headings.indexOf(heading)];
    }
    int least = Math.max(LEAST, (width - fixed) / 3);
    for (String heading : giving) {
      int column = headings.indexOf(heading);
      int taken = Math.max(0, Math.min(total - width, widths[column] - least));
      widths[column] -= taken;
      total -= taken;
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

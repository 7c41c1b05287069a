package io.agentmemory.cli;

import io.agentmemory.Memory;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.Set;

/** Memories, one a line. */
final class MemoryTable {
  private static final int DAY_AND_MINUTE = 16;

  private MemoryTable() {}

  static void print(Console console, List<Memory> memories) {
    Table table =
        new Table(List.of("id", "tier", "created", "weight", "tags", "text"), Set.of("weight"));
    for (Memory memory : memories) {
      table.row(
          Cells.oneLine(memory.id()),
          memory.tier().folder(),
          created(memory),
          weight(memory),
          tags(memory),
          words(memory, console));
    }
    table.print(console);
  }

  static String created(Memory memory) {
    String text = Cells.oneLine(memory.created().orElse("")).replace('T', ' ');
    return text.length() <= DAY_AND_MINUTE ? text : text.substring(0, DAY_AND_MINUTE);
  }

  static String weight(Memory memory) {
    OptionalDouble weight = memory.weight();
    return weight.isEmpty() ? "" : String.format(Locale.ROOT, "%.2f", weight.getAsDouble());
  }

  static String tags(Memory memory) {
    return Cells.oneLine(String.join(",", memory.tags()));
  }

  /** The text in one line; its beginning where the screen will cut it anyway. */
  static String words(Memory memory, Console console) {
    String content = memory.content();
    int enough = console.screen().width() * 4;
    boolean cut = console.screen().out() && content.length() > enough;
    return Cells.oneLine(cut ? content.substring(0, enough) + "…" : content);
  }
}

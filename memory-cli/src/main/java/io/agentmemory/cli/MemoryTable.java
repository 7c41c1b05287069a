package io.agentmemory.cli;

import io.agentmemory.Memory;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.Set;

/** Memories, one a line. */
final class MemoryTable {
  private static final int DAY = 10;
  private static final int DAY_AND_MINUTE = 16;
  private static final int ROOMY = 100; // columns from which on the minute has room too

  private MemoryTable() {}

  static void print(Console console, List<Memory> memories) {
    Table table =
        new Table(
            List.of("id", "tier", "created", "weight", "tags", "text"),
            Set.of("weight"),
            List.of("tags", "text"));
    for (Memory memory : memories) {
      table.row(
          Cells.oneLine(memory.id()),
          memory.tier().folder(),
          created(memory, console),
          weight(memory),
          tags(memory),
          words(memory, console));
    }
    table.print(console);
  }

  private static String created(Memory memory, Console console) {
    String text = Cells.oneLine(memory.created().orElse("")).replace('T', ' ');
    boolean narrow = console.screen().out() && console.screen().width() < ROOMY;
    return text.substring(0, Math.min(text.length(), narrow ? DAY : DAY_AND_MINUTE));
  }

  private static String weight(Memory memory) {
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

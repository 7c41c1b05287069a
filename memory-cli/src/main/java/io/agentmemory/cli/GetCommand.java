package io.agentmemory.cli;

import io.agentmemory.Memory;
import io.agentmemory.MemoryStore;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.spi.Canonical;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "get",
    description = "Show a memory, and change nothing. Exit code 1 when there is none.")
final class GetCommand extends StoreOperation {
  @Parameters(index = "0", paramLabel = "STORE", description = "Its address.")
  private String url;

  @Parameters(index = "1", paramLabel = "ID", description = "The memory's id.")
  private String id;

  @Option(names = "--json", description = "As one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    try (MemoryStore store = read(url)) {
      Optional<Stored<Memory>> found = store.memories().read(id);
      if (found.isEmpty()) {
        console().err().println("memory: there is no memory " + Cells.oneLine(id));
        return ExitCode.NO;
      }
      Memory memory = Objects.requireNonNull(found.get().value());
      if (json) {
        Json object = new Json().put("id", memory.id()).put("revision", found.get().revision());
        object.put("digest", Canonical.digest(memory).hex());
        memory.tree().entries().forEach(object::put);
        console().line(object.toString());
      } else {
        print(memory, found.get().revision());
      }
      return ExitCode.OK;
    }
  }

  private void print(Memory memory, long revision) {
    Map<String, String> shown = new LinkedHashMap<>();
    shown.put("id", memory.id());
    shown.put("tier", memory.tier().folder());
    shown.put("file", memory.fileName());
    shown.put("revision", Long.toString(revision));
    memory
        .members()
        .without("id")
        .without(Memory.CO_OCCURRENCES)
        .entries()
        .forEach((name, value) -> shown.put(Cells.oneLine(name), Cells.oneLine(text(value))));
    int widest = shown.keySet().stream().mapToInt(Cells::width).max().orElse(0);
    shown.forEach(
        (name, value) ->
            console().line((console().dim(Cells.left(name, widest + 2)) + value).stripTrailing()));
    console().line("");
    console().line(console().shown(memory.content()));
  }

  private static String text(Value value) {
    String text = Value.textOf(value);
    if (text != null) {
      return text;
    }
    return value.isTexts() ? String.join(", ", Value.textsOf(value)) : Canonical.json(value);
  }
}

package io.agentmemory.cli;

import io.agentmemory.Memory;
import io.agentmemory.MemoryStore;
import io.agentmemory.NewMemory;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "store", description = "Store a memory; prints its id and nothing else.")
final class StoreCommand extends StoreOperation {
  @Parameters(paramLabel = "STORE", description = "Its address. Made if there is none.")
  private String url;

  @ArgGroup(multiplicity = "1")
  private ContentOptions content = new ContentOptions();

  @Option(names = "--id", paramLabel = "ID", description = "Default: a new one of 8 characters.")
  private @Nullable String id;

  @Option(names = "--title", paramLabel = "TEXT", description = "Names the file.")
  private @Nullable String title;

  @Option(names = "--tag", paramLabel = "TAG", description = "May be given several times.")
  private List<String> tags = List.of();

  @Option(
      names = "--weight",
      paramLabel = "W",
      description = "Emotional weight, by custom 0 to 1. Default: ${DEFAULT-VALUE}.")
  private double weight = 0.5;

  @Option(
      names = "--at",
      paramLabel = "TIME",
      converter = Times.Converter.class,
      description = "When it was made: ISO 8601; UTC without zone. Default: now.")
  private @Nullable Instant at;

  @Option(
      names = "--event-time",
      paramLabel = "TIME",
      description = "When what it tells happened; a date will do.")
  private @Nullable String eventTime;

  @Option(
      names = "--caused-by",
      paramLabel = "ID",
      description = "A memory that led to it. May be given several times.")
  private List<String> causedBy = List.of();

  @Override
  public Integer call() throws IOException {
    NewMemory memory =
        NewMemory.of(Objects.requireNonNull(content.read(console())))
            .tags(tags)
            .weight(weight)
            .causedBy(causedBy);
    memory = id == null ? memory : memory.id(id);
    memory = title == null ? memory : memory.title(title);
    memory = at == null ? memory : memory.at(at);
    memory = eventTime == null ? memory : memory.eventTime(eventTime);
    try (MemoryStore store = write(url)) {
      Memory stored = store.memories().store(memory);
      console().line(stored.id());
    }
    return ExitCode.OK;
  }
}

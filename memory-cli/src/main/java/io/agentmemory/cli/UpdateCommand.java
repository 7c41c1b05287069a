package io.agentmemory.cli;

import io.agentmemory.MemoryStore;
import io.agentmemory.Value;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.spi.Canonical;
import java.io.IOException;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "update",
    description = "Change what is given of a memory, and leave the rest. Prints the new revision.")
final class UpdateCommand extends StoreOperation {
  @Parameters(index = "0", paramLabel = "STORE", description = "Its address.")
  private String url;

  @Parameters(index = "1", paramLabel = "ID", description = "The memory's id.")
  private String id;

  @ArgGroup(multiplicity = "0..1")
  private @Nullable ContentOptions content;

  @Option(names = "--tag", paramLabel = "TAG", description = "The new tags, one option each.")
  private List<String> tags = List.of();

  @Option(names = "--no-tags", description = "Take all tags away.")
  private boolean noTags;

  @Option(names = "--weight", paramLabel = "W", description = "The new emotional weight.")
  private @Nullable Double weight;

  @Option(
      names = "--set",
      paramLabel = "NAME=VALUE",
      description = "Set a member of the front matter; VALUE is JSON, else taken as text.")
  private List<String> set = List.of();

  @Option(
      names = "--remove",
      paramLabel = "NAME",
      description = "Take a member of the front matter away.")
  private List<String> remove = List.of();

  @Option(
      names = "--if-revision",
      paramLabel = "N",
      description = "Refuse unless the memory is at this revision.")
  private @Nullable Long revision;

  @Override
  public Integer call() throws IOException {
    UpdateMemory update = UpdateMemory.of(id);
    String text = content == null ? null : content.read(console());
    if (text != null) {
      update = update.content(text);
    }
    if (noTags && !tags.isEmpty()) {
      throw wrong("--tag and --no-tags exclude each other");
    }
    if (noTags || !tags.isEmpty()) {
      update = update.tags(tags);
    }
    if (weight != null) {
      update = update.weight(weight);
    }
    for (String member : set) {
      int equals = member.indexOf('=');
      if (equals < 1) {
        throw wrong("--set takes NAME=VALUE");
      }
      update = update.set(member.substring(0, equals), value(member.substring(equals + 1)));
    }
    for (String member : remove) {
      update = update.remove(member);
    }
    if (update.equals(UpdateMemory.of(id))) {
      throw wrong("nothing to change: give --content, --tag, --weight, --set or --remove");
    }
    if (revision != null) {
      update = update.ifRevision(OptionalLong.of(revision));
    }
    try (MemoryStore store = write(url)) {
      Outcome outcome = store.execute(update);
      console()
          .line(
              outcome.changes().isEmpty()
                  ? "unchanged"
                  : "revision " + outcome.changes().get(0).after().revision());
    }
    return ExitCode.OK;
  }

  private static Value value(String text) {
    try {
      return Canonical.parse(text);
    } catch (IllegalArgumentException noJson) {
      return Value.of(text);
    }
  }
}

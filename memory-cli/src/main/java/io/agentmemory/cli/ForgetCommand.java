package io.agentmemory.cli;

import io.agentmemory.MemoryStore;
import io.agentmemory.command.ForgetMemory;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "forget",
    description = {
      "Delete a memory with its vectors, its own co-occurrence entries and its image links.",
      "What others say about it stays."
    })
final class ForgetCommand extends StoreOperation {
  @Parameters(index = "0", paramLabel = "STORE", description = "Its address.")
  private String url;

  @Parameters(index = "1", paramLabel = "ID", description = "The memory's id.")
  private String id;

  @Option(
      names = "--if-revision",
      paramLabel = "N",
      description = "Refuse unless the memory is at this revision.")
  private @Nullable Long revision;

  @Override
  public Integer call() {
    try (MemoryStore store = write(url)) {
      int changed =
          store.execute(new ForgetMemory(id, revision == null ? 0 : revision)).changes().size();
      console().line("forgotten, with " + (changed - 1) + " records that belonged to it");
    }
    return ExitCode.OK;
  }
}

package io.agentmemory.cli;

import io.agentmemory.MemoryStore;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "checkpoint",
    description = {
      "Bring up to date whatever other programs read: the JSON files of a folder.",
      "A database has nothing to do."
    })
final class CheckpointCommand extends StoreOperation {
  @Parameters(paramLabel = "STORE", description = "Its address.")
  private String url;

  @Override
  public Integer call() {
    try (MemoryStore store = write(url)) {
      store.checkpoint();
    }
    return ExitCode.OK;
  }
}

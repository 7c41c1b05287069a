package io.agentmemory.cli;

import io.agentmemory.MemoryStore;
import io.agentmemory.spi.Seal;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "unseal",
    description = {
      "Let writes in again to files that a move sealed when it was COMPLETE. Tells why they were"
          + " sealed. What is written to them then is not in the store that took their place.",
      "",
      "Exit codes: 0 they are not sealed any more, or were not; 2 wrong usage; 3 they cannot be"
          + " reached, or another process has them.",
      ""
    })
final class UnsealCommand extends StoreOperation {
  @Parameters(paramLabel = "STORE", description = "Files: file:PATH.")
  private String url;

  @Override
  public Integer call() {
    refusePassword(url);
    if (NoStore.isAt(url)) {
      throw wrong("there are no files");
    }
    try (MemoryStore store = write(url)) {
      Seal seal =
          store.as(Seal.class).orElseThrow(() -> wrong("only files are sealed, as file:PATH"));
      Optional<String> why = seal.sealed();
      seal.unseal();
      console()
          .line(
              why.map(reason -> "unsealed; it was sealed because " + reason).orElse("not sealed"));
      return ExitCode.OK;
    }
  }
}

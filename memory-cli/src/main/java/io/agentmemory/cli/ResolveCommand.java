package io.agentmemory.cli;

import io.agentmemory.dualwrite.Resolution;
import io.agentmemory.dualwrite.StageFolder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "resolve",
    description = {
      "Decide a conflict: keep the state that holds, or put the one that was set aside in its place"
          + " in both stores.",
      "",
      "Exit codes: 0 done; 2 wrong usage; 3 no such conflict, or a store or the process that has the"
          + " folder gives no answer.",
      ""
    })
final class ResolveCommand extends StoreOperation {
  private enum Keep {
    WINNER,
    LOSER
  }

  @Parameters(index = "0", paramLabel = "STORE", description = "dual:FOLDER")
  private String url;

  @Parameters(index = "1", paramLabel = "ID", description = "As the command conflicts lists it.")
  private String id;

  @Option(
      names = "--keep",
      required = true,
      paramLabel = "WHICH",
      description = "winner: as it is; loser: what was set aside.")
  private Keep keep;

  @Override
  public Integer call() {
    StageFolder.at(url)
        .resolve(id, keep == Keep.WINNER ? Resolution.KEEP_WINNER : Resolution.KEEP_LOSER);
    console().line("resolved");
    return ExitCode.OK;
  }
}

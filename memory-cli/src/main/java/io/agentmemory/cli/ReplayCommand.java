package io.agentmemory.cli;

import io.agentmemory.dualwrite.StageFolder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "replay",
    description = {
      "Give each of two stores what it lacks, now. That happens by itself while a process has the"
          + " folder.",
      "",
      "Exit codes: 0 neither lacks anything; 1 something is lacking still; 2 wrong usage; 3 a store"
          + " or the process that has the folder gives no answer.",
      ""
    })
final class ReplayCommand extends StoreOperation {
  @Parameters(paramLabel = "STORE", description = "dual:FOLDER")
  private String url;

  @Override
  public Integer call() {
    long left = StageFolder.at(url).replay();
    console()
        .line(
            left == 0
                ? "nothing is lacking"
                : BackfillCommand.number(left) + (left == 1 ? " record" : " records") + " lacking");
    return left == 0 ? ExitCode.OK : ExitCode.NO;
  }
}

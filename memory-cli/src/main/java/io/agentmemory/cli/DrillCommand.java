package io.agentmemory.cli;

import io.agentmemory.dualwrite.StageFolder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "drill",
    description = {
      "Go through an outage of the target while there is none: the source serves, the target gets"
          + " what it lacks afterwards. Writes and deletes one record of its own.",
      "",
      "Exit codes: 0 it went as it should; 2 wrong usage; 3 it did not, or the stores are not well"
          + " enough for a drill.",
      ""
    })
final class DrillCommand extends StoreOperation {
  @Parameters(paramLabel = "STORE", description = "dual:FOLDER")
  private String url;

  @Override
  public Integer call() {
    StageFolder.at(url).drill();
    console().line(console().good("passed"));
    return ExitCode.OK;
  }
}

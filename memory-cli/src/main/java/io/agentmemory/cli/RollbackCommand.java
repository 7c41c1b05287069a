package io.agentmemory.cli;

import io.agentmemory.dualwrite.StageFolder;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "rollback",
    description = {
      "Go back by one stage of a move from one store to another. Not from COMPLETE.",
      "",
      "Where a process has the folder, it is asked to do so.",
      "",
      "Exit codes: 0 the stage before holds; 1 blocked, each reason is a line; 2 wrong usage; 3 a"
          + " store or the process that has the folder gives no answer.",
      ""
    })
final class RollbackCommand extends StoreOperation {
  @Parameters(paramLabel = "STORE", description = "dual:FOLDER")
  private String url;

  @Option(
      names = "--force",
      paramLabel = "REASON",
      description = {
        "Also while the target is away. The source gets what the journal knows; what only the"
            + " target has is listed, and found again by comparing. Kept."
      })
  private @Nullable String force;

  @Option(names = "--json", description = "As one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    return PromoteCommand.print(console(), StageFolder.at(url).rollback(force), json);
  }
}

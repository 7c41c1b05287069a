package io.agentmemory.cli;

import io.agentmemory.dualwrite.StageFolder;
import io.agentmemory.dualwrite.StageMove;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "promote",
    description = {
      "Go to the next stage of a move from one store to another, if nothing stands against it.",
      "",
      "Where a process has the folder, it is asked to do so.",
      "",
      "Exit codes: 0 the next stage holds; 1 blocked, each reason is a line; 2 wrong usage; 3 a"
          + " store or the process that has the folder gives no answer.",
      ""
    })
final class PromoteCommand extends StoreOperation {
  @Parameters(paramLabel = "STORE", description = "dual:FOLDER")
  private String url;

  @Option(
      names = "--force",
      paramLabel = "REASON",
      description = "Whatever stands against it, but a target that is away. Kept.")
  private @Nullable String force;

  @Option(
      names = "--accept-set-aside",
      paramLabel = "N",
      description = "You have looked at the N records that the backfill set aside.")
  private @Nullable Long accepted;

  @Option(names = "--json", description = "As one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    if (accepted != null && accepted < 0) {
      throw wrong("--accept-set-aside is below 0");
    }
    return print(console(), StageFolder.at(url).promote(force, accepted), json);
  }

  /** Says what came of it. */
  static int print(Console console, StageMove move, boolean json) {
    if (json) {
      Json object =
          new Json()
              .put("from", move.from().name())
              .put("to", move.to().name())
              .put("moved", move.moved())
              .putTexts("reasons", move.reasons())
              .putTexts("undrained", move.undrained());
      console.line(object.toString());
      return move.moved() ? ExitCode.OK : ExitCode.NO;
    }
    if (move.moved()) {
      console.line(move.from() + " -> " + console.good(move.to().name()));
      move.reasons().forEach(reason -> console.line("forced: " + Cells.oneLine(reason)));
      move.undrained()
          .forEach(one -> console.line("only in the target: " + console.shown(Cells.oneLine(one))));
      return ExitCode.OK;
    }
    console.line(console.bad("blocked") + " in " + move.from());
    move.reasons().forEach(reason -> console.line("- " + Cells.oneLine(reason)));
    return ExitCode.NO;
  }
}

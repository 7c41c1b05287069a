package io.agentmemory.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.agentmemory.MemoryStore;
import io.agentmemory.OpenMode;
import io.agentmemory.dualwrite.RepairPlan;
import io.agentmemory.dualwrite.StageFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "apply",
    description = {
      "Carry out a plan that 'memory repair plan' made, on the two stores that it names.",
      "",
      "A record that moved since in either store is left alone and named. What is overwritten is kept"
          + " whole first: of dual:FOLDER as a conflict, which 'memory resolve' puts back or drops;"
          + " else in a folder. Each record is compared once more afterwards. Applied again, a plan"
          + " changes nothing.",
      "",
      "Exit codes: 0 all of it is done; 1 something was left alone, each is a line; 2 that is no plan,"
          + " or wrong usage; 3 a store, or the process that has the folder, gives no answer: apply"
          + " it again.",
      ""
    })
final class RepairApplyCommand extends StoreOperation {
  @Parameters(paramLabel = "FILE", description = "The plan.")
  private Path file;

  @Option(
      names = "--delete",
      description = {
        "Delete what the right store has deleted. What it never had stays: nobody says that it was"
            + " deleted."
      })
  private boolean deletes;

  @Option(
      names = "--aside",
      paramLabel = "FOLDER",
      description = {
        "Gets what the wrong store had, a file for each record. Default: beside the plan,"
            + " FILE.aside. Not for a plan of dual:FOLDER."
      })
  private @Nullable Path aside;

  @Option(names = "--json", description = "As one JSON object.")
  private boolean json;

  @Override
  int exitCodeOfErrors() {
    return ExitCode.INCOMPLETE;
  }

  @Override
  public Integer call() throws IOException {
    RepairPlan plan = plan();
    String right = plan.rightStore().orElse("");
    String wrong = plan.wrongStore().orElse("");
    int side = right.startsWith("dual:") ? right.lastIndexOf('#') : -1;
    RepairPlan.Result result;
    if (side < 0) {
      result = apply(plan, right, wrong);
    } else if (aside == null) {
      result = StageFolder.at(right.substring(0, side)).repair(plan, deletes);
    } else {
      throw wrong("what is overwritten is kept in the folder that the plan is of, not by --aside");
    }
    print(plan, result);
    return result.left().isEmpty() ? ExitCode.OK : ExitCode.NO;
  }

  private RepairPlan plan() throws IOException {
    RepairPlan plan;
    try {
      plan = RepairPlan.parse(Files.readString(file, UTF_8));
    } catch (IllegalArgumentException noPlan) {
      throw wrong(file + " is no plan, or was changed: " + noPlan.getMessage());
    }
    if (plan.rightStore().isEmpty() || plan.wrongStore().isEmpty()) {
      throw wrong(file + " does not say which stores it is for");
    }
    return plan;
  }

  private RepairPlan.Result apply(RepairPlan plan, String right, String wrong) {
    refusePassword(right);
    refusePassword(wrong);
    refuseNone(right);
    refuseNone(wrong);
    Path folder = aside == null ? Path.of(file + ".aside") : aside;
    try (MemoryStore one = open(right, OpenMode.READ_WRITE);
        MemoryStore two = open(wrong, OpenMode.READ_WRITE)) {
      return plan.apply(one, two, folder, deletes);
    }
  }

  /** A store that is gone must not be made anew, empty. */
  private void refuseNone(String url) {
    if (NoStore.isAt(url)) {
      throw wrong("there is no store any more at " + url + ", which the plan names");
    }
  }

  private void print(RepairPlan plan, RepairPlan.Result result) {
    if (json) {
      Json object =
          new Json()
              .put("right", plan.rightStore().orElse(""))
              .put("wrong", plan.wrongStore().orElse(""))
              .put("repaired", (long) result.repaired())
              .put("unchanged", (long) result.unchanged())
              .put(
                  "left",
                  result.left().stream()
                      .map(
                          left ->
                              new Json()
                                  .put("kind", left.item().kind().name())
                                  .putTexts("key", left.item().key().parts())
                                  .put("reason", left.reason()))
                      .toList());
      console().line(object.toString());
      return;
    }
    for (RepairPlan.Left left : result.left()) {
      String record = left.item().kind() + " " + left.item().key();
      console()
          .line(
              console().bad("left alone")
                  + ": "
                  + console().shown(Cells.oneLine(record + ": " + left.reason())));
    }
    console()
        .line(
            RepairPlanCommand.records(result.repaired())
                + " repaired, "
                + BackfillCommand.number(result.unchanged())
                + " equal already, "
                + BackfillCommand.number(result.left().size())
                + " left alone");
  }
}

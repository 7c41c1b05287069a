package io.agentmemory.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.agentmemory.MemoryStore;
import io.agentmemory.Version;
import io.agentmemory.dualwrite.RepairPlan;
import io.agentmemory.dualwrite.StageFolder;
import io.agentmemory.dualwrite.StoreAddress;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "plan",
    customSynopsis = {
      "memory repair plan --right=STORE --wrong=STORE --out=FILE",
      "memory repair plan dual:FOLDER --right=source|target --out=FILE"
    },
    description = {
      "Compare two stores field by field, and write down what would make the wrong one equal to the"
          + " right one: which records, and the revision and digest of either side, no content."
          + " Changes neither.",
      "",
      "Where a process has dual:FOLDER open, that compares.",
      "",
      "Exit codes: 0 they are equal, the plan is empty; 1 there is something to repair; 2 not"
          + " everything could be compared or listed, or wrong usage; 3 a store gives no answer.",
      ""
    })
final class RepairPlanCommand extends StoreOperation {
  private static final int SHOWN = 20;

  @Parameters(
      arity = "0..1",
      paramLabel = "STORE",
      description = "dual:FOLDER: its source and its target.")
  private @Nullable String both;

  @Option(
      names = "--right",
      required = true,
      paramLabel = "STORE",
      description = "The store whose state is to hold; of dual:FOLDER 'source' or 'target'.")
  private String right;

  @Option(names = "--wrong", paramLabel = "STORE", description = "The store to put right.")
  private @Nullable String wrong;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "FILE",
      description = "Gets the plan. Must not be there yet.")
  private Path out;

  @Override
  int exitCodeOfErrors() {
    return ExitCode.INCOMPLETE;
  }

  @Override
  public Integer call() throws IOException {
    if (both == null ? wrong == null : wrong != null) {
      throw wrong("give --right and --wrong, or dual:FOLDER and --right");
    }
    refusePassword(right);
    if (Files.exists(out)) {
      throw new FileAlreadyExistsException(out.toString());
    }
    RepairPlan plan = wrong == null ? ofFolder() : ofTwo(wrong);
    try (Writer file = Files.newBufferedWriter(out, UTF_8, StandardOpenOption.CREATE_NEW)) {
      plan.write(file);
    }
    print(plan);
    if (!plan.isComplete()) {
      return ExitCode.INCOMPLETE;
    }
    return plan.items().isEmpty() ? ExitCode.OK : ExitCode.NO;
  }

  private RepairPlan ofFolder() {
    if (!right.equals("source") && !right.equals("target")) {
      throw wrong("of dual:FOLDER the right one is 'source' or 'target'");
    }
    return StageFolder.at(String.valueOf(both)).planRepair(right);
  }

  private RepairPlan ofTwo(String other) {
    refusePassword(other);
    String rightAt = StoreAddress.of(right).url();
    String wrongAt = StoreAddress.of(other).url();
    if (rightAt.equals(wrongAt)) {
      throw wrong("both are the same store");
    }
    try (MemoryStore one = read(rightAt);
        MemoryStore two = read(wrongAt)) {
      return RepairPlan.of(one, two).between(rightAt, wrongAt);
    }
  }

  private void print(RepairPlan plan) {
    for (RepairPlan.Item item : plan.items().subList(0, Math.min(SHOWN, plan.items().size()))) {
      console().line(console().shown(Cells.oneLine(text(item))));
    }
    if (plan.items().size() > SHOWN) {
      console().line("and " + BackfillCommand.number(plan.items().size() - SHOWN) + " more");
    }
    if (!plan.isComplete()) {
      console()
          .line(
              console().bad("not everything could be compared, or is listed")
                  + ": make another plan after this one, and see 'memory verify'");
    }
    int size = plan.items().size();
    console()
        .line(
            size == 0
                ? console().good("nothing to repair")
                : records(size) + " to repair, as " + plan.rightStore().orElse("") + " has them");
    console().line("plan: " + out);
  }

  static String records(long number) {
    return BackfillCommand.number(number) + (number == 1 ? " record" : " records");
  }

  private static String text(RepairPlan.Item item) {
    RepairPlan.Seen right = item.right();
    RepairPlan.Seen wrong = item.wrong();
    String what = "";
    if (right.kept() == null) {
      what = ": stays, nobody says that it was deleted";
    } else if (right.kept().isTombstone() && wrong.digest() != null) {
      what = ": is deleted with --delete only";
    }
    return item.kind()
        + " "
        + item.key()
        + ": right "
        + text(right)
        + ", wrong "
        + text(wrong)
        + what;
  }

  private static String text(RepairPlan.Seen seen) {
    Version kept = seen.kept();
    if (kept == null) {
      return "never there";
    }
    return (kept.isTombstone() ? "deleted at revision " : "at revision ")
        + kept.revision()
        + (seen.isForged() ? " but changed past the store" : "");
  }
}

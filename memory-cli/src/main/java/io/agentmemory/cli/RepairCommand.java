package io.agentmemory.cli;

import picocli.CommandLine.Command;

@Command(
    name = "repair",
    description = {
      "Make one of two stores equal to the other one, which you say is right: first a plan, that"
          + " changes nothing and can be read; then, by the plan, only what is still as it was seen.",
      "",
      "'memory repair plan --help' and 'memory repair apply --help' say more."
    },
    synopsisSubcommandLabel = "plan | apply",
    commandListHeading = "%nCommands:%n",
    subcommands = {RepairPlanCommand.class, RepairApplyCommand.class})
final class RepairCommand extends StoreOperation {
  /** What to do has to be said. */
  @Override
  public Integer call() {
    throw wrong("say what: plan or apply");
  }
}

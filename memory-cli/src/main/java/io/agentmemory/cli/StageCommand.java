package io.agentmemory.cli;

import io.agentmemory.dualwrite.StageFolder;
import io.agentmemory.dualwrite.StoreAddress;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "stage",
    customSynopsis = {
      "memory stage init FOLDER --source=STORE --target=STORE",
      "                  [--source-password-env=NAME] [--target-password-env=NAME]",
      "                  [--gate=NAME=N]... [--shadow-rate=R] [--journal-cap=MIB]"
    },
    description = {
      "Make the folder of a move from one store to another, in stage OFF.",
      "",
      "From then on dual:FOLDER is the address of both as one. The folder keeps both addresses, but"
          + " no password. The source is looked at, the target not yet."
    })
final class StageCommand extends StoreOperation {
  @Parameters(index = "0", paramLabel = "init", description = "What to do: init.")
  private String action;

  @Parameters(
      index = "1",
      paramLabel = "FOLDER",
      description = "Made; may be there if it is empty.")
  private Path folder;

  @Option(
      names = "--source",
      required = true,
      paramLabel = "STORE",
      description = "The store that is used today.")
  private String source;

  @Option(
      names = "--target",
      required = true,
      paramLabel = "STORE",
      description = "The store that takes its place. Made when it is needed.")
  private String target;

  @Option(
      names = "--source-password-env",
      paramLabel = "NAME",
      description = "The environment variable with the password of a source that is a database.")
  private @Nullable String sourcePassword;

  @Option(
      names = "--target-password-env",
      paramLabel = "NAME",
      description = "The same for the target. Default for both: PGPASSWORD, or ~/.pgpass.")
  private @Nullable String targetPassword;

  @Option(
      names = "--gate",
      paramLabel = "NAME=N",
      description = {
        "A threshold that is not the default, to try things out: shadow_reads (10000),"
            + " shadow_seconds (86400), compared_before_live_seconds (3600),"
            + " compared_after_seconds (86400), target_there_seconds (3600)."
      })
  private Map<String, Long> gates = new LinkedHashMap<>();

  @Option(
      names = "--shadow-rate",
      paramLabel = "R",
      defaultValue = "0.01",
      description = "The part of the reads that is compared, 0 to 1. Default: ${DEFAULT-VALUE}.")
  private double shadowRate;

  @Option(
      names = "--journal-cap",
      paramLabel = "MIB",
      defaultValue = "1024",
      description = {
        "How large the journal of what one store lacks may get, in MiB: 64 to 65536. Where the target"
            + " leads, writes are refused beyond it. Default: ${DEFAULT-VALUE}."
      })
  private int journalCap;

  @Override
  public Integer call() {
    if (!action.equals("init")) {
      throw wrong("the folder of a move is made by 'memory stage init'");
    }
    refusePassword(source);
    refusePassword(target);
    StageFolder.init(
        folder,
        new StoreAddress(source, sourcePassword),
        new StoreAddress(target, targetPassword),
        new StageFolder.Settings(gates, shadowRate, (long) journalCap << 20));
    console().line("dual:" + folder + " is in stage OFF");
    return ExitCode.OK;
  }
}

package io.agentmemory.cli;

import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The command line as a whole. */
@Command(
    name = "memory",
    description = {
      "Reads, copies, compares and changes an agent's memory.",
      "",
      "STORE is an address: file:PATH[?namespace=NAME],",
      "postgresql://[USER@]HOST[:PORT]/DATABASE[?namespace=NAME&schema=NAME], or",
      "dual:FOLDER for two of them of which one takes the other's place.",
      "Passwords come from PGPASSWORD or ~/.pgpass.",
      ""
    },
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%nCommands:%n",
    footerHeading = "%n",
    footer = {
      "Exit codes: 0 done or equal; 1 different, not there, or an error; 2 wrong",
      "usage, or not everything could be compared or copied; 3 a store gives no answer.",
      "'memory COMMAND --help' says more."
    },
    versionProvider = Cli.Version.class,
    subcommands = {
      DemoCommand.class,
      InfoCommand.class,
      IdentityCommand.class,
      BackfillCommand.class,
      VerifyCommand.class,
      StoreCommand.class,
      GetCommand.class,
      UpdateCommand.class,
      ForgetCommand.class,
      ListCommand.class,
      SearchCommand.class,
      CheckpointCommand.class,
      MigrateCommand.class,
      IndexCommand.class,
      StageCommand.class,
      StatusCommand.class,
      PromoteCommand.class,
      RollbackCommand.class,
      ReplayCommand.class,
      ConflictsCommand.class,
      ResolveCommand.class,
      DrillCommand.class,
      RepairCommand.class,
      UnsealCommand.class
    })
final class Cli implements Runnable {
  /** What Java makes of bytes that are no text in the encoding of the locale. */
  private static final char UNREADABLE = '\uFFFD';

  private final Console console;

  @Spec private CommandSpec spec;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      scope = ScopeType.INHERIT,
      description = "Show this help.")
  boolean help;

  @Option(
      names = {"-V", "--version"},
      versionHelp = true,
      description = "Show the version.")
  boolean version;

  @Option(
      names = "--verbose",
      scope = ScopeType.INHERIT,
      description = "Show the log, and where an error came from.")
  private boolean verbose;

  private Cli(Console console) {
    this.console = console;
  }

  /** Runs one command; returns its exit code. */
  static int run(Console console, String... args) {
    Logging.configure(List.of(args).contains("--verbose"));
    CommandLine line = new CommandLine(new Cli(console));
    line.setOut(console.out()).setErr(console.err());
    line.setColorScheme(
        CommandLine.Help.defaultColorScheme(console.screen().colour() ? Ansi.ON : Ansi.OFF));
    line.setUsageHelpWidth(Math.min(console.screen().width(), 100));
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setAbbreviatedOptionsAllowed(false);
    line.setParameterExceptionHandler((failure, given) -> Failures.usage(console, failure, given));
    line.setExecutionExceptionHandler(
        (failure, command, parsed) -> Failures.report(console, failure, command));
    try {
      boolean unreadable = List.of(args).stream().anyMatch(arg -> arg.indexOf(UNREADABLE) >= 0);
      return unreadable ? Failures.unreadable(console) : line.execute(args);
    } finally {
      console.out().flush();
      console.err().flush();
    }
  }

  Console console() {
    return console;
  }

  boolean verbose() {
    return verbose;
  }

  /** Without a command there is nothing to do. */
  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing");
  }

  /** The version of the jar. */
  static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Cli.class.getPackage().getImplementationVersion();
      return new String[] {"memory " + (version == null ? "(not packaged)" : version)};
    }
  }
}

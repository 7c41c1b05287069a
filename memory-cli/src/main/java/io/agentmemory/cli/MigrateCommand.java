package io.agentmemory.cli;

import io.agentmemory.postgres.PostgresSchema;
import io.agentmemory.spi.StoreUrl;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "migrate",
    description = {
      "Make the tables of a database, or bring them up to date.",
      "Opening it for writing does the same; this is for those who want to choose the moment, or to"
          + " let somebody else run the script."
    })
final class MigrateCommand extends StoreOperation {
  @Parameters(paramLabel = "STORE", description = "A database, postgresql:...")
  private String url;

  @Option(
      names = "--print-sql",
      description = "Only print the script, and the rights it takes. Connects to nothing.")
  private boolean printSql;

  @Override
  public Integer call() {
    refusePassword(url);
    StoreUrl parsed = StoreUrl.parse(url);
    if (!parsed.scheme().equals("postgresql")) {
      throw wrong("only a database has tables to make: postgresql:...");
    }
    PostgresSchema schema = PostgresSchema.of(parsed);
    if (printSql) {
      console().line(schema.printSql().stripTrailing());
      return ExitCode.OK;
    }
    int before = schema.version();
    schema.migrate();
    int after = schema.version();
    console()
        .line(
            before == after
                ? "up to date, version " + after
                : "version " + before + " -> " + after);
    return ExitCode.OK;
  }
}

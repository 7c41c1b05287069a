package io.agentmemory.cli;

import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.MemoryStore;
import io.agentmemory.ScanRange;
import io.agentmemory.postgres.PostgresMemoryStore;
import io.agentmemory.postgres.PostgresMemoryStore.SpaceIndex;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "index",
    description = {
      "Build what a database needs for approximate search, for each space of vectors.",
      "Takes minutes for some ten thousands of vectors; others can read and write meanwhile. Every"
          + " new vector costs more from then on: load many before, or after --drop."
    })
final class IndexCommand extends StoreOperation {
  @Parameters(
      paramLabel = "STORE",
      description = "A database, postgresql:..., not through a pooler")
  private String url;

  @Option(names = "--drop", description = "Drop the indexes instead.")
  private boolean drop;

  @Option(names = "--json", description = "As a JSON array, one space a line.")
  private boolean json;

  @Override
  public Integer call() {
    if (!url.startsWith("postgresql:")) {
      throw wrong("only a database has indexes: postgresql:...");
    }
    try (MemoryStore store = write(url)) {
      PostgresMemoryStore database = (PostgresMemoryStore) store;
      if (drop) {
        database.dropIndexes();
        if (json) {
          Json.print(console(), spaces(store).stream().map(IndexCommand::dropped).toList());
        } else {
          console().line("dropped");
        }
        return ExitCode.OK;
      }
      List<SpaceIndex> indexes = database.buildIndexes();
      if (json) {
        Json.print(console(), indexes.stream().map(IndexCommand::json).toList());
      } else {
        table(indexes).print(console());
      }
      return ExitCode.OK;
    }
  }

  private static List<String> spaces(MemoryStore store) {
    try (Stream<KeyVersion> spaces = store.versions(Kind.VECTOR_SPACE, ScanRange.ALL)) {
      return spaces
          .filter(space -> !space.version().isTombstone())
          .map(space -> space.key().part(0))
          .toList();
    }
  }

  private static Json dropped(String space) {
    return new Json().put("space", space).put("state", "none");
  }

  private static Json json(SpaceIndex index) {
    return new Json()
        .put("space", index.space())
        .put("dimensions", index.dimensions())
        .put("vectors", index.vectors())
        .put("state", index.state().name().toLowerCase(Locale.ROOT));
  }

  private static Table table(List<SpaceIndex> indexes) {
    Table table =
        new Table(
            List.of("space", "floats", "vectors", "index"),
            Set.of("floats", "vectors"),
            List.of("index"));
    for (SpaceIndex index : indexes) {
      String state =
          switch (index.state()) {
            case BUILT -> "built";
            case THERE -> "was there";
            case BUILDING -> "somebody else is building it";
            case FEW -> "none: exact search over so few is as fast";
            case LONG -> "none: there is no index over so many floats";
            case IMPOSSIBLE -> "none: without pgvector, or without a partition of its own";
          };
      table.row(
          Cells.oneLine(index.space()),
          Integer.toString(index.dimensions()),
          Long.toString(index.vectors()),
          state);
    }
    return table;
  }
}

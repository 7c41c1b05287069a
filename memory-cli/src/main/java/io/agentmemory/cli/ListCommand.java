package io.agentmemory.cli;

import io.agentmemory.Memory;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryStore;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "list", description = "List memories, newest first.")
final class ListCommand extends StoreOperation {
  @Parameters(paramLabel = "STORE", description = "Its address.")
  private String url;

  @Mixin private Filters filters;

  @Option(
      names = "--order",
      paramLabel = "ORDER",
      description = "${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
  private MemoryQuery.Order order = MemoryQuery.Order.NEWEST;

  @Option(
      names = "--limit",
      paramLabel = "N",
      description = "At most this many. Default: ${DEFAULT-VALUE}.")
  private int limit = 50;

  @Option(names = "--offset", paramLabel = "N", description = "Leave the first N out.")
  private int offset;

  @Option(names = "--count", description = "Print how many there are in all, and no list.")
  private boolean count;

  @Option(names = "--json", description = "As a JSON array, one memory a line.")
  private boolean json;

  @Override
  public Integer call() {
    MemoryQuery query = filters.query().order(order).page(limit, offset);
    try (MemoryStore store = read(url)) {
      if (count) {
        console().line(Long.toString(store.count(query)));
        return ExitCode.OK;
      }
      List<Memory> found = store.find(query);
      if (json) {
        Json.print(console(), found.stream().map(Json::of).toList());
        return ExitCode.OK;
      }
      MemoryTable.print(console(), found);
      if (console().screen().out()) {
        long all = store.count(query);
        console()
            .line(
                console()
                    .dim(
                        offset + found.size() < all
                            ? found.size() + " of " + all
                            : all + " in all"));
      }
      return ExitCode.OK;
    }
  }
}

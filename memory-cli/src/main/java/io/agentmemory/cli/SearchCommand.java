package io.agentmemory.cli;

import io.agentmemory.Embedding;
import io.agentmemory.Memory;
import io.agentmemory.MemoryStore;
import io.agentmemory.SimilarQuery;
import io.agentmemory.VectorSpace;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "search",
    description = {
      "Find memories by tag or words, or those whose vectors lie nearest to another one's.",
      "With --like, of the conditions only --tag and --tier count."
    })
final class SearchCommand extends StoreOperation {
  @Parameters(paramLabel = "STORE", description = "Its address.")
  private String url;

  @Mixin private Filters filters;

  @Option(
      names = "--like",
      paramLabel = "ID",
      description = "Most similar to this one, itself left out.")
  private @Nullable String like;

  @Option(
      names = "--space",
      paramLabel = "NAME",
      description = "The space of the vectors. Default: ${DEFAULT-VALUE}.")
  private String space = VectorSpace.TEXT;

  @Option(
      names = "--min",
      paramLabel = "S",
      description = "At least this similar, -1 to 1. Default: any.")
  private double min = -1;

  @Option(
      names = "--approximate",
      description = "Let an index answer, where there is one: faster, may miss some.")
  private boolean approximate;

  @Option(
      names = "-k",
      paramLabel = "N",
      description = "At most this many. Default: ${DEFAULT-VALUE}.")
  private int limit = 10;

  @Option(names = "--json", description = "As a JSON array, one result a line.")
  private boolean json;

  @Override
  public Integer call() {
    if (like == null && filters.tags.isEmpty() && filters.text == null) {
      throw wrong("give --tag, --text or --like");
    }
    if (like != null
        && (filters.text != null
            || !filters.types.isEmpty()
            || filters.from != null
            || filters.before != null)) {
      throw wrong("with --like, only --tag and --tier narrow the search");
    }
    try (MemoryStore store = read(url)) {
      if (like != null) {
        return similar(store, like);
      }
      List<Memory> found = store.find(filters.query().limit(limit));
      if (json) {
        Json.print(console(), found.stream().map(Json::of).toList());
      } else {
        MemoryTable.print(console(), found);
      }
      return ExitCode.OK;
    }
  }

  private int similar(MemoryStore store, String target) {
    Optional<Embedding> from = store.embeddings().find(space, target);
    if (from.isEmpty()) {
      console()
          .err()
          .println(
              "memory: the space "
                  + Cells.oneLine(space)
                  + " has no vector of "
                  + Cells.oneLine(target));
      return ExitCode.NO;
    }
    SimilarQuery query =
        SimilarQuery.nearest(space, from.get().vector()).limit(limit + 1).minSimilarity(min);
    for (String tag : filters.tags) {
      query = query.tag(tag);
    }
    query = filters.tiers.isEmpty() ? query : query.tiers(filters.tiers);
    List<SimilarQuery.Hit> hits =
        store.search(approximate ? query.approximate() : query).stream()
            .filter(hit -> !hit.target().equals(target))
            .limit(limit)
            .toList();
    if (json) {
      Json.print(console(), hits.stream().map(hit -> json(store, hit)).toList());
    } else {
      table(store, hits).print(console());
    }
    return ExitCode.OK;
  }

  private Optional<Memory> memory(MemoryStore store, SimilarQuery.Hit hit) {
    return space.equals(VectorSpace.IMAGE)
        ? Optional.empty()
        : store.memories().findById(hit.target());
  }

  private Json json(MemoryStore store, SimilarQuery.Hit hit) {
    Json json = new Json().put("target", hit.target()).put("similarity", hit.similarity());
    memory(store, hit).ifPresent(memory -> json.put("memory", Json.of(memory)));
    return json;
  }

  private Table table(MemoryStore store, List<SimilarQuery.Hit> hits) {
    Table table =
        new Table(
            List.of("similar", "target", "tier", "tags", "text"),
            Set.of("similar"),
            List.of("tags", "text"));
    for (SimilarQuery.Hit hit : hits) {
      Optional<Memory> memory = memory(store, hit);
      List<String> cells = new ArrayList<>();
      cells.add(String.format(Locale.ROOT, "%.4f", hit.similarity()));
      cells.add(Cells.oneLine(hit.target()));
      cells.add(memory.map(m -> m.tier().folder()).orElse(""));
      cells.add(memory.map(MemoryTable::tags).orElse(""));
      cells.add(memory.map(m -> MemoryTable.words(m, console())).orElse(""));
      table.row(cells.toArray(String[]::new));
    }
    return table;
  }
}

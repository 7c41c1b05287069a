package io.agentmemory.cli;

import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryQuery.TimeField;
import io.agentmemory.Tier;
import java.time.LocalDate;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Conditions on memories. All of them hold at once. */
final class Filters {
  @Option(
      names = "--tag",
      paramLabel = "TAG",
      description = "With this tag, whatever its case; several: all of them.")
  List<String> tags = List.of();

  @Option(
      names = "--text",
      paramLabel = "WORDS",
      description = "With these words, as they stand, somewhere in the text, whatever their case.")
  @Nullable String text;

  @Option(
      names = "--tier",
      paramLabel = "TIER",
      description = "In this tier: ${COMPLETION-CANDIDATES}; several: one of them.")
  List<Tier> tiers = List.of();

  @Option(
      names = "--type",
      paramLabel = "TYPE",
      description = "With this type in the front matter; several: one of them.")
  List<String> types = List.of();

  @Option(
      names = "--from",
      paramLabel = "DAY",
      converter = Times.DayConverter.class,
      description = "From this day on.")
  @Nullable LocalDate from;

  @Option(
      names = "--before",
      paramLabel = "DAY",
      converter = Times.DayConverter.class,
      description = "Before this day.")
  @Nullable LocalDate before;

  @Option(
      names = "--event",
      description = "--from and --before mean the time told of, not the time it was made.")
  boolean event;

  MemoryQuery query() {
    MemoryQuery query = MemoryQuery.all();
    for (String tag : tags) {
      query = query.tag(tag);
    }
    query = text == null ? query : query.text(text);
    query = tiers.isEmpty() ? query : query.tiers(tiers);
    query = types.isEmpty() ? query : query.types(types);
    return from == null && before == null
        ? query
        : query.days(event ? TimeField.EVENT : TimeField.CREATED, from, before);
  }
}

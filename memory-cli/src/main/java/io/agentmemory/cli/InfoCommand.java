package io.agentmemory.cli;

import io.agentmemory.Health;
import io.agentmemory.Kind;
import io.agentmemory.MemoryStore;
import io.agentmemory.StoreInfo;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "info",
    description = "Show what a store holds, how it is, and what it left alone. Changes nothing.")
final class InfoCommand extends StoreOperation {
  private static final int LABEL = 14;

  @Parameters(paramLabel = "STORE", description = "Its address.")
  private String url;

  @Option(names = "--json", description = "As one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    try (MemoryStore store = read(url)) {
      StoreInfo info = store.info();
      if (json) {
        console().line(json(info).toString());
      } else {
        print(info);
      }
      return info.health().status() == Health.Status.DOWN ? ExitCode.UNAVAILABLE : ExitCode.OK;
    }
  }

  static Json json(StoreInfo info) {
    Json health =
        new Json()
            .put("status", info.health().status().name())
            .putTexts("notes", info.health().notes());
    return new Json()
        .put("type", info.type())
        .put("namespace", info.namespace())
        .put("version", info.version())
        .put("kinds", counts(info.kinds()))
        .put("tombstones", counts(info.tombstones()))
        .put(
            "set_aside",
            info.setAside().stream()
                .map(one -> new Json().put("location", one.location()).put("reason", one.reason()))
                .toList())
        .putTexts("not_covered", info.notCovered())
        .put("health", health);
  }

  private static Json counts(Map<Kind<?>, Long> counts) {
    Json json = new Json();
    Kind.all().forEach(kind -> json.put(kind.name(), counts.getOrDefault(kind, 0L)));
    return json;
  }

  private void print(StoreInfo info) {
    line("type", info.type() + ", version " + info.version());
    line("namespace", Cells.oneLine(info.namespace()));
    String status = info.health().status().name();
    boolean up = info.health().status() == Health.Status.UP;
    line("health", up ? console().good(status) : console().bad(status));
    info.health().notes().forEach(note -> line("", note));
    line("records", "");
    for (Kind<?> kind : Kind.all()) {
      long deleted = info.tombstones().getOrDefault(kind, 0L);
      line(
          "  " + kind.name(),
          Cells.right(String.format("%,d", info.kinds().getOrDefault(kind, 0L)), 12)
              + (deleted == 0 ? "" : console().dim(String.format("  (%,d deleted)", deleted))));
    }
    line("set aside", Integer.toString(info.setAside().size()));
    info.setAside()
        .forEach(
            one ->
                console()
                    .line(
                        "  " + Cells.oneLine(one.location()) + "  " + console().dim(one.reason())));
    if (!info.notCovered().isEmpty()) {
      line("not covered", info.notCovered().size() + " files that this version leaves alone");
      info.notCovered().forEach(file -> console().line("  " + Cells.oneLine(file)));
    }
  }

  private void line(String label, String text) {
    console().line((Cells.left(label, LABEL + 2) + text).stripTrailing());
  }
}

package io.agentmemory.cli;

import io.agentmemory.Health;
import io.agentmemory.Kind;
import io.agentmemory.MemoryStore;
import io.agentmemory.StoreInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "info",
    description = "Show what a store holds, how it is, and what it left alone. Changes nothing.")
final class InfoCommand extends StoreOperation {
  private static final int LABEL = 28; // the longest name of a kind, indented under "of"

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
        .put(
            "files",
            info.files().stream()
                .map(
                    file ->
                        new Json()
                            .put("path", file.path())
                            .put("use", file.use().name().toLowerCase(Locale.ROOT))
                            .put("detail", file.detail()))
                .toList())
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
          Cells.right(String.format("%,d", info.kinds().getOrDefault(kind, 0L)), 10)
              + (deleted == 0 ? "" : console().dim(String.format("  (%,d deleted)", deleted))));
    }
    files(info.files());
    List<StoreInfo.SetAside> setAside = new ArrayList<>(info.setAside());
    info.files().stream()
        .filter(file -> file.use() == StoreInfo.Use.SET_ASIDE)
        .map(file -> new StoreInfo.SetAside(file.path(), file.detail()))
        .filter(one -> !setAside.contains(one))
        .forEach(setAside::add);
    line("set aside", Integer.toString(setAside.size()));
    setAside.forEach(
        one ->
            console()
                .line("  " + Cells.oneLine(one.location()) + "  " + console().dim(one.reason())));
  }

  /** How many files hold what; which of them are derived. */
  private void files(List<StoreInfo.File> files) {
    if (files.isEmpty()) {
      return;
    }
    Map<String, Long> kinds = new TreeMap<>();
    for (StoreInfo.File file : files) {
      if (file.use() == StoreInfo.Use.RECORDS) {
        kinds.merge(file.detail(), 1L, Long::sum);
      }
    }
    line("files", String.format("%,d", files.size()));
    for (Kind<?> kind : Kind.all()) {
      Long count = kinds.get(kind.name());
      if (count != null) {
        line("  of " + kind.name(), Cells.right(String.format("%,d", count), 10));
      }
    }
    for (StoreInfo.File file : files) {
      if (file.use() == StoreInfo.Use.DERIVED) {
        line("  derived", Cells.oneLine(file.path()) + "  " + console().dim(file.detail()));
      }
    }
  }

  private void line(String label, String text) {
    console().line((Cells.left(label, LABEL + 2) + text).stripTrailing());
  }
}

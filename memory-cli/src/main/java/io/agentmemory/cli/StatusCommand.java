package io.agentmemory.cli;

import io.agentmemory.Value;
import io.agentmemory.dualwrite.StageFolder;
import io.agentmemory.spi.Canonical;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "status",
    description = {
      "Show how far a move from one store to another has come, and what stands against its next"
          + " stage. Opens neither store and asks nobody: goes by what the folder says, and tells"
          + " how old that is."
    })
final class StatusCommand extends StoreOperation {
  private static final int LABEL = 10;

  @Parameters(paramLabel = "STORE", description = "dual:FOLDER")
  private String url;

  @Option(names = "--json", description = "All of it as one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    Value.Map status = StageFolder.at(url).status();
    if (json) {
      console().line(Canonical.json(status));
    } else {
      print(status);
    }
    return ExitCode.OK;
  }

  private void print(Value.Map status) {
    line("stage", console().bold(text(status, "stage")) + ", epoch " + text(status, "epoch"));
    line("source", Cells.oneLine(text(status, "source")));
    line("target", Cells.oneLine(text(status, "target")));
    line("owner", owner(status));
    if (status.get("at") != null) {
      line("known of", age(status));
      boolean there = status.get("target_there") instanceof Value.Bool b && b.value();
      String since = text(status, "breaker_since");
      line(
          "reachable",
          (there ? console().good("target") : console().bad("not the target"))
              + (since.isEmpty() ? "" : ", " + breaker(status) + " since " + since));
      if (status.get("taken_over") instanceof Value.Text why) {
        line("", console().bad("not ours any more: ") + Cells.oneLine(why.value()));
      }
      if (status.get("pending") instanceof Value.Map pending) {
        line("lacking", lacking("source", pending) + ", " + lacking("target", pending));
      }
      if (status.get("resync") instanceof Value.Text why) {
        line("", console().bad("both have to be compared: ") + why.value());
      }
    }
    if (status.get("journal") instanceof Value.Map journal) {
      journal(journal);
    }
    if (status.get("counts") instanceof Value.Map counts) {
      line(
          "fallback",
          text(counts, "fallback_writes")
              + " writes, "
              + text(counts, "fallback_reads")
              + " reads by the source");
      line(
          "shadow",
          text(counts, "shadow_compared")
              + " reads compared, "
              + text(counts, "shadow_mismatched")
              + " had two results, "
              + text(counts, "shadow_dropped")
              + " dropped");
    }
    if (status.get("facts") instanceof Value.Map facts) {
      line("compared", "digests " + ended(facts, "digests") + ", fields " + ended(facts, "fields"));
    }
    line("conflicts", text(status, "conflicts"));
    next(status);
    if (status.get("facts") instanceof Value.Map facts
        && facts.get("forced") instanceof Value.Seq forced) {
      for (Value one : forced.items()) {
        Value.Map move = (Value.Map) one;
        line(
            "forced",
            text(move, "from")
                + " to "
                + text(move, "to")
                + " at "
                + text(move, "at")
                + ": "
                + Cells.oneLine(text(move, "reason")));
      }
    }
  }

  private static String breaker(Value.Map status) {
    return "breaker " + text(status, "breaker").toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  private void journal(Value.Map journal) {
    String kept = text(journal, "quarantined");
    String poisoned = text(journal, "poisoned");
    line(
        "journal",
        text(journal, "bytes")
            + " of "
            + text(journal, "cap")
            + " bytes"
            + (kept.equals("0") ? "" : ", " + console().bad(kept + " parts kept aside"))
            + (poisoned.equals("0") ? "" : ", " + console().bad(poisoned + " parts given up")));
    texts(journal.get("damage")).forEach(what -> line("", console().bad("- ") + what));
  }

  private static String ended(Value.Map facts, String level) {
    return facts.get(level) instanceof Value.Map compared ? text(compared, "ended") : "never";
  }

  private static String owner(Value.Map status) {
    if (status.get("owner") instanceof Value.Map owner) {
      return "process " + text(owner, "pid") + " since " + text(owner, "since");
    }
    boolean open = status.get("closed") instanceof Value.Bool closed && !closed.value();
    return open ? "nobody; the last one ended without closing it" : "nobody";
  }

  private static String age(Value.Map status) {
    String at = text(status, "at");
    try {
      return at + ", " + Duration.between(Instant.parse(at), Instant.now()).toSeconds() + " s ago";
    } catch (DateTimeException none) {
      return at;
    }
  }

  private static String lacking(String store, Value.Map pending) {
    if (!(pending.get(store) instanceof Value.Map one)) {
      return store + " unknown";
    }
    String oldest = text(one, "oldest");
    String parked = text(one, "parked");
    return store
        + " "
        + text(one, "records")
        + (one.get("bytes") == null ? "" : " (" + text(one, "bytes") + " bytes)")
        + (parked.equals("0") ? "" : " (" + parked + " refused)")
        + (oldest.isEmpty() ? "" : " since " + oldest);
  }

  private void next(Value.Map status) {
    String next = text(status, "next");
    if (next.isEmpty()) {
      return;
    }
    List<String> blocking = texts(status.get("blocking"));
    line("next", next + (blocking.isEmpty() ? ": nothing is known against it" : " is blocked"));
    blocking.forEach(reason -> line("", console().bad("- ") + Cells.oneLine(reason)));
  }

  private static List<String> texts(@Nullable Value value) {
    return value == null ? List.of() : Value.textsOf(value);
  }

  private static String text(Value.Map map, String name) {
    Value value = map.get(name);
    if (value == null || value.equals(Value.NULL)) {
      return "";
    }
    return value instanceof Value.Int number
        ? Long.toString(number.value())
        : String.valueOf(Value.textOf(value));
  }

  private void line(String label, String text) {
    console().line((Cells.left(label, LABEL + 2) + text).stripTrailing());
  }
}

package io.agentmemory.cli;

import io.agentmemory.MemoryStore;
import io.agentmemory.Value;
import io.agentmemory.identity.Drift;
import io.agentmemory.identity.IdentityReport;
import io.agentmemory.identity.MerkleState;
import io.agentmemory.spi.Canonical;
import java.time.Clock;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "identity",
    description = {
      "Show who the agent is by what a store holds: hashes of its taste, of what it recalls"
          + " together, of who, what, why, where and when, and of the files of its memories."
          + " Changes nothing.",
      "",
      "The root over the files is there only while every file is known. A database is told by a"
          + " backfill from the files, and forgets what is written; how many are unknown is shown.",
      "",
      "Exit codes: 0 shown, also while files are unknown; 1 an error; 2 wrong usage; 3 the store"
          + " gives no answer.",
      ""
    })
final class IdentityCommand extends StoreOperation {
  private static final int LABEL = 14;

  @Parameters(paramLabel = "STORE", description = "Its address.")
  private String url;

  @Option(names = "--json", description = "All of it as one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    try (MemoryStore store = read(url)) {
      IdentityReport identity = IdentityReport.of(store, Clock.systemUTC());
      if (json) {
        console().line(Canonical.json(identity.tree()));
      } else {
        print(identity);
      }
    }
    return ExitCode.OK;
  }

  private void print(IdentityReport identity) {
    line("agent", Cells.oneLine(identity.agent()));
    line("taste", identity.taste().hash());
    line("", number(identity.taste().total()) + " rejections");
    line("fingerprint", identity.fingerprint().hash());
    Value.Map stats = (Value.Map) member(identity.fingerprint().members(), "graph_stats");
    line(
        "",
        text(stats, "node_count") + " memories tied by " + text(stats, "edge_count") + " counts");
    Drift drift = identity.drift();
    if (drift != null) {
      line("drift", drift.score() + "  " + console().dim(drift.interpretation()));
    }
    line("who", identity.hashes().who());
    line("what", identity.hashes().what());
    line("why", identity.hashes().why());
    line("where", identity.hashes().where());
    line("when", identity.hashes().when());
    print(identity.merkle());
    console().line("vitals");
    identity
        .vitals()
        .metrics()
        .entries()
        .forEach(
            (name, value) ->
                console().line("  " + Cells.left(name, 28) + Cells.right(shown(value), 12)));
  }

  private void print(MerkleState merkle) {
    int files = merkle.leaves().size();
    int unknown = merkle.unknown();
    line("merkle root", merkle.root().orElse(console().bad("unknown")));
    line(
        "",
        unknown == 0
            ? number(files) + " files"
            : number(unknown) + " of " + number(files) + " files are not known");
    Value.Map integrity = merkle.integrity();
    if (integrity.has("error")) {
      line("attested", "never");
      return;
    }
    line(
        "attested",
        Cells.oneLine(text(integrity, "last_attested"))
            + ", chain of "
            + text(integrity, "chain_depth"));
    Value verified = member(integrity, "verified");
    if (verified.equals(Value.of(true))) {
      line("", console().good("the files are as they were attested"));
    } else if (verified.equals(Value.of(false))) {
      line("", console().bad(text(integrity, "total_changes") + " files are not as attested"));
      Value.textsOf(integrity.get("changed_files"))
          .forEach(file -> console().line("  " + Cells.oneLine(file)));
    }
  }

  private static Value member(Value.Map map, String name) {
    return map.entries().getOrDefault(name, Value.NULL);
  }

  private static String text(Value.Map map, String name) {
    return shown(member(map, name));
  }

  private static String shown(Value value) {
    String text = Value.textOf(value);
    return text == null ? Canonical.json(value) : text;
  }

  private static String number(int number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  private void line(String label, String text) {
    console().line((Cells.left(label, LABEL) + text).stripTrailing());
  }
}

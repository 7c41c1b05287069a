package io.agentmemory.cli;

import io.agentmemory.MemoryStore;
import io.agentmemory.Value;
import io.agentmemory.identity.Drift;
import io.agentmemory.identity.IdentityReport;
import io.agentmemory.identity.MerkleState;
import io.agentmemory.spi.Canonical;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "identity",
    description = {
      "Show who the agent is by what a store holds: hashes of its taste, of what it recalls"
          + " together, of who, what, why, where and when, of the context graphs that its edges"
          + " give, and of the files of its memories, with proofs that they are among these."
          + " Changes nothing.",
      "",
      "The root over the files is there only while every file is known. A database is told by a"
          + " backfill from the files, and forgets what is written; how many are unknown is shown.",
      "",
      "Exit codes: 0 shown, also while files are unknown; 1 an error, or no proof can be given; 2"
          + " wrong usage; 3 the store gives no answer.",
      ""
    })
final class IdentityCommand extends StoreOperation {
  private static final int LABEL = 14;

  @Parameters(paramLabel = "STORE", description = "Its address.")
  private String url;

  @Option(
      names = "--proof",
      paramLabel = "ID",
      description = {
        "Also prove that the file of this memory is among those of the root: its hash, and the"
            + " hashes to join it with, one after the other, from the left or the right. The"
            + " SHA-256 of the two hashes' digits is the next hash; the last one is the root."
            + " Can be given several times."
      })
  private List<String> proofs = List.of();

  @Option(names = "--json", description = "All of it as one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    try (MemoryStore store = read(url)) {
      IdentityReport identity = IdentityReport.of(store, Clock.systemUTC());
      Map<String, Value> inclusions = new LinkedHashMap<>();
      for (String id : proofs) {
        identity.merkle().inclusion(id).ifPresent(proof -> inclusions.put(id, proof));
      }
      if (json) {
        Value.Map tree =
            identity
                .tree()
                .with("context_graphs", new Value.Map(new LinkedHashMap<>(identity.contexts())));
        console()
            .line(
                Canonical.json(
                    proofs.isEmpty() ? tree : tree.with("inclusion", new Value.Map(inclusions))));
      } else {
        print(identity);
        inclusions.forEach((id, proof) -> print(id, (Value.Map) proof));
      }
      return inclusions.keySet().containsAll(proofs) ? ExitCode.OK : missing(identity, inclusions);
    }
  }

  private int missing(IdentityReport identity, Map<String, Value> inclusions) {
    for (String id : proofs) {
      if (!inclusions.containsKey(id)) {
        String why =
            identity.merkle().root().isEmpty()
                ? "there is no root while files are unknown"
                : "no core or active memory has this id";
        console().err().println("memory: no proof of " + Cells.oneLine(id) + ": " + why);
      }
    }
    return ExitCode.NO;
  }

  private void print(String id, Value.Map proof) {
    console().line("proof of " + Cells.oneLine(id));
    line("  leaf", text(proof, "leaf"));
    if (member(proof, "proof") instanceof Value.Seq steps) {
      for (Value step : steps.items()) {
        line("  " + text((Value.Map) step, "position"), text((Value.Map) step, "hash"));
      }
    }
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
    print(identity.contexts());
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

  private void print(Map<String, Value.Map> contexts) {
    if (contexts.isEmpty()) {
      line("contexts", "none: there are no edges");
      return;
    }
    console().line("contexts");
    contexts.forEach(
        (name, graph) ->
            console()
                .line(
                    ("  "
                            + Cells.left(Cells.oneLine(name), 28)
                            + Cells.right(text(graph, "edge_count") + " edges", 14)
                            + Cells.right(text(graph, "node_count") + " memories", 16)
                            + "  "
                            + (graph.has("hash") && !member(graph, "hash").equals(Value.NULL)
                                ? text(graph, "hash")
                                : ""))
                        .stripTrailing()));
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

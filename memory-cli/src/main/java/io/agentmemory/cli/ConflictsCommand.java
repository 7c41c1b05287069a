package io.agentmemory.cli;

import io.agentmemory.Value;
import io.agentmemory.Version;
import io.agentmemory.dualwrite.Conflict;
import io.agentmemory.dualwrite.StageFolder;
import io.agentmemory.spi.Canonical;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "conflicts",
    description = {
      "List the records that were written in both stores apart from each other. One state holds, the"
          + " other was set aside whole, in the folder.",
      "",
      "Exit codes: 0 there is none; 1 there are some; 2 wrong usage; 3 they cannot be read.",
      ""
    })
final class ConflictsCommand extends StoreOperation {
  @Parameters(paramLabel = "STORE", description = "dual:FOLDER")
  private String url;

  @Option(names = "--json", description = "One JSON object per line.")
  private boolean json;

  @Override
  public Integer call() {
    List<Conflict> conflicts = StageFolder.at(url).conflictList();
    for (Conflict conflict : conflicts) {
      console().line(json ? Canonical.json(value(conflict)) : text(conflict));
    }
    if (!json && conflicts.isEmpty()) {
      console().line("no conflicts");
    }
    return conflicts.isEmpty() ? ExitCode.OK : ExitCode.NO;
  }

  private static String text(Conflict conflict) {
    return conflict.id()
        + "  "
        + conflict.kind()
        + " "
        + Cells.oneLine(conflict.key().toString())
        + "  the "
        + conflict.winner()
        + "'s holds ("
        + text(conflict.won())
        + "), set aside "
        + text(conflict.lost())
        + ", "
        + conflict.at();
  }

  private static String text(Version version) {
    return "revision " + version.revision() + (version.isTombstone() ? ", deleted" : "");
  }

  private static Value value(Conflict conflict) {
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("id", Value.of(conflict.id()));
    map.put("kind", Value.of(conflict.kind().name()));
    map.put("key", Value.Seq.ofTexts(conflict.key().parts()));
    map.put("at", Value.of(conflict.at().toString()));
    map.put("winner", Value.of(conflict.winner()));
    map.put("won", Value.of(conflict.won().revision()));
    map.put("lost", Value.of(conflict.lost().revision()));
    return new Value.Map(map);
  }
}

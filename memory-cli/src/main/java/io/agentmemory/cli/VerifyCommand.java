package io.agentmemory.cli;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Kind;
import io.agentmemory.MemoryStore;
import io.agentmemory.OpenMode;
import io.agentmemory.StoreInfo;
import io.agentmemory.dualwrite.Difference;
import io.agentmemory.dualwrite.StageFolder;
import io.agentmemory.dualwrite.Verifier;
import io.agentmemory.dualwrite.VerifyReport;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "verify",
    description = {
      "Compare two stores record by record. Changes nothing.",
      "",
      "Each difference is one line: its class, the kind and key of the record, the field, and length"
          + " and hash of what either side has there.",
      "",
      "Where a process has dual:FOLDER open, that compares: only it sees both while it writes."
          + " --values does not work then.",
      "",
      "Exit codes: 0 equal; 1 different; 2 not everything could be compared, or wrong usage; 3 a"
          + " store gives no answer.",
      ""
    })
final class VerifyCommand extends StoreOperation {
  @Parameters(
      arity = "0..1",
      paramLabel = "STORE",
      description = "dual:FOLDER: its source and its target. It takes note of the result.")
  private @Nullable String both;

  @Option(names = "--from", paramLabel = "STORE", description = "The source.")
  private @Nullable String from;

  @Option(names = "--to", paramLabel = "STORE", description = "The target.")
  private @Nullable String to;

  @Option(
      names = "--itself",
      description = {
        "Compare each store of dual:FOLDER with itself, every field: what differs there says"
            + " nothing about the two."
      })
  private boolean itself;

  @Option(
      names = "--level",
      paramLabel = "LEVEL",
      description = {
        "counts: only numbers; digests: what the stores note about each record, blind to changes"
            + " made behind their backs; fields: everything; identity: who the agent is, as"
            + " computed from either, and the files of memories as far as both know them."
            + " Default: fields."
      })
  private Verifier.Level level = Verifier.Level.FIELDS;

  @Option(names = "--values", description = "Show what differs itself. It is the text of memories.")
  private boolean values;

  @Option(
      names = "--json",
      description =
          "JSON: a line per difference, a line per thing not compared, a line that sums up.")
  private boolean json;

  @Override
  int exitCodeOfErrors() {
    return ExitCode.INCOMPLETE;
  }

  @Override
  public Integer call() throws IOException {
    long began = System.nanoTime();
    Instant start = Instant.now();
    StageFolder folder = either(both, from, to);
    if (itself && folder == null) {
      throw wrong("--itself goes with dual:FOLDER");
    }
    Optional<StageFolder.Comparison> byOwner = folder == null ? Optional.empty() : byOwner(folder);
    if (byOwner.isPresent()) {
      return print(byOwner.get());
    }
    if (itself) {
      return itself(requireNonNull(folder), start);
    }
    VerifyReport report;
    try (MemoryStore source =
            folder == null ? read(requireNonNull(from)) : folder.openSource(OpenMode.READ);
        MemoryStore target =
            folder == null ? read(requireNonNull(to)) : folder.openTarget(OpenMode.READ)) {
      report = run(source, target, level);
    }
    if (folder != null) {
      folder.record(start, report);
    }
    print(report, (System.nanoTime() - began) / 1e9);
    return exitCode(report);
  }

  private void print(VerifyReport report, double seconds) throws IOException {
    if (json) {
      report.toJsonLines(console().out());
    } else {
      print(console(), report, seconds);
    }
  }

  private Optional<StageFolder.Comparison> byOwner(StageFolder folder) {
    return folder.verifyByOwner(itself ? null : level);
  }

  private int print(StageFolder.Comparison comparison) {
    String shown = json ? comparison.json() : comparison.text();
    shown.lines().forEach(line -> console().line(console().shown(line)));
    if (!comparison.equal()) {
      return ExitCode.NO;
    }
    return comparison.complete() ? ExitCode.OK : ExitCode.INCOMPLETE;
  }

  private int itself(StageFolder folder, Instant start) throws IOException {
    List<VerifyReport> reports = new ArrayList<>();
    for (boolean isSource : new boolean[] {true, false}) {
      long began = System.nanoTime();
      try (MemoryStore one =
              isSource ? folder.openSource(OpenMode.READ) : folder.openTarget(OpenMode.READ);
          MemoryStore other =
              isSource ? folder.openSource(OpenMode.READ) : folder.openTarget(OpenMode.READ)) {
        reports.add(run(one, other, Verifier.Level.FIELDS));
      }
      print(reports.get(reports.size() - 1), (System.nanoTime() - began) / 1e9);
    }
    folder.recordItself(start, reports);
    return Math.max(exitCode(reports.get(0)), exitCode(reports.get(1)));
  }

  private VerifyReport run(MemoryStore source, MemoryStore target, Verifier.Level level) {
    AtomicLong listed = new AtomicLong();
    try (Progress progress = new Progress(console(), "comparing")) {
      StoreInfo info = console().screen().err() ? source.info() : null;
      long expected =
          info == null ? 0 : info.kinds().values().stream().mapToLong(Long::longValue).sum();
      MemoryStore counted =
          new CountingStore(
              source, kind -> progress.at(listed.incrementAndGet(), expected, kind.name()));
      Verifier.Builder builder = Verifier.builder(counted, target).level(level);
      return (values ? builder.includeValues() : builder).run();
    }
  }

  static int exitCode(VerifyReport report) {
    if (!report.equal()) {
      return ExitCode.NO;
    }
    return report.complete() ? ExitCode.OK : ExitCode.INCOMPLETE;
  }

  static void print(Console console, VerifyReport report, double seconds) {
    boolean counts =
        report.level() == Verifier.Level.COUNTS || report.level() == Verifier.Level.IDENTITY;
    List<String> headings = List.of("kind", "source", "target", "equal", "different");
    Table table = new Table(headings, Set.copyOf(headings.subList(1, headings.size())), List.of());
    long compared = 0;
    for (Kind<?> kind : report.kinds().keySet()) {
      VerifyReport.Counts c = report.kinds().get(kind);
      if (c.source() + c.target() + c.different() > 0) {
        compared += Math.max(c.source(), c.target());
        table.row(
            kind.name(),
            BackfillCommand.number(c.source()),
            BackfillCommand.number(c.target()),
            counts ? "-" : BackfillCommand.number(c.equal()),
            BackfillCommand.number(c.different()));
      }
    }
    table.lines(Integer.MAX_VALUE).forEach(console::line);
    console.line("");
    for (Difference difference : report.differences()) {
      console.line(console.shown(Cells.oneLine(difference.toString())));
    }
    long more = report.total() - report.differences().size();
    if (more > 0) {
      console.line("and " + BackfillCommand.number(more) + " more");
    }
    for (StoreInfo.SetAside one : report.skipped()) {
      console.line("not compared: " + Cells.oneLine(one.location()) + ": " + one.reason());
    }
    report.notes().forEach(note -> console.line("note: " + note));
    console.line(summary(console, report, compared, seconds));
  }

  private static String summary(
      Console console, VerifyReport report, long compared, double seconds) {
    String what =
        switch (report.level()) {
          case COUNTS -> "counts of";
          case DIGESTS -> "digests of";
          case FIELDS -> "every field of";
          case IDENTITY -> "identity of";
        };
    String result =
        report.equal()
            ? report.complete() ? console.good("equal") : console.bad("equal as far as compared")
            : console.bad(
                BackfillCommand.number(report.total())
                    + (report.total() == 1 ? " difference" : " differences"));
    return result
        + ": "
        + what
        + String.format(Locale.ROOT, " %,d records, %.1f s", compared, seconds)
        + (report.complete() ? "" : ", " + report.skipped().size() + " not compared");
  }
}

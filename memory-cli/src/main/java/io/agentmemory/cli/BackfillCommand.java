package io.agentmemory.cli;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Kind;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpenMode;
import io.agentmemory.StoreInfo;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.dualwrite.Backfill;
import io.agentmemory.dualwrite.BackfillReport;
import io.agentmemory.dualwrite.BackfillReport.Counts;
import io.agentmemory.dualwrite.BackfillReport.State;
import io.agentmemory.dualwrite.StageFolder;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "backfill",
    description = {
      "Copy every record of one store into another, with its revision.",
      "",
      "The source is only read. What the target has at a higher revision stays. Stopped anywhere,"
          + " run it again: it goes on where it was. Either side may be files or a database.",
      "",
      "Exit codes: 0 everything is copied; 2 something was set aside, differs at the same revision,"
          + " or the copy did not get to the end; 3 a store gives no answer.",
      ""
    })
final class BackfillCommand extends StoreOperation {
  @Parameters(
      arity = "0..1",
      paramLabel = "STORE",
      description = "dual:FOLDER: from its source to its target. It takes note of the result.")
  private @Nullable String both;

  @Option(names = "--from", paramLabel = "STORE", description = "The source.")
  private @Nullable String from;

  @Option(names = "--to", paramLabel = "STORE", description = "The target. Made if there is none.")
  private @Nullable String to;

  @Option(names = "--dry-run", description = "Only say what it would do.")
  private boolean dryRun;

  @Option(
      names = "--rate",
      paramLabel = "N",
      description = "At most this many records a second. Default: as many as go.")
  private int rate;

  @Option(names = "--json", description = "The report as one JSON object.")
  private boolean json;

  @Override
  int exitCodeOfErrors() {
    return ExitCode.INCOMPLETE;
  }

  @Override
  public Integer call() {
    long began = System.nanoTime();
    if (rate < 0) {
      throw wrong("--rate is below 0");
    }
    StageFolder folder = either(both, from, to);
    BackfillReport report;
    Instant start = Instant.now();
    CountDownLatch ended = new CountDownLatch(1);
    try (MemoryStore source = folder == null ? read(from()) : folder.openSource(OpenMode.READ);
        MemoryStore target = target(folder)) {
      report = run(source, target, ended);
    } finally {
      ended.countDown();
    }
    if (folder != null) {
      folder.record(start, report);
    }
    double seconds = (System.nanoTime() - began) / 1e9;
    if (json) {
      console().line(json(report, seconds).toString());
    } else {
      print(console(), report, seconds);
    }
    return exitCode(report);
  }

  private String from() {
    return requireNonNull(from);
  }

  private MemoryStore target(@Nullable StageFolder folder) {
    String url = folder == null ? requireNonNull(to) : folder.target().url();
    if (dryRun && NoStore.isAt(url)) {
      return new NoStore();
    }
    OpenMode mode = dryRun ? OpenMode.READ : OpenMode.READ_WRITE;
    return folder == null ? open(url, mode) : folder.openTarget(mode);
  }

  private BackfillReport run(MemoryStore source, MemoryStore target, CountDownLatch ended) {
    try (Progress progress = new Progress(console(), dryRun ? "looking" : "copying")) {
      Backfill.Builder builder =
          Backfill.builder(source, target)
              .onProgress(done -> progress.at(done.total().listed(), done.expected(), kind(done)));
      builder = dryRun ? builder.dryRun() : builder;
      Backfill backfill = (rate > 0 ? builder.recordsPerSecond(rate) : builder).build();
      Thread stop = new Thread(() -> stop(backfill, ended), "backfill-stop");
      Runtime.getRuntime().addShutdownHook(stop);
      try {
        return backfill.run();
      } finally {
        remove(stop);
      }
    }
  }

  /** On Ctrl-C: ends the chunk and closes the stores before the process goes. */
  private static void stop(Backfill backfill, CountDownLatch ended) {
    backfill.cancel();
    try {
      boolean inTime = ended.await(10, TimeUnit.SECONDS);
      assert inTime || ended.getCount() > 0;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void remove(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException goingDown) {
      return; // then the hook is what stopped us
    }
  }

  /** The kind that is being copied: the last one of which something was listed. */
  static String kind(BackfillReport report) {
    String last = "";
    for (Map.Entry<Kind<?>, Counts> entry : report.kinds().entrySet()) {
      if (entry.getValue().listed() > 0) {
        last = entry.getKey().name();
      }
    }
    return last;
  }

  static int exitCode(BackfillReport report) {
    Optional<MemoryStoreException> failure = report.failure();
    if (failure.isPresent() && failure.get() instanceof StoreUnavailableException) {
      return ExitCode.UNAVAILABLE;
    }
    Counts total = report.total();
    boolean clean = total.setAside() == 0 && total.different() == 0 && total.failed() == 0;
    return report.state() == State.COMPLETE && clean ? ExitCode.OK : ExitCode.INCOMPLETE;
  }

  private static Json json(BackfillReport report, double seconds) {
    Json kinds = new Json();
    report.kinds().forEach((kind, counts) -> kinds.put(kind.name(), json(counts)));
    Json json =
        new Json()
            .put("state", report.state().name())
            .put("dry_run", report.dryRun())
            .put("conserved", report.total().conserved());
    json(report.total()).value().entries().forEach(json::put);
    json.put("kinds", kinds);
    json.put(
        "set_aside",
        report.setAside().stream()
            .map(one -> new Json().put("location", one.location()).put("reason", one.reason()))
            .toList());
    json.putTexts("differences", report.different().stream().map(Object::toString).toList());
    report
        .failure()
        .ifPresent(failure -> json.put("failure", String.valueOf(failure.getMessage())));
    return json.put("seconds", Math.round(seconds * 1000) / 1000.0);
  }

  private static Json json(Counts counts) {
    return new Json()
        .put("listed", counts.listed())
        .put("inserted", counts.inserted())
        .put("updated", counts.updated())
        .put("unchanged", counts.unchanged())
        .put("newer_in_target", counts.newerInTarget())
        .put("deleted_in_target", counts.deletedInTarget())
        .put("set_aside", counts.setAside())
        .put("different", counts.different())
        .put("failed", counts.failed());
  }

  static void print(Console console, BackfillReport report, double seconds) {
    printKinds(console, report);
    console.line("");
    law(report).forEach(console::line);
    for (StoreInfo.SetAside one : report.setAside()) {
      console.line("set aside: " + Cells.oneLine(one.location()) + ": " + one.reason());
    }
    report.different().forEach(one -> console.line("different: " + Cells.oneLine(one.toString())));
    report
        .failure()
        .ifPresent(
            failure -> {
              console.out().flush();
              console
                  .err()
                  .println("memory: " + Cells.oneLine(String.valueOf(failure.getMessage())));
            });
    long perSecond = Math.round(report.total().listed() / Math.max(seconds, 0.001));
    console.line(
        ending(console, report)
            + String.format(Locale.ROOT, ", %.1f s, %,d records a second", seconds, perSecond)
            + (report.dryRun() ? " (dry run: nothing was written)" : ""));
  }

  private static String ending(Console console, BackfillReport report) {
    String state = report.state().name().toLowerCase(Locale.ROOT);
    if (exitCode(report) == ExitCode.OK) {
      return console.good(state);
    }
    return console.bad(
        report.state() == State.COMPLETE
            ? "complete but for what was set aside"
            : state + ": run it again to go on");
  }

  /** One line per kind that the source has. */
  static void printKinds(Console console, BackfillReport report) {
    List<String> headings =
        List.of(
            "kind", "listed", "inserted", "updated", "unchanged", "newer", "deleted", "set aside");
    Table table = new Table(headings, Set.copyOf(headings.subList(1, headings.size())), List.of());
    report
        .kinds()
        .forEach(
            (kind, c) -> {
              if (c.listed() > 0) {
                table.row(
                    kind.name(),
                    number(c.listed()),
                    number(c.inserted()),
                    number(c.updated()),
                    number(c.unchanged()),
                    number(c.newerInTarget()),
                    number(c.deletedInTarget()),
                    number(c.setAside()));
              }
            });
    table.lines(Integer.MAX_VALUE).forEach(console::line);
  }

  /** The conservation law in numbers. */
  static List<String> law(BackfillReport report) {
    Counts t = report.total();
    String first =
        String.format(
            Locale.ROOT,
            "%,d listed %s %,d inserted + %,d updated + %,d unchanged",
            t.listed(),
            t.conserved() ? "=" : "!=",
            t.inserted(),
            t.updated(),
            t.unchanged());
    String second =
        String.format(
            Locale.ROOT,
            "  + %,d newer in target + %,d deleted in target + %,d set aside",
            t.newerInTarget(),
            t.deletedInTarget(),
            t.setAside());
    if (t.different() + t.failed() == 0) {
      return List.of(first, second);
    }
    return List.of(
        first,
        second,
        String.format(
            Locale.ROOT,
            "and %,d different at the same revision, %,d failed",
            t.different(),
            t.failed()));
  }

  static String number(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }
}

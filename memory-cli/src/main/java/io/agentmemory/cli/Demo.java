package io.agentmemory.cli;

import io.agentmemory.Embedding;
import io.agentmemory.Memory;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryStore;
import io.agentmemory.NewMemory;
import io.agentmemory.SimilarQuery;
import io.agentmemory.StoreInfo;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.dualwrite.Backfill;
import io.agentmemory.dualwrite.BackfillReport;
import io.agentmemory.dualwrite.DualWriteMemoryStore;
import io.agentmemory.dualwrite.DualWriteStats;
import io.agentmemory.dualwrite.Stage;
import io.agentmemory.dualwrite.Verifier;
import io.agentmemory.dualwrite.VerifyReport;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The main job in ten steps, on the screen: a tree of files moves into a database, is proved equal,
 * is written together with it, hands the reads over, and comes home.
 */
final class Demo {
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final int COPIED_AT_ONCE = 500;
  private static final int STORED = 40;
  private static final int READS = 200;
  private static final int READS_WAITING = 50; // below what the store lets wait before it drops
  private static final String TAG = "agent-memory-demo";

  private final Console console;
  private final MemoryStore files;
  private final MemoryStore database;
  private final Supplier<MemoryStore> home;
  private final List<String> problems = new ArrayList<>();
  private final Map<Stage, DualWriteStats> perStage = new LinkedHashMap<>();
  private final AtomicLong verified = new AtomicLong();
  private int step;
  private int verifications;
  private long stepBegan;
  private String last = ""; // a line that may still get the time at its end
  private int lastWidth;

  /**
   * A demo over two open stores.
   *
   * @param home opens the new tree that the way home leads to
   */
  Demo(Console console, MemoryStore files, MemoryStore database, Supplier<MemoryStore> home) {
    this.console = console;
    this.files = files;
    this.database = database;
    this.home = home;
  }

  /**
   * Runs all of it; returns what was not as it should be.
   *
   * @param began {@link System#nanoTime} before the files were opened
   */
  List<String> run(long began) {
    look(began);
    copy("Copy every record into PostgreSQL", files, database);
    prove("Prove both sides equal, field by field", files, database);
    try (DualWriteMemoryStore both =
        DualWriteMemoryStore.builder(files, database)
            .shadowRate(1)
            .patience(PATIENCE)
            .stage(Stage.DUAL_WRITE)
            .build()) {
      List<String> ids = dualWrite(both);
      shadow(both, ids);
      live(both, ids);
    }
    ask();
    prove("Prove both sides equal again", files, database);
    try (MemoryStore tree = home.get()) {
      wayHome(tree);
    }
    summary(began);
    return problems;
  }

  // ---- the steps ----

  private void look(long began) {
    begin("Open the tree of files");
    stepBegan = began;
    StoreInfo info = files.info();
    List<String> counts = new ArrayList<>();
    info.kinds().forEach((kind, count) -> counts.add(kind.name() + " " + number(count)));
    wrapped(counts);
    long unused =
        info.files().stream().filter(file -> file.use() == StoreInfo.Use.SET_ASIDE).count();
    detail("of " + number(info.files().size()) + " files " + number(unused) + " are set aside");
    info.setAside().forEach(one -> detail("set aside: " + one.location() + ": " + one.reason()));
    end();
  }

  private void copy(String title, MemoryStore from, MemoryStore to) {
    begin(title);
    BackfillReport report;
    try (Progress progress = new Progress(console, "   copying")) {
      report =
          Backfill.builder(from, to)
              .chunkRecords(COPIED_AT_ONCE)
              .onProgress(
                  r -> progress.at(r.total().listed(), r.expected(), BackfillCommand.kind(r)))
              .run();
    }
    BackfillCommand.law(report).forEach(this::detail);
    if (BackfillCommand.exitCode(report) != ExitCode.OK) {
      problem("the copy is not complete" + reason(report));
    }
    end();
  }

  private void prove(String title, MemoryStore a, MemoryStore b) {
    begin(title);
    VerifyReport report = verify(a, b);
    detail(
        String.format(
            Locale.ROOT,
            "%s records compared: %s",
            number(records(report)),
            difference(report.total())));
    end();
  }

  private List<String> dualWrite(DualWriteMemoryStore both) {
    begin("Write to both, the files lead (stage DUAL_WRITE)");
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < STORED; i++) {
      ids.add(
          both.memories()
              .store(
                  NewMemory.of("Step " + step + ", memory " + i + " of the demo.")
                      .tags(TAG, i % 2 == 0 ? "even" : "odd")
                      .weight(0.25))
              .id());
    }
    change(both, ids);
    wrote(both, Stage.DUAL_WRITE);
    end();
    return ids;
  }

  private void shadow(DualWriteMemoryStore both, List<String> ids) {
    begin("Let every read run on both (stage SHADOW)");
    both.changeStage(Stage.SHADOW);
    change(both, ids);
    drain(both);
    read(both);
    wrote(both, Stage.SHADOW);
    end();
  }

  private void live(DualWriteMemoryStore both, List<String> ids) {
    begin("Switch: PostgreSQL leads and answers (stage LIVE)");
    both.changeStage(Stage.LIVE);
    change(both, ids);
    drain(both);
    read(both);
    wrote(both, Stage.LIVE);
    end();
  }

  private void ask() {
    begin("Ask both the same questions");
    List<Memory> all = files.find(MemoryQuery.all().limit(MemoryQuery.MAX_LIMIT));
    String tag = mostUsedTag(all);
    same("tag " + tag, store -> ids(store.find(MemoryQuery.all().tag(tag).limit(1000))));
    String word = commonWord(all);
    same(
        "text \"" + word + "\"",
        store -> ids(store.find(MemoryQuery.all().text(word).limit(1000))));
    Optional<Embedding> like = someVector(all);
    if (like.isPresent()) {
      SimilarQuery query = SimilarQuery.nearest(VectorSpace.TEXT, like.get().vector()).limit(10);
      same(
          "vectors like " + like.get().target(),
          store -> store.search(query).stream().map(SimilarQuery.Hit::target).toList());
      List<SimilarQuery.Hit> a = files.search(query);
      List<SimilarQuery.Hit> b = database.search(query);
      double apart = 0;
      for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
        apart = Math.max(apart, Math.abs(a.get(i).similarity() - b.get(i).similarity()));
      }
      detail(
          apart == 0
              ? "similarities are equal to the last bit"
              : String.format(Locale.ROOT, "similarities are at most %.1e apart", apart));
    }
    end();
  }

  private void wayHome(MemoryStore tree) {
    begin("The way home: from PostgreSQL into a new tree of files");
    BackfillReport report = Backfill.builder(database, tree).run();
    BackfillCommand.law(report).forEach(this::detail);
    VerifyReport proof = verify(database, tree);
    detail(number(records(proof)) + " records compared: " + difference(proof.total()));
    if (BackfillCommand.exitCode(report) != ExitCode.OK) {
      problem("the way home is not complete" + reason(report));
    }
    end();
  }

  private static String reason(BackfillReport report) {
    return report.failure().map(failure -> ": " + failure.getMessage()).orElse("");
  }

  // ---- what the steps do ----

  /** Recalls each memory, updates every second one, and forgets the last but lets ten stay. */
  private static void change(DualWriteMemoryStore both, List<String> ids) {
    for (int i = 0; i < ids.size(); i++) {
      both.memories().recall(ids.get(i));
      if (i % 2 == 0) {
        both.memories()
            .update(
                UpdateMemory.of(ids.get(i))
                    .content("Memory " + i + ", updated at stage " + both.stage() + ".")
                    .weight(0.75));
      }
    }
    for (int i = 0; i < 5 && ids.size() > 10; i++) {
      both.memories().forget(ids.remove(ids.size() - 1));
    }
  }

  private void read(DualWriteMemoryStore both) {
    List<Memory> all = files.find(MemoryQuery.all().limit(MemoryQuery.MAX_LIMIT));
    Optional<Embedding> like = someVector(all);
    for (int i = 0; i < READS; i++) {
      Memory memory = all.get(i * 31 % all.size());
      switch (i % 4) {
        case 0 -> both.memories().findById(memory.id());
        case 1 ->
            both.find(MemoryQuery.all().tag(memory.tags().isEmpty() ? TAG : memory.tags().get(0)));
        case 2 -> both.count(MemoryQuery.all().text(firstWord(memory)));
        default ->
            like.ifPresent(
                vector ->
                    both.search(SimilarQuery.nearest(VectorSpace.TEXT, vector.vector()).limit(5)));
      }
      if (i % READS_WAITING == READS_WAITING - 1) {
        awaitShadows(both);
      }
    }
  }

  /** Waits until what was sampled has been compared: no counter moves any more. */
  private static void awaitShadows(DualWriteMemoryStore both) {
    long last = -1;
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    for (long now = shadows(both.stats());
        now != last && System.nanoTime() < deadline;
        now = shadows(both.stats())) {
      last = now;
      try {
        Thread.sleep(30);
      } catch (InterruptedException interrupt) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private static long shadows(DualWriteStats stats) {
    return stats.shadowCompared()
        + stats.shadowMismatched()
        + stats.shadowUnsettled()
        + stats.shadowFailed()
        + stats.shadowDropped();
  }

  private void drain(DualWriteMemoryStore both) {
    if (!both.drain(PATIENCE)) {
      problem("the writes of stage " + both.stage() + " did not reach both stores in time");
    }
  }

  /** Shows what the store counted in this stage. */
  private void wrote(DualWriteMemoryStore both, Stage stage) {
    drain(both);
    awaitShadows(both);
    DualWriteStats before =
        perStage.values().stream()
            .reduce((first, second) -> second)
            .orElse(
                new DualWriteStats(stage, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
    DualWriteStats now = both.stats();
    long writes = now.writes() - before.writes();
    long alike = now.followed() - before.followed();
    long compared = now.shadowCompared() - before.shadowCompared();
    perStage.put(stage, now);
    detail(
        String.format(
            Locale.ROOT,
            "%s writes, %s with the same outcome on both sides, %s records lag",
            number(writes),
            number(alike),
            number(now.lagging())));
    long mismatched = now.shadowMismatched() - before.shadowMismatched();
    if (stage != Stage.DUAL_WRITE) {
      detail(number(compared) + " reads compared, " + difference(mismatched));
    }
    long failed = now.secondaryFailures() + now.shadowFailed();
    if (alike != writes || now.lagging() + failed + mismatched > 0) {
      problem("stage " + stage + " was not clean: " + now);
    }
  }

  private VerifyReport verify(MemoryStore a, MemoryStore b) {
    VerifyReport report = Verifier.builder(a, b).level(Verifier.Level.FIELDS).run();
    verifications++;
    verified.addAndGet(records(report));
    report.differences().stream().limit(5).forEach(one -> problem(one.toString()));
    if (!report.equal()) {
      problem(report.total() + " differences");
    }
    return report;
  }

  private static long records(VerifyReport report) {
    return report.kinds().values().stream().mapToLong(VerifyReport.Counts::source).sum();
  }

  private void same(String question, Function<MemoryStore, List<String>> answer) {
    List<String> a = answer.apply(files);
    List<String> b = answer.apply(database);
    boolean equal = a.equals(b);
    detail(
        Cells.left(Cells.cut(Cells.oneLine(question), 34), 34)
            + Cells.right(number(a.size()) + " found", 12)
            + "   "
            + (equal ? console.good("same answer, same order") : console.bad("different")));
    if (!equal) {
      problem("two answers to " + question);
    }
  }

  private static List<String> ids(List<Memory> memories) {
    return memories.stream().map(Memory::id).toList();
  }

  private static String mostUsedTag(List<Memory> memories) {
    return memories.stream()
        .flatMap(memory -> memory.foldedTags().stream())
        .filter(tag -> !tag.equals(TAG))
        .collect(Collectors.groupingBy(Function.identity(), Collectors.counting()))
        .entrySet()
        .stream()
        .max(Map.Entry.<String, Long>comparingByValue().thenComparing(Map.Entry.comparingByKey()))
        .map(Map.Entry::getKey)
        .orElse(TAG);
  }

  /** The longer word that most memories have. */
  private static String commonWord(List<Memory> memories) {
    return memories.stream()
        .filter(memory -> !memory.tags().contains(TAG))
        .flatMap(memory -> Stream.of(memory.content().split("[^\\p{L}]+")).distinct())
        .filter(word -> word.length() > 7)
        .collect(Collectors.groupingBy(Function.identity(), Collectors.counting()))
        .entrySet()
        .stream()
        .max(Map.Entry.<String, Long>comparingByValue().thenComparing(Map.Entry.comparingByKey()))
        .map(Map.Entry::getKey)
        .orElse("demo");
  }

  private static String firstWord(Memory memory) {
    for (String word : memory.content().split("[^\\p{L}]+")) {
      if (word.length() > 5) {
        return word;
      }
    }
    return "demo";
  }

  private Optional<Embedding> someVector(List<Memory> memories) {
    return memories.stream()
        .map(memory -> files.embeddings().find(VectorSpace.TEXT, memory.id()))
        .flatMap(Optional::stream)
        .findFirst();
  }

  // ---- the screen ----

  private void begin(String title) {
    step++;
    stepBegan = System.nanoTime();
    console.line("");
    console.line(console.bold(Cells.left(step + ".", 3) + title));
    console.out().flush();
  }

  /** The time, at the right of the last line. */
  private void end() {
    String time = seconds(System.nanoTime() - stepBegan);
    int room = Math.min(console.screen().width(), 80) - lastWidth - time.length();
    console.line(last + (room < 2 ? "\n   " : " ".repeat(room)) + console.dim(time));
    console.out().flush();
    last = "";
  }

  private void detail(String text) {
    if (!last.isEmpty()) {
      console.line(last);
    }
    last = "   " + text;
    lastWidth = 3 + Cells.width(text.replaceAll("\u001b\\[[0-9;]*m", ""));
  }

  private void wrapped(List<String> items) {
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < items.size(); i++) {
      String item = items.get(i) + (i + 1 < items.size() ? ", " : "");
      if (line.length() + item.length() > 74) {
        detail(line.toString().stripTrailing());
        line.setLength(0);
      }
      line.append(item);
    }
    detail(line.toString());
  }

  private void problem(String what) {
    problems.add(what);
    detail(console.bad("not as it should be:"));
    detail("  " + Cells.oneLine(what));
  }

  private String difference(long number) {
    String text = number(number) + (number == 1 ? " difference" : " differences");
    return number == 0 ? console.good(text) : console.bad(text);
  }

  private static String number(long number) {
    return BackfillCommand.number(number);
  }

  private static String seconds(long nanos) {
    return String.format(Locale.ROOT, "%.1f s", nanos / 1e9);
  }

  private void summary(long began) {
    List<String> headings =
        List.of("stage", "leads", "writes", "same outcome", "reads compared", "mismatches");
    Table table = new Table(headings, Set.copyOf(headings.subList(2, headings.size())), List.of());
    DualWriteStats before = null;
    for (Map.Entry<Stage, DualWriteStats> entry : perStage.entrySet()) {
      DualWriteStats now = entry.getValue();
      table.row(
          entry.getKey().name(),
          entry.getKey() == Stage.LIVE ? "PostgreSQL" : "files",
          number(now.writes() - (before == null ? 0 : before.writes())),
          number(now.followed() - (before == null ? 0 : before.followed())),
          number(now.shadowCompared() - (before == null ? 0 : before.shadowCompared())),
          number(
              now.mismatched()
                  + now.shadowMismatched()
                  - (before == null ? 0 : before.mismatched() + before.shadowMismatched())));
      before = now;
    }
    console.line("");
    console.line(console.bold("Summary"));
    table.lines(console.screen().width() - 3).forEach(line -> console.line("   " + line));
    console.line("");
    console.line(
        "   "
            + verifications
            + " proofs over "
            + number(verified.get())
            + " records: "
            + (problems.isEmpty() ? console.good("all equal") : console.bad("see above"))
            + "; "
            + seconds(System.nanoTime() - began)
            + " in all");
  }
}

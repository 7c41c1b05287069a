package io.agentmemory.dualwrite;

import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpId;
import io.agentmemory.Value;
import io.agentmemory.internal.Disk;
import io.agentmemory.spi.Canonical;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves those who look at a folder, or ask its owner for something, from outside: answers
 * requests, and writes down now and then how things are. On a thread of its own.
 */
final class Keeper implements AutoCloseable {
  static final String STATUS = "status.json";
  static final String VERIFY = "verify";
  static final String PLAN_REPAIR = "plan_repair";
  static final String REPAIR = "repair";
  private static final Set<String> LONG = Set.of(VERIFY, PLAN_REPAIR, REPAIR);

  private static final Logger LOG = LoggerFactory.getLogger(DualWriteMemoryStore.class);
  private static final long PAUSE_MILLIS = 500;
  private static final Duration DRILL = Duration.ofSeconds(10);
  private static final Duration REPLAY = Duration.ofSeconds(5);
  private static final int STATUS_EVERY = 10;

  private final Disk disk;
  private final Path folder;
  private final DualWriteMemoryStore store;
  private final StageMoves moves;
  private final Events events;
  private final Requests requests;
  private final Clock clock;
  private final Thread thread;
  private boolean closed; // guarded by this

  Keeper(
      Disk disk,
      Path folder,
      DualWriteMemoryStore store,
      StageMoves moves,
      Events events,
      Clock clock) {
    this.disk = disk;
    this.folder = folder;
    this.store = store;
    this.moves = moves;
    this.events = events;
    this.clock = clock;
    requests = new Requests(disk, folder, clock);
    thread = new Thread(this::run, "dualwrite-keeper");
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  private void run() {
    requests.sweep();
    for (int round = 0; ; round++) {
      try {
        requests.answerAll(request -> answer(store, moves, request), Keeper::run);
        if (round % STATUS_EVERY == 0) {
          moves.flushIfPossible();
          write(false);
        }
      } catch (RuntimeException | Error defect) {
        events.secondaryFailed(OpId.copy(), defect);
      }
      if (!await()) {
        return;
      }
    }
  }

  /** Whether it may take as long as reading both stores. */
  static boolean isLong(Value.Map request) {
    return LONG.contains(Requests.verb(request));
  }

  /** What takes long keeps nobody else waiting. */
  private static void run(Value.Map request, Runnable answering) {
    if (isLong(request)) {
      Thread own = new Thread(answering, "dualwrite-" + Requests.verb(request));
      own.setDaemon(true);
      own.start();
    } else {
      answering.run();
    }
  }

  private synchronized boolean await() {
    try {
      if (!closed) {
        TimeUnit.MILLISECONDS.timedWait(this, PAUSE_MILLIS);
      }
    } catch (InterruptedException closing) {
      return false;
    }
    return !closed;
  }

  /** How things are, for those who have no part in it. */
  private void write(boolean isClosed) {
    try {
      Files.replace(disk, folder.resolve(STATUS), Canonical.json(status(isClosed)));
    } catch (IOException e) {
      LOG.debug("{} could not be written: {}", STATUS, e.getClass().getSimpleName());
    }
  }

  private Value.Map status(boolean isClosed) {
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("at", Value.of(clock.instant().truncatedTo(ChronoUnit.MILLIS).toString()));
    map.put("pid", Value.of(ProcessHandle.current().pid()));
    map.put("closed", Value.of(isClosed));
    StatusFile.describe(store.status()).entries().forEach(map::put);
    return new Value.Map(map);
  }

  // ---- requests ----

  /** Does what a request asks for. */
  static Value.Map answer(DualWriteMemoryStore store, StageMoves moves, Value.Map request) {
    Map<String, Value> answer = new LinkedHashMap<>();
    try {
      switch (Requests.verb(request)) {
        case "promote" -> {
          if (request.get("accept_set_aside") instanceof Value.Int accepted) {
            moves.acceptSetAside(accepted.value());
          }
          put(answer, moves.promote(force(request)));
        }
        case "rollback" -> put(answer, moves.rollback(force(request)));
        case "replay" -> answer.put("left", Value.of((long) store.replay(REPLAY)));
        case "resolve" ->
            store.resolve(
                String.valueOf(Value.textOf(request.get("conflict"))),
                Resolution.valueOf(String.valueOf(Value.textOf(request.get("keep")))));
        case "drill" -> store.drill(DRILL);
        case "record" -> moves.record(request);
        case VERIFY -> {
          String level = Value.textOf(request.get("level"));
          put(
              answer,
              level == null
                  ? moves.verifyItself()
                  : List.of(moves.verify(Verifier.Level.valueOf(level))));
        }
        case PLAN_REPAIR ->
            answer.put("plan", Value.of(text(store.repairs().plan(right(request)))));
        case REPAIR -> {
          RepairPlan plan = RepairPlan.parse(String.valueOf(Value.textOf(request.get("plan"))));
          boolean deletes = Value.of(true).equals(request.get("deletes"));
          put(answer, store.repairs().apply(plan, right(request), deletes));
        }
        default -> answer.put("error", Value.of("that is nothing the owner can do"));
      }
    } catch (MemoryStoreException failure) {
      answer.put("error", Value.of(String.valueOf(failure.getMessage())));
    } catch (IllegalArgumentException | IllegalStateException wrong) {
      answer.put("error", Value.of(String.valueOf(wrong.getMessage())));
    } catch (RuntimeException defect) {
      answer.put("error", Value.of("unexpected " + defect.getClass().getSimpleName()));
    }
    return new Value.Map(answer);
  }

  private static Side right(Value.Map request) {
    return Side.named(String.valueOf(Value.textOf(request.get("right"))));
  }

  /** A plan as it is handed over. */
  static String text(RepairPlan plan) {
    StringBuilder text = new StringBuilder();
    try {
      plan.write(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return text.toString();
  }

  private static void put(Map<String, Value> answer, RepairPlan.Result result) {
    answer.put("repaired", Value.of((long) result.repaired()));
    answer.put("unchanged", Value.of((long) result.unchanged()));
    List<Value> left = new ArrayList<>();
    for (RepairPlan.Left one : result.left()) {
      Map<String, Value> map = new LinkedHashMap<>();
      map.put("kind", Value.of(one.item().kind().name()));
      map.put("key", Value.Seq.ofTexts(one.item().key().parts()));
      map.put("reason", Value.of(one.reason()));
      left.add(new Value.Map(map));
    }
    answer.put("left", new Value.Seq(left));
  }

  /** What became of a plan that somebody else applied. */
  static RepairPlan.Result result(RepairPlan plan, Value.Map answer) {
    Map<List<String>, String> reasons = new HashMap<>();
    if (answer.get("left") instanceof Value.Seq left) {
      for (Value one : left.items()) {
        Value.Map map = (Value.Map) one;
        List<String> ref = new ArrayList<>(Value.textsOf(map.get("key")));
        ref.add(String.valueOf(Value.textOf(map.get("kind"))));
        reasons.put(ref, String.valueOf(Value.textOf(map.get("reason"))));
      }
    }
    List<RepairPlan.Left> left = new ArrayList<>();
    for (RepairPlan.Item item : plan.items()) {
      List<String> ref = new ArrayList<>(item.key().parts());
      ref.add(item.kind().name());
      Optional.ofNullable(reasons.get(ref))
          .ifPresent(reason -> left.add(new RepairPlan.Left(item, reason)));
    }
    return new RepairPlan.Result(
        (int) Facts.number(answer, "repaired"), (int) Facts.number(answer, "unchanged"), left);
  }

  private static @Nullable String force(Value.Map request) {
    return Value.textOf(request.get("force"));
  }

  private static void put(Map<String, Value> answer, StageMove move) {
    answer.put("from", Value.of(move.from().name()));
    answer.put("to", Value.of(move.to().name()));
    answer.put("reasons", Value.Seq.ofTexts(move.reasons()));
    answer.put("undrained", Value.Seq.ofTexts(move.undrained()));
  }

  private static void put(Map<String, Value> answer, List<VerifyReport> reports) {
    StringBuilder text = new StringBuilder();
    StringBuilder json = new StringBuilder();
    try {
      for (VerifyReport report : reports) {
        report.toText(text);
        report.toJsonLines(json);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    answer.put("equal", Value.of(reports.stream().allMatch(VerifyReport::equal)));
    answer.put("complete", Value.of(reports.stream().allMatch(VerifyReport::complete)));
    answer.put("text", Value.of(text.toString()));
    answer.put("json", Value.of(json.toString()));
  }

  static StageMove move(Value.Map answer) {
    List<String> reasons = Requests.texts(answer, "reasons");
    return new StageMove(
        Stage.valueOf(String.valueOf(Value.textOf(answer.get("from")))),
        Stage.valueOf(String.valueOf(Value.textOf(answer.get("to")))),
        reasons,
        Requests.texts(answer, "undrained"));
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    try {
      thread.join(TimeUnit.SECONDS.toMillis(5));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    write(true);
  }
}

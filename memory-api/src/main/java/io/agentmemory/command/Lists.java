package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.NewRejection;
import io.agentmemory.Operation;
import io.agentmemory.OtherFile;
import io.agentmemory.Value;
import io.agentmemory.internal.Texts;
import io.agentmemory.internal.TreeFile;
import io.agentmemory.spi.Needs;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What the commands mean that add to lists. */
final class Lists {
  private static final String LOG_VERSION = "1.0";

  private final Plan plan;
  private final Rules rules;
  private final Operation operation;

  Lists(Plan plan, Rules rules, Operation operation) {
    this.plan = plan;
    this.rules = rules;
    this.operation = operation;
  }

  void append(AppendRecord c) {
    TreeFile list = requireNonNull(TreeFile.listOf(c.kind(), c.before()));
    append(list, List.of(c.members()));
    keepLast(list, c.keep());
  }

  /** The only list of a kind. */
  static TreeFile of(Kind<?> kind) {
    return requireNonNull(TreeFile.listOf(kind, List.of()), kind.name());
  }

  // ---- rejections ----

  void log(LogRejections c) {
    for (NewRejection rejection : c.rejections()) {
      if (!NewRejection.CATEGORIES.contains(rejection.category())) {
        throw new InvalidMemoryException(
            operation, "category", "is none of " + String.join(", ", NewRejection.CATEGORIES));
      }
    }
    log(c.rejections(), c.agent(), c.at());
  }

  private void log(List<NewRejection> rejections, @Nullable String agent, String at) {
    TreeFile log = of(Kind.REJECTION);
    append(log, rejections.stream().map(rejection -> members(rejection, at)).toList());
    Value.Map beside =
        plan.live(Kind.VALUE, Key.of(log.path()))
            .map(OtherFile::value)
            .map(there -> there instanceof Value.Map map ? map : Value.EMPTY_MAP)
            .orElse(Value.EMPTY_MAP)
            .with("version", Value.of(LOG_VERSION));
    if (agent != null) {
      beside = beside.with("agent", Value.of(agent));
    }
    OtherFile file =
        new OtherFile(
            log.path(),
            beside
                .with("count", Value.of((long) plan.endOf(log)))
                .with("last_updated", Value.of(at)));
    rules.state(operation, file);
    plan.put(file);
  }

  private static Value.Map members(NewRejection rejection, String at) {
    return Value.EMPTY_MAP
        .with("timestamp", Value.of(at))
        .with("category", Value.of(rejection.category()))
        .with("reason", Value.of(rejection.reason()))
        .with("target", orNull(rejection.target()))
        .with("context", orNull(rejection.context()))
        .with("tags", Value.Seq.ofTexts(rejection.tags()))
        .with("source", orNull(rejection.source()));
  }

  private static Value orNull(@Nullable String text) {
    return text == null ? Value.NULL : Value.of(text);
  }

  // ---- what decay did ----

  /** Adds the lists that note what decay did. */
  static void needDecay(Needs needs) {
    needs.endOf(Kind.DECAY_RUN, List.of(), 1);
    LogRejections.need(needs, 1);
  }

  /**
   * Notes a run of decay, and logs what it pruned, if anything, as turned down. Source: Drift's
   * decay of edges and of pairs.
   *
   * @param what decayed: {@code edges} or {@code pairs}
   * @param kept how many runs the history keeps
   * @param tags of what is logged
   */
  void noteDecay(String what, int decayed, int pruned, String at, int kept, String... tags) {
    TreeFile runs = of(Kind.DECAY_RUN);
    append(
        runs,
        List.of(
            Value.EMPTY_MAP
                .with("timestamp", Value.of(at))
                .with("decayed", Value.of((long) decayed))
                .with("pruned", Value.of((long) pruned))));
    keepLast(runs, kept);
    Instant time = Texts.instant(at);
    if (pruned > 0 && time != null) {
      NewRejection rejection =
          NewRejection.of(
                  "memory_decay",
                  pruned
                      + " co-occurrence "
                      + what
                      + " pruned \u2014 associations faded from disuse")
              .target("session decay: " + decayed + " weakened, " + pruned + " forgotten")
              .tags(tags)
              .source("internal");
      log(List.of(rejection), null, Texts.time(time).replace("+00:00", "Z"));
    }
  }

  // ---- lists ----

  /** Puts records at the end of a list, in this order. */
  void append(TreeFile list, List<Value.Map> items) {
    int end = plan.endOf(list);
    if (items.size() - 1 > TreeFile.LAST_PLACE - end) {
      throw new InvalidMemoryException(operation, list.kind().name(), "has no place left");
    }
    for (Value.Map item : items) {
      rules.members(operation, item);
      MemoryRecord record = record(list, end++, item);
      rules.state(operation, record);
      plan.put(record);
    }
  }

  /** Lets the oldest go, and the others move up to where the list begins. */
  private void keepLast(TreeFile list, int keep) {
    int end = plan.endOf(list);
    if (end <= keep) {
      return;
    }
    Needs places = new Needs();
    for (int place = 0; place < end; place++) {
      places.record(list.kind(), list.item(place));
    }
    plan.expect(places);
    Deque<Value.Map> kept = new ArrayDeque<>();
    for (int place = end - 1; place >= 0 && kept.size() < keep; place--) {
      plan.live(list.kind(), list.item(place)).map(Lists::members).ifPresent(kept::addFirst);
    }
    int next = 0;
    for (Value.Map item : kept) {
      plan.put(record(list, next++, item));
    }
    while (next < end) {
      plan.delete(list.kind(), list.item(next++));
    }
  }

  static Value.Map members(MemoryRecord record) {
    return record.tree().get("members") instanceof Value.Map members ? members : Value.EMPTY_MAP;
  }

  static MemoryRecord record(TreeFile list, int place, Value.Map members) {
    Kind<?> kind = list.kind();
    return kind.record(list.item(place), new Value.Map(Map.of("members", members)));
  }
}

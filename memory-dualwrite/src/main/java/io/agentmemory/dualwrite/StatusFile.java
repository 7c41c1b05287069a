package io.agentmemory.dualwrite;

import io.agentmemory.Value;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** How a store is, as its owner writes it down for others, by what is known without asking. */
final class StatusFile {
  private StatusFile() {}

  static Value.Map describe(DualWriteStatus status) {
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("stage", Value.of(status.stage().name()));
    map.put("epoch", Value.of(status.epoch()));
    map.put("target_there", Value.of(status.targetReachable()));
    map.put("breaker", Value.of(status.breaker().name()));
    map.put("breaker_since", time(status.breakerSince()));
    map.put("taken_over", text(status.takenOver()));
    Map<String, Value> pending = new LinkedHashMap<>();
    pending.put("source", describe(status.source()));
    pending.put("target", describe(status.target()));
    map.put("pending", new Value.Map(pending));
    map.put("doubts", Value.of(status.doubts()));
    map.put("resync", text(status.resync()));
    map.put("journal", journal(status));
    map.put("counts", counts(status.stats()));
    return new Value.Map(map);
  }

  private static Value describe(Pending pending) {
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("operations", Value.of(pending.operations()));
    map.put("records", Value.of(pending.records()));
    map.put("bytes", Value.of(pending.bytes()));
    map.put("parked", Value.of(pending.parked()));
    map.put("oldest", time(pending.oldest()));
    return new Value.Map(map);
  }

  private static Value journal(DualWriteStatus status) {
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("bytes", Value.of(status.journalBytes()));
    map.put("cap", Value.of(status.journalCap()));
    map.put("quarantined", Value.of(status.quarantined()));
    map.put("poisoned", Value.of(status.poisoned()));
    map.put("damage", Value.Seq.ofTexts(status.damage()));
    return new Value.Map(map);
  }

  private static Value counts(DualWriteStats stats) {
    Map<String, Value> map = new LinkedHashMap<>();
    stats.counts().forEach((name, number) -> map.put(name, Value.of(number.longValue())));
    return new Value.Map(map);
  }

  private static Value time(@Nullable Instant at) {
    return text(at == null ? null : at.toString());
  }

  private static Value text(@Nullable String text) {
    return text == null ? Value.NULL : Value.of(text);
  }

  /** What {@link #describe} told, as far as a change of stage goes by it. */
  static Gates.Live live(Value.Map described, long conflicts) {
    Value.Map pending =
        described.get("pending") instanceof Value.Map both ? both : new Value.Map(Map.of());
    boolean away = described.get("target_there") instanceof Value.Bool there && !there.value();
    return new Gates.Live(
        pending(pending.get("source")),
        pending(pending.get("target")),
        Facts.number(described, "doubts"),
        conflicts,
        !away,
        Value.textOf(described.get("taken_over")),
        Value.textOf(described.get("resync")));
  }

  private static Pending pending(@Nullable Value described) {
    return described instanceof Value.Map map
        ? new Pending(
            Facts.number(map, "operations"),
            Facts.number(map, "records"),
            Facts.number(map, "bytes"),
            Facts.number(map, "parked"),
            Facts.instant(map, "oldest").orElse(null))
        : new Pending(0, 0, 0, 0, null);
  }
}

package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Operation;
import io.agentmemory.Value;
import io.agentmemory.internal.TreeFile;
import io.agentmemory.spi.Needs;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;

/** What the commands mean that add to lists. */
final class Lists {
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

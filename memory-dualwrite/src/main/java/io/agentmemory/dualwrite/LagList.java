package io.agentmemory.dualwrite;

import java.time.Clock;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListMap;

/** The records whose secondary copy is behind. */
final class LagList {
  private final Map<Ref, Lagging> records = new ConcurrentSkipListMap<>();
  private final Clock clock;

  LagList(Clock clock) {
    this.clock = clock;
  }

  void add(Collection<Ref> refs, String why) {
    for (Ref ref : refs) {
      records.merge(
          ref,
          new Lagging(ref.kind(), ref.key(), clock.instant(), why),
          (before, now) -> new Lagging(ref.kind(), ref.key(), before.since(), why));
    }
  }

  void remove(Collection<Ref> refs) {
    refs.forEach(records::remove);
  }

  boolean isEmpty() {
    return records.isEmpty();
  }

  int size() {
    return records.size();
  }

  /** By kind and key. */
  List<Lagging> list() {
    return List.copyOf(records.values());
  }

  List<Ref> refs() {
    return List.copyOf(records.keySet());
  }

  /** Those that a write with these names may touch. */
  Set<Ref> within(Names names) {
    Set<Ref> within = new HashSet<>();
    for (Ref ref : records.keySet()) {
      if (names.own().contains(Names.of(ref.kind(), ref.key()))) {
        within.add(ref);
      }
    }
    return within;
  }

  boolean touches(Set<String> names) {
    return records.keySet().stream()
        .anyMatch(ref -> names.contains(Names.of(ref.kind(), ref.key())));
  }
}

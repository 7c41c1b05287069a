package io.agentmemory.dualwrite;

import java.time.Clock;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The records whose secondary copy is behind. Thread-safe. */
final class LagList {
  private final TreeMap<Ref, Lagging> records = new TreeMap<>();
  private final Map<String, Set<Ref>> byName = new HashMap<>();
  private final Clock clock;

  LagList(Clock clock) {
    this.clock = clock;
  }

  /** Adds records, or says why they lag now; returns their entries. */
  synchronized List<Lagging> add(Collection<Ref> refs, String why) {
    List<Lagging> entries = new ArrayList<>(refs.size());
    for (Ref ref : refs) {
      Lagging before = records.get(ref);
      Lagging now =
          new Lagging(
              ref.kind(), ref.key(), before == null ? clock.instant() : before.since(), why);
      records.put(ref, now);
      byName.computeIfAbsent(Names.of(ref.kind(), ref.key()), n -> new HashSet<>()).add(ref);
      entries.add(now);
    }
    return entries;
  }

  synchronized void remove(Collection<Ref> refs) {
    for (Ref ref : refs) {
      if (records.remove(ref) != null) {
        byName.computeIfPresent(
            Names.of(ref.kind(), ref.key()),
            (name, set) -> set.remove(ref) && set.isEmpty() ? null : set);
      }
    }
  }

  synchronized boolean isEmpty() {
    return records.isEmpty();
  }

  synchronized int size() {
    return records.size();
  }

  /** By kind and key. */
  synchronized List<Lagging> list() {
    return List.copyOf(records.values());
  }

  synchronized List<Ref> refs() {
    return List.copyOf(records.keySet());
  }

  /** Those of these that lag. */
  synchronized Set<Ref> among(Collection<Ref> refs) {
    Set<Ref> among = new HashSet<>(refs);
    among.removeIf(ref -> !records.containsKey(ref));
    return among;
  }

  /** Those that a write with these names may touch or needs. */
  synchronized Set<Ref> within(Names names) {
    Set<Ref> within = new HashSet<>();
    if (names.own().contains(Names.EVERYTHING)) {
      return new HashSet<>(records.keySet());
    }
    if (!records.isEmpty()) {
      for (Set<String> some : List.of(names.own(), names.shared())) {
        some.forEach(name -> within.addAll(byName.getOrDefault(name, Set.of())));
      }
    }
    return within;
  }

  synchronized boolean touches(Set<String> names) {
    return names.stream().anyMatch(byName::containsKey);
  }
}

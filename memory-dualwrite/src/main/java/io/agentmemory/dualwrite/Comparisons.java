package io.agentmemory.dualwrite;

import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.SimilarQuery.Hit;
import io.agentmemory.Stored;
import io.agentmemory.Version;
import io.agentmemory.spi.Canonical;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** When the results of a read are equal. */
final class Comparisons {
  private Comparisons() {}

  /** Records by content and revision; a tombstone is like nothing at all. */
  static <T extends Stored<?>> @Nullable Set<String> records(List<T> a, List<T> b) {
    Map<Ref, Version> left = versions(a);
    Map<Ref, Version> right = versions(b);
    Set<Ref> refs = new HashSet<>(left.keySet());
    refs.addAll(right.keySet());
    refs.removeIf(ref -> Objects.equals(left.get(ref), right.get(ref)));
    return refs.isEmpty() ? null : Names.of(refs).own();
  }

  private static Map<Ref, Version> versions(List<? extends Stored<?>> records) {
    Map<Ref, Version> versions = new HashMap<>();
    for (Stored<?> stored : records) {
      if (stored.value() != null) {
        versions.put(
            new Ref(stored.kind(), stored.key()),
            new Version(stored.revision(), Canonical.digest(stored.value())));
      }
    }
    return versions;
  }

  /**
   * Lists of memories by content, in order.
   *
   * @param shifted whether a memory that is in neither list can move all that are
   */
  static @Nullable Set<String> memories(List<Memory> a, List<Memory> b, boolean shifted) {
    if (shifted) {
      return a.equals(b) ? null : ShadowReads.ANYTHING;
    }
    Set<String> differing = new HashSet<>();
    for (int i = 0; i < Math.max(a.size(), b.size()); i++) {
      Memory left = i < a.size() ? a.get(i) : null;
      Memory right = i < b.size() ? b.get(i) : null;
      if (!Objects.equals(left, right)) {
        add(left, differing);
        add(right, differing);
      }
    }
    return differing.isEmpty() ? null : differing;
  }

  private static void add(@Nullable Memory memory, Set<String> names) {
    if (memory != null) {
      names.add(Names.of(Kind.MEMORY, memory.key()));
    }
  }

  /** Numbers. */
  static @Nullable Set<String> counts(Long a, Long b) {
    return a.equals(b) ? null : ShadowReads.ANYTHING;
  }

  /**
   * Hits: as many, as similar place by place, and the same targets, in any order where similarities
   * tie. Of a tie that the limit cuts through, either part will do. Where they differ, any of the
   * targets may be the reason: one that is missing lets others take its place.
   */
  static @Nullable Set<String> hits(List<Hit> a, List<Hit> b, int limit) {
    if (areEqual(a, b, limit)) {
      return null;
    }
    return Stream.concat(a.stream(), b.stream())
        .map(hit -> Names.memory(hit.target()))
        .collect(Collectors.toSet());
  }

  private static boolean areEqual(List<Hit> a, List<Hit> b, int limit) {
    if (a.size() != b.size()) {
      return false;
    }
    int end = a.size();
    for (int from = 0; from < end; ) {
      int to = endOfTie(a, b, from, end);
      for (int i = from; i < to; i++) {
        if (!tie(a.get(i).similarity(), b.get(i).similarity())) {
          return false;
        }
      }
      boolean cut = to == end && end == limit;
      if (!cut && !targets(a, from, to).equals(targets(b, from, to))) {
        return false;
      }
      from = to;
    }
    return true;
  }

  private static int endOfTie(List<Hit> a, List<Hit> b, int from, int end) {
    int to = from + 1;
    while (to < end
        && (tie(a.get(to - 1).similarity(), a.get(to).similarity())
            || tie(b.get(to - 1).similarity(), b.get(to).similarity()))) {
      to++;
    }
    return to;
  }

  // Source: reliability rule C3 for results of one ranker.
  private static boolean tie(double a, double b) {
    return Math.abs(a - b) <= 1e-5 + 1e-4 * Math.max(Math.abs(a), Math.abs(b));
  }

  private static Set<String> targets(List<Hit> hits, int from, int to) {
    Set<String> targets = new HashSet<>();
    for (int i = from; i < to; i++) {
      targets.add(hits.get(i).target());
    }
    return targets;
  }
}

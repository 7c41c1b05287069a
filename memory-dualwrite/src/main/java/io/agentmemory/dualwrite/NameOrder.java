package io.agentmemory.dualwrite;

import io.agentmemory.Key;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * In which order a store takes memories that are to get file names which others of them have there.
 */
final class NameOrder {
  private NameOrder() {}

  /**
   * Each memory after, or together with, the one that has its name: one by one where that will do,
   * and together where they have each other's.
   *
   * @param wanted the file that a memory is to have
   * @param held the memory that has a file now
   * @return the keys of {@code wanted}, each once
   */
  static List<List<Key>> of(Map<Key, String> wanted, Map<String, Key> held) {
    List<List<Key>> order = new ArrayList<>();
    Set<Key> taken = new HashSet<>();
    for (Key first : wanted.keySet()) {
      List<Key> way = new ArrayList<>();
      Key next = first;
      while (next != null && taken.add(next)) {
        way.add(next);
        next = inTheWay(next, wanted, held);
      }
      int circle = next == null ? -1 : way.indexOf(next);
      if (circle >= 0) {
        order.add(List.copyOf(way.subList(circle, way.size())));
      }
      for (int at = (circle < 0 ? way.size() : circle) - 1; at >= 0; at--) {
        order.add(List.of(way.get(at)));
      }
    }
    return order;
  }

  private static @Nullable Key inTheWay(
      Key memory, Map<Key, String> wanted, Map<String, Key> held) {
    Key holder = held.get(wanted.get(memory));
    return holder == null || holder.equals(memory) || !wanted.containsKey(holder) ? null : holder;
  }
}

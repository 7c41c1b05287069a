package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Key;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class NameOrderTest {
  private final Map<Key, String> wanted = new LinkedHashMap<>();
  private final Map<String, Key> held = new LinkedHashMap<>();

  private void memory(String id, String has, String wants) {
    held.put(has, Key.of(id));
    wanted.put(Key.of(id), wants);
  }

  private List<String> order() {
    return NameOrder.of(wanted, held).stream().map(List::toString).toList();
  }

  @Test
  void givenNoOneInTheWay_whenOrdered_thenOneByOneAsTheyCome() {
    memory("c", "1", "x");
    memory("a", "2", "2");
    wanted.put(Key.of("b"), "y");
    held.put("y", Key.of("somebody else"));

    assertThat(order()).containsExactly("[c]", "[a]", "[b]");
  }

  @Test
  void givenCircleAndTwoThatWaitForIt_whenOrdered_thenItComesFirstAndTogether() {
    memory("a", "1", "2");
    memory("b", "2", "3");
    memory("c", "3", "4");
    memory("d", "4", "3");
    memory("e", "5", "1");

    assertThat(order()).containsExactly("[c, d]", "[b]", "[a]", "[e]");
  }

  @Test
  void givenAnyNames_whenOrdered_thenEachOnceAndNobodyStandsInTheWay() {
    for (long seed = 0; seed < 200; seed++) {
      Random random = new Random(seed);
      wanted.clear();
      held.clear();
      for (int i = 0; i < 30; i++) {
        memory("m" + random.nextInt(100), "f" + i, "f" + random.nextInt(40));
      }

      List<Key> seen = new ArrayList<>();
      Set<Key> moved = new HashSet<>();
      for (List<Key> together : NameOrder.of(wanted, held)) {
        seen.addAll(together);
        moved.addAll(together);
        for (Key key : together) {
          Key holder = held.get(wanted.get(key));
          boolean free =
              holder == null
                  || holder.equals(key)
                  || !wanted.containsKey(holder)
                  || moved.contains(holder);
          assertThat(free).as("name of %s is free, seed %s", key, seed).isTrue();
        }
        assertThat(together.size() == 1 || isCircle(together))
            .as("%s, seed %s", together, seed)
            .isTrue();
      }
      assertThat(seen)
          .as("seed %s", seed)
          .containsExactlyInAnyOrderElementsOf(wanted.keySet())
          .doesNotHaveDuplicates();
    }
  }

  private boolean isCircle(List<Key> together) {
    for (int i = 0; i < together.size(); i++) {
      Key next = together.get((i + 1) % together.size());
      if (!next.equals(held.get(wanted.get(together.get(i))))) {
        return false;
      }
    }
    return true;
  }
}

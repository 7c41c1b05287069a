package io.agentmemory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.agentmemory.MemoryQuery.Order;
import io.agentmemory.MemoryQuery.TimeField;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class MemoryQueryTest {

  private static Memory memory(String content, Object... members) {
    Value.Map map = Value.EMPTY_MAP;
    for (int i = 0; i < members.length; i += 2) {
      map = map.with((String) members[i], (Value) members[i + 1]);
    }
    return new Memory("m", Tier.ACTIVE, "m.md", content, map);
  }

  @Test
  void givenText_whenMatched_thenFoldedWhereverItStands() {
    assertThat(MemoryQuery.all().text("ΟΔΟΣ").matches(memory("ΟΔΟΣΑ"))).isTrue();
    assertThat(MemoryQuery.all().text("οδος").matches(memory("ΟΔΟΣΑ"))).isTrue();
    assertThat(MemoryQuery.all().text("I").matches(memory("ıi"))).isTrue();
    assertThat(MemoryQuery.all().text("ı").matches(memory("I"))).isFalse();
    assertThat(MemoryQuery.all().text("ẞ").matches(memory("ß"))).isTrue();
    assertThat(MemoryQuery.all().text("ss").matches(memory("ß"))).isFalse();
    assertThat(MemoryQuery.all().text("é").matches(memory("e\u0301"))).isFalse();
    assertThat(MemoryQuery.all().text("a\nb").matches(memory("xA\nBx"))).isTrue();
  }

  @Test
  void givenDays_whenMatched_thenTheFirstTenCharactersAsText() {
    Memory impossible = memory("", "created", Value.of("2026-02-31T10:00:00"));
    LocalDate first = LocalDate.parse("2026-02-28");
    LocalDate march = LocalDate.parse("2026-03-01");
    assertThat(MemoryQuery.all().days(TimeField.CREATED, first, march).matches(impossible))
        .isTrue();
    assertThat(MemoryQuery.all().days(TimeField.CREATED, march, null).matches(impossible))
        .isFalse();
    assertThat(MemoryQuery.all().between(TimeField.CREATED, Instant.MIN, null).matches(impossible))
        .isFalse();
    assertThat(
            MemoryQuery.day(
                memory("", "created", Value.of("\ud83d\ude00".repeat(12))), TimeField.CREATED))
        .contains("\ud83d\ude00".repeat(10));
    assertThat(MemoryQuery.day(memory(""), TimeField.EVENT)).isEmpty();
    assertThat(
            MemoryQuery.day(
                memory("", "created", Value.of("c"), "event_time", Value.of("e")), TimeField.EVENT))
        .contains("e");
  }

  @Test
  void givenBounds_whenMatched_thenTheFirstIsInAndTheSecondIsOut() {
    Memory at = memory("", "created", Value.of("2026-02-10T00:00:00Z"));
    Instant then = Instant.parse("2026-02-10T00:00:00Z");
    assertThat(MemoryQuery.all().between(TimeField.EVENT, then, null).matches(at)).isTrue();
    assertThat(MemoryQuery.all().between(TimeField.EVENT, null, then).matches(at)).isFalse();
    assertThat(MemoryQuery.all().between(TimeField.EVENT, null, then.plusNanos(1)).matches(at))
        .isTrue();
    LocalDate day = LocalDate.parse("2026-02-10");
    assertThat(MemoryQuery.all().days(TimeField.EVENT, day, day.plusDays(1)).matches(at)).isTrue();
    assertThat(MemoryQuery.all().days(TimeField.EVENT, null, day).matches(at)).isFalse();
  }

  @Test
  void givenShuffledMemories_whenOrdered_thenAlwaysTheSameWay() {
    List<Memory> memories = new ArrayList<>();
    for (Tier tier : Tier.values()) {
      for (String file : List.of("a.md", "B.md", "\ue000.md", "\ud83d\ude00.md")) {
        for (Value created :
            List.of(Value.of("2026-02-10"), Value.of("2026-02-31"), Value.of(1L))) {
          for (Value weight : List.of(Value.of(1L), Value.of(1.0), Value.NULL)) {
            memories.add(
                new Memory(
                    "m" + memories.size(),
                    tier,
                    file,
                    "",
                    new Value.Map(Map.of("created", created, "emotional_weight", weight))));
          }
        }
      }
    }
    for (Order order : Order.values()) {
      List<Memory> expected = new ArrayList<>(memories);
      expected.sort(MemoryQuery.all().order(order).comparator());
      for (int seed = 0; seed < 20; seed++) {
        List<Memory> shuffled = new ArrayList<>(memories);
        Collections.shuffle(shuffled, new Random(seed));
        shuffled.sort(MemoryQuery.all().order(order).comparator());
        assertThat(shuffled).as("seed %s", seed).isEqualTo(expected);
      }
    }
  }

  @Test
  void givenQueries_whenBuilt_thenEachStepIsACopyAndBadPagesAreRefused() {
    MemoryQuery all = MemoryQuery.all();
    assertThat(all.tag("X").tag("y").tags()).containsExactly("x", "y");
    assertThat(all.tags()).isEmpty();
    assertThat(all.limit()).isEqualTo(50);
    for (int limit : List.of(0, -1, 10_001)) {
      assertThatIllegalArgumentException().isThrownBy(() -> all.limit(limit));
    }
    assertThatIllegalArgumentException().isThrownBy(() -> all.page(1, -1));
  }

  @Test
  void givenSimilarQueries_whenBuilt_thenBadOnesAreRefused() {
    SimilarQuery near = SimilarQuery.nearest("text", new float[] {1});
    assertThat(near.needsMemory()).isFalse();
    assertThat(near.admits(Optional.empty())).isTrue();
    assertThat(near.tag("X").admits(Optional.empty())).isFalse();
    assertThat(near.tag("X").admits(Optional.of(memory("", "tags", Value.of("x, y"))))).isTrue();
    assertThat(near.tiers(List.of(Tier.CORE)).admits(Optional.of(memory("")))).isFalse();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SimilarQuery.nearest("text", new float[0]));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SimilarQuery.nearest("text", new float[] {Float.NaN}));
    assertThatIllegalArgumentException().isThrownBy(() -> near.minSimilarity(Double.NaN));
    assertThatIllegalArgumentException().isThrownBy(() -> near.limit(0));
  }
}

package io.agentmemory.identity;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Against CPython 3.11 under {@code PYTHONHASHSEED=0}. */
class HashOrderTest {
  @Test
  void givenTextsOfEachWidth_whenHashed_thenTheHashIsPythons() {
    assertThat(HashOrder.hash("")).isZero();
    assertThat(HashOrder.hash("a")).isEqualTo(4644417185603328019L);
    assertThat(HashOrder.hash("abcdefgh")).isEqualTo(4574395652268504554L);
    assertThat(HashOrder.hash("thought-103098f3")).isEqualTo(1240815856462561182L);
    assertThat(HashOrder.hash("abc\u00fcd")).isEqualTo(8239642053534727455L);
    assertThat(HashOrder.hash("\u6f22\u5b57x")).isEqualTo(-713312343146083796L);
    assertThat(HashOrder.hash("\ud83d\ude00ab")).isEqualTo(3818926418647302959L);
  }

  @Test
  void givenFewTexts_whenOrdered_thenTheOrderIsPythons() {
    assertThat(
            HashOrder.of(
                List.of("who", "what", "why", "where", "when_hot", "when_warm", "when_cool")))
        .containsExactly("what", "who", "when_warm", "where", "why", "when_cool", "when_hot");
  }

  @Test
  void givenEnoughTextsToGrowTwice_whenOrdered_thenTheOrderIsPythons() {
    List<String> texts = IntStream.range(0, 40).mapToObj(i -> "m" + i).toList();

    assertThat(HashOrder.of(texts))
        .startsWith("m6", "m16", "m2", "m3", "m19", "m34", "m25", "m26", "m23", "m9", "m21", "m39")
        .endsWith("m24", "m13", "m32", "m36", "m4", "m38", "m15", "m35")
        .containsExactlyInAnyOrderElementsOf(texts);
  }

  @Test
  void givenTextTwice_whenOrdered_thenItIsThereOnce() {
    assertThat(HashOrder.of(List.of("a", "b", "a"))).containsExactlyInAnyOrder("a", "b");
  }

  @Test
  void givenFewerItemsThanThePoolTakes_whenSampled_thenTheDrawIsPythons() {
    List<Integer> items = IntStream.range(0, 61).boxed().toList();

    assertThat(Sampling.sample(items, 50, Sampling.seeded(42)))
        .hasSize(50)
        .startsWith(40, 7, 1, 47, 17, 15, 14, 8, 57, 6, 43, 52, 34, 5, 37, 27, 2, 58, 49, 13)
        .endsWith(4, 51, 21, 3, 44, 30, 46, 31, 36);
    assertThat(Sampling.sample(items.subList(0, 9), 3, Sampling.seeded(42)))
        .containsExactly(1, 0, 5);
  }

  @Test
  void givenMoreItemsThanThePoolTakes_whenSampled_thenTheDrawIsPythons() {
    List<Integer> items = IntStream.range(0, 310).boxed().toList();

    assertThat(Sampling.sample(items, 50, Sampling.seeded(42)))
        .doesNotHaveDuplicates()
        .startsWith(57, 12, 140, 125, 114, 71, 52, 279, 44, 302, 216, 16);
  }
}

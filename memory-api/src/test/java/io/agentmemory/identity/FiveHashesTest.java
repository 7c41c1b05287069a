package io.agentmemory.identity;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Memory;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.spi.Canonical;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class FiveHashesTest {
  private static Memory memory(String id, String content, String members) {
    Value.Map map = (Value.Map) Canonical.parse(members);
    return new Memory(id, Tier.ACTIVE, id + ".md", content, map.with("id", Value.of(id)));
  }

  private static Value.Map taken(String time) {
    return new Value.Map(Map.of("timestamp", Value.of(time)));
  }

  private static FiveHashes of(List<Memory> memories, List<Value.Map> history) {
    return FiveHashes.of(memories, history, Topics.DRIFT::of, text -> List.of());
  }

  @Test
  void givenCounts_whenHashed_thenTheTextIsSortedJson() {
    FiveHashes hashes =
        of(
            List.of(
                memory("a", "", "{\"contact_context\":[\"zoe\",\"\u00e9va\"]}"),
                memory("b", "", "{\"contact_context\":[\"zoe\"],\"platforms\":{\"moltx\":0.5}}")),
            List.of(taken("2026-02-10T21:00:00Z"), taken("2026-02-10"), taken("2026-02-11T03:1")));

    assertThat(hashes.who()).isEqualTo(start("[[\"zoe\", 2], [\"\\u00e9va\", 1]]"));
    assertThat(hashes.what()).isEqualTo(start("[]")).isEqualTo("4f53cda18c2baa0c");
    assertThat(hashes.why()).isEqualTo(start("[]"));
    assertThat(hashes.where()).isEqualTo(start("[[\"moltx\", 1]]"));
    assertThat(hashes.when()).isEqualTo(start("[[3, 1], [21, 1]]"));
    assertThat(hashes.fingerprints()).isEqualTo(3);
  }

  private static String start(String text) {
    return Python.sha256(text).substring(0, 16);
  }

  @Test
  void givenMemoriesInAnotherOrder_whenHashed_thenTheHashIsTheSame() {
    List<Memory> memories =
        new ArrayList<>(
            List.of(
                memory("a", "", "{\"contact_context\":[\"x\",\"y\"]}"),
                memory("b", "", "{\"contact_context\":[\"y\",\"z\"]}"),
                memory("c", "", "{\"contact_context\":[\"z\"],\"topic_context\":[\"t\"]}")));
    FiveHashes hashes = of(memories, List.of());
    Collections.reverse(memories);

    assertThat(of(memories, List.of())).isEqualTo(hashes);
  }

  @Test
  void givenMemoryThatStatesNoTopic_whenCounted_thenItsTextAndTagsTell() {
    FiveHashes hashes =
        of(
            List.of(
                memory("a", "The candle chart", "{}"),
                memory("b", "Only a candle", "{\"tags\":[\"market\"]}"),
                memory("c", "Only a candlestickish candle", "{}"),
                memory("d", "candle chart", "{\"topic_context\":[\"collaboration\"]}")),
            List.of());

    assertThat(hashes.topics())
        .containsExactlyInAnyOrderEntriesOf(Map.of("trading", 2, "collaboration", 1));
  }

  @Test
  void givenMoreThanFiftyFingerprints_whenHashed_thenTheLastFiftyCount() {
    List<Value.Map> history = new ArrayList<>(List.of(taken("2026-02-10T01:00:00Z")));
    for (int i = 0; i < 50; i++) {
      history.add(taken("2026-02-10T02:00:00Z"));
    }

    assertThat(of(List.of(), history).hours()).containsExactly(Map.entry(2, 50));
  }

  @Test
  void givenWordWithinAWord_whenTopicsAreFound_thenItDoesNotCount() {
    assertThat(Topics.DRIFT.of("candles charts")).isEmpty();
    assertThat(Topics.DRIFT.of("CANDLE, chart! co-occurrence and memory"))
        .containsExactly("trading", "memory-systems");
    assertThat(Topics.DRIFT.of("price price")).as("one word twice").containsExactly("trading");
  }
}

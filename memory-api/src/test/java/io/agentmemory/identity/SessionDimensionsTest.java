package io.agentmemory.identity;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Memory;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.spi.Canonical;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SessionDimensionsTest {
  private static final Map<String, Memory> MEMORIES =
      Map.of(
          "a",
          new Memory(
              "a",
              Tier.CORE,
              "a.md",
              "",
              Canonical.parse("{\"topic_context\":[\"trading\",\"development\"]}")),
          "b",
          new Memory("b", Tier.CORE, "b.md", "", Value.EMPTY_MAP));

  @Test
  void givenSessionWithEverything_whenRead_thenEachDimensionHasItsValues() {
    Map<String, Set<String>> dimensions =
        SessionDimensions.of(
            List.of("nostr"),
            (Value.Map) Canonical.parse("{\"dominant\":\"social\",\"secondary\":[\"economic\"]}"),
            List.of("lex"),
            List.of("a", "b", "gone"),
            MEMORIES::get);

    assertThat(dimensions)
        .containsExactlyInAnyOrderEntriesOf(
            Map.of(
                "where", Set.of("nostr"),
                "why", Set.of("social", "economic"),
                "who", Set.of("lex"),
                "what", Set.of("trading", "development")));
  }

  @Test
  void givenRetrievedMemoriesWithoutTopics_whenRead_thenWhatIsThereAndEmpty() {
    assertThat(
            SessionDimensions.of(
                List.of(),
                (Value.Map) Canonical.parse("{\"dominant\":null}"),
                null,
                List.of("gone"),
                MEMORIES::get))
        .containsExactly(Map.entry("what", Set.of()));
  }

  @Test
  void givenNothing_whenRead_thenThereIsNoDimension() {
    assertThat(SessionDimensions.of(List.of(), Value.EMPTY_MAP, null, List.of(), MEMORIES::get))
        .isEmpty();
    assertThat(
            SessionDimensions.of(List.of(), Value.EMPTY_MAP, List.of(), List.of(), MEMORIES::get))
        .as("contacts are kept, and there are none")
        .containsExactly(Map.entry("who", Set.of()));
  }
}

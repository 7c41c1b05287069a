package io.agentmemory;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LeafTest {
  private static final Digest A = new Digest("a".repeat(64));
  private static final Digest B = new Digest("b".repeat(64));

  private static Leaf leaf(String text) {
    return Leaf.of("id", "core/x.md", A, text.getBytes(UTF_8));
  }

  @Test
  void givenBytes_whenTaken_thenHashIsOfTheBytesAsTheyAre() {
    assertThat(leaf("abc").sha256())
        .isEqualTo("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assertThat(leaf("a\r\nb").sha256()).isNotEqualTo(leaf("a\nb").sha256());
  }

  /** The original counts characters, with each line end as one, and minds no odd byte. */
  @Test
  void givenPlatforms_whenTaken_thenTheyCountWithinTheFirst500Characters() {
    assertThat(leaf("\uD83D\uDE00".repeat(490) + "platforms:").tagged()).isTrue();
    assertThat(leaf("\uD83D\uDE00".repeat(491) + "platforms:").tagged()).isFalse();
    assertThat(leaf("\r\n".repeat(490) + "platforms:").tagged()).isTrue();
    assertThat(leaf("platform_context: x").tagged()).isFalse();
    assertThat(Leaf.of("id", "core/x.md", A, new byte[] {(byte) 0xff}).tagged()).isFalse();
  }

  @Test
  void givenCounts_whenStateIsTaken_thenItHangsOnEachAndNotOnTheirOrder() {
    Map<String, Digest> counts = new LinkedHashMap<>();
    counts.put("x", A);
    counts.put("y", B);
    Map<String, Digest> turned = new LinkedHashMap<>();
    turned.put("y", B);
    turned.put("x", A);

    assertThat(Leaf.stateOf(A, counts)).isEqualTo(Leaf.stateOf(A, turned));
    assertThat(Leaf.stateOf(A, counts))
        .isNotEqualTo(Leaf.stateOf(B, counts))
        .isNotEqualTo(Leaf.stateOf(A, Map.of("x", A)))
        .isNotEqualTo(Leaf.stateOf(A, Map.of("x", B, "y", A)))
        .isNotEqualTo(Leaf.stateOf(A, Map.of("x", A, "z", B)));
  }

  @Test
  void givenNoHash_whenMade_thenNothingElseIsKnownOfTheFile() {
    assertThat(new Leaf("id", "core/x.md", A, null, true))
        .isEqualTo(Leaf.unknown("id", "core/x.md", A));
    assertThatIllegalArgumentException().isThrownBy(() -> new Leaf("i", "f", A, "5d", false));
  }
}

package io.agentmemory.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.agentmemory.Digest;
import io.agentmemory.Leaf;
import io.agentmemory.Value;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class MerkleStateTest {
  private static final String A = Python.sha256("a");
  private static final String B = Python.sha256("b");
  private static final String C = Python.sha256("c");
  private static final String T = "2026-02-10T08:31:15.067440Z";

  private static Leaf leaf(String file, String hash) {
    return new Leaf(file, file, new Digest(A), hash, false);
  }

  private static final Leaf UNKNOWN = Leaf.unknown("u", "active/u.md", new Digest(A));

  @Test
  void givenEveryLeaf_whenAttested_thenItIsTheFirstOfAChain() {
    MerkleState state =
        new MerkleState(
            List.of(leaf("active/b.md", B), leaf("core/c.md", C), leaf("active/a.md", A)),
            Value.EMPTY_MAP);

    Value.Map attestation = state.attestation("agent", T);

    assertThat(attestation.get("merkle_root"))
        .isEqualTo(Value.of("1182fac24e0103053704f7404ef1a7a21bf25ebf98d238877413f4a35388e5fb"));
    assertThat(CognitiveFingerprint.map(attestation, "file_hashes").entries().keySet())
        .containsExactly("core/c.md", "active/a.md", "active/b.md");
    assertThat(attestation.get("chain_depth")).isEqualTo(Value.of(1));
    assertThat(attestation.get("previous_root")).isEqualTo(Value.of(""));
    assertThat(MerkleState.light(attestation).entries().keySet())
        .containsExactly(
            "version",
            "agent",
            "timestamp",
            "memory_count",
            "merkle_root",
            "previous_root",
            "chain_depth",
            "nostr_published");
  }

  /** Source: drift.md 2.16: a run without a chain leaves no depth, so the next one begins anew. */
  @Test
  void givenAttestationWithoutDepth_whenAttestedAgain_thenTheChainBeginsAnew() {
    MerkleState state =
        new MerkleState(
            List.of(leaf("core/a.md", A)), new Value.Map(Map.of("merkle_root", Value.of(B))));

    assertThat(state.attestation("agent", T).get("chain_depth")).isEqualTo(Value.of(1));
    assertThat(state.attestation("agent", T).get("previous_root")).isEqualTo(Value.of(B));
  }

  @Test
  void givenOneUnknownLeaf_whenAsked_thenThereIsNoRootAndNothingIsVerifiedOrAttested() {
    MerkleState state =
        new MerkleState(
            List.of(leaf("core/a.md", A), UNKNOWN),
            new Value.Map(Map.of("merkle_root", Value.of(A))));

    assertThat(state.unknown()).isEqualTo(1);
    assertThat(state.root()).isEmpty();
    assertThat(state.inclusion("core/a.md")).isEmpty();
    assertThat(state.integrity().get("verified")).isEqualTo(Value.NULL);
    assertThat(state.integrity().has("changed_files")).isFalse();
    assertThatIllegalStateException().isThrownBy(() -> state.attestation("agent", T));
  }

  @Test
  void givenNoAttestation_whenVerified_thenItSaysSo() {
    assertThat(new MerkleState(List.of(), Value.EMPTY_MAP).integrity().get("error"))
        .isEqualTo(Value.of("no_attestation"));
  }

  @Test
  void givenChangedFiles_whenVerified_thenTheFirstTenAreNamed() {
    Value.Map files =
        Value.EMPTY_MAP
            .with("core\\same.md", Value.of(A)) // as the original writes it on Windows
            .with("active/other.md", Value.of(B))
            .with("active/gone.md", Value.of(C));
    Value.Map latest = new Value.Map(Map.of("merkle_root", Value.of(B), "file_hashes", files));

    Value.Map integrity =
        new MerkleState(
                List.of(
                    leaf("core/same.md", A), leaf("active/other.md", C), leaf("active/new.md", B)),
                latest)
            .integrity();

    assertThat(integrity.get("verified")).isEqualTo(Value.of(false));
    assertThat(Value.textsOf(integrity.get("changed_files")))
        .containsExactly("+active/new.md", "~active/other.md", "-active/gone.md");
    List<Leaf> many =
        IntStream.range(0, 12).mapToObj(i -> leaf("core/%02d.md".formatted(i), A)).toList();
    Value.Map more = new MerkleState(many, latest).integrity();
    assertThat(Value.textsOf(more.get("changed_files"))).hasSize(10);
    assertThat(more.get("total_changes")).isEqualTo(Value.of(15));
  }
}

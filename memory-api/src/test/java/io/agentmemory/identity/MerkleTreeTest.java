package io.agentmemory.identity;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.identity.MerkleTree.Side;
import io.agentmemory.identity.MerkleTree.Step;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class MerkleTreeTest {
  private static final String A = Python.sha256("a");
  private static final String B = Python.sha256("b");
  private static final String C = Python.sha256("c");

  @Test
  void givenThreeLeaves_whenBuilt_thenRootIsTheOriginals() {
    MerkleTree tree = MerkleTree.of(List.of(C, A, B));

    assertThat(tree.root())
        .isEqualTo("1182fac24e0103053704f7404ef1a7a21bf25ebf98d238877413f4a35388e5fb");
    assertThat(tree.depth()).isEqualTo(3);
    assertThat(tree.size()).isEqualTo(3);
  }

  @Test
  void givenNoLeaves_whenBuilt_thenRootIsEmptyAndDepthOne() {
    MerkleTree tree = MerkleTree.of(List.of());

    assertThat(tree.root()).isEmpty();
    assertThat(tree.depth()).isEqualTo(1);
    assertThat(tree.proof(A)).isEmpty();
  }

  @Test
  void givenOneLeaf_whenBuilt_thenItIsTheRootAndNeedsNoSteps() {
    MerkleTree tree = MerkleTree.of(List.of(A));

    assertThat(tree.root()).isEqualTo(A);
    assertThat(tree.proof(A)).contains(List.of());
    assertThat(MerkleTree.verify(A, List.of(), tree.root())).isTrue();
  }

  @Test
  void givenOddNumberOfLeaves_whenTheLastIsProved_thenItIsItsOwnSibling() {
    List<String> sorted = List.of(A, B, C).stream().sorted().toList();
    String last = sorted.get(2);

    List<Step> proof = MerkleTree.of(sorted).proof(last).orElseThrow();

    assertThat(proof)
        .containsExactly(
            new Step(last, Side.RIGHT),
            new Step(Python.sha256(sorted.get(0) + sorted.get(1)), Side.LEFT));
  }

  @Test
  void givenTreesOfManySizes_whenEachLeafIsProved_thenTheProofHoldsForItAlone() {
    long seed = 7;
    for (int size = 1; size < 40; size++) {
      List<String> leaves =
          new ArrayList<>(IntStream.range(0, size).mapToObj(i -> Python.sha256("x" + i)).toList());
      String root = MerkleTree.of(leaves).root();
      Collections.shuffle(leaves, new Random(seed + size));
      MerkleTree tree = MerkleTree.of(leaves);

      assertThat(tree.root()).as("root of %s leaves in another order", size).isEqualTo(root);
      for (String leaf : leaves) {
        List<Step> proof = tree.proof(leaf).orElseThrow();
        assertThat(proof).as("size %s, seed %s", size, seed).hasSize(tree.depth() - 1);
        assertThat(MerkleTree.verify(leaf, proof, root)).as("size %s", size).isTrue();
        assertThat(MerkleTree.verify(Python.sha256("other"), proof, root)).isFalse();
      }
    }
  }
}

package io.agentmemory.identity;

import io.agentmemory.internal.Texts;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/**
 * A tree of hashes over the memory files: its root changes with every byte of any of them, and a
 * short proof shows that one file was among them. Immutable.
 *
 * <p>Leaves are sorted as texts. A parent is the SHA-256 of its two children's hexadecimal digits;
 * the last of an odd number is paired with itself. Source: Drift's merkle attestation.
 */
public final class MerkleTree {
  private final List<List<String>> levels;

  private MerkleTree(List<List<String>> levels) {
    this.levels = levels;
  }

  /**
   * The tree over {@code leaves}, in whatever order they come.
   *
   * @param leaves of each file in {@code core/} and {@code active/}, the SHA-256 of its bytes in
   *     lower-case hexadecimal digits
   */
  public static MerkleTree of(Collection<String> leaves) {
    List<List<String>> levels = new ArrayList<>();
    List<String> level = leaves.stream().sorted(Texts::compare).toList();
    levels.add(level);
    while (level.size() > 1) {
      List<String> parents = new ArrayList<>((level.size() + 1) / 2);
      for (int left = 0; left < level.size(); left += 2) {
        int right = Math.min(left + 1, level.size() - 1);
        parents.add(Python.sha256(level.get(left) + level.get(right)));
      }
      level = List.copyOf(parents);
      levels.add(level);
    }
    return new MerkleTree(levels);
  }

  /** The root; empty text if there are no leaves, the leaf itself if there is but one. */
  public String root() {
    List<String> top = levels.get(levels.size() - 1);
    return top.isEmpty() ? "" : top.get(0);
  }

  /** The number of levels, leaves and root included; at least 1. */
  public int depth() {
    return levels.size();
  }

  /** The number of leaves. */
  public int size() {
    return levels.get(0).size();
  }

  /** The steps from {@code leaf} up to the root; empty if it is no leaf of this tree. */
  public Optional<List<Step>> proof(String leaf) {
    int at = levels.get(0).indexOf(leaf);
    if (at < 0) {
      return Optional.empty();
    }
    List<Step> steps = new ArrayList<>(depth() - 1);
    for (List<String> level : levels.subList(0, levels.size() - 1)) {
      boolean left = at % 2 == 1;
      int sibling = left ? at - 1 : Math.min(at + 1, level.size() - 1);
      steps.add(new Step(level.get(sibling), left ? Side.LEFT : Side.RIGHT));
      at /= 2;
    }
    return Optional.of(List.copyOf(steps));
  }

  /** Whether {@code proof} leads from {@code leaf} to {@code root}. */
  public static boolean verify(String leaf, List<Step> proof, String root) {
    String hash = leaf;
    for (Step step : proof) {
      hash = Python.sha256(step.side() == Side.LEFT ? step.hash() + hash : hash + step.hash());
    }
    return hash.equals(root);
  }

  /** Where a sibling stands. */
  public enum Side {
    /** Before the hash it is joined with. */
    LEFT,
    /** After it. */
    RIGHT
  }

  /**
   * One step of a proof.
   *
   * @param hash the sibling's
   * @param side where the sibling stands
   */
  public record Step(String hash, Side side) {}
}

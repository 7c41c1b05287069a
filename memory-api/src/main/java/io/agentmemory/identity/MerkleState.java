package io.agentmemory.identity;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Leaf;
import io.agentmemory.MemoryStore;
import io.agentmemory.Value;
import io.agentmemory.internal.Texts;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What is known of the files of the core and active memories, and what was last attested of them.
 * There is a root only while every leaf is known.
 *
 * <p>Source: Drift's merkle attestation.
 *
 * @param leaves in any order; kept by tier and file name
 * @param latest the members of the latest attestation; empty if there is none
 */
public record MerkleState(List<Leaf> leaves, Value.Map latest) {
  private static final int LISTED_CHANGES = 10;

  /** Sorts the leaves. */
  public MerkleState {
    requireNonNull(latest, "latest");
    leaves =
        leaves.stream()
            .sorted(
                Comparator.comparing((Leaf leaf) -> !leaf.file().startsWith("core/"))
                    .thenComparing(Leaf::file, Texts::compare)
                    .thenComparing(Leaf::id, Texts::compare))
            .toList();
  }

  /** Reads the leaves of a store, and its latest attestation. */
  public static MerkleState of(MemoryStore store) {
    return IdentitySources.merkle(store, new ArrayList<>());
  }

  /** The number of leaves that are not known. */
  public int unknown() {
    return (int) leaves.stream().filter(leaf -> leaf.hash().isEmpty()).count();
  }

  /** The tree; empty while a leaf is not known. */
  public Optional<MerkleTree> merkle() {
    List<String> hashes = leaves.stream().flatMap(leaf -> leaf.hash().stream()).toList();
    return hashes.size() < leaves.size() ? Optional.empty() : Optional.of(MerkleTree.of(hashes));
  }

  /** The root; empty while a leaf is not known. */
  public Optional<String> root() {
    return merkle().map(MerkleTree::root);
  }

  /**
   * That the file of a memory is among those of the root: {@code leaf}, and the {@code proof} as a
   * list of {@code hash} and {@code position}. Empty if there is no root or no such leaf.
   */
  public Optional<Value.Map> inclusion(String id) {
    Optional<String> leaf =
        leaves.stream().filter(l -> l.id().equals(id)).findFirst().flatMap(Leaf::hash);
    return leaf.flatMap(
        hash -> merkle().flatMap(tree -> tree.proof(hash)).map(proof -> inclusion(hash, proof)));
  }

  private static Value.Map inclusion(String leaf, List<MerkleTree.Step> proof) {
    List<Value> steps = new ArrayList<>();
    for (MerkleTree.Step step : proof) {
      Map<String, Value> tree = new LinkedHashMap<>();
      tree.put("hash", Value.of(step.hash()));
      tree.put("position", Value.of(step.side().name().toLowerCase(Locale.ROOT)));
      steps.add(new Value.Map(tree));
    }
    Map<String, Value> tree = new LinkedHashMap<>();
    tree.put("leaf", Value.of(leaf));
    tree.put("proof", new Value.Seq(steps));
    return new Value.Map(tree);
  }

  /**
   * Whether the files are as they were last attested, in the original's form, with the first ten
   * that are not. While there is no root to tell by, {@code verified} is null.
   */
  public Value.Map integrity() {
    return integrity(LISTED_CHANGES);
  }

  /**
   * Whether the files are as they were last attested, as {@link #integrity()}.
   *
   * @param listed how many of those that are not are named at most; at least 0
   */
  public Value.Map integrity(int listed) {
    Map<String, Value> tree = new LinkedHashMap<>();
    if (latest.isEmpty()) {
      tree.put("verified", Value.of(false));
      tree.put("error", Value.of("no_attestation"));
      return new Value.Map(tree);
    }
    Value root = root().map(Value::of).orElse(Value.NULL);
    Value expected = latest.entries().getOrDefault("merkle_root", Value.of(""));
    boolean known = !root.equals(Value.NULL);
    boolean verified = root.equals(expected);
    tree.put("verified", known ? Value.of(verified) : Value.NULL);
    tree.put("root", root);
    tree.put("expected", expected);
    tree.put("memory_count", Value.of(leaves.size()));
    tree.put("chain_depth", latest.entries().getOrDefault("chain_depth", Value.of(0)));
    tree.put("last_attested", latest.entries().getOrDefault("timestamp", Value.of("unknown")));
    if (known && !verified) {
      List<String> changes = changes();
      tree.put(
          "changed_files", Value.Seq.ofTexts(changes.subList(0, Math.min(listed, changes.size()))));
      tree.put("total_changes", Value.of(changes.size()));
    }
    return new Value.Map(tree);
  }

  /** New files with a plus, other ones with a tilde, and files that are gone with a minus. */
  private List<String> changes() {
    Map<String, Value> gone = new LinkedHashMap<>();
    CognitiveFingerprint.map(latest, "file_hashes")
        .entries()
        .forEach((file, hash) -> gone.put(file.replace('\\', '/'), hash)); // as Windows writes them
    List<String> changes = new ArrayList<>();
    for (Leaf leaf : leaves) {
      Value attested = gone.remove(leaf.file());
      if (attested == null) {
        changes.add("+" + leaf.file());
      } else if (!leaf.hash().equals(Optional.ofNullable(Value.textOf(attested)))) {
        changes.add("~" + leaf.file());
      }
    }
    gone.keySet().forEach(file -> changes.add("-" + file));
    return changes;
  }

  /**
   * An attestation of the files as they are, as a link in the chain of those before; the first one
   * of a chain has depth 1 and an empty {@code previous_root}.
   *
   * @param timestamp of the attestation, as it is to stand in it
   * @throws IllegalStateException if a leaf is not known
   */
  public Value.Map attestation(String agent, String timestamp) {
    MerkleTree merkle =
        merkle()
            .orElseThrow(
                () ->
                    new IllegalStateException(
                        unknown() + " of " + leaves.size() + " leaves are not known"));
    Map<String, Value> files = new LinkedHashMap<>();
    leaves.forEach(leaf -> files.put(leaf.file(), Value.of(leaf.hash().orElseThrow())));
    Map<String, Value> tree = new LinkedHashMap<>();
    tree.put("version", Value.of("2.0"));
    tree.put("agent", Value.of(agent));
    tree.put("timestamp", Value.of(timestamp));
    tree.put("memory_count", Value.of(files.size()));
    tree.put("merkle_root", Value.of(merkle.root()));
    tree.put("file_hashes", new Value.Map(files));
    tree.put("_tree_depth", Value.of(merkle.depth()));
    tree.put("previous_root", latest.entries().getOrDefault("merkle_root", Value.of("")));
    long depth = latest.get("chain_depth") instanceof Value.Int chain ? chain.value() : 0;
    tree.put("chain_depth", Value.of(depth + 1));
    tree.put("nostr_published", Value.of(false));
    return new Value.Map(tree);
  }

  /** What of an attestation goes into the history: all but the files and the depth of the tree. */
  public static Value.Map light(Value.Map attestation) {
    return attestation.without("file_hashes").without("_tree_depth");
  }

  /** Root, depth, number of leaves and integrity, in the original's form. */
  public Value.Map tree() {
    Optional<MerkleTree> merkle = merkle();
    Map<String, Value> tree = new LinkedHashMap<>();
    tree.put("root", merkle.map(m -> Value.of(m.root())).orElse(Value.NULL));
    tree.put("depth", merkle.map(m -> Value.of(m.depth())).orElse(Value.NULL));
    tree.put("count", Value.of(leaves.size()));
    tree.put("integrity", integrity());
    return new Value.Map(tree);
  }
}

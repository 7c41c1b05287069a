package io.agentmemory.dualwrite;

import io.agentmemory.Kind;
import io.agentmemory.Leaf;
import io.agentmemory.Value;
import io.agentmemory.identity.IdentityReport;
import io.agentmemory.identity.MerkleState;
import io.agentmemory.spi.Canonical;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Two identities compared.
 *
 * @param differences one for each value that differs; hashes and numbers, no content
 * @param notes what is no difference
 */
record Identities(List<Difference> differences, List<String> notes) {
  private static final String UNKNOWN = "unknown";

  static Identities of(IdentityReport source, IdentityReport target) {
    List<Difference> differences = new ArrayList<>();
    List<String> notes = new ArrayList<>();
    Map<String, Value> here = source.comparable();
    Map<String, Value> there = target.comparable();
    Set<String> names = new LinkedHashSet<>(here.keySet());
    names.addAll(there.keySet());
    for (String name : names) {
      String left = text(here.getOrDefault(name, Value.NULL));
      String right = text(there.getOrDefault(name, Value.NULL));
      if (!left.equals(right)) {
        differences.add(difference(name, left, right));
      }
    }
    compare(source.merkle(), target.merkle(), differences, notes);
    return new Identities(List.copyOf(differences), List.copyOf(notes));
  }

  private static String text(Value value) {
    String text = Value.textOf(value);
    return text == null ? Canonical.json(value) : text;
  }

  private static Difference difference(String name, String source, String target) {
    return new Difference(kind(name), null, Difference.Type.IDENTITY, name, source, target);
  }

  /** The kind of records that a value is computed from, or mostly so. */
  private static Kind<?> kind(String name) {
    if (name.startsWith("context_graphs.") || name.startsWith("vitals.cooccurrence_")) {
      return Kind.EDGE;
    }
    return switch (name) {
      case "taste_hash", "vitals.rejection_count", "vitals.twitter_rejections" -> Kind.REJECTION;
      case "fingerprint_hash", "drift_score" -> Kind.CO_OCCURRENCE;
      default -> Kind.MEMORY;
    };
  }

  /** Leaf by leaf, as far as both sides know them. */
  private static void compare(
      MerkleState source, MerkleState target, List<Difference> differences, List<String> notes) {
    Map<String, Leaf> left = new HashMap<>();
    source.leaves().forEach(leaf -> left.put(leaf.id(), leaf));
    int different = 0;
    int sameRecords = 0;
    for (Leaf there : target.leaves()) {
      Leaf here = left.remove(there.id());
      boolean known = here != null && here.hash().isPresent() && there.hash().isPresent();
      if (here == null
          || !here.file().equals(there.file())
          || (known && !here.hash().equals(there.hash()))) {
        different++;
        sameRecords += here != null && here.state().equals(there.state()) ? 1 : 0;
      }
    }
    different += left.size();
    if (different > 0) {
      differences.add(
          difference("merkle_root", source.root().orElse(UNKNOWN), target.root().orElse(UNKNOWN)));
      notes.add(
          different
              + " leaves of the merkle tree differ, "
              + sameRecords
              + " of them of files that hold the same records in other bytes");
    }
    unknown("source", source, notes);
    unknown("target", target, notes);
  }

  private static void unknown(String side, MerkleState state, List<String> notes) {
    if (state.unknown() > 0) {
      notes.add(
          state.unknown()
              + " of "
              + state.leaves().size()
              + " leaves of the merkle tree are not known in the "
              + side);
    }
  }
}

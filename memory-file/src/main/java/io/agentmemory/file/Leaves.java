package io.agentmemory.file;

import static java.util.Objects.requireNonNull;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Digest;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Leaf;
import io.agentmemory.Tier;
import io.agentmemory.file.Control.FileState;
import io.agentmemory.internal.Disk;
import io.agentmemory.spi.Canonical;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads what the files of memories are, some at a time. In a tree that is open for writing it is
 * for the thread that writes.
 */
final class Leaves {
  private final Disk disk;
  private final Layout layout;
  private final Tree tree;
  private final @Nullable TreeWriter writer;

  /**
   * @param writer null for a tree that is open for reading only
   */
  Leaves(Disk disk, Layout layout, Tree tree, @Nullable TreeWriter writer) {
    this.disk = disk;
    this.layout = layout;
    this.tree = tree;
    this.writer = writer;
  }

  static boolean isLeaf(@Nullable Row row) {
    return row != null && row.isLive() && row.memory().tier != Tier.ARCHIVE;
  }

  /** The leaves of those of these memories that have one by now. */
  List<Leaf> of(List<Key> keys) throws IOException {
    List<Leaf> leaves = new ArrayList<>(keys.size());
    for (Key key : keys) {
      Row row = tree.index.row(Kind.MEMORY, key);
      if (isLeaf(row)) {
        leaves.add(leaf(requireNonNull(row)));
      }
    }
    return leaves;
  }

  private Leaf leaf(Row row) throws IOException {
    String id = row.key.part(0);
    String file = row.memory().file;
    byte[] bytes = bytes(file);
    if (bytes == null) {
      return Leaf.unknown(id, file, state(row));
    }
    Leaf leaf = Leaf.of(id, file, state(row), bytes);
    FileState known = tree.files.get(file);
    return known != null && known.hash().equals(leaf.sha256())
        ? leaf
        : new Leaf(id, file, state(row, bytes), leaf.sha256(), leaf.tagged());
  }

  private byte @Nullable [] bytes(String file) throws IOException {
    if (writer != null) {
      return writer.bytes(file, new Draft(tree.index));
    }
    Path path = layout.resolve(file);
    Disk.Stat stat = disk.stat(path);
    return stat == null || stat.type() != Disk.Type.FILE ? null : disk.read(path);
  }

  private Digest state(Row row) {
    Map<String, Digest> counts = new HashMap<>();
    for (Row count : tree.index.startingWith(Kind.CO_OCCURRENCE, row.key.part(0))) {
      counts.put(count.key.part(1), digest(count));
    }
    return Leaf.stateOf(digest(row), counts);
  }

  private static Digest digest(Row row) {
    return new Digest(HexFormat.of().formatHex(row.digest()));
  }

  /** Of a file that somebody has changed since we read it; what does not parse has no state. */
  private static Digest state(Row row, byte[] bytes) {
    String file = row.memory().file;
    try {
      MemoryFile.Parsed parsed = MemoryFile.parse(row.memory().tier, Layout.nameOf(file), bytes);
      Map<String, Digest> counts = new HashMap<>();
      for (CoOccurrence count : parsed.coOccurrences()) {
        counts.put(count.to(), Canonical.digest(count));
      }
      return Leaf.stateOf(Canonical.digest(parsed.memory()), counts);
    } catch (UnreadableFileException e) {
      return new Digest(Sha.of(bytes));
    }
  }
}

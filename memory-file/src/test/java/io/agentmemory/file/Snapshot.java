package io.agentmemory.file;

import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.Stored;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** All that a store holds, a line for each record, to compare two states. */
final class Snapshot {
  private Snapshot() {}

  static List<String> of(MemoryStore store) {
    List<String> lines = new ArrayList<>();
    for (Kind<?> kind : Kind.all()) {
      add(store, kind, lines);
    }
    return lines;
  }

  private static <T extends MemoryRecord> void add(
      MemoryStore store, Kind<T> kind, List<String> lines) {
    try (Stream<Stored<T>> records = store.scan(kind)) {
      records.forEach(
          stored ->
              lines.add(
                  kind
                      + " "
                      + stored.key().parts()
                      + " r"
                      + stored.revision()
                      + " "
                      + stored.version().digest()
                      + " by "
                      + stored.lastOp()));
    }
  }
}

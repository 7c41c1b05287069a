package io.agentmemory.testkit;

import io.agentmemory.InvalidMemoryException;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.ScanRange;
import io.agentmemory.StoreInfo;
import io.agentmemory.Stored;
import io.agentmemory.Version;
import io.agentmemory.command.Outcome;
import io.agentmemory.internal.Places;
import io.agentmemory.internal.Texts;
import io.agentmemory.spi.Canonical;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** What a store holds and answers, as lines of text that can be compared and read. */
final class Dump {
  private Dump() {}

  /**
   * Every record and tombstone with its control fields, by {@link MemoryStore#scan}, and the orders
   * of what has places.
   */
  static List<String> of(MemoryStore store) {
    List<String> lines = new ArrayList<>();
    for (Kind<?> kind : Kind.all()) {
      lines.addAll(of(store, kind, ScanRange.ALL));
    }
    orders(store).forEach((from, to) -> lines.add("order of " + from + ": " + to));
    return lines;
  }

  /** What each memory counts, and under no name all edges, in the order of their files. */
  static Map<String, List<String>> orders(MemoryStore store) {
    Map<String, List<String>> orders = new TreeMap<>(Texts::compare);
    for (Kind<?> kind : List.of(Kind.CO_OCCURRENCE, Kind.EDGE)) {
      try (Stream<? extends Stored<?>> records = store.scan(kind)) {
        records
            .filter(stored -> !stored.isTombstone())
            .sorted(Stored.BY_PLACE)
            .forEach(
                stored ->
                    orders
                        .computeIfAbsent(Places.list(kind, stored.key()), list -> new ArrayList<>())
                        .add(stored.key().part(kind.keyParts() - 1)));
      }
    }
    return orders;
  }

  static <T extends MemoryRecord> List<String> of(
      MemoryStore store, Kind<T> kind, ScanRange range) {
    try (Stream<Stored<T>> scan = store.scan(kind, range)) {
      return scan.map(Dump::line).toList();
    }
  }

  /** Every version, by {@link MemoryStore#versions}. */
  static List<String> versions(MemoryStore store) {
    List<String> lines = new ArrayList<>();
    for (Kind<?> kind : Kind.all()) {
      lines.addAll(versions(store, kind, ScanRange.ALL));
    }
    return lines;
  }

  static <T extends MemoryRecord> List<String> versions(
      MemoryStore store, Kind<T> kind, ScanRange range) {
    try (Stream<KeyVersion> versions = store.versions(kind, range)) {
      return versions.map(v -> kind + " " + v.key().parts() + " " + line(v.version())).toList();
    }
  }

  /** The counts of {@link MemoryStore#info()}. */
  static List<String> counts(MemoryStore store) {
    StoreInfo info = store.info();
    return Kind.all().stream()
        .map(k -> k + " " + info.kinds().get(k) + " live, " + info.tombstones().get(k) + " deleted")
        .toList();
  }

  static String line(Stored<?> stored) {
    String head =
        stored.kind()
            + " "
            + stored.key().parts()
            + " "
            + line(stored.version())
            + " by "
            + stored.lastOp();
    MemoryRecord value = stored.value();
    return value == null ? head : head + " " + Canonical.canonical(value.tree());
  }

  private static String line(Version version) {
    return "r" + version.revision() + " " + (version.isTombstone() ? "deleted" : version.digest());
  }

  /** An outcome: what changed and what did not. */
  static List<String> of(Outcome outcome) {
    List<String> lines = new ArrayList<>();
    for (Outcome.Change change : outcome.changes()) {
      Version before = change.before();
      // of a repeated operation only the present state is promised
      String from = outcome.repeated() ? "" : before == null ? "new " : line(before) + " -> ";
      lines.add(from + line(change.after()));
    }
    outcome.skipped().forEach(s -> lines.add("skipped " + s));
    if (outcome.repeated()) {
      lines.sort(null);
      lines.add(0, "repeated");
    }
    lines.add(0, "operation " + outcome.opId());
    return lines;
  }

  /** An error: its kind and what it carries, without the store's own name. */
  static List<String> of(MemoryStoreException error) {
    List<String> lines = new ArrayList<>();
    lines.add(error.getClass().getSimpleName());
    lines.add(error.operation().verb() + "(" + error.operation().subject() + ")");
    if (error instanceof InvalidMemoryException invalid) {
      lines.add("field " + invalid.field());
    } else if (error instanceof MemoryConflictException conflict) {
      lines.add(
          "expected " + conflict.expectedRevision() + ", actual " + conflict.actualRevision());
    }
    return lines;
  }
}

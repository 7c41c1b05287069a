package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.ImageLink;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.Observation;
import io.agentmemory.OpId;
import io.agentmemory.ScanRange;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.Batch;
import io.agentmemory.command.PutRecords;
import io.agentmemory.spi.ForwardingMemoryStore;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/** Small stores with something of every kind, and all that a store holds as one list. */
final class Trees {
  private Trees() {}

  static Memory memory(String id, String content) {
    return new Memory(
        id,
        Tier.ACTIVE,
        id + ".md",
        content,
        new Value.Map(
            Map.of(
                "id",
                Value.of(id),
                "created",
                Value.of("2026-02-10T11:52:05+00:00"),
                "tags",
                Value.Seq.ofTexts(List.of("a", "b", "c")),
                "emotional_weight",
                Value.of(0.5),
                Memory.CO_OCCURRENCES,
                Value.EMPTY_MAP)));
  }

  /** A record of every kind, and {@code memories} memories. */
  static List<MemoryRecord> records(int memories) {
    List<MemoryRecord> records = new ArrayList<>();
    for (int i = 0; i < memories; i++) {
      records.add(memory(String.format("m%05d", i), "content of " + i));
    }
    records.add(VectorSpace.of(VectorSpace.TEXT, "model", 2));
    records.add(new CoOccurrence("m00000", "elsewhere", Value.of(3)));
    records.add(
        new Edge(
            "m00000|m00001",
            new Value.Map(Map.of("belief", Value.of(0.5), Edge.OBSERVATIONS, Value.EMPTY_SEQ))));
    records.add(
        new Observation("m00000|m00001", 0, new Value.Map(Map.of("weight", Value.of(1.0)))));
    records.add(Embedding.of(VectorSpace.TEXT, "m00000", 1f, 2f));
    records.add(new ImageLink("image.jpg", Value.Seq.ofTexts(List.of("m00000"))));
    return records;
  }

  static InMemoryMemoryStore store(List<MemoryRecord> records) {
    InMemoryMemoryStore store = new InMemoryMemoryStore("test");
    put(store, records, 1);
    return store;
  }

  static void put(MemoryStore store, List<? extends MemoryRecord> records, long revision) {
    store.execute(
        new Batch(
            OpId.random(),
            List.of(
                new PutRecords(
                    records.stream()
                        .map(record -> new PutRecords.Put(record, revision))
                        .toList()))));
  }

  /**
   * Every record and tombstone with its version, without the operation that wrote it, and the
   * orders of co-occurrences and edges.
   */
  static List<String> dump(MemoryStore store) {
    List<String> lines = new ArrayList<>();
    for (Kind<?> kind : Kind.all()) {
      try (Stream<? extends Stored<?>> scan = store.scan(kind)) {
        scan.forEach(s -> lines.add(kind + " " + s.key() + " " + s.version()));
      }
    }
    lines.addAll(orders(store));
    return lines;
  }

  /** The counts of co-occurrences, by memory, and the edges, as their files list them. */
  static List<String> orders(MemoryStore store) {
    List<String> lines = new ArrayList<>();
    for (Kind<?> kind : List.of(Kind.CO_OCCURRENCE, Kind.EDGE)) {
      try (Stream<? extends Stored<?>> scan = store.scan(kind)) {
        scan.filter(stored -> !stored.isTombstone())
            .sorted(Orders.IN_FILES)
            .forEach(stored -> lines.add("in order " + stored.key()));
      }
    }
    return lines;
  }

  /** What a store answers when somebody changed one record behind its back. */
  static MemoryStore withChanged(MemoryStore store, MemoryRecord changed) {
    return new ForwardingMemoryStore(store) {
      @Override
      public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
        return super.scan(kind, range).map(this::change);
      }

      @Override
      public <T extends MemoryRecord> List<Stored<T>> readAll(Kind<T> kind, List<Key> keys) {
        return super.readAll(kind, keys).stream().map(this::change).toList();
      }

      private <T extends MemoryRecord> Stored<T> change(Stored<T> stored) {
        return stored.kind().equals(changed.kind()) && stored.key().equals(changed.key())
            ? new Stored<>(
                stored.kind(),
                stored.key(),
                stored.version(),
                stored.lastOp(),
                stored.kind().type().cast(changed))
            : stored;
      }
    };
  }

  /** Waits until something holds; fails after ten seconds. */
  static void await(BooleanSupplier condition, String what) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("time to wait for %s", what).isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  static Stored<Memory> memory(MemoryStore store, String id) {
    return requireNonNull(store.read(Kind.MEMORY, Key.of(id)).orElse(null), id);
  }
}

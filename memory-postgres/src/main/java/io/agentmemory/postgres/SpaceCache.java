package io.agentmemory.postgres;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Observation;
import io.agentmemory.SessionRecall;
import io.agentmemory.Stored;
import io.agentmemory.VectorSpace;
import io.agentmemory.spi.Needs;
import io.agentmemory.spi.RecordReader;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/**
 * Spaces as they were last seen, so that putting a vector takes one statement: that statement
 * checks that they still are so. Thread-safe.
 */
final class SpaceCache {
  private static final int MOST = 1000;

  private final Map<String, Stored<VectorSpace>> seen = new ConcurrentHashMap<>();
  private final Function<String, Optional<Stored<VectorSpace>>> reader;

  /** Asks {@code reader} for a space it has not seen yet. */
  SpaceCache(Function<String, Optional<Stored<VectorSpace>>> reader) {
    this.reader = reader;
  }

  /** Forgets what was seen: it turned out to be different. */
  void clear() {
    seen.clear();
  }

  private Optional<Stored<VectorSpace>> space(String name) {
    Stored<VectorSpace> known = seen.get(name);
    if (known != null) {
      return Optional.of(known);
    }
    Optional<Stored<VectorSpace>> read = reader.apply(name);
    if (read.isPresent() && seen.size() < MOST) {
      seen.put(name, read.get());
    }
    return read;
  }

  /** The spaces that are needed, and nothing else. */
  Snapshot snapshot(Needs needs) {
    Map<Key, Stored<VectorSpace>> spaces = new LinkedHashMap<>();
    for (Key key : needs.keys().getOrDefault(Kind.VECTOR_SPACE, Set.of())) {
      if (Tables.canHold(Kind.VECTOR_SPACE, key)) {
        space(key.part(0)).ifPresent(space -> spaces.put(key, space));
      }
    }
    return new Snapshot(spaces);
  }

  /** A store in which there is nothing but some spaces. */
  static final class Snapshot implements RecordReader {
    private final Map<Key, Stored<VectorSpace>> spaces;

    private Snapshot(Map<Key, Stored<VectorSpace>> spaces) {
      this.spaces = spaces;
    }

    /** Adds the condition that these spaces are still as they were seen. */
    void addUnchanged(Sql sql, Tables tables) {
      if (spaces.isEmpty()) {
        return;
      }
      Table<VectorSpace> table = tables.of(Kind.VECTOR_SPACE);
      List<Long> revisions = new ArrayList<>();
      List<String> names = new ArrayList<>();
      spaces.forEach(
          (key, space) -> {
            names.add(key.part(0));
            revisions.add(space.revision());
          });
      sql.add("\nAND (SELECT count(*) FROM " + table.name() + " AS t").add(table.scope());
      sql.add(
          " AND (t.name, t.revision) IN (SELECT * FROM unnest(?::text[], ?::int8[]))) = ?",
          Sql.texts(names),
          Sql.array("int8", revisions.toArray(new Long[0])),
          Sql.number(names.size()));
    }

    @Override
    @SuppressWarnings("unchecked") // the kind is that of spaces
    public <T extends MemoryRecord> Optional<Stored<T>> get(Kind<T> kind, Key key) {
      return kind.equals(Kind.VECTOR_SPACE)
          ? Optional.ofNullable((Stored<T>) spaces.get(requireNonNull(key)))
          : Optional.empty();
    }

    @Override
    public <T extends MemoryRecord> List<Stored<T>> ownedBy(Kind<T> kind, String memoryId) {
      return List.of();
    }

    @Override
    public List<Stored<Observation>> observationsOf(String pair) {
      return List.of();
    }

    @Override
    public List<Stored<SessionRecall>> sessionRecalls() {
      return List.of();
    }

    @Override
    public <T extends MemoryRecord> List<Stored<T>> all(Kind<T> kind) {
      return List.of();
    }

    @Override
    public int endOf(Kind<?> kind, List<String> before) {
      return 0;
    }
  }
}

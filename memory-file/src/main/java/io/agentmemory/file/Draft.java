package io.agentmemory.file;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Observation;
import io.agentmemory.SessionRecall;
import io.agentmemory.Stored;
import io.agentmemory.file.Control.Ref;
import io.agentmemory.internal.TreeFile;
import io.agentmemory.spi.RecordReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What operations will have done once their line is forced, over what a tree holds; an operation of
 * the same line reads through it. A draft on top of another keeps that one as it is, until it is
 * merged.
 */
final class Draft implements RecordReader {
  private final Index index;
  private final @Nullable Draft below;
  private final Map<Ref, Stored<?>> states = new LinkedHashMap<>();

  /** The same as the index will have them: what cannot be made into a row has to fail early. */
  private final Map<Ref, Row> rows = new LinkedHashMap<>();

  /** Memory files: their new bytes; null for one that goes. */
  private final Map<String, byte @Nullable []> files = new LinkedHashMap<>();

  private final Map<String, @Nullable String> ids = new HashMap<>();

  /** Files that a memory moves to: where it lay before. */
  private final Map<String, String> moves = new HashMap<>();

  private final List<Lines.Op> ops = new ArrayList<>();

  Draft(Index index) {
    this.index = index;
    this.below = null;
  }

  Draft(Draft below) {
    this.index = below.index;
    this.below = below;
  }

  void put(Stored<?> state) {
    Ref ref = new Ref(state.kind(), state.key());
    rows.put(ref, Row.of(state));
    states.put(ref, state);
  }

  void putFile(String file, byte @Nullable [] bytes, @Nullable String id) {
    files.put(file, bytes);
    ids.put(file, id);
  }

  /** Notes that the memory in {@code file} lay in {@code before}. */
  void moved(String file, String before) {
    moves.put(file, before);
  }

  void add(Lines.Op op) {
    ops.add(op);
  }

  /** Gives all of this to the draft below. */
  void merge() {
    Draft to = requireNonNull(below);
    to.states.putAll(states);
    to.rows.putAll(rows);
    to.files.putAll(files);
    to.ids.putAll(ids);
    to.moves.putAll(moves);
    to.ops.addAll(ops);
  }

  Map<Ref, Stored<?>> states() {
    return states;
  }

  Map<Ref, Row> rows() {
    return rows;
  }

  Map<String, byte @Nullable []> files() {
    return files;
  }

  Map<String, String> moves() {
    return moves;
  }

  List<Lines.Op> ops() {
    return ops;
  }

  /** The operation of this id, if it is one of the draft's. */
  Lines.@Nullable Op op(io.agentmemory.OpId id) {
    for (Lines.Op op : ops) {
      if (op.id().equals(id)) {
        return op;
      }
    }
    return null;
  }

  /** Whether a draft says what becomes of a file. */
  boolean knows(String file) {
    return files.containsKey(file) || (below != null && below.knows(file));
  }

  /** The new bytes of a file that {@link #knows}. */
  byte @Nullable [] bytes(String file) {
    return files.containsKey(file) ? files.get(file) : requireNonNull(below).bytes(file);
  }

  /** The id of the memory that lies in a file. */
  @Nullable String idIn(String file) {
    if (ids.containsKey(file)) {
      return ids.get(file);
    }
    return below != null ? below.idIn(file) : index.idIn(file);
  }

  private @Nullable Stored<?> state(Kind<?> kind, Key key) {
    Stored<?> state = states.get(new Ref(kind, key));
    if (state != null) {
      return state;
    }
    if (below != null) {
      return below.state(kind, key);
    }
    Row row = index.row(kind, key);
    return row == null ? null : row.stored();
  }

  @Override
  @SuppressWarnings("unchecked") // a state is of the kind it is filed under
  public <T extends MemoryRecord> Optional<Stored<T>> get(Kind<T> kind, Key key) {
    return Optional.ofNullable((Stored<T>) state(kind, key));
  }

  @Override
  public <T extends MemoryRecord> List<Stored<T>> ownedBy(Kind<T> kind, String memoryId) {
    return over(
        kind,
        index.ownedBy(kind, memoryId),
        state -> requireNonNull(state.value()).owners().contains(memoryId));
  }

  @Override
  public List<Stored<Observation>> observationsOf(String pair) {
    return over(
        Kind.OBSERVATION,
        index.startingWith(Kind.OBSERVATION, pair),
        state -> state.key().part(0).equals(pair));
  }

  @Override
  public List<Stored<SessionRecall>> sessionRecalls() {
    List<Row> live = index.all(Kind.SESSION_RECALL).stream().filter(Row::isLive).toList();
    return over(Kind.SESSION_RECALL, live, state -> true);
  }

  @Override
  public <T extends MemoryRecord> List<Stored<T>> all(Kind<T> kind) {
    return over(kind, index.live(kind), state -> true);
  }

  @Override
  public int endOf(Kind<?> kind, List<String> before) {
    TreeFile list = requireNonNull(TreeFile.listOf(kind, before), "list");
    int end = 0;
    for (Row row : index.backwards(kind, list.item(0), list.item(TreeFile.LAST_PLACE))) {
      Stored<?> now = state(kind, row.key);
      if (now != null && !now.isTombstone()) {
        end = list.place(row.key) + 1;
        break;
      }
    }
    for (Draft draft = this; draft != null; draft = draft.below) {
      for (Stored<?> state : draft.states.values()) {
        if (state.kind().equals(kind)
            && list.equals(TreeFile.of(kind, state.key()))
            && get(kind, state.key()).filter(now -> !now.isTombstone()).isPresent()) {
          end = Math.max(end, list.place(state.key()) + 1);
        }
      }
    }
    return end;
  }

  /** Live states of a kind: those of the rows, with what the drafts say in their place. */
  @SuppressWarnings("unchecked") // rows and states of this kind only
  private <T extends MemoryRecord> List<Stored<T>> over(
      Kind<T> kind, List<Row> rows, java.util.function.Predicate<Stored<?>> belongs) {
    Map<Key, Stored<?>> found = new TreeMap<>();
    rows.forEach(row -> found.put(row.key, row.stored()));
    overlay(kind, found, belongs);
    List<Stored<T>> result = new ArrayList<>(found.size());
    found.values().forEach(state -> result.add((Stored<T>) state));
    return result;
  }

  private void overlay(
      Kind<?> kind, Map<Key, Stored<?>> found, java.util.function.Predicate<Stored<?>> belongs) {
    if (below != null) {
      below.overlay(kind, found, belongs);
    }
    for (Stored<?> state : states.values()) {
      if (state.kind().equals(kind)) {
        found.remove(state.key());
        if (!state.isTombstone() && belongs.test(state)) {
          found.put(state.key(), state);
        }
      }
    }
  }
}

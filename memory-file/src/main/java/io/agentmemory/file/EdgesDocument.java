package io.agentmemory.file;

import com.fasterxml.jackson.core.JsonToken;
import io.agentmemory.Edge;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Observation;
import io.agentmemory.Value;
import io.agentmemory.file.JsonPatch.Edit;
import io.agentmemory.file.JsonPatch.ListEdit;
import io.agentmemory.file.JsonPatch.MapEdit;
import java.io.IOException;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * {@code .edges_v3.json}: a map from pair to edge, whose observations are a list. A second writer
 * puts that map under {@code edges}, after a {@code version}.
 *
 * <p>Source: drift.md 1.5.
 */
final class EdgesDocument extends AbstractDocument {
  static final EdgesDocument INSTANCE = new EdgesDocument();

  private static final String VERSION = "version";
  private static final String EDGES = "edges";

  private EdgesDocument() {
    super(".edges_v3.json", JsonText.INDENTED);
  }

  @Override
  public boolean holds(Kind<?> kind, Key key) {
    return kind.equals(Kind.EDGE) || kind.equals(Kind.OBSERVATION);
  }

  // ---- reading ----

  /** Which of the two shapes a document has: decided by its first member. */
  private static final class Shape {
    private boolean begun;
    private boolean standalone;

    /** Whether this member of the document, of which it is asked in order, is an edge. */
    boolean isEdge(String name, boolean isMap) {
      if (!begun) {
        begun = true;
        standalone = name.equals(VERSION) && !isMap;
      }
      return !standalone;
    }
  }

  @Override
  void read(Reading reading) throws IOException, UnreadableFileException {
    Shape shape = new Shape();
    reading.members(
        name -> {
          boolean isMap = reading.isMap();
          if (shape.isEdge(name, isMap)) {
            edge(reading, name);
          } else if (!name.equals(EDGES)) {
            reading.skip();
          } else {
            reading.entries(name, pair -> edge(reading, pair));
          }
        });
  }

  private static void edge(Reading reading, String pair)
      throws IOException, UnreadableFileException {
    if (!reading.isKey(pair)) {
      reading.skip();
      return;
    }
    if (!reading.isMap()) {
      reading.problem(pair, "is no map");
      reading.skip();
      return;
    }
    Map<String, Value> members = new LinkedHashMap<>();
    SortedMap<Integer, Value.Map> observations = new TreeMap<>();
    boolean[] broken = {false};
    reading.members(
        name -> {
          if (name.equals(Edge.OBSERVATIONS) && reading.isList()) {
            observations.clear();
            observations(reading, pair, observations);
            members.put(name, Value.EMPTY_SEQ);
          } else {
            reading.values.storable(name);
            members.put(name, reading.values.read());
            broken[0] |= reading.hasProblem(pair + "/" + name);
          }
        });
    if (!broken[0]) {
      reading.record(new Edge(pair, new Value.Map(members)));
      observations.forEach(
          (index, observation) -> reading.record(new Observation(pair, index, observation)));
    }
  }

  private static void observations(
      Reading reading, String pair, SortedMap<Integer, Value.Map> observations) throws IOException {
    for (int i = 0; reading.parser.nextToken() != JsonToken.END_ARRAY; i++) {
      String place = pair + "/" + Edge.OBSERVATIONS + "/" + i;
      Value observation = reading.values.read();
      if (reading.hasProblem(place)) {
        continue;
      }
      if (observation instanceof Value.Map map) {
        observations.put(i, map);
      } else if (!observation.equals(Value.NULL)) { // null: one that was taken away
        reading.problem(place, "is no map");
      }
    }
  }

  // ---- writing ----

  /** What changes of one edge. */
  private static final class Change {
    private @Nullable Edge edge;
    private boolean dropped;
    private boolean last;
    private final SortedMap<Integer, Optional<Value.Map>> observations = new TreeMap<>();

    SortedMap<Integer, Value> added(int from) {
      SortedMap<Integer, Value> added = new TreeMap<>();
      observations
          .tailMap(from)
          .forEach((index, value) -> value.ifPresent(there -> added.put(index, there)));
      return added;
    }

    Edit whole() {
      return dropped ? Edit.DROP : new JsonPatch.Members(new EdgeEdit(this));
    }
  }

  @Override
  Edit edit(Map<Kind<?>, Map<Key, Optional<MemoryRecord>>> changes, @Nullable JsonToken root) {
    return edit(changes, Set.of(), root);
  }

  @Override
  Edit edit(
      Map<Kind<?>, Map<Key, Optional<MemoryRecord>>> changes,
      Set<Key> last,
      @Nullable JsonToken root) {
    Map<String, Change> byPair = new LinkedHashMap<>();
    changes
        .getOrDefault(Kind.EDGE, Map.of())
        .forEach(
            (key, record) -> {
              Change change = byPair.computeIfAbsent(key.part(0), pair -> new Change());
              change.edge = (Edge) record.orElse(null);
              change.dropped = record.isEmpty();
              change.last = last.contains(key);
            });
    changes
        .getOrDefault(Kind.OBSERVATION, Map.of())
        .forEach(
            (key, record) ->
                byPair
                    .computeIfAbsent(key.part(0), pair -> new Change())
                    .observations
                    .put(
                        Integer.parseInt(key.part(1)),
                        record.map(there -> ((Observation) there).members())));
    return new JsonPatch.Members(new DocumentEdit(byPair));
  }

  private static final class DocumentEdit implements MapEdit {
    private final EntriesEdit entries;
    private final Shape shape = new Shape();
    private boolean hasEntries;

    DocumentEdit(Map<String, Change> changes) {
      this.entries = new EntriesEdit(changes);
    }

    @Override
    public Edit member(String name, boolean isMap) {
      if (shape.isEdge(name, isMap)) {
        return entries.member(name, isMap);
      }
      if (!name.equals(EDGES)) {
        return Edit.KEEP;
      }
      hasEntries = true;
      return new JsonPatch.Members(entries);
    }

    @Override
    public Map<String, Edit> added() {
      Map<String, Edit> added = entries.added();
      if (!shape.standalone) {
        return added;
      }
      return hasEntries || added.isEmpty()
          ? Map.of()
          : Map.of(EDGES, new JsonPatch.Members(entries));
    }
  }

  private static final class EntriesEdit implements MapEdit {
    private final Map<String, Change> changes;
    private final Set<String> seen = new HashSet<>();

    EntriesEdit(Map<String, Change> changes) {
      this.changes = changes;
    }

    @Override
    public Edit member(String pair, boolean isMap) {
      Change change = changes.get(pair);
      if (change == null) {
        return Edit.KEEP;
      }
      seen.add(pair);
      if (change.edge == null && !change.dropped && !isMap) {
        throw new IllegalArgumentException("an observation without its edge");
      }
      return change.last && !change.dropped ? new JsonPatch.Later(change.whole()) : change.whole();
    }

    @Override
    public Map<String, Edit> added() {
      Map<String, Edit> added = new LinkedHashMap<>();
      changes.forEach(
          (pair, change) -> {
            if (!change.dropped && (change.last || !seen.contains(pair))) {
              if (change.edge != null) {
                added.put(pair, change.whole());
              } else if (!change.added(0).isEmpty()) {
                throw new IllegalArgumentException("an observation without its edge");
              }
            }
          });
      return added;
    }
  }

  /** An edge as it becomes; its members stay if only its observations change. */
  private static final class EdgeEdit implements MapEdit, ListEdit {
    private final Change change;
    private final Set<String> seen = new HashSet<>();

    EdgeEdit(Change change) {
      this.change = change;
    }

    @Override
    public Edit member(String name, boolean isMap) {
      seen.add(name);
      Value value = change.edge == null ? null : change.edge.members().get(name);
      if (name.equals(Edge.OBSERVATIONS) && (change.edge == null || value instanceof Value.Seq)) {
        return new JsonPatch.Items(this);
      }
      if (change.edge == null) {
        return Edit.KEEP;
      }
      return value == null ? Edit.DROP : new JsonPatch.Becomes(value);
    }

    @Override
    public Map<String, Edit> added() {
      Map<String, Edit> added = new LinkedHashMap<>();
      if (change.edge != null) {
        change
            .edge
            .members()
            .entries()
            .forEach(
                (name, value) -> {
                  boolean list = name.equals(Edge.OBSERVATIONS) && value instanceof Value.Seq;
                  if (!seen.contains(name)) {
                    added.put(
                        name, list ? new JsonPatch.Items(this) : new JsonPatch.Becomes(value));
                  }
                });
      }
      boolean listed = seen.contains(Edge.OBSERVATIONS) || added.containsKey(Edge.OBSERVATIONS);
      if (!listed && !change.added(0).isEmpty()) {
        added.put(Edge.OBSERVATIONS, new JsonPatch.Items(this));
      }
      return added;
    }

    @Override
    public Edit item(int index) {
      Optional<Value.Map> observation = change.observations.get(index);
      if (observation == null) {
        return Edit.KEEP;
      }
      return observation.<Edit>map(JsonPatch.Becomes::new).orElse(Edit.DROP);
    }

    @Override
    public SortedMap<Integer, Value> added(int from) {
      return change.added(from);
    }
  }
}

package io.agentmemory.file;

import com.fasterxml.jackson.core.JsonToken;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Session;
import io.agentmemory.SessionRecall;
import io.agentmemory.Value;
import io.agentmemory.file.JsonPatch.Edit;
import io.agentmemory.file.JsonPatch.MapEdit;
import io.agentmemory.file.JsonPatch.SetEdit;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * {@code .session_state.json}: the session that is going on, and under {@code recalls_by_source}
 * for each source the ids that it recalled. Without a session there is no such file.
 *
 * <p>Source: drift.md 1.5 and 2.9.
 */
final class SessionDocument extends AbstractDocument {
  static final SessionDocument INSTANCE = new SessionDocument();

  private SessionDocument() {
    super(Layout.SESSION, JsonText.INDENTED);
  }

  @Override
  public boolean holds(Kind<?> kind, Key key) {
    return kind.equals(Kind.SESSION) || kind.equals(Kind.SESSION_RECALL);
  }

  @Override
  public boolean isRecord() {
    return true;
  }

  @Override
  public boolean goes(Map<Kind<?>, Map<Key, Optional<MemoryRecord>>> changes) {
    Optional<MemoryRecord> session = changes.getOrDefault(Kind.SESSION, Map.of()).get(Session.KEY);
    return session != null && session.isEmpty();
  }

  // ---- reading ----

  @Override
  void read(Reading reading) throws IOException, UnreadableFileException {
    Map<String, Value> members = new LinkedHashMap<>();
    Map<String, Set<String>> recalls = new LinkedHashMap<>();
    reading.members(
        name -> {
          if (name.equals(Session.RECALLS) && reading.isMap()) {
            recalls.clear();
            members.put(name, sources(reading, recalls));
          } else {
            reading.values.storable(name);
            Value value = reading.values.read();
            if (!reading.hasProblem(name)) {
              members.put(name, value);
            }
          }
        });
    reading.record(new Session(new Value.Map(members)));
    recalls.forEach(
        (source, ids) -> ids.forEach(id -> reading.record(new SessionRecall(source, id))));
  }

  private static Value sources(Reading reading, Map<String, Set<String>> recalls)
      throws IOException, UnreadableFileException {
    Map<String, Value> sources = new LinkedHashMap<>();
    reading.members(
        source -> {
          String place = Session.RECALLS + "/" + source;
          reading.values.storable(source);
          if (reading.hasProblem(place)) {
            reading.skip();
          } else if (reading.isList()) {
            Set<String> ids = new LinkedHashSet<>();
            recalls.put(source, ids);
            ids(reading, place, ids);
            sources.put(source, Value.EMPTY_SEQ);
          } else {
            recalls.remove(source); // of a name that stands twice the last counts
            Value value = reading.values.read();
            if (!reading.hasProblem(place)) {
              sources.put(source, value);
            }
          }
        });
    return new Value.Map(sources);
  }

  private static void ids(Reading reading, String place, Set<String> ids) throws IOException {
    for (int i = 0; reading.parser.nextToken() != JsonToken.END_ARRAY; i++) {
      Value id = reading.values.read();
      String item = place + "/" + i;
      if (reading.hasProblem(item)) {
        continue;
      }
      if (!(id instanceof Value.Text text)) {
        reading.problem(item, "is no text");
      } else if (!ids.add(text.value())) {
        reading.problem(item, "stands twice, which says no more than once");
      }
    }
  }

  // ---- writing ----

  @Override
  Edit edit(Map<Kind<?>, Map<Key, Optional<MemoryRecord>>> changes, @Nullable JsonToken root) {
    Optional<MemoryRecord> session = changes.getOrDefault(Kind.SESSION, Map.of()).get(Session.KEY);
    if (session != null && session.isEmpty()) {
      throw new IllegalArgumentException("the session goes with its document");
    }
    Map<String, Map<String, Boolean>> recalls = new LinkedHashMap<>();
    changes
        .getOrDefault(Kind.SESSION_RECALL, Map.of())
        .forEach(
            (key, recall) ->
                recalls
                    .computeIfAbsent(key.part(0), source -> new LinkedHashMap<>())
                    .put(key.part(1), recall.isPresent()));
    return new JsonPatch.Members(
        new DocumentEdit(session == null ? null : (Session) session.get(), recalls));
  }

  private static final class DocumentEdit implements MapEdit {
    private final @Nullable Session session;
    private final Map<String, Map<String, Boolean>> recalls;
    private final Set<String> seen = new HashSet<>();

    /**
     * @param session as it becomes; null if it stays
     * @param recalls by source and id, whether it is there from now on
     */
    DocumentEdit(@Nullable Session session, Map<String, Map<String, Boolean>> recalls) {
      this.session = session;
      this.recalls = recalls;
    }

    @Override
    public Edit member(String name, boolean isMap) {
      seen.add(name);
      boolean sources = name.equals(Session.RECALLS);
      if (session == null) {
        return sources && isMap ? new JsonPatch.Members(new SourcesEdit(null, recalls)) : Edit.KEEP;
      }
      Value value = session.members().get(name);
      return value == null ? Edit.DROP_IF_HELD : becomes(sources, value);
    }

    private Edit becomes(boolean sources, Value value) {
      return sources && value instanceof Value.Map map
          ? new JsonPatch.Members(new SourcesEdit(map, recalls))
          : new JsonPatch.Becomes(value);
    }

    @Override
    public Map<String, Edit> added() {
      Map<String, Edit> added = new LinkedHashMap<>();
      if (session != null) {
        session
            .members()
            .entries()
            .forEach(
                (name, value) -> {
                  if (!seen.contains(name)) {
                    added.put(name, becomes(name.equals(Session.RECALLS), value));
                  }
                });
      }
      return added;
    }
  }

  private static final class SourcesEdit implements MapEdit {
    private final Value.@Nullable Map sources;
    private final Map<String, Map<String, Boolean>> recalls;
    private final Set<String> seen = new HashSet<>();

    /**
     * @param sources as they become; null if they stay
     */
    SourcesEdit(Value.@Nullable Map sources, Map<String, Map<String, Boolean>> recalls) {
      this.sources = sources;
      this.recalls = recalls;
    }

    @Override
    public Edit member(String source, boolean isMap) {
      seen.add(source);
      if (sources == null) {
        return recalls.containsKey(source) ? list(source) : Edit.KEEP;
      }
      Value value = sources.get(source);
      return value == null ? Edit.DROP_IF_HELD : becomes(source, value);
    }

    private Edit becomes(String source, Value value) {
      return value instanceof Value.Seq ? list(source) : new JsonPatch.Becomes(value);
    }

    private Edit list(String source) {
      return new JsonPatch.Elements(new RecallsEdit(recalls.getOrDefault(source, Map.of())));
    }

    @Override
    public Map<String, Edit> added() {
      Map<String, Edit> added = new LinkedHashMap<>();
      if (sources != null) {
        sources
            .entries()
            .forEach(
                (source, value) -> {
                  if (!seen.contains(source)) {
                    added.put(source, becomes(source, value));
                  }
                });
      }
      return added;
    }
  }

  private static final class RecallsEdit implements SetEdit {
    private final Map<String, Boolean> changes;
    private final Set<String> seen = new HashSet<>();

    RecallsEdit(Map<String, Boolean> changes) {
      this.changes = changes;
    }

    @Override
    public Edit item(@Nullable Value item) {
      if (!(item instanceof Value.Text id)) {
        return Edit.KEEP;
      }
      seen.add(id.value());
      return changes.getOrDefault(id.value(), true) ? Edit.KEEP : Edit.DROP;
    }

    @Override
    public List<Value> added() {
      List<Value> added = new ArrayList<>();
      changes.forEach(
          (id, there) -> {
            if (there && !seen.contains(id)) {
              added.add(Value.of(id));
            }
          });
      return added;
    }
  }
}

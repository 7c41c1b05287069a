package io.agentmemory.file;

import com.fasterxml.jackson.core.JsonToken;
import io.agentmemory.Embedding;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.file.JsonPatch.Edit;
import io.agentmemory.file.JsonPatch.MapEdit;
import java.io.IOException;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The vectors of one space, in a map under {@code memories} or, for images, {@code images}; beside
 * it stand the members of the space.
 *
 * <p>Source: drift.md 1.5.
 */
final class VectorsDocument extends AbstractDocument {
  private static final String VECTOR = "embedding";

  private final String space;
  private final String entries;

  VectorsDocument(String space) {
    super(location(space), JsonText.ONE_LINE);
    this.space = space;
    this.entries = space.equals(VectorSpace.IMAGE) ? "images" : "memories";
  }

  private static String location(String space) {
    return switch (space) {
      case VectorSpace.TEXT -> "embeddings.json";
      case VectorSpace.IMAGE -> "sensors/data/image_embeddings.json";
      default -> "embeddings_" + space + ".json";
    };
  }

  @Override
  public boolean holds(Kind<?> kind, Key key) {
    return (kind.equals(Kind.VECTOR_SPACE) || kind.equals(Kind.EMBEDDING))
        && key.part(0).equals(space);
  }

  @Override
  public @Nullable String refusal(MemoryRecord record) {
    Value.Map members;
    String taken;
    if (record instanceof Embedding embedding) {
      members = embedding.members();
      taken = VECTOR;
    } else if (record instanceof VectorSpace definition) {
      members = definition.members();
      taken = entries;
    } else {
      return null;
    }
    if (members.has(taken)) {
      return "a member is called " + taken;
    }
    return JsonText.canSpell(members) ? null : "JSON has no times, and no numbers but its own";
  }

  // ---- reading ----

  @Override
  void read(Reading reading) throws IOException, UnreadableFileException {
    Map<String, Value> members = new LinkedHashMap<>();
    reading.members(
        name -> {
          if (!name.equals(entries)) {
            reading.values.storable(name);
            Value value = reading.values.read();
            if (!reading.hasProblem(name)) {
              members.put(name, value);
            }
          } else {
            reading.entries(name, target -> vector(reading, target));
          }
        });
    reading.record(new VectorSpace(space, new Value.Map(members)));
  }

  private void vector(Reading reading, String target) throws IOException, UnreadableFileException {
    if (!reading.isKey(target)) {
      reading.skip();
      return;
    }
    if (!reading.isMap()) {
      reading.problem(target, "is no map");
      reading.skip();
      return;
    }
    Map<String, Value> members = new LinkedHashMap<>();
    float[][] vector = new float[1][];
    boolean[] broken = {false};
    reading.members(
        name -> {
          if (name.equals(VECTOR)) {
            vector[0] = reading.values.floats();
          } else {
            reading.values.storable(name);
            members.put(name, reading.values.read());
          }
          broken[0] |= reading.hasProblem(target + "/" + name);
        });
    if (broken[0]) {
      return;
    }
    if (vector[0] == null) {
      reading.problem(target, "has no embedding");
      return;
    }
    reading.record(Embedding.of(space, target, vector[0], new Value.Map(members)));
  }

  // ---- writing ----

  @Override
  Edit edit(Map<Kind<?>, Map<Key, Optional<MemoryRecord>>> changes, @Nullable JsonToken root) {
    Optional<MemoryRecord> definition =
        changes.getOrDefault(Kind.VECTOR_SPACE, Map.of()).get(Key.of(space));
    if (definition != null && definition.isEmpty()) {
      throw new IllegalArgumentException("a space goes with its document");
    }
    Map<String, Optional<Embedding>> vectors = new LinkedHashMap<>();
    changes
        .getOrDefault(Kind.EMBEDDING, Map.of())
        .forEach(
            (key, record) -> {
              if (key.part(0).equals(space)) {
                vectors.put(key.part(1), record.map(Embedding.class::cast));
              }
            });
    VectorSpace there = definition == null ? null : (VectorSpace) definition.get();
    return new JsonPatch.Members(new DocumentEdit(there, new EntriesEdit(vectors)));
  }

  private final class DocumentEdit implements MapEdit {
    private final @Nullable VectorSpace definition;
    private final EntriesEdit vectors;
    private final Set<String> seen = new HashSet<>();

    DocumentEdit(@Nullable VectorSpace definition, EntriesEdit vectors) {
      this.definition = definition;
      this.vectors = vectors;
    }

    @Override
    public Edit member(String name, boolean isMap) {
      seen.add(name);
      if (name.equals(entries)) {
        return isMap || !vectors.changes.isEmpty() ? new JsonPatch.Members(vectors) : Edit.KEEP;
      }
      if (definition == null) {
        return Edit.KEEP;
      }
      Value value = definition.members().get(name);
      return value == null ? Edit.DROP_IF_HELD : new JsonPatch.Becomes(value);
    }

    @Override
    public Map<String, Edit> added() {
      Map<String, Edit> added = new LinkedHashMap<>();
      // the original writes the map even if nothing is in it
      if (!seen.contains(entries) && (definition != null || !vectors.added().isEmpty())) {
        added.put(entries, new JsonPatch.Members(vectors));
      }
      if (definition != null) {
        definition
            .members()
            .entries()
            .forEach(
                (name, value) -> {
                  if (!seen.contains(name)) {
                    added.put(name, new JsonPatch.Becomes(value));
                  }
                });
      }
      return added;
    }
  }

  private static final class EntriesEdit implements MapEdit {
    private final Map<String, Optional<Embedding>> changes;
    private final Set<String> seen = new HashSet<>();

    EntriesEdit(Map<String, Optional<Embedding>> changes) {
      this.changes = changes;
    }

    @Override
    public Edit member(String target, boolean isMap) {
      Optional<Embedding> change = changes.get(target);
      if (change == null) {
        return Edit.KEEP;
      }
      seen.add(target);
      return change.<Edit>map(EntriesEdit::whole).orElse(Edit.DROP);
    }

    @Override
    public Map<String, Edit> added() {
      Map<String, Edit> added = new LinkedHashMap<>();
      changes.forEach(
          (target, change) -> {
            if (change.isPresent() && !seen.contains(target)) {
              added.put(target, whole(change.get()));
            }
          });
      return added;
    }

    private static Edit whole(Embedding embedding) {
      return new JsonPatch.Members(new VectorEdit(embedding));
    }
  }

  private static final class VectorEdit implements MapEdit {
    private final Embedding embedding;
    private final Set<String> seen = new HashSet<>();

    VectorEdit(Embedding embedding) {
      this.embedding = embedding;
    }

    @Override
    public Edit member(String name, boolean isMap) {
      seen.add(name);
      if (name.equals(VECTOR)) {
        return new JsonPatch.Vector(embedding.vector());
      }
      Value value = embedding.members().get(name);
      return value == null ? Edit.DROP : new JsonPatch.Becomes(value);
    }

    @Override
    public Map<String, Edit> added() {
      Map<String, Edit> added = new LinkedHashMap<>();
      if (!seen.contains(VECTOR)) {
        added.put(VECTOR, new JsonPatch.Vector(embedding.vector()));
      }
      embedding
          .members()
          .entries()
          .forEach(
              (name, value) -> {
                if (!seen.contains(name)) {
                  added.put(name, new JsonPatch.Becomes(value));
                }
              });
      return added;
    }
  }
}

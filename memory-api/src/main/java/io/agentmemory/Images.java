package io.agentmemory;

import io.agentmemory.internal.Arithmetic;
import io.agentmemory.internal.Texts;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/** Finds images by what is on them. */
final class Images {
  /** Source: drift.md 2.18. */
  static final double ENTITY_THRESHOLD = 0.75;

  private static final int DIGITS = 3;
  private static final Key ENTITIES = Key.of("sensors/physical_entities.json");
  private static final Comparator<SimilarQuery.Hit> ORDER =
      Comparator.comparingDouble(SimilarQuery.Hit::similarity)
          .reversed()
          .thenComparing(SimilarQuery.Hit::target, Texts::compare);

  private final MemoryStore store;

  Images(MemoryStore store) {
    this.store = store;
  }

  /** The nearest, to the last bit; the store's own similarities only choose what is compared. */
  List<SimilarQuery.Hit> near(float[] vector, int limit) {
    SimilarQuery query = SimilarQuery.nearest(VectorSpace.IMAGE, vector);
    double error = Ranking.error(vector.length);
    int asked = limit;
    List<SimilarQuery.Hit> rough = List.of();
    // those that tie with the last as far as the store can tell may be nearer than it
    do {
      asked = Math.min(MemoryQuery.MAX_LIMIT, asked * 2 + 8);
      rough = store.search(query.limit(asked));
    } while (rough.size() == asked
        && asked < MemoryQuery.MAX_LIMIT
        && rough.get(limit - 1).similarity() - rough.get(asked - 1).similarity() <= 2 * error);
    return Ranking.embeddings(store, VectorSpace.IMAGE, rough).stream()
        .map(
            image ->
                new SimilarQuery.Hit(image.target(), Embedding.similarity(vector, image.vector())))
        .sorted(ORDER)
        .limit(limit)
        .toList();
  }

  List<Embeddings.Entity> entities(float[] vector, double threshold) {
    Value file =
        store
            .read(Kind.VALUE, ENTITIES)
            .flatMap(Stored::live)
            .map(OtherFile::value)
            .orElse(Value.NULL);
    List<Embeddings.Entity> found = new ArrayList<>();
    if (file instanceof Value.Map map && map.get("entities") instanceof Value.Map entities) {
      for (Map.Entry<String, Value> entry : entities.entries().entrySet()) {
        Value.Map entity = entry.getValue() instanceof Value.Map its ? its : Value.EMPTY_MAP;
        double similarity = similarity(vector, Value.textsOf(entity.get("anchor_photos")));
        if (similarity >= threshold) {
          String name = Value.textOf(entity.get("name"));
          String type = Value.textOf(entity.get("type"));
          found.add(
              new Embeddings.Entity(
                  entry.getKey(),
                  name == null ? entry.getKey() : name,
                  type == null ? "unknown" : type,
                  Arithmetic.round(similarity, DIGITS)));
        }
      }
    }
    found.sort(
        Comparator.comparingDouble(Embeddings.Entity::similarity)
            .reversed()
            .thenComparing(Embeddings.Entity::id, Texts::compare));
    return List.copyOf(found);
  }

  private double similarity(float[] vector, List<String> anchors) {
    List<Key> keys = anchors.stream().map(image -> Key.of(VectorSpace.IMAGE, image)).toList();
    return store.readAll(Kind.EMBEDDING, keys).stream()
        .flatMap(stored -> stored.live().stream())
        .mapToDouble(anchor -> Embedding.similarity(vector, anchor.vector()))
        .reduce(0, Math::max);
  }
}

package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.command.Batch;
import io.agentmemory.command.DefineSpace;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.SessionRule;
import io.agentmemory.detect.Detection;
import io.agentmemory.internal.Texts;
import java.text.Normalizer;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The vectors of a store, by the verbs an agent uses. Thread-safe. Made by {@link
 * MemoryStore#embeddings()}; costs nothing to make.
 *
 * <p>Besides what is named, every method throws what {@link MemoryStore#execute} and {@link
 * MemoryStore#read} do.
 */
public final class Embeddings {
  private static final int IMAGES = 5;
  private static final int PREVIEW = 200;
  private static final int PAIR_PREVIEW = 80;
  private static final Key VOCABULARY = Key.of("vocabulary_map.json");

  private final MemoryStore store;
  private final Clock clock;
  private final Detection detection;
  private final SessionRule session;

  Embeddings(MemoryStore store) {
    this(store, Clock.systemUTC(), Detection.DRIFT, SessionRule.DRIFT);
  }

  private Embeddings(MemoryStore store, Clock clock, Detection detection, SessionRule session) {
    this.store = requireNonNull(store, "store");
    this.clock = requireNonNull(clock, "clock");
    this.detection = requireNonNull(detection, "detection");
    this.session = requireNonNull(session, "session");
  }

  /** The same with another clock, for tests that repeat. */
  public Embeddings with(Clock clock) {
    return new Embeddings(store, clock, detection, session);
  }

  /** The same with the vocabulary of {@code detection} in place of Drift's. */
  public Embeddings with(Detection detection) {
    return new Embeddings(store, clock, detection, session);
  }

  /** The same with another rule than Drift's of what a session is and what a recall does. */
  public Embeddings with(SessionRule session) {
    return new Embeddings(store, clock, detection, session);
  }

  /**
   * Defines a space; a second time, with the same model and dimensions, does nothing.
   *
   * @param dimensions floats per vector, 1 to 8192
   * @throws MemoryConflictException if the space is there with another model or other dimensions
   */
  public void define(String space, String model, int dimensions) {
    store.execute(new DefineSpace(VectorSpace.of(space, model, dimensions)));
  }

  /** The space of this name. */
  public Optional<VectorSpace> space(String name) {
    return store.read(Kind.VECTOR_SPACE, Key.of(name)).flatMap(Stored::live);
  }

  /**
   * Puts a vector, in place of the one that was there.
   *
   * @param target what it stands for: the id of a memory, in the image space a file name
   * @throws InvalidMemoryException if the space is not defined, or has vectors of another length
   */
  public void put(String space, String target, float[] vector) {
    put(Embedding.of(space, target, vector, Value.EMPTY_MAP));
  }

  /** Puts a vector with what stands beside it, as {@link #put(String, String, float[])}. */
  public void put(Embedding embedding) {
    store.execute(new PutEmbedding(embedding));
  }

  /**
   * Puts the vector of a memory's content into the space of the memories' texts, in place of the
   * one that was there, and defines the space if it is not. The function gets the content with the
   * plain words for learned terms in it, from {@link Detection} and {@code vocabulary_map.json};
   * the first 200 characters of that are kept beside the vector as preview.
   *
   * @throws MemoryConflictException if the space is there with another model or other dimensions
   * @throws InvalidMemoryException if the vector has another length, or a float that is not finite
   * @throws RuntimeException if the function gives no vector
   */
  public void put(Memory memory, EmbeddingFunction function) {
    put(memory, function, PREVIEW);
  }

  /**
   * Puts the vector of a memory's content, as {@link #put(Memory, EmbeddingFunction)}.
   *
   * @param preview how many characters are kept beside the vector; at least 0
   */
  public void put(Memory memory, EmbeddingFunction function, int preview) {
    requireCharacters(preview);
    String text = vocabulary().bridge(memory.content());
    float[] vector = vector(text, function);
    Value.Map members = Value.EMPTY_MAP.with("preview", Value.of(Ranking.cut(text, preview)));
    store.execute(
        Batch.of(
            List.of(
                new DefineSpace(
                    VectorSpace.of(VectorSpace.TEXT, function.model(), function.dimensions())),
                new PutEmbedding(Embedding.of(VectorSpace.TEXT, memory.id(), vector, members)))));
  }

  /**
   * The vector to search for: of the query with the learned terms that go with its plain words.
   *
   * @throws InvalidMemoryException if it has another length than the function says
   * @throws RuntimeException if the function gives no vector
   */
  public float[] vectorOf(String query, EmbeddingFunction function) {
    return vector(vocabulary().bridgeQuery(query), function);
  }

  private float[] vector(String text, EmbeddingFunction function) {
    float[] vector = function.embed(Ranking.cut(text, function.maxCharacters()));
    if (vector.length != function.dimensions()) {
      throw new InvalidMemoryException(
          new Operation("embeddings", "embed", function.model()),
          "vector",
          "has " + vector.length + " floats, not " + function.dimensions());
    }
    return vector;
  }

  private Detection vocabulary() {
    Map<String, String> terms = new LinkedHashMap<>();
    store
        .read(Kind.VALUE, VOCABULARY)
        .flatMap(Stored::live)
        .map(OtherFile::value)
        .filter(Value.Map.class::isInstance)
        .map(Value.Map.class::cast)
        .ifPresent(
            map ->
                map.entries()
                    .forEach(
                        (term, words) -> {
                          if (!term.isEmpty() && words instanceof Value.Text text) {
                            terms.put(term, text.value());
                          }
                        }));
    return detection.withVocabulary(terms);
  }

  /** The vector of this target. */
  public Optional<Embedding> find(String space, String target) {
    Optional<Embedding> exact =
        store.read(Kind.EMBEDDING, Key.of(space, target)).flatMap(Stored::live);
    String composed = Normalizer.normalize(target, Normalizer.Form.NFC);
    return exact.isPresent() || composed.equals(target)
        ? exact
        : store.read(Kind.EMBEDDING, Key.of(space, composed)).flatMap(Stored::live);
  }

  /**
   * The vectors nearest to a given one, most similar first.
   *
   * @throws InvalidMemoryException if the space is not defined, or has vectors of another length
   */
  public List<SimilarQuery.Hit> search(SimilarQuery query) {
    return store.search(query);
  }

  /**
   * The memories that come nearest to what was asked, highest score first; ties by tier, file name
   * and id. Each is recalled, as {@link Memories#recall} does, unless the search says otherwise.
   *
   * <p>The scores are the same over every store, to the last bit. Vectors of another length than
   * the search's are not compared.
   *
   * @throws InvalidMemoryException if the space is not defined, or has vectors of another length
   */
  public List<MemorySearch.Hit> search(MemorySearch search) {
    List<Ranking.Ranked> best = new Ranking(store, search).best();
    String now = Texts.time(clock.instant());
    List<RecallMemory> recalls =
        best.stream()
            .filter(Ranking.Ranked::recallable)
            .map(ranked -> new RecallMemory(ranked.hit().id(), now, SessionRule.MANUAL, session))
            .toList();
    if (search.recalls() && !recalls.isEmpty()) {
      store.execute(Batch.of(recalls));
    }
    return best.stream().map(Ranking.Ranked::hit).toList();
  }

  /**
   * Two memories whose vectors lie near each other.
   *
   * @param similarity cosine, four decimals
   * @param firstPreview the first characters, 80 if nothing else is said, of what stands beside the
   *     first one's vector as preview; empty if there is none
   * @param secondPreview the same of the second
   */
  public record Pair(
      String first, String second, double similarity, String firstPreview, String secondPreview) {
    /** Ids and similarity; never the previews. */
    @Override
    public String toString() {
      return "Pair[" + first + ", " + second + ", " + similarity + "]";
    }
  }

  /**
   * The pairs of vectors in a space that are at least so similar, most similar first: memories that
   * may be one. Of a pair, and among equals, what comes first by tier, file name and id does so.
   *
   * <p>Compares every vector with every other one, so twice as many take four times as long, and
   * reads them once for each 16 MiB of them, which is also what it holds in memory.
   *
   * @param limit at most this many
   * @throws IllegalArgumentException if threshold is NaN, or limit not in 1 to {@link
   *     MemoryQuery#MAX_LIMIT}
   */
  public List<Pair> similarPairs(String space, double threshold, int limit) {
    return similarPairs(space, threshold, limit, PAIR_PREVIEW);
  }

  /**
   * The pairs of vectors in a space that are at least so similar, as {@link #similarPairs(String,
   * double, int)}.
   *
   * @param preview how many characters of what stands beside a vector come with it; at least 0
   */
  public List<Pair> similarPairs(String space, double threshold, int limit, int preview) {
    requireCharacters(preview);
    if (Double.isNaN(threshold) || limit < 1 || limit > MemoryQuery.MAX_LIMIT) {
      throw new IllegalArgumentException("threshold is a number, limit 1 to 10000");
    }
    return new Pairing(store, space, threshold, limit, preview).best();
  }

  /** The 20 most similar pairs of memories' texts with a similarity of 0.85 or more. */
  public List<Pair> similarPairs() {
    return similarPairs(VectorSpace.TEXT, 0.85, 20);
  }

  /**
   * The five images nearest to a vector, most similar first; ties by name. The vector may be that
   * of an image or, from a model that has both in one space, of a text.
   *
   * @throws InvalidMemoryException if there is no space of images, or it has vectors of another
   *     length
   */
  public List<SimilarQuery.Hit> similarImages(float[] vector) {
    return similarImages(vector, IMAGES);
  }

  /** The images nearest to a vector, as {@link #similarImages(float[])}. */
  public List<SimilarQuery.Hit> similarImages(float[] vector, int limit) {
    return new Images(store).near(vector, requireLimit(limit));
  }

  /**
   * The five images nearest to what a text says, as {@link #similarImages(float[])}. The text goes
   * to the function as it is: the words that a memory has learned mean nothing to a model of
   * images.
   *
   * @param function of the model that made the vectors of the images, for texts
   * @throws InvalidMemoryException also if the vector has another length than the function says
   * @throws RuntimeException if the function gives no vector
   */
  public List<SimilarQuery.Hit> searchImages(String text, EmbeddingFunction function) {
    return searchImages(text, function, IMAGES);
  }

  /**
   * The images nearest to what a text says, as {@link #searchImages(String, EmbeddingFunction)}.
   */
  public List<SimilarQuery.Hit> searchImages(String text, EmbeddingFunction function, int limit) {
    requireLimit(limit);
    return similarImages(vector(text, function), limit);
  }

  /** The five images nearest to one that has a vector, without itself; empty if it has none. */
  public List<SimilarQuery.Hit> similarImages(String image) {
    return similarImages(image, IMAGES);
  }

  /** The images nearest to one that has a vector, as {@link #similarImages(String)}. */
  public List<SimilarQuery.Hit> similarImages(String image, int limit) {
    requireLimit(limit);
    return find(VectorSpace.IMAGE, image)
        .map(
            embedding ->
                new Images(store)
                    .near(embedding.vector(), limit + 1).stream()
                        .filter(hit -> !hit.target().equals(embedding.target()))
                        .limit(limit)
                        .toList())
        .orElse(List.of());
  }

  private static void requireCharacters(int preview) {
    if (preview < 0) {
      throw new IllegalArgumentException("preview is below 0");
    }
  }

  private static int requireLimit(int limit) {
    if (limit < 1 || limit >= MemoryQuery.MAX_LIMIT) {
      throw new IllegalArgumentException("limit is 1 to " + (MemoryQuery.MAX_LIMIT - 1));
    }
    return limit;
  }

  /**
   * Somebody or something that was recognised.
   *
   * @param type such as {@code dog}; {@code unknown} if it does not say
   * @param similarity to the most similar of its anchor photos, three decimals
   */
  public record Entity(String id, String name, String type, double similarity) {}

  /**
   * Who and what of {@code sensors/physical_entities.json} is on an image: those to one of whose
   * anchor photos it has a similarity of 0.75 or more, most similar first.
   *
   * @param vector of the image
   */
  public List<Entity> entitiesOn(float[] vector) {
    return entitiesOn(vector, Images.ENTITY_THRESHOLD);
  }

  /**
   * Who and what is on an image, as {@link #entitiesOn(float[])}.
   *
   * @param threshold the least similarity, -1 to 1
   * @throws IllegalArgumentException if it is NaN
   */
  public List<Entity> entitiesOn(float[] vector, double threshold) {
    if (Double.isNaN(threshold)) {
      throw new IllegalArgumentException("threshold is not a number");
    }
    return new Images(store).entities(vector, threshold);
  }
}

package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.command.DefineSpace;
import io.agentmemory.command.PutEmbedding;
import java.text.Normalizer;
import java.util.List;
import java.util.Optional;

/**
 * The vectors of a store, by the verbs an agent uses. Thread-safe. Made by {@link
 * MemoryStore#embeddings()}; costs nothing to make.
 *
 * <p>Besides what is named, every method throws what {@link MemoryStore#execute} and {@link
 * MemoryStore#read} do.
 */
public final class Embeddings {
  private final MemoryStore store;

  Embeddings(MemoryStore store) {
    this.store = requireNonNull(store, "store");
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
}

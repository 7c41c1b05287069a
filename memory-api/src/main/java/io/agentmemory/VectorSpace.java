package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A named set of vectors from one model, compared by cosine similarity.
 *
 * @param name {@link #TEXT} and {@link #IMAGE} are the two that Drift has
 * @param members model, {@code embedding_dim} (in the image space: {@code dimensions}), and
 *     whatever else is there
 */
public record VectorSpace(String name, Value.Map members) implements MemoryRecord {

  /** The space of the memories' texts; its targets are memory ids. */
  public static final String TEXT = "text";

  /** The space of the images; its targets are file names of images, not ids of memories. */
  public static final String IMAGE = "image";

  /** Checks that nothing is missing. */
  public VectorSpace {
    requireNonNull(name, "name");
    requireNonNull(members, "members");
  }

  /** A space for vectors of {@code dimensions} floats from {@code model}. */
  public static VectorSpace of(String name, String model, int dimensions) {
    Map<String, Value> members = new LinkedHashMap<>();
    members.put("model", Value.of(model));
    members.put(name.equals(IMAGE) ? "dimensions" : "embedding_dim", Value.of((long) dimensions));
    return new VectorSpace(name, new Value.Map(members));
  }

  static VectorSpace of(Key key, Value.Map content) {
    return new VectorSpace(key.part(0), Members.of(Kind.VECTOR_SPACE, content));
  }

  @Override
  public Kind<VectorSpace> kind() {
    return Kind.VECTOR_SPACE;
  }

  @Override
  public Key key() {
    return Key.of(name);
  }

  @Override
  public Value.Map tree() {
    return new Value.Map(Map.of("members", members));
  }

  /** The model the vectors come from, where it is known. */
  public Optional<String> model() {
    return Optional.ofNullable(Value.textOf(members.get("model")));
  }

  /** The number of floats a vector has; empty if the space does not say, so that any will do. */
  public OptionalInt dimensions() {
    Value stated = members.get(name.equals(IMAGE) ? "dimensions" : "embedding_dim");
    return stated instanceof Value.Int number && number.value() > 0 && number.value() <= 1 << 20
        ? OptionalInt.of((int) number.value())
        : OptionalInt.empty();
  }

  /** Whether the targets of this space are ids of memories. */
  public boolean ofMemories() {
    return !name.equals(IMAGE);
  }
}

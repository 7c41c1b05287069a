package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * A vector in a space: 32-bit floats, exact from end to end. Immutable, equal by value (floats
 * compare by bits; minus zero becomes zero).
 */
public final class Embedding implements MemoryRecord {
  private final String space;
  private final String target;
  private final float[] vector;
  private final Value.Map members;

  private Embedding(String space, String target, float[] vector, Value.Map members) {
    this.space = requireNonNull(space, "space");
    this.target = requireNonNull(target, "target");
    this.members = requireNonNull(members, "members");
    this.vector = vector;
    for (int i = 0; i < vector.length; i++) {
      if (!Float.isFinite(vector[i])) {
        throw new IllegalArgumentException(
            "element " + i + " of the vector is not a finite number");
      }
      if (vector[i] == 0) {
        vector[i] = 0f;
      }
    }
  }

  /**
   * A vector of {@code space} that stands for {@code target}.
   *
   * @param target what the vector stands for: the id of a memory, in the image space a file name
   * @param vector copied
   * @param members preview, path and whatever else stands beside the vector
   * @throws IllegalArgumentException if an element is NaN or infinite
   */
  public static Embedding of(String space, String target, float[] vector, Value.Map members) {
    return new Embedding(space, target, vector.clone(), members);
  }

  /** The same without members. */
  public static Embedding of(String space, String target, float... vector) {
    return of(space, target, vector, Value.EMPTY_MAP);
  }

  static Embedding of(Key key, Value.Map content) {
    String encoded = Value.textOf(content.get("vector"));
    if (encoded == null) {
      throw new IllegalArgumentException("an embedding without vector");
    }
    ByteBuffer bytes =
        ByteBuffer.wrap(Base64.getDecoder().decode(encoded)).order(ByteOrder.LITTLE_ENDIAN);
    if (bytes.remaining() % Float.BYTES != 0) {
      throw new IllegalArgumentException("a vector that ends within a float");
    }
    float[] vector = new float[bytes.remaining() / Float.BYTES];
    bytes.asFloatBuffer().get(vector);
    return new Embedding(key.part(0), key.part(1), vector, Members.of(Kind.EMBEDDING, content));
  }

  /** The space it belongs to. */
  public String space() {
    return space;
  }

  /** What it stands for. */
  public String target() {
    return target;
  }

  /** A copy of the floats. */
  public float[] vector() {
    return vector.clone();
  }

  /** The number of floats. */
  public int dimensions() {
    return vector.length;
  }

  /** What stands beside the vector. */
  public Value.Map members() {
    return members;
  }

  /** Copies the floats into {@code target} from {@code offset} on, without a copy between. */
  public void copyTo(float[] target, int offset) {
    System.arraycopy(vector, 0, target, offset, vector.length);
  }

  /**
   * Cosine similarity of two vectors, -1 to 1, summed in double in their order; 0 if their lengths
   * differ or one of them is zero.
   */
  public static double similarity(float[] a, float[] b) {
    if (a.length != b.length) {
      return 0;
    }
    double dot = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      dot += (double) a[i] * b[i];
      aa += (double) a[i] * a[i];
      bb += (double) b[i] * b[i];
    }
    return aa == 0 || bb == 0 ? 0 : dot / (Math.sqrt(aa) * Math.sqrt(bb));
  }

  @Override
  public Kind<Embedding> kind() {
    return Kind.EMBEDDING;
  }

  @Override
  public Key key() {
    return Key.of(space, target);
  }

  @Override
  public Value.Map tree() {
    ByteBuffer bytes =
        ByteBuffer.allocate(vector.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(vector);
    Map<String, Value> tree = new LinkedHashMap<>();
    tree.put("vector", Value.of(Base64.getEncoder().encodeToString(bytes.array())));
    tree.put("members", members);
    return new Value.Map(tree);
  }

  @Override
  public Set<String> owners() {
    return space.equals(VectorSpace.IMAGE) ? Set.of() : Set.of(target);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Embedding that
        && space.equals(that.space)
        && target.equals(that.target)
        && Arrays.equals(vector, that.vector)
        && members.equals(that.members);
  }

  @Override
  public int hashCode() {
    return Objects.hash(space, target, Arrays.hashCode(vector), members);
  }

  /** Space, target and size; never the floats. */
  @Override
  public String toString() {
    return "Embedding[" + space + "/" + target + ", " + vector.length + " floats]";
  }
}

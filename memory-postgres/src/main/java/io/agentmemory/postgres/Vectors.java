package io.agentmemory.postgres;

import com.pgvector.PGvector;
import java.nio.ByteBuffer;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collections;
import java.util.Set;
import java.util.WeakHashMap;
import org.jdbi.v3.core.argument.Argument;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.util.PGBinaryObject;
import org.postgresql.util.PGobject;

/**
 * How vectors are kept and how they travel: as {@code vector}, binary both ways, or as {@code
 * real[]} where the schema was made without the extension.
 */
final class Vectors {
  private static final int ARRAY_HEADER = 20;
  private static final int ARRAY_LENGTH = 12; // where the header says it
  private static final int ARRAY_ELEMENT = Integer.BYTES + Float.BYTES; // a size and a float
  private static final int VECTOR_HEADER = 4;

  private static final int MOST_IN_INDEX = 2000;
  private static final int MOST_IN_HALF_INDEX = 4000;

  /** Between these, a sum of squares is exact enough in 32-bit floats. */
  private static final double LEAST = 1e-30;

  private static final double MOST = 1e37;

  private final @Nullable String extension;
  private final int elementOid;
  private final boolean normalizes;
  private final boolean iterates;
  private final Set<PGConnection> prepared =
      Collections.synchronizedSet(Collections.newSetFromMap(new WeakHashMap<>()));

  private Vectors(
      @Nullable String extension, int elementOid, boolean normalizes, boolean iterates) {
    this.extension = extension;
    this.elementOid = elementOid;
    this.normalizes = normalizes;
    this.iterates = iterates;
  }

  /**
   * Vectors of the type {@code vector}.
   *
   * @param schema of the extension, quoted
   * @param normalizes whether it has the function l2_normalize and the type halfvec, as from 0.7 on
   * @param iterates whether a scan of an index goes on until there are enough rows, as from 0.8 on
   */
  static Vectors ofExtension(String schema, int vectorOid, boolean normalizes, boolean iterates) {
    return new Vectors(schema, vectorOid, normalizes, iterates);
  }

  /** Vectors as {@code real[]}. */
  static Vectors ofArrays() {
    return new Vectors(null, 0, false, false);
  }

  /** Whether the database itself can compare them. */
  boolean hasExtension() {
    return extension != null;
  }

  /** The most floats that an index of vectors takes: 0 where there is none to be had. */
  int mostIndexed() {
    return extension == null ? 0 : normalizes ? MOST_IN_HALF_INDEX : MOST_IN_INDEX;
  }

  /** Whether an index over this many floats holds them as 16-bit ones. */
  static boolean isHalved(int dimensions) {
    return dimensions > MOST_IN_INDEX;
  }

  /** Whether a scan of an index goes on until there are enough rows. */
  boolean iterates() {
    return iterates;
  }

  /**
   * What an index over vectors of this many floats holds of a vector. Those of 16 bits are brought
   * to length 1 before: else a float above 65504 would be refused, in a row that anybody may put.
   */
  String indexed(String vector, int dimensions) {
    return isHalved(dimensions)
        ? extension + ".l2_normalize(" + vector + ")::" + extension + ".halfvec(" + dimensions + ")"
        : vector + "::" + extension + ".vector(" + dimensions + ")";
  }

  /** The operators of such an index. */
  String indexOperators(int dimensions) {
    return extension + (isHalved(dimensions) ? ".halfvec_cosine_ops" : ".vector_cosine_ops");
  }

  /** The cosine distance of column {@code e.embedding} to a bound vector, as the index has it. */
  String indexDistance(int dimensions) {
    return "(("
        + indexed("e.embedding", dimensions)
        + ") OPERATOR("
        + extension
        + ".<=>) ("
        + indexed("?::" + extension + ".vector", dimensions)
        + "))";
  }

  /** The type of an array of them that a statement takes: one element per row. */
  String arrayType() {
    return extension == null ? "text[]" : extension + ".vector[]";
  }

  /** What turns such an element into the column's value. */
  String cast() {
    return extension == null ? "::real[]" : "";
  }

  /**
   * The cosine distance of column {@code e.embedding} to a bound vector. The extension sums squares
   * as 32-bit floats, so the few vectors for which those are none are brought to length 1 before.
   */
  String distance() {
    String column =
        normalizes
            ? "(CASE WHEN e.extreme THEN "
                + extension
                + ".l2_normalize(e.embedding)"
                + " ELSE e.embedding END)"
            : "e.embedding";
    return column + " OPERATOR(" + extension + ".<=>) ?";
  }

  /** Whether squares of these floats are so large or small that a sum of them goes wrong. */
  static boolean isExtreme(float[] vector) {
    double squares = 0;
    for (float x : vector) {
      squares += (double) x * x;
    }
    return squares > MOST || (squares < LEAST && squares > 0);
  }

  /** The same direction, with floats that can be squared. */
  private static float[] tame(float[] vector) {
    if (!isExtreme(vector)) {
      return vector;
    }
    float largest = 0;
    for (float x : vector) {
      largest = Math.max(largest, Math.abs(x));
    }
    int exponent = -Math.getExponent(largest);
    float[] tame = new float[vector.length];
    for (int i = 0; i < tame.length; i++) {
      tame[i] = (float) Math.scalb((double) vector[i], exponent);
    }
    return tame;
  }

  /** The expression that reads {@code column}; see {@link #parse}. */
  String read(String column) {
    return extension == null
        ? "pg_catalog.array_send(" + column + ")"
        : extension + ".vector_send(" + column + ")";
  }

  /**
   * The floats that {@link #read} gave.
   *
   * @throws IllegalArgumentException if the array is none of floats only, as somebody's own SQL may
   *     have made it: one of several dimensions, or with a null in it
   */
  float[] parse(byte @Nullable [] sent) {
    if (sent == null) {
      return new float[0];
    }
    ByteBuffer bytes = ByteBuffer.wrap(sent);
    if (extension != null) {
      float[] vector = new float[bytes.getShort() & 0xffff];
      bytes.position(VECTOR_HEADER).slice().asFloatBuffer().get(vector);
      return vector;
    }
    int dimensions = bytes.getInt();
    if (dimensions == 0) {
      return new float[0];
    }
    int floats = dimensions == 1 ? bytes.getInt(ARRAY_LENGTH) : -1;
    if (sent.length != ARRAY_HEADER + floats * ARRAY_ELEMENT) { // a null has no bytes
      throw new IllegalArgumentException("not a list of floats");
    }
    float[] vector = new float[floats];
    for (int i = 0; i < vector.length; i++) {
      vector[i] = bytes.getFloat(ARRAY_HEADER + i * ARRAY_ELEMENT + Integer.BYTES);
    }
    return vector;
  }

  /** Binds one vector per row as an array; null, or of no floats, for a row without one. */
  Argument array(@Nullable Object[] vectors) {
    if (extension == null) {
      return (index, statement, context) ->
          statement.setArray(
              index, statement.getConnection().createArrayOf("text", literals(vectors)));
    }
    return (index, statement, context) -> {
      prepare(statement.getConnection());
      statement.setObject(index, new VectorArray(elementOid, vectors));
    };
  }

  private static @Nullable Object[] literals(@Nullable Object[] vectors) {
    @Nullable String[] literals = new String[vectors.length];
    for (int i = 0; i < vectors.length; i++) {
      if (vectors[i] instanceof float[] vector && vector.length > 0) {
        StringBuilder out = new StringBuilder(vector.length * 12).append('{');
        for (int j = 0; j < vector.length; j++) {
          (j == 0 ? out : out.append(',')).append(vector[j]);
        }
        literals[i] = out.append('}').toString();
      }
    }
    return literals;
  }

  /** The type of the column. */
  String type() {
    return extension == null ? "real[]" : extension + ".vector";
  }

  /** Binds a vector as it is kept. */
  Argument stored(float[] vector) {
    if (extension != null) {
      return bound(new PGvector(vector));
    }
    return (index, statement, context) -> {
      PGConnection driver = statement.getConnection().unwrap(PGConnection.class);
      statement.setArray(index, driver.createArrayOf("float4", (Object) vector));
    };
  }

  /** Binds a vector to compare with. Only with the extension. */
  Argument one(float[] vector) {
    return bound(new PGvector(tame(vector)));
  }

  private Argument bound(PGvector vector) {
    return (index, statement, context) -> {
      prepare(statement.getConnection());
      statement.setObject(index, vector);
    };
  }

  // Without this the driver sends text, which the server parses: 4 to 60 times dearer.
  private void prepare(Connection connection) throws SQLException {
    PGConnection driver = connection.unwrap(PGConnection.class);
    if (!prepared.contains(driver)) {
      PGvector.registerTypes(connection);
      driver.addDataType(VectorArray.TYPE, VectorArray.class);
      prepared.add(driver);
    }
  }

  /** An array of {@code vector} as the binary protocol has it, which the driver cannot make. */
  static final class VectorArray extends PGobject implements PGBinaryObject {
    private static final long serialVersionUID = 1L;
    private static final String TYPE = "_vector";

    private final transient @Nullable Object[] vectors;
    private final int elementOid;

    VectorArray(int elementOid, @Nullable Object[] vectors) {
      this.type = TYPE;
      this.elementOid = elementOid;
      this.vectors = vectors;
    }

    private static int floats(@Nullable Object vector) {
      return vector instanceof float[] floats ? floats.length : 0;
    }

    @Override
    public int lengthInBytes() {
      int size = ARRAY_HEADER;
      for (Object vector : vectors) {
        int floats = floats(vector);
        size += Integer.BYTES + (floats == 0 ? 0 : VECTOR_HEADER + floats * Float.BYTES);
      }
      return size;
    }

    @Override
    public void toBytes(byte[] target, int offset) {
      ByteBuffer out = ByteBuffer.wrap(target, offset, target.length - offset).slice();
      // dimensions of the array, whether there are nulls, type, size, lower bound
      out.putInt(1).putInt(1).putInt(elementOid).putInt(vectors.length).putInt(1);
      for (Object vector : vectors) {
        if (floats(vector) == 0) {
          out.putInt(-1);
        } else if (vector instanceof float[] floats) {
          int size = floats.length * Float.BYTES;
          out.putInt(VECTOR_HEADER + size).putShort((short) floats.length).putShort((short) 0);
          out.asFloatBuffer().put(floats);
          out.position(out.position() + size);
        }
      }
    }

    @Override
    public void setByteValue(byte[] value, int offset) {
      throw new UnsupportedOperationException("arrays of vectors are only ever sent");
    }

    /** The array as text, for connections on which binary transfer is switched off. */
    @Override
    public String getValue() {
      StringBuilder out = new StringBuilder("{");
      for (Object vector : vectors) {
        out.append(out.length() == 1 ? "" : ",");
        if (vector instanceof float[] floats && floats.length > 0) {
          out.append('"').append(new PGvector(floats).getValue()).append('"');
        } else {
          out.append("NULL");
        }
      }
      return out.append('}').toString();
    }
  }
}

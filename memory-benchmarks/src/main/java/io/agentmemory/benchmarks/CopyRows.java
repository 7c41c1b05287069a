package io.agentmemory.benchmarks;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;

/**
 * Rows in the form of a binary COPY, read from a table once and written to its likeness as often as
 * asked: what the server does for these rows, and hardly any work of ours.
 *
 * <p>Source: PostgreSQL 17 manual, COPY, "Binary Format".
 */
final class CopyRows {
  private static final byte[] SIGNATURE = {
    'P', 'G', 'C', 'O', 'P', 'Y', '\n', (byte) 0xff, '\r', '\n', 0
  };
  private static final int HEADER = SIGNATURE.length + 2 * Integer.BYTES;
  private static final int CHUNK = 64 * 1024;

  private final List<String> columns;
  private final List<byte @Nullable []> fields; // row after row

  private CopyRows(List<String> columns, List<byte @Nullable []> fields) {
    this.columns = columns;
    this.fields = fields;
  }

  /** The rows that {@code condition} leaves. */
  static CopyRows read(Connection connection, String table, List<String> columns, String condition)
      throws SQLException, IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    connection
        .unwrap(PGConnection.class)
        .getCopyAPI()
        .copyOut(
            "COPY (SELECT "
                + String.join(", ", columns)
                + " FROM "
                + table
                + " WHERE "
                + condition
                + ") TO STDOUT (FORMAT binary)",
            out);
    ByteBuffer bytes = ByteBuffer.wrap(out.toByteArray()).position(HEADER);
    List<byte @Nullable []> fields = new ArrayList<>();
    while (bytes.getShort() == columns.size()) {
      for (int i = 0; i < columns.size(); i++) {
        int length = bytes.getInt();
        byte[] field = length < 0 ? null : new byte[length];
        if (field != null) {
          bytes.get(field);
        }
        fields.add(field);
      }
    }
    return new CopyRows(columns, fields);
  }

  int rows() {
    return fields.size() / columns.size();
  }

  /** Writes the rows as they were read. */
  void write(Connection connection, String table) throws SQLException {
    write(connection, table, "", row -> new float[0]);
  }

  /** Writes the rows, but encodes the vectors of one column anew, as a program has to. */
  void write(Connection connection, String table, String vectorColumn, IntFunction<float[]> vectors)
      throws SQLException {
    CopyIn copy =
        connection
            .unwrap(PGConnection.class)
            .getCopyAPI()
            .copyIn(
                "COPY "
                    + table
                    + " ("
                    + String.join(", ", columns)
                    + ") FROM STDIN (FORMAT binary)");
    try {
      ByteBuffer out = ByteBuffer.allocate(CHUNK);
      out.put(SIGNATURE).putInt(0).putInt(0);
      int special = columns.indexOf(vectorColumn);
      for (int row = 0; row < rows(); row++) {
        out = room(copy, out, Short.BYTES).putShort((short) columns.size());
        for (int i = 0; i < columns.size(); i++) {
          if (i == special) {
            out = vector(copy, out, vectors.apply(row));
          } else {
            out = field(copy, out, fields.get(row * columns.size() + i));
          }
        }
      }
      out = room(copy, out, Short.BYTES).putShort((short) -1);
      copy.writeToCopy(out.array(), 0, out.position());
      copy.endCopy();
    } finally {
      if (copy.isActive()) {
        copy.cancelCopy();
      }
    }
  }

  private static ByteBuffer field(CopyIn copy, ByteBuffer out, byte @Nullable [] field)
      throws SQLException {
    if (field == null) {
      return room(copy, out, Integer.BYTES).putInt(-1);
    }
    return room(copy, out, Integer.BYTES + field.length).putInt(field.length).put(field);
  }

  /** Source: vector_recv of pgvector: two shorts, the dimensions and 0, then the floats. */
  private static ByteBuffer vector(CopyIn copy, ByteBuffer out, float[] vector)
      throws SQLException {
    int length = 2 * Short.BYTES + vector.length * Float.BYTES;
    ByteBuffer ready = room(copy, out, Integer.BYTES + length);
    ready.putInt(length).putShort((short) vector.length).putShort((short) 0);
    for (float f : vector) {
      ready.putFloat(f);
    }
    return ready;
  }

  /** The buffer, sent off first if there is no room for this many bytes in it. */
  private static ByteBuffer room(CopyIn copy, ByteBuffer out, int bytes) throws SQLException {
    if (out.remaining() >= bytes) {
      return out;
    }
    copy.writeToCopy(out.array(), 0, out.position());
    return bytes <= out.capacity() ? out.clear() : ByteBuffer.allocate(bytes + CHUNK);
  }
}

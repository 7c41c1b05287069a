package io.agentmemory.localpg;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;

/**
 * Sends one statement to a server on this machine. Archives of the server alone have no {@code
 * createdb}, and this module has no driver.
 *
 * <p>Source: PostgreSQL 15 manual, chapter "Frontend/Backend Protocol", version 3.0.
 */
final class Wire {
  private static final int PROTOCOL = 3 << 16;
  private static final int CONNECT_MILLIS = 10_000;
  private static final int ANSWER_MILLIS = 60_000;
  private static final int CLEARTEXT_PASSWORD = 3;

  private Wire() {}

  /** Runs {@code sql} and drops its rows. The message of a failure is the server's. */
  static void execute(int port, String password, String database, String sql) throws IOException {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(localhost(), port), CONNECT_MILLIS);
      socket.setSoTimeout(ANSWER_MILLIS);
      DataInputStream in = new DataInputStream(socket.getInputStream());
      DataOutputStream out = new DataOutputStream(socket.getOutputStream());
      ByteArrayOutputStream start = new ByteArrayOutputStream();
      new DataOutputStream(start).writeInt(PROTOCOL);
      for (String text : new String[] {"user", LocalPostgres.USER, "database", database, ""}) {
        start.write(terminated(text));
      }
      out.writeInt(start.size() + Integer.BYTES);
      out.write(start.toByteArray());
      boolean sent = false;
      while (true) {
        byte type = in.readByte();
        byte[] body = in.readNBytes(in.readInt() - Integer.BYTES);
        switch (type) {
          case 'R' -> {
            int method = ByteBuffer.wrap(body).getInt();
            if (method == CLEARTEXT_PASSWORD) {
              send(out, 'p', password);
            } else if (method != 0) {
              throw new IOException("the server asks for authentication method " + method);
            }
          }
          case 'E' -> throw new IOException(message(body));
          case 'Z' -> {
            if (sent) {
              return;
            }
            send(out, 'Q', sql);
            sent = true;
          }
          default -> {} // settings, keys, notices and rows
        }
      }
    }
  }

  /** 127.0.0.1 whatever the JVM was told to prefer: the server listens there and nowhere else. */
  static InetAddress localhost() throws IOException {
    return InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
  }

  private static void send(DataOutputStream out, char type, String text) throws IOException {
    byte[] bytes = terminated(text);
    out.writeByte(type);
    out.writeInt(bytes.length + Integer.BYTES);
    out.write(bytes);
    out.flush();
  }

  private static byte[] terminated(String text) {
    return (text + '\0').getBytes(UTF_8);
  }

  /** The field M of an error, which is its text. */
  private static String message(byte[] body) {
    for (String field : new String(body, UTF_8).split("\0", -1)) {
      if (field.startsWith("M")) {
        return field.substring(1);
      }
    }
    return "the server reports an error without text";
  }
}

package io.agentmemory.postgres;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;

/**
 * A pooler that lends its sessions for one transaction each, as PgBouncer does in its transaction
 * mode without support for prepared statements: each transaction of a client goes to the session
 * that has waited longest, so that two in a row hardly ever meet the same one. Lets everybody in,
 * and logs in itself with a password in the clear.
 *
 * <p>Source: PostgreSQL 15 manual, chapter "Frontend/Backend Protocol", version 3.0.
 */
final class TransactionPooler implements AutoCloseable {
  private static final int SSL_REQUEST = 80877103;
  private static final int GSS_REQUEST = 80877104;
  private static final int CANCEL_REQUEST = 80877102;
  private static final int CLEARTEXT_PASSWORD = 3;

  private final int server;
  private final String password;
  private final int sessions;
  private final BlockingQueue<Session> idle;
  private final ServerSocket listener;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private byte[] greeting = {};
  private int lent;

  private TransactionPooler(int server, String password, int sessions) throws IOException {
    this.server = server;
    this.password = password;
    this.sessions = sessions;
    this.idle = new ArrayBlockingQueue<>(sessions);
    this.listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    threads.execute(this::acceptAll);
  }

  /** A pooler on a free port, with so many sessions with the server on another port. */
  static TransactionPooler of(int server, String password, int sessions) throws IOException {
    return new TransactionPooler(server, password, sessions);
  }

  int port() {
    return listener.getLocalPort();
  }

  private void acceptAll() {
    while (true) {
      try {
        Socket client = listener.accept();
        sockets.add(client);
        threads.execute(() -> serve(client));
      } catch (IOException | RejectedExecutionException closed) {
        return;
      }
    }
  }

  private void serve(Socket client) {
    try (client) {
      client.setTcpNoDelay(true);
      DataInputStream in = new DataInputStream(new BufferedInputStream(client.getInputStream()));
      OutputStream out = client.getOutputStream();
      if (greet(in, out)) {
        transactions(in, out);
      }
    } catch (IOException | InterruptedException gone) {
      return; // so is its transaction: none is left open by these tests
    } finally {
      sockets.remove(client);
    }
  }

  private boolean greet(DataInputStream in, OutputStream out)
      throws IOException, InterruptedException {
    while (true) {
      int length = in.readInt();
      byte[] body = in.readNBytes(length - Integer.BYTES);
      int code = ByteBuffer.wrap(body).getInt();
      if (code == SSL_REQUEST || code == GSS_REQUEST) {
        out.write('N');
        continue;
      }
      if (code == CANCEL_REQUEST) {
        return false;
      }
      out.write(logIn(ByteBuffer.allocate(length).putInt(length).put(body).array()));
      return true;
    }
  }

  /** Opens the sessions as the first client wants its own; what the server says to it. */
  private synchronized byte[] logIn(byte[] startup) throws IOException, InterruptedException {
    while (greeting.length == 0 || idle.size() + lent < sessions) {
      Session session = new Session(startup);
      greeting = session.greeting.toByteArray();
      idle.put(session);
    }
    return greeting;
  }

  private synchronized Session lend() throws InterruptedException {
    while (idle.isEmpty()) {
      wait();
    }
    lent++;
    return idle.take();
  }

  private synchronized void giveBack(Session session) throws InterruptedException {
    lent--;
    idle.put(session);
    notifyAll();
  }

  private void transactions(DataInputStream in, OutputStream out)
      throws IOException, InterruptedException {
    Session session = null;
    ByteArrayOutputStream batch = new ByteArrayOutputStream();
    while (true) {
      int type = in.read();
      if (type < 0 || type == 'X') {
        return;
      }
      int length = in.readInt();
      batch.write(type);
      batch.writeBytes(ByteBuffer.allocate(Integer.BYTES).putInt(length).array());
      batch.writeBytes(in.readNBytes(length - Integer.BYTES));
      if (type == 'S' || type == 'Q') {
        if (session == null) {
          session = lend();
        }
        session.out.write(batch.toByteArray());
        batch.reset();
        ByteArrayOutputStream answer = new ByteArrayOutputStream();
        boolean ended = session.answer(answer);
        if (ended) {
          giveBack(session);
          session = null;
        }
        out.write(answer.toByteArray());
      }
    }
  }

  /** A session with the server. */
  private final class Session {
    final DataInputStream in;
    final OutputStream out;
    final ByteArrayOutputStream greeting = new ByteArrayOutputStream();

    Session(byte[] startup) throws IOException {
      Socket socket = new Socket(InetAddress.getLoopbackAddress(), server);
      socket.setTcpNoDelay(true);
      sockets.add(socket);
      in = new DataInputStream(new BufferedInputStream(socket.getInputStream()));
      out = socket.getOutputStream();
      out.write(startup);
      answer(greeting);
    }

    /** Reads until the server is ready for more; whether it is outside of a transaction. */
    boolean answer(ByteArrayOutputStream copy) throws IOException {
      while (true) {
        int type = in.readByte();
        int length = in.readInt();
        byte[] body = in.readNBytes(length - Integer.BYTES);
        if (type == 'R' && ByteBuffer.wrap(body).getInt() == CLEARTEXT_PASSWORD) {
          byte[] secret = (password + '\0').getBytes(UTF_8);
          out.write(
              ByteBuffer.allocate(1 + Integer.BYTES + secret.length)
                  .put((byte) 'p')
                  .putInt(Integer.BYTES + secret.length)
                  .put(secret)
                  .array());
          continue; // the client is let in without one
        }
        if (type == 'K') {
          body[0] ^= 0x40; // no session is the client's own, so it gets a number that is nobody's
        }
        copy.write(type);
        copy.writeBytes(ByteBuffer.allocate(Integer.BYTES).putInt(length).array());
        copy.writeBytes(body);
        if (type == 'Z') {
          return body[0] == 'I';
        }
      }
    }
  }

  @Override
  public void close() throws IOException {
    threads.shutdownNow();
    listener.close();
    for (Socket socket : sockets) {
      socket.close();
    }
  }
}

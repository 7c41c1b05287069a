package io.agentmemory.internal.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A line to a PostgreSQL server that breaks on command: it is refused, goes silent, is slow, is
 * cut, or is cut at a {@linkplain #trap given statement}. It looks into the protocol as far as to
 * see which statement a client sends, and always says that there is no encryption. Thread-safe.
 *
 * <p>Source: PostgreSQL 15 manual, chapter "Frontend/Backend Protocol", version 3.0.
 */
public final class TcpProxy implements AutoCloseable {
  /**
   * Where the line is cut. The bytes of a statement are its messages up to the Sync behind it, for
   * which the server waits with ending a transaction of one statement.
   */
  public enum Cut {
    /** No byte of the statement has reached the server. */
    BEFORE,
    /** The server gets half of its first message, and then the end of the line. */
    MIDWAY,
    /** The server gets all of it, and then the end of the line; the client is cut off at once. */
    AFTER,
    /** The server has carried it out and answered; the client is cut off instead of being told. */
    BEFORE_ANSWER,
    /** The client is cut off; the server gets all of it when the trap is released, not before. */
    LATE,
    /** Nobody is cut off, but no byte gets through any more, in either direction. */
    NOWHERE
  }

  private static final int SSL_REQUEST = 80877103;
  private static final int GSS_REQUEST = 80877104;
  private static final int CANCEL_REQUEST = 80877102;
  private static final int CONNECT_MILLIS = 10_000;
  private static final long PATIENCE_SECONDS = 30;

  private final InetSocketAddress target;
  private final InetSocketAddress address;
  private final ExecutorService threads =
      Executors.newCachedThreadPool(
          work -> {
            Thread thread = new Thread(work, "tcp-proxy");
            thread.setDaemon(true);
            return thread;
          });
  private final Set<Line> lines = ConcurrentHashMap.newKeySet();
  private final AtomicReference<@Nullable Trap> trap = new AtomicReference<>();
  private final Object gate = new Object();
  private boolean silent;
  private volatile long delayNanos;
  private @Nullable ServerSocket listener;
  private CountDownLatch accepting = new CountDownLatch(0);

  private TcpProxy(InetSocketAddress target) throws IOException {
    this.target = target;
    ServerSocket first = listen(0);
    this.address = new InetSocketAddress(first.getInetAddress(), first.getLocalPort());
  }

  /** A proxy on a free port of this machine, in front of {@code host:port}. */
  public static TcpProxy to(String host, int port) throws IOException {
    return new TcpProxy(new InetSocketAddress(host, port));
  }

  /** Where it listens, on 127.0.0.1. */
  public int port() {
    return address.getPort();
  }

  private synchronized ServerSocket listen(int port) throws IOException {
    ServerSocket socket = new ServerSocket();
    socket.setReuseAddress(true);
    socket.bind(new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), port));
    listener = socket;
    CountDownLatch ended = new CountDownLatch(1);
    accepting = ended;
    threads.execute(
        () -> {
          acceptAll(socket);
          ended.countDown();
        });
    return socket;
  }

  private void acceptAll(ServerSocket socket) {
    while (true) {
      Socket client = null;
      try {
        client = socket.accept();
        threads.execute(new Line(client)::run);
      } catch (IOException | RejectedExecutionException closed) {
        closeQuietly(client);
        return;
      }
    }
  }

  /** From now on nobody listens here; lines that stand are not touched. */
  public synchronized void refuse() {
    closeQuietly(listener);
    listener = null;
    // Somebody who waits in accept keeps the socket alive until he is told.
    await(accepting, "the proxy goes on listening");
  }

  /** Ends {@link #refuse}. */
  public synchronized void accept() {
    if (listener == null) {
      try {
        listen(address.getPort());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /** Cuts every line, on both sides. */
  public void cut() {
    lines.forEach(Line::close);
  }

  /**
   * From now on no byte gets through, in either direction; connecting succeeds, and nothing comes
   * after it.
   */
  public void silence() {
    synchronized (gate) {
      silent = true;
    }
  }

  /** Ends {@link #silence}: what was held back gets through now. */
  public void speak() {
    synchronized (gate) {
      silent = false;
      gate.notifyAll();
    }
  }

  /** From now on each piece of an answer comes so much later; zero: at once. */
  public void delayAnswers(Duration delay) {
    delayNanos = delay.toNanos();
  }

  /** How many lines there are. */
  public int lines() {
    return lines.size();
  }

  /**
   * Lies in wait for the next statement whose text begins with {@code text}, on whatever line it
   * comes. One at a time: a trap that was not sprung is replaced.
   */
  public Trap trap(String text, Cut cut) {
    Trap set = new Trap(text, cut);
    trap.set(set);
    return set;
  }

  /** Ends all. Lines are cut, statements that are held back never arrive. */
  @Override
  public void close() {
    refuse();
    threads.shutdownNow();
    cut();
    try {
      if (!threads.awaitTermination(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        throw new IllegalStateException("a line of the proxy does not end");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** A statement at which the line is cut. */
  public static final class Trap {
    private final String text;
    private final Cut cut;
    private final CountDownLatch sprung = new CountDownLatch(1);
    private final CountDownLatch released = new CountDownLatch(1);
    private final CountDownLatch ended = new CountDownLatch(1);

    private Trap(String text, Cut cut) {
      this.text = requireNonNull(text, "text");
      this.cut = requireNonNull(cut, "cut");
    }

    /** Whether a statement came at which the line is cut. */
    public boolean isSprung() {
      return sprung.getCount() == 0;
    }

    /**
     * Waits for the statement.
     *
     * @throws IllegalStateException if it does not come within half a minute
     */
    public void awaitSprung() {
      await(sprung, "no statement came that begins with " + text);
    }

    /**
     * Waits until the server has closed its side of the line: its transaction has ended by then,
     * one way or the other.
     *
     * @throws IllegalStateException if it has not within half a minute
     */
    public void awaitEnd() {
      await(ended, "the server does not end the session");
    }

    /** Lets the server have what was held back by {@link Cut#LATE}, and waits for the end. */
    public void release() {
      released.countDown();
      awaitEnd();
    }
  }

  /** A message of the client, as it came. */
  private record Message(char type, byte[] bytes) {
    /** Text that begins at {@code from} and ends with a NUL. */
    String text(int from) {
      int end = from;
      while (end < bytes.length && bytes[end] != 0) {
        end++;
      }
      return new String(bytes, from, end - from, UTF_8);
    }

    /** Where the text behind the one at {@code from} begins. */
    int after(int from) {
      return from + text(from).getBytes(UTF_8).length + 1;
    }
  }

  /** One connection of a client, and ours to the server for it. */
  private final class Line {
    private static final int BODY = 1 + Integer.BYTES;

    private final Socket client;
    private final Socket server = new Socket();
    private final Map<String, String> statements = new HashMap<>();
    private volatile boolean mute;
    private volatile boolean dead;
    private volatile boolean cutAtAnswer;
    private volatile @Nullable Trap sprung;

    Line(Socket client) {
      this.client = client;
    }

    void run() {
      lines.add(this);
      boolean answering = false;
      try {
        client.setTcpNoDelay(true);
        server.setTcpNoDelay(true);
        server.connect(target, CONNECT_MILLIS);
        threads.execute(this::answers);
        answering = true;
        questions();
        if (!dead) {
          endQuestions(); // and the answers end when the server has gone too
        }
      } catch (IOException | RuntimeException | InterruptedException broken) {
        close();
      } finally {
        if (!answering) {
          end();
        }
      }
    }

    private void questions() throws IOException, InterruptedException {
      DataInputStream in = new DataInputStream(new BufferedInputStream(client.getInputStream()));
      OutputStream out = new BufferedOutputStream(server.getOutputStream());
      if (!start(in, out)) {
        return;
      }
      while (true) {
        Message message = read(in);
        if (message == null) {
          return;
        }
        Trap set = trap.get();
        String text = statement(message);
        if (set != null
            && text != null
            && text.stripLeading().startsWith(set.text)
            && trap.compareAndSet(set, null)) {
          spring(set, message, in, out);
          return;
        }
        pass();
        out.write(message.bytes());
        if (in.available() == 0) {
          out.flush();
        }
      }
    }

    /** Whether a session has begun. */
    private boolean start(DataInputStream in, OutputStream out)
        throws IOException, InterruptedException {
      while (true) {
        int length = in.readInt();
        byte[] body = in.readNBytes(length - Integer.BYTES);
        int code = ByteBuffer.wrap(body).getInt();
        pass();
        if (code == SSL_REQUEST || code == GSS_REQUEST) {
          client.getOutputStream().write('N');
          continue;
        }
        out.write(ByteBuffer.allocate(Integer.BYTES).putInt(length).array());
        out.write(body);
        out.flush();
        return code != CANCEL_REQUEST;
      }
    }

    private @Nullable Message read(DataInputStream in) throws IOException {
      int type = in.read();
      if (type < 0) {
        return null;
      }
      int length = in.readInt();
      byte[] body = in.readNBytes(length - Integer.BYTES);
      return new Message(
          (char) type,
          ByteBuffer.allocate(1 + length).put((byte) type).putInt(length).put(body).array());
    }

    /** The text of the statement that a message parses, binds or runs; null if it does not. */
    private @Nullable String statement(Message message) {
      switch (message.type()) {
        case 'Q':
          return message.text(BODY);
        case 'P':
          String parsed = message.text(message.after(BODY));
          statements.put(message.text(BODY), parsed);
          return parsed;
        case 'B':
          return statements.get(message.text(message.after(BODY)));
        default:
          return null;
      }
    }

    private void spring(Trap set, Message first, DataInputStream in, OutputStream out)
        throws IOException, InterruptedException {
      sprung = set;
      set.sprung.countDown();
      switch (set.cut) {
        case BEFORE -> {
          out.flush();
          cutOff();
        }
        case MIDWAY -> {
          out.write(first.bytes(), 0, first.bytes().length / 2);
          out.flush();
          cutOff();
        }
        case NOWHERE -> {
          out.flush();
          mute = true;
          dead = true;
        }
        case BEFORE_ANSWER -> {
          byte[] whole = upToSync(first, in);
          out.flush();
          cutAtAnswer = true;
          out.write(whole);
          out.flush();
        }
        case AFTER -> {
          byte[] whole = upToSync(first, in);
          mute = true;
          out.write(whole);
          out.flush();
          cutOff();
        }
        case LATE -> {
          byte[] whole = upToSync(first, in);
          mute = true;
          out.flush();
          closeQuietly(client);
          set.released.await();
          out.write(whole);
          out.flush();
          cutOff();
        }
      }
    }

    private byte[] upToSync(Message first, DataInputStream in) throws IOException {
      ByteArrayOutputStream whole = new ByteArrayOutputStream();
      Message message = first;
      while (true) {
        whole.writeBytes(message.bytes());
        if (message.type() == 'S' || message.type() == 'Q') {
          return whole.toByteArray();
        }
        message = requireNonNull(read(in), "a Sync");
      }
    }

    /**
     * The end of the line in good order for the server: a reset could lose what it has not read.
     */
    private void cutOff() throws IOException {
      mute = true;
      closeQuietly(client);
      endQuestions();
    }

    private synchronized void endQuestions() throws IOException {
      if (!server.isOutputShutdown()) {
        server.shutdownOutput();
      }
    }

    private void answers() {
      byte[] piece = new byte[1 << 14];
      try {
        InputStream in = server.getInputStream();
        OutputStream out = client.getOutputStream();
        while (true) {
          int length = in.read(piece);
          if (length < 0) {
            break;
          }
          if (cutAtAnswer) {
            cutAtAnswer = false;
            cutOff();
          }
          if (mute) {
            continue;
          }
          long delay = delayNanos;
          if (delay > 0) {
            LockSupport.parkNanos(delay);
          }
          pass();
          out.write(piece, 0, length);
          out.flush();
        }
      } catch (IOException | InterruptedException broken) {
        closeQuietly(client);
      } finally {
        end();
      }
    }

    private void end() {
      close();
      lines.remove(this);
      Trap set = sprung;
      if (set != null) {
        set.ended.countDown();
      }
    }

    private void close() {
      closeQuietly(client);
      closeQuietly(server);
    }
  }

  /** Waits while all is silent. */
  private void pass() throws InterruptedException {
    synchronized (gate) {
      while (silent) {
        gate.wait();
      }
    }
  }

  private static void await(CountDownLatch latch, String otherwise) {
    try {
      if (!latch.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        throw new IllegalStateException(otherwise);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(otherwise, e);
    }
  }

  private static void closeQuietly(@Nullable AutoCloseable open) {
    if (open != null) {
      try {
        open.close();
      } catch (Exception e) {
        return; // it is of no use any more
      }
    }
  }
}

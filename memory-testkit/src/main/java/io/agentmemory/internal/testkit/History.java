package io.agentmemory.internal.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What workers asked of a store and what they were told, line by line in the order in which it
 * happened: a call's line is written before the call begins, its answer's after it came. In a file
 * a line outlives the process that wrote it, as soon as the method returns. {@link HistoryCheck}
 * says whether a store can be right. Thread-safe.
 *
 * <p>Names, operations and values are any text without a tab, a comma or a line feed.
 */
public final class History implements AutoCloseable {
  /** How a call ended. */
  public enum End {
    ACKNOWLEDGED("a"),
    FAILED("f"),
    UNKNOWN("u");

    final String sign;

    End(String sign) {
      this.sign = sign;
    }
  }

  /** One thing that an operation does: gives a name a value, takes it away, or adds a part. */
  public record Effect(String sign, String name, String value) {
    /** The name has this value from then on. Each value is given once, by one writer at a time. */
    public static Effect put(String name, String value) {
      return new Effect("=", name, value);
    }

    /** The name has neither a value nor parts from then on. */
    public static Effect delete(String name) {
      return new Effect("-", name, "");
    }

    /** The name has one more part. Each part is added once, by whomever. */
    public static Effect add(String name, String part) {
      return new Effect("+", name, part);
    }
  }

  /**
   * What a store shows under a name.
   *
   * @param value null if it has none
   * @param parts the different parts it has
   * @param count how many parts the store counted
   */
  public record State(@Nullable String value, Set<String> parts, long count) {
    /** Nothing is there. */
    public static final State ABSENT = new State(null, Set.of(), 0);

    /** Sorts the parts. */
    public State {
      parts = java.util.Collections.unmodifiableSet(new TreeSet<>(parts));
    }

    /** A value. */
    public static State of(String value) {
      return new State(value, Set.of(), 0);
    }

    /** Parts, and how many the store counted. */
    public static State of(Set<String> parts, long count) {
      return new State(null, parts, count);
    }

    private String line() {
      return value == null ? "\t" + count + "\t" + String.join(",", parts) : value + "\t0\t";
    }

    static State parse(String[] fields, int at) {
      String parts = at + 2 < fields.length ? fields[at + 2] : "";
      return new State(
          fields[at].isEmpty() ? null : fields[at],
          parts.isEmpty() ? Set.of() : Set.of(parts.split(",")),
          Long.parseLong(fields[at + 1]));
    }
  }

  private final @Nullable Path file;
  private final @Nullable OutputStream out;
  private final List<String> lines = new ArrayList<>(); // guarded by this
  private long reads; // guarded by this

  /** In memory. */
  public History() {
    file = null;
    out = null;
  }

  /** In a file, behind what stands there. A line that was not written whole is cut off. */
  public History(Path file) throws IOException {
    this.file = file;
    if (Files.exists(file)) {
      String text = Files.readString(file);
      if (!text.endsWith("\n")) {
        Files.writeString(file, text.substring(0, text.lastIndexOf('\n') + 1));
      }
    }
    out = Files.newOutputStream(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }

  /** A call begins. */
  public void invoke(String operation, List<Effect> effects) {
    StringBuilder line = new StringBuilder("i\t").append(operation);
    for (Effect effect : effects) {
      line.append('\t').append(effect.sign());
      line.append('\t').append(effect.name()).append('\t').append(effect.value());
    }
    write(line.toString());
  }

  /** A call has ended, or it was found out how it had. */
  public void end(String operation, End end) {
    write(end.sign + "\t" + operation);
  }

  /** A call ended in a way that no call may. */
  public void defect(String operation, Throwable defect) {
    write("d\t" + operation + "\t" + defect.getClass().getName());
  }

  /** A read begins; give what comes back to {@link #saw}. */
  public synchronized long reading(String name) {
    write("r\t" + ++reads + "\t" + name);
    return reads;
  }

  /** A read has ended. */
  public void saw(long read, State state) {
    write("s\t" + read + "\t" + state.line());
  }

  /** The process that made the calls is gone: nobody was told how those ended that ran. */
  public void killed() {
    write("k");
  }

  /** What a name holds, for sure, when a history begins. */
  public void is(String name, State state) {
    write("b\t" + name + "\t" + state.line());
  }

  private synchronized void write(String line) {
    if (out == null) {
      lines.add(line);
      return;
    }
    try {
      out.write((line + "\n").getBytes(UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** All of it so far. */
  public synchronized List<String> lines() {
    try {
      return file == null ? List.copyOf(lines) : Files.readAllLines(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() throws IOException {
    if (out != null) {
      out.close();
    }
  }
}

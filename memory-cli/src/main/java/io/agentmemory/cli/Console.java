package io.agentmemory.cli;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;

/**
 * Where a command reads and writes, all of it UTF-8: results on {@code out}, errors and progress on
 * {@code err}.
 */
record Console(
    InputStream in, PrintWriter out, PrintWriter err, Screen screen, Map<String, String> env) {

  /**
   * What is known of the terminal.
   *
   * @param out whether results go to one
   * @param err whether errors and progress do
   * @param width columns
   * @param colour whether it shows colours, and the user wants them
   */
  record Screen(boolean out, boolean err, int width, boolean colour) {
    /** No terminal: nothing moves, nothing is coloured, nothing is cut. */
    static final Screen NONE = new Screen(false, false, 80, false);
  }

  /** The console of this process. The JDK cannot tell one stream from another: the script does. */
  static Console ofProcess() {
    return new Console(
        new FileInputStream(FileDescriptor.in),
        writer(FileDescriptor.out),
        writer(FileDescriptor.err),
        screen(
            System.getProperty("memory.terminal", ""),
            Integer.getInteger("memory.columns", 80),
            System.getenv()),
        System.getenv());
  }

  private static PrintWriter writer(FileDescriptor to) {
    return new PrintWriter(
        new OutputStreamWriter(new FileOutputStream(to), StandardCharsets.UTF_8), false);
  }

  /** Reads what the script says: which of {@code out,err} are a terminal. */
  static Screen screen(String terminals, int columns, Map<String, String> env) {
    Set<String> on = Set.of(terminals.isEmpty() ? new String[0] : terminals.split(","));
    // Source: https://no-color.org: set and not empty, whatever the value.
    boolean plain = !env.getOrDefault("NO_COLOR", "").isEmpty();
    boolean dumb = env.getOrDefault("TERM", "dumb").equals("dumb");
    return new Screen(
        on.contains("out"),
        on.contains("err") && !dumb,
        Math.max(40, Math.min(columns, 400)),
        on.contains("out") && !plain && !dumb);
  }

  /** Writes one line of a result. */
  void line(String text) {
    out.println(text);
  }

  /** Text from a memory, as it may be shown: on a terminal nothing in it can move the cursor. */
  String shown(String text) {
    return screen.out() ? Cells.printable(text) : text;
  }

  String bold(String text) {
    return styled("1", text);
  }

  String dim(String text) {
    return styled("2", text);
  }

  String good(String text) {
    return styled("32", text);
  }

  String bad(String text) {
    return styled("31", text);
  }

  private String styled(String code, String text) {
    return screen.colour() ? "\u001b[" + code + "m" + text + "\u001b[0m" : text;
  }
}

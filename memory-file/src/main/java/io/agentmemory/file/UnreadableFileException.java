package io.agentmemory.file;

/** A file, or an entry of one, that cannot be read. Says why and where, never what stands there. */
final class UnreadableFileException extends Exception {
  private static final long serialVersionUID = 1L;

  private final String reason;
  private final int line;

  /**
   * A file that cannot be read.
   *
   * @param reason goes on after the file's name, as in "has a tab in its indentation"
   * @param line from 1; 0 if unknown
   */
  UnreadableFileException(String reason, int line) {
    super(line == 0 ? reason : reason + " (line " + line + ")");
    this.reason = reason;
    this.line = line;
  }

  String reason() {
    return reason;
  }

  /** The line, from 1; 0 if unknown. */
  int line() {
    return line;
  }
}

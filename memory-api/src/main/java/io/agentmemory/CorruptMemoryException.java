package io.agentmemory;

import org.jspecify.annotations.Nullable;

/** Stored bytes do not parse, or miss their checksum. Somebody has to look at them. */
public final class CorruptMemoryException extends MemoryStoreException {
  private static final long serialVersionUID = 1L;

  private final String location;

  /** An error at {@code location}. */
  public CorruptMemoryException(
      Operation operation, String location, String reason, @Nullable Throwable cause) {
    super(operation, location + " " + reason, cause);
    this.location = location;
  }

  /** Where: a path with line, or a table with key. */
  public String location() {
    return location;
  }
}

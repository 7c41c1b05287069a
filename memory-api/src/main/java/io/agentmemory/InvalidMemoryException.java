package io.agentmemory;

import org.jspecify.annotations.Nullable;

/**
 * The store cannot hold this: too large, the wrong number of floats, a character no store keeps.
 */
public final class InvalidMemoryException extends MemoryStoreException {
  private static final long serialVersionUID = 1L;

  private final String field;

  /** An error about {@code field}. */
  public InvalidMemoryException(
      Operation operation, String field, String reason, @Nullable Throwable cause) {
    super(operation, field + " " + reason, cause);
    this.field = field;
  }

  /** An error about {@code field}. */
  public InvalidMemoryException(Operation operation, String field, String reason) {
    this(operation, field, reason, null);
  }

  /** The member that cannot be held. */
  public String field() {
    return field;
  }
}

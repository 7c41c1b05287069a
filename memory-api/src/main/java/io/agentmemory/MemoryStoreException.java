package io.agentmemory;

import org.jspecify.annotations.Nullable;

/**
 * What a store throws, sorted by what a caller can do about it. The message names the operation,
 * the record and the reason; never content, never credentials.
 */
public abstract sealed class MemoryStoreException extends RuntimeException
    permits StoreUnavailableException,
        InvalidMemoryException,
        MemoryConflictException,
        CorruptMemoryException,
        UncategorizedStoreException {
  private static final long serialVersionUID = 1L;

  private final transient Operation operation;

  MemoryStoreException(Operation operation, String reason, @Nullable Throwable cause) {
    super(operation + ": " + reason, cause);
    this.operation = operation;
  }

  /** What was being done. */
  public Operation operation() {
    return operation;
  }
}

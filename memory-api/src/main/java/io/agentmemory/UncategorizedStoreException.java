package io.agentmemory;

import org.jspecify.annotations.Nullable;

/** The rest: a store opened for reading asked to write, a schema not migrated, or our defect. */
public final class UncategorizedStoreException extends MemoryStoreException {
  private static final long serialVersionUID = 1L;

  /** An error of no other kind. */
  public UncategorizedStoreException(
      Operation operation, String reason, @Nullable Throwable cause) {
    super(operation, reason, cause);
  }
}

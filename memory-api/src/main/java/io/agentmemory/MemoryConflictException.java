package io.agentmemory;

/**
 * The record is not as the caller expected: it moved on, or its id is taken. Read again, decide.
 */
public final class MemoryConflictException extends MemoryStoreException {
  private static final long serialVersionUID = 1L;

  private final long expectedRevision;
  private final long actualRevision;

  /** An error about a record; revision 0 stands for one that does not exist. */
  public MemoryConflictException(
      Operation operation, String reason, long expectedRevision, long actualRevision) {
    super(operation, reason, null);
    this.expectedRevision = expectedRevision;
    this.actualRevision = actualRevision;
  }

  /** The revision the caller expected; 0 if the record should not exist. */
  public long expectedRevision() {
    return expectedRevision;
  }

  /** The revision the store has; 0 if there is no record. */
  public long actualRevision() {
    return actualRevision;
  }
}

package io.agentmemory;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The store gave no answer: no connection, a time-out, a disk that fails. Try again later. */
public final class StoreUnavailableException extends MemoryStoreException {
  private static final long serialVersionUID = 1L;

  private final transient @Nullable OpId mayHaveApplied;

  private StoreUnavailableException(
      Operation operation,
      String reason,
      @Nullable OpId mayHaveApplied,
      @Nullable Throwable cause) {
    super(operation, reason, cause);
    this.mayHaveApplied = mayHaveApplied;
  }

  /** The operation took no effect. */
  public static StoreUnavailableException notApplied(
      Operation operation, String reason, @Nullable Throwable cause) {
    return new StoreUnavailableException(operation, reason + "; nothing was changed", null, cause);
  }

  /** The answer got lost: the operation took effect whole, or not at all. */
  public static StoreUnavailableException unknown(
      Operation operation, OpId opId, String reason, @Nullable Throwable cause) {
    return new StoreUnavailableException(
        operation,
        reason + "; operation " + opId + " may have been applied, repeating it is safe",
        opId,
        cause);
  }

  /** The operation that may have been applied, and may be repeated under that id; else empty. */
  public Optional<OpId> mayHaveApplied() {
    return Optional.ofNullable(mayHaveApplied);
  }
}

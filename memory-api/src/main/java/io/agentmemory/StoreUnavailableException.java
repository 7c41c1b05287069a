package io.agentmemory;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The store gave no answer: no connection, a time-out, a disk that fails. Or it did, and
 * {@linkplain #isRefusal() refused}. Try again later.
 */
public final class StoreUnavailableException extends MemoryStoreException {
  private static final long serialVersionUID = 1L;

  private final transient @Nullable OpId mayHaveApplied;
  private final boolean refusal;

  private StoreUnavailableException(
      Operation operation,
      String reason,
      @Nullable OpId mayHaveApplied,
      boolean refusal,
      @Nullable Throwable cause) {
    super(operation, reason, cause);
    this.mayHaveApplied = mayHaveApplied;
    this.refusal = refusal;
  }

  /** The operation took no effect. */
  public static StoreUnavailableException notApplied(
      Operation operation, String reason, @Nullable Throwable cause) {
    return new StoreUnavailableException(
        operation, reason + "; nothing was changed", null, false, cause);
  }

  /**
   * The store is there, but did not carry the operation out: others kept its records busy, or it
   * belongs to another owner by now. The operation took no effect.
   */
  public static StoreUnavailableException refused(
      Operation operation, String reason, @Nullable Throwable cause) {
    return new StoreUnavailableException(
        operation, reason + "; nothing was changed", null, true, cause);
  }

  /** The answer got lost: the operation took effect whole, or not at all. */
  public static StoreUnavailableException unknown(
      Operation operation, OpId opId, String reason, @Nullable Throwable cause) {
    return new StoreUnavailableException(
        operation,
        reason + "; operation " + opId + " may have been applied, repeating it is safe",
        opId,
        false,
        cause);
  }

  /** The operation that may have been applied, and may be repeated under that id; else empty. */
  public Optional<OpId> mayHaveApplied() {
    return Optional.ofNullable(mayHaveApplied);
  }

  /**
   * Whether the store answered, and turned this operation away. That says nothing against the
   * store: a circuit breaker does not count it, and nobody falls back to another store for it.
   */
  public boolean isRefusal() {
    return refusal;
  }
}

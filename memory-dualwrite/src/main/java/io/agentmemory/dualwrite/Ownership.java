package io.agentmemory.dualwrite;

import io.agentmemory.MemoryStore;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Whether the target is still ours to write. Another folder may have taken it over while it was
 * away; then nobody may go on in its place as if that had not happened. Thread-safe.
 */
final class Ownership {
  private final MemoryStore target;
  private final Consumer<MemoryStore> guard;
  private final Events events;
  private volatile @Nullable String taken;

  /**
   * @param guard sees to it that the target takes writes of ours only, or is refused
   */
  Ownership(MemoryStore target, Consumer<MemoryStore> guard, Events events) {
    this.target = target;
    this.guard = guard;
    this.events = events;
  }

  /**
   * Asks the target, or a store that is about to become it.
   *
   * @throws StoreUnavailableException if it is not ours, or gives no answer
   */
  void check(MemoryStore some) {
    try {
      guard.accept(some);
      taken = null;
    } catch (StoreUnavailableException failure) {
      if (failure.isRefusal()) {
        boolean isNew = taken == null;
        taken = String.valueOf(failure.getMessage());
        if (isNew) {
          events.takenOver(taken);
        }
      }
      throw failure;
    }
  }

  /** Asks the target, as {@link #check(MemoryStore)}. */
  void check() {
    check(target);
  }

  /** The target turned something away: finds out whether that is why. */
  void checkAfterRefusal() {
    try {
      check();
    } catch (StoreUnavailableException failure) {
      return; // what was turned away says so itself
    }
  }

  /** Why the target is no longer ours; null if it is, as far as is known. */
  @Nullable String taken() {
    return taken;
  }

  /**
   * Before somebody goes on in the target's place.
   *
   * @throws StoreUnavailableException if that is no longer up to us
   */
  void refuseIfTaken(Operation operation) {
    String why = taken;
    if (why != null) {
      throw StoreUnavailableException.refused(
          operation, "the source must not stand in for the target: " + why, null);
    }
  }
}

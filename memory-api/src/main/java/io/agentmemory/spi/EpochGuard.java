package io.agentmemory.spi;

import static java.util.Objects.requireNonNull;

import io.agentmemory.MemoryStore;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.UncategorizedStoreException;
import java.util.Optional;

/**
 * A store that keeps the register of a move between two stores, and lets only the newest owner of
 * that move write: one who was paused or cut off, and has been replaced since, is refused. Get it
 * by {@link MemoryStore#as}. Thread-safe.
 *
 * <p>There is one register for a namespace. The guard belongs to a store object, so that others on
 * the same namespace are not concerned.
 */
public interface EpochGuard {

  /**
   * How far the move is.
   *
   * @param epoch from 1 on, higher with every step and every new owner
   * @param document JSON, kept to the letter; no secrets, it is kept in the clear
   */
  record Register(long epoch, String document) {
    /** Checks that it is one. */
    public Register {
      if (epoch < 1) {
        throw new IllegalArgumentException("an epoch is 1 or more, not " + epoch);
      }
      Canonical.parse(requireNonNull(document, "document"));
    }
  }

  /**
   * The register; empty if there never was one.
   *
   * @throws StoreUnavailableException if the store gives no answer
   */
  Optional<Register> register();

  /**
   * Moves the register on, if it still is at {@code expected}. Durable on return. Waits for the
   * writes that are being carried out under the guard; every one that comes later is refused,
   * unless its guard is the new epoch.
   *
   * @param expected the epoch that was read; 0 if there was no register
   * @param next of a higher epoch
   * @return false if somebody else was faster, and nothing was changed
   * @throws StoreUnavailableException if there is no answer; where {@code mayHaveApplied()} is
   *     present, only reading the register tells. A refusal if the writes took longer than 5 s
   * @throws UncategorizedStoreException if the store was opened for reading only
   */
  boolean advance(long expected, Register next);

  /**
   * From now on every write through this store object finds out, in its own transaction, whether
   * the register is at {@code epoch}, and is refused if it is not: a {@link
   * StoreUnavailableException} of which {@link StoreUnavailableException#isRefusal()} holds, and
   * nothing was changed. Asks nobody itself.
   *
   * @param epoch 0 for no check, as at first
   */
  void guard(long epoch);
}

package io.agentmemory.dualwrite;

import io.agentmemory.StoreUnavailableException;
import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;

/** Waits, and tries again what found a store unavailable. */
final class Pauses {
  /** Waits; false if there is no point in going on. */
  interface Wait {
    boolean pause(Duration duration);
  }

  private final List<Duration> backOff;
  private final Wait wait;

  /**
   * @param backOff how long to wait before the second try, the third, and so on
   */
  Pauses(List<Duration> backOff, Wait wait) {
    this.backOff = List.copyOf(backOff);
    this.wait = wait;
  }

  /** Does it, again and again while the store is unavailable and a try is left. */
  <T> T retry(Supplier<T> action) {
    for (int tries = 0; ; tries++) {
      try {
        return action.get();
      } catch (StoreUnavailableException unavailable) {
        if (!again(tries)) {
          throw unavailable;
        }
      }
    }
  }

  /** Waits after a number of failed tries; false if that was the last one. */
  boolean again(int tries) {
    return tries < backOff.size() && wait.pause(backOff.get(tries));
  }

  boolean pause(Duration duration) {
    return wait.pause(duration);
  }
}

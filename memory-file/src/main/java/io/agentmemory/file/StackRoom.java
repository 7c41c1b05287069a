package io.agentmemory.file;

/**
 * Room on the stack of a caller's thread. A thread that runs out of it between taking a lock and
 * giving it back would keep the lock for ever, or put a task in a queue and wake nobody: so what
 * must come to its end overflows before it begins.
 */
final class StackRoom {
  private static final int FRAMES = 150; // a lock takes a dozen

  private StackRoom() {}

  /**
   * Makes sure of it.
   *
   * @throws StackOverflowError if there is too little; nothing has happened
   */
  static void ensure() {
    down(FRAMES);
  }

  private static int down(int frames) {
    return frames == 0 ? 0 : 1 + down(frames - 1);
  }
}

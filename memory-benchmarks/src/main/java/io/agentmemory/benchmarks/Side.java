package io.agentmemory.benchmarks;

/** One of the things that are compared: does its work once and says how long it took. */
@FunctionalInterface
interface Side {
  /** Does the work once; what must be made before or tidied up after it does not count. */
  double nanos() throws Exception;

  /** What may fail. */
  @FunctionalInterface
  interface Action {
    void run() throws Exception;
  }

  /** All of {@code work} counts. */
  static Side timed(Action work) {
    return timed(() -> {}, work, () -> {});
  }

  /** Only {@code work} counts. */
  static Side timed(Action before, Action work, Action after) {
    return () -> {
      before.run();
      long began = System.nanoTime();
      work.run();
      long took = System.nanoTime() - began;
      after.run();
      return took;
    };
  }
}

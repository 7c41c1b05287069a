package io.agentmemory.benchmarks;

import java.time.Duration;

/**
 * How large and how often.
 *
 * @param memories in the tree that is opened, copied and verified
 * @param vectors searched exactly
 * @param dimensions of the vectors searched
 * @param batch records put at once
 * @param warmUp how long a short operation runs before it counts
 * @param turn how long a short operation runs at one turn
 * @param shortRounds turns of a short operation
 * @param rounds turns of the rest
 * @param heapMemories copied in a JVM of little heap; 0 to leave that out
 */
record Scale(
    String name,
    int memories,
    int vectors,
    int dimensions,
    int batch,
    Duration warmUp,
    Duration turn,
    int shortRounds,
    int rounds,
    int heapMemories) {

  static final Scale FULL =
      new Scale(
          "full",
          10_000,
          10_000,
          1_536,
          1_000,
          Duration.ofSeconds(5),
          Duration.ofMillis(500),
          21,
          15,
          200_000);

  /** The same sizes, fewer rounds, no test of the heap: under three minutes on two cores. */
  static final Scale QUICK =
      new Scale(
          "quick",
          10_000,
          10_000,
          1_536,
          1_000,
          Duration.ofSeconds(1),
          Duration.ofMillis(150),
          9,
          5,
          0);

  /** Only shows that everything runs. */
  static final Scale TINY =
      new Scale("tiny", 30, 20, 16, 10, Duration.ofMillis(1), Duration.ofMillis(5), 1, 1, 200);
}

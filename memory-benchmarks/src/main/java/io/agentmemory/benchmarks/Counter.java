package io.agentmemory.benchmarks;

/** Counts from 0. Not thread-safe. */
final class Counter {
  private int next;

  int next() {
    return next++;
  }
}

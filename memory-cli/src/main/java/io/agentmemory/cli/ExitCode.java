package io.agentmemory.cli;

/** What the process ends with. */
final class ExitCode {
  /** Done. */
  static final int OK = 0;

  /** Verify: the stores differ. Get: there is no such memory. Others: an error. */
  static final int NO = 1;

  /** Wrong usage. Verify and backfill: not everything could be compared or copied. */
  static final int INCOMPLETE = 2;

  /** A store gives no answer. */
  static final int UNAVAILABLE = 3;

  private ExitCode() {}
}

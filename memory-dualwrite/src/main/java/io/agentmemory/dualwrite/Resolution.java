package io.agentmemory.dualwrite;

/** What becomes of a {@link Conflict}. */
public enum Resolution {
  /** The record stays as it is; the state that lost is dropped. */
  KEEP_WINNER,
  /** The state that lost becomes the newest one of the record, in both stores. */
  KEEP_LOSER
}

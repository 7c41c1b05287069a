package io.agentmemory;

/** What a store is opened for. */
public enum OpenMode {
  /** Reading only: nothing is changed, created or locked, and commands are refused. */
  READ,
  /** Reading and writing; the store is created if there is none. */
  READ_WRITE
}

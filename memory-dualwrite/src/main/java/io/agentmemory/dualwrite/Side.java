package io.agentmemory.dualwrite;

/** One of the two stores. */
enum Side {
  SOURCE,
  TARGET;

  Side other() {
    return this == SOURCE ? TARGET : SOURCE;
  }

  /** As a person reads it. */
  @Override
  public String toString() {
    return this == SOURCE ? "source" : "target";
  }
}

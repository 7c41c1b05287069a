package io.agentmemory.dualwrite;

/** One of the two stores. */
enum Side {
  SOURCE,
  TARGET;

  Side other() {
    return this == SOURCE ? TARGET : SOURCE;
  }

  /**
   * The one that a person names.
   *
   * @throws IllegalArgumentException if it is neither
   */
  static Side named(String name) {
    for (Side side : values()) {
      if (side.toString().equals(name)) {
        return side;
      }
    }
    throw new IllegalArgumentException("one of two stores is the source or the target");
  }

  /** As a person reads it. */
  @Override
  public String toString() {
    return this == SOURCE ? "source" : "target";
  }
}

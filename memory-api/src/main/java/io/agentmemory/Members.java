package io.agentmemory;

/** Reads the {@code members} of a record's content. */
final class Members {
  private Members() {}

  static Value.Map of(Kind<?> kind, Value.Map content) {
    if (content.get("members") instanceof Value.Map members) {
      return members;
    }
    throw new IllegalArgumentException("a record of kind " + kind + " without members");
  }
}

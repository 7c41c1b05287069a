package io.agentmemory;

import static java.util.Objects.requireNonNull;

/**
 * What was being done when an error happened.
 *
 * @param store the kind of store, such as {@code postgres}
 * @param verb what it did, such as {@code store}
 * @param subject the record or thing it did it to; empty if there is no single one
 */
public record Operation(String store, String verb, String subject) {
  /** Checks that nothing is missing. */
  public Operation {
    requireNonNull(store, "store");
    requireNonNull(verb, "verb");
    requireNonNull(subject, "subject");
  }

  @Override
  public String toString() {
    return store + "." + verb + (subject.isEmpty() ? "" : "(" + subject + ")");
  }
}

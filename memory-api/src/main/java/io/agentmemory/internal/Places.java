package io.agentmemory.internal;

import io.agentmemory.Key;
import io.agentmemory.Kind;

/**
 * Which records have a place: those that stand in a map of a file of the original, whose order
 * shows in what it answers. Source: decision 0023.
 */
public final class Places {
  private Places() {}

  /** Whether records of this kind have places. */
  public static boolean has(Kind<?> kind) {
    return kind.equals(Kind.CO_OCCURRENCE) || kind.equals(Kind.EDGE);
  }

  /**
   * Among which others a record has its place: the id of the memory that counts, and nothing for
   * edges, which all stand in one file. A list's records are neighbours in the order of keys.
   */
  public static String list(Kind<?> kind, Key key) {
    return kind.equals(Kind.CO_OCCURRENCE) ? key.part(0) : "";
  }
}

package io.agentmemory.spi;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.internal.Texts;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/**
 * The records that a batch of commands will read, known before it runs, so that a store can fetch
 * and lock them in one go.
 */
public final class Needs {
  private final Map<Kind<?>, Set<Key>> keys = new LinkedHashMap<>();
  private final Set<Kind<?>> whole = new LinkedHashSet<>();
  private final Set<String> owners = new LinkedHashSet<>();
  private final Set<String> pairs = new LinkedHashSet<>();
  private boolean sessionRecalls;

  /** Adds one record, unless its key is one that no store can hold. */
  public Needs record(Kind<?> kind, Key key) {
    if (key.parts().stream().allMatch(Needs::isPossible)) {
      keys.computeIfAbsent(kind, k -> new LinkedHashSet<>()).add(key);
    }
    return this;
  }

  private static boolean isPossible(String part) {
    return Texts.unstorable(part) < 0;
  }

  /** Adds all that belongs to a memory. */
  public Needs ownedBy(String memoryId) {
    if (isPossible(memoryId)) {
      owners.add(memoryId);
    }
    return this;
  }

  /** Adds the observations of an edge: those it has, had, or may get. */
  public Needs observationsOf(String pair) {
    if (isPossible(pair)) {
      pairs.add(pair);
    }
    return this;
  }

  /** Adds the recalls of the session. */
  public Needs sessionRecalls() {
    sessionRecalls = true;
    return this;
  }

  /** Adds the records of a kind, those yet to be made too, and whatever lives in them. */
  public Needs all(Kind<?> kind) {
    whole.add(kind);
    return this;
  }

  /** The records by kind. */
  public Map<Kind<?>, Set<Key>> keys() {
    return keys;
  }

  /** The memories whose belongings are read. */
  public Set<String> owners() {
    return owners;
  }

  /** The edges whose observations are read. */
  public Set<String> pairs() {
    return pairs;
  }

  /** Whether the recalls of the session are read. */
  public boolean hasSessionRecalls() {
    return sessionRecalls;
  }

  /** The kinds that are read as a whole. */
  public Set<Kind<?>> whole() {
    return whole;
  }
}

package io.agentmemory.spi;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.internal.Texts;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
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
  private final Map<ListEnd, Integer> ends = new LinkedHashMap<>();
  private boolean sessionRecalls;

  /**
   * The end of a list.
   *
   * @param kind of its records
   * @param before what comes before the place in their keys: mostly nothing
   */
  public record ListEnd(Kind<?> kind, List<String> before) {
    /** Copies what comes before. */
    public ListEnd {
      before = List.copyOf(before);
    }
  }

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

  /**
   * Adds the end of a list, and this many places after it: at most one batch at a time may go on
   * from there.
   */
  public Needs endOf(Kind<?> kind, List<String> before, int places) {
    ends.merge(new ListEnd(kind, before), places, Integer::sum);
    return this;
  }

  /** The lists that are appended to, and by how many records at most. */
  public Map<ListEnd, Integer> ends() {
    return ends;
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

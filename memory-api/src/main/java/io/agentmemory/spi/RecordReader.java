package io.agentmemory.spi;

import io.agentmemory.Edge;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Stored;
import io.agentmemory.command.DecayEdges;
import io.agentmemory.command.Outcome;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What a command reads records through while its meaning is worked out. A store hands in one that
 * sees (and, where others write at the same time, has locked) the records {@link Needs} names; one
 * that asks the store again for a record it does not hold yet is right, only slower.
 */
public interface RecordReader {
  /** The record or its tombstone; empty if the store never had it. */
  <T extends MemoryRecord> Optional<Stored<T>> get(Kind<T> kind, Key key);

  /** The live records that belong to a memory, in key order. */
  <T extends MemoryRecord> List<Stored<T>> ownedBy(Kind<T> kind, String memoryId);

  /** The live observations of an edge, in key order. */
  List<Stored<io.agentmemory.Observation>> observationsOf(String pair);

  /** The live recalls of the session, in key order. */
  List<Stored<io.agentmemory.SessionRecall>> sessionRecalls();

  /** The live records of a kind, in key order. */
  <T extends MemoryRecord> List<Stored<T>> all(Kind<T> kind);

  /**
   * The place after the last live record of a list; 0 if there is none. Whoever may write at the
   * same time is kept from asking for it until this batch is done.
   *
   * @param before what comes before the place in the keys of the list's records
   */
  int endOf(Kind<?> kind, List<String> before);

  /**
   * Says that these will be read too, all within records that were read and lists whose end was: a
   * reader for which many reads are dearer than one may fetch them.
   */
  default void expect(Needs more) {}

  /**
   * Decays edges where they are kept, to the last bit as they would be if they were read and put
   * back; leaves those for which it cannot promise that. Whoever has them at hand leaves all.
   *
   * @param spared pairs that do not decay
   * @param edges pairs that this batch knows more of than the store does: those are left
   * @param memories ids of memories of which it does: their edges are left
   */
  default Decayed decay(
      DecayEdges command, Set<String> spared, Set<String> edges, Set<String> memories) {
    return new Decayed(0, List.of(), all(Kind.EDGE));
  }

  /**
   * What came of a decay.
   *
   * @param spared how many edges do not decay, of those that are not left
   * @param changes what is done, and written: to edges, and before an edge that is gone to its
   *     observations in key order
   * @param left edges as they were, for the batch to work out
   */
  record Decayed(int spared, List<Outcome.Change> changes, List<Stored<Edge>> left) {
    /** Copies the lists. */
    public Decayed {
      changes = List.copyOf(changes);
      left = List.copyOf(left);
    }
  }
}

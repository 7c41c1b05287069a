package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.StoreInfo;
import io.agentmemory.dualwrite.BackfillReport.Counts;
import io.agentmemory.dualwrite.BackfillReport.State;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Counts what a backfill does. Used by one thread. */
final class Tally {
  /** Where a record is counted. */
  enum Fate {
    INSERTED,
    UPDATED,
    UNCHANGED,
    NEWER,
    DELETED,
    SET_ASIDE,
    DIFFERENT,
    FAILED
  }

  private final boolean dryRun;
  private final long expected;
  private final long unreadable;
  private final Map<Kind<?>, Counts> kinds = new LinkedHashMap<>();
  private final List<StoreInfo.SetAside> setAside = new ArrayList<>();
  private final List<Difference> different = new ArrayList<>();

  /** Of a source that said nothing about itself. */
  Tally(boolean dryRun) {
    this(dryRun, 0, List.of());
  }

  Tally(boolean dryRun, StoreInfo source) {
    this(dryRun, sum(source.kinds()) + sum(source.tombstones()), source.setAside());
  }

  private Tally(boolean dryRun, long expected, List<StoreInfo.SetAside> setAside) {
    this.dryRun = dryRun;
    this.expected = expected;
    unreadable = setAside.size();
    setAside.stream().limit(BackfillReport.MAX_LISTED).forEach(this.setAside::add);
    Kind.all().forEach(kind -> kinds.put(kind, Counts.NONE));
  }

  private static long sum(Map<Kind<?>, Long> counts) {
    return counts.values().stream().mapToLong(Long::longValue).sum();
  }

  void listed(Kind<?> kind, long number) {
    add(kind, new Counts(number, 0, 0, 0, 0, 0, 0, 0, 0));
  }

  void count(Kind<?> kind, Fate fate, long number) {
    add(
        kind,
        new Counts(
            0,
            fate == Fate.INSERTED ? number : 0,
            fate == Fate.UPDATED ? number : 0,
            fate == Fate.UNCHANGED ? number : 0,
            fate == Fate.NEWER ? number : 0,
            fate == Fate.DELETED ? number : 0,
            fate == Fate.SET_ASIDE ? number : 0,
            fate == Fate.DIFFERENT ? number : 0,
            fate == Fate.FAILED ? number : 0));
  }

  void setAside(Kind<?> kind, Key key, String reason) {
    count(kind, Fate.SET_ASIDE, 1);
    if (setAside.size() < BackfillReport.MAX_LISTED) {
      setAside.add(new StoreInfo.SetAside(kind + ":" + key, reason));
    }
  }

  void different(Kind<?> kind, Key key) {
    count(kind, Fate.DIFFERENT, 1);
    if (different.size() < BackfillReport.MAX_LISTED) {
      different.add(Difference.of(kind, key, Difference.Type.FIELD));
    }
  }

  boolean hasInserted(Kind<?> kind) {
    return requireNonNull(kinds.get(kind)).inserted() > 0;
  }

  private void add(Kind<?> kind, Counts more) {
    kinds.merge(kind, more, Counts::plus);
  }

  BackfillReport report(State state, @Nullable MemoryStoreException failure) {
    return new BackfillReport(
        state, dryRun, expected, kinds, unreadable, setAside, different, failure);
  }

  /** The report of a run that listed all of the source. */
  BackfillReport finished() {
    boolean conserved = report(State.RUNNING, null).total().conserved();
    return report(conserved ? State.COMPLETE : State.INCOMPLETE, null);
  }
}

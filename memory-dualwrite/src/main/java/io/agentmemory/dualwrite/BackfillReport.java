package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Kind;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.StoreInfo;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What a backfill did, or has done so far. */
public final class BackfillReport {
  /** No more set-aside or different records than this are listed; the counts are exact. */
  public static final int MAX_LISTED = 10_000;

  /** How far a backfill came. */
  public enum State {
    /** It goes on. */
    RUNNING,
    /**
     * All of the source was listed, nothing failed, and the conservation law holds. What was set
     * aside still is not in the target.
     */
    COMPLETE,
    /** It was told to stop. Run it again to go on. */
    CANCELLED,
    /** It could not go on, or a record was neither copied nor accounted for. Run it again. */
    INCOMPLETE
  }

  /**
   * What became of the records, tombstones included, that the source lists. The conservation law:
   * every one of them is in exactly one of the first six numbers.
   *
   * @param listed records of the source
   * @param inserted live in the source, not live in the target before
   * @param updated live in both, now as in the source
   * @param unchanged the target had them as the source has them already: content and revision, or
   *     deleted at the same revision
   * @param newerInTarget left alone: the target has them live at a higher revision
   * @param deletedInTarget now deleted in the target: the target had deleted them (or the record
   *     they live in) at this revision or a higher one, or the source has a tombstone and it was
   *     passed on
   * @param setAside not copied: the source could not read them, or the target refused them to the
   *     end, because it cannot hold them or for what another record of it has, such as the name of
   *     a file
   * @param different left alone, and for somebody to decide: same revision, another content that no
   *     backfill wrote. Outside the law: one of them breaks it.
   * @param failed not copied because a store failed. Outside the law too.
   */
  public record Counts(
      long listed,
      long inserted,
      long updated,
      long unchanged,
      long newerInTarget,
      long deletedInTarget,
      long setAside,
      long different,
      long failed) {

    static final Counts NONE = new Counts(0, 0, 0, 0, 0, 0, 0, 0, 0);

    Counts plus(Counts more) {
      return new Counts(
          listed + more.listed,
          inserted + more.inserted,
          updated + more.updated,
          unchanged + more.unchanged,
          newerInTarget + more.newerInTarget,
          deletedInTarget + more.deletedInTarget,
          setAside + more.setAside,
          different + more.different,
          failed + more.failed);
    }

    /** Whether every record listed is accounted for. */
    public boolean conserved() {
      return listed == inserted + updated + unchanged + newerInTarget + deletedInTarget + setAside;
    }
  }

  private final State state;
  private final boolean dryRun;
  private final long expected;
  private final Map<Kind<?>, Counts> kinds;
  private final long unreadable;
  private final List<StoreInfo.SetAside> setAside;
  private final List<Difference> different;
  private final @Nullable MemoryStoreException failure;

  BackfillReport(
      State state,
      boolean dryRun,
      long expected,
      Map<Kind<?>, Counts> kinds,
      long unreadable,
      List<StoreInfo.SetAside> setAside,
      List<Difference> different,
      @Nullable MemoryStoreException failure) {
    this.state = requireNonNull(state, "state");
    this.dryRun = dryRun;
    this.expected = expected;
    this.kinds = Collections.unmodifiableMap(new LinkedHashMap<>(kinds));
    this.unreadable = unreadable;
    this.setAside = List.copyOf(setAside);
    this.different = List.copyOf(different);
    this.failure = failure;
  }

  /** How far it came. */
  public State state() {
    return state;
  }

  /** Whether it only looked; the counts then say what a run would do. */
  public boolean dryRun() {
    return dryRun;
  }

  /** How many records, tombstones included, the source said it has when the run began. */
  public long expected() {
    return expected;
  }

  /** What became of the records, per kind, in the order of {@link Kind#all()}. */
  public Map<Kind<?>, Counts> kinds() {
    return kinds;
  }

  /** What the source could not read; it belongs to no kind. */
  public long unreadable() {
    return unreadable;
  }

  /** All kinds, and what the source could not read as listed and set aside. */
  public Counts total() {
    Counts total = new Counts(unreadable, 0, 0, 0, 0, 0, unreadable, 0, 0);
    for (Counts counts : kinds.values()) {
      total = total.plus(counts);
    }
    return total;
  }

  /**
   * What the source could not read, by place, and what the target refused, by kind and key; the
   * first {@value #MAX_LISTED}.
   */
  public List<StoreInfo.SetAside> setAside() {
    return setAside;
  }

  /** Records of the same revision with different content; the first {@value #MAX_LISTED}. */
  public List<Difference> different() {
    return different;
  }

  /** Why it could not go on. */
  public Optional<MemoryStoreException> failure() {
    return Optional.ofNullable(failure);
  }

  /** One line for people. */
  @Override
  public String toString() {
    Counts t = total();
    return state
        + (dryRun ? " (dry run)" : "")
        + ": listed "
        + t.listed
        + ", inserted "
        + t.inserted
        + ", updated "
        + t.updated
        + ", unchanged "
        + t.unchanged
        + ", newer in target "
        + t.newerInTarget
        + ", deleted in target "
        + t.deletedInTarget
        + ", set aside "
        + t.setAside
        + ", different "
        + t.different
        + ", failed "
        + t.failed;
  }
}

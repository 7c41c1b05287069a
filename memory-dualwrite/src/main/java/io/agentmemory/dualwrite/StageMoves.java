package io.agentmemory.dualwrite;

import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpId;
import io.agentmemory.Value;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Changes of stage that go by what is known: by the facts that the folder keeps, and by how the two
 * stores are just now. Takes note of what comes to be known.
 */
final class StageMoves {
  private final StageRegister register;
  private final TwoStores stores;
  private final Debts debts;
  private final Settling settling;
  private final Conflicts conflicts;
  private final Events events;
  private final BooleanSupplier targetThere;
  private final Supplier<@Nullable String> taken;
  private final Change change;
  private final Clock clock;
  private long readsSeen; // guarded by this
  private long mismatchesSeen; // guarded by this
  private volatile @Nullable Instant away;

  /** How a change comes about. */
  enum How {
    /** Both stores have everything first. */
    ORDERLY,
    /** What the source refuses does not keep it from taking over. */
    FORCED,
    /** As forced, and the target is not waited for. */
    WITHOUT_TARGET
  }

  /** Changes the stage. */
  interface Change {
    /**
     * Does so while no write is let in.
     *
     * @param facts what is taken note of with it
     * @return what could not be given to the source
     */
    List<Lagging> to(Stage next, How how, UnaryOperator<Facts> facts);
  }

  /**
   * @param targetThere asks the target
   * @param taken why it is no longer ours; null if it is
   */
  StageMoves(
      StageRegister register,
      TwoStores stores,
      Debts debts,
      Settling settling,
      Conflicts conflicts,
      Events events,
      BooleanSupplier targetThere,
      Supplier<@Nullable String> taken,
      Change change,
      Clock clock) {
    this.register = register;
    this.stores = stores;
    this.debts = debts;
    this.settling = settling;
    this.conflicts = conflicts;
    this.events = events;
    this.targetThere = targetThere;
    this.taken = taken;
    this.change = change;
    this.clock = clock;
  }

  // ---- what is known ----

  private Gates.Live live(boolean isTargetThere) {
    return new Gates.Live(
        debts.pending(Side.SOURCE, 0),
        debts.pending(Side.TARGET, 0),
        settling.doubts(),
        conflicts.size(),
        isTargetThere,
        notOurs(isTargetThere),
        events.resync.get());
  }

  /** In the first stage nobody has asked the target yet whose it is. */
  private @Nullable String notOurs(boolean isTargetThere) {
    return register.state().stage() == Stage.OFF && isTargetThere
        ? register.owner(stores.target()).orElse(null)
        : taken.get();
  }

  /** Takes note of what somebody else found out. */
  void record(Value.Map request) {
    if (request.get("facts") instanceof Value.Map facts) {
      register.record(known -> known.with(Facts.of(facts)));
    }
  }

  /** What stands against the next stage. */
  List<String> canPromote() {
    flush();
    return promotion(register.state().stage());
  }

  private List<String> promotion(Stage stage) {
    return Gates.promotion(
        stage,
        register.facts(),
        live(targetThere.getAsBoolean()),
        register.settings(),
        clock.instant());
  }

  /** The target was found away just now. */
  void targetAway() {
    away = clock.instant();
  }

  /** Takes note of what was only counted so far, durably. */
  synchronized void flush() {
    long reads = events.shadowCompared.sum();
    long mismatches = events.shadowMismatched.sum();
    long moreReads = reads - readsSeen;
    long moreMismatches = mismatches - mismatchesSeen;
    boolean counts = register.state().stage() == Stage.SHADOW && moreReads + moreMismatches > 0;
    Instant lastAway = away;
    List<String> damage = List.copyOf(events.journalDamage);
    register.record(
        facts -> {
          Facts next = facts;
          if (counts) {
            Facts.Shadowed before =
                facts.shadowed().orElse(new Facts.Shadowed(clock.instant(), 0, 0));
            next =
                next.shadowed(
                    new Facts.Shadowed(
                        before.since(),
                        before.reads() + moreReads + moreMismatches,
                        before.mismatches() + moreMismatches));
          }
          next = lastAway == null ? next : next.away(lastAway);
          return damage.isEmpty() ? next : next.damaged(clock.instant(), damage);
        });
    readsSeen = reads;
    mismatchesSeen = mismatches;
  }

  /** As {@link #flush}, where a failure is only reported. */
  void flushIfPossible() {
    try {
      flush();
    } catch (MemoryStoreException unwritten) {
      events.secondaryFailed(OpId.copy(), unwritten);
    }
  }

  // ---- changes ----

  StageMove promote(@Nullable String force) {
    Stage now = register.state().stage();
    flush();
    List<String> reasons = promotion(now);
    Optional<Stage> next = Gates.next(now);
    boolean there = targetThere.getAsBoolean();
    if (next.isEmpty() || (!reasons.isEmpty() && (force == null || !there))) {
      return new StageMove(now, now, reasons, List.of());
    }
    return move(now, next.get(), reasons, force, false);
  }

  StageMove rollback(@Nullable String force) {
    Stage now = register.state().stage();
    flush();
    boolean there = targetThere.getAsBoolean();
    List<String> reasons = Gates.rollback(now, live(there));
    Optional<Stage> previous = Gates.previous(now);
    if (previous.isEmpty() || (!reasons.isEmpty() && force == null)) {
      return new StageMove(now, now, reasons, List.of());
    }
    return move(now, previous.get(), reasons, force, !there);
  }

  private StageMove move(
      Stage from, Stage to, List<String> reasons, @Nullable String force, boolean withoutTarget) {
    boolean otherAuthority = from.targetIsAuthority() != to.targetIsAuthority();
    if (otherAuthority && force == null) {
      // What is written from here on is pending, or in both, when the writers are held.
      VerifyReport report = verify(Verifier.Level.DIGESTS);
      if (!report.equal()) {
        return new StageMove(
            from,
            from,
            List.of("the stores differ: " + report.total() + " differences"),
            List.of());
      }
    }
    boolean forced = force != null && !reasons.isEmpty();
    Instant at = clock.instant();
    List<Lagging> undrained =
        change.to(
            to,
            withoutTarget ? How.WITHOUT_TARGET : force == null ? How.ORDERLY : How.FORCED,
            facts ->
                forced
                    ? facts.forced(
                        new Facts.Forced(at, from.name(), to.name(), String.valueOf(force)))
                    : facts);
    return new StageMove(
        from,
        to,
        reasons,
        undrained.stream().map(lagging -> lagging.kind() + ":" + lagging.key()).toList());
  }

  // ---- results ----

  VerifyReport verify(Verifier.Level level) {
    Instant began = clock.instant();
    VerifyReport report = Verifier.builder(stores.source(), stores.target()).level(level).run();
    register.record(facts -> facts.compared(level, compared(began, clock.instant(), report)));
    return report;
  }

  /** Compares each store with itself: what differs there says nothing about the two. */
  List<VerifyReport> verifyItself() {
    Instant began = clock.instant();
    List<VerifyReport> reports = new ArrayList<>();
    for (Side side : Side.values()) {
      reports.add(Verifier.builder(stores.of(side), stores.of(side)).run());
    }
    Facts.Compared all = itself(began, clock.instant(), reports);
    register.record(facts -> facts.comparedWithItself(all));
    return reports;
  }

  static Facts.Compared itself(Instant began, Instant ended, List<VerifyReport> reports) {
    long records = 0;
    long differences = 0;
    for (VerifyReport report : reports) {
      records += compared(began, ended, report).records();
      differences += report.total();
    }
    return new Facts.Compared(began, ended, records, differences, 0);
  }

  /** The source stood in for the target when that was tried out, and both were equal after it. */
  void drilled() {
    register.record(facts -> facts.drilled(clock.instant()));
  }

  BackfillReport backfill() {
    Instant began = clock.instant();
    BackfillReport report = Backfill.builder(stores.source(), stores.target()).build().run();
    copied(began, clock.instant(), report).ifPresent(c -> register.record(f -> f.copied(c)));
    return report;
  }

  void acceptSetAside(long number) {
    register.record(facts -> facts.accepted(number));
  }

  static Facts.Compared compared(Instant began, Instant ended, VerifyReport report) {
    long records = 0;
    for (VerifyReport.Counts counts : report.kinds().values()) {
      records += Math.max(counts.source(), counts.target());
    }
    return new Facts.Compared(began, ended, records, report.total(), report.skipped().size());
  }

  /** What to remember of a backfill; nothing if it did not come to its end. */
  static Optional<Facts.Copied> copied(Instant began, Instant ended, BackfillReport report) {
    if (report.state() != BackfillReport.State.COMPLETE || report.dryRun()) {
      return Optional.empty();
    }
    BackfillReport.Counts total = report.total();
    return Optional.of(
        new Facts.Copied(began, ended, total.conserved(), total.listed(), total.setAside(), 0));
  }
}

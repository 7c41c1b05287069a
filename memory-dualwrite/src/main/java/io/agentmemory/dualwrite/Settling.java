package io.agentmemory.dualwrite;

import static java.util.Comparator.comparing;
import static java.util.Objects.requireNonNull;
import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.mapping;
import static java.util.stream.Collectors.toList;
import static java.util.stream.Collectors.toMap;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.Version;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import io.agentmemory.spi.EditedOutside;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Gives a store what it lacks. Where it was away while the other one went on, what it holds is
 * looked at first: if that is neither what it had when it went nor what came of an operation since,
 * then somebody else wrote it, and one of the two states is set aside whole.
 */
final class Settling {
  private static final Operation SETTLE = new Operation(DualWriteMemoryStore.STORE, "settle", "");
  private static final int TAKEN_AT_ONCE = 100;
  private static final int CONCLUDED_AT_ONCE = 10_000; // what a statement has the time for

  /** The version of a record that is not there and never was. */
  private static final Version NEVER = new Version(1, null);

  private final TwoStores stores;
  private final Debts debts;
  private final Events events;
  private final Conflicts conflicts;

  /** Operations of which nobody knows whether the target applied them. */
  private final Set<OpId> doubtful = ConcurrentHashMap.newKeySet();

  /** Those among them that the target answered: it found nothing to do. The source missed them. */
  private final Set<OpId> idle = ConcurrentHashMap.newKeySet();

  /** Operations that the source carried out, which the target must not do once more. */
  private final Set<OpId> bySource = ConcurrentHashMap.newKeySet();

  /** Operations of which the source gave no answer when it led. */
  private final Set<OpId> unanswered = ConcurrentHashMap.newKeySet();

  /** Operations that the target had applied, of which what it did was noted. */
  private final Set<OpId> concluded = ConcurrentHashMap.newKeySet();

  private volatile boolean sourceLeads;

  Settling(TwoStores stores, Debts debts, Events events, Conflicts conflicts) {
    this.stores = stores;
    this.debts = debts;
    this.events = events;
    this.conflicts = conflicts;
  }

  /** Which store is right about an operation whose end was not known. */
  void sourceLeads(boolean leads) {
    sourceLeads = leads;
  }

  Conflicts conflicts() {
    return conflicts;
  }

  /** Keeps a state that loses, and tells so; once, however often it is tried. */
  void setAside(Ref ref, Side winner, Version won, Stored<?> loser) {
    conflicts.add(ref, winner, won, loser).ifPresent(events::conflict);
  }

  /** The target may have applied it, or may still do so. */
  void doubt(OpId op) {
    doubtful.add(op);
    debts.owed();
  }

  /** The target found nothing to do for it; asked for again, neither must the source. */
  void missedBySource(OpId op) {
    idle.add(op);
    doubt(op);
  }

  /** The source found nothing to do for it; asked for again, neither must the target. */
  void missedByTarget(OpId op) {
    bySource.add(op);
    doubt(op);
  }

  /** The source led, and may have carried it out or not. */
  void unanswered(OpId op) {
    unanswered.add(op);
  }

  /** The source did, asked for it again. */
  void answered(OpId op) {
    unanswered.remove(op);
  }

  /** Before the source is asked for it in the target's place. */
  void rememberIfMissed(OpId op) {
    if (idle.contains(op)) {
      remember(Set.of(op));
    }
  }

  boolean isDoubtful(OpId op) {
    return doubtful.contains(op);
  }

  int doubts() {
    return doubtful.size();
  }

  /**
   * Makes these records, whose writers are held off, equal in both stores, by what the store has
   * that does not lack them.
   *
   * @param op the operation that did it, if it is one that is just being carried out
   * @throws MemoryStoreException if a store fails; then they are lacking still
   */
  void settle(Collection<Ref> refs, Side lacking, @Nullable OpId op, Repair.Hold hold) {
    if (refs.isEmpty()) {
      return;
    }
    List<Debt> owed = debts.among(refs, lacking);
    Set<OpId> ops = ops(owed);
    if (op != null) {
      ops.add(op);
      if (lacking == Side.TARGET) {
        bySource.add(op);
      }
    }
    endThere(ops, lacking);
    Set<Ref> all = new TreeSet<>(refs);
    if (lacking == Side.TARGET) {
      meet(owed, all, lacking, hold);
    }
    Set<Ref> looked = new TreeSet<>();
    Repair.Reading theirs =
        (some, right) -> {
          Map<Ref, Stored<?>> held =
              lacking == Side.TARGET
                  ? Repair.read(stores.target(), some)
                  : keepEdits(owed, some, right);
          Set<Ref> deleted = deleted(some, right, held);
          deleted.removeIf(ref -> !looked.add(ref));
          keepContents(deleted, right.keySet(), lacking, by(lacking.other()), hold);
          return held;
        };
    // An overtaken one finds in the target what that did just now without an answer. The source is
    // about to do the same in its place: it must not get it before. The target gets states alone.
    Repair.Hold giving = lacking == Side.SOURCE ? hold : Repair.Hold.NOTHING;
    new Repair(stores.of(lacking.other()), stores.of(lacking), hold, giving, theirs, op != null)
        .run(all, () -> debts.pay(all));
    events.repaired.add(all.size());
  }

  /** What a store lacks of these it gets as states: repeated, they must not happen there too. */
  void endThere(Set<OpId> ops, Side lacking) {
    if (lacking == Side.TARGET) {
      conclude(ops);
    } else {
      conclude(ops.stream().filter(doubtful::contains).collect(Collectors.toSet()));
      remember(ops);
    }
  }

  /**
   * Ends the doubt about operations: from here on the target has applied each of them or never
   * will. What it did and the source lacks is noted; or, if the source leads, that the target is
   * wrong: repeated, it then takes effect in the source. What the source carried out counts as
   * applied in the target, so that it says so when the source is no longer asked.
   */
  private void conclude(Set<OpId> ops) {
    List<OpId> all = List.copyOf(ops);
    for (int from = 0; from < all.size(); from += CONCLUDED_AT_ONCE) {
      int to = Math.min(from + CONCLUDED_AT_ONCE, all.size());
      concludeTogether(Set.copyOf(all.subList(from, to)));
    }
  }

  private void concludeTogether(Set<OpId> ops) {
    Set<OpId> here = ops.stream().filter(this::isBySource).collect(Collectors.toSet());
    Set<OpId> unknown = new HashSet<>(ops);
    unknown.removeAll(here);
    Map<OpId, Outcome> byTarget = new HashMap<>();
    if (!here.isEmpty()) {
      byTarget.putAll(stores.target().markApplied(here));
      byTarget.values().removeIf(outcome -> outcome.changes().isEmpty());
    }
    if (!unknown.isEmpty()) {
      byTarget.putAll(stores.target().conclude(unknown));
    }
    if (!sourceLeads) { // else what the source does not have has yet to be done
      remember(byTarget.keySet());
    }
    Side lacking = sourceLeads ? Side.TARGET : Side.SOURCE; // the one that leads is right
    concluded.removeIf(op -> !debts.isOwing(op));
    byTarget.forEach(
        (op, outcome) -> {
          if (concluded.add(op)) { // once: what is paid of it meanwhile must not be owed again
            debts.addLate(op, changes(outcome, true), lacking, false, "its answer got lost");
          }
        });
    idle.removeAll(ops);
    bySource.removeAll(ops);
    unanswered.removeIf(op -> !debts.isOwing(op)); // till then nobody knows, whatever is claimed
    doubtful.removeAll(ops);
  }

  private boolean isBySource(OpId op) {
    return bySource.contains(op) || (debts.isOwing(op, Side.TARGET) && !unanswered.contains(op));
  }

  /** What the target has not done of a doubtful operation, it will not do. Needs it alone. */
  void claim(OpId op) {
    if (doubtful.contains(op)) {
      stores.target().conclude(op);
    }
  }

  /** One store is used from here on: nobody asks any more. Returns of what there was doubt. */
  Set<OpId> forget() {
    Set<OpId> before = Set.copyOf(doubtful);
    doubtful.clear();
    idle.clear();
    bySource.clear();
    unanswered.clear();
    return before;
  }

  /** Ends the doubt about all operations there are; returns them. */
  Set<OpId> concludeAll() {
    Set<OpId> before = Set.copyOf(doubtful);
    conclude(before);
    return before;
  }

  /**
   * Gives the source what the target did, from what was noted of it, while the target is away. What
   * it refuses is parked and keeps nothing else from it.
   *
   * @return whether it has all of it now; of an operation in doubt nothing is known
   */
  boolean settleFromNotes(Collection<Ref> refs, Repair.Hold hold) {
    List<Debt> noted =
        debts.among(refs, Side.SOURCE).stream()
            .filter(debt -> debt.state() != null && !debt.parked())
            .toList();
    if (!noted.isEmpty()) {
      remember(ops(noted));
      List<Stored<?>> states = Debts.states(noted);
      Map<Ref, Stored<?>> right = new TreeMap<>();
      states.forEach(state -> right.put(new Ref(state.kind(), state.key()), state));
      Map<Ref, Stored<?>> held = keepEdits(noted, right.keySet(), right);
      // Of what the target had besides nothing can be known: what it deleted is noted.
      Set<Ref> deleted = deleted(right.keySet(), right, held);
      keepContents(deleted, right.keySet(), Side.SOURCE, some -> Map.of(), hold);
      if (states.size() > 1 && putNoted(noted, states, held)) {
        return debts.among(refs, Side.SOURCE).isEmpty();
      }
      for (Stored<?> state : states) {
        Ref ref = new Ref(state.kind(), state.key());
        List<Debt> one = noted.stream().filter(debt -> debt.ref().equals(ref)).toList();
        if (!putNoted(one, List.of(state), held)) {
          one.forEach(debt -> debts.park(debt, "the source refuses it").ifPresent(events::parked));
        }
      }
    }
    return debts.among(refs, Side.SOURCE).isEmpty();
  }

  /**
   * Puts them above what the source holds, which nothing but an edit can have brought as far. A
   * write may overtake whoever only reads: what it did is newer, and what it noted stays noted.
   *
   * @return false if the source refuses one of them, and none was put
   */
  private boolean putNoted(List<Debt> noted, List<Stored<?>> states, Map<Ref, Stored<?>> held) {
    List<Stored<?>> above = new ArrayList<>();
    List<Journal.Change> raised = new ArrayList<>();
    for (Stored<?> state : states) {
      Ref ref = new Ref(state.kind(), state.key());
      Stored<?> theirs = held.get(ref);
      if (theirs == null
          || theirs.revision() < state.revision()
          || (theirs.revision() > state.revision() && theirs.lastOp() != null) // it has more
          || sameContent(theirs.version(), state.version())) {
        above.add(state);
      } else {
        Stored<?> higher = Repair.at(ref, state, theirs.revision() + 1);
        above.add(higher);
        raised.add(new Journal.Change(ref, state.version(), higher.version(), null));
      }
    }
    try {
      stores.source().execute(new Batch(OpId.copy(), Repair.commands(above)));
    } catch (StoreUnavailableException away) {
      throw away;
    } catch (MemoryStoreException refused) {
      return false;
    }
    debts.payAsTheyWere(noted);
    if (!raised.isEmpty()) {
      events.lagging(debts.add(OpId.random(), raised, Side.TARGET, true, "raised above an edit"));
    }
    return true;
  }

  /**
   * Gives the source all that is known of what the target did, because the source goes on alone.
   *
   * @return what it lacks all the same; it is found by comparing once the target is back
   */
  List<Lagging> takeOver() {
    remember(idle);
    List<Ref> refs = debts.refs(debt -> debt.lacking() == Side.SOURCE);
    for (int from = 0; from < refs.size(); from += TAKEN_AT_ONCE) {
      settleFromNotes(
          refs.subList(from, Math.min(from + TAKEN_AT_ONCE, refs.size())), Repair.Hold.NOTHING);
    }
    if (debts.isLacking(Side.SOURCE, null) || !doubtful.isEmpty()) {
      events.resyncNeeded("the source took over while the target was away");
    }
    return giveUp(debts.lacking(Side.SOURCE, null), Map.of());
  }

  /**
   * What the source has is right from here on, although it lacks these. What is known of them is
   * set aside whole.
   *
   * @param byTarget what the target holds of them, as far as it was asked
   */
  List<Lagging> giveUp(List<Debt> left, Map<Ref, Stored<?>> byTarget) {
    List<Ref> refs = left.stream().map(Debt::ref).toList();
    Map<Ref, Stored<?>> here = refs.isEmpty() ? Map.of() : Repair.read(stores.source(), refs);
    for (Debt debt : left) {
      Stored<?> noted = debt.state();
      Stored<?> lost = byTarget.getOrDefault(debt.ref(), noted);
      Stored<?> holds = here.get(debt.ref());
      Version won = holds == null ? NEVER : holds.version();
      if (lost != null && !lost.isTombstone() && !sameContent(lost.version(), won)) {
        setAside(debt.ref(), Side.SOURCE, won, lost);
      }
    }
    debts.pay(refs);
    return left.stream().map(Debt::lagging).toList();
  }

  /**
   * Notes which store lacks which of these records, in which they differ.
   *
   * @return of how many one is to be mended
   */
  int compared(List<Ref> refs, Side leader) {
    // The follower first: what it gets meanwhile must not look newer than what the leader has.
    Map<Ref, Stored<?>> byFollower = Repair.read(stores.of(leader.other()), refs);
    Map<Ref, Stored<?>> byLeader = Repair.read(stores.of(leader), refs);
    Map<Ref, Stored<?>> bySource = leader == Side.SOURCE ? byLeader : byFollower;
    Map<Ref, Stored<?>> byTarget = leader == Side.SOURCE ? byFollower : byLeader;
    Map<Side, List<Ref>> lacking = new EnumMap<>(Side.class);
    for (Ref ref : refs) {
      Stored<?> source = bySource.get(ref);
      Stored<?> target = byTarget.get(ref);
      Side side = lacking(ref, source, target, leader);
      if (side != null && !debts.isParked(ref)) {
        lacking.computeIfAbsent(side, s -> new ArrayList<>()).add(ref);
      }
    }
    lacking.forEach(
        (side, some) ->
            events.lagging(debts.addUnknown(some, side, "found by comparing both stores")));
    return lacking.values().stream().mapToInt(List::size).sum();
  }

  private @Nullable Side lacking(
      Ref ref, @Nullable Stored<?> source, @Nullable Stored<?> target, Side leader) {
    if (source == null) {
      // A target may have had records before the move; they are nothing that the source lacks.
      return target != null && leader == Side.TARGET ? Side.SOURCE : null;
    }
    if (target == null) {
      return Side.TARGET;
    }
    if (source.version().equals(target.version())) {
      return null; // by now
    }
    if (leader == Side.TARGET && source.revision() != target.revision()) {
      return source.revision() > target.revision() ? Side.TARGET : Side.SOURCE;
    }
    Stored<?> winner = leader == Side.SOURCE ? source : target;
    Stored<?> loser = leader == Side.SOURCE ? target : source;
    if (!loser.isTombstone()
        && loser.revision() >= winner.revision()
        && !sameContent(loser.version(), winner.version())
        && debts.of(ref).isEmpty()) {
      setAside(ref, leader, winner.version(), loser);
    }
    return leader.other();
  }

  private static Set<OpId> ops(Collection<Debt> some) {
    Set<OpId> ops = new LinkedHashSet<>();
    some.forEach(debt -> ops.addAll(debt.ops()));
    return ops;
  }

  /**
   * The source is about to get what these operations did as states. Repeated while the target is
   * away, they must not happen once more.
   */
  private void remember(Set<OpId> ops) {
    if (!ops.isEmpty()) {
      stores.source().markApplied(ops);
    }
  }

  /** What an operation changed. */
  static List<Journal.Change> changes(Outcome outcome, boolean withStates) {
    return outcome.changes().stream()
        .map(
            change ->
                new Journal.Change(
                    new Ref(change.after().kind(), change.after().key()),
                    change.before(),
                    change.after().version(),
                    withStates ? change.after() : null))
        .toList();
  }

  // ---- two that went on ----

  private void meet(List<Debt> owed, Set<Ref> refs, Side lacking, Repair.Hold hold) {
    List<Debt> guarded = owed.stream().filter(debt -> debt.run() != null).toList();
    if (guarded.isEmpty()) {
      return;
    }
    MemoryStore right = stores.of(lacking.other());
    List<Ref> some = guarded.stream().map(Debt::ref).toList();
    Map<Ref, Stored<?>> here = Repair.read(right, some);
    Map<Ref, Stored<?>> there = Repair.read(stores.of(lacking), some);
    Map<Ref, Stored<?>> raised = new TreeMap<>();
    guarded.stream()
        .sorted(comparing(Debt::ref)) // what others live in comes first
        .forEach(
            debt -> {
              Ref ref = debt.ref();
              Stored<?> mine = here.get(ref);
              Stored<?> theirs = there.get(ref);
              if (mine == null || isExpected(debt, mine, theirs)) {
                return;
              }
              if (hasLost(debt, theirs)) {
                events.gapHealed(ref.kind(), ref.key());
              } else if (theirs != null) {
                boolean minesWins = wins(mine, theirs) || !hasPlace(theirs, right, raised);
                Stored<?> winner = minesWins ? mine : theirs;
                Stored<?> loser = minesWins ? theirs : mine;
                setAside(ref, minesWins ? lacking.other() : lacking, winner.version(), loser);
                long above = Math.max(mine.revision(), theirs.revision()) + 1;
                raised.put(ref, Repair.at(ref, winner, above));
              }
            });
    if (!raised.isEmpty()) {
      put(right, raised, refs, hold);
    }
  }

  /** What lived in something that is deleted goes with it: nothing could hold it. */
  private static boolean hasPlace(Stored<?> state, MemoryStore store, Map<Ref, Stored<?>> raised) {
    return Repair.containersOf(state).stream()
        .map(
            place ->
                raised.containsKey(place)
                    ? raised.get(place)
                    : Repair.read(store, List.of(place)).get(place))
        .allMatch(place -> place != null && !place.isTombstone());
  }

  /**
   * Reads what the source holds, and sets aside what another program wrote into it since it went
   * behind: it gets what the target has. Only an edit is by no operation and neither what was there
   * nor what came of it; or it is ahead of what the target has, or nobody had looked at it before.
   */
  private Map<Ref, Stored<?>> keepEdits(List<Debt> owed, Set<Ref> refs, Map<Ref, Stored<?>> right) {
    Set<Ref> unseen = look(refs);
    Map<Ref, Stored<?>> held = Repair.read(stores.source(), refs);
    Map<Ref, Debt> known =
        owed.stream().filter(debt -> debt.run() != null).collect(toMap(Debt::ref, debt -> debt));
    held.forEach(
        (ref, theirs) -> {
          Stored<?> mine = right.get(ref);
          Debt debt = known.get(ref);
          if (mine == null
              || theirs.isTombstone()
              || theirs.lastOp() != null
              || sameContent(mine.version(), theirs.version())) {
            return;
          }
          boolean edited =
              debt == null
                  ? theirs.revision() >= mine.revision()
                  : !isExpected(debt, mine, theirs) && !hasLost(debt, theirs);
          if (edited || unseen.contains(ref)) {
            setAside(ref, Side.TARGET, mine.version(), theirs);
          }
        });
    return held;
  }

  /**
   * The same before a store follows the other one, which has changed these. And of the source, what
   * it has beyond what the target had: the target lost history, or what the source did in its place
   * is forgotten. It led from there, and its state is about to go over the newer one.
   *
   * @param hold where these are no longer held, a later write has given the follower what it has
   */
  void keepWhatGoes(Side follower, List<Outcome.Change> byLeader, Repair.Hold hold) {
    Map<Ref, Stored<?>> right = new TreeMap<>();
    Map<Ref, Long> from = new HashMap<>();
    byLeader.forEach(
        change -> {
          Ref ref = new Ref(change.after().kind(), change.after().key());
          right.put(ref, change.after());
          from.put(ref, change.before() == null ? 0 : change.before().revision());
        });
    if (follower == Side.SOURCE) {
      keepEdits(List.of(), right.keySet(), right)
          .forEach(
              (ref, theirs) -> {
                Version after = requireNonNull(right.get(ref)).version();
                if (theirs.lastOp() != null
                    && !theirs.isTombstone()
                    && theirs.revision() > requireNonNull(from.get(ref))
                    && !sameContent(theirs.version(), after)) {
                  hold.whileHeld(() -> setAside(ref, Side.TARGET, after, theirs));
                }
              });
    }
    Set<Ref> deleted = new TreeSet<>(right.keySet());
    deleted.removeIf(ref -> Repair.isLive(right.get(ref)));
    keepContents(deleted, right.keySet(), follower, by(follower.other()), hold);
  }

  /**
   * The same for what lives in something that a store is about to delete: an entry that the other
   * store never had, or not so late, was not deleted there, and goes along here. Where it is owed
   * to this one, that says which state is right.
   *
   * @param known what the store gets anyway
   * @param there what the other store has of what it is asked for
   */
  private void keepContents(
      Set<Ref> deleted,
      Set<Ref> known,
      Side losing,
      Function<Set<Ref>, Map<Ref, Stored<?>>> there,
      Repair.Hold hold) {
    Map<Ref, Stored<?>> contents = new TreeMap<>();
    for (Stored<?> one : Repair.contentsOf(stores.of(losing), deleted)) {
      Ref ref = new Ref(one.kind(), one.key());
      boolean isOwed = debts.of(ref).filter(debt -> debt.lacking() == losing).isPresent();
      if (!isOwed && !known.contains(ref)) {
        contents.put(ref, one);
      }
    }
    if (!contents.isEmpty()) {
      // After they were read: what this store got meanwhile the other one had before.
      Map<Ref, Stored<?>> by = there.apply(contents.keySet());
      contents.forEach(
          (ref, one) -> {
            Stored<?> held = by.get(ref);
            Version won = held == null ? NEVER : held.version();
            if (won.digest() == null && won.revision() <= one.revision()) {
              Repair.held(hold, SETTLE, () -> setAside(ref, losing.other(), won, one));
            }
          });
    }
  }

  private Function<Set<Ref>, Map<Ref, Stored<?>>> by(Side side) {
    return refs -> Repair.read(stores.of(side), refs);
  }

  /** Those of them that are deleted, and that the store which is to follow has still. */
  private static Set<Ref> deleted(
      Set<Ref> refs, Map<Ref, Stored<?>> right, Map<Ref, Stored<?>> held) {
    Set<Ref> deleted = new TreeSet<>(refs);
    deleted.removeIf(ref -> Repair.isLive(right.get(ref)) || !Repair.isLive(held.get(ref)));
    return deleted;
  }

  /** Lets the source look at what others wrote of these records; those of which that is news. */
  private Set<Ref> look(Set<Ref> refs) {
    Set<Ref> news = new TreeSet<>();
    EditedOutside source = stores.source().as(EditedOutside.class).orElse(null);
    if (source != null) {
      Map<Kind<?>, List<Key>> keys =
          refs.stream().collect(groupingBy(Ref::kind, mapping(Ref::key, toList())));
      keys.forEach(
          (kind, some) ->
              source.look(kind, some).forEach(now -> news.add(new Ref(kind, now.key()))));
    }
    return news;
  }

  private static void put(
      MemoryStore store, Map<Ref, Stored<?>> states, Set<Ref> refs, Repair.Hold hold) {
    Batch batch = new Batch(OpId.random(), Repair.commands(List.copyOf(states.values())));
    Outcome[] outcome = new Outcome[1];
    Repair.held(hold, SETTLE, () -> outcome[0] = store.execute(batch));
    outcome[0]
        .changes()
        .forEach(change -> refs.add(new Ref(change.after().kind(), change.after().key())));
  }

  /** Whether the store holds what it had when it went, or had or was to get since. */
  private static boolean isExpected(Debt debt, Stored<?> mine, @Nullable Stored<?> theirs) {
    if (theirs == null) {
      return run(debt).base() == null;
    }
    Version held = theirs.version();
    return run(debt).states().contains(held) || sameContent(mine.version(), held);
  }

  /** Whether the store is behind what it had when it went. */
  private static boolean hasLost(Debt debt, @Nullable Stored<?> theirs) {
    Version base = run(debt).base();
    return theirs == null || (base != null && theirs.revision() < base.revision());
  }

  private static Debt.Run run(Debt debt) {
    return requireNonNull(debt.run());
  }

  private static boolean sameContent(Version a, Version b) {
    return a.digest() == null ? b.digest() == null : a.digest().equals(b.digest());
  }

  /** A live record beats a deletion, then the higher revision; then what callers were told. */
  private static boolean wins(Stored<?> mine, Stored<?> theirs) {
    return mine.isTombstone() == theirs.isTombstone()
        ? mine.revision() >= theirs.revision()
        : theirs.isTombstone();
  }
}

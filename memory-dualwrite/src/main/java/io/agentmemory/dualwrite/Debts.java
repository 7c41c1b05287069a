package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import io.agentmemory.OpId;
import io.agentmemory.Stored;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What one store lacks that the other has, record by record. A record is lacking in one store at a
 * time: before a store goes on from it, it gets what it lacks. Thread-safe.
 */
final class Debts {
  private final TreeMap<Ref, Debt> debts = new TreeMap<>();
  private final Map<String, Set<Ref>> byName = new HashMap<>();

  private final Map<Side, Sum> sums = new EnumMap<>(Side.class);

  /** What one store lacks, summed up: whoever asks how things are must not hold up the rest. */
  private static final class Sum {
    /** How many records each operation still owes. */
    final Map<OpId, Integer> owing = new HashMap<>();

    /** How many records are lacking since when. */
    final TreeMap<Instant, Integer> since = new TreeMap<>();

    int records;
    int refused;

    void add(Debt debt) {
      records++;
      refused += debt.parked() ? 1 : 0;
      since.merge(debt.since(), 1, Integer::sum);
      debt.ops().forEach(this::owe);
    }

    /** The same record, and the same operations: however many, they are not counted again. */
    void replace(Debt before, Debt now) {
      refused += (now.parked() ? 1 : 0) - (before.parked() ? 1 : 0);
    }

    void owe(OpId op) {
      owing.merge(op, 1, Integer::sum);
    }

    void remove(Debt debt) {
      records--;
      refused -= debt.parked() ? 1 : 0;
      since.computeIfPresent(debt.since(), (at, number) -> number == 1 ? null : number - 1);
      debt.ops().forEach(op -> owing.computeIfPresent(op, (o, n) -> n == 1 ? null : n - 1));
    }
  }

  private final Clock clock;
  private final Consumer<OpId> whenPaid;
  private volatile Runnable whenOwed = () -> {};

  /**
   * @param whenPaid told each operation of which nothing is lacking any more
   */
  Debts(Clock clock, Consumer<OpId> whenPaid) {
    this.clock = clock;
    this.whenPaid = whenPaid;
    for (Side side : Side.values()) {
      sums.put(side, new Sum());
    }
  }

  /** Something may be owed. */
  void owed() {
    whenOwed.run();
  }

  /** Called whenever something is owed. */
  void onOwed(Runnable listener) {
    whenOwed = listener;
  }

  /**
   * A store may lack these records; what the other one has is right, whatever this one holds.
   *
   * @param op the operation that is not done before they are paid, if there is one
   */
  List<Lagging> add(Collection<Ref> refs, Side lacking, String why, @Nullable OpId op) {
    return note(op, refs, ref -> ref, (ref, before) -> next(before, ref, lacking, why));
  }

  /**
   * A store may lack these records, as far as nothing is known of them: who noted something of one
   * knows more than somebody who compared.
   */
  List<Lagging> addUnknown(Collection<Ref> refs, Side lacking, String why) {
    return note(
        null,
        refs,
        ref -> ref,
        (ref, before) -> before == null ? next(null, ref, lacking, why) : null);
  }

  /**
   * A store lacks what an operation did in the other one while it was away.
   *
   * @param guarded whether that store may have gone on otherwise, so that what it holds has to be
   *     looked at first
   */
  List<Lagging> add(
      OpId op, List<Journal.Change> changes, Side lacking, boolean guarded, String why) {
    return note(
        op,
        changes,
        Journal.Change::ref,
        (change, before) -> next(before, change, lacking, guarded, why));
  }

  /**
   * A store lacks what an operation did in the other one, as far as it did not itself go on from
   * there since without the other one: then that is what is lacking.
   *
   * @return the entries of those that are noted
   */
  List<Lagging> addLate(
      OpId op, List<Journal.Change> changes, Side lacking, boolean guarded, String why) {
    return note(
        op,
        changes,
        Journal.Change::ref,
        (change, before) ->
            wentOn(before, lacking) ? null : next(before, change, lacking, guarded, why));
  }

  /** As {@link #addLate(OpId, List, Side, boolean, String)}, whatever the operation did. */
  List<Lagging> addLate(Collection<Ref> refs, Side lacking, String why, OpId op) {
    return note(
        op,
        refs,
        ref -> ref,
        (ref, before) -> wentOn(before, lacking) ? null : next(before, ref, lacking, why));
  }

  /** What is owed of a record, going by what was owed of it before; null: what was. */
  private interface Next<T> {
    @Nullable Debt of(T item, @Nullable Debt before);
  }

  /** Notes what is owed, all of it at once; then, holding nothing up, tells of it. */
  private <T> List<Lagging> note(
      @Nullable OpId op, Collection<T> items, Function<T, Ref> ref, Next<T> next) {
    List<Lagging> entries = new ArrayList<>(items.size());
    synchronized (this) {
      for (T item : items) {
        Debt before = debts.get(ref.apply(item));
        Debt now = next.of(item, before);
        if (now != null) {
          put(before, now, op);
          entries.add(now.lagging());
        }
      }
    }
    if (!entries.isEmpty()) {
      whenOwed.run();
    }
    return entries;
  }

  private Debt next(@Nullable Debt before, Ref ref, Side lacking, String why) {
    boolean sameSide = before != null && before.lacking() == lacking;
    return new Debt(
        ref,
        lacking,
        before == null ? clock.instant() : before.since(),
        why,
        before == null ? Debt.noOps() : before.ops(),
        sameSide && before != null ? before.run() : null,
        sameSide && before != null ? before.state() : null,
        false);
  }

  private Debt next(
      @Nullable Debt before, Journal.Change change, Side lacking, boolean guarded, String why) {
    Debt.Run run = before != null && before.lacking() == lacking ? before.run() : null;
    if (guarded && run == null) {
      run = new Debt.Run(change.before());
    }
    if (run != null) {
      run.add(change.before(), change.after());
    }
    return new Debt(
        change.ref(),
        lacking,
        before == null ? clock.instant() : before.since(),
        why,
        before == null ? Debt.noOps() : before.ops(),
        run,
        newest(before, lacking, change),
        false);
  }

  /** Whether that is known of operations; who only compared the stores knows less. */
  private static boolean wentOn(@Nullable Debt before, Side store) {
    return before != null && before.lacking() == store.other() && before.run() != null;
  }

  /** The newest state that is noted: an operation that ends late says something old. */
  private static @Nullable Stored<?> newest(
      @Nullable Debt before, Side lacking, Journal.Change change) {
    Stored<?> noted = before == null || before.lacking() != lacking ? null : before.state();
    Stored<?> state = change.state();
    return noted != null && (state == null || state.revision() < noted.revision()) ? noted : state;
  }

  private Sum sum(Side side) {
    return requireNonNull(sums.get(side));
  }

  /**
   * @param op what is not done before this is paid either
   */
  private void put(@Nullable Debt before, Debt now, @Nullable OpId op) {
    debts.put(now.ref(), now);
    byName
        .computeIfAbsent(Names.of(now.ref().kind(), now.ref().key()), n -> new HashSet<>())
        .add(now.ref());
    Sum sum = sum(now.lacking());
    if (before != null && before.lacking() == now.lacking()) {
      sum.replace(before, now);
    } else {
      if (before != null) {
        sum(before.lacking()).remove(before);
      }
      sum.add(now);
    }
    if (op != null && now.ops().add(op)) {
      sum.owe(op);
    }
  }

  /** The store has these records now, as far as it lacked them; nobody else writes them. */
  void pay(Collection<Ref> refs) {
    pay(refs, debt -> true);
  }

  /** The store has what was lacking then: not what was noted of the same records since. */
  void payAsTheyWere(Collection<Debt> some) {
    Set<Debt> then = Collections.newSetFromMap(new IdentityHashMap<>());
    then.addAll(some);
    pay(some.stream().map(Debt::ref).toList(), then::contains);
  }

  private void pay(Collection<Ref> refs, Predicate<Debt> isPaid) {
    Set<OpId> paid = new HashSet<>();
    synchronized (this) {
      for (Ref ref : refs) {
        Debt debt = debts.get(ref);
        if (debt != null && isPaid.test(debt)) {
          debts.remove(ref);
          byName.computeIfPresent(
              Names.of(ref.kind(), ref.key()),
              (name, set) -> set.remove(ref) && set.isEmpty() ? null : set);
          sum(debt.lacking()).remove(debt);
          debt.ops().stream().filter(op -> !isOwing(op)).forEach(paid::add);
        }
      }
    }
    paid.forEach(whenPaid);
  }

  /** A store refuses a record for good. */
  synchronized Optional<Lagging> park(Ref ref, String why) {
    Debt before = debts.get(ref);
    return before == null ? Optional.empty() : park(before, why);
  }

  /** As {@link #park(Ref, String)}, if nothing was noted of the record since. */
  @SuppressWarnings("ReferenceEquality") // another one says something else
  synchronized Optional<Lagging> park(Debt debt, String why) {
    if (debts.get(debt.ref()) != debt) {
      return Optional.empty();
    }
    Debt now = debt.parked(why);
    put(debt, now, null);
    return Optional.of(now.lagging());
  }

  /** Whether an operation is not done because this store lacks something of it. */
  synchronized boolean isOwing(OpId op, Side lacking) {
    return sum(lacking).owing.containsKey(op);
  }

  /** Whether an operation is not done because a store lacks something of it. */
  synchronized boolean isOwing(OpId op) {
    return sums.values().stream().anyMatch(sum -> sum.owing.containsKey(op));
  }

  synchronized boolean isEmpty() {
    return debts.isEmpty();
  }

  synchronized int size() {
    return debts.size();
  }

  /** By kind and key. */
  synchronized List<Lagging> list() {
    return debts.values().stream().map(Debt::lagging).toList();
  }

  synchronized List<Ref> refs(Predicate<Debt> some) {
    return debts.values().stream().filter(some).map(Debt::ref).toList();
  }

  synchronized Optional<Debt> of(Ref ref) {
    return Optional.ofNullable(debts.get(ref));
  }

  /** Whether the store that lacks it refused it. */
  synchronized boolean isParked(Ref ref) {
    Debt debt = debts.get(ref);
    return debt != null && debt.parked();
  }

  /** Those of these that are lacking in this store. */
  synchronized List<Debt> among(Collection<Ref> refs, Side lacking) {
    List<Debt> among = new ArrayList<>();
    for (Ref ref : refs) {
      Debt debt = debts.get(ref);
      if (debt != null && debt.lacking() == lacking) {
        among.add(debt);
      }
    }
    return among;
  }

  /** Those that a write with these names may touch or needs. */
  synchronized Set<Ref> within(Names names, Side lacking) {
    Set<Ref> within = new HashSet<>();
    if (debts.isEmpty()) {
      return within;
    }
    if (names.own().contains(Names.EVERYTHING)) {
      within.addAll(debts.keySet());
    } else {
      for (Set<String> some : List.of(names.own(), names.shared())) {
        some.forEach(name -> within.addAll(byName.getOrDefault(name, Set.of())));
      }
    }
    within.removeIf(ref -> !isLacking(ref, lacking));
    return within;
  }

  /** Whether one of these names has something that is lacking anywhere. */
  synchronized boolean touches(Set<String> names) {
    return names.stream().anyMatch(byName::containsKey);
  }

  /** Whether something is lacking in this store, of these names if they are given. */
  synchronized boolean isLacking(Side side, @Nullable Set<String> names) {
    int records = sum(side).records;
    return (names == null || records == 0) ? records > 0 : !lacking(side, names).isEmpty();
  }

  /** Whether something is lacking in this store that it does not refuse. */
  synchronized boolean isOwed(Side side) {
    return sum(side).records > sum(side).refused;
  }

  /** What is lacking in this store, of these names if they are given. */
  synchronized List<Debt> lacking(Side side, @Nullable Set<String> names) {
    return (names == null
            ? debts.values().stream()
            : names.stream()
                .flatMap(name -> byName.getOrDefault(name, Set.of()).stream())
                .map(debts::get))
        .filter(debt -> debt.lacking() == side)
        .toList();
  }

  private boolean isLacking(Ref ref, Side side) {
    Debt debt = debts.get(ref);
    return debt != null && debt.lacking() == side;
  }

  /**
   * How much a store lacks.
   *
   * @param bytes what is written down of it
   */
  synchronized Pending pending(Side side, long bytes) {
    Sum sum = sum(side);
    Instant oldest = sum.since.isEmpty() ? null : sum.since.firstKey();
    return new Pending(sum.owing.size(), sum.records, bytes, sum.refused, oldest);
  }

  /** Nobody lacks anything any more, because only one store is used. */
  void forgive() {
    pay(refs(debt -> true));
  }

  /** The newest states that are known of what a store lacks, in the order to put them in. */
  static List<Stored<?>> states(Collection<Debt> debts) {
    List<Stored<?>> states = new ArrayList<>();
    debts.forEach(debt -> Optional.ofNullable(debt.state()).ifPresent(states::add));
    states.sort(Orders.BY_NEED);
    return states;
  }
}

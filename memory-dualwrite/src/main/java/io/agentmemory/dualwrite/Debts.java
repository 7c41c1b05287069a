package io.agentmemory.dualwrite;

import io.agentmemory.OpId;
import io.agentmemory.Stored;
import io.agentmemory.Version;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What one store lacks that the other has, record by record. A record is lacking in one store at a
 * time: before a store goes on from it, it gets what it lacks. Thread-safe.
 */
final class Debts {
  private final TreeMap<Ref, Debt> debts = new TreeMap<>();
  private final Map<String, Set<Ref>> byName = new HashMap<>();

  /** How many records each operation still owes. */
  private final Map<OpId, Integer> owing = new HashMap<>();

  /** How many records each store lacks. */
  private final int[] lacking = new int[Side.values().length];

  /** How many of them it refuses. */
  private final int[] refused = new int[Side.values().length];

  private final Clock clock;
  private final Consumer<OpId> whenPaid;
  private volatile Runnable whenOwed = () -> {};

  /**
   * @param whenPaid told each operation of which nothing is lacking any more
   */
  Debts(Clock clock, Consumer<OpId> whenPaid) {
    this.clock = clock;
    this.whenPaid = whenPaid;
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
    Set<OpId> replaced = new HashSet<>();
    List<Lagging> entries = new ArrayList<>(refs.size());
    synchronized (this) {
      for (Ref ref : refs) {
        Debt before = debts.get(ref);
        boolean sameSide = before != null && before.lacking() == lacking;
        Debt now =
            new Debt(
                ref,
                lacking,
                before == null ? clock.instant() : before.since(),
                why,
                Debt.with(before == null ? Set.of() : before.ops(), op),
                sameSide && before != null ? before.run() : null,
                sameSide && before != null ? before.state() : null,
                false);
        put(before, now, replaced);
        entries.add(now.lagging());
      }
    }
    replaced.forEach(whenPaid);
    if (!entries.isEmpty()) {
      whenOwed.run();
    }
    return entries;
  }

  /**
   * A store may lack these records, as far as nothing is known of them: who noted something of one
   * knows more than somebody who compared.
   */
  List<Lagging> addUnknown(Collection<Ref> refs, Side lacking, String why) {
    synchronized (this) {
      return add(refs.stream().filter(ref -> !debts.containsKey(ref)).toList(), lacking, why, null);
    }
  }

  /**
   * A store lacks what an operation did in the other one while it was away.
   *
   * @param guarded whether that store may have gone on otherwise, so that what it holds has to be
   *     looked at first
   */
  List<Lagging> add(
      OpId op, List<Journal.Change> changes, Side lacking, boolean guarded, String why) {
    Set<OpId> replaced = new HashSet<>();
    List<Lagging> entries = new ArrayList<>(changes.size());
    synchronized (this) {
      for (Journal.Change change : changes) {
        Debt before = debts.get(change.ref());
        Debt.Run run = null;
        if (guarded) {
          Debt.Run earlier = before != null && before.lacking() == lacking ? before.run() : null;
          Version base = change.before();
          run = earlier == null ? new Debt.Run(base) : earlier;
          run.results().add(change.after());
        }
        Debt now =
            new Debt(
                change.ref(),
                lacking,
                before == null ? clock.instant() : before.since(),
                why,
                Debt.with(before == null ? Set.of() : before.ops(), op),
                run,
                newest(before, lacking, change),
                false);
        put(before, now, replaced);
        entries.add(now.lagging());
      }
    }
    replaced.forEach(whenPaid);
    if (!entries.isEmpty()) {
      whenOwed.run();
    }
    return entries;
  }

  /** The newest state that is noted: an operation that ends late says something old. */
  private static @Nullable Stored<?> newest(
      @Nullable Debt before, Side lacking, Journal.Change change) {
    Stored<?> noted = before == null || before.lacking() != lacking ? null : before.state();
    Stored<?> state = change.state();
    return noted != null && (state == null || state.revision() < noted.revision()) ? noted : state;
  }

  private void put(@Nullable Debt before, Debt now, Set<OpId> replaced) {
    debts.put(now.ref(), now);
    lacking[now.lacking().ordinal()]++;
    refused[now.lacking().ordinal()] += now.parked() ? 1 : 0;
    byName
        .computeIfAbsent(Names.of(now.ref().kind(), now.ref().key()), n -> new HashSet<>())
        .add(now.ref());
    now.ops().forEach(op -> owing.merge(op, 1, Integer::sum));
    if (before != null) {
      free(before, replaced);
    }
  }

  private void free(Debt debt, Set<OpId> paid) {
    lacking[debt.lacking().ordinal()]--;
    refused[debt.lacking().ordinal()] -= debt.parked() ? 1 : 0;
    for (OpId op : debt.ops()) {
      if (owing.merge(op, -1, Integer::sum) == 0) {
        owing.remove(op);
        paid.add(op);
      }
    }
  }

  /** The store has these records now, as far as it lacked them. */
  void pay(Collection<Ref> refs) {
    Set<OpId> paid = new HashSet<>();
    synchronized (this) {
      for (Ref ref : refs) {
        Debt debt = debts.remove(ref);
        if (debt != null) {
          byName.computeIfPresent(
              Names.of(ref.kind(), ref.key()),
              (name, set) -> set.remove(ref) && set.isEmpty() ? null : set);
          free(debt, paid);
        }
      }
    }
    paid.forEach(whenPaid);
  }

  /** A store refuses a record for good. */
  synchronized Optional<Lagging> park(Ref ref, String why) {
    Debt before = debts.get(ref);
    if (before == null) {
      return Optional.empty();
    }
    Debt now = before.parked(why);
    put(before, now, new HashSet<>());
    return Optional.of(now.lagging());
  }

  /** Whether an operation is not done because a store lacks something of it. */
  synchronized boolean isOwing(OpId op) {
    return owing.containsKey(op);
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
    return (names == null || lacking[side.ordinal()] == 0)
        ? lacking[side.ordinal()] > 0
        : !lacking(side, names).isEmpty();
  }

  /** Whether something is lacking in this store that it does not refuse. */
  synchronized boolean isOwed(Side side) {
    return lacking[side.ordinal()] > refused[side.ordinal()];
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

  /** How much a store lacks. */
  synchronized Pending pending(Side side) {
    long records = 0;
    long parked = 0;
    Instant oldest = null;
    Set<OpId> ops = new HashSet<>();
    for (Debt debt : debts.values()) {
      if (debt.lacking() == side) {
        records++;
        parked += debt.parked() ? 1 : 0;
        ops.addAll(debt.ops());
        oldest = oldest == null || debt.since().isBefore(oldest) ? debt.since() : oldest;
      }
    }
    return new Pending(ops.size(), records, parked, oldest);
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

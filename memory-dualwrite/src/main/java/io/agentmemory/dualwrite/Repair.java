package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;
import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.minBy;

import io.agentmemory.Key;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.ScanRange;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.Version;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.DeleteRecords;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.PutRecords;
import io.agentmemory.internal.Places;
import io.agentmemory.internal.Texts;
import io.agentmemory.spi.Needs;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Gives the secondary the state that the authority has, record by record.
 *
 * <p>Revisions only ever rise. Where the secondary is behind, it gets the authority's state at the
 * authority's revision. Where it is not (it took another turn at some time), the authority's state
 * is given the revision above the secondary's, on both: its content stays as it is.
 */
final class Repair {
  private static final int ROUNDS = 5;
  private static final int SCANS = 20;
  private static final Map<Kind<?>, Kind<?>> CONTENTS =
      Map.of(
          Kind.MEMORY, Kind.CO_OCCURRENCE,
          Kind.EDGE, Kind.OBSERVATION,
          Kind.SESSION, Kind.SESSION_RECALL);

  private final MemoryStore authority;
  private final MemoryStore secondary;
  private final Hold hold;
  private final Hold giving;
  private final Reading theirs;
  private final boolean diverged;

  /** Sees to it that nobody else writes the records. */
  interface Hold {
    /** Nobody else does anyway, or it does no harm. */
    Hold NOTHING =
        action -> {
          action.run();
          return true;
        };

    /** Does something if the records are still ours alone, and keeps them so meanwhile. */
    boolean whileHeld(Runnable action);
  }

  /** Reads what the secondary holds. */
  interface Reading {
    /**
     * @param right what the authority holds of these, which is what the secondary gets next
     */
    Map<Ref, Stored<?>> of(Set<Ref> refs, Map<Ref, Stored<?>> right);
  }

  /**
   * @param hold while the authority is changed, and at the end
   * @param giving while the secondary is given something
   * @param diverged whether the secondary may have made something of these by itself, so that its
   *     revisions do not tell where they stand among others
   */
  Repair(
      MemoryStore authority,
      MemoryStore secondary,
      Hold hold,
      Hold giving,
      Reading theirs,
      boolean diverged) {
    this.authority = authority;
    this.secondary = secondary;
    this.hold = hold;
    this.giving = giving;
    this.theirs = theirs;
    this.diverged = diverged;
  }

  /**
   * Makes these records equal, and those they live in where that is needed. A round may touch
   * further records (what lives in a deleted memory goes with it), so it goes on until nothing
   * differs.
   *
   * @param then done at the end, while the records are still held
   * @throws UncategorizedStoreException if they will not become equal
   * @throws StoreUnavailableException if the records were not held to the end
   */
  void run(Collection<Ref> refs, Runnable then) {
    Operation operation =
        new Operation(
            "dualwrite", "repair", refs.size() == 1 ? refs.iterator().next().toString() : "");
    TreeSet<Ref> all = new TreeSet<>(refs);
    for (int round = 0; round < ROUNDS; round++) {
      if (!round(operation, all)) {
        held(hold, operation, then);
        return;
      }
    }
    throw new UncategorizedStoreException(operation, "the stores keep differing", null);
  }

  /**
   * Does something with records that are held.
   *
   * @throws StoreUnavailableException if they are not any more; then nothing was done
   */
  static void held(Hold hold, Operation operation, Runnable action) {
    if (!hold.whileHeld(action)) {
      throw StoreUnavailableException.notApplied(operation, "it took too long", null);
    }
  }

  private boolean round(Operation operation, TreeSet<Ref> refs) {
    Map<Ref, Stored<?>> here = read(authority, refs);
    Map<Ref, Stored<?>> there = new HashMap<>(theirs.of(refs, here));
    TreeSet<Ref> containers = containers(here, refs);
    here.putAll(read(authority, containers));
    there.putAll(read(secondary, containers));
    containers.removeIf(ref -> isLive(there.get(ref)) || !isLive(here.get(ref)));
    refs.addAll(containers); // another one that is there may be the secondary's to give
    List<Stored<?>> raised = new ArrayList<>();
    List<Stored<?>> states = new ArrayList<>();
    for (Ref ref : refs) {
      Stored<?> right = here.get(ref);
      Stored<?> wrong = there.get(ref);
      if (wrong == null || (right != null && wrong.revision() < right.revision())) {
        if (right != null) {
          states.add(right);
        }
      } else if (right == null ? !wrong.isTombstone() : !right.version().equals(wrong.version())) {
        Stored<?> above = at(ref, right, wrong.revision() + 1);
        raised.add(above);
        states.add(above);
      }
    }
    if (states.isEmpty()) {
      return false;
    }
    if (!raised.isEmpty()) {
      // The authority must not have moved on: what it had is put above whatever it has.
      Batch raise = new Batch(OpId.random(), commands(raised));
      held(hold, operation, () -> touched(authority.execute(raise), refs));
    }
    List<Command> commands = commands(states);
    states.stream()
        .filter(state -> Places.has(state.kind()) && !state.isTombstone())
        .map(state -> new Ref(state.kind(), state.key()))
        .filter(ref -> diverged || mayStandElsewhere(requireNonNull(here.get(ref)), there.get(ref)))
        .map(here::get)
        .collect(
            groupingBy(
                state -> Key.of(state.kind().name(), Places.list(state.kind(), state.key())),
                minBy(Stored.BY_PLACE)))
        .values()
        .forEach(first -> commands.addAll(Orders.from(authority, first.orElseThrow())));
    Batch give = new Batch(OpId.copy(), commands);
    held(giving, operation, () -> touched(secondary.execute(give), refs));
    return true;
  }

  /** Whether a record is new, or may have been gone in between: it then moved to the end. */
  private static boolean mayStandElsewhere(Stored<?> right, @Nullable Stored<?> wrong) {
    return wrong == null || wrong.isTombstone() || right.revision() != wrong.revision() + 1;
  }

  static Stored<?> at(Ref ref, @Nullable Stored<?> right, long revision) {
    return right == null || right.isTombstone()
        ? Stored.tombstone(ref.kind(), ref.key(), revision, null)
        : Stored.live(
            requireNonNull(right.value()),
            revision,
            requireNonNull(right.version().digest()),
            null);
  }

  private static void touched(Outcome outcome, TreeSet<Ref> refs) {
    outcome.changes().stream()
        .filter(change -> !change.isMove())
        .forEach(change -> refs.add(new Ref(change.after().kind(), change.after().key())));
  }

  static boolean isLive(@Nullable Stored<?> stored) {
    return stored != null && !stored.isTombstone();
  }

  /** What a record lives in; nothing if it is none. */
  static Set<Ref> containersOf(@Nullable Stored<?> state) {
    Ref ref = state == null ? null : new Ref(state.kind(), state.key());
    return state == null || ref == null
        ? Set.of()
        : containers(Map.of(ref, state), new TreeSet<>(Set.of(ref)));
  }

  /**
   * What lives in these records, as a store holds it. A scan of the keys of each, or of all between
   * the first and the last where they are many. The image links and embeddings of a memory live
   * elsewhere.
   */
  static List<Stored<?>> contentsOf(MemoryStore store, Collection<Ref> containers) {
    Map<Kind<?>, TreeSet<String>> names = new HashMap<>();
    for (Ref ref : containers) {
      Kind<?> kind = CONTENTS.get(ref.kind());
      if (kind != null) {
        names.computeIfAbsent(kind, k -> new TreeSet<>(Texts::compare)).add(ref.key().part(0));
      }
    }
    List<Stored<?>> contents = new ArrayList<>();
    names.forEach(
        (kind, some) -> {
          if (kind.equals(Kind.SESSION_RECALL)) { // there is one session
            contents(store, kind, ScanRange.ALL, key -> true, contents);
          } else if (some.size() > SCANS) {
            ScanRange range = between(some.first(), some.last());
            contents(store, kind, range, key -> some.contains(key.part(0)), contents);
          } else {
            some.forEach(
                name ->
                    contents(
                        store,
                        kind,
                        between(name, name),
                        key -> key.part(0).equals(name),
                        contents));
          }
        });
    return contents;
  }

  /** There is no text between a name and the same with the least character of all after it. */
  private static ScanRange between(String first, String last) {
    return new ScanRange(Key.of(first, ""), Key.of(last + "\u0001", ""));
  }

  private static <T extends MemoryRecord> void contents(
      MemoryStore store,
      Kind<T> kind,
      ScanRange range,
      Predicate<Key> which,
      List<Stored<?>> found) {
    List<Key> keys;
    try (Stream<KeyVersion> versions = store.versions(kind, range)) {
      keys =
          versions
              .filter(one -> one.version().digest() != null && which.test(one.key()))
              .map(KeyVersion::key)
              .toList();
    }
    if (!keys.isEmpty()) {
      store.readAll(kind, keys).stream().filter(Repair::isLive).forEach(found::add);
    }
  }

  /** What these live in, besides some. */
  private static TreeSet<Ref> containers(Map<Ref, Stored<?>> states, TreeSet<Ref> refs) {
    Needs needs = new Needs();
    PutRecords.of(List.copyOf(states.values())).needs(needs);
    TreeSet<Ref> containers = new TreeSet<>();
    needs.keys().forEach((kind, keys) -> keys.forEach(key -> containers.add(new Ref(kind, key))));
    containers.removeAll(refs);
    return containers;
  }

  static Map<Ref, Stored<?>> read(MemoryStore store, Collection<Ref> refs) {
    Map<Kind<?>, List<Key>> keys = new HashMap<>();
    refs.forEach(ref -> keys.computeIfAbsent(ref.kind(), k -> new ArrayList<>()).add(ref.key()));
    Map<Ref, Stored<?>> found = new HashMap<>();
    keys.forEach((kind, list) -> read(store, kind, list, found));
    return found;
  }

  private static <T extends MemoryRecord> void read(
      MemoryStore store, Kind<T> kind, List<Key> keys, Map<Ref, Stored<?>> found) {
    for (Stored<T> stored : store.readAll(kind, keys)) {
      found.put(new Ref(kind, stored.key()), stored);
    }
  }

  /** The states as commands, deletions first: what is deleted makes room for what is put. */
  static List<Command> commands(List<? extends Stored<?>> states) {
    List<Command> commands = new ArrayList<>(2);
    List<DeleteRecords.Delete> deletes =
        states.stream()
            .filter(Stored::isTombstone)
            .map(stored -> new DeleteRecords.Delete(stored.kind(), stored.key(), stored.revision()))
            .toList();
    if (!deletes.isEmpty()) {
      commands.add(new DeleteRecords(deletes));
    }
    PutRecords puts = PutRecords.of(states);
    if (!puts.puts().isEmpty()) {
      commands.add(puts);
    }
    return commands;
  }

  /** Whether a store changed a record, and did not skip it. */
  static boolean took(Outcome outcome, Ref ref) {
    return outcome.changes().stream()
        .map(Outcome.Change::after)
        .anyMatch(after -> after.kind().equals(ref.kind()) && after.key().equals(ref.key()));
  }

  /** The records in whose new state two outcomes differ, with both versions as text. */
  static List<Difference> differences(Outcome source, Outcome target) {
    Map<Ref, Version> a = versions(source);
    Map<Ref, Version> b = versions(target);
    TreeSet<Ref> refs = new TreeSet<>(a.keySet());
    refs.addAll(b.keySet());
    List<Difference> differences = new ArrayList<>();
    for (Ref ref : refs) {
      Version x = a.get(ref);
      Version y = b.get(ref);
      if (x == null || !x.equals(y)) {
        differences.add(outcome(ref, show(x), show(y)));
      }
    }
    return differences;
  }

  static Difference outcome(Ref ref, String source, String target) {
    return new Difference(ref.kind(), ref.key(), Difference.Type.OUTCOME, "", source, target);
  }

  private static Map<Ref, Version> versions(Outcome outcome) {
    Map<Ref, Version> versions = new HashMap<>();
    for (Outcome.Change change : outcome.changes()) {
      Stored<?> after = change.after();
      versions.put(new Ref(after.kind(), after.key()), after.version());
    }
    return versions;
  }

  private static String show(@Nullable Version version) {
    if (version == null) {
      return "unchanged";
    }
    return "revision "
        + version.revision()
        + (version.digest() == null ? ", deleted" : " #" + version.digest().hex().substring(0, 8));
  }
}

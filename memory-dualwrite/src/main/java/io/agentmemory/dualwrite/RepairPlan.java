package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import io.agentmemory.CorruptMemoryException;
import io.agentmemory.Digest;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.Version;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import io.agentmemory.internal.LocalDisk;
import io.agentmemory.spi.Canonical;
import io.agentmemory.spi.EditedOutside;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What would make one store equal to another one that somebody says is right: which records, and
 * how both sides were when they were compared. Content is no part of it, so that a plan may be kept
 * and read by people before it is applied.
 *
 * <p>Applying it changes only records that are still as they were seen, on both sides, also by
 * whoever edits the files of a store. What the store that is put right had is kept whole in a
 * folder first. Applied a second time, a plan changes nothing. Immutable.
 */
public final class RepairPlan {
  private static final String FORMAT = "repair_plan";
  private static final String REFUSED = "refused: ";

  private final List<Item> items;
  private final boolean complete;
  private final @Nullable String rightStore;
  private final @Nullable String wrongStore;

  /**
   * A record that differs.
   *
   * @param right how the store that is right had it
   * @param wrong how the other one had it
   */
  public record Item(Kind<?> kind, Key key, Seen right, Seen wrong) {
    /** Checks that nothing is missing. */
    public Item {
      requireNonNull(kind, "kind");
      requireNonNull(key, "key");
      requireNonNull(right, "right");
      requireNonNull(wrong, "wrong");
    }

    Ref ref() {
      return new Ref(kind, key);
    }

    /** Whether the store that is right has deleted it, and the other one has it. */
    private boolean isDeletion() {
      return right.kept() != null && right.kept().isTombstone() && wrong.digest() != null;
    }
  }

  /**
   * How a store had a record.
   *
   * @param kept the version that the store says it has; null if it never had the record
   * @param digest of what is really there; null if nothing is, or a tombstone
   */
  public record Seen(@Nullable Version kept, @Nullable Digest digest) {
    static Seen of(@Nullable Stored<?> stored) {
      if (stored == null) {
        return new Seen(null, null);
      }
      MemoryRecord value = stored.value();
      return new Seen(stored.version(), value == null ? null : Canonical.digest(value));
    }

    long revision() {
      return kept == null ? 0 : kept.revision();
    }

    /** Whether somebody changed it past the store. */
    public boolean isForged() {
      return kept != null && !Objects.equals(kept.digest(), digest);
    }
  }

  /**
   * A record that was left alone.
   *
   * @param reason for people
   */
  public record Left(Item item, String reason) {}

  /**
   * What became of a plan.
   *
   * @param repaired records that are now as the right store has them
   * @param unchanged records that were so already
   * @param left records that still differ, or may, and why
   */
  public record Result(int repaired, int unchanged, List<Left> left) {
    /** Copies the list. */
    public Result {
      left = List.copyOf(left);
    }
  }

  private RepairPlan(
      List<Item> items,
      boolean complete,
      @Nullable String rightStore,
      @Nullable String wrongStore) {
    this.items = List.copyOf(items);
    this.complete = complete;
    this.rightStore = rightStore;
    this.wrongStore = wrongStore;
  }

  /**
   * Compares two stores field by field. Only reads.
   *
   * @param right the store whose state is to hold; which one that is, only a person can say
   * @throws StoreUnavailableException if a store gives no answer
   */
  public static RepairPlan of(MemoryStore right, MemoryStore wrong) {
    return of(right, wrong, Verifier.builder(right, wrong).run());
  }

  static RepairPlan of(MemoryStore right, MemoryStore wrong, VerifyReport report) {
    Set<Ref> refs = new LinkedHashSet<>();
    for (Difference difference : report.differences()) {
      Key key = difference.key();
      if (key != null && difference.type() != Difference.Type.DUPLICATE_ID) {
        refs.add(new Ref(difference.kind(), key));
      }
    }
    Set<Ref> unreadable = new HashSet<>();
    Map<Ref, Stored<?>> here = read(right, refs, unreadable);
    Map<Ref, Stored<?>> there = read(wrong, refs, unreadable);
    List<Item> items = new ArrayList<>();
    for (Ref ref : refs) {
      if (!unreadable.contains(ref)) {
        items.add(new Item(ref.kind(), ref.key(), Seen.of(here.get(ref)), Seen.of(there.get(ref))));
      }
    }
    boolean all =
        report.total() == report.differences().size() && report.complete() && unreadable.isEmpty();
    return new RepairPlan(items, all, null, null);
  }

  private static Map<Ref, Stored<?>> read(MemoryStore store, Set<Ref> refs, Set<Ref> unreadable) {
    try {
      return Repair.read(store, refs);
    } catch (CorruptMemoryException oneOfThem) {
      Map<Ref, Stored<?>> found = new HashMap<>();
      for (Ref ref : refs) {
        try {
          found.putAll(Repair.read(store, List.of(ref)));
        } catch (CorruptMemoryException thisOne) {
          unreadable.add(ref);
        }
      }
      return found;
    }
  }

  /**
   * The same plan with the names of its stores, such as their addresses, to be written with it.
   *
   * @param right the store whose state is to hold; without a password, as {@code wrong}
   */
  public RepairPlan between(String right, String wrong) {
    return new RepairPlan(
        items, complete, requireNonNull(right, "right"), requireNonNull(wrong, "wrong"));
  }

  /** The name of the store whose state is to hold; empty if nobody gave it. */
  public Optional<String> rightStore() {
    return Optional.ofNullable(rightStore);
  }

  /** The name of the store that is put right. */
  public Optional<String> wrongStore() {
    return Optional.ofNullable(wrongStore);
  }

  /** The records, each after those it lives in. */
  public List<Item> items() {
    return items;
  }

  /** Whether all of both stores was compared, and every record that differs is listed. */
  public boolean isComplete() {
    return complete;
  }

  // ---- applying ----

  /**
   * Gives the wrong store the state of the right one, record by record. Where the wrong one is at
   * the same revision or a higher one, the right one's state gets the revision above both, in both
   * stores: revisions only rise. A record that is behind in the right store must not be written
   * meanwhile; any other one that somebody writes is left alone.
   *
   * @param right the same store as when the plan was made, as {@code wrong}
   * @param aside a folder for what the wrong store had; made when needed
   * @param deletes whether what the right store has deleted is deleted in the wrong one. What it
   *     never had stays in any case: nobody says that it was deleted.
   * @throws StoreUnavailableException if a store gives no answer, or what the wrong store had
   *     cannot be set aside; apply the plan again
   */
  public Result apply(MemoryStore right, MemoryStore wrong, Path aside, boolean deletes) {
    Conflicts kept;
    try {
      kept = Conflicts.open(LocalDisk.INSTANCE, aside, Clock.systemUTC());
    } catch (IOException e) {
      throw StoreUnavailableException.notApplied(
          new Operation(DualWriteMemoryStore.STORE, "repair", ""),
          "the folder for what is overwritten cannot be read: " + e.getClass().getSimpleName(),
          e);
    }
    return apply(right, wrong, kept, Side.SOURCE, deletes, (ref, step) -> step.get());
  }

  /** What became of one record: repaired, unchanged, or left alone for a reason. */
  record Step(boolean repaired, @Nullable String left) {
    static Step left(String reason) {
      return new Step(false, reason);
    }
  }

  /** Sees to it that nobody else writes a record while it is looked at and repaired. */
  interface InTurn {
    Step take(Ref ref, Supplier<Step> step);
  }

  /**
   * As {@link #apply(MemoryStore, MemoryStore, Path, boolean)}.
   *
   * @param kept gets what is overwritten
   * @param winner which of two stores {@code right} is
   */
  Result apply(
      MemoryStore right,
      MemoryStore wrong,
      Conflicts kept,
      Side winner,
      boolean deletes,
      InTurn turns) {
    int repaired = 0;
    int unchanged = 0;
    Map<Item, String> reasons = new HashMap<>();
    Set<Ref> holding = new HashSet<>(); // something that was left alone
    for (Item item : inOrder()) {
      Step step =
          turns.take(
              item.ref(),
              () ->
                  item.isDeletion() && holding.contains(item.ref())
                      ? Step.left("would be deleted with something that was left alone")
                      : step(item, right, wrong, kept, winner, deletes));
      if (step.left() != null) {
        reasons.put(item, step.left());
        holding.addAll(livesIn(wrong, item.ref()));
      } else if (step.repaired()) {
        repaired++;
      } else {
        unchanged++;
      }
    }
    for (Item item : List.copyOf(reasons.keySet())) {
      if (requireNonNull(reasons.get(item)).startsWith(REFUSED)) {
        // What was deleted since may have had its file name.
        Step step = turns.take(item.ref(), () -> step(item, right, wrong, kept, winner, deletes));
        if (step.left() == null) {
          reasons.remove(item);
          repaired++;
        }
      }
    }
    List<Left> left =
        items.stream()
            .filter(reasons::containsKey)
            .map(item -> new Left(item, requireNonNull(reasons.get(item))))
            .toList();
    return new Result(repaired, unchanged, left);
  }

  /** What a record lives in, going by its key where it cannot be read. */
  private static Set<Ref> livesIn(MemoryStore store, Ref ref) {
    try {
      return Repair.containersOf(read(store, ref));
    } catch (CorruptMemoryException unreadable) {
      return Set.of(new Ref(Kind.MEMORY, Key.of(ref.key().part(0))));
    }
  }

  /** What is deleted comes last, and before what it lives in: each state is kept by itself. */
  private List<Item> inOrder() {
    List<Item> order = new ArrayList<>(items);
    order.removeIf(Item::isDeletion);
    for (int i = items.size() - 1; i >= 0; i--) {
      if (items.get(i).isDeletion()) {
        order.add(items.get(i));
      }
    }
    return order;
  }

  private static Step step(
      Item item,
      MemoryStore right,
      MemoryStore wrong,
      Conflicts kept,
      Side winner,
      boolean deletes) {
    try {
      lookForEdits(right, item.ref());
      lookForEdits(wrong, item.ref());
      Stored<?> here = read(right, item.ref());
      Stored<?> there = read(wrong, item.ref());
      if (areEqual(here, there)) {
        return new Step(false, null);
      }
      String reason = obstacle(item, here, there, deletes);
      return reason == null
          ? new Step(true, repair(item, requireNonNull(here), there, right, wrong, kept, winner))
          : Step.left(reason);
    } catch (CorruptMemoryException unreadable) {
      return Step.left("cannot be read: " + unreadable.location());
    }
  }

  /** What somebody wrote past the store must be seen before it is written over. */
  private static void lookForEdits(MemoryStore store, Ref ref) {
    store.as(EditedOutside.class).ifPresent(edited -> edited.look(ref.kind(), List.of(ref.key())));
  }

  private static @Nullable Stored<?> read(MemoryStore store, Ref ref) {
    return Repair.read(store, List.of(ref)).get(ref);
  }

  private static boolean areEqual(@Nullable Stored<?> here, @Nullable Stored<?> there) {
    Seen a = Seen.of(here);
    Seen b = Seen.of(there);
    boolean nothing = a.kept() == null && (b.kept() == null || b.kept().isTombstone());
    return nothing || (a.equals(b) && !a.isForged());
  }

  private static @Nullable String obstacle(
      Item item, @Nullable Stored<?> here, @Nullable Stored<?> there, boolean deletes) {
    boolean movedHere = !Seen.of(here).equals(item.right()) && !isHalfWay(item, here);
    boolean movedThere = !Seen.of(there).equals(item.wrong());
    if (movedHere || movedThere) {
      return "moved since it was compared"
          + (movedThere
              ? movedHere ? " in both stores" : " in the wrong store"
              : " in the right one");
    }
    if (here == null) {
      return "the right store never had it: nobody says that it was deleted";
    }
    boolean deletion = here.isTombstone() && there != null && !there.isTombstone();
    return deletion && !deletes ? "would be deleted, which was not allowed" : null;
  }

  /** Whether the right store has its state at the new revision already: a repair was broken off. */
  private static boolean isHalfWay(Item item, @Nullable Stored<?> here) {
    Seen now = Seen.of(here);
    return here != null
        && !now.isForged()
        && Objects.equals(now.digest(), item.right().digest())
        && now.revision() == above(item);
  }

  private static long above(Item item) {
    return Math.max(item.right().revision(), item.wrong().revision()) + 1;
  }

  /** Makes one record equal; else why that was not possible. */
  private static @Nullable String repair(
      Item item,
      Stored<?> here,
      @Nullable Stored<?> there,
      MemoryStore right,
      MemoryStore wrong,
      Conflicts kept,
      Side winner) {
    boolean behind = there == null || there.revision() < here.revision();
    boolean asIs = behind && !Seen.of(here).isForged();
    long revision = asIs ? here.revision() : above(item);
    Stored<?> state = Repair.at(item.ref(), correct(here), revision);
    if (there != null) {
      kept.add(item.ref(), winner, state.version(), there);
    }
    try {
      if (!asIs && !took(right, OpId.random(), state)) {
        return "moved since it was compared in the right one";
      }
      if (!took(wrong, OpId.copy(), state)) {
        return "moved since it was compared in the wrong store";
      }
    } catch (StoreUnavailableException away) {
      throw away;
    } catch (MemoryStoreException refused) {
      return REFUSED + refused.getMessage();
    }
    Stored<?> now = read(wrong, item.ref());
    return areEqual(read(right, item.ref()), now) ? null : "still differs";
  }

  /** The same with the digest of what is really there. */
  private static Stored<?> correct(Stored<?> stored) {
    MemoryRecord value = stored.value();
    return value == null
        ? stored
        : Stored.live(value, stored.revision(), Canonical.digest(value), null);
  }

  private static boolean took(MemoryStore store, OpId id, Stored<?> state) {
    Outcome outcome = store.execute(new Batch(id, Repair.commands(List.of(state))));
    return Repair.took(outcome, new Ref(state.kind(), state.key()));
  }

  // ---- as text ----

  /** Writes one line of JSON that says what this is, and one for each record. */
  public void write(Appendable out) throws IOException {
    Map<String, Value> head = new LinkedHashMap<>();
    head.put(FORMAT, Value.of(1L));
    head.put("complete", Value.of(complete));
    head.put("items", Value.of((long) items.size()));
    if (rightStore != null && wrongStore != null) {
      head.put("right", Value.of(rightStore));
      head.put("wrong", Value.of(wrongStore));
    }
    out.append(Canonical.json(new Value.Map(head))).append('\n');
    for (Item item : items) {
      Map<String, Value> line = new LinkedHashMap<>();
      line.put("kind", Value.of(item.kind().name()));
      line.put("key", Value.Seq.ofTexts(item.key().parts()));
      line.put("right", json(item.right()));
      line.put("wrong", json(item.wrong()));
      out.append(Canonical.json(new Value.Map(line))).append('\n');
    }
  }

  private static Value json(Seen seen) {
    Version kept = seen.kept();
    if (kept == null) {
      return Value.NULL;
    }
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("revision", Value.of(kept.revision()));
    map.put("kept", hex(kept.digest()));
    map.put("digest", hex(seen.digest()));
    return new Value.Map(map);
  }

  private static Value hex(@Nullable Digest digest) {
    return digest == null ? Value.NULL : Value.of(digest.hex());
  }

  /**
   * Reads what {@link #write} wrote.
   *
   * @throws IllegalArgumentException if it is something else, or not all of it; names the line
   */
  public static RepairPlan parse(String text) {
    List<String> lines = text.lines().toList();
    int at = 0;
    try {
      Value.Map head = map(Canonical.parse(lines.isEmpty() ? "" : lines.get(0)));
      if (!Value.of(1L).equals(head.get(FORMAT))
          || !Value.of((long) lines.size() - 1).equals(head.get("items"))) {
        throw new IllegalArgumentException("no plan of this version, or not all of it");
      }
      List<Item> items = new ArrayList<>();
      for (at = 1; at < lines.size(); at++) {
        Value.Map line = map(Canonical.parse(lines.get(at)));
        Kind<?> kind =
            Kind.named(requireNonNull(Value.textOf(line.get("kind")), "kind"))
                .orElseThrow(() -> new IllegalArgumentException("no such kind"));
        Key key = new Key(Value.textsOf(line.get("key")));
        items.add(new Item(kind, key, seen(line.get("right")), seen(line.get("wrong"))));
      }
      return new RepairPlan(
          items,
          Value.of(true).equals(head.get("complete")),
          Value.textOf(head.get("right")),
          Value.textOf(head.get("wrong")));
    } catch (IllegalArgumentException | NullPointerException e) {
      throw new IllegalArgumentException("line " + (at + 1) + ": " + e.getMessage(), e);
    }
  }

  private static Value.Map map(@Nullable Value value) {
    if (value instanceof Value.Map map) {
      return map;
    }
    throw new IllegalArgumentException("no map");
  }

  private static Seen seen(@Nullable Value value) {
    if (Value.NULL.equals(value)) {
      return new Seen(null, null);
    }
    Value.Map map = map(value);
    if (map.get("revision") instanceof Value.Int revision) {
      Version kept = new Version(revision.value(), digest(map.get("kept")));
      return new Seen(kept, digest(map.get("digest")));
    }
    throw new IllegalArgumentException("no revision");
  }

  private static @Nullable Digest digest(@Nullable Value value) {
    String hex = Value.textOf(value);
    return hex == null ? null : new Digest(hex);
  }
}

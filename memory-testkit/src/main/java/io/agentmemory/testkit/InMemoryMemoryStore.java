package io.agentmemory.testkit;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Digest;
import io.agentmemory.Embedding;
import io.agentmemory.Health;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.Leaf;
import io.agentmemory.Limits;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryHead;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.Observation;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.ScanRange;
import io.agentmemory.SessionRecall;
import io.agentmemory.SimilarQuery;
import io.agentmemory.StoreInfo;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.Plan;
import io.agentmemory.internal.Texts;
import io.agentmemory.internal.TreeFile;
import io.agentmemory.spi.EpochGuard;
import io.agentmemory.spi.ForwardingMemoryStore;
import io.agentmemory.spi.RecordReader;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The reference: what every store must answer, in the fewest lines. Keeps everything in memory and
 * looks at all of it for a query. Thread-safe.
 */
public final class InMemoryMemoryStore implements MemoryStore, EpochGuard {
  private static final String STORE = "memory";

  private final String namespace;
  private final Map<Kind<?>, TreeMap<Key, Stored<?>>> records = new HashMap<>();
  private final Map<OpId, Outcome> applied = new HashMap<>();
  private final Set<OpId> givenUp = new HashSet<>();
  private final Map<String, Leaf> leaves = new HashMap<>();

  /** The id of the memory that has a file, by tier and name. */
  private final Map<String, String> files = new HashMap<>();

  private @Nullable Register register;
  private volatile long guarded;
  private long nextPlace;
  private boolean closed;

  /** An empty store. */
  public InMemoryMemoryStore(String namespace) {
    this.namespace = requireNonNull(namespace, "namespace");
    Kind.all().forEach(kind -> records.put(kind, new TreeMap<>()));
  }

  @Override
  public String namespace() {
    return namespace;
  }

  @Override
  public Outcome execute(Batch batch) {
    return execute(batch, guarded);
  }

  private synchronized Outcome execute(Batch batch, long guard) {
    checkOpen(batch.verb());
    checkEpoch(new Operation(STORE, batch.verb(), batch.subject()), guard);
    Outcome before = applied.get(batch.opId());
    if (before != null) {
      return asTheyAreNow(before);
    }
    if (givenUp.contains(batch.opId())) {
      throw new UncategorizedStoreException(
          new Operation(STORE, batch.verb(), batch.subject()),
          "operation " + batch.opId() + " was given up and can not be applied",
          null);
    }
    Outcome planned = Plan.of(STORE, batch, new Reader(), Limits.DEFAULT);
    Outcome outcome = planned.placedFrom(nextPlace);
    takeFiles(new Operation(STORE, batch.verb(), batch.subject()), outcome);
    nextPlace += planned.newPlaces();
    for (Outcome.Change change : outcome.changes()) {
      of(change.after().kind()).put(change.after().key(), change.after());
      if (change.after().kind() == Kind.MEMORY || change.after().kind() == Kind.CO_OCCURRENCE) {
        leaves.remove(change.after().key().part(0)); // both stand in the memory's file
      }
    }
    applied.put(batch.opId(), outcome);
    return outcome;
  }

  @Override
  public Map<OpId, Outcome> conclude(Collection<OpId> operations) {
    return conclude(operations, guarded);
  }

  private synchronized Map<OpId, Outcome> conclude(Collection<OpId> operations, long guard) {
    checkOpen("conclude");
    checkEpoch(new Operation(STORE, "conclude", ""), guard);
    Map<OpId, Outcome> found = new HashMap<>();
    for (OpId operation : operations) {
      Outcome before = applied.get(operation);
      if (before == null) {
        givenUp.add(operation);
      } else {
        found.put(operation, asTheyAreNow(before));
      }
    }
    return found;
  }

  @Override
  public Map<OpId, Outcome> markApplied(Collection<OpId> operations) {
    return markApplied(operations, guarded);
  }

  private synchronized Map<OpId, Outcome> markApplied(Collection<OpId> operations, long guard) {
    checkOpen("markApplied");
    checkEpoch(new Operation(STORE, "markApplied", ""), guard);
    givenUp.removeAll(operations);
    operations.forEach(op -> applied.putIfAbsent(op, new Outcome(op, List.of(), List.of(), false)));
    return conclude(operations, guard);
  }

  /** Files could not hold two memories of one tier and file name. */
  private void takeFiles(Operation operation, Outcome outcome) {
    Map<String, String> given = new HashMap<>();
    Map<String, String> taken = new HashMap<>();
    for (Outcome.Change change : outcome.changes()) {
      Stored<?> before = of(change.after().kind()).get(change.after().key());
      if (before != null && before.value() instanceof Memory was) {
        given.put(file(was), was.id());
      }
    }
    for (Outcome.Change change : outcome.changes()) {
      if (change.after().value() instanceof Memory now) {
        String file = file(now);
        String other = taken.put(file, now.id());
        if (other == null && !given.containsKey(file)) {
          other = files.get(file);
        }
        if (other != null) {
          throw new MemoryConflictException(
              operation,
              "the file name of memory " + now.id() + " is taken by memory " + other,
              0,
              0);
        }
      }
    }
    files.keySet().removeAll(given.keySet());
    files.putAll(taken);
  }

  private static String file(Memory memory) {
    return memory.tier().folder() + "/" + memory.fileName();
  }

  private Outcome asTheyAreNow(Outcome before) {
    List<Outcome.Change> changes = new ArrayList<>();
    for (Outcome.Change change : before.changes()) {
      Stored<?> now = requireNonNull(of(change.after().kind()).get(change.after().key()));
      changes.add(new Outcome.Change(change.before(), now));
    }
    return new Outcome(before.opId(), changes, List.of(), true);
  }

  private final class Reader implements RecordReader {
    @Override
    public <T extends MemoryRecord> Optional<Stored<T>> get(Kind<T> kind, Key key) {
      return Optional.ofNullable(of(kind).get(key)).map(InMemoryMemoryStore::<T>cast);
    }

    @Override
    public <T extends MemoryRecord> List<Stored<T>> ownedBy(Kind<T> kind, String memoryId) {
      return live(kind).filter(s -> value(s).owners().contains(memoryId)).toList();
    }

    @Override
    public List<Stored<Observation>> observationsOf(String pair) {
      return live(Kind.OBSERVATION).filter(s -> value(s).pair().equals(pair)).toList();
    }

    @Override
    public List<Stored<SessionRecall>> sessionRecalls() {
      return live(Kind.SESSION_RECALL).toList();
    }

    @Override
    public <T extends MemoryRecord> List<Stored<T>> all(Kind<T> kind) {
      return live(kind).toList();
    }

    @Override
    public int endOf(Kind<?> kind, List<String> before) {
      TreeFile list = requireNonNull(TreeFile.listOf(kind, before), "list");
      return live(kind)
          .map(Stored::key)
          .filter(key -> list.equals(TreeFile.of(kind, key)))
          .mapToInt(key -> list.place(key) + 1)
          .max()
          .orElse(0);
    }
  }

  private TreeMap<Key, Stored<?>> of(Kind<?> kind) {
    return requireNonNull(records.get(kind), "kind");
  }

  @SuppressWarnings("unchecked") // each map holds records of its own kind
  private static <T extends MemoryRecord> Stored<T> cast(Stored<?> stored) {
    return (Stored<T>) stored;
  }

  private static <T extends MemoryRecord> T value(Stored<T> stored) {
    return requireNonNull(stored.value());
  }

  private <T extends MemoryRecord> Stream<Stored<T>> live(Kind<T> kind) {
    return of(kind).values().stream()
        .filter(stored -> !stored.isTombstone())
        .map(InMemoryMemoryStore::<T>cast);
  }

  @Override
  public synchronized <T extends MemoryRecord> Optional<Stored<T>> read(Kind<T> kind, Key key) {
    checkOpen("read");
    return new Reader().get(kind, key);
  }

  @Override
  public synchronized <T extends MemoryRecord> List<Stored<T>> readAll(
      Kind<T> kind, List<Key> keys) {
    requireNonNull(kind, "kind");
    checkOpen("read");
    return keys.stream()
        .distinct()
        .sorted()
        .flatMap(key -> new Reader().get(kind, key).stream())
        .toList();
  }

  @Override
  public synchronized <T extends MemoryRecord> Stream<Stored<T>> scan(
      Kind<T> kind, ScanRange range) {
    requireNonNull(range, "range");
    checkOpen("scan");
    return List.copyOf(of(kind).values()).stream()
        .filter(stored -> range.contains(stored.key()))
        .map(InMemoryMemoryStore::<T>cast);
  }

  @Override
  public <T extends MemoryRecord> Stream<KeyVersion> versions(Kind<T> kind, ScanRange range) {
    return scan(kind, range).map(stored -> new KeyVersion(stored.key(), stored.version()));
  }

  @Override
  public synchronized List<Memory> find(MemoryQuery query) {
    checkOpen("find");
    return matching(query)
        .sorted(query.comparator())
        .skip(query.offset())
        .limit(query.limit())
        .toList();
  }

  @Override
  public synchronized long count(MemoryQuery query) {
    checkOpen("count");
    return matching(query).count();
  }

  @Override
  public synchronized Stream<MemoryHead> heads(MemoryQuery query) {
    checkOpen("heads");
    return matching(query).map(MemoryHead::head).toList().stream();
  }

  private Stream<Memory> matching(MemoryQuery query) {
    return live(Kind.MEMORY).map(InMemoryMemoryStore::value).filter(query::matches);
  }

  @Override
  public synchronized List<SimilarQuery.Hit> search(SimilarQuery query) {
    checkOpen("search");
    Operation operation = new Operation(STORE, "search", query.space());
    float[] vector = query.vector();
    Stored<?> space = of(Kind.VECTOR_SPACE).get(Key.of(query.space()));
    if (space == null || !(space.value() instanceof io.agentmemory.VectorSpace defined)) {
      throw new InvalidMemoryException(operation, "space", "is not defined");
    }
    int dimensions = defined.dimensions().orElse(vector.length);
    if (dimensions != vector.length) {
      throw new InvalidMemoryException(
          operation, "vector", "has " + vector.length + " floats, the space has " + dimensions);
    }
    return live(Kind.EMBEDDING)
        .map(InMemoryMemoryStore::value)
        .filter(e -> e.space().equals(query.space()) && e.dimensions() == vector.length)
        .filter(e -> query.admits(memoryOf(e)))
        .map(e -> new SimilarQuery.Hit(e.target(), Embedding.similarity(e.vector(), vector)))
        .filter(hit -> hit.similarity() >= query.minSimilarity())
        .sorted(
            Comparator.comparingDouble(SimilarQuery.Hit::similarity)
                .reversed()
                .thenComparing(SimilarQuery.Hit::target, Texts::compare))
        .limit(query.limit())
        .toList();
  }

  private Optional<Memory> memoryOf(Embedding embedding) {
    return embedding.owners().stream()
        .flatMap(id -> new Reader().get(Kind.MEMORY, Key.of(id)).stream())
        .flatMap(stored -> stored.live().stream())
        .findFirst();
  }

  @Override
  public synchronized Stream<Leaf> leaves() {
    checkOpen("leaves");
    return live(Kind.MEMORY)
        .filter(stored -> value(stored).tier() != Tier.ARCHIVE)
        .map(this::leaf)
        .toList()
        .stream();
  }

  private Leaf leaf(Stored<Memory> stored) {
    Memory memory = value(stored);
    Map<String, Digest> counts = new HashMap<>();
    new Reader()
        .ownedBy(Kind.CO_OCCURRENCE, memory.id())
        .forEach(count -> counts.put(count.key().part(1), digest(count)));
    Digest state = Leaf.stateOf(digest(stored), counts);
    String file = file(memory);
    Leaf known = leaves.get(memory.id());
    return known == null
        ? Leaf.unknown(memory.id(), file, state)
        : new Leaf(memory.id(), file, state, known.sha256(), known.tagged());
  }

  private static Digest digest(Stored<?> live) {
    return requireNonNull(live.version().digest());
  }

  @Override
  public void reportLeaves(List<Leaf> reported) {
    reportLeaves(reported, guarded);
  }

  private synchronized void reportLeaves(List<Leaf> reported, long guard) {
    checkOpen("reportLeaves");
    checkEpoch(new Operation(STORE, "reportLeaves", ""), guard);
    for (Leaf leaf : reported) {
      Stored<?> there = of(Kind.MEMORY).get(Key.of(leaf.id()));
      if (leaf.sha256() != null && there != null && !there.isTombstone()) {
        if (leaf(cast(there)).state().equals(leaf.state())) {
          leaves.put(leaf.id(), leaf);
        }
      }
    }
  }

  @Override
  public synchronized Optional<Register> register() {
    checkOpen("register");
    return Optional.ofNullable(register);
  }

  @Override
  public synchronized boolean advance(long expected, Register next) {
    checkOpen("advance");
    if (expected < 0 || next.epoch() <= expected) {
      throw new IllegalArgumentException(
          "epoch " + next.epoch() + " does not come after epoch " + expected);
    }
    if (epoch() != expected) {
      return false;
    }
    register = next;
    return true;
  }

  @Override
  public void guard(long epoch) {
    if (epoch < 0) {
      throw new IllegalArgumentException("an epoch is 0 or more, not " + epoch);
    }
    guarded = epoch;
  }

  private long epoch() {
    return register == null ? 0 : register.epoch();
  }

  private void checkEpoch(Operation operation, long guard) {
    if (guard != 0 && guard != epoch()) {
      throw StoreUnavailableException.refused(
          operation,
          "the move is at epoch "
              + epoch()
              + ", and this owner writes under epoch "
              + guard
              + ": another owner has moved on",
          null);
    }
  }

  /**
   * A second store object on the same memory, as another process would have one, with a guard of
   * its own. Closing it leaves this one open.
   */
  public MemoryStore another() {
    return new Another();
  }

  private final class Another extends ForwardingMemoryStore implements EpochGuard {
    private volatile long guarded;

    Another() {
      super(InMemoryMemoryStore.this);
    }

    @Override
    public Outcome execute(Batch batch) {
      return InMemoryMemoryStore.this.execute(batch, guarded);
    }

    @Override
    public Map<OpId, Outcome> conclude(Collection<OpId> operations) {
      return InMemoryMemoryStore.this.conclude(operations, guarded);
    }

    @Override
    public Map<OpId, Outcome> markApplied(Collection<OpId> operations) {
      return InMemoryMemoryStore.this.markApplied(operations, guarded);
    }

    @Override
    public void reportLeaves(List<Leaf> reported) {
      InMemoryMemoryStore.this.reportLeaves(reported, guarded);
    }

    @Override
    public Optional<Register> register() {
      return InMemoryMemoryStore.this.register();
    }

    @Override
    public boolean advance(long expected, Register next) {
      return InMemoryMemoryStore.this.advance(expected, next);
    }

    @Override
    public void guard(long epoch) {
      guarded = epoch;
    }

    @Override
    public void close() {}
  }

  @Override
  public Health health() {
    return new Health(Health.Status.UP, List.of("kept in memory only"));
  }

  @Override
  public synchronized StoreInfo info() {
    Map<Kind<?>, Long> kinds = new LinkedHashMap<>();
    Map<Kind<?>, Long> tombstones = new LinkedHashMap<>();
    for (Kind<?> kind : Kind.all()) {
      long live = live(kind).count();
      kinds.put(kind, live);
      tombstones.put(kind, of(kind).size() - live);
    }
    return new StoreInfo(STORE, namespace, "-", kinds, tombstones, List.of(), List.of(), health());
  }

  private void checkOpen(String verb) {
    if (closed) {
      throw new UncategorizedStoreException(
          new Operation(STORE, verb, ""), "the store is closed", null);
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
  }
}

package io.agentmemory.postgres;

import static java.util.Objects.requireNonNull;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.ImageLink;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Observation;
import io.agentmemory.Operation;
import io.agentmemory.SessionRecall;
import io.agentmemory.Stored;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.DecayEdges;
import io.agentmemory.internal.Places;
import io.agentmemory.internal.Texts;
import io.agentmemory.internal.TreeFile;
import io.agentmemory.spi.Needs;
import io.agentmemory.spi.Needs.ListEnd;
import io.agentmemory.spi.RecordReader;
import java.sql.Connection;
import java.sql.SQLException;
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
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The records that a batch reads, each locked for the rest of the transaction. What was not asked
 * for ahead is read when it is asked for. Edges that only decay are locked but not read, see {@link
 * EdgeDecay}.
 */
final class LockedRecords implements RecordReader {
  private static final String LOCK = " FOR UPDATE OF t";
  private static final String ALL = ""; // in place of an owner, for what belongs to nobody

  private final Operation operation;
  private final Connection connection;
  private final Tables tables;
  private final boolean locksSpaces;
  private final boolean readsMembersOnly;
  private final @Nullable EdgeDecay decay;
  private long lockedEdges;
  private final Map<Kind<?>, Map<Key, Optional<Stored<?>>>> known = new HashMap<>();
  private final Map<Kind<?>, Map<String, List<Stored<?>>>> owned = new HashMap<>();

  /** Edges whose observations were all fetched, so that one not known is not there. */
  private final Set<String> observed = new HashSet<>();

  private final Map<Kind<?>, List<Stored<?>>> whole = new HashMap<>();
  private final Map<ListEnd, Integer> ends = new HashMap<>();
  private @Nullable List<String> spaces;
  private long places;

  /**
   * Reads in the transaction of {@code connection}.
   *
   * @param locksSpaces whether the batch may change spaces; else they are only read, so that
   *     everybody can put vectors at the same time
   * @param readsMembersOnly whether those who read all memories need their members only
   * @param decay how the edges decay; null if they are to be read for it
   */
  LockedRecords(
      Operation operation,
      Connection connection,
      Tables tables,
      boolean locksSpaces,
      boolean readsMembersOnly,
      @Nullable EdgeDecay decay) {
    this.operation = operation;
    this.connection = connection;
    this.tables = tables;
    this.locksSpaces = locksSpaces;
    this.readsMembersOnly = readsMembersOnly;
    this.decay = decay;
  }

  private String lock(Kind<?> kind) {
    return kind.equals(Kind.VECTOR_SPACE) && !locksSpaces ? "" : LOCK;
  }

  /** Adds to {@code pipeline} the statements that fetch the records named by key. */
  void fetch(Needs needs, Pipeline pipeline) {
    for (Kind<?> kind : Kind.all()) { // always in the same order, so that nobody deadlocks
      needs.ends().keySet().stream()
          .filter(end -> end.kind().equals(kind))
          .sorted(Comparator.comparing(end -> String.join("/", end.before())))
          .forEach(end -> fetchEnd(end, pipeline));
      if (needs.whole().contains(kind) && decaysUnread(kind)) {
        pipeline.query(EdgeDecay.lock(tables.of(Kind.EDGE)), row -> lockedEdges = row.getLong(1));
      }
      Set<Key> keys = needs.keys().get(kind);
      if (keys != null) {
        fetch(kind, keys, pipeline);
      }
      if (needs.whole().contains(kind) && !isLight(kind) && !decaysUnread(kind)) {
        fetchWhole(kind, pipeline);
      }
    }
    if (needs.whole().contains(Kind.MEMORY) && isLight(Kind.MEMORY) && decay == null) {
      fetchMembers(pipeline);
    }
    if (needs.keys().keySet().stream().anyMatch(Places::has)) {
      fetchPlaces(pipeline); // last, so that whoever held a record before us drew before us
    }
  }

  private void fetchPlaces(Pipeline pipeline) {
    pipeline.query(places(tables), row -> places = row.getLong(1));
  }

  /** Draws the first of places that no other batch has. */
  static Sql places(Tables tables) {
    return Sql.of("SELECT nextval(?::regclass)", Sql.text(tables.schema() + ".places"));
  }

  /** The first of places that no other batch has, above those that locked records are in. */
  long places() {
    if (places == 0) {
      run(this::fetchPlaces);
    }
    return places;
  }

  /** Whether this kind is locked as a whole, to decay without being read. */
  private boolean decaysUnread(Kind<?> kind) {
    return decay != null && kind.equals(Kind.EDGE);
  }

  private boolean isLight(Kind<?> kind) {
    return readsMembersOnly && kind.equals(Kind.MEMORY);
  }

  /**
   * Fetches all memories without their bodies and without locking them. This comes after the locks
   * on what is going to change: whoever changes one of those and a memory too has either done both
   * by now, or will do both after us.
   */
  private void fetchMembers(Pipeline pipeline) {
    Table<Memory> table = tables.of(Kind.MEMORY);
    List<Stored<?>> all = new ArrayList<>();
    whole.put(Kind.MEMORY, all);
    pipeline.query(
        table.selectWithout("content").add(" AND NOT t.deleted"),
        row -> all.add(table.read(operation, row)));
  }

  /**
   * Fetches the end of a list, for which everybody who goes on from there has to wait: the lock
   * comes in a statement of its own, so that the next one sees what the one before us appended.
   */
  private void fetchEnd(ListEnd end, Pipeline pipeline) {
    Table<?> table = tables.of(end.kind());
    TreeFile list = requireNonNull(TreeFile.listOf(end.kind(), end.before()), "list");
    pipeline.call(
        Sql.of(
            "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))",
            Sql.text(table.name() + " of " + table.namespace() + " in " + list.path())));
    ends.put(end, 0);
    pipeline.query(
        table.selectEnd(end.before()), row -> ends.put(end, list.place(table.readKey(row)) + 1));
  }

  /** Fetches the places that come after the ends of lists: they may have been in use before. */
  private void fetchNext(Needs needs) throws SQLException {
    Pipeline pipeline = new Pipeline();
    needs
        .ends()
        .forEach(
            (end, places) -> {
              TreeFile list = requireNonNull(TreeFile.listOf(end.kind(), end.before()), "list");
              int from = endOf(end.kind(), end.before());
              int most = Math.min(places, TreeFile.LAST_PLACE + 1 - from);
              Set<Key> keys = new HashSet<>();
              for (int i = 0; i < most; i++) {
                keys.add(list.item(from + i));
              }
              fetch(end.kind(), keys, pipeline);
            });
    pipeline.run(connection);
  }

  private <T extends MemoryRecord> void fetchWhole(Kind<T> kind, Pipeline pipeline) {
    if (kind.equals(Kind.EMBEDDING)) {
      throw new IllegalArgumentException("vectors are many: name those that are needed");
    }
    Table<T> table = tables.of(kind);
    Map<Key, Optional<Stored<?>>> found = of(kind);
    List<Stored<?>> all = new ArrayList<>();
    whole.put(kind, all);
    pipeline.query(
        table.select().add(" AND NOT t.deleted" + table.orderByKey() + lock(kind)),
        row -> {
          Stored<T> stored = table.read(operation, row);
          found.put(stored.key(), Optional.of(stored));
          all.add(stored);
        });
  }

  private <T extends MemoryRecord> void fetch(Kind<T> kind, Set<Key> keys, Pipeline pipeline) {
    Map<Key, Optional<Stored<?>>> found = of(kind);
    Map<Table<T>, List<Key>> byTable = new LinkedHashMap<>();
    for (Key key : new TreeSet<>(keys)) {
      found.put(key, Optional.empty());
      if (Tables.canHold(kind, key)) {
        byTable.computeIfAbsent(tables.of(kind, key), t -> new ArrayList<>()).add(key);
      }
    }
    byTable.forEach(
        (table, wanted) ->
            pipeline.query(
                table.selectEach(wanted, lock(kind)),
                row -> {
                  Stored<T> stored = table.read(operation, row);
                  found.put(stored.key(), Optional.of(stored));
                }));
  }

  /** Fetches what belongs to memories and edges, and where lists go on, if that is needed. */
  void fetchOwned(Needs needs) throws SQLException {
    if (!needs.ends().isEmpty()) {
      fetchNext(needs);
    }
    if (!needs.owners().isEmpty()) {
      fetchOwned(needs.owners());
    }
    List<String> pairs = needs.pairs().stream().filter(pair -> !observed.contains(pair)).toList();
    if (!pairs.isEmpty()) {
      fetchObservations(pairs);
    }
    if (needs.hasSessionRecalls() && !owned.containsKey(Kind.SESSION_RECALL)) {
      fetchRecalls();
    }
  }

  private void fetchOwned(Set<String> owners) throws SQLException {
    List<String> ids = storable(owners);
    for (Kind<?> kind : List.of(Kind.CO_OCCURRENCE, Kind.EMBEDDING, Kind.IMAGE_LINK)) {
      Map<String, List<Stored<?>>> lists = owned.computeIfAbsent(kind, k -> new HashMap<>());
      owners.forEach(owner -> lists.put(owner, new ArrayList<>()));
    }
    Pipeline pipeline = new Pipeline();
    Table<CoOccurrence> entries = tables.of(Kind.CO_OCCURRENCE);
    add(pipeline, entries, entries.selectLive("from_id", ids, LOCK), MemoryRecord::owners);
    for (String space : spaces()) {
      if (!space.equals(VectorSpace.IMAGE)) {
        Table<Embedding> vectors = tables.embeddings(space);
        add(pipeline, vectors, vectors.selectLive("target", ids, LOCK), MemoryRecord::owners);
      }
    }
    Table<ImageLink> links = tables.of(Kind.IMAGE_LINK);
    Sql linked =
        links
            .select()
            .add(" AND t.memory_ids && ?::text[] AND NOT t.deleted", Sql.texts(ids))
            .add(links.orderByKey() + LOCK);
    add(pipeline, links, linked, MemoryRecord::owners);
    pipeline.run(connection);
  }

  private void fetchObservations(Collection<String> pairs) throws SQLException {
    Map<String, List<Stored<?>>> lists =
        owned.computeIfAbsent(Kind.OBSERVATION, k -> new HashMap<>());
    pairs.forEach(pair -> lists.put(pair, new ArrayList<>()));
    Pipeline pipeline = new Pipeline();
    Table<Observation> table = tables.of(Kind.OBSERVATION);
    Sql sql = table.selectAll("pair", storable(pairs), LOCK);
    add(pipeline, table, sql, observation -> Set.of(observation.pair()));
    pipeline.run(connection);
    observed.addAll(pairs);
  }

  private void fetchRecalls() throws SQLException {
    owned.put(Kind.SESSION_RECALL, new HashMap<>(Map.of(ALL, new ArrayList<>())));
    Pipeline pipeline = new Pipeline();
    Table<SessionRecall> table = tables.of(Kind.SESSION_RECALL);
    Sql sql = table.select().add(" AND NOT t.deleted" + table.orderByKey() + LOCK);
    add(pipeline, table, sql, recall -> Set.of(ALL));
    pipeline.run(connection);
  }

  private static List<String> storable(Collection<String> ids) {
    return ids.stream().filter(id -> Texts.unstorable(id) < 0).sorted(Texts::compare).toList();
  }

  private <T extends MemoryRecord> void add(
      Pipeline pipeline, Table<T> table, Sql sql, Function<T, Set<String>> ownersOf) {
    Map<String, List<Stored<?>>> lists = owned.computeIfAbsent(table.kind(), k -> new HashMap<>());
    Map<Key, Optional<Stored<?>>> found = of(table.kind());
    pipeline.query(
        sql,
        row -> {
          Stored<T> stored = table.read(operation, row);
          found.put(stored.key(), Optional.of(stored));
          if (stored.value() != null) {
            for (String owner : ownersOf.apply(stored.value())) {
              List<Stored<?>> list = lists.get(owner);
              if (list != null) {
                list.add(stored);
              }
            }
          }
        });
  }

  private List<String> spaces() throws SQLException {
    if (spaces == null) {
      List<String> names = new ArrayList<>();
      Pipeline pipeline = new Pipeline();
      Table<VectorSpace> table = tables.of(Kind.VECTOR_SPACE);
      pipeline.query(
          Sql.of("SELECT t.name FROM " + table.name() + " AS t")
              .add(table.scope())
              .add(" AND NOT t.deleted ORDER BY t.name"),
          row -> names.add(row.getString(1)));
      pipeline.run(connection);
      spaces = names;
    }
    return spaces;
  }

  private Map<Key, Optional<Stored<?>>> of(Kind<?> kind) {
    return known.computeIfAbsent(kind, k -> new HashMap<>());
  }

  @Override
  public <T extends MemoryRecord> Optional<Stored<T>> get(Kind<T> kind, Key key) {
    boolean isKnown =
        of(kind).containsKey(key)
            || (kind.equals(Kind.OBSERVATION) && observed.contains(key.part(0)));
    if (!isKnown) {
      run(pipeline -> fetch(kind, Set.of(key), pipeline));
    }
    return cast(of(kind).getOrDefault(key, Optional.empty()));
  }

  @Override
  public <T extends MemoryRecord> List<Stored<T>> ownedBy(Kind<T> kind, String memoryId) {
    Map<String, List<Stored<?>>> lists = owned.get(kind);
    if (lists == null || !lists.containsKey(memoryId)) {
      runSql(() -> fetchOwned(Set.of(memoryId)));
    }
    return list(kind, memoryId);
  }

  @Override
  public List<Stored<Observation>> observationsOf(String pair) {
    Map<String, List<Stored<?>>> lists = owned.get(Kind.OBSERVATION);
    if (lists == null || !lists.containsKey(pair)) {
      runSql(() -> fetchObservations(List.of(pair)));
    }
    return list(Kind.OBSERVATION, pair);
  }

  @Override
  public List<Stored<SessionRecall>> sessionRecalls() {
    if (!owned.containsKey(Kind.SESSION_RECALL)) {
      runSql(this::fetchRecalls);
    }
    return list(Kind.SESSION_RECALL, ALL);
  }

  @Override
  @SuppressWarnings("unchecked") // each list holds records of its own kind
  public <T extends MemoryRecord> List<Stored<T>> all(Kind<T> kind) {
    if (!whole.containsKey(kind)) {
      boolean isLate = decay != null && isLight(kind); // some edges were left
      run(pipeline -> fetchAll(kind, isLate, pipeline));
    }
    List<Stored<T>> list = new ArrayList<>();
    whole.getOrDefault(kind, List.of()).forEach(stored -> list.add((Stored<T>) stored));
    list.sort(Comparator.comparing(Stored::key));
    return list;
  }

  private void fetchAll(Kind<?> kind, boolean isLight, Pipeline pipeline) {
    if (isLight) {
      fetchMembers(pipeline);
    } else {
      fetchWhole(kind, pipeline);
    }
  }

  @Override
  public Decayed decay(
      DecayEdges command, Set<String> spared, Set<String> edges, Set<String> memories) {
    if (decay == null) {
      return RecordReader.super.decay(command, spared, edges, memories);
    }
    runSql(() -> decay.run(operation, command, spared, edges, memories, connection));
    if (decay.all != lockedEdges) {
      throw new Database.Stale(); // an edge was made just now, and nobody locked it
    }
    List<Stored<Edge>> left = new ArrayList<>();
    if (!decay.left.isEmpty()) {
      run(pipeline -> fetch(Kind.EDGE, Set.copyOf(decay.left), pipeline));
      decay.left.forEach(key -> get(Kind.EDGE, key).ifPresent(left::add));
    }
    return new Decayed(decay.spared, decay.changes, left);
  }

  /** Whether this very state of a record has been written already. */
  boolean isWritten(Stored<?> state) {
    return decay != null && decay.isWritten(state);
  }

  @Override
  public int endOf(Kind<?> kind, List<String> before) {
    ListEnd end = new ListEnd(kind, before);
    if (!ends.containsKey(end)) {
      run(pipeline -> fetchEnd(end, pipeline));
    }
    return requireNonNull(ends.get(end));
  }

  @Override
  public void expect(Needs more) {
    run(pipeline -> fetch(more, pipeline));
    runSql(() -> fetchOwned(more));
  }

  @SuppressWarnings("unchecked") // each list holds records of its own kind
  private <T extends MemoryRecord> List<Stored<T>> list(Kind<T> kind, String owner) {
    List<Stored<T>> list = new ArrayList<>();
    for (Stored<?> stored : owned.getOrDefault(kind, Map.of()).getOrDefault(owner, List.of())) {
      list.add((Stored<T>) stored);
    }
    list.sort(Comparator.comparing(Stored::key));
    return list;
  }

  @SuppressWarnings("unchecked") // each map holds records of its own kind
  private static <T extends MemoryRecord> Optional<Stored<T>> cast(Optional<Stored<?>> stored) {
    return stored.map(record -> (Stored<T>) record);
  }

  private interface SqlWork {
    void run() throws SQLException;
  }

  private interface Fill {
    void fill(Pipeline pipeline);
  }

  private void run(Fill fill) {
    Pipeline pipeline = new Pipeline();
    fill.fill(pipeline);
    runSql(() -> pipeline.run(connection));
  }

  private static void runSql(SqlWork work) {
    try {
      work.run();
    } catch (SQLException failure) {
      throw new Table.SqlFailure(failure); // through Plan, which knows no SQL
    }
  }
}

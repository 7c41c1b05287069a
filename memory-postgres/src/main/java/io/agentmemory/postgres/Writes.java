package io.agentmemory.postgres;

import static java.util.Objects.requireNonNull;
import static java.util.Objects.requireNonNullElse;

import io.agentmemory.Digest;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Limits;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.Stored;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.Version;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.DecayCoOccurrences;
import io.agentmemory.command.DecayEdges;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.Plan;
import io.agentmemory.command.PromoteMemories;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.postgres.Database.TimeLimits;
import io.agentmemory.spi.Canonical;
import io.agentmemory.spi.Needs;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Clock;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Carries out batches. In general: lock what the commands read, work out what they do, write that,
 * each in one round trip, in one transaction. What decays all edges has a statement that does all
 * three ({@link EdgeDecay}). A batch that only creates records goes in one statement on the chance
 * that none of them is there.
 */
final class Writes {
  static final String STORE = "postgres";

  /** How long a statement may run that is a transaction of its own. */
  private static final int CREATE_SECONDS = 3;

  /** From here on a batch is bulk work. */
  private static final int BULK = 64;

  /** Up to here, each row is written by a statement of its own, which takes fewer values. */
  private static final int FEW = 8;

  /** The constraint that keeps the files of memories apart. */
  private static final String FILE_NAMES = "memories_file";

  /** Rows and bytes that go in one statement, roughly. */
  private static final int CHUNK = 100;

  private static final long CHUNK_BYTES = 2 << 20;

  /** More than this many records, and a command is no small one, whatever it is. */
  private static final int MANY_RECORDS = 500;

  /** Up to so many columns, beside those that every record has, a change of many rows is narrow. */
  private static final int NARROW = 4;

  private final Database database;
  private final Tables tables;
  private final Limits limits;
  private final Clock clock;
  private final SpaceCache spaces;
  private final StageRegister stages;

  /** Verbs whose last batch found something where it would have created it. */
  private final Set<String> pessimistic = ConcurrentHashMap.newKeySet();

  Writes(
      Database database,
      Tables tables,
      Limits limits,
      Clock clock,
      SpaceCache spaces,
      StageRegister stages) {
    this.database = database;
    this.tables = tables;
    this.limits = limits;
    this.clock = clock;
    this.spaces = spaces;
    this.stages = stages;
  }

  Outcome execute(Batch batch) {
    Operation operation = new Operation(STORE, batch.verb(), batch.subject());
    boolean isBulk = isBulk(batch);
    boolean mayOnlyCreate = !isBulk && mayOnlyCreate(batch);
    if (mayOnlyCreate && !pessimistic.contains(batch.verb())) {
      Optional<Outcome> created = tryCreate(operation, batch);
      if (created.isPresent()) {
        return created.get();
      }
      spaces.clear();
      pessimistic.add(batch.verb());
    }
    Outcome outcome;
    try {
      outcome =
          database.transact(
              operation,
              batch.opId(),
              isBulk,
              connection -> carryOut(operation, batch, isBulk, connection));
    } catch (FileNameTaken taken) {
      throw conflict(operation, taken.wanted);
    }
    if (mayOnlyCreate && onlyCreated(outcome)) {
      pessimistic.remove(batch.verb());
    }
    return outcome;
  }

  /** Claims the names of operations for nothing, but those that the operations themselves have. */
  Map<OpId, Outcome> conclude(List<OpId> opIds, Reads reads) {
    return claim("conclude", opIds, "'aborted'", "DO NOTHING", reads);
  }

  /**
   * Has these operations applied, without changes where they are not; one that was given up too.
   */
  Map<OpId, Outcome> markApplied(List<OpId> opIds, Reads reads) {
    return claim(
        "markApplied",
        opIds,
        "'applied'",
        "(namespace, op_id) DO UPDATE SET state = 'applied' WHERE known.state = 'aborted'",
        reads);
  }

  private Map<OpId, Outcome> claim(
      String verb, List<OpId> opIds, String state, String onConflict, Reads reads) {
    Map<OpId, Outcome> concluded = new LinkedHashMap<>();
    if (opIds.isEmpty()) {
      return concluded;
    }
    Operation operation = new Operation(STORE, verb, "");
    Map<OpId, String> applied =
        database.transact(
            operation,
            OpId.random(),
            opIds.size() > MANY_RECORDS,
            connection -> claim(operation, opIds, state, onConflict, connection));
    applied.forEach(
        (opId, changed) -> {
          List<Outcome.Change> changes = new ArrayList<>();
          for (Changes.Entry entry : Changes.parse(changed)) {
            reads
                .read(entry.kind(), entry.key())
                .ifPresent(now -> changes.add(new Outcome.Change(entry.before(), now)));
          }
          concluded.put(opId, new Outcome(opId, changes, List.of(), true));
        });
    return concluded;
  }

  // An insert of the same name that is not yet committed is waited for. Each name is looked up by
  // itself: "= ANY" may come to be a filter on all that there are.
  private Map<OpId, String> claim(
      Operation operation, List<OpId> opIds, String state, String onConflict, Connection connection)
      throws SQLException {
    UUID[] ids = opIds.stream().map(OpId::value).sorted().toArray(UUID[]::new);
    Map<OpId, String> applied = new LinkedHashMap<>();
    Pipeline pipeline = new Pipeline();
    set(pipeline, TimeLimits.FOREGROUND);
    stages.check(operation, pipeline);
    pipeline.update(
        Sql.of(
            "INSERT INTO "
                + tables.schema()
                + ".applied_ops AS known (namespace, op_id, state, at)"
                + " SELECT ?, op_id, "
                + state
                + ", ? FROM unnest(?::uuid[]) AS op_id"
                + " ON CONFLICT "
                + onConflict,
            Sql.text(tables.namespace()),
            Sql.object(OffsetDateTime.now(clock)),
            Sql.array("uuid", ids)),
        rows -> {});
    pipeline.query(
        Sql.of(
            "SELECT op.op_id, op.changes FROM unnest(?::uuid[]) AS k(op_id)"
                + " CROSS JOIN LATERAL (SELECT * FROM "
                + tables.schema()
                + ".applied_ops AS t WHERE t.namespace = ? AND t.op_id = k.op_id OFFSET 0) AS op"
                + " WHERE op.state = 'applied'",
            Sql.array("uuid", ids),
            Sql.text(tables.namespace())),
        row ->
            applied.put(
                new OpId(requireNonNull(row.getObject(1, UUID.class))),
                requireNonNullElse(row.getString(2), "[]")));
    pipeline.run(connection);
    return applied;
  }

  private static boolean onlyCreated(Outcome outcome) {
    return outcome.skipped().isEmpty()
        && outcome.changes().stream().allMatch(change -> change.before() == null);
  }

  /** Whether it may take as long as bulk work does. */
  private static boolean isBulk(Batch batch) {
    Needs needs = batch.needs();
    int records = needs.pairs().size() + needs.owners().size();
    for (Set<Key> keys : needs.keys().values()) {
      records += keys.size();
    }
    return size(batch) > BULK || records > MANY_RECORDS || !needs.whole().isEmpty();
  }

  private static int size(Batch batch) {
    int size = 0;
    for (Command command : batch.commands()) {
      size += command instanceof PutRecords puts ? puts.puts().size() : 1;
    }
    return size;
  }

  // ---- in general ----

  private Outcome carryOut(Operation operation, Batch batch, boolean isBulk, Connection connection)
      throws SQLException {
    Needs needs = batch.needs();
    LockedRecords locked =
        new LockedRecords(
            operation,
            connection,
            tables,
            Changes.ofSpaces(batch),
            readsMembersOnly(batch),
            decaysInPlace(batch) ? new EdgeDecay(tables, batch.opId()) : null);
    Pipeline first = new Pipeline();
    set(first, isBulk ? TimeLimits.BULK : TimeLimits.FOREGROUND);
    stages.check(operation, first);
    List<Applied> applied = new ArrayList<>(1);
    first.query(
        Sql.of(
            "SELECT state, changes FROM "
                + tables.schema()
                + ".applied_ops"
                + " WHERE namespace = ? AND op_id = ?",
            Sql.text(tables.namespace()),
            Sql.object(batch.opId().value())),
        row -> applied.add(new Applied(row.getString(1), row.getString(2))));
    locked.fetch(needs, first);
    first.run(connection);
    if (!applied.isEmpty()) {
      return repeated(operation, batch, applied.get(0), locked);
    }
    locked.fetchOwned(needs);
    Outcome planned = Plan.of(STORE, batch, locked, limits);
    Outcome outcome = planned.newPlaces() == 0 ? planned : planned.placedFrom(locked.places());
    write(batch, outcome, locked, connection);
    return outcome;
  }

  /** Whether those of its commands that read all memories look at nothing but their members. */
  private static boolean readsMembersOnly(Batch batch) {
    for (Command command : batch.commands()) {
      Needs needs = new Needs();
      command.needs(needs);
      boolean decays = command instanceof DecayEdges || command instanceof DecayCoOccurrences;
      if (needs.whole().contains(Kind.MEMORY) && !decays) {
        return false;
      }
    }
    return true;
  }

  /**
   * Whether edges decay by a statement of their own. After it no command may be at an edge: what
   * the statement has written is final.
   */
  private static boolean decaysInPlace(Batch batch) {
    boolean decays = false;
    for (Command command : batch.commands()) {
      if (decays && !(command instanceof PromoteMemories)) {
        return false;
      }
      if (command instanceof DecayEdges edges) {
        decays = EdgeDecay.isOrdinary(edges.rule());
      }
    }
    return decays;
  }

  /**
   * Settings for the rest of the transaction, which work behind a pooler, unlike those of a
   * session. Every row is looked up by its key; a plan made while a table was small must not come
   * to read all of it later.
   */
  static void set(Pipeline pipeline, TimeLimits limits) {
    pipeline.call(
        Sql.of(
            "SELECT set_config('lock_timeout', ?, true), set_config('statement_timeout', ?, true),"
                + " set_config('idle_in_transaction_session_timeout', ?, true),"
                + " set_config('enable_seqscan', 'off', true),"
                + " set_config('enable_hashjoin', 'off', true),"
                + " set_config('enable_mergejoin', 'off', true),"
                + " set_config('jit', 'off', true)",
            Sql.text(Integer.toString(limits.lock())),
            Sql.text(Integer.toString(limits.statement())),
            Sql.text(Integer.toString(limits.idle()))));
  }

  private record Applied(String state, @Nullable String changes) {}

  private static Outcome repeated(
      Operation operation, Batch batch, Applied applied, LockedRecords records) {
    if (!applied.state().equals("applied")) {
      throw new UncategorizedStoreException(
          operation, "operation " + batch.opId() + " was given up and can not be applied", null);
    }
    List<Outcome.Change> changes = new ArrayList<>();
    List<Changes.Entry> entries = Changes.parse(applied.changes());
    Needs changed = new Needs();
    entries.forEach(entry -> changed.record(entry.kind(), entry.key()));
    records.expect(changed);
    for (Changes.Entry entry : entries) {
      records
          .get(entry.kind(), entry.key())
          .ifPresent(now -> changes.add(new Outcome.Change(entry.before(), now)));
    }
    return new Outcome(batch.opId(), changes, List.of(), true);
  }

  private void write(Batch batch, Outcome outcome, LockedRecords locked, Connection connection)
      throws SQLException {
    Pipeline pipeline = new Pipeline();
    pipeline.update(insertOp(batch, outcome, "VALUES (", ") ON CONFLICT DO NOTHING"), only(1));
    List<Outcome.Change> unwritten =
        outcome.changes().stream().filter(change -> !locked.isWritten(change.after())).toList();
    for (Group<?> group : groups(unwritten)) {
      RowWriter writer = new RowWriter(group.table, batch.opId());
      String unlessThere = unlessThere(group.table);
      List<Outcome.Change> inserts =
          group.changes.stream().filter(c -> c.before() == null).toList();
      List<Outcome.Change> updates =
          group.changes.stream().filter(c -> c.before() != null && !c.isMove()).toList();
      List<Outcome.Change> moves = group.changes.stream().filter(Outcome.Change::isMove).toList();
      if (!moves.isEmpty()) {
        pipeline.update(writer.moveMany(after(moves)), only(moves.size()));
        pipeline.update(forgetLeaves(moves), rows -> {});
      }
      if (inserts.size() <= FEW) {
        for (Outcome.Change change : inserts) {
          pipeline.update(writer.insertOne(change.after(), unlessThere), only(1));
        }
      } else {
        pipeline.run(connection);
        writeChunks(
            chunks(inserts),
            connection,
            rows -> writer.insertMany(after(rows), "").add(unlessThere));
      }
      if (updates.size() <= FEW) {
        for (Outcome.Change change : updates) {
          Stored<?> after = change.after();
          Stored<?> before = locked.get(after.kind(), after.key()).orElseThrow(Database.Stale::new);
          pipeline.update(writer.updateOne(before, after), only(1));
        }
      } else {
        pipeline.run(connection);
        for (boolean dead : new boolean[] {false, true}) { // each changes columns of its own
          List<Outcome.Change> some =
              updates.stream().filter(c -> c.after().isTombstone() == dead).toList();
          if (!some.isEmpty()) {
            BitSet columns = writer.differing(before(some, locked), after(some));
            // With little in a row, all rows go in one statement: then it is planned once.
            boolean isNarrow =
                dead || (columns.cardinality() <= NARROW && !group.table.mayBeLarge(columns));
            writeChunks(
                isNarrow ? List.of(some) : chunks(some),
                connection,
                rows -> writer.updateMany(after(rows), bases(rows), columns));
          }
        }
      }
      if (group.table.kind().equals(Kind.VECTOR_SPACE) && !inserts.isEmpty()) {
        pipeline.run(connection);
        createPartitions(inserts, connection);
      }
    }
    if (!wantsFileName(unwritten, locked)) {
      pipeline.run(connection);
      return;
    }
    pipeline.update(
        Sql.of("SET CONSTRAINTS " + tables.schema() + "." + FILE_NAMES + " IMMEDIATE"), rows -> {});
    try {
      pipeline.run(connection);
    } catch (SQLException failure) {
      if (SqlErrors.isDuplicate(failure, FILE_NAMES)) {
        throw new FileNameTaken(outcome);
      }
      throw failure;
    }
  }

  // ---- the names of files ----

  /** A memory was to get the file name of another one. */
  private static final class FileNameTaken extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private final transient Outcome wanted;

    FileNameTaken(Outcome wanted) {
      super("a file name is taken", null, false, false);
      this.wanted = wanted;
    }
  }

  /** Whether a memory gets another file than it had. */
  private static boolean wantsFileName(List<Outcome.Change> changes, LockedRecords locked) {
    for (Outcome.Change change : changes) {
      if (change.after().value() instanceof Memory now && !change.isMove()) {
        Memory was =
            change.isInsert()
                ? null
                : locked.get(Kind.MEMORY, now.key()).flatMap(Stored::live).orElse(null);
        if (was == null || was.tier() != now.tier() || !was.fileName().equals(now.fileName())) {
          return true;
        }
      }
    }
    return false;
  }

  /** Says which memory has the name that another one was to get. Nothing was written. */
  private MemoryConflictException conflict(Operation operation, Outcome wanted) {
    Map<String, String> wanting = new LinkedHashMap<>();
    List<String> changed = new ArrayList<>();
    List<String[]> files = new ArrayList<>();
    for (Outcome.Change change : wanted.changes()) {
      if (change.after().kind().equals(Kind.MEMORY)) {
        changed.add(change.after().key().part(0));
      }
      if (change.after().value() instanceof Memory memory) {
        String tier = memory.tier().folder();
        String other = wanting.put(tier + "/" + memory.fileName(), memory.id());
        if (other != null) {
          return conflict(operation, memory.id(), "memory " + other);
        }
        files.add(new String[] {memory.id(), tier, memory.fileName()});
      }
    }
    String[] found = {files.isEmpty() ? "" : files.get(0)[0], "another memory"};
    database.read(
        operation,
        false,
        connection -> {
          Pipeline pipeline = new Pipeline();
          pipeline.query(
              Sql.of(
                  "SELECT x.id, m.id FROM unnest(?::text[], ?::text[], ?::text[])"
                      + " AS x(id, tier, file_name) JOIN "
                      + tables.schema()
                      + ".memories AS m ON m.namespace = ? AND m.tier = x.tier"
                      + " AND m.file_name = x.file_name WHERE m.id <> ALL (?::text[])"
                      + " ORDER BY x.id LIMIT 1",
                  Sql.texts(files.stream().map(file -> file[0]).toList()),
                  Sql.texts(files.stream().map(file -> file[1]).toList()),
                  Sql.texts(files.stream().map(file -> file[2]).toList()),
                  Sql.text(tables.namespace()),
                  Sql.texts(changed)),
              row -> {
                found[0] = requireNonNull(row.getString(1));
                found[1] = "memory " + row.getString(2);
              });
          pipeline.run(connection);
          return found;
        });
    return conflict(operation, found[0], found[1]);
  }

  private static MemoryConflictException conflict(Operation operation, String id, String owner) {
    return new MemoryConflictException(
        operation, "the file name of memory " + id + " is taken by " + owner, 0, 0);
  }

  /** Where a constraint is checked late, the server wants to be told which one is meant. */
  private static String unlessThere(Table<?> table) {
    return table.kind().equals(Kind.MEMORY)
        ? " ON CONFLICT (namespace, id) DO NOTHING"
        : " ON CONFLICT DO NOTHING";
  }

  /** The files of memories are not what they were, although no operation wrote a record of them. */
  private Sql forgetLeaves(List<Outcome.Change> moves) {
    Set<String> memories = new LinkedHashSet<>();
    moves.forEach(move -> memories.add(move.after().key().part(0)));
    return Sql.of(
        "UPDATE "
            + tables.schema()
            + ".memories AS t SET leaf = NULL, leaf_tagged = NULL, leaf_ops = NULL"
            + " WHERE t.namespace = ? AND t.id = ANY (?::text[])",
        Sql.text(tables.namespace()),
        Sql.texts(memories));
  }

  /** Makes the statement that writes some rows. */
  private interface Write {
    Sql rows(List<Outcome.Change> changes);
  }

  private static List<Stored<?>> after(List<Outcome.Change> changes) {
    List<Stored<?>> rows = new ArrayList<>(changes.size());
    changes.forEach(change -> rows.add(change.after()));
    return rows;
  }

  private static List<Stored<?>> before(List<Outcome.Change> changes, LockedRecords locked) {
    List<Stored<?>> rows = new ArrayList<>(changes.size());
    for (Outcome.Change change : changes) {
      Stored<?> after = change.after();
      rows.add(locked.get(after.kind(), after.key()).orElseThrow(Database.Stale::new));
    }
    return rows;
  }

  private static List<Long> bases(List<Outcome.Change> changes) {
    return changes.stream().map(change -> requireNonNull(change.before()).revision()).toList();
  }

  // In one statement, so many rows would be dear: the planner copies what is bound several times
  // until, after some runs of a statement, it makes a plan for any value. In chunks that is soon.
  private static void writeChunks(
      List<List<Outcome.Change>> chunks, Connection connection, Write write) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(write.rows(chunks.get(0)).text())) {
      for (List<Outcome.Change> chunk : chunks) {
        write.rows(chunk).bind(statement, 1);
        statement.addBatch();
      }
      int changes = 0;
      for (List<Outcome.Change> chunk : chunks) {
        changes += chunk.size();
      }
      long written = 0;
      for (long count : statement.executeLargeBatch()) {
        written += count;
      }
      only(changes).count(written);
    }
  }

  private static List<List<Outcome.Change>> chunks(List<Outcome.Change> changes) {
    List<List<Outcome.Change>> chunks = new ArrayList<>();
    int from = 0;
    long bytes = 0;
    for (int at = 0; at < changes.size(); at++) {
      bytes += Table.weight(changes.get(at).after());
      if (at + 1 - from == CHUNK || bytes > CHUNK_BYTES || at + 1 == changes.size()) {
        chunks.add(changes.subList(from, at + 1));
        from = at + 1;
        bytes = 0;
      }
    }
    return chunks;
  }

  /** Makes room for the vectors of new spaces, before the first of them comes. */
  private void createPartitions(List<Outcome.Change> spaces, Connection connection)
      throws SQLException {
    for (Outcome.Change space : spaces) {
      long id = Spaces.id(tables.namespace(), space.after().key().part(0));
      Spaces.createPartition(connection, tables.schema(), id);
    }
  }

  // Rows are locked where they were there to be locked. Where they were not, somebody else may have
  // been faster; this count is how we know, and the whole operation starts anew.
  private static Pipeline.CountReader only(int expected) {
    return rows -> {
      if (rows != expected) {
        throw new Database.Stale();
      }
    };
  }

  private Sql insertOp(Batch batch, Outcome outcome, String before, String after) {
    return Sql.of(
        "INSERT INTO "
            + tables.schema()
            + ".applied_ops (namespace, op_id, state, at, changes) "
            + before
            + "?, ?, 'applied', ?, ?::json"
            + after,
        Sql.text(tables.namespace()),
        Sql.object(batch.opId().value()),
        Sql.object(OffsetDateTime.now(clock)),
        Sql.text(Changes.json(outcome.changes())));
  }

  private static final class Group<T extends MemoryRecord> {
    private final Table<T> table;
    private final List<Outcome.Change> changes = new ArrayList<>();

    Group(Table<T> table) {
      this.table = table;
    }
  }

  /** The changes by table, in the order of kinds, in each table in the order of keys. */
  private List<Group<?>> groups(List<Outcome.Change> changes) {
    Map<Table<?>, Group<?>> groups = new LinkedHashMap<>();
    List<Outcome.Change> sorted = new ArrayList<>(changes);
    List<Kind<?>> kinds = Kind.all();
    sorted.sort(
        Comparator.comparingInt((Outcome.Change change) -> kinds.indexOf(change.after().kind()))
            .thenComparing(change -> change.after().key()));
    for (Outcome.Change change : sorted) {
      Table<?> table = tables.of(change.after().kind(), change.after().key());
      groups.computeIfAbsent(table, Group::new).changes.add(change);
    }
    return List.copyOf(groups.values());
  }

  // ---- on the chance that nothing is there ----

  private static boolean mayOnlyCreate(Batch batch) {
    for (Command command : batch.commands()) {
      boolean creates =
          command instanceof PutEmbedding
              || command instanceof PutRecords
              || (command instanceof StoreMemory memory
                  && memory.causedBy().isEmpty()
                  && memory.retrieved().isEmpty());
      if (!creates) {
        return false;
      }
    }
    return true;
  }

  private Optional<Outcome> tryCreate(Operation operation, Batch batch) {
    SpaceCache.Snapshot known = spaces.snapshot(batch.needs());
    Outcome outcome;
    try {
      outcome = Plan.of(STORE, batch, known, limits);
    } catch (MemoryStoreException perhaps) {
      return Optional.empty(); // it may look different to one who knows what is there
    }
    boolean creates =
        !outcome.changes().isEmpty()
            && outcome.changes().stream()
                .allMatch(
                    change ->
                        change.before() == null && change.after().kind() != Kind.VECTOR_SPACE);
    if (!creates) {
      return Optional.empty();
    }
    try {
      return database.autocommit(
          operation,
          batch.opId(),
          false,
          connection ->
              create(
                  batch,
                  outcome.newPlaces() == 0 ? outcome : outcome.placedFrom(places(connection)),
                  known,
                  connection));
    } catch (SQLException failure) {
      if (SqlErrors.isTooSlow(failure)) {
        throw SqlErrors.translate(operation, failure);
      }
      return Optional.empty(); // nothing was written; the general way tells what is the matter
    }
  }

  /** Draws places: after the snapshot of all who were there, so that they come to stand behind. */
  private long places(Connection connection) throws SQLException {
    Pipeline pipeline = new Pipeline();
    long[] first = new long[1];
    pipeline.query(LockedRecords.places(tables), row -> first[0] = row.getLong(1));
    pipeline.run(connection);
    return first[0];
  }

  private Optional<Outcome> create(
      Batch batch, Outcome outcome, SpaceCache.Snapshot known, Connection connection)
      throws SQLException {
    List<Group<?>> groups = groups(outcome.changes());
    Sql sql =
        Sql.of(
            "WITH ok AS MATERIALIZED (\nSELECT 1 FROM set_config('lock_timeout', ?, true)"
                + "\nWHERE NOT EXISTS (SELECT FROM "
                + tables.schema()
                + ".applied_ops WHERE namespace = ? AND op_id = ?)",
            Sql.text(Integer.toString(TimeLimits.FOREGROUND.lock())),
            Sql.text(tables.namespace()),
            Sql.object(batch.opId().value()));
    for (Group<?> group : groups) {
      List<Key> keys = group.changes.stream().map(change -> change.after().key()).toList();
      sql.add("\nAND ").add(group.table.hasNone(keys));
    }
    known.addUnchanged(sql, tables);
    stages.addUnchanged(sql);
    sql.add("),\nop AS (");
    sql.add(insertOp(batch, outcome, "SELECT ", " FROM ok)"));
    List<Sql> inserts = new ArrayList<>();
    for (Group<?> group : groups) {
      RowWriter writer = new RowWriter(group.table, batch.opId());
      if (group.changes.size() <= FEW) {
        group.changes.forEach(change -> inserts.add(writer.insertOne(change.after(), " FROM ok")));
      } else {
        inserts.add(writer.insertMany(after(group.changes), "ok, "));
      }
    }
    Sql last = inserts.remove(inserts.size() - 1);
    for (int i = 0; i < inserts.size(); i++) {
      sql.add(",\nw" + i + " AS (").add(inserts.get(i)).add(")");
    }
    sql.add("\n").add(last);
    try (PreparedStatement statement = connection.prepareStatement(sql.text())) {
      sql.bind(statement, 1);
      statement.setQueryTimeout(CREATE_SECONDS); // a setting would come too late for itself
      return statement.executeLargeUpdate() > 0 ? Optional.of(outcome) : Optional.empty();
    }
  }

  /** What {@code applied_ops} keeps of the records an operation changed. */
  private static final class Changes {
    record Entry(Kind<?> kind, Key key, @Nullable Version before) {}

    private Changes() {}

    /** Whether a batch may change a space, so that its row has to be locked. */
    static boolean ofSpaces(Batch batch) {
      return batch.commands().stream()
          .anyMatch(
              command ->
                  command instanceof io.agentmemory.command.DefineSpace
                      || (command instanceof PutRecords puts
                          && puts.puts().stream()
                              .anyMatch(put -> put.record() instanceof VectorSpace)));
    }

    /** A list of lists: kind, key, then revision and digest before, if the record was there. */
    static String json(List<Outcome.Change> changes) {
      List<Value> list = new ArrayList<>(changes.size());
      for (Outcome.Change change : changes) {
        List<Value> item = new ArrayList<>(4);
        item.add(Value.of(change.after().kind().name()));
        item.add(Value.Seq.ofTexts(change.after().key().parts()));
        Version before = change.before();
        if (before != null) {
          item.add(Value.of(before.revision()));
          if (before.digest() != null) {
            item.add(Value.of(before.digest().hex()));
          }
        }
        list.add(new Value.Seq(item));
      }
      return Canonical.json(new Value.Seq(list));
    }

    static List<Entry> parse(@Nullable String json) {
      List<Entry> entries = new ArrayList<>();
      if (json == null || !(Canonical.parse(json) instanceof Value.Seq list)) {
        return entries;
      }
      for (Value element : list.items()) {
        List<Value> item = ((Value.Seq) element).items();
        Kind<?> kind = Kind.named(requireNonNull(Value.textOf(item.get(0)))).orElseThrow();
        Version before = null;
        if (item.size() > 2) {
          String digest = item.size() > 3 ? Value.textOf(item.get(3)) : null;
          before =
              new Version(
                  ((Value.Int) item.get(2)).value(), digest == null ? null : new Digest(digest));
        }
        entries.add(new Entry(kind, new Key(Value.textsOf(item.get(1))), before));
      }
      return entries;
    }
  }
}

package io.agentmemory.postgres;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Health;
import io.agentmemory.Key;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.Leaf;
import io.agentmemory.Limits;
import io.agentmemory.Memory;
import io.agentmemory.MemoryHead;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpId;
import io.agentmemory.OpenMode;
import io.agentmemory.Operation;
import io.agentmemory.ScanRange;
import io.agentmemory.SimilarQuery;
import io.agentmemory.StoreInfo;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import io.agentmemory.spi.EpochGuard;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Memory in PostgreSQL 14 to 18: typed tables, one transaction per batch, vectors in pgvector's
 * type where the extension is. Any number of processes may use the same namespace at once.
 * Thread-safe.
 *
 * <p>Open it by address with {@link io.agentmemory.MemoryStores#open(String)}, which brings a pool
 * of connections and time limits, or over a pool of yours with {@link #builder}.
 */
public final class PostgresMemoryStore implements MemoryStore, EpochGuard {
  private final String namespace;
  private final Limits limits;
  private final OpenMode mode;
  private final Runnable onClose;
  private final Database database;
  private final Reads reads;
  private final VectorIndexes indexes;
  private final Queries queries;
  private final Writes writes;
  private final Leaves leaves;
  private final StageRegister stages;
  private final Facts facts;
  private volatile boolean closed;

  private PostgresMemoryStore(
      Builder builder,
      DataSource foreground,
      DataSource bulk,
      Runnable evictAll,
      Runnable onClose,
      Vectors vectors,
      boolean pooled) {
    namespace = builder.namespace;
    limits = builder.limits;
    mode = builder.mode;
    this.onClose = onClose;
    database = new Database(foreground, bulk, evictAll);
    if (pooled) {
      database.prepareNothing();
    }
    Tables tables = new Tables('"' + builder.schema + '"', namespace, vectors);
    reads = new Reads(database, tables);
    indexes = new VectorIndexes(database, tables);
    queries = new Queries(database, tables, indexes);
    SpaceCache spaces =
        new SpaceCache(
            name -> reads.read(Kind.VECTOR_SPACE, Key.of(name)).filter(s -> !s.isTombstone()));
    stages = new StageRegister(database, tables);
    writes = new Writes(database, tables, limits, builder.clock, spaces, stages);
    leaves = new Leaves(database, tables, reads, stages);
    facts = new Facts(database, tables, indexes, mode);
  }

  /**
   * A store over connections of yours, which {@link #close()} leaves open. Set time limits on them:
   * a {@code socketTimeout} of some seconds, and {@code logServerErrorDetail=false} so that no
   * memory gets into an exception of the driver.
   */
  public static Builder builder(DataSource source) {
    return new Builder(source);
  }

  /** What to open, and how. */
  public static final class Builder {
    private final DataSource source;
    private String namespace = PostgresUrl.DEFAULT_NAMESPACE;
    private String schema = PostgresUrl.DEFAULT_SCHEMA;
    private Limits limits = Limits.DEFAULT;
    private OpenMode mode = OpenMode.READ_WRITE;
    private boolean migrates = true;
    private Clock clock = Clock.systemUTC();

    private Builder(DataSource source) {
      this.source = requireNonNull(source, "source");
    }

    /** Whose memory it is, at most 128 bytes. Default {@code default}. */
    public Builder namespace(String namespace) {
      this.namespace = PostgresUrl.namespace(namespace);
      return this;
    }

    /** The schema of the tables: lower-case letters, digits, {@code _}. Default agent_memory. */
    public Builder schema(String schema) {
      this.schema = PostgresUrl.schema(schema);
      return this;
    }

    /** How large a value may be. Default {@link Limits#DEFAULT}. */
    public Builder limits(Limits limits) {
      this.limits = requireNonNull(limits, "limits");
      return this;
    }

    /** Opens for reading only: nothing is migrated, and commands are refused. */
    public Builder readOnly() {
      this.mode = OpenMode.READ;
      return this;
    }

    /** Only checks the schema, instead of making it or bringing it up to date. */
    public Builder checkOnly() {
      this.migrates = false;
      return this;
    }

    /** Says when an operation was applied, for its entry in the table of operations. */
    Builder clock(Clock clock) {
      this.clock = requireNonNull(clock, "clock");
      return this;
    }

    /**
     * Opens the store; unless told otherwise, makes the schema or brings it up to date.
     *
     * @throws UncategorizedStoreException if the schema is not one this library works with
     * @throws StoreUnavailableException if the database gives no answer
     */
    public PostgresMemoryStore open() {
      PostgresSchema tables = PostgresSchema.of(source, schema);
      Vectors vectors;
      boolean pooled;
      try (Connection connection = Database.connect(source)) {
        pooled = Database.isBehindPooler(connection);
        vectors = look(tables, connection);
      } catch (SQLException failure) {
        throw translate(failure);
      }
      return new PostgresMemoryStore(
          this,
          source,
          source,
          () -> {},
          () -> {},
          vectors == null ? migrate(tables, source) : vectors,
          pooled);
    }

    /** How the schema keeps vectors; null if it has to be migrated before. */
    private @Nullable Vectors look(PostgresSchema tables, Connection connection)
        throws SQLException {
      int version = tables.version(connection);
      if (migrates && mode == OpenMode.READ_WRITE && version < PostgresSchema.LATEST) {
        return null;
      }
      tables.check(version);
      return Facts.vectors(connection, tables.quoted());
    }

    private Vectors migrate(PostgresSchema tables, DataSource source) {
      tables.migrate();
      try (Connection connection = Database.connect(source)) {
        return Facts.vectors(connection, tables.quoted());
      } catch (SQLException failure) {
        throw translate(failure);
      }
    }

    private MemoryStoreException translate(SQLException failure) {
      return SqlErrors.translate(new Operation(Writes.STORE, "open", namespace), failure);
    }
  }

  static PostgresMemoryStore open(PostgresUrl url, OpenMode mode) {
    // Not from a pool: it would take a second to say that there is no connection.
    DataSource direct = Pools.unpooled(url);
    Builder builder = builder(direct).namespace(url.namespace()).schema(url.schema());
    builder.mode = mode;
    PostgresSchema tables = PostgresSchema.of(url);
    Connection first = null;
    Pools pools;
    Vectors vectors;
    boolean pooled;
    try {
      first = Database.connect(direct);
      pooled = Database.isBehindPooler(first);
      vectors = builder.look(tables, first);
      if (vectors == null) {
        vectors = builder.migrate(tables, direct);
      }
      pools = Pools.open(url, first);
      first = null;
    } catch (SQLException failure) {
      throw builder.translate(failure);
    } finally {
      Pools.closeQuietly(first);
    }
    return new PostgresMemoryStore(
        builder, pools.foreground(), pools.bulk(), pools::evictAll, pools::close, vectors, pooled);
  }

  @Override
  public String namespace() {
    return namespace;
  }

  @Override
  public Limits limits() {
    return limits;
  }

  @Override
  public Outcome execute(Batch batch) {
    requireNonNull(batch, "batch");
    checkWritable(batch.verb(), batch.subject());
    return writes.execute(batch);
  }

  @Override
  public Map<OpId, Outcome> conclude(Collection<OpId> operations) {
    checkWritable("conclude", "");
    return writes.conclude(List.copyOf(operations), reads);
  }

  @Override
  public Map<OpId, Outcome> markApplied(Collection<OpId> operations) {
    checkWritable("markApplied", "");
    return writes.markApplied(List.copyOf(operations), reads);
  }

  @Override
  public <T extends MemoryRecord> Optional<Stored<T>> read(Kind<T> kind, Key key) {
    requireNonNull(kind, "kind");
    requireNonNull(key, "key");
    checkOpen("read");
    return reads.read(kind, key);
  }

  @Override
  public <T extends MemoryRecord> List<Stored<T>> readAll(Kind<T> kind, List<Key> keys) {
    requireNonNull(kind, "kind");
    requireNonNull(keys, "keys");
    checkOpen("readAll");
    return reads.readAll(kind, keys);
  }

  @Override
  public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
    requireNonNull(kind, "kind");
    requireNonNull(range, "range");
    checkOpen("scan");
    return reads.scan(kind, range);
  }

  @Override
  public <T extends MemoryRecord> Stream<KeyVersion> versions(Kind<T> kind, ScanRange range) {
    requireNonNull(kind, "kind");
    requireNonNull(range, "range");
    checkOpen("versions");
    return reads.versions(kind, range);
  }

  @Override
  public List<Memory> find(MemoryQuery query) {
    requireNonNull(query, "query");
    checkOpen("find");
    return queries.find(query);
  }

  Queries queries() {
    return queries;
  }

  @Override
  public long count(MemoryQuery query) {
    requireNonNull(query, "query");
    checkOpen("count");
    return queries.count(query);
  }

  @Override
  public Stream<MemoryHead> heads(MemoryQuery query) {
    requireNonNull(query, "query");
    checkOpen("heads");
    return queries.heads(query, reads);
  }

  @Override
  public List<SimilarQuery.Hit> search(SimilarQuery query) {
    requireNonNull(query, "query");
    checkOpen("search");
    return queries.search(query);
  }

  /**
   * What has become of the index of a space.
   *
   * @param space its name
   * @param dimensions floats of the vectors that the index is over
   * @param vectors how many of them there are
   */
  public record SpaceIndex(String space, int dimensions, long vectors, State state) {
    /** What has become of it. */
    public enum State {
      /** It was built by this call. */
      BUILT,
      /** It was there. */
      THERE,
      /** Somebody else is building it. */
      BUILDING,
      /** Exact search is as fast over so few vectors, fewer than 1,000. */
      FEW,
      /** No index takes so many floats: exact search is all there is. */
      LONG,
      /** The extension vector or a partition of the space's own is missing: only exact search. */
      IMPOSSIBLE
    }
  }

  /**
   * Builds, for each space of vectors, the index that lets {@link SimilarQuery#approximate()} be
   * fast, where it is worth while and not there yet: HNSW over up to 2,000 floats, over up to 4,000
   * as 16-bit floats whose hits are ranked anew by the whole vectors.
   *
   * <p>Takes minutes for some ten thousands of vectors, and memory of the server for all that the
   * index holds, up to 1 GiB; reading and writing go on meanwhile. From then on every new vector
   * costs several times as much, so load many before, or after {@link #dropIndexes()}.
   *
   * <p>Takes a direct connection to the server: what lets others write meanwhile is done outside of
   * transactions, and its lock and settings belong to a session, which a pooler gives to others.
   * Behind one it is refused, before anything is done. A store opened behind a pooler uses the
   * index that another one, opened directly, has built.
   *
   * @throws UncategorizedStoreException if the store was opened for reading only, a pooler is
   *     between it and the server, or the database user does not own the tables of the vectors
   * @throws StoreUnavailableException if the database gives no answer
   */
  public List<SpaceIndex> buildIndexes() {
    checkWritable("buildIndexes", "");
    return indexes.build();
  }

  /**
   * Drops what {@link #buildIndexes()} built, as before putting very many vectors. Does nothing
   * where there is no index. Like building, it takes a direct connection to the server.
   *
   * @throws UncategorizedStoreException if the store was opened for reading only, a pooler is
   *     between it and the server, or the database user does not own the tables of the vectors
   * @throws StoreUnavailableException if the database gives no answer
   */
  public void dropIndexes() {
    checkWritable("dropIndexes", "");
    indexes.drop();
  }

  @Override
  public Stream<Leaf> leaves() {
    checkOpen("leaves");
    return leaves.read();
  }

  @Override
  public void reportLeaves(List<Leaf> reported) {
    requireNonNull(reported, "reported");
    checkWritable("reportLeaves", "");
    leaves.report(reported);
  }

  @Override
  public Optional<Register> register() {
    checkOpen("register");
    return stages.read();
  }

  @Override
  public boolean advance(long expected, Register next) {
    requireNonNull(next, "next");
    checkWritable("advance", "");
    return stages.advance(expected, next);
  }

  /** As {@link EpochGuard#guard}; {@link #buildIndexes} and {@link #dropIndexes} do not ask. */
  @Override
  public void guard(long epoch) {
    stages.guard(epoch);
  }

  @Override
  public Health health() {
    if (closed) {
      return new Health(Health.Status.DOWN, List.of("the store is closed"));
    }
    try {
      return facts.health();
    } catch (MemoryStoreException down) {
      return new Health(Health.Status.DOWN, List.of(String.valueOf(down.getMessage())));
    }
  }

  @Override
  public StoreInfo info() {
    checkOpen("info");
    return facts.info();
  }

  private void checkWritable(String verb, String subject) {
    checkOpen(verb);
    if (mode == OpenMode.READ) {
      throw new UncategorizedStoreException(
          new Operation(Writes.STORE, verb, subject),
          "the store was opened for reading only",
          null);
    }
  }

  private void checkOpen(String verb) {
    if (closed) {
      throw new UncategorizedStoreException(
          new Operation(Writes.STORE, verb, ""), "the store is closed", null);
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      onClose.run();
    }
  }

  /** Names the namespace. */
  @Override
  public String toString() {
    return "PostgresMemoryStore[" + namespace + "]";
  }
}

package io.agentmemory.benchmarks;

import com.pgvector.PGvector;
import io.agentmemory.Embedding;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryStore;
import io.agentmemory.SimilarQuery;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.DefineSpace;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.postgres.PostgresMemoryStore;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;

/** What the PostgreSQL store costs. */
final class PostgresWorks {
  /** Worked out from the content when it is written, and not read. */
  private static final Set<String> DERIVED =
      Set.of(
          "created_at",
          "event_at",
          "created_day",
          "event_day",
          "weight",
          "tags_folded",
          "entities_folded",
          "content_folded");

  private static final String FILLED = "filled";
  private static final int SAMPLES = 64;

  private final Scale scale;
  private final Database database;
  private int namespaces;

  PostgresWorks(Scale scale, Database database) {
    this.scale = scale;
    this.database = database;
  }

  MemoryStore open(String namespace) {
    return PostgresMemoryStore.builder(database.pool()).namespace(namespace).open();
  }

  private String unused(String purpose) {
    return purpose + "-" + namespaces++;
  }

  private String memories() throws SQLException {
    return table("memories");
  }

  private String table(String name) throws SQLException {
    return database.ask(
        "SELECT n.nspname || '.' || c.relname FROM pg_class c"
            + " JOIN pg_namespace n ON n.oid = c.relnamespace"
            + " WHERE c.relname = '"
            + name
            + "' AND n.nspname <> 'yardstick'");
  }

  /** A store that has its memories, and that the server knows the size of. */
  private MemoryStore filled() throws SQLException {
    MemoryStore store = open(FILLED);
    if (store.memories().findById(Corpus.id(0)).isEmpty()) {
      Corpus.put(store, scale.memories(), Corpus::memory);
      analyze();
    }
    return store;
  }

  Row readById(String work) throws Exception {
    try (MemoryStore store = filled()) {
      List<String> columns = new ArrayList<>(database.columns(memories()));
      columns.remove("namespace");
      columns.removeAll(DERIVED);
      String select =
          "SELECT "
              + String.join(", ", columns)
              + " FROM "
              + memories()
              + " WHERE namespace = ? AND id = ?";
      SplittableRandom random = new SplittableRandom(2);
      List<Series> series =
          ShortOperation.medians(
              scale,
              () ->
                  store
                      .read(Kind.MEMORY, Key.of(Corpus.id(random.nextInt(scale.memories()))))
                      .orElseThrow(),
              () -> select(select, FILLED, Corpus.id(random.nextInt(scale.memories()))));
      return Row.of(
          work,
          "the same SELECT in plain JDBC on the same pool, every column as a Java object",
          series.get(0),
          series.get(1),
          1.25);
    }
  }

  private Object select(String sql, String namespace, String id) throws SQLException {
    try (Connection connection = database.pool().getConnection();
        PreparedStatement statement = connection.prepareStatement(sql)) {
      statement.setString(1, namespace);
      statement.setString(2, id);
      try (ResultSet row = statement.executeQuery()) {
        if (!row.next()) {
          throw new IllegalStateException("not found");
        }
        List<Object> values = new ArrayList<>();
        for (int i = 1; i <= row.getMetaData().getColumnCount(); i++) {
          Object value = row.getObject(i);
          values.add(value instanceof Array array ? array.getArray() : String.valueOf(value));
        }
        return values;
      }
    }
  }

  Row put(String work) throws Exception {
    String samples = "samples";
    try (MemoryStore store = open(samples)) {
      for (int number = 0; number < SAMPLES; number++) {
        store.execute(Corpus.newMemory("sample", number));
      }
    }
    try (MemoryStore store = filled()) {
      String likeness = database.likeness(memories());
      database.execute("INSERT INTO " + likeness + " SELECT * FROM " + memories());
      analyze();
      JdbcRows rows = rows(memories(), samples);
      String insert = rows.insert(likeness);
      Counter ours = new Counter();
      Counter theirs = new Counter();
      List<Series> series =
          ShortOperation.medians(
              scale,
              () -> store.execute(Corpus.newMemory("pg-put", ours.next())),
              () -> {
                int number = theirs.next();
                try (Connection connection = database.pool().getConnection();
                    PreparedStatement statement = connection.prepareStatement(insert)) {
                  String id = Corpus.looseId("raw", number);
                  rows.bind(
                      statement,
                      number % rows.size(),
                      Map.of("id", id, "file_name", id + ".md")); // both are there once
                  return statement.executeUpdate();
                }
              });
      return Row.of(
          work,
          "the same row by one INSERT in plain JDBC on the same pool, into an equal table",
          series.get(0),
          series.get(1),
          1.25);
    }
  }

  private JdbcRows rows(String table, String namespace) throws SQLException {
    try (Connection connection = database.pool().getConnection()) {
      return JdbcRows.read(
          connection, table, database.columns(table), "namespace = '" + namespace + "'");
    }
  }

  private CopyRows copyRows(String table, String namespace) throws Exception {
    try (Connection connection = database.pool().getConnection()) {
      return CopyRows.read(
          connection, table, database.columns(table), "namespace = '" + namespace + "'");
    }
  }

  /** Memories, each with a vector: one batch of the ones, one of the others. */
  Row putMany(String work, int dimensions) throws Exception {
    List<Command> memories = new ArrayList<>();
    List<Embedding> embeddings = new ArrayList<>();
    List<float[]> vectors = new ArrayList<>();
    for (int number = 0; number < scale.batch(); number++) {
      memories.add(Corpus.newMemory("many", number));
      String id = Corpus.looseId("many", number);
      embeddings.add(Corpus.embedding("text", id, number, dimensions));
      vectors.add(Corpus.vector("text", number, dimensions));
    }
    List<Command> puts = new ArrayList<>();
    embeddings.forEach(embedding -> puts.add(new PutEmbedding(embedding)));

    String sample = unused("many");
    putMany(sample, dimensions, memories, puts);
    String embeddingsTable = partition(sample);
    String memoriesLikeness = database.likeness(memories());
    String embeddingsLikeness = database.likeness(embeddingsTable);
    CopyRows memoryCopy = copyRows(memories(), sample);
    CopyRows embeddingCopy = copyRows(embeddingsTable, sample);
    JdbcRows memoryRows = rows(memories(), sample);
    JdbcRows embeddingRows = rows(embeddingsTable, sample);
    check(memoryCopy.rows() == scale.batch() && embeddingRows.size() == scale.batch());

    Side.Action empty =
        () -> database.execute("TRUNCATE " + memoriesLikeness + ", " + embeddingsLikeness);
    List<Series> series =
        Turns.take(
            2,
            scale.rounds(),
            List.of(
                () -> putMany(unused("many"), dimensions, memories, puts),
                Side.timed(
                    () -> {},
                    () ->
                        inTransaction(
                            connection -> {
                              memoryCopy.write(connection, memoriesLikeness);
                              embeddingCopy.write(
                                  connection, embeddingsLikeness, "embedding", vectors::get);
                            }),
                    empty),
                Side.timed(
                    () -> {},
                    () ->
                        inTransaction(
                            connection -> {
                              memoryRows.insertAll(connection, memoriesLikeness, "", vectors::get);
                              embeddingRows.insertAll(
                                  connection, embeddingsLikeness, "embedding", vectors::get);
                            }),
                    empty)));
    return Row.of(
        work,
        "binary COPY of the same rows, or a rewritten JDBC batch if that is faster",
        series.get(0),
        Series.faster(series.get(1), series.get(2)),
        1.3);
  }

  private double putMany(
      String namespace, int dimensions, List<Command> memories, List<Command> embeddings) {
    try (MemoryStore store = open(namespace)) {
      store.execute(new DefineSpace(VectorSpace.of("text", "bench", dimensions)));
      long began = System.nanoTime();
      store.execute(Batch.of(memories));
      store.execute(Batch.of(embeddings));
      return System.nanoTime() - began;
    }
  }

  /** The table that holds the vectors of a namespace. */
  private String partition(String namespace) throws SQLException {
    return database.ask(
        "SELECT tableoid::regclass FROM "
            + table("embeddings")
            + " WHERE namespace = '"
            + namespace
            + "' LIMIT 1");
  }

  private interface Work {
    void on(Connection connection) throws SQLException;
  }

  private void inTransaction(Work work) throws SQLException {
    try (Connection connection = database.pool().getConnection()) {
      PGvector.registerTypes(connection);
      connection.setAutoCommit(false);
      work.on(connection);
      connection.commit();
      connection.setAutoCommit(true);
    }
  }

  /** The ten nearest, exactly. */
  Row search(String work) throws Exception {
    String namespace = "vectors";
    int dimensions = scale.dimensions();
    try (MemoryStore store = open(namespace)) {
      store.execute(new DefineSpace(VectorSpace.of("text", "bench", dimensions)));
      Corpus.put(
          store,
          scale.vectors(),
          number -> Corpus.embedding("text", Corpus.id(number), number, dimensions));
      String partition = partition(namespace);
      database.execute("VACUUM ANALYZE " + partition);
      String sql =
          "SELECT target, embedding <=> ? AS distance FROM "
              + partition
              + " WHERE namespace = '"
              + namespace
              + "' AND NOT deleted ORDER BY distance LIMIT 10";
      Counter ours = new Counter();
      Counter theirs = new Counter();
      int expected = Math.min(10, scale.vectors());
      try (Connection connection = database.pool().getConnection()) {
        PGvector.registerTypes(connection);
        List<Series> series =
            Turns.take(
                10,
                3 * scale.rounds(),
                List.of(
                    () -> {
                      float[] query = Corpus.vector("query", ours.next(), dimensions);
                      long began = System.nanoTime();
                      int found = store.search(SimilarQuery.nearest("text", query)).size();
                      long took = System.nanoTime() - began;
                      check(found == expected);
                      return took;
                    },
                    () -> {
                      float[] query = Corpus.vector("query", theirs.next(), dimensions);
                      long began = System.nanoTime();
                      int found = nearest(connection, sql, query);
                      long took = System.nanoTime() - began;
                      check(found == expected);
                      return took;
                    }));
        return Row.of(
            work,
            "ORDER BY <=> LIMIT 10 over the same rows in plain JDBC, the vector sent binary",
            series.get(0),
            series.get(1),
            1.15);
      }
    }
  }

  private static int nearest(Connection connection, String sql, float[] query) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      statement.setObject(1, new PGvector(query));
      try (ResultSet rows = statement.executeQuery()) {
        List<SimilarQuery.Hit> hits = new ArrayList<>();
        while (rows.next()) {
          hits.add(new SimilarQuery.Hit(rows.getString(1), 1 - rows.getDouble(2)));
        }
        return hits.size();
      }
    }
  }

  /** What the server would do by itself after a while. */
  void analyze() throws SQLException {
    database.execute("VACUUM ANALYZE");
  }

  /** Every table that has rows of a namespace, as COPY reads and writes them. */
  List<Copy> copies(String namespace) throws Exception {
    List<String> tables = new ArrayList<>();
    try (Connection connection = database.pool().getConnection();
        Statement statement = connection.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "SELECT n.nspname || '.' || c.relname FROM pg_class c"
                    + " JOIN pg_namespace n ON n.oid = c.relnamespace"
                    + " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'digest'"
                    + " WHERE c.relkind = 'r' AND n.nspname <> 'yardstick'")) {
      while (rows.next()) {
        tables.add(rows.getString(1));
      }
    }
    List<Copy> copies = new ArrayList<>();
    for (String table : tables) {
      CopyRows rows = copyRows(table, namespace);
      if (rows.rows() > 0) {
        copies.add(new Copy(database.likeness(table), rows));
      }
    }
    return copies;
  }

  /** Rows, and an empty table like the one that they come from. */
  record Copy(String likeness, CopyRows rows) {}

  /** Writes them all by COPY; empties the tables again, which does not count. */
  Side copying(List<Copy> copies) {
    return Side.timed(
        () -> {},
        () -> {
          for (Copy copy : copies) {
            inTransaction(connection -> copy.rows().write(connection, copy.likeness()));
          }
        },
        () -> {
          for (Copy copy : copies) {
            database.execute("TRUNCATE " + copy.likeness());
          }
        });
  }

  static void check(boolean condition) {
    if (!condition) {
      throw new IllegalStateException("a side did not do its work");
    }
  }
}

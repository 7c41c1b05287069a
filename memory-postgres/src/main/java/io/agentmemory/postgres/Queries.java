package io.agentmemory.postgres;

import io.agentmemory.Embedding;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryHead;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryQuery.Order;
import io.agentmemory.MemoryQuery.TimeField;
import io.agentmemory.Operation;
import io.agentmemory.SimilarQuery;
import io.agentmemory.Tier;
import io.agentmemory.VectorSpace;
import io.agentmemory.internal.Texts;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/** Lists, counts and searches. */
final class Queries {
  private static final int QUERY_SECONDS = 3;

  /** How many vectors a scan of an index keeps in sight: the most that pgvector allows. */
  private static final int MOST_BREADTH = 1000;

  private static final int LEAST_BREADTH = 100;

  /** How much more a vector costs that the index comes by: measured at 2,560 floats. */
  private static final int NEAR_FACTOR = 10;

  private final Database database;
  private final Tables tables;
  private final VectorIndexes indexes;

  Queries(Database database, Tables tables, VectorIndexes indexes) {
    this.database = database;
    this.tables = tables;
    this.indexes = indexes;
  }

  List<Memory> find(MemoryQuery query) {
    Operation operation = new Operation(Writes.STORE, "find", "");
    if (!isAnswerable(query)) {
      return List.of();
    }
    Table<Memory> table = tables.of(Kind.MEMORY);
    Sql sql = finding(query);
    return database.query(
        operation,
        false,
        handle ->
            sql
                .bind(handle.createQuery(sql.text()).setQueryTimeout(QUERY_SECONDS))
                .map((row, context) -> table.read(operation, row))
                .stream()
                .flatMap(stored -> stored.live().stream())
                .toList());
  }

  /** The statement of {@link #find}. */
  Sql finding(MemoryQuery query) {
    Sql sql = tables.of(Kind.MEMORY).select().add(conditions(query));
    sql.add(" ORDER BY " + first(query.order()));
    return sql.add(
        "CASE t.tier WHEN 'core' THEN 0 WHEN 'active' THEN 1 ELSE 2 END, t.file_name, t.id"
            + " LIMIT ? OFFSET ?",
        Sql.number(query.limit()),
        Sql.number(query.offset()));
  }

  private static String first(Order order) {
    return switch (order) {
      case NEWEST -> "t.created_at DESC NULLS LAST, ";
      case HEAVIEST -> "coalesce(t.weight, 0) DESC, ";
      case CREATED_DAY -> "t.created_day DESC NULLS LAST, ";
      case EVENT_DAY -> "t.event_day DESC NULLS LAST, ";
      case PLACE -> "";
    };
  }

  Stream<MemoryHead> heads(MemoryQuery query, Reads reads) {
    return isAnswerable(query) ? reads.heads(conditions(query)) : Stream.empty();
  }

  long count(MemoryQuery query) {
    if (!isAnswerable(query)) {
      return 0;
    }
    Table<Memory> table = tables.of(Kind.MEMORY);
    Sql sql =
        Sql.of("SELECT count(*) FROM " + table.name() + " AS t")
            .add(table.scope())
            .add(conditions(query));
    return database.query(
        new Operation(Writes.STORE, "count", ""),
        false,
        handle ->
            sql.bind(handle.createQuery(sql.text()).setQueryTimeout(QUERY_SECONDS))
                .mapTo(Long.class)
                .one());
  }

  /** Whether a database could hold what is asked for; what it cannot hold matches nothing. */
  private static boolean isAnswerable(MemoryQuery query) {
    return Stream.of(query.tags().stream(), query.types().stream(), query.text().stream())
        .flatMap(texts -> texts)
        .allMatch(text -> Texts.unstorable(text) < 0);
  }

  private static Sql conditions(MemoryQuery query) {
    Sql sql = Sql.of(" AND NOT t.deleted");
    addTiers(sql, "t", query.tiers());
    addTags(sql, "t", query.tags());
    if (!query.types().isEmpty()) {
      // a type that YAML took for a time is no text and stands in extra
      sql.add(
          " AND (t.type = ANY(?::text[]) OR t.extra -> 'type' ->> '$time' = ANY(?::text[]))",
          Sql.texts(query.types()),
          Sql.texts(query.types()));
    }
    query
        .text()
        .ifPresent(
            text -> sql.add(" AND pg_catalog.strpos(t.content_folded, ?) > 0", Sql.text(text)));
    query
        .days()
        .ifPresent(
            days -> {
              String column = days.field() == TimeField.CREATED ? "t.created_day" : "t.event_day";
              sql.add(" AND " + column + " IS NOT NULL");
              addBound(sql, column + " >= ?", days.from());
              addBound(sql, column + " < ?", days.before());
            });
    query
        .instants()
        .ifPresent(
            instants -> {
              String column = instants.field() == TimeField.CREATED ? "t.created_at" : "t.event_at";
              sql.add(" AND " + column + " IS NOT NULL");
              addBound(sql, column + " >= ?", instants.from());
              addBound(sql, column + " < ?", instants.before());
            });
    query.any().ifPresent(any -> sql.add(" AND (").add(alternatives(any)).add(")"));
    return sql;
  }

  /** Each can use an index of its own, but for texts. */
  private static Sql alternatives(MemoryQuery.Any any) {
    Sql sql = Sql.of("FALSE");
    addAny(sql, " OR t.id = ANY(?::text[])", any.ids());
    addAny(sql, " OR t.tags_folded && ?::text[]", any.tags());
    addAny(sql, " OR t.entities_folded && ?::text[]", any.entities());
    for (String text : storable(any.texts())) {
      sql.add(" OR pg_catalog.strpos(t.content_folded, ?) > 0", Sql.text(text));
    }
    return sql;
  }

  private static void addAny(Sql sql, String condition, Collection<String> texts) {
    List<String> storable = storable(texts);
    if (!storable.isEmpty()) {
      sql.add(condition, Sql.texts(storable));
    }
  }

  /** The texts that a database can hold; the others match nothing. */
  private static List<String> storable(Collection<String> texts) {
    return texts.stream().filter(text -> Texts.unstorable(text) < 0).toList();
  }

  private static void addBound(Sql sql, String condition, @Nullable LocalDate day) {
    if (day != null) {
      sql.add(" AND " + condition, Sql.text(day.toString()));
    }
  }

  private static void addBound(Sql sql, String condition, @Nullable Instant instant) {
    if (instant != null) {
      sql.add(" AND " + condition, Sql.time(instant));
    }
  }

  private static void addTiers(Sql sql, String alias, Collection<Tier> tiers) {
    if (tiers.size() < Tier.values().length) {
      sql.add(
          " AND " + alias + ".tier = ANY(?::text[])",
          Sql.texts(tiers.stream().map(Tier::folder).toList()));
    }
  }

  private static void addTags(Sql sql, String alias, Collection<String> tags) {
    if (!tags.isEmpty()) {
      sql.add(" AND " + alias + ".tags_folded @> ?::text[]", Sql.texts(tags));
    }
  }

  // ---- vectors ----

  List<SimilarQuery.Hit> search(SimilarQuery query) {
    Operation operation = new Operation(Writes.STORE, "search", query.space());
    if (Texts.unstorable(query.space()) >= 0) {
      throw notDefined(operation);
    }
    float[] vector = query.vector();
    if (!tables.vectors().hasExtension()) {
      return searchHere(operation, query, vector);
    }
    if (query.isApproximate()
        && !isHopeless(query)
        && hasDirection(vector)
        && isNearFaster(operation, query, vector.length)) {
      List<SimilarQuery.Hit> near = searchNear(operation, query, vector);
      if (near.size() == query.limit()) {
        return near;
      }
      // There may be more: an index does not have everything, and does not go on for ever.
    }
    return searchThere(operation, query, vector);
  }

  /** Whether anything is nearer to it than anything else. */
  private static boolean hasDirection(float[] vector) {
    for (float x : vector) {
      if (x != 0) {
        return true;
      }
    }
    return false;
  }

  private static InvalidMemoryException notDefined(Operation operation) {
    return new InvalidMemoryException(operation, "space", "is not defined");
  }

  /** Asks for the number of floats that a space's vectors have: 0 if it does not say. */
  private Sql dimensions(String space) {
    Table<VectorSpace> table = tables.of(Kind.VECTOR_SPACE);
    return Sql.of("SELECT coalesce(t.dims, 0) FROM " + table.name() + " AS t")
        .add(table.scope())
        .add(" AND t.name = ? AND NOT t.deleted", Sql.text(space));
  }

  private static void check(Operation operation, List<Integer> dimensions, float[] vector) {
    if (dimensions.isEmpty()) {
      throw notDefined(operation);
    }
    int stated = dimensions.get(0);
    if (stated != 0 && stated != vector.length) {
      throw new InvalidMemoryException(
          operation, "vector", "has " + vector.length + " floats, the space has " + stated);
    }
  }

  /** Whether no vector can meet the conditions, whatever there is. */
  private static boolean isHopeless(SimilarQuery query) {
    return (query.needsMemory() && query.space().equals(VectorSpace.IMAGE))
        || query.tags().stream().anyMatch(tag -> Texts.unstorable(tag) >= 0);
  }

  /** The rows to compare with: of the right length, and of memories that pass. */
  private Sql candidates(SimilarQuery query, Sql columns, int length) {
    Sql sql = Sql.of("SELECT e.target, ").add(columns);
    sql.add(" FROM " + tables.schema() + ".embeddings AS e");
    if (query.needsMemory()) {
      sql.add(" JOIN ").add(memories(" ON")).add(" AND m.id = e.target");
      addConditions(sql, query);
    }
    return sql.add(rows(query, length));
  }

  /** Like {@link #candidates}, but each memory is looked up by itself, row by row. */
  private Sql candidatesInTurn(SimilarQuery query, Sql columns, int length) {
    Sql sql = Sql.of("SELECT e.target, ").add(columns);
    sql.add(" FROM " + tables.schema() + ".embeddings AS e");
    if (query.needsMemory()) {
      sql.add(" CROSS JOIN LATERAL (SELECT FROM ").add(memories(" WHERE"));
      sql.add(" AND m.id = e.target");
      addConditions(sql, query);
      sql.add(" OFFSET 0) AS m");
    }
    return sql.add(rows(query, length));
  }

  private Sql memories(String where) {
    return Sql.of(
        tables.schema() + ".memories m" + where + " m.namespace = ? AND NOT m.deleted",
        Sql.text(tables.namespace()));
  }

  private String rows(SimilarQuery query, int length) {
    // The number of the space says whose it is, so the namespace need not be looked at: with it,
    // the planner may take the index for a good idea.
    long id = Spaces.id(tables.namespace(), query.space());
    return " WHERE e.space_id = " + id + " AND e.dims = " + length + " AND NOT e.deleted";
  }

  private static void addConditions(Sql sql, SimilarQuery query) {
    if (!query.tiers().isEmpty()) {
      addTiers(sql, "m", query.tiers());
    }
    addTags(sql, "m", query.tags());
  }

  private List<SimilarQuery.Hit> searchThere(
      Operation operation, SimilarQuery query, float[] vector) {
    Vectors vectors = tables.vectors();
    // A zero vector has no direction; its distance is NaN there, and its similarity 0 for us.
    Sql sql = Sql.of("SELECT target, 1 - coalesce(nullif(d, 'NaN'), 1) FROM (");
    Sql distance = Sql.of(vectors.distance() + " AS d", vectors.one(vector));
    sql.add(candidates(query, distance, vector.length));
    sql.add(" OFFSET 0) AS near"); // so that each distance is worked out once
    if (query.minSimilarity() > -1) {
      sql.add(" WHERE 1 - coalesce(nullif(d, 'NaN'), 1) >= ?", Sql.number(query.minSimilarity()));
    }
    sql.add(" ORDER BY coalesce(nullif(d, 'NaN'), 1), target LIMIT ?", Sql.number(query.limit()));
    return database.read(
        operation,
        false,
        connection -> {
          List<Integer> dimensions = new ArrayList<>(1);
          List<SimilarQuery.Hit> hits = new ArrayList<>();
          Pipeline pipeline = new Pipeline();
          pipeline.query(dimensions(query.space()), row -> dimensions.add(row.getInt(1)));
          if (!isHopeless(query)) {
            pipeline.query(
                sql, row -> hits.add(new SimilarQuery.Hit(row.getString(1), row.getDouble(2))));
          }
          pipeline.run(connection, QUERY_SECONDS);
          check(operation, dimensions, vector);
          return hits;
        });
  }

  /**
   * Whether there is an index and it pays. Of the vectors it comes by, as many pass as of all; each
   * costs about ten times what it costs exact search to look at one of those that pass.
   */
  private boolean isNearFaster(Operation operation, SimilarQuery query, int length) {
    long all = indexes.size(operation, query.space(), length);
    if (all == 0) {
      return false;
    }
    long least = (long) Math.sqrt((double) NEAR_FACTOR * candidates(query) * all);
    if (!query.needsMemory()) {
      return all >= least;
    }
    Sql sql = Sql.of("SELECT count(*) FROM (SELECT FROM ").add(memories(" WHERE"));
    addConditions(sql, query);
    sql.add(" LIMIT ?) AS passing", Sql.number(least));
    return database.query(
        operation,
        false,
        handle ->
            sql.bind(handle.createQuery(sql.text()).setQueryTimeout(QUERY_SECONDS))
                    .mapTo(Long.class)
                    .one()
                >= least);
  }

  /**
   * What an index finds, ranked by the whole vectors; may be fewer than there are. Pgvector's own
   * order is that of the index, over rounded floats: so it is asked for more than are wanted.
   */
  List<SimilarQuery.Hit> searchNear(Operation operation, SimilarQuery query, float[] vector) {
    return database.read(
        operation,
        false,
        connection -> {
          List<Integer> dimensions = new ArrayList<>(1);
          List<SimilarQuery.Hit> hits = new ArrayList<>();
          Pipeline pipeline = new Pipeline();
          pipeline.query(dimensions(query.space()), row -> dimensions.add(row.getInt(1)));
          pipeline.call(nearSettings(query));
          pipeline.query(
              near(query, vector),
              row -> {
                double similarity = row.getDouble(2);
                if (hits.size() < query.limit() && similarity >= query.minSimilarity()) {
                  hits.add(new SimilarQuery.Hit(row.getString(1), similarity));
                }
              });
          pipeline.run(connection, QUERY_SECONDS);
          check(operation, dimensions, vector);
          return hits;
        });
  }

  private static int candidates(SimilarQuery query) {
    return 2 * query.limit() + 20;
  }

  /**
   * Settings for the statements sent along with it, which are one transaction: how many the index
   * looks at, and that nothing but the index will do.
   */
  Sql nearSettings(SimilarQuery query) {
    boolean iterates = tables.vectors().iterates();
    // Where a scan does not go on, a filter is met by what it looks at from the start or not at all
    int breadth = query.needsMemory() && !iterates ? MOST_BREADTH : 2 * candidates(query);
    return Sql.of(
        "SELECT set_config('hnsw.ef_search', ?, true),"
            + (iterates ? " set_config('hnsw.iterative_scan', 'relaxed_order', true)," : "")
            + " set_config('enable_seqscan', 'off', true),"
            + " set_config('enable_bitmapscan', 'off', true),"
            + " set_config('enable_sort', 'off', true),"
            + " set_config('enable_hashjoin', 'off', true),"
            + " set_config('enable_mergejoin', 'off', true),"
            + " set_config('jit', 'off', true)",
        Sql.text(Integer.toString(Math.min(MOST_BREADTH, Math.max(LEAST_BREADTH, breadth)))));
  }

  /** The statement that finds candidates by the index and gives them with their similarity. */
  Sql near(SimilarQuery query, float[] vector) {
    Vectors vectors = tables.vectors();
    Sql sql = Sql.of("WITH e AS MATERIALIZED (");
    sql.add(candidatesInTurn(query, Sql.of("e.embedding, e.extreme"), vector.length));
    sql.add(" ORDER BY " + vectors.indexDistance(vector.length), vectors.one(vector));
    sql.add(" LIMIT ?)", Sql.number(candidates(query)));
    sql.add(" SELECT target, 1 - coalesce(nullif(d, 'NaN'), 1) FROM (SELECT e.target, ");
    sql.add(vectors.distance() + " AS d FROM e OFFSET 0) AS near", vectors.one(vector));
    return sql.add(" ORDER BY coalesce(nullif(d, 'NaN'), 1), target");
  }

  private static final Comparator<SimilarQuery.Hit> BEST_FIRST =
      Comparator.comparingDouble(SimilarQuery.Hit::similarity)
          .reversed()
          .thenComparing(SimilarQuery.Hit::target, Texts::compare);

  private List<SimilarQuery.Hit> searchHere(
      Operation operation, SimilarQuery query, float[] vector) {
    Sql dimensions = dimensions(query.space());
    return database.query(
        operation,
        true,
        handle -> {
          check(
              operation,
              dimensions.bind(handle.createQuery(dimensions.text())).mapTo(Integer.class).list(),
              vector);
          return isHopeless(query) ? List.of() : searchHere(operation, query, vector, handle);
        });
  }

  private List<SimilarQuery.Hit> searchHere(
      Operation operation, SimilarQuery query, float[] vector, Handle handle) {
    Table<Embedding> table = tables.embeddings(query.space());
    PriorityQueue<SimilarQuery.Hit> best =
        new PriorityQueue<>(Math.min(query.limit(), 1000) + 1, BEST_FIRST.reversed());
    int page = Math.max(16, (4 << 20) / (vector.length * 8 + 64));
    String last = null;
    int rows;
    do {
      String read = tables.vectors().read("e.embedding");
      Sql sql = candidates(query, Sql.of(read), vector.length);
      sql.add(" AND e.namespace = ?", Sql.text(tables.namespace()));
      if (last != null) {
        sql.add(" AND e.target > ?", Sql.text(last));
      }
      sql.add(" ORDER BY e.target LIMIT " + page);
      List<SimilarQuery.Hit> hits =
          sql.bind(handle.createQuery(sql.text()).setQueryTimeout(QUERY_SECONDS))
              .map(
                  (row, context) -> {
                    Key key = Key.of(query.space(), row.getString(1));
                    float[] found = table.vector(operation, key, row.getBytes(2));
                    return new SimilarQuery.Hit(key.part(1), Embedding.similarity(found, vector));
                  })
              .list();
      for (SimilarQuery.Hit hit : hits) {
        if (hit.similarity() >= query.minSimilarity()) {
          best.add(hit);
          if (best.size() > query.limit()) {
            best.poll();
          }
        }
        last = hit.target();
      }
      rows = hits.size();
    } while (rows == page);
    return best.stream().sorted(BEST_FIRST).toList();
  }
}

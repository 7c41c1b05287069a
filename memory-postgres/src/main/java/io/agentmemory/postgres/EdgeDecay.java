package io.agentmemory.postgres;

import io.agentmemory.Edge;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.Observation;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.Version;
import io.agentmemory.command.DecayEdges;
import io.agentmemory.command.DecayRule;
import io.agentmemory.command.Outcome;
import io.agentmemory.internal.Texts;
import io.agentmemory.spi.Canonical;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.stream.DoubleStream;
import org.jdbi.v3.core.argument.Argument;

/**
 * The decay of all edges as one statement, which works out what is left of each belief, prunes,
 * writes, and gives back what it wrote. It does nothing to a row of which it cannot prove that the
 * outcome is that of {@link io.agentmemory.command.Plan}: those it names.
 *
 * <p>Why every bit is the same: {@code + - * /} of float8 are those of Java. The logarithm is that
 * of numeric to 50 digits, rounded once, and so the nearest double, as in {@link
 * io.agentmemory.internal.Arithmetic#log}. From 0.0001 to 10^9 the text of a float8 is the shortest
 * one that reads back, without an exponent, as is that of {@link Texts#number}. And a row is only
 * touched if the canonical text that the statement composes of it has the digest that is stored:
 * the new text differs in the belief and the time alone.
 */
final class EdgeDecay {
  /** Every row with the fate it has: spared, left, kept or gone. Then what follows from it. */
  private static final String DECAY =
      """
      WITH ask AS MATERIALIZED (
        SELECT ?::text AS namespace, ?::uuid AS op, ?::text AS at, ?::text AS at_json,
          ?::float8 AS rate, ?::float8 AS min_outcomes, ?::float8 AS good_rate,
          ?::float8 AS good_factor, ?::float8 AS bad_rate, ?::float8 AS bad_factor,
          ?::float8 AS elsewhere_factor, ?::bool AS is_about, ?::text[] AS places,
          ?::text[] AS reasons, ?::text[] AS topics, ?::text[] AS people,
          ?::text[] AS spared, ?::text[] AS known_edges, ?::text[] AS known_memories),
      -- of each memory its recalls and its evolution; both of the usual sort, or it is not regular
      memory AS MATERIALIZED (
        SELECT m.id, m.topics, m.people, m.is_regular,
          CASE WHEN m.is_regular THEN coalesce(m.recall_count, 0) END AS recalls,
          CASE
            WHEN NOT m.is_regular THEN NULL
            WHEN coalesce(m.total::float8 < ask.min_outcomes, true) THEN 1
            WHEN coalesce(m.success::float8, 0.5) >= ask.good_rate THEN ask.good_factor
            WHEN coalesce(m.success::float8, 0.5) <= ask.bad_rate THEN ask.bad_factor
            ELSE 1
          END AS evolution
        FROM ask CROSS JOIN (
          SELECT r.*,
            r.front_matter IS NULL
            AND coalesce(r.recall_count = trunc(r.recall_count)
              AND abs(r.recall_count) < 1000000000000, true)
            AND coalesce(r.success = 0 OR r.success BETWEEN 0.000001 AND 1000000, true)
            AND coalesce(r.total ~ '^[0-9]{1,9}$', true)
            AND coalesce(r.extra::text
              !~ '"(recall_count|retrieval_success_rate|topic_context|contact_context)"', true)
              AS is_regular
          FROM (
            SELECT t.id, t.front_matter, t.recall_count, t.retrieval_success_rate AS success,
              t.extra, coalesce(array_remove(t.topic_context, NULL), '{}') AS topics,
              coalesce(array_remove(t.contact_context, NULL), '{}') AS people,
              CASE json_typeof(t.retrieval_outcomes -> 'total')
                WHEN 'number' THEN t.retrieval_outcomes ->> 'total' END AS total
            FROM ${memories} AS t
            WHERE t.namespace = (SELECT namespace FROM ask) AND NOT t.deleted
            OFFSET 0) AS r
          OFFSET 0) AS m),
      -- the canonical text around belief and time, and whose pace the edge has
      edge AS MATERIALIZED (
        SELECT e.*,
          coalesce(e.recalls1, 0) + coalesce(e.recalls2, 0) AS recalls,
          coalesce(e.evolution1, 1) + coalesce(e.evolution2, 1) AS evolution,
          e.is_candidate AND e.digest = sha256(convert_to(
            e.head || e.belief || e.middle || to_json(e.last_updated) || e.tail, 'UTF8'))
            AS is_regular
        FROM (
          SELECT t.pair, t.revision, t.digest, t.belief, t.last_updated,
            a.recalls AS recalls1, a.evolution AS evolution1,
            b.recalls AS recalls2, b.evolution AS evolution2,
            t.pair IN (SELECT unnest(known_edges) FROM ask)
              OR coalesce(t.id1, '') IN (SELECT unnest(known_memories) FROM ask)
              OR coalesce(t.id2, '') IN (SELECT unnest(known_memories) FROM ask) AS is_known,
            t.pair IN (SELECT unnest(spared) FROM ask) AS is_spared,
            t.extra IS NULL AND t.last_updated IS NOT NULL
              AND coalesce(t.belief = 0 OR t.belief BETWEEN 0.0001 AND 1000000000, false)
              AND coalesce(a.is_regular, true) AND coalesce(b.is_regular, true)
              AND elsewhere.yes IS NOT NULL AS is_candidate,
            elsewhere.yes AS is_elsewhere,
            '{"content":{"members":{'
              || coalesce('"activity_context":' || ${activity_context} || ',', '')
              || '"belief":' AS head,
            coalesce(',"contact_context":' || to_json(t.contact_context), '')
              || coalesce(',"first_formed":' || to_json(t.first_formed), '')
              || ',"last_updated":' AS middle,
            CASE WHEN t.has_observations THEN ',"observations":[]' ELSE '' END
              || coalesce(',"platform_context":' || ${platform_context}, '')
              || coalesce(',"thinking_about":' || to_json(t.thinking_about), '')
              || coalesce(',"topic_context":' || ${topic_context}, '')
              || '}},"key":[' || to_json(t.pair) || '],"kind":"edge"}' AS tail
          FROM ${edges} AS t
          CROSS JOIN ask
          LEFT JOIN memory AS a ON a.id = coalesce(t.id1, '')
          LEFT JOIN memory AS b ON b.id = coalesce(t.id2, '')
          CROSS JOIN LATERAL (
            SELECT CASE
              WHEN NOT ask.is_about THEN false
              -- a name or a text that may stand for what JSON cannot say
              WHEN strpos(concat(t.platform_context, t.activity_context, t.topic_context), '"$') > 0
                THEN NULL
              ELSE (
                SELECT num_nonnulls(
                    nullif(own.places, '{}'), nullif(own.reasons, '{}'),
                    nullif(own.topics, '{}'), nullif(own.people, '{}')) > 0
                  AND NOT (own.places && ask.places OR own.reasons && ask.reasons
                    OR own.topics && ask.topics OR own.people && ask.people)
                FROM (
                  SELECT ${places} AS places, ${reasons} AS reasons,
                    ${union} || ${shared} || coalesce(a.topics, '{}') || coalesce(b.topics, '{}')
                      AS topics,
                    coalesce(array_remove(t.contact_context, NULL), '{}')
                      || coalesce(a.people, '{}') || coalesce(b.people, '{}') AS people
                  OFFSET 0) AS own)
              END AS yes
            OFFSET 0) AS elsewhere
          WHERE t.namespace = (SELECT namespace FROM ask) AND NOT t.deleted
          OFFSET 0) AS e),
      slowness AS MATERIALIZED (
        SELECT r.recalls, ln(round(1 + greatest(r.recalls, 0) / 2, 50))::float8 AS log
        FROM (SELECT DISTINCT recalls FROM edge WHERE is_regular) AS r),
      fate AS MATERIALIZED (
        SELECT f.*,
          CASE
            WHEN f.is_known THEN 'left'
            WHEN f.is_spared THEN 'spared'
            WHEN NOT f.is_regular THEN 'left'
            WHEN f.rest <= 0 THEN 'gone'
            WHEN f.rest BETWEEN 0.0001 AND 1000000000
              AND (f.last_updated <> f.at OR f.belief::text <> f.digits) THEN 'kept'
            ELSE 'left'
          END AS fate
        FROM (
          SELECT n.*,
            n.rest::text || CASE WHEN n.rest = trunc(n.rest) THEN '.0' ELSE '' END AS digits
          FROM (
            SELECT e.*, ask.at,
              CASE WHEN e.is_regular THEN e.belief::float8
                - CASE WHEN e.is_elsewhere
                  THEN ask.rate / (1 + s.log) * (e.evolution / 2) * ask.elsewhere_factor
                  ELSE ask.rate / (1 + s.log) * (e.evolution / 2) END END AS rest
            FROM edge AS e CROSS JOIN ask LEFT JOIN slowness AS s ON s.recalls = e.recalls
            OFFSET 0) AS n
          OFFSET 0) AS f),
      kept AS (
        UPDATE ${edges} AS t SET op_id = ask.op, revision = f.revision + 1,
          belief = f.digits::numeric, last_updated = ask.at,
          digest = sha256(convert_to(
            f.head || f.digits || f.middle || ask.at_json || f.tail, 'UTF8'))
        FROM fate AS f CROSS JOIN ask
        WHERE f.fate = 'kept' AND t.namespace = (SELECT namespace FROM ask) AND t.pair = f.pair
        RETURNING ${edge}, f.fate, f.revision AS base, f.digest AS base_digest, NULL::int),
      gone AS (
        UPDATE ${edges} AS t SET op_id = ask.op, revision = f.revision + 1,
          digest = NULL, deleted = true, ${no_edge}
        FROM fate AS f CROSS JOIN ask
        WHERE f.fate = 'gone' AND t.namespace = (SELECT namespace FROM ask) AND t.pair = f.pair
        RETURNING ${edge}, f.fate, f.revision AS base, f.digest AS base_digest, NULL::int),
      observation AS MATERIALIZED (
        SELECT o.pair, o.ordinal, o.revision, o.digest FROM ${observations} AS o
        WHERE o.namespace = (SELECT namespace FROM ask) AND NOT o.deleted
          AND o.pair IN (SELECT pair FROM fate WHERE fate = 'gone')
        ORDER BY o.pair, o.ordinal FOR UPDATE OF o),
      unobserved AS (
        UPDATE ${observations} AS t SET op_id = ask.op, revision = o.revision + 1,
          digest = NULL, deleted = true, ${no_observation}
        FROM observation AS o CROSS JOIN ask
        WHERE t.namespace = (SELECT namespace FROM ask) AND t.pair = o.pair
          AND t.ordinal = o.ordinal
        RETURNING t.pair, o.revision AS base, o.digest AS base_digest, t.ordinal)
      SELECT * FROM kept
      UNION ALL SELECT * FROM gone
      UNION ALL SELECT pair, ${nothing}, 'unobserved', base, base_digest, ordinal FROM unobserved
      UNION ALL SELECT pair, ${nothing}, fate, NULL, NULL, NULL FROM fate WHERE fate = 'left'
      UNION ALL SELECT NULL, ${nothing}, fate, count(*), NULL, NULL FROM fate GROUP BY fate
      """;

  /**
   * A column of JSON with the names of its map in order; of one name, and of deeper ones, as is.
   */
  private static final String SORTED =
      """
      CASE WHEN strpos(${x}::text, ',"') = 0 OR json_typeof(${x}) <> 'object' THEN ${x}::text
        ELSE (SELECT '{' || string_agg(
            to_json(k.key) || ':' || k.value, ',' ORDER BY k.key COLLATE "C") || '}'
          FROM json_each(${x}) AS k) END""";

  /** The names in a column of JSON that do not begin with an underscore. */
  private static final String NAMES =
      """
      CASE json_typeof(${x}) WHEN 'object' THEN ARRAY(
        SELECT n FROM json_object_keys(${x}) AS n WHERE NOT starts_with(n, '_'))
        ELSE '{}' END""";

  /** The texts in a list of JSON. */
  private static final String TEXTS =
      """
      CASE json_typeof(${x}) WHEN 'array' THEN ARRAY(
        SELECT n #>> '{}' FROM json_array_elements(${x}) AS n WHERE json_typeof(n) = 'string')
        ELSE '{}' END""";

  private final Table<Edge> edges;
  private final Table<Observation> observations;
  private final Table<Memory> memories;
  private final OpId opId;

  /** The changes that it made. */
  final List<Outcome.Change> changes = new ArrayList<>();

  /** The keys of the edges that it left. */
  final List<Key> left = new ArrayList<>();

  /** How many live edges there are. */
  int all;

  /** How many of them are spared. */
  int spared;

  private final Set<Stored<?>> written = Collections.newSetFromMap(new IdentityHashMap<>());

  /** Decays in the name of an operation. */
  EdgeDecay(Tables tables, OpId opId) {
    edges = tables.of(Kind.EDGE);
    observations = tables.of(Kind.OBSERVATION);
    memories = tables.of(Kind.MEMORY);
    this.opId = opId;
  }

  /**
   * Whether no step of the arithmetic can come near the ends of what a double holds, where the
   * server refuses to go on.
   */
  static boolean isOrdinary(DecayRule rule) {
    return DoubleStream.of(
            rule.rate(),
            rule.goodRate(),
            rule.goodFactor(),
            rule.badRate(),
            rule.badFactor(),
            rule.elsewhereFactor())
        .map(Math::abs)
        .allMatch(number -> number == 0 || (number > 1e-9 && number < 1e9));
  }

  /**
   * Locks all live edges, in the order of keys, so that the statement, which comes after, sees what
   * others did to them and to their memories until then. Gives their number.
   */
  static Sql lock(Table<Edge> edges) {
    return Sql.of("SELECT count(*) FROM (SELECT FROM " + edges.name() + " AS t")
        .add(edges.scope())
        .add(" AND NOT t.deleted" + edges.orderByKey() + " FOR UPDATE OF t) AS locked");
  }

  /** Runs the statement. */
  void run(
      Operation operation,
      DecayEdges command,
      Set<String> sparedPairs,
      Set<String> knownEdges,
      Set<String> knownMemories,
      Connection connection)
      throws SQLException {
    Pipeline pipeline = new Pipeline();
    // every row is wanted, and each memory for many edges
    pipeline.call(
        Sql.of(
            "SELECT set_config('enable_hashjoin', 'on', true),"
                + " set_config('enable_nestloop', 'off', true),"
                + " set_config('extra_float_digits', '1', true)"));
    pipeline.query(
        statement(command, sparedPairs, knownEdges, knownMemories), row -> read(operation, row));
    pipeline.call(
        Sql.of(
            "SELECT set_config('enable_hashjoin', 'off', true),"
                + " set_config('enable_nestloop', 'on', true)"));
    pipeline.run(connection);
    changes.sort(
        Comparator.comparing(
                (Outcome.Change change) -> change.after().key().part(0), Texts::compare)
            .thenComparing(change -> change.after().kind().equals(Kind.EDGE))
            .thenComparing(change -> change.after().key()));
    changes.forEach(change -> written.add(change.after()));
  }

  /** Whether it has written this very state. */
  boolean isWritten(Stored<?> state) {
    return written.contains(state);
  }

  private Sql statement(
      DecayEdges command,
      Set<String> sparedPairs,
      Set<String> knownEdges,
      Set<String> knownMemories) {
    String text =
        DECAY
            .replace("${activity_context}", sorted("t.activity_context"))
            .replace("${platform_context}", sorted("t.platform_context"))
            .replace("${topic_context}", sorted("t.topic_context"))
            .replace("${places}", NAMES.replace("${x}", "t.platform_context"))
            .replace("${reasons}", NAMES.replace("${x}", "t.activity_context"))
            .replace("${union}", "(" + TEXTS.replace("${x}", "(t.topic_context -> 'union')") + ")")
            .replace(
                "${shared}", "(" + TEXTS.replace("${x}", "(t.topic_context -> 'shared')") + ")")
            .replace("${memories}", memories.name())
            .replace("${edges}", edges.name())
            .replace("${observations}", observations.name())
            .replace("${edge}", edges.readList())
            .replace("${no_edge}", nothing(edges))
            .replace("${no_observation}", nothing(observations))
            .replace(
                "${nothing}",
                "NULL, ".repeat(edges.readList().split(", ", -1).length - 2) + "NULL");
    DecayRule rule = command.rule();
    Sql sql = Sql.of(text);
    sql.add(
        "",
        Sql.text(edges.namespace()),
        Sql.object(opId.value()),
        Sql.text(command.at()),
        Sql.text(Canonical.canonical(Value.of(command.at()))),
        Sql.number(rule.rate()),
        Sql.number((double) rule.minOutcomes()),
        Sql.number(rule.goodRate()),
        Sql.number(rule.goodFactor()),
        Sql.number(rule.badRate()),
        Sql.number(rule.badFactor()),
        Sql.number(rule.elsewhereFactor()),
        Sql.flag(!command.dimensions().isEmpty()));
    for (String name : List.of("where", "why", "what", "who")) {
      sql.add("", storable(command.dimensions().getOrDefault(name, List.of())));
    }
    return sql.add("", storable(sparedPairs), storable(knownEdges), storable(knownMemories));
  }

  private static Argument storable(Collection<String> texts) {
    return Sql.texts(texts.stream().filter(text -> Texts.unstorable(text) < 0).toList());
  }

  private static String sorted(String column) {
    return "(" + SORTED.replace("${x}", column) + ")";
  }

  /** That none of a table's columns holds anything. */
  private static String nothing(Table<?> table) {
    List<String> nulls = new ArrayList<>();
    table.columns().forEach(column -> nulls.add(column.name() + " = NULL"));
    return String.join(", ", nulls);
  }

  private void read(Operation operation, ResultSet row) throws SQLException {
    int at = row.getMetaData().getColumnCount() - 3;
    String pair = row.getString(1);
    String fate = row.getString(at);
    long base = row.getLong(at + 1);
    if (pair == null) {
      all += (int) base;
      spared += fate.equals("spared") ? (int) base : 0;
      return;
    }
    if (fate.equals("left")) {
      left.add(Key.of(pair));
      return;
    }
    Version before = new Version(base, Table.digest(row, at + 2));
    switch (fate) {
      case "kept" -> changes.add(new Outcome.Change(before, edges.read(operation, row)));
      case "gone" -> changes.add(deleted(Kind.EDGE, Key.of(pair), before));
      default ->
          changes.add(deleted(Kind.OBSERVATION, Observation.key(pair, row.getInt(at + 3)), before));
    }
  }

  private Outcome.Change deleted(Kind<?> kind, Key key, Version before) {
    return new Outcome.Change(before, Stored.tombstone(kind, key, before.revision() + 1, opId));
  }
}

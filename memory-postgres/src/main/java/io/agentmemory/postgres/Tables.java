package io.agentmemory.postgres;

import static io.agentmemory.postgres.Member.Form.EMPTY_LIST;
import static io.agentmemory.postgres.Member.Form.EMPTY_MAP;
import static io.agentmemory.postgres.Member.Form.JSON;
import static io.agentmemory.postgres.Member.Form.NUMBER;
import static io.agentmemory.postgres.Member.Form.OWN_ID;
import static io.agentmemory.postgres.Member.Form.TEXT;
import static io.agentmemory.postgres.Member.Form.TEXTS;
import static io.agentmemory.postgres.Member.Form.YAML_NUMBER;
import static java.util.Objects.requireNonNull;

import io.agentmemory.Attestation;
import io.agentmemory.CoOccurrence;
import io.agentmemory.ContextGraph;
import io.agentmemory.DecayRun;
import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.Fingerprint;
import io.agentmemory.ImageLink;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Lesson;
import io.agentmemory.Memory;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryQuery.TimeField;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Observation;
import io.agentmemory.OtherFile;
import io.agentmemory.PendingCoOccurrence;
import io.agentmemory.Rejection;
import io.agentmemory.Session;
import io.agentmemory.SessionRecall;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.Vitals;
import io.agentmemory.internal.Texts;
import io.agentmemory.internal.TreeFile;
import io.agentmemory.spi.Canonical;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The tables of one namespace: which member of which record stands in which column. */
final class Tables {
  private static final int MOST_SPACES = 1000;

  /** What {@code front_matter} says of a memory whose file has no front matter. */
  private static final String NO_FRONT_MATTER = "{}";

  private final String schema;
  private final String namespace;
  private final Vectors vectors;
  private final Map<Kind<?>, Table<?>> tables = new HashMap<>();
  private final Map<String, Table<Embedding>> embeddings = new ConcurrentHashMap<>();

  /** The tables in {@code schema}, a quoted name. */
  Tables(String schema, String namespace, Vectors vectors) {
    this.schema = schema;
    this.namespace = namespace;
    this.vectors = vectors;
    List.of(
            memories(),
            coOccurrences(),
            edges(),
            observations(),
            imageLinks(),
            vectorSpaces(),
            sessions(),
            sessionRecalls(),
            rejections(),
            lessons(),
            contextGraphs(),
            otherFiles(),
            pendingCoOccurrences(),
            fingerprints(),
            vitals(),
            decayRuns(),
            attestations())
        .forEach(table -> tables.put(table.kind(), table));
  }

  /** The table of a kind; of embeddings, see {@link #embeddings}. */
  @SuppressWarnings("unchecked") // each table is of the kind it is kept under
  <T extends MemoryRecord> Table<T> of(Kind<T> kind) {
    return (Table<T>) requireNonNull(tables.get(kind), kind.name());
  }

  /** The table of a record: for an embedding that of its space. */
  @SuppressWarnings("unchecked") // T is Embedding there
  <T extends MemoryRecord> Table<T> of(Kind<T> kind, Key key) {
    return kind.equals(Kind.EMBEDDING) ? (Table<T>) embeddings(key.part(0)) : of(kind);
  }

  /** One space's part of the table of embeddings. */
  Table<Embedding> embeddings(String space) {
    Table<Embedding> known = embeddings.get(space);
    if (known == null) {
      known = makeEmbeddings(space);
      if (embeddings.size() < MOST_SPACES) { // asked for by name, so not to grow without end
        embeddings.put(space, known);
      }
    }
    return known;
  }

  private <T extends MemoryRecord> Table.Builder<T> table(
      Kind<T> kind, String name, Function<T, Value.Map> members) {
    return new Table.Builder<>(kind, schema, name, namespace, vectors, members);
  }

  /** The members under {@code members} in a record's tree, as most kinds have them. */
  private static Value.Map inner(MemoryRecord record) {
    return record.tree().get("members") instanceof Value.Map members ? members : Value.EMPTY_MAP;
  }

  private static Value.Map outer(Value.Map members) {
    return new Value.Map(Map.of("members", members));
  }

  /** A table of a kind whose content is members. Make it with {@link #ofMembers}. */
  private <T extends MemoryRecord> Table.Builder<T> membersTable(Kind<T> kind, String name) {
    return table(kind, name, Tables::inner);
  }

  private static <T extends MemoryRecord> Table.Maker<T> ofMembers(Kind<T> kind) {
    return Table.ofMembers(kind, Tables::outer);
  }

  private Table<Memory> memories() {
    return table(Kind.MEMORY, "memories", Memory::members)
        .key("id")
        .content("tier", ColumnType.TEXT, memory -> memory.tier().folder())
        .content("file_name", ColumnType.TEXT, Memory::fileName)
        .content("content", ColumnType.TEXT, Memory::content)
        .content("front_matter", ColumnType.JSON, Tables::irregular)
        .member("id", "has_id", OWN_ID)
        .member(TEXT, "type", "created", "event_time")
        .member(TEXTS, "tags")
        .member(YAML_NUMBER, "emotional_weight", "recall_count")
        .member(Memory.CO_OCCURRENCES, "has_co_occurrences", EMPTY_MAP)
        .member(TEXTS, "caused_by", "leads_to")
        .member(JSON, "entities")
        .member(TEXT, "last_recalled")
        .member(YAML_NUMBER, "sessions_since_recall")
        .member(TEXTS, "links")
        .member(JSON, "source", "retrieval_outcomes")
        .member(YAML_NUMBER, "retrieval_success_rate")
        .member(TEXTS, "topic_context", "contact_context")
        .member(JSON, "platforms")
        .member(TEXTS, "platform_context")
        .member(TEXT, "promoted_at", "promoted_reason", "compressed_at")
        .member(YAML_NUMBER, "original_length")
        .member(TEXTS, "consolidated_from")
        .member(TEXT, "consolidated_at", "archived_at", "archived_reason", "quarantined_at")
        .member(JSON, "injection_warnings")
        .member(TEXT, "approved_at", "rejected_at", "rejection_reason", "agent_name")
        .derived("created_at", ColumnType.TIME, memory -> time(memory.createdAt()))
        .derived("event_at", ColumnType.TIME, memory -> time(memory.eventAt()))
        .derived("created_day", ColumnType.TEXT, memory -> day(memory, TimeField.CREATED))
        .derived("event_day", ColumnType.TEXT, memory -> day(memory, TimeField.EVENT))
        .derived("weight", ColumnType.DOUBLE, Tables::weight)
        .derived("tags_folded", ColumnType.TEXTS, memory -> List.copyOf(memory.foldedTags()))
        .derived(
            "entities_folded", ColumnType.TEXTS, memory -> List.copyOf(memory.foldedEntities()))
        .derived("content_folded", ColumnType.TEXT, memory -> Texts.fold(memory.content()))
        .make(Tables::memory);
  }

  private static @Nullable Object irregular(Memory memory) {
    Value frontMatter = memory.frontMatter();
    if (frontMatter == null) {
      return NO_FRONT_MATTER;
    }
    return frontMatter instanceof Value.Map ? null : Canonical.json(frontMatter);
  }

  private static Memory memory(Key key, Map<String, @Nullable Object> content, Value.Map members) {
    String irregular = (String) content.get("front_matter");
    Value frontMatter = members;
    if (irregular != null) {
      frontMatter = irregular.equals(NO_FRONT_MATTER) ? null : Canonical.parse(irregular);
    }
    return new Memory(
        key.part(0),
        Tier.ofFolder(text(content, "tier"))
            .orElseThrow(() -> new IllegalArgumentException("an unknown tier")),
        text(content, "file_name"),
        text(content, "content"),
        frontMatter);
  }

  private static String text(Map<String, @Nullable Object> content, String column) {
    if (content.get(column) instanceof String text) {
      return text;
    }
    throw new IllegalArgumentException("null in " + column);
  }

  private static @Nullable OffsetDateTime time(Optional<Instant> instant) {
    return instant.map(at -> at.atOffset(ZoneOffset.UTC)).orElse(null);
  }

  private static @Nullable String day(Memory memory, TimeField field) {
    return MemoryQuery.day(memory, field).orElse(null);
  }

  private static @Nullable Double weight(Memory memory) {
    return memory.weight().isPresent() ? (Double) memory.weight().getAsDouble() : null;
  }

  private Table<CoOccurrence> coOccurrences() {
    return table(Kind.CO_OCCURRENCE, "co_occurrences", CoOccurrence::tree)
        .key("from_id", "to_id")
        .member(YAML_NUMBER, "count")
        .single()
        .placed()
        .make(Table.ofMembers(Kind.CO_OCCURRENCE, members -> members));
  }

  private Table<Edge> edges() {
    return membersTable(Kind.EDGE, "edges")
        .key("pair")
        .member(Edge.OBSERVATIONS, "has_observations", EMPTY_LIST)
        .member(NUMBER, "belief")
        .member(TEXT, "first_formed", "last_updated")
        .member(JSON, "platform_context", "activity_context")
        .member(TEXTS, "thinking_about")
        .member(JSON, "topic_context")
        .member(TEXTS, "contact_context")
        .derived("id1", ColumnType.TEXT, edge -> edge.first().orElse(null))
        .derived("id2", ColumnType.TEXT, edge -> edge.second().orElse(null))
        .placed()
        .make(Tables.ofMembers(Kind.EDGE));
  }

  private Table<Observation> observations() {
    return membersTable(Kind.OBSERVATION, "observations")
        .keyWithOrdinal("pair")
        .member("id", "observation_id", TEXT)
        .member(TEXT, "observed_at")
        .member(JSON, "source")
        .member(NUMBER, "weight")
        .member(TEXT, "trust_tier")
        .make(Tables.ofMembers(Kind.OBSERVATION));
  }

  private Table<ImageLink> imageLinks() {
    return table(Kind.IMAGE_LINK, "image_links", ImageLink::tree)
        .key("image")
        .member(TEXTS, "links")
        .single()
        .derived("memory_ids", ColumnType.TEXTS, link -> List.copyOf(link.owners()))
        .make(Table.ofMembers(Kind.IMAGE_LINK, members -> members));
  }

  private Table<Session> sessions() {
    return table(Kind.SESSION, "sessions", Tables::inner)
        .key("name")
        .member(TEXT, "started")
        .member(TEXTS, "retrieved")
        .member(JSON, Session.RECALLS)
        .member(TEXT, "last_updated")
        .derived("started_at", ColumnType.TIME, session -> time(session.startedAt()))
        .make(Table.ofMembers(Kind.SESSION, Tables::outer));
  }

  private Table<SessionRecall> sessionRecalls() {
    return table(Kind.SESSION_RECALL, "session_recalls", SessionRecall::tree)
        .key("source", "memory_id")
        .single()
        .make(Table.ofMembers(Kind.SESSION_RECALL, members -> members));
  }

  private Table<Rejection> rejections() {
    return membersTable(Kind.REJECTION, "rejections")
        .keyWithOrdinal()
        .member("timestamp", "logged", TEXT)
        .member(TEXT, "category", "reason", "target", "context")
        .member(TEXTS, "tags")
        .member(TEXT, "source", "session_activity")
        .member(TEXTS, "session_platforms", "thinking_about")
        .make(Tables.ofMembers(Kind.REJECTION));
  }

  private Table<Lesson> lessons() {
    return membersTable(Kind.LESSON, "lessons")
        .keyWithOrdinal()
        .member("id", "lesson_id", TEXT)
        .member(TEXT, "category", "lesson", "evidence", "source")
        .member(NUMBER, "confidence")
        .member(TEXT, "created")
        .member(NUMBER, "recalled_count")
        .member(TEXT, "last_recalled")
        .make(Tables.ofMembers(Kind.LESSON));
  }

  private Table<ContextGraph> contextGraphs() {
    return membersTable(Kind.CONTEXT_GRAPH, "context_graphs")
        .key("name")
        .member(JSON, "meta", "edges")
        .member(TEXTS, "hubs")
        .member(JSON, "stats")
        .derived("dimension", ColumnType.TEXT, graph -> graph.dimension().orElse(null))
        .derived("sub_view", ColumnType.TEXT, graph -> graph.subView().orElse(null))
        .make(Tables.ofMembers(Kind.CONTEXT_GRAPH));
  }

  private Table<OtherFile> otherFiles() {
    return table(Kind.VALUE, "other_files", OtherFile::tree)
        .key("path")
        .member(JSON, "value")
        .single()
        .make(Table.ofMembers(Kind.VALUE, members -> members));
  }

  private Table<PendingCoOccurrence> pendingCoOccurrences() {
    return membersTable(Kind.PENDING_CO_OCCURRENCE, "pending_co_occurrences")
        .key("name")
        .member(TEXTS, "retrieved")
        .member(TEXT, "session_id", "agent", "saved_at")
        .member(JSON, "sessions")
        .make(Tables.ofMembers(Kind.PENDING_CO_OCCURRENCE));
  }

  private Table<Fingerprint> fingerprints() {
    return membersTable(Kind.FINGERPRINT, "fingerprints")
        .keyWithOrdinal()
        .member("timestamp", "logged", TEXT)
        .member(TEXT, "fingerprint_hash")
        .member(NUMBER, "node_count", "edge_count", "cluster_count")
        .member(TEXTS, "hub_ids_top5")
        .member(NUMBER, "drift_score")
        .derived("at", ColumnType.TIME, fingerprint -> time(fingerprint.at()))
        .make(Tables.ofMembers(Kind.FINGERPRINT));
  }

  private Table<Vitals> vitals() {
    return membersTable(Kind.VITALS, "vitals")
        .keyWithOrdinal()
        .member("timestamp", "logged", TEXT)
        .member(JSON, "metrics")
        .derived("at", ColumnType.TIME, vitals -> time(vitals.at()))
        .make(Tables.ofMembers(Kind.VITALS));
  }

  private Table<DecayRun> decayRuns() {
    return membersTable(Kind.DECAY_RUN, "decay_runs")
        .keyWithOrdinal()
        .member("timestamp", "logged", TEXT)
        .member(NUMBER, "decayed", "pruned")
        .derived("at", ColumnType.TIME, run -> time(run.at()))
        .make(Tables.ofMembers(Kind.DECAY_RUN));
  }

  private Table<Attestation> attestations() {
    return membersTable(Kind.ATTESTATION, "attestations")
        .key("type", "name")
        .member(TEXT, "version", "agent")
        .member("timestamp", "logged", TEXT)
        .member(NUMBER, "memory_count")
        .member(TEXT, "merkle_root", "previous_root")
        .member(NUMBER, "chain_depth")
        .member(JSON, "nostr_published", "file_hashes")
        .member(TEXT, "fingerprint_hash", "taste_hash", "attestation_hash")
        .member(TEXT, "event_id_hex", "event_id_bech32", "public_key", "nostr_link")
        .derived("hash", ColumnType.TEXT, attestation -> attestation.hash().orElse(null))
        .derived("at", ColumnType.TIME, attestation -> time(attestation.at()))
        .make(Tables.ofMembers(Kind.ATTESTATION));
  }

  private Table<VectorSpace> vectorSpaces() {
    return table(Kind.VECTOR_SPACE, "vector_space", Tables::inner)
        .key("name")
        .member(TEXT, "model")
        .member(NUMBER, "embedding_dim", "dimensions")
        .derived("id", ColumnType.LONG, space -> Spaces.id(namespace, space.name()))
        .derived("dims", ColumnType.INTEGER, Tables::dimensions)
        .make(Table.ofMembers(Kind.VECTOR_SPACE, Tables::outer));
  }

  private static @Nullable Integer dimensions(VectorSpace space) {
    return space.dimensions().isPresent() ? (Integer) space.dimensions().getAsInt() : null;
  }

  private Table<Embedding> makeEmbeddings(String space) {
    return table(Kind.EMBEDDING, "embeddings", Embedding::members)
        .key(
            List.of(new Table.KeyColumn("target", ColumnType.TEXT, key -> key.part(1))),
            row -> {
              try {
                return Key.of(space, row.getString(1));
              } catch (SQLException e) {
                throw new Table.SqlFailure(e);
              }
            })
        .part(new Table.Part(space, Spaces.id(namespace, space)))
        .content("embedding", ColumnType.VECTOR, Embedding::vector)
        .member(TEXT, "preview", "path", "indexed_at")
        .member(NUMBER, "size_bytes")
        .derived("dims", ColumnType.INTEGER, Embedding::dimensions)
        .derived("extreme", ColumnType.FLAG, Tables::extreme)
        .make(
            (key, content, members) ->
                Embedding.of(
                    space,
                    key.part(1),
                    (float[]) requireNonNull(content.get("embedding")),
                    members));
  }

  /** Whether a database can hold a record of this key at all; if not, it holds none. */
  static boolean canHold(Kind<?> kind, Key key) {
    return TreeFile.isKey(kind, key);
  }

  /** The namespace whose rows these are. */
  String namespace() {
    return namespace;
  }

  /** The schema, quoted. */
  String schema() {
    return schema;
  }

  Vectors vectors() {
    return vectors;
  }

  private static @Nullable Boolean extreme(Embedding embedding) {
    return Vectors.isExtreme(embedding.vector()) ? Boolean.TRUE : null;
  }

  /** The name of a kind's table, without its schema. */
  String nameOf(Kind<?> kind) {
    if (kind.equals(Kind.EMBEDDING)) {
      return "embeddings";
    }
    String name = of(kind).name();
    return name.substring(name.indexOf('.') + 1);
  }
}

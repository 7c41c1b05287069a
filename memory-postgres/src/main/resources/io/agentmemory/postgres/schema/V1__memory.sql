-- The tables of agent memory, version 1. The only placeholder is the name of the schema.
--
-- Every table of records has the same control columns: revision, digest (SHA-256 of the content),
-- op_id (the operation that wrote it) and deleted. A deleted record stays as a row whose content
-- is null: its revision keeps older states from coming back.
-- A member of a record stands in its own column where its value fits the column's type; the rest
-- stands in "extra", as JSON. "members" holds the order of the members where it is not the order
-- of the columns. The derived columns are filled by the application.
-- Numbers are numeric: scale 0 is an integer, any other scale a float (1 is not 1.0).

SET LOCAL lock_timeout = '1s';

CREATE TABLE ${schema}.schema_version (
  version integer PRIMARY KEY
);

-- Operations that took effect, so that repeating one changes nothing.
CREATE TABLE ${schema}.applied_ops (
  namespace text COLLATE "C" NOT NULL,
  op_id uuid NOT NULL,
  state text COLLATE "C" NOT NULL CHECK (state IN ('applied', 'aborted')),
  at timestamptz NOT NULL,
  changes json, -- what it changed: kind, key, and the revision and digest that were there before
  PRIMARY KEY (namespace, op_id)
);

-- How far a move to or from another store is. A transaction of a guarded owner holds its row.
CREATE TABLE ${schema}.stage_register (
  namespace text COLLATE "C" PRIMARY KEY,
  epoch bigint NOT NULL CHECK (epoch >= 1),
  document json NOT NULL
);

CREATE TABLE ${schema}.memories (
  namespace text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  revision bigint NOT NULL CHECK (revision >= 1),
  digest bytea CHECK (octet_length(digest) = 32),
  op_id uuid,
  deleted boolean NOT NULL CHECK (deleted = (digest IS NULL)),
  tier text COLLATE "C" CHECK (tier IN ('core', 'active', 'archive')),
  file_name text COLLATE "C",
  content text COLLATE "C",
  front_matter json, -- null: a map, in the columns; {}: there is none; else: what stands there
  -- the front matter
  has_id boolean, -- it says the id
  type text COLLATE "C",
  created text COLLATE "C",
  event_time text COLLATE "C",
  tags text[] COLLATE "C",
  emotional_weight numeric,
  recall_count numeric,
  has_co_occurrences boolean, -- it has the map whose entries are in co_occurrences
  caused_by text[] COLLATE "C",
  leads_to text[] COLLATE "C",
  entities json,
  last_recalled text COLLATE "C",
  sessions_since_recall numeric,
  links text[] COLLATE "C",
  source json,
  retrieval_outcomes json,
  retrieval_success_rate numeric,
  topic_context text[] COLLATE "C",
  contact_context text[] COLLATE "C",
  platforms json,
  platform_context text[] COLLATE "C",
  promoted_at text COLLATE "C",
  promoted_reason text COLLATE "C",
  compressed_at text COLLATE "C",
  original_length numeric,
  consolidated_from text[] COLLATE "C",
  consolidated_at text COLLATE "C",
  archived_at text COLLATE "C",
  archived_reason text COLLATE "C",
  quarantined_at text COLLATE "C",
  injection_warnings json,
  approved_at text COLLATE "C",
  rejected_at text COLLATE "C",
  rejection_reason text COLLATE "C",
  agent_name text COLLATE "C",
  extra json,
  members text[] COLLATE "C",
  -- derived
  created_at timestamptz,
  event_at timestamptz,
  created_day text COLLATE "C",
  event_day text COLLATE "C",
  weight double precision,
  tags_folded text[] COLLATE "C",
  entities_folded text[] COLLATE "C", -- kind:name
  content_folded text COLLATE "C",
  -- what the file side reported of the memory's file; it holds while leaf_ops is what it was then
  leaf bytea CHECK (octet_length(leaf) = 32), -- SHA-256 of the bytes
  leaf_tagged boolean, -- it tells platforms within its first 500 characters
  leaf_ops bytea, -- SHA-256 of the op_ids of the memory and all its co_occurrences
  PRIMARY KEY (namespace, id),
  -- Files could not hold two; checked at the end, so that one batch may hand a name on. The namespace
  -- is not first: to the planner, this index would do as well as the primary key while the table is
  -- small, and a connection that keeps such a plan reads all of a namespace for each memory.
  CONSTRAINT memories_file UNIQUE (tier, namespace, file_name) DEFERRABLE INITIALLY DEFERRED,
  CHECK (
    CASE WHEN deleted THEN num_nonnulls(tier, file_name, content, front_matter, extra) = 0
    ELSE num_nulls(tier, file_name, content) = 0 END)
) WITH (fillfactor = 90);

CREATE INDEX memories_newest ON ${schema}.memories
  (namespace, created_at DESC NULLS LAST, id) WHERE NOT deleted;
CREATE INDEX memories_created_day ON ${schema}.memories
  (namespace, created_day DESC NULLS LAST) WHERE NOT deleted;
CREATE INDEX memories_event_day ON ${schema}.memories
  (namespace, event_day DESC NULLS LAST) WHERE NOT deleted;
CREATE INDEX memories_tags ON ${schema}.memories USING gin (tags_folded) WHERE NOT deleted;
CREATE INDEX memories_entities ON ${schema}.memories USING gin (entities_folded) WHERE NOT deleted;

-- What a file lists is in order of place. A batch draws one number and counts on from it, while it
-- holds the rows that it places: so places only rise, though other batches draw too.
CREATE SEQUENCE ${schema}.places INCREMENT 16777216 START 16777216;

CREATE TABLE ${schema}.co_occurrences (
  namespace text COLLATE "C" NOT NULL,
  from_id text COLLATE "C" NOT NULL,
  to_id text COLLATE "C" NOT NULL,
  revision bigint NOT NULL CHECK (revision >= 1),
  digest bytea CHECK (octet_length(digest) = 32),
  op_id uuid,
  deleted boolean NOT NULL CHECK (deleted = (digest IS NULL)),
  count numeric,
  extra json,
  place bigint, -- no content: what orders the counts of one memory
  PRIMARY KEY (namespace, from_id, to_id),
  CHECK (num_nonnulls(count, extra) = CASE WHEN deleted THEN 0 ELSE 1 END),
  CHECK ((place IS NULL) = deleted)
) WITH (fillfactor = 90);

CREATE TABLE ${schema}.edges (
  namespace text COLLATE "C" NOT NULL,
  pair text COLLATE "C" NOT NULL,
  revision bigint NOT NULL CHECK (revision >= 1),
  digest bytea CHECK (octet_length(digest) = 32),
  op_id uuid,
  deleted boolean NOT NULL CHECK (deleted = (digest IS NULL)),
  has_observations boolean, -- it has the list whose entries are in observations
  belief numeric,
  first_formed text COLLATE "C",
  last_updated text COLLATE "C",
  platform_context json,
  activity_context json,
  thinking_about text[] COLLATE "C",
  topic_context json,
  contact_context text[] COLLATE "C",
  extra json,
  members text[] COLLATE "C",
  -- derived
  id1 text COLLATE "C",
  id2 text COLLATE "C",
  place bigint, -- no content: what orders the edges
  PRIMARY KEY (namespace, pair),
  CHECK (NOT deleted OR num_nonnulls(belief, first_formed, last_updated, extra) = 0),
  CHECK ((place IS NULL) = deleted)
) WITH (fillfactor = 90);

CREATE TABLE ${schema}.observations (
  namespace text COLLATE "C" NOT NULL,
  pair text COLLATE "C" NOT NULL,
  ordinal integer NOT NULL CHECK (ordinal BETWEEN 0 AND 99999999),
  revision bigint NOT NULL CHECK (revision >= 1),
  digest bytea CHECK (octet_length(digest) = 32),
  op_id uuid,
  deleted boolean NOT NULL CHECK (deleted = (digest IS NULL)),
  observation_id text COLLATE "C",
  observed_at text COLLATE "C",
  source json,
  weight numeric,
  trust_tier text COLLATE "C",
  extra json,
  members text[] COLLATE "C",
  PRIMARY KEY (namespace, pair, ordinal),
  CHECK (NOT deleted OR num_nonnulls(observation_id, observed_at, source, extra) = 0)
);

CREATE TABLE ${schema}.image_links (
  namespace text COLLATE "C" NOT NULL,
  image text COLLATE "C" NOT NULL,
  revision bigint NOT NULL CHECK (revision >= 1),
  digest bytea CHECK (octet_length(digest) = 32),
  op_id uuid,
  deleted boolean NOT NULL CHECK (deleted = (digest IS NULL)),
  links text[] COLLATE "C",
  extra json,
  -- derived: the ids that the links mean
  memory_ids text[] COLLATE "C",
  PRIMARY KEY (namespace, image),
  CHECK (num_nonnulls(links, extra) = CASE WHEN deleted THEN 0 ELSE 1 END)
);

CREATE INDEX image_links_memories ON ${schema}.image_links USING gin (memory_ids) WHERE NOT deleted;

CREATE TABLE ${schema}.sessions (
  namespace text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL, -- current: the one that is going on
  revision bigint NOT NULL CHECK (revision >= 1),
  digest bytea CHECK (octet_length(digest) = 32),
  op_id uuid,
  deleted boolean NOT NULL CHECK (deleted = (digest IS NULL)),
  started text COLLATE "C",
  retrieved text[] COLLATE "C",
  recalls_by_source json, -- the sources; what was recalled by each is in session_recalls
  last_updated text COLLATE "C",
  extra json,
  members text[] COLLATE "C",
  -- derived
  started_at timestamptz,
  PRIMARY KEY (namespace, name),
  CHECK (NOT deleted OR num_nonnulls(started, retrieved, recalls_by_source, extra) = 0)
);

CREATE TABLE ${schema}.session_recalls (
  namespace text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  memory_id text COLLATE "C" NOT NULL,
  revision bigint NOT NULL CHECK (revision >= 1),
  digest bytea CHECK (octet_length(digest) = 32),
  op_id uuid,
  deleted boolean NOT NULL CHECK (deleted = (digest IS NULL)),
  extra json,
  PRIMARY KEY (namespace, source, memory_id)
);

CREATE TABLE ${schema}.rejections (
  namespace text COLLATE "C" NOT NULL,
  ordinal integer NOT NULL CHECK (ordinal BETWEEN 0 AND 99999999), -- place in its list
  revision bigint NOT NULL CHECK (revision >= 1),
  digest bytea CHECK (octet_length(digest) = 32),
  op_id uuid,
  deleted boolean NOT NULL CHECK (deleted = (digest IS NULL)),
  logged text COLLATE "C", -- the member timestamp
  category text COLLATE "C",
  reason text COLLATE "C",
  target text COLLATE "C",
  context text COLLATE "C",
  tags text[] COLLATE "C",
  source text COLLATE "C",
  session_activity text COLLATE "C",
  session_platforms text[] COLLATE "C",
  thinking_about text[] COLLATE "C",
  extra json,
  members text[] COLLATE "C",
  PRIMARY KEY (namespace, ordinal),
  CHECK (NOT deleted OR num_nonnulls(logged, category, reason, target, context, extra) = 0)
);

CREATE TABLE ${schema}.lessons (
  namespace text COLLATE "C" NOT NULL,
  ordinal integer NOT NULL CHECK (ordinal BETWEEN 0 AND 99999999), -- place in its list
  revision bigint NOT NULL CHECK (revision >= 1),
  digest bytea CHECK (octet_length(digest) = 32),
  op_id uuid,
  deleted boolean NOT NULL CHECK (deleted = (digest IS NULL)),
  lesson_id text COLLATE "C", -- the member id
  category text COLLATE "C",
  lesson text COLLATE "C",
  evidence text COLLATE "C",
  source text COLLATE "C",
  confidence numeric,
  created text COLLATE "C",
  recalled_count numeric,
  last_recalled text COLLATE "C",
  extra json,
  members text[] COLLATE "C",
  PRIMARY KEY (namespace, ordinal),
  CHECK (NOT deleted OR num_nonnulls(lesson_id, category, lesson, evidence, source, extra) = 0)
) WITH (fillfactor = 90);

CREATE TABLE ${schema}.context_graphs (
  namespace text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  revision bigint NOT NULL CHECK (revision >= 1),
  digest bytea CHECK (octet_length(digest) = 32),
  op_id uuid,
  deleted boolean NOT NULL CHECK (deleted = (digest IS NULL)),
  meta json,
  edges json,
  hubs text[] COLLATE "C",
  stats json,
  extra json,
  members text[] COLLATE "C",
  -- derived, of meta
  dimension text COLLATE "C",
  sub_view text COLLATE "C",
  PRIMARY KEY (namespace, name),
  CHECK (NOT deleted OR num_nonnulls(meta, edges, hubs, stats, extra) = 0)
);

CREATE TABLE ${schema}.other_files (
  namespace text COLLATE "C" NOT NULL,
  path text COLLATE "C" NOT NULL,
  revision bigint NOT NULL CHECK (revision >= 1),
  digest bytea CHECK (octet_length(digest) = 32),
  op_id uuid,
  deleted boolean NOT NULL CHECK (deleted = (digest IS NULL)),
  value json,
  extra json, -- never used: whatever a value is, it is JSON
  PRIMARY KEY (namespace, path),
  CHECK ((value IS NULL) = deleted AND extra IS NULL)
);

CREATE TABLE ${schema}.pending_co_occurrences (
  namespace text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL, -- current: there is one at most
  revision bigint NOT NULL CHECK (revision >= 1),
  digest bytea CHECK (octet_length(digest) = 32),
  op_id uuid,
  deleted boolean NOT NULL CHECK (deleted = (digest IS NULL)),
  retrieved text[] COLLATE "C",
  session_id text COLLATE "C",
  agent text COLLATE "C",
  saved_at text COLLATE "C",
  sessions json,
  extra json,
  members text[] COLLATE "C",
  PRIMARY KEY (namespace, name),
  CHECK (NOT deleted OR num_nonnulls(retrieved, session_id, agent, saved_at, sessions, extra) = 0)
);

CREATE TABLE ${schema}.fingerprints (
  namespace text COLLATE "C" NOT NULL,
  ordinal integer NOT NULL CHECK (ordinal BETWEEN 0 AND 99999999), -- place in its list
  revision bigint NOT NULL CHECK (revision >= 1),
  digest bytea CHECK (octet_length(digest) = 32),
  op_id uuid,
  deleted boolean NOT NULL CHECK (deleted = (digest IS NULL)),
  logged text COLLATE "C", -- the member timestamp
  fingerprint_hash text COLLATE "C",
  node_count numeric,
  edge_count numeric,
  cluster_count numeric,
  hub_ids_top5 text[] COLLATE "C",
  drift_score numeric,
  extra json,
  members text[] COLLATE "C",
  -- derived
  at timestamptz,
  PRIMARY KEY (namespace, ordinal),
  CHECK (
    NOT deleted
    OR num_nonnulls(
      logged, fingerprint_hash, node_count, edge_count, cluster_count, hub_ids_top5, drift_score, extra) = 0)
);

CREATE INDEX fingerprints_at ON ${schema}.fingerprints (namespace, at) WHERE NOT deleted;

CREATE TABLE ${schema}.vitals (
  namespace text COLLATE "C" NOT NULL,
  ordinal integer NOT NULL CHECK (ordinal BETWEEN 0 AND 99999999), -- place in its list
  revision bigint NOT NULL CHECK (revision >= 1),
  digest bytea CHECK (octet_length(digest) = 32),
  op_id uuid,
  deleted boolean NOT NULL CHECK (deleted = (digest IS NULL)),
  logged text COLLATE "C", -- the member timestamp
  metrics json,
  extra json,
  members text[] COLLATE "C",
  -- derived
  at timestamptz,
  PRIMARY KEY (namespace, ordinal),
  CHECK (NOT deleted OR num_nonnulls(logged, metrics, extra) = 0)
);

CREATE INDEX vitals_at ON ${schema}.vitals (namespace, at) WHERE NOT deleted;

CREATE TABLE ${schema}.decay_runs (
  namespace text COLLATE "C" NOT NULL,
  ordinal integer NOT NULL CHECK (ordinal BETWEEN 0 AND 99999999), -- place in its list
  revision bigint NOT NULL CHECK (revision >= 1),
  digest bytea CHECK (octet_length(digest) = 32),
  op_id uuid,
  deleted boolean NOT NULL CHECK (deleted = (digest IS NULL)),
  logged text COLLATE "C", -- the member timestamp
  decayed numeric,
  pruned numeric,
  extra json,
  members text[] COLLATE "C",
  -- derived
  at timestamptz,
  PRIMARY KEY (namespace, ordinal),
  CHECK (NOT deleted OR num_nonnulls(logged, decayed, pruned, extra) = 0)
);

CREATE INDEX decay_runs_at ON ${schema}.decay_runs (namespace, at) WHERE NOT deleted;

CREATE TABLE ${schema}.attestations (
  namespace text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL, -- merkle, taste, cognitive, nostr
  name text COLLATE "C" NOT NULL, -- place in its list in eight digits, or latest
  revision bigint NOT NULL CHECK (revision >= 1),
  digest bytea CHECK (octet_length(digest) = 32),
  op_id uuid,
  deleted boolean NOT NULL CHECK (deleted = (digest IS NULL)),
  version text COLLATE "C",
  agent text COLLATE "C",
  logged text COLLATE "C", -- the member timestamp
  memory_count numeric,
  merkle_root text COLLATE "C",
  previous_root text COLLATE "C",
  chain_depth numeric,
  nostr_published json,
  file_hashes json,
  fingerprint_hash text COLLATE "C",
  taste_hash text COLLATE "C",
  attestation_hash text COLLATE "C",
  event_id_hex text COLLATE "C",
  event_id_bech32 text COLLATE "C",
  public_key text COLLATE "C",
  nostr_link text COLLATE "C",
  extra json,
  members text[] COLLATE "C",
  -- derived
  hash text COLLATE "C", -- what it attests to
  at timestamptz,
  PRIMARY KEY (namespace, type, name),
  CHECK (
    NOT deleted
    OR num_nonnulls(
      version, agent, logged, memory_count, merkle_root, previous_root,
      chain_depth, nostr_published, file_hashes, fingerprint_hash, taste_hash, attestation_hash,
      event_id_hex, event_id_bech32, public_key, nostr_link, extra) = 0)
);

CREATE INDEX attestations_at ON ${schema}.attestations (namespace, type, at) WHERE NOT deleted;

CREATE TABLE ${schema}.vector_space (
  namespace text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  id bigint NOT NULL UNIQUE, -- made from namespace and name; the partition of embeddings
  revision bigint NOT NULL CHECK (revision >= 1),
  digest bytea CHECK (octet_length(digest) = 32),
  op_id uuid,
  deleted boolean NOT NULL CHECK (deleted = (digest IS NULL)),
  model text COLLATE "C",
  embedding_dim numeric,
  dimensions numeric,
  extra json,
  members text[] COLLATE "C",
  -- derived
  dims integer, -- floats per vector, null if the space does not say
  metric text COLLATE "C" NOT NULL DEFAULT 'cosine' CHECK (metric = 'cosine'),
  PRIMARY KEY (namespace, name),
  CHECK (NOT deleted OR num_nonnulls(model, embedding_dim, dimensions, extra) = 0)
);

-- Vectors are of type vector where the extension is or can be had, else real[]. One partition per
-- space is made along with the space, by whoever has the right to; rows of other spaces (without
-- that right; tombstones in spaces never seen here) go to the default partition. No foreign key to memories: vectors of what is no memory occur.
DO $embeddings$
DECLARE
  vector_type text;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'vector')
     AND EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'vector') THEN
    BEGIN
      CREATE EXTENSION vector SCHEMA public;
    EXCEPTION
      -- not ours to create, or somebody else is creating it just now
      WHEN insufficient_privilege OR invalid_schema_name OR undefined_file
        OR duplicate_object OR unique_violation THEN
        NULL;
    END;
  END IF;
  SELECT quote_ident(n.nspname) || '.vector' INTO vector_type
    FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'vector';
  EXECUTE format($table$
    CREATE TABLE ${schema}.embeddings (
      namespace text COLLATE "C" NOT NULL,
      target text COLLATE "C" NOT NULL,
      space_id bigint NOT NULL, -- made from namespace and space
      space text COLLATE "C" NOT NULL,
      revision bigint NOT NULL CHECK (revision >= 1),
      digest bytea CHECK (octet_length(digest) = 32),
      op_id uuid,
      deleted boolean NOT NULL CHECK (deleted = (digest IS NULL)),
      embedding %s,
      preview text COLLATE "C",
      path text COLLATE "C",
      indexed_at text COLLATE "C",
      size_bytes numeric,
      extra json,
      members text[] COLLATE "C",
      -- derived
      dims integer,
      extreme boolean, -- so large or small that squares of its floats are no floats
      PRIMARY KEY (namespace, target, space_id),
      CHECK (CASE WHEN deleted THEN num_nonnulls(embedding, dims) = 0
        ELSE num_nulls(embedding, dims) = 0 END),
      CHECK (NOT deleted OR num_nonnulls(preview, path, extra) = 0)
    ) PARTITION BY LIST (space_id)$table$, coalesce(vector_type, 'real[]'));
  -- What else a row has goes out of line first, so that a vector that fits a page stays in it, and
  -- as it is; one that does not fit is stored all the same. Partitions take this over.
  ALTER TABLE ${schema}.embeddings ALTER COLUMN embedding SET STORAGE MAIN;
END
$embeddings$;

CREATE TABLE ${schema}.embeddings_default PARTITION OF ${schema}.embeddings DEFAULT
  WITH (toast_tuple_target = 8160);

INSERT INTO ${schema}.schema_version (version) VALUES (1);

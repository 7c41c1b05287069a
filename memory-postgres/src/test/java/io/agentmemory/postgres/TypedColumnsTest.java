package io.agentmemory.postgres;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.CoOccurrence;
import io.agentmemory.CorruptMemoryException;
import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.ImageLink;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryHead;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Observation;
import io.agentmemory.ScanRange;
import io.agentmemory.SimilarQuery;
import io.agentmemory.SimilarQuery.Hit;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.spi.Canonical;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What stands in which column, and that it comes back as it was. */
@Tag("postgres")
class TypedColumnsTest {
  private static TestDatabase database;

  private PostgresMemoryStore store;
  private String namespace;

  @BeforeAll
  static void create() {
    database = TestDatabase.create("columns");
  }

  @AfterAll
  static void drop() {
    database.close();
  }

  @BeforeEach
  void open() {
    store = database.open();
    namespace = store.namespace();
  }

  @AfterEach
  void close() {
    store.close();
  }

  private static Value.Map map(Object... keysAndValues) {
    Map<String, Value> map = new LinkedHashMap<>();
    for (int i = 0; i < keysAndValues.length; i += 2) {
      map.put((String) keysAndValues[i], (Value) keysAndValues[i + 1]);
    }
    return new Value.Map(map);
  }

  private static Memory memory(String id, Value.Map members) {
    return new Memory(id, Tier.ACTIVE, "a-" + id + ".md", "Body", members.with("id", text(id)));
  }

  private static Value text(String text) {
    return Value.of(text);
  }

  private void put(MemoryRecord... records) {
    store.execute(
        new PutRecords(Stream.of(records).map(record -> new PutRecords.Put(record, 1)).toList()));
  }

  /** What a store hands out of this record, read in each of the ways there are. */
  private <T extends MemoryRecord> T readBack(Kind<T> kind, Key key) {
    T record = requireNonNull(store.read(kind, key).orElseThrow().value());
    assertThat(store.readAll(kind, List.of(key))).extracting(Stored::value).containsExactly(record);
    try (Stream<Stored<T>> scan = store.scan(kind)) {
      assertThat(scan.filter(stored -> stored.key().equals(key)))
          .extracting(Stored::value)
          .containsExactly(record);
    }
    return record;
  }

  private String column(String table, String column) throws SQLException {
    return database.one(
        "SELECT "
            + column
            + " FROM agent_memory."
            + table
            + " WHERE namespace = '"
            + namespace
            + "'");
  }

  /** Changes records of the test's namespace behind the store's back. */
  private void set(String table, String what, String where) throws SQLException {
    database.sql(
        "UPDATE agent_memory."
            + table
            + " SET "
            + what
            + " WHERE namespace = '"
            + namespace
            + "' AND "
            + where);
  }

  @Test
  void givenDocumentedMembers_whenPut_thenEachStandsInItsColumn() throws SQLException {
    put(
        memory(
            "m",
            map(
                "type", text("core"),
                "created", text("2026-02-10T11:52:05.123456+00:00"),
                "event_time", text("2026-02-31"),
                "tags", Value.Seq.ofTexts(List.of("Big, \"Tag\"", "ümlaut", "back\\slash", "")),
                "emotional_weight", Value.of(0.55),
                "recall_count", Value.of(3),
                "co_occurrences", Value.EMPTY_MAP,
                "entities", map("agents", Value.Seq.ofTexts(List.of("lex"))),
                "platforms", map("z", Value.of(1.0), "a", Value.of(1)))));

    assertThat(column("memories", "type")).isEqualTo("core");
    assertThat(column("memories", "tags[1]")).isEqualTo("Big, \"Tag\"");
    assertThat(column("memories", "tags[3]")).isEqualTo("back\\slash");
    assertThat(column("memories", "tags_folded[1]")).isEqualTo("big, \"tag\"");
    assertThat(column("memories", "emotional_weight")).isEqualTo("0.55");
    assertThat(column("memories", "recall_count")).isEqualTo("3");
    assertThat(column("memories", "has_co_occurrences")).isEqualTo("t");
    assertThat(column("memories", "entities ->> 'agents'")).isEqualTo("[\"lex\"]");
    assertThat(column("memories", "platforms")).isEqualTo("{\"z\":1.0,\"a\":1}");
    assertThat(column("memories", "extra")).isEqualTo("null");
    assertThat(column("memories", "created_at AT TIME ZONE 'UTC'"))
        .isEqualTo("2026-02-10 11:52:05.123456");
    assertThat(column("memories", "event_at")).isEqualTo("null");
    assertThat(column("memories", "event_day")).isEqualTo("2026-02-31");
    assertThat(column("memories", "content_folded")).isEqualTo("body");
  }

  @Test
  void givenValuesOfOtherShapes_whenPut_thenTheyStandInExtraAndComeBack() throws SQLException {
    Memory odd =
        memory(
            "m",
            map(
                "tags",
                text("a, b"),
                "created",
                new Value.Time("2026-02-01"),
                "emotional_weight",
                text("heavy"),
                "recall_count",
                new Value.Opaque("123456789012345678901234567890"),
                "last_recalled",
                Value.NULL,
                "source",
                text("a bare string"),
                "topic_context",
                new Value.Seq(List.of(text("x"), Value.of(1))),
                "unknown",
                map("$time", text("2026"), "k", Value.NULL)));
    put(odd);

    assertThat(readBack(Kind.MEMORY, Key.of("m"))).isEqualTo(odd);
    assertThat(column("memories", "num_nonnulls(tags, created, emotional_weight, recall_count)"))
        .isEqualTo("0");
    assertThat(column("memories", "source")).isEqualTo("\"a bare string\"");
    assertThat(column("memories", "extra -> 'created' ->> '$time'")).isEqualTo("2026-02-01");
    assertThat(column("memories", "created_day")).isEqualTo("2026-02-01");
    assertThat(column("memories", "tags_folded")).isEqualTo("{a,b}");
  }

  @Test
  void givenNumbers_whenPut_thenIntegersStayIntegersAndFloatsFloats() throws SQLException {
    List<Value> numbers =
        List.of(
            Value.of(1),
            Value.of(1.0),
            Value.of(0),
            Value.of(0.0),
            Value.of(-7),
            Value.of(Long.MAX_VALUE),
            Value.of(Long.MIN_VALUE),
            Value.of(1e-05),
            Value.of(1e16),
            Value.of(1e22),
            Value.of(5e-324),
            Value.of(Double.MAX_VALUE),
            Value.of(-Double.MIN_NORMAL),
            Value.of(0.1 + 0.2),
            Value.of(0.8925408856648555),
            Value.of(123456789.0));
    List<MemoryRecord> records = new ArrayList<>();
    records.add(memory("m", map("co_occurrences", Value.EMPTY_MAP)));
    for (int i = 0; i < numbers.size(); i++) {
      records.add(new CoOccurrence("m", "to-" + i, numbers.get(i)));
    }
    put(records.toArray(new MemoryRecord[0]));

    for (int round = 0; round < 12; round++) { // the driver changes to binary on the way
      for (int i = 0; i < numbers.size(); i++) {
        assertThat(store.read(Kind.CO_OCCURRENCE, Key.of("m", "to-" + i)).orElseThrow().value())
            .as("round %s", round)
            .isEqualTo(records.get(i + 1));
      }
    }
    assertThat(
            database.one(
                "SELECT count(*) FROM agent_memory.co_occurrences WHERE extra IS NOT NULL"
                    + " AND namespace = '"
                    + namespace
                    + "'"))
        .isEqualTo("0");
  }

  @Test
  void givenRandomDoubles_whenWrittenAsDigits_thenTheyReadBackToTheLastBit() {
    long seed = 20261121;
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < 20_000; i++) {
      double value = Double.longBitsToDouble(random.nextLong());
      if (Double.isFinite(value)) {
        assertThat(Member.value(new java.math.BigDecimal(Member.digits(value))))
            .as("seed %s, number %s", seed, i)
            .isEqualTo(Value.of(value));
      }
    }
  }

  @Test
  void givenMembersInAnyOrder_whenPut_thenTheOrderComesBackAndTheUsualOneTakesNoSpace()
      throws SQLException {
    Memory usual = memory("m", map("id", text("m"), "type", text("active"), "zzz", Value.of(1)));
    put(usual);
    assertThat(column("memories", "members")).isEqualTo("null");

    Memory other =
        new Memory(
            "n",
            Tier.CORE,
            "a-n.md",
            "",
            map("zzz", Value.of(1), "type", text("x"), "aaa", Value.NULL, "id", text("n")));
    put(other);

    assertThat(
            requireNonNull(store.read(Kind.MEMORY, Key.of("m")).orElseThrow().value())
                .members()
                .entries()
                .keySet())
        .containsExactly("id", "type", "zzz");
    assertThat(
            requireNonNull(store.read(Kind.MEMORY, Key.of("n")).orElseThrow().value())
                .members()
                .entries()
                .keySet())
        .containsExactly("zzz", "type", "aaa", "id");
  }

  @Test
  void givenIrregularFrontMatter_whenPut_thenItComesBackAsItWas() throws SQLException {
    List<Memory> irregular =
        List.of(
            new Memory("none", Tier.ACTIVE, "none.md", "only text", null),
            new Memory("null", Tier.ACTIVE, "null.md", "b", Value.NULL),
            new Memory("text", Tier.ACTIVE, "text.md", "b", text("a note")),
            new Memory("list", Tier.ACTIVE, "list.md", "b", new Value.Seq(List.of(Value.of(1)))),
            new Memory("time", Tier.ACTIVE, "time.md", "b", new Value.Time("2026-02-01")),
            new Memory("empty", Tier.ACTIVE, "empty.md", "b", Value.EMPTY_MAP),
            new Memory("stem", Tier.ACTIVE, "stem.md", "b", map("tags", Value.EMPTY_SEQ)));
    put(irregular.toArray(new MemoryRecord[0]));

    for (Memory memory : irregular) {
      assertThat(readBack(Kind.MEMORY, memory.key())).as(memory.id()).isEqualTo(memory);
    }
  }

  @Test
  void givenEveryOtherKind_whenPut_thenItComesBackWithUnknownMembers() {
    List<MemoryRecord> records =
        List.of(
            memory("m", map("co_occurrences", Value.EMPTY_MAP)),
            new VectorSpace(
                "text", map("model", text("m1"), "embedding_dim", Value.of(3), "by", text("x"))),
            new VectorSpace("any", map("x", Value.NULL)),
            new CoOccurrence("m", "o", text("many")),
            new CoOccurrence("m", "p", Value.NULL),
            new Edge(
                "a|b",
                map(
                    "observations", Value.EMPTY_SEQ,
                    "belief", Value.of(2),
                    "platform_context",
                        map("moltx", Value.of(1), "_cross_platform", Value.of(true)),
                    "thinking_about", Value.Seq.ofTexts(List.of("k")),
                    "status", text("x"))),
            new Edge("no bar", map("observations", Value.NULL)),
            new Observation(
                "a|b",
                12,
                map(
                    "id", text("881f"),
                    "source", map("type", text("s"), "note", text("n"), "artifact_id", Value.NULL),
                    "weight", Value.of(1.0),
                    "more", Value.of(false))),
            Embedding.of(
                "text",
                "m",
                new float[] {0.1f, -2.5f, Float.MIN_VALUE},
                map("preview", text("Body"), "size_bytes", Value.of(7), "odd", Value.EMPTY_MAP)),
            Embedding.of("any", "none", new float[] {-0f}, Value.EMPTY_MAP),
            new ImageLink(
                "a.jpg", Value.Seq.ofTexts(List.of("m", "Stored memory [m2] -> x.md", "{\"", ","))),
            new ImageLink("b.jpg", Value.NULL));
    put(records.toArray(new MemoryRecord[0]));

    for (MemoryRecord record : records) {
      assertThat((Object) readBack(record.kind(), record.key())).isEqualTo(record);
    }
    assertThat(
            requireNonNull(
                    store.read(Kind.OBSERVATION, Key.of("a|b", "00000012")).orElseThrow().value())
                .members()
                .entries()
                .keySet())
        .containsExactly("id", "source", "weight", "more");
  }

  @Test
  void givenSqlByHand_whenRead_thenTheChangeShowsAndTheDigestDoesNotFit() throws SQLException {
    put(memory("m", map("emotional_weight", Value.of(1), "extra", Value.of(1))));
    database.sql(
        "UPDATE agent_memory.memories SET content = 'changed', emotional_weight = 1.0, type = 'new'"
            + " WHERE namespace = '"
            + namespace
            + "'");

    Stored<Memory> stored = store.read(Kind.MEMORY, Key.of("m")).orElseThrow();
    Memory memory = requireNonNull(stored.value());

    assertThat(memory.content()).isEqualTo("changed");
    assertThat(memory.members().get("emotional_weight")).isEqualTo(Value.of(1.0));
    assertThat(memory.type()).contains("new");
    assertThat(stored.version().digest()).isNotEqualTo(Canonical.digest(memory));
    try (var versions = store.versions(Kind.MEMORY, ScanRange.ALL)) {
      assertThat(versions)
          .singleElement()
          .satisfies(v -> assertThat(v.version()).isEqualTo(stored.version()));
    }
  }

  @ParameterizedTest
  @CsvSource({"NaN, .nan", "Infinity, .inf", "-Infinity, -.inf"})
  void givenSqlByHandThatSetsNoNumber_whenRead_thenOnlyItsRowShowsItAsAFileWould(
      String number, String yaml) throws SQLException {
    Value.Map counts = map("co_occurrences", Value.EMPTY_MAP, "recall_count", Value.of(1));
    put(
        memory("m", counts),
        memory("n", Value.EMPTY_MAP),
        new CoOccurrence("m", "n", Value.of(1)),
        new Edge("m|n", map("belief", Value.of(0.5))));
    set("memories", "recall_count = '" + number + "', retrieval_success_rate = 1", "id = 'm'");
    set("memories", "created_at = 'infinity', event_at = '-infinity', weight = 'NaN'", "id = 'm'");
    set("co_occurrences", "count = '" + number + "'", "from_id = 'm'");
    set("edges", "belief = '" + number + "'", "pair = 'm|n'");
    List<MemoryRecord> records = List.of();

    for (int round = 0; round < 12; round++) { // the driver changes to binary on the way
      Memory memory = readBack(Kind.MEMORY, Key.of("m"));
      CoOccurrence count = readBack(Kind.CO_OCCURRENCE, Key.of("m", "n"));
      Edge edge = readBack(Kind.EDGE, Key.of("m|n"));
      assertThat(memory.members().get("recall_count")).isEqualTo(new Value.Opaque(yaml));
      assertThat(memory.members().get("retrieval_success_rate")).isEqualTo(Value.of(1));
      assertThat(count.count()).isEqualTo(new Value.Opaque(yaml));
      assertThat(edge.members().get("belief")).isEqualTo(new Value.Opaque(number));
      records = List.of(memory, count, edge);
    }
    assertThat(store.find(MemoryQuery.all())).extracting(Memory::id).containsOnly("m", "n");
    try (Stream<MemoryHead> heads = store.heads(MemoryQuery.all())) {
      assertThat(heads).extracting(MemoryHead::id).containsExactly("m", "n");
    }
    // any store takes it as it is
    try (PostgresMemoryStore other = database.open()) {
      other.execute(new PutRecords(records.stream().map(r -> new PutRecords.Put(r, 1)).toList()));
      for (MemoryRecord record : records) {
        assertThat((Object) other.read(record.kind(), record.key()).orElseThrow().value())
            .isEqualTo(record);
      }
    }
    // and it can be mended
    store.execute(UpdateMemory.of("m").set("recall_count", Value.of(7)));
    assertThat(column("memories", "recall_count")).isEqualTo("7");
  }

  @Test
  void givenSqlByHandThatNestsAList_whenRead_thenItShowsAsAListOfLists() throws SQLException {
    put(memory("m", map("tags", Value.Seq.ofTexts(List.of("old")))));
    set("memories", "tags = '{{a,b},{c,NULL}}'", "id = 'm'");

    assertThat(readBack(Kind.MEMORY, Key.of("m")).members().get("tags"))
        .isEqualTo(
            new Value.Seq(
                List.of(
                    Value.Seq.ofTexts(List.of("a", "b")),
                    new Value.Seq(List.of(text("c"), Value.NULL)))));
    assertThat(store.find(MemoryQuery.all())).hasSize(1);
  }

  @Test
  void givenSqlByHandThatSetsNoVector_whenRead_thenCorruptByItsKey() throws SQLException {
    try (TestDatabase plain = TestDatabase.withoutRights("columns without vector");
        PostgresMemoryStore arrays = plain.open("n")) {
      arrays.embeddings().define("text", "m", 2);
      arrays.embeddings().put("text", "good", new float[] {1, 2});
      arrays.embeddings().put("text", "bad", new float[] {1, 2});
      SimilarQuery query = SimilarQuery.nearest("text", new float[] {1, 2});
      for (String vector : List.of("{1,NULL,3}", "{{1,2},{3,4}}", "{1,NaN}", "{-Infinity,1}")) {
        plain.sql(
            "UPDATE agent_memory.embeddings SET embedding = '" + vector + "' WHERE target = 'bad'");

        assertThat(arrays.embeddings().find("text", "good")).isPresent();
        assertThatExceptionOfType(CorruptMemoryException.class)
            .as(vector)
            .isThrownBy(() -> arrays.scan(Kind.EMBEDDING).forEach(stored -> {}))
            .withMessageContaining("embeddings:text/bad");
      }
      // a search compares floats only
      assertThat(arrays.search(query)).extracting(Hit::target).containsExactly("good");
      plain.sql("UPDATE agent_memory.embeddings SET embedding = '{NULL,1}' WHERE target = 'bad'");
      assertThatExceptionOfType(CorruptMemoryException.class)
          .isThrownBy(() -> arrays.search(query))
          .withMessageContaining("embeddings:text/bad");
    }
  }

  @Test
  void givenSqlByHand_whenTheMemoryIsRecalled_thenItIsFoundByItsNewWords() throws SQLException {
    put(memory("m", map("tags", Value.Seq.ofTexts(List.of("old")))));
    database.sql(
        "UPDATE agent_memory.memories SET content = 'Changed', tags = '{New}' WHERE namespace = '"
            + namespace
            + "'");
    store.execute(new RecallMemory("m", "2026-02-10T11:52:05+00:00"));

    assertThat(store.find(MemoryQuery.all().text("changed").tag("new"))).hasSize(1);
    assertThat(store.find(MemoryQuery.all().tag("old"))).isEmpty();
  }

  @Test
  void givenLargeBody_whenRecalled_thenOnlyWhatChangedIsWritten() throws SQLException {
    StringBuilder body = new StringBuilder();
    SplittableRandom random = new SplittableRandom(7);
    while (body.length() < 100_000) {
      body.append((char) ('a' + random.nextInt(26)));
    }
    put(memory("m", map("created", text("2026-02-10"))).withContent(body.toString()));
    String toast =
        "pg_relation_size((SELECT reltoastrelid FROM pg_class WHERE oid ="
            + " 'agent_memory.memories'::regclass))";
    String before = database.one("SELECT " + toast);
    for (int i = 0; i < 20; i++) {
      store.execute(new RecallMemory("m", "2026-02-10T11:52:05+00:00"));
    }

    assertThat(database.one("SELECT " + toast)).isEqualTo(before);
    assertThat(store.memories().findById("m"))
        .hasValueSatisfying(
            memory -> {
              assertThat(memory.recallCount()).isEqualTo(20);
              assertThat(memory.content()).isEqualTo(body.toString());
              assertThat(memory.created()).contains("2026-02-10");
            });
  }

  @Test
  void givenTombstones_whenTheyAreLookedAt_thenNothingOfTheContentIsLeft() throws SQLException {
    put(memory("m", map("tags", Value.Seq.ofTexts(List.of("secret")), "mine", text("secret"))));
    store.memories().forget("m");

    assertThat(column("memories", "to_jsonb(memories) - 'namespace' - 'id'"))
        .doesNotContain("secret")
        .doesNotContain("Body");
    assertThat(column("memories", "deleted")).isEqualTo("t");
    assertThat(column("memories", "num_nonnulls(tags, tags_folded, created_day, content_folded)"))
        .isEqualTo("0");
  }

  @Test
  void givenValueThatNoIndexTakes_whenPut_thenRefusedWithoutShowingIt() {
    StringBuilder secret = new StringBuilder();
    SplittableRandom random = new SplittableRandom(5);
    while (secret.length() < 40_000) { // random, so that it cannot be compressed to fit
      secret
          .append((char) ('a' + random.nextInt(26)))
          .append((char) (0x4e00 + random.nextInt(9000)));
    }
    ImageLink link = new ImageLink("a.jpg", Value.Seq.ofTexts(List.of(secret.toString())));

    assertThatExceptionOfType(InvalidMemoryException.class)
        .isThrownBy(() -> put(link))
        .withMessageContaining("54000")
        .satisfies(
            e -> {
              for (Throwable at = e; at != null; at = at.getCause()) {
                assertThat(at.toString()).doesNotContain(secret.substring(0, 20));
              }
            });
    assertThat(store.read(Kind.IMAGE_LINK, Key.of("a.jpg"))).isEmpty();
  }

  @Test
  void givenNamesThatLookLikeSql_whenUsed_thenTheyAreNamesOnly() {
    String nasty = "x'; DROP SCHEMA agent_memory CASCADE; --\"$1 ? :a {} \\ %s";
    try (PostgresMemoryStore other = database.open(nasty)) {
      other.execute(
          new PutRecords(
              List.of(
                  new PutRecords.Put(
                      new Memory(
                          nasty,
                          Tier.ACTIVE,
                          "a.md",
                          "Body",
                          map("id", text(nasty), "tags", Value.Seq.ofTexts(List.of(nasty)))),
                      1))));
      other.execute(new RecallMemory(nasty, "2026-02-10T11:52:05+00:00"));

      assertThat(other.memories().findById(nasty)).isPresent();
      assertThat(other.memories().find(MemoryQuery.all().tag(nasty).text("body")))
          .extracting(Memory::id)
          .containsExactly(nasty);
      assertThat(store.count(MemoryQuery.all())).isZero();
    }
  }
}

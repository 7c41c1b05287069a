package io.agentmemory.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Edge;
import io.agentmemory.Graph;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.Observation;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.Sessions;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.command.Batch;
import io.agentmemory.command.BeliefRule;
import io.agentmemory.command.Command;
import io.agentmemory.command.DecayCoOccurrences;
import io.agentmemory.command.DecayEdges;
import io.agentmemory.command.DecayRule;
import io.agentmemory.command.DeleteRecords;
import io.agentmemory.command.LogCoOccurrences;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.PromoteMemories;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What decay does here is what it does in the reference store, to the last bit. */
@Tag("postgres")
class DecayTest {
  private static final String AT = "2026-02-10T18:00:00";
  private static final int MEMORIES = 40;

  /** With -Ddecay.edges=5500 the time that takes is printed. */
  private static final Integer MEASURED = Integer.getInteger("decay.edges");

  private static TestDatabase database;

  @BeforeAll
  static void create() {
    database = TestDatabase.create("decay");
  }

  @AfterAll
  static void drop() {
    database.close();
  }

  // ---- generated states ----

  private static String id(int i) {
    return i % 7 == 0 ? "M-" + i : "m" + i;
  }

  private static <T> T one(Random random, List<T> values) {
    return values.get(random.nextInt(values.size()));
  }

  private static Value texts(String... texts) {
    return Value.Seq.ofTexts(List.of(texts));
  }

  /** What stands where a number should be: half the time a usual one. */
  private static Value number(Random random) {
    if (random.nextBoolean()) {
      return Value.of((long) random.nextInt(30));
    }
    return one(
        random,
        List.of(
            Value.of(0L),
            Value.of(1L),
            Value.of(7L),
            Value.of(2.5),
            Value.of(0.1 + 0.2),
            Value.of(-3L),
            Value.of(Long.MAX_VALUE),
            Value.of((1L << 53) + 1),
            Value.of(999_999_999_999L),
            Value.of(-0.0),
            Value.of(Double.MIN_VALUE),
            Value.of(-2.5e-9),
            Value.of(1e300),
            Value.of("12"),
            Value.NULL,
            Value.of(true),
            new Value.Opaque("123456789012345678901234567890"),
            texts("3")));
  }

  private static Value context(Random random) {
    return one(
        random,
        List.of(
            Value.EMPTY_MAP,
            Value.EMPTY_MAP.with("_total", Value.of(2L)),
            Value.EMPTY_MAP.with("moltx", Value.of(2L)).with("github", Value.of(1L)),
            Value.EMPTY_MAP
                .with("z\"\\\n\u0007", Value.of(1e-5))
                .with("\ud83d\ude00", Value.of(1e16)),
            Value.EMPTY_MAP.with("\ufb01", Value.of("a\b\f")).with("\ud83d\ude00", Value.NULL),
            Value.EMPTY_MAP.with("$time", Value.of("2026-02-01")),
            Value.EMPTY_MAP.with("since", Value.of("2026-02-01")).with("a", Value.EMPTY_MAP),
            Value.EMPTY_MAP.with("b", Value.EMPTY_MAP.with("z", Value.NULL).with("a", Value.NULL)),
            Value.EMPTY_MAP.with("technical", Value.NULL),
            Value.of("github"),
            Value.NULL,
            texts("technical")));
  }

  private static Value topics(Random random) {
    return one(
        random,
        List.of(
            Value.EMPTY_SEQ,
            texts("memory-systems"),
            texts("trading", "agent-economy"),
            new Value.Seq(List.of(Value.of(3L), Value.of("trading"))),
            new Value.Seq(List.of(new Value.Opaque("1e999"), Value.of("$"))),
            Value.of("trading"),
            Value.NULL));
  }

  private static Memory memory(Random random, int i) {
    Value.Map members = Value.EMPTY_MAP.with("id", Value.of(id(i)));
    if (random.nextInt(5) > 0) {
      members = members.with("recall_count", number(random));
    }
    if (random.nextInt(3) > 0) {
      Value total = Value.EMPTY_MAP.with("total", number(random));
      members = members.with("retrieval_outcomes", random.nextInt(6) == 0 ? number(random) : total);
    }
    if (random.nextInt(2) > 0) {
      members =
          members.with(
              "retrieval_success_rate",
              random.nextInt(4) == 0
                  ? number(random)
                  : Value.of(one(random, List.of(0.0, 0.3, 0.31, 0.5, 0.6, 1.0))));
    }
    if (random.nextBoolean()) {
      members = members.with("topic_context", topics(random));
    }
    if (random.nextBoolean()) {
      Value time = new Value.Seq(List.of(new Value.Time("2026-02-01"), Value.of("ann")));
      members = members.with("contact_context", random.nextInt(4) == 0 ? time : topics(random));
    }
    return new Memory(
        id(i),
        one(random, List.of(Tier.values())),
        id(i) + ".md",
        "a body",
        members.with(Memory.CO_OCCURRENCES, Value.EMPTY_MAP));
  }

  private static Edge edge(Random random, String pair) {
    Value.Map members = Value.EMPTY_MAP;
    int belief = random.nextInt(10);
    if (belief == 0) {
      members = members.with("belief", number(random));
    } else if (belief == 1) {
      // what the third rule takes, and next to it
      Value exact = Value.of(one(random, List.of(1.0, Math.nextUp(1.0), Math.nextDown(1.0), 2.0)));
      members = members.with("belief", random.nextBoolean() ? exact : Value.of(3L));
    } else if (belief > 2) {
      members = members.with("belief", Value.of(random.nextDouble() * (belief > 5 ? 0.4 : 5)));
    }
    if (random.nextInt(5) > 0) {
      members = members.with("last_updated", Value.of("2026-02-01\t\"\u2028\""));
    }
    if (random.nextBoolean()) {
      members = members.with("platform_context", context(random));
    }
    if (random.nextBoolean()) {
      members = members.with("activity_context", context(random));
    }
    if (random.nextBoolean()) {
      Value all = Value.EMPTY_MAP.with("union", topics(random)).with("shared", topics(random));
      members = members.with("topic_context", random.nextInt(5) == 0 ? topics(random) : all);
    }
    if (random.nextInt(3) == 0) {
      members = members.with("contact_context", topics(random));
    }
    if (random.nextInt(3) == 0) {
      members = members.with("first_formed", Value.of("then")).with("odd", number(random));
    }
    return new Edge(pair, members.with(Edge.OBSERVATIONS, Value.EMPTY_SEQ));
  }

  /** Memories, edges with observations and counts: of pairs, of one memory, of none. */
  private static List<MemoryRecord> state(Random random, int memories, int edges) {
    List<MemoryRecord> records = new ArrayList<>();
    for (int i = 0; i < memories; i++) {
      records.add(memory(random, i));
    }
    Set<String> pairs = new HashSet<>();
    pairs.add("no bar");
    while (pairs.size() < edges) {
      String a = id(random.nextInt(memories + 5)); // some are there no more
      String b = id(random.nextInt(memories + 5));
      pairs.add(random.nextInt(9) == 0 ? b + "|" + a : a.compareTo(b) < 0 ? a + "|" + b : a + "|");
      if (random.nextInt(20) == 0) {
        pairs.add(a + "|" + a);
      }
    }
    for (String pair : pairs) {
      records.add(edge(random, pair));
      for (int i = random.nextInt(3); i > 0; i--) {
        records.add(
            new Observation(pair, i, Value.EMPTY_MAP.with("observed_at", Value.of("2026-02-01"))));
      }
    }
    Set<Key> counted = new HashSet<>();
    for (int i = 0; i < edges; i++) {
      String from = id(random.nextInt(memories));
      String to = id(random.nextInt(memories + 5));
      if (counted.add(Key.of(from, to))) {
        records.add(
            new CoOccurrence(
                from,
                to,
                random.nextInt(4) == 0 ? number(random) : Value.of(random.nextDouble() * 2)));
      }
    }
    return records;
  }

  /** As a session of Drift leaves them: memories and edges as they should be. */
  private static List<MemoryRecord> plain(Random random, int memories, int edges) {
    List<MemoryRecord> records = new ArrayList<>();
    for (int i = 0; i < memories; i++) {
      Value total = Value.EMPTY_MAP.with("total", Value.of((long) random.nextInt(9)));
      Value.Map members =
          Value.EMPTY_MAP
              .with("id", Value.of(id(i)))
              .with("recall_count", Value.of((long) random.nextInt(40)))
              .with(Memory.CO_OCCURRENCES, Value.EMPTY_MAP)
              .with("retrieval_outcomes", total)
              .with("retrieval_success_rate", Value.of(random.nextInt(1000) / 1000.0))
              .with("topic_context", one(random, List.of(Value.EMPTY_SEQ, texts("trading"))));
      records.add(new Memory(id(i), Tier.ACTIVE, id(i) + ".md", "a body ".repeat(400), members));
    }
    Set<String> pairs = new LinkedHashSet<>();
    while (pairs.size() < edges) {
      String a = id(random.nextInt(memories));
      String b = id(random.nextInt(memories));
      if (!a.equals(b)) {
        pairs.add(a.compareTo(b) < 0 ? a + "|" + b : b + "|" + a);
      }
    }
    for (String pair : pairs) {
      Value topics =
          Value.EMPTY_MAP
              .with("shared", Value.EMPTY_SEQ)
              .with("union", texts("memory-systems", "trading"));
      Value.Map members =
          Value.EMPTY_MAP
              .with(Edge.OBSERVATIONS, Value.EMPTY_SEQ)
              .with("belief", Value.of(random.nextDouble() * 4))
              .with("first_formed", Value.of("2026-02-01T10:00:00.123456+00:00"))
              .with("last_updated", Value.of("2026-02-09T10:00:00.123456+00:00"))
              .with("platform_context", Value.EMPTY_MAP.with("moltx", Value.of(2L)))
              .with(
                  "activity_context",
                  Value.EMPTY_MAP.with("technical", Value.of(2L)).with("social", Value.of(1L)))
              .with("thinking_about", texts(id(1), id(2), id(3)))
              .with("topic_context", topics);
      records.add(new Edge(pair, members));
      records.add(
          new Observation(pair, 0, Value.EMPTY_MAP.with("observed_at", Value.of("2026-02-01"))));
    }
    return records;
  }

  private static List<Command> decays(Random random, int memories) {
    List<String> retrieved = new ArrayList<>();
    for (int i = random.nextInt(6); i > 0; i--) {
      retrieved.add(id(random.nextInt(memories + 3)));
    }
    Map<String, List<String>> session = new LinkedHashMap<>();
    if (random.nextInt(3) > 0) {
      session.put("where", List.of("moltx"));
      session.put("why", random.nextBoolean() ? List.of("technical") : List.of());
      session.put("what", List.of("memory-systems"));
    }
    DecayRule rule =
        one(
            random,
            List.of(
                DecayRule.DRIFT,
                new DecayRule(0.07, 2, 0.5, 0.1, 0.4, 3, 0.7, 20),
                new DecayRule(1, 1L << 53, 0.5, 1, 0.4, 1, 1, 20),
                new DecayRule(-0.4, -1, 0.5, 0.1, 0.4, 3, -2, 20),
                new DecayRule(1e-200, 1, 0.5, 1e-200, 0.4, 1e200, 1, 3)));
    return List.of(
        new DecayEdges(retrieved, session, AT, rule), new DecayCoOccurrences(retrieved, AT, rule));
  }

  /** Puts the same records into all of them, by the same operations. */
  private static void load(List<MemoryRecord> records, MemoryStore... stores) {
    for (int from = 0; from < records.size(); from += 500) {
      Batch batch =
          Batch.of(
              new PutRecords(
                  records.subList(from, Math.min(records.size(), from + 500)).stream()
                      .map(record -> new PutRecords.Put(record, 1))
                      .toList()));
      for (MemoryStore store : stores) {
        store.execute(batch);
      }
    }
  }

  private static Map<Key, Stored<?>> all(MemoryStore store) {
    Map<Key, Stored<?>> all = new LinkedHashMap<>();
    for (Kind<?> kind :
        List.of(Kind.MEMORY, Kind.EDGE, Kind.OBSERVATION, Kind.CO_OCCURRENCE, Kind.DECAY_RUN)) {
      try (var records = store.scan(kind)) {
        records.forEach(
            stored -> {
              List<String> parts = new ArrayList<>(stored.key().parts());
              parts.add(0, kind.name());
              all.put(new Key(parts), stored);
            });
      }
    }
    return all;
  }

  // ---- tests ----

  @Test
  void givenGeneratedStates_whenDecayed_thenEachBitIsThatOfTheReference() {
    for (long seed = 1; seed <= 8; seed++) {
      Random random = new Random(seed);
      List<MemoryRecord> records = state(random, MEMORIES, 60 + (int) seed * 20);
      List<Command> decays = decays(random, MEMORIES);
      try (MemoryStore reference = new InMemoryMemoryStore("n");
          MemoryStore store = database.open(TestDatabase.namespace())) {
        load(records, reference, store);

        for (Command decay : List.of(decays.get(0), decays.get(1), decays.get(0))) {
          Batch batch = Batch.of(decay);
          Outcome expected = reference.execute(batch);
          assertThat(expected.changes()).as("seed %s", seed).isNotEmpty();
          assertThat(store.execute(batch)).as("seed %s", seed).isEqualTo(expected);
        }
        assertThat(all(store)).as("seed %s", seed).isEqualTo(all(reference));
      }
    }
  }

  /** Doubles that are told apart by few digits and by many, and next to powers of two. */
  private static double belief(Random random, int i) {
    double power = Math.scalb(1.0, random.nextInt(42) - 13);
    switch (i % 4) {
      case 0:
        return power;
      case 1:
        return random.nextBoolean() ? Math.nextUp(power) : Math.nextDown(power);
      case 2:
        return power * (1 + random.nextDouble());
      default:
        return Math.round(random.nextDouble() * 1e4) * Math.pow(10, random.nextInt(9) - 4);
    }
  }

  @Test
  void givenNumbersOfEverySize_whenDecayed_thenEachBitIsThatOfTheReference() {
    long seed = 3;
    Random random = new Random(seed);
    List<MemoryRecord> records = new ArrayList<>();
    Value.Map members = Value.EMPTY_MAP.with("last_updated", Value.of("2026-02-01"));
    for (int i = 0; i < 1200; i++) {
      long recalls = i < 300 ? i : (long) Math.scalb(random.nextDouble(), random.nextInt(42));
      Value total = Value.EMPTY_MAP.with("total", Value.of(i % 5L));
      Value.Map counts =
          Value.EMPTY_MAP
              .with("recall_count", Value.of(recalls))
              .with("retrieval_outcomes", total)
              .with("retrieval_success_rate", Value.of(random.nextDouble()))
              .with("topic_context", texts(i % 2 == 0 ? "trading" : "social"));
      Memory memory = new Memory("m" + i, Tier.ACTIVE, "m" + i + ".md", "", counts);
      records.add(memory);
      DecayRule rule = DecayRule.DRIFT; // so that nothing is left, exactly, of every ninth
      double lost = rule.effective(recalls, 0, rule.evolution(memory), 1);
      Value some = Value.of(i % 9 == 0 ? lost : belief(random, i));
      records.add(new Edge("m" + i + "|m" + i, members.with("belief", some)));
      records.add(
          new Edge("m" + i + "|none", members.with("belief", i % 9 == 0 ? some : Value.of(0.31))));
    }
    try (MemoryStore reference = new InMemoryMemoryStore("n");
        MemoryStore store = database.open(TestDatabase.namespace())) {
      load(records, reference, store);

      Map<String, List<String>> session = Map.of("what", List.of("social"));
      for (double rate : new double[] {0, 0.3}) {
        DecayRule rule = new DecayRule(rate, 3, 0.6, 0.7, 0.3, 1.5, 0.1, 20);
        String at = AT + "." + (int) (rate * 10);
        Batch batch = Batch.of(new DecayEdges(List.of(), session, at, rule));
        assertThat(store.execute(batch)).as("seed %s", seed).isEqualTo(reference.execute(batch));
      }
      assertThat(all(store)).as("seed %s", seed).isEqualTo(all(reference));
    }
  }

  @Test
  void givenEdgesAsTheyShouldBe_whenDecayed_thenTheStatementLeavesNone() throws SQLException {
    String namespace = TestDatabase.namespace();
    List<MemoryRecord> records = plain(new Random(7), 30, 200);
    records.add(new Edge("m1|none", Value.EMPTY_MAP.with("belief", Value.of("much"))));
    try (MemoryStore store = database.open(namespace)) {
      load(records, store);
    }
    Tables tables = new Tables("\"agent_memory\"", namespace, Vectors.ofArrays());
    EdgeDecay decay = new EdgeDecay(tables, OpId.random());
    String spared =
        records.stream().filter(Edge.class::isInstance).findFirst().orElseThrow().key().part(0);
    Map<String, List<String>> session = Map.of("what", List.of("trading"));
    DecayEdges command = new DecayEdges(List.of(), session, AT, DecayRule.DRIFT);

    try (Connection connection = database.connect()) {
      connection.setAutoCommit(false);
      Pipeline settings = new Pipeline();
      Writes.set(settings, Database.TimeLimits.BULK);
      settings.run(connection);
      decay.run(
          new Operation("postgres", "decayEdges", ""),
          command,
          Set.of(spared),
          Set.of(),
          Set.of(),
          connection);
      connection.rollback();
    }

    assertThat(decay.left).containsExactly(Key.of("m1|none"));
    assertThat(decay.spared).isEqualTo(1);
    assertThat(decay.all).isEqualTo(201);
    assertThat(decay.changes).filteredOn(c -> c.after().kind().equals(Kind.EDGE)).hasSize(199);
  }

  @Test
  void givenEdges_whenDecayedOrASessionEnds_thenTheOneStatementWritesThem() throws SQLException {
    try (MemoryStore store = database.open(TestDatabase.namespace());
        Connection connection = database.connect();
        Statement sql = connection.createStatement()) {
      load(plain(new Random(7), 30, 200), store);
      sql.execute("CREATE SCHEMA watch");
      sql.execute("CREATE TABLE watch.written (query text, edges bigint)");
      sql.execute(
          """
          CREATE FUNCTION watch.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO watch.written SELECT current_query(), count(*) FROM changed;
            RETURN NULL;
          END $$
          """);
      sql.execute(
          "CREATE TRIGGER watch AFTER UPDATE ON agent_memory.edges REFERENCING NEW TABLE AS changed"
              + " FOR EACH STATEMENT EXECUTE FUNCTION watch.note()");
      try {
        Map<String, List<String>> session = Map.of("what", List.of("trading"));
        Outcome outcome =
            store.execute(new DecayEdges(List.of(id(1), id(2)), session, AT, DecayRule.DRIFT));
        assertWritten(edges(outcome), 0);

        Sessions sessions = store.sessions();
        sessions.register(List.of(id(1), id(2), id(3)));
        int elsewhere = edgesWithout(Set.of(id(1), id(2), id(3)), store);
        Sessions.Ended ended = sessions.end("agent");
        assertThat(ended.observed()).isEqualTo(3);
        Graph.Decayed decayed = ended.edges();
        assertThat(elsewhere).isGreaterThan(50);
        // those of the memories that the session retrieved are left to the commands before it
        assertWritten(elsewhere, decayed.decayed() + decayed.pruned() + 3 - elsewhere);

        // what the statement does not take, another one writes, which this test can tell
        DecayRule tiny = new DecayRule(1e-200, 3, 0.6, 0.7, 0.3, 1.5, 0.1, 20);
        Outcome slow = store.execute(new DecayEdges(List.of(), Map.of(), AT, tiny));
        assertWritten(0, edges(slow));
      } finally {
        sql.execute("DROP SCHEMA watch CASCADE");
      }
    }
  }

  private static int edges(Outcome outcome) {
    int edges = (int) outcome.changes().stream().filter(c -> isEdge(c.after())).count();
    assertThat(edges).isGreaterThan(50);
    return edges;
  }

  private static int edgesWithout(Set<String> memories, MemoryStore store) {
    try (Stream<Stored<Edge>> edges = store.scan(Kind.EDGE)) {
      return (int)
          edges
              .flatMap(stored -> stored.live().stream())
              .filter(edge -> !memories.contains(edge.first().orElse("")))
              .filter(edge -> !memories.contains(edge.second().orElse("")))
              .count();
    }
  }

  private static boolean isEdge(Stored<?> stored) {
    return stored.kind().equals(Kind.EDGE);
  }

  /**
   * That so many edges were written by the statement that decays, and at most so many by others,
   * since this was asked before.
   */
  private static void assertWritten(int decayed, int byOthers) throws SQLException {
    String sum = "SELECT coalesce(sum(edges), 0) FROM watch.written WHERE query ";
    assertThat(database.one(sum + "LIKE '%slowness AS MATERIALIZED%'"))
        .isEqualTo(Integer.toString(decayed));
    assertThat(Integer.parseInt(database.one(sum + "NOT LIKE '%slowness AS MATERIALIZED%'")))
        .isLessThanOrEqualTo(byOthers);
    try (Connection connection = database.connect();
        Statement sql = connection.createStatement()) {
      sql.execute("TRUNCATE watch.written");
    }
  }

  @Test
  void givenOtherCommandsInTheBatch_whenDecayed_thenItSeesWhatTheyDid() {
    for (long seed = 21; seed <= 26; seed++) {
      Random random = new Random(seed);
      List<MemoryRecord> records = state(random, MEMORIES, 90);
      List<Command> commands = new ArrayList<>();
      for (int i = 1; i < 6; i++) {
        commands.add(new RecallMemory(id(i), AT));
      }
      Observation unseen =
          records.stream()
              .filter(Observation.class::isInstance)
              .map(Observation.class::cast)
              .findFirst()
              .orElseThrow();
      commands.add(
          new DeleteRecords(List.of(new DeleteRecords.Delete(Kind.OBSERVATION, unseen.key(), 5))));
      Value.Map put = Value.EMPTY_MAP.with("belief", Value.of(2.5));
      commands.add(
          new PutRecords(
              records.stream()
                  .filter(record -> record instanceof Edge && random.nextInt(4) == 0)
                  .map(record -> new PutRecords.Put(new Edge(record.key().part(0), put), 5))
                  .toList()));
      commands.add(
          new LogCoOccurrences(
              List.of(id(6), id(8)), List.of("o"), AT, AT, "a", "technical", BeliefRule.DRIFT));
      commands.addAll(decays(random, MEMORIES).subList(0, seed % 2 == 0 ? 1 : 2));
      commands.add(new PromoteMemories(List.of(id(1), id(9)), 1, AT));
      Batch batch = new Batch(OpId.random(), commands);
      try (MemoryStore reference = new InMemoryMemoryStore("n");
          MemoryStore store = database.open(TestDatabase.namespace())) {
        load(records, reference, store);

        Outcome expected = reference.execute(batch);
        assertThat(store.execute(batch)).as("seed %s", seed).isEqualTo(expected);
        assertThat(all(store)).as("seed %s", seed).isEqualTo(all(reference));
        Outcome again = store.execute(batch);
        assertThat(again.repeated()).isTrue();
        assertThat(again.changes()).as("seed %s", seed).isEqualTo(expected.changes());
      }
    }
  }

  @Test
  void givenSomebodyAtAnEdge_whenDecayed_thenItWaitsAndSeesWhatTheyDid() throws Exception {
    String namespace = TestDatabase.namespace();
    Value.Map members =
        Value.EMPTY_MAP
            .with(Edge.OBSERVATIONS, Value.EMPTY_SEQ)
            .with("belief", Value.of(0.2))
            .with("last_updated", Value.of("2026-02-01"));
    String mine = " WHERE namespace = '" + namespace + "' AND pair = ";
    Outcome outcome;
    ExecutorService other = Executors.newSingleThreadExecutor();
    try (MemoryStore store = database.open(namespace);
        Connection connection = database.connect();
        Statement sql = connection.createStatement()) {
      load(List.of(new Edge("a|b", members), new Edge("c|d", members)), store);
      Value.Map seen = Value.EMPTY_MAP.with("observed_at", Value.of("2026-02-01"));
      load(List.of(new Observation("c|d", 0, seen)), store);
      connection.setAutoCommit(false);
      sql.execute("SELECT FROM agent_memory.edges" + mine + "'a|b' FOR UPDATE");

      Future<Outcome> decay =
          other.submit(
              () -> store.execute(new DecayEdges(List.of(), Map.of(), AT, DecayRule.DRIFT)));
      while (!"1".equals(waiting())) {
        assertThat(decay.isDone()).isFalse();
        Thread.onSpinWait();
      }
      // what adding an observation does, and making an edge: nobody else has seen it yet
      copy(sql, "observations", mine + "'c|d'", "a|b");
      copy(sql, "edges", mine + "'c|d'", "e|f");
      connection.commit();
      outcome = decay.get();
    } finally {
      other.shutdownNow();
    }

    assertThat(outcome.changes())
        .filteredOn(change -> change.after().isTombstone())
        .extracting(change -> change.after().key())
        .containsExactly(
            Observation.key("a|b", 0),
            Key.of("a|b"),
            Observation.key("c|d", 0),
            Key.of("c|d"),
            Key.of("e|f"));
  }

  private static String waiting() throws SQLException {
    return database.one(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            + " AND wait_event_type = 'Lock'");
  }

  /** Copies a row under another pair. */
  private static void copy(Statement sql, String table, String row, String pair)
      throws SQLException {
    sql.execute("CREATE TEMP TABLE copy AS SELECT * FROM agent_memory." + table + row);
    sql.execute("UPDATE copy SET pair = '" + pair + "'");
    sql.execute("INSERT INTO agent_memory." + table + " SELECT * FROM copy");
    sql.execute("DROP TABLE copy");
  }

  @Test
  void givenManyEdges_whenDecayedAgainAndAgain_thenAllOfThemChange() {
    int edges = MEASURED == null ? 200 : MEASURED;
    List<MemoryRecord> records = plain(new Random(5), Math.max(60, edges * 2 / 11), edges);
    Map<String, List<String>> session = Map.of("what", List.of("trading"));
    try (MemoryStore store = database.open(TestDatabase.namespace())) {
      load(records, store);
      for (int run = 0; run < 6; run++) {
        Command decay = new DecayEdges(List.of(), session, AT + "." + run, DecayRule.DRIFT);
        long start = System.nanoTime();
        Outcome outcome = store.execute(decay);
        long millis = (System.nanoTime() - start) / 1_000_000;
        assertThat(outcome.changes()).hasSizeGreaterThan(100);
        if (MEASURED != null) {
          System.out.printf(
              "decay of %d edges: %d changes in %d ms%n", edges, outcome.changes().size(), millis);
        }
      }
    }
  }
}

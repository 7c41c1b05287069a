package io.agentmemory.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Edge;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.Observation;
import io.agentmemory.OpId;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.DecayCoOccurrences;
import io.agentmemory.command.DecayEdges;
import io.agentmemory.command.DecayRule;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
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

  /** What stands where a number should be, mostly a number. */
  private static Value number(Random random) {
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
      members = members.with("contact_context", topics(random));
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
    int belief = random.nextInt(8);
    if (belief == 0) {
      members = members.with("belief", number(random));
    } else if (belief > 1) {
      members = members.with("belief", Value.of(random.nextDouble() * (belief > 4 ? 0.4 : 5)));
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
      members = members.with("last_updated", Value.of("2026-02-01")).with("odd", number(random));
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
        random.nextBoolean() ? DecayRule.DRIFT : new DecayRule(0.07, 2, 0.5, 0.1, 0.4, 3, 0.7);
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
    for (long seed = 1; seed <= 6; seed++) {
      Random random = new Random(seed);
      List<MemoryRecord> records = state(random, MEMORIES, 60 + (int) seed * 40);
      List<Command> decays = decays(random, MEMORIES);
      try (MemoryStore reference = new InMemoryMemoryStore("n");
          MemoryStore store = database.open(TestDatabase.namespace())) {
        load(records, reference, store);

        for (Command decay : List.of(decays.get(0), decays.get(1), decays.get(0))) {
          Batch batch = Batch.of(decay);
          Outcome expected = reference.execute(batch);
          assertThat(expected.changes()).as("seed %s", seed).hasSizeGreaterThan(20);
          assertThat(store.execute(batch)).as("seed %s", seed).isEqualTo(expected);
        }
        assertThat(all(store)).as("seed %s", seed).isEqualTo(all(reference));
      }
    }
  }

  @Test
  void givenOtherCommandsInTheBatch_whenDecayed_thenItSeesWhatTheyDid() {
    Random random = new Random(11);
    List<MemoryRecord> records = state(random, MEMORIES, 90);
    List<Command> commands = new ArrayList<>();
    for (int i = 1; i < 6; i++) {
      commands.add(new RecallMemory(id(i), AT));
    }
    commands.addAll(decays(random, MEMORIES));
    Batch batch = new Batch(OpId.random(), commands);
    try (MemoryStore reference = new InMemoryMemoryStore("n");
        MemoryStore store = database.open(TestDatabase.namespace())) {
      load(records, reference, store);

      assertThat(store.execute(batch)).isEqualTo(reference.execute(batch));
      assertThat(all(store)).isEqualTo(all(reference));
    }
  }

  @Test
  void givenManyEdges_whenDecayedAgainAndAgain_thenAllOfThemChange() {
    int edges = MEASURED == null ? 200 : MEASURED;
    Random random = new Random(5);
    List<MemoryRecord> records = new ArrayList<>();
    for (MemoryRecord record : state(random, Math.max(60, edges * 2 / 11), edges)) {
      records.add(
          record instanceof Memory memory ? memory.withContent("a body ".repeat(400)) : record);
    }
    try (MemoryStore store = database.open(TestDatabase.namespace())) {
      load(records, store);
      for (int run = 0; run < 4; run++) {
        Command decay = new DecayEdges(List.of(), Map.of(), AT + "." + run, DecayRule.DRIFT);
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

package io.agentmemory.benchmarks;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.Observation;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.StoreMemory;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/** Memories of the shape and size that agents have, made up: the same in every run. */
final class Corpus {
  private static final long SEED = 20_261_120L;
  private static final long FIRST = 1_767_225_600L; // 2026-01-01T00:00:00Z
  private static final String[] WORDS =
      ("the a of to and in is that for it was on with as at by from this be are not but had they"
              + " agent memory project build release test server query index vector database file"
              + " deploy review branch commit schema table column row latency budget customer"
              + " invoice meeting decision plan question answer problem cause fix workaround"
              + " because therefore however yesterday tomorrow morning later before after during"
              + " prefers asked said noticed remembered changed broke returned failed passed"
              + " Alice Müller Tokyo naïve café résumé über São 東京 données")
          .split(" ");
  private static final String[] TAGS = {
    "build", "release", "people", "decision", "database", "plan", "bug", "idea", "meeting", "travel"
  };

  /** Made once: making a text must not count in the time that storing it takes. */
  private static final List<String> TEXTS =
      IntStream.range(0, 256).mapToObj(number -> text("text", number)).toList();

  private Corpus() {}

  private static SplittableRandom random(String purpose, long number) {
    return new SplittableRandom(SEED + 31L * purpose.hashCode() + number * 0x9E3779B97F4A7C15L);
  }

  /** The id of memory {@code number}: eight characters, in the order of the numbers. */
  static String id(int number) {
    String digits = Integer.toString(number, 36);
    return "m" + "0".repeat(7 - digits.length()) + digits;
  }

  /** An id in no order at all, as new memories have. */
  static String looseId(String purpose, int number) {
    long mixed = random(purpose, number).nextLong() & Long.MAX_VALUE;
    String digits = Long.toString(mixed, 36);
    return "z" + "0".repeat(13 - digits.length()) + digits;
  }

  /** About 60 to 250 words in a few paragraphs. */
  static String text(String purpose, int number) {
    SplittableRandom random = random(purpose, number);
    int words = 60 + random.nextInt(60) + random.nextInt(130);
    StringBuilder text = new StringBuilder(words * 8);
    for (int i = 0; i < words; i++) {
      text.append(WORDS[random.nextInt(WORDS.length)]);
      boolean last = i == words - 1;
      text.append(last ? "." : i % 60 == 59 ? ".\n\n" : i % 12 == 11 ? ". " : " ");
    }
    return text.toString();
  }

  private static List<String> tags(SplittableRandom random) {
    int first = random.nextInt(TAGS.length);
    return List.of(TAGS[first], TAGS[(first + 3) % TAGS.length]);
  }

  private static String time(int number) {
    return Instant.ofEpochSecond(FIRST + 600L * number).toString().replace("Z", "+00:00");
  }

  /** Memory {@code number} as a file of Drift's has it. */
  static Memory memory(int number) {
    SplittableRandom random = random("memory", number);
    String id = id(number);
    Map<String, Value> members = new LinkedHashMap<>();
    members.put("id", Value.of(id));
    members.put("type", Value.of("active"));
    members.put("created", Value.of(time(number)));
    members.put("tags", Value.Seq.ofTexts(tags(random)));
    members.put("emotional_weight", Value.of(random.nextInt(100) / 100.0));
    members.put("recall_count", Value.of((long) random.nextInt(20)));
    members.put(Memory.CO_OCCURRENCES, Value.EMPTY_MAP);
    members.put("caused_by", Value.Seq.ofTexts(number == 0 ? List.of() : List.of(id(number - 1))));
    members.put("leads_to", Value.EMPTY_SEQ);
    return new Memory(
        id, Tier.ACTIVE, "note-" + id + ".md", text("memory", number), new Value.Map(members));
  }

  /** A new memory with an id of its own, quickly made. */
  static StoreMemory newMemory(String purpose, int number) {
    return StoreMemory.of(
            looseId(purpose, number),
            "2026-03-01T10:00:00.000001+00:00",
            TEXTS.get(number % TEXTS.size()))
        .withTags(List.of("build", "decision"));
  }

  static CoOccurrence coOccurrence(int number, int memories) {
    return new CoOccurrence(id(number), id((number + 7) % memories), Value.of(1L + number % 9));
  }

  /** Edge {@code number}, one for each memory. */
  static Edge edge(int number, int memories) {
    Map<String, Value> members = new LinkedHashMap<>();
    members.put("belief", Value.of(random("edge", number).nextInt(1000) / 1000.0));
    members.put("first_formed", Value.of(time(number)));
    members.put("last_updated", Value.of(time(number + 5)));
    members.put(Edge.OBSERVATIONS, Value.EMPTY_SEQ);
    return new Edge(pair(number, memories), new Value.Map(members));
  }

  static Observation observation(int number, int memories) {
    Map<String, Value> members = new LinkedHashMap<>();
    members.put("id", Value.of(looseId("observation", number)));
    members.put("observed_at", Value.of(time(number)));
    members.put("weight", Value.of(1.0));
    members.put("trust_tier", Value.of("self"));
    return new Observation(pair(number, memories), 0, new Value.Map(members));
  }

  private static String pair(int number, int memories) {
    return id(number) + "|" + id((number + 7) % memories);
  }

  static float[] vector(String purpose, int number, int dimensions) {
    SplittableRandom random = random(purpose, number);
    float[] vector = new float[dimensions];
    for (int i = 0; i < dimensions; i++) {
      vector[i] = (float) (random.nextDouble() * 2 - 1);
    }
    return vector;
  }

  static Embedding embedding(String space, String target, int number, int dimensions) {
    return Embedding.of(
        space,
        target,
        vector(space, number, dimensions),
        new Value.Map(Map.of("preview", Value.of("made up"))));
  }

  /**
   * Fills a store with memories, and with a co-occurrence, an edge and an observation for each of
   * them.
   */
  static void fill(MemoryStore store, int memories) {
    put(store, memories, Corpus::memory);
    put(store, memories, number -> coOccurrence(number, memories));
    put(store, memories, number -> edge(number, memories));
    put(store, memories, number -> observation(number, memories));
  }

  /** Puts the records of the numbers below {@code count}, some thousands at a time. */
  static void put(MemoryStore store, int count, IntFunction<MemoryRecord> record) {
    List<PutRecords.Put> puts = new ArrayList<>();
    for (int number = 0; number < count; number++) {
      puts.add(new PutRecords.Put(record.apply(number), 1));
      if (puts.size() == 2_000 || number == count - 1) {
        store.execute(new PutRecords(puts));
        puts.clear();
      }
    }
  }
}

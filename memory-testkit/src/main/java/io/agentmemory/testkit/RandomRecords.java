package io.agentmemory.testkit;

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
import io.agentmemory.Lesson;
import io.agentmemory.Memory;
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
import io.agentmemory.spi.Canonical;
import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Random records of every kind that hit the traps a text, a number, a name or a missing member can
 * be for a file, a column or a comparison. Every one is valid: {@code PutRecords} takes it on every
 * store. The same seed gives the same records. Not thread-safe.
 */
public final class RandomRecords {
  private static final int DEPTH = 10;

  /** Texts that some program somewhere takes for something else, or cuts, or folds. */
  private static final List<String> TEXTS =
      List.of(
          // what YAML 1.1 or 1.2 reads as another type
          "",
          " ",
          "~",
          "null",
          "Null",
          "no",
          "No",
          "yes",
          "y",
          "n",
          "on",
          "OFF",
          "true",
          "False",
          "0",
          "-0",
          "00",
          "012",
          "08",
          "09999999",
          "0x1f",
          "0b11",
          "0o17",
          "1_000",
          "12345678",
          "1:30",
          "12:30:45",
          "190:20:30.5",
          "1e5",
          "1.5e5",
          "1.5e+5",
          "123e4567",
          ".5",
          "1.",
          ".",
          "._",
          "..",
          ".inf",
          "-.INF",
          ".NaN",
          "NaN",
          "Infinity",
          "+12",
          "99999999999999999999",
          "2026-02-10",
          "2026-2-1",
          "2026-02-31",
          "2026-12-99",
          "9999-99-99",
          "1900-02-29",
          "2026-02-10T11:52:05Z",
          "2026-02-10T11:52:05.9999999+00:00",
          "2026-02-10 11:52:05.5 +1",
          "0001-01-01T00:00:00+14:00",
          "=",
          "<<",
          "!!str x",
          "!tag",
          // what YAML reads as structure
          "---",
          "--- x",
          "x---y",
          "-----",
          "...",
          "- a",
          "-",
          "-x",
          "--source",
          "? q",
          "?",
          ":",
          ": x",
          "key: value",
          "ends:",
          "a:b",
          "a #b",
          "#hash",
          "[a]",
          "[",
          "]",
          "{a: b}",
          "{",
          "}",
          "a, b",
          ",",
          "&anchor",
          "*alias",
          "|",
          "|-",
          ">",
          "%TAG",
          "@at",
          "`tick",
          "'",
          "''",
          "'quoted'",
          "\"",
          "\"quoted\"",
          "it's",
          "\\",
          "\\n",
          "\\u0041",
          "C:\\x\\y",
          "%s{}$1",
          // blanks and line ends
          "  leading",
          "trailing  ",
          " both ",
          "\ttab",
          "tab\t",
          "a\tb",
          "line\nfeed",
          "\n",
          "\n\n",
          "ends\n",
          "\nbegins",
          " \n ",
          "a\n\n\nb",
          "a\n  b\n c",
          "- a\n- b",
          "k: v\nl: w",
          "---\nid: x\n---\n",
          "text\n---\n",
          "a\rb",
          "a\r\nb",
          "\r",
          "a\u0085b",
          "a\u2028b",
          "\u2029",
          "\u00a0nbsp\u00a0",
          "\u3000",
          "\u200b",
          "\u2007x",
          // characters
          "\ufeffmark",
          "mark\ufeff",
          "\u0001",
          "\u0007bell",
          "\u001b[31m",
          "\u001f",
          "\u007f",
          "\u0080",
          "\u009f",
          "\ufffd",
          "\ufffe",
          "\uffff",
          "\ufdd0",
          "é",
          "e\u0301",
          "ﬁ",
          "Å",
          "Å",
          "İ",
          "ı",
          "ß",
          "ẞ",
          "ς",
          "Σ",
          "ΟΔΟΣ",
          "ǅ",
          "漢字",
          "日本語のテキスト",
          "한국어",
          "\u1112\u1161\u11ab",
          "\u05e9\u05dc\u05d5\u05dd",
          "\u0645\u0631\u062d\u0628\u0627",
          "\u202eright to left\u202c",
          "\u2066isolated\u2069",
          "a\u0300\u0301\u0302\u0303",
          "😀",
          "👩\u200d👩\u200d👧",
          "🇩🇪",
          "👍🏽",
          "\ud83d\ude00\ud83d\ude01",
          "\ue000",
          "\uffee",
          "\ud800\udc00",
          "\udbff\udfff",
          "𝒜",
          // what our own spellings use
          "$time",
          "$number",
          "$map",
          "a|b",
          "a/b",
          "../up",
          "/etc/passwd",
          "CON",
          "nul.txt",
          "a.",
          ".hidden",
          "null\\u0000",
          "Stored memory [x] -> y.md",
          "DROP TABLE memories; --");

  private static final List<String> WORDS =
      List.of(
          "timeout",
          "the",
          "api",
          "Memory",
          "drift",
          "graph",
          "é",
          "漢字",
          "bug",
          "of",
          "session",
          "😀",
          "it's",
          "50%",
          "a_b",
          "key:",
          "#tag",
          "@lex",
          "x",
          "resolution",
          "2026-02-10");

  private static final List<String> TIMES =
      List.of(
          "2026-02-10",
          "2026-02-31",
          "2026-2-9 1:02:03",
          "2026-02-10T11:52:05Z",
          "2026-02-02 16:57:00.123456+00:00",
          "2026-02-10t11:52:05.5 -05:30",
          "9999-12-31");

  /** Numbers of YAML that 64 bits do not hold. */
  private static final List<String> YAML_NUMBERS =
      List.of(
          ".nan",
          ".inf",
          "-.INF",
          "123456789012345678901234567890",
          "-99999999999999999999",
          "1.0e+999",
          "0xFFFFFFFFFFFFFFFFFFFF");

  /** The same of JSON, and what Python adds. */
  private static final List<String> JSON_NUMBERS =
      List.of("NaN", "Infinity", "-Infinity", "123456789012345678901234567890", "1e999", "-1E+400");

  private static final double[] REALS = {
    0.0,
    1.0,
    -1.0,
    0.1,
    0.1 + 0.2,
    1 / 3.0,
    1e-5,
    1e-4,
    1e16,
    1e15,
    123456789012345680.0,
    5e-324,
    -5e-324,
    Double.MIN_NORMAL,
    Double.MAX_VALUE,
    -Double.MAX_VALUE,
    5.684341886080802e-14,
    4.35,
    0.5,
    100.0,
    1e22,
    1e23,
    9007199254740993.0,
    0.8925408856648555
  };

  private static final long[] INTS = {
    0, 1, -1, 7, 8, 60, 1L << 31, -(1L << 31) - 1, (1L << 53) + 1, Long.MAX_VALUE, Long.MIN_VALUE
  };

  private static final float[] FLOATS = {
    0f,
    -0f,
    1f,
    -1f,
    0.1f,
    1f / 3,
    Float.MIN_VALUE,
    -Float.MIN_VALUE,
    Float.MIN_NORMAL,
    Float.MAX_VALUE,
    -Float.MAX_VALUE,
    16777217f,
    1e-20f,
    3.4e-39f,
    Math.nextUp(1f)
  };

  private final Random random;
  private final Set<String> ids = new HashSet<>();
  private final Set<String> fileNames = new HashSet<>();
  private int serial;

  /** Records that this seed decides. */
  public RandomRecords(long seed) {
    random = new Random(seed);
  }

  // ---- sets of records ----

  /**
   * A consistent set, in an order in which none comes before one it needs: memories, spaces, the
   * memories' co-occurrence entries, edges with observations, vectors and image links, and what
   * other files hold. Some vectors and links lead to memories that are not there, as in real trees.
   *
   * @param memories how many; of all kinds together about eight times as many
   */
  public static List<MemoryRecord> tree(long seed, int memories) {
    RandomRecords some = new RandomRecords(seed);
    List<Memory> all = new ArrayList<>();
    for (int i = 0; i < memories; i++) {
      all.add(some.memory());
    }
    List<MemoryRecord> records = new ArrayList<>(all);
    List<VectorSpace> spaces =
        List.of(
            some.space(VectorSpace.TEXT),
            some.space(VectorSpace.IMAGE),
            some.space("notes.v2"),
            some.space("With_Upper-Case"));
    records.addAll(spaces);
    for (Memory memory : all) {
      if (memory.members().get(Memory.CO_OCCURRENCES) instanceof Value.Map) {
        Set<String> others = new HashSet<>();
        for (int i = some.random.nextInt(4); i > 0; i--) {
          String to = some.chance(5) ? some.text() : some.pick(all).id();
          if (others.add(to)) {
            records.add(some.coOccurrence(memory.id(), to));
          }
        }
      }
    }
    List<Edge> edges = new ArrayList<>();
    Set<String> pairs = new HashSet<>();
    for (int i = 0; i < memories; i++) {
      String pair = some.chance(10) ? some.text() : some.pick(all).id() + "|" + some.pick(all).id();
      if (pairs.add(pair)) {
        edges.add(some.edge(pair));
      }
    }
    records.addAll(edges);
    for (Edge edge : edges) {
      if (edge.members().get(Edge.OBSERVATIONS) instanceof Value.Seq) {
        int ordinal = 0;
        for (int i = some.random.nextInt(4); i > 0; i--) {
          records.add(some.observation(edge.pair(), ordinal));
          ordinal += some.chance(15) ? 2 : 1; // a place left empty
        }
      }
    }
    for (VectorSpace space : spaces) {
      int dimensions = space.dimensions().orElse(3);
      Set<String> targets = new HashSet<>();
      for (int i = 0; i < memories / 2 + 1; i++) {
        String target = some.chance(8) ? some.text() : some.pick(all).id();
        if (targets.add(target)) {
          int length = some.chance(20) ? 1 + some.random.nextInt(9) : dimensions;
          records.add(some.embedding(space.name(), target, length));
        }
      }
    }
    Set<String> images = new HashSet<>();
    for (int i = 0; i < memories / 4 + 1; i++) {
      String image = some.chance(3) ? some.text() : "photo_" + i + ".jpg";
      if (images.add(image)) {
        records.add(some.imageLink(image, all));
      }
    }
    Session session = some.session();
    records.add(session);
    for (String source : sources(session)) {
      Set<String> recalled = new HashSet<>();
      for (int i = some.random.nextInt(6); i > 0; i--) {
        String id = some.chance(4) ? some.text() : some.pick(all).id();
        if (recalled.add(id)) {
          records.add(new SessionRecall(source, id));
        }
      }
    }
    some.files(memories / 8 + 1, records);
    return records;
  }

  /**
   * What stands in the other files: lists with places left empty, and files that are one record.
   */
  private void files(int count, List<MemoryRecord> records) {
    int ordinal = 0;
    for (int i = 0; i < count; i++) {
      records.add(rejection(ordinal));
      ordinal += chance(15) ? 2 : 1;
    }
    ordinal = 0;
    for (int i = 0; i < count; i++) {
      records.add(lesson(ordinal));
      ordinal += chance(15) ? 2 : 1;
    }
    for (int i = 0; i < count; i++) {
      records.add(contextGraph(fileName(".json").replace(".json", "")));
    }
    records.add(besideRejections());
    for (int i = 0; i < count; i++) {
      String folder = pick(FOLDERS);
      String ending = chance(3) ? ".jsonl" : chance(3) && !folder.equals("core/") ? ".md" : ".json";
      records.add(otherFile(folder + fileName(ending)));
    }
    records.add(pendingCoOccurrence());
    for (int i = 0; i < count; i++) {
      records.add(fingerprint(i));
    }
    for (int i = 0; i < count; i++) {
      records.add(vitals(i));
    }
    for (int i = 0; i < count; i++) {
      records.add(decayRun(i));
    }
    records.add(attestation(Attestation.key(Attestation.NOSTR, 0)));
    for (int i = 0; i < count; i++) {
      records.add(attestation(Attestation.key(Attestation.MERKLE, i)));
    }
    for (String type : List.of(Attestation.MERKLE, Attestation.TASTE, Attestation.COGNITIVE)) {
      records.add(attestation(Key.of(type, Attestation.LATEST)));
    }
  }

  private static final List<String> FOLDERS =
      List.of("", "", "social/", "sensors/", "sensors/data/", "a b/日本/", "core/");

  // ---- one record ----

  /** A memory of an id and a file name that this generator has not used before. */
  public Memory memory() {
    String id = fresh(chance(3) ? text() : plainId());
    Tier tier = Tier.values()[random.nextInt(3)];
    if (chance(8) && isFileName(id)) {
      fileNames.add(sameName(id + ".md"));
      return memory(id, tier, id + ".md", false);
    }
    return memory(id, tier, fileName(), true);
  }

  /**
   * A memory of this id, in an active tier's file of this name.
   *
   * @param fileName a plain name that ends in {@code .md}
   */
  public Memory memory(String id, String fileName) {
    ids.add(id);
    return memory(id, Tier.values()[random.nextInt(3)], fileName, true);
  }

  private Memory memory(String id, Tier tier, String fileName, boolean named) {
    Value frontMatter = frontMatter(named ? id : null);
    String body = body();
    return !named && chance(3) ? irregular(id) : new Memory(id, tier, fileName, body, frontMatter);
  }

  /** A memory whose front matter is no map, or that has none, in a file named after its id. */
  Memory irregular(String id) {
    Value frontMatter = irregular();
    String body = body();
    if (frontMatter == null && body.startsWith("---")) {
      body = body.replace("---", "- -");
    }
    return new Memory(id, Tier.values()[random.nextInt(3)], id + ".md", body, frontMatter);
  }

  /** Front matter that is no map: null for none at all. */
  private @Nullable Value irregular() {
    return switch (random.nextInt(7)) {
      case 0, 1 -> null;
      case 2 -> Value.NULL;
      case 3 -> new Value.Seq(List.of(Value.of("a"), Value.of(1L)));
      case 4 -> Value.of(random.nextLong());
      case 5 -> Value.of(random.nextBoolean());
      default -> Value.of(text());
    };
  }

  private Value frontMatter(@Nullable String id) {
    Map<String, Value> members = new LinkedHashMap<>();
    if (id != null) {
      members.put("id", Value.of(id));
    }
    known(members, "type", Value.of(pick(List.of("active", "core", "archive", "no", ""))));
    known(members, "created", time());
    known(members, "event_time", time());
    known(members, "tags", texts(6));
    known(members, "emotional_weight", chance(3) ? Value.of(1L) : Value.of(random.nextDouble()));
    known(members, "recall_count", Value.of((long) random.nextInt(20)));
    if (chance(2)) {
      members.put(Memory.CO_OCCURRENCES, chance(12) ? value(1, true) : Value.EMPTY_MAP);
    }
    known(members, "caused_by", texts(3));
    known(members, "leads_to", texts(3));
    known(members, "links", texts(2));
    known(members, "consolidated_from", texts(2));
    if (chance(3)) {
      Value.Map entities = Value.EMPTY_MAP;
      for (String kind : List.of("agents", "projects", "concepts")) {
        entities = chance(2) ? entities.with(kind, texts(3)) : entities;
      }
      members.put("entities", entities);
    }
    known(members, "last_recalled", time());
    known(members, "sessions_since_recall", Value.of(0L));
    known(members, "source", value(2, true));
    extra(members, true);
    return chance(3) ? shuffled(members) : new Value.Map(members);
  }

  /**
   * Puts a known member most of the time, now and then with a value of a type it should not have.
   */
  private void known(Map<String, Value> members, String name, Value value) {
    if (chance(3)) {
      return;
    }
    members.put(name, chance(12) ? scalarOrMap(name) : value);
  }

  // A list of texts must stay one, since a file keeps the source text of its items.
  private Value scalarOrMap(String name) {
    Value value = value(2, true);
    return value instanceof Value.Seq ? Value.of(name) : value;
  }

  private void extra(Map<String, Value> members, boolean yaml) {
    for (int i = random.nextInt(4); i > 0; i--) {
      String name = chance(2) ? text() : "extra_" + i;
      if (!RESERVED.contains(name)) {
        members.putIfAbsent(name, value(chance(10) ? DEPTH : 3, yaml));
      }
    }
  }

  private static final Set<String> RESERVED =
      Set.of(
          "id",
          Memory.CO_OCCURRENCES,
          Edge.OBSERVATIONS,
          Session.RECALLS,
          "embedding",
          "memories",
          "images");

  private Value.Map shuffled(Map<String, Value> members) {
    List<String> names = new ArrayList<>(members.keySet());
    Collections.shuffle(names, random);
    Value.Map map = Value.EMPTY_MAP;
    for (String name : names) {
      map = map.with(name, requireNonNull(members.get(name)));
    }
    return map;
  }

  /** A space, mostly of a few dimensions, now and then of none that it tells. */
  public VectorSpace space(String name) {
    Map<String, Value> members = new LinkedHashMap<>();
    if (!chance(6)) {
      members.put("model", chance(8) ? value(1, false) : Value.of("model of " + name));
    }
    if (!chance(6)) {
      Value dimensions = Value.of(1L + random.nextInt(8));
      members.put(
          name.equals(VectorSpace.IMAGE) ? "dimensions" : "embedding_dim",
          chance(8) ? value(1, false) : dimensions);
    }
    extra(members, false);
    return new VectorSpace(name, new Value.Map(members));
  }

  /** An entry with a count that is a whole number, a float, or anything else. */
  public CoOccurrence coOccurrence(String from, String to) {
    Value count =
        chance(10)
            ? value(2, true)
            : chance(2) ? Value.of((long) random.nextInt(30)) : Value.of(random.nextDouble() * 9);
    return new CoOccurrence(from, to, count);
  }

  /** An edge, mostly with a place for observations. */
  public Edge edge(String pair) {
    Map<String, Value> members = new LinkedHashMap<>();
    if (!chance(8)) {
      members.put(Edge.OBSERVATIONS, chance(12) ? scalarOrMapOfJson() : Value.EMPTY_SEQ);
    }
    member(members, "belief", Value.of(random.nextDouble()));
    member(members, "first_formed", time(false));
    member(members, "last_updated", time(false));
    if (chance(2)) {
      members.put(
          "platform_context",
          Value.EMPTY_MAP.with("moltx", Value.of(1L)).with("_cross_platform", Value.of(true)));
    }
    member(members, "thinking_about", texts(3));
    extra(members, false);
    return new Edge(pair, new Value.Map(members));
  }

  private Value scalarOrMapOfJson() {
    Value value = value(2, false);
    return value instanceof Value.Seq ? Value.NULL : value;
  }

  private void member(Map<String, Value> members, String name, Value value) {
    if (!chance(4)) {
      members.put(name, chance(12) ? value(2, false) : value);
    }
  }

  /** An observation, now and then without the members it should have. */
  public Observation observation(String pair, int ordinal) {
    Map<String, Value> members = new LinkedHashMap<>();
    member(members, "id", Value.of(plainId()));
    member(members, "observed_at", time(false));
    member(
        members,
        "source",
        Value.EMPTY_MAP.with("type", Value.of("session_recall")).with("platform", Value.NULL));
    member(members, "weight", chance(2) ? Value.of(1.0) : Value.of(1L));
    member(members, "trust_tier", Value.of("self"));
    extra(members, false);
    return new Observation(pair, ordinal, new Value.Map(members));
  }

  /** A vector of this many floats, among them every odd one. */
  public Embedding embedding(String space, String target, int length) {
    float[] vector = new float[length];
    boolean odd = chance(3);
    boolean zero = chance(25);
    for (int i = 0; i < length; i++) {
      vector[i] =
          zero ? 0f : odd ? FLOATS[random.nextInt(FLOATS.length)] : (float) random.nextGaussian();
    }
    Map<String, Value> members = new LinkedHashMap<>();
    member(members, "preview", Value.of(text()));
    member(members, "path", Value.of("C:\\x\\memory\\active\\" + text()));
    extra(members, false);
    return Embedding.of(space, target, vector, new Value.Map(members));
  }

  /** The links of an image, to some of these memories and in all the forms that occur. */
  public ImageLink imageLink(String image, List<Memory> memories) {
    if (chance(8)) {
      return new ImageLink(image, value(2, false));
    }
    List<Value> items = new ArrayList<>();
    for (int i = random.nextInt(4); i > 0; i--) {
      String id = pick(memories).id();
      items.add(
          switch (random.nextInt(6)) {
            case 0 -> Value.of("Stored memory [" + id + "] -> physical-" + id + ".md");
            case 1 -> Value.of("Stored memory [" + id + "]");
            case 2 -> chance(2) ? value(1, false) : Value.of(text());
            default -> Value.of(id);
          });
    }
    return new ImageLink(image, new Value.Seq(items));
  }

  /** A session, with places for the recalls of some sources; for those of {@code manual} always. */
  public Session session() {
    Map<String, Value> members = new LinkedHashMap<>();
    member(members, "started", time(false));
    member(members, "retrieved", texts(6));
    Value.Map sources = Value.EMPTY_MAP.with("manual", Value.EMPTY_SEQ);
    for (int i = random.nextInt(3); i > 0; i--) {
      sources = sources.with(chance(2) ? text() : "start_priming", Value.EMPTY_SEQ);
    }
    if (chance(8)) {
      sources = sources.with("odd", scalarOrMapOfJson());
    }
    members.put(Session.RECALLS, sources);
    member(members, "last_updated", time(false));
    extra(members, false);
    return new Session(new Value.Map(members));
  }

  /** The sources of which a session has a list. */
  private static List<String> sources(Session session) {
    return session.members().get(Session.RECALLS) instanceof Value.Map sources
        ? sources.entries().keySet().stream().filter(session::hasRecalls).toList()
        : List.of();
  }

  /** A rejection, by either of its two writers. */
  public Rejection rejection(int ordinal) {
    Map<String, Value> members = new LinkedHashMap<>();
    member(members, "timestamp", time(false));
    member(members, "category", Value.of(pick(List.of("bounty", "post", "tweet", "no", ""))));
    member(members, "reason", Value.of(text()));
    member(members, "target", chance(2) ? Value.NULL : Value.of(text()));
    member(members, "context", Value.NULL);
    member(members, "tags", texts(3));
    member(members, "source", chance(2) ? Value.NULL : Value.of("internal"));
    if (chance(3)) {
      member(members, "session_activity", Value.of("social"));
      member(members, "session_platforms", texts(2));
      member(members, "thinking_about", texts(2));
    }
    extra(members, false);
    return new Rejection(ordinal, chance(3) ? shuffled(members) : new Value.Map(members));
  }

  /** What stands beside the rejections in their file. */
  public OtherFile besideRejections() {
    Map<String, Value> members = new LinkedHashMap<>();
    members.put("version", Value.of("1.0"));
    member(members, "agent", Value.of(text()));
    member(members, "count", Value.of((long) random.nextInt(9)));
    member(members, "stats", value(2, false));
    extra(members, false);
    return new OtherFile(".rejection_log.json", new Value.Map(members));
  }

  /** A lesson, now and then without the members it should have. */
  public Lesson lesson(int ordinal) {
    Map<String, Value> members = new LinkedHashMap<>();
    member(members, "id", Value.of("lesson-" + plainId()));
    member(members, "category", Value.of(pick(WORDS)));
    member(members, "lesson", Value.of(text()));
    member(members, "evidence", Value.of(""));
    member(members, "source", Value.of("manual"));
    member(members, "confidence", chance(5) ? Value.of(1L) : Value.of(random.nextDouble()));
    member(members, "created", time(false));
    member(members, "recalled_count", Value.of((long) random.nextInt(9)));
    member(members, "last_recalled", chance(2) ? Value.NULL : time(false));
    extra(members, false);
    return new Lesson(ordinal, chance(3) ? shuffled(members) : new Value.Map(members));
  }

  /** A graph of a few edges, of a dimension and a part that its name does not tell. */
  public ContextGraph contextGraph(String name) {
    Map<String, Value> members = new LinkedHashMap<>();
    member(
        members,
        "meta",
        Value.EMPTY_MAP
            .with("dimension", Value.of(pick(List.of("who", "where", "bridges"))))
            .with("sub_view", chance(2) ? Value.NULL : Value.of(text())));
    Value.Map edges = Value.EMPTY_MAP;
    for (int i = random.nextInt(3); i > 0; i--) {
      edges = edges.with(text(), Value.EMPTY_MAP.with("belief", Value.of(random.nextDouble())));
    }
    member(members, "edges", edges);
    member(members, "hubs", texts(3));
    member(members, "stats", value(2, false));
    extra(members, false);
    return new ContextGraph(name, new Value.Map(members));
  }

  /** A file of any value or text, at a path that no other kind has. */
  public OtherFile otherFile(String path) {
    return new OtherFile(
        path, path.endsWith(".json") ? value(chance(10) ? DEPTH : 3, false) : Value.of(body()));
  }

  /** Memories that wait to be counted, in one of the two forms. */
  public PendingCoOccurrence pendingCoOccurrence() {
    Map<String, Value> members = new LinkedHashMap<>();
    member(members, "retrieved", texts(6));
    member(members, "session_id", time(false));
    member(members, "agent", Value.of(text()));
    member(members, "saved_at", time(false));
    if (chance(3)) {
      Value.Map one = new Value.Map(members);
      members = new LinkedHashMap<>();
      member(members, "sessions", new Value.Seq(List.of(one, Value.EMPTY_MAP)));
    }
    extra(members, false);
    return new PendingCoOccurrence(new Value.Map(members));
  }

  /** What the fingerprint was at some time. */
  public Fingerprint fingerprint(int ordinal) {
    Map<String, Value> members = new LinkedHashMap<>();
    member(members, "timestamp", time(false));
    member(members, "fingerprint_hash", Value.of(plainId()));
    member(members, "node_count", Value.of((long) random.nextInt(300)));
    member(members, "edge_count", Value.of((long) random.nextInt(6000)));
    member(members, "cluster_count", Value.of((long) random.nextInt(4)));
    member(members, "hub_ids_top5", texts(5));
    member(members, "drift_score", Value.of(random.nextDouble()));
    extra(members, false);
    return new Fingerprint(ordinal, chance(3) ? shuffled(members) : new Value.Map(members));
  }

  /** What was measured at some time. */
  public Vitals vitals(int ordinal) {
    Map<String, Value> members = new LinkedHashMap<>();
    member(members, "timestamp", time(false));
    member(
        members,
        "metrics",
        Value.EMPTY_MAP
            .with("memory_total", Value.of((long) random.nextInt(2000)))
            .with("identity_drift", Value.of(random.nextDouble())));
    extra(members, false);
    return new Vitals(ordinal, chance(3) ? shuffled(members) : new Value.Map(members));
  }

  /** What decay did at some time. */
  public DecayRun decayRun(int ordinal) {
    Map<String, Value> members = new LinkedHashMap<>();
    member(members, "timestamp", time(false));
    member(members, "decayed", Value.of((long) random.nextInt(3000)));
    member(members, "pruned", Value.of((long) random.nextInt(200)));
    extra(members, false);
    return new DecayRun(ordinal, chance(3) ? shuffled(members) : new Value.Map(members));
  }

  /** An attestation of this type and name, now and then with the members of another type. */
  public Attestation attestation(Key key) {
    Map<String, Value> members = new LinkedHashMap<>();
    member(members, "version", Value.of("2.0"));
    member(members, "timestamp", time(false));
    member(members, "memory_count", Value.of((long) random.nextInt(2000)));
    for (String hash :
        List.of("merkle_root", "taste_hash", "fingerprint_hash", "event_id_hex", "previous_root")) {
      if (chance(3)) {
        member(members, hash, Value.of(plainId()));
      }
    }
    member(members, "chain_depth", Value.of((long) random.nextInt(20)));
    member(members, "nostr_published", Value.of(random.nextBoolean()));
    member(members, "file_hashes", Value.EMPTY_MAP.with("core/x.md", Value.of(plainId())));
    extra(members, false);
    return new Attestation(
        key.part(0), key.part(1), chance(3) ? shuffled(members) : new Value.Map(members));
  }

  // ---- texts, names and values ----

  /**
   * A text, mostly one of the traps, else words. May hold anything but NUL and half a character.
   */
  public String text() {
    switch (random.nextInt(8)) {
      case 0:
        return words(1 + random.nextInt(30));
      case 1:
        return pick(TEXTS) + pick(TEXTS);
      case 2:
        StringBuilder points = new StringBuilder();
        for (int i = random.nextInt(8); i > 0; i--) {
          points.appendCodePoint(codePoint());
        }
        return points.toString();
      default:
        return pick(TEXTS);
    }
  }

  private int codePoint() {
    while (true) {
      int c =
          switch (random.nextInt(4)) {
            case 0 -> random.nextInt(0x80);
            case 1 -> random.nextInt(0x2100);
            case 2 -> random.nextInt(0x10000);
            default -> random.nextInt(0x110000);
          };
      if (c != 0 && (c < 0xd800 || c > 0xdfff)) {
        return c;
      }
    }
  }

  private String words(int count) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < count; i++) {
      out.append(i == 0 ? "" : " ").append(pick(WORDS));
    }
    return out.toString();
  }

  /** A body: lines of traps and words, without carriage returns. */
  private String body() {
    StringBuilder out = new StringBuilder();
    for (int i = random.nextInt(5); i > 0; i--) {
      out.append(chance(3) ? words(40) : text()).append(chance(5) ? "\n\n" : chance(2) ? "\n" : "");
    }
    return out.toString().replace('\r', ' ');
  }

  private Value time() {
    return time(true);
  }

  private Value time(boolean yaml) {
    switch (random.nextInt(6)) {
      case 0:
        return yaml ? new Value.Time(pick(TIMES)) : Value.of(pick(TIMES));
      case 1:
        return Value.of(pick(TIMES));
      case 2:
        return Value.of(pick(TEXTS));
      default:
        return Value.of(
            String.format(
                Locale.ROOT,
                "2026-%02d-%02dT%02d:%02d:%02d.%06d+00:00",
                1 + random.nextInt(12),
                1 + random.nextInt(31),
                random.nextInt(24),
                random.nextInt(60),
                random.nextInt(60),
                random.nextInt(1_000_000)));
    }
  }

  /** A list of texts; now and then one text twice. */
  private Value texts(int most) {
    List<String> texts = new ArrayList<>();
    for (int i = random.nextInt(most + 1); i > 0; i--) {
      texts.add(chance(2) ? pick(WORDS) : text());
      if (chance(10)) {
        texts.add(texts.get(0));
      }
    }
    return Value.Seq.ofTexts(texts);
  }

  /**
   * A value of any type.
   *
   * @param depth how deep lists and maps may go
   * @param yaml whether it stands in a front matter, else in JSON, which has no times
   */
  private Value value(int depth, boolean yaml) {
    switch (random.nextInt(depth > 0 ? 13 : 9)) {
      case 0:
        return Value.NULL;
      case 1:
        return Value.of(random.nextBoolean());
      case 2:
        return Value.of(chance(2) ? INTS[random.nextInt(INTS.length)] : random.nextLong());
      case 3:
        return Value.of(REALS[random.nextInt(REALS.length)]);
      case 4:
        double any = Double.longBitsToDouble(random.nextLong());
        return Value.of(Double.isFinite(any) ? any : 1e16);
      case 5:
        return yaml ? new Value.Time(pick(TIMES)) : Value.of(pick(TIMES));
      case 6:
        return new Value.Opaque(pick(yaml ? YAML_NUMBERS : JSON_NUMBERS));
      case 7, 8:
        return Value.of(text());
      case 9, 10:
        List<Value> items = new ArrayList<>();
        for (int i = chance(4) ? 0 : 1 + random.nextInt(3); i > 0; i--) {
          items.add(value(depth - 1, yaml));
        }
        return new Value.Seq(items);
      default:
        Map<String, Value> map = new LinkedHashMap<>();
        for (int i = chance(4) ? 0 : 1 + random.nextInt(3); i > 0; i--) {
          map.put(text(), value(depth - 1, yaml));
        }
        return new Value.Map(map);
    }
  }

  private String plainId() {
    StringBuilder id = new StringBuilder();
    for (int i = 0; i < 8; i++) {
      id.append(Character.forDigit(random.nextInt(36), 36));
    }
    return chance(20) ? "thought-" + id : id.toString();
  }

  private String fresh(String wanted) {
    String id = wanted;
    while (!ids.add(id)) {
      id = wanted + serial++;
    }
    return id;
  }

  /** A name of a file that no other one has, not even where case or normal form is ignored. */
  private String fileName() {
    return fileName(".md");
  }

  private String fileName(String ending) {
    while (true) {
      String stem = chance(3) ? text() : words(3).replace(' ', '-');
      String name = (chance(30) ? "long-" + "漢".repeat(70) : stem) + "-" + serial++;
      if (isFileName(name) && fileNames.add(sameName(name + ending))) {
        return name + ending;
      }
    }
  }

  private static String sameName(String name) {
    return Normalizer.normalize(name, Normalizer.Form.NFKC).toLowerCase(Locale.ROOT);
  }

  /** Whether every file system takes it: no separators, controls, or names of devices. */
  private boolean isFileName(String stem) {
    return !stem.isBlank()
        && !stem.startsWith(".")
        && stem.codePoints()
            .noneMatch(c -> Character.isISOControl(c) || "/\\:*?\"<>|".indexOf(c) >= 0)
        && stem.codePoints().noneMatch(c -> Character.getType(c) == Character.UNASSIGNED)
        && (stem + ".md").getBytes(StandardCharsets.UTF_8).length <= 240
        && !fileNames.contains(sameName(stem + ".md"));
  }

  private boolean chance(int oneIn) {
    return random.nextInt(oneIn) == 0;
  }

  private <T> T pick(List<T> list) {
    return list.get(random.nextInt(list.size()));
  }

  // ---- mutations ----

  /**
   * A record that differs from another in one place.
   *
   * @param field the place in {@link MemoryRecord#tree()}, such as {@code content} or {@code
   *     front_matter.tags}
   */
  public record Mutation(String field, MemoryRecord record) {}

  /**
   * Copies of a record, each changed in one field and in it alone: every field and member once, one
   * member more, and one member less. What other records depend on stays (key, the places of
   * co-occurrence entries and observations). Every copy is valid. The same record gives the same
   * copies.
   */
  public static List<Mutation> mutations(MemoryRecord record) {
    List<Mutation> all = new ArrayList<>();
    Value.Map tree = record.tree();
    if (record instanceof Memory memory && memory.frontMatter() == null) {
      all.add(mutation(record, "front_matter", Value.EMPTY_MAP));
    }
    tree.entries()
        .forEach(
            (field, value) -> {
              switch (field) {
                case "members", "front_matter" -> mutateMembers(record, field, value, all);
                case "tier" ->
                    all.add(
                        mutation(
                            record,
                            field,
                            Value.of(value.equals(Value.of("core")) ? "active" : "core")));
                case "file_name" -> mutateFileName(record, value, all);
                case "vector" -> all.add(mutateVector((Embedding) record));
                case "content" -> {
                  String content = requireNonNull(Value.textOf(value));
                  all.add(mutation(record, field, Value.of(content + "\n")));
                  all.add(mutation(record, field, Value.of(content + "x")));
                }
                default -> all.add(mutation(record, field, changed(value)));
              }
            });
    return all;
  }

  private static Mutation mutation(MemoryRecord record, String field, Value value) {
    return new Mutation(field, of(record, record.tree().with(field, value)));
  }

  private static MemoryRecord of(MemoryRecord record, Value.Map tree) {
    return record.kind().record(record.key(), tree);
  }

  private static void mutateFileName(MemoryRecord record, Value name, List<Mutation> all) {
    if (((Memory) record).members().get("id") instanceof Value.Text) { // else the name is the id
      String text = requireNonNull(Value.textOf(name));
      all.add(mutation(record, "file_name", Value.of("x" + text)));
    }
  }

  private static Mutation mutateVector(Embedding embedding) {
    float[] vector = embedding.vector();
    int last = vector.length - 1;
    vector[last] = vector[last] == Float.MAX_VALUE ? 0f : Math.nextUp(vector[last]);
    if (vector[last] == 0f) { // from the least float below it, by way of minus zero
      vector[last] = 1f;
    }
    return new Mutation(
        "vector", Embedding.of(embedding.space(), embedding.target(), vector, embedding.members()));
  }

  private static void mutateMembers(
      MemoryRecord record, String field, Value value, List<Mutation> all) {
    if (!(value instanceof Value.Map members)) {
      all.add(mutation(record, field, changed(value)));
      return;
    }
    members
        .entries()
        .forEach(
            (name, member) -> {
              if (!isFixed(record, name, member)) {
                all.add(
                    new Mutation(
                        field + "." + name,
                        of(
                            record,
                            record.tree().with(field, members.with(name, changed(member))))));
              }
            });
    all.add(
        new Mutation(
            field + ".one more",
            of(record, record.tree().with(field, members.with("one more", Value.NULL)))));
    members.entries().entrySet().stream()
        .filter(entry -> !isFixed(record, entry.getKey(), entry.getValue()))
        .findFirst()
        .ifPresent(
            entry ->
                all.add(
                    new Mutation(
                        field + "." + entry.getKey(),
                        of(record, record.tree().with(field, members.without(entry.getKey()))))));
  }

  private static boolean isFixed(MemoryRecord record, String name, Value value) {
    return (record instanceof Memory && name.equals("id"))
        || (name.equals(Memory.CO_OCCURRENCES) && value instanceof Value.Map)
        || (name.equals(Edge.OBSERVATIONS) && value instanceof Value.Seq)
        || (record instanceof Session && name.equals(Session.RECALLS));
  }

  /** Something else that may stand in the same place, as near to it as can be. */
  private static Value changed(Value value) {
    if (value instanceof Value.Text text) {
      return Value.of(text.value() + " ");
    }
    if (value instanceof Value.Int number) {
      long n = number.value();
      return Math.abs((double) n) < 1e15 ? Value.of((double) n) : Value.of(n ^ 1);
    }
    if (value instanceof Value.Real number) {
      double up = Math.nextUp(number.value());
      return Value.of(Double.isFinite(up) && up != 0 ? up : 1.0);
    }
    if (value instanceof Value.Bool truth) {
      return Value.of(!truth.value());
    }
    if (value instanceof Value.Time time) {
      return Value.of(time.value()); // the same text, but text
    }
    if (value instanceof Value.Opaque number) {
      return Value.of(number.value());
    }
    if (value instanceof Value.Seq seq) {
      return changed(seq);
    }
    if (value instanceof Value.Map map) {
      return changed(map);
    }
    return Value.of("");
  }

  private static Value changed(Value.Seq seq) {
    List<Value> items = new ArrayList<>(seq.items());
    int last = items.size() - 1;
    if (last > 0 && !items.get(0).equals(items.get(last)) && last % 2 == 0) {
      Collections.swap(items, 0, last);
    } else if (last >= 0 && items.get(last) instanceof Value.Text text) {
      items.set(last, changed(text));
    } else {
      items.add(Value.of(""));
    }
    return new Value.Seq(items);
  }

  private static Value changed(Value.Map map) {
    if (map.isEmpty()) {
      return map.with("", Value.NULL);
    }
    Map.Entry<String, Value> first = map.entries().entrySet().iterator().next();
    return map.with(first.getKey(), changed(first.getValue()));
  }

  /** The canonical text of a record, for failure texts: {@code toString()} tells no content. */
  public static String show(MemoryRecord record) {
    return record.kind() + " " + record.key().parts() + " " + Canonical.canonical(record.tree());
  }
}

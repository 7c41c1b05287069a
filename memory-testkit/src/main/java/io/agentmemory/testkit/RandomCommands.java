package io.agentmemory.testkit;

import io.agentmemory.Attestation;
import io.agentmemory.CoOccurrence;
import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.ImageLink;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Lesson;
import io.agentmemory.Memory;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryQuery.Order;
import io.agentmemory.MemoryQuery.TimeField;
import io.agentmemory.MemoryRecord;
import io.agentmemory.NewLesson;
import io.agentmemory.NewRejection;
import io.agentmemory.Observation;
import io.agentmemory.OpId;
import io.agentmemory.PendingCoOccurrence;
import io.agentmemory.Rejection;
import io.agentmemory.Session;
import io.agentmemory.SessionRecall;
import io.agentmemory.SimilarQuery;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.Vitals;
import io.agentmemory.command.AddLesson;
import io.agentmemory.command.AddObservation;
import io.agentmemory.command.AgeMemories;
import io.agentmemory.command.AppendRecord;
import io.agentmemory.command.Batch;
import io.agentmemory.command.BeliefRule;
import io.agentmemory.command.Command;
import io.agentmemory.command.CompressMemory;
import io.agentmemory.command.ConsolidateMemories;
import io.agentmemory.command.ContradictLesson;
import io.agentmemory.command.CountCoOccurrences;
import io.agentmemory.command.DecayCoOccurrences;
import io.agentmemory.command.DecayEdges;
import io.agentmemory.command.DecayRule;
import io.agentmemory.command.DefineSpace;
import io.agentmemory.command.DeleteRecords;
import io.agentmemory.command.EndSession;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.LogCoOccurrences;
import io.agentmemory.command.LogRejections;
import io.agentmemory.command.LogRetrievals;
import io.agentmemory.command.MoveMemory;
import io.agentmemory.command.NoteRecalls;
import io.agentmemory.command.OrderRecords;
import io.agentmemory.command.PromoteMemories;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.RecallLessons;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.ReplaceRecord;
import io.agentmemory.command.SavePending;
import io.agentmemory.command.SessionRule;
import io.agentmemory.command.StartSession;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.SupersedeLesson;
import io.agentmemory.command.UpdateMemory;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;

/**
 * Random batches of commands, valid ones and such that every store refuses, over few enough records
 * that they meet again and again, and random questions about the outcome. The same seed gives the
 * same, but for the operations' names. Not thread-safe.
 */
public final class RandomCommands {
  private static final List<String> IDS =
      List.of(
          "a",
          "b",
          "c",
          "d",
          "e",
          "f",
          "q7w2e9rt",
          "thought-8bcbf5e0",
          "01234567",
          "A",
          "\u00e9",
          "e\u0301",
          "\ud83d\ude00",
          "\ue000",
          "../x",
          "no",
          "a b",
          "con");

  private static final List<String> SOURCES = List.of("manual", "start_priming", "odd");
  private static final List<String> SPACES =
      List.of(VectorSpace.TEXT, VectorSpace.IMAGE, "notes.v2", "undefined");

  private static final List<String> GRAPHS = List.of("who", "bridges_who_what");

  private static final List<String> FILES =
      List.of(
          "vocabulary_map.json",
          "social/my_posts.json",
          "sensors/physical_entities.json",
          "social/contacts/lex.md");

  private static final List<String> TAGS =
      List.of("api", "API", "bug", "Straße", "İ", "re\u0301sume\u0301", "x_y", "50%", "");

  private static final List<String> LEARNED = List.of("Use a timeout", "Use a TIMEOUT", "Be kind");

  private static final List<String> LESSONS = List.of("lesson-4d7f18d2", "lesson-3470ac92");

  private static final List<String> TIMES =
      List.of(
          "2026-02-10T11:52:05.123456+00:00",
          "2026-02-10",
          "2026-02-31",
          "2025-12-31T23:59:59Z",
          "2026-02-10T14:00:00+02:00",
          "no time");

  /** Times that a command may take for now. */
  private static final List<String> NOWS =
      List.of(TIMES.get(0), TIMES.get(3), TIMES.get(4), "2026-02-11T00:00:00+00:00");

  private final Random random;
  private final RandomRecords records;
  private final List<Batch> done = new ArrayList<>();
  private int serial;
  private PendingCoOccurrence lastPending = new PendingCoOccurrence(Value.EMPTY_MAP);

  /** Commands that this seed decides. */
  public RandomCommands(long seed) {
    random = new Random(seed);
    records = new RandomRecords(seed);
  }

  /** The next batch: of one command or several, now and then one that was there before. */
  public Batch next() {
    if (!done.isEmpty() && chance(15)) {
      return pick(done);
    }
    List<Command> commands = new ArrayList<>();
    if (chance(3)) {
      for (int i = 2 + random.nextInt(5); i > 0; i--) {
        commands.add(chance(25) ? refused() : chance(4) ? command() : likely());
      }
    } else {
      commands.add(chance(14) ? refused() : command());
    }
    Batch batch = new Batch(chance(4) ? OpId.copy() : OpId.random(), commands);
    done.add(batch);
    return batch;
  }

  private Command command() {
    switch (random.nextInt(26)) {
      case 25:
        return learning();
      case 23:
        return appending();
      case 24:
        return replacing();
      case 0, 1, 2:
        return storing(pick(IDS));
      case 3, 4:
        return updating();
      case 5, 6:
        return recalling();
      case 7:
        return new MoveMemory(pick(IDS), pick(List.of(Tier.values())));
      case 8:
        return new ForgetMemory(pick(IDS), chance(3) ? 1 + random.nextInt(6) : 0);
      case 9:
        String name = pick(SPACES.subList(0, 3));
        return new DefineSpace(
            VectorSpace.of(name, chance(6) ? "other" : "model", chance(6) ? 2 : 3));
      case 10, 11:
        return new PutEmbedding(embedding());
      case 12, 13:
        return tying();
      case 14:
        return decaying();
      case 19:
        return upkeep();
      case 21, 22:
        return keepingTheSession();
      case 15, 16, 17, 18:
        List<PutRecords.Put> puts = new ArrayList<>();
        for (int i = 1 + random.nextInt(5); i > 0; i--) {
          puts.add(new PutRecords.Put(record(), 1 + random.nextInt(6)));
        }
        return new PutRecords(puts);
      default:
        List<DeleteRecords.Delete> deletes = new ArrayList<>();
        for (int i = 1 + random.nextInt(3); i > 0; i--) {
          deletes.add(delete());
        }
        return new DeleteRecords(deletes);
    }
  }

  /** Notes that memories belong together. */
  private Command tying() {
    List<String> ids = new ArrayList<>(new LinkedHashSet<>(List.of(pick(IDS), pick(IDS))));
    if (chance(2)) {
      ids = new ArrayList<>(List.of("a", "b", "c", pick(IDS.subList(3, IDS.size()))));
    }
    if (chance(3) && ids.size() > 1) {
      Value.Map observation =
          chance(3)
              ? records.observation("a|b", 0).members()
              : Value.EMPTY_MAP
                  .with("weight", Value.of(random.nextDouble()))
                  .with("observed_at", Value.of(pick(TIMES)))
                  .with("trust_tier", Value.of(pick(List.of("self", "platform", "no"))));
      return new AddObservation(ids.get(1), ids.get(0), TIMES.get(0), observation, rule());
    }
    if (chance(5)) {
      List<String> to = new ArrayList<>(IDS.subList(1, IDS.size()));
      Collections.shuffle(to, random);
      if (chance(2)) {
        return OrderRecords.ofEdges(to.stream().map(id -> "a|" + id).toList());
      }
      return OrderRecords.ofCounts("a", to);
    }
    if (chance(2)) {
      return new CountCoOccurrences(ids);
    }
    List<String> uuids = new ArrayList<>();
    while (uuids.size() < LogCoOccurrences.pairs(ids.size())) {
      uuids.add("o" + serial++);
    }
    String activity = chance(2) ? pick(List.of("social", "economic")) : null;
    return new LogCoOccurrences(ids, uuids, TIMES.get(4), "session", "agent", activity, rule());
  }

  private BeliefRule rule() {
    return chance(2)
        ? BeliefRule.DRIFT
        : new BeliefRule(Map.of("self", 0.9), 0.2, 7, 0.3, 0.01, 1, 12);
  }

  private Command upkeep() {
    return switch (random.nextInt(5)) {
      case 0 -> new PromoteMemories(some(IDS), 1, TIMES.get(0));
      case 1 -> new CompressMemory(pick(IDS), body(), TIMES.get(0));
      case 2 -> {
        List<LogRetrievals.Retrieval> retrievals = new ArrayList<>();
        for (String id : some(IDS)) {
          LogRetrievals.Result result = pick(List.of(LogRetrievals.Result.values()));
          retrievals.add(new LogRetrievals.Retrieval(id, result));
        }
        yield new LogRetrievals(retrievals);
      }
      default ->
          new ConsolidateMemories(
              pick(IDS.subList(0, 3)),
              pick(IDS.subList(3, 9)),
              chance(2) ? body() : null,
              TIMES.get(0));
    };
  }

  private Command replacing() {
    long expected = chance(3) ? random.nextInt(3) : ReplaceRecord.ANY;
    return switch (random.nextInt(3)) {
      case 0 -> new ReplaceRecord(records.contextGraph(pick(GRAPHS)), expected);
      case 1 -> new ReplaceRecord(records.otherFile(pick(FILES)), expected);
      default -> {
        String type = chance(2) ? Attestation.MERKLE : Attestation.TASTE;
        Key key = Key.of(type, Attestation.LATEST);
        yield new ReplaceRecord(records.attestation(key), expected);
      }
    };
  }

  private Command appending() {
    int keep = chance(3) ? AppendRecord.ALL : 1 + random.nextInt(4);
    return switch (random.nextInt(9)) {
      case 6, 7, 8 -> learning();
      case 4, 5 -> {
        List<NewRejection> rejections = new ArrayList<>();
        for (int i = 1 + random.nextInt(3); i > 0; i--) {
          String category = chance(12) ? "tweet" : pick(NewRejection.CATEGORIES);
          rejections.add(NewRejection.of(category, records.text()).target(pick(IDS)).tags("a"));
        }
        yield new LogRejections(rejections, chance(2) ? "agent" : null, TIMES.get(0));
      }
      case 0 -> new AppendRecord(Kind.VITALS, List.of(), records.vitals(0).members(), keep);
      case 1 -> new AppendRecord(Kind.DECAY_RUN, List.of(), records.decayRun(0).members(), keep);
      case 2 ->
          new AppendRecord(Kind.FINGERPRINT, List.of(), records.fingerprint(0).members(), keep);
      default -> {
        Key key = Attestation.key(Attestation.MERKLE, 0);
        yield new AppendRecord(
            Kind.ATTESTATION, List.of(key.part(0)), records.attestation(key).members(), keep);
      }
    };
  }

  /** About few lessons, so that they meet again; those of {@link #record()} have other ids. */
  private Command learning() {
    String id = pick(LESSONS);
    return switch (random.nextInt(8)) {
      case 0 -> new RecallLessons(LESSONS, TIMES.get(0));
      case 1 -> new ContradictLesson(id, pick(IDS), 0.5);
      case 2, 3, 4 -> new SupersedeLesson(LESSONS.get(0), chance(3) ? id : LESSONS.get(1));
      default -> new AddLesson(NewLesson.of("api", pick(LEARNED)), TIMES.get(0));
    };
  }

  private Command decaying() {
    DecayRule rule =
        chance(2)
            ? DecayRule.DRIFT
            : new DecayRule(1 + random.nextInt(3), 1, 0.5, 2, 0.4, 3, 0.5, 2);
    if (chance(2)) {
      return new DecayCoOccurrences(some(IDS), TIMES.get(0), rule);
    }
    Map<String, List<String>> dimensions = new LinkedHashMap<>();
    if (chance(2)) {
      dimensions.put("why", List.of("social"));
      dimensions.put("what", List.of());
    }
    return new DecayEdges(some(IDS), dimensions, TIMES.get(0), rule);
  }

  /** A command that is seldom refused, so that batches of several get through. */
  private Command likely() {
    return switch (random.nextInt(6)) {
      case 0 -> storing("n" + serial++);
      case 1 -> new PutRecords(List.of(new PutRecords.Put(memory(pick(IDS)), revision())));
      case 2 -> new PutRecords(List.of(new PutRecords.Put(records.edge(pair()), revision())));
      case 3 -> new DeleteRecords(List.of(delete()));
      default -> recalling();
    };
  }

  private RecallMemory recalling() {
    return chance(2)
        ? new RecallMemory(pick(IDS), pick(TIMES))
        : new RecallMemory(pick(IDS), pick(NOWS), pick(SOURCES), sessionRule());
  }

  private SessionRule sessionRule() {
    return chance(3)
        ? SessionRule.DRIFT
        : new SessionRule(Duration.ofDays(100), Set.of("manual", "start_priming"), 0.25);
  }

  private Command keepingTheSession() {
    return switch (random.nextInt(6)) {
      case 0 -> new StartSession(pending(), pick(NOWS), sessionRule());
      case 1 -> new SavePending("agent", pick(NOWS), sessionRule());
      case 2 -> new EndSession(random.nextInt(4));
      case 3 -> new AgeMemories();
      default ->
          new NoteRecalls(List.of(pick(IDS), pick(IDS)), pick(SOURCES), pick(NOWS), sessionRule());
    };
  }

  private PendingCoOccurrence pendingRecord() {
    lastPending = records.pendingCoOccurrence();
    if (chance(2)) {
      Value.Map one = Value.EMPTY_MAP.with("retrieved", Value.Seq.ofTexts(some(IDS)));
      Value.Map two = one.with("retrieved", Value.Seq.ofTexts(List.of("a", "", "b", "a", "c")));
      lastPending =
          new PendingCoOccurrence(
              chance(2) ? two : Value.EMPTY_MAP.with("sessions", new Value.Seq(List.of(one, two))));
    }
    return lastPending;
  }

  /** What may be pending: nothing, or what was put last. */
  private List<List<String>> pending() {
    return chance(3)
        ? List.of()
        : lastPending.sessions().stream()
            .map(session -> Value.textsOf(session.get("retrieved")))
            .toList();
  }

  private long revision() {
    return 1L + random.nextInt(7);
  }

  private StoreMemory storing(String id) {
    Map<String, List<String>> entities = new LinkedHashMap<>();
    if (chance(3)) {
      entities.put("agents", List.of("lex", pick(TAGS)));
      entities.put("projects", List.of());
    }
    return new StoreMemory(
        id,
        pick(TIMES),
        body(),
        chance(3) ? "Title of " + pick(TAGS) : null,
        some(TAGS),
        chance(5) ? 1 : random.nextDouble(),
        chance(2) ? pick(TIMES) : null,
        some(IDS),
        chance(3) ? some(IDS) : List.of(),
        entities);
  }

  private String body() {
    return switch (random.nextInt(4)) {
      case 0 -> "İstanbul STRASSE ΟΔΟΣ " + pick(TAGS);
      case 1 -> "---\nid: x\n---\n" + pick(TAGS) + "\r\nnext";
      case 2 -> records.text();
      default -> "The " + pick(TAGS) + " failed " + random.nextInt(9) + " times\n";
    };
  }

  private UpdateMemory updating() {
    UpdateMemory update = UpdateMemory.of(pick(IDS));
    if (chance(2)) {
      update = update.content(body());
    }
    if (chance(2)) {
      update = update.tags(some(TAGS));
    }
    if (chance(3)) {
      update = update.weight(random.nextInt(5) / 4.0);
    }
    if (chance(3)) {
      update = update.set("extra", Value.of((long) random.nextInt(3)));
    }
    if (chance(4)) {
      update = update.set("e\u0301", Value.EMPTY_MAP.with("no", Value.of("1:30")));
    }
    if (chance(4)) {
      update = update.set("created", Value.of(pick(TIMES)));
    }
    if (chance(5)) {
      update = update.remove(pick(List.of("extra", "tags", "type", "leads_to", "event_time")));
    }
    return chance(4) ? update.ifRevision(OptionalLong.of(1 + random.nextInt(5))) : update;
  }

  private Embedding embedding() {
    String target = pick(IDS);
    int length = chance(8) ? 1 + random.nextInt(4) : 3;
    float[] vector = new float[length];
    for (int i = 0; i < length; i++) {
      vector[i] = chance(6) ? 0f : random.nextInt(7) - 3;
    }
    Value.Map members =
        chance(2) ? Value.EMPTY_MAP : Value.EMPTY_MAP.with("preview", Value.of(pick(TAGS)));
    return Embedding.of(pick(SPACES), target, vector, members);
  }

  private MemoryRecord record() {
    String id = pick(IDS);
    switch (random.nextInt(18)) {
      case 0, 1:
        return memory(id);
      case 2:
        return records.space(pick(SPACES.subList(0, 3)));
      case 3, 4:
        return records.coOccurrence(id, pick(IDS));
      case 5:
        return records.edge(pair());
      case 6:
        return records.observation(pair(), random.nextInt(4));
      case 7:
        return embedding();
      case 8:
        return session();
      case 9:
        return new SessionRecall(pick(SOURCES), id);
      case 14:
        return pendingRecord();
      case 15:
        return switch (random.nextInt(3)) {
          case 0 -> records.fingerprint(random.nextInt(4));
          case 1 -> records.vitals(random.nextInt(4));
          default -> records.decayRun(random.nextInt(4));
        };
      case 16:
        return records.attestation(attestation());
      case 10:
        return records.rejection(random.nextInt(4));
      case 11:
        return records.lesson(random.nextInt(4));
      case 12:
        return records.contextGraph(pick(GRAPHS));
      case 13:
        return chance(4) ? records.besideRejections() : records.otherFile(pick(FILES));
      default:
        return records.imageLink(
            pick(List.of("photo_1.jpg", "photo_2.jpg", "\u00e9.png")), List.of(memory(pick(IDS))));
    }
  }

  private Key attestation() {
    return chance(2)
        ? Key.of(Attestation.TASTE, Attestation.LATEST)
        : Attestation.key(Attestation.MERKLE, random.nextInt(4));
  }

  private Session session() {
    Session session = records.session();
    return chance(4) ? new Session(session.members().without(Session.RECALLS)) : session;
  }

  /** In a file that is named after its id, so that no two memories want the same. */
  private Memory memory(String id) {
    if (chance(3) && id.matches("[a-f]")) {
      return records.irregular(id);
    }
    StringBuilder name = new StringBuilder("put");
    id.chars().forEach(c -> name.append(String.format(Locale.ROOT, "-%04x", c)));
    return records.memory(id, name + ".md");
  }

  private String pair() {
    return pick(List.of("a|b", "a|c", "--source|b", "\u00e9|\ud83d\ude00", "no bar"));
  }

  private DeleteRecords.Delete delete() {
    long revision = revision();
    return switch (random.nextInt(14)) {
      case 11 ->
          new DeleteRecords.Delete(Kind.PENDING_CO_OCCURRENCE, PendingCoOccurrence.KEY, revision);
      case 12 -> new DeleteRecords.Delete(Kind.VITALS, Vitals.key(random.nextInt(4)), revision);
      case 13 -> new DeleteRecords.Delete(Kind.ATTESTATION, attestation(), revision);
      case 6 -> new DeleteRecords.Delete(Kind.SESSION, Session.KEY, revision);
      case 7 ->
          new DeleteRecords.Delete(Kind.SESSION_RECALL, Key.of(pick(SOURCES), pick(IDS)), revision);
      case 0, 1 -> new DeleteRecords.Delete(Kind.MEMORY, Key.of(pick(IDS)), revision);
      case 2 ->
          new DeleteRecords.Delete(Kind.CO_OCCURRENCE, Key.of(pick(IDS), pick(IDS)), revision);
      case 3 -> new DeleteRecords.Delete(Kind.EDGE, Key.of(pair()), revision);
      case 4 ->
          new DeleteRecords.Delete(
              Kind.OBSERVATION, Observation.key(pair(), random.nextInt(4)), revision);
      case 8 ->
          new DeleteRecords.Delete(Kind.REJECTION, Rejection.key(random.nextInt(4)), revision);
      case 9 -> new DeleteRecords.Delete(Kind.LESSON, Lesson.key(random.nextInt(4)), revision);
      case 10 ->
          chance(2)
              ? new DeleteRecords.Delete(Kind.CONTEXT_GRAPH, Key.of(pick(GRAPHS)), revision)
              : new DeleteRecords.Delete(
                  Kind.VALUE, Key.of(chance(4) ? ".rejection_log.json" : pick(FILES)), revision);
      default ->
          new DeleteRecords.Delete(
              Kind.EMBEDDING, Key.of(pick(SPACES.subList(0, 3)), pick(IDS)), revision);
    };
  }

  /** A command that no store carries out, whatever it holds. */
  private Command refused() {
    switch (random.nextInt(10)) {
      case 0:
        return StoreMemory.of("bad\u0001id", pick(TIMES), "text");
      case 1:
        return StoreMemory.of("new", pick(TIMES), "NUL \0");
      case 2:
        return storing("x".repeat(300));
      case 3:
        return StoreMemory.of("new", pick(TIMES), "text").withTags(List.of("\ud83d"));
      case 4:
        return UpdateMemory.of("never stored").content("text");
      case 5:
        return new PutRecords(
            List.of(
                new PutRecords.Put(memory(pick(IDS)).withContent("a\rb"), 1 + random.nextInt(9))));
      case 6:
        return new PutRecords(
            List.of(new PutRecords.Put(new CoOccurrence("never stored", "a", Value.NULL), 1)));
      case 7:
        return new PutRecords(
            List.of(
                new PutRecords.Put(new ImageLink("a.jpg", new Value.Time("2026-02-10")), 1),
                new PutRecords.Put(new Edge("a|b", Value.EMPTY_MAP), 9)));
      case 8:
        return new DefineSpace(VectorSpace.of("../up", "model", 3));
      default:
        return StoreMemory.of("new", "\u0007", "text").withWeight(OptionalDouble.of(2));
    }
  }

  /** A question with random conditions, order and page. */
  public MemoryQuery query() {
    MemoryQuery query = MemoryQuery.all();
    for (int i = random.nextInt(3); i > 0; i--) {
      switch (random.nextInt(7)) {
        case 0 -> query = query.tag(pick(TAGS));
        case 6 -> query = query.any(any());
        case 1 -> query = query.tiers(List.of(pick(List.of(Tier.values())), Tier.CORE));
        case 2 -> query = query.types(List.of("active", pick(List.of("core", "archive", "no"))));
        case 3 -> query = query.text(pick(List.of("i", "straße", "οδος", "the", "\n", "%", "x_y")));
        case 4 ->
            query =
                query.days(
                    pick(List.of(TimeField.values())),
                    chance(2) ? LocalDate.parse("2026-02-10") : null,
                    chance(2) ? LocalDate.parse("2026-03-01") : null);
        default ->
            query =
                query.between(
                    pick(List.of(TimeField.values())),
                    chance(2) ? Instant.parse("2026-02-10T00:00:00Z") : null,
                    chance(2) ? Instant.parse("2026-02-10T12:00:00Z") : null);
      }
    }
    query = query.order(pick(List.of(Order.values())));
    return chance(2) ? query : query.page(1 + random.nextInt(10), random.nextInt(5));
  }

  private MemoryQuery.Any any() {
    MemoryQuery.Any any = MemoryQuery.Any.NONE;
    if (chance(2)) {
      any = any.id(some(IDS));
    }
    if (chance(2)) {
      any = any.tag(some(TAGS));
    }
    if (chance(2)) {
      any = any.entity(pick(List.of("agents", "projects")), chance(2) ? "LEX" : pick(TAGS));
    }
    return chance(3) ? any.text(List.of("x", pick(List.of("οδος", "%", "the")))) : any;
  }

  /** A search in one of the spaces that {@link #next()} fills, for vectors of three floats. */
  public SimilarQuery search() {
    float[] vector = {random.nextInt(7) - 3, random.nextInt(7) - 3, random.nextInt(7) - 3};
    SimilarQuery query = SimilarQuery.nearest(pick(SPACES), vector).limit(1 + random.nextInt(30));
    if (chance(3)) {
      query = query.minSimilarity(random.nextInt(5) / 4.0 - 0.51);
    }
    if (chance(4)) {
      query = query.tag(pick(TAGS));
    }
    return chance(4) ? query.tiers(List.of(Tier.ACTIVE, Tier.CORE)) : query;
  }

  private List<String> some(List<String> of) {
    List<String> some = new ArrayList<>();
    for (int i = random.nextInt(4); i > 0; i--) {
      some.add(pick(of));
    }
    return some;
  }

  private boolean chance(int oneIn) {
    return random.nextInt(oneIn) == 0;
  }

  private <T> T pick(List<T> list) {
    return list.get(random.nextInt(list.size()));
  }
}

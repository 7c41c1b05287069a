package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Digest;
import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.ImageLink;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Limits;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Observation;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.Session;
import io.agentmemory.SessionRecall;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.Version;
import io.agentmemory.command.Outcome.Skip;
import io.agentmemory.internal.Places;
import io.agentmemory.internal.Texts;
import io.agentmemory.internal.TreeFile;
import io.agentmemory.spi.Canonical;
import io.agentmemory.spi.Needs;
import io.agentmemory.spi.RecordReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What commands mean. Works out, from a batch and the records it reads, the state every changed
 * record gets; a store then writes exactly that. Pure: no clock, no chance, no I/O but the
 * reader's.
 */
public final class Plan {
  private final String store;
  private final OpId opId;
  private final RecordReader reader;
  private final Rules rules;
  private final Map<Ref, Entry> entries = new LinkedHashMap<>();
  private final List<Skip> skipped = new ArrayList<>();
  private int newPlaces;

  private record Ref(Kind<?> kind, Key key) {}

  private static final class Entry {
    /** What the batch found. */
    final @Nullable Version before;

    /** What its commands count revisions from: what it found, or a state it put in its place. */
    @Nullable Stored<?> base;

    @Nullable Stored<?> now;

    Entry(@Nullable Stored<?> found) {
      this(found == null ? null : found.version(), found);
    }

    Entry(@Nullable Version before, @Nullable Stored<?> now) {
      this.before = before;
      this.base = now;
      this.now = now;
    }
  }

  private Plan(String store, OpId opId, RecordReader reader, Limits limits) {
    this.store = store;
    this.opId = opId;
    this.reader = reader;
    this.rules = new Rules(limits);
  }

  /**
   * Works out what {@code batch} does. The outcome holds the new states; nothing is written.
   *
   * @param store the kind of store, for errors
   * @throws InvalidMemoryException if a value is too large or of a form that no store keeps
   * @throws MemoryConflictException if an id is taken, a record is missing, or its revision moved
   */
  public static Outcome of(String store, Batch batch, RecordReader reader, Limits limits) {
    Plan plan = new Plan(store, batch.opId(), reader, limits);
    for (Command command : batch.commands()) {
      plan.apply(command);
    }
    return plan.outcome();
  }

  private void apply(Command command) {
    Operation operation = new Operation(store, command.verb(), command.subject());
    if (command instanceof StoreMemory c) {
      store(operation, c);
    } else if (command instanceof UpdateMemory c) {
      update(operation, c);
    } else if (command instanceof RecallMemory c) {
      recall(operation, c);
    } else if (command instanceof MoveMemory c) {
      put(existing(operation, c.id(), 0).withTier(c.tier()));
    } else if (command instanceof ForgetMemory c) {
      forget(existing(operation, c.id(), c.expectedRevision()).id());
    } else if (command instanceof AddObservation c) {
      new Pairs(this, rules, operation).add(c);
    } else if (command instanceof LogCoOccurrences c) {
      new Pairs(this, rules, operation).log(c);
    } else if (command instanceof CountCoOccurrences c) {
      new Pairs(this, rules, operation).count(c);
    } else if (command instanceof DecayEdges c) {
      new Pairs(this, rules, operation).decay(c);
    } else if (command instanceof DecayCoOccurrences c) {
      new Pairs(this, rules, operation).decay(c);
    } else if (command instanceof OrderRecords c) {
      order(c);
    } else if (command instanceof PromoteMemories c) {
      new Upkeep(this, rules, operation).promote(c);
    } else if (command instanceof CompressMemory c) {
      new Upkeep(this, rules, operation).compress(c);
    } else if (command instanceof ConsolidateMemories c) {
      new Upkeep(this, rules, operation).consolidate(c);
    } else if (command instanceof LogRetrievals c) {
      new Upkeep(this, rules, operation).log(c);
    } else if (command instanceof AppendRecord c) {
      new Lists(this, rules, operation).append(c);
    } else if (command instanceof NoteRecalls c) {
      new SessionNotes(this, rules, operation).note(c);
    } else if (command instanceof StartSession c) {
      new SessionNotes(this, rules, operation).start(c);
    } else if (command instanceof SavePending c) {
      new SessionNotes(this, rules, operation).save(c);
    } else if (command instanceof EndSession c) {
      new SessionNotes(this, rules, operation).end(c);
    } else if (command instanceof AgeMemories) {
      new Upkeep(this, rules, operation).age();
    } else if (command instanceof LogRejections c) {
      new Lists(this, rules, operation).log(c);
    } else if (command instanceof ReplaceRecord c) {
      replace(operation, c);
    } else if (command instanceof AddLesson c) {
      new Learning(this, rules, operation).add(c);
    } else if (command instanceof RecallLessons c) {
      new Learning(this, rules, operation).recall(c);
    } else if (command instanceof ContradictLesson c) {
      new Learning(this, rules, operation).contradict(c);
    } else if (command instanceof SupersedeLesson c) {
      new Learning(this, rules, operation).supersede(c);
    } else if (command instanceof DefineSpace c) {
      define(operation, c.space());
    } else if (command instanceof PutEmbedding c) {
      embed(operation, c.embedding());
    } else if (command instanceof PutRecords c) {
      c.puts().forEach(put -> putState(operation, put));
    } else if (command instanceof DeleteRecords c) {
      c.deletes().forEach(delete -> deleteState(operation, delete));
    }
  }

  private Outcome outcome() {
    List<Outcome.Change> changes = new ArrayList<>();
    for (Entry entry : entries.values()) {
      if (entry.now != null
          && (!entry.now.version().equals(entry.before) || entry.now.hasNewPlace())) {
        changes.add(new Outcome.Change(entry.before, entry.now));
      }
    }
    return new Outcome(opId, changes, skipped, false);
  }

  // ---- the commands ----

  private void store(Operation operation, StoreMemory c) {
    String id = rules.newId(operation, "id", c.id());
    long taken = current(Kind.MEMORY, Key.of(id)).map(Stored::revision).orElse(0L);
    if (live(Kind.MEMORY, Key.of(id)).isPresent()) {
      throw new MemoryConflictException(operation, "the id is taken", 0, taken);
    }
    List<String> tags = c.tags().stream().map(tag -> rules.tag(operation, tag)).toList();
    String content = rules.content(operation, c.content());
    Set<String> causes = new LinkedHashSet<>();
    Stream.concat(c.causedBy().stream(), c.retrieved().stream())
        .forEach(cause -> causes.add(find(cause).map(Memory::id).orElse(Ids.composed(cause))));
    Map<String, Value> members = new LinkedHashMap<>();
    members.put("id", Value.of(id));
    members.put("type", Value.of("active"));
    members.put("created", Value.of(c.at()));
    members.put("event_time", Value.of(c.eventTime() == null ? c.at() : c.eventTime()));
    members.put("tags", Value.Seq.ofTexts(tags));
    members.put("emotional_weight", Value.of(c.weight()));
    members.put("recall_count", Value.of(0L));
    members.put(Memory.CO_OCCURRENCES, Value.EMPTY_MAP);
    members.put("caused_by", Value.Seq.ofTexts(causes));
    members.put("leads_to", Value.EMPTY_SEQ);
    if (!c.entities().isEmpty()) {
      Map<String, Value> entities = new LinkedHashMap<>();
      c.entities().forEach((kind, names) -> entities.put(kind, Value.Seq.ofTexts(names)));
      members.put("entities", new Value.Map(entities));
    }
    Value.Map frontMatter = new Value.Map(members);
    rules.members(operation, frontMatter);
    String fileName = FileNames.of(id, c.title() == null ? content : c.title(), c.title() != null);
    put(new Memory(id, Tier.ACTIVE, fileName, content, frontMatter));
    for (String cause : causes) {
      live(Kind.MEMORY, Key.of(cause)).ifPresent(memory -> leadTo(memory, id));
    }
  }

  // A leads_to that is no list is left as it is: the original fails on it, and it is not ours.
  private void leadTo(Memory cause, String id) {
    Value leadsTo = cause.members().get("leads_to");
    List<Value> items = new ArrayList<>();
    if (leadsTo instanceof Value.Seq seq) {
      items.addAll(seq.items());
    } else if (leadsTo != null && !leadsTo.equals(Value.NULL)) {
      return;
    }
    if (!Rules.hasMap(cause) || items.contains(Value.of(id))) {
      return;
    }
    items.add(Value.of(id));
    put(cause.withMembers(cause.members().with("leads_to", new Value.Seq(items))));
  }

  private void update(Operation operation, UpdateMemory c) {
    Memory memory = existing(operation, c.id(), c.expectedRevision());
    if (!c.set().isEmpty() || !c.remove().isEmpty()) {
      Rules.requireMap(operation, memory);
      Value.Map members = memory.members();
      for (String member : c.remove()) {
        members = members.without(member);
      }
      for (Map.Entry<String, Value> entry : c.set().entries().entrySet()) {
        String name = rules.memberName(operation, entry.getKey());
        members = members.with(name, rules.member(operation, name, entry.getValue()));
      }
      rules.size(operation, memory.members(), members);
      memory = memory.withMembers(members);
    }
    if (c.content() != null) {
      memory = memory.withContent(rules.content(operation, c.content()));
      Rules.requireReadable(operation, memory);
    }
    put(memory);
  }

  private void recall(Operation operation, RecallMemory c) {
    Optional<Memory> found = find(c.id());
    if (found.isEmpty()) {
      return;
    }
    Memory memory = found.get();
    Rules.requireMap(operation, memory);
    Value.Map members = memory.members();
    members = members.with("last_recalled", rules.member(operation, "at", Value.of(c.at())));
    members = members.with("recall_count", plusOne(members.get("recall_count")));
    members = members.with("sessions_since_recall", Value.of(0L));
    double weight = memory.weight().orElse(0.5) + c.rule().recallGain();
    members = members.with("emotional_weight", Value.of(Math.min(1.0, weight)));
    put(memory.withMembers(members));
    if (c.source() != null) {
      new SessionNotes(this, rules, operation)
          .note(List.of(memory.id()), c.source(), c.at(), c.rule());
    }
  }

  static Value plusOne(@Nullable Value count) {
    if (count instanceof Value.Real real) {
      return Value.of(real.value() + 1);
    }
    if (count instanceof Value.Int number) {
      return number.value() == Long.MAX_VALUE ? number : Value.of(number.value() + 1);
    }
    return Value.of(1L);
  }

  private void forget(String id) {
    for (Stored<Embedding> embedding : reader.ownedBy(Kind.EMBEDDING, id)) {
      delete(Kind.EMBEDDING, embedding.key());
    }
    for (Stored<ImageLink> found : reader.ownedBy(Kind.IMAGE_LINK, id)) {
      live(Kind.IMAGE_LINK, found.key()).ifPresent(link -> unlink(link, id));
    }
    // what this batch itself put for the memory, which the reader does not see yet
    for (Entry entry : List.copyOf(entries.values())) {
      MemoryRecord record = entry.now == null ? null : entry.now.value();
      if (record instanceof Embedding && record.owners().contains(id)) {
        delete(Kind.EMBEDDING, record.key());
      } else if (record instanceof ImageLink link && link.owners().contains(id)) {
        unlink(link, id);
      }
    }
    deleteMemory(id);
  }

  private void unlink(ImageLink link, String id) {
    if (link.links() instanceof Value.Seq seq) {
      List<Value> left = seq.items().stream().filter(item -> !isLinkTo(item, id)).toList();
      put(new ImageLink(link.image(), new Value.Seq(left)));
    }
  }

  private static boolean isLinkTo(Value item, String id) {
    String text = Value.textOf(item);
    return text != null && ImageLink.memoryId(text).equals(id);
  }

  private void deleteMemory(String id) {
    deleteAll(Kind.CO_OCCURRENCE, reader.ownedBy(Kind.CO_OCCURRENCE, id), id);
    delete(Kind.MEMORY, Key.of(id));
  }

  /** Has the reader decay the edges that it can, of those that this batch has not been at. */
  RecordReader.Decayed decay(DecayEdges command, Set<String> spared) {
    Set<String> edges = new HashSet<>();
    Set<String> memories = new HashSet<>();
    for (Ref ref : entries.keySet()) {
      if (ref.kind().equals(Kind.EDGE) || ref.kind().equals(Kind.OBSERVATION)) {
        edges.add(ref.key().part(0));
      } else if (ref.kind().equals(Kind.MEMORY)) {
        memories.add(ref.key().part(0));
      }
    }
    return reader.decay(command, spared, edges, memories);
  }

  /** Takes over a change that the reader has made. */
  void take(Outcome.Change change) {
    Stored<?> after = change.after();
    entries.put(new Ref(after.kind(), after.key()), new Entry(change.before(), after));
  }

  /** Deletes edges with their observations. */
  void deleteEdges(List<String> pairs) {
    deleteEdges(pairs, Map.of());
  }

  /**
   * Deletes edges with their observations.
   *
   * @param done of some of them, what the reader has done to delete them
   */
  void deleteEdges(List<String> pairs, Map<String, List<Outcome.Change>> done) {
    Needs needs = new Needs();
    pairs.stream().filter(pair -> !done.containsKey(pair)).forEach(needs::observationsOf);
    if (!needs.pairs().isEmpty()) {
      reader.expect(needs);
    }
    // What this batch touched is looked through once, not once for each edge.
    Map<String, List<Key>> touched = new HashMap<>();
    for (Ref ref : entries.keySet()) {
      if (ref.kind().equals(Kind.OBSERVATION)) {
        touched.computeIfAbsent(ref.key().part(0), pair -> new ArrayList<>()).add(ref.key());
      }
    }
    for (String pair : pairs) {
      if (done.containsKey(pair)) {
        done.get(pair).forEach(this::take);
        continue;
      }
      reader.observationsOf(pair).forEach(stored -> delete(Kind.OBSERVATION, stored.key()));
      touched.getOrDefault(pair, List.of()).forEach(key -> delete(Kind.OBSERVATION, key));
      delete(Kind.EDGE, Key.of(pair));
    }
  }

  /** Deletes the session, if there is one, with its recalls. */
  void endSession() {
    if (live(Kind.SESSION, Session.KEY).isPresent()) {
      expect(new Needs().sessionRecalls());
      deleteRecalls(recall -> true);
      delete(Kind.SESSION, Session.KEY);
    }
  }

  private void deleteRecalls(Predicate<Key> which) {
    Set<Key> keys = new LinkedHashSet<>();
    reader.sessionRecalls().forEach(recall -> keys.add(recall.key()));
    for (Entry entry : entries.values()) {
      if (entry.now != null && entry.now.kind().equals(Kind.SESSION_RECALL)) {
        keys.add(entry.now.key());
      }
    }
    keys.stream().filter(which).forEach(key -> delete(Kind.SESSION_RECALL, key));
  }

  private <T extends MemoryRecord> void deleteAll(
      Kind<T> kind, List<Stored<T>> stored, String container) {
    stored.forEach(record -> delete(kind, record.key()));
    for (Entry entry : List.copyOf(entries.values())) {
      Stored<?> now = entry.now;
      if (now != null && now.kind().equals(kind) && now.key().part(0).equals(container)) {
        delete(kind, now.key());
      }
    }
  }

  private void replace(Operation operation, ReplaceRecord c) {
    MemoryRecord record = c.record();
    rules.state(operation, record);
    long revision = current(record.kind(), record.key()).map(Stored::revision).orElse(0L);
    if (c.expectedRevision() != ReplaceRecord.ANY && c.expectedRevision() != revision) {
      throw new MemoryConflictException(
          operation,
          "expected revision " + c.expectedRevision() + ", stored is " + revision,
          c.expectedRevision(),
          revision);
    }
    put(record);
  }

  private void define(Operation operation, VectorSpace space) {
    Rules.spaceName(operation, space.name());
    int dimensions = space.dimensions().orElse(0);
    if (dimensions < 1 || dimensions > rules.limits().vectorFloats()) {
      throw new InvalidMemoryException(
          operation, "dimensions", "is not in 1 to " + rules.limits().vectorFloats());
    }
    rules.members(operation, space.members());
    rules.state(operation, space);
    Optional<VectorSpace> there = live(Kind.VECTOR_SPACE, space.key());
    if (there.isPresent()) {
      if (there.get().dimensions().orElse(dimensions) != dimensions
          || !there.get().model().equals(space.model())) {
        throw new MemoryConflictException(
            operation,
            "the space is there already, with another model or number of dimensions",
            0,
            current(Kind.VECTOR_SPACE, space.key()).map(Stored::revision).orElse(0L));
      }
      return;
    }
    put(space);
  }

  private void embed(Operation operation, Embedding embedding) {
    String target = target(operation, embedding);
    VectorSpace space =
        live(Kind.VECTOR_SPACE, Key.of(embedding.space()))
            .orElseThrow(
                () ->
                    new InvalidMemoryException(
                        operation,
                        "space",
                        "is not defined: define it with its model and dimensions first"));
    int expected = space.dimensions().orElse(embedding.dimensions());
    if (embedding.dimensions() != expected) {
      throw new InvalidMemoryException(
          operation,
          "vector",
          "has " + embedding.dimensions() + " floats, the space has " + expected);
    }
    if (embedding.dimensions() < 1 || embedding.dimensions() > rules.limits().vectorFloats()) {
      throw new InvalidMemoryException(
          operation, "vector", "has not 1 to " + rules.limits().vectorFloats() + " floats");
    }
    rules.members(operation, embedding.members());
    rules.state(operation, embedding);
    put(
        target.equals(embedding.target())
            ? embedding
            : Embedding.of(embedding.space(), target, embedding.vector(), embedding.members()));
  }

  // A file name of an image is not ours to compose, nor the id of a memory that came as it is.
  private String target(Operation operation, Embedding embedding) {
    String target = embedding.target();
    String composed = rules.newId(operation, "target", target);
    boolean verbatim =
        embedding.space().equals(VectorSpace.IMAGE)
            || (!composed.equals(target) && live(Kind.MEMORY, Key.of(target)).isPresent());
    return verbatim ? target : composed;
  }

  private void putState(Operation operation, PutRecords.Put put) {
    MemoryRecord record = put.record();
    rules.state(operation, record);
    Optional<Containers.Container> container = Containers.of(record);
    if (container.isPresent()) {
      Optional<? extends Stored<?>> there = current(container.get().kind(), container.get().key());
      if (there.isEmpty()) {
        throw new InvalidMemoryException(
            operation,
            record.kind() + ":" + record.key(),
            "has no place to be: there is no " + container.get().kind() + " for it");
      }
      if (there.get().isTombstone()) {
        skip(record.kind(), record.key(), Skip.Reason.DELETED);
        return;
      }
    }
    Digest digest = Canonical.digest(record);
    Optional<? extends Stored<?>> there = current(record.kind(), record.key());
    if (there.isPresent()) {
      Stored<?> now = there.get();
      Skip.Reason reason = reasonToSkip(now, put.revision(), digest);
      if (reason != null) {
        skip(record.kind(), record.key(), reason);
        return;
      }
    }
    mark(operation, record);
    clear(record);
    set(Stored.live(record, put.revision(), digest, opId).at(place(record)));
  }

  private static Skip.@Nullable Reason reasonToSkip(Stored<?> now, long revision, Digest digest) {
    if (now.revision() < revision) {
      return null;
    }
    if (now.isTombstone()) {
      return Skip.Reason.DELETED;
    }
    if (digest.equals(now.version().digest())) {
      return now.revision() == revision ? Skip.Reason.UNCHANGED : Skip.Reason.NEWER;
    }
    if (now.revision() > revision) {
      return Skip.Reason.NEWER;
    }
    return now.lastOp() != null && now.lastOp().isCopy() ? null : Skip.Reason.DIFFERENT;
  }

  private void deleteState(Operation operation, DeleteRecords.Delete delete) {
    if (delete.kind().equals(Kind.VECTOR_SPACE)) {
      throw new InvalidMemoryException(operation, "vector_space", "cannot be deleted");
    }
    Rules.key(operation, delete.kind(), delete.key());
    Optional<? extends Stored<?>> there = current(delete.kind(), delete.key());
    if (there.isPresent() && there.get().revision() >= delete.revision()) {
      boolean gone = there.get().isTombstone();
      boolean same = there.get().revision() == delete.revision();
      skip(
          delete.kind(),
          delete.key(),
          gone
              ? same ? Skip.Reason.UNCHANGED : Skip.Reason.DELETED
              : same ? Skip.Reason.DIFFERENT : Skip.Reason.NEWER);
      return;
    }
    if (delete.kind().equals(Kind.MEMORY)) {
      deleteMemory(delete.key().part(0));
    } else if (delete.kind().equals(Kind.EDGE)) {
      deleteEdges(List.of(delete.key().part(0)));
    } else if (delete.kind().equals(Kind.SESSION) && delete.key().equals(Session.KEY)) {
      deleteRecalls(recall -> true);
    }
    set(Stored.tombstone(delete.kind(), delete.key(), delete.revision(), opId));
  }

  // ---- the records, as this batch sees them ----

  private <T extends MemoryRecord> Optional<Stored<T>> current(Kind<T> kind, Key key) {
    Entry entry = entry(kind, key);
    @SuppressWarnings("unchecked") // an entry holds what its kind says
    Stored<T> now = (Stored<T>) entry.now;
    return Optional.ofNullable(now);
  }

  <T extends MemoryRecord> Optional<T> live(Kind<T> kind, Key key) {
    return current(kind, key).flatMap(Stored::live);
  }

  /** The revision that a record is at, or its tombstone; 0 if there never was one. */
  long revision(Kind<?> kind, Key key) {
    Stored<?> now = entry(kind, key).now;
    return now == null ? 0 : now.revision();
  }

  private Entry entry(Kind<?> kind, Key key) {
    Ref ref = new Ref(kind, key);
    Entry entry = entries.get(ref);
    if (entry == null) {
      // no store has a record whose key no store can hold, so none has to look for it
      boolean possible = key.parts().stream().allMatch(part -> Texts.unstorable(part) < 0);
      entry = new Entry(possible ? reader.get(kind, key).orElse(null) : null);
      entries.put(ref, entry);
    }
    return entry;
  }

  /** The live records of a kind, in key order. */
  <T extends MemoryRecord> List<Stored<T>> all(Kind<T> kind) {
    return seen(kind, reader.all(kind));
  }

  /** Those found of a kind, and those this batch put, as this batch sees them, in key order. */
  <T extends MemoryRecord> List<Stored<T>> seen(Kind<T> kind, List<Stored<T>> found) {
    return seen(kind, found, key -> true);
  }

  /** The live observations of an edge, in key order. */
  List<Stored<Observation>> observations(String pair) {
    return seen(Kind.OBSERVATION, reader.observationsOf(pair), key -> key.part(0).equals(pair));
  }

  /** The place after the last live record of a list, as this batch sees it. */
  int endOf(TreeFile list) {
    int end = reader.endOf(list.kind(), list.key());
    for (Map.Entry<Ref, Entry> entry : entries.entrySet()) {
      Key key = entry.getKey().key();
      Stored<?> now = entry.getValue().now;
      if (now != null
          && !now.isTombstone()
          && entry.getKey().kind().equals(list.kind())
          && list.equals(TreeFile.of(list.kind(), key))) {
        end = Math.max(end, list.place(key) + 1);
      }
    }
    while (end > 0 && isGone(list, end - 1)) {
      end--;
    }
    return end;
  }

  /** Whether there is nothing at a place, as far as that is known without reading it. */
  private boolean isGone(TreeFile list, int place) {
    Entry entry = entries.get(new Ref(list.kind(), list.item(place)));
    return entry != null && (entry.now == null || entry.now.isTombstone());
  }

  void expect(Needs more) {
    reader.expect(more);
  }

  /** What the reader found, with what this batch made of it. */
  private <T extends MemoryRecord> List<Stored<T>> seen(
      Kind<T> kind, List<Stored<T>> found, Predicate<Key> belongs) {
    Map<Key, Stored<T>> seen = new TreeMap<>();
    found.forEach(stored -> seen.put(stored.key(), stored));
    entries.forEach(
        (ref, entry) -> {
          if (ref.kind().equals(kind) && belongs.test(ref.key())) {
            @SuppressWarnings("unchecked") // an entry holds what its kind says
            Stored<T> now = (Stored<T>) entry.now;
            if (now == null || now.isTombstone()) {
              seen.remove(ref.key());
            } else {
              seen.put(ref.key(), now);
            }
          }
        });
    return List.copyOf(seen.values());
  }

  Optional<Memory> find(String id) {
    Optional<Memory> exact = live(Kind.MEMORY, Key.of(id));
    String composed = Ids.composed(id);
    return exact.isPresent() || composed.equals(id) ? exact : live(Kind.MEMORY, Key.of(composed));
  }

  Memory existing(Operation operation, String id, long expected) {
    Memory memory =
        find(id)
            .orElseThrow(
                () ->
                    new MemoryConflictException(operation, "there is no such memory", expected, 0));
    long revision = current(Kind.MEMORY, memory.key()).map(Stored::revision).orElse(0L);
    if (expected != 0 && expected != revision) {
      throw new MemoryConflictException(
          operation,
          "expected revision " + expected + ", stored is " + revision,
          expected,
          revision);
    }
    return memory;
  }

  /** Gives a record new content, at the revision after the one this batch found or put there. */
  void put(MemoryRecord record) {
    Entry entry = entry(record.kind(), record.key());
    Digest digest = Canonical.digest(record);
    Stored<?> now = entry.now;
    if (now != null && digest.equals(now.version().digest())) {
      return;
    }
    Stored<?> base = entry.base;
    // What was taken out and is put in again stands elsewhere, where places count: a change.
    boolean isThere = now != null && !now.isTombstone();
    boolean hasPlace = Places.has(record.kind());
    long place = place(record);
    entry.now =
        base != null && (isThere || !hasPlace) && digest.equals(base.version().digest())
            ? base.at(place)
            : Stored.live(record, next(base == null ? null : base.version()), digest, opId)
                .at(place);
  }

  /** Where a record stays, or comes to stand: after all others if it is not there. */
  private long place(MemoryRecord record) {
    if (!Places.has(record.kind())) {
      return 0;
    }
    Stored<?> now = entry(record.kind(), record.key()).now;
    return now == null || now.isTombstone() ? Stored.newPlace(newPlaces++) : now.place();
  }

  private void order(OrderRecords c) {
    List<Entry> entries = new ArrayList<>();
    for (Key key : c.keys()) {
      Entry entry = entry(c.kind(), key);
      if (entry.now != null && !entry.now.isTombstone()) {
        entries.add(entry);
      }
    }
    boolean isSo = true;
    for (int i = 1; i < entries.size(); i++) {
      isSo &= place(entries.get(i - 1)) < place(entries.get(i));
    }
    if (!isSo) {
      for (Entry entry : entries) {
        entry.now = requireNonNull(entry.now).at(Stored.newPlace(newPlaces++));
      }
    }
  }

  private static long place(Entry entry) {
    return requireNonNull(entry.now).place();
  }

  void delete(Kind<?> kind, Key key) {
    Entry entry = entry(kind, key);
    if (entry.now == null || entry.now.isTombstone()) {
      return;
    }
    entry.now =
        entry.base == null
            ? null
            : entry.base.isTombstone()
                ? entry.base
                : Stored.tombstone(kind, key, next(entry.base.version()), opId);
  }

  private static long next(@Nullable Version before) {
    return before == null ? 1 : before.revision() + 1;
  }

  private void set(Stored<?> state) {
    Entry entry = entry(state.kind(), state.key());
    entry.base = state;
    entry.now = state;
  }

  private void skip(Kind<?> kind, Key key, Skip.Reason reason) {
    skipped.add(new Skip(kind, key, reason));
  }

  /** Deletes what lived in a record and finds no place in its new content. */
  private void clear(MemoryRecord record) {
    if (record instanceof Memory memory && !Containers.holdsEntries(memory)) {
      deleteAll(Kind.CO_OCCURRENCE, reader.ownedBy(Kind.CO_OCCURRENCE, memory.id()), memory.id());
    } else if (record instanceof Edge edge && !Containers.holdsObservations(edge)) {
      deleteAll(Kind.OBSERVATION, reader.observationsOf(edge.pair()), edge.pair());
    } else if (record instanceof Session session) {
      deleteRecalls(recall -> !session.hasRecalls(recall.part(0)));
    }
  }

  /** Sees to it that the record this one lives in says that it holds such records. */
  private void mark(Operation operation, MemoryRecord record) {
    if (record instanceof CoOccurrence entry) {
      Memory memory = live(Kind.MEMORY, Key.of(entry.from())).orElseThrow();
      Value there = memory.members().get(Memory.CO_OCCURRENCES);
      if (there == null || there.equals(Value.NULL)) {
        Rules.requireMap(operation, memory);
        put(memory.withMembers(memory.members().with(Memory.CO_OCCURRENCES, Value.EMPTY_MAP)));
      } else if (!(there instanceof Value.Map)) {
        throw new InvalidMemoryException(
            operation, Memory.CO_OCCURRENCES, "of memory " + entry.from() + " is no map");
      }
    } else if (record instanceof Observation observation) {
      Edge edge = live(Kind.EDGE, Key.of(observation.pair())).orElseThrow();
      Value there = edge.members().get(Edge.OBSERVATIONS);
      if (there == null || there.equals(Value.NULL)) {
        put(new Edge(edge.pair(), edge.members().with(Edge.OBSERVATIONS, Value.EMPTY_SEQ)));
      } else if (!(there instanceof Value.Seq)) {
        throw new InvalidMemoryException(
            operation, Edge.OBSERVATIONS, "of edge " + edge.pair() + " is no list");
      }
    } else if (record instanceof SessionRecall recall) {
      markSession(operation, recall.source());
    }
  }

  private void markSession(Operation operation, String source) {
    Value.Map members = live(Kind.SESSION, Session.KEY).orElseThrow().members();
    Value there = members.get(Session.RECALLS);
    Value sources = there == null || there.equals(Value.NULL) ? Value.EMPTY_MAP : there;
    Value list = sources instanceof Value.Map map ? map.get(source) : Value.NULL;
    if (!(sources instanceof Value.Map map)
        || !(list == null || list.equals(Value.NULL) || list instanceof Value.Seq)) {
      throw new InvalidMemoryException(
          operation, Session.RECALLS, "of the session has no place for a list of this source");
    }
    if (!(list instanceof Value.Seq)) {
      put(new Session(members.with(Session.RECALLS, map.with(source, Value.EMPTY_SEQ))));
    }
  }
}

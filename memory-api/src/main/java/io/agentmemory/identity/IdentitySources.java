package io.agentmemory.identity;

import io.agentmemory.Attestation;
import io.agentmemory.CoOccurrence;
import io.agentmemory.ContextGraph;
import io.agentmemory.DecayRun;
import io.agentmemory.Edge;
import io.agentmemory.Fingerprint;
import io.agentmemory.Key;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.Leaf;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.Rejection;
import io.agentmemory.ScanRange;
import io.agentmemory.Session;
import io.agentmemory.SessionRecall;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** Reads from a store what an identity is computed of. */
final class IdentitySources {
  /** What is kept of a memory's front matter. */
  private static final List<String> MEMBERS =
      List.of("id", "tags", "recall_count", "platforms", "topic_context", "contact_context");

  private static final String UNNAMED = "DriftCornwall"; // as whom the original signs

  private final MemoryStore store;
  private final IdentityReport.Rules rules;
  private final List<Memory> memories = new ArrayList<>();
  private final Map<String, List<String>> topics = new HashMap<>();
  private final Map<String, List<String>> contacts = new HashMap<>();
  private Optional<String> agent = Optional.empty();

  IdentitySources(MemoryStore store, IdentityReport.Rules rules) {
    this.store = store;
    this.rules = rules;
  }

  IdentityReport report(Instant at) {
    readMemories();
    List<Value.Map> rejections = all(Kind.REJECTION, Rejection::members);
    List<Edge> edges = edges();
    List<Value.Map> fingerprints = all(Kind.FINGERPRINT, Fingerprint::members);
    List<Value.Map> attestations = new ArrayList<>();
    MerkleState merkle = merkle(store, attestations);
    CognitiveFingerprint fingerprint =
        CognitiveFingerprint.of(memories, counts(), rules.fingerprint());
    Drift drift =
        IdentityReport.exported(store)
            .map(before -> Drift.between(before, fingerprint.members(), rules.drift()))
            .orElse(null);
    VitalSigns vitals =
        VitalSigns.of(
            new VitalSigns.Sources(
                memories,
                edges,
                rejections,
                count(Kind.LESSON, ScanRange.ALL, key -> true),
                attestations,
                fingerprints,
                session(),
                size(member("social/my_replies.json", "replies")),
                number(member("social/social_index.json", "total_contacts")),
                tagged(merkle.leaves()),
                all(Kind.DECAY_RUN, DecayRun::members),
                IdentityReport.value(store, "vocabulary_map.json")
                    .map(IdentitySources::size)
                    .orElse(0),
                searchable(),
                all(Kind.CONTEXT_GRAPH, IdentitySources::view)),
            rules.link());
    return new IdentityReport(
        agent(merkle),
        at,
        TasteProfile.of(rejections, rules.reasons(), rules.tags()),
        fingerprint,
        drift,
        FiveHashes.of(memories, fingerprints, topics, contacts),
        contexts(edges, at),
        merkle,
        vitals);
  }

  /**
   * Reads the leaves and the latest attestation.
   *
   * @param history takes the members of those before
   */
  static MerkleState merkle(MemoryStore store, List<Value.Map> history) {
    Value.Map latest = null;
    ScanRange range = ScanRange.after(Key.of(Attestation.MERKLE, ""));
    try (Stream<Stored<Attestation>> scan = store.scan(Kind.ATTESTATION, range)) {
      for (Attestation attestation : live(scan.takeWhile(isMerkle())).toList()) {
        if (attestation.name().equals(Attestation.LATEST)) {
          latest = attestation.members();
        } else {
          history.add(attestation.members());
        }
      }
    }
    if (latest == null) {
      latest = history.isEmpty() ? Value.EMPTY_MAP : history.get(history.size() - 1);
    }
    try (Stream<Leaf> leaves = store.leaves()) {
      return new MerkleState(leaves.toList(), latest);
    }
  }

  private static Predicate<Stored<Attestation>> isMerkle() {
    return stored -> stored.key().part(0).equals(Attestation.MERKLE);
  }

  private void readMemories() {
    try (Stream<Stored<Memory>> scan = store.scan(Kind.MEMORY)) {
      live(scan)
          .forEach(
              memory -> {
                topics.put(memory.id(), FiveHashes.topics(memory, rules.topics()::of));
                contacts.put(memory.id(), FiveHashes.contacts(memory, text -> List.of()));
                if (memory.tier() == Tier.CORE && memory.fileName().equals("identity.md")) {
                  agent = Optional.ofNullable(Value.textOf(memory.members().get("agent_name")));
                }
                memories.add(slim(memory));
              });
    }
  }

  private static Memory slim(Memory memory) {
    Map<String, Value> members = new LinkedHashMap<>();
    for (String member : MEMBERS) {
      Value value = memory.members().get(member);
      if (value != null) {
        members.put(member, value);
      }
    }
    return memory.withContent("").withMembers(new Value.Map(members));
  }

  /** All edges in the order of their file, which is that of sums over them and of equal hubs. */
  private List<Edge> edges() {
    try (Stream<Stored<Edge>> scan = store.scan(Kind.EDGE)) {
      return live(scan.sorted(Stored.BY_PLACE)).toList();
    }
  }

  /** Of each context graph, by the name of its file, the fingerprint and the digest. */
  private Map<String, Value.Map> contexts(List<Edge> edges, Instant at) {
    Map<String, Value.Map> fingerprints = new LinkedHashMap<>();
    for (ContextView view :
        ContextView.rebuild(
            edges,
            all(Kind.OBSERVATION, observation -> observation),
            memories,
            at,
            rules.beliefs()::belief,
            rules.contexts())) {
      fingerprints.put(
          view.subView() == null ? view.dimension() : view.dimension() + "_" + view.subView(),
          view.fingerprint(memories).with(IdentityReport.DIGEST, Value.of(view.digest())));
    }
    return fingerprints;
  }

  private static ContextView view(ContextGraph graph) {
    Map<String, Value.Map> edges = new LinkedHashMap<>();
    CognitiveFingerprint.map(graph.members(), "edges")
        .entries()
        .forEach(
            (pair, edge) -> edges.put(pair, edge instanceof Value.Map map ? map : Value.EMPTY_MAP));
    return new ContextView(
        graph.dimension().orElse(graph.name()), graph.subView().orElse(null), edges);
  }

  /** The session with the recalls in their lists again. */
  private Value.Map session() {
    Value.Map members =
        store
            .read(Kind.SESSION, Session.KEY)
            .flatMap(Stored::live)
            .map(Session::members)
            .orElse(Value.EMPTY_MAP);
    Map<String, Value> sources = new LinkedHashMap<>();
    CognitiveFingerprint.map(members, Session.RECALLS).entries().forEach(sources::put);
    for (SessionRecall recall : all(Kind.SESSION_RECALL, r -> r)) {
      List<Value> ids = new ArrayList<>();
      if (sources.get(recall.source()) instanceof Value.Seq before) {
        ids.addAll(before.items());
      }
      ids.add(Value.of(recall.memoryId()));
      sources.put(recall.source(), new Value.Seq(ids));
    }
    return members.with(Session.RECALLS, new Value.Map(sources));
  }

  /** Files that tell platforms early; of one that is not known, whether the memory has any. */
  private int tagged(List<Leaf> leaves) {
    Set<String> withPlatforms = new HashSet<>();
    for (Memory memory : memories) {
      if (memory.members().has("platforms")) {
        withPlatforms.add(memory.id());
      }
    }
    return (int)
        leaves.stream()
            .filter(
                leaf -> leaf.hash().isPresent() ? leaf.tagged() : withPlatforms.contains(leaf.id()))
            .count();
  }

  private int searchable() {
    ScanRange range = ScanRange.after(Key.of(VectorSpace.TEXT, ""));
    return count(Kind.EMBEDDING, range, key -> key.part(0).equals(VectorSpace.TEXT));
  }

  private String agent(MerkleState merkle) {
    return Optional.ofNullable(Value.textOf(merkle.latest().get("agent")))
        .or(() -> agent)
        .orElse(UNNAMED);
  }

  private Value member(String path, String name) {
    return IdentityReport.value(store, path)
        .map(map -> map.entries().getOrDefault(name, Value.NULL))
        .orElse(Value.NULL);
  }

  private static int size(Value value) {
    return value instanceof Value.Map map
        ? map.entries().size()
        : value instanceof Value.Seq seq ? seq.items().size() : 0;
  }

  private static long number(Value value) {
    return value instanceof Value.Int number ? number.value() : 0;
  }

  /** Takes something of a record. */
  private interface Taking<T, R> {
    R of(T record);
  }

  private <T extends MemoryRecord, R> List<R> all(Kind<T> kind, Taking<T, R> taking) {
    try (Stream<Stored<T>> scan = store.scan(kind)) {
      return live(scan).<R>map(taking::of).toList();
    }
  }

  /** All counts, those of one memory in the order of its file. */
  private List<CoOccurrence> counts() {
    try (Stream<Stored<CoOccurrence>> scan = store.scan(Kind.CO_OCCURRENCE)) {
      return live(scan.sorted(Stored.BY_PLACE)).toList();
    }
  }

  private int count(Kind<?> kind, ScanRange range, Predicate<Key> which) {
    try (Stream<KeyVersion> versions = store.versions(kind, range)) {
      return (int)
          versions
              .takeWhile(version -> which.test(version.key()))
              .filter(version -> !version.version().isTombstone())
              .count();
    }
  }

  private static <T extends MemoryRecord> Stream<T> live(Stream<Stored<T>> scan) {
    return scan.flatMap(stored -> stored.live().stream());
  }
}

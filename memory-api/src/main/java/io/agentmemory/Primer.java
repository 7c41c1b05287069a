package io.agentmemory;

import io.agentmemory.MemoryQuery.Any;
import io.agentmemory.Priming.Candidate;
import io.agentmemory.identity.Sampling;
import io.agentmemory.internal.Arithmetic;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Works out one {@link Priming}. Source: Drift's priming candidates, version 2.18. */
final class Primer {
  private final Insights insights;
  private final MemoryStore store;
  private final Priming.Rules rules;
  private final Instant now;
  private final RandomGenerator random;

  /** What one pass over all heads leaves. */
  private final PriorityQueue<Present> most = new PriorityQueue<>(Present.FIRST.reversed());

  private final List<Place> dead = new ArrayList<>();
  private final Map<String, List<Place>> byDomain = new LinkedHashMap<>();

  /** The ids in the answer, each with why it is there. */
  private final Set<String> seen = new LinkedHashSet<>();

  Primer(
      Insights insights,
      MemoryStore store,
      Priming.Rules rules,
      Instant now,
      RandomGenerator random) {
    this.insights = insights;
    this.store = store;
    this.rules = rules;
    this.now = now;
    this.random = random;
    rules.domains().keySet().forEach(domain -> byDomain.put(domain, new ArrayList<>()));
  }

  /** A memory and how present it is. */
  private record Present(MemoryHead head, double activation) {
    static final Comparator<Present> FIRST =
        Comparator.comparingDouble(Present::activation)
            .reversed()
            .thenComparing(Present::head, MemoryHead.PLACE);
  }

  /**
   * Where a memory lies, and for how many sessions it was not recalled: little, as they are many.
   */
  private record Place(MemoryHead head, double sessions) {}

  /** An id with what speaks for it, before its preview is known. */
  private record Chosen(String id, Value.Map why) {}

  Priming prime() {
    look();
    List<Present> looked = most.stream().sorted(Present.FIRST).toList();
    Map<String, List<CoOccurrence>> ties = new HashMap<>();
    looked.forEach(p -> ties.put(p.head().id(), insights.counts(p.head().id())));
    List<Chosen> activated = activated(looked, ties);
    List<Chosen> coOccurring = coOccurring(looked, ties);
    List<Chosen> unfinished = unfinished();
    List<Chosen> excavated = excavated();
    List<Chosen> domain = domain(activated, coOccurring);
    List<Chosen> dimensional = dimensional();
    Map<String, Memory> memories = memories(seen);
    return new Priming(
        candidates(activated, memories),
        candidates(coOccurring, memories),
        candidates(unfinished, memories),
        candidates(excavated, memories),
        candidates(domain, memories),
        candidates(dimensional, memories));
  }

  private void look() {
    MemoryQuery query = MemoryQuery.all().tiers(List.of(Tier.CORE, Tier.ACTIVE));
    try (Stream<MemoryHead> heads = store.heads(query)) {
      heads.forEach(this::look);
    }
    dead.sort(Comparator.comparing(Place::head, MemoryHead.PLACE));
    // active before core, as the original goes through its folders here
    Comparator<MemoryHead> activeFirst =
        Comparator.comparing(MemoryHead::tier).reversed().thenComparing(MemoryHead.PLACE);
    byDomain.values().forEach(list -> list.sort(Comparator.comparing(Place::head, activeFirst)));
  }

  private void look(MemoryHead head) {
    most.add(new Present(head, rules.activation().of(head, now)));
    if (most.size() > rules.lookedAt() * rules.activated()) {
      most.poll();
    }
    Place place =
        new Place(
            new MemoryHead.Bare(head.id(), head.tier(), head.fileName(), null),
            head.sessionsSinceRecall());
    if (head.tier() == Tier.ACTIVE
        && head.recallCount() == 0
        && place.sessions() > rules.graceSessions()) {
      dead.add(place);
    }
    Set<String> tags = head.foldedTags();
    rules
        .domains()
        .forEach(
            (domain, its) -> {
              if (!Collections.disjoint(tags, its)) {
                places(domain).add(place);
              }
            });
  }

  private List<Place> places(String domain) {
    return byDomain.getOrDefault(domain, List.of());
  }

  private List<Chosen> activated(List<Present> looked, Map<String, List<CoOccurrence>> ties) {
    Map<String, Double> damped = new HashMap<>();
    for (Present present : looked) {
      int degree = ties(ties, present).size();
      double factor =
          degree > rules.manyTies() ? Arithmetic.log(1 + degree) / Math.max(degree, 1) : 1;
      damped.put(present.head().id(), present.activation() * factor);
    }
    return looked.stream()
        .sorted(
            Comparator.comparingDouble(
                    (Present p) -> damped.getOrDefault(p.head().id(), p.activation()))
                .reversed())
        .limit(rules.activated())
        .map(p -> choose(p.head().id(), "activation", Value.of(p.activation())))
        .toList();
  }

  private static List<CoOccurrence> ties(Map<String, List<CoOccurrence>> ties, Present present) {
    return ties.getOrDefault(present.head().id(), List.of());
  }

  private List<Chosen> coOccurring(List<Present> looked, Map<String, List<CoOccurrence>> ties) {
    List<Chosen> chosen = new ArrayList<>();
    for (Present present : looked) {
      for (CoOccurrence count : Insights.mostOften(ties(ties, present), rules.perMemory())) {
        if (!seen.contains(count.to())) {
          chosen.add(
              choose(
                  count.to(),
                  "cooccur_count",
                  count.count(),
                  "linked_to",
                  Value.of(present.head().id())));
        }
      }
    }
    return chosen;
  }

  private List<Chosen> unfinished() {
    List<Chosen> chosen = new ArrayList<>();
    if (rules.unfinished() == 0) {
      return chosen;
    }
    Any any = Any.NONE.tag(rules.unfinishedTags()).text(rules.unfinishedTexts());
    Set<String> tags = any.tags();
    // As many more as may be in the answer already.
    int limit = Math.min(MemoryQuery.MAX_LIMIT, rules.unfinished() + seen.size());
    for (Memory memory :
        store.find(
            MemoryQuery.all()
                .tiers(List.of(Tier.ACTIVE))
                .any(any)
                .order(MemoryQuery.Order.PLACE)
                .limit(limit))) {
      if (chosen.size() < rules.unfinished() && !seen.contains(memory.id())) {
        boolean tagged = !Collections.disjoint(tags, memory.foldedTags());
        chosen.add(choose(memory.id(), "match", Value.of(tagged ? "tag" : "keyword")));
      }
    }
    return chosen;
  }

  private List<Chosen> excavated() {
    List<Place> left = dead.stream().filter(place -> !isSeen(place)).toList();
    return Sampling.sample(left, Math.min(rules.excavated(), left.size()), random).stream()
        .map(place -> choose(place.head().id(), "sessions_dead", whole(place.sessions())))
        .toList();
  }

  private static Value whole(double number) {
    return number == Math.rint(number) ? Value.of((long) number) : Value.of(number);
  }

  private boolean isSeen(Place place) {
    return seen.contains(place.head().id());
  }

  private List<Chosen> domain(List<Chosen> activated, List<Chosen> coOccurring) {
    Map<String, MemoryHead> heads = new HashMap<>();
    List<String> ids =
        Stream.of(activated, coOccurring).flatMap(List::stream).map(Chosen::id).toList();
    try (Stream<MemoryHead> found = store.heads(MemoryQuery.all().any(Any.NONE.id(ids)))) {
      found.forEach(head -> heads.put(head.id(), head));
    }
    String least = null;
    long fewest = Long.MAX_VALUE;
    for (Map.Entry<String, List<String>> domain : rules.domains().entrySet()) {
      long count =
          heads.values().stream()
              .filter(head -> !Collections.disjoint(head.foldedTags(), domain.getValue()))
              .count();
      if (count < fewest) {
        fewest = count;
        least = domain.getKey();
      }
    }
    if (least == null) {
      return List.of();
    }
    List<Place> left = places(least).stream().filter(place -> !isSeen(place)).toList();
    return left.isEmpty()
        ? List.of()
        : List.of(
            choose(left.get(random.nextInt(left.size())).head().id(), "domain", Value.of(least)));
  }

  private List<Chosen> dimensional() {
    String dimension = rules.dimension();
    if (dimension == null) {
      return List.of();
    }
    String subView = rules.subView();
    Value part = subView == null ? Value.NULL : Value.of(subView);
    return store
        .read(Kind.CONTEXT_GRAPH, Key.of(subView == null ? dimension : dimension + "_" + subView))
        .flatMap(Stored::live)
        .map(graph -> Value.textsOf(graph.members().get("hubs")))
        .orElse(List.of())
        .stream()
        .limit(rules.hubs())
        .filter(hub -> !seen.contains(hub))
        .map(hub -> choose(hub, "dimension", Value.of(dimension), "sub_view", part))
        .toList();
  }

  private Chosen choose(String id, String name, Value value) {
    seen.add(id);
    return new Chosen(id, new Value.Map(Map.of(name, value)));
  }

  private Chosen choose(String id, String name, Value value, String second, Value other) {
    seen.add(id);
    return new Chosen(id, new Value.Map(Map.of(name, value)).with(second, other));
  }

  private Map<String, Memory> memories(Collection<String> ids) {
    List<Key> keys = ids.stream().map(Key::of).toList();
    Map<String, Memory> memories = new HashMap<>();
    for (Stored<Memory> stored : store.readAll(Kind.MEMORY, keys)) {
      stored.live().ifPresent(memory -> memories.put(memory.id(), memory));
    }
    return memories;
  }

  private List<Candidate> candidates(List<Chosen> chosen, Map<String, Memory> memories) {
    return chosen.stream()
        .map(c -> new Candidate(c.id(), preview(memories.get(c.id())), c.why()))
        .toList();
  }

  private String preview(@Nullable Memory memory) {
    if (memory == null) {
      return "";
    }
    String text = memory.content().strip();
    int length = Math.min(rules.previewLength(), text.codePointCount(0, text.length()));
    return text.substring(0, text.offsetByCodePoints(0, length));
  }
}

package io.agentmemory.command;

import io.agentmemory.CoOccurrence;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.Operation;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.internal.Arithmetic;
import io.agentmemory.internal.Texts;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What the commands mean that keep a growing memory in order. */
final class Upkeep {
  private static final int RATE_DIGITS = 3;

  private final Plan plan;
  private final Rules rules;
  private final Operation operation;

  Upkeep(Plan plan, Rules rules, Operation operation) {
    this.plan = plan;
    this.rules = rules;
    this.operation = operation;
  }

  void promote(PromoteMemories c) {
    for (String id : c.ids()) {
      Memory memory = plan.find(id).orElse(null);
      if (memory != null
          && memory.tier() == Tier.ACTIVE
          && memory.recallCount() >= c.minRecalls()) {
        String reason = "recall_count=" + memory.recallCount() + " >= " + c.minRecalls();
        put(
            memory
                .members()
                .with("type", Value.of("core"))
                .with("promoted_at", Value.of(c.at()))
                .with("promoted_reason", Value.of(reason)),
            memory.withTier(Tier.CORE));
      }
    }
  }

  void age() {
    for (Stored<Memory> stored : plan.all(Kind.MEMORY)) {
      Memory memory = stored.live().orElseThrow();
      Value sessions = memory.members().get("sessions_since_recall");
      boolean countable =
          sessions == null || sessions.equals(Value.NULL) || Value.numberOf(sessions) != null;
      if (memory.tier() == Tier.ACTIVE && Rules.hasMap(memory) && countable) {
        plan.put(
            memory.withMembers(
                memory.members().with("sessions_since_recall", Plan.plusOne(sessions))));
      }
    }
  }

  void compress(CompressMemory c) {
    Memory memory = plan.existing(operation, c.id(), 0);
    Rules.requireMap(operation, memory);
    if (memory.tier() != Tier.ACTIVE) {
      throw new MemoryConflictException(operation, "the memory is not in the active tier", 0, 0);
    }
    String was = memory.content().strip();
    put(
        memory
            .members()
            .with("compressed_at", Value.of(c.at()))
            .with("original_length", Value.of((long) was.codePointCount(0, was.length()))),
        memory.withTier(Tier.ARCHIVE).withContent(rules.content(operation, c.content())));
  }

  /**
   * Puts a memory with these members, whatever their size: a few bytes of ours must not keep a
   * session from ending.
   */
  private void put(Value.Map members, Memory after) {
    plan.put(after.withMembers(members));
  }

  // ---- retrievals ----

  void log(LogRetrievals c) {
    for (LogRetrievals.Retrieval retrieval : c.retrievals()) {
      plan.find(retrieval.id())
          .filter(Rules::hasMap)
          .ifPresent(memory -> log(memory, retrieval.result(), c.perGenerative()));
    }
  }

  private void log(Memory memory, LogRetrievals.Result result, double perGenerative) {
    Value there = memory.members().get("retrieval_outcomes");
    if (there != null && !there.equals(Value.NULL) && !(there instanceof Value.Map)) {
      return; // not ours to repair
    }
    Value.Map counts = there instanceof Value.Map map ? map : Value.EMPTY_MAP;
    for (LogRetrievals.Result each : LogRetrievals.Result.values()) {
      counts = counts.with(each.member(), Pairs.sum(counts.get(each.member()), Value.of(0L)));
    }
    counts = counts.with("total", Pairs.sum(counts.get("total"), Value.of(1L)));
    counts = counts.with(result.member(), Pairs.sum(counts.get(result.member()), Value.of(1L)));
    double generative = number(counts.get("generative"));
    double total = number(counts.get("total")) + (perGenerative - 1) * generative;
    double useful = number(counts.get("productive")) + perGenerative * generative;
    double rate = total > 0 ? useful / total : 0;
    put(
        memory
            .members()
            .with("retrieval_outcomes", counts)
            .with(
                "retrieval_success_rate",
                Value.of(Double.isFinite(rate) ? Arithmetic.round(rate, RATE_DIGITS) : 0.0)),
        memory);
  }

  private static double number(@Nullable Value value) {
    Double number = Value.numberOf(value);
    return number == null ? 0 : number;
  }

  // ---- consolidating ----

  void consolidate(ConsolidateMemories c) {
    Memory keep = plan.existing(operation, c.keep(), 0);
    Memory absorb = plan.existing(operation, c.absorb(), 0);
    if (keep.id().equals(absorb.id())) {
      throw new InvalidMemoryException(operation, "absorb", "is the memory to keep");
    }
    Rules.requireMap(operation, keep);
    Rules.requireMap(operation, absorb);
    String content =
        c.content() == null
            ? keep.content().strip()
                + "\n\n---\n[Consolidated from "
                + absorb.id()
                + "]\n\n"
                + absorb.content().strip()
            : c.content();
    Value.Map members = merged(keep, absorb, c.at());
    rules.size(operation, keep.members(), members);
    put(members, keep.withContent(rules.content(operation, content)));
    mergeCounts(keep.id(), absorb.id());
    put(
        absorb
            .members()
            .with("archived_at", Value.of(c.at()))
            .with("archived_reason", Value.of("consolidated_into:" + keep.id())),
        absorb.withTier(Tier.ARCHIVE));
    plan.delete(Kind.EMBEDDING, Key.of(VectorSpace.TEXT, absorb.id()));
  }

  private static Value.Map merged(Memory keep, Memory absorb, String at) {
    Value.Map members = keep.members();
    Set<String> tags = new LinkedHashSet<>(keep.tags());
    tags.addAll(absorb.tags());
    members = members.with("tags", Value.Seq.ofTexts(tags));
    if (absorb.weight().orElse(0.5) > keep.weight().orElse(0.5)) {
      members = members.with("emotional_weight", Value.of(absorb.weight().orElse(0.5)));
    }
    Value recalls = absorb.members().get("recall_count");
    if (recalls != null) {
      members = members.with("recall_count", Pairs.sum(members.get("recall_count"), recalls));
    }
    Value created = absorb.members().get("created");
    if (created != null && isEarlier(created, members.get("created"))) {
      members = members.with("created", created);
    }
    for (String causes : List.of("caused_by", "leads_to")) {
      Set<String> ids = new LinkedHashSet<>(Value.textsOf(keep.members().get(causes)));
      ids.addAll(Value.textsOf(absorb.members().get(causes)));
      ids.remove(keep.id());
      ids.remove(absorb.id());
      members = members.with(causes, Value.Seq.ofTexts(ids));
    }
    List<String> from = new ArrayList<>(Value.textsOf(members.get("consolidated_from")));
    from.add(absorb.id());
    return members
        .with("consolidated_from", Value.Seq.ofTexts(from))
        .with("consolidated_at", Value.of(at));
  }

  private static boolean isEarlier(Value time, @Nullable Value than) {
    String a = Value.textOf(time);
    String b = Value.textOf(than);
    return a != null && (b == null || Texts.compare(a, b) < 0);
  }

  /** Gives {@code keep} what {@code absorb} counts, and what others count for it. */
  private void mergeCounts(String keep, String absorb) {
    List<Stored<CoOccurrence>> stored = new ArrayList<>(plan.all(Kind.CO_OCCURRENCE));
    stored.sort(Stored.BY_PLACE); // what keep takes over comes in the order in which absorb has it
    Map<Key, CoOccurrence> all = new LinkedHashMap<>();
    stored.forEach(entry -> all.put(entry.key(), entry.live().orElseThrow()));
    plan.delete(Kind.CO_OCCURRENCE, Key.of(keep, absorb));
    for (CoOccurrence entry : all.values()) {
      if (entry.from().equals(absorb)) {
        if (!entry.to().equals(keep) && !entry.to().equals(absorb)) {
          add(all, keep, entry.to(), entry.count());
        }
      } else if (entry.to().equals(absorb) && !entry.from().equals(keep) && isSearched(entry)) {
        plan.delete(Kind.CO_OCCURRENCE, entry.key());
        add(all, entry.from(), keep, entry.count());
      }
    }
  }

  private boolean isSearched(CoOccurrence entry) {
    return plan.live(Kind.MEMORY, Key.of(entry.from()))
        .filter(memory -> memory.tier() != Tier.ARCHIVE)
        .isPresent();
  }

  private void add(Map<Key, CoOccurrence> all, String from, String to, Value count) {
    Memory memory = plan.live(Kind.MEMORY, Key.of(from)).orElse(null);
    if (memory == null || !Pairs.makePlace(plan, memory)) {
      return;
    }
    CoOccurrence there = all.get(Key.of(from, to));
    plan.put(new CoOccurrence(from, to, Pairs.sum(there == null ? null : there.count(), count)));
  }
}

package io.agentmemory.command;

import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Kind;
import io.agentmemory.Lesson;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.Operation;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.spi.Canonical;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** What the commands mean that are about lessons. */
final class Learning {
  private static final int ID_DIGITS = 8;

  private final Plan plan;
  private final Rules rules;
  private final Operation operation;

  Learning(Plan plan, Rules rules, Operation operation) {
    this.plan = plan;
    this.rules = rules;
    this.operation = operation;
  }

  private List<Lesson> all() {
    List<Lesson> all = new ArrayList<>();
    for (Stored<Lesson> stored : plan.all(Kind.LESSON)) {
      stored.live().ifPresent(all::add);
    }
    return all;
  }

  void add(AddLesson c) {
    String text = c.lesson().lesson();
    String beginning = beginning(text, c.alike());
    for (Lesson lesson : all()) {
      if (lesson.members().has("lesson") && beginning(lesson.text(), c.alike()).equals(beginning)) {
        return;
      }
    }
    Value.Map members =
        Value.EMPTY_MAP
            .with("id", Value.of(id(text)))
            .with("category", Value.of(c.lesson().category()))
            .with("lesson", Value.of(text))
            .with("evidence", Value.of(c.lesson().evidence()))
            .with("source", Value.of(c.lesson().source()))
            .with("confidence", Value.of(c.lesson().confidence()))
            .with("created", Value.of(c.at()))
            .with("recalled_count", Value.of(0L))
            .with("last_recalled", Value.NULL);
    new Lists(plan, rules, operation).append(Lists.of(Kind.LESSON), List.of(members));
  }

  private static String beginning(String text, int alike) {
    int length = Math.min(alike, text.codePointCount(0, text.length()));
    return text.substring(0, text.offsetByCodePoints(0, length)).toLowerCase(Locale.ROOT);
  }

  // Source: Drift's ids of lessons.
  private static String id(String text) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return "lesson-" + Canonical.hex(hash).substring(0, ID_DIGITS);
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every JDK has SHA-256", impossible);
    }
  }

  void recall(RecallLessons c) {
    Set<String> ids = Set.copyOf(c.ids());
    for (Lesson lesson : all()) {
      if (lesson.id().filter(ids::contains).isPresent()) {
        put(
            lesson,
            lesson
                .members()
                .with(
                    "recalled_count",
                    Pairs.sum(lesson.members().get("recalled_count"), Value.of(1L)))
                .with("last_recalled", Value.of(c.at())));
      }
    }
  }

  void contradict(ContradictLesson c) {
    Lesson lesson = existing(c.id());
    Value there = lesson.members().get("contradicted_by");
    List<Value> by = new ArrayList<>();
    if (there instanceof Value.Seq seq) {
      by.addAll(seq.items());
    }
    if (by.contains(Value.of(c.by()))) {
      return;
    }
    by.add(Value.of(c.by()));
    double confidence = lesson.confidence().orElse(c.defaultConfidence()) * c.factor();
    put(
        lesson,
        lesson
            .members()
            .with("confidence", Value.of(confidence))
            .with("contradicted_by", new Value.Seq(by)));
  }

  void supersede(SupersedeLesson c) {
    Lesson lesson = existing(c.id());
    Set<String> seen = new HashSet<>(Set.of(c.id()));
    String next = c.by();
    while (next != null) {
      if (!seen.add(next)) {
        throw new InvalidMemoryException(
            operation, Lesson.SUPERSEDED_BY, "would be, in the end, the lesson itself");
      }
      next = existing(next).supersededBy().filter(this::isThere).orElse(null);
    }
    put(lesson, lesson.members().with(Lesson.SUPERSEDED_BY, Value.of(c.by())));
  }

  private boolean isThere(String id) {
    return all().stream().anyMatch(lesson -> lesson.id().filter(id::equals).isPresent());
  }

  private Lesson existing(String id) {
    return all().stream()
        .filter(lesson -> lesson.id().filter(id::equals).isPresent())
        .findFirst()
        .orElseThrow(() -> new MemoryConflictException(operation, "there is no such lesson", 0, 0));
  }

  private void put(Lesson before, Value.Map members) {
    Lesson after = new Lesson(before.ordinal(), members);
    rules.state(operation, after);
    plan.put(after);
  }
}

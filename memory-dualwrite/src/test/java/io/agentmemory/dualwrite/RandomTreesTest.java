package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.Value;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.dualwrite.BackfillReport.State;
import io.agentmemory.spi.Canonical;
import io.agentmemory.testkit.InMemoryMemoryStore;
import io.agentmemory.testkit.RandomRecords;
import io.agentmemory.testkit.RandomRecords.Mutation;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Copies and comparisons of records that hit every trap there is. */
class RandomTreesTest {
  private final MemoryStore target = new InMemoryMemoryStore("elsewhere");

  @ParameterizedTest
  @ValueSource(longs = {1, 2})
  void givenTenThousandRecords_whenBackfilled_thenNothingDiffersAndASecondRunChangesNothing(
      long seed) {
    List<MemoryRecord> records = RandomRecords.tree(seed, 1800);
    MemoryStore source = Trees.store(records);
    records.stream()
        .filter(Memory.class::isInstance)
        .skip(100)
        .limit(20)
        .forEach(memory -> source.execute(new ForgetMemory(memory.key().part(0), 0)));
    assertThat(records.size()).isGreaterThan(10_000);

    BackfillReport first = Backfill.builder(source, target).run();
    BackfillReport second = Backfill.builder(source, target).run();
    BackfillReport home = Backfill.builder(target, source).run();

    assertThat(first.state()).as("seed %s: %s", seed, first).isEqualTo(State.COMPLETE);
    assertThat(first.setAside()).as("seed %s", seed).isEmpty();
    assertThat(first.total().listed()).isGreaterThan(10_000);
    assertThat(second.total().unchanged()).isEqualTo(first.total().listed());
    assertThat(home.total().unchanged()).isEqualTo(first.total().listed());
    for (Verifier.Level level : Verifier.Level.values()) {
      VerifyReport report = Verifier.builder(source, target).level(level).run();
      assertThat(report.differences()).as("seed %s, level %s", seed, level).isEmpty();
      assertThat(report.complete()).isTrue();
    }
  }

  @Test
  @DisplayName("T67: one mutated field per record type, among all other records")
  void givenAnyOneFieldOfAnyRecordChanged_whenVerified_thenExactlyThatOneIsNamed() {
    long seed = 5;
    List<MemoryRecord> records = RandomRecords.tree(seed, 8);
    MemoryStore source = Trees.store(records);
    Set<Kind<?>> kinds = new HashSet<>();
    for (MemoryRecord record : records) {
      for (Mutation mutation : RandomRecords.mutations(record)) {
        String note =
            "seed %s, %s of %s:%s".formatted(seed, mutation.field(), record.kind(), record.key());
        MemoryStore changed = Trees.withChanged(source, mutation.record());
        Difference there = assertOne(note, source, changed, record);
        assertThat(isWithin(there.field(), mutation.field()))
            .as("%s is named %s", note, there.field())
            .isTrue();
        if (kinds.add(record.kind())) {
          Difference back = assertOne(note, changed, source, record);
          assertThat(back.field()).as(note).isEqualTo(there.field());
          assertThat(back.source()).as(note).isEqualTo(there.target());
          assertThat(back.target()).as(note).isEqualTo(there.source());
        }
      }
    }
    assertThat(kinds).containsExactlyInAnyOrderElementsOf(withFields());
  }

  private static Difference assertOne(
      String note, MemoryStore source, MemoryStore target, MemoryRecord record) {
    VerifyReport report = Verifier.builder(source, target).wait(duration -> true).run();
    assertThat(report.differences()).as(note).hasSize(1);
    Difference difference = report.differences().get(0);
    assertThat(difference.type()).as(note).isEqualTo(Difference.Type.FIELD);
    assertThat(difference.kind()).as(note).isEqualTo(record.kind());
    assertThat(difference.key()).as(note).isEqualTo(record.key());
    return difference;
  }

  private static Set<Kind<?>> withFields() {
    Set<Kind<?>> kinds = new HashSet<>(Kind.all());
    kinds.remove(Kind.SESSION_RECALL); // nothing but its key
    return kinds;
  }

  /** However deep a value stands, its path is named, and no other. */
  @Test
  @DisplayName("T67: every value of every record, one at a time, in both directions")
  void givenAnyOneValueInARecordChanged_whenCompared_thenExactlyItsPathIsNamed() {
    long seed = 6;
    Map<Kind<?>, Integer> compared = new HashMap<>();
    Set<String> refused = new HashSet<>();
    for (MemoryRecord record : RandomRecords.tree(seed, 20)) {
      for (Changed changed : changes(record)) {
        MemoryRecord other;
        try {
          other = record.kind().record(record.key(), changed.tree());
        } catch (IllegalArgumentException | MemoryStoreException noSuchRecord) {
          refused.add(record.kind() + " " + changed.path());
          continue;
        }
        assertThat(found(record, other)).isEqualTo(List.of(changed.path()));
        assertThat(found(other, record)).isEqualTo(List.of(changed.path()));
        compared.merge(record.kind(), 1, Integer::sum);
      }
    }
    assertThat(refused) // changed by the other test, to something that is allowed
        .isSubsetOf("memory tier", "memory file_name", "memory content", "embedding vector");
    assertThat(compared.keySet()).containsExactlyInAnyOrderElementsOf(withFields());
    assertThat(compared.values().stream().mapToInt(n -> n).sum()).isGreaterThan(1000);
  }

  private static List<String> found(MemoryRecord source, MemoryRecord target) {
    return Fields.of(source, target, false).stream().map(Fields.Found::path).toList();
  }

  /** A tree in which one value is another one, and the path to it as a report should name it. */
  private record Changed(String path, Value.Map tree) {}

  private static List<Changed> changes(MemoryRecord record) {
    List<Changed> all = new ArrayList<>();
    Value.Map tree = record.tree();
    tree.entries()
        .forEach(
            (name, value) -> {
              boolean wrapper = name.equals("members") || name.equals("front_matter");
              if (wrapper && value instanceof Value.Map members) {
                members
                    .entries()
                    .forEach(
                        (member, inner) ->
                            change(
                                (tree.has(member) ? name + "." : "") + named(member),
                                inner,
                                now -> tree.with(name, members.with(member, now)),
                                all));
              } else {
                change(named(name), value, now -> tree.with(name, now), all);
              }
            });
    return all;
  }

  /** Changes a value, or, if others are in it, each of those. */
  private static void change(
      String path, Value value, Function<Value, Value.Map> tree, List<Changed> all) {
    if (value instanceof Value.Map map && !map.isEmpty()) {
      map.entries()
          .forEach(
              (name, inner) ->
                  change(
                      path + "." + named(name),
                      inner,
                      now -> tree.apply(map.with(name, now)),
                      all));
      String last = List.copyOf(map.entries().keySet()).get(map.entries().size() - 1);
      all.add(new Changed(path + "." + named(last), tree.apply(map.without(last))));
    } else if (value instanceof Value.Seq seq && !seq.items().isEmpty()) {
      for (int i = 0; i < seq.items().size(); i++) {
        int at = i;
        change(
            path + "[" + i + "]",
            seq.items().get(i),
            now -> {
              List<Value> items = new ArrayList<>(seq.items());
              items.set(at, now);
              return tree.apply(new Value.Seq(items));
            },
            all);
      }
      all.add(
          new Changed(path, tree.apply(new Value.Seq(seq.items().subList(1, seq.items().size())))));
    } else {
      Value other = Value.of(value.equals(Value.of("other")) ? "another" : "other");
      all.add(new Changed(path, tree.apply(other)));
    }
  }

  private static String named(String name) {
    return name.matches("[\\p{L}\\p{Nd}_-]+") ? name : Canonical.canonical(Value.of(name));
  }

  /** Whether a reported path is the changed field, or a place in it. */
  private static boolean isWithin(String path, String field) {
    int dot = field.indexOf('.');
    String name = field.substring(dot + 1);
    return List.of(field, name, Canonical.canonical(Value.of(name))).stream()
        .anyMatch(
            start ->
                path.equals(start) || path.startsWith(start + ".") || path.startsWith(start + "["));
  }
}

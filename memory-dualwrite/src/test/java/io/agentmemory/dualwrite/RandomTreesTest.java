package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.Value;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.dualwrite.BackfillReport.State;
import io.agentmemory.spi.Canonical;
import io.agentmemory.testkit.InMemoryMemoryStore;
import io.agentmemory.testkit.RandomRecords;
import io.agentmemory.testkit.RandomRecords.Mutation;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
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
  void givenAnyOneFieldOfAnyRecordChanged_whenVerified_thenExactlyThatOneIsNamed() {
    long seed = 5;
    List<MemoryRecord> records = RandomRecords.tree(seed, 8);
    MemoryStore source = Trees.store(records);
    Set<Kind<?>> kinds = new HashSet<>();
    for (MemoryRecord record : records) {
      for (Mutation mutation : RandomRecords.mutations(record)) {
        String note =
            "seed %s, %s of %s:%s".formatted(seed, mutation.field(), record.kind(), record.key());

        VerifyReport report =
            Verifier.builder(source, Trees.withChanged(source, mutation.record()))
                .wait(duration -> true)
                .run();

        assertThat(report.differences()).as(note).hasSize(1);
        Difference difference = report.differences().get(0);
        assertThat(difference.type()).as(note).isEqualTo(Difference.Type.FIELD);
        assertThat(difference.kind()).as(note).isEqualTo(record.kind());
        assertThat(difference.key()).as(note).isEqualTo(record.key());
        assertThat(isWithin(difference.field(), mutation.field()))
            .as("%s is named %s", note, difference.field())
            .isTrue();
        kinds.add(record.kind());
      }
    }
    Set<Kind<?>> withFields = new HashSet<>(Kind.all());
    withFields.remove(Kind.SESSION_RECALL); // nothing but its key
    assertThat(kinds).containsExactlyInAnyOrderElementsOf(withFields);
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

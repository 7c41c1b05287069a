package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class VerifierTest {
  private final InMemoryMemoryStore source = Trees.store(Trees.records(777));
  private final InMemoryMemoryStore target = new InMemoryMemoryStore("elsewhere");

  @ParameterizedTest
  @EnumSource
  void givenBackfilledCopy_whenVerified_thenEqual(Verifier.Level level) {
    source.execute(new ForgetMemory("m00003", 0));
    Backfill.builder(source, target).run();

    VerifyReport report = verify(level);

    assertThat(report.differences()).isEmpty();
    assertThat(report.equal()).isTrue();
    assertThat(report.complete()).isTrue();
    assertThat(report.kinds().get(Kind.MEMORY))
        .isEqualTo(
            new VerifyReport.Counts(776, 776, level == Verifier.Level.COUNTS ? 0 : 776, 0, 0));
  }

  @Test
  void givenOneFieldChangedAtTheSameRevision_whenVerified_thenExactlyThatFieldIsNamed() {
    InMemoryMemoryStore other = Trees.store(List.of(Trees.memory("m1", "one")));
    InMemoryMemoryStore changed = Trees.store(List.of(Trees.memory("m1", "two")));

    VerifyReport report = Verifier.builder(other, changed).run();

    assertThat(report.differences())
        .singleElement()
        .satisfies(
            d -> {
              assertThat(d.key()).isEqualTo(Key.of("m1"));
              assertThat(d.type()).isEqualTo(Difference.Type.FIELD);
              assertThat(d.field()).isEqualTo("content");
              assertThat(d.source()).startsWith("5 chars #").isNotEqualTo(d.target());
            });
  }

  @Test
  void givenOneSideLongerByFar_whenVerified_thenEachRecordTooManyIsNamed() {
    VerifyReport missing = verify(Verifier.Level.FIELDS);

    assertThat(missing.types()).containsExactly(Map.entry(Difference.Type.MISSING_IN_TARGET, 783L));
    assertThat(Verifier.builder(target, source).wait(duration -> true).run().types())
        .containsExactly(Map.entry(Difference.Type.MISSING_IN_SOURCE, 783L));
  }

  private VerifyReport verify(Verifier.Level level) {
    return Verifier.builder(source, target).level(level).wait(duration -> true).run();
  }
}

package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Tier;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.MoveMemory;
import io.agentmemory.dualwrite.BackfillReport.State;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.util.List;
import org.junit.jupiter.api.Test;

class BackfillTest {
  private final InMemoryMemoryStore source = Trees.store(Trees.records(1203));
  private final InMemoryMemoryStore target = new InMemoryMemoryStore("elsewhere");

  @Test
  void givenEveryKind_whenBackfilled_thenTargetHoldsTheSameAndTheCountsAddUp() {
    source.execute(new ForgetMemory("m00007", 0));
    source.execute(new MoveMemory("m00008", Tier.CORE));

    BackfillReport report = Backfill.builder(source, target).run();

    assertThat(report.state()).isEqualTo(State.COMPLETE);
    assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
    assertThat(report.kinds().get(Kind.MEMORY))
        .isEqualTo(new BackfillReport.Counts(1203, 1202, 0, 0, 0, 1, 0, 0, 0));
    assertThat(report.total().listed()).isEqualTo(1209).isEqualTo(report.expected());
  }

  @Test
  void givenTargetUpToDate_whenBackfilledAgain_thenAllIsUnchanged() {
    source.execute(new ForgetMemory("m00000", 0));
    Backfill.builder(source, target).run();
    List<String> before = Trees.dump(target);

    BackfillReport report = Backfill.builder(source, target).run();

    assertThat(report.total().unchanged()).isEqualTo(report.total().listed());
    assertThat(Trees.dump(target)).isEqualTo(before);
  }

  @Test
  void givenTargetThatMovedOn_whenBackfilled_thenWhatIsNewerStaysAndWhatIsOlderGoes() {
    Backfill.builder(source, target).run();
    target.execute(new MoveMemory("m00001", Tier.CORE));
    target.execute(new ForgetMemory("m00002", 0));
    source.execute(new MoveMemory("m00003", Tier.CORE));
    source.execute(new ForgetMemory("m00004", 0));

    BackfillReport report = Backfill.builder(source, target).run();

    assertThat(report.kinds().get(Kind.MEMORY))
        .isEqualTo(new BackfillReport.Counts(1203, 0, 1, 1199, 1, 2, 0, 0, 0));
    assertThat(Trees.memory(target, "m00001").revision()).isEqualTo(2);
    assertThat(Trees.memory(target, "m00002").isTombstone()).isTrue();
    assertThat(Trees.memory(target, "m00003").value()).isEqualTo(memory("m00003"));
    assertThat(Trees.memory(target, "m00004").isTombstone()).isTrue();
  }

  private Object memory(String id) {
    return source.read(Kind.MEMORY, Key.of(id)).orElseThrow().live().orElseThrow();
  }
}

package io.agentmemory.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.agentmemory.Attestation;
import io.agentmemory.Identity;
import io.agentmemory.Kind;
import io.agentmemory.Leaf;
import io.agentmemory.Memories;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import io.agentmemory.spi.ForwardingMemoryStore;
import java.time.Instant;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The verbs of {@link Identity}, over the reference store. */
final class IdentityVerbsTest {
  private final MemoryStore store = new InMemoryMemoryStore("test");
  private final ManualClock clock =
      new ManualClock(Instant.parse("2026-02-10T11:52:05.123456789Z"));
  private final Memories memories = store.memories().with(clock, new Random(1));

  private final Identity identity = store.identity().with(clock);

  /** What a file side would: any hash will do. */
  private void reportLeaves() {
    try (Stream<Leaf> leaves = store.leaves()) {
      store.reportLeaves(
          leaves.map(l -> new Leaf(l.id(), l.file(), l.state(), l.state().hex(), false)).toList());
    }
  }

  private <T extends MemoryRecord> List<T> all(Kind<T> kind) {
    try (Stream<Stored<T>> scan = store.scan(kind)) {
      return scan.flatMap(stored -> stored.live().stream()).toList();
    }
  }

  @Test
  void givenFileThatNobodyKnows_whenAttested_thenRefusedAndNothingIsWritten() {
    memories.store("text");

    assertThatIllegalStateException()
        .isThrownBy(() -> identity.attest("A"))
        .withMessage("1 of 1 leaves are not known");
    assertThat(all(Kind.ATTESTATION)).isEmpty();
  }

  @Test
  void givenAttestationMeanwhile_whenAttested_thenItLinksToThatOne() {
    memories.store("text");
    reportLeaves();
    MemoryStore another = // one that attests between the reading and the writing of this one
        new ForwardingMemoryStore(store) {
          private boolean done;

          @Override
          public Outcome execute(Batch batch) {
            if (!done) {
              done = true;
              identity.attest("B");
            }
            return super.execute(batch);
          }
        };

    Attestation latest = another.identity().with(clock).attest("A");

    assertThat(latest.members().get("chain_depth")).isEqualTo(Value.of(2));
    assertThat(identity.report().agent()).isEqualTo("A");
  }
}

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
import io.agentmemory.Rejection;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import io.agentmemory.identity.IdentityReport;
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
  void givenChain_whenAttestedAgain_thenTheLatestGoesOnAndEachRootIsInTheHistoryOnce() {
    String id = memories.store("text").id();
    reportLeaves();
    Attestation first = identity.attest("A");
    Attestation same = identity.attest("A");
    memories.recall(id);
    reportLeaves();
    assertThat(identity.report().merkle().integrity().get("changed_files"))
        .isEqualTo(Value.Seq.ofTexts(List.of("~active/text-" + id + ".md")));
    Attestation second = identity.attest("A");

    assertThat(first.members().get("previous_root")).isEqualTo(Value.of(""));
    assertThat(first.members().get("timestamp")).isEqualTo(Value.of("2026-02-10T11:52:05.123456Z"));
    assertThat(same.members().get("chain_depth")).isEqualTo(Value.of(2));
    assertThat(same.members().get("merkle_root")).isEqualTo(first.members().get("merkle_root"));
    assertThat(second.members().get("previous_root")).isEqualTo(first.members().get("merkle_root"));
    assertThat(second.members().get("chain_depth")).isEqualTo(Value.of(3));
    assertThat(all(Kind.ATTESTATION).stream().map(Attestation::name))
        .containsExactly("00000000", "00000001", Attestation.LATEST);
    assertThat(all(Kind.ATTESTATION).get(1).members())
        .isEqualTo(second.members().without("file_hashes").without("_tree_depth"));
    assertThat(identity.report().merkle().integrity().get("verified")).isEqualTo(Value.of(true));
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

  @Test
  void givenRejection_whenTasteIsAttested_thenItTakesThePlaceOfTheOneBefore() {
    identity.attestTaste("A");
    store.execute(
        TwinStores.put(new Rejection(0, TwinStores.members("category", "post", "reason", "r"))));
    Attestation taste = identity.attestTaste("A");

    assertThat(all(Kind.ATTESTATION)).containsExactly(taste);
    assertThat(taste.hash()).contains(identity.report().taste().hash());
    assertThat(taste.members().get("rejection_count")).isEqualTo(Value.of(1));
  }

  @Test
  void givenExportedFingerprint_whenExportedAgain_thenDriftIsToldFromThatOne() {
    assertThat(identity.exportFingerprint().drift()).isNull();
    IdentityReport second = identity.exportFingerprint();

    assertThat(second.summary().get("drift_score")).isEqualTo(Value.of(0.0));
    assertThat(all(Kind.FINGERPRINT)).hasSize(2);
    assertThat(all(Kind.FINGERPRINT).get(0).members().has("drift_score")).isFalse();
    assertThat(all(Kind.FINGERPRINT).get(1).members()).isEqualTo(second.historyEntry());
    assertThat(all(Kind.VALUE).get(0).value()).isEqualTo(second.fingerprintTree());
  }

  @Test
  void givenVitalSigns_whenRecorded_thenTheyAreTheLastOfTheHistory() {
    memories.store("text");
    identity.recordVitals();
    IdentityReport report = identity.recordVitals();

    assertThat(all(Kind.VITALS)).hasSize(2);
    assertThat(all(Kind.VITALS).get(1).members())
        .isEqualTo(report.vitals().tree("2026-02-10T11:52:05.123456+00:00"));
    assertThat(report.vitals().metrics().get("memory_active")).isEqualTo(Value.of(1));
  }
}

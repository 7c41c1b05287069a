package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.command.AppendRecord;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.ReplaceRecord;
import io.agentmemory.identity.IdentityReport;
import io.agentmemory.identity.MerkleState;
import io.agentmemory.identity.TasteProfile;
import io.agentmemory.internal.Texts;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Who the agent is, by what its store holds: computes it, attests to it, and notes it for later
 * comparison. Thread-safe. Made by {@link MemoryStore#identity()}; costs nothing to make.
 *
 * <p>Besides what is named, every method throws what {@link MemoryStore#execute} and {@link
 * MemoryStore#scan} do.
 */
public final class Identity {
  private static final int TRIES = 5;

  private final MemoryStore store;
  private final Clock clock;
  private final IdentityReport.Rules rules;

  Identity(MemoryStore store) {
    this(store, Clock.systemUTC(), IdentityReport.Rules.DRIFT);
  }

  private Identity(MemoryStore store, Clock clock, IdentityReport.Rules rules) {
    this.store = requireNonNull(store, "store");
    this.clock = requireNonNull(clock, "clock");
    this.rules = requireNonNull(rules, "rules");
  }

  /** The same with another clock, for tests that repeat. */
  public Identity with(Clock clock) {
    return new Identity(store, clock, rules);
  }

  /** The same by other rules than Drift's. */
  public Identity with(IdentityReport.Rules rules) {
    return new Identity(store, clock, rules);
  }

  /** Computes who the agent is. Reads the whole store; see {@link IdentityReport#of}. */
  public IdentityReport report() {
    return IdentityReport.of(store, clock, rules);
  }

  /**
   * Attests to the files of all core and active memories, as the next link in the chain of
   * attestations: as the latest one, and in the history if that has none of the same root.
   *
   * @param agent who attests
   * @return the latest attestation as it is now
   * @throws IllegalStateException if a file is not known, as in a database after a write: copy the
   *     memories to the files and back first
   */
  public Attestation attest(String agent) {
    Key key = Key.of(Attestation.MERKLE, Attestation.LATEST);
    for (int tries = 1; ; tries++) {
      long revision = store.read(Kind.ATTESTATION, key).map(Stored::revision).orElse(0L);
      Value.Map members = MerkleState.of(store).attestation(agent, zulu());
      Attestation latest = new Attestation(Attestation.MERKLE, Attestation.LATEST, members);
      List<Command> commands = new ArrayList<>();
      commands.add(new ReplaceRecord(latest, revision));
      if (!isInHistory(latest)) {
        commands.add(
            new AppendRecord(
                Kind.ATTESTATION,
                List.of(Attestation.MERKLE),
                MerkleState.light(members),
                AppendRecord.ALL));
      }
      try {
        store.execute(Batch.of(commands));
        return latest;
      } catch (MemoryConflictException another) { // somebody else attested: link to that
        if (tries == TRIES) {
          throw another;
        }
      }
    }
  }

  private boolean isInHistory(Attestation latest) {
    ScanRange range = ScanRange.after(Key.of(Attestation.MERKLE, ""));
    try (Stream<Stored<Attestation>> scan = store.scan(Kind.ATTESTATION, range)) {
      return scan.takeWhile(stored -> stored.key().part(0).equals(Attestation.MERKLE))
          .filter(stored -> !stored.key().equals(latest.key()))
          .flatMap(stored -> stored.live().stream())
          .anyMatch(attestation -> attestation.hash().equals(latest.hash()));
    }
  }

  /**
   * Attests to what the agent turned down, in place of the taste attestation before.
   *
   * @param agent who attests
   */
  public Attestation attestTaste(String agent) {
    List<Value.Map> rejections;
    try (Stream<Stored<Rejection>> scan = store.scan(Kind.REJECTION)) {
      rejections = scan.flatMap(stored -> stored.live().stream()).map(Rejection::members).toList();
    }
    Attestation attestation =
        new Attestation(
            Attestation.TASTE,
            Attestation.LATEST,
            TasteProfile.of(rejections, rules.reasons(), rules.tags())
                .attestation(agent, zulu(), rules.attestedReasons()));
    store.execute(new ReplaceRecord(attestation, ReplaceRecord.ANY));
    return attestation;
  }

  /**
   * Exports the cognitive fingerprint to {@code cognitive_fingerprint.json}, which the next drift
   * is told from, and notes it in the history of fingerprints.
   *
   * @return what it was exported of
   */
  public IdentityReport exportFingerprint() {
    IdentityReport report = report();
    Value.Map tree = report.fingerprintTree();
    store.execute(
        Batch.of(
            List.of(
                new ReplaceRecord(
                    Kind.VALUE.record(
                        Key.of(IdentityReport.EXPORTED), new Value.Map(Map.of("value", tree))),
                    ReplaceRecord.ANY),
                new AppendRecord(
                    Kind.FINGERPRINT, List.of(), report.historyEntry(), AppendRecord.ALL))));
    return report;
  }

  /**
   * Takes the vital signs and notes them; the last {@value Histories#VITALS_KEPT} are kept.
   *
   * @return what they were taken of
   */
  public IdentityReport recordVitals() {
    return recordVitals(Histories.VITALS_KEPT);
  }

  /**
   * Takes the vital signs and notes them, as {@link #recordVitals()}.
   *
   * @param keep how many of the last ones are kept; at least 1
   */
  public IdentityReport recordVitals(int keep) {
    IdentityReport report = report();
    store.execute(
        new AppendRecord(
            Kind.VITALS, List.of(), report.vitals().tree(Texts.time(report.at())), keep));
    return report;
  }

  private String zulu() {
    return Texts.time(clock.instant()).replace("+00:00", "Z");
  }
}

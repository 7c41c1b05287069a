package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.command.AppendRecord;
import io.agentmemory.internal.Texts;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What was noted of the memory over time, by the verbs an agent uses. Thread-safe. Made by {@link
 * MemoryStore#histories()}; costs nothing to make. The history of decay is written by the commands
 * that decay.
 *
 * <p>A query gives the last entries first: those that were added last, whatever times they state.
 * With {@code from} (inclusive) or {@code before} (exclusive), those whose stated time is in that
 * range; both null for all, also those that state none. It reads the history from its beginning and
 * holds no more of it than {@code limit}: vitals and decay runs are few by themselves, the others
 * grow by one a session.
 *
 * <p>Besides what is named, every method throws what {@link MemoryStore#execute} and {@link
 * MemoryStore#scan} do.
 */
public final class Histories {
  /** How many vitals are kept. Source: Drift. */
  public static final int VITALS_KEPT = 100;

  private static final String TIMESTAMP = "timestamp";

  private final MemoryStore store;
  private final Clock clock;

  Histories(MemoryStore store) {
    this(store, Clock.systemUTC());
  }

  private Histories(MemoryStore store, Clock clock) {
    this.store = requireNonNull(store, "store");
    this.clock = requireNonNull(clock, "clock");
  }

  /** The same with another clock, for tests that repeat. */
  public Histories with(Clock clock) {
    return new Histories(store, clock);
  }

  /** Adds what was measured now, and keeps the last {@link #VITALS_KEPT}. */
  public void appendVitals(Value.Map metrics) {
    appendVitals(metrics, VITALS_KEPT);
  }

  /**
   * Adds what was measured now, and keeps the last ones.
   *
   * @param keep how many; at least 1
   */
  public void appendVitals(Value.Map metrics, int keep) {
    Value.Map members =
        Value.EMPTY_MAP
            .with(TIMESTAMP, Value.of(Texts.time(clock.instant())))
            .with("metrics", metrics);
    store.execute(new AppendRecord(Kind.VITALS, List.of(), members, keep));
  }

  /**
   * Adds a fingerprint to the history, which keeps all.
   *
   * @param members without {@code timestamp}: now. With one: as they are
   */
  public void appendFingerprint(Value.Map members) {
    append(Kind.FINGERPRINT, List.of(), members);
  }

  /**
   * Adds an attestation to the history of its type, which keeps all.
   *
   * @param type {@link Attestation#MERKLE} or {@link Attestation#NOSTR}
   * @param members without {@code timestamp}: now. With one: as they are
   * @throws IllegalArgumentException if that type has no history
   */
  public void appendAttestation(String type, Value.Map members) {
    append(Kind.ATTESTATION, List.of(type), members);
  }

  private void append(Kind<?> kind, List<String> before, Value.Map members) {
    Map<String, Value> all = new LinkedHashMap<>();
    if (!members.has(TIMESTAMP)) { // Source: Drift's fingerprints and attestations end in Z.
      all.put(TIMESTAMP, Value.of(Texts.time(clock.instant()).replace("+00:00", "Z")));
    }
    all.putAll(members.entries());
    store.execute(new AppendRecord(kind, before, new Value.Map(all), AppendRecord.ALL));
  }

  /** Vitals, the last ones first. */
  public List<Vitals> vitals(@Nullable Instant from, @Nullable Instant before, int limit) {
    return last(Kind.VITALS, ScanRange.ALL, Vitals::at, from, before, limit);
  }

  /** Runs of decay, the last ones first. */
  public List<DecayRun> decayRuns(@Nullable Instant from, @Nullable Instant before, int limit) {
    return last(Kind.DECAY_RUN, ScanRange.ALL, DecayRun::at, from, before, limit);
  }

  /** Fingerprints, the last ones first. */
  public List<Fingerprint> fingerprints(
      @Nullable Instant from, @Nullable Instant before, int limit) {
    return last(Kind.FINGERPRINT, ScanRange.ALL, Fingerprint::at, from, before, limit);
  }

  /**
   * Attestations in the history of a type, the last ones first; without {@link Attestation#LATEST}.
   */
  public List<Attestation> attestations(
      String type, @Nullable Instant from, @Nullable Instant before, int limit) {
    ScanRange places = new ScanRange(Key.of(type, ""), Key.of(type, ":")); // between: digits
    return last(Kind.ATTESTATION, places, Attestation::at, from, before, limit);
  }

  private <T extends MemoryRecord> List<T> last(
      Kind<T> kind,
      ScanRange range,
      Function<T, Optional<Instant>> time,
      @Nullable Instant from,
      @Nullable Instant before,
      int limit) {
    if (limit < 1) {
      throw new IllegalArgumentException("limit is below 1");
    }
    Deque<T> last = new ArrayDeque<>();
    try (Stream<T> all = store.scan(kind, range).flatMap(stored -> stored.live().stream())) {
      all.filter(record -> isWithin(time.apply(record), from, before))
          .forEach(
              record -> {
                last.addLast(record);
                if (last.size() > limit) {
                  last.removeFirst();
                }
              });
    }
    List<T> newest = new ArrayList<>(last);
    Collections.reverse(newest);
    return List.copyOf(newest);
  }

  private static boolean isWithin(
      Optional<Instant> at, @Nullable Instant from, @Nullable Instant before) {
    if (from == null && before == null) {
      return true;
    }
    return at.isPresent()
        && (from == null || !at.get().isBefore(from))
        && (before == null || at.get().isBefore(before));
  }
}

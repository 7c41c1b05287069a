package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.OpId;
import io.agentmemory.Version;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is lacking is summed up as it changes, and the sums are right. */
class DebtsTest {
  private static final Instant AT = Instant.parse("2026-02-10T11:52:05Z");
  private static final int RECORDS = 20;

  private final List<OpId> paid = new ArrayList<>();
  private Instant now = AT;
  private final Debts debts = new Debts(new Ticks(), paid::add);

  /** A clock that every look at sets forward. */
  private final class Ticks extends java.time.Clock {
    @Override
    public java.time.ZoneId getZone() {
      return java.time.ZoneOffset.UTC;
    }

    @Override
    public java.time.Clock withZone(java.time.ZoneId zone) {
      return this;
    }

    @Override
    public Instant instant() {
      now = now.plusMillis(1);
      return now;
    }
  }

  private static Ref ref(int number) {
    return new Ref(Kind.MEMORY, Key.of("m" + number));
  }

  private static List<Journal.Change> change(int number, long revision) {
    return List.of(new Journal.Change(ref(number), null, new Version(revision, null), null));
  }

  @Test
  @Timeout(20) // a second, or hours where each operation goes through those before it
  void givenBusyRecord_whenAStoreIsAwayForLong_thenTheNextWriteCostsWhatTheFirstDid() {
    int writes = 200_000;
    for (int i = 1; i <= writes; i++) {
      debts.add(OpId.random(), change(0, i), Side.TARGET, true, "why");
    }

    assertThat(debts.pending(Side.TARGET, 0).operations()).isEqualTo(writes);
    debts.pay(List.of(ref(0)));
    assertThat(paid).hasSize(writes).doesNotHaveDuplicates();
  }

  @Test
  void givenOperationWhoseEndWasForgotten_whenALaterOneIsOwed_thenWhatThatFoundIsExpectedToo() {
    debts.add(OpId.random(), change(0, 1), Side.TARGET, true, "why");
    Version found = new Version(2, null);
    Journal.Change later = new Journal.Change(ref(0), found, new Version(3, null), null);

    debts.add(OpId.random(), List.of(later), Side.TARGET, true, "why");

    assertThat(debts.of(ref(0)).map(Debt::run).orElseThrow().states())
        .containsExactlyInAnyOrder(new Version(1, null), found, new Version(3, null));
  }

  @Test
  void givenStoreThatWentOnAlone_whenAnEarlierOperationEnds_thenTheOtherIsStillWhatIsLacking() {
    OpId late = OpId.random();
    debts.add(OpId.random(), change(0, 2), Side.TARGET, true, "why");

    debts.addLate(late, change(0, 1), Side.SOURCE, false, "why");
    debts.addLate(Set.of(ref(0), ref(1)), Side.SOURCE, "why", late);

    assertThat(debts.refs(debt -> debt.lacking() == Side.TARGET)).containsExactly(ref(0));
    assertThat(debts.refs(debt -> debt.lacking() == Side.SOURCE)).containsExactly(ref(1));
  }

  @Test
  void givenAnyOrderOfChanges_whenAsked_thenTheSumsAreThoseOfTheParts() {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    Set<OpId> begun = new HashSet<>();
    for (int i = 0; i < 5_000; i++) {
      int number = random.nextInt(RECORDS);
      Side side = Side.values()[random.nextInt(2)];
      OpId op = OpId.random();
      switch (random.nextInt(5)) {
        case 0 -> debts.pay(List.of(ref(number), ref(random.nextInt(RECORDS))));
        case 1 -> debts.park(ref(number), "refused");
        case 2 -> {
          begun.add(op);
          debts.add(Set.of(ref(number), ref((number + 1) % RECORDS)), side, "why", op);
        }
        default -> {
          begun.add(op);
          debts.add(op, change(number, i + 1), side, random.nextBoolean(), "why");
        }
      }
      check(seed, begun);
    }
    debts.forgive();
    check(seed, begun);
    assertThat(paid).as("seed %d", seed).containsExactlyInAnyOrderElementsOf(begun);
  }

  private void check(long seed, Set<OpId> begun) {
    Set<OpId> owing = new HashSet<>();
    for (Side side : Side.values()) {
      List<Debt> all = debts.lacking(side, null);
      Set<OpId> ops = new HashSet<>();
      all.forEach(debt -> ops.addAll(debt.ops()));
      owing.addAll(ops);
      Pending pending = debts.pending(side, 0);
      assertThat(pending.records()).as("seed %d", seed).isEqualTo(all.size());
      assertThat(pending.operations()).as("seed %d", seed).isEqualTo(ops.size());
      assertThat(pending.parked())
          .as("seed %d", seed)
          .isEqualTo(all.stream().filter(Debt::parked).count());
      assertThat(pending.oldest())
          .as("seed %d", seed)
          .isEqualTo(all.stream().map(Debt::since).min(Instant::compareTo).orElse(null));
      assertThat(debts.isOwed(side)).isEqualTo(all.stream().anyMatch(debt -> !debt.parked()));
      assertThat(debts.isLacking(side, null)).isEqualTo(!all.isEmpty());
    }
    assertThat(begun.stream().filter(debts::isOwing).collect(Collectors.toSet()))
        .as("seed %d", seed)
        .isEqualTo(owing);
    assertThat(new HashSet<>(paid)).as("seed %d, told once", seed).hasSameSizeAs(paid);
  }

  @Test
  void givenManyDebts_whenAskedHowManyAgainAndAgain_thenThatTakesNoLongerForIt() {
    int records = 50_000;
    for (int i = 0; i < records; i++) {
      debts.add(OpId.random(), change(i, 1), Side.TARGET, true, "away");
    }
    long start = System.nanoTime();

    for (int i = 0; i < 10_000; i++) {
      assertThat(debts.pending(Side.TARGET, 0).operations()).isEqualTo(records);
      assertThat(debts.isOwed(Side.TARGET)).isTrue();
    }

    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(5));
  }
}

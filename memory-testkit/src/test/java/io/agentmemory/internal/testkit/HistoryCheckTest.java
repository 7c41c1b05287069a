package io.agentmemory.internal.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.MemoryStore;
import io.agentmemory.internal.testkit.History.Effect;
import io.agentmemory.internal.testkit.History.End;
import io.agentmemory.internal.testkit.History.State;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Histories made by hand, each with one thing wrong or none. */
class HistoryCheckTest {
  private final History history = new History();

  private void call(String op, End end, Effect... effects) {
    history.invoke(op, List.of(effects));
    history.end(op, end);
  }

  private void put(String op, End end, String value) {
    call(op, end, Effect.put("m", value));
  }

  private List<String> found(Map<String, State> states) {
    return new HistoryCheck(history.lines()).store("s", states, value -> false);
  }

  private List<String> found(String value) {
    return found(Map.of("m", State.of(value)));
  }

  private List<String> found(long count, String... parts) {
    return found(Map.of("set", State.of(Set.of(parts), count)));
  }

  private static void assertOne(List<String> complaints, String word) {
    assertThat(complaints).singleElement().asString().startsWith(word + ": ");
  }

  // ---- values ----

  @Test
  void givenLastAcknowledgedValue_whenChecked_thenRight() {
    put("1", End.ACKNOWLEDGED, "one");
    put("2", End.ACKNOWLEDGED, "two");
    put("3", End.FAILED, "three");

    assertThat(found("two")).isEmpty();
    assertOne(found("one"), "lost");
    assertOne(found(Map.of()), "lost");
    assertOne(found("three"), "invented");
    assertOne(found("four"), "invented");
  }

  @Test
  void givenUnknownEnd_whenChecked_thenTheValueBeforeOrThatOne() {
    put("1", End.ACKNOWLEDGED, "one");
    put("2", End.UNKNOWN, "two");

    assertThat(found("one")).isEmpty();
    assertThat(found("two")).isEmpty();
    history.end("2", End.FAILED); // somebody found out
    assertOne(found("two"), "invented");
  }

  @Test
  void givenUnknownEndThatWasFoundOut_whenChecked_thenItIsLostIfItIsNotThere() {
    put("1", End.ACKNOWLEDGED, "one");
    put("2", End.UNKNOWN, "two");
    history.end("2", End.ACKNOWLEDGED);

    assertOne(found("one"), "lost");
  }

  @Test
  void givenUnknownValueBeforeAnAcknowledgedOne_whenItComesBack_thenLost() {
    put("1", End.UNKNOWN, "one");
    put("2", End.ACKNOWLEDGED, "two");

    assertOne(found("one"), "lost");
  }

  @Test
  void givenDeletion_whenTheValueIsBack_thenLost() {
    put("1", End.ACKNOWLEDGED, "one");
    call("2", End.ACKNOWLEDGED, Effect.delete("m"));

    assertThat(found(Map.of())).isEmpty();
    assertOne(found("one"), "lost");
  }

  @Test
  void givenCallThatRanWhenTheProcessWasKilled_whenChecked_thenEitherWay() {
    put("1", End.ACKNOWLEDGED, "one");
    history.invoke("2", List.of(Effect.put("m", "two")));
    history.killed();

    assertThat(new HistoryCheck(history.lines()).unknown()).containsExactly("2");
    assertThat(found("one")).isEmpty();
    assertThat(found("two")).isEmpty();
  }

  @Test
  void givenValueThatWasSetAside_whenChecked_thenItIsNotLost() {
    put("1", End.ACKNOWLEDGED, "one");
    put("2", End.ACKNOWLEDGED, "two");

    assertThat(
            new HistoryCheck(history.lines())
                .store("s", Map.of("m", State.of("one")), "two"::equals))
        .isEmpty();
  }

  @Test
  void givenNameThatNobodyWrote_whenChecked_thenInvented() {
    assertOne(found("one"), "invented");
  }

  @Test
  void givenWhatWasThereBefore_whenChecked_thenItHasToBeThereStill() {
    history.is("m", State.of("old"));
    history.is("set", State.of(Set.of("a"), 1));

    assertThat(found(Map.of("m", State.of("old"), "set", State.of(Set.of("a"), 1)))).isEmpty();
    assertOne(found(Map.of("m", State.of("old"))), "lost");
    assertOne(found(1, "a"), "lost");
  }

  // ---- parts ----

  @Test
  void givenPartsAddedByMany_whenChecked_thenEachOnce() {
    call("1", End.ACKNOWLEDGED, Effect.add("set", "a"));
    call("2", End.ACKNOWLEDGED, Effect.add("set", "b"));
    call("3", End.FAILED, Effect.add("set", "c"));
    call("4", End.UNKNOWN, Effect.add("set", "d"));

    assertThat(found(2, "a", "b")).isEmpty();
    assertThat(found(3, "a", "b", "d")).isEmpty();
    assertOne(found(1, "a"), "lost");
    assertOne(found(3, "a", "b"), "doubled");
    assertOne(found(1, "a", "b"), "half");
    assertOne(found(3, "a", "b", "c"), "invented");
    assertOne(found(3, "a", "b", "x"), "invented");
  }

  @Test
  void givenPartsThatWereTakenAway_whenTheyAreBack_thenInvented() {
    call("1", End.ACKNOWLEDGED, Effect.add("set", "a"));
    call("2", End.ACKNOWLEDGED, Effect.delete("set"));

    assertThat(found(Map.of())).isEmpty();
    assertOne(found(1, "a"), "invented");
  }

  @Test
  void givenOperationOnTwoNames_whenOneShowsIt_thenHalf() {
    call("1", End.UNKNOWN, Effect.add("set", "a"), Effect.put("m", "one"));

    assertThat(found(Map.of())).isEmpty();
    assertThat(found(Map.of("set", State.of(Set.of("a"), 1), "m", State.of("one")))).isEmpty();
    assertOne(found(1, "a"), "half");
    assertOne(found("one"), "half");
  }

  // ---- reads ----

  private List<String> read(String name, State state, Runnable meanwhile) {
    long read = history.reading(name);
    meanwhile.run();
    history.saw(read, state);
    return new HistoryCheck(history.lines()).reads();
  }

  @Test
  void givenReadThatShowsWhatWasAcknowledgedOrRuns_whenChecked_thenRight() {
    put("1", End.ACKNOWLEDGED, "one");

    assertThat(read("m", State.of("one"), () -> put("2", End.ACKNOWLEDGED, "two"))).isEmpty();
    assertThat(read("m", State.of("three"), () -> put("3", End.ACKNOWLEDGED, "three"))).isEmpty();
    assertThat(read("nothing", State.ABSENT, () -> {})).isEmpty();
  }

  @Test
  void givenReadThatShowsAnOlderValue_whenChecked_thenStale() {
    put("1", End.ACKNOWLEDGED, "one");
    put("2", End.ACKNOWLEDGED, "two");

    assertOne(read("m", State.of("one"), () -> {}), "stale");
  }

  @Test
  void givenReadThatShowsNothing_whenChecked_thenInventedAsNobodyDeletedIt() {
    put("1", End.ACKNOWLEDGED, "one");

    assertOne(read("m", State.ABSENT, () -> {}), "stale");
  }

  @Test
  void givenReadThatShowsAFailedValue_whenChecked_thenInvented() {
    put("1", End.ACKNOWLEDGED, "one");

    assertOne(read("m", State.of("two"), () -> put("2", End.FAILED, "two")), "invented");
  }

  @Test
  void givenReadOfParts_whenOneIsLackingOrCountedTwice_thenSo() {
    call("1", End.ACKNOWLEDGED, Effect.add("set", "a"));

    assertThat(read("set", State.of(Set.of("a"), 1), () -> {})).isEmpty();
    assertOne(read("set", State.of(Set.of("a"), 2), () -> {}), "doubled");
  }

  @Test
  void givenReadOfPartsThatLacksOne_whenChecked_thenStale() {
    call("1", End.ACKNOWLEDGED, Effect.add("set", "a"));

    assertOne(read("set", State.of(Set.of(), 0), () -> {}), "stale");
  }

  @Test
  void givenCallThatThrowsWhatNoCallMay_whenChecked_thenDefect() {
    history.invoke("1", List.of());
    history.defect("1", new IllegalStateException());

    assertOne(found(Map.of()), "defect");
  }

  // ---- the history itself ----

  @Test
  void givenHistoryInAFile_whenOpenedAgainAfterAHalfLine_thenTheWholeLinesAreThere(
      @TempDir Path folder) throws IOException {
    Path file = folder.resolve("history");
    try (History first = new History(file)) {
      first.invoke("1", List.of(Effect.put("m", "one")));
      first.end("1", End.ACKNOWLEDGED);
    }
    Files.writeString(file, "u\t", StandardOpenOption.APPEND);
    try (History second = new History(file)) {
      second.killed();

      assertThat(second.lines()).containsExactly("i\t1\t=\tm\tone", "a\t1", "k");
    }
  }

  @Test
  void givenWorkload_whenTheStoreIsRight_thenNothingIsFoundAndEverythingIsTriedAtLeastOnce()
      throws InterruptedException {
    MemoryStore store = new InMemoryMemoryStore("test");
    try (Workload workload = new Workload(store, history, "1", 7, 4, 2).start()) {
      for (int round = 0; round < 2; round++) {
        long enough = workload.acknowledged() + 500;
        while (workload.acknowledged() < enough) {
          Thread.onSpinWait();
        }
        workload.pause();
        HistoryCheck check = new HistoryCheck(history.lines());
        Map<String, State> states = Workload.states(store);
        assertThat(check.reads()).isEmpty();
        assertThat(check.store("s", states, value -> false)).isEmpty();
        assertThat(states.keySet())
            .anyMatch(name -> name.startsWith("own-"))
            .anyMatch(name -> name.startsWith("shared-"))
            .anyMatch(name -> name.contains("|"))
            .contains("list");
        Workload.forgetShared(store, history);
        workload.goOn();
      }
    }
  }
}

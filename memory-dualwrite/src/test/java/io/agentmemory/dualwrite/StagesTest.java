package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryQuery;
import io.agentmemory.OpId;
import io.agentmemory.SimilarQuery;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Who is called in each stage, in which order. */
class StagesTest {
  private final List<String> calls = new CopyOnWriteArrayList<>();
  private final Probe source = new Probe("source", filled(), calls);
  private final Probe target = new Probe("target", filled(), calls);

  private static InMemoryMemoryStore filled() {
    return Trees.store(Trees.records(2));
  }

  @AfterEach
  void close() {
    source.close();
    target.close();
  }

  @ParameterizedTest
  @CsvSource({
    "OFF,        source.execute",
    "DUAL_WRITE, source.execute target.execute",
    "SHADOW,     source.execute target.execute",
    "LIVE,       target.execute source.readAll source.execute",
    "RAMP_DOWN,  target.execute source.readAll source.execute",
    "COMPLETE,   target.execute"
  })
  void givenStage_whenWritten_thenTheAuthorityIsFirst(Stage stage, String expected) {
    Set<OpId> operations = new ConcurrentSkipListSet<>((a, b) -> a.value().compareTo(b.value()));
    source.before = target.before = batch -> operations.add(batch.opId());
    try (DualWriteMemoryStore store = store(stage, 1)) {
      store.execute(new RecallMemory("m00000", "2026-02-10T11:52:05+00:00"));
      assertThat(store.drain(Duration.ofSeconds(10))).isTrue();

      assertThat(String.join(" ", calls)).isEqualTo(expected);
      assertThat(operations).as("one operation under one id").hasSize(1);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "OFF,        source, ",
    "DUAL_WRITE, source, ",
    "SHADOW,     source, target",
    "LIVE,       target, source",
    "RAMP_DOWN,  target, ",
    "COMPLETE,   target, "
  })
  void givenStage_whenRead_thenTheAuthorityAnswersAndTheOtherIsComparedWhereTheStageSaysSo(
      Stage stage, String authority, String shadow) {
    DualWriteMemoryStore store = store(stage, 1);
    int reads = read(store);
    Trees.await(() -> shadow == null || store.stats().shadowCompared() == reads, "compared reads");

    assertThat(calls.stream().filter(call -> call.startsWith(authority)))
        .containsExactly(
            authority + ".read",
            authority + ".readAll",
            authority + ".find",
            authority + ".count",
            authority + ".search",
            authority + ".scan",
            authority + ".versions");
    if (shadow == null) {
      assertThat(calls).allMatch(call -> call.startsWith(authority));
    } else {
      assertThat(calls.stream().filter(call -> call.startsWith(shadow)))
          .containsExactlyInAnyOrder(
              shadow + ".read",
              shadow + ".readAll",
              shadow + ".find",
              shadow + ".count",
              shadow + ".search");
    }
    assertThat(store.stats().shadowMismatched()).isZero();
    store.close();
  }

  @ParameterizedTest
  @CsvSource({"SHADOW, source", "LIVE, target"})
  void givenRateZero_whenRead_thenNothingIsCompared(Stage stage, String authority) {
    try (DualWriteMemoryStore store = store(stage, 0)) {
      read(store);

      assertThat(calls).allMatch(call -> call.startsWith(authority));
      assertThat(store.stats().shadowCompared()).isZero();
    }
  }

  /** Reads in every way there is; says how many of them can be compared. */
  private static int read(DualWriteMemoryStore store) {
    assertThat(store.read(Kind.MEMORY, Key.of("m00000"))).isPresent();
    assertThat(store.readAll(Kind.MEMORY, List.of(Key.of("m00000"), Key.of("none")))).hasSize(1);
    assertThat(store.find(MemoryQuery.all())).hasSize(2);
    assertThat(store.count(MemoryQuery.all())).isEqualTo(2);
    assertThat(store.search(SimilarQuery.nearest(VectorSpace.TEXT, new float[] {1, 1}))).hasSize(1);
    assertThat(store.scan(Kind.MEMORY)).hasSize(2);
    assertThat(store.versions(Kind.MEMORY, io.agentmemory.ScanRange.ALL)).hasSize(2);
    return 5;
  }

  private DualWriteMemoryStore store(Stage stage, double rate) {
    return DualWriteMemoryStore.builder(source, target).stage(stage).shadowRate(rate).build();
  }
}

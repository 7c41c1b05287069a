package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Value;
import io.agentmemory.internal.testkit.MemoryDisk;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Requests to whoever has a folder, and their answers. */
class RequestsTest {
  private static final Path FOLDER = Path.of("/dual");
  private static final Path REQUESTS = FOLDER.resolve("requests");
  private static final Value.Map REQUEST = new Value.Map(Map.of("verb", Value.of("promote")));
  private static final Value.Map ANSWER = new Value.Map(Map.of("done", Value.of(true)));

  private MemoryDisk disk;

  @BeforeEach
  void makeADisk() throws IOException {
    disk = Journals.disk();
  }

  private Requests requests(Clock clock) {
    return new Requests(disk, FOLDER, clock);
  }

  private Requests requests() {
    return requests(Clock.systemUTC());
  }

  private CompletableFuture<Value.Map> asked(Duration atMost) {
    return CompletableFuture.supplyAsync(() -> requests().ask(REQUEST, atMost, () -> "process 7"));
  }

  private void answerUntil(CompletableFuture<?> done, Function<Value.Map, Value.Map> handler) {
    while (!done.isDone()) {
      requests().answerAll(handler);
    }
  }

  @Test
  void givenOwner_whenAsked_thenAnswersOnceAndNothingIsLeft() throws Exception {
    AtomicInteger times = new AtomicInteger();
    CompletableFuture<Value.Map> answer = asked(Duration.ofSeconds(20));

    answerUntil(
        answer,
        request -> {
          assertThat(Requests.verb(request)).isEqualTo("promote");
          times.incrementAndGet();
          return ANSWER;
        });

    assertThat(answer.get(1, TimeUnit.SECONDS)).isEqualTo(ANSWER);
    assertThat(times).hasValue(1);
    assertThat(disk.list(REQUESTS)).isEmpty();
  }

  @Test
  void givenOwnerThatDoesNotLook_whenAsked_thenWithdrawnAndNeverDone() throws IOException {
    assertThatExceptionOfType(StoreUnavailableException.class)
        .isThrownBy(() -> requests().ask(REQUEST, Duration.ofMillis(20), () -> "process 7"))
        .withMessageContaining("process 7 has the folder and has not taken the request on")
        .withMessageContaining("nothing was changed");
    requests()
        .answerAll(
            request -> {
              throw new AssertionError("it was withdrawn");
            });
    assertThat(disk.list(REQUESTS)).isEmpty();
  }

  @Test
  void givenOwnerThatIsSlow_whenAsked_thenNotSaidThatNothingWasChanged() throws Exception {
    CompletableFuture<Value.Map> answer = asked(Duration.ofMillis(300));
    answerUntil(
        answer,
        request -> {
          assertThatExceptionOfType(java.util.concurrent.ExecutionException.class)
              .isThrownBy(() -> answer.get(20, TimeUnit.SECONDS))
              .withMessageContaining("has taken the request on but not answered")
              .withMessageNotContaining("nothing was changed");
          return ANSWER;
        });
    assertThat(disk.list(REQUESTS)).as("nobody fetches the answer").hasSize(1);
    requests().sweep();
    assertThat(disk.list(REQUESTS)).isEmpty();
  }

  @Test
  void givenRequestsOfTheDeadOrNone_whenLookedAt_thenGoneWithoutAnAnswer() throws IOException {
    Files.makeFolder(disk, REQUESTS);
    Files.replace(disk, REQUESTS.resolve("a.asked.json"), "no JSON");
    Files.replace(disk, REQUESTS.resolve("b.asked.json"), "[]");
    Files.replace(
        disk,
        REQUESTS.resolve("c.asked.json"),
        "{\"verb\":\"promote\",\"until\":\"2026-01-01T00:00:00Z\"}");
    Files.replace(disk, REQUESTS.resolve("d.asked.json"), "{\"verb\":\"promote\"}");
    Clock later = Clock.fixed(Instant.parse("2026-01-01T00:00:01Z"), ZoneOffset.UTC);

    requests(later)
        .answerAll(
            request -> {
              throw new AssertionError("nobody waits for it");
            });

    assertThat(disk.list(REQUESTS)).isEmpty();
  }
}

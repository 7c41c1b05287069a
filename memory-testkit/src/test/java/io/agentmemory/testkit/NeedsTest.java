package io.agentmemory.testkit;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Limits;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.Observation;
import io.agentmemory.Session;
import io.agentmemory.SessionRecall;
import io.agentmemory.Stored;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.Plan;
import io.agentmemory.internal.TreeFile;
import io.agentmemory.spi.Needs;
import io.agentmemory.spi.Needs.ListEnd;
import io.agentmemory.spi.RecordReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * A store may fetch and lock the records that {@link Needs} names, and answer from them alone: the
 * plan must never ask for another.
 */
final class NeedsTest {

  @Test
  void givenRandomCommands_whenOnlyWhatTheyNeedIsThere_thenTheirMeaningIsTheSame() {
    int compared = 0;
    for (long seed = 100; seed < 108; seed++) {
      RandomCommands commands = new RandomCommands(seed);
      InMemoryMemoryStore store = new InMemoryMemoryStore("test");
      for (int round = 0; round < 150; round++) {
        Batch batch = commands.next();
        List<String> planned = plan(store, batch, "seed " + seed + ", round " + round);
        try {
          Outcome outcome = store.execute(batch);
          if (!outcome.repeated()) {
            assertThat(planned).as("seed %s, round %s", seed, round).isEqualTo(Dump.of(outcome));
            compared++;
          }
        } catch (MemoryStoreException e) {
          assertThat(planned).as("seed %s, round %s", seed, round).isEqualTo(Dump.of(e));
        }
      }
    }
    assertThat(compared).isGreaterThan(400);
  }

  private static List<String> plan(InMemoryMemoryStore store, Batch batch, String note) {
    Fetched fetched = new Fetched(store, batch.needs(), note);
    List<String> lines = new ArrayList<>();
    Throwable refused =
        catchThrowable(
            () -> lines.addAll(Dump.of(Plan.of("test", batch, fetched, Limits.DEFAULT))));
    if (refused instanceof MemoryStoreException e) {
      return Dump.of(e);
    }
    assertThat(refused).as(note).isNull();
    return lines;
  }

  /** What a store has fetched before it plans. */
  private static final class Fetched implements RecordReader {
    private final InMemoryMemoryStore store;
    private final Needs needs;
    private final String note;
    private final Set<String> expected = new HashSet<>();
    private boolean expectsRecalls;
    private final Map<Kind<?>, Map<Key, Stored<?>>> records = new HashMap<>();
    private final Map<Kind<?>, Set<Key>> known = new HashMap<>();

    Fetched(InMemoryMemoryStore store, Needs needs, String note) {
      this.store = store;
      this.needs = needs;
      this.note = note;
      needs.keys().forEach((kind, keys) -> fetch(store, kind, keys));
      needs.whole().forEach(kind -> fetchWhole(store, kind));
      needs.ends().keySet().forEach(end -> fetchWhole(store, end.kind()));
      for (Kind<?> kind : List.of(Kind.EMBEDDING, Kind.IMAGE_LINK, Kind.CO_OCCURRENCE)) {
        fetchOwned(store, kind);
      }
      try (var scan = store.scan(Kind.OBSERVATION)) {
        scan.filter(s -> needs.pairs().contains(s.key().part(0))).forEach(this::add);
      }
      if (needs.hasSessionRecalls()) {
        try (var scan = store.scan(Kind.SESSION_RECALL)) {
          scan.forEach(this::add);
        }
      }
    }

    @Override
    public int endOf(Kind<?> kind, List<String> before) {
      assertThat(needs.ends())
          .as("%s asks for an end", note)
          .containsKey(new ListEnd(kind, before));
      TreeFile list = requireNonNull(TreeFile.listOf(kind, before));
      return records.getOrDefault(kind, Map.of()).values().stream()
          .filter(s -> !s.isTombstone() && list.equals(TreeFile.of(kind, s.key())))
          .mapToInt(s -> list.place(s.key()) + 1)
          .max()
          .orElse(0);
    }

    /** Whether a key is that of a list which is appended to. */
    private boolean isListed(Kind<?> kind, Key key) {
      return needs.ends().keySet().stream()
          .anyMatch(
              end ->
                  end.kind().equals(kind)
                      && requireNonNull(TreeFile.listOf(kind, end.before()))
                          .equals(TreeFile.of(kind, key)));
    }

    private <T extends MemoryRecord> void fetch(
        InMemoryMemoryStore store, Kind<T> kind, Set<Key> keys) {
      known.computeIfAbsent(kind, k -> new HashSet<>()).addAll(keys);
      store.readAll(kind, List.copyOf(keys)).forEach(this::add);
    }

    private <T extends MemoryRecord> void fetchWhole(InMemoryMemoryStore store, Kind<T> kind) {
      try (var scan = store.scan(kind)) {
        scan.forEach(this::add);
      }
    }

    private <T extends MemoryRecord> void fetchOwned(InMemoryMemoryStore store, Kind<T> kind) {
      try (var scan = store.scan(kind)) {
        scan.filter(
                s -> s.live().filter(r -> r.owners().stream().anyMatch(this::isOwner)).isPresent())
            .forEach(this::add);
      }
    }

    private boolean isOwner(String id) {
      return needs.owners().contains(id);
    }

    private void add(Stored<?> stored) {
      records.computeIfAbsent(stored.kind(), k -> new TreeMap<>()).put(stored.key(), stored);
      known.computeIfAbsent(stored.kind(), k -> new HashSet<>()).add(stored.key());
    }

    @Override
    @SuppressWarnings("unchecked") // each map holds records of its own kind
    public <T extends MemoryRecord> Optional<Stored<T>> get(Kind<T> kind, Key key) {
      boolean observed =
          kind.equals(Kind.OBSERVATION)
              && (needs.pairs().contains(key.part(0)) || expected.contains(key.part(0)));
      if (!observed && !needs.whole().contains(kind) && !isListed(kind, key)) {
        assertThat(known.getOrDefault(kind, Set.of()))
            .as("%s asks for %s %s", note, kind, key.parts())
            .contains(key);
      }
      return Optional.ofNullable((Stored<T>) records.getOrDefault(kind, Map.of()).get(key));
    }

    @Override
    @SuppressWarnings("unchecked") // each map holds records of its own kind
    public <T extends MemoryRecord> List<Stored<T>> ownedBy(Kind<T> kind, String memoryId) {
      assertThat(needs.owners()).as("%s asks what is of %s", note, memoryId).contains(memoryId);
      return records.getOrDefault(kind, Map.of()).values().stream()
          .map(stored -> (Stored<T>) stored)
          .filter(s -> s.live().filter(r -> r.owners().contains(memoryId)).isPresent())
          .toList();
    }

    @Override
    @SuppressWarnings("unchecked") // each map holds records of its own kind
    public <T extends MemoryRecord> List<Stored<T>> all(Kind<T> kind) {
      assertThat(needs.whole()).as("%s asks for all of %s", note, kind).contains(kind);
      return records.getOrDefault(kind, Map.of()).values().stream()
          .filter(stored -> !stored.isTombstone())
          .map(stored -> (Stored<T>) stored)
          .toList();
    }

    @Override
    public void expect(Needs more) {
      if (more.hasSessionRecalls()) {
        assertThat(known.getOrDefault(Kind.SESSION, Set.of()))
            .as("%s goes on to the recalls", note)
            .contains(Session.KEY);
        expectsRecalls = true;
        try (var scan = store.scan(Kind.SESSION_RECALL)) {
          scan.forEach(this::add);
        }
      }
      for (String pair : more.pairs()) {
        assertThat(known.getOrDefault(Kind.EDGE, Set.of()))
            .as("%s goes on to %s", note, pair)
            .contains(Key.of(pair));
      }
      expected.addAll(more.pairs());
      try (var scan = store.scan(Kind.OBSERVATION)) {
        scan.filter(s -> more.pairs().contains(s.key().part(0))).forEach(this::add);
      }
    }

    @Override
    @SuppressWarnings("unchecked") // the map holds observations
    public List<Stored<Observation>> observationsOf(String pair) {
      assertThat(needs.pairs().contains(pair) || expected.contains(pair))
          .as("%s asks for those of %s", note, pair)
          .isTrue();
      return records.getOrDefault(Kind.OBSERVATION, Map.of()).values().stream()
          .map(stored -> (Stored<Observation>) stored)
          .filter(s -> !s.isTombstone() && s.key().part(0).equals(pair))
          .toList();
    }

    @Override
    @SuppressWarnings("unchecked") // the map holds recalls
    public List<Stored<SessionRecall>> sessionRecalls() {
      assertThat(needs.hasSessionRecalls() || expectsRecalls)
          .as("%s asks for the recalls", note)
          .isTrue();
      return records.getOrDefault(Kind.SESSION_RECALL, Map.of()).values().stream()
          .map(stored -> (Stored<SessionRecall>) stored)
          .filter(s -> !s.isTombstone())
          .toList();
    }
  }
}

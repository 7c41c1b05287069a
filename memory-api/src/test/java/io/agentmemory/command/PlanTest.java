package io.agentmemory.command;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Limits;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Observation;
import io.agentmemory.OpId;
import io.agentmemory.Rejection;
import io.agentmemory.SessionRecall;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.spi.Needs;
import io.agentmemory.spi.RecordReader;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** The rules that a store cannot be asked for, or that are quicker shown without one. */
final class PlanTest {
  private static final String AT = "2026-02-10T11:52:05+00:00";

  private final Map<Kind<?>, TreeMap<Key, Stored<?>>> records = new LinkedHashMap<>();

  /** Carries out a batch, letting it see nothing but what its needs name. */
  private Outcome run(Command... commands) {
    Batch batch = new Batch(OpId.random(), List.of(commands));
    Outcome outcome = Plan.of("test", batch, new Named(batch.needs()), Limits.DEFAULT);
    for (Outcome.Change change : outcome.changes()) {
      of(change.after().kind()).put(change.after().key(), change.after());
    }
    return outcome;
  }

  private TreeMap<Key, Stored<?>> of(Kind<?> kind) {
    return records.computeIfAbsent(kind, k -> new TreeMap<>());
  }

  private Stored<?> stored(Kind<?> kind, String... key) {
    return requireNonNull(of(kind).get(Key.of(key)));
  }

  /** A store that has fetched and locked what the needs name, and asks for nothing else. */
  private final class Named implements RecordReader {
    private final Needs needs;

    Named(Needs needs) {
      this.needs = needs;
    }

    @Override
    @SuppressWarnings("unchecked") // each map holds records of its own kind
    public <T extends MemoryRecord> Optional<Stored<T>> get(Kind<T> kind, Key key) {
      boolean owned =
          needs.owners().contains(key.part(key.parts().size() - 1))
              || needs.owners().contains(key.part(0))
              || needs.pairs().contains(key.part(0))
              || needs.whole().contains(kind)
              || needs.ends().keySet().stream().anyMatch(end -> end.kind().equals(kind))
              || kind.equals(Kind.IMAGE_LINK);
      if (!owned && !needs.keys().getOrDefault(kind, Set.of()).contains(key)) {
        throw new AssertionError("read " + kind + ":" + key + " without saying so before");
      }
      return Optional.ofNullable((Stored<T>) of(kind).get(key));
    }

    @Override
    @SuppressWarnings("unchecked") // each map holds records of its own kind
    public <T extends MemoryRecord> List<Stored<T>> ownedBy(Kind<T> kind, String memoryId) {
      assertThat(needs.owners()).contains(memoryId);
      List<Stored<T>> found = new ArrayList<>();
      for (Stored<?> stored : of(kind).values()) {
        if (stored.value() != null && stored.value().owners().contains(memoryId)) {
          found.add((Stored<T>) stored);
        }
      }
      return found;
    }

    @Override
    public int endOf(Kind<?> kind, List<String> before) {
      assertThat(needs.ends()).containsKey(new Needs.ListEnd(kind, before));
      return of(kind).values().stream()
          .filter(stored -> !stored.isTombstone())
          .mapToInt(stored -> Integer.parseInt(stored.key().part(before.size())) + 1)
          .max()
          .orElse(0);
    }

    @Override
    @SuppressWarnings("unchecked") // each map holds records of its own kind
    public <T extends MemoryRecord> List<Stored<T>> all(Kind<T> kind) {
      assertThat(needs.whole()).contains(kind);
      return of(kind).values().stream()
          .filter(stored -> !stored.isTombstone())
          .map(stored -> (Stored<T>) stored)
          .toList();
    }

    @Override
    @SuppressWarnings("unchecked") // the map holds observations
    public List<Stored<Observation>> observationsOf(String pair) {
      assertThat(needs.pairs()).contains(pair);
      List<Stored<Observation>> found = new ArrayList<>();
      for (Stored<?> stored : of(Kind.OBSERVATION).values()) {
        if (stored.value() != null && stored.key().part(0).equals(pair)) {
          found.add((Stored<Observation>) stored);
        }
      }
      return found;
    }

    @Override
    @SuppressWarnings("unchecked") // the map holds recalls
    public List<Stored<SessionRecall>> sessionRecalls() {
      assertThat(needs.hasSessionRecalls()).isTrue();
      return of(Kind.SESSION_RECALL).values().stream()
          .filter(stored -> !stored.isTombstone())
          .map(stored -> (Stored<SessionRecall>) stored)
          .toList();
    }
  }

  private static Value.Map map(Object... entries) {
    Map<String, Value> map = new LinkedHashMap<>();
    for (int i = 0; i < entries.length; i += 2) {
      map.put((String) entries[i], (Value) entries[i + 1]);
    }
    return new Value.Map(map);
  }

  private static Memory memory(String id, Object... members) {
    return new Memory(id, Tier.ACTIVE, "f.md", "body", map(members).with("id", Value.of(id)));
  }

  private static PutRecords put(long revision, MemoryRecord... records) {
    List<PutRecords.Put> puts = new ArrayList<>();
    for (MemoryRecord record : records) {
      puts.add(new PutRecords.Put(record, revision));
    }
    return new PutRecords(puts);
  }

  private static DeleteRecords delete(Kind<?> kind, long revision, String... key) {
    return new DeleteRecords(List.of(new DeleteRecords.Delete(kind, Key.of(key), revision)));
  }

  @Nested
  class Revisions {
    @Test
    void givenStatePutInTheBatch_whenChangedInIt_thenItsRevisionCounts() {
      run(put(5, memory("m")), UpdateMemory.of("m").content("new"), new RecallMemory("m", AT));

      assertThat(stored(Kind.MEMORY, "m").revision()).isEqualTo(6);
    }

    @Test
    void givenStatePutInTheBatch_whenForgottenInIt_thenTombstoneAboveIt() {
      run(put(5, memory("m")), new ForgetMemory("m", 0));

      assertThat(stored(Kind.MEMORY, "m").isTombstone()).isTrue();
      assertThat(stored(Kind.MEMORY, "m").revision()).isEqualTo(6);
    }

    @Test
    void givenDeletionPutInTheBatch_whenStoredInIt_thenItsRevisionCounts() {
      run(StoreMemory.of("m", AT, "x"));

      run(delete(Kind.MEMORY, 10, "m"), StoreMemory.of("m", AT, "x"));

      assertThat(stored(Kind.MEMORY, "m").revision()).isEqualTo(11);
    }

    @Test
    void givenStateAndBackAgainInTheBatch_whenRun_thenTheStateStands() {
      run(put(5, memory("m")), new MoveMemory("m", Tier.CORE), new MoveMemory("m", Tier.ACTIVE));

      assertThat(stored(Kind.MEMORY, "m").revision()).isEqualTo(5);
    }

    @Test
    void givenCountAtTheLimit_whenRecalled_thenItStaysThere() {
      run(put(1, memory("m", "recall_count", Value.of(Long.MAX_VALUE))));

      run(new RecallMemory("m", AT));

      assertThat(live("m").recallCount()).isEqualTo(Long.MAX_VALUE);
    }
  }

  private Memory live(String id) {
    return (Memory) requireNonNull(stored(Kind.MEMORY, id).value());
  }

  @Nested
  class Containers {
    @Test
    void givenEntries_whenTheirMemoryLosesThePlaceForThem_thenTheyAreDeleted() {
      run(put(1, memory("m", Memory.CO_OCCURRENCES, Value.EMPTY_MAP)));
      run(put(1, new CoOccurrence("m", "x", Value.of(1L))));

      run(put(2, memory("m")));

      assertThat(stored(Kind.CO_OCCURRENCE, "m", "x").isTombstone()).isTrue();
      assertThat(live("m").members().has(Memory.CO_OCCURRENCES)).isFalse();
    }

    @Test
    void givenObservations_whenTheirEdgeLosesThePlaceForThem_thenTheyAreDeleted() {
      run(put(1, new Edge("a|b", map("observations", Value.EMPTY_SEQ))));
      run(put(1, new Observation("a|b", 0, map())));

      run(put(2, new Edge("a|b", map("observations", Value.of("none")))));

      assertThat(stored(Kind.OBSERVATION, "a|b", "00000000").isTombstone()).isTrue();
    }

    @Test
    void givenOlderState_whenSkipped_thenNothingOfTheNewerOneGoes() {
      run(put(3, memory("m", Memory.CO_OCCURRENCES, Value.EMPTY_MAP)));
      run(put(1, new CoOccurrence("m", "x", Value.of(1L))));

      run(put(2, memory("m")));

      assertThat(stored(Kind.CO_OCCURRENCE, "m", "x").isTombstone()).isFalse();
    }
  }

  @Nested
  class Ids {
    @Test
    void givenDecomposedIds_whenUsed_thenTheComposedMemoryIsMeant() {
      run(StoreMemory.of("e\u0301", AT, "x"));
      run(new DefineSpace(VectorSpace.of("text", "m", 1)));
      run(new PutEmbedding(Embedding.of("text", "e\u0301", 1)));
      run(put(1, new CoOccurrence("\u00e9", "x", Value.of(1L))));
      run(StoreMemory.of("next", AT, "y").withCausedBy(List.of("e\u0301", "gone\u0301")));
      run(UpdateMemory.of("e\u0301").content("z"));
      run(new MoveMemory("e\u0301", Tier.CORE));

      assertThat(live("next").causedBy()).containsExactly("\u00e9", "gon\u00e9");
      assertThat(live("\u00e9").leadsTo()).containsExactly("next");
      assertThat(live("\u00e9").content()).isEqualTo("z");
      run(new ForgetMemory("e\u0301", 0));
      assertThat(stored(Kind.EMBEDDING, "text", "\u00e9").isTombstone()).isTrue();
      assertThat(stored(Kind.CO_OCCURRENCE, "\u00e9", "x").isTombstone()).isTrue();
    }

    @Test
    void givenImportedDecomposedId_whenUsed_thenItIsMeantAsItStands() {
      run(
          put(
              1,
              memory("e\u0301"),
              VectorSpace.of("text", "m", 1),
              VectorSpace.of("image", "m", 1)));

      run(new RecallMemory("e\u0301", AT));
      run(new PutEmbedding(Embedding.of("text", "e\u0301", 1)));
      run(new PutEmbedding(Embedding.of("image", "e\u0301.jpg", 1)));

      assertThat(live("e\u0301").recallCount()).isEqualTo(1);
      assertThat(stored(Kind.EMBEDDING, "text", "e\u0301").isTombstone()).isFalse();
      assertThat(stored(Kind.EMBEDDING, "image", "e\u0301.jpg").isTombstone()).isFalse();
    }

    @Test
    void givenIdsThatNoStoreHolds_whenLookedFor_thenNoStoreIsAsked() {
      for (String id : List.of("\0", "a\ud83d")) {
        assertThat(run(new RecallMemory(id, AT)).changes()).isEmpty();
        assertThatExceptionOfType(MemoryConflictException.class)
            .isThrownBy(() -> run(new ForgetMemory(id, 0)));
        assertThatExceptionOfType(InvalidMemoryException.class)
            .isThrownBy(() -> run(StoreMemory.of("m", AT, "x").withCausedBy(List.of(id))));
      }
    }
  }

  @Nested
  class Imported {
    private final Memory large =
        memory(
            "m",
            "tags",
            Value.Seq.ofTexts(java.util.Collections.nCopies(100, "t")),
            "notes",
            Value.of("x\u0085\r".repeat(40_000)),
            "deep",
            nested(40));

    private Value nested(int depth) {
      return depth == 0 ? Value.of("x") : new Value.Seq(List.of(nested(depth - 1)));
    }

    @Test
    void givenMoreThanTheLimits_whenImported_thenKeptAndStillRecalledUpdatedAndMoved() {
      run(put(1, large));

      run(new RecallMemory("m", AT));
      run(UpdateMemory.of("m").content("short").weight(1).remove("deep"));
      run(new MoveMemory("m", Tier.CORE));

      assertThat(live("m").tags()).hasSize(100);
      assertThat(live("m").content()).isEqualTo("short");
    }

    @Test
    void givenMoreThanTheLimits_whenMoreIsAdded_thenRefused() {
      run(put(1, large));

      assertRefused("metadata", UpdateMemory.of("m").set("more", Value.of("x")));
      assertRefused("tags", UpdateMemory.of("m").tags(java.util.Collections.nCopies(65, "t")));
      assertRefused("metadata", UpdateMemory.of("m").set("deep", nested(17)));
    }
  }

  private void assertRefused(String field, Command command) {
    assertThatExceptionOfType(InvalidMemoryException.class)
        .isThrownBy(() -> run(command))
        .satisfies(e -> assertThat(e.field()).isEqualTo(field));
  }

  /** Values that a file would give back as something else, or not at all. */
  @Nested
  class Unholdable {
    @Test
    void givenSpaceNamesThatLeaveTheFolder_whenImported_thenRefused() {
      for (String name : List.of("", "../x", "a/b", "a\\b", ".", "..", "a b", "x".repeat(65))) {
        assertRefused("name", put(1, VectorSpace.of(name, "m", 1)));
      }
    }

    @Test
    void givenMembersInTheVectorsPlace_whenPut_thenRefused() {
      assertRefused("members", put(1, new VectorSpace("text", map("memories", Value.EMPTY_MAP))));
      assertRefused("members", put(1, new VectorSpace("image", map("images", Value.EMPTY_MAP))));
      run(put(1, new VectorSpace("text", map("images", Value.EMPTY_MAP))));
      Embedding bad = Embedding.of("text", "m", new float[] {1}, map("embedding", Value.EMPTY_SEQ));
      assertRefused("members", put(1, bad));
      assertRefused("members", new PutEmbedding(bad));
    }

    @Test
    void givenVectorsThatNoColumnHolds_whenImported_thenRefused() {
      run(put(1, new VectorSpace("text", map())));
      assertRefused("vector", put(1, Embedding.of("text", "m")));
      assertRefused("vector", put(1, Embedding.of("text", "m", new float[16_001])));
      run(put(1, Embedding.of("text", "m", new float[16_000])));
    }

    @Test
    void givenTypedScalarsWhereTextStands_whenPut_thenRefused() {
      run(put(1, memory("other")));
      for (Value typed :
          List.of(Value.of(1L), Value.of(1.5), Value.of(true), new Value.Time("2026-02-10"))) {
        assertRefused("id", put(1, new Memory("f", Tier.CORE, "f.md", "", map("id", typed))));
        for (String list : List.of("tags", "links", "caused_by", "leads_to", "consolidated_from")) {
          assertRefused(list, put(1, memory("m", list, new Value.Seq(List.of(typed)))));
          assertRefused(list, UpdateMemory.of("other").set(list, new Value.Seq(List.of(typed))));
        }
      }
      run(put(1, new Memory("f", Tier.CORE, "f.md", "", map("id", Value.NULL))));
      run(put(1, memory("ok", "tags", Value.of(7L), "links", new Value.Seq(List.of(map())))));
    }

    @Test
    void givenTimesAndNumbersThatDoNotReadAsOnes_whenPut_thenRefused() {
      for (String time :
          List.of(
              "",
              "today",
              "2026-02",
              "2026-2-9",
              "2026-02-10T11:52",
              "x\n",
              "2026-02-10\t11:52:05")) {
        assertRefused("front_matter", put(1, memory("m", "t", new Value.Time(time))));
      }
      for (String number : List.of("", "x", "NaN", "1 2", "-", "5", "-7", "1.5", "1e5")) {
        assertRefused("front_matter", put(1, memory("m", "n", new Value.Opaque(number))));
      }
      run(
          put(
              1,
              memory(
                  "m",
                  "t",
                  new Value.Time("2026-02-31"),
                  "u",
                  new Value.Time("2026-2-9 1:02:03.4 +5:30"),
                  "n",
                  new Value.Opaque(".nan"),
                  "i",
                  new Value.Opaque("-.Inf"),
                  "big",
                  new Value.Opaque("123456789012345678901234567890"))));
      for (Value value :
          List.of(
              new Value.Time("2026-02-10"),
              new Value.Opaque(".nan"),
              new Value.Opaque("1"),
              new Value.Opaque("1.5"),
              new Value.Opaque("0x1"))) {
        assertRefused("members", put(1, new Edge("a|b", map("x", value))));
      }
      run(
          put(
              1,
              new Edge(
                  "a|b",
                  map(
                      "nan", new Value.Opaque("NaN"),
                      "inf", new Value.Opaque("-Infinity"),
                      "big", new Value.Opaque("1e999")))));
      run(UpdateMemory.of("m").set("x", new Value.Time("2026-02-10")));
      assertRefused("metadata", UpdateMemory.of("m").set("x", new Value.Opaque("1e999")));
      assertRefused("metadata", UpdateMemory.of("m").set("x", new Value.Time("soon")));
    }

    @Test
    void givenBodyThatLooksLikeFrontMatter_whenThereIsNone_thenRefused() {
      assertRefused("content", put(1, new Memory("f", Tier.CORE, "f.md", "---\na: b\n---", null)));
      run(put(1, new Memory("f", Tier.CORE, "f.md", "--- no second fence", null)));
      assertRefused("content", UpdateMemory.of("f").content("---\nid: other\n---\n"));
      run(UpdateMemory.of("f").content("---\nid: other\n---\n").tags(List.of()));
      assertThat(live("f").content()).isEqualTo("---\nid: other\n---\n");
    }

    @Test
    void givenValuesTooDeepForRecursion_whenPut_thenRefused() {
      Value deep = Value.of("x");
      for (int i = 0; i < 257; i++) {
        deep = new Value.Seq(List.of(deep));
      }
      assertRefused("front_matter", put(1, memory("m", "x", deep)));
      assertRefused("links", put(1, new io.agentmemory.ImageLink("a.jpg", deep)));
    }

    @Test
    void givenKeysThatNoRecordHas_whenDeleted_thenThereIsNoSuchCommand() {
      assertThatIllegalArgumentException().isThrownBy(() -> delete(Kind.MEMORY, 1, "a", "b"));
      assertThatIllegalArgumentException().isThrownBy(() -> delete(Kind.EMBEDDING, 1, "a"));
      assertThatIllegalArgumentException().isThrownBy(() -> delete(Kind.OBSERVATION, 1, "a", "1"));
      assertRefused("memory key", delete(Kind.MEMORY, 1, "\0"));
      assertRefused("edge key", delete(Kind.EDGE, 1, "\ud83d"));
    }

    @Test
    void givenIdThatIsNotTheFiles_whenPut_thenRefused() {
      assertRefused("id", put(1, new Memory("a", Tier.CORE, "b.md", "", null)));
      assertRefused("id", put(1, new Memory("a", Tier.CORE, "a.md", "", map("id", Value.of("b")))));
    }
  }

  @Nested
  class Appending {
    @Test
    void givenListWithoutPlaceLeft_whenAppended_thenRefused() {
      run(
          new PutRecords(
              List.of(new PutRecords.Put(new Rejection(99_999_999, Value.EMPTY_MAP), 1))));

      assertThatExceptionOfType(InvalidMemoryException.class)
          .isThrownBy(
              () ->
                  run(
                      new AppendRecord(
                          Kind.REJECTION, List.of(), Value.EMPTY_MAP, AppendRecord.ALL)))
          .satisfies(refused -> assertThat(refused.field()).isEqualTo("rejection"));
    }

    @Test
    void givenNoSuchList_whenMadeACommand_thenIllegal() {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new AppendRecord(Kind.MEMORY, List.of(), Value.EMPTY_MAP, 1));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new AppendRecord(Kind.ATTESTATION, List.of(), Value.EMPTY_MAP, 1));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new AppendRecord(Kind.VITALS, List.of(), Value.EMPTY_MAP, 0));
    }
  }
}

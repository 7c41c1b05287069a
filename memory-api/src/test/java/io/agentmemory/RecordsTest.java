package io.agentmemory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import io.agentmemory.command.Batch;
import io.agentmemory.command.DeleteRecords;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.spi.Canonical;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

final class RecordsTest {
  private static final String SECRET = "xyzzy-private";

  private static Memory secret() {
    return new Memory(
        "m",
        Tier.ACTIVE,
        SECRET + ".md",
        SECRET,
        new Value.Map(
            Map.of(
                "id",
                Value.of("m"),
                SECRET,
                Value.of(SECRET),
                "tags",
                Value.Seq.ofTexts(List.of(SECRET)),
                "t",
                new Value.Time(SECRET),
                "o",
                new Value.Opaque(SECRET))));
  }

  @Test
  void givenPrivateTexts_whenShown_thenTheyAreInNoText() {
    Value.Map members = secret().members();
    StoreMemory store =
        new StoreMemory(
            "m",
            "now",
            SECRET,
            SECRET,
            List.of(SECRET),
            0.5,
            null,
            List.of(),
            List.of(),
            Map.of("agents", List.of(SECRET)));
    UpdateMemory update =
        UpdateMemory.of("m").content(SECRET).set(SECRET, Value.of(SECRET)).remove(SECRET);
    Embedding embedding = Embedding.of("text", "m", new float[] {1}, members);
    Stored<Memory> stored = Stored.live(secret(), 1, Canonical.digest(secret()), null);
    List<Object> shown =
        List.of(
            secret(),
            members,
            Value.of(SECRET),
            new Value.Time(SECRET),
            new Value.Opaque(SECRET),
            Value.Seq.ofTexts(List.of(SECRET)),
            store,
            update,
            embedding,
            stored,
            new CoOccurrence("m", "n", Value.of(SECRET)),
            new Edge("a|b", members),
            new Observation("a|b", 0, members),
            new VectorSpace("text", members),
            new ImageLink("a.jpg", Value.of(SECRET)),
            new PutEmbedding(embedding),
            new PutRecords(List.of(new PutRecords.Put(secret(), 1))),
            Batch.of(store),
            NewMemory.of(SECRET).tags(SECRET),
            MemoryQuery.all().tag(SECRET).text(SECRET),
            SimilarQuery.nearest("text", new float[] {1}).tag(SECRET),
            new Outcome(
                OpId.random(), List.of(new Outcome.Change(null, stored)), List.of(), false));
    for (Object object : shown) {
      assertThat(object.toString()).as("%s", object.getClass()).doesNotContain(SECRET);
    }
  }

  @Test
  void givenOutcomeOfOneOfTwoStores_whenCompared_thenEqualToThatOfAnother() {
    Outcome one = new Outcome(OpId.random(), List.of(), List.of(), false);
    Outcome ofTwo = one.via("source", true);

    assertThat(ofTwo).isEqualTo(one).hasSameHashCodeAs(one);
    assertThat(ofTwo.via()).isEqualTo("source");
    assertThat(ofTwo.pending()).isTrue();
    assertThat(one.via()).isEmpty();
    assertThat(one.pending()).isFalse();
    assertThat(new Outcome(one.opId(), List.of(), List.of(), true)).isNotEqualTo(one);
    assertThat(new Outcome(OpId.random(), List.of(), List.of(), false)).isNotEqualTo(one);
  }

  @Nested
  class Values {
    @Test
    void givenNumbers_whenCompared_thenTypeCountsAndMinusZeroIsZero() {
      assertThat(Value.of(1L)).isNotEqualTo(Value.of(1.0));
      assertThat(Value.of(-0.0)).isEqualTo(Value.of(0.0));
      assertThat(Value.of(0.1 + 0.2)).isNotEqualTo(Value.of(0.3));
      for (double bad : new double[] {Double.NaN, 1.0 / 0, -1.0 / 0}) {
        assertThatIllegalArgumentException().isThrownBy(() -> Value.of(bad));
      }
    }

    @Test
    void givenMap_whenChangedOrCompared_thenOrderIsKeptButNotCompared() {
      Value.Map map = Value.EMPTY_MAP.with("b", Value.NULL).with("a", Value.of(1L));
      assertThat(map.with("b", Value.of(2L)).entries().keySet()).containsExactly("b", "a");
      assertThat(map.without("b").with("b", Value.NULL)).isEqualTo(map);
      assertThat(map.without("b").with("b", Value.NULL).entries().keySet())
          .containsExactly("a", "b");
      assertThat(map.has("b")).isTrue();
      assertThat(map.get("c")).isNull();
      Map<String, Value> source = new HashMap<>(map.entries());
      Value.Map copy = new Value.Map(source);
      source.clear();
      assertThat(copy).isEqualTo(map);
    }

    @Test
    void givenTexts_whenMapped_thenKeysTooAndNothingElse() {
      Value value =
          new Value.Map(
              Map.of(
                  "k", new Value.Seq(List.of(Value.of("v"), Value.of(1L), new Value.Time("t")))));
      assertThat(value.mapTexts(text -> text + "!"))
          .isEqualTo(
              new Value.Map(
                  Map.of(
                      "k!",
                      new Value.Seq(List.of(Value.of("v!"), Value.of(1L), new Value.Time("t"))))));
    }
  }

  @Nested
  class Memories {
    private Memory with(String member, Value value) {
      return new Memory("m", Tier.CORE, "m.md", "", Value.EMPTY_MAP.with(member, value));
    }

    @Test
    void givenMembersOfAnyType_whenAsked_thenWhatCanBeSaid() {
      assertThat(with("tags", Value.of(" a, B ,,c ")).tags()).containsExactly("a", "B", "c");
      assertThat(with("tags", Value.of(7L)).tags()).isEmpty();
      assertThat(with("tags", Value.Seq.ofTexts(List.of("A", "a", "Σ", "ς"))).foldedTags())
          .containsExactly("a", "σ");
      assertThat(with("emotional_weight", Value.of(1L)).weight()).hasValue(1);
      assertThat(with("emotional_weight", Value.of("1")).weight()).isEmpty();
      assertThat(with("recall_count", Value.of(1.0)).recallCount()).isZero();
      assertThat(with("created", new Value.Time("2026-02-10")).eventAt()).isPresent();
      assertThat(with("created", Value.of("2026-02-31")).createdAt()).isEmpty();
      assertThat(with("event_time", Value.of("x")).eventTime()).contains("x");
      assertThat(with("type", Value.NULL).type()).isEmpty();
      Memory bare = new Memory("m", Tier.CORE, "m.md", "", null);
      assertThat(bare.members()).isEqualTo(Value.EMPTY_MAP);
      assertThat(bare.tags()).isEmpty();
    }

    @Test
    void givenEntriesOfTheirOwnKind_whenHeldByTheContainer_thenOnlyTheirPlaceIsKept() {
      Value counts = Value.EMPTY_MAP.with("other", Value.of(1L));
      assertThat(with("co_occurrences", counts).members().get("co_occurrences"))
          .isEqualTo(Value.EMPTY_MAP);
      assertThat(with("co_occurrences", Value.of("text")).members().get("co_occurrences"))
          .isEqualTo(Value.of("text"));
      Edge edge =
          new Edge("a|b", Value.EMPTY_MAP.with("observations", new Value.Seq(List.of(counts))));
      assertThat(edge.members().get("observations")).isEqualTo(Value.EMPTY_SEQ);
    }

    @Test
    void givenMissingAndNullFrontMatter_whenDigested_thenTheyDiffer() {
      List<Digest> digests = new ArrayList<>();
      digests.add(Canonical.digest(new Memory("m", Tier.CORE, "m.md", "", null)));
      digests.add(Canonical.digest(new Memory("m", Tier.CORE, "m.md", "", Value.NULL)));
      digests.add(Canonical.digest(new Memory("m", Tier.CORE, "m.md", "", Value.EMPTY_MAP)));
      digests.add(Canonical.digest(with("x", Value.NULL)));
      assertThat(digests).doesNotHaveDuplicates();
    }
  }

  @Nested
  class Vectors {
    @Test
    void givenFloats_whenHeld_thenCopiedAndComparedByBits() {
      float[] floats = {1, -0f};
      Embedding embedding = Embedding.of("text", "m", floats);
      floats[0] = 2;
      embedding.vector()[0] = 3;
      assertThat(embedding.vector()).containsExactly(1f, 0f);
      assertThat(embedding).isEqualTo(Embedding.of("text", "m", 1, 0));
      assertThat(embedding).isNotEqualTo(Embedding.of("text", "m", Math.nextUp(1f), 0));
      assertThat(embedding.hashCode()).isEqualTo(Embedding.of("text", "m", 1, 0).hashCode());
      assertThatIllegalArgumentException().isThrownBy(() -> Embedding.of("text", "m", Float.NaN));
    }

    @Test
    void givenVectors_whenCompared_thenCosine() {
      assertThat(Embedding.similarity(new float[] {1, 0}, new float[] {5, 0})).isEqualTo(1);
      assertThat(Embedding.similarity(new float[] {1, 0}, new float[] {0, 5})).isZero();
      assertThat(Embedding.similarity(new float[] {1, 0}, new float[] {-5, 0})).isEqualTo(-1);
      assertThat(Embedding.similarity(new float[] {1, 0}, new float[] {0, 0})).isZero();
      assertThat(Embedding.similarity(new float[] {1}, new float[] {1, 0})).isZero();
      assertThat(Embedding.similarity(new float[] {1e-45f}, new float[] {Float.MAX_VALUE}))
          .isEqualTo(1);
    }

    @Test
    void givenSpaces_whenAsked_thenTheirDimensionsIfTheySay() {
      assertThat(VectorSpace.of("text", "m", 3).dimensions()).hasValue(3);
      assertThat(VectorSpace.of("image", "m", 3).members().has("dimensions")).isTrue();
      for (Value odd :
          List.of(Value.of(0L), Value.of(-1L), Value.of(3.0), Value.of("3"), Value.NULL)) {
        assertThat(new VectorSpace("text", Value.EMPTY_MAP.with("embedding_dim", odd)).dimensions())
            .isEmpty();
      }
    }
  }

  @Nested
  class Links {
    @Test
    void givenLinksInOddForms_whenAsked_thenTheIdsTheyMean() {
      assertThat(ImageLink.memoryId("abc")).isEqualTo("abc");
      assertThat(ImageLink.memoryId("Stored memory [nkwcocez] -> physical-nkwcocez.md"))
          .isEqualTo("nkwcocez");
      assertThat(ImageLink.memoryId("Stored memory [a]\nsecond line")).isEqualTo("a");
      assertThat(ImageLink.memoryId("Stored memory []")).isEqualTo("Stored memory []");
      assertThat(ImageLink.memoryId("stored memory [a]")).isEqualTo("stored memory [a]");
      assertThat(
              new ImageLink(
                      "a.jpg",
                      new Value.Seq(
                          List.of(Value.of("b"), Value.of(1L), Value.of("Stored memory [b] -> x"))))
                  .owners())
          .containsExactly("b");
      assertThat(new ImageLink("a.jpg", Value.of("b")).owners()).isEmpty();
    }

    @Test
    void givenPairs_whenTakenApart_thenOnlyAtTheOneBar() {
      assertThat(new Edge("a|b", Value.EMPTY_MAP).first()).contains("a");
      assertThat(new Edge("a|b", Value.EMPTY_MAP).second()).contains("b");
      assertThat(new Edge("--source|", Value.EMPTY_MAP).second()).contains("");
      assertThat(new Edge("a|b|c", Value.EMPTY_MAP).first()).isEmpty();
      assertThat(new Edge("ab", Value.EMPTY_MAP).first()).isEmpty();
    }
  }

  @Nested
  class Keys {
    @Test
    void givenKeys_whenOrdered_thenPartByPartAndByCodePoint() {
      List<Key> ordered =
          List.of(
              Key.of(""),
              Key.of("", ""),
              Key.of("", "z"),
              Key.of("a"),
              Key.of("a", "\ue000"),
              Key.of("a", "\ud83d\ude00"),
              Key.of("a!"),
              Key.of("a!", "a"),
              Key.of("ab"),
              Key.of("\ue000"),
              Key.of("\ud83d\ude00"));
      List<Key> shuffled = new ArrayList<>(ordered);
      Collections.shuffle(shuffled, new Random(1));
      shuffled.sort(null);
      assertThat(shuffled).isEqualTo(ordered);
      assertThatIllegalArgumentException().isThrownBy(() -> new Key(List.of()));
      assertThatNullPointerException().isThrownBy(() -> Key.of("a", none()));
    }

    @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"})
    private <T> T none() {
      return null;
    }

    @Test
    void givenOrdinals_whenMadeKeys_thenTheyOrderAsNumbers() {
      assertThat(Observation.key("a|b", 9)).isLessThan(Observation.key("a|b", 10));
      assertThat(Observation.key("a|b", 99_999_999).part(1)).isEqualTo("99999999");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new Observation("a|b", 100_000_000, Value.EMPTY_MAP));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new Observation("a|b", -1, Value.EMPTY_MAP));
    }

    @Test
    void givenRanges_whenAsked_thenAboveOneBoundThroughTheOther() {
      ScanRange range = new ScanRange(Key.of("a"), Key.of("c"));
      assertThat(range.contains(Key.of("a"))).isFalse();
      assertThat(range.contains(Key.of("a", "x"))).isTrue();
      assertThat(range.contains(Key.of("c"))).isTrue();
      assertThat(range.contains(Key.of("c", "x"))).isFalse();
      assertThat(ScanRange.ALL.contains(Key.of(""))).isTrue();
    }
  }

  @Nested
  class Controls {
    @Test
    void givenDigits_whenTakenForADigest_thenOnlyLowerCaseAscii() {
      assertThat(new Digest("0123456789abcdef".repeat(4)).hex()).hasSize(64);
      for (String bad :
          List.of(
              "",
              "0".repeat(63),
              "0".repeat(65),
              "A".repeat(64),
              "g".repeat(64),
              "\u0661".repeat(64))) {
        assertThatIllegalArgumentException().isThrownBy(() -> new Digest(bad));
      }
    }

    @Test
    void givenOperationIds_whenMade_thenTheyTellCopiesApart() {
      assertThat(OpId.random().isCopy()).isFalse();
      assertThat(OpId.copy().isCopy()).isTrue();
      assertThat(OpId.random()).isNotEqualTo(OpId.random());
      assertThat(OpId.random().value().variant()).isEqualTo(2);
    }

    @Test
    void givenStates_whenMade_thenRevisionsBeginAtOne() {
      assertThatIllegalArgumentException().isThrownBy(() -> new Version(0, null));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new DeleteRecords.Delete(Kind.MEMORY, Key.of("a"), 0));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new PutRecords.Put(VectorSpace.of("a", "m", 1), 0));
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> new Stored<>(Kind.MEMORY, Key.of("m"), new Version(1, null), null, secret()));
    }

    @Test
    void givenLimits_whenOutOfRange_thenRefusedByName() {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new Limits(0, 1, 1, 1, 1, 1, 1, 1))
          .withMessageContaining("idBytes");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new Limits(1, 1, 1, (16 << 20) + 1, 1, 1, 1, 1))
          .withMessageContaining("contentBytes");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new Limits(1, 1, 1, 1, 1, 1, 1, 16_001))
          .withMessageContaining("vectorFloats");
    }

    @Test
    void givenBatches_whenEmptyOrTooLarge_thenRefused() {
      assertThatIllegalArgumentException().isThrownBy(() -> Batch.of(List.of()));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Batch.of(Collections.nCopies(1001, new RecallMemory("m", "now"))));
    }

    @Test
    void givenFixedMembers_whenUpdated_thenThereIsNoSuchCommand() {
      for (String fixed : List.of("id", "co_occurrences")) {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> UpdateMemory.of("m").set(fixed, Value.NULL));
        assertThatIllegalArgumentException().isThrownBy(() -> UpdateMemory.of("m").remove(fixed));
      }
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new UpdateMemory("m", null, Value.EMPTY_MAP, Set.of(), -1));
    }
  }

  @Nested
  class Errors {
    private final Operation operation = new Operation("postgres", "store", "m-1f");

    @Test
    void givenErrors_whenShown_thenOperationRecordAndReason() {
      assertThat(new MemoryConflictException(operation, "expected revision 3, stored is 4", 3, 4))
          .hasMessage("postgres.store(m-1f): expected revision 3, stored is 4");
      assertThat(new InvalidMemoryException(operation, "content", "has NUL at 3"))
          .hasMessage("postgres.store(m-1f): content has NUL at 3");
      assertThat(new CorruptMemoryException(operation, "a.md:3", "is no YAML", null))
          .hasMessage("postgres.store(m-1f): a.md:3 is no YAML");
      assertThat(new Operation("file", "open", "")).hasToString("file.open");
    }

    @Test
    void givenNoAnswer_whenThrown_thenItSaysWhetherRepeatingIsNeeded() {
      OpId op = OpId.random();
      assertThat(StoreUnavailableException.notApplied(operation, "pool timed out", null))
          .hasMessage("postgres.store(m-1f): pool timed out; nothing was changed")
          .satisfies(e -> assertThat(e.mayHaveApplied()).isEmpty());
      assertThat(StoreUnavailableException.unknown(operation, op, "no answer", null))
          .hasMessageContaining("operation " + op + " may have been applied")
          .satisfies(e -> assertThat(e.mayHaveApplied()).contains(op));
    }
  }
}

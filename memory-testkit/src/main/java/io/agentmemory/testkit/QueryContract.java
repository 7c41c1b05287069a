package io.agentmemory.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryHead;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryQuery.Any;
import io.agentmemory.MemoryQuery.Order;
import io.agentmemory.MemoryQuery.TimeField;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemorySearch;
import io.agentmemory.Observation;
import io.agentmemory.ScanRange;
import io.agentmemory.SimilarQuery;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.DefineSpace;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.MoveMemory;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.internal.Texts;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What reads, scans and queries answer. */
abstract class QueryContract extends StateContract {

  /** In code point order. The last but one is above the last for those who compare UTF-16. */
  static final List<String> ORDERED =
      List.of(
          " ",
          "!",
          "0",
          "00",
          "10",
          "9",
          "A",
          "B",
          "Z",
          "_",
          "a",
          "a!",
          "a/b",
          "aa",
          "ab",
          "b",
          "e\u0301",
          "z",
          "~",
          "\u00e9",
          "\u00df",
          "\u0130",
          "\u05d0",
          "\u6f22",
          "\ud7ff",
          "\ue000",
          "\uffee",
          "\ud83d\ude00",
          "\ud83d\ude01");

  @Nested
  class Reads {
    @Test
    void givenNothing_whenRead_thenEmpty() {
      for (Kind<?> kind : Kind.all()) {
        Key key = kind.keyParts() == 1 ? Key.of("x") : Key.of("x", "00000000");
        assertThat(store.read(kind, key)).isEmpty();
        assertThat(store.readAll(kind, List.of(key))).isEmpty();
        assertThat(store.readAll(kind, List.of())).isEmpty();
        assertThat(Dump.of(store, kind, ScanRange.ALL)).isEmpty();
      }
    }

    @Test
    void givenRecordsAndTombstones_whenManyAreRead_thenInKeyOrderEachOnceWithoutTheMissing() {
      List<String> shuffled = new ArrayList<>(ORDERED);
      Collections.shuffle(shuffled, new Random(7));
      for (String id : shuffled) {
        run(put(plain(id), 1));
      }
      run(new ForgetMemory("ab", 0));
      List<Key> keys = new ArrayList<>();
      shuffled.forEach(id -> keys.add(Key.of(id)));
      keys.addAll(List.of(Key.of("none"), Key.of("a"), Key.of("a")));

      List<Stored<Memory>> all = store.readAll(Kind.MEMORY, keys);

      assertThat(lines(all)).isEqualTo(lines(reference.readAll(Kind.MEMORY, keys)));
      assertThat(all.stream().map(Stored::key)).isSorted();
      assertThat(all).anyMatch(Stored::isTombstone);
    }

    private List<String> lines(List<? extends Stored<?>> stored) {
      return stored.stream().map(Dump::line).toList();
    }

    @Test
    void givenKeysOfOneKind_whenAnotherKindIsRead_thenTheyDoNotMix() {
      run(put(record("same"), VectorSpace.of("same", "model", 1), new Edge("same", members())));

      assertThat(store.read(Kind.IMAGE_LINK, Key.of("same"))).isEmpty();
      assertThat(memory("same")).isEqualTo(record("same"));
      assertThat(live(Kind.EDGE, "same").pair()).isEqualTo("same");
    }

    @Test
    void givenManyKeys_whenRead_thenAllOfThem() {
      List<MemoryRecord> records = new ArrayList<>();
      List<Key> keys = new ArrayList<>();
      for (int i = 0; i < 1100; i++) {
        records.add(record("m" + i));
        keys.add(Key.of("m" + i));
        keys.add(Key.of("none" + i));
      }
      run(put(records.toArray(MemoryRecord[]::new)));

      assertThat(store.readAll(Kind.MEMORY, keys)).hasSize(1100);
    }
  }

  @Nested
  class Scans {
    @Test
    void givenKeysOfEveryPlane_whenScanned_thenInCodePointOrder() {
      List<String> names = ORDERED;
      List<String> shuffled = new ArrayList<>(names);
      Collections.shuffle(shuffled, new Random(11));
      for (String id : shuffled) {
        // as states, because an id that enters through a command is composed first
        run(put(plain(id), new Edge(id, members())));
      }
      for (Kind<?> kind : List.of(Kind.MEMORY, Kind.EDGE)) {
        assertThat(keys(kind, ScanRange.ALL)).isSortedAccordingTo(Key::compareTo);
      }
      assertThat(keys(Kind.MEMORY, ScanRange.ALL).stream().map(k -> k.part(0)))
          .containsExactlyElementsOf(names.stream().sorted(Texts::compare).toList());
    }

    @Test
    void givenKeysOfTwoParts_whenScanned_thenPartByPart() {
      List<String> names = List.of("a", "a b", "a!", "ab", "b", "\ue000", "\ud83d\ude00");
      run(new DefineSpace(VectorSpace.of("text", "model", 1)));
      run(new DefineSpace(VectorSpace.of("text-2", "model", 1)));
      run(new DefineSpace(VectorSpace.of("text.1", "model", 1)));
      for (String from : names) {
        run(put(plain(from), 1));
        for (String to : names) {
          run(put(new CoOccurrence(from, to, Value.of(1L)), 1));
        }
        for (String space : List.of("text", "text-2", "text.1")) {
          run(new PutEmbedding(vector(space, from, 1)));
        }
      }

      for (Kind<?> kind : List.of(Kind.CO_OCCURRENCE, Kind.EMBEDDING)) {
        assertThat(keys(kind, ScanRange.ALL)).isSortedAccordingTo(Key::compareTo);
      }
      assertThat(keys(Kind.CO_OCCURRENCE, ScanRange.ALL)).hasSize(49);
    }

    @Test
    void givenRanges_whenScanned_thenWhatLiesInThem() {
      List<String> names = List.of("a", "a!", "ab", "b", "c", "\ue000", "\ud83d\ude00");
      for (String from : names) {
        run(put(plain(from), 1));
        for (String to : names) {
          run(put(new CoOccurrence(from, to, Value.of(1L)), 1));
        }
      }
      run(new ForgetMemory("b", 0));

      List<@Nullable Key> bounds = new ArrayList<>();
      bounds.add(null);
      for (String name : List.of("", "a", "a!", "aa", "ab", "b", "bb", "\ud83d\ude00", "\ue000")) {
        bounds.add(Key.of(name));
      }
      for (Key after : bounds) {
        for (Key through : bounds) {
          assertRange(Kind.MEMORY, new ScanRange(after, through));
        }
      }
      List<@Nullable Key> pairs = new ArrayList<>();
      pairs.add(null);
      for (String from : List.of("", "a", "a!", "b", "\ue000")) {
        for (String to : List.of("", "a", "ab", "\ud83d\ude00", "\udbff\udfff")) {
          pairs.add(Key.of(from, to));
        }
      }
      for (Key after : pairs) {
        for (Key through : pairs) {
          assertRange(Kind.CO_OCCURRENCE, new ScanRange(after, through));
        }
      }
    }

    @Test
    void givenRangesThatEndBetweenPlaces_whenScanned_thenWhatLiesInThem() {
      List<@Nullable Key> bounds = new ArrayList<>();
      bounds.add(null);
      for (String pair : List.of("a|b", "a|b!", "a|c")) {
        run(put(new Edge(pair, Value.EMPTY_MAP), 1));
        for (int i = 0; i < 12; i++) {
          run(put(new Observation(pair, i, Value.EMPTY_MAP), 1));
        }
        for (String place : List.of("", "-1", "0", "00000003", "00000003x", "0000001", "1", ":")) {
          bounds.add(Key.of(pair, place));
        }
      }
      for (Key after : bounds) {
        for (Key through : bounds) {
          assertRange(Kind.OBSERVATION, new ScanRange(after, through));
        }
      }
    }

    private <T extends MemoryRecord> void assertRange(Kind<T> kind, ScanRange range) {
      assertThat(Dump.of(store, kind, range))
          .as("scan of %s in %s", kind, range)
          .isEqualTo(Dump.of(reference, kind, range));
      assertThat(Dump.versions(store, kind, range))
          .as("versions of %s in %s", kind, range)
          .isEqualTo(Dump.versions(reference, kind, range));
    }

    @Test
    void givenChunksByPosition_whenScanned_thenEveryRecordOnceWithoutGap() {
      List<MemoryRecord> records = new ArrayList<>();
      records.add(new Edge("a|b", members()));
      for (int i = 0; i < 1234; i++) {
        records.add(new Observation("a|b", i, members("n", i)));
      }
      run(put(records.toArray(MemoryRecord[]::new)));

      List<Key> seen = new ArrayList<>();
      ScanRange range = ScanRange.ALL;
      while (true) {
        List<Stored<Observation>> chunk;
        try (Stream<Stored<Observation>> scan = store.scan(Kind.OBSERVATION, range)) {
          chunk = scan.limit(100).toList();
        }
        if (chunk.isEmpty()) {
          break;
        }
        chunk.forEach(stored -> seen.add(stored.key()));
        range = ScanRange.after(chunk.get(chunk.size() - 1).key());
      }

      assertThat(seen).hasSize(1234).isSorted().doesNotHaveDuplicates();
    }

    @Test
    void givenScanNotFinished_whenClosed_thenTheStoreGoesOn() {
      for (int i = 0; i < 30; i++) {
        run(StoreMemory.of("m" + i, AT, "x"));
      }
      for (int i = 0; i < 50; i++) {
        try (Stream<Stored<Memory>> scan = store.scan(Kind.MEMORY)) {
          assertThat(scan.findFirst()).isPresent();
        }
        try (var versions = store.versions(Kind.MEMORY, ScanRange.ALL)) {
          assertThat(versions.findFirst()).isPresent();
        }
      }
      run(new RecallMemory("m1", AT));
    }

    @Test
    void givenWritesWhileScanning_whenConsumed_thenNoRecordIsLostDoubledOrHalf() {
      for (int i = 0; i < 700; i++) {
        run(StoreMemory.of(String.format("m%04d", i), AT, "text " + i));
      }
      List<Key> seen = new ArrayList<>();
      try (Stream<Stored<Memory>> scan = store.scan(Kind.MEMORY)) {
        scan.forEach(
            stored -> {
              if (seen.size() % 100 == 50) {
                run(new RecallMemory("m0600", AT));
                run(UpdateMemory.of("m0001").weight(seen.size()));
              }
              seen.add(stored.key());
            });
      }
      assertThat(seen).hasSize(700).isSorted().doesNotHaveDuplicates();
    }

    private <T extends MemoryRecord> List<Key> keys(Kind<T> kind, ScanRange range) {
      try (Stream<Stored<T>> scan = store.scan(kind, range)) {
        return scan.map(Stored::key).toList();
      }
    }
  }

  /** A memory whose file name does not depend on its id, which may have any character. */
  private static Memory plain(String id) {
    String name = id.codePoints().mapToObj(Integer::toHexString).reduce("u", (a, b) -> a + "-" + b);
    return new Memory(
        id,
        Tier.ACTIVE,
        name + ".md",
        "text",
        members("id", id, "co_occurrences", Value.EMPTY_MAP));
  }

  @Nested
  class Finds {
    @BeforeEach
    void fill() {
      run(
          put(
              memory("a", Tier.CORE, "2026-02-10T12:00:00+00:00", 0.9, "Straße", "Api", "bug"),
              memory("b", Tier.ACTIVE, "2026-02-10T14:00:00+02:00", 0.5, "STRASSE", "api"),
              memory("c", Tier.ACTIVE, "2026-02-09", 0.5, "İstanbul", "bug", "API", "x"),
              memory("d", Tier.ARCHIVE, "2026-02-31", 0.1, "ΟΔΟΣ", "bug"),
              memory("e", Tier.ACTIVE, "2026-02-10T11:59:59.999999Z", 1.0, "50% of_it \\ '", "Bug"),
              record("f", "tags", "api, legacy ,, bug").withContent("istanbul i\u0307"),
              record("g", "created", "not a time", "tags", 7).withTier(Tier.CORE),
              record("h", "event_time", "2025-12-99", "type", "core"),
              new Memory("i", Tier.ACTIVE, "i.md", "no front matter", null),
              new Memory("j", Tier.CORE, "j.md", "odd", Value.of("irregular"))));
      run(StoreMemory.of("k", AT, "gone"));
      run(new ForgetMemory("k", 0));
    }

    private Memory memory(
        String id, Tier tier, String created, double weight, String body, String... tags) {
      return new Memory(
          id,
          tier,
          "z-" + id + ".md",
          body,
          members(
              "id",
              id,
              "type",
              tier.folder(),
              "created",
              created,
              "tags",
              List.of(tags),
              "emotional_weight",
              weight));
    }

    @Test
    void givenMemories_whenAllAreListed_thenNewestFirstAndTheDeletedIsNot() {
      assertThat(ids(MemoryQuery.all()))
          .containsExactly("a", "b", "e", "f", "h", "c", "g", "j", "i", "d");
    }

    @Test
    void givenTags_whenFound_thenWhateverTheirCaseAndAllOfThem() {
      assertThat(ids(MemoryQuery.all().tag("API"))).containsExactly("a", "b", "f", "c");
      assertThat(ids(MemoryQuery.all().tag("api").tag("BUG"))).containsExactly("a", "f", "c");
      assertThat(ids(MemoryQuery.all().tag("ap"))).isEmpty();
      assertThat(ids(MemoryQuery.all().tag("legacy"))).containsExactly("f");
      assertThat(ids(MemoryQuery.all().tag("7"))).isEmpty();
      assertThat(ids(MemoryQuery.all().tag(""))).isEmpty();
    }

    @Test
    void givenTiersAndTypes_whenFound_thenFolderAndMemberAreTwoThings() {
      assertThat(ids(MemoryQuery.all().tiers(List.of(Tier.CORE)))).containsExactly("a", "g", "j");
      assertThat(ids(MemoryQuery.all().tiers(List.of(Tier.CORE, Tier.ARCHIVE))))
          .containsExactly("a", "g", "j", "d");
      assertThat(ids(MemoryQuery.all().tiers(List.of()))).isEmpty();
      assertThat(ids(MemoryQuery.all().types(List.of("core")))).containsExactly("a", "h");
      assertThat(ids(MemoryQuery.all().types(List.of("core", "archive"))))
          .containsExactly("a", "h", "d");
      assertThat(ids(MemoryQuery.all().types(List.of("CORE")))).isEmpty();
      assertThat(ids(MemoryQuery.all().types(List.of("core")).tiers(List.of(Tier.ACTIVE))))
          .containsExactly("h");
    }

    @Test
    void givenText_whenFound_thenFoldedSubstringsOfTheBody() {
      assertThat(ids(MemoryQuery.all().text("straße"))).containsExactly("a");
      assertThat(ids(MemoryQuery.all().text("strasse"))).containsExactly("b");
      assertThat(ids(MemoryQuery.all().text("STRA"))).containsExactly("a", "b");
      assertThat(ids(MemoryQuery.all().text("İSTANBUL"))).containsExactly("c");
      assertThat(ids(MemoryQuery.all().text("i\u0307"))).containsExactly("f", "c");
      assertThat(ids(MemoryQuery.all().text("οδος"))).containsExactly("d");
      assertThat(ids(MemoryQuery.all().text(""))).hasSize(10);
      assertThat(ids(MemoryQuery.all().text("none of it"))).isEmpty();
    }

    @Test
    void givenWildcardsAndQuotes_whenFound_thenTheyStandForThemselves() {
      assertThat(ids(MemoryQuery.all().text("%"))).containsExactly("e");
      assertThat(ids(MemoryQuery.all().text("_"))).containsExactly("e");
      assertThat(ids(MemoryQuery.all().text("\\"))).containsExactly("e");
      assertThat(ids(MemoryQuery.all().text("'"))).containsExactly("e");
      assertThat(ids(MemoryQuery.all().text("5_"))).isEmpty();
      assertThat(ids(MemoryQuery.all().tag("b_g"))).isEmpty();
      assertThat(ids(MemoryQuery.all().tag("%"))).isEmpty();
    }

    @Test
    void givenDays_whenFound_thenComparedAsTextSoThatImpossibleOnesCountToo() {
      MemoryQuery all = MemoryQuery.all();
      assertThat(ids(all.days(TimeField.CREATED, day("2026-02-10"), null)))
          .containsExactly("a", "b", "e", "f", "h", "g", "d");
      assertThat(ids(all.days(TimeField.CREATED, day("2026-02-28"), day("2026-03-01"))))
          .containsExactly("d");
      assertThat(ids(all.days(TimeField.CREATED, null, day("2026-02-10")))).containsExactly("c");
      assertThat(ids(all.days(TimeField.EVENT, null, day("2026-01-01")))).containsExactly("h");
      assertThat(ids(all.days(TimeField.EVENT, day("2025-12-31"), day("2026-01-01"))))
          .containsExactly("h");
      assertThat(ids(all.days(TimeField.CREATED, null, null)))
          .as("only those that have a day at all")
          .doesNotContain("i", "j");
    }

    @Test
    void givenInstants_whenFound_thenComparedAsTimesAndImpossibleOnesAreOut() {
      MemoryQuery all = MemoryQuery.all();
      Instant noon = Instant.parse("2026-02-10T12:00:00Z");
      assertThat(ids(all.between(TimeField.CREATED, noon, null))).containsExactly("a", "b");
      assertThat(ids(all.between(TimeField.CREATED, null, noon)))
          .containsExactly("e", "f", "h", "c");
      assertThat(ids(all.between(TimeField.CREATED, noon, noon))).isEmpty();
      assertThat(ids(all.between(TimeField.CREATED, noon.minusNanos(1000), noon)))
          .containsExactly("e");
      assertThat(ids(all.between(TimeField.CREATED, noon.minusNanos(1), noon.plusNanos(1))))
          .as("bounds finer than a microsecond")
          .containsExactly("a", "b");
      assertThat(ids(all.between(TimeField.EVENT, null, null))).doesNotContain("d", "g", "h");
      assertThat(ids(all.between(TimeField.CREATED, Instant.MIN, Instant.MAX)))
          .containsExactly("a", "b", "e", "f", "h", "c");
    }

    @Test
    void givenAnyOfSeveral_whenFound_thenOneIsEnoughAndTheRestStillHolds() {
      run(
          put(
              record("l", "entities", entities("agents", "Lex", "kaleaon")),
              record("m", "entities", entities("projects", "lex")).withContent("of LEX"),
              record("n", "entities", "lex", "tags", List.of("lex")).withTier(Tier.CORE),
              record("o", "entities", entities("agents:lex", "x", "agents", "Σας"))));
      run(UpdateMemory.of("o").content("rewritten"));

      assertThat(byPlace(Any.NONE.entity("agents", "LEX"))).containsExactly("l");
      assertThat(byPlace(Any.NONE.entity("agents", "ΣΑΣ"))).containsExactly("o");
      assertThat(byPlace(Any.NONE.entity("agents", "lex:x"))).isEmpty();
      assertThat(byPlace(Any.NONE.entity("agents", "lex").tag(List.of("LEX", "legacy"))))
          .containsExactly("n", "f", "l");
      assertThat(byPlace(Any.NONE.entity("agents", "kaleaon").text(List.of("LEX", "ΟΔΟΣ"))))
          .containsExactly("l", "m", "d");
      assertThat(byPlace(Any.NONE.id(List.of("k", "j", "a", "none")).tag(List.of("legacy"))))
          .as("not the deleted one")
          .containsExactly("j", "a", "f");
      assertThat(byPlace(Any.NONE)).isEmpty();
      assertThat(
              ids(
                  MemoryQuery.all()
                      .any(Any.NONE.tag(List.of("api", "bug")))
                      .tag("bug")
                      .tiers(List.of(Tier.ACTIVE))
                      .order(Order.HEAVIEST)))
          .containsExactly("e", "c", "f");
    }

    private List<String> byPlace(Any any) {
      return ids(MemoryQuery.all().any(any).order(Order.PLACE));
    }

    private Value entities(String kind, String name, String... more) {
      Value.Map entities = Value.EMPTY_MAP.with(kind, Value.Seq.ofTexts(List.of(name)));
      return more.length == 1
          ? entities.with(kind, Value.Seq.ofTexts(List.of(name, more[0])))
          : more.length == 0
              ? entities
              : entities.with(more[0], Value.Seq.ofTexts(List.of(more[1])));
    }

    @Test
    void givenOrders_whenListed_thenDaysAsTextAndWithoutOneLast() {
      assertThat(ids(MemoryQuery.all().order(Order.CREATED_DAY)))
          .containsExactly("g", "d", "a", "f", "h", "b", "e", "c", "j", "i");
      assertThat(ids(MemoryQuery.all().order(Order.EVENT_DAY)))
          .containsExactly("g", "d", "a", "f", "b", "e", "c", "h", "j", "i");
      assertThat(ids(MemoryQuery.all().order(Order.PLACE)))
          .containsExactly("g", "j", "a", "f", "h", "i", "b", "c", "e", "d");
    }

    @Test
    void givenMemories_whenHeadsAreRead_thenAllButTheBodyWhateverThePage() {
      List<MemoryHead> all = heads("all", MemoryQuery.all().page(1, 3));
      assertThat(all.stream().map(MemoryHead::id))
          .containsExactly("a", "b", "c", "d", "e", "f", "g", "h", "i", "j");
      assertThat(all.get(0)).isEqualTo(live(Kind.MEMORY, "a").head());
      assertThat(heads("tag", MemoryQuery.all().tag("bug").order(Order.HEAVIEST)))
          .extracting(MemoryHead::id)
          .containsExactly("a", "c", "d", "e", "f");
      for (int i = 0; i < 250; i++) { // more than one page
        run(put(record("n" + i, "tags", List.of("t" + i % 2))));
      }
      assertThat(heads("pages", MemoryQuery.all().any(Any.NONE.tag(List.of("t1"))))).hasSize(125);
    }

    @Test
    void givenConditionsTogether_whenFound_thenAllHold() {
      MemoryQuery query =
          MemoryQuery.all()
              .tag("api")
              .tiers(List.of(Tier.ACTIVE, Tier.CORE))
              .types(List.of("active", "core"))
              .text("str")
              .days(TimeField.EVENT, day("2026-02-10"), day("2026-02-11"))
              .between(TimeField.CREATED, Instant.parse("2026-02-10T12:00:00Z"), null)
              .order(Order.HEAVIEST);
      assertThat(ids(query)).containsExactly("a", "b");
      assertThat(ids(query.page(1, 1))).containsExactly("b");
    }

    @Test
    void givenEveryCombinationOfConditions_whenFound_thenAsTheReference() {
      List<MemoryQuery> queries = new ArrayList<>(List.of(MemoryQuery.all()));
      for (Set<Integer> chosen : subsets(7)) {
        MemoryQuery q = MemoryQuery.all();
        q = chosen.contains(0) ? q.tag("BUG") : q;
        q = chosen.contains(1) ? q.tiers(List.of(Tier.ACTIVE, Tier.ARCHIVE)) : q;
        q = chosen.contains(2) ? q.types(List.of("active", "archive")) : q;
        q = chosen.contains(3) ? q.text("s") : q;
        q = chosen.contains(4) ? q.days(TimeField.CREATED, null, day("2026-03-01")) : q;
        q = chosen.contains(5) ? q.between(TimeField.EVENT, Instant.EPOCH, null) : q;
        q = chosen.contains(6) ? q.order(Order.HEAVIEST) : q;
        q =
            chosen.contains(2) && chosen.contains(6)
                ? q.any(Any.NONE.tag(List.of("api")).id(List.of("d")))
                : q;
        queries.add(q);
      }
      for (int i = 0; i < queries.size(); i++) {
        find("query " + i, queries.get(i));
        find("query " + i + ", page", queries.get(i).page(2, 1));
      }
    }

    private List<Set<Integer>> subsets(int of) {
      List<Set<Integer>> all = new ArrayList<>();
      for (int bits = 0; bits < 1 << of; bits++) {
        Set<Integer> chosen = new HashSet<>();
        for (int i = 0; i < of; i++) {
          if ((bits & (1 << i)) != 0) {
            chosen.add(i);
          }
        }
        all.add(chosen);
      }
      return all;
    }

    private LocalDate day(String text) {
      return LocalDate.parse(text);
    }

    @Test
    void givenWeights_whenHeaviestFirst_thenThoseWithoutCountAsZero() {
      run(
          put(
              record("n", "emotional_weight", -1.5),
              record("p", "emotional_weight", 1),
              record("q", "emotional_weight", "9"),
              record("r", "emotional_weight", 1e300)));

      List<String> ids = ids(MemoryQuery.all().order(Order.HEAVIEST));

      assertThat(ids).startsWith("r", "p", "e", "a").endsWith("n");
    }

    @Test
    void givenTies_whenListed_thenByTierFileNameAndIdInCodePointOrder() {
      run(
          put(
              tie("t1", Tier.ARCHIVE, "a.md"),
              tie("t2", Tier.ACTIVE, "\ue000.md"),
              tie("t3", Tier.ACTIVE, "\ud83d\ude00.md"),
              tie("t4", Tier.CORE, "z.md"),
              tie("t5", Tier.ACTIVE, "B.md"),
              tie("t6", Tier.ACTIVE, "a.md"),
              tie("t7", Tier.ACTIVE, "é.md")));

      for (Order order : Order.values()) {
        assertThat(ids(MemoryQuery.all().text("tie").order(order)))
            .containsExactly("t4", "t5", "t6", "t7", "t2", "t3", "t1");
      }
    }

    private Memory tie(String id, Tier tier, String fileName) {
      return new Memory(id, tier, fileName, "tie", members("id", id, "created", "2020-01-01"));
    }

    @Test
    void givenPages_whenWalked_thenNoGapAndNoDouble() {
      for (int i = 0; i < 60; i++) {
        run(put(tie("p" + i, Tier.values()[i % 3], "p" + i % 20 + "-" + i + ".md"), 1));
      }
      for (Order order : Order.values()) {
        for (int size : List.of(1, 7, 50)) {
          MemoryQuery query = MemoryQuery.all().order(order);
          List<String> whole = ids(query.limit(1000));
          List<String> walked = new ArrayList<>();
          for (int offset = 0; offset < whole.size(); offset += size) {
            walked.addAll(ids(query.page(size, offset)));
          }
          assertThat(walked).as("%s by %s", order, size).isEqualTo(whole);
        }
      }
      assertThat(ids(MemoryQuery.all())).as("the default page").hasSize(50);
      assertThat(ids(MemoryQuery.all().page(10, 10_000))).isEmpty();
      assertThat(ids(MemoryQuery.all().page(10_000, Integer.MAX_VALUE))).isEmpty();
    }

    @Test
    void givenChanges_whenFoundAgain_thenTheNewStateCounts() {
      run(UpdateMemory.of("b").content("now 中文").tags(List.of("fresh")).weight(0.99));
      run(new MoveMemory("a", Tier.ARCHIVE));
      run(UpdateMemory.of("c").set("created", Value.of("2027-01-01")).remove("tags"));
      run(new ForgetMemory("e", 0));
      run(StoreMemory.of("k", AT, "back again").withTags(List.of("fresh")));

      assertThat(ids(MemoryQuery.all().tag("fresh"))).containsExactly("b", "k");
      assertThat(ids(MemoryQuery.all().tag("api"))).containsExactly("a", "f");
      assertThat(ids(MemoryQuery.all().text("中文"))).containsExactly("b");
      assertThat(ids(MemoryQuery.all().text("STRASSE"))).isEmpty();
      assertThat(ids(MemoryQuery.all()).get(0)).isEqualTo("c");
      assertThat(ids(MemoryQuery.all().tiers(List.of(Tier.ARCHIVE)))).containsExactly("a", "d");
      assertThat(ids(MemoryQuery.all().tag("bug"))).containsExactly("a", "f", "d");
    }

    @Test
    void givenTimesAtTheEdges_whenOrdered_thenByInstantToTheMicrosecond() {
      run(
          put(
              at("e1", "0001-01-01T00:00:00+00:00"),
              at("e2", "9999-12-31T23:59:59.9999999Z"),
              at("e3", "9999-12-31 23:59:59.999999"),
              at("e4", "0001-01-01T00:00:00+01:00"),
              at("e5", "9999-12-31T23:00:00-02:00"),
              at("e6", "1969-12-31T23:59:59.999999Z"),
              at("e7", "1900-02-29"),
              at("e8", "2000-02-29t1:02:03.5 +5:30")));

      find("edges", MemoryQuery.all().text("edge"));
      for (TimeField field : TimeField.values()) {
        for (String from : List.of("0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z")) {
          find(from, MemoryQuery.all().text("edge").between(field, Instant.parse(from), null));
          find(from, MemoryQuery.all().text("edge").between(field, null, Instant.parse(from)));
        }
        find("year 1", MemoryQuery.all().text("edge").days(field, null, day("0002-01-01")));
        find("year 9999", MemoryQuery.all().text("edge").days(field, day("9999-12-31"), null));
      }
    }

    private Memory at(String id, String created) {
      return record(id, "created", created).withContent("edge");
    }

    @Test
    void givenTimesTypedByYaml_whenFound_thenTheirTextCounts() {
      run(
          put(
              record("y1", "created", new Value.Time("2026-02-02 16:57:00.123456+00:00"))
                  .withContent("typed"),
              record("y2", "created", new Value.Time("2026-02-02"), "event_time", Value.NULL)
                  .withContent("typed"),
              record("y3", "created", 20260202, "event_time", new Value.Time("2026-02-02"))
                  .withContent("typed")));

      assertThat(ids(MemoryQuery.all().text("typed"))).containsExactly("y1", "y2", "y3");
      assertThat(
              ids(
                  MemoryQuery.all()
                      .text("typed")
                      .days(TimeField.EVENT, day("2026-02-02"), day("2026-02-03"))))
          .containsExactly("y1", "y2", "y3");
    }
  }

  @Nested
  class Searches {
    @BeforeEach
    void fill() {
      run(new DefineSpace(VectorSpace.of("text", "model", 3)));
      run(
          put(
              record("a", "tags", List.of("X")).withTier(Tier.CORE),
              record("b", "tags", List.of("x", "y")),
              record("c").withTier(Tier.ARCHIVE),
              record("d", "tags", "x, y")));
      embed("a", 1, 0, 0);
      embed("b", 1, 1, 0);
      embed("c", 0, 1, 0);
      embed("d", -1, 0, 0);
      embed("dangling", 2, 0.1, 0);
      embed("zero", 0, 0, 0);
    }

    private void embed(String target, double... floats) {
      run(new PutEmbedding(vector("text", target, floats)));
    }

    private SimilarQuery near(double... floats) {
      return SimilarQuery.nearest("text", vector("text", "q", floats).vector());
    }

    @Test
    void givenVectors_whenSearched_thenMostSimilarFirstAndDanglingOnesToo() {
      assertThat(targets(near(3, 0, 0))).containsExactly("a", "dangling", "b", "c", "zero", "d");

      List<SimilarQuery.Hit> hits = search(near(3, 0, 0));
      assertThat(hits.get(0).similarity()).isCloseTo(1, within(NEAR));
      assertThat(hits.get(2).similarity()).isCloseTo(Math.sqrt(0.5), within(NEAR));
      assertThat(hits.get(4).similarity()).isCloseTo(0, within(NEAR));
      assertThat(hits.get(5).similarity()).isCloseTo(-1, within(NEAR));
    }

    @Test
    void givenZeroVector_whenSearched_thenAllAreEquallyFarAndOrderedByTarget() {
      assertThat(targets(near(0, 0, 0))).containsExactly("a", "b", "c", "d", "dangling", "zero");
    }

    @Test
    void givenLimitAndMinimum_whenSearched_thenBothHold() {
      assertThat(targets(near(1, 0, 0).limit(2))).containsExactly("a", "dangling");
      assertThat(targets(near(1, 0, 0).minSimilarity(0.5))).containsExactly("a", "dangling", "b");
      assertThat(targets(near(1, 0, 0).minSimilarity(0.5).limit(1))).containsExactly("a");
      assertThat(targets(near(1, 0, 0).minSimilarity(1.5))).isEmpty();
      assertThat(targets(near(1, 0, 0).minSimilarity(-2))).hasSize(6);
      assertThat(targets(near(0, 0, 1).minSimilarity(0))).hasSize(6);
    }

    @Test
    void givenTiersAndTags_whenSearched_thenOnlyLiveMemoriesThatMeetThem() {
      assertThat(targets(near(1, 0, 0).tag("x"))).containsExactly("a", "b", "d");
      assertThat(targets(near(1, 0, 0).tag("X").tag("Y"))).containsExactly("b", "d");
      assertThat(targets(near(1, 0, 0).tiers(List.of(Tier.CORE, Tier.ARCHIVE))))
          .containsExactly("a", "c");
      assertThat(targets(near(1, 0, 0).tiers(List.of(Tier.ACTIVE)).tag("x").limit(1)))
          .containsExactly("b");
      assertThat(targets(near(1, 0, 0).tag("none"))).isEmpty();
      assertThat(targets(near(1, 0, 0).tiers(List.of(Tier.values()))))
          .containsExactly("a", "b", "c", "d");
    }

    @Test
    void givenForgottenAndMoved_whenSearched_thenTheNewStateCounts() {
      run(new ForgetMemory("a", 0));
      run(new MoveMemory("b", Tier.CORE));
      run(UpdateMemory.of("c").tags(List.of("x")));

      assertThat(targets(near(1, 0, 0))).containsExactly("dangling", "b", "c", "zero", "d");
      assertThat(targets(near(1, 0, 0).tag("x"))).containsExactly("b", "c", "d");
      assertThat(targets(near(1, 0, 0).tiers(List.of(Tier.CORE)))).containsExactly("b");
    }

    @Test
    void givenTies_whenSearched_thenByTargetInCodePointOrder() {
      for (String target : List.of("\ud83d\ude00", "\ue000", "Z", "aa", "é")) {
        embed(target, 1, 0, 0);
      }

      assertThat(targets(near(1, 0, 0).limit(6)))
          .containsExactly("Z", "a", "aa", "é", "\ue000", "\ud83d\ude00");
    }

    @Test
    void givenSelectiveFilter_whenSearched_thenNeverFewerThanThereAre() {
      Random random = new Random(5);
      List<MemoryRecord> records = new ArrayList<>();
      for (int i = 0; i < 400; i++) {
        records.add(i % 20 == 0 ? record("s" + i, "tags", List.of("rare")) : record("s" + i));
        records.add(
            Embedding.of(
                "text",
                "s" + i,
                new float[] {random.nextFloat() + 1, random.nextFloat(), random.nextFloat()},
                members()));
      }
      run(put(records.toArray(MemoryRecord[]::new)));

      assertThat(targets(near(-1, 0, 0).tag("rare").limit(10))).hasSize(10);
      assertThat(targets(near(-1, 0, 0).tag("rare").limit(100))).hasSize(20);
      assertThat(targets(near(1, 1, 1).limit(100))).hasSize(100);
      assertThat(targets(near(1, 1, 1).limit(10_000))).hasSize(406);
    }

    @Test
    void givenNearTiesAndBoosts_whenMemoriesAreSearched_thenScoresToTheLastBit() {
      Random random = new Random(11);
      float[] query = {0.3f, 0.7f, 0.2f};
      Map<String, Double> scores = new HashMap<>();
      List<MemoryRecord> records = new ArrayList<>();
      for (int i = 0; i < 150; i++) {
        boolean fix = i % 50 == 49;
        float[] vector = {
          0.3f + random.nextFloat() * 1e-6f, 0.7f, (fix ? 0.8f : 0.2f) + random.nextFloat() * 1e-6f
        };
        records.add(fix ? record("s" + i, "tags", List.of("Fix")) : record("s" + i));
        records.add(Embedding.of("text", "s" + i, vector, members()));
        double similarity = Embedding.similarity(query, vector);
        scores.put("s" + i, fix ? similarity * 1.25 : similarity);
      }
      run(put(records.toArray(MemoryRecord[]::new)));
      MemorySearch search = MemorySearch.near(query).limit(10).withoutRecall();

      List<MemorySearch.Hit> hits = store.embeddings().search(search);

      List<Double> best = new ArrayList<>(scores.values());
      best.sort(Comparator.reverseOrder());
      assertThat(hits).extracting(MemorySearch.Hit::score).isEqualTo(best.subList(0, 10));
      for (MemorySearch.Hit hit : hits) {
        assertThat(hit.score()).isEqualTo(scores.get(hit.id()));
      }
      assertThat(store.embeddings().similarPairs("text", 0.5, 30))
          .hasSize(30)
          .allSatisfy(pair -> assertThat(pair.similarity()).isEqualTo(1));
    }

    @Test
    void givenWrongLengthOrUndefinedSpace_whenSearched_thenRefused() {
      assertThat(invalid(near(1, 2)).field()).isEqualTo("vector");
      assertThat(invalid(SimilarQuery.nearest("none", new float[] {1})).field()).isEqualTo("space");
    }

    private InvalidMemoryException invalid(SimilarQuery query) {
      InvalidMemoryException error =
          org.assertj.core.api.Assertions.catchThrowableOfType(
              InvalidMemoryException.class, () -> store.search(query));
      assertThat(error).isNotNull();
      return error;
    }

    @Test
    void givenVectorsOfOtherLengths_whenSearched_thenTheyAreIgnored() {
      run(put(new VectorSpace("mixed", members("model", "m")), 1));
      run(
          put(
              vector("mixed", "one", 1),
              vector("mixed", "two", 1, 0),
              vector("mixed", "zwei", 0, 1)));
      run(put(vector("text", "imported", 1, 0), 1));

      assertThat(targets(SimilarQuery.nearest("mixed", new float[] {1, 0})))
          .containsExactly("two", "zwei");
      assertThat(targets(SimilarQuery.nearest("mixed", new float[] {1}))).containsExactly("one");
      assertThat(targets(SimilarQuery.nearest("mixed", new float[] {1, 2, 3}))).isEmpty();
      assertThat(targets(near(1, 0, 0))).doesNotContain("imported");
    }

    @Test
    void givenImages_whenSearched_thenTheirNamesAreNoMemories() {
      run(new DefineSpace(VectorSpace.of("image", "clip", 1)));
      run(new PutEmbedding(vector("image", "a", 1)));
      run(new PutEmbedding(vector("image", "photo.jpg", 2)));

      SimilarQuery query = SimilarQuery.nearest("image", new float[] {1});
      assertThat(targets(query)).containsExactly("a", "photo.jpg");
      assertThat(targets(query.tiers(List.of(Tier.values())))).isEmpty();
      assertThat(targets(query.tag("x"))).isEmpty();
    }

    @Test
    void givenRandomVectors_whenSearched_thenAsTheReference() {
      for (long seed = 0; seed < 3; seed++) {
        Random random = new Random(seed);
        String space = "random-" + seed;
        int dimensions = 1 + random.nextInt(70);
        run(new DefineSpace(VectorSpace.of(space, "model", dimensions)));
        List<MemoryRecord> records = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
          records.add(Embedding.of(space, "v" + i, floats(random, dimensions)));
        }
        run(put(records.toArray(MemoryRecord[]::new)));
        for (int i = 0; i < 10; i++) {
          SimilarQuery query = SimilarQuery.nearest(space, floats(random, dimensions));
          search("seed " + seed, query);
          search("seed " + seed, query.limit(200));
        }
      }
    }

    private float[] floats(Random random, int dimensions) {
      float[] floats = new float[dimensions];
      for (int i = 0; i < dimensions; i++) {
        floats[i] = (float) random.nextGaussian();
      }
      return floats;
    }

    @Test
    void givenVeryLargeAndVerySmallVectors_whenSearched_thenStillTheirAngleCounts() {
      embed("huge", 3e38, 3e37, 0);
      embed("tiny", 1e-30, 1e-31, 0);
      embed("denormal", 1e-44, 0, 0);

      search(near(1, 0, 0).limit(100));
      search(near(3e38, 3e38, 3e38).limit(100));
      search(near(1e-30, 0, 1e-30).limit(100));
    }
  }
}

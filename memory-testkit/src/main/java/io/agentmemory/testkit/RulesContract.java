package io.agentmemory.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.agentmemory.CoOccurrence;
import io.agentmemory.ContextGraph;
import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.Health;
import io.agentmemory.ImageLink;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Lesson;
import io.agentmemory.Memory;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryQuery.Any;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.Observation;
import io.agentmemory.OtherFile;
import io.agentmemory.ScanRange;
import io.agentmemory.SimilarQuery;
import io.agentmemory.StoreInfo;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.DefineSpace;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What every store refuses, what it just accepts, and what it never tells. */
abstract class RulesContract extends QueryContract {
  private static final List<String> UNSTORABLE = List.of("a\0b", "a\ud83d", "\ude00a");
  private static final List<String> CONTROLS =
      List.of("a\u0007", "\r", "a\u007f", "\u0085", "\u009f", "\ufffe", "a\uffff");

  /** Texts that no id, tag, name or member may hold. */
  private static List<String> bad() {
    List<String> all = new ArrayList<>(UNSTORABLE);
    all.addAll(CONTROLS);
    return all;
  }

  private static Value nested(int depth) {
    return depth == 0 ? Value.of("x") : new Value.Seq(List.of(nested(depth - 1)));
  }

  private static Value.Map keys(int count) {
    Value.Map map = Value.EMPTY_MAP;
    for (int i = 0; i < count; i++) {
      map = map.with("k" + i, Value.of((long) i));
    }
    return map;
  }

  private static StoreMemory storing(String at, String eventTime, List<String> causes) {
    return new StoreMemory(
        "new", at, "text", null, List.of(), 0.5, eventTime, causes, List.of(), Map.of());
  }

  @Nested
  class Refusals {
    @BeforeEach
    void fill() {
      run(put(record("m"), new Edge("a|b", members()), VectorSpace.of("text", "model", 1)));
    }

    /** In a batch behind another command, of which nothing may stay: compared after each test. */
    private void refuse(String field, Command command) {
      InvalidMemoryException error =
          catchThrowableOfType(
              InvalidMemoryException.class, () -> run(new RecallMemory("m", AT), command));
      assertThat(error).as("error of %s", command).isNotNull();
      assertThat(error.field()).as("field of %s", command).isEqualTo(field);
      assertThat(revision("m")).as("revision after %s", command).isEqualTo(1);
    }

    @Test
    void givenBadIds_whenStored_thenRefused() {
      for (String id : bad()) {
        refuse("id", StoreMemory.of(id, AT, "text"));
      }
      for (String id :
          List.of("", " ", "\u2003", "a\nb", "a\tb", "x".repeat(257), "é".repeat(129))) {
        refuse("id", StoreMemory.of(id, AT, "text"));
      }
    }

    @Test
    void givenBadTags_whenStoredOrSet_thenRefused() {
      List<List<String>> lists = new ArrayList<>();
      bad().forEach(tag -> lists.add(List.of("good", tag)));
      lists.add(List.of("x".repeat(129)));
      lists.add(List.of("漢".repeat(43)));
      lists.add(Collections.nCopies(65, "t"));
      for (List<String> tags : lists) {
        refuse("tags", StoreMemory.of("new", AT, "text").withTags(tags));
      }
      refuse("tags", UpdateMemory.of("m").tags(Collections.nCopies(65, "t")));
      refuse("tags", UpdateMemory.of("m").tags(List.of("x".repeat(129))));
      refuse("tags", UpdateMemory.of("m").set("tags", new Value.Seq(List.of(Value.of(7L)))));
    }

    @Test
    void givenBadBodies_whenStoredOrSet_thenRefused() {
      List<String> bodies = new ArrayList<>(UNSTORABLE);
      bodies.add("x".repeat((1 << 20) + 1));
      bodies.add("é".repeat((1 << 19) + 1));
      for (String body : bodies) {
        refuse("content", StoreMemory.of("new", AT, body));
        refuse("content", UpdateMemory.of("m").content(body));
      }
    }

    @Test
    void givenBadTextsElsewhere_whenStored_thenRefused() {
      for (String text : bad()) {
        refuse("metadata", storing(text, AT, List.of()));
        refuse("metadata", storing(AT, text, List.of()));
        refuse("metadata", storing(AT, AT, List.of(text)));
        refuse("metadata", new RecallMemory("m", text));
        refuse("metadata", UpdateMemory.of("m").set("x", Value.of(text)));
        refuse("metadata", UpdateMemory.of("m").set("x", members("y", List.of(text))));
        refuse("metadata", UpdateMemory.of("m").set("x", new Value.Map(Map.of(text, Value.NULL))));
        refuse("member name", UpdateMemory.of("m").set(text, Value.NULL));
      }
      refuse("member name", UpdateMemory.of("m").set("x".repeat(257), Value.NULL));
    }

    @Test
    void givenTooMuchMetadata_whenStoredOrSet_thenRefused() {
      List<String> names = Collections.nCopies(700, "x".repeat(100));
      refuse(
          "metadata",
          new StoreMemory(
              "new",
              AT,
              "text",
              null,
              List.of(),
              0.5,
              null,
              List.of(),
              List.of(),
              Map.of("concepts", names)));
      refuse("metadata", UpdateMemory.of("m").set("x", Value.of("x".repeat(66_000))));
      refuse("metadata", UpdateMemory.of("m").set("x", nested(16)));
      refuse("metadata", UpdateMemory.of("m").set("x", keys(257)));
      Value.Map many = Value.EMPTY_MAP;
      for (int i = 0; i < 255; i++) {
        many = many.with("k" + i, Value.NULL);
      }
      refuse("metadata", new UpdateMemory("m", null, many, java.util.Set.of(), 0));
    }

    @Test
    void givenNumbersAndTimesThatAreNone_whenSet_thenRefused() {
      for (String number : List.of("NaN", ".inf", "123456789012345678901234567890", "x")) {
        refuse("metadata", UpdateMemory.of("m").set("x", new Value.Opaque(number)));
      }
      refuse("metadata", UpdateMemory.of("m").set("x", new Value.Time("soon")));
    }

    @Test
    void givenBadVectors_whenPut_thenRefused() {
      for (String target : bad()) {
        refuse("target", new PutEmbedding(vector("text", target, 1)));
      }
      refuse("target", new PutEmbedding(vector("text", "", 1)));
      refuse("target", new PutEmbedding(vector("text", "x".repeat(257), 1)));
      refuse("vector", new PutEmbedding(vector("text", "m", 1, 2)));
      refuse("vector", new PutEmbedding(vector("text", "m")));
      refuse("space", new PutEmbedding(vector("none", "m", 1)));
      refuse("space", new PutEmbedding(vector("no\0ne", "m", 1)));
      float[] one = {1};
      refuse("metadata", new PutEmbedding(Embedding.of("text", "m", one, members("x", "\0"))));
      refuse("members", new PutEmbedding(Embedding.of("text", "m", one, members("embedding", 1))));
      refuse("metadata", new DefineSpace(VectorSpace.of("other", "mod\0el", 1)));
      run(put(new VectorSpace("free", members("model", "m")), 1));
      refuse("vector", new PutEmbedding(Embedding.of("free", "m", new float[8193])));
    }

    @Test
    void givenTextsThatNoStoreHolds_whenPutAsStates_thenRefused() {
      for (String text : UNSTORABLE) {
        Value.Map inside = members("x", List.of(members("y", text)));
        Value.Map key = new Value.Map(Map.of("x", new Value.Map(Map.of(text, Value.NULL))));
        refuse("content", put(record("new").withContent(text), 1));
        refuse("front_matter", put(record("new", "x", inside), 1));
        refuse("front_matter", put(record("new", "x", key), 1));
        refuse("memory key", put(record(text), 1));
        refuse(
            "file_name", put(new Memory("f", Tier.CORE, text + ".md", "", members("id", "f")), 1));
        refuse("co_occurrence key", put(new CoOccurrence("m", text, Value.of(1L)), 1));
        refuse("count", put(new CoOccurrence("m", "x", inside), 1));
        refuse("edge key", put(new Edge(text, members()), 1));
        refuse("members", put(new Edge("a|c", inside), 1));
        refuse("members", put(new Observation("a|b", 0, inside), 1));
        refuse("embedding key", put(vector("text", text, 1), 1));
        refuse("members", put(Embedding.of("text", "m", new float[] {1}, inside), 1));
        refuse("members", put(new VectorSpace("new", inside), 1));
        refuse("image_link key", put(new ImageLink(text, Value.EMPTY_SEQ), 1));
        refuse("links", put(new ImageLink("a.jpg", inside), 1));
        refuse("memory key", delete(record(text), 1));
      }
    }

    @Test
    void givenPathsThatAreNotFree_whenPutAsValues_thenRefused() {
      for (String path :
          List.of(
              "",
              "x",
              "x.JSON",
              "/x.json",
              "a//x.json",
              "../x.json",
              "a/../x.json",
              "a\\x.json",
              "a\nb.json",
              ".memory/x.json",
              "a.json/x.json",
              "active/a.md/x.json",
              "x".repeat(300) + ".json",
              "a/".repeat(20) + "x.json",
              ".edges_v3.json",
              "embeddings.json",
              "embeddings_notes.json",
              "sensors/data/image_embeddings.json",
              "lessons.json",
              ".session_state.json",
              "context/who.json",
              "core/x.md",
              "x.txt",
              "a.jsonl/x.json")) {
        refuse("value key", put(new OtherFile(path, members("a", 1)), 1));
        refuse("value key", delete(new OtherFile(path, Value.NULL), 1));
      }
      for (String name : List.of("a/b", "a/", "../x")) {
        refuse("context_graph key", put(new ContextGraph(name, members()), 1));
      }
      for (Value beside :
          List.of(Value.NULL, Value.EMPTY_MAP, Value.EMPTY_SEQ, members("rejections", "x"))) {
        refuse("value", put(new OtherFile(".rejection_log.json", beside), 1));
      }
      refuse("members", put(new Lesson(0, members("x", new Value.Time("2026-02-10"))), 1));
      refuse("value", put(new OtherFile("x.json", new Value.Opaque("0x1")), 1));
      refuse("value", put(new OtherFile("social/contacts/x.md", members("a", 1)), 1));
    }

    @Test
    void givenFormsThatNoFileHolds_whenPutAsStates_thenRefused() {
      refuse("content", put(record("new").withContent("a\rb"), 1));
      refuse("content", put(new Memory("f", Tier.CORE, "f.md", "---\nid: x\n---\n", null), 1));
      refuse("id", put(new Memory("f", Tier.CORE, "g.md", "", null), 1));
      refuse("id", put(new Memory("f", Tier.CORE, "f.md", "", members("id", "g")), 1));
      refuse("id", put(new Memory("7", Tier.CORE, "7.md", "", members("id", 7)), 1));
      for (String name :
          List.of("a", ".md", ".a.md", "../a.md", "a/b.md", "a\\b.md", "a.MD", "x".repeat(300))) {
        refuse("file_name", put(new Memory("f", Tier.CORE, name, "", members("id", "f")), 1));
      }
      for (String name : List.of("", "../x", "a/b", "é", "x".repeat(65))) {
        refuse("name", put(VectorSpace.of(name, "model", 1), 1));
      }
      refuse("tags", put(record("new", "tags", List.of(7)), 1));
      refuse("front_matter", put(record("new", "x", new Value.Time("soon")), 1));
      refuse("front_matter", put(record("new", "x", new Value.Opaque("soon")), 1));
      refuse("front_matter", put(record("new", "x", nested(257)), 1));
      refuse("members", put(new Edge("a|c", members("x", new Value.Time("2026-02-10"))), 1));
      refuse("vector", put(vector("text", "m"), 1));
      refuse("vector", put(Embedding.of("text", "m", new float[16_001]), 1));
    }
  }

  @Nested
  class Accepted {
    @Test
    void givenValuesAtTheLimits_whenStored_thenTheyComeBack() throws Exception {
      List<String> tags = new ArrayList<>();
      for (int i = 0; i < 64; i++) {
        tags.add("é".repeat(62) + (1000 + i));
      }
      String id = "漢".repeat(85) + "x";
      run(StoreMemory.of(id, AT, "é".repeat(1 << 19)).withTags(tags));
      run(UpdateMemory.of(id).set("x", nested(15)).set("y", keys(256)));
      run(UpdateMemory.of(id).set("z", Value.of("x".repeat(40_000))));
      run(new DefineSpace(VectorSpace.of("text", "model", 1)));
      run(new PutEmbedding(vector("text", id, 1)));
      run(put(new CoOccurrence(id, id, Value.of(1L)), new Edge(id + "|" + id, members())));
      reopenIfPossible();

      Memory memory = memory(id);
      assertThat(memory.content()).hasSize(1 << 19);
      assertThat(memory.tags()).isEqualTo(tags);
      assertThat(memory.members().get("x")).isEqualTo(nested(15));
      assertThat(ids(MemoryQuery.all().tag("É".repeat(62) + "1063"))).containsExactly(id);
      assertThat(ids(MemoryQuery.all().text("É".repeat(1000)))).containsExactly(id);
      assertThat(targets(SimilarQuery.nearest("text", new float[] {1}))).containsExactly(id);
    }

    @Test
    void givenImportsBeyondTheLimits_whenPut_thenKeptAndStillUsable() throws Exception {
      Memory large =
          record(
                  "large",
                  "tags",
                  Collections.nCopies(200, "tag " + "x".repeat(300)),
                  "x",
                  nested(100),
                  "y",
                  keys(1000),
                  "z",
                  "line\u0085\r\u2028\u0001\ufffe ".repeat(20_000))
              .withContent("long line ".repeat(300_000));
      run(put(large, 1));
      run(put(new Edge("a|b", members("x", nested(100), "z", "\u0001".repeat(50_000))), 1));
      run(put(new VectorSpace("text", members("model", "m")), 1));
      run(put(Embedding.of("text", "large", new float[16_000]), 1));
      run(new RecallMemory("large", AT));
      reopenIfPossible();

      assertThat(memory("large").content()).isEqualTo(large.content());
      assertThat(memory("large").members().get("z")).isEqualTo(large.members().get("z"));
      assertThat(memory("large").recallCount()).isEqualTo(1);
      assertThat(ids(MemoryQuery.all().text("long line long"))).containsExactly("large");
      run(new ForgetMemory("large", 0));
    }

    @Test
    void givenKeysOfAnyCharacter_whenPut_thenTheyComeBack() throws Exception {
      List<String> names =
          List.of(
              "no",
              "1:30",
              "012",
              "123e4567",
              "2026-02-31",
              "~",
              "=",
              "<<",
              "null",
              "a: b",
              "#x",
              "- a",
              "[a]",
              "{a}",
              "&a",
              "*a",
              "!a",
              "|",
              ">",
              "%",
              "@",
              "`",
              "'",
              "\"",
              "\\",
              " a ",
              "a\nb",
              "a\tb",
              "\u0001",
              "\u0085",
              "\u2028",
              "\ufeff",
              "\ud83d\ude00",
              "e\u0301",
              "é",
              "A",
              "a",
              "a/b",
              "../x",
              "a|b",
              "---",
              "? a",
              ": ",
              "$time",
              "x".repeat(200));
      for (int i = 0; i < names.size(); i++) {
        String name = names.get(i);
        String note = "name " + i;
        Memory memory =
            new Memory(
                name,
                Tier.ACTIVE,
                "n" + i + ".md",
                name,
                members("id", name, name + ".", name, "tags", List.of(name, name)));
        run(note, Batch.of(put(memory, 1)));
        run(
            note,
            Batch.of(
                put(
                    new CoOccurrence(name, name, Value.of(1L)),
                    new Edge(name + "|x", members(name, name)),
                    new Observation(name + "|x", 0, members(name, List.of(name))),
                    VectorSpace.of("text", "model", 1),
                    Embedding.of("text", name, new float[] {i}, members(name, name)),
                    new ImageLink(name, value(List.of(name))))));
      }
      reopenIfPossible();
      assertSame();
      for (int i = 0; i < names.size(); i++) {
        assertThat(memory(names.get(i)).tags()).as("name %s", i).contains(names.get(i));
        assertThat(live(Kind.CO_OCCURRENCE, names.get(i), names.get(i)).count())
            .as("name %s", i)
            .isEqualTo(Value.of(1L));
        run("name " + i, Batch.of(new RecallMemory(names.get(i), AT)));
      }
    }
  }

  @Nested
  class Arguments {
    @Test
    void givenNull_whenCalled_thenRefusedBeforeAnythingHappens() {
      List<ThrowingCallable> calls =
          List.of(
              () -> store.execute(TwinStores.<Batch>nothing()),
              () -> store.read(nothing(), Key.of("m")),
              () -> store.read(Kind.MEMORY, nothing()),
              () -> store.readAll(nothing(), List.of()),
              () -> store.readAll(Kind.MEMORY, nothing()),
              () -> store.scan(nothing(), ScanRange.ALL).close(),
              () -> store.scan(Kind.MEMORY, nothing()).close(),
              () -> store.versions(nothing(), ScanRange.ALL).close(),
              () -> store.versions(Kind.MEMORY, nothing()).close(),
              () -> store.find(nothing()),
              () -> store.count(nothing()),
              () -> store.heads(nothing()).close(),
              () -> store.search(nothing()));
      for (int i = 0; i < calls.size(); i++) {
        assertThatNullPointerException().as("call %s", i).isThrownBy(calls.get(i));
      }
    }

    @Test
    void givenKeysThatNoRecordHas_whenRead_thenEmpty() {
      run(put(record("m"), 1));
      for (Key key :
          List.of(
              Key.of(""),
              Key.of("m", ""),
              Key.of("m", "m"),
              Key.of("a\0"),
              Key.of("\ud83d"),
              Key.of("x".repeat(100_000)))) {
        assertThat(store.read(Kind.MEMORY, key)).as("%s", key.parts().size()).isEmpty();
        assertThat(store.readAll(Kind.MEMORY, List.of(key))).isEmpty();
      }
      assertThat(store.read(Kind.EMBEDDING, Key.of("text"))).isEmpty();
      assertThat(store.read(Kind.OBSERVATION, Key.of("a|b", "first"))).isEmpty();
    }

    @Test
    void givenTextsThatNoStoreHolds_whenAskedFor_thenNothingIsFound() {
      run(put(record("m", "tags", List.of("?")).withContent("?"), 1));
      for (String text : UNSTORABLE) {
        assertThat(ids(MemoryQuery.all().text(text))).isEmpty();
        assertThat(ids(MemoryQuery.all().tag(text))).isEmpty();
        assertThat(ids(MemoryQuery.all().types(List.of(text)))).isEmpty();
        Any any = Any.NONE.id(List.of(text)).tag(List.of(text)).entity("agents", text);
        assertThat(ids(MemoryQuery.all().any(any.text(List.of(text))))).isEmpty();
        refusedSearch(text);
      }
    }

    private void refusedSearch(String space) {
      assertThatExceptionOfType(InvalidMemoryException.class)
          .isThrownBy(() -> store.search(SimilarQuery.nearest(space, new float[] {1})));
    }
  }

  @Nested
  class Lifecycle {
    @Test
    void givenFreshStore_whenLookedAt_thenEmptyAndUp() {
      StoreInfo info = store.info();
      assertThat(info.kinds().keySet()).containsExactlyElementsOf(Kind.all());
      assertThat(info.kinds().values()).containsOnly(0L);
      assertThat(info.tombstones().keySet()).containsExactlyElementsOf(Kind.all());
      assertThat(info.tombstones().values()).containsOnly(0L);
      assertThat(info.namespace()).isEqualTo(store.namespace()).isNotBlank();
      assertThat(info.type()).isNotBlank();
      assertThat(info.version()).isNotBlank();
      assertThat(info.setAside()).isEmpty();
      assertThat(info.files())
          .extracting(StoreInfo.File::use)
          .doesNotContain(StoreInfo.Use.SET_ASIDE);
      assertThat(store.health().status()).isNotEqualTo(Health.Status.DOWN);
      assertThat(info.health().status()).isEqualTo(store.health().status());
      assertThat(store.find(MemoryQuery.all())).isEmpty();
      assertThat(store.count(MemoryQuery.all())).isZero();
    }

    @Test
    void givenRecordsOfEachKind_whenCounted_thenLiveOnesAndTombstonesApart() {
      run(put(oneOfEachKind().toArray(MemoryRecord[]::new)));
      run(put(record("n"), record("o")));
      run(new ForgetMemory("m", 0));

      StoreInfo info = store.info();
      Map<Kind<?>, Long> live = Map.of(Kind.MEMORY, 2L, Kind.CO_OCCURRENCE, 0L, Kind.EMBEDDING, 0L);
      assertThat(info.kinds())
          .allSatisfy(
              (kind, count) ->
                  assertThat(count).as("%s", kind).isEqualTo(live.getOrDefault(kind, 1L)));
      Map<Kind<?>, Long> gone = Map.of(Kind.MEMORY, 1L, Kind.CO_OCCURRENCE, 1L, Kind.EMBEDDING, 1L);
      assertThat(info.tombstones())
          .allSatisfy(
              (kind, count) ->
                  assertThat(count).as("%s", kind).isEqualTo(gone.getOrDefault(kind, 0L)));
    }

    @Test
    void givenTwoStores_whenWritten_thenTheyDoNotSeeEachOther() throws Exception {
      var other = another("other");
      run(put(oneOfEachKind().toArray(MemoryRecord[]::new)));
      other.execute(StoreMemory.of("m", AT, "another agent's"));

      assertThat(memory("m").content()).isEqualTo("body of m");
      assertThat(other.info().kinds().get(Kind.MEMORY)).isEqualTo(1);
      assertThat(other.info().kinds().get(Kind.EDGE)).isZero();
      assertThat(other.read(Kind.EMBEDDING, Key.of("text", "m"))).isEmpty();
    }

    @Test
    void givenClosedStore_whenUsed_thenItSaysSoAndClosingAgainIsFine() throws Exception {
      var closed = another("closed");
      closed.execute(StoreMemory.of("m", AT, "x"));
      closed.close();
      closed.close();

      List<ThrowingCallable> calls =
          List.of(
              () -> closed.execute(StoreMemory.of("n", AT, "x")),
              () -> closed.read(Kind.MEMORY, Key.of("m")),
              () -> closed.readAll(Kind.MEMORY, List.of(Key.of("m"))),
              () -> closed.find(MemoryQuery.all()),
              () -> closed.count(MemoryQuery.all()),
              () -> closed.heads(MemoryQuery.all()).toList(),
              () -> closed.search(SimilarQuery.nearest("text", new float[] {1})),
              () -> closed.scan(Kind.MEMORY).toList(),
              () -> closed.versions(Kind.MEMORY, ScanRange.ALL).toList());
      for (int i = 0; i < calls.size(); i++) {
        assertThatExceptionOfType(MemoryStoreException.class)
            .as("call %s", i)
            .isThrownBy(calls.get(i));
      }
    }

    @Test
    void givenCheckpoint_whenAsked_thenNothingIsDifferent() {
      run(put(oneOfEachKind().toArray(MemoryRecord[]::new)));
      store.checkpoint();
      store.checkpoint();
      assertSame();
      run(new RecallMemory("m", AT));
      store.checkpoint();
    }
  }

  @Nested
  class Privacy {
    private static final String SECRET = "xyzzy-plugh";

    @Test
    void givenPrivateTexts_whenAnythingFailsOrIsShown_thenTheyAreNotInIt() {
      ByteArrayOutputStream log = new ByteArrayOutputStream();
      PrintStream out = System.out;
      PrintStream err = System.err;
      PrintStream both = new PrintStream(log, true, StandardCharsets.UTF_8);
      List<String> shown = new ArrayList<>();
      try {
        System.setOut(both);
        System.setErr(both);
        shown.addAll(provoke());
      } finally {
        System.setOut(out);
        System.setErr(err);
      }
      assertThat(shown).hasSizeGreaterThan(20);
      for (String text : shown) {
        assertThat(text).doesNotContain(SECRET);
      }
      assertThat(log.toString(StandardCharsets.UTF_8)).as("log").doesNotContain(SECRET);
    }

    private List<String> provoke() {
      Memory memory =
          record("m", "tags", List.of(SECRET), SECRET, SECRET, "notes", members(SECRET, SECRET))
              .withContent("four words come before " + SECRET);
      List<String> shown = new ArrayList<>();
      shown.add(run(put(memory, VectorSpace.of("text", SECRET, 1))).toString());
      shown.add(
          run(put(Embedding.of("text", "m", new float[] {1}, members("preview", SECRET)), 1))
              .toString());
      shown.add(run(put(new CoOccurrence("m", "x", Value.of(SECRET)), 1)).toString());
      shown.add(run(put(new Edge("a|b", members(SECRET, SECRET)), 1)).toString());
      shown.add(run(put(new Observation("a|b", 0, members(SECRET, SECRET)), 1)).toString());
      shown.add(run(put(new ImageLink("a.jpg", value(List.of(SECRET))), 1)).toString());
      shown.add(stored(Kind.MEMORY, "m").toString());
      shown.add(store.find(MemoryQuery.all().tag(SECRET)).toString());
      shown.add(store.info().toString());
      shown.add(store.health().toString());
      shown.add(store.toString());
      StoreMemory fresh =
          new StoreMemory(
              "n",
              AT,
              "four words come before " + SECRET,
              null,
              List.of(SECRET),
              0.5,
              null,
              List.of(),
              List.of(),
              Map.of("agents", List.of(SECRET)));
      List<Command> failing =
          List.of(
              new StoreMemory(
                  "m",
                  AT,
                  SECRET,
                  SECRET,
                  List.of(SECRET),
                  0.5,
                  SECRET,
                  List.of(),
                  List.of(),
                  Map.of()),
              fresh.withTags(List.of(SECRET + "\0")),
              fresh.withTags(List.of(SECRET + "x".repeat(200))),
              StoreMemory.of("n", AT, SECRET + "\0"),
              StoreMemory.of("n", AT, SECRET + "\ud83d"),
              StoreMemory.of("n", AT, SECRET.repeat(200_000)),
              UpdateMemory.of("m").content(SECRET).ifRevision(OptionalLong.of(77)),
              UpdateMemory.of("none").content(SECRET).set(SECRET, Value.of(SECRET)),
              UpdateMemory.of("m").set(SECRET + "\0", Value.of(SECRET)),
              UpdateMemory.of("m").set("x", Value.of(SECRET + "\0")),
              UpdateMemory.of("m").set("x", new Value.Opaque(SECRET)),
              UpdateMemory.of("m").set("x", Value.of(SECRET.repeat(10_000))),
              put(record("p", "x", SECRET + "\0"), 1),
              put(record("p").withContent(SECRET + "\r"), 1),
              put(new Memory("p", Tier.CORE, "p.md", "---" + SECRET + "---", null), 1),
              put(new CoOccurrence("none", "x", Value.of(SECRET)), 1),
              put(Embedding.of("none", "m", new float[] {1}, members("x", SECRET)), 1),
              new PutEmbedding(
                  Embedding.of("text", "m", new float[] {1, 2}, members("preview", SECRET))),
              new PutEmbedding(
                  Embedding.of("text", "m", new float[] {1}, members("x", SECRET + "\0"))),
              new DefineSpace(VectorSpace.of("text", SECRET + "!", 1)));
      for (Command command : failing) {
        shown.add(command.toString());
        for (Throwable t = catchThrowable(() -> run(command)); t != null; t = t.getCause()) {
          assertThat(t).isInstanceOf(Exception.class);
          shown.add(t.toString());
          for (Throwable suppressed : t.getSuppressed()) {
            shown.add(suppressed.toString());
          }
        }
      }
      for (ThrowingCallable call :
          List.<ThrowingCallable>of(
              () -> store.search(SimilarQuery.nearest("none", new float[] {1}).tag(SECRET)),
              () -> store.search(SimilarQuery.nearest("text", new float[] {1, 2}).tag(SECRET)))) {
        Throwable t = catchThrowable(call);
        assertThat(t).isInstanceOf(InvalidMemoryException.class);
        shown.add(t.toString());
      }
      return shown;
    }
  }
}

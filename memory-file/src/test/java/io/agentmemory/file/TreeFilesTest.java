package io.agentmemory.file;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.tuple;

import io.agentmemory.CorruptMemoryException;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Lesson;
import io.agentmemory.MemoryRecord;
import io.agentmemory.OtherFile;
import io.agentmemory.Rejection;
import io.agentmemory.StoreInfo;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.command.DeleteRecords;
import io.agentmemory.command.PutRecords;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** JSON files that are a list of records, or one record. */
final class TreeFilesTest {
  @TempDir Path folder;
  private Path root;

  @BeforeEach
  void makeTree() throws IOException {
    root = Files.createDirectories(folder.resolve("memory"));
    Files.createDirectories(root.resolve("active"));
  }

  private FileMemoryStore open() throws IOException {
    return FileMemoryStore.builder(root).checkpointAfter(Duration.ofHours(1)).build();
  }

  private Path write(String file, String text) throws IOException {
    Path path = root.resolve(file);
    Files.createDirectories(path.getParent());
    return Files.writeString(path, text);
  }

  private static void put(FileMemoryStore store, MemoryRecord record, long revision) {
    store.execute(new PutRecords(List.of(new PutRecords.Put(record, revision))));
  }

  private static void delete(FileMemoryStore store, Kind<?> kind, Key key, long revision) {
    store.execute(new DeleteRecords(List.of(new DeleteRecords.Delete(kind, key, revision))));
  }

  private static Value.Map members(Object... entries) {
    Value.Map map = Value.EMPTY_MAP;
    for (int i = 0; i < entries.length; i += 2) {
      Object value = entries[i + 1];
      map =
          map.with(
              (String) entries[i], value instanceof Value known ? known : Value.of((String) value));
    }
    return map;
  }

  private static Stored<?> stored(FileMemoryStore store, Kind<?> kind, String key) {
    return store.read(kind, Key.of(key)).orElseThrow();
  }

  @Nested
  class Lists {
    @Test
    void givenLogOfTwoWriters_whenOneRejectionChanges_thenAllOtherBytesStay() throws IOException {
      String before =
          "{\n  \"version\" : \"1.0\",\n  \"rejections\": [\n"
              + "    {\"timestamp\": \"a\",  \"reason\":\"\\u00e9\", \"target\": null},\n"
              + "    {\n      \"timestamp\": \"b\",\n      \"odd\": 1E2\n    }\n  ],\n"
              + "  \"stats\": {\"total\":2}\n}\n";
      Path log = write(".rejection_log.json", before);

      try (FileMemoryStore store = open()) {
        assertThat(stored(store, Kind.VALUE, ".rejection_log.json").value())
            .isEqualTo(
                new OtherFile(
                    ".rejection_log.json",
                    members("version", "1.0", "stats", members("total", Value.of(2L)))));
        put(
            store,
            new Rejection(0, members("timestamp", "a", "reason", "other", "target", Value.NULL)),
            2);
      }

      assertThat(Files.readString(log))
          .isEqualTo(before.replace("\"reason\":\"\\u00e9\"", "\"reason\":\"other\""));
    }

    @Test
    void givenIrregularItems_whenRead_thenTheyAreSetAsideAndStayWhereTheyAre() throws IOException {
      Path log = write(".rejection_log.json", "{\"rejections\": [7, {\"reason\": \"r\"}, null]}");

      try (FileMemoryStore store = open()) {
        assertThat(store.info().setAside())
            .anySatisfy(
                aside -> {
                  assertThat(aside.location()).contains(".rejection_log.json", "rejections/0");
                  assertThat(aside.reason()).isEqualTo("is no map");
                })
            .hasSize(1);
        assertThat(store.info().kinds()).containsEntry(Kind.REJECTION, 1L);
        assertThat(store.info().kinds()).containsEntry(Kind.VALUE, 0L);
        put(store, new Rejection(3, members("reason", "new")), 1);
      }

      assertThat(Files.readString(log))
          .isEqualTo("{\"rejections\": [7, {\"reason\": \"r\"}, null, {\"reason\": \"new\"}]}");
    }

    @Test
    void givenBareList_whenSomethingIsToStandBesideIt_thenItBecomesAMapWithIt() throws IOException {
      Path log = write(".rejection_log.json", "[{\"reason\": \"first\"}]");

      try (FileMemoryStore store = open()) {
        put(store, new Rejection(1, members("reason", "second")), 1);
      }
      assertThat(Files.readString(log))
          .isEqualTo("[{\"reason\": \"first\"}, {\"reason\": \"second\"}]");

      try (FileMemoryStore store = open()) {
        put(store, new OtherFile(".rejection_log.json", members("agent", "A")), 1);
        delete(store, Kind.REJECTION, Rejection.key(1), 2);
      }
      try (FileMemoryStore store = open()) {
        assertThat(stored(store, Kind.REJECTION, "00000000").value())
            .isEqualTo(new Rejection(0, members("reason", "first")));
        assertThat(stored(store, Kind.REJECTION, "00000001").isTombstone()).isTrue();
        assertThat(stored(store, Kind.VALUE, ".rejection_log.json").value())
            .isEqualTo(new OtherFile(".rejection_log.json", members("agent", "A")));
      }
    }

    @Test
    void givenRawLessons_whenOneIsAdded_thenItIsRawToo() throws IOException {
      Path lessons = write("lessons.json", "[\r\n  {\r\n    \"lesson\": \"é\"\r\n  }\r\n]");

      try (FileMemoryStore store = open()) {
        put(store, new Lesson(1, members("lesson", "漢 \u007f😀")), 1);
      }

      assertThat(Files.readString(lessons))
          .isEqualTo(
              "[\r\n  {\r\n    \"lesson\": \"é\"\r\n  },\r\n  {\r\n    \"lesson\":"
                  + " \"漢 \\u007f😀\"\r\n  }\r\n]");
    }

    @Test
    void givenLessonsThatAreNoList_whenWrittenTo_thenRefusedAndLeftAlone() throws IOException {
      Path lessons = write("lessons.json", "{\"lessons\": []}");

      try (FileMemoryStore store = open()) {
        assertThat(store.info().setAside())
            .singleElement()
            .satisfies(aside -> assertThat(aside.reason()).endsWith("is no JSON list"));
        assertThatExceptionOfType(CorruptMemoryException.class)
            .isThrownBy(() -> put(store, new Lesson(0, members("lesson", "x")), 1));
      }

      assertThat(Files.readString(lessons)).isEqualTo("{\"lessons\": []}");
    }

    @Test
    void givenMiddleAndEndDeleted_whenWritten_thenNullHoldsThePlaceOfTheMiddle()
        throws IOException {
      Path lessons = root.resolve("lessons.json");
      try (FileMemoryStore store = open()) {
        for (int i = 0; i < 4; i++) {
          put(store, new Lesson(i, members("lesson", "l" + i)), 1);
        }
        store.checkpoint();
        delete(store, Kind.LESSON, Lesson.key(1), 2);
        delete(store, Kind.LESSON, Lesson.key(3), 2);
      }

      assertThat(Files.readString(lessons))
          .isEqualTo(
              """
              [
                {
                  "lesson": "l0"
                },
                null,
                {
                  "lesson": "l2"
                }
              ]""");
    }
  }

  @Nested
  class Wholes {
    @Test
    void givenFilesOfAnyValueAnywhere_whenOpened_thenEachIsARecordAndNoneIsUncovered()
        throws IOException {
      write("vocabulary_map.json", "{\"a\": \"b\"}");
      write("social/deep/er/x.json", "[1, 2.0]");
      write("core/odd.json", "\"text\"");
      write("notes.json", "null");
      write("context/who.json", "{}");
      write("context/more/who.json", "3");
      write(".hidden/x.json", "{}");
      write("photo.jpg", "x");
      Path sensors = Files.createDirectories(folder.resolve("sensors"));
      Files.writeString(sensors.resolve("physical_entities.json"), "{\"k\": {}}");

      try (FileMemoryStore store = open()) {
        try (var values = store.scan(Kind.VALUE)) {
          assertThat(values.map(value -> value.key().part(0)))
              .containsExactly(
                  "context/more/who.json",
                  "core/odd.json",
                  "notes.json",
                  "sensors/physical_entities.json",
                  "social/deep/er/x.json",
                  "vocabulary_map.json");
        }
        assertThat(stored(store, Kind.CONTEXT_GRAPH, "who").isTombstone()).isFalse();
        assertThat(store.info().files())
            .filteredOn(file -> file.use() != StoreInfo.Use.RECORDS)
            .extracting(StoreInfo.File::path, StoreInfo.File::use)
            .containsExactly(
                tuple(".hidden/", StoreInfo.Use.SET_ASIDE),
                tuple(".memory/", StoreInfo.Use.DERIVED),
                tuple("photo.jpg", StoreInfo.Use.SET_ASIDE));
        assertThat(store.info().setAside()).isEmpty();
        put(store, new OtherFile("sensors/new.json", Value.NULL), 1);
      }

      assertThat(sensors.resolve("new.json")).hasContent("null");
    }

    @Test
    void givenFilesOfText_whenRead_thenEveryCharacterIsKeptAndGivenBack() throws IOException {
      String text = "\uFEFF---\r\nname: Lex\r\n---\n\nüber \uD83D\uDE00\n\n";
      Path contact = write("social/contacts/lex.md", text);
      write("rejected/rejected-x.md", "");
      write("core/deep/notes.md", "deep");
      Path history = write("social/archive/old.jsonl", "{\"a\": 1}\n{\"a\": 2}");
      Path none = folder.resolve("memory/none.md");
      Files.write(none, new byte[] {'a', (byte) 0xff});
      write("nul.md", "a\0b");
      write("social/archive/large.jsonl", "x".repeat((16 << 20) + 1));

      try (FileMemoryStore store = open()) {
        assertThat(stored(store, Kind.VALUE, "social/contacts/lex.md").live().orElseThrow())
            .isEqualTo(new OtherFile("social/contacts/lex.md", Value.of(text)));
        assertThat(stored(store, Kind.VALUE, "rejected/rejected-x.md").live().orElseThrow())
            .isEqualTo(new OtherFile("rejected/rejected-x.md", Value.of("")));
        assertThat(stored(store, Kind.VALUE, "core/deep/notes.md").isTombstone()).isFalse();
        assertThat(store.info().setAside())
            .extracting(StoreInfo.SetAside::location, StoreInfo.SetAside::reason)
            .containsExactly(
                tuple("none.md", "is no text in UTF-8"),
                tuple("nul.md", "has NUL, which no database keeps"),
                tuple("social/archive/large.jsonl", "has 16777217 bytes, more than 16777216"));
        put(store, new OtherFile("social/contacts/lex.md", Value.of("new\r\n")), 2);
        delete(store, Kind.VALUE, Key.of("social/archive/old.jsonl"), 2);
      }

      assertThat(Files.readString(contact)).isEqualTo("new\r\n");
      assertThat(history).doesNotExist();
      assertThat(Files.readAllBytes(none)).containsExactly('a', 0xff);
    }

    @Test
    void givenOneMemberChanged_whenWritten_thenTheOthersKeepTheirBytes() throws IOException {
      String before = "{\"a\":{\"x\":1e2,\"y\":[ 1 ]},\n \"b\" : \"\\u0041\"}";
      Path file = write("social/my.json", before);

      try (FileMemoryStore store = open()) {
        OtherFile old =
            (OtherFile) stored(store, Kind.VALUE, "social/my.json").live().orElseThrow();
        Value.Map map = (Value.Map) old.value();
        Value.Map a = (Value.Map) requireNonNull(map.get("a"));
        put(
            store,
            new OtherFile("social/my.json", map.with("a", a.with("y", Value.of("changed")))),
            2);
      }

      assertThat(Files.readString(file)).isEqualTo(before.replace("[ 1 ]", "\"changed\""));
    }

    @Test
    void givenRecordDeleted_whenWritten_thenItsFileAndItsCacheAreGone() throws IOException {
      Path file = write("social/my.json", "{\"secret\": 1}");
      try (FileMemoryStore store = open()) {
        put(store, new OtherFile("social/my.json", members("secret", "two")), 2);
      }
      try (FileMemoryStore store = open()) {
        delete(store, Kind.VALUE, Key.of("social/my.json"), 3);
      }

      assertThat(file).doesNotExist();
      try (var cached = Files.list(root.resolve(".memory/cache"))) {
        assertThat(cached).isEmpty();
      }
      for (int i = 0; i < 2; i++) {
        try (FileMemoryStore store = open()) {
          assertThat(stored(store, Kind.VALUE, "social/my.json").isTombstone()).isTrue();
          assertThat(store.info().setAside()).isEmpty();
        }
      }
    }

    @Test
    void givenKnownFile_whenEditedOrDeletedOutside_thenItsRevisionFollows() throws IOException {
      Path file = write("vocabulary_map.json", "{\"a\": \"b\"}");
      try (FileMemoryStore store = open()) {
        put(store, new OtherFile("other.json", Value.NULL), 1); // so that there is a checkpoint
      }
      Files.writeString(file, "{\"a\": \"c\"}");

      try (FileMemoryStore store = open()) {
        assertThat(stored(store, Kind.VALUE, "vocabulary_map.json").revision()).isEqualTo(2);
      }
      Files.delete(file);

      for (int i = 0; i < 2; i++) {
        try (FileMemoryStore store = open()) {
          Stored<?> gone = stored(store, Kind.VALUE, "vocabulary_map.json");
          assertThat(gone.isTombstone()).isTrue();
          assertThat(gone.revision()).isEqualTo(3);
          assertThat(store.info().setAside()).isEmpty();
        }
      }
    }

    @Test
    void givenWholeFolderGone_whenOpened_thenNothingCountsAsDeleted() throws IOException {
      Path file = write("social/my.json", "{}");
      try (FileMemoryStore store = open()) {
        put(store, new OtherFile("other.json", Value.NULL), 1);
      }
      Files.delete(file);
      Files.delete(file.getParent());

      try (FileMemoryStore store = open()) {
        assertThat(store.read(Kind.VALUE, Key.of("social/my.json"))).isEmpty();
        assertThat(store.info().setAside())
            .anySatisfy(aside -> assertThat(aside.location()).isEqualTo("social/my.json"));
      }
    }

    @Test
    void givenBrokenFiles_whenOpened_thenEachIsSetAsideAndLeftAlone() throws IOException {
      Map<String, String> broken =
          Map.of(
              "a.json", "{\"cut\": ",
              "b.json", "",
              "c.json", "[\"\\ud800\"]",
              "context/d.json", "[]");
      for (Map.Entry<String, String> file : broken.entrySet()) {
        write(file.getKey(), file.getValue());
      }

      try (FileMemoryStore store = open()) {
        assertThat(store.info().setAside())
            .extracting(aside -> aside.location())
            .containsExactlyInAnyOrderElementsOf(broken.keySet());
        assertThatExceptionOfType(CorruptMemoryException.class)
            .isThrownBy(() -> put(store, new OtherFile("c.json", Value.NULL), 1));
      }

      for (Map.Entry<String, String> file : broken.entrySet()) {
        assertThat(root.resolve(file.getKey())).hasContent(file.getValue());
      }
    }

    @Test
    void givenLinkInTheWay_whenWritten_thenRefused() throws IOException {
      Path elsewhere = Files.createDirectories(folder.resolve("elsewhere"));
      Files.createSymbolicLink(root.resolve("social"), elsewhere);

      try (FileMemoryStore store = open()) {
        assertThatExceptionOfType(InvalidMemoryException.class)
            .isThrownBy(() -> put(store, new OtherFile("social/my.json", Value.NULL), 1));
      }

      assertThat(elsewhere).isEmptyDirectory();
    }

    @Test
    void givenTwoFilesOfTheSameBytes_whenCached_thenNeitherIsTakenForTheOther() throws IOException {
      try (FileMemoryStore store = open()) {
        put(store, new OtherFile("a/b.json", Value.EMPTY_MAP), 1);
        put(store, new OtherFile("a-b.json", Value.EMPTY_MAP), 1);
      }

      try (FileMemoryStore store = open();
          var values = store.scan(Kind.VALUE)) {
        assertThat(values.map(value -> value.key().part(0)))
            .containsExactly("a-b.json", "a/b.json");
      }
    }
  }
}

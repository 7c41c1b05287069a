package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.ImageLink;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Observation;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.spi.Canonical;
import io.agentmemory.testkit.DriftSamples;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JsonDocumentTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final List<Document> DOCUMENTS =
      List.of(
          Document.edges(),
          Document.vectors(VectorSpace.TEXT),
          Document.vectors(VectorSpace.IMAGE),
          Document.imageLinks());

  /** What a document says. */
  record Content(Map<Kind<?>, Map<Key, MemoryRecord>> records, List<String> problems) {
    <T extends MemoryRecord> Map<Key, MemoryRecord> of(Kind<T> kind) {
      return records.getOrDefault(kind, Map.of());
    }

    int size() {
      return records.values().stream().mapToInt(Map::size).sum();
    }
  }

  private static Content read(Document document, byte[] bytes)
      throws IOException, UnreadableFileException {
    Content content = new Content(new LinkedHashMap<>(), new ArrayList<>());
    document.read(
        new ByteArrayInputStream(bytes),
        record ->
            content
                .records()
                .computeIfAbsent(record.kind(), kind -> new LinkedHashMap<>())
                .put(record.key(), record),
        (place, reason) -> content.problems().add(place + " " + reason));
    return content;
  }

  private static Content read(Document document, String text)
      throws IOException, UnreadableFileException {
    return read(document, text.getBytes(UTF_8));
  }

  private static byte[] write(Document document, byte @Nullable [] old, Object... changes)
      throws IOException, UnreadableFileException {
    Map<Kind<?>, Map<Key, Optional<MemoryRecord>>> byKind = new LinkedHashMap<>();
    for (Object change : changes) {
      if (change instanceof MemoryRecord record) {
        byKind
            .computeIfAbsent(record.kind(), kind -> new LinkedHashMap<>())
            .put(record.key(), Optional.of(record));
      } else {
        Gone gone = (Gone) change;
        byKind
            .computeIfAbsent(gone.kind(), kind -> new LinkedHashMap<>())
            .put(gone.key(), Optional.empty());
      }
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    document.write(old == null ? null : new ByteArrayInputStream(old), out, byKind);
    return out.toByteArray();
  }

  private record Gone(Kind<?> kind, Key key) {}

  private static String patch(Document document, String old, Object... changes)
      throws IOException, UnreadableFileException {
    return new String(write(document, old.getBytes(UTF_8), changes), UTF_8);
  }

  private static Path file(DriftSamples samples, Document document) {
    return document.location().startsWith("sensors/")
        ? samples.tree().resolve(document.location())
        : samples.memory().resolve(document.location());
  }

  @Nested
  class OfTheSamples {
    private static final List<DriftSamples> SAMPLES = new ArrayList<>();

    @BeforeAll
    static void unpack(@TempDir Path folder) throws IOException {
      SAMPLES.add(DriftSamples.small(folder.resolve("small")));
      SAMPLES.add(DriftSamples.thousand(folder.resolve("thousand")));
    }

    @AfterAll
    static void forget() {
      SAMPLES.clear();
    }

    @Test
    void givenEveryDocument_whenRead_thenEveryValueIsTheOneOfAPlainParser() throws Exception {
      int[] edges = {931, 3176};
      int[] observations = {4577, 4383};
      int[] vectors = {158, 998};
      for (int i = 0; i < 2; i++) {
        DriftSamples samples = SAMPLES.get(i);
        assertThat(compare(samples, DOCUMENTS.get(0)).of(Kind.EDGE)).hasSize(edges[i]);
        assertThat(compare(samples, DOCUMENTS.get(0)).of(Kind.OBSERVATION))
            .hasSize(observations[i]);
        assertThat(compare(samples, DOCUMENTS.get(1)).of(Kind.EMBEDDING)).hasSize(vectors[i]);
        assertThat(compare(samples, DOCUMENTS.get(2)).of(Kind.EMBEDDING)).hasSize(9);
        assertThat(compare(samples, DOCUMENTS.get(3)).of(Kind.IMAGE_LINK)).hasSize(5);
      }
    }

    private static Content compare(DriftSamples samples, Document document) throws Exception {
      byte[] bytes = Files.readAllBytes(file(samples, document));
      Content content = read(document, bytes);
      assertThat(content.problems()).isEmpty();
      assertThat(JSON.readTree(Canonical.json(asTree(document, content))))
          .isEqualTo(shortened(document, JSON.readTree(bytes)));
      return content;
    }

    @Test
    void givenEveryDocument_whenCopiedWithoutChanges_thenEveryByteStays() throws Exception {
      for (DriftSamples samples : SAMPLES) {
        for (Document document : DOCUMENTS) {
          byte[] bytes = Files.readAllBytes(file(samples, document));
          assertThat(write(document, bytes)).as(document.location()).isEqualTo(bytes);
        }
      }
    }

    @Test
    void givenEveryDocument_whenWrittenAnew_thenItIsAsTheOriginalWroteIt() throws Exception {
      for (DriftSamples samples : SAMPLES) {
        for (Document document : DOCUMENTS) {
          byte[] bytes = Files.readAllBytes(file(samples, document));
          Content content = read(document, bytes);
          List<Object> all = new ArrayList<>();
          content.records().values().forEach(records -> all.addAll(records.values()));

          byte[] written = write(document, null, all.toArray());

          if (document.location().contains("embeddings")) {
            // nine digits there, where the shortest text of a float often needs but eight
            assertThat(read(document, written)).isEqualTo(content);
            assertThat(new String(written, UTF_8))
                .startsWith(new String(bytes, UTF_8).substring(0, 14));
          } else {
            assertThat(new String(written, UTF_8)).isEqualTo(new String(bytes, UTF_8));
          }
        }
      }
    }

    @Test
    void givenEveryDocument_whenOneRecordChanges_thenOnlyItsEntryDoes() throws Exception {
      Random random = new Random(3);
      DriftSamples samples = SAMPLES.get(0);
      for (Document document : DOCUMENTS) {
        byte[] bytes = Files.readAllBytes(file(samples, document));
        Content content = read(document, bytes);
        for (Map<Key, MemoryRecord> records : content.records().values()) {
          List<MemoryRecord> all = new ArrayList<>(records.values());
          for (int i = 0; i < 4; i++) {
            MemoryRecord record = all.get(random.nextInt(all.size()));
            MemoryRecord changed = changed(record);

            byte[] written = write(document, bytes, changed);

            Content after = read(document, written);
            records.put(record.key(), changed);
            assertThat(after).as("%s %s", record.kind(), record.key()).isEqualTo(content);
            records.put(record.key(), record);
            int before = common(bytes, written, false);
            int behind = common(bytes, written, true);
            assertThat(bytes.length - before - behind)
                .as("%s %s", record.kind(), record.key())
                .isLessThan(260);
            assertThat(write(document, written, record)).isEqualTo(bytes);
          }
        }
      }
    }

    private static int common(byte[] a, byte[] b, boolean fromEnd) {
      int same = 0;
      int most = Math.min(a.length, b.length);
      while (same < most
          && a[fromEnd ? a.length - 1 - same : same] == b[fromEnd ? b.length - 1 - same : same]) {
        same++;
      }
      return same;
    }
  }

  @Nested
  class Read {
    @Test
    void givenStandaloneShape_whenRead_thenItsEdgesAreFoundAndItsOtherMembersPassedOver()
        throws Exception {
      Content content =
          read(
              Document.edges(),
              """
              {"version": "3.0", "edges": {"a|b": {"observations": [{"weight": 1}], "belief": 1,
              "status": "x"}}, "note": {"observations": []}}""");

      assertThat(content.problems()).isEmpty();
      assertThat(content.of(Kind.EDGE)).containsOnlyKeys(Key.of("a|b"));
      assertThat(content.of(Kind.OBSERVATION)).containsOnlyKeys(Observation.key("a|b", 0));
    }

    @Test
    void givenEntriesThatCannotBeHeld_whenRead_thenTheyAreToldAndTheRestGoesOn() throws Exception {
      String deep = "[".repeat(10_000) + "]".repeat(10_000);
      String long_ = "1".repeat(1_000_000);
      Content edges =
          read(
              Document.edges(),
              """
              {"a|b": {"observations": [{}, 5, null, {"note": "\\ud800"}, {"id": "x"}]},
               "c": [], "d": {"belief": DEEP}, "e": {"x": {"y": LONG}}, "f": {"z": "\\u0000"},
               "g": {"belief": NaN, "big": 123456789012345678901, "over": 1e999},
               "h": {}, "i": {"n": -INF}}"""
                  .replace("DEEP", deep)
                  .replace("LONG", long_));

      assertThat(edges.problems())
          .containsExactly(
              ".edges_v3.json#a|b/observations/1 is no map",
              ".edges_v3.json#a|b/observations/3/note has NUL or half a character",
              ".edges_v3.json#c is no map",
              ".edges_v3.json#d/belief/0/0/0/0/0/0/0/0 is nested too deep",
              ".edges_v3.json#e/x/y has a number of 1000000 characters",
              ".edges_v3.json#f/z has NUL or half a character",
              ".edges_v3.json#i/n has a number that neither JSON nor Python knows");
      assertThat(edges.of(Kind.EDGE)).containsOnlyKeys(Key.of("a|b"), Key.of("g"), Key.of("h"));
      assertThat(edges.of(Kind.OBSERVATION))
          .containsOnlyKeys(Observation.key("a|b", 0), Observation.key("a|b", 4));
      assertThat(edges.of(Kind.EDGE))
          .containsEntry(
              Key.of("g"),
              new Edge(
                  "g",
                  Value.EMPTY_MAP
                      .with("belief", new Value.Opaque("NaN"))
                      .with("big", new Value.Opaque("123456789012345678901"))
                      .with("over", new Value.Opaque("1e999"))));
    }

    @Test
    void givenVectorsThatCannotBeHeld_whenRead_thenTheyAreToldAndTheRestGoesOn() throws Exception {
      Content content =
          read(
              Document.vectors("text"),
              """
              {"memories": {"a": {"embedding": [1, NaN]}, "b": {"embedding": [1e39]}, "c": {},
              "d": {"embedding": "x"}, "e": 1, "f": {"embedding": [1, 0.1, -0.0, 2e-3]},
              "g": {"embedding": [null, 1]}, "h": {"embedding": []}}, "model": "m"}""");

      assertThat(content.problems())
          .containsExactly(
              "embeddings.json#a/embedding/1 is no number that 32 bits can hold",
              "embeddings.json#b/embedding/0 is no number that 32 bits can hold",
              "embeddings.json#c has no embedding",
              "embeddings.json#d/embedding is no list of numbers",
              "embeddings.json#e is no map",
              "embeddings.json#g/embedding/0 is no number that 32 bits can hold");
      assertThat(content.of(Kind.EMBEDDING).values())
          .containsExactly(
              Embedding.of("text", "f", 1, 0.1f, 0, 0.002f), Embedding.of("text", "h"));
      assertThat(content.of(Kind.VECTOR_SPACE).values())
          .containsExactly(new VectorSpace("text", Value.EMPTY_MAP.with("model", Value.of("m"))));
    }

    @Test
    void givenKeyThatStandsTwice_whenRead_thenItIsToldAndTheLastOneCounts() throws Exception {
      Content content =
          read(Document.imageLinks(), "{\"links\": {\"a\": [1], \"b\": [], \"a\": [2]}}");

      assertThat(content.problems())
          .containsExactly(
              "sensors/data/image_memory_links.json#a stands twice, of which the last one counts");
      assertThat(content.of(Kind.IMAGE_LINK))
          .containsEntry(Key.of("a"), new ImageLink("a", new Value.Seq(List.of(Value.of(2L)))));
    }

    @Test
    void givenDocumentThatIsNoJson_whenRead_thenItIsRefusedWithTheLine() throws Exception {
      refuse("", "is empty", 0);
      refuse("  \n ", "is empty", 0);
      refuse("[]", "is no JSON object", 1);
      refuse("\n\"x\"", "is no JSON object", 2);
      refuse("{} {}", "has something after its end", 1);
      refuse("{\n}\nx", "is no JSON", 3);
      refuse("{\"a|b\": {},\n}", "is no JSON", 2);
      refuse("{'a': 1}", "is no JSON", 1);
      refuse("{\"a\": 01}", "is no JSON", 1);
      refuse("{\"version\": 3, \"edges\":\n []}", "has no map under edges", 2);
      refuse("{\"" + "k".repeat(70_000) + "\": 1}", "has a name or value beyond every limit", 0);
    }

    @Test
    void givenBytesThatAreNoUtf8_whenRead_thenTheyAreRefusedWithTheOffset() throws Exception {
      for (String bad :
          List.of(
              "80",
              "c0 80",
              "c1 bf",
              "e0 9f bf",
              "ed a0 80",
              "f0 8f bf bf",
              "f4 90 80 80",
              "f5 80 80 80",
              "fe",
              "c3 22",
              "e2 82 22")) {
        byte[] bytes = "{\"note\": \"__________\"}".getBytes(UTF_8);
        String[] hex = bad.split(" ");
        for (int i = 0; i < hex.length; i++) {
          bytes[11 + i] = (byte) Integer.parseInt(hex[i], 16);
        }
        assertThatExceptionOfType(UnreadableFileException.class)
            .as(bad)
            .isThrownBy(() -> read(Document.edges(), bytes))
            .satisfies(e -> assertThat(e.reason()).startsWith("is no UTF-8 at byte 1"));
      }
      byte[] utf16 = "{}".getBytes(java.nio.charset.StandardCharsets.UTF_16LE);
      assertThatExceptionOfType(UnreadableFileException.class)
          .isThrownBy(() -> read(Document.edges(), utf16))
          .satisfies(e -> assertThat(e.reason()).isEqualTo("has a NUL at byte 1"));
    }

    @Test
    void givenDocumentCutAnywhere_whenRead_thenItIsRefused() throws Exception {
      byte[] whole =
          "{\"a|b\": {\"observations\": [{\"é\": [1.5, true]}], \"b\": null}}".getBytes(UTF_8);
      read(Document.edges(), whole);
      for (int length = 0; length < whole.length; length++) {
        byte[] cut = java.util.Arrays.copyOf(whole, length);
        assertThatExceptionOfType(UnreadableFileException.class)
            .as("cut at %s", length)
            .isThrownBy(() -> read(Document.edges(), cut));
        assertThatExceptionOfType(UnreadableFileException.class)
            .as("cut at %s", length)
            .isThrownBy(() -> write(Document.edges(), cut));
      }
    }

    private static void refuse(String text, String reason, int line) {
      assertThatExceptionOfType(UnreadableFileException.class)
          .as(text.substring(0, Math.min(30, text.length())))
          .isThrownBy(() -> read(Document.edges(), text))
          .satisfies(e -> assertThat(e.reason()).isEqualTo(reason))
          .satisfies(e -> assertThat(e.line()).isEqualTo(line));
    }
  }

  @Nested
  class Write {
    private static final Document TEXT = Document.vectors("text");

    @Test
    void givenNoDocument_whenWritten_thenItIsInTheOriginalsDialect() throws Exception {
      Value.Map members =
          Value.EMPTY_MAP
              .with("preview", Value.of("Grüße \"😀\"\\\n\u007f"))
              .with("n", Value.of(1e-5));
      assertThat(
              new String(
                  write(
                      TEXT,
                      null,
                      VectorSpace.of("text", "m", 2),
                      Embedding.of("text", "a", new float[] {0.1f, -2}, members),
                      Embedding.of("other", "z", 1)),
                  UTF_8))
          .isEqualTo(
              "{\"memories\": {\"a\": {\"embedding\": [0.1, -2.0], \"preview\":"
                  + " \"Gr\\u00fc\\u00dfe \\\"\\ud83d\\ude00\\\"\\\\\\n\\u007f\", \"n\": 1e-05}},"
                  + " \"model\": \"m\", \"embedding_dim\": 2}");
      assertThat(
              new String(
                  write(
                      Document.edges(),
                      null,
                      new Edge("a|b", Value.EMPTY_MAP.with("observations", Value.EMPTY_SEQ)),
                      new Edge("c|d", Value.EMPTY_MAP),
                      new Observation("a|b", 1, Value.EMPTY_MAP.with("w", Value.of(1L)))),
                  UTF_8))
          .isEqualTo(
              """
              {
                "a|b": {
                  "observations": [
                    null,
                    {
                      "w": 1
                    }
                  ]
                },
                "c|d": {}
              }""");
      assertThat(
              new String(
                  write(Document.vectors("image"), null, VectorSpace.of("image", "j", 3)), UTF_8))
          .isEqualTo("{\"images\": {}, \"model\": \"j\", \"dimensions\": 3}");
    }

    @Test
    void givenForeignDialects_whenChanged_thenNewPartsLookLikeTheRest() throws Exception {
      Embedding b = Embedding.of("text", "b", 1.5f);
      assertThat(patch(TEXT, "{\"memories\":{\"a\":{\"embedding\":[1]}}}", b))
          .isEqualTo("{\"memories\":{\"a\":{\"embedding\":[1]},\"b\":{\"embedding\":[1.5]}}}");
      assertThat(patch(TEXT, "{\r\n\t\"memories\": {\r\n\t}\r\n}\r\n", b))
          .isEqualTo(
              "{\r\n\t\"memories\": {\r\n\t\t\"b\": {\r\n\t\t\t\"embedding\": [\r\n"
                  + "\t\t\t\t1.5\r\n\t\t\t]\r\n\t\t}\r\n\t}\r\n}\r\n");
      assertThat(patch(TEXT, "\ufeff{ }", b))
          .isEqualTo("\ufeff{\"memories\": {\"b\": {\"embedding\": [1.5]}}}");
      assertThat(patch(TEXT, "{ \"model\" : \"m\" }\n", b))
          .isEqualTo("{ \"model\" : \"m\", \"memories\" : {\"b\" : {\"embedding\" : [1.5]}} }\n");
      assertThat(patch(TEXT, "{\"memories\": null}", b))
          .isEqualTo("{\"memories\": {\"b\": {\"embedding\": [1.5]}}}");
    }

    @Test
    void givenEntries_whenSomeGo_thenCommasAndBlanksStayRight() throws Exception {
      String old = "{ \"links\" : {\"a\": [] ,\n\"b\": [1],  \"c\": {}} , \"x\": 1}";
      Document links = Document.imageLinks();
      Gone a = new Gone(Kind.IMAGE_LINK, Key.of("a"));
      Gone b = new Gone(Kind.IMAGE_LINK, Key.of("b"));
      Gone c = new Gone(Kind.IMAGE_LINK, Key.of("c"));

      assertThat(patch(links, old, a))
          .isEqualTo("{ \"links\" : {\"b\": [1],  \"c\": {}} , \"x\": 1}");
      assertThat(patch(links, old, b))
          .isEqualTo("{ \"links\" : {\"a\": [],  \"c\": {}} , \"x\": 1}");
      assertThat(patch(links, old, c))
          .isEqualTo("{ \"links\" : {\"a\": [] ,\n\"b\": [1]} , \"x\": 1}");
      assertThat(patch(links, old, a, b, c)).isEqualTo("{ \"links\" : {} , \"x\": 1}");
    }

    @Test
    void givenObservations_whenSomeGo_thenTheOthersKeepTheirPlaces() throws Exception {
      String old =
          "{\"a|b\": {\"observations\": [{\"n\": 0}, {\"n\": 1}, {\"n\": 2}], \"belief\": 1.50}}";
      Document edges = Document.edges();
      Gone zero = new Gone(Kind.OBSERVATION, Observation.key("a|b", 0));
      Gone two = new Gone(Kind.OBSERVATION, Observation.key("a|b", 2));
      Observation four = new Observation("a|b", 4, Value.EMPTY_MAP);

      assertThat(patch(edges, old, zero))
          .isEqualTo(
              "{\"a|b\": {\"observations\": [null, {\"n\": 1}, {\"n\": 2}], \"belief\": 1.50}}");
      assertThat(patch(edges, old, two))
          .isEqualTo("{\"a|b\": {\"observations\": [{\"n\": 0}, {\"n\": 1}], \"belief\": 1.50}}");
      assertThat(patch(edges, old, two, four))
          .isEqualTo(
              "{\"a|b\": {\"observations\": [{\"n\": 0}, {\"n\": 1}, null, null, {}], \"belief\": 1.50}}");
      assertThat(patch(edges, old, new Gone(Kind.EDGE, Key.of("a|b")), zero)).isEqualTo("{}");
    }

    @Test
    void givenEdgesThatComeLast_whenWritten_thenTheyMoveWithAllTheirBytes() throws Exception {
      String old =
          """
          {
            "a|b": {"belief": 1.50, "observations": [7, {"n": 1.0}]},
            "c|d": {"belief":  2},
            "e|f": {}
          }""";
      Map<Key, Optional<MemoryRecord>> changes = new LinkedHashMap<>();
      for (String pair : List.of("n|m", "c|d", "a|b")) {
        Value.Map members = pair.equals("a|b") ? belief(1.5) : belief(2);
        changes.put(Key.of(pair), Optional.of(new Edge(pair, members)));
      }
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      Document.edges()
          .write(
              new ByteArrayInputStream(old.getBytes(UTF_8)),
              out,
              Map.of(Kind.EDGE, changes),
              Set.of(Key.of("c|d"), Key.of("a|b"), Key.of("n|m")));

      assertThat(out.toString(UTF_8))
          .isEqualTo(
              """
              {
                "e|f": {},
                "n|m": {
                  "belief": 2
                },
                "c|d": {"belief":  2},
                "a|b": {"belief": 1.50, "observations": [7, {"n": 1.0}]}
              }""");
    }

    private static Value.Map belief(double belief) {
      return belief == 2
          ? Value.EMPTY_MAP.with("belief", Value.of(2))
          : Value.EMPTY_MAP.with("belief", Value.of(belief)).with("observations", Value.EMPTY_SEQ);
    }

    @Test
    void givenWhatADocumentCannotHold_whenWritten_thenItIsRefused() {
      Value.Map time = Value.EMPTY_MAP.with("at", new Value.Time("2026-02-10"));
      Value.Map odd =
          Value.EMPTY_MAP.with("x", Value.EMPTY_MAP.with("y", new Value.Opaque(".inf")));
      List.of(
              new Edge("a", time),
              new Edge("a", odd),
              new Observation("a", 0, time),
              new ImageLink("a", new Value.Opaque("12")))
          .forEach(
              record ->
                  assertThatIllegalArgumentException()
                      .isThrownBy(
                          () ->
                              write(
                                  record instanceof ImageLink
                                      ? Document.imageLinks()
                                      : Document.edges(),
                                  null,
                                  record)));
      assertThat(
              TEXT.refusal(
                  Embedding.of(
                      "text", "a", new float[1], Value.EMPTY_MAP.with("embedding", Value.NULL))))
          .isEqualTo("a member is called embedding");
      assertThat(
              TEXT.refusal(new VectorSpace("text", Value.EMPTY_MAP.with("memories", Value.NULL))))
          .isEqualTo("a member is called memories");
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> patch(Document.edges(), "{}", new Observation("a", 0, Value.EMPTY_MAP)));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> patch(TEXT, "{}", new Gone(Kind.VECTOR_SPACE, Key.of("text"))));
    }

    @Test
    void givenRandomChanges_whenWrittenAgainAndAgain_thenTheDocumentSaysWhatAModelSays()
        throws Exception {
      for (long seed = 0; seed < 1000; seed++) {
        Random random = new Random(seed);
        RandomFrontMatter values = new RandomFrontMatter(seed);
        Document document = DOCUMENTS.get(random.nextInt(DOCUMENTS.size()));
        Model model = new Model(document, random, values);
        byte[] bytes = write(document, null, model.changes(true).toArray());
        for (int round = 0; round < 6; round++) {
          assertThat(read(document, bytes))
              .as("seed %s, round %s", seed, round)
              .isEqualTo(new Content(model.records, List.of()));
          assertThat(write(document, bytes)).isEqualTo(bytes);
          if (round == 2) {
            bytes = JSON.readTree(bytes).toPrettyString().getBytes(UTF_8); // another's dialect
          }
          bytes = write(document, bytes, model.changes(false).toArray());
        }
      }
    }
  }

  /** Holds what a document should say, and changes it at random. */
  private static final class Model {
    private final Map<Kind<?>, Map<Key, MemoryRecord>> records = new LinkedHashMap<>();
    private final Document document;
    private final Random random;
    private final RandomFrontMatter values;

    Model(Document document, Random random, RandomFrontMatter values) {
      this.document = document;
      this.random = random;
      this.values = values;
    }

    List<Object> changes(boolean first) {
      Map<Key, Object> changes = new LinkedHashMap<>();
      if (document.equals(Document.edges())) {
        for (int i = random.nextInt(4); i >= 0; i--) {
          edge("n" + random.nextInt(5) + "|" + values.text(), changes);
        }
      } else if (document.equals(Document.imageLinks())) {
        for (int i = random.nextInt(4); i >= 0; i--) {
          change(new ImageLink(random.nextInt(5) + values.text(), values.json()), changes);
        }
      } else {
        String space = document.location().startsWith("sensors/") ? "image" : "text";
        if (first || random.nextInt(3) == 0) {
          set(new VectorSpace(space, members()), changes);
        }
        for (int i = random.nextInt(4); i >= 0; i--) {
          float[] vector = new float[random.nextInt(4)];
          for (int j = 0; j < vector.length; j++) {
            vector[j] = random.nextFloat();
          }
          String target = "t" + random.nextInt(5);
          change(Embedding.of(space, target, vector, members()), changes);
        }
      }
      return new ArrayList<>(changes.values());
    }

    private void edge(String pair, Map<Key, Object> changes) {
      Key key = Key.of(pair);
      boolean there = of(Kind.EDGE).containsKey(key);
      Map<Key, MemoryRecord> observations = of(Kind.OBSERVATION);
      if (there && random.nextInt(4) == 0) {
        for (Key observation : List.copyOf(observations.keySet())) {
          if (observation.part(0).equals(pair)) {
            drop(Kind.OBSERVATION, observation, changes);
          }
        }
        drop(Kind.EDGE, key, changes);
        return;
      }
      boolean listed = observations.keySet().stream().anyMatch(o -> o.part(0).equals(pair));
      if (!there || random.nextBoolean()) {
        Value.Map members = members();
        set(
            new Edge(
                pair,
                listed || random.nextBoolean()
                    ? members.with(Edge.OBSERVATIONS, Value.EMPTY_SEQ)
                    : members),
            changes);
      }
      if (((Edge) java.util.Objects.requireNonNull(of(Kind.EDGE).get(key)))
          .members()
          .has(Edge.OBSERVATIONS)) {
        for (int i = random.nextInt(4); i > 0; i--) {
          change(new Observation(pair, random.nextInt(5), members()), changes);
        }
      }
    }

    private void change(MemoryRecord record, Map<Key, Object> changes) {
      if (random.nextInt(4) == 0) {
        drop(record.kind(), record.key(), changes);
      } else {
        set(record, changes);
      }
    }

    private void set(MemoryRecord record, Map<Key, Object> changes) {
      changes.put(record.key(), record);
      of(record.kind()).put(record.key(), record);
    }

    private void drop(Kind<?> kind, Key key, Map<Key, Object> changes) {
      changes.put(key, new Gone(kind, key));
      of(kind).remove(key);
      records.values().removeIf(Map::isEmpty);
    }

    private Map<Key, MemoryRecord> of(Kind<?> kind) {
      return records.computeIfAbsent(kind, k -> new LinkedHashMap<>());
    }

    private Value.Map members() {
      Map<String, Value> members = new LinkedHashMap<>();
      for (int i = random.nextInt(4); i > 0; i--) {
        members.put("m" + random.nextInt(6) + values.text(), values.json());
      }
      return new Value.Map(members);
    }
  }

  private static MemoryRecord changed(MemoryRecord record) {
    if (record instanceof Edge edge) {
      return new Edge(edge.pair(), edge.members().with("belief", Value.of(4711L)));
    } else if (record instanceof Observation o) {
      return new Observation(o.pair(), o.ordinal(), o.members().with("weight", Value.of(0.5)));
    } else if (record instanceof Embedding embedding) {
      return Embedding.of(
          embedding.space(),
          embedding.target(),
          embedding.vector(),
          embedding.members().with("preview", Value.of("changed")));
    } else if (record instanceof VectorSpace space) {
      return new VectorSpace(space.name(), space.members().with("model", Value.of("other")));
    }
    return new ImageLink(record.key().part(0), Value.Seq.ofTexts(List.of("changed")));
  }

  /** The records put together again, as a value. */
  private static Value.Map asTree(Document document, Content content) {
    Map<String, Value> entries = new LinkedHashMap<>();
    for (MemoryRecord record : content.of(Kind.EDGE).values()) {
      Edge edge = (Edge) record;
      List<Value> observations = new ArrayList<>();
      for (int i = 0;
          content.of(Kind.OBSERVATION).get(Observation.key(edge.pair(), i))
              instanceof Observation o;
          i++) {
        observations.add(o.members());
      }
      entries.put(edge.pair(), edge.members().with(Edge.OBSERVATIONS, new Value.Seq(observations)));
    }
    for (MemoryRecord record : content.of(Kind.EMBEDDING).values()) {
      Embedding embedding = (Embedding) record;
      List<Value> floats = new ArrayList<>();
      for (float element : embedding.vector()) {
        floats.add(Value.of((double) element));
      }
      entries.put(embedding.target(), embedding.members().with("embedding", new Value.Seq(floats)));
    }
    for (MemoryRecord record : content.of(Kind.IMAGE_LINK).values()) {
      ImageLink link = (ImageLink) record;
      entries.put(link.image(), link.links());
    }
    if (document.equals(Document.edges())) {
      return new Value.Map(entries);
    }
    Value.Map top = Value.EMPTY_MAP;
    for (MemoryRecord record : content.of(Kind.VECTOR_SPACE).values()) {
      top = ((VectorSpace) record).members();
    }
    String name =
        document.equals(Document.imageLinks())
            ? "links"
            : document.location().startsWith("sensors/") ? "images" : "memories";
    return top.with(name, new Value.Map(entries));
  }

  /** The same document in which the elements of vectors are what 32 bits make of them. */
  private static JsonNode shortened(Document document, JsonNode root) {
    if (document.location().contains("embeddings")) {
      String name = document.location().startsWith("sensors/") ? "images" : "memories";
      for (JsonNode entry : root.path(name)) {
        var floats = JSON.createArrayNode();
        entry.path("embedding").forEach(e -> floats.add((double) Float.parseFloat(e.asText())));
        ((ObjectNode) entry).set("embedding", floats);
      }
    }
    return root;
  }
}

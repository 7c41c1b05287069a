package io.agentmemory.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.agentmemory.CoOccurrence;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryStore;
import io.agentmemory.StoreInfo;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.dualwrite.Backfill;
import io.agentmemory.dualwrite.BackfillReport;
import io.agentmemory.testkit.DriftSamples;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What the original's own parser made of every memory and every odd file, against what both
 * backends hold of it.
 */
@Tag("postgres")
class ParsedGoldenTest {
  private static final JsonMapper JSON = new JsonMapper();
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  /** The members whose scalars we hold as source text, where the original types them. */
  private static final Set<String> SOURCE_TEXT =
      Set.of("id", "tags", "links", "caused_by", "leads_to", "consolidated_from");

  private static final String ID = "id of the record";

  /** The members that are compared. */
  static Set<String> members() {
    return Set.of("metadata", "body");
  }

  /**
   * The members of an odd file that are compared. Beside the two its type shows in the metadata, an
   * error in that the file is set aside, and what the search index takes of it in id and text.
   */
  static Set<String> oddMembers() {
    return Set.of("metadata", "body", "metadata_type", "error", "search_index");
  }

  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource
  void givenTree_whenMoved_thenEveryMemoryIsWhatTheOriginalRead(MoveTest.Sample sample)
      throws IOException {
    DriftSamples drift = sample.unpack(folder);
    JsonNode golden = JSON.readTree(drift.golden().resolve("parsed.json").toFile());

    try (Stores stores = new Stores("parsed");
        MemoryStore files = Stores.fileToRead(drift.memory());
        MemoryStore postgres = stores.postgres(Stores.namespace())) {
      copy(files, postgres);
      for (MemoryStore store : List.of(files, postgres)) {
        Map<String, ObjectNode> found = parsed(store, golden);
        Set<String> names = new HashSet<>();
        golden.fieldNames().forEachRemaining(names::add);
        assertThat(found.keySet()).isEqualTo(names);
        found.forEach((name, memory) -> assertSame(name, memory, golden.get(name)));
      }
    }
  }

  /** Two of them have one id, so that they lie in two trees. */
  @Test
  void givenOddFiles_whenMoved_thenEachIsWhatTheOriginalMadeOfIt() throws IOException {
    DriftSamples drift = DriftSamples.small(folder.resolve("drift"));
    JsonNode expected = JSON.readTree(drift.irregularExpected().toFile());
    Path tree = folder.resolve("odd/memory");
    Path second = folder.resolve("second/memory");
    Files.createDirectories(tree.resolve("active"));
    Files.createDirectories(second.resolve("active"));
    try (Stream<Path> odd = Files.list(drift.irregular())) {
      for (Path file : odd.toList()) {
        String name = file.getFileName().toString();
        assertThat(expected.has(name)).as(name).isTrue();
        Path to = name.equals("quoted-id.md") ? second : tree;
        Files.copy(file, to.resolve("active").resolve(name));
      }
    }
    try (Stores stores = new Stores("odd");
        MemoryStore files = Stores.fileToRead(tree);
        MemoryStore other = Stores.fileToRead(second);
        MemoryStore postgres = stores.postgres(Stores.namespace());
        MemoryStore otherPostgres = stores.postgres(Stores.namespace())) {
      copy(files, postgres);
      copy(other, otherPostgres);
      assertOdd(expected, List.of(files, other));
      assertOdd(expected, List.of(postgres, otherPostgres));
      assertThat(files.info().setAside())
          .extracting(StoreInfo.SetAside::location)
          .containsExactlyInAnyOrder("active/bad-yaml.md", "active/tab-indent.md");
    }
  }

  private static void assertOdd(JsonNode expected, List<MemoryStore> stores) {
    Map<String, ObjectNode> found = new TreeMap<>();
    stores.forEach(store -> found.putAll(parsed(store, inActive(expected))));
    Set<String> names = new HashSet<>();
    for (Map.Entry<String, JsonNode> entry : expected.properties()) {
      JsonNode odd = entry.getValue();
      String error = odd.path("error").asText();
      if (error.equals("ParserError") || error.equals("ScannerError")) {
        continue; // set aside by us too
      }
      String name = "active/" + entry.getKey();
      names.add(name);
      if (error.equals("ValueError")) { // an impossible date, which does not cost us the memory
        assertThat(requireNonNull(found.get(name)).get("metadata").has("event_time")).isTrue();
        assertIndexed(name, requireNonNull(found.get(name)), odd.get("search_index"));
        continue;
      }
      assertThat(error).as(name).isEmpty();
      assertSame(name, requireNonNull(found.get(name), name), odd);
      assertIndexed(name, requireNonNull(found.get(name)), odd.get("search_index"));
      assertThat(typeOf(requireNonNull(found.get(name)).get("metadata")))
          .as(name)
          .isEqualTo(odd.get("metadata_type").asText());
    }
    assertThat(found.keySet()).isEqualTo(names);
    assertThat(names).hasSize(21);
  }

  /**
   * The id and the text that go to a search index: as the original's, but that its index takes an
   * id with its quotes, and the first of two, where its parser and we do neither.
   */
  private static void assertIndexed(String name, ObjectNode found, JsonNode index) {
    String id = index.get(0).asText().replace("'", "");
    assertThat(found.get(ID).asText())
        .as(name)
        .isEqualTo(name.equals("active/dup-key.md") ? "ffff7777" : id);
    assertThat(found.get("body")).as(name).isEqualTo(index.get(1));
  }

  private static ObjectNode inActive(JsonNode expected) {
    ObjectNode all = NODES.objectNode();
    expected.properties().forEach(e -> all.set("active/" + e.getKey(), e.getValue()));
    return all;
  }

  private static String typeOf(JsonNode metadata) {
    return metadata.isObject()
        ? "dict"
        : metadata.isArray() ? "list" : metadata.isNull() ? "NoneType" : "str";
  }

  private static void copy(MemoryStore from, MemoryStore to) {
    assertThat(Backfill.builder(from, to).run().state()).isEqualTo(BackfillReport.State.COMPLETE);
  }

  private static void assertSame(String name, ObjectNode found, JsonNode expected) {
    assertThat(found.get("body")).as(name).isEqualTo(expected.get("body"));
    assertThat(found.get("metadata")).as(name).isEqualTo(expected.get("metadata"));
    assertThat(names(found.get("metadata"))).as(name).isEqualTo(names(expected.get("metadata")));
  }

  /** Names in order, down into maps: the order of keys is no part of equality. */
  private static String names(JsonNode node) {
    StringBuilder out = new StringBuilder();
    node.properties()
        .forEach(e -> out.append(e.getKey()).append('(').append(names(e.getValue())).append(')'));
    return out.toString();
  }

  /** All memories of a store by file, as the original tells of them. */
  private static Map<String, ObjectNode> parsed(MemoryStore store, JsonNode golden) {
    Map<String, ObjectNode> counts = new HashMap<>();
    try (Stream<Stored<CoOccurrence>> all = store.scan(Kind.CO_OCCURRENCE)) {
      all.sorted(Stored.BY_PLACE)
          .flatMap(stored -> stored.live().stream())
          .forEach(
              count ->
                  counts
                      .computeIfAbsent(count.from(), from -> NODES.objectNode())
                      .set(count.to(), json(count.count())));
    }
    Map<String, ObjectNode> parsed = new TreeMap<>();
    try (Stream<Stored<Memory>> all = store.scan(Kind.MEMORY)) {
      all.flatMap(stored -> stored.live().stream())
          .forEach(
              memory -> {
                String file = memory.tier().folder() + "/" + memory.fileName();
                JsonNode expected = golden.path(file).path("metadata");
                ObjectNode entry = NODES.objectNode();
                entry.put(ID, memory.id());
                entry.set("metadata", metadata(memory, counts.get(memory.id()), expected));
                entry.put(
                    "body",
                    memory.frontMatter() == null ? memory.content() : memory.content().strip());
                parsed.put(file, entry);
              });
    }
    return parsed;
  }

  private static JsonNode metadata(Memory memory, @Nullable ObjectNode counts, JsonNode expected) {
    Value ours = memory.frontMatter();
    if (ours == null) {
      return NODES.objectNode();
    }
    if (!(ours instanceof Value.Map map)) {
      return json(ours);
    }
    ObjectNode found = NODES.objectNode();
    map.entries().forEach((key, value) -> found.set(key, member(key, value, expected.get(key))));
    if (counts != null) {
      found.set(Memory.CO_OCCURRENCES, counts);
    }
    return found;
  }

  private static JsonNode member(String key, Value value, @Nullable JsonNode expected) {
    if (expected == null || !SOURCE_TEXT.contains(key)) {
      return json(value);
    }
    if (value instanceof Value.Seq seq && expected.isArray()) {
      ArrayNode items = NODES.arrayNode();
      for (int i = 0; i < seq.items().size(); i++) {
        items.add(scalar(seq.items().get(i), expected.path(i)));
      }
      return items;
    }
    return scalar(value, expected);
  }

  /** A scalar that the original typed, typed by another library. */
  private static JsonNode scalar(Value value, JsonNode expected) {
    return !expected.isTextual() && value instanceof Value.Text text
        ? JSON.valueToTree(PlainTree.typed(text.value()))
        : json(value);
  }

  private static JsonNode json(Value value) {
    if (value instanceof Value.Text text) {
      return NODES.textNode(text.value());
    } else if (value instanceof Value.Int number) {
      return number.value() == (int) number.value()
          ? NODES.numberNode((int) number.value())
          : NODES.numberNode(number.value());
    } else if (value instanceof Value.Real number) {
      return NODES.numberNode(number.value());
    } else if (value instanceof Value.Bool truth) {
      return NODES.booleanNode(truth.value());
    } else if (value instanceof Value.Time time) {
      boolean date = time.value().length() == 10;
      return NODES.objectNode().put(date ? "$date" : "$datetime", time.value().replace(' ', 'T'));
    } else if (value instanceof Value.Seq seq) {
      ArrayNode items = NODES.arrayNode();
      seq.items().forEach(item -> items.add(json(item)));
      return items;
    } else if (value instanceof Value.Map map) {
      ObjectNode entries = NODES.objectNode();
      map.entries().forEach((key, item) -> entries.set(key, json(item)));
      return entries;
    }
    return NODES.nullNode();
  }
}

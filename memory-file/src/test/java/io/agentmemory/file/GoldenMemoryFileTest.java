package io.agentmemory.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.agentmemory.CoOccurrence;
import io.agentmemory.Memory;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.file.MemoryFile.Parsed;
import io.agentmemory.testkit.DriftSamples;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the original's own parser made of every memory and every odd file, against ours. */
class GoldenMemoryFileTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  /** The members whose scalars we hold as source text, where the original types them. */
  private static final Set<String> SOURCE_TEXT =
      Set.of("id", "tags", "links", "caused_by", "leads_to", "consolidated_from");

  @TempDir Path folder;

  @Test
  void givenSmallTree_whenParsed_thenEveryMemoryIsWhatTheOriginalRead() throws Exception {
    assertThat(compareAll(DriftSamples.small(folder))).isEqualTo(160);
  }

  @Test
  void givenTreeOfAThousand_whenParsed_thenEveryMemoryIsWhatTheOriginalRead() throws Exception {
    assertThat(compareAll(DriftSamples.thousand(folder))).isEqualTo(1010);
  }

  private static int compareAll(DriftSamples samples) throws Exception {
    JsonNode golden = JSON.readTree(samples.golden().resolve("parsed.json").toFile());
    for (Map.Entry<String, JsonNode> entry : golden.properties()) {
      Path file = samples.memory().resolve(entry.getKey());
      compare(entry.getKey(), parse(file), entry.getValue());
    }
    return golden.size();
  }

  @Test
  void givenOddFiles_whenParsed_thenEachIsWhatTheOriginalMadeOfIt() throws Exception {
    DriftSamples samples = DriftSamples.small(folder);
    JsonNode expected = JSON.readTree(samples.irregularExpected().toFile());

    for (Map.Entry<String, JsonNode> entry : expected.properties()) {
      if (!entry.getValue().has("error")) {
        Path file = samples.irregular().resolve(entry.getKey());
        compare(entry.getKey(), parse(file), entry.getValue());
      }
    }

    assertThat(expected.size()).isEqualTo(23);
  }

  @Test
  void givenFilesThatTheOriginalFailsOn_whenParsed_thenTheyAreRefusedWithTheLine()
      throws Exception {
    DriftSamples samples = DriftSamples.small(folder);
    JsonNode expected = JSON.readTree(samples.irregularExpected().toFile());

    assertThat(expected.path("bad-yaml.md").path("error").asText()).isEqualTo("ParserError");
    assertThat(expected.path("tab-indent.md").path("error").asText()).isEqualTo("ScannerError");
    assertThatExceptionOfType(UnreadableFileException.class)
        .isThrownBy(() -> parse(samples.irregular().resolve("bad-yaml.md")))
        .satisfies(e -> assertThat(e.line()).isEqualTo(3))
        .satisfies(e -> assertThat(e.reason()).isEqualTo("has front matter that is no YAML"));
    assertThatExceptionOfType(UnreadableFileException.class)
        .isThrownBy(() -> parse(samples.irregular().resolve("tab-indent.md")))
        .satisfies(e -> assertThat(e.line()).isEqualTo(4))
        .satisfies(e -> assertThat(e.reason()).startsWith("has a tab"));
  }

  /** One rule of ours differs on purpose: an impossible date does not cost a memory. */
  @Test
  void givenImpossibleDate_whenParsed_thenItsTextIsKeptWithoutAnInstant() throws Exception {
    DriftSamples samples = DriftSamples.small(folder);
    JsonNode expected = JSON.readTree(samples.irregularExpected().toFile());

    Memory memory = parse(samples.irregular().resolve("dates.md")).memory();

    assertThat(expected.path("dates.md").path("error").asText()).isEqualTo("ValueError");
    assertThat(memory.members().get("event_time")).isEqualTo(new Value.Time("2026-02-31"));
    assertThat(memory.members().get("created")).isEqualTo(new Value.Time("2026-02-01"));
    assertThat(memory.eventAt()).isEmpty();
    assertThat(memory.createdAt()).isPresent();
  }

  private static Parsed parse(Path file) throws IOException, UnreadableFileException {
    String folder = file.getName(file.getNameCount() - 2).toString();
    Tier tier = Tier.ofFolder(folder).orElse(Tier.ACTIVE);
    return MemoryFile.parse(tier, String.valueOf(file.getFileName()), Files.readAllBytes(file));
  }

  private static void compare(String name, Parsed parsed, JsonNode expected) {
    Memory memory = parsed.memory();
    JsonNode metadata = expected.path("metadata");
    Value ours = memory.frontMatter();
    if (ours == null) {
      assertThat(metadata).as(name).isEqualTo(NODES.objectNode());
      assertThat(memory.content()).as(name).isEqualTo(expected.path("body").asText());
      return;
    }
    assertThat(memory.content().strip()).as(name).isEqualTo(expected.path("body").asText());
    if (!(ours instanceof Value.Map map)) {
      assertThat(json(ours)).as(name).isEqualTo(metadata);
      return;
    }
    ObjectNode found = NODES.objectNode();
    map.entries().forEach((key, value) -> found.set(key, member(key, value, metadata.get(key))));
    if (map.get(Memory.CO_OCCURRENCES) instanceof Value.Map) {
      ObjectNode counts = NODES.objectNode();
      for (CoOccurrence count : parsed.coOccurrences()) {
        assertThat(count.from()).as(name).isEqualTo(memory.id());
        counts.set(count.to(), json(count.count()));
      }
      found.set(Memory.CO_OCCURRENCES, counts);
    }
    assertThat(found).as(name).isEqualTo(metadata);
    assertThat(names(found)).as(name).isEqualTo(names(metadata));
    assertThat(memory.id())
        .as(name)
        .isEqualTo(
            metadata.has("id") ? metadata.path("id").asText() : name.replaceAll(".*/|\\.md$", ""));
  }

  /** Names in order, down into maps: the order of keys is no part of equality. */
  private static String names(JsonNode node) {
    StringBuilder out = new StringBuilder();
    for (Iterator<Map.Entry<String, JsonNode>> it = node.properties().iterator(); it.hasNext(); ) {
      Map.Entry<String, JsonNode> entry = it.next();
      out.append(entry.getKey()).append('(').append(names(entry.getValue())).append(')');
    }
    return out.toString();
  }

  private static JsonNode member(String key, Value value, @Nullable JsonNode expected) {
    if (expected == null || !SOURCE_TEXT.contains(key)) {
      return json(value);
    }
    if (value instanceof Value.Seq seq && expected.isArray()) {
      var items = NODES.arrayNode();
      for (int i = 0; i < seq.items().size(); i++) {
        items.add(scalar(seq.items().get(i), expected.path(i)));
      }
      return items;
    }
    return scalar(value, expected);
  }

  private static JsonNode scalar(Value value, JsonNode expected) {
    boolean typed = !expected.isTextual() && value instanceof Value.Text;
    return json(typed ? PlainScalars.resolve(((Value.Text) value).value()) : value);
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
      var items = NODES.arrayNode();
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

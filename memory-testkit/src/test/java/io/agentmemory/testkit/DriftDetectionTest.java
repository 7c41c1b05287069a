package io.agentmemory.testkit;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Value;
import io.agentmemory.detect.Detection;
import io.agentmemory.internal.Texts;
import io.agentmemory.spi.Canonical;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is found in texts is what the original found in them, to the last digit. */
class DriftDetectionTest {
  /** The tags that each text of the golden file was given with. */
  private static final List<String> TAGS = List.of("milestone", "Spin", "unrelated");

  @TempDir Path folder;

  private DriftSamples unpack(String name) throws IOException {
    return name.equals("small") ? DriftSamples.small(folder) : DriftSamples.thousand(folder);
  }

  private static Value golden(DriftSamples drift, String name) throws IOException {
    return Canonical.parse(Files.readString(drift.golden().resolve(name)));
  }

  private static List<Value> items(Value value) {
    return ((Value.Seq) value).items();
  }

  private static Value.Map map(@Nullable Value value) {
    return value instanceof Value.Map map ? map : Value.EMPTY_MAP;
  }

  @ParameterizedTest
  @ValueSource(strings = {"small", "thousand"})
  void givenGoldenTexts_whenDetected_thenTheOriginals(String name) throws IOException {
    DriftSamples drift = unpack(name);
    Value now = requireNonNull(map(golden(drift, "graph.json")).get("now"));
    LocalDate today =
        LocalDate.ofInstant(requireNonNull(Texts.instant(Value.textOf(now))), ZoneOffset.UTC);

    List<Value> expected = items(golden(drift, "detect.json"));

    assertThat(expected).isNotEmpty();
    for (Value golden : expected) {
      String text = requireNonNull(Value.textOf(map(golden).get("text")));
      Map<String, Value> found = new LinkedHashMap<>();
      found.put("text", Value.of(text));
      found.put("entities", entities(Detection.DRIFT.entities(text, TAGS)));
      found.put(
          "event_time", Detection.eventTime(text, today).<Value>map(Value::of).orElse(Value.NULL));
      found.put("platforms", platforms(Detection.DRIFT.platforms(text, List.of(), null)));
      found.put("contacts", Value.Seq.ofTexts(Detection.DRIFT.contacts(text)));
      found.put(
          "topics",
          Detection.DRIFT.topics(text).isEmpty()
              ? Value.EMPTY_MAP
              : Value.Seq.ofTexts(Detection.DRIFT.topics(text)));
      found.put("salience", Value.of(Detection.DRIFT.salience(text)));
      found.put("bridged", Value.of(Detection.DRIFT.bridge(text)));
      assertThat(new Value.Map(found)).isEqualTo(golden);
    }
  }

  private static Value entities(Map<String, List<String>> entities) {
    Map<String, Value> members = new LinkedHashMap<>();
    entities.forEach((kind, names) -> members.put(kind, Value.Seq.ofTexts(names)));
    return new Value.Map(members);
  }

  private static Value platforms(Map<String, Double> platforms) {
    Map<String, Value> members = new LinkedHashMap<>();
    platforms.forEach((platform, confidence) -> members.put(platform, Value.of(confidence)));
    return new Value.Map(members);
  }

  /**
   * The original's jobs had gone over the trees; two memories made one were not gone over again.
   */
  @ParameterizedTest
  @ValueSource(strings = {"small", "thousand"})
  void givenTaggedTrees_whenDetected_thenAsTagged(String name) throws IOException {
    Value.Map parsed = map(golden(unpack(name), "parsed.json"));

    int[] compared = new int[4];
    List<String> different = new ArrayList<>();
    parsed
        .entries()
        .forEach(
            (file, entry) -> {
              Value.Map members = map(map(entry).get("metadata"));
              String body = requireNonNull(Value.textOf(map(entry).get("body")));
              List<String> tags = Value.textsOf(members.get("tags"));
              String withTags = body + " " + String.join(" ", tags);
              if (members.get("consolidated_from") != null
                  || members.get("compressed_at") != null) {
                return;
              }
              Value.Map found =
                  Value.EMPTY_MAP
                      .with("entities", entities(Detection.DRIFT.entities(body, tags)))
                      .with("platforms", platforms(Detection.DRIFT.platforms(body, tags, null)))
                      .with("topic_context", Value.Seq.ofTexts(Detection.DRIFT.topics(withTags)))
                      .with(
                          "contact_context", Value.Seq.ofTexts(Detection.DRIFT.contacts(withTags)));
              int at = 0;
              for (String member : found.entries().keySet()) {
                Value expected = members.get(member);
                if (expected != null) {
                  compared[at]++;
                  Value wanted = member.equals("contact_context") ? sorted(expected) : expected;
                  if (!wanted.equals(found.get(member))) {
                    different.add(file + " " + member + " " + expected + found.get(member));
                  }
                }
                at++;
              }
            });

    assertThat(different).isEmpty();
    assertThat(compared).as("compared").doesNotContain(0);
  }

  /** The original's list came from a set, so it has no order. */
  private static Value sorted(Value value) {
    return Value.Seq.ofTexts(Value.textsOf(value).stream().sorted(Texts::compare).toList());
  }
}

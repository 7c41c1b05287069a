package io.agentmemory.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.agentmemory.Memory;
import io.agentmemory.Value;
import io.agentmemory.internal.Texts;
import io.agentmemory.testkit.DriftSamples;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What YAML means: 1,500 odd texts with what PyYAML 6.0.3, which the original uses, made of each
 * ({@code yaml-cases.json}; the texts were generated, an int, float or time is told by its letter),
 * and the plain reader against the full one.
 */
class YamlCasesTest {
  private static final Set<String> SOURCE_TEXT =
      Set.of("id", "tags", "links", "caused_by", "leads_to", "consolidated_from");

  @Test
  void givenOddYaml_whenRead_thenItIsWhatTheOriginalsReaderMadeOfIt() throws Exception {
    JsonNode cases;
    try (InputStream in = getClass().getResourceAsStream("yaml-cases.json")) {
      cases = new ObjectMapper().readTree(in);
    }
    assertThat(cases.size()).isEqualTo(1500);
    int errors = 0;
    for (JsonNode one : cases) {
      String yaml = one.path("yaml").asText();
      if (one.has("error")) {
        errors++;
        assertThatExceptionOfType(UnreadableFileException.class)
            .as(yaml)
            .isThrownBy(() -> YamlReader.read(yaml, false));
      } else {
        assertThat(equal(YamlReader.read(yaml, false), one.path("value"))).as(yaml).isTrue();
      }
      assertReadersAgree(yaml);
    }
    assertThat(errors).isGreaterThan(400);
  }

  @Test
  void givenEveryFileOfTheSamples_whenReadPlainly_thenItIsWhatTheFullReaderSays(
      @TempDir Path folder) throws Exception {
    int plain = 0;
    int all = 0;
    for (DriftSamples samples :
        List.of(
            DriftSamples.small(folder.resolve("small")),
            DriftSamples.thousand(folder.resolve("thousand")))) {
      try (Stream<Path> files = Files.walk(samples.memory())) {
        for (Path file : files.filter(f -> f.toString().endsWith(".md")).toList()) {
          String text = Files.readString(file);
          if (text.startsWith("---")) {
            all++;
            plain += assertReadersAgree(text.split("---", 3)[1]) ? 1 : 0;
          }
        }
      }
    }
    assertThat(plain).as("of %s files read plainly", all).isGreaterThan(all * 95 / 100);
  }

  @Test
  void givenGeneratedFrontMatter_whenReadPlainly_thenItIsWhatTheFullReaderSays() throws Exception {
    int plain = 0;
    for (long seed = 0; seed < 10_000; seed++) {
      var memory = new RandomFrontMatter(seed).memory();
      String yaml =
          YamlWriter.frontMatter(
              Objects.requireNonNull(memory.memory().frontMatter()), memory.coOccurrences());
      try {
        plain += assertReadersAgree("\n" + yaml) ? 1 : 0;
        plain += assertReadersAgree("\n" + mutated(yaml, new Random(seed))) ? 1 : 0;
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError("seed " + seed, e);
      }
    }
    assertThat(plain).isGreaterThan(3000);
  }

  private static String mutated(String yaml, Random random) {
    String signs = ":  \n-#'\"\t[]{},&*?|>%é0.~\\";
    StringBuilder text = new StringBuilder(yaml);
    for (int i = random.nextInt(3); i >= 0 && text.length() > 0; i--) {
      int at = random.nextInt(text.length());
      char sign = signs.charAt(random.nextInt(signs.length()));
      if (random.nextBoolean()) {
        text.insert(at, sign);
      } else {
        text.setCharAt(at, sign);
      }
    }
    return text.toString().replace("---", "--");
  }

  /** Whether the plain reader was sure; if it was, the full one has to say the same. */
  private static boolean assertReadersAgree(String yaml) throws UnreadableFileException {
    String text = "---" + yaml + "---";
    FrontMatter plain = BlockYaml.read(text, 3, text.length() - 3, true);
    if (plain == null) {
      return false;
    }
    FrontMatter full = YamlReader.read(yaml, true);
    assertThat(plain).as(yaml).isEqualTo(full);
    assertThat(plain.toString()).as(yaml).isEqualTo(full.toString()); // the order too
    return true;
  }

  private static boolean equal(FrontMatter found, JsonNode expected) {
    if (!(found.value() instanceof Value.Map map)) {
      return same(found.value(), expected, false);
    }
    Map<String, Value> members = new LinkedHashMap<>(map.entries());
    if (map.get(Memory.CO_OCCURRENCES) instanceof Value.Map) {
      members.put(Memory.CO_OCCURRENCES, new Value.Map(found.counts()));
    }
    return sameMap(members, expected, true);
  }

  private static boolean sameMap(Map<String, Value> found, JsonNode expected, boolean top) {
    JsonNode entries = expected.path("m");
    if (entries.size() != found.size()) {
      // keys that are different texts but equal values
      return entries.size() < found.size() && hasTypedKey(entries);
    }
    int i = 0;
    for (Map.Entry<String, Value> entry : found.entrySet()) {
      JsonNode pair = entries.get(i++);
      JsonNode key = pair.path(0);
      if (key.isTextual()
          ? !key.asText().equals(entry.getKey())
          : !same(PlainScalars.resolve(entry.getKey()), key, false)) {
        return false;
      }
      if (!same(entry.getValue(), pair.path(1), top && SOURCE_TEXT.contains(entry.getKey()))) {
        return false;
      }
    }
    return true;
  }

  private static boolean hasTypedKey(JsonNode entries) {
    for (JsonNode pair : entries) {
      if (!pair.path(0).isTextual()) {
        return true;
      }
    }
    return false;
  }

  private static boolean same(Value found, JsonNode expected, boolean source) {
    if (source && found instanceof Value.Text text && !expected.isTextual()) {
      return same(PlainScalars.resolve(text.value()), expected, false);
    }
    if (found instanceof Value.Seq seq) {
      if (!expected.isArray() || expected.size() != seq.items().size()) {
        return false;
      }
      for (int i = 0; i < expected.size(); i++) {
        if (!same(seq.items().get(i), expected.path(i), source)) {
          return false;
        }
      }
      return true;
    }
    if (found instanceof Value.Map map) {
      return expected.has("m") && sameMap(map.entries(), expected, false);
    }
    if (found instanceof Value.Text text) {
      return expected.isTextual() && expected.asText().equals(text.value());
    }
    if (found instanceof Value.Bool truth) {
      return expected.isBoolean() && expected.asBoolean() == truth.value();
    }
    if (found instanceof Value.Int number) {
      return expected.path("i").asText().equals(Long.toString(number.value()));
    }
    if (found instanceof Value.Real number) {
      return expected.has("f")
          && expected
              .path("f")
              .asText()
              .replace("-0.0", "0.0")
              .equals(Texts.number(number.value()).replace("-0.0", "0.0"));
    }
    if (found instanceof Value.Opaque) {
      return expected.has("i") || expected.path("f").asText().matches("-?inf|nan");
    }
    if (found instanceof Value.Time) {
      return expected.has("t");
    }
    return expected.isNull();
  }
}

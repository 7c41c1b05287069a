package io.agentmemory.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.ImageLink;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Observation;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

final class CanonicalTest {

  private static Value.Map map(Object... entries) {
    Map<String, Value> map = new LinkedHashMap<>();
    for (int i = 0; i < entries.length; i += 2) {
      map.put((String) entries[i], (Value) entries[i + 1]);
    }
    return new Value.Map(map);
  }

  private static Value.Seq seq(Value... items) {
    return new Value.Seq(List.of(items));
  }

  /** The texts were written by Python's json and hashed by its hashlib, sorted, without spaces. */
  @Nested
  class Golden {
    @Test
    void givenMemoryWithEverySortOfValue_whenDigested_thenAsComputedElsewhere() {
      Memory memory =
          new Memory(
              "q7w2e9rt",
              Tier.ACTIVE,
              "on-q7w2e9rt.md",
              "Body \"text\"\n\t\u00e9\ud83d\ude00\u2028",
              map(
                  "id", Value.of("q7w2e9rt"),
                  "tags", Value.Seq.ofTexts(List.of("b", "a")),
                  "emotional_weight", Value.of(0.55),
                  "recall_count", Value.of(1L),
                  "n", Value.NULL,
                  "t", new Value.Time("2026-02-10"),
                  "o", new Value.Opaque("1e400"),
                  "m", map("$time", Value.of("x")),
                  "b", Value.of(true),
                  "f", Value.of(1e16),
                  "s", Value.of(5e-324)));

      assertDigest(memory, "2cabd0a593c56cbe7b7dbe8c0e12eccb3e55b57e9bc59c6a8224b699f3b773bb");
    }

    @Test
    void givenOneOfEachKind_whenDigested_thenAsComputedElsewhere() {
      assertDigest(
          new Memory("bare", Tier.CORE, "bare.md", "", null),
          "7f8d8094b535bbf81d6d77931feccc3de2e0bf0c008778665389c7ded1e05aca");
      assertDigest(
          new CoOccurrence("a", "b", Value.of(3L)),
          "d0d4ff2d91e30a64b55e40a35c57bfef676ecb26753529153980701b89224a4c");
      assertDigest(
          new CoOccurrence("a", "b", Value.of(3.0)),
          "9a8992249de83de85c18374097d0d5be88f59c224a05d8fea966363dc40459f8");
      assertDigest(
          new Edge("a|b", map("belief", Value.of(0.7865475291636255), "observations", seq())),
          "7081d33b5aec9dd1e60054418a50eeeb8c36be5291c94193d24452b2f044acaf");
      assertDigest(
          new Observation("a|b", 7, map("weight", Value.of(1.0))),
          "ec190485ad59bc19886a05691aad0baf6e98c4a9d1b03e7fba505985f7be3083");
      assertDigest(
          Embedding.of(
              "text", "a", new float[] {0.1f, -0f, -2.5f, 1e-45f}, map("preview", Value.of("p"))),
          "ed402b7193a153610cff419ba99866e46684d5be5a4dfb9cd942c116ace4fbe1");
      assertDigest(
          VectorSpace.of("text", "m", 4),
          "9dd20dc109b4a4cc3c087e8f8d554cf0981636d0b0f07d6299af84fa84dae5b4");
      assertDigest(
          new ImageLink("a.jpg", seq(Value.of("a"), Value.of("Stored memory [b] -> c.md"))),
          "0fcfa283a8c73168422cd592e0d4b1c02e669f69f86f1f789ab1a376916a7087");
    }

    private void assertDigest(MemoryRecord record, String hex) {
      assertThat(Canonical.digest(record).hex()).as("%s", record.kind()).isEqualTo(hex);
    }
  }

  @Nested
  class Equality {
    @Test
    void givenOtherOrderOfKeys_whenDigested_thenTheSame() {
      List<String> names = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        names.add(new StringBuilder().appendCodePoint(0xdff0 + i * 97).append(i % 3).toString());
      }
      names.add("\ud83d\ude00");
      names.add("\ue000");
      String first = null;
      for (int seed = 0; seed < 10; seed++) {
        Collections.shuffle(names, new Random(seed));
        Map<String, Value> map = new LinkedHashMap<>();
        names.forEach(name -> map.put(name.replace('\udff0', 'x'), Value.of(name.length())));
        String canonical = Canonical.canonical(new Value.Map(map));
        first = first == null ? canonical : first;
        assertThat(canonical).as("seed %s", seed).isEqualTo(first);
      }
      assertThat(Canonical.canonical(map("\ud83d\ude00", Value.NULL, "\ue000", Value.NULL)))
          .isEqualTo("{\"\ue000\":null,\"\ud83d\ude00\":null}");
    }

    @Test
    void givenValuesThatLookAlike_whenSpelled_thenEachDiffers() {
      List<Value> values =
          List.of(
              Value.NULL,
              Value.of("null"),
              Value.of(""),
              Value.of(1L),
              Value.of(1.0),
              Value.of("1"),
              new Value.Opaque("1"),
              new Value.Time("1"),
              Value.of(true),
              Value.of("true"),
              Value.EMPTY_MAP,
              Value.EMPTY_SEQ,
              seq(Value.NULL),
              map("$time", Value.of("1")),
              map("$number", Value.of("1")),
              map("$map", map("$time", Value.of("1"))),
              map("$map", new Value.Time("1")),
              map("$map", Value.EMPTY_MAP),
              seq(Value.EMPTY_SEQ),
              map("", Value.NULL),
              Value.of("\u00e9"),
              Value.of("e\u0301"));
      assertThat(values.stream().map(Canonical::canonical)).doesNotHaveDuplicates();
      for (Value value : values) {
        assertThat(Canonical.parse(Canonical.canonical(value))).isEqualTo(value);
      }
    }

    @Test
    void givenLoneSurrogate_whenDigested_thenRefused() {
      for (Memory bad :
          List.of(
              new Memory("\ud83d", Tier.CORE, "a.md", "", null),
              new Memory("a", Tier.CORE, "a.md", "\ude00", null),
              new Memory("a", Tier.CORE, "a.md", "", map("x\ud83d", Value.NULL)))) {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> Canonical.digest(bad))
            .withMessageContaining("lone surrogate");
      }
    }
  }

  @Nested
  class RoundTrip {
    @Test
    void givenRandomValues_whenWrittenAndRead_thenTheSameInBothSpellings() {
      for (long seed = 0; seed < 3000; seed++) {
        Value value = value(new Random(seed), 5);
        String note = "seed " + seed;
        assertThat(Canonical.parse(Canonical.json(value))).as(note).isEqualTo(value);
        assertThat(Canonical.parse(Canonical.canonical(value))).as(note).isEqualTo(value);
        assertThat(Canonical.json(Canonical.parse(Canonical.json(value))))
            .as("order of keys, %s", note)
            .isEqualTo(Canonical.json(value));
      }
    }

    private Value value(Random random, int depth) {
      switch (random.nextInt(depth > 0 ? 10 : 7)) {
        case 0:
          return Value.NULL;
        case 1:
          return Value.of(random.nextLong());
        case 2:
          double real = Double.longBitsToDouble(random.nextLong());
          return Value.of(Double.isFinite(real) ? real : 1e16);
        case 3:
          return Value.of(random.nextBoolean());
        case 4:
          return new Value.Time(text(random));
        case 5:
          return new Value.Opaque(text(random));
        case 6:
          return Value.of(text(random));
        case 7:
          List<Value> items = new ArrayList<>();
          for (int i = random.nextInt(4); i > 0; i--) {
            items.add(value(random, depth - 1));
          }
          return new Value.Seq(items);
        default:
          Map<String, Value> map = new LinkedHashMap<>();
          for (int i = random.nextInt(4); i > 0; i--) {
            map.put(
                random.nextInt(3) == 0
                    ? List.of("$time", "$number", "$map", "$", "$x").get(random.nextInt(5))
                    : text(random),
                value(random, depth - 1));
          }
          return new Value.Map(map);
      }
    }

    private String text(Random random) {
      int[] points = {
        0, 1, 7, 8, 9, 10, 12, 13, 27, 31, ' ', '"', '\\', '/', '$', 'a', 0x7f, 0x85, 0xa0, 0x2028,
        0xfeff, 0xfffe, 0xffff, 0x1f600, 0x10ffff
      };
      StringBuilder out = new StringBuilder();
      for (int i = random.nextInt(6); i > 0; i--) {
        out.appendCodePoint(points[random.nextInt(points.length)]);
      }
      return out.toString();
    }

    @Test
    void givenDeepestMapsThatNeedWrapping_whenWrittenAndRead_thenTheSame() {
      Value value = Value.of("x");
      for (int i = 0; i < 256; i++) {
        value = map("$map", value);
      }
      assertThat(Canonical.parse(Canonical.json(value))).isEqualTo(value);
    }

    @Test
    void givenEveryKind_whenMadeOfItsTree_thenTheSameRecord() {
      for (MemoryRecord record :
          List.of(
              new Memory("a", Tier.ARCHIVE, "a.md", "text", map("x", Value.NULL)),
              new Memory("b", Tier.CORE, "b.md", "", null),
              new Memory("c", Tier.CORE, "c.md", "", Value.NULL),
              VectorSpace.of("image", "m", 3),
              new CoOccurrence("a", "b", Value.of("odd")),
              new Edge("a|b", map()),
              new Observation("a|b", 99_999_999, map("w", Value.of(1.0))),
              Embedding.of("text", "a", 1f, -0f, 1e-45f),
              Embedding.of("text", "a"),
              new ImageLink("x.jpg", Value.NULL))) {
        Value tree = Canonical.parse(Canonical.json(record.tree()));
        assertThat(record.kind().record(record.key(), (Value.Map) tree)).isEqualTo(record);
      }
    }
  }

  @Nested
  class Parsing {
    @Test
    void givenAnyJson_whenParsed_thenItsValue() {
      assertThat(Canonical.parse(" { \"a\" : [ 1 , 1.0 , -1e3, 1E+2 ] ,\n\t\"b\":\r{}} "))
          .isEqualTo(
              map(
                  "a", seq(Value.of(1L), Value.of(1.0), Value.of(-1000.0), Value.of(100.0)),
                  "b", map()));
      assertThat(Canonical.parse("\"\\u00e9\\ud83d\\uDE00\\/\\b\\f\""))
          .isEqualTo(Value.of("\u00e9\ud83d\ude00/\b\f"));
      assertThat(Canonical.parse("9223372036854775808"))
          .isEqualTo(new Value.Opaque("9223372036854775808"));
      assertThat(Canonical.parse("-9223372036854775808")).isEqualTo(Value.of(Long.MIN_VALUE));
      assertThat(Canonical.parse("1e400")).isEqualTo(new Value.Opaque("1e400"));
      assertThat(Canonical.parse("-0.0")).isEqualTo(Value.of(0.0));
      assertThat(Canonical.parse("{\"a\":1,\"a\":2}")).isEqualTo(map("a", Value.of(2L)));
    }

    @Test
    void givenNoJson_whenParsed_thenRefusedWithPlaceButWithoutContent() {
      for (String bad :
          List.of(
              "",
              " ",
              "{",
              "[",
              "\"",
              "{\"secret\"}",
              "{\"secret\":}",
              "[1,]",
              "[1 2]",
              "{,}",
              "{\"a\":1,}",
              "tru",
              "nul",
              "falsey",
              "01",
              "1.",
              ".5",
              "+1",
              "1e",
              "--1",
              "NaN",
              "Infinity",
              "\"\\x\"",
              "\"\\u12\"",
              "\"\\u\u0661234\"",
              "\"a\nb\"",
              "{} secret",
              "{}{}",
              "'secret'",
              "{secret:1}",
              "\u00a01",
              "[1]]",
              "\"\\",
              "0x1f",
              "1_000",
              "\ufeff1")) {
        assertThatIllegalArgumentException()
            .as(bad)
            .isThrownBy(() -> Canonical.parse(bad))
            .withMessageContaining("at character")
            .withMessageNotContaining("secret");
      }
    }

    @Test
    void givenDeepNesting_whenParsed_thenRefusedAndNoStackOverflow() {
      for (String open : List.of("[", "{\"a\":", "{\"$map\":", "[{\"$map\":")) {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> Canonical.parse(open.repeat(100_000)))
            .withMessageContaining("too deep");
      }
    }
  }

  @Test
  void givenKeys_whenMadeARecordOfWrongForm_thenRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Kind.MEMORY.record(Key.of("a", "b"), map()));
    assertThatIllegalArgumentException().isThrownBy(() -> Kind.EDGE.record(Key.of("a"), map()));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Kind.OBSERVATION.record(Key.of("a|b", "1"), map("members", map())));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Kind.MEMORY.record(Key.of("a"), map("tier", Value.of("attic"))));
    for (String vector : List.of("AAA=", "AACAPwA=", "%%%")) {
      assertThatIllegalArgumentException()
          .isThrownBy(
              () ->
                  Kind.EMBEDDING.record(
                      Key.of("text", "a"), map("vector", Value.of(vector), "members", map())));
    }
  }
}

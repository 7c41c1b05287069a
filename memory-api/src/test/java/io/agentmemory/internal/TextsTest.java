package io.agentmemory.internal;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.io.InputStream;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

final class TextsTest {

  @Nested
  class Numbers {
    @Test
    void givenThousandsOfDoubles_whenSpelled_thenAsPythonPrintsThem() throws IOException {
      int compared = 0;
      for (String line : lines("python-reprs.txt")) {
        if (!line.startsWith("#")) {
          String[] parts = line.split(" ");
          double value = Double.longBitsToDouble(Long.parseUnsignedLong(parts[0], 16));
          assertThat(Texts.number(value)).as("bits %s", parts[0]).isEqualTo(parts[1]);
          assertThat(Double.parseDouble(parts[1])).isEqualTo(value);
          compared++;
        }
      }
      assertThat(compared).isGreaterThan(7000);
    }

    @Test
    void givenZeros_whenSpelled_thenBothAreTheSame() {
      assertThat(Texts.number(0.0)).isEqualTo("0.0");
      assertThat(Texts.number(-0.0)).isEqualTo("0.0");
    }

    @Test
    void givenNoFiniteNumber_whenSpelled_thenRefused() {
      for (double bad : new double[] {Double.NaN, 1.0 / 0, -1.0 / 0}) {
        assertThatIllegalArgumentException().isThrownBy(() -> Texts.number(bad));
      }
    }
  }

  @Nested
  class Order {
    @Test
    void givenRandomTexts_whenCompared_thenAsTheirBytesOfUtf8() {
      int[] points = {
        0x20, 0x41, 0x61, 0x7f, 0x80, 0xe9, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfeff, 0xffff, 0x10000,
        0x1f600, 0x1f601, 0x10ffff
      };
      Random random = new Random(1);
      for (int i = 0; i < 20_000; i++) {
        String a = text(random, points);
        String b = text(random, points);
        int expected = Integer.signum(Arrays.compareUnsigned(a.getBytes(UTF_8), b.getBytes(UTF_8)));
        assertThat(Integer.signum(Texts.compare(a, b)))
            .as("%s %s", hex(a), hex(b))
            .isEqualTo(expected);
      }
    }

    private String text(Random random, int[] points) {
      StringBuilder out = new StringBuilder();
      for (int length = random.nextInt(4); length > 0; length--) {
        out.appendCodePoint(points[random.nextInt(points.length)]);
      }
      return out.toString();
    }

    private String hex(String text) {
      return text.codePoints().mapToObj(Integer::toHexString).toList().toString();
    }
  }

  @Nested
  class Folding {
    @Test
    void givenCases_whenFolded_thenEqualWhateverTheLocale() {
      Locale before = Locale.getDefault();
      try {
        for (String locale : List.of("en", "tr", "lt", "az")) {
          Locale.setDefault(Locale.forLanguageTag(locale));
          assertThat(Texts.fold("TITLE")).as(locale).isEqualTo("title");
          assertThat(Texts.fold("İI")).as(locale).isEqualTo("i\u0307i");
          assertThat(Texts.fold("STRASSE ẞ ß")).as(locale).isEqualTo("strasse ß ß");
          assertThat(Texts.fold("𐐀")).as(locale).isEqualTo("𐐨");
        }
      } finally {
        Locale.setDefault(before);
      }
    }

    @Test
    void givenSigmaAtTheEndOfAPart_whenFolded_thenThePartStandsInTheWhole() {
      for (String whole : List.of("ΟΔΟΣΑ", "ΟΔΟΣ", "ὀδός ΟΔΟΣ.", "σς")) {
        for (int from = 0; from < whole.length(); from++) {
          for (int to = from; to <= whole.length(); to++) {
            assertThat(Texts.fold(whole)).contains(Texts.fold(whole.substring(from, to)));
          }
        }
      }
    }
  }

  @Nested
  class Times {
    @Test
    void givenTexts_whenRead_thenTheirInstant() {
      assertInstant("2026-02-10T11:52:05.123456+00:00", "2026-02-10T11:52:05.123456Z");
      assertInstant("2026-02-10T11:52:05Z", "2026-02-10T11:52:05Z");
      assertInstant("2026-02-10t11:52:05z", "2026-02-10T11:52:05Z");
      assertInstant("2026-02-10", "2026-02-10T00:00:00Z");
      assertInstant("2026-2-9", "2026-02-09T00:00:00Z");
      assertInstant("2026-02-10 11:52:05.5", "2026-02-10T11:52:05.5Z");
      assertInstant("2026-02-10 \t 1:02:03 +5:30", "2026-02-09T19:32:03Z");
      assertInstant("2026-02-10T11:52+02", "2026-02-10T09:52:00Z");
      assertInstant("2026-02-10T11:52:05+0530", "2026-02-10T06:22:05Z");
      assertInstant("2026-02-10T11:52:05-02:00", "2026-02-10T13:52:05Z");
      assertInstant("2026-02-10T11:52:05.", "2026-02-10T11:52:05Z");
      assertInstant("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999999Z");
      assertInstant("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999Z");
      assertInstant("2026-02-10T11:52:05.123456789012345", "2026-02-10T11:52:05.123456Z");
      assertInstant("0001-01-01", "0001-01-01T00:00:00Z");
      assertInstant("2000-02-29", "2000-02-29T00:00:00Z");
    }

    private void assertInstant(String text, String instant) {
      assertThat(Texts.instant(text)).as(text).isEqualTo(Instant.parse(instant));
    }

    @Test
    void givenNoTimeOrAnImpossibleOne_whenRead_thenNull() {
      for (String text :
          List.of(
              "",
              " ",
              "now",
              "2026",
              "2026-02",
              "2026-02-31",
              "2026-12-99",
              "9999-99-99",
              "1900-02-29",
              "0000-01-01",
              "2026-02-10T24:00:00",
              "2026-02-10T23:60:00",
              "2026-02-10T23:59:60",
              "2026-02-10T",
              "2026-02-10T11",
              " 2026-02-10",
              "2026-02-10x",
              "0001-01-01T00:00:00+01:00",
              "9999-12-31T23:59:59-01:00",
              "2026-02-10T11:52:05+25:00",
              "12026-02-10",
              "-026-02-10",
              "2026-02-10T11:52:05 UTC",
              "２０２６-02-10",
              "2026-02-10\n")) {
        assertThat(Texts.instant(text)).as(text).isNull();
      }
      assertThat(Texts.instant(null)).isNull();
    }

    @Test
    void givenInstants_whenWritten_thenUtcWithOffsetAndMicroseconds() {
      assertThat(Texts.time(Instant.parse("2026-02-10T11:52:05.123456789Z")))
          .isEqualTo("2026-02-10T11:52:05.123456+00:00");
      assertThat(Texts.time(Instant.parse("2026-02-10T11:52:05.000000999Z")))
          .isEqualTo("2026-02-10T11:52:05+00:00");
      assertThat(Texts.time(Instant.parse("2026-02-10T00:00:00Z")))
          .isEqualTo("2026-02-10T00:00:00+00:00");
      assertThat(Texts.time(Instant.parse("2026-02-10T00:00:00.1Z")))
          .isEqualTo("2026-02-10T00:00:00.100000+00:00");
      assertThat(Texts.time(Instant.parse("1969-12-31T23:59:59.9999999Z")))
          .isEqualTo("1969-12-31T23:59:59.999999+00:00");
    }

    @Test
    void givenRandomInstants_whenWrittenAndRead_thenTheSameToTheMicrosecond() {
      Random random = new Random(3);
      for (int i = 0; i < 2000; i++) {
        Instant at =
            Instant.ofEpochSecond(
                random.nextLong(-62_135_596_800L, 253_402_300_800L),
                random.nextInt(1_000_000) * 1000L);
        assertThat(Texts.instant(Texts.time(at))).isEqualTo(at);
      }
    }
  }

  @Test
  void givenTexts_whenLookedThrough_thenTheFirstCharThatNoStoreHolds() {
    assertThat(Texts.unstorable("")).isEqualTo(-1);
    assertThat(Texts.unstorable("a\ud83d\ude00\uffff\u0001")).isEqualTo(-1);
    assertThat(Texts.unstorable("a\0")).isEqualTo(1);
    assertThat(Texts.unstorable("\ud83d\ude00\ud83d")).isEqualTo(2);
    assertThat(Texts.unstorable("\ude00\ud83d")).isEqualTo(0);
    assertThat(Texts.unstorable("\ud83dx")).isEqualTo(0);
  }

  private static List<String> lines(String resource) throws IOException {
    try (InputStream in = requireNonNull(TextsTest.class.getResourceAsStream(resource))) {
      return new ArrayList<>(new String(in.readAllBytes(), UTF_8).lines().toList());
    }
  }
}

package io.agentmemory.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** What depends on the terminal. */
class ScreenTest {
  private static final Map<String, String> XTERM = Map.of("TERM", "xterm");

  @Test
  void givenTerminal_whenNoColorIsSet_thenNoColours() {
    assertThat(Console.screen("out,err", 100, XTERM))
        .isEqualTo(new Console.Screen(true, true, 100, true));
    assertThat(Console.screen("out,err", 100, Map.of("TERM", "xterm", "NO_COLOR", "1")).colour())
        .isFalse();
    assertThat(Console.screen("out,err", 100, Map.of("TERM", "xterm", "NO_COLOR", "")).colour())
        .isTrue();
    assertThat(Console.screen("out,err", 100, Map.of("TERM", "dumb")))
        .isEqualTo(new Console.Screen(true, false, 100, false));
    assertThat(Console.screen(",err", 100, XTERM))
        .isEqualTo(new Console.Screen(false, true, 100, false));
    assertThat(Console.screen("", 100, XTERM).colour()).isFalse();
  }

  @Test
  void givenWideLettersAndMarks_whenMeasured_thenColumns() {
    assertThat(Cells.width("abc")).isEqualTo(3);
    assertThat(Cells.width("漢字")).isEqualTo(4);
    assertThat(Cells.width("e\u0301")).isEqualTo(1);
    assertThat(Cells.width("\ud83d\ude00")).isEqualTo(2);
    assertThat(Cells.cut("漢字漢字", 5)).isEqualTo("漢字…");
    assertThat(Cells.cut("abc", 3)).isEqualTo("abc");
    assertThat(Cells.oneLine(" a\r\n\tb \u0007c ")).isEqualTo("a b c");
  }

  @Test
  void givenTableTooWide_whenPrinted_thenSomeColumnsGiveWayAndTheOthersStay() {
    Table table = new Table(List.of("id", "tags", "text"), Set.of(), List.of("tags", "text"));
    table.row("an-id-of-some-length", "t".repeat(60), "x".repeat(60));

    for (int width : new int[] {50, 70, 100, 133}) {
      List<String> lines = table.lines(width);

      assertThat(lines).as("width %d", width).allMatch(line -> Cells.width(line) <= width);
      assertThat(lines.get(1)).startsWith("an-id-of-some-length  t").contains("…", "xxxx");
    }
  }

  @Test
  void givenTerminal_whenProgressIsShown_thenOneLineThatFitsTenTimesASecondAndGoneAtTheEnd() {
    StringWriter err = new StringWriter();
    AtomicLong nanos = new AtomicLong();
    Console console =
        new Console(
            InputStream.nullInputStream(),
            new PrintWriter(new StringWriter()),
            new PrintWriter(err),
            new Console.Screen(true, true, 60, false),
            Map.of());

    try (Progress progress = new Progress(console, "copying", nanos::get)) {
      for (int i = 0; i <= 1000; i++) {
        progress.at(i, 1000, "memory");
        nanos.addAndGet(1_000_000); // a millisecond
      }
    }

    String[] shown = err.toString().split("\r");
    assertThat(shown).hasSizeBetween(11, 14).allMatch(line -> line.length() <= 59);
    assertThat(shown[6]).matches("copying \\[#+\\.+] +50 %  500 of 1,000  1,000/s  memory *");
    assertThat(err.toString()).doesNotContain("\n").endsWith("\r" + " ".repeat(59) + "\r");
  }

  @Test
  void givenNoTerminal_whenProgressIsShown_thenNothing() {
    StringWriter err = new StringWriter();
    Console console =
        new Console(
            InputStream.nullInputStream(),
            new PrintWriter(new StringWriter()),
            new PrintWriter(err),
            Console.Screen.NONE,
            Map.of());

    try (Progress progress = new Progress(console, "copying")) {
      progress.at(1, 2, "");
    }

    assertThat(err.toString()).isEmpty();
  }
}

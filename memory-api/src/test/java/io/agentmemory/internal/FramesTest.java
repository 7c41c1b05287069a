package io.agentmemory.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

final class FramesTest {
  private static byte[] joined(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }

  private static List<String> texts(byte[] bytes) {
    return Frames.scan(bytes, bytes.length).frames().stream().map(Frames.Frame::text).toList();
  }

  @Test
  void givenLines_whenScanned_thenTheirTextsAreThere() {
    byte[] bytes = joined(Frames.line("one"), Frames.line(""), Frames.line("zwölf 🙂"));

    assertThat(texts(bytes)).containsExactly("one", "", "zwölf 🙂");
    assertThat(Frames.scan(bytes, bytes.length).gaps()).isEmpty();
  }

  @Test
  void givenALineThatBecameZeros_whenScanned_thenTheNextOneIsFound() {
    byte[] first = Frames.line("one");
    byte[] second = Frames.line("two");
    byte[] bytes = joined(first, new byte[second.length], Frames.line("three"), new byte[99]);

    assertThat(texts(bytes)).containsExactly("one", "three");
    int to = first.length + second.length;
    assertThat(Frames.scan(bytes, bytes.length).gaps())
        .containsExactly(new Frames.Gap(first.length, to, true));
  }

  @Test
  void givenATextThatLooksLikeALine_whenWhatHoldsItIsDamaged_thenItIsNone() {
    String inner = new String(Frames.line("forged"), StandardCharsets.UTF_8).strip();
    byte[] outer = Frames.line("text " + inner + " text");
    outer[4] ^= 1;

    byte[] bytes = joined(outer, Frames.line("next"));
    Frames.Scan scan = Frames.scan(bytes, bytes.length);

    assertThat(scan.frames()).extracting(Frames.Frame::text).containsExactly("next");
    assertThat(scan.gaps()).containsExactly(new Frames.Gap(0, outer.length, true));
  }

  @Test
  void givenATornLine_whenScanned_thenWhatIsLeftOfItIsAGapAtTheEnd() {
    byte[] line = Frames.line("a text of some length");
    byte[] torn = Arrays.copyOf(Arrays.copyOf(line, 30), 500);

    Frames.Scan scan = Frames.scan(torn, torn.length);

    assertThat(scan.frames()).isEmpty();
    assertThat(scan.gaps()).containsExactly(new Frames.Gap(0, 30, false));
  }
}

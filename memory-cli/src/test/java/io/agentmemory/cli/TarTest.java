package io.agentmemory.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Unpacking archives. */
class TarTest {
  @TempDir private Path folder;

  /** One entry as tar writes it. */
  private static byte[] entry(String name, char type, String link, int mode, byte[] content) {
    byte[] header = new byte[512];
    put(header, 0, name);
    put(header, 100, String.format("%07o", mode));
    put(header, 124, String.format("%011o", content.length));
    header[156] = (byte) type;
    put(header, 157, link);
    put(header, 257, "ustar");
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(header);
    out.writeBytes(content);
    out.writeBytes(new byte[(512 - content.length % 512) % 512]);
    return out.toByteArray();
  }

  private static void put(byte[] header, int at, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    System.arraycopy(bytes, 0, header, at, bytes.length);
  }

  private static byte[] file(String name, String content) {
    return entry(name, '0', "", 0644, content.getBytes(StandardCharsets.UTF_8));
  }

  private static InputStream archive(byte[]... entries) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] entry : entries) {
      out.writeBytes(entry);
    }
    out.writeBytes(new byte[1024]);
    return new ByteArrayInputStream(out.toByteArray());
  }

  @Test
  void givenFilesFoldersAndLinks_whenUnpacked_thenTheyAreThere() throws IOException {
    String big = "x".repeat(1300);
    InputStream archive =
        archive(
            entry("bin/", '5', "", 0755, new byte[0]),
            entry("bin/tool", '0', "", 0755, "run".getBytes(StandardCharsets.UTF_8)),
            entry("bin/link", '2', "tool", 0777, new byte[0]),
            file("share/deep/é.txt", big));

    assertThat(Tar.unpack(archive, "", folder)).isEqualTo(2);

    assertThat(folder.resolve("bin/tool")).isExecutable();
    assertThat(folder.resolve("bin/link")).isSymbolicLink().hasContent("run");
    assertThat(folder.resolve("share/deep/é.txt")).hasContent(big);
    assertThat(Files.isExecutable(folder.resolve("share/deep/é.txt"))).isFalse();
  }

  @Test
  void givenPrefix_whenUnpacked_thenOnlyWhatLiesBelowItAndWithoutIt() throws IOException {
    InputStream archive = archive(file("golden/a", "no"), file("./tree/memory/b", "yes"));

    assertThat(Tar.unpack(archive, "tree/", folder)).isEqualTo(1);

    try (Stream<Path> files = Files.walk(folder)) {
      assertThat(files.filter(Files::isRegularFile)).containsExactly(folder.resolve("memory/b"));
    }
  }

  @Test
  void givenLongNames_whenUnpacked_thenBothWaysOfWritingThemAreRead() throws IOException {
    String name = "n".repeat(150);
    byte[] gnu = (name + "-gnu\0").getBytes(StandardCharsets.UTF_8);
    String record = " path=" + name + "-pax\n";
    byte[] pax = ((record.length() + 3) + record).getBytes(StandardCharsets.UTF_8);
    InputStream archive =
        archive(
            entry("././@LongLink", 'L', "", 0, gnu),
            file("cut", "1"),
            entry("PaxHeader", 'x', "", 0, pax),
            file("cut", "2"),
            file("plain", "3"));

    Tar.unpack(archive, "", folder);

    assertThat(folder.resolve(name + "-gnu")).hasContent("1");
    assertThat(folder.resolve(name + "-pax")).hasContent("2");
    assertThat(folder.resolve("plain")).hasContent("3");
  }

  @Test
  void givenEntryThatLeadsOutside_whenUnpacked_thenRefused() throws IOException {
    Path inside = Files.createDirectory(folder.resolve("inside"));

    assertThatExceptionOfType(IOException.class)
        .isThrownBy(() -> Tar.unpack(archive(file("../evil", "x")), "", inside));
    assertThatExceptionOfType(IOException.class)
        .isThrownBy(
            () -> Tar.unpack(archive(entry("l", '2', "..", 0777, new byte[0])), "", inside));
    Files.createSymbolicLink(inside.resolve("was-there"), folder);
    assertThatExceptionOfType(IOException.class)
        .isThrownBy(() -> Tar.unpack(archive(file("was-there/evil", "x")), "", inside));
    assertThat(folder.resolve("evil")).doesNotExist();
  }

  @Test
  void givenArchiveThatIsCutOff_whenUnpacked_thenAnError() {
    byte[] whole = file("a", "x".repeat(2000));
    for (int length : new int[] {100, 600, 1500}) {
      byte[] cut = java.util.Arrays.copyOf(whole, length);

      assertThatExceptionOfType(IOException.class)
          .as("after %d bytes", length)
          .isThrownBy(() -> Tar.unpack(new ByteArrayInputStream(cut), "", folder));
    }
  }

  @Test
  void givenTheSample_whenUnpacked_thenItIsATree() throws IOException {
    Sample.unpack(folder);

    assertThat(folder.resolve("memory/active")).isDirectory();
    assertThat(folder.resolve("memory/.edges_v3.json")).isRegularFile();
    assertThat(folder.resolve("sensors/data/image_embeddings.json")).isRegularFile();
  }
}

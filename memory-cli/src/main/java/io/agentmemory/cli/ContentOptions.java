package io.agentmemory.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Where the text of a memory comes from. */
final class ContentOptions {
  // More than any limit a store may have; so that a wrong file does not fill the memory.
  private static final int MOST = 32 << 20;

  @Option(names = "--content", paramLabel = "TEXT", description = "The text.")
  private @Nullable String content;

  @Option(
      names = "--content-file",
      paramLabel = "FILE",
      description =
          "Take the text from a file of UTF-8, - for standard input; less one final line end.")
  private @Nullable String file;

  /** The text; null if none was asked for. */
  @Nullable String read(Console console) throws IOException {
    if (file == null) {
      return content;
    }
    try (InputStream in = file.equals("-") ? console.in() : Files.newInputStream(Path.of(file))) {
      byte[] bytes = in.readNBytes(MOST + 1);
      if (bytes.length > MOST) {
        throw new IllegalArgumentException("--content-file is larger than any memory may be");
      }
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      int end = text.endsWith("\r\n") ? 2 : text.endsWith("\n") ? 1 : 0;
      return text.substring(0, text.length() - end);
    }
  }
}

package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Memory;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CoderResult;
import java.util.ArrayList;
import java.util.List;

/** One memory file: its bytes, and the records that they hold. */
final class MemoryFile {
  private static final String FENCE = "---";

  private MemoryFile() {}

  /** What one file holds: a memory, and the counts that its front matter keeps. */
  record Parsed(Memory memory, List<CoOccurrence> coOccurrences) {
    Parsed {
      coOccurrences = List.copyOf(coOccurrences);
    }
  }

  /**
   * What a file means to the original, also where it is irregular: a rule in a value cuts the front
   * matter there, a mark before the first rule means there is none, and so on.
   *
   * <p>Source: drift.md 1.4.
   *
   * @throws UnreadableFileException if the bytes are no UTF-8 or the front matter is no YAML
   */
  static Parsed parse(Tier tier, String fileName, byte[] bytes) throws UnreadableFileException {
    String text = lineFeeds(decode(bytes));
    int second = secondFence(text);
    if (second < 0) {
      return new Parsed(new Memory(stem(fileName), tier, fileName, text, null), List.of());
    }
    FrontMatter frontMatter = FrontMatter.read(text, FENCE.length(), second, false);
    String content = body(text, second + FENCE.length());
    String id = stem(fileName);
    if (frontMatter.value() instanceof Value.Map map
        && map.get(FrontMatter.ID) instanceof Value.Text named) {
      id = named.value();
    }
    List<CoOccurrence> counts = new ArrayList<>(frontMatter.counts().size());
    for (var entry : frontMatter.counts().entrySet()) {
      counts.add(new CoOccurrence(id, entry.getKey(), entry.getValue()));
    }
    return new Parsed(new Memory(id, tier, fileName, content, frontMatter.value()), counts);
  }

  private static String stem(String fileName) {
    return fileName.endsWith(".md") ? fileName.substring(0, fileName.length() - 3) : fileName;
  }

  /** Where the second fence begins, wherever in a line that is; -1 if there is no front matter. */
  private static int secondFence(String text) {
    return text.startsWith(FENCE) ? text.indexOf(FENCE, FENCE.length()) : -1;
  }

  /**
   * The text after the fence's line, without one blank line before it and one line feed at its end.
   */
  private static String body(String text, int afterFence) {
    int from = afterFence;
    while (from < text.length() && (text.charAt(from) == ' ' || text.charAt(from) == '\t')) {
      from++;
    }
    if (from == text.length() || text.charAt(from) == '\n') {
      from = Math.min(from + 1, text.length());
      if (from < text.length() && text.charAt(from) == '\n') {
        from++;
      }
    } else {
      from = afterFence; // the fence stands inside a line, whose rest is text
    }
    int end = text.length() > from && text.endsWith("\n") ? text.length() - 1 : text.length();
    return text.substring(from, end);
  }

  /** The text of the bytes, which must be UTF-8 without NUL. */
  private static String decode(byte[] bytes) throws UnreadableFileException {
    String text = new String(bytes, UTF_8);
    if (text.indexOf('\ufffd')
        >= 0) { // what a decoder puts where it fails, if it does not stand there
      refuseMalformed(bytes);
    }
    int nul = text.indexOf('\0');
    if (nul >= 0) {
      throw new UnreadableFileException("has a NUL", line(text.substring(0, nul)));
    }
    return text;
  }

  private static void refuseMalformed(byte[] bytes) throws UnreadableFileException {
    ByteBuffer in = ByteBuffer.wrap(bytes);
    CharBuffer out = CharBuffer.allocate(bytes.length + 1);
    CoderResult result = UTF_8.newDecoder().decode(in, out, true);
    if (result.isError()) {
      throw new UnreadableFileException("is no UTF-8 at byte " + in.position(), line(out.flip()));
    }
  }

  private static int line(CharSequence before) {
    return 1 + (int) before.chars().filter(c -> c == '\n').count();
  }

  private static String lineFeeds(String text) {
    return text.indexOf('\r') < 0 ? text : text.replace("\r\n", "\n").replace('\r', '\n');
  }
}

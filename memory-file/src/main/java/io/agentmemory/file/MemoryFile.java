package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Memory;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CoderResult;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One memory file: its bytes, and the records that they hold. */
final class MemoryFile {
  static final String FENCE = "---";

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
    Source source = Source.of(bytes, false);
    FrontMatter frontMatter = source.frontMatter();
    if (frontMatter == null) {
      return new Parsed(
          new Memory(stem(fileName), tier, fileName, source.content(), null), List.of());
    }
    String id = stem(fileName);
    if (frontMatter.value() instanceof Value.Map map
        && map.get(FrontMatter.ID) instanceof Value.Text named) {
      id = named.value();
    }
    List<CoOccurrence> counts = new ArrayList<>(frontMatter.counts().size());
    for (var entry : frontMatter.counts().entrySet()) {
      counts.add(new CoOccurrence(id, entry.getKey(), entry.getValue()));
    }
    Memory memory = new Memory(id, tier, fileName, source.content(), frontMatter.value());
    return new Parsed(memory, counts);
  }

  /**
   * The bytes of a file that holds this and nothing else, the counts in this order. Of {@code old}
   * it changes only the lines of the members that differ, and the body only if that differs; line
   * ends stay what they are.
   *
   * @param old the bytes that will be replaced; null for a new file
   * @throws IllegalArgumentException if no file reads back as this: a text of NUL or half a
   *     character, a time or number that YAML would not take for one, a count of another memory
   */
  static byte[] render(Memory memory, List<CoOccurrence> counts, byte @Nullable [] old) {
    Parsed wanted = new Parsed(memory, counts);
    String lineEnd = "\n";
    if (old != null) {
      try {
        Source source = Source.of(old, true);
        lineEnd = source.lineEnd();
        for (boolean byMember : new boolean[] {true, false}) {
          byte[] patched = encode(new Patch(source, wanted).apply(byMember));
          if (holds(patched, wanted)) {
            return patched;
          }
        }
      } catch (UnreadableFileException unreadable) {
        // nothing of it can be kept
      }
    }
    byte[] fresh = encode(Patch.fresh(wanted, lineEnd));
    if (!holds(fresh, wanted)) {
      throw new IllegalArgumentException("memory " + memory.id() + " cannot be held by a file");
    }
    return fresh;
  }

  /** Whether the bytes read back as this, the counts in their order, the members in any. */
  private static boolean holds(byte[] bytes, Parsed wanted) {
    try {
      Parsed found = parse(wanted.memory().tier(), wanted.memory().fileName(), bytes);
      return found.memory().equals(wanted.memory())
          && found.coOccurrences().equals(wanted.coOccurrences());
    } catch (UnreadableFileException unreadable) {
      return false;
    }
  }

  private static byte[] encode(String text) {
    try {
      ByteBuffer bytes = UTF_8.newEncoder().encode(CharBuffer.wrap(text));
      byte[] copy = new byte[bytes.remaining()];
      bytes.get(copy);
      return copy;
    } catch (CharacterCodingException half) {
      throw new IllegalArgumentException("a text has half a character", half);
    }
  }

  /**
   * A file as it stands.
   *
   * @param raw its text with its own line ends
   * @param text the same with line feeds only
   * @param frontMatter null if there is none
   * @param fence where the second fence begins in {@code text}; -1 if there is none
   * @param content the body; the whole text of a file without front matter
   */
  record Source(
      String raw, String text, @Nullable FrontMatter frontMatter, int fence, String content) {

    static Source of(byte[] bytes, boolean layout) throws UnreadableFileException {
      String raw = decode(bytes);
      String text = lineFeeds(raw);
      int fence = secondFence(text);
      if (fence < 0) {
        return new Source(raw, text, null, -1, text);
      }
      FrontMatter frontMatter = FrontMatter.read(text, FENCE.length(), fence, layout);
      return new Source(raw, text, frontMatter, fence, body(text, fence + FENCE.length()));
    }

    /** How its first line ends, for lines to be added. */
    String lineEnd() {
      int cr = raw.indexOf('\r');
      int lf = raw.indexOf('\n');
      if (cr < 0 || (lf >= 0 && lf < cr)) {
        return "\n";
      }
      return lf == cr + 1 ? "\r\n" : "\r";
    }

    /** Whether the second fence begins its line, so that the body does too. */
    boolean isFenceAlone() {
      return text.charAt(fence - 1) == '\n';
    }
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

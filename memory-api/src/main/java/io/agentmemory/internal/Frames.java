package io.agentmemory.internal;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * Lines that tell whether they are whole: {@code AM1}, the length of the text in bytes and its
 * CRC32C as eight hexadecimal digits each, the text, a line feed. A text has no line feed in it, so
 * that after damage the next line can be found.
 */
public final class Frames {
  private static final byte[] MAGIC = "AM1 ".getBytes(StandardCharsets.US_ASCII);
  private static final int HEADER = MAGIC.length + 8 + 1 + 8 + 1;

  private Frames() {}

  /** A line that is whole. */
  public record Frame(int from, int to, String text) {}

  /**
   * Bytes that are no line.
   *
   * @param followed whether whole lines come after: damage, where the end of a file is merely torn
   */
  public record Gap(int from, int to, boolean followed) {}

  /** What a file of lines holds. */
  public record Scan(List<Frame> frames, List<Gap> gaps) {}

  /** The line of a text. */
  public static byte[] line(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    byte[] line = new byte[HEADER + bytes.length + 1];
    System.arraycopy(MAGIC, 0, line, 0, MAGIC.length);
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, bytes.length);
    hex(bytes.length, line, MAGIC.length);
    line[MAGIC.length + 8] = ' ';
    hex((int) crc.getValue(), line, MAGIC.length + 9);
    line[HEADER - 1] = ' ';
    System.arraycopy(bytes, 0, line, HEADER, bytes.length);
    line[line.length - 1] = '\n';
    return line;
  }

  private static void hex(int value, byte[] out, int at) {
    for (int i = 0; i < 8; i++) {
      out[at + i] = (byte) Character.forDigit((value >>> (28 - 4 * i)) & 15, 16);
    }
  }

  /** The lines in {@code bytes} up to {@code length}, and what stands between them. */
  public static Scan scan(byte[] bytes, int length) {
    List<Frame> frames = new ArrayList<>();
    List<Gap> gaps = new ArrayList<>();
    int at = 0;
    int used = lastNonZero(bytes, 0, length); // what was made in advance is zeros
    while (at < used) {
      int end = end(bytes, at, Math.min(length, used + 1)); // any byte will do for a line feed
      if (end > 0) {
        String text = new String(bytes, at + HEADER, end - 1 - at - HEADER, StandardCharsets.UTF_8);
        frames.add(new Frame(at, end, text));
        at = end;
        continue;
      }
      int next = next(bytes, at, used);
      gaps.add(new Gap(at, next < 0 ? used : next, next >= 0));
      if (next < 0) {
        break;
      }
      at = next;
    }
    return new Scan(frames, gaps);
  }

  /** The end of the line that starts at {@code at}; -1 if none does. */
  private static int end(byte[] bytes, int at, int length) {
    if (at + HEADER > length) {
      return -1;
    }
    for (int i = 0; i < MAGIC.length; i++) {
      if (bytes[at + i] != MAGIC[i]) {
        return -1;
      }
    }
    if (bytes[at + MAGIC.length + 8] != ' ' || bytes[at + HEADER - 1] != ' ') {
      return -1;
    }
    long size = hex(bytes, at + MAGIC.length);
    long sum = hex(bytes, at + MAGIC.length + 9);
    long end = at + HEADER + size + 1;
    if (size < 0 || sum < 0 || end > length) {
      return -1;
    }
    CRC32C crc = new CRC32C();
    crc.update(bytes, at + HEADER, (int) size);
    return crc.getValue() == sum ? (int) end : -1;
  }

  private static long hex(byte[] bytes, int at) {
    long value = 0;
    for (int i = 0; i < 8; i++) {
      int digit = Character.digit(bytes[at + i], 16);
      if (digit < 0) {
        return -1;
      }
      value = value << 4 | digit;
    }
    return value;
  }

  private static int next(byte[] bytes, int at, int length) {
    for (int i = at + 1; i < length; i++) {
      boolean afterLine = bytes[i - 1] == '\n' || bytes[i - 1] == 0; // neither is in any text
      if (bytes[i] == MAGIC[0] && afterLine && end(bytes, i, length) > 0) {
        return i;
      }
    }
    return -1;
  }

  private static int lastNonZero(byte[] bytes, int at, int length) {
    int last = length;
    while (last > at && bytes[last - 1] == 0) {
      last--;
    }
    return last;
  }
}

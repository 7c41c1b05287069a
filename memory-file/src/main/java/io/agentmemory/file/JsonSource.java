package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Arrays;

/**
 * The bytes of a document on their way to a parser: checks that they are UTF-8, takes away a byte
 * order mark, and keeps those that were read but not yet copied or dropped. A window of the
 * document, as wide as the parser reads ahead.
 */
final class JsonSource extends InputStream {
  private final InputStream in;
  private final boolean keeping;
  private byte[] window = new byte[1 << 14];
  private int size;
  private long start; // the offset of the window's first byte, as the parser counts
  private boolean begun;
  private boolean marked;

  // The state of UTF-8: how many bytes follow, and between what the next one has to lie.
  private long offset;
  private int following;
  private int least = 0x80;
  private int most = 0xbf;

  /** The bytes are no text from some offset in the file on. */
  static final class MalformedException extends IOException {
    private static final long serialVersionUID = 1L;

    MalformedException(String what, long offset) {
      super(what + " at byte " + offset);
    }
  }

  /**
   * Reads {@code in}.
   *
   * @param keeping whether bytes will be asked for; if not, none are kept
   */
  JsonSource(InputStream in, boolean keeping) {
    this.in = in;
    this.keeping = keeping;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] target, int from, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    int read;
    if (begun) {
      read = in.read(target, from, length);
    } else {
      begun = true;
      byte[] head = in.readNBytes(3);
      marked = Arrays.equals(head, new byte[] {(byte) 0xef, (byte) 0xbb, (byte) 0xbf});
      if (marked) {
        offset = 3;
        read = in.read(target, from, length);
      } else if (head.length > length) {
        throw new IOException("a parser that reads less than three bytes at once");
      } else {
        System.arraycopy(head, 0, target, from, head.length);
        read = head.length == 0 ? -1 : head.length;
      }
    }
    if (read > 0) {
      check(target, from, read);
      if (keeping) {
        keep(target, from, read);
      }
    } else if (following > 0) {
      throw new MalformedException("is no UTF-8", offset);
    }
    return read;
  }

  /** Whether the document began with a byte order mark, which the parser does not see. */
  boolean isMarked() {
    return marked;
  }

  /** Source: Unicode, table 3-7, well-formed UTF-8 byte sequences. */
  private void check(byte[] bytes, int from, int length) throws MalformedException {
    for (int i = from; i < from + length; i++, offset++) {
      int b = bytes[i] & 0xff;
      if (following > 0) {
        if (b < least || b > most) {
          throw new MalformedException("is no UTF-8", offset);
        }
        following--;
        least = 0x80;
        most = 0xbf;
      } else if (b >= 0x80) {
        begin(b);
      } else if (b == 0) {
        throw new MalformedException("has a NUL", offset);
      }
    }
  }

  private void begin(int b) throws MalformedException {
    if (b < 0xc2 || b > 0xf4) {
      throw new MalformedException("is no UTF-8", offset);
    }
    following = b < 0xe0 ? 1 : b < 0xf0 ? 2 : 3;
    least = b == 0xe0 ? 0xa0 : b == 0xf0 ? 0x90 : 0x80;
    most = b == 0xed ? 0x9f : b == 0xf4 ? 0x8f : 0xbf;
  }

  private void keep(byte[] bytes, int from, int length) {
    if (size + length > window.length) {
      window = Arrays.copyOf(window, Math.max(window.length * 2, size + length));
    }
    System.arraycopy(bytes, from, window, size, length);
    size += length;
  }

  /** How many bytes before this offset are held. */
  long held(long offset) {
    return offset - start;
  }

  /** Copies the bytes before this offset, and drops them. */
  void copyTo(long offset, OutputStream out) throws IOException {
    int length = (int) held(offset);
    out.write(window, 0, length);
    drop(length);
  }

  /** Copies all bytes that are held. */
  void copyAll(OutputStream out) throws IOException {
    copyTo(start + size, out);
  }

  /** The bytes before this offset as text; what is not ASCII in it is of no matter. */
  String peek(long offset) {
    return new String(window, 0, (int) held(offset), US_ASCII);
  }

  /** Takes the bytes before this offset as text; they have to be ASCII. */
  String take(long offset) {
    int length = (int) held(offset);
    String text = new String(window, 0, length, US_ASCII);
    drop(length);
    return text;
  }

  /** Drops the bytes before this offset. */
  void skipTo(long offset) {
    drop((int) held(offset));
  }

  private void drop(int length) {
    System.arraycopy(window, length, window, 0, size - length);
    size -= length;
    start += length;
  }
}

package io.agentmemory.identity;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A set of texts in the order in which the original goes over one. It uses sets where a list was
 * meant, and what it answers then depends on their order: which of two equals comes first, which
 * nodes are sampled, the last bit of a sum. That order is one of hashes, with a seed that the
 * process draws; with the seed 0 it is a function of the texts and of the order they came in.
 *
 * <p>Source: CPython 3.11 to 3.14 under {@code PYTHONHASHSEED=0}: SipHash-1-3 of the text in its
 * narrowest fixed width, open addressing with runs of ten and perturbed jumps between them.
 */
final class HashOrder {
  private static final int RUN = 9;
  private static final int PERTURB_SHIFT = 5;
  private static final int MANY = 50_000;

  private @Nullable String[] table = new @Nullable String[8];
  private long[] hashes = new long[8];
  private int size;

  private HashOrder() {}

  /** The distinct {@code texts} in the order of their set. */
  static List<String> of(Collection<String> texts) {
    HashOrder set = new HashOrder();
    texts.forEach(set::add);
    List<String> list = new ArrayList<>(set.size);
    for (String text : set.table) {
      if (text != null) {
        list.add(text);
      }
    }
    return list;
  }

  private void add(String text) {
    long hash = hash(text);
    int at = place(table, hashes, text, hash);
    if (table[at] != null) {
      return;
    }
    table[at] = text;
    hashes[at] = hash;
    size++;
    int mask = table.length - 1;
    if (size * 5L >= mask * 3L) {
      grow(size > MANY ? size * 2L : size * 4L);
    }
  }

  /** The place of {@code text}, or the free one where it belongs. */
  private static int place(@Nullable String[] table, long[] hashes, String text, long hash) {
    int mask = table.length - 1;
    long perturb = hash;
    int at = (int) (hash & mask);
    while (true) {
      int end = at + RUN <= mask ? at + RUN : at;
      for (int i = at; i <= end; i++) {
        if (table[i] == null || (hashes[i] == hash && text.equals(table[i]))) {
          return i;
        }
      }
      perturb >>>= PERTURB_SHIFT;
      at = (int) ((at * 5L + 1 + perturb) & mask);
    }
  }

  private void grow(long above) {
    int length = 8;
    while (length <= above) {
      length <<= 1;
    }
    @Nullable String[] oldTable = table;
    long[] oldHashes = hashes;
    table = new @Nullable String[length];
    hashes = new long[length];
    for (int i = 0; i < oldTable.length; i++) {
      String text = oldTable[i];
      if (text != null) {
        int at = place(table, hashes, text, oldHashes[i]);
        table[at] = text;
        hashes[at] = oldHashes[i];
      }
    }
  }

  static long hash(String text) {
    if (text.isEmpty()) {
      return 0;
    }
    long hash = sipHash(bytes(text));
    return hash == -1 ? -2 : hash;
  }

  private static byte[] bytes(String text) {
    int widest = text.codePoints().max().orElse(0);
    if (widest < 0x100) {
      return text.getBytes(StandardCharsets.ISO_8859_1);
    }
    if (widest < 0x10000) {
      return text.getBytes(StandardCharsets.UTF_16LE);
    }
    int[] points = text.codePoints().toArray();
    ByteBuffer bytes = ByteBuffer.allocate(points.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    Arrays.stream(points).forEach(bytes::putInt);
    return bytes.array();
  }

  /** SipHash with one round a word and three at the end, its key all zero. */
  private static long sipHash(byte[] bytes) {
    long[] v = {0x736f6d6570736575L, 0x646f72616e646f6dL, 0x6c7967656e657261L, 0x7465646279746573L};
    ByteBuffer padded =
        ByteBuffer.allocate((bytes.length / 8 + 1) * 8).order(ByteOrder.LITTLE_ENDIAN);
    padded.put(bytes).put(padded.capacity() - 1, (byte) bytes.length).rewind();
    while (padded.hasRemaining()) {
      long word = padded.getLong();
      v[3] ^= word;
      round(v);
      v[0] ^= word;
    }
    v[2] ^= 0xff;
    round(v);
    round(v);
    round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
  }

  private static void round(long[] v) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = Long.rotateLeft(v[1], 13) ^ v[0];
    v[3] = Long.rotateLeft(v[3], 16) ^ v[2];
    v[0] = Long.rotateLeft(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = Long.rotateLeft(v[1], 17) ^ v[2];
    v[3] = Long.rotateLeft(v[3], 21) ^ v[0];
    v[2] = Long.rotateLeft(v[2], 32);
  }
}

package io.agentmemory;

import io.agentmemory.internal.Arithmetic;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Finds the pairs of vectors that lie nearest to each other. */
final class Pairing {
  private static final long BLOCK_FLOATS = 4L << 20;
  private static final int CHUNK = 500;
  private static final int DIGITS = 4;

  /** More than doubles can err in the order of their additions. */
  private static final double SLACK = 1e-9;

  private static final Comparator<Found> ORDER =
      Comparator.comparingDouble((Found found) -> found.similarity)
          .reversed()
          .thenComparingInt(found -> found.first.rank)
          .thenComparingInt(found -> found.second.rank);

  private final MemoryStore store;
  private final String space;
  private final double threshold;
  private final int limit;
  private final PriorityQueue<Found> worstFirst = new PriorityQueue<>(ORDER.reversed());
  private final int preview;
  private final long blockFloats;

  private record Row(String id, int rank, float[] vector, double length, String preview) {}

  private record Found(Row first, Row second, double similarity) {}

  Pairing(MemoryStore store, String space, double threshold, int limit, int preview) {
    this(store, space, threshold, limit, preview, BLOCK_FLOATS);
  }

  Pairing(
      MemoryStore store, String space, double threshold, int limit, int preview, long blockFloats) {
    this.store = store;
    this.space = space;
    this.threshold = threshold;
    this.limit = limit;
    this.preview = preview;
    this.blockFloats = blockFloats;
  }

  /** Reads block after block of the vectors, and each time all that come after the block. */
  List<Embeddings.Pair> best() {
    Map<String, Integer> ranks = ranks();
    Key after = Key.of(space, "");
    boolean more = true;
    while (more) {
      List<Row> block = new ArrayList<>();
      try (Stream<Stored<Embedding>> scan = store.scan(Kind.EMBEDDING, ScanRange.after(after))) {
        Iterator<Stored<Embedding>> rows =
            scan.takeWhile(stored -> stored.key().part(0).equals(space)).iterator();
        long floats = 0;
        while (floats < blockFloats && rows.hasNext()) {
          Stored<Embedding> stored = rows.next();
          after = stored.key();
          if (stored.live().isPresent()) {
            Row row = row(stored.live().get(), ranks);
            compare(block, row);
            block.add(row);
            floats += row.vector.length;
          }
        }
        more = rows.hasNext();
        while (rows.hasNext()) {
          rows.next().live().ifPresent(later -> compare(block, row(later, ranks)));
        }
      }
    }
    return worstFirst.stream()
        .sorted(ORDER)
        .map(
            found ->
                new Embeddings.Pair(
                    found.first.id,
                    found.second.id,
                    found.similarity,
                    found.first.preview,
                    found.second.preview))
        .toList();
  }

  /** Where each target stands among equals. */
  private Map<String, Integer> ranks() {
    Map<Ranking.Place, String> places = new TreeMap<>();
    List<String> chunk = new ArrayList<>();
    try (Stream<KeyVersion> versions =
        store.versions(Kind.EMBEDDING, ScanRange.after(Key.of(space, "")))) {
      versions
          .map(KeyVersion::key)
          .takeWhile(key -> key.part(0).equals(space))
          .forEach(
              key -> {
                chunk.add(key.part(1));
                if (chunk.size() == CHUNK) {
                  place(chunk, places);
                  chunk.clear();
                }
              });
    }
    place(chunk, places);
    Map<String, Integer> ranks = new HashMap<>();
    places.values().forEach(id -> ranks.put(id, ranks.size()));
    return ranks;
  }

  private void place(List<String> ids, Map<Ranking.Place, String> places) {
    Map<String, Memory> memories = Ranking.memories(store, ids);
    for (String id : ids) {
      places.put(Ranking.Place.of(id, Optional.ofNullable(memories.get(id))), id);
    }
  }

  private Row row(Embedding embedding, Map<String, Integer> ranks) {
    float[] vector = embedding.vector();
    double squares = 0;
    for (float x : vector) {
      squares += (double) x * x;
    }
    return new Row(
        embedding.target(),
        ranks.getOrDefault(embedding.target(), Integer.MAX_VALUE),
        vector,
        Math.sqrt(squares),
        Ranking.text(embedding, "preview", preview));
  }

  private void compare(List<Row> block, Row row) {
    for (Row other : block) {
      if (other.vector.length != row.vector.length || other.length == 0 || row.length == 0) {
        add(other, row, 0);
      } else {
        double lengths = other.length * row.length;
        if (roughDot(other.vector, row.vector) / lengths >= threshold - SLACK) {
          add(other, row, dot(other.vector, row.vector) / lengths);
        }
      }
    }
  }

  private void add(Row a, Row b, double similarity) {
    if (similarity < threshold) {
      return;
    }
    boolean inOrder = a.rank < b.rank || (a.rank == b.rank && a.id.compareTo(b.id) < 0);
    worstFirst.add(
        new Found(inOrder ? a : b, inOrder ? b : a, Arithmetic.round(similarity, DIGITS)));
    if (worstFirst.size() > limit) {
      worstFirst.poll();
    }
  }

  /** Summed in the order of the floats, as {@link Embedding#similarity} does. */
  private static double dot(float[] a, float[] b) {
    double dot = 0;
    for (int i = 0; i < a.length; i++) {
      dot += (double) a[i] * b[i];
    }
    return dot;
  }

  /** Four sums, so that no addition has to wait for the one before. */
  private static double roughDot(float[] a, float[] b) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int i = 0;
    for (int end = a.length - 3; i < end; i += 4) {
      s0 += (double) a[i] * b[i];
      s1 += (double) a[i + 1] * b[i + 1];
      s2 += (double) a[i + 2] * b[i + 2];
      s3 += (double) a[i + 3] * b[i + 3];
    }
    for (; i < a.length; i++) {
      s0 += (double) a[i] * b[i];
    }
    return (s0 + s1) + (s2 + s3);
  }
}

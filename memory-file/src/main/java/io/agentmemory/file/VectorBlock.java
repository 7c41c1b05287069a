package io.agentmemory.file;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Embedding;
import io.agentmemory.SimilarQuery;
import io.agentmemory.internal.Texts;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.Predicate;

/**
 * The vectors of one space and one length, side by side: a new one goes to the end, and the last
 * takes the place of one that goes. Not thread-safe.
 */
final class VectorBlock {
  private static final int CHUNK_FLOATS = 1 << 22;
  private static final Comparator<SimilarQuery.Hit> ORDER =
      Comparator.comparingDouble(SimilarQuery.Hit::similarity)
          .reversed()
          .thenComparing(SimilarQuery.Hit::target, Texts::compare);

  // Lengths for which a sum of squares in floats neither overflows nor loses its digits.
  private static final double LEAST = 1e-12;
  private static final double MOST = 1e12;

  private final int dimensions;
  private final int perChunk;
  private final List<float[]> chunks = new ArrayList<>();
  private final List<Row.VectorBody> bodies = new ArrayList<>();
  private final List<String> targets = new ArrayList<>();
  private float[] inverses = new float[16]; // 1 / length; 0: too odd for floats

  VectorBlock(int dimensions) {
    this.dimensions = dimensions;
    this.perChunk = Math.max(1, CHUNK_FLOATS / Math.max(1, dimensions));
  }

  int dimensions() {
    return dimensions;
  }

  int size() {
    return bodies.size();
  }

  int add(float[] vector, String target, Row.VectorBody body) {
    int place = bodies.size();
    bodies.add(body);
    targets.add(target);
    if (inverses.length <= place) {
      inverses = Arrays.copyOf(inverses, place * 2);
    }
    set(place, vector);
    inverses[place] = inverse(vector);
    return place;
  }

  void remove(int place) {
    int last = bodies.size() - 1;
    if (place != last) {
      System.arraycopy(chunk(last), offset(last), chunk(place), offset(place), dimensions);
      inverses[place] = inverses[last];
      bodies.set(place, bodies.get(last));
      targets.set(place, targets.get(last));
      bodies.get(place).place(place);
    }
    bodies.remove(last);
    targets.remove(last);
    if (last % perChunk == 0) {
      chunks.remove(chunks.size() - 1);
    }
  }

  float[] floats(int place) {
    return Arrays.copyOfRange(chunk(place), offset(place), offset(place) + dimensions);
  }

  private void set(int place, float[] vector) {
    int chunk = place / perChunk;
    if (chunk == chunks.size()) {
      chunks.add(new float[0]);
    }
    float[] floats = chunks.get(chunk);
    int needed = offset(place) + dimensions;
    if (floats.length < needed) {
      int room = (int) Math.min((long) perChunk * dimensions, Math.max(needed, needed * 2L));
      floats = Arrays.copyOf(floats, room);
      chunks.set(chunk, floats);
    }
    System.arraycopy(vector, 0, floats, offset(place), dimensions);
  }

  private float[] chunk(int place) {
    return chunks.get(place / perChunk);
  }

  private int offset(int place) {
    return place % perChunk * dimensions;
  }

  private static double length(float[] vector) {
    double sum = 0;
    for (float x : vector) {
      sum += (double) x * x;
    }
    return Math.sqrt(sum);
  }

  private static float inverse(float[] vector) {
    double length = length(vector);
    return length < LEAST || length > MOST ? 0 : (float) (1 / length);
  }

  /**
   * The vectors nearest to {@code query} among those that {@code admits} lets pass: exact, and in
   * exactly the order that {@link Embedding#similarity} gives. Floats find those that may be among
   * the nearest, with room for all that floats can err; doubles decide between them.
   */
  List<SimilarQuery.Hit> nearest(float[] query, int limit, double least, Predicate<String> admits) {
    int size = bodies.size();
    float[] rough = new float[size];
    PriorityQueue<Float> best = new PriorityQueue<>();
    float inverse = inverse(query);
    double error = 4 * (dimensions / 4.0 + 16) * Math.ulp(1f);
    for (int place = 0; place < size; place++) {
      if (!admits.test(targets.get(place))) {
        rough[place] = Float.NEGATIVE_INFINITY;
        continue;
      }
      float similarity =
          inverse == 0 || inverses[place] == 0
              ? (float) Embedding.similarity(floats(place), query)
              : dot(chunk(place), offset(place), query) * inverse * inverses[place];
      rough[place] = similarity;
      if (best.size() < limit) {
        best.add(similarity);
      } else if (similarity > requireNonNull(best.peek())) {
        best.poll();
        best.add(similarity);
      }
    }
    double bar = best.size() < limit ? -2 : requireNonNull(best.peek()) - error;
    bar = Math.max(bar, least - error);
    List<SimilarQuery.Hit> hits = new ArrayList<>();
    for (int place = 0; place < size; place++) {
      if (rough[place] >= bar) {
        double similarity = Embedding.similarity(floats(place), query);
        if (similarity >= least) {
          hits.add(new SimilarQuery.Hit(targets.get(place), similarity));
        }
      }
    }
    hits.sort(ORDER);
    return List.copyOf(hits.subList(0, Math.min(limit, hits.size())));
  }

  /** Four sums, so that no addition has to wait for the one before. */
  private static float dot(float[] a, int offset, float[] b) {
    float s0 = 0;
    float s1 = 0;
    float s2 = 0;
    float s3 = 0;
    int i = 0;
    for (int end = b.length - 3; i < end; i += 4) {
      s0 += a[offset + i] * b[i];
      s1 += a[offset + i + 1] * b[i + 1];
      s2 += a[offset + i + 2] * b[i + 2];
      s3 += a[offset + i + 3] * b[i + 3];
    }
    for (; i < b.length; i++) {
      s0 += a[offset + i] * b[i];
    }
    return (s0 + s1) + (s2 + s3);
  }
}

package io.agentmemory.benchmarks;

import java.lang.reflect.InvocationTargetException;
import java.util.Optional;

/** Dot products of one vector with many that lie end to end in one array. */
interface Dots {
  /** Sets {@code out[i]} to the product of {@code query} with vector i of {@code block}. */
  void scan(float[] block, float[] query, float[] out);

  /** A loop with four sums, so that an addition need not wait for the one before it. */
  Dots LOOP =
      (block, query, out) -> {
        int dimensions = query.length;
        for (int row = 0; row < out.length; row++) {
          int at = row * dimensions;
          float a = 0;
          float b = 0;
          float c = 0;
          float d = 0;
          int i = 0;
          for (; i + 3 < dimensions; i += 4) {
            a += query[i] * block[at + i];
            b += query[i + 1] * block[at + i + 1];
            c += query[i + 2] * block[at + i + 2];
            d += query[i + 3] * block[at + i + 3];
          }
          for (; i < dimensions; i++) {
            a += query[i] * block[at + i];
          }
          out[row] = a + b + (c + d);
        }
      };

  /** The same by the Vector API; empty unless this JVM runs with that module. */
  static Optional<Dots> vectorApi() {
    if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
      return Optional.empty();
    }
    try {
      Class<?> type = Class.forName("io.agentmemory.benchmarks.VectorDots");
      return Optional.of((Dots) type.getDeclaredConstructor().newInstance());
    } catch (InvocationTargetException e) {
      throw new IllegalStateException("the Vector API does not work here", e.getCause());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("VectorDots was not built", e);
    }
  }

  /** The places of the {@code count} largest values, largest first. */
  static int[] largest(float[] values, int count) {
    int[] places = new int[Math.min(count, values.length)];
    int filled = 0;
    for (int i = 0; i < values.length; i++) {
      if (filled == places.length && values[i] <= values[places[filled - 1]]) {
        continue;
      }
      int to = filled < places.length ? filled++ : filled - 1;
      while (to > 0 && values[places[to - 1]] < values[i]) {
        places[to] = places[to - 1];
        to--;
      }
      places[to] = i;
    }
    return places;
  }
}

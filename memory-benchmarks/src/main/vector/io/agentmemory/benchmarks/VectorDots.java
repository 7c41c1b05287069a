package io.agentmemory.benchmarks;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Dot products by the Vector API, with four sums of whole vectors. */
final class VectorDots implements Dots {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;

  @Override
  public void scan(float[] block, float[] query, float[] out) {
    int dimensions = query.length;
    int lanes = SPECIES.length();
    for (int row = 0; row < out.length; row++) {
      int at = row * dimensions;
      FloatVector a = FloatVector.zero(SPECIES);
      FloatVector b = FloatVector.zero(SPECIES);
      FloatVector c = FloatVector.zero(SPECIES);
      FloatVector d = FloatVector.zero(SPECIES);
      int i = 0;
      for (; i + 4 * lanes <= dimensions; i += 4 * lanes) {
        a = product(block, query, at, i, a);
        b = product(block, query, at, i + lanes, b);
        c = product(block, query, at, i + 2 * lanes, c);
        d = product(block, query, at, i + 3 * lanes, d);
      }
      float sum = a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD);
      for (; i < dimensions; i++) {
        sum += query[i] * block[at + i];
      }
      out[row] = sum;
    }
  }

  private static FloatVector product(
      float[] block, float[] query, int at, int i, FloatVector sum) {
    return FloatVector.fromArray(SPECIES, query, i)
        .fma(FloatVector.fromArray(SPECIES, block, at + i), sum);
  }
}

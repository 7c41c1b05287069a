package io.agentmemory.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class DotsTest {
  private static final int DIMENSIONS = 70; // no multiple of the lanes of any machine

  private final float[] query = Corpus.vector("query", 0, DIMENSIONS);
  private final float[] block = block(40);

  private static float[] block(int rows) {
    float[] block = new float[rows * DIMENSIONS];
    for (int row = 0; row < rows; row++) {
      System.arraycopy(
          Corpus.vector("block", row, DIMENSIONS), 0, block, row * DIMENSIONS, DIMENSIONS);
    }
    return block;
  }

  private double product(int row) {
    double sum = 0;
    for (int i = 0; i < DIMENSIONS; i++) {
      sum += (double) query[i] * block[row * DIMENSIONS + i];
    }
    return sum;
  }

  private void check(Dots dots) {
    float[] out = new float[40];
    dots.scan(block, query, out);
    for (int row = 0; row < out.length; row++) {
      assertThat((double) out[row]).as("row %d", row).isCloseTo(product(row), within(1e-4));
    }
  }

  @Test
  void givenVectors_whenScannedByTheLoop_thenEveryProductIsRight() {
    check(Dots.LOOP);
  }

  @Test
  void givenVectors_whenScannedByTheVectorApi_thenEveryProductIsRight() {
    check(Dots.vectorApi().orElseThrow());
  }

  @Test
  void givenValues_whenTheLargestAreAsked_thenTheirPlacesComeLargestFirst() {
    float[] values = {3, 9, -1, 7, 9, 0};

    assertThat(Arrays.stream(Dots.largest(values, 4)).mapToObj(i -> values[i]))
        .containsExactly(9f, 9f, 7f, 3f);
    assertThat(Dots.largest(values, 10)).hasSize(6);
    assertThat(Dots.largest(new float[0], 10)).isEmpty();
  }
}

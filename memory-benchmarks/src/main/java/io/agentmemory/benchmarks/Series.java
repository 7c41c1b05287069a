package io.agentmemory.benchmarks;

import java.util.Arrays;

/** What one side took, round by round. Immutable. */
final class Series {
  private final double[] values;
  private final double[] sorted;

  Series(double[] values) {
    if (values.length == 0) {
      throw new IllegalArgumentException("no rounds");
    }
    this.values = values.clone();
    this.sorted = values.clone();
    Arrays.sort(sorted);
  }

  static Series of(double... values) {
    return new Series(values);
  }

  int rounds() {
    return values.length;
  }

  double round(int index) {
    return values[index];
  }

  double median() {
    return quantile(0.5);
  }

  /** The value below which this part of the rounds lies, between two rounds interpolated. */
  double quantile(double part) {
    double place = part * (sorted.length - 1);
    int below = (int) place;
    int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
  }

  /** This side against another, round by round. */
  Series over(Series other) {
    double[] ratios = new double[values.length];
    for (int i = 0; i < ratios.length; i++) {
      ratios[i] = values[i] / other.values[i];
    }
    return new Series(ratios);
  }

  /** This side and another one after it, round by round. */
  Series plus(Series other) {
    double[] sums = new double[values.length];
    for (int i = 0; i < sums.length; i++) {
      sums[i] = values[i] + other.values[i];
    }
    return new Series(sums);
  }

  /** The one with the lower median. */
  static Series faster(Series a, Series b) {
    return a.median() <= b.median() ? a : b;
  }

  /** The one with the higher median. */
  static Series slower(Series a, Series b) {
    return a.median() >= b.median() ? a : b;
  }
}

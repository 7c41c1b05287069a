package io.agentmemory.identity;

import io.agentmemory.Value;
import java.math.BigDecimal;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The statistical shape of a graph's weights; each number has 3 decimals. */
final class Distribution {
  private static final int DIGITS = 3;

  private Distribution() {}

  /** The weights, the smallest first. */
  static double[] sorted(Graph graph) {
    return graph.edges.values().stream().mapToDouble(Python::number).sorted().toArray();
  }

  static Value.Map of(Graph graph) {
    Map<String, Value> shape = new LinkedHashMap<>();
    List<Value> weights =
        graph.edges.values().stream().sorted(Comparator.comparingDouble(Python::number)).toList();
    int n = weights.size();
    shape.put("count", Value.of(n));
    if (n == 0) {
      return new Value.Map(shape);
    }
    double[] w = weights.stream().mapToDouble(Python::number).toArray();
    double sum = 0;
    double area = 0;
    for (double weight : w) {
      sum += weight;
      area += sum;
    }
    double mean = sum / n;
    double squares = 0;
    double cubes = 0;
    for (double weight : w) {
      squares += (weight - mean) * (weight - mean);
      cubes += cube(weight - mean);
    }
    double deviation = Math.sqrt(squares / n);
    double skewness = deviation > 0 ? cubes / (n * cube(deviation)) : 0;
    double gini = sum > 0 ? 1 - 2 * area / (n * sum) + 1.0 / n : 0;
    shape.put("mean", Value.of(Python.round(mean, DIGITS)));
    shape.put("std_dev", Value.of(Python.round(deviation, DIGITS)));
    shape.put("min", Python.round(weights.get(0), DIGITS));
    shape.put("max", Python.round(weights.get(n - 1), DIGITS));
    shape.put("p25", Python.round(weights.get(n / 4), DIGITS));
    shape.put("p50_median", Python.round(weights.get(n / 2), DIGITS));
    shape.put("p75", Python.round(weights.get((int) (3L * n / 4)), DIGITS));
    shape.put("p90", Python.round(weights.get((int) (n * 0.9)), DIGITS));
    shape.put("p99", Python.round(weights.get((int) (n * 0.99)), DIGITS));
    shape.put("skewness", Value.of(Python.round(skewness, DIGITS)));
    shape.put("gini", Value.of(Python.round(gini, DIGITS)));
    return new Value.Map(shape);
  }

  /** The third power, rounded once, as a C library's {@code pow} gives it. */
  private static double cube(double x) {
    return new BigDecimal(Python.finite(x)).pow(3).doubleValue();
  }
}

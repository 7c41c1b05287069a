package io.agentmemory.benchmarks;

import java.util.ArrayList;
import java.util.List;

/**
 * Takes figures in turns, A B A B, so that whatever else the machine does falls on all sides alike.
 */
final class Turns {
  private Turns() {}

  /**
   * What each side took in each round.
   *
   * @param warmUps rounds that do not count
   */
  static List<Series> take(int warmUps, int rounds, List<Side> sides) throws Exception {
    double[][] nanos = new double[sides.size()][rounds];
    for (int round = -warmUps; round < rounds; round++) {
      for (int turn = 0; turn < sides.size(); turn++) {
        int side = Math.floorMod(round + turn, sides.size()); // who goes first changes
        double took = sides.get(side).nanos();
        if (round >= 0) {
          nanos[side][round] = took;
        }
      }
    }
    List<Series> series = new ArrayList<>();
    for (double[] values : nanos) {
      series.add(new Series(values));
    }
    return series;
  }
}

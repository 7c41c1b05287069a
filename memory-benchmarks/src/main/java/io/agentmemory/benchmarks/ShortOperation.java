package io.agentmemory.benchmarks;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * An operation too short to be timed one by one, run by JMH for one turn at a time and in this JVM:
 * two operations that take turns must share the stores that they work on.
 */
public class ShortOperation {
  private static volatile @Nullable Callable<?> current;

  /** For JMH. */
  public ShortOperation() {}

  /** Does the current operation once; JMH sees to it that the result counts as used. */
  @Benchmark
  public Object once() throws Exception {
    return requireNonNull(current).call();
  }

  /** The median operation of each turn: for those that force to disk or ask a server. */
  static List<Series> medians(Scale scale, Callable<?>... operations) throws Exception {
    return turns(
        scale,
        turn ->
            operation -> run(Mode.SampleTime, turn, operation).getStatistics().getPercentile(50),
        operations);
  }

  /** The mean operation of each turn: for those that take less than a microsecond. */
  static List<Series> means(Scale scale, Callable<?>... operations) throws Exception {
    return turns(
        scale, turn -> operation -> run(Mode.AverageTime, turn, operation).getScore(), operations);
  }

  private interface Turn {
    double nanos(Callable<?> operation) throws Exception;
  }

  private static List<Series> turns(
      Scale scale, Function<Duration, Turn> turn, Callable<?>[] operations) throws Exception {
    List<Side> warmUps = new ArrayList<>();
    List<Side> sides = new ArrayList<>();
    for (Callable<?> operation : operations) {
      warmUps.add(() -> turn.apply(scale.warmUp()).nanos(operation));
      sides.add(() -> turn.apply(scale.turn()).nanos(operation));
    }
    Turns.take(0, 1, warmUps);
    return Turns.take(0, scale.shortRounds(), sides);
  }

  private static Result<?> run(Mode mode, Duration turn, Callable<?> operation)
      throws RunnerException {
    current = operation;
    try {
      return new Runner(
              new OptionsBuilder()
                  .include(ShortOperation.class.getName() + ".once")
                  .mode(mode)
                  .timeUnit(TimeUnit.NANOSECONDS)
                  .forks(0)
                  .warmupIterations(0)
                  .measurementIterations(1)
                  .measurementTime(TimeValue.milliseconds(turn.toMillis()))
                  .shouldFailOnError(true)
                  .verbosity(VerboseMode.SILENT)
                  .build())
          .runSingle()
          .getPrimaryResult();
    } finally {
      current = null;
    }
  }
}

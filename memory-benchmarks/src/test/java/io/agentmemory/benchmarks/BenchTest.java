package io.agentmemory.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Value;
import io.agentmemory.spi.Canonical;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.junit.jupiter.api.Test;

/** Every benchmark runs. What the figures are is no matter here. */
class BenchTest {
  @Test
  void givenTinySizes_whenAllIsMeasured_thenEachWorkHasFiguresAndTheTableFits() throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    Report report;
    try (Database database = Database.forTests()) {
      report = Bench.run(Scale.TINY, "", database, new PrintStream(bytes, true, UTF_8));
    }

    String printed = bytes.toString(UTF_8);
    assertThat(report.rows()).as(printed).hasSizeGreaterThanOrEqualTo(16);
    assertThat(report.rows())
        .allSatisfy(
            row -> {
              assertThat(row.failure()).as(row.work()).isNull();
              assertThat(row.ratios().median()).as(row.work()).isPositive().isFinite();
            });
    assertThat(printed.lines()).allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(100));
    assertThat(Canonical.parse(report.json()))
        .isInstanceOfSatisfying(
            Value.Map.class,
            map ->
                assertThat(map.get("rows"))
                    .isInstanceOfSatisfying(
                        Value.Seq.class,
                        rows -> assertThat(rows.items()).hasSameSizeAs(report.rows())));
  }
}

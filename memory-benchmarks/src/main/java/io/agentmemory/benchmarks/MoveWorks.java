package io.agentmemory.benchmarks;

import static io.agentmemory.benchmarks.PostgresWorks.check;

import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.ScanRange;
import io.agentmemory.Stored;
import io.agentmemory.dualwrite.Backfill;
import io.agentmemory.dualwrite.BackfillReport;
import io.agentmemory.dualwrite.Verifier;
import io.agentmemory.dualwrite.VerifyReport;
import java.util.List;
import java.util.stream.Stream;

/** What moving from files to PostgreSQL costs. */
final class MoveWorks {
  private final Scale scale;
  private final FileWorks files;
  private final PostgresWorks postgres;

  MoveWorks(Scale scale, FileWorks files, PostgresWorks postgres) {
    this.scale = scale;
    this.files = files;
    this.postgres = postgres;
  }

  Row backfill(String work) throws Exception {
    try (MemoryStore source = FileWorks.open(files.tree(scale.memories()))) {
      Counter counter = new Counter();
      String sample = "backfill-sample";
      backfill(source, sample);
      List<PostgresWorks.Copy> copies = postgres.copies(sample);
      long rows = copies.stream().mapToLong(copy -> copy.rows().rows()).sum();
      check(rows == 4L * scale.memories());
      List<Series> series =
          Turns.take(
              1,
              scale.rounds(),
              List.of(
                  () -> backfill(source, "backfill-" + counter.next()),
                  Side.timed(() -> check(scan(source) == rows)),
                  postgres.copying(copies)));
      return Row.of(
          work,
          "the slower of scanning the source and of binary COPY of the same rows",
          series.get(0),
          Series.slower(series.get(1), series.get(2)),
          1.6);
    }
  }

  private double backfill(MemoryStore source, String namespace) {
    try (MemoryStore target = postgres.open(namespace)) {
      long began = System.nanoTime();
      BackfillReport report = Backfill.builder(source, target).run();
      long took = System.nanoTime() - began;
      check(report.state() == BackfillReport.State.COMPLETE);
      check(report.total().inserted() == 4L * scale.memories());
      return took;
    }
  }

  private static long scan(MemoryStore store) {
    long records = 0;
    for (Kind<?> kind : Kind.all()) {
      records += scan(store, kind);
    }
    return records;
  }

  private static <T extends MemoryRecord> long scan(MemoryStore store, Kind<T> kind) {
    try (Stream<Stored<T>> records = store.scan(kind)) {
      return records.filter(record -> !record.isTombstone()).count();
    }
  }

  /** Of stores that are equal, by the digests that they keep. */
  Row verify(String work) throws Exception {
    try (MemoryStore source = FileWorks.open(files.tree(scale.memories()));
        MemoryStore target = postgres.open("verify")) {
      BackfillReport report = Backfill.builder(source, target).run();
      check(report.state() == BackfillReport.State.COMPLETE);
      postgres.analyze();
      long records = report.total().listed();
      List<Series> series =
          Turns.take(
              3,
              2 * scale.rounds(),
              List.of(
                  Side.timed(() -> verify(source, target, records)),
                  Side.timed(() -> check(versions(source) == records)),
                  Side.timed(() -> check(versions(target) == records))));
      return Row.of(
          work,
          "one scan of the versions of each side, one after the other",
          series.get(0),
          series.get(1).plus(series.get(2)),
          1.2);
    }
  }

  private static void verify(MemoryStore source, MemoryStore target, long records) {
    VerifyReport report = Verifier.builder(source, target).level(Verifier.Level.DIGESTS).run();
    check(report.equal() && report.complete());
    check(report.kinds().values().stream().mapToLong(c -> c.equal()).sum() == records);
  }

  private static long versions(MemoryStore store) {
    long records = 0;
    for (Kind<?> kind : Kind.all()) {
      try (Stream<KeyVersion> versions = store.versions(kind, ScanRange.ALL)) {
        records += versions.filter(version -> !version.version().isTombstone()).count();
      }
    }
    return records;
  }
}

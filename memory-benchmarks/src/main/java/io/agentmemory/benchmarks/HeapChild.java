package io.agentmemory.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.management.GarbageCollectionNotificationInfo;
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.agentmemory.MemoryStore;
import io.agentmemory.dualwrite.Backfill;
import io.agentmemory.dualwrite.BackfillReport;
import io.agentmemory.postgres.PostgresMemoryStore;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryUsage;
import java.util.concurrent.atomic.AtomicLong;
import javax.management.NotificationEmitter;
import javax.management.openmbean.CompositeData;

/**
 * A backfill in a JVM of its own, started with little heap. Takes the JDBC URL from standard input,
 * since others can read arguments, and prints the most bytes that were in use after a collection.
 */
final class HeapChild {
  private HeapChild() {}

  /** Runs it; the argument is the number of memories. */
  public static void main(String[] arguments) throws Exception {
    int memories = Integer.parseInt(arguments[0]);
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(new BufferedReader(new InputStreamReader(System.in, UTF_8)).readLine());
    AtomicLong most = new AtomicLong();
    for (GarbageCollectorMXBean collector : ManagementFactory.getGarbageCollectorMXBeans()) {
      ((NotificationEmitter) collector)
          .addNotificationListener(
              (notification, handback) ->
                  most.accumulateAndGet(
                      inUse(
                          GarbageCollectionNotificationInfo.from(
                              (CompositeData) notification.getUserData())),
                      Math::max),
              notification ->
                  notification
                      .getType()
                      .equals(GarbageCollectionNotificationInfo.GARBAGE_COLLECTION_NOTIFICATION),
              null);
    }
    try (HikariDataSource pool = new HikariDataSource(config);
        MemoryStore source = new GeneratedStore(memories);
        MemoryStore target = PostgresMemoryStore.builder(pool).namespace("heap").open()) {
      BackfillReport report = Backfill.builder(source, target).run();
      if (report.state() != BackfillReport.State.COMPLETE
          || report.total().inserted() != memories) {
        System.err.println(report);
        System.exit(1);
      }
    }
    System.gc();
    Runtime runtime = Runtime.getRuntime();
    most.accumulateAndGet(runtime.totalMemory() - runtime.freeMemory(), Math::max);
    System.out.println(most.get());
  }

  private static long inUse(GarbageCollectionNotificationInfo info) {
    return info.getGcInfo().getMemoryUsageAfterGc().entrySet().stream()
        .filter(pool -> !pool.getKey().contains("Metaspace") && !pool.getKey().contains("Code"))
        .filter(pool -> !pool.getKey().contains("Class Space"))
        .map(java.util.Map.Entry::getValue)
        .mapToLong(MemoryUsage::getUsed)
        .sum();
  }
}

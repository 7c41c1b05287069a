package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.MemoryStore;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.internal.testkit.MemoryDisk;
import io.agentmemory.testkit.InMemoryMemoryStore;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.File;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What Micrometer is shown; and that nothing else needs it. */
class DualWriteMetricsTest {
  private static final String AT = "2026-02-10T11:52:05+00:00";

  private final Probe target = new Probe("target", new InMemoryMemoryStore("test"));
  private final SimpleMeterRegistry registry = new SimpleMeterRegistry();

  private DualWriteMemoryStore open() {
    return open(target);
  }

  private static DualWriteMemoryStore open(MemoryStore target) {
    return DualWriteMemoryStore.builder(new InMemoryMemoryStore("test"), target)
        .stage(Stage.LIVE)
        .folder(Path.of("/dual"))
        .disk(new MemoryDisk())
        .probePause(Duration.ofHours(1))
        .build();
  }

  private double gauge(String name, String... tags) {
    return registry.get("memory.dualwrite." + name).tags(tags).gauge().value();
  }

  private double counter(String name) {
    return registry.get("memory.dualwrite." + name).functionCounter().count();
  }

  @Test
  void givenOutage_whenMetersAreRead_thenTheyTellWhatTheStatusTells() {
    try (DualWriteMemoryStore store = open()) {
      new DualWriteMetrics(store).bindTo(registry);
      assertThat(gauge("breaker")).isZero();
      assertThat(gauge("pending.age", "store", "target")).isZero();
      target.down();
      for (int i = 0; i < 3; i++) {
        store.execute(StoreMemory.of("m" + i, AT, "x"));
      }

      assertThat(gauge("stage")).isEqualTo(Stage.LIVE.ordinal());
      assertThat(gauge("breaker")).isEqualTo(2);
      assertThat(gauge("pending.records", "store", "target")).isEqualTo(3);
      assertThat(gauge("pending.operations", "store", "target")).isEqualTo(3);
      assertThat(gauge("pending.records", "store", "source")).isZero();
      assertThat(gauge("pending.bytes", "store", "target")).isPositive();
      assertThat(gauge("journal.bytes")).isEqualTo(store.status().journalBytes());
      assertThat(counter("fallback.writes")).isEqualTo(3);
      store.stats().counts().keySet().stream()
          .filter(name -> !name.equals("conflicts") && !name.equals("parked"))
          .forEach(name -> assertThat(counter(name.replace('_', '.'))).as(name).isNotNegative());
      assertThat(registry.getMeters())
          .extracting(Meter::getId)
          .allMatch(id -> id.getName().startsWith("memory.dualwrite."));
    }
  }

  @Test
  void givenTwoStores_whenBoundWithTags_thenTheyAreApart() {
    try (DualWriteMemoryStore one = open();
        DualWriteMemoryStore two = open(new InMemoryMemoryStore("test"))) {
      new DualWriteMetrics(one, List.of(Tag.of("move", "one"))).bindTo(registry);
      new DualWriteMetrics(two, List.of(Tag.of("move", "two"))).bindTo(registry);
      one.promote("a test");

      assertThat(gauge("epoch", "move", "one")).isEqualTo(2);
      assertThat(gauge("epoch", "move", "two")).isEqualTo(1);
    }
  }

  @Test
  void givenNoMicrometer_whenTheStoreIsLoadedAndBuilt_thenItIs() throws Exception {
    URL[] others =
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
            .filter(path -> !path.contains("micrometer"))
            .map(DualWriteMetricsTest::url)
            .toArray(URL[]::new);
    try (URLClassLoader without =
        new URLClassLoader(others, ClassLoader.getPlatformClassLoader())) {
      assertThatExceptionOfType(ClassNotFoundException.class)
          .isThrownBy(() -> without.loadClass("io.micrometer.core.instrument.MeterRegistry"));
      String name = getClass().getPackageName() + ".WithoutMetrics";

      Object stage = without.loadClass(name).getMethod("run").invoke(null);

      assertThat(stage).hasToString("OFF");
    }
  }

  private static URL url(String path) {
    try {
      return Path.of(path).toUri().toURL();
    } catch (MalformedURLException e) {
      throw new IllegalArgumentException(e);
    }
  }
}

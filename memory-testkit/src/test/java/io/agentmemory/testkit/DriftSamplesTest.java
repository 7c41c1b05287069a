package io.agentmemory.testkit;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Value;
import io.agentmemory.spi.Canonical;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DriftSamplesTest {
  @TempDir Path folder;

  @Test
  void givenSmallArchive_whenUnpacked_thenEveryFileIsTheOneOfTheManifest() throws Exception {
    DriftSamples samples = DriftSamples.small(folder);

    assertThat(differing(samples)).isEmpty();
    assertThat(samples.memory().resolve("active")).isDirectory();
    assertThat(samples.irregularExpected()).exists();
  }

  @Test
  void givenLargeArchive_whenUnpacked_thenEveryFileIsTheOneOfTheManifest() throws Exception {
    DriftSamples samples = DriftSamples.thousand(folder);

    assertThat(differing(samples)).isEmpty();
    assertThat(samples.golden().resolve("parsed.json")).exists();
  }

  private List<String> differing(DriftSamples samples) throws Exception {
    Map<String, String> expected = manifest();
    Map<String, String> found = new TreeMap<>();
    try (Stream<Path> files = Files.walk(samples.tree().getParent())) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        assertThat(Files.isWritable(file)).isTrue();
        String name = folder.relativize(file).toString().replace('\\', '/');
        if (!name.equals("MANIFEST.json")) {
          byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file));
          found.put(name, Canonical.hex(digest));
        }
      }
    }
    assertThat(expected).hasSizeGreaterThan(200);
    return Stream.concat(expected.keySet().stream(), found.keySet().stream())
        .distinct()
        .filter(name -> !String.valueOf(found.get(name)).equals(expected.get(name)))
        .toList();
  }

  private Map<String, String> manifest() throws IOException {
    Value.Map manifest = map(Canonical.parse(Files.readString(folder.resolve("MANIFEST.json"))));
    Map<String, String> files = new TreeMap<>();
    map(manifest.get("files"))
        .entries()
        .forEach((name, sizeAndDigest) -> files.put(name, Value.textsOf(sizeAndDigest).get(0)));
    files.keySet().removeIf(name -> name.startsWith("cases/"));
    return files;
  }

  private static Value.Map map(@Nullable Value value) {
    return (Value.Map) requireNonNull(value);
  }
}

package io.agentmemory.cli;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;

/** The memory tree that the demo shows: one that the original Drift software wrote. */
final class Sample {
  private Sample() {}

  /** Unpacks it into {@code folder}: {@code memory/} and {@code sensors/}. */
  static void unpack(Path folder) throws IOException {
    try (InputStream packed = Sample.class.getResourceAsStream("drift-small.tar.gz")) {
      if (packed == null) {
        throw new FileNotFoundException("the sample is not in this build");
      }
      Tar.unpack(new GZIPInputStream(packed), "tree/", folder);
    }
  }
}

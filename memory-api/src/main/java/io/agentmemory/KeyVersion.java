package io.agentmemory;

import static java.util.Objects.requireNonNull;

/** A record's key and the version it is at. */
public record KeyVersion(Key key, Version version) {
  /** Checks that nothing is missing. */
  public KeyVersion {
    requireNonNull(key, "key");
    requireNonNull(version, "version");
  }
}

package io.agentmemory.identity;

import io.agentmemory.Value;

/** How the original signs what it attests: by a hash of the document itself. */
public final class Attestations {
  private Attestations() {}

  /**
   * The {@code attestation_hash} of {@code attestation}, 64 hexadecimal digits: SHA-256 of its JSON
   * as Python's {@code json.dumps(.., sort_keys=True)} spells it. Taste and plain cognitive
   * attestations are hashed with the member {@code attestation_hash} present and empty, full
   * cognitive and relationship attestations without it.
   */
  public static String hash(Value.Map attestation) {
    return Python.sha256(Python.json(attestation));
  }
}

package io.agentmemory;

import static java.util.Objects.requireNonNull;

/**
 * The SHA-256 of a record's canonical form: equal digests, equal content.
 *
 * @param hex 64 lower-case hexadecimal digits
 */
public record Digest(String hex) {
  /**
   * Takes the digits.
   *
   * @throws IllegalArgumentException if they are not 64 lower-case hexadecimal digits
   */
  public Digest {
    if (requireNonNull(hex, "hex").length() != 64
        || !hex.chars().allMatch(c -> (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
      throw new IllegalArgumentException("a digest has 64 lower-case hexadecimal digits");
    }
  }

  @Override
  public String toString() {
    return hex;
  }
}

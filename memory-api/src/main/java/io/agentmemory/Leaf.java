package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.internal.Texts;
import io.agentmemory.spi.Canonical;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What the file of a memory is, beyond the records in it: a leaf of the tree of hashes that attests
 * to all of them. Only who sees the file can tell; another store knows what it was told, as long as
 * nothing that stands in the file has changed since.
 *
 * @param id the memory's
 * @param file its path from the memory root, such as {@code core/identity.md}
 * @param state of what stands in the file, see {@link #stateOf}
 * @param sha256 of the file's bytes, 64 lower-case hexadecimal digits; null if that is unknown
 * @param tagged whether {@code platforms:} stands within the first 500 characters of the file, by
 *     which Drift counts; false if that is unknown
 */
public record Leaf(String id, String file, Digest state, @Nullable String sha256, boolean tagged) {
  private static final int HEAD = 500;
  private static final String TAG = "platforms:";

  /**
   * Checks that nothing is missing.
   *
   * @throws IllegalArgumentException if {@code sha256} is no such digits
   */
  public Leaf {
    requireNonNull(id, "id");
    requireNonNull(file, "file");
    requireNonNull(state, "state");
    if (sha256 != null) {
      sha256 = new Digest(sha256).hex();
    }
    tagged = tagged && sha256 != null;
  }

  /** That nothing is known of a file. */
  public static Leaf unknown(String id, String file, Digest state) {
    return new Leaf(id, file, state, null, false);
  }

  /** What is known of a file with these bytes. */
  public static Leaf of(String id, String file, Digest state, byte[] bytes) {
    String text = new String(bytes, StandardCharsets.UTF_8).replace("\r\n", "\n");
    int length = text.codePointCount(0, text.length());
    String head = text.substring(0, text.offsetByCodePoints(0, Math.min(HEAD, length)));
    return new Leaf(id, file, state, Canonical.hex(newSha().digest(bytes)), head.contains(TAG));
  }

  /**
   * One digest over all that stands in a memory's file: SHA-256 of the digest of the memory, then
   * of each of its co-occurrences, by id, the id in UTF-8, a zero byte and the digest.
   *
   * @param counts the digests of its live co-occurrences by the other memory's id
   */
  public static Digest stateOf(Digest memory, Map<String, Digest> counts) {
    MessageDigest sha = newSha();
    sha.update(HexFormat.of().parseHex(memory.hex()));
    Map<String, Digest> sorted = new TreeMap<>(Texts::compare);
    sorted.putAll(counts);
    sorted.forEach(
        (id, digest) -> {
          sha.update(id.getBytes(StandardCharsets.UTF_8));
          sha.update((byte) 0);
          sha.update(HexFormat.of().parseHex(digest.hex()));
        });
    return new Digest(Canonical.hex(sha.digest()));
  }

  private static MessageDigest newSha() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every JDK has SHA-256", impossible);
    }
  }

  /** The SHA-256 of the file's bytes, if it is known. */
  public Optional<String> hash() {
    return Optional.ofNullable(sha256);
  }
}

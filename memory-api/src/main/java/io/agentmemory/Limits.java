package io.agentmemory;

/**
 * How large a value may be that enters through a command. What was imported may be larger. Sizes of
 * texts are bytes of UTF-8.
 *
 * @param idBytes of an id, a name of a space, a target of a vector; 1 to 1,024
 * @param tagBytes of one tag; 1 to 1,024
 * @param tags on one memory; 1 to 1,024
 * @param contentBytes of a body; 1 to 16 MiB
 * @param metadataBytes of a front matter, as canonical text; 1 to 1 MiB
 * @param depth of nesting in a front matter; 1 to 64
 * @param keys in one map of a front matter; 1 to 4,096
 * @param vectorFloats in one vector; 1 to 16,000
 */
public record Limits(
    int idBytes,
    int tagBytes,
    int tags,
    int contentBytes,
    int metadataBytes,
    int depth,
    int keys,
    int vectorFloats) {

  /** What holds unless somebody says otherwise. */
  public static final Limits DEFAULT = new Limits(256, 128, 64, 1 << 20, 64 << 10, 16, 256, 8192);

  /**
   * Takes the limits.
   *
   * @throws IllegalArgumentException if one is not in its range
   */
  public Limits {
    check("idBytes", idBytes, 1024);
    check("tagBytes", tagBytes, 1024);
    check("tags", tags, 1024);
    check("contentBytes", contentBytes, 16 << 20);
    check("metadataBytes", metadataBytes, 1 << 20);
    check("depth", depth, 64);
    check("keys", keys, 4096);
    check("vectorFloats", vectorFloats, 16_000);
  }

  private static void check(String name, int value, int ceiling) {
    if (value < 1 || value > ceiling) {
      throw new IllegalArgumentException(name + " is " + value + ", not in 1 to " + ceiling);
    }
  }
}
